"""Assembles the spans of a trace file from its lines.

A file may contain live events, finished spans, or both, of one or many processes. All data with the
same span id is one span. If a file has both forms of a span, the finished span's line is used, and
the events add what it lacks: the invocation's info, return, outcome and CPU time. Events of a span
that is not opened in the file are skipped.

`read_recording` returns the whole file, as trees. `Stream` yields each span when it has ended, and
only keeps open spans, and about nine bytes for each yielded one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from enterspan._model.records import SpanData, SpanEvent
from enterspan._model.routes import routed_name
from enterspan._recording.wire import Reader, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO, TypeAlias

    from enterspan._model.records import SpanLink
    from enterspan._recording.wire import Lines, Parsed, Problem
    from enterspan.events import TailEvent

    Key: TypeAlias = tuple[int, int]

_NO_ATTRIBUTES: Final[Mapping[str, Any]] = {}
_NOT_OPENED: Final = -1
_INVOCATIONS_KEPT: Final = 1_000
"""How many ended invocations are kept for spans without an end so far."""
_SPANS_KEPT: Final = 10_000
"""How many ended spans are kept until their own line comes."""
_KINDS: Final = {
    "fetch": "server",
    "connect": "server",
    "rpc": "server",
    "webSocket": "server",
    "queue": "consumer",
    "email": "consumer",
}
"""The kind of an invocation's root span, by the type of its info."""


class RecordedSpan:
    """A span read from a file. Times are nanoseconds since the epoch.

    `resource` identifies its process. `outcome` is None if the span has no end in the file.
    `status_error` is the description, which may be empty, of a span whose status is `error`;
    `trace_flags` are those of its events. The root of an invocation has `is_invocation`, and may
    have `info`, `status_code`, `cpu_ns` and `undelivered` (when, and how many events were dropped).
    Trees have `children`; streams set `parent`, if known.
    """

    __slots__ = (
        "attributes",
        "children",
        "cpu_ns",
        "end_ns",
        "events",
        "has_line",
        "info",
        "invocation_id",
        "is_invocation",
        "kind",
        "links",
        "name",
        "outcome",
        "parent",
        "parent_id",
        "resource",
        "span_id",
        "start_ns",
        "status_code",
        "status_error",
        "trace_flags",
        "trace_id",
        "undelivered",
    )

    def __init__(self, trace_id: int, span_id: int, invocation_id: str) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.invocation_id = invocation_id
        self.parent_id: int | None = None
        self.parent: RecordedSpan | None = None
        self.name = ""
        self.start_ns: int = _NOT_OPENED
        self.end_ns: int | None = None
        self.outcome: str | None = None
        self.attributes: Mapping[str, Any] = _NO_ATTRIBUTES
        self.events: Sequence[SpanEvent] = ()
        self.links: Sequence[SpanLink] = ()
        self.children: Sequence[RecordedSpan] = ()
        self.kind = "internal"
        self.resource: Mapping[str, Any] = _NO_ATTRIBUTES
        self.status_error: str | None = None
        self.trace_flags: int | None = None
        self.has_line = False
        self.is_invocation = False
        self.info: dict[str, Any] | None = None
        self.status_code: int | None = None
        self.cpu_ns: int | None = None
        self.undelivered: tuple[int, int] | None = None

    @property
    def key(self) -> Key:
        """The identity of the span in its file."""
        return self.trace_id, self.span_id

    @property
    def duration_ns(self) -> int | None:
        """The duration in nanoseconds."""
        if self.outcome is None or self.end_ns is None:
            return None
        return self.end_ns - self.start_ns

    @property
    def failed(self) -> bool:
        """Whether an exception left the span, or its status is `error`."""
        return self.outcome == "exception" or self.status_error is not None


@dataclass(frozen=True, slots=True)
class Recording:
    """The content of a file: the roots of its trees in order of start, and the bad lines.

    A root is a span whose parent is absent. `problems` has the first few of `problem_count`.
    `is_whole` is False if a filter left spans out.
    """

    roots: tuple[RecordedSpan, ...]
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
    is_whole: bool = True

    def spans(self) -> Iterator[RecordedSpan]:
        """All spans, in the order of the trees."""
        waiting = list(reversed(self.roots))
        while waiting:
            span = waiting.pop()
            yield span
            waiting += reversed(span.children)


def read_recording(file: Lines, name: str) -> Recording:
    """Read a whole file, open for bytes.

    Raises ValueError, with `name` in its text, for a file that is empty or not a trace.
    """
    reader = Reader(name)
    recording = recording_of(reader.read(file))
    return Recording(recording.roots, tuple(reader.problems), reader.problem_count)


def recording_of(parsed: Iterable[Parsed]) -> Recording:
    """All parsed spans, as trees."""
    assembler = Assembler(shared={})
    for found in parsed:
        assembler.add(found)
    return Recording(roots_of(assembler.spans))


# --- merging --------------------------------------------------------------------------------------


class Assembler:
    """Merges events and lines into spans; `spans` has them by their ids.

    With `shared`, equal texts and ids are stored once. Without `events`, the logs, exceptions and
    other events of spans are left out.
    """

    def __init__(self, shared: dict[Any, Any] | None = None, *, events: bool = True) -> None:
        self.spans: dict[Key, RecordedSpan] = {}
        self._share: Callable[[Any, Any], Any] = _first if shared is None else shared.setdefault
        self._events = events
        self._resources: dict[str, Mapping[str, Any]] = {}  # of open invocations

    def add(self, found: Parsed) -> RecordedSpan:
        """Merge an event or a line into its span, and return the span."""
        if isinstance(found, SpanData):
            return self.add_line(key_of(found), found)
        return self.add_event(key_of(found), found)

    def _span(self, key: Key, invocation_id: str) -> RecordedSpan:
        span = self.spans.get(key)
        if span is None:
            share, (trace_id, span_id) = self._share, key
            trace_id = share(trace_id, trace_id)
            span = RecordedSpan(trace_id, span_id, share(invocation_id, invocation_id))
            self.spans[trace_id, span_id] = span
        return span

    def _attributes(self, pairs: Iterable[tuple[str, Any]]) -> Mapping[str, Any]:
        share = self._share
        return {share(key, key): value for key, value in pairs} or _NO_ATTRIBUTES

    def add_line(self, key: Key, line: SpanData) -> RecordedSpan:
        """Merge the line of a finished span."""
        span, share = self._span(key, line.invocation_id), self._share
        span.has_line = True
        span.name = share(line.name, line.name)
        span.kind = share(line.kind, line.kind)
        span.parent_id = share(line.parent_span_id, line.parent_span_id)
        span.start_ns = line.start_ns
        if span.cpu_ns is None:
            span.outcome, span.end_ns = share(line.outcome, line.outcome), line.end_ns
        else:  # the outcome of the invocation
            span.end_ns = max(line.end_ns, span.end_ns or 0)
        span.attributes = self._attributes(line.attributes.items())
        span.events = line.events if self._events else ()
        span.links = line.links
        span.resource = line.resource
        if line.status == "error":
            span.status_error = line.status_description
        span.is_invocation |= f"{key[1]:016x}" == line.invocation_id
        return span

    def add_event(self, key: Key, event: TailEvent[Any]) -> RecordedSpan:
        """Merge an event of a span."""
        span = self._span(key, event.invocation_id)
        merge = _MERGE.get(event.event.type)
        if merge is not None:
            merge(self, span, event)
        elif self._events and not span.has_line:
            cast("list[SpanEvent]", span.events or _listed(span)).append(_span_event(event))
        return span

    def opened(self, span: RecordedSpan, event: TailEvent[Any]) -> None:
        """Add a span that has begun."""
        opening, parent_id = event.event, event.span_context.span_id
        if not span.has_line:
            span.name = self._share(opening.name, opening.name)
            if parent_id is not None:
                number = int(parent_id, 16)
                span.parent_id = self._share(number, number)
            span.start_ns = event.timestamp
            span.trace_flags = event.span_context.trace_flags
        if opening.type != "onset":
            span.resource = span.resource or self._resources.get(span.invocation_id, span.resource)
            return
        if opening.resource:
            span.resource = span.resource or opening.resource
            self._resources[span.invocation_id] = span.resource
            if len(self._resources) > _SPANS_KEPT:  # of invocations whose outcome never came
                del self._resources[next(iter(self._resources))]
        span.is_invocation = True
        span.info = opening.info
        if not span.has_line:
            span.kind = _KINDS.get(str((opening.info or {}).get("type")), "internal")
            if not span.attributes:
                self.attributes(span, opening.attributes)
            self._route(span)

    def attributes_sent(self, span: RecordedSpan, event: TailEvent[Any]) -> None:
        """Set the attributes that were sent at the end of a span."""
        if not span.has_line:
            self.attributes(span, event.event.info)
            self._route(span)

    def attributes(self, span: RecordedSpan, pairs: Iterable[Any]) -> None:
        """Set the attributes of a span."""
        span.attributes = self._attributes([(pair.name, pair.value) for pair in pairs])

    def _route(self, span: RecordedSpan) -> None:
        if span.is_invocation:
            span.name = routed_name(span.name, span.attributes.get("http.route"))

    def closed(self, span: RecordedSpan, event: TailEvent[Any]) -> None:
        """Record the end of a span."""
        if not span.has_line:
            span.outcome = self._share(event.event.outcome, event.event.outcome)
            span.end_ns = event.timestamp

    def ended(self, span: RecordedSpan, event: TailEvent[Any]) -> None:
        """Record the end of an invocation."""
        self._resources.pop(span.invocation_id, None)
        span.outcome = self._share(event.event.outcome, event.event.outcome)
        span.end_ns = max(event.timestamp, span.end_ns or 0)
        span.cpu_ns = event.event.cpu_time

    def returned(self, span: RecordedSpan, event: TailEvent[Any]) -> None:
        """Record the return of an invocation."""
        info = event.event.info
        if info is not None:
            span.status_code = info.status_code

    def dropped(self, span: RecordedSpan, event: TailEvent[Any]) -> None:
        """Record that events of an invocation were dropped."""
        span.undelivered = event.timestamp, event.event.diagnostic.count


_MERGE: Final[dict[str, Callable[[Assembler, RecordedSpan, TailEvent[Any]], None]]] = {
    "onset": Assembler.opened,
    "spanOpen": Assembler.opened,
    "attributes": Assembler.attributes_sent,
    "spanClose": Assembler.closed,
    "return": Assembler.returned,
    "streamDiagnostic": Assembler.dropped,
    "outcome": Assembler.ended,
}
_OPENING: Final = frozenset({"onset", "spanOpen"})
_CLOSING: Final = frozenset({"spanClose", "outcome"})


def _first(value: object, _: object) -> object:
    return value


def _listed(span: RecordedSpan) -> list[SpanEvent]:
    made: list[SpanEvent] = []
    span.events = made
    return made


def key_of(found: Parsed) -> Key:
    """The ids of the span of an event or a line."""
    if isinstance(found, SpanData):
        return found.context.trace_id, found.context.span_id
    context, event = found.span_context, found.event
    span_id = event.span_id if event.type in _OPENING else context.span_id or found.invocation_id
    return int(context.trace_id, 16), int(span_id, 16)


def _span_event(event: TailEvent[Any]) -> SpanEvent:
    """Convert a log, an exception or another event to an event of a finished span."""
    said, moment = event.event, event.timestamp
    if said.type == "log":
        attributes = {"log.severity": said.level, "log.message": said.message}
        attributes.update({pair.name: pair.value for pair in said.attributes})
        return SpanEvent("log", moment, attributes)
    if said.type == "exception":
        names = ("exception.type", "exception.message", "exception.stacktrace")
        texts = (said.name, said.message, said.stack)
        return SpanEvent("exception", moment, dict(zip(names, texts, strict=True)))
    return SpanEvent(said.channel, moment, said.message)


# --- trees ----------------------------------------------------------------------------------------


def roots_of(spans: Mapping[Key, RecordedSpan]) -> tuple[RecordedSpan, ...]:
    """Link each span to its children, in order of start, and return the roots."""
    by_start = sorted([s for s in spans.values() if s.start_ns != _NOT_OPENED], key=_start)
    roots: list[RecordedSpan] = []
    for span in by_start:
        parent = spans.get((span.trace_id, span.parent_id or 0))
        if parent is None or parent.start_ns == _NOT_OPENED or not span.parent_id:
            roots.append(span)
        elif parent.children:
            cast("list[RecordedSpan]", parent.children).append(span)
        else:
            parent.children = [span]
    reached = set(_below(roots))
    for span in by_start if len(reached) < len(by_start) else ():
        if span not in reached:  # spans that are each other's parents: the first one is a root
            parent = spans[span.trace_id, span.parent_id or 0]
            cast("list[RecordedSpan]", parent.children).remove(span)
            roots.append(span)
            reached.update(_below([span]))
    return tuple(sorted(roots, key=_start))


def _start(span: RecordedSpan) -> int:
    return span.start_ns


def _below(spans: Iterable[RecordedSpan]) -> Iterator[RecordedSpan]:
    waiting = list(spans)
    while waiting:
        span = waiting.pop()
        yield span
        waiting += span.children


# --- streams --------------------------------------------------------------------------------------


class SpanIds:
    """A set of ids, with about nine bytes each."""

    def __init__(self) -> None:
        self._parts: dict[int, array[int]] = {}

    def add(self, key: object) -> bool:
        """Add an id, and return whether it is new."""
        part, at, number = self._place(key)
        if at < len(part) and part[at] == number:
            return False
        part.insert(at, number)
        return True

    def __contains__(self, key: object) -> bool:
        part, at, number = self._place(key)
        return at < len(part) and part[at] == number

    def _place(self, key: object) -> tuple[array[int], int, int]:
        number = hash(key)
        part = self._parts.get(number & 0xFF)
        if part is None:
            part = self._parts[number & 0xFF] = array("q")
        return part, bisect_left(part, number), number


def ids_with_lines(*files: BinaryIO) -> SpanIds:
    """The ids of the finished spans of files that have events as well.

    Files of one form are not parsed. The files are rewound afterwards.
    """
    ids = SpanIds()
    are_mixed = _are_mixed(files)
    for file in files:
        file.seek(0)
        if not are_mixed:
            continue
        reader = Reader("")
        for line in _readable_lines(file):
            found = reader.take(line) if b'"span"' in line else None
            if isinstance(found, SpanData):
                ids.add(key_of(found))
        file.seek(0)
    return ids


def _are_mixed(files: Iterable[BinaryIO]) -> bool:
    has_spans = has_events = False
    for file in files:
        for line in _readable_lines(file):
            has_spans = has_spans or b'"span"' in line
            has_events = has_events or b'"event"' in line
            if has_spans and has_events:
                return True
    return False


def _readable_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines up to an error, which is reported when the file is read again."""
    try:
        yield from lines_of(file)
    except OSError:
        return


class _Invocation:
    """An invocation with open spans: their ids, and the time of its last event."""

    __slots__ = ("last_ns", "open")

    def __init__(self) -> None:
        self.last_ns = 0
        self.open: set[Key] = set()


class Stream:
    """Yields each span of a file once: when it has ended, or at the end, without an outcome.

    A span whose id is in `with_lines` is yielded with its line, others with what comes first.
    """

    def __init__(self, with_lines: SpanIds | None = None, *, events: bool = True) -> None:
        self._assembler = Assembler(events=events)
        self._spans = self._assembler.spans
        self._with_lines = SpanIds() if with_lines is None else with_lines
        self._given = SpanIds()
        self._invocations: dict[str, _Invocation] = {}
        self._over: deque[str] = deque()
        self._awaiting: deque[Key] = deque()

    def spans(self, parsed: Iterable[Parsed]) -> Iterator[RecordedSpan]:
        """The spans of a whole file."""
        for found in parsed:
            yield from self.take(found)
        yield from self.rest()

    def take(self, found: Parsed) -> Sequence[RecordedSpan]:
        """Merge an event or a line, and return the spans that it completes."""
        key = key_of(found)
        if isinstance(found, SpanData):
            return self._complete(key, self._placed(self._assembler.add_line(key, found)))
        kind = found.event.type
        invocation = self._invocations.get(found.invocation_id)
        if invocation is not None:
            invocation.last_ns = max(invocation.last_ns, found.timestamp)
        if kind in _OPENING:
            self._open(found, key, invocation or _Invocation())
            return ()
        complete: Sequence[RecordedSpan] = ()
        if key in self._spans:
            span = self._assembler.add_event(key, found)
            if kind in _CLOSING:
                complete = self._closed(key, span)
        if kind == "outcome" and invocation is not None:
            complete = [*self._leave(found.invocation_id), *complete]
        return complete

    def rest(self) -> Iterator[RecordedSpan]:
        """The spans that never ended, innermost first; called once, after the last line."""
        for span in reversed(list(self._spans.values())):
            yield from self._unfinished(span)

    def _placed(self, span: RecordedSpan) -> RecordedSpan:
        """Link a span to its parent, if present."""
        if span.parent is None and span.parent_id is not None:
            parent = self._spans.get((span.trace_id, span.parent_id))
            span.parent = None if parent is span else parent
        return span

    def _open(self, found: TailEvent[Any], key: Key, invocation: _Invocation) -> None:
        if key in self._given:
            return
        self._placed(self._assembler.add_event(key, found))
        invocation.last_ns = max(invocation.last_ns, found.timestamp)
        invocation.open.add(key)
        self._invocations[found.invocation_id] = invocation

    def _closed(self, key: Key, span: RecordedSpan) -> Sequence[RecordedSpan]:
        """Handle a span's end by events; if its line is expected, that is used instead."""
        if key not in self._with_lines:
            return self._complete(key, span)
        self._forget(key, span)
        self._awaiting.append(key)
        if len(self._awaiting) > _SPANS_KEPT:
            self._spans.pop(self._awaiting.popleft(), None)
        return ()

    def _complete(self, key: Key, span: RecordedSpan) -> Sequence[RecordedSpan]:
        self._forget(key, span)
        del self._spans[key]
        return (span,) if self._given.add(key) else ()

    def _forget(self, key: Key, span: RecordedSpan) -> None:
        invocation = self._invocations.get(span.invocation_id)
        if invocation is not None:
            invocation.open.discard(key)

    def _leave(self, invocation_id: str) -> Sequence[RecordedSpan]:
        """Handle an invocation's end: its open spans can only end by their lines."""
        if not self._invocations[invocation_id].open:
            del self._invocations[invocation_id]
            return ()
        self._over.append(invocation_id)
        if len(self._over) <= _INVOCATIONS_KEPT:
            return ()
        oldest = self._over.popleft()
        left = [self._spans[key] for key in self._invocations[oldest].open]
        found = [span for each in left for span in self._unfinished(each)]
        del self._invocations[oldest]
        return found

    def _unfinished(self, span: RecordedSpan) -> Sequence[RecordedSpan]:
        """Set the end of an unfinished span to the last event of its invocation."""
        del self._spans[span.key]
        if span.outcome is not None or not self._given.add(span.key):
            return ()
        invocation = self._invocations[span.invocation_id]
        span.end_ns = max(invocation.last_ns, span.start_ns)
        return (span,)
