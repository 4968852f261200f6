"""The lines of a trace file: JSON lines of live events and of finished spans.

What a line may hold is bounded here and nowhere else: its length, the depth of its values, its ids,
times and counts. What passes is an event or a span as the library has them in memory.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from enterspan._model.ids import SpanContext
from enterspan._model.records import SpanData, SpanEvent, SpanLink
from enterspan._model.values import INT_MAX
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
"""A longer line was not written by this library: its events are limited to much less."""
SHOWN_PROBLEMS: Final = 10
"""How many bad lines of a file are reported one by one."""
_DEPTH: Final = 100
"""Values are recorded at most 12 levels deep; what is deeper could exhaust the stack."""
_TRACE_ID: Final = re.compile("[0-9a-f]{32}")
_SPAN_ID: Final = re.compile("[0-9a-f]{16}")
_SHARED_RESOURCES: Final = 64
"""Equal resources are one object, as far as a file has few of them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line, counted from 1, that could not be read, and why."""

    line: int
    reason: str


def parse(
    line: bytes, number: int = 1, resources: list[Mapping[str, Any]] | None = None
) -> Parsed | Problem | None:
    """Return the event or the span that a line holds, or its problem; None for a blank line.

    Spans with equal resources share the one that `resources` has.
    """
    if not line.strip():
        return None
    try:
        return _parsed(line, [] if resources is None else resources)
    except _FieldError as error:
        return Problem(number, str(error))
    except ValueError as error:
        is_cut = len(line) < LINE_BYTES and not line.endswith(b"\n")
        return Problem(number, "cut off" if is_cut else str(error))


class Reader:
    """Parses the lines of one file in turn; counts the lines that could not be read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._resources: list[Mapping[str, Any]] = []
        self.number = 0
        self.parsed = 0
        self.problems: list[Problem] = []
        self.problem_count = 0

    def take(self, line: bytes) -> Parsed | None:
        """Parse the next line; None where it is blank or can't be read."""
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

    def read(self, file: Lines) -> Iterator[Parsed]:
        """Parse a whole file. Raises ValueError if it is empty, unreadable, or holds no trace."""
        try:
            for line in lines_of(file):
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
        """What is reported of the lines that could not be read."""
        return complaints(self._name, self.problems, self.problem_count)


def complaints(name: str, problems: Sequence[Problem], count: int) -> Iterator[str]:
    """What is reported of the bad lines of a file, of which `problems` has the first few."""
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


class _FieldError(ValueError):
    """A line that is whole, and not valid."""


_decode: Final = json.JSONDecoder().decode


def _parsed(line: bytes, resources: list[Mapping[str, Any]]) -> Parsed:
    wire = _object(line)
    what = "a span" if wire.get("type") == "span" else "an event"
    try:
        if what == "a span":
            return _span(wire, resources)
        if isinstance(wire.get("event"), dict):
            return _event(wire)
    except KeyError as error:
        raise _FieldError(f"{what} without a valid {error.args[0]!r}") from None
    raise _FieldError("neither an event nor a span")


def _object(line: bytes) -> dict[str, Any]:
    if len(line) >= LINE_BYTES:
        raise ValueError(f"longer than {LINE_BYTES:,} bytes")
    try:
        wire: Any = _decode(line.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(wire, dict):
        raise _FieldError("neither an event nor a span")
    if line.count(b"[") + line.count(b"{") > _DEPTH and _is_too_deep(wire):
        raise _FieldError("nested too deeply")
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


# --- finished spans -------------------------------------------------------------------------------


def _span(wire: dict[str, Any], resources: list[Mapping[str, Any]]) -> SpanData:
    parent = wire.get("parentSpanId")
    return SpanData(
        name=_get(wire, "name", str),
        context=_context(wire),
        parent_span_id=None if parent is None else int(_hex(wire, "parentSpanId", _SPAN_ID), 16),
        start_ns=_count(wire, "startNs"),
        end_ns=_count(wire, "endNs"),
        attributes=_get(wire, "attributes", dict),
        events=tuple([_span_event(item) for item in _objects(wire, "events")]),
        links=tuple([_link(item) for item in _objects(wire, "links", [])]),
        status=_get(wire, "status", str, "unset"),
        status_description=_get(wire, "statusDescription", str, ""),
        outcome=_get(wire, "outcome", str),
        invocation_id=_get(wire, "invocationId", str),
        kind=_get(wire, "kind", str, "internal"),
        scope=_get(wire, "scope", str, "default"),
        resource=_shared(_get(wire, "resource", dict, {}), resources),
        dropped_attributes=_count(wire, "droppedAttributes", 0),
        dropped_events=_count(wire, "droppedEvents", 0),
        dropped_links=_count(wire, "droppedLinks", 0),
        parent_is_remote=wire.get("parentIsRemote") is True,
    )


def _context(wire: dict[str, Any]) -> SpanContext:
    return SpanContext(
        int(_hex(wire, "traceId", _TRACE_ID), 16),
        int(_hex(wire, "spanId", _SPAN_ID), 16),
        _count(wire, "traceFlags", 0) & 0xFF,
        _get(wire, "traceState", str, ""),
        wire.get("isRemote") is True,
    )


def _span_event(wire: dict[str, Any]) -> SpanEvent:
    name, moment = _get(wire, "name", str), _count(wire, "timestampNs")
    return SpanEvent(name, moment, _get(wire, "attributes", dict))


def _link(wire: dict[str, Any]) -> SpanLink:
    return SpanLink(_context(wire), _get(wire, "attributes", dict, {}))


def _shared(resource: dict[str, Any], known: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    for other in known:
        if other == resource:
            return other
    if len(known) < _SHARED_RESOURCES:
        known.append(resource)
    return resource


# --- live events ----------------------------------------------------------------------------------


def _event(wire: dict[str, Any]) -> TailEvent[Any]:
    event, context = _get(wire, "event", dict), _get(wire, "spanContext", dict)
    invocation_id, moment = _get(wire, "invocationId", str), _count(wire, "timestamp")
    trace_id, span_id = _hex(context, "traceId", _TRACE_ID), context.get("spanId")
    kind = _get(event, "type", str)
    make = _EVENTS.get(kind)
    if make is None:
        raise _FieldError(f"an event of the unknown type {kind!r:.50}")
    if span_id is not None:
        _hex(context, "spanId", _SPAN_ID)
    elif kind != "onset" and not _SPAN_ID.fullmatch(invocation_id):
        raise KeyError("spanId")
    flags = context.get("traceFlags")
    flags = None if flags is None else _count(context, "traceFlags") & 0xFF
    where = TailSpanContext(trace_id, span_id, flags)
    return TailEvent(invocation_id, where, moment, _count(wire, "sequence", 0), make(event))


def _onset(event: dict[str, Any]) -> Onset:
    return Onset(
        span_id=_hex(event, "spanId", _SPAN_ID),
        name=_get(event, "name", str),
        info=_get(event, "info", dict, None),
        attributes=_pairs(event, "attributes"),
    )


def _log(event: dict[str, Any]) -> Log:
    level, message = _get(event, "level", str), _get(event, "message", str)
    return Log(level, message, _pairs(event, "attributes"), event.get("truncated") is True)


def _exception(event: dict[str, Any]) -> Exception_:
    name, message = _get(event, "name", str), _get(event, "message", str)
    return Exception_(name, message, _get(event, "stack", str, ""))


def _returned(event: dict[str, Any]) -> Return:
    info = _get(event, "info", dict, None)
    return Return(None if info is None else FetchResponseInfo(_count(info, "statusCode")))


_EVENTS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "onset": _onset,
    "spanOpen": lambda e: SpanOpen(_hex(e, "spanId", _SPAN_ID), _get(e, "name", str)),
    "attributes": lambda e: Attributes(_pairs(e, "info")),
    "log": _log,
    "exception": _exception,
    "diagnosticChannel": lambda e: DiagnosticChannel(
        _get(e, "channel", str), _get(e, "message", dict)
    ),
    "spanClose": lambda e: SpanClose(_get(e, "outcome", str)),
    "return": _returned,
    "streamDiagnostic": lambda e: StreamDiagnostic(
        DroppedEvents(_count(_get(e, "diagnostic", dict), "count"))
    ),
    "outcome": lambda e: Outcome(
        _get(e, "outcome", str), _milliseconds(e, "cpuTime"), _milliseconds(e, "wallTime", 0)
    ),
}


# --- what a line must have ------------------------------------------------------------------------

_REQUIRED: Final[Any] = object()


def _get(wire: dict[str, Any], key: str, kind: type[Any], otherwise: Any = _REQUIRED) -> Any:
    """A value of a type, or the default where it is absent. Raises KeyError."""
    value: Any = wire.get(key)
    if type(value) is kind:  # what JSON gives is of these very types, and True is no number
        return value
    if value is None and otherwise is not _REQUIRED:
        return otherwise
    raise KeyError(key)


def _count(wire: dict[str, Any], key: str, otherwise: Any = _REQUIRED) -> int:
    """A number from 0 that has 63 bits: a time or a count."""
    value: int = _get(wire, key, int, otherwise)
    if not 0 <= value <= INT_MAX:
        raise KeyError(key)
    return value


def _milliseconds(wire: dict[str, Any], key: str, otherwise: Any = _REQUIRED) -> int:
    """Nanoseconds of a time in milliseconds."""
    value: Any = wire.get(key, otherwise)
    if type(value) not in (int, float) or not 0 <= value <= INT_MAX:  # also nan and infinity
        raise KeyError(key)
    return int(value * 1_000_000)


def _hex(wire: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    text: str = _get(wire, key, str)
    if pattern.fullmatch(text) is None:
        raise KeyError(key)
    return text


def _objects(wire: dict[str, Any], key: str, otherwise: Any = _REQUIRED) -> list[dict[str, Any]]:
    items = cast("list[Any]", _get(wire, key, list, otherwise))
    if not all(isinstance(item, dict) for item in items):
        raise KeyError(key)
    return items


def _pairs(wire: dict[str, Any], key: str) -> tuple[Attribute, ...]:
    items: list[Any] = _objects(wire, key)
    return tuple([Attribute(_get(item, "name", str), item.get("value")) for item in items])
