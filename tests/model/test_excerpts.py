"""The beginning of a JSON text is JSON, whoever has written it."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from enterspan import Limits, Tracing
from enterspan._model.excerpt import cut, cut_value
from enterspan.testing import capture

TEXTS = strategies.text(strategies.characters(codec="utf-8"), max_size=40)
PAIRS = strategies.text("\ud83d\ude00\U0001f600\x1fa", max_size=9)
"""Surrogates, in pairs or alone, and what JSON escapes."""
LEAVES = (
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | TEXTS
    | PAIRS
)
VALUES = strategies.recursive(
    LEAVES,
    lambda inner: strategies.lists(inner) | strategies.dictionaries(TEXTS, inner),
    max_leaves=30,
)


@hypothesis.given(
    strategies.lists(VALUES, min_size=1) | strategies.dictionaries(TEXTS, VALUES, min_size=1),
    strategies.integers(36, 200),
    strategies.booleans(),
    strategies.sampled_from([None, 1]),
)
def test_whatever_was_json_stays_it_within_the_limit(
    value: Any, limit: int, ascii_only: bool, indent: int | None
) -> None:
    """Also with escapes of each kind, infinities aside, and spaces."""
    hypothesis.assume("Infinity" not in json.dumps(value) and "NaN" not in json.dumps(value))
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    whole = cut(text, 1 << 20)
    shown, is_cut = cut_value(text, limit)
    assert len(shown.encode()) <= limit
    json.loads(shown)
    assert is_cut == (len(whole.encode()) > limit)
    assert shown == whole if not is_cut else shown != whole


@pytest.mark.parametrize(
    "text, meant",
    [
        ('{"role": "user", "content": "aaaa', '{"role": "user", "content": "aaaa"}'),
        ('[{"a": "b\\u00e', '[{"a": "b"}]'),
        ('[{"a": "b\\\\', '[{"a": "b\\\\"}]'),
        ('[{"a": "b\\', '[{"a": "b"}]'),
        ('["x\\ud83d', '["x"]'),
        ('["x\\ud83d\\ude', '["x"]'),
        ('{"a": 1, "long', '{"a": 1}'),
        ('{"a": 1, "b":', '{"a": 1}'),
        ('{"a": [1, 23', '{"a": [1]}'),
        ('{"a": [1, {', '{"a": [1, {}]}'),
        ("[true, fal", "[true]"),
        ("[[], [1.5, ", "[[], [1.5]]"),
    ],
)
def test_where_it_is_cut(text: str, meant: str) -> None:
    """In the middle of a text it ends there, and anything else is whole or is not there."""
    assert cut_value(text + " " * 99, len(text) + 34)[0] == meant
    json.loads(meant)


@pytest.mark.parametrize(
    "text",
    [
        "[INFO] a log line, " * 9,
        "{name} is " * 20,
        "[1, 2], and more " * 9,
        '{"a" "b"} ' * 20,
        "[,] " * 40,
        "{]" * 80,
        "x" * 200,
    ],
)
def test_what_is_no_json_is_cut_like_any_text(text: str) -> None:
    assert cut_value(text, 100)[0] == cut(text, 100)


def test_what_is_deeper_than_anyone_reads_ends_there() -> None:
    assert cut_value("[" * 200, 100)[0] == "[" * 32 + "]" * 32


def test_a_text_of_the_program_is_cut_so() -> None:
    """Not only what was made of its values."""
    tracing = Tracing("excerpts")
    tracing.configure(limits=Limits(value_bytes=200))
    with capture(tracing) as trace, tracing.span("s") as span:
        span.set_attribute("messages", json.dumps([{"role": "user", "content": "é" * 500}]))
    (message,) = json.loads(str(trace.spans[0].attributes["messages"]))
    assert message["role"] == "user"
    assert set(message["content"]) == {"é"}
