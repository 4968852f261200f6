"""Traces that were written as JSON lines, read back into trees of spans.

A file may hold live events, finished spans, or both, of one process or of many. What it says twice
is one span. It is read line by line; kept are the spans, not the lines. Lines that are no part of a
trace, and a last line that was cut off when its process was killed, are reported and passed over.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from enterspan._frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

_LINE_BYTES: Final = 16 * 1024 * 1024
"""A longer line was not written by this library: its events are limited to much less."""
_SHOWN_PROBLEMS: Final = 10
"""Of many bad lines the first ones tell enough."""


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
    `is_invocation` is True.
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
        self.attributes: dict[str, Any] = {}
        self.children: list[SpanNode] = []
        self.is_invocation = False
        self.kind = ""
        self.links: Sequence[Link] = ()
        self.info: dict[str, Any] | None = None
        self.status_code: int | None = None
        self.cpu_ns: int | None = None
        self.own_notes: list[Note] = []
        self.streamed_notes: list[Note] = []

    @property
    def notes(self) -> list[Note]:
        """What happened in the span, in order; a span that was written twice says it once."""
        return self.streamed_notes or self.own_notes

    @property
    def duration_ns(self) -> int | None:
        """How long the span was open, in nanoseconds."""
        return None if self.end_ns is None else self.end_ns - self.start_ns


@frozen
class Problem:
    """A line, counted from 1, that could not be read, and why."""

    line: int
    reason: str


@frozen
class Traces:
    """What a file holds: the roots of its trees in order of their onset, and what was unreadable.

    A root is a span without a parent, or with one that is not in the file. `problems` has the first
    few of `problem_count`.
    """

    roots: tuple[SpanNode, ...]
    problems: tuple[Problem, ...]
    problem_count: int


def read_traces(file: BinaryIO, name: str) -> Traces:
    """Read a file of JSON lines, open for bytes.

    Raises ValueError, with `name` in its text, for a file that is empty or holds no trace.
    """
    book = _Book()
    for number, line in _numbered_lines(file):
        book.enter(number, line)
    if not book.read:
        if not book.problem_count:
            raise ValueError(f"{name} is empty")
        first = book.problems[0]
        raise ValueError(f"{name} is not a trace file: line {first.line} is {first.reason}")
    return Traces(tuple(_planted(book.nodes)), tuple(book.problems), book.problem_count)


def _numbered_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
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


def _read_line(line: bytes, book: _Book) -> bool:
    """Enter a line into the book. Raises ValueError for what belongs to no trace."""
    if not line.strip():
        return False
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
    if found.get("type") == "span":
        _read_span(found, book)
    elif isinstance(found.get("event"), dict):
        _read_event(found, book)
    else:
        raise ValueError("neither an event nor a span")
    return True


class _Book:
    """What was read of a file: its spans by their ids, and the lines that are none."""

    __slots__ = ("nodes", "problem_count", "problems", "read")

    def __init__(self) -> None:
        self.nodes: dict[tuple[str, str], SpanNode] = {}
        self.problems: list[Problem] = []
        self.problem_count = 0
        self.read = 0

    def enter(self, number: int, line: bytes) -> None:
        """Read a line, or note what is wrong with it."""
        try:
            self.read += _read_line(line, self)
        except ValueError as error:
            self.problem_count += 1
            if self.problem_count <= _SHOWN_PROBLEMS:
                self.problems.append(Problem(number, _reason(line, error)))

    def node(self, trace_id: str, span_id: str, invocation_id: str, time_ns: int) -> SpanNode:
        """The span with these ids; a new one where it was not heard of."""
        node = self.nodes.get((trace_id, span_id))
        if node is None:
            node = SpanNode(trace_id, span_id, invocation_id, time_ns)
            self.nodes[trace_id, span_id] = node
        return node


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
    node.name, node.outcome = name, outcome
    node.start_ns = start
    node.end_ns = max(end, node.end_ns or end)
    node.parent_id = parent_id
    node.attributes = attributes
    node.own_notes = notes
    node.links = links
    node.kind = str(wire.get("kind") or "")
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
        node = book.node(trace_id, _get(event, "spanId", str), invocation_id, time_ns)
        node.parent_id = span_id
    else:
        node = book.node(trace_id, span_id or invocation_id, invocation_id, time_ns)
    read(node, event, time_ns)


def _opened(node: SpanNode, event: dict[str, Any], time_ns: int) -> None:
    node.name = _get(event, "name", str)
    node.start_ns = time_ns
    if event["type"] == "onset":
        node.is_invocation = True
        node.info = _get_or_none(event, "info", dict)
        if not node.attributes:
            node.attributes = _pairs(event, "attributes")


def _attributes(node: SpanNode, event: dict[str, Any], _: int) -> None:
    node.attributes = _pairs(event, "info")


def _log(node: SpanNode, event: dict[str, Any], time_ns: int) -> None:
    text, label = _get(event, "message", str), _get(event, "level", str)
    attributes = _pairs(event, "attributes")
    node.streamed_notes.append(Note("log", time_ns, text, label=label, attributes=attributes))


def _exception(node: SpanNode, event: dict[str, Any], time_ns: int) -> None:
    text, label = _get(event, "message", str), _get(event, "name", str)
    stack = str(event.get("stack") or "")
    node.streamed_notes.append(Note("exception", time_ns, text, label=label, stack=stack))


def _diagnostic(node: SpanNode, event: dict[str, Any], time_ns: int) -> None:
    text, attributes = _get(event, "channel", str), _get(event, "message", dict)
    node.streamed_notes.append(Note("event", time_ns, text, attributes=attributes))


def _closed(node: SpanNode, event: dict[str, Any], time_ns: int) -> None:
    node.outcome = _get(event, "outcome", str)
    node.end_ns = max(time_ns, node.end_ns or time_ns)


def _returned(node: SpanNode, event: dict[str, Any], _: int) -> None:
    info = _get_or_none(event, "info", dict)
    if info is not None:
        node.status_code = _get(info, "statusCode", int)


def _dropped(node: SpanNode, event: dict[str, Any], time_ns: int) -> None:
    count = _get(_get(event, "diagnostic", dict), "count", int)
    text = f"{count} event{'s' if count != 1 else ''} could not be delivered"
    node.streamed_notes.append(Note("dropped", time_ns, text))


def _ended(node: SpanNode, event: dict[str, Any], time_ns: int) -> None:
    _closed(node, event, time_ns)
    node.cpu_ns = int(_get(event, "cpuTime", (int, float)) * 1_000_000)


_READ: Final[dict[str, Callable[[SpanNode, dict[str, Any], int], None]]] = {
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


def _get(wire: dict[str, Any], key: str, kind: type[Any] | tuple[type[Any], ...]) -> Any:
    value = wire.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"a trace's line without a valid {key!r}")
    return value


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
        (roots if parent is None else parent.children).append(node)
    reached = _below(roots)
    for node in by_start:  # spans that are each other's parents: the first of them is a root
        if node not in reached:
            nodes[node.trace_id, node.parent_id or ""].children.remove(node)
            roots.append(node)
            reached |= _below([node])
    return sorted(roots, key=_start)


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
