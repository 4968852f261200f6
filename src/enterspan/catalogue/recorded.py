"""The spans of a trace file, one after the other, as many as there may be.

Unlike the reader behind `enterspan view`, this one builds no trees: what it keeps are the spans
that are open at that place of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from enterspan._model.frozen import frozen
from enterspan._recording.traces import SpanNode, _Book, _numbered_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from enterspan._recording.traces import Problem

OWN_PREFIX: Final = "enterspan."
"""Attributes that this library sets by itself, to say what it left out."""


@frozen
class RecordedSpan:
    """A span as a file has it.

    `line` is where its last word stands. `is_whole` is False where attributes may be missing that
    it had: the file ends before the span does, or its limits left some out. `is_event` says that
    it was told in live events, and not in one line.
    """

    name: str
    attributes: dict[str, Any]
    line: int
    is_whole: bool
    is_event: bool


class Recording:
    """A trace file, open for bytes, that can be gone through once.

    `problems` and `problem_count` tell afterwards of the lines that could not be read.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._book = _Ledger()

    @property
    def problems(self) -> list[Problem]:
        """The first of the lines that could not be read."""
        return self._book.problems

    @property
    def problem_count(self) -> int:
        """How many lines could not be read."""
        return self._book.problem_count

    def spans(self) -> Iterator[RecordedSpan]:
        """Each span once it has ended; in the end those that never did.

        Raises ValueError for a file that is empty or holds no trace.
        """
        book = self._book
        number = 0
        for number, line in _numbered_lines(self._file):
            ended = book.take(number, line)
            if ended is not None:
                yield ended
        if not book.read:
            if not book.problem_count:
                raise ValueError(f"{self._name} is empty")
            first = book.problems[0]
            raise ValueError(
                f"{self._name} is not a trace file: line {first.line} is {first.reason}"
            )
        for node in book.nodes.values():
            yield RecordedSpan(node.name, _own_less(node), number, False, True)


_UNHEARD: Final = "not opened"
"""The name of a span of which the file tells without having opened it; told by identity."""


class _Ledger(_Book):
    """The spans that are open, and the one of which the last line spoke."""

    __slots__ = ("_fresh", "_last")

    def __init__(self) -> None:
        super().__init__()
        self._last: SpanNode | None = None
        self._fresh = False

    def node(self, trace_id: str, span_id: str, invocation_id: str, time_ns: int) -> SpanNode:
        """The span with these ids; a new one where none is open."""
        self._fresh = (trace_id, span_id) not in self.nodes
        node = super().node(trace_id, span_id, invocation_id, time_ns)
        if self._fresh:
            node.name = _UNHEARD
        self._last = node
        return node

    def take(self, number: int, line: bytes) -> RecordedSpan | None:
        """Read a line, and return the span that ends with it."""
        node = self._told_by(number, line)
        if node is None:
            return None
        node.streamed_notes = node.own_notes = ()  # a log is no attribute; there may be any number
        if node.name is not _UNHEARD and node.outcome is None:
            return None
        del self.nodes[node.trace_id, node.span_id]
        if node.name is _UNHEARD:
            return None
        own = any(name.startswith(OWN_PREFIX) for name in node.attributes)
        return RecordedSpan(node.name, _own_less(node), number, not own, not self._fresh)

    def _told_by(self, number: int, line: bytes) -> SpanNode | None:
        self._last = None
        self.enter(number, line)
        return self._last


def _own_less(node: SpanNode) -> dict[str, Any]:
    return {
        name: value
        for name, value in node.attributes.items()
        if value is not None and not name.startswith(OWN_PREFIX)
    }
