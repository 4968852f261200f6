"""The spans of a trace file as they end, one after the other, as many as there may be.

Kept are the spans that are open at that place of the file, and of each invocation some bytes: in
which of its two forms the file told it first. What it tells in the other form as well is passed
over, so that no span is counted twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from enterspan._recording.traces import Traces, _Book, _numbered_lines, _planted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enterspan._recording.select import Selection
    from enterspan._recording.traces import Lines, SpanNode

    Key = tuple[str, str]

_MOST_ABOVE: Final = 1_000
"""A span that is deeper than this is told with the innermost of those around it."""


class EndedSpans:
    """A trace file, or what has been written of one, gone through once.

    A span comes out when it has ended; what belongs to it is then complete, but for what an
    invocation's other form would add.
    """

    def __init__(self) -> None:
        self._book = _OpenSpans()

    @property
    def book(self) -> _Book:
        """What was read so far: the spans that are open, and the lines that are no part of it."""
        return self._book

    def of(self, file: Lines, name: str) -> Iterator[SpanNode]:
        """Each span of a file that has ended.

        Raises ValueError, with `name` in its text, for a file that is empty or holds no trace.
        """
        for number, line in _numbered_lines(file):
            span = self._book.take(number, line)
            if span is not None:
                yield span
        self._book.forget_last()
        self._book.check_read(name)

    def take(self, number: int, line: bytes) -> SpanNode | None:
        """Read one line; return the span that ends with it."""
        return self._book.take(number, line)

    def around(self, span: SpanNode) -> Iterator[SpanNode]:
        """The spans around one that has just ended, innermost first, as far as they are known."""
        for _ in range(_MOST_ABOVE):
            above = self._book.known((span.trace_id, span.parent_id or ""))
            if above is None or above is span:
                return
            yield above
            span = above


_UNHEARD: Final = "not opened"
"""The name of a span of which a file tells without having opened it; told by identity."""


class _OpenSpans(_Book):
    """The spans that are open, and the one of which the last line spoke."""

    __slots__ = ("_children", "_ended", "_exported", "_last", "_open", "_outlived", "_streamed")

    def __init__(self) -> None:
        super().__init__()
        self._last: SpanNode | None = None
        self._ended: SpanNode | None = None
        self._open: dict[str, dict[Key, None]] = {}  # what is kept of each invocation
        self._children: dict[Key, int] = {}  # how many of a span's children are open
        self._outlived: dict[Key, SpanNode] = {}  # spans that ended before their children
        self._streamed: set[int] = set()
        self._exported: set[int] = set()

    def node(self, trace_id: str, span_id: str, invocation_id: str, time_ns: int) -> SpanNode:
        """The span with these ids; a new one where none is open."""
        self._last = node = super().node(trace_id, span_id, invocation_id, time_ns)
        if node.name == "?" and node.parent_id is None:
            node.name = _UNHEARD
        return node

    def known(self, key: Key) -> SpanNode | None:
        """The span with these ids, if it is open or one of its children is."""
        return self.nodes.get(key) or self._outlived.get(key)

    def take(self, number: int, line: bytes) -> SpanNode | None:
        """Read a line, and return the span that ends with it."""
        self.forget_last()
        before = len(self.nodes)
        node = self._told_by(number, line)
        if node is None:
            return None
        key = (node.trace_id, node.span_id)
        is_new = len(self.nodes) > before
        # Only a finished span is named and ends in one line.
        is_line = is_new and node.outcome is not None and node.name is not _UNHEARD
        passed_over = node.name is _UNHEARD or self._is_told(node, is_line=is_line)
        if is_new and (passed_over or is_line):
            del self.nodes[key]
        if passed_over:
            return None
        if not is_line:
            self._told(node, key, is_new=is_new)
        return None if node.outcome is None else node

    def _told_by(self, number: int, line: bytes) -> SpanNode | None:
        self._last = None
        self.enter(number, line)
        return self._last

    def _is_told(self, node: SpanNode, *, is_line: bool) -> bool:
        """Whether the file tells this invocation in its other form."""
        invocation = hash(node.invocation_id)
        mine, other = self._streamed, self._exported
        if is_line:
            mine, other = other, mine
        if invocation in mine:
            return False
        if invocation in other:
            return True
        mine.add(invocation)
        return False

    def _told(self, node: SpanNode, key: Key, *, is_new: bool) -> None:
        """Note what an event has told: that a span is open, or that it has ended."""
        if is_new:
            self._open.setdefault(node.invocation_id, {})[key] = None
            self._count(node, 1)
        if node.outcome is None:
            return
        self.nodes.pop(key, None)
        self._ended = node

    def forget_last(self) -> None:
        """Forget the span that has just ended; until now it was known what is around it."""
        node, self._ended = self._ended, None
        if node is None:
            return
        key = (node.trace_id, node.span_id)
        if self._children.get(key):
            self._outlived[key] = node
        else:
            self._leave(node, key)
        if node.span_id == node.invocation_id:
            for left in self._open.pop(node.invocation_id, ()):
                self.nodes.pop(left, None)
                self._outlived.pop(left, None)
                self._children.pop(left, None)

    def _leave(self, node: SpanNode, key: Key) -> None:
        """Forget a span that nothing is open in, and those around that waited for it."""
        leaving: SpanNode | None = node
        while leaving is not None:
            self._open.get(leaving.invocation_id, {}).pop(key, None)
            above = (leaving.trace_id, leaving.parent_id or "")
            left = self._count(leaving, -1)
            leaving, key = (None if left else self._outlived.pop(above, None)), above

    def _count(self, node: SpanNode, change: int) -> int:
        """Count a span among the open children of its parent; return how many there are."""
        if node.parent_id is None:
            return 0
        key = (node.trace_id, node.parent_id)
        count = self._children.get(key, 0) + change
        if count > 0:
            self._children[key] = count
        else:
            self._children.pop(key, None)
        return count


# --- a tree of some of them -----------------------------------------------------------------------


def read_selected(file: Lines, name: str, selection: Selection) -> Traces:
    """Read the spans of a file that are asked for, with the spans around them.

    Kept are these, and those that are open. Raises ValueError, with `name` in its text, for a file
    that is empty or holds no trace.
    """
    spans = EndedSpans()
    sieve = _Sieve(selection.takes, spans)
    for span in spans.of(file, name):
        sieve.take(span)
    sieve.take_open()
    book = spans.book
    problems = tuple(book.problems)
    return Traces(tuple(_planted(sieve.kept)), problems, book.problem_count, is_whole=False)


class _Sieve:
    """Keeps the spans that are asked for, and those that they are in.

    In events a span is open around its children, so what is around a kept one is kept as it is and
    completed by what the file says later; the line of a finished span comes after those of its
    children, which have then said that it will be wanted.
    """

    def __init__(self, takes: Callable[[SpanNode], bool], spans: EndedSpans) -> None:
        self.kept: dict[Key, SpanNode] = {}
        self._wanted: set[Key] = set()
        self._takes = takes
        self._spans = spans

    def take(self, span: SpanNode) -> None:
        """Keep a span that has ended, or let it go."""
        key = (span.trace_id, span.span_id)
        if key in self._wanted:
            self._wanted.discard(key)
        elif key not in self.kept and not self._takes(span):
            return
        self._keep(key, span)

    def take_open(self) -> None:
        """Keep of the spans that never ended those that are asked for."""
        for key, span in list(self._spans.book.nodes.items()):
            if span.name != _UNHEARD and self._takes(span):
                self._keep(key, span)

    def _keep(self, key: Key, span: SpanNode) -> None:
        self.kept[key] = span
        outermost = span
        for above in self._spans.around(span):
            outermost = above
            above_key = (above.trace_id, above.span_id)
            if above_key in self.kept:
                return
            self.kept[above_key] = above
        if outermost.parent_id is not None:
            parent_key = (outermost.trace_id, outermost.parent_id)
            if parent_key not in self.kept:
                self._wanted.add(parent_key)
