"""The lines of a trace file: JSON lines of live events and of finished spans.

All limits of lines are checked here: their length, the depth of values, ids, times and counts. The
results are events and spans as the library has them in memory.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, cast

from enterspan._model.frozen import twin
from enterspan._model.ids import SpanContext
from enterspan._model.limits import INT_MAX
from enterspan._model.records import SpanData, SpanEvent, SpanLink
from enterspan.events import (
    Attribute,
    Attributes,
    DiagnosticChannel,
    DroppedEvents,
    Exception_,
    FetchResponseInfo,
    Log,
    Onset,
    Outcome,
    Return,
    SpanClose,
    SpanOpen,
    StreamDiagnostic,
    TailEvent,
    TailSpanContext,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Protocol, TypeAlias

    Parsed: TypeAlias = "TailEvent[Any] | SpanData"

    class Lines(Protocol):
        """A file open for bytes, or a wrapper of one."""

        def readline(self, size: int = -1, /) -> bytes: ...


LINE_BYTES: Final = 16 * 1024 * 1024
"""Longer lines were not written by this library, whose events are much shorter."""
SHOWN_PROBLEMS: Final = 10
"""How many bad lines of a file are reported one by one."""
_NO_RESOURCE: Final[Mapping[str, Any]] = {}
_DEPTH: Final = 100
"""Values are recorded at most 12 levels deep; deeper ones could exhaust the stack."""
_SHARED_RESOURCES: Final = 64
"""How many equal resources are shared as one object."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line, counted from 1, that could not be read, and why."""

    line: int
    reason: str


def parse(
    line: bytes, number: int = 1, resources: list[Mapping[str, Any]] | None = None
) -> Parsed | Problem | None:
    """Return the event or the span of a line, or its problem; None for a blank line.

    Spans with equal resources share the one that `resources` has.
    """
    text = line.strip()
    if not text:
        return None
    try:
        if len(line) >= LINE_BYTES:
            raise _LineError(f"longer than {LINE_BYTES:,} bytes")
        return _parsed(text, [] if resources is None else resources)
    except _LineError as error:
        return Problem(number, str(error))
    except ValueError as error:
        return Problem(number, str(error) if line.endswith(b"\n") else "cut off")


class Reader:
    """Parses the lines of one file; counts the lines that could not be read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._resources: list[Mapping[str, Any]] = []
        self.number = 0
        self.parsed = 0
        self.problems: list[Problem] = []
        self.problem_count = 0

    def take(self, line: bytes) -> Parsed | None:
        """Parse the next line; None if it is blank or can't be read."""
        self.number += 1
        if self.number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        found = parse(line, self.number, self._resources)
        if not isinstance(found, Problem):
            self.parsed += found is not None
            return found
        self.problem_count += 1
        if self.problem_count <= SHOWN_PROBLEMS:
            self.problems.append(found)
        return None

    def read(self, file: Lines, only: bytes = b"") -> Iterator[Parsed]:
        """Parse a whole file. Raises ValueError if it is empty, unreadable, or not a trace.

        Once it is known to be a trace, lines without the text `only` are skipped.
        """
        try:
            for line in lines_of(file):
                if only and only not in line and self.parsed:
                    self.number += 1
                    continue
                found = self.take(line)
                if found is not None:
                    yield found
        except OSError as error:
            raise ValueError(f"can't read {self._name!r}: {error.strerror or error}") from None
        self.check()

    def check(self) -> None:
        """Raise ValueError if no line so far was part of a trace."""
        if self.parsed:
            return
        if not self.problems:
            raise ValueError(f"{self._name} is empty")
        first = self.problems[0]
        raise ValueError(f"{self._name} is not a trace file: line {first.line} is {first.reason}")

    def complaints(self) -> Iterator[str]:
        """The messages for the lines that could not be read."""
        return complaints(self._name, self.problems, self.problem_count)


def complaints(name: str, problems: Sequence[Problem], count: int) -> Iterator[str]:
    """The messages for the bad lines of a file, of which `problems` has the first few."""
    for problem in problems:
        yield f"{name}: line {problem.line} is {problem.reason}"
    more = count - len(problems)
    if more:
        yield f"{name}: {more} more line{'s' * (more > 1)} could not be read"


def lines_of(file: Lines) -> Iterator[bytes]:
    """The lines of a file; the rest of a line that is too long is skipped."""
    while line := file.readline(LINE_BYTES):
        yield line
        while len(line) == LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(LINE_BYTES)


# --- a line ---------------------------------------------------------------------------------------


class _LineError(ValueError):
    """A line is invalid, and not just cut off."""


_decode: Final = json.JSONDecoder().raw_decode


def _parsed(text: bytes, resources: list[Mapping[str, Any]]) -> Parsed:
    wire = _object(text)
    is_span = wire.get("type") == "span"
    try:
        if is_span:
            return _span(wire, resources)
        if isinstance(wire.get("event"), dict):
            return _event(wire, resources)
    except KeyError as error:
        what = "a span" if is_span else "an event"
        raise _LineError(f"{what} without a valid {error.args[0]!r}") from None
    raise _LineError("neither an event nor a span")


def _object(text: bytes) -> dict[str, Any]:
    try:
        whole = text.decode("utf-8", "surrogatepass")
        wire, end = _decode(whole)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise _LineError("nested too deeply") from None
    except ValueError:
        raise ValueError("not JSON") from None
    if end != len(whole):
        raise ValueError("not JSON")
    if not isinstance(wire, dict):
        raise _LineError("neither an event nor a span")
    if text.count(b"[") + text.count(b"{") > _DEPTH and _is_too_deep(wire):
        raise _LineError("nested too deeply")
    return cast("dict[str, Any]", wire)


def _is_too_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(_DEPTH):
        level = [inner for item in level for inner in _items(item)]
        if not level:
            return False
    return True


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return value if isinstance(value, list) else ()


# --- fields of an object ---------------------------------------------------------------------


class _Fields:
    """The fields of an object and their exact JSON types.

    `optional` fields have a default of their type. Numbers are times or counts: non-negative, with
    63 bits.
    """

    def __init__(self, required: dict[str, type[Any]], **optional: Any) -> None:
        self._names = (*required, *optional)
        self._types = (*required.values(), *map(type, optional.values()))
        self._numbers = [at for at, kind in enumerate(self._types) if kind is int]
        self._defaults = optional
        self._pick = itemgetter(*self._names)

    def of(self, wire: dict[str, Any]) -> tuple[Any, ...]:
        """The values in order. Raises KeyError with the name of the first invalid field."""
        try:
            values = self._pick(wire)
        except KeyError:
            values = self._pick({**self._defaults, **wire})
        if tuple(map(type, values)) != self._types:
            rows = zip(self._names, values, self._types, strict=True)
            raise KeyError(next(name for name, value, kind in rows if type(value) is not kind))
        for at in self._numbers:
            if not 0 <= values[at] <= INT_MAX:
                raise KeyError(self._names[at])
        return values  # type: ignore[no-any-return]


def _get(wire: dict[str, Any], key: str, kind: type[Any]) -> Any:
    """A value of a type. Raises KeyError."""
    value: Any = wire.get(key)
    if type(value) is not kind or (kind is int and not 0 <= value <= INT_MAX):
        raise KeyError(key)
    return value


def _milliseconds(key: str, value: Any) -> int:
    """Nanoseconds of a time in milliseconds."""
    if type(value) not in (int, float) or not 0 <= value <= INT_MAX:  # also nan and infinity
        raise KeyError(key)
    nanoseconds: int = round(value * 1_000_000)
    return nanoseconds


def _hex(key: str, text: Any, is_hex: Callable[[str], object]) -> str:
    if type(text) is not str or not is_hex(text):
        raise KeyError(key)
    return text


_is_trace_id: Final = re.compile("[0-9a-f]{32}").fullmatch
_is_span_id: Final = re.compile("[0-9a-f]{16}").fullmatch


# --- finished spans -------------------------------------------------------------------------------

_CONTEXT: Final = _Fields({"traceId": str, "spanId": str}, traceFlags=0, traceState="")
_SPAN: Final = _Fields(
    {
        "name": str,
        "startNs": int,
        "endNs": int,
        "outcome": str,
        "invocationId": str,
    },
    attributes={},
    events=[],
    links=[],
    status="unset",
    statusDescription="",
    kind="internal",
    scope="default",
    resource={},
    droppedAttributes=0,
    droppedEvents=0,
    droppedLinks=0,
)
_SPAN_EVENT: Final = _Fields({"name": str, "timestampNs": int}, attributes={})

# A file may have a million of these: they are made by plain stores, see `frozen`.
_new: Final[Any] = object.__new__
_SpanData, _SpanContext = twin(SpanData), twin(SpanContext)
_TailEvent, _TailSpanContext, _Attribute = twin(TailEvent), twin(TailSpanContext), twin(Attribute)


def _span(wire: dict[str, Any], resources: list[Mapping[str, Any]]) -> SpanData:
    made = _new(_SpanData)
    (
        made.name,
        made.start_ns,
        made.end_ns,
        made.outcome,
        made.invocation_id,
        made.attributes,
        events,
        links,
        made.status,
        made.status_description,
        made.kind,
        made.scope,
        resource,
        made.dropped_attributes,
        made.dropped_events,
        made.dropped_links,
    ) = _SPAN.of(wire)
    made.context = _context(wire)
    parent = wire.get("parentSpanId")
    made.parent_span_id = (
        None if parent is None else int(_hex("parentSpanId", parent, _is_span_id), 16)
    )
    made.events = made.links = ()
    if events:
        made.events = tuple([_span_event(item) for item in _objects("events", events)])
    if links:
        made.links = tuple([_link(item) for item in _objects("links", links)])
    made.resource = _shared(resource, resources)
    made.parent_is_remote = wire.get("parentIsRemote") is True
    made.__class__ = SpanData
    return cast("SpanData", made)


def _context(wire: dict[str, Any]) -> SpanContext:
    trace_id, span_id, flags, state = _CONTEXT.of(wire)
    made = _new(_SpanContext)
    made.trace_id = int(_hex("traceId", trace_id, _is_trace_id), 16)
    made.span_id = int(_hex("spanId", span_id, _is_span_id), 16)
    made.trace_flags = flags & 0xFF
    made.trace_state = state
    made.is_remote = wire.get("isRemote") is True
    made.__class__ = SpanContext
    return cast("SpanContext", made)


def _span_event(wire: dict[str, Any]) -> SpanEvent:
    return SpanEvent(*_SPAN_EVENT.of(wire))


def _link(wire: dict[str, Any]) -> SpanLink:
    return SpanLink(_context(wire), _get({"attributes": {}, **wire}, "attributes", dict))


def _objects(key: str, items: list[Any]) -> list[dict[str, Any]]:
    if any(type(item) is not dict for item in items):
        raise KeyError(key)
    return items


def _shared(resource: dict[str, Any], known: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    if not resource:
        return _NO_RESOURCE
    for at, other in enumerate(known):
        if other == resource:
            if at:  # the next line probably has the same one
                known.insert(0, known.pop(at))
            return other
    known.insert(0, resource)
    del known[_SHARED_RESOURCES:]
    return resource


# --- live events ----------------------------------------------------------------------------------

_EVENT: Final = _Fields(
    {"spanContext": dict, "invocationId": str, "timestamp": int, "event": dict}, sequence=0
)
_ONSET: Final = _Fields({"spanId": str, "name": str, "attributes": list}, resource={})
_SPAN_OPEN: Final = _Fields({"spanId": str, "name": str})
_LOG: Final = _Fields({"level": str, "message": str, "attributes": list}, truncated=False)
_EXCEPTION: Final = _Fields({"name": str, "message": str}, stack="")
_CHANNEL: Final = _Fields({"channel": str, "message": dict})


def _event(wire: dict[str, Any], resources: list[Mapping[str, Any]]) -> TailEvent[Any]:
    made = _new(_TailEvent)
    context, invocation_id, made.timestamp, event, made.sequence = _EVENT.of(wire)
    trace_id = _hex("traceId", context.get("traceId"), _is_trace_id)
    span_id, flags = context.get("spanId"), context.get("traceFlags")
    kind = _get(event, "type", str)
    make = _EVENTS.get(kind)
    if make is None:
        raise _LineError(f"an event of the unknown type {kind!r:.50}")
    if span_id is not None or kind != "onset":  # the root's, if absent
        _hex("spanId", invocation_id if span_id is None else span_id, _is_span_id)
    if flags is not None:
        flags = _get(context, "traceFlags", int) & 0xFF
    made.event = _onset(event, resources) if kind == "onset" else make(event)
    made.invocation_id = invocation_id
    where = _new(_TailSpanContext)
    where.trace_id, where.span_id, where.trace_flags = trace_id, span_id, flags
    where.__class__ = TailSpanContext
    made.span_context = where
    made.__class__ = TailEvent
    return cast("TailEvent[Any]", made)


def _onset(event: dict[str, Any], resources: list[Mapping[str, Any]]) -> Onset:
    span_id, name, attributes, resource = _ONSET.of(event)
    info = None if event.get("info") is None else _get(event, "info", dict)
    return Onset(
        _hex("spanId", span_id, _is_span_id),
        name,
        info,
        _pairs("attributes", attributes),
        _shared(resource, resources),
    )


def _span_open(event: dict[str, Any]) -> SpanOpen:
    span_id, name = _SPAN_OPEN.of(event)
    return SpanOpen(_hex("spanId", span_id, _is_span_id), name)


def _log(event: dict[str, Any]) -> Log:
    level, message, attributes, truncated = _LOG.of(event)
    return Log(level, message, _pairs("attributes", attributes), truncated)


def _returned(event: dict[str, Any]) -> Return:
    if event.get("info") is None:
        return Return(None)
    return Return(FetchResponseInfo(_get(_get(event, "info", dict), "statusCode", int)))


def _dropped(event: dict[str, Any]) -> StreamDiagnostic:
    return StreamDiagnostic(DroppedEvents(_get(_get(event, "diagnostic", dict), "count", int)))


def _outcome(event: dict[str, Any]) -> Outcome:
    cpu = _milliseconds("cpuTime", event.get("cpuTime"))
    wall = _milliseconds("wallTime", event.get("wallTime", 0))
    return Outcome(_get(event, "outcome", str), cpu, wall)


_EVENTS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "onset": lambda event: _onset(event, []),
    "spanOpen": _span_open,
    "attributes": lambda event: Attributes(_pairs("info", event.get("info"))),
    "log": _log,
    "exception": lambda event: Exception_(*_EXCEPTION.of(event)),
    "diagnosticChannel": lambda event: DiagnosticChannel(*_CHANNEL.of(event)),
    "spanClose": lambda event: SpanClose(_get(event, "outcome", str)),
    "return": _returned,
    "streamDiagnostic": _dropped,
    "outcome": _outcome,
}


def _pairs(key: str, items: Any) -> tuple[Attribute, ...]:
    if type(items) is not list:
        raise KeyError(key)
    pairs: list[Any] = []
    for item in items:
        if type(item) is not dict:
            raise KeyError(key)
        pair = _new(_Attribute)
        pair.name = name = item.get("name")
        if type(name) is not str:
            raise KeyError("name")
        pair.value = item.get("value")
        pair.__class__ = Attribute
        pairs.append(pair)
    return tuple(pairs)
