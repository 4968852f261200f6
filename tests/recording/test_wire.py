"""One line of a trace file: an event, a span, or a problem."""

from __future__ import annotations

import io
import json

import pytest

from enterspan import Tracing
from enterspan._recording.wire import LINE_BYTES, Problem, Reader, parse
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail

IDS = {"traceId": "ab" * 16, "spanId": "cd" * 8}
SPAN = {
    "type": "span",
    "name": "work",
    **IDS,
    "parentSpanId": None,
    "startNs": 1,
    "endNs": 2,
    "attributes": {},
    "events": [],
    "outcome": "ok",
    "invocationId": "cd" * 8,
}
EVENT = {
    "invocationId": "cd" * 8,
    "spanContext": IDS,
    "timestamp": 1,
    "event": {"type": "spanClose", "outcome": "ok"},
}


def line(wire, **changed):
    return json.dumps({**wire, **changed}).encode() + b"\n"


def test_what_a_program_writes_is_parsed_to_what_it_had():
    """Every kind of event, and finished spans."""
    text, seen, exported = io.StringIO(), [], []

    class Kept:
        def export(self, spans):
            exported.extend(spans)

        def shutdown(self):
            pass

    mine = Tracing("wire")
    mine.add_tail(JsonLinesTail(text), delivery="inline")
    mine.add_tail(lambda onset: seen.append(onset) or seen.append, delivery="inline")
    with mine.invocation("main", attributes={"a": 1}) as invocation:
        with mine.span("work", rows=3) as work:
            work.add_event("retry", attempt=2)
            mine.log("info", "hello", more=True)
        with pytest.raises(ValueError, match="bad"), mine.span("fails"):
            raise ValueError("bad")
        invocation.set_return()
    assert [parse(each.encode()) for each in text.getvalue().splitlines(keepends=True)] == seen
    text = io.StringIO()
    mine.add_exporter(Kept())
    mine.add_exporter(JsonLinesExporter(text))
    with mine.span("outer", n=1), mine.span("inner"):
        pass
    assert mine.shutdown(10)
    assert [parse(each.encode()) for each in text.getvalue().splitlines(keepends=True)] == exported
    assert len(exported) == 2


@pytest.mark.parametrize(
    "wire, key, values",
    [
        (SPAN, "traceId", ["ab" * 15, "AB" * 16, "+" + "a" * 31, 7, None]),
        (SPAN, "spanId", ["cd" * 7, "", "x" * 16]),
        (SPAN, "parentSpanId", [5, "cd"]),
        (SPAN, "startNs", [-1, 2**63, True, 1.5, "1", None]),
        (SPAN, "endNs", [-1, 2**63]),
        (SPAN, "droppedEvents", [-1, 2**63]),
        (SPAN, "links", [[1], {}]),
        (SPAN, "name", [7, None]),
        (SPAN, "attributes", [[], None]),
        (EVENT, "timestamp", [-1, 2**63, True]),
        (EVENT, "invocationId", [7, None]),
        (EVENT, "spanContext", [[], None]),
    ],
)
def test_ids_times_and_counts_are_bounded(wire, key, values):
    what = "a span" if wire is SPAN else "an event"
    for value in values:
        problem = Problem(3, f"{what} without a valid {key!r}")
        assert parse(line(wire, **{key: value}), 3) == problem


@pytest.mark.parametrize(
    "event, key",
    [
        ({"type": "outcome", "outcome": "ok", "cpuTime": -1}, "cpuTime"),
        ({"type": "outcome", "outcome": "ok", "cpuTime": float("nan")}, "cpuTime"),
        ({"type": "outcome", "outcome": "ok", "cpuTime": 1, "wallTime": 1e30}, "wallTime"),
        ({"type": "spanOpen", "spanId": "x", "name": "a"}, "spanId"),
        ({"type": "attributes", "info": [{"value": 1}]}, "name"),
        ({"type": "return", "info": {}}, "statusCode"),
        ({"type": "streamDiagnostic", "diagnostic": {"count": -1}}, "count"),
    ],
)
def test_an_event_has_what_its_type_needs(event, key):
    problem = Problem(1, f"an event without a valid {key!r}")
    assert parse(line(EVENT, event=event)) == problem


def test_an_event_without_a_span_belongs_to_the_root():
    """Its invocation's id is the root's; one that is no id can't say which span it is."""
    context = {"traceId": "ab" * 16}
    found = parse(line(EVENT, spanContext=context))
    assert (found.span_context.span_id, found.span_context.trace_flags) == (None, None)
    problem = Problem(1, "an event without a valid 'spanId'")
    assert parse(line(EVENT, spanContext=context, invocationId="main")) == problem


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [97, 99, 1_200, 200_000])
def test_depth_is_bounded(opening, closing, depth):
    """A hundred levels in all; deeper ones are a problem, whatever the stack could take."""
    value = opening * depth + "1" + closing * depth
    text = line(SPAN, attributes={"k": "HERE"}).replace(b'"HERE"', value.encode())
    found = parse(text, 7)
    assert (found == Problem(7, "nested too deeply")) is (depth > 97)


def test_many_brackets_are_no_depth():
    found = parse(line(SPAN, attributes={"k": [[1]] * 1_000}))
    assert found.attributes == {"k": [[1]] * 1_000}


def test_a_line_has_a_limit():
    """Also where it ends within the bytes that were read."""
    text = b'"' + b"x" * (LINE_BYTES - 3) + b'"\n'
    assert parse(text) == Problem(1, "longer than 16,777,216 bytes")


def test_a_blank_line_is_nothing():
    assert parse(b" \r\n") is None


def test_equal_resources_are_one_object():
    reader = Reader("t")
    wires = [line(SPAN, resource={"process.pid": n % 2}) for n in range(6)]
    spans = list(reader.read(io.BytesIO(b"".join(wires))))
    assert [span.resource["process.pid"] for span in spans] == [0, 1] * 3
    assert len({id(span.resource) for span in spans}) == 2


def test_a_file_that_cant_be_read_is_named():
    class Failing:
        def readline(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(ValueError, match=r"^can't read 't': Input/output error$"):
        list(Reader("t").read(Failing()))
