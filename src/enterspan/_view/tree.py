"""The trees of a file, as text: each span with its duration, attributes and failure.

Siblings of one name are folded into one line, and what is below them with it, if there are many and
nothing sets one apart: each has ended well, and nothing was noted in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from enterspan._recording.traces import Note, SpanNode
from enterspan._terminal.screen import (
    BOLD,
    BOLD_RED,
    CYAN,
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from enterspan._recording.traces import Traces
    from enterspan._terminal.screen import Piece, Screen

    Item: TypeAlias = "SpanNode | Note | Fold"

_MARGIN: Final = GUTTER + 2
_BRANCH_COLUMNS: Final = 3
_MANY: Final = 5
"""So many siblings of one name are read more quickly as one line."""


def tree_lines(traces: Traces, screen: Screen, *, unfold: bool = False) -> Iterator[str]:
    """Draw every tree, one after the other, with an empty line around those of several lines.

    `unfold` draws repeated siblings one by one.
    """
    artist = _Artist(screen, traces, unfold=unfold)
    before: SpanNode | Fold | None = None
    for root in artist.roots():
        if before is not None and (_has_more(before) or _has_more(root)):
            yield ""
        yield from artist.drawn(root)
        before = root


def _has_more(root: SpanNode | Fold) -> bool:
    return bool(root.children or (isinstance(root, SpanNode) and root.notes))


class Fold:
    """Many siblings of one name, in order of their start, drawn as one."""

    __slots__ = ("members",)

    def __init__(self, members: Sequence[SpanNode]) -> None:
        self.members = members

    @property
    def start_ns(self) -> int:
        """When the first of them began."""
        return self.members[0].start_ns

    @property
    def children(self) -> list[SpanNode | Fold]:
        """What is below them, folded by name."""
        names: dict[str, list[SpanNode]] = {}
        for member in self.members:
            for child in member.children:
                names.setdefault(child.name, []).append(child)
        return [Fold(group) if len(group) > 1 else group[0] for group in names.values()]

    @property
    def common_attributes(self) -> dict[str, Any]:
        """The attributes that are the same in all of them."""
        common = dict(self.members[0].attributes)
        for member in self.members:
            for key in list(common):
                value = member.attributes.get(key)
                if value != common[key] or type(value) is not type(common[key]):
                    del common[key]
            if not common:
                break
        return common


def _covered_ns(spans: Iterable[SpanNode], start_ns: int, end_ns: int) -> int:
    """For how long, between two moments, at least one of the spans was open."""
    covered, until = 0, start_ns
    for span in sorted(spans, key=_moment):
        begin = max(span.start_ns, until)
        end = min(end_ns if span.end_ns is None else span.end_ns, end_ns)
        if end > begin:
            covered += end - begin
            until = end
    return covered


def self_ns(node: SpanNode) -> int | None:
    """How long a span was open while none of its children was, in nanoseconds."""
    if node.end_ns is None:
        return None
    inside = _covered_ns(node.children, node.start_ns, node.end_ns)
    return max(node.end_ns - node.start_ns - inside, 0)


class _Place:
    """Where in its tree a line is: whether more follows at each level above it."""

    __slots__ = ("above", "depth", "is_last")

    def __init__(self, above: _Place | None, *, is_last: bool) -> None:
        self.above = above
        self.is_last = is_last
        self.depth: int = 0 if above is None else above.depth + 1


class _Artist:
    """Draws the trees of one file."""

    def __init__(self, screen: Screen, traces: Traces, *, unfold: bool) -> None:
        self._screen = screen
        self._glyphs = screen.glyphs
        self._roots = traces.roots
        self._is_whole = traces.is_whole
        self._unfold = unfold
        self._most = max((screen.width - _MARGIN) // 2 // _BRANCH_COLUMNS, 2)
        self._spans: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        self._apart: set[SpanNode] = set()
        self._look_through()

    def _look_through(self) -> None:
        """Count the spans of each invocation, and find those that can't be folded."""
        found = list(self._roots)
        for node in found:  # it grows by what is below
            found += node.children
            key = node.invocation_id
            self._spans[key] = self._spans.get(key, 0) + 1
            self._failed[key] = self._failed.get(key, 0) + node.failed
        apart = self._apart
        for node in reversed(found):  # children come before their parents
            if _is_apart(node) or not apart.isdisjoint(node.children):
                apart.add(node)

    def roots(self) -> Iterable[SpanNode | Fold]:
        """What there is to draw; of several invocations, those are folded that have no more."""
        bare = [n for n in self._roots if not n.children and not n.info and n.status_code is None]
        return self._folded(self._roots, bare)

    def _folded(
        self, siblings: Iterable[SpanNode], foldable: Iterable[SpanNode]
    ) -> list[SpanNode | Fold]:
        """Put many siblings of one name into the place of the first."""
        if self._unfold:
            return list(siblings)
        names: dict[str, list[SpanNode]] = {}
        for node in foldable:
            if node not in self._apart:
                names.setdefault(node.name, []).append(node)
        folds: dict[SpanNode, Fold | None] = {}
        for group in names.values():
            if len(group) >= _MANY:
                folds.update(dict.fromkeys(group))
                folds[group[0]] = Fold(group)
        drawn = [folds.get(node, node) for node in siblings]
        return [node for node in drawn if node is not None]

    def drawn(self, root: SpanNode | Fold) -> Iterator[str]:
        """Draw one tree; a stack of its own takes it as deep as it may be."""
        waiting: list[tuple[Item, _Place]] = [(root, _Place(None, is_last=True))]
        while waiting:
            item, place = waiting.pop()
            if isinstance(item, Note):
                yield self._note_line(item, place)
                continue
            inner: list[Item]
            if isinstance(item, Fold):
                yield self._fold_line(item, place)
                inner = [*item.children]
            else:
                failure = _failure(item)
                yield self._span_line(item, failure, place)
                inner = self._inside(item, failure)
            is_last = True
            for each in reversed(inner):
                waiting.append((each, _Place(place, is_last=is_last)))
                is_last = is_last and isinstance(each, Note)

    def _inside(self, node: SpanNode, failure: Note | None) -> list[Item]:
        """What happened in a span, by time."""
        inner: list[Item] = [note for note in node.notes if note is not failure]
        inner += self._folded(node.children, node.children)
        return sorted(inner, key=_moment)

    def _span_line(self, node: SpanNode, failure: Note | None, place: _Place) -> str:
        pieces = self._branches(place, self._glyphs.last_branch, self._glyphs.branch)
        if node.failed:
            pieces.append((self._glyphs.failed + " ", BOLD_RED))
        name_style = BOLD if node.is_invocation else PLAIN
        pieces.append((node.name, BOLD_RED if node.failed else name_style))
        pieces += self._about(node)
        if failure is not None:
            pieces += [("  ", PLAIN), *_error(failure)]
            pieces += attribute_pieces(failure.attributes.items(), self._glyphs)
        elif node.status_error and node.outcome != "exception":
            pieces += [("  ", PLAIN), (node.status_error, RED)]
        summary = self._summary(node)
        if summary:
            pieces += [("  ", PLAIN), (summary, DIM)]
        pieces += attribute_pieces(node.attributes.items(), self._glyphs)
        return self._screen.line([*self._duration(node), *pieces])

    def _fold_line(self, fold: Fold, place: _Place) -> str:
        members = fold.members
        took = [member.duration_ns or 0 for member in members]
        last = max([member.end_ns or member.start_ns for member in members])
        covered = _covered_ns(members, fold.start_ns, last)
        words = [
            f"x {len(members):,}",
            self._text(sum(took)) + " total",
            "longest " + self._text(max(took)),
        ]
        if self._is_whole and any(member.children for member in members):
            words.append("self " + self._text(sum([self_ns(member) or 0 for member in members])))
        return self._screen.line(
            [
                *self._left(duration_text(covered, self._glyphs), duration_style(covered)),
                *self._branches(place, self._glyphs.last_branch, self._glyphs.branch),
                (members[0].name, BOLD if members[0].is_invocation else PLAIN),
                ("  ", PLAIN),
                (", ".join(words), CYAN),
                *attribute_pieces(fold.common_attributes.items(), self._glyphs),
            ]
        )

    def _text(self, nanoseconds: int) -> str:
        return duration_text(nanoseconds, self._glyphs).strip()

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
        """What is said in passing: of an invocation more than of other spans."""
        own = self_ns(node) if self._is_whole and node.children else None
        parts = [] if own is None else ["self " + self._text(own)]
        if node.is_invocation and self._is_whole:
            spans, failed = self._spans[node.invocation_id], self._failed[node.invocation_id]
            parts += [counted(spans, "span")] if spans > 1 else []
            parts += [f"{failed} failed"] if failed and spans > 1 else []
        if node.cpu_ns is not None:
            parts.append("cpu " + self._text(node.cpu_ns))
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


def _is_apart(node: SpanNode) -> bool:
    """Whether there is more to be said of a span than how long it took."""
    return node.failed or node.outcome != "ok" or bool(node.notes)


def _moment(item: Item) -> int:
    return item.time_ns if isinstance(item, Note) else item.start_ns
