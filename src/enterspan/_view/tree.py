"""Draws the trees of a file as text: each span with its duration, attributes and failure.

Many siblings with the same name, and their descendants, are folded into one line if all ended
without a failure, or with the same one, and have no logs or events. Invocations are folded if they
have the same name and outcome.
"""

from __future__ import annotations

from itertools import islice
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
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from typing import TypeAlias

    from enterspan._recording.assemble import RecordedSpan, Recording
    from enterspan._terminal.screen import Piece, Screen

    Item: TypeAlias = "RecordedSpan | Note | Fold"

_MARGIN: Final = GUTTER + 2
_BRANCH_COLUMNS: Final = 3


class Look(NamedTuple):
    """The options of the output: unfolded spans, whole stacks, whole ids."""

    unfold: bool = False
    stacks: bool = False
    ids: bool = False
    many: int = 5
    """The minimum number of siblings to fold."""


_PLAIN_LOOK: Final = Look()
_SUMMARY_PARTS: Final = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
"""The parts of the total below which a summary leaves spans out; the first that fits is used."""

_PASSED_ON: Final = 0.9
"""A span that spends this part of its time in one child has no line of its own in a summary."""
_CHAIN_COLUMNS: Final = 40
"""The maximum width of their names before the child's."""


class Summary(NamedTuple):
    """A summary of the trees of a recording."""

    lines: Sequence[str]
    least_ns: int
    """Shorter spans are left out, unless their failure ended the whole run."""


def tree_lines(
    recording: Recording, screen: Screen, look: Look = _PLAIN_LOOK, most: int | None = None
) -> Iterator[str]:
    """Draw the trees, up to a limit, with empty lines around those of several lines."""
    tree = _Tree(screen, recording, look)
    roots = tree.roots()
    before: RecordedSpan | Fold | None = None
    for root in roots[:most]:
        if before is not None and (_has_more(before) or _has_more(root)):
            yield ""
        yield from tree.lines(root)
        before = root


def summary(
    recording: Recording,
    screen: Screen,
    most: int,
    look: Look = _PLAIN_LOOK,
    kept: Collection[str] = (),
) -> Summary:
    """Draw the trees within a number of lines: siblings are folded, and short spans are left out.

    The threshold is the smallest part of the total time with which the lines fit. The outermost
    spans with names in *kept* are always shown, if there is room.
    """
    tree = _Tree(screen, recording, look._replace(many=2))
    tree.kept = kept
    whole = max([tree.took_ns(root) for root in tree.roots()], default=0)
    lines: list[str] = []
    outermost = _outermost(recording.roots, kept)
    ways = [(outermost, part) for part in _SUMMARY_PARTS if outermost]
    for also, part in [*ways, *[(_NONE, part) for part in _SUMMARY_PARTS]]:
        tree.least_ns, tree.also_shown = int(whole * part), also
        lines = [*islice(_summary_lines(tree), most + 1)]
        if len(lines) <= most:
            break
    return Summary(lines[:most], tree.least_ns)


def _summary_lines(tree: _Tree) -> Iterator[str]:
    for root in tree.roots():
        if tree.is_shown(root):
            yield from tree.lines(root)


_NONE: Final[frozenset[RecordedSpan]] = frozenset()


def _outermost(roots: Iterable[RecordedSpan], names: Collection[str]) -> AbstractSet[RecordedSpan]:
    """The outermost spans with one of these names, and their ancestors."""
    found: set[RecordedSpan] = set()
    seen = list(roots) if names else []
    for span in seen:  # it grows by the children
        if span.name in names:
            found.add(span)
        else:
            seen += span.children
    for span in reversed(seen):
        if not found.isdisjoint(span.children):
            found.add(span)
    return found


def tree_count(recording: Recording, look: Look = _PLAIN_LOOK) -> int:
    """The number of drawn trees, where folded ones count as one."""
    return len(_Folding(recording.roots, look).roots())


def _has_more(root: RecordedSpan | Fold) -> bool:
    if isinstance(root, Fold):
        return any(member.children for member in root.members)
    return bool(root.children) or _has_notes(root)


class Fold:
    """Folded siblings of one name, in order of start."""

    __slots__ = ("members", "signature")

    def __init__(self, members: Sequence[RecordedSpan], signature: int) -> None:
        self.members = members
        self.signature = signature

    @property
    def start_ns(self) -> int:
        """The start of the first of them."""
        return self.members[0].start_ns

    @property
    def common_attributes(self) -> dict[str, Any]:
        """The attributes that all of them have in common."""
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
    """Determines which spans can be folded.

    A signature is a number for the failures of a span and its descendants; 0 means none.
    """

    def __init__(self, roots: Sequence[RecordedSpan], look: Look) -> None:
        self._roots = roots
        self._unfold = look.unfold
        self._many = look.many
        self._signatures: dict[RecordedSpan, int] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._apart: set[RecordedSpan] = set()
        self.spans: list[RecordedSpan] = list(roots)
        for span in self.spans:  # it grows by the children
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
        """Fold many siblings of one name into one, at the position of the first."""
        if self._unfold or len(spans) < self._many:
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
            if len(group) >= self._many:
                folds.update(dict.fromkeys(group))
                folds[group[0]] = Fold(group, self._signatures.get(group[0], 0))
        found = [folds.get(span, span) for span in spans]
        return [each for each in found if each is not None]

    def below(self, fold: Fold) -> list[RecordedSpan | Fold]:
        """The children of folded spans, folded by name and failure."""
        names: dict[Any, list[RecordedSpan]] = {}
        for member in fold.members:
            for child in member.children:
                names.setdefault((child.name, self._signatures.get(child, 0)), []).append(child)
        return [
            Fold(group, signature) if len(group) > 1 else group[0]
            for (_, signature), group in names.items()
        ]


def _key(value: Any) -> Any:
    """A hashable key for a value."""
    return value if isinstance(value, (str, int)) else None


def _error(span: RecordedSpan) -> str:
    failures = [note for note in notes_of(span) if note.kind == "exception"] if span.failed else []
    if failures:
        return error_text(failures[-1].label, failures[-1].text)
    return span.status_error or ""


def _failure_of(fold: Fold) -> Note | None:
    """The common failure of the spans of a fold, if it began in them."""
    first = fold.members[0]
    if not begins_failure(first):
        return None
    failures = [note for note in notes_of(first) if note.kind == "exception"]
    return failures[-1] if failures else None


def _has_failures_only(span: RecordedSpan) -> bool:
    return all(note.kind == "exception" for note in notes_of(span))


def _covered_ns(spans: Iterable[RecordedSpan], start_ns: int, end_ns: int) -> int:
    """The time between two moments during which at least one of the spans was open."""
    intervals = [(s.start_ns, end_ns if s.end_ns is None else s.end_ns) for s in spans]
    return covered_ns(intervals, start_ns, end_ns)


def self_ns(span: RecordedSpan) -> int | None:
    """The self time of a span, in nanoseconds."""
    if span.end_ns is None:
        return None
    inside = _covered_ns(span.children, span.start_ns, span.end_ns)
    return max(span.end_ns - span.start_ns - inside, 0)


def _name_of(item: RecordedSpan | Fold) -> str:
    return item.members[0].name if isinstance(item, Fold) else item.name


def _fatal(roots: Iterable[RecordedSpan]) -> set[RecordedSpan]:
    """The failed spans whose failure propagated to the root."""
    found: set[RecordedSpan] = set()
    waiting = [root for root in roots if root.failed]
    while waiting:
        span = waiting.pop()
        found.add(span)
        waiting += [child for child in span.children if child.failed]
    return found


class _Position(NamedTuple):
    """The position of a line in its tree: its rails, and its parent's resource."""

    depth: int
    is_last: bool
    rails: str
    resource: Mapping[str, Any]
    chain: str = ""
    """The names of ancestors without a line of their own."""


_NOWHERE: Final[Mapping[str, Any]] = {}


def begins_failure(span: RecordedSpan) -> bool:
    """Whether a span failed by itself, and not by the exception of an inner one."""
    return span.failed and not any(child.failed for child in span.children)


class _Tree:
    """Draws the trees of one file."""

    def __init__(self, screen: Screen, recording: Recording, look: Look) -> None:
        self._screen = screen
        self._glyphs = screen.glyphs
        self._look = look
        self._is_whole = recording.is_whole
        self._levels = levels_shown(screen.width, _MARGIN, _BRANCH_COLUMNS)
        self._folding = _Folding(recording.roots, look)
        traces = {root.trace_id for root in recording.roots}
        self._are_several = len(traces) > 1 or not recording.is_whole
        self._spans: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        for span in self._folding.spans:
            key = span.invocation_id
            self._spans[key] = self._spans.get(key, 0) + 1
            self._failed[key] = self._failed.get(key, 0) + begins_failure(span)
        self._origins = Origins(span.resource for span in self._folding.spans)
        self._last_moments = self._moments()
        self._ended_here = _fatal(recording.roots)
        self.least_ns = 0
        """Shorter spans are not drawn, ..."""
        self.also_shown: AbstractSet[RecordedSpan] = _NONE
        """... except for these."""
        self.kept: Collection[str] = ()
        """Names that are not left out of a chain of names."""

    def is_shown(self, item: Item) -> bool:
        """Whether a subtree takes long enough, or contains the failure that ended the run."""
        if not self.least_ns or isinstance(item, Note) or self.took_ns(item) >= self.least_ns:
            return True
        members = item.members if isinstance(item, Fold) else (item,)
        return any(each in self._ended_here or each in self.also_shown for each in members)

    def took_ns(self, item: RecordedSpan | Fold) -> int:
        """The total duration of an item; for unfinished spans, as far as known."""
        if isinstance(item, Fold):
            return sum([self.took_ns(member) for member in item.members])
        if item.duration_ns is not None:
            return item.duration_ns
        return self._last_moments.get(item, item.start_ns) - item.start_ns

    def _moments(self) -> dict[RecordedSpan, int]:
        """The times of the last events of unfinished spans."""
        found: dict[RecordedSpan, int] = {}
        for span in reversed(self._folding.spans):  # children come before their parents
            if span.outcome is None:
                moments = [
                    found.get(each) or each.end_ns or each.start_ns for each in span.children
                ]
                found[span] = max(moments, default=span.start_ns)
        return found

    def roots(self) -> Sequence[RecordedSpan | Fold]:
        """The trees to draw."""
        return self._folding.roots()

    def lines(self, root: RecordedSpan | Fold) -> Iterator[str]:
        """Draw one tree, iteratively, for any depth."""
        waiting: list[tuple[Item, _Position]] = [(root, _Position(0, True, "", _NOWHERE))]
        while waiting:
            item, position = waiting.pop()
            item, position = self._innermost(item, position)
            if isinstance(item, Note):
                yield self._note_line(item, position)
                yield from self._stack_lines(item, position)
                continue
            inner, failure = self._inside(item)
            if isinstance(item, Fold):
                yield self._fold_line(item, position)
                resource = item.members[0].resource
            else:
                yield self._span_line(item, failure, position)
                resource = item.resource
            rails, is_last = self._rails_below(position), True
            if failure is not None:
                below = _Position(position.depth + 1, not inner, rails, resource)
                yield from self._stack_lines(failure, below)
            for each in reversed(inner):
                waiting.append((each, _Position(position.depth + 1, is_last, rails, resource)))
                is_last = is_last and isinstance(each, Note)

    def _inside(self, item: RecordedSpan | Fold) -> tuple[list[Item], Note | None]:
        """The items below a line, and the failure shown on it."""
        inner: list[Item]
        if isinstance(item, Fold):
            failure = _failure_of(item)
            inner = [*self._folding.below(item)]
        else:
            notes = notes_of(item)
            failure = _failure(item, notes)
            inner = [note for note in notes if note is not failure]
            inner += self._folding.siblings(item.children)
            inner.sort(key=_moment)
        return [each for each in inner if self.is_shown(each)], failure

    def _innermost(self, item: Item, position: _Position) -> tuple[Item, _Position]:
        """In a summary, spans that only call the next one share its line."""
        names: list[str] = []
        while self.least_ns and position.depth and not isinstance(item, Note):
            inner, failure = self._inside(item)
            if len(inner) != 1 or failure is not None or isinstance(inner[0], Note):
                break
            if not self._is_passed_on(item, inner[0]):
                break
            name, item = _name_of(item), inner[0]
            if name not in (*names[-1:], _name_of(item)):  # a recursion is named once
                names.append(name)
        return item, position._replace(chain=self._chain(names))

    def _is_passed_on(self, item: RecordedSpan | Fold, inner: RecordedSpan | Fold) -> bool:
        """Whether nearly all time of an item, in each call, is spent in its child."""
        if self.took_ns(inner) < self.took_ns(item) * _PASSED_ON:
            return False
        if isinstance(item, Fold):
            return isinstance(inner, Fold) and len(inner.members) == len(item.members)
        has_more = item.attributes or item.is_invocation
        return not (isinstance(inner, Fold) or has_more) and item.outcome in ("ok", "exception")

    def _chain(self, names: Sequence[str]) -> str:
        """The chain of ancestors' names: the last of them that fit, and the first kept one."""
        sign = f" {self._glyphs.quotes[1]} "
        chain, left = "", list(names)
        while left and len(left[-1]) + len(chain) <= _CHAIN_COLUMNS:
            chain = left.pop() + sign + chain
        kept = next((at for at, name in enumerate(left) if name in self.kept), None)
        if kept is not None:
            left[kept + 1 :] = [self._glyphs.ellipsis] * (kept + 1 < len(left))
            left[:kept] = [self._glyphs.ellipsis] * (kept > 0)
        elif left:
            left = [self._glyphs.ellipsis]
        return "".join([name + sign for name in left]) + chain

    def _rails_below(self, position: _Position) -> str:
        """The rails of the lines below a line; levels that are too deep have none."""
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
        pieces.append((position.chain, DIM))
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
        """The origin of a span, if it differs from its parent's."""
        origins = self._origins
        if not origins.are_several:
            return []
        label = origins.label(span.resource)
        if not label or (position.depth and label == origins.label(position.resource)):
            return []
        return [(f"[{label}] ", PALETTE[origins.index(label) % len(PALETTE)])]

    def _identity(self, span: RecordedSpan, position: _Position) -> list[Piece]:
        """The start of a tree, and its ids."""
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
        pieces.append((position.chain, DIM))
        pieces.append((first.name, BOLD_RED if is_bad else style))
        words = self._of_invocations(members) if is_root else self._of_siblings(members, covered)
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

    def _of_siblings(self, members: Sequence[RecordedSpan], covered: int) -> list[str]:
        took = [member.duration_ns or 0 for member in members]
        words = ["longest " + self._text(max(took))]
        if not self.least_ns or sum(took) != covered:
            words.insert(0, self._text(sum(took)) + " total")
        if self._is_whole and any(member.children for member in members):
            words.append("self " + self._text(sum([self_ns(member) or 0 for member in members])))
        return words

    def _of_invocations(self, members: Sequence[RecordedSpan]) -> list[str]:
        """The durations of folded invocations, and the slowest of them."""
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
        """The info and outcome of an invocation; the outcome of another span only if unusual."""
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
        """The rails of a span; levels that are too deep are counted."""
        if not position.depth:
            return []
        hidden = position.depth - self._levels
        count = f"+{hidden:<{_BRANCH_COLUMNS}}" if hidden > 0 else ""
        return [(position.rails + count + (last if position.is_last else other) + " ", DIM)]


_WORDS: Final = {"exception": ("error", RED), "dropped": ("dropped", YELLOW)}


def _failure(span: RecordedSpan, notes: Sequence[Note]) -> Note | None:
    """The exception that ended a span: the last one, if no event followed it."""
    if span.outcome != "exception" or not notes:
        return None
    ends = [child.end_ns or child.start_ns for child in span.children]
    last = notes[-1]
    return last if last.kind == "exception" and last.time_ns >= max(ends, default=0) else None


def _has_notes(span: RecordedSpan) -> bool:
    return bool(span.events) or span.undelivered is not None


def _moment(item: Item) -> int:
    return item.time_ns if isinstance(item, Note) else item.start_ns
