"""The trees of a file, as text: each span with its duration, attributes and failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from enterspan._terminal import (
    BOLD,
    BOLD_RED,
    DIM,
    GUTTER,
    PLAIN,
    RED,
    YELLOW,
    attribute_pieces,
    counted,
    duration_style,
    duration_text,
    gutter,
    info_text,
    level_style,
    outcome_style,
    status_style,
)
from enterspan._traces import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from enterspan._terminal import Piece, Screen
    from enterspan._traces import SpanNode, Traces

_MARGIN: Final = GUTTER + 2
_BRANCH_COLUMNS: Final = 3


def tree_lines(traces: Traces, screen: Screen) -> Iterator[str]:
    """Draw every tree, one after the other, with an empty line around those of several lines."""
    artist = _Artist(screen, traces.roots)
    before: SpanNode | None = None
    for root in traces.roots:
        if before is not None and (_has_more(before) or _has_more(root)):
            yield ""
        yield from artist.drawn(root)
        before = root


def _has_more(root: SpanNode) -> bool:
    return bool(root.children or root.notes)


class _Place:
    """Where in its tree a line is: whether more follows at each level above it."""

    __slots__ = ("above", "depth", "is_last")

    def __init__(self, above: _Place | None, *, is_last: bool) -> None:
        self.above = above
        self.is_last = is_last
        self.depth: int = 0 if above is None else above.depth + 1


class _Artist:
    """Draws the trees of one file."""

    def __init__(self, screen: Screen, roots: Iterable[SpanNode]) -> None:
        self._screen = screen
        self._glyphs = screen.glyphs
        self._most = max((screen.width - _MARGIN) // 2 // _BRANCH_COLUMNS, 2)
        self._spans: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        self._count(roots)

    def _count(self, roots: Iterable[SpanNode]) -> None:
        """Count the spans of each invocation."""
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            waiting += node.children
            key = node.invocation_id
            self._spans[key] = self._spans.get(key, 0) + 1
            self._failed[key] = self._failed.get(key, 0) + (node.outcome == "exception")

    def drawn(self, root: SpanNode) -> Iterator[str]:
        """Draw one tree; a stack of its own takes it as deep as it may be."""
        waiting: list[tuple[SpanNode | Note, _Place]] = [(root, _Place(None, is_last=True))]
        while waiting:
            item, place = waiting.pop()
            if isinstance(item, Note):
                yield self._note_line(item, place)
                continue
            failure = _failure(item)
            yield self._span_line(item, failure, place)
            is_last = True
            for inner in reversed(_in_order(item, failure)):
                waiting.append((inner, _Place(place, is_last=is_last)))
                is_last = is_last and isinstance(inner, Note)

    def _span_line(self, node: SpanNode, failure: Note | None, place: _Place) -> str:
        failed = node.outcome == "exception"
        pieces = self._branches(place, self._glyphs.last_branch, self._glyphs.branch)
        if failed:
            pieces.append((self._glyphs.failed + " ", BOLD_RED))
        pieces.append((node.name, BOLD_RED if failed else BOLD if node.is_invocation else PLAIN))
        pieces += self._about(node)
        if failure is not None:
            pieces += [("  ", PLAIN), *_error(failure)]
            pieces += attribute_pieces(failure.attributes.items(), self._glyphs)
        if node.is_invocation:
            pieces += [("  ", PLAIN), (self._summary(node), DIM)]
        pieces += attribute_pieces(node.attributes.items(), self._glyphs)
        return self._screen.line([*self._duration(node), *pieces])

    def _duration(self, node: SpanNode) -> list[Piece]:
        duration = node.duration_ns
        if duration is None:
            return self._left("", PLAIN)
        return self._left(duration_text(duration, self._glyphs), duration_style(duration))

    def _about(self, node: SpanNode) -> list[Piece]:
        """What an invocation is about, and how it went; a span's outcome only if it is unusual."""
        words = [(info_text(node.info, node.name), DIM)]
        if node.outcome is None:
            words.append(("unfinished", YELLOW))
        elif node.is_invocation or node.outcome not in ("ok", "exception"):
            words.append((node.outcome, outcome_style(node.outcome)))
        if node.status_code is not None:
            words.append((str(node.status_code), status_style(node.status_code)))
        return [piece for word in words if word[0] for piece in (("  ", PLAIN), word)]

    def _summary(self, node: SpanNode) -> str:
        spans, failed = self._spans[node.invocation_id], self._failed[node.invocation_id]
        parts = [counted(spans, "span")] if spans > 1 else []
        if failed and spans > 1:
            parts.append(f"{failed} failed")
        if node.cpu_ns is not None:
            parts.append("cpu " + duration_text(node.cpu_ns, self._glyphs).strip())
        return ", ".join(parts)

    def _note_line(self, note: Note, place: _Place) -> str:
        rails = self._branches(place, "  ", self._glyphs.rail + " ")
        pieces = _error(note) if note.kind == "exception" else [(note.text, PLAIN)]
        pieces += attribute_pieces(note.attributes.items(), self._glyphs)
        word, style = note.kind, DIM
        if note.kind == "log":
            word, style = note.label, level_style(note.label)
        elif note.kind != "event":
            word, style = _WORDS[note.kind]
        return self._screen.line([*self._left(word, style), *rails, *pieces])

    def _left(self, text: str, style: str) -> list[Piece]:
        return [*gutter(text, style, self._glyphs), ("  ", PLAIN)]

    def _branches(self, place: _Place, last: str, other: str) -> list[Piece]:
        """The lines that lead to a span; levels that are too deep to be drawn are counted."""
        above = place.above
        if above is None:
            return []
        parts = [(last if place.is_last else other) + " "]
        hidden = max(place.depth - self._most, 0)
        at: _Place = above
        for _ in range(hidden):
            at = at.above or at
        if hidden:
            parts.append(f"+{hidden:<{_BRANCH_COLUMNS}}")
        while at.above is not None:
            parts.append("   " if at.is_last else self._glyphs.rail + "  ")
            at = at.above
        return [("".join(reversed(parts)), DIM)]


_WORDS: Final = {"exception": ("error", RED), "dropped": ("dropped", YELLOW)}


def _error(note: Note) -> list[Piece]:
    return [(f"{note.label}: {note.text}" if note.text else note.label, RED)]


def _failure(node: SpanNode) -> Note | None:
    """The exception that ended a span: its last one, if nothing happened in the span after it."""
    if node.outcome != "exception" or not node.notes:
        return None
    last = node.notes[-1]
    ends = [child.end_ns or child.start_ns for child in node.children]
    return last if last.kind == "exception" and last.time_ns >= max(ends, default=0) else None


def _in_order(node: SpanNode, failure: Note | None) -> list[SpanNode | Note]:
    """What happened in a span, by time."""
    inner: list[SpanNode | Note] = [note for note in node.notes if note is not failure]
    inner += node.children
    return sorted(inner, key=_moment)


def _moment(item: SpanNode | Note) -> int:
    return item.time_ns if isinstance(item, Note) else item.start_ns
