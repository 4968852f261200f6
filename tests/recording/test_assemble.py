"""Events and lines, merged span by span: as trees, and as a stream."""

from __future__ import annotations

import io
import json
import random

import pytest

from enterspan._recording import assemble
from enterspan._recording.assemble import (
    Recording,
    SpanIds,
    Stream,
    ids_with_lines,
    read_recording,
)
from enterspan._recording.select import Filter, filtered
from enterspan._recording.wire import Reader

TRACE = "ab" * 16


def hex_id(number):
    return None if number is None else f"{number:016x}"


def event(kind, number, time=0, root=1, **fields):
    wire = {
        "invocationId": hex_id(root),
        "spanContext": {"traceId": TRACE, "spanId": hex_id(number)},
        "timestamp": time,
        "event": {"type": kind, **fields},
    }
    return json.dumps(wire)


def onset(number=1, time=0, parent=None, **fields):
    fields = {"spanId": hex_id(number), "name": f"root {number}", "attributes": [], **fields}
    return event("onset", parent, time, number, **fields)


def opened(number, parent=1, time=0, root=1):
    return event("spanOpen", parent, time, root, spanId=hex_id(number), name=f"span {number}")


def closed(number, time=9, root=1, outcome="ok"):
    return event("spanClose", number, time, root, outcome=outcome)


def ended(number=1, time=99, outcome="ok"):
    return event("outcome", number, time, number, outcome=outcome, cpuTime=1)


def span(number, parent=1, start=0, end=5, root=1, **changed):
    wire = {
        "type": "span",
        "name": f"line {number}",
        "traceId": TRACE,
        "spanId": hex_id(number),
        "parentSpanId": hex_id(parent),
        "startNs": start,
        "endNs": end,
        "attributes": {},
        "events": [],
        "outcome": "ok",
        "invocationId": hex_id(root),
    }
    return json.dumps({**wire, **changed})


def file_of(lines):
    return io.BytesIO("".join([line + "\n" for line in lines]).encode())


def streamed(*lines, **options):
    """The spans as they come: name, end, outcome."""
    file = file_of(lines)
    stream = Stream(ids_with_lines(file), **options)
    return [(s.name, s.end_ns, s.outcome) for s in stream.spans(Reader("t").read(file))]


def names_below(spans):
    return {s.name: names_below(s.children) for s in spans}


# --- merging --------------------------------------------------------------------------------------

MIXED = [
    onset(),
    opened(2),
    closed(2),
    opened(3),
    event("log", 3, 4, level="info", message="hello", attributes=[]),
    ended(outcome="canceled"),
    span(3, status="error", statusDescription="no"),
    span(4, parent=3),
    span(1, parent=None, end=7),
    span(4, parent=3),
]
"""Of 1 there is both, of 2 only events, of 3 an end only in its line, and 4 has two lines."""


@pytest.mark.parametrize("seed", range(20))
def test_all_that_is_said_of_an_id_is_one_span_whatever_its_order(seed):
    lines = list(MIXED)
    random.Random(seed).shuffle(lines)
    recording = read_recording(file_of(lines), "t")
    assert names_below(recording.roots) == {"line 1": {"span 2": {}, "line 3": {"line 4": {}}}}
    root = recording.roots[0]
    assert (root.outcome, root.end_ns, root.cpu_ns) == ("canceled", 99, 1_000_000)
    third = next(child for child in root.children if child.name == "line 3")
    assert (third.failed, third.status_error, third.end_ns, list(third.events)) == (
        True,
        "no",
        5,
        [],
    )


def test_a_stream_gives_the_spans_of_the_tree_each_once():
    assert streamed(*MIXED) == [
        ("span 2", 9, "ok"),
        ("line 3", 5, "ok"),
        ("line 4", 5, "ok"),
        ("line 1", 99, "canceled"),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_filter_keeps_the_same_spans_in_a_tree(seed):
    """Also where the line of a span comes long after its events."""
    lines = MIXED[:6] + random.Random(seed).sample(MIXED[6:8] + MIXED[9:], 3) + [MIXED[8]]
    file = file_of(lines)
    recording = filtered(
        Stream(ids_with_lines(file)).spans(Reader("t").read(file)), Filter(errors=True)
    )
    assert names_below(recording.roots) == {"line 1": {"line 3": {}}}
    assert recording.roots[0].cpu_ns == 1_000_000


def test_a_pipe_that_is_read_once_gives_what_comes_first():
    """There it is not known whether a span's line is still to come."""
    stream = Stream()
    found = stream.spans(Reader("t").read(file_of([onset(), ended(), span(1, parent=None)])))
    assert [s.name for s in found] == ["root 1"]


# --- what a stream keeps --------------------------------------------------------------------------


def test_what_has_ended_is_not_kept():
    stream, reader = Stream(), Reader("t")
    lines = [onset()]
    for number in range(2, 1_002):
        lines += [opened(number), closed(number)]
    lines += [event("log", 7_777, level="info", message="late", attributes=[])]
    for line in lines:
        found = reader.take(line.encode() + b"\n")
        assert len(stream.take(found)) == ('"spanClose"' in line)
    assert [s.name for s in stream._spans.values()] == ["root 1"]
    assert stream._invocations[hex_id(1)].open == {(int(TRACE, 16), 1)}
    stream.take(reader.take(ended().encode() + b"\n"))
    assert stream._spans == stream._invocations == {}


def test_what_never_ended_comes_last_and_without_an_outcome():
    """It was open at the last event of its invocation."""
    assert streamed(onset(), opened(2), opened(3, 2), closed(2, 30)) == [
        ("span 2", 30, "ok"),
        ("span 3", 30, None),
        ("root 1", 30, None),
    ]


def test_spans_left_open_by_many_invocations_are_given_up(monkeypatch):
    """Events were lost: their ends can only come by their lines, and not for ever."""
    monkeypatch.setattr(assemble, "_INVOCATIONS_KEPT", 2)
    stream, reader = Stream(), Reader("t")
    given = []
    for root in range(10, 60, 10):
        lines = [onset(root), opened(root + 1, root, 1, root), ended(root)]
        for found in reader.read(file_of(lines)):
            given += [(s.name, s.outcome) for s in stream.take(found)]
    assert [name for name, outcome in given if outcome is None] == ["span 11", "span 21", "span 31"]
    assert len(stream._spans) == len(stream._invocations) == 2
    (late,) = stream.take(reader.take(span(51, 50, root=50).encode()))
    assert late.name == "line 51"
    assert stream.take(reader.take(span(11, 10, root=10).encode())) == ()


def test_spans_that_wait_for_their_lines_are_bounded(monkeypatch):
    """Where the lines come long after, what only the events said is lost, and nothing else."""
    monkeypatch.setattr(assemble, "_SPANS_KEPT", 3)
    lines = [onset()]
    for number in range(2, 20):
        lines += [opened(number), closed(number, outcome="x")]
    lines += [ended(), *[span(number) for number in range(2, 20)], span(1, parent=None)]
    assert sorted(streamed(*lines)) == sorted(
        [*[(f"line {n}", 5, "ok") for n in range(2, 20)], ("line 1", 99, "ok")]
    )


def test_without_events_a_stream_keeps_none():
    lines = [onset(), event("log", 1, level="info", message="x", attributes=[]), ended()]
    for events in (True, False):
        (root,) = Stream(events=events).spans(Reader("t").read(file_of(lines)))
        assert len(root.events) == events


def test_a_span_knows_what_it_was_in():
    """Also when its parent ended before it."""
    lines = [onset(), opened(2), opened(3, 2), closed(2), closed(3), ended()]
    found = list(Stream().spans(Reader("t").read(file_of(lines))))
    assert [s.parent and s.parent.name for s in found] == ["root 1", "span 2", None]


def test_a_span_that_is_its_own_parent_has_none():
    (found,) = Stream().spans(Reader("t").read(file_of([span(5, 5)])))
    assert found.parent is None


# --- ids ------------------------------------------------------------------------------------------


def test_ids_are_a_set():
    dice = random.Random(1)
    ids, known = SpanIds(), set()
    for _ in range(5_000):
        key = (dice.getrandbits(128), dice.randrange(2_000))
        assert ids.add(key) is (key not in known)
        known.add(key)
    assert all(key in ids for key in known)
    assert (1, 2) not in ids
    assert not ids.add(next(iter(known)))


@pytest.mark.parametrize(
    "lines, expected",
    [
        ([span(2), span(3)], []),
        ([opened(2), closed(2)], []),
        ([opened(2), closed(2), span(3)], [3]),
        ([span(3), "{", onset()], [3]),
    ],
)
def test_lines_are_looked_for_where_there_are_events_as_well(lines, expected):
    file = file_of(lines)
    ids = ids_with_lines(file)
    assert [n for n in range(9) if (int(TRACE, 16), n) in ids] == expected
    assert file.tell() == 0


def test_a_recording_of_nothing_has_no_roots():
    assert Recording(()).is_whole
