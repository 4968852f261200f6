"""Lines of a trace file, in short."""

from __future__ import annotations

MS = 1_000_000
BEGIN = 1_700_000_000_000_000_000
TRACE = "ab" * 16


def at(milliseconds):
    return BEGIN + int(milliseconds * MS)


def hex_id(text):
    """A span id for a short name."""
    return text and f"{int.from_bytes(text.encode(), 'big'):016x}"


def span(name, span_id, parent=None, start=0, end=1, invocation="i", **changed):
    """A finished span's line."""
    wire = {
        "type": "span",
        "name": name,
        "traceId": TRACE,
        "spanId": hex_id(span_id),
        "parentSpanId": hex_id(parent),
        "startNs": at(start),
        "endNs": at(end),
        "attributes": {},
        "events": [],
        "outcome": "ok",
        "invocationId": hex_id(invocation),
    }
    return {**wire, **changed}


def event(kind, span_id, time=0, invocation="r", **fields):
    """A live event's line."""
    return {
        "invocationId": hex_id(invocation),
        "spanContext": {"traceId": TRACE, "spanId": hex_id(span_id), "traceFlags": None},
        "timestamp": at(time),
        "sequence": 0,
        "event": {"type": kind, **fields},
    }
