"""Finished spans, read back from JSON lines: from lines of spans, from live events, or from both.

A file is read twice, line by line. The first time tells which spans it has as lines of their own:
those say more than the events do (links, status, resource), so of what a file says twice the line
counts. The second time gives the spans, in the order of their end. Kept meanwhile are the ids, and
the spans that are open.

What events don't tell is made up from what they do: an outcome `exception` is the status `error`,
the info of an invocation its kind. A span that a file ends before is given an end where its stream
has its last event, and the outcome `unknown`.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from enterspan._model.ids import SpanContext
from enterspan._model.records import SpanData, SpanEvent, SpanLink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

_LINE_BYTES: Final = 16 * 1024 * 1024
"""A longer line was not written by this library: its events are limited to much less."""
_SHARED_MOST: Final = 1_000
"""How many resources are kept, so that spans of one resource share it."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

_Id = tuple[int, int]


class Recording:
    """A file of JSON lines, open for bytes and seekable, as finished spans."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._resources: dict[str, Mapping[str, Any]] = {}
        self._whole: set[_Id] = set()
        self.bad_lines = 0
        self.first_bad = ""
        self.is_empty = True
        lines = 0
        for number, line in self._lines():
            self.is_empty = self.is_empty and not line.strip()
            lines += self._look_at(number, line)
        self.is_trace = lines > 0

    def _look_at(self, number: int, line: bytes) -> bool:
        """Take down what spans there are; whether the line is one of a trace."""
        if not line.strip():
            return False
        try:
            wire = _parsed(line)
            if wire.get("type") == "span":
                self._whole.add(_id_of(self._span(wire)))
            else:
                _check_event(wire)
        except (ValueError, RecursionError) as error:
            self.bad_lines += 1
            why = str(error) if line.endswith(b"\n") else "cut off"
            self.first_bad = self.first_bad or f"line {number} is {why}"
            return False
        return True

    def spans(self) -> Iterator[SpanData]:
        """The spans, each once."""
        told: set[_Id] = set()
        streams: dict[str, _Stream] = {}
        for _, line in self._lines():
            try:
                wire = _parsed(line)
                is_event = wire.get("type") != "span"
                found = _heard(wire, streams) if is_event else [self._span(wire)]
            except (ValueError, RecursionError):
                continue
            for span in found:
                yield from self._fresh(span, told, is_event=is_event)
        for stream in streams.values():
            for span in stream.unfinished():
                yield from self._fresh(span, told, is_event=True)

    def _fresh(self, span: SpanData, told: set[_Id], *, is_event: bool) -> Iterator[SpanData]:
        key = _id_of(span)
        if key not in told and not (is_event and key in self._whole):
            told.add(key)
            yield span

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        self._file.seek(0)
        number = 0
        while line := self._file.readline(_LINE_BYTES):
            number += 1
            yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            while len(line) == _LINE_BYTES and not line.endswith(b"\n"):
                line = self._file.readline(_LINE_BYTES)

    # --- lines of finished spans ------------------------------------------------------------------

    def _span(self, wire: dict[str, Any]) -> SpanData:
        parent = wire.get("parentSpanId")
        return SpanData(
            name=_get(wire, "name", str),
            context=_context(wire),
            parent_span_id=None if parent is None else _hex(wire, "parentSpanId", 16),
            start_ns=_get(wire, "startNs", int),
            end_ns=_get(wire, "endNs", int),
            attributes=_attributes(wire, "attributes"),
            events=tuple([_event(item) for item in _objects(wire, "events")]),
            links=tuple([_link(item) for item in _objects(wire, "links", [])]),
            status=_get(wire, "status", str, "unset"),
            status_description=_get(wire, "statusDescription", str, ""),
            outcome=_get(wire, "outcome", str),
            invocation_id=_get(wire, "invocationId", str),
            kind=_get(wire, "kind", str, "internal"),
            scope=_get(wire, "scope", str, "default"),
            resource=self._resource(wire),
            dropped_attributes=_get(wire, "droppedAttributes", int, 0),
            dropped_events=_get(wire, "droppedEvents", int, 0),
            dropped_links=_get(wire, "droppedLinks", int, 0),
            parent_is_remote=wire.get("parentIsRemote") is True,
        )

    def _resource(self, wire: dict[str, Any]) -> Mapping[str, Any]:
        found = _attributes(wire, "resource", {})
        if len(self._resources) >= _SHARED_MOST:
            return found
        return self._resources.setdefault(json.dumps(dict(found), sort_keys=True), found)


def _id_of(span: SpanData) -> _Id:
    return span.context.trace_id, span.context.span_id


def _context(wire: dict[str, Any]) -> SpanContext:
    return SpanContext(
        _hex(wire, "traceId", 32),
        _hex(wire, "spanId", 16),
        _get(wire, "traceFlags", int, 0) & 0xFF,
        _get(wire, "traceState", str, ""),
        wire.get("isRemote") is True,
    )


def _event(wire: dict[str, Any]) -> SpanEvent:
    name, time_ns = _get(wire, "name", str), _get(wire, "timestampNs", int)
    return SpanEvent(name, time_ns, _attributes(wire, "attributes"))


def _link(wire: dict[str, Any]) -> SpanLink:
    return SpanLink(_context(wire), _attributes(wire, "attributes"))


# --- lines of live events -------------------------------------------------------------------------

_KINDS: Final = {
    "fetch": "server",
    "connect": "server",
    "rpc": "server",
    "webSocket": "server",
    "queue": "consumer",
    "email": "consumer",
}
"""What kind of span is the root of an invocation, by its info."""


class _Open:
    """A span whose end was not read yet."""

    __slots__ = ("attributes", "events", "kind", "name", "parent", "span_id", "start_ns")

    def __init__(self, span_id: int, parent: int | None, name: str, start_ns: int) -> None:
        self.span_id = span_id
        self.parent = parent
        self.name = name
        self.start_ns = start_ns
        self.kind = "internal"
        self.attributes: Mapping[str, Any] = _NOTHING
        self.events: list[SpanEvent] = []


class _Stream:
    """One invocation's events."""

    __slots__ = ("flags", "invocation_id", "last_ns", "open", "root", "trace_id")

    def __init__(self, invocation_id: str, trace_id: int, flags: int) -> None:
        self.invocation_id = invocation_id
        self.trace_id = trace_id
        self.flags = flags
        self.open: dict[int, _Open] = {}
        self.root = 0
        self.last_ns = 0

    def finished(self, span: _Open, end_ns: int, outcome: str) -> SpanData:
        """The record of a span that has ended."""
        failed = outcome == "exception"
        return SpanData(
            name=span.name,
            context=SpanContext(self.trace_id, span.span_id, self.flags, "", False),
            parent_span_id=span.parent,
            start_ns=span.start_ns,
            end_ns=max(end_ns, span.start_ns),
            attributes=span.attributes,
            events=tuple(span.events),
            links=(),
            status="error" if failed else "unset",
            status_description=_summary(span) if failed else "",
            outcome=outcome,
            invocation_id=self.invocation_id,
            kind=span.kind,
            scope="default",
            resource=_NOTHING,
            dropped_attributes=0,
            dropped_events=0,
            dropped_links=0,
            parent_is_remote=span.span_id == self.root and span.parent is not None,
        )

    def unfinished(self) -> Iterator[SpanData]:
        """The records of what was open when the file ended, innermost first."""
        for span in reversed(list(self.open.values())):
            yield self.finished(span, self.last_ns, "unknown")


def _summary(span: _Open) -> str:
    """The description of a failure, as a finished span has it."""
    for event in reversed(span.events):
        if event.name == "exception":
            kind, message = (event.attributes.get(f"exception.{k}") for k in ("type", "message"))
            return f"{kind}: {message}" if message else str(kind)
    return ""


def _check_event(wire: dict[str, Any]) -> None:
    """Raise ValueError for what is no event."""
    event = _get(wire, "event", dict)
    _get(wire, "invocationId", str)
    _get(wire, "timestamp", int)
    _hex(_get(wire, "spanContext", dict), "traceId", 32)
    if _get(event, "type", str) not in _TYPES:
        raise ValueError(f"an event of the unknown type {event['type']!r:.50}")


def _heard(wire: dict[str, Any], streams: dict[str, _Stream]) -> list[SpanData]:
    """Take an event in; the spans that it ends."""
    _check_event(wire)
    event, where, time_ns = wire["event"], wire["spanContext"], wire["timestamp"]
    stream = _stream_of(wire, streams)
    stream.last_ns = max(stream.last_ns, time_ns)
    span_id = None if where.get("spanId") is None else _hex(where, "spanId", 16)
    kind: str = event["type"]
    if kind in ("onset", "spanOpen"):
        _open(stream, event, span_id, time_ns)
        return []
    span = stream.open.get(stream.root if span_id is None else span_id)
    if span is None:
        return []
    if kind in ("spanClose", "outcome"):
        outcome = _get(event, "outcome", str)
        del stream.open[span.span_id]
        ended = stream.finished(span, time_ns, outcome)
        if kind == "spanClose":
            return [ended]
        del streams[stream.invocation_id]
        return [*stream.unfinished(), ended]  # their ends were dropped on the way
    note = _NOTES.get(kind)
    if note is not None:
        span.events.append(note(event, time_ns))
    elif kind == "attributes":
        span.attributes = _pairs(event, "info")
    return []


def _stream_of(wire: dict[str, Any], streams: dict[str, _Stream]) -> _Stream:
    key: str = wire["invocationId"]
    stream = streams.get(key)
    if stream is None:
        context: dict[str, Any] = wire["spanContext"]
        flags = context.get("traceFlags")
        # Without an upstream the flags are not told; that somebody recorded it is.
        flags = 1 if flags is None else _get(context, "traceFlags", int) & 0xFF
        stream = streams[key] = _Stream(key, _hex(context, "traceId", 32), flags)
    return stream


def _open(stream: _Stream, event: dict[str, Any], parent: int | None, time_ns: int) -> None:
    span = _Open(_hex(event, "spanId", 16), parent, _get(event, "name", str), time_ns)
    if event["type"] == "onset":
        stream.root = span.span_id
        span.attributes = _pairs(event, "attributes")
        info = event.get("info")
        if isinstance(info, dict):
            span.kind = _KINDS.get(str(cast("dict[str, Any]", info).get("type")), "internal")
    stream.open[span.span_id] = span


def _log(event: dict[str, Any], time_ns: int) -> SpanEvent:
    said = {"log.severity": _get(event, "level", str), "log.message": _get(event, "message", str)}
    return SpanEvent("log", time_ns, MappingProxyType({**said, **_pairs(event, "attributes")}))


def _exception(event: dict[str, Any], time_ns: int) -> SpanEvent:
    said = {
        "exception.type": _get(event, "name", str),
        "exception.message": _get(event, "message", str),
        "exception.stacktrace": _get(event, "stack", str, ""),
    }
    return SpanEvent("exception", time_ns, MappingProxyType(said))


def _diagnostic(event: dict[str, Any], time_ns: int) -> SpanEvent:
    return SpanEvent(_get(event, "channel", str), time_ns, _attributes(event, "message"))


_NOTES: Final[dict[str, Callable[[dict[str, Any], int], SpanEvent]]] = {
    "log": _log,
    "exception": _exception,
    "diagnosticChannel": _diagnostic,
}
_TYPES: Final = frozenset(_NOTES) | {
    "onset",
    "spanOpen",
    "attributes",
    "spanClose",
    "return",
    "streamDiagnostic",
    "outcome",
}


# --- what a line must have ------------------------------------------------------------------------

_REQUIRED: Final[Any] = object()


def _parsed(line: bytes) -> dict[str, Any]:
    if len(line) >= _LINE_BYTES:
        raise ValueError(f"longer than {_LINE_BYTES:,} bytes")
    try:
        wire: Any = json.loads(line)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(wire, dict):
        raise ValueError("neither an event nor a span")
    found = cast("dict[str, Any]", wire)
    if found.get("type") != "span" and not isinstance(found.get("event"), dict):
        raise ValueError("neither an event nor a span")
    return found


def _get(wire: dict[str, Any], key: str, kind: Any, otherwise: Any = _REQUIRED) -> Any:
    value = wire.get(key, otherwise)
    if value is otherwise and otherwise is not _REQUIRED:
        return value
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"a trace's line without a valid {key!r}")
    if kind is int and not -(2**63) <= value < 2**64:
        raise ValueError(f"a trace's line without a valid {key!r}")
    return value


def _hex(wire: dict[str, Any], key: str, digits: int) -> int:
    text = _get(wire, key, str)
    if len(text) != digits or not set(text) <= set("0123456789abcdef"):
        raise ValueError(f"a trace's line without a valid {key!r}")
    return int(text, 16)


def _objects(wire: dict[str, Any], key: str, otherwise: Any = _REQUIRED) -> list[dict[str, Any]]:
    items = cast("list[Any]", _get(wire, key, list, otherwise))
    if not all(isinstance(item, dict) for item in items):
        raise ValueError(f"a trace's line without a valid {key!r}")
    return items


def _attributes(wire: dict[str, Any], key: str, otherwise: Any = _REQUIRED) -> Mapping[str, Any]:
    found = _get(wire, key, dict, otherwise)
    return MappingProxyType(found) if found else _NOTHING


def _pairs(wire: dict[str, Any], key: str) -> Mapping[str, Any]:
    found = {_get(item, "name", str): item.get("value") for item in _objects(wire, key)}
    return MappingProxyType(found) if found else _NOTHING
