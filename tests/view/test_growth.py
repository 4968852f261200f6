"""The work of every form of output grows with the number of spans, however they hang together.

Counted are lines of Python in this package: twice the spans, about twice the lines.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from trace_lines import event, hex_id, span

import enterspan
from enterspan import cli

OURS = str(Path(enterspan.__file__).parent)
MOST = 2.4
"""Twice, and room for logarithms."""


def chain(n):
    """Each span the child of the one before; children's lines come first."""
    lines = [span("s", f"{i}", f"{i - 1}" if i else None, i, 2 * n - i, "0") for i in range(n)]
    return lines[::-1]


def forest(n):
    """Spans without children, each of its own name."""
    return [span(f"name {i}", f"{i}", None, i, i + 1, f"{i}") for i in range(n)]


def siblings_at_once(n):
    """All children of one span, all open at once."""
    lines = [span("s", f"{i}", "root", i, 2 * n + i, "root") for i in range(n)]
    return [*lines, span("root", "root", None, 0, 3 * n, "root")]


def on_itself(n):
    """All hang off a span that is its own parent."""
    lines = [span("s", f"{i}", "0", i, i + 1, "0") for i in range(1, n)]
    return [*lines, span("s", "0", "0", 0, n, "0")]


def in_pairs(n):
    """Spans that are each other's parents, two by two."""
    return [span("s", f"{i}", f"{i ^ 1}", i, i + 1, f"{i}") for i in range(n)]


def failures(n):
    """Invocations that all fail in their own way."""
    return [
        span("s", f"{i}", None, i, i + 1, f"{i}", status="error", statusDescription=f"no {i}")
        for i in range(n)
    ]


def open_invocations(n):
    """Live events of invocations that are all open at once."""
    begun = [
        event("onset", None, i, f"{i}", spanId=hex_id(f"{i}"), name="r", info=None, attributes=[])
        for i in range(n)
    ]
    ended = [
        event("outcome", f"{i}", n + i, f"{i}", outcome="ok", cpuTime=1, wallTime=n)
        for i in range(n)
    ]
    return begun + ended


SHAPES = (chain, forest, siblings_at_once, on_itself, in_pairs, failures, open_invocations)
FORMS = (
    (),
    ("--full",),
    ("--slowest", "5"),
    ("--summary",),
    ("--name", "*"),
    ("--format", "chrome"),
    ("--html", "page.html"),
)


def lines_for(command, tmp_path, shape, n):
    path = tmp_path / "t.jsonl"
    path.write_text("".join([json.dumps(line) + "\n" for line in shape(n)]), encoding="utf-8")
    count = 0

    def look(frame, kind, _):
        nonlocal count
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        count += kind == "line"
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        code = cli.main([str(path) if word == "FILE" else word for word in command])
    finally:
        sys.settrace(before)
    assert code == 0
    return count


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_twice_the_spans_are_twice_the_work(tmp_path, capsys, monkeypatch, shape, form):
    monkeypatch.chdir(tmp_path)
    command = ["view", "FILE", *form]
    lines_for(command, tmp_path, shape, 20)  # what is imported is imported
    small, large = (lines_for(command, tmp_path, shape, n) for n in (150, 300))
    assert large <= MOST * small


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_twice_the_spans_are_twice_the_work_of_a_comparison(tmp_path, capsys, shape):
    command = ["diff", "FILE", "FILE"]
    lines_for(command, tmp_path, shape, 20)
    small, large = (lines_for(command, tmp_path, shape, n) for n in (150, 300))
    assert large <= MOST * small
