"""Traces that were written as JSON lines, read back into trees of spans.

A file may hold live events, finished spans, or both, of one process or of many. What it says twice
is one span. It is read line by line; kept are the spans, not the lines. Lines that are no part of a
trace, and a last line that was cut off when its process was killed, are reported and passed over.

There may be a million spans: what they have in common is kept once, and what they don't have takes
no room.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from enterspan._model.frozen import frozen
from enterspan._model.routes import routed_name
from enterspan._model.values import INT_MAX, INT_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Protocol

    class Lines(Protocol):
        """What is read: a file open for bytes, or what is put around one."""

        def readline(self, size: int = -1, /) -> bytes: ...


_LINE_BYTES: Final = 16 * 1024 * 1024
"""A longer line was not written by this library: its events are limited to much less."""
_SHOWN_PROBLEMS: Final = 10
"""Of many bad lines the first ones tell enough."""
_NO_ATTRIBUTES: Final[dict[str, Any]] = {}
"""Those of all spans that have none; nobody writes into it."""


class Note:
    """Something that happened at one moment of a span.

    `kind` is `log`, `exception`, `event` or `dropped`; `label` the log's level or the exception's
    class, `stack` the exception's formatted traceback.
    """

    __slots__ = ("attributes", "kind", "label", "stack", "text", "time_ns")

    def __init__(
        self,
        kind: str,
        time_ns: int,
        text: str,
        *,
        label: str = "",
        attributes: dict[str, Any] | None = None,
        stack: str = "",
    ) -> None:
        self.kind = kind
        self.time_ns = time_ns
        self.text = text
        self.label = label
        self.attributes = attributes or {}
        self.stack = stack


@frozen
class Link:
    """A relation of a span to another one that is not its parent, of this file or of another."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


class SpanNode:
    """A span of a file, with its children. Times are nanoseconds since the epoch.

    `end_ns` and `outcome` are None where the file ends before the span does. What belongs to the
    whole of an invocation (`info`, `status_code`, `cpu_ns`) is on its root, the span whose
    `is_invocation` is True. `status_error` is the description (it may be empty) of a span whose
    status was set to `error`, and None for all others.
    """

    __slots__ = (
        "attributes",
        "children",
        "cpu_ns",
        "end_ns",
        "info",
        "invocation_id",
        "is_invocation",
        "kind",
        "links",
        "name",
        "outcome",
        "own_notes",
        "parent_id",
        "span_id",
        "start_ns",
        "status_code",
        "status_error",
        "streamed_notes",
        "trace_id",
    )

    def __init__(self, trace_id: str, span_id: str, invocation_id: str, start_ns: int) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.invocation_id = invocation_id
        self.parent_id: str | None = None
        self.name = "?"
        self.start_ns = start_ns
        self.end_ns: int | None = None
        self.outcome: str | None = None
        self.attributes: dict[str, Any] = _NO_ATTRIBUTES
        self.children: Sequence[SpanNode] = ()
        self.is_invocation = False
        self.kind = ""
        self.links: Sequence[Link] = ()
        self.info: dict[str, Any] | None = None
        self.status_code: int | None = None
        self.cpu_ns: int | None = None
        self.status_error: str | None = None
        self.own_notes: Sequence[Note] = ()
        self.streamed_notes: Sequence[Note] = ()

    @property
    def notes(self) -> Sequence[Note]:
        """What happened in the span, in order; a span that was written twice says it once."""
        return self.streamed_notes or self.own_notes

    @property
    def duration_ns(self) -> int | None:
        """How long the span was open, in nanoseconds."""
        return None if self.end_ns is None else self.end_ns - self.start_ns

    @property
    def failed(self) -> bool:
        """Whether an exception left the span, or its status says that it failed."""
        return self.outcome == "exception" or self.status_error is not None


@frozen
class Problem:
    """A line, counted from 1, that could not be read, and why."""

    line: int
    reason: str


@frozen
class Traces:
    """What a file holds: the roots of its trees in order of their onset, and what was unreadable.

    A root is a span without a parent, or with one that is not here. `problems` has the first few of
    `problem_count`. `is_whole` is False where only some of the file's spans were asked for.
    """

    roots: tuple[SpanNode, ...]
    problems: tuple[Problem, ...]
    problem_count: int
    is_whole: bool = True


def read_traces(file: Lines, name: str) -> Traces:
    """Read a file of JSON lines, open for bytes.

    Raises ValueError, with `name` in its text, for a file that is empty or holds no trace.
    """
    book = _Book({})
    for number, line in _numbered_lines(file):
        book.enter(number, line)
    book.check_read(name)
    return Traces(tuple(_planted(book.nodes)), tuple(book.problems), book.problem_count)


def _numbered_lines(file: Lines) -> Iterator[tuple[int, bytes]]:
    number = 0
    while True:
        line = file.readline(_LINE_BYTES)
        if not line:
            return
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        yield number, line
        while len(line) == _LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(_LINE_BYTES)


def _reason(line: bytes, error: ValueError) -> str:
    if len(line) >= _LINE_BYTES:
        return f"longer than {_LINE_BYTES:,} bytes"
    return str(error) if line.endswith(b"\n") else "cut off"


_decode: Final = json.JSONDecoder().decode


def _read_line(line: bytes, book: _Book) -> bool:
    """Enter a line into the book. Raises ValueError for what belongs to no trace."""
    if not line.strip():
        return False
    try:
        wire: Any = _decode(line.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(wire, dict):
        raise ValueError("neither an event nor a span")
    found = cast("dict[str, Any]", wire)
    if found.get("type") == "span":
        _read_span(found, book)
    elif isinstance(found.get("event"), dict):
        book.read_event(found)
    else:
        raise ValueError("neither an event nor a span")
    return True


class _Book:
    """What was read of a file: its spans by their ids, and the lines that are none.

    `texts`, where given, keeps each text once that many spans have.
    """

    __slots__ = ("nodes", "problem_count", "problems", "read", "shared")

    def __init__(self, texts: dict[str, str] | None = None) -> None:
        self.nodes: dict[tuple[str, str], SpanNode] = {}
        self.problems: list[Problem] = []
        self.problem_count = 0
        self.read = 0
        self.shared: Callable[[str, str], str] = _same if texts is None else texts.setdefault

    def enter(self, number: int, line: bytes) -> None:
        """Read a line, or note what is wrong with it."""
        try:
            self.read += _read_line(line, self)
        except ValueError as error:
            self.problem_count += 1
            if self.problem_count <= _SHOWN_PROBLEMS:
                self.problems.append(Problem(number, _reason(line, error)))

    def read_event(self, wire: dict[str, Any]) -> None:
        """Read a live event. Raises ValueError for what is none."""
        _read_event(wire, self)

    def check_read(self, name: str) -> None:
        """Raise ValueError if nothing of a trace was read."""
        if self.read:
            return
        if not self.problem_count:
            raise ValueError(f"{name} is empty")
        first = self.problems[0]
        raise ValueError(f"{name} is not a trace file: line {first.line} is {first.reason}")

    def node(self, trace_id: str, span_id: str, invocation_id: str, time_ns: int) -> SpanNode:
        """The span with these ids; a new one where it was not heard of."""
        node = self.nodes.get((trace_id, span_id))
        if node is None:
            shared = self.shared
            trace_id = shared(trace_id, trace_id)
            invocation_id = shared(invocation_id, invocation_id)
            node = SpanNode(trace_id, span_id, invocation_id, time_ns)
            self.nodes[trace_id, span_id] = node
        return node

    def name(self, node: SpanNode, name: str, parent_id: str | None) -> None:
        """Give a span its name and its parent."""
        shared = self.shared
        node.name = shared(name, name)
        node.parent_id = None if parent_id is None else shared(parent_id, parent_id)

    def attributes(self, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        """The attributes of a span."""
        shared = self.shared
        return {shared(key, key): value for key, value in pairs} or _NO_ATTRIBUTES


def _same(text: str, _: str) -> str:
    return text


# --- finished spans -------------------------------------------------------------------------------


def _read_span(wire: dict[str, Any], book: _Book) -> None:
    start, end = _get(wire, "startNs", int), _get(wire, "endNs", int)
    invocation_id = _get(wire, "invocationId", str)
    notes = [_note(event) for event in _objects(wire, "events")]
    name, outcome = _get(wire, "name", str), _get(wire, "outcome", str)
    parent_id = _get_or_none(wire, "parentSpanId", str)
    attributes = _get(wire, "attributes", dict)
    links = [_link(link) for link in _objects(wire, "links")] if wire.get("links") else ()
    node = book.node(_get(wire, "traceId", str), _get(wire, "spanId", str), invocation_id, start)
    book.name(node, name, parent_id)
    node.outcome = book.shared(outcome, outcome)
    node.start_ns = start
    node.end_ns = max(end, node.end_ns or end)
    node.attributes = book.attributes(attributes.items())
    node.own_notes = notes or ()
    node.links = links
    kind = str(wire.get("kind") or "")
    node.kind = book.shared(kind, kind)
    if wire.get("status") == "error":
        node.status_error = str(wire.get("statusDescription") or "")
    node.is_invocation |= node.span_id == invocation_id


def _note(wire: dict[str, Any]) -> Note:
    """An event of a finished span: logs and exceptions are told by their attributes."""
    name, time_ns = _get(wire, "name", str), _get(wire, "timestampNs", int)
    attributes = cast("dict[str, Any]", _get(wire, "attributes", dict))
    if name == "exception" and "exception.type" in attributes:
        label = str(attributes["exception.type"]).rpartition(".")[2]
        text = str(attributes.get("exception.message", ""))
        stack, others = str(attributes.get("exception.stacktrace", "")), _others(name, attributes)
        return Note("exception", time_ns, text, label=label, attributes=others, stack=stack)
    if name == "log" and "log.message" in attributes:
        label, text = str(attributes.get("log.severity", "info")), str(attributes["log.message"])
        return Note("log", time_ns, text, label=label, attributes=_others(name, attributes))
    return Note("event", time_ns, name, attributes=attributes)


def _link(wire: dict[str, Any]) -> Link:
    attributes = _get_or_none(wire, "attributes", dict)
    return Link(_get(wire, "traceId", str), _get(wire, "spanId", str), attributes or {})


def _others(prefix: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in attributes.items() if not k.startswith(prefix + ".")}


# --- live events ----------------------------------------------------------------------------------


def _read_event(wire: dict[str, Any], book: _Book) -> None:
    event = _get(wire, "event", dict)
    context = _get(wire, "spanContext", dict)
    invocation_id, time_ns = _get(wire, "invocationId", str), _get(wire, "timestamp", int)
    trace_id, span_id = _get(context, "traceId", str), _get_or_none(context, "spanId", str)
    read = _READ.get(_get(event, "type", str))
    if read is None:
        raise ValueError(f"an event of the unknown type {event['type']!r:.50}")
    if read is _opened:
        name = _get(event, "name", str)
        node = book.node(trace_id, _get(event, "spanId", str), invocation_id, time_ns)
        book.name(node, name, span_id)
    else:
        node = book.node(trace_id, span_id or invocation_id, invocation_id, time_ns)
    read(node, event, time_ns, book)


def _opened(node: SpanNode, event: dict[str, Any], time_ns: int, book: _Book) -> None:
    node.start_ns = time_ns
    if event["type"] == "onset":
        node.is_invocation = True
        node.info = _get_or_none(event, "info", dict)
        if not node.attributes:
            node.attributes = book.attributes(_pairs(event, "attributes").items())


def _attributes(node: SpanNode, event: dict[str, Any], _: int, book: _Book) -> None:
    node.attributes = book.attributes(_pairs(event, "info").items())
    if node.is_invocation:
        node.name = routed_name(node.name, node.attributes.get("http.route"))


def _noted(node: SpanNode, note: Note) -> None:
    if node.streamed_notes:
        cast("list[Note]", node.streamed_notes).append(note)
    else:
        node.streamed_notes = [note]


def _log(node: SpanNode, event: dict[str, Any], time_ns: int, _: _Book) -> None:
    text, label = _get(event, "message", str), _get(event, "level", str)
    attributes = _pairs(event, "attributes")
    _noted(node, Note("log", time_ns, text, label=label, attributes=attributes))


def _exception(node: SpanNode, event: dict[str, Any], time_ns: int, _: _Book) -> None:
    text, label = _get(event, "message", str), _get(event, "name", str)
    stack = str(event.get("stack") or "")
    _noted(node, Note("exception", time_ns, text, label=label, stack=stack))


def _diagnostic(node: SpanNode, event: dict[str, Any], time_ns: int, _: _Book) -> None:
    text, attributes = _get(event, "channel", str), _get(event, "message", dict)
    _noted(node, Note("event", time_ns, text, attributes=attributes))


def _closed(node: SpanNode, event: dict[str, Any], time_ns: int, book: _Book) -> None:
    outcome = _get(event, "outcome", str)
    node.outcome = book.shared(outcome, outcome)
    node.end_ns = max(time_ns, node.end_ns or time_ns)


def _returned(node: SpanNode, event: dict[str, Any], _: int, __: _Book) -> None:
    info = _get_or_none(event, "info", dict)
    if info is not None:
        node.status_code = _get(info, "statusCode", int)


def _dropped(node: SpanNode, event: dict[str, Any], time_ns: int, _: _Book) -> None:
    count = _get(_get(event, "diagnostic", dict), "count", int)
    text = f"{count} event{'s' if count != 1 else ''} could not be delivered"
    _noted(node, Note("dropped", time_ns, text))


def _ended(node: SpanNode, event: dict[str, Any], time_ns: int, book: _Book) -> None:
    milliseconds = _number(event, "cpuTime")
    _closed(node, event, time_ns, book)
    node.cpu_ns = int(milliseconds * 1_000_000)


_READ: Final[dict[str, Callable[[SpanNode, dict[str, Any], int, _Book], None]]] = {
    "onset": _opened,
    "spanOpen": _opened,
    "attributes": _attributes,
    "log": _log,
    "exception": _exception,
    "diagnosticChannel": _diagnostic,
    "spanClose": _closed,
    "return": _returned,
    "streamDiagnostic": _dropped,
    "outcome": _ended,
}


# --- what a line must have ------------------------------------------------------------------------


def _get(wire: dict[str, Any], key: str, kind: type[Any]) -> Any:
    value: Any = wire.get(key)
    # What JSON gives is of these very types, and True is no number.
    if type(value) is not kind or (kind is int and not INT_MIN <= value <= INT_MAX):
        raise ValueError(f"a trace's line without a valid {key!r}")
    return value


def _number(wire: dict[str, Any], key: str) -> float:
    value: Any = wire.get(key)
    if type(value) not in (int, float) or not INT_MIN <= value <= INT_MAX:  # also nan, infinity
        raise ValueError(f"a trace's line without a valid {key!r}")
    return value  # type: ignore[no-any-return]


def _get_or_none(wire: dict[str, Any], key: str, kind: type[Any]) -> Any:
    return None if wire.get(key) is None else _get(wire, key, kind)


def _objects(wire: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = cast("list[Any]", _get(wire, key, list))
    if not all(isinstance(item, dict) for item in items):
        raise ValueError(f"a trace's line without a valid {key!r}")
    return items


def _pairs(wire: dict[str, Any], key: str) -> dict[str, Any]:
    return {_get(item, "name", str): item.get("value") for item in _objects(wire, key)}


# --- trees ----------------------------------------------------------------------------------------


def _planted(nodes: dict[tuple[str, str], SpanNode]) -> list[SpanNode]:
    """Give each span its children, in order, and return the roots."""
    by_start = sorted(nodes.values(), key=_start)
    roots: list[SpanNode] = []
    for node in by_start:
        parent = nodes.get((node.trace_id, node.parent_id or ""))
        if parent is None:
            roots.append(node)
        elif parent.children:
            _list_of(parent).append(node)
        else:
            parent.children = [node]
    reached = _below(roots)
    for node in by_start:  # spans that are each other's parents: the first of them is a root
        if node not in reached:
            _list_of(nodes[node.trace_id, node.parent_id or ""]).remove(node)
            roots.append(node)
            reached |= _below([node])
    return sorted(roots, key=_start)


def _list_of(parent: SpanNode) -> list[SpanNode]:
    return cast("list[SpanNode]", parent.children)


def _start(node: SpanNode) -> int:
    return node.start_ns


def _below(nodes: Iterable[SpanNode]) -> set[SpanNode]:
    found: set[SpanNode] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.children
    return found
