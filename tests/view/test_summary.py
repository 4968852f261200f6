"""The summary of a recording: the trees of a run in few lines."""

from __future__ import annotations

import io
import json

import pytest
from trace_lines import event, hex_id, span

from enterspan._recording.assemble import read_recording
from enterspan._terminal.screen import UNICODE, Screen
from enterspan._view.tree import summary


def drawn(*given, most=60, kept=()):
    text = b"".join([json.dumps(line).encode() + b"\n" for line in given])
    recording = read_recording(io.BytesIO(text), "t.jsonl")
    found = summary(recording, Screen(100, UNICODE, False, None), most, kept=kept)
    lines = [line[10:].replace(UNICODE.quotes[1], ">") for line in found.lines]
    return lines, found.least_ns


def test_siblings_are_folded_wherever_they_lie_and_what_was_short_is_left_out():
    """Two are enough; a fold is as long as its members are together."""
    lines = [
        span("main", "r", end=1000),
        span("load", "a", "r", 0, 300),
        span("tiny", "b", "r", 300, 302),
        span("save", "c", "r", 310, 400),
        span("load", "d", "r", 400, 600),
        *[span("step", f"s{n}", "r", 700 + n, 701 + n) for n in range(8)],
    ]
    assert drawn(*lines) == (
        [
            "main  self 400 ms",
            "├─ load  x 2, longest 300 ms",
            "├─ save",
            "╰─ step  x 8, longest 1.00 ms",
        ],
        5_000_000,
    )


def test_what_only_calls_the_next_one_shares_its_line():
    """As long as there is room; a recursion is named once."""
    names = ["main", "run", "retry", "retry", "retry", "send"]
    ids = "abcdef"
    lines = [
        span(name, each, parent or None, end=100)
        for name, each, parent in zip(names, ids, ["", *ids], strict=False)
    ]
    assert drawn(*lines)[0] == ["main  self 0 ns", "╰─ run > retry > send"]
    long = [{**line, "name": line["name"] * 5} for line in lines]
    assert drawn(*long)[0][1] == "╰─ … > retryretryretryretryretry > sendsendsendsendsend"


def test_a_kept_name_is_not_left_out_of_a_line_that_is_shared():
    """The first of them stands there, whatever is left out around it."""
    names = ["main", "run" * 10, "mine", "call" * 11, "send" * 10]
    ids = "abcdef"
    lines = [
        span(name, each, parent or None, end=100)
        for name, each, parent in zip(names, ids, ["", *ids], strict=False)
    ]
    shown = drawn(*lines, kept=["mine"])[0]
    assert shown[1] == f"╰─ … > mine > … > {'send' * 10}"


@pytest.mark.parametrize(
    "changed", [{"end": 80}, {"attributes": {"n": 1}}, {"outcome": "canceled"}]
)
def test_what_does_more_has_a_line_of_its_own(changed):
    """Time of its own, attributes, an outcome that is worth to be seen."""
    end = changed.pop("end", 100)
    lines = [
        span("main", "a", end=100),
        span("run", "b", "a", end=100, **changed),
        span("send", "c", "b", end=end),
    ]
    assert len(drawn(*lines)[0]) == 3


def test_the_failure_that_ended_all_is_shown_however_short_it_was():
    """One that was handled on the way is not."""
    failed = {"outcome": "exception", "status": "error"}
    lines = [
        span("main", "r", end=1000, **failed),
        span("work", "a", "r", 0, 900),
        span("handled", "b", "a", 0, 1, **failed),
        span("fatal", "c", "r", 950, 951, **failed),
    ]
    assert drawn(*lines)[0] == [
        "✗ main  self 99.0 ms",
        "├─ work  self 899 ms",
        "╰─ ✗ fatal",
    ]


def test_more_is_left_out_until_the_lines_fit():
    """What is left is what took longest."""
    lines = [span("main", "r", end=1000)]
    lines += [span(f"f{n:02}", f"f{n}", "r", 10 * n, 10 * n + n) for n in range(1, 50)]
    found, least = drawn(*lines, most=25)
    assert [line[3:] for line in found[1:]] == [f"f{n:02}" for n in range(30, 50)]
    assert least == 30_000_000


def test_the_outermost_spans_with_some_names_are_shown_if_there_is_room():
    """The user's own code below a program that was installed."""
    lines = [
        span("tool", "r", end=1000),
        span("call", "a", "r", 0, 2),
        span("test_a", "b", "a", 0, 1),
        span("inner", "c", "b", 0, 1),
        span("test_b", "d", "r", 5, 6),
        span("other", "e", "r", 7, 8),
    ]
    kept = {"test_a", "test_b", "inner"}
    assert [line.split("─ ")[1].split()[0] for line in drawn(*lines, kept=kept)[0][1:]] == [
        "call",
        "test_a",
        "test_b",
    ]
    assert len(drawn(*lines, kept=kept, most=3)[0]) == 1


def test_what_has_not_ended_took_as_long_as_something_was_heard_of_it():
    """However deep that is."""
    lines = [
        event("onset", None, spanId=hex_id("r"), name="main", info=None, attributes=[]),
        event("spanOpen", "r", 0, spanId=hex_id("a"), name="outer"),
        event("spanOpen", "a", 0, spanId=hex_id("b"), name="inner"),
        event("spanOpen", "b", 900, spanId=hex_id("c"), name="last"),
        event("spanClose", "c", 1000, outcome="ok"),
    ]
    names = [line.split("─ ")[-1].split()[0] for line in drawn(*lines)[0]]
    assert names == ["main", "outer", "inner", "last"]


def test_a_span_that_took_no_time_is_shown():
    """There is nothing that it could be compared with."""
    assert drawn(span("main", "r", end=0)) == (["main"], 0)
