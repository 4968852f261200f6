"""The trees of a file, as text: each span with its duration, attributes and failure.

Siblings of one name, and what is below them, are folded into one line if there are many and nothing
sets one apart: each has ended well, and nothing was noted in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from enterspan._terminal.screen import BOLD, BOLD_RED, CYAN, DIM, GUTTER, PLAIN, RED, YELLOW
from enterspan._terminal.text import (
    attribute_pieces,
    duration_style,
    duration_text,
    error_text,
    gutter,
    info_text,
    level_style,
    levels_shown,
    outcome_style,
    spaced,
    status_style,
    totals,
)
from enterspan._view.notes import Note, notes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    from enterspan._recording.assemble import RecordedSpan, Recording
    from enterspan._terminal.screen import Piece, Screen

    Item: TypeAlias = "RecordedSpan | Note | Fold"

_MARGIN: Final = GUTTER + 2
_BRANCH_COLUMNS: Final = 3
_MANY: Final = 5
"""From so many on, siblings of one name are folded."""


def tree_lines(recording: Recording, screen: Screen, *, unfold: bool = False) -> Iterator[str]:
    """Draw every tree, one after the other, with an empty line around those of several lines.

    `unfold` draws repeated siblings one by one.
    """
    tree = _Tree(screen, recording, unfold=unfold)
    before: RecordedSpan | Fold | None = None
    for root in tree.roots():
        if before is not None and (_has_more(before) or _has_more(root)):
            yield ""
        yield from tree.lines(root)
        before = root


def _has_more(root: RecordedSpan | Fold) -> bool:
    return bool(root.children) or (not isinstance(root, Fold) and _has_notes(root))


class Fold:
    """Many siblings of one name, in order of their start, as one."""

    __slots__ = ("members",)

    def __init__(self, members: Sequence[RecordedSpan]) -> None:
        self.members = members

    @property
    def start_ns(self) -> int:
        """When the first of them began."""
        return self.members[0].start_ns

    @property
    def children(self) -> list[RecordedSpan | Fold]:
        """What is below them, folded by name."""
        names: dict[str, list[RecordedSpan]] = {}
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


def _covered_ns(spans: Iterable[RecordedSpan], start_ns: int, end_ns: int) -> int:
    """For how long, between two moments, at least one of the spans was open."""
    covered, until = 0, start_ns
    for span in sorted(spans, key=_moment):
        begin = max(span.start_ns, until)
        end = min(end_ns if span.end_ns is None else span.end_ns, end_ns)
        if end > begin:
            covered += end - begin
            until = end
    return covered


def self_ns(span: RecordedSpan) -> int | None:
    """How long a span was open while none of its children was, in nanoseconds."""
    if span.end_ns is None:
        return None
    inside = _covered_ns(span.children, span.start_ns, span.end_ns)
    return max(span.end_ns - span.start_ns - inside, 0)


class _Position(NamedTuple):
    """Where in its tree a line is, and the rails that lead to what is below it."""

    depth: int
    is_last: bool
    rails: str


class _Tree:
    """Draws the trees of one file."""

    def __init__(self, screen: Screen, recording: Recording, *, unfold: bool) -> None:
        self._screen = screen
        self._glyphs = screen.glyphs
        self._roots = recording.roots
        self._is_whole = recording.is_whole
        self._unfold = unfold
        self._levels = levels_shown(screen.width, _MARGIN, _BRANCH_COLUMNS)
        self._spans: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        self._apart: set[RecordedSpan] = set()
        self._look_through()

    def _look_through(self) -> None:
        """Count the spans of each invocation, and find those that can't be folded."""
        found = list(self._roots)
        for span in found:  # it grows by what is below
            found += span.children
            key = span.invocation_id
            self._spans[key] = self._spans.get(key, 0) + 1
            self._failed[key] = self._failed.get(key, 0) + span.failed
        apart = self._apart
        for span in reversed(found):  # children come before their parents
            if _is_apart(span) or not apart.isdisjoint(span.children):
                apart.add(span)

    def roots(self) -> Iterable[RecordedSpan | Fold]:
        """The trees to draw; invocations of one span are folded like siblings."""
        bare = [s for s in self._roots if not s.children and not s.info and s.status_code is None]
        return self._folded(self._roots, bare)

    def _folded(
        self, siblings: Iterable[RecordedSpan], foldable: Iterable[RecordedSpan]
    ) -> list[RecordedSpan | Fold]:
        """Fold many siblings of one name into one, where the first of them is."""
        if self._unfold:
            return list(siblings)
        names: dict[str, list[RecordedSpan]] = {}
        for span in foldable:
            if span not in self._apart:
                names.setdefault(span.name, []).append(span)
        folds: dict[RecordedSpan, Fold | None] = {}
        for group in names.values():
            if len(group) >= _MANY:
                folds.update(dict.fromkeys(group))
                folds[group[0]] = Fold(group)
        found = [folds.get(span, span) for span in siblings]
        return [each for each in found if each is not None]

    def lines(self, root: RecordedSpan | Fold) -> Iterator[str]:
        """Draw one tree; a stack of its own takes it as deep as it may be."""
        waiting: list[tuple[Item, _Position]] = [(root, _Position(0, True, ""))]
        while waiting:
            item, position = waiting.pop()
            if isinstance(item, Note):
                yield self._note_line(item, position)
                continue
            inner: list[Item]
            if isinstance(item, Fold):
                yield self._fold_line(item, position)
                inner = [*item.children]
            else:
                notes = notes_of(item)
                failure = _failure(item, notes)
                yield self._span_line(item, failure, position)
                inner = [note for note in notes if note is not failure]
                inner += self._folded(item.children, item.children)
                inner.sort(key=_moment)
            rails, is_last = self._rails_below(position), True
            for each in reversed(inner):
                waiting.append((each, _Position(position.depth + 1, is_last, rails)))
                is_last = is_last and isinstance(each, Note)

    def _rails_below(self, position: _Position) -> str:
        """The rails of what is below a line; levels that are too deep have none."""
        if not 0 < position.depth < self._levels:
            return position.rails
        return position.rails + ("   " if position.is_last else self._glyphs.rail + "  ")

    def _span_line(self, span: RecordedSpan, failure: Note | None, position: _Position) -> str:
        pieces = self._branches(position, self._glyphs.last_branch, self._glyphs.branch)
        if span.failed:
            pieces.append((self._glyphs.failed + " ", BOLD_RED))
        name_style = BOLD if span.is_invocation else PLAIN
        pieces.append((span.name, BOLD_RED if span.failed else name_style))
        pieces += spaced(self._about(span))
        if failure is not None:
            pieces += spaced([(error_text(failure.label, failure.text), RED)])
            pieces += attribute_pieces(failure.attributes.items(), self._glyphs)
        elif span.status_error and span.outcome != "exception":
            pieces += spaced([(span.status_error, RED)])
        pieces += spaced([(self._summary(span), DIM)])
        pieces += attribute_pieces(span.attributes.items(), self._glyphs)
        return self._screen.line([*self._duration(span), *pieces])

    def _fold_line(self, fold: Fold, position: _Position) -> str:
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
                *self._branches(position, self._glyphs.last_branch, self._glyphs.branch),
                (members[0].name, BOLD if members[0].is_invocation else PLAIN),
                ("  ", PLAIN),
                (", ".join(words), CYAN),
                *attribute_pieces(fold.common_attributes.items(), self._glyphs),
            ]
        )

    def _text(self, nanoseconds: int) -> str:
        return duration_text(nanoseconds, self._glyphs).strip()

    def _duration(self, span: RecordedSpan) -> list[Piece]:
        duration = span.duration_ns
        if duration is None:
            return self._left("", PLAIN)
        return self._left(duration_text(duration, self._glyphs), duration_style(duration))

    def _about(self, span: RecordedSpan) -> list[Piece]:
        """What an invocation is about, and its outcome; a span's outcome only if it is unusual."""
        words = [(info_text(span.info, span.name), DIM)]
        if span.outcome is None:
            words.append(("unfinished", YELLOW))
        elif span.is_invocation or span.outcome not in ("ok", "exception"):
            words.append((span.outcome, outcome_style(span.outcome)))
        if span.status_code is not None:
            words.append((str(span.status_code), status_style(span.status_code)))
        return words

    def _summary(self, span: RecordedSpan) -> str:
        """Self time, and the totals of an invocation."""
        own = self_ns(span) if self._is_whole and span.children else None
        words = [] if own is None else ["self " + self._text(own)]
        is_counted = span.is_invocation and self._is_whole
        spans = self._spans[span.invocation_id] if is_counted else 1
        words += totals(spans, self._failed[span.invocation_id], span.cpu_ns, self._glyphs)
        return ", ".join(words)

    def _note_line(self, note: Note, position: _Position) -> str:
        rails = self._branches(position, "  ", self._glyphs.rail + " ")
        is_error = note.kind == "exception"
        text = error_text(note.label, note.text) if is_error else note.text
        pieces = [(text, RED if is_error else PLAIN)]
        pieces += attribute_pieces(note.attributes.items(), self._glyphs)
        word, style = note.kind, DIM
        if note.kind == "log":
            word, style = note.label, level_style(note.label)
        elif note.kind != "event":
            word, style = _WORDS[note.kind]
        return self._screen.line([*self._left(word, style), *rails, *pieces])

    def _left(self, text: str, style: str) -> list[Piece]:
        return [*gutter(text, style, self._glyphs), ("  ", PLAIN)]

    def _branches(self, position: _Position, last: str, other: str) -> list[Piece]:
        """The lines that lead to a span; levels that are too deep to be drawn are counted."""
        if not position.depth:
            return []
        hidden = position.depth - self._levels
        count = f"+{hidden:<{_BRANCH_COLUMNS}}" if hidden > 0 else ""
        return [(position.rails + count + (last if position.is_last else other) + " ", DIM)]


_WORDS: Final = {"exception": ("error", RED), "dropped": ("dropped", YELLOW)}


def _failure(span: RecordedSpan, notes: Sequence[Note]) -> Note | None:
    """The exception that ended a span: its last one, if nothing happened in the span after it."""
    if span.outcome != "exception" or not notes:
        return None
    ends = [child.end_ns or child.start_ns for child in span.children]
    last = notes[-1]
    return last if last.kind == "exception" and last.time_ns >= max(ends, default=0) else None


def _is_apart(span: RecordedSpan) -> bool:
    """Whether there is more to be said of a span than how long it took."""
    return span.failed or span.outcome != "ok" or _has_notes(span)


def _has_notes(span: RecordedSpan) -> bool:
    return bool(span.events) or span.undelivered is not None


def _moment(item: Item) -> int:
    return item.time_ns if isinstance(item, Note) else item.start_ns
