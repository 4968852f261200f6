"""The trees of a file, as text: each span with its duration, attributes and failure.

Siblings of one name, and what is below them, are folded into one line if there are many and nothing
sets one apart: each has ended well, or in the same failure, and nothing else was noted in it.
Invocations are folded where they have the same name and the same end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from enterspan._recording.origin import Origins
from enterspan._recording.profile import covered_ns
from enterspan._terminal.screen import (
    BOLD,
    BOLD_RED,
    CYAN,
    DIM,
    GUTTER,
    PALETTE,
    PLAIN,
    RED,
    YELLOW,
)
from enterspan._terminal.text import (
    SERVER_ERROR,
    attribute_pieces,
    clock_text,
    counted,
    duration_style,
    duration_text,
    error_text,
    gutter,
    info_text,
    level_style,
    levels_shown,
    outcome_style,
    said_of_request,
    spaced,
    status_style,
    totals,
)
from enterspan._view.notes import Note, notes_of
from enterspan._view.table import SHORT_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from enterspan._recording.assemble import RecordedSpan, Recording
    from enterspan._terminal.screen import Piece, Screen

    Item: TypeAlias = "RecordedSpan | Note | Fold"

_MARGIN: Final = GUTTER + 2
_BRANCH_COLUMNS: Final = 3
_MANY: Final = 5
"""From so many on, siblings of one name are folded."""


class Look(NamedTuple):
    """How trees are shown: repeated spans one by one, with whole stacks, with whole ids."""

    unfold: bool = False
    stacks: bool = False
    ids: bool = False


_PLAIN_LOOK: Final = Look()


def tree_lines(
    recording: Recording, screen: Screen, look: Look = _PLAIN_LOOK, most: int | None = None
) -> Iterator[str]:
    """Draw the trees, at most so many, with an empty line around those of several lines."""
    tree = _Tree(screen, recording, look)
    roots = tree.roots()
    before: RecordedSpan | Fold | None = None
    for root in roots[:most]:
        if before is not None and (_has_more(before) or _has_more(root)):
            yield ""
        yield from tree.lines(root)
        before = root


def tree_count(recording: Recording, look: Look = _PLAIN_LOOK) -> int:
    """How many trees are drawn: folded ones are one."""
    return len(_Folding(recording.roots, unfold=look.unfold).roots())


def _has_more(root: RecordedSpan | Fold) -> bool:
    if isinstance(root, Fold):
        return any(member.children for member in root.members)
    return bool(root.children) or _has_notes(root)


class Fold:
    """Many siblings of one name, in order of their start, as one."""

    __slots__ = ("members", "signature")

    def __init__(self, members: Sequence[RecordedSpan], signature: int) -> None:
        self.members = members
        self.signature = signature

    @property
    def start_ns(self) -> int:
        """When the first of them began."""
        return self.members[0].start_ns

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


class _Folding:
    """What can be folded: which spans have something to say, and which ended alike.

    A signature is a number for how a span and all below it ended; 0 is well.
    """

    def __init__(self, roots: Sequence[RecordedSpan], *, unfold: bool) -> None:
        self._roots = roots
        self._unfold = unfold
        self._signatures: dict[RecordedSpan, int] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._apart: set[RecordedSpan] = set()
        self.spans: list[RecordedSpan] = list(roots)
        for span in self.spans:  # it grows by what is below
            self.spans += span.children
        for span in reversed(self.spans):  # children come before their parents
            self._look_at(span)

    def _look_at(self, span: RecordedSpan) -> None:
        signatures, apart = self._signatures, self._apart
        below = {signatures[child] for child in span.children if child in signatures}
        odd = span.failed or span.outcome != "ok"
        if odd or below:
            key = (span.name, span.outcome, _error(span) if odd else "", frozenset(below))
            signatures[span] = self._numbers.setdefault(key, len(self._numbers) + 1)
        has_notes = _has_notes(span) and not (span.failed and _has_failures_only(span))
        if span.outcome is None or has_notes or not apart.isdisjoint(span.children):
            apart.add(span)

    def roots(self) -> Sequence[RecordedSpan | Fold]:
        """The trees to draw."""
        if self._unfold:
            return self._roots
        groups: dict[Any, list[RecordedSpan]] = {}
        for span in self._roots:
            if span.outcome is not None:
                kind = (span.name, span.outcome, span.status_code, self._signatures.get(span, 0))
                groups.setdefault((*kind, span.resource.get("service.name")), []).append(span)
        return self._with_folds(self._roots, groups.values())

    def siblings(self, spans: Sequence[RecordedSpan]) -> list[RecordedSpan | Fold]:
        """Fold many siblings of one name into one, where the first of them is."""
        if self._unfold or len(spans) < _MANY:
            return list(spans)
        groups: dict[Any, list[RecordedSpan]] = {}
        for span in spans:
            if span not in self._apart:
                groups.setdefault((span.name, self._signatures.get(span, 0)), []).append(span)
        return self._with_folds(spans, groups.values())

    def _with_folds(
        self, spans: Sequence[RecordedSpan], groups: Iterable[list[RecordedSpan]]
    ) -> list[RecordedSpan | Fold]:
        folds: dict[RecordedSpan, Fold | None] = {}
        for group in groups:
            if len(group) >= _MANY:
                folds.update(dict.fromkeys(group))
                folds[group[0]] = Fold(group, self._signatures.get(group[0], 0))
        found = [folds.get(span, span) for span in spans]
        return [each for each in found if each is not None]

    def below(self, fold: Fold) -> list[RecordedSpan | Fold]:
        """What is below folded spans, folded by name and end."""
        names: dict[Any, list[RecordedSpan]] = {}
        for member in fold.members:
            for child in member.children:
                names.setdefault((child.name, self._signatures.get(child, 0)), []).append(child)
        return [
            Fold(group, signature) if len(group) > 1 else group[0]
            for (_, signature), group in names.items()
        ]


def _key(value: Any) -> Any:
    """A value as it can be looked up."""
    return value if isinstance(value, (str, int)) else None


def _error(span: RecordedSpan) -> str:
    failures = [note for note in notes_of(span) if note.kind == "exception"] if span.failed else []
    if failures:
        return error_text(failures[-1].label, failures[-1].text)
    return span.status_error or ""


def _failure_of(fold: Fold) -> Note | None:
    """The failure that all spans of a fold ended in, if it began in them."""
    first = fold.members[0]
    if not begins_failure(first):
        return None
    failures = [note for note in notes_of(first) if note.kind == "exception"]
    return failures[-1] if failures else None


def _has_failures_only(span: RecordedSpan) -> bool:
    return all(note.kind == "exception" for note in notes_of(span))


def _covered_ns(spans: Iterable[RecordedSpan], start_ns: int, end_ns: int) -> int:
    """For how long, between two moments, at least one of the spans was open."""
    intervals = [(s.start_ns, end_ns if s.end_ns is None else s.end_ns) for s in spans]
    return covered_ns(intervals, start_ns, end_ns)


def self_ns(span: RecordedSpan) -> int | None:
    """How long a span was open while none of its children was, in nanoseconds."""
    if span.end_ns is None:
        return None
    inside = _covered_ns(span.children, span.start_ns, span.end_ns)
    return max(span.end_ns - span.start_ns - inside, 0)


class _Position(NamedTuple):
    """Where in its tree a line is, the rails that lead there, and its parent's resource."""

    depth: int
    is_last: bool
    rails: str
    resource: Mapping[str, Any]


_NOWHERE: Final[Mapping[str, Any]] = {}


def begins_failure(span: RecordedSpan) -> bool:
    """Whether a span failed by itself, and not by what an inner one has raised."""
    return span.failed and not any(child.failed for child in span.children)


class _Tree:
    """Draws the trees of one file."""

    def __init__(self, screen: Screen, recording: Recording, look: Look) -> None:
        self._screen = screen
        self._glyphs = screen.glyphs
        self._look = look
        self._is_whole = recording.is_whole
        self._levels = levels_shown(screen.width, _MARGIN, _BRANCH_COLUMNS)
        self._folding = _Folding(recording.roots, unfold=look.unfold)
        traces = {root.trace_id for root in recording.roots}
        self._are_several = len(traces) > 1 or not recording.is_whole
        self._spans: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        for span in self._folding.spans:
            key = span.invocation_id
            self._spans[key] = self._spans.get(key, 0) + 1
            self._failed[key] = self._failed.get(key, 0) + begins_failure(span)
        self._origins = Origins(span.resource for span in self._folding.spans)

    def roots(self) -> Sequence[RecordedSpan | Fold]:
        """The trees to draw."""
        return self._folding.roots()

    def lines(self, root: RecordedSpan | Fold) -> Iterator[str]:
        """Draw one tree; a stack of its own takes it as deep as it may be."""
        waiting: list[tuple[Item, _Position]] = [(root, _Position(0, True, "", _NOWHERE))]
        while waiting:
            item, position = waiting.pop()
            if isinstance(item, Note):
                yield self._note_line(item, position)
                yield from self._stack_lines(item, position)
                continue
            inner: list[Item]
            failure: Note | None = None
            if isinstance(item, Fold):
                yield self._fold_line(item, position)
                inner = [*self._folding.below(item)]
                resource = item.members[0].resource
                failure = _failure_of(item)
            else:
                notes = notes_of(item)
                failure = _failure(item, notes)
                yield self._span_line(item, failure, position)
                inner = [note for note in notes if note is not failure]
                inner += self._folding.siblings(item.children)
                inner.sort(key=_moment)
                resource = item.resource
            rails, is_last = self._rails_below(position), True
            if failure is not None:
                below = _Position(position.depth + 1, not inner, rails, resource)
                yield from self._stack_lines(failure, below)
            for each in reversed(inner):
                waiting.append((each, _Position(position.depth + 1, is_last, rails, resource)))
                is_last = is_last and isinstance(each, Note)

    def _rails_below(self, position: _Position) -> str:
        """The rails of what is below a line; levels that are too deep have none."""
        if not 0 < position.depth < self._levels:
            return position.rails
        return position.rails + ("   " if position.is_last else self._glyphs.rail + "  ")

    def _span_line(self, span: RecordedSpan, failure: Note | None, position: _Position) -> str:
        pieces = self._branches(position, self._glyphs.last_branch, self._glyphs.branch)
        pieces += self._origin(span, position)
        is_bad = span.failed or (span.status_code or 0) >= SERVER_ERROR
        if is_bad:
            pieces.append((self._glyphs.failed + " ", BOLD_RED))
        name_style = BOLD if span.is_invocation else PLAIN
        pieces.append((span.name, BOLD_RED if is_bad else name_style))
        pieces += spaced(self._about(span))
        pieces += spaced(self._identity(span, position))
        if failure is not None:
            pieces += spaced([(error_text(failure.label, failure.text), RED)])
            pieces += self._attributes(failure.attributes)
        elif span.status_error and span.outcome != "exception":
            pieces += spaced([(span.status_error, RED)])
        pieces += spaced([(self._summary(span), DIM)])
        attributes = span.attributes
        if span.is_invocation and not self._screen.whole:
            said = said_of_request(span.name, span.status_code)
            attributes = {k: v for k, v in attributes.items() if (k, _key(v)) not in said}
        pieces += self._attributes(attributes)
        return self._screen.line([*self._duration(span), *pieces])

    def _attributes(self, attributes: Mapping[str, Any]) -> list[Piece]:
        return attribute_pieces(attributes.items(), self._glyphs, whole=self._screen.whole)

    def _origin(self, span: RecordedSpan, position: _Position) -> list[Piece]:
        """Whose span it is, where that is not what is around it."""
        origins = self._origins
        if not origins.are_several:
            return []
        label = origins.label(span.resource)
        if not label or (position.depth and label == origins.label(position.resource)):
            return []
        return [(f"[{label}] ", PALETTE[origins.index(label) % len(PALETTE)])]

    def _identity(self, span: RecordedSpan, position: _Position) -> list[Piece]:
        """When a tree began, and the ids that it is found by."""
        is_root = not position.depth
        trace_id, span_id = f"{span.trace_id:032x}", f"{span.span_id:016x}"
        if self._look.ids:
            return [(f"{trace_id} {span_id}" if is_root else span_id, DIM)]
        if is_root and self._are_several:
            return [(clock_text(span.start_ns), DIM), (trace_id[:SHORT_ID], DIM)]
        return []

    def _fold_line(self, fold: Fold, position: _Position) -> str:
        members = fold.members
        first = members[0]
        last = max([member.end_ns or member.start_ns for member in members])
        covered = _covered_ns(members, fold.start_ns, last)
        is_root = not position.depth
        pieces = self._branches(position, self._glyphs.last_branch, self._glyphs.branch)
        pieces += self._origin(first, position)
        is_bad = first.failed or (is_root and (first.status_code or 0) >= SERVER_ERROR)
        if is_bad:
            pieces.append((self._glyphs.failed + " ", BOLD_RED))
        style = BOLD if first.is_invocation else PLAIN
        pieces.append((first.name, BOLD_RED if is_bad else style))
        words = self._of_invocations(members) if is_root else self._of_siblings(members)
        pieces += spaced([(", ".join([f"x {len(members):,}", *words]), CYAN)])
        if first.outcome not in ("ok", "exception"):
            pieces += spaced([(first.outcome or "", outcome_style(first.outcome or ""))])
        if first.status_code is not None:
            pieces += spaced([(str(first.status_code), status_style(first.status_code))])
        if fold.signature and not any(child.failed for child in first.children):
            pieces += spaced([(_error(first), RED)])
        pieces += self._attributes(fold.common_attributes)
        left = self._left(duration_text(covered, self._glyphs), duration_style(covered))
        return self._screen.line([*left, *pieces])

    def _of_siblings(self, members: Sequence[RecordedSpan]) -> list[str]:
        took = [member.duration_ns or 0 for member in members]
        words = [self._text(sum(took)) + " total", "longest " + self._text(max(took))]
        if self._is_whole and any(member.children for member in members):
            words.append("self " + self._text(sum([self_ns(member) or 0 for member in members])))
        return words

    def _of_invocations(self, members: Sequence[RecordedSpan]) -> list[str]:
        """What a fold says of invocations: how long they took, and which one took longest."""
        by_duration = sorted(members, key=lambda span: span.duration_ns or 0)
        slowest = by_duration[-1]
        words = [
            f"{word} {self._text(by_duration[-(-len(members) * percent // 100) - 1].duration_ns)}"
            for word, percent in (("p50", 50), ("p95", 95))
        ]
        where = f"{slowest.trace_id:032x}"
        where = where if self._look.ids else where[:SHORT_ID]
        words.append(f"slowest {self._text(slowest.duration_ns)} in {where}")
        notes = sum([len(member.events) for member in members if not member.failed])
        return [*words, counted(notes, "event")] if notes else words

    def _text(self, nanoseconds: int | None) -> str:
        return duration_text(nanoseconds or 0, self._glyphs).strip()

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
        pieces += self._attributes(note.attributes)
        word, style = note.kind, DIM
        if note.kind == "log":
            word, style = note.label, level_style(note.label)
        elif note.kind != "event":
            word, style = _WORDS[note.kind]
        return self._screen.line([*self._left(word, style), *rails, *pieces])

    def _stack_lines(self, note: Note, position: _Position) -> Iterator[str]:
        if not (self._look.stacks and note.stack):
            return
        rails = self._branches(position, "  ", self._glyphs.rail + " ")
        for line in note.stack.splitlines():
            yield self._screen.line([*self._left("", PLAIN), *rails, ("  " + line, DIM)])

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


def _has_notes(span: RecordedSpan) -> bool:
    return bool(span.events) or span.undelivered is not None


def _moment(item: Item) -> int:
    return item.time_ns if isinstance(item, Note) else item.start_ns
