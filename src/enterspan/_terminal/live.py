"""Draws the trees of open invocations, line by line.

Each span has a line when it opens and a line, with its duration and its attributes, when it closes;
events in between are written between the two. A span that ends at once, with nothing in between, is
one line: the line of the opening is held back for a moment. Concurrent invocations get a number and
a colour, concurrent spans of one name get `#2`, `#3`, and a line that does not belong to the span
above it names its span.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakValueDictionary

from enterspan._model.routes import routed_name
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
    Screen,
    clip,
)
from enterspan._terminal.text import (
    SERVER_ERROR,
    attribute_pieces,
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
    undelivered_text,
)
from enterspan.events import Attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from enterspan._terminal.screen import Glyphs, Piece
    from enterspan.events import Onset, TailEvent

_NUMBERS: Final = 99
"""The largest number of an open invocation, unless more are open."""
_ROUND: Final = [*range(1, _NUMBERS + 1)] * 2
_MARGIN: Final = GUTTER + 4
"""The column where the tree begins: after the duration and the invocation's number."""
_RAIL_COLUMNS: Final = 2
_LEAST_NAME: Final = 8
"""The minimum width of a name."""
_DEEPEST: Final = 10_000
"""A span deeper than this is drawn below the root: of a chain of spans each of which begins the
next one and ends, all are the parents of an open one."""
HELD: Final = 0.02
"""The default time in seconds for which an opening line is held back."""


class Page(NamedTuple):
    """The options of the output, and its screen."""

    screen: Screen
    stacks: bool = False
    ids: bool = False

    @property
    def glyphs(self) -> Glyphs:
        """The glyphs of the screen."""
        return self.screen.glyphs

    @property
    def levels(self) -> int:
        """How many levels are drawn as rails."""
        return levels_shown(self.screen.width, _MARGIN, _RAIL_COLUMNS)


class _Number:
    """The number of an open invocation, and of the invocation in which it began."""

    __slots__ = ("inner", "is_open", "is_shown", "outer", "value")

    def __init__(self, value: int, outer: _Number | None) -> None:
        self.value = value
        self.outer = outer
        self.inner = 0  # how many open invocations began in this one
        self.is_open = True
        self.is_shown = False


class LiveTree:
    """The open invocations. One that began in another is not concurrent with it."""

    def __init__(self, hold: float = 0.0) -> None:
        self._last = 0
        self._highest = _NUMBERS
        self._used: set[int] = set()
        self._competing = 0
        self.drawn: _OpenSpan | None = None  # the root of the last line's invocation
        self.at_once = int(hold * 1e9)  # how long an opening line is held back
        self.held: tuple[LiveInvocation, _OpenSpan] | None = None
        self._abandoned: deque[_Number] = deque()
        self._spans: WeakValueDictionary[str, _OpenSpan] = WeakValueDictionary()

    def begin(self, onset: TailEvent[Onset]) -> LiveInvocation:
        """Begin an invocation; all its events, including the onset, are drawn later."""
        return LiveInvocation(self, onset)

    def enter(self, root: _OpenSpan, parent_id: str | None) -> _Number:
        """Assign the next free number; place the root below its parent.

        Numbers start again when nothing is open: during an invocation none is reused.
        """
        while self._abandoned:
            self.leave(self._abandoned.popleft())
        self._last = self._next_number() if self._used else 1
        self._used.add(self._last)
        parent = self._spans.get(parent_id or "")
        outer = None if parent is None else parent.number
        if parent is not None and outer is not None and outer.is_open:
            root.parent, root.depth = parent, parent.depth + 1
            self._competing -= not outer.inner
            outer.inner += 1
        else:
            outer = None
        self._competing += 1
        return _Number(self._last, outer)

    def _next_number(self) -> int:
        """The next free number, with two digits if possible."""
        if len(self._used) < _NUMBERS:
            self._highest = _NUMBERS
            free: int = next(n for n in _ROUND[self._last % _NUMBERS :] if n not in self._used)
            return free
        self._highest += 1
        return self._highest

    def leave(self, number: _Number) -> None:
        """Release a number; a second call does nothing."""
        if not number.is_open:
            return
        number.is_open = False
        self._used.discard(number.value)
        self._competing -= not number.inner
        outer = number.outer
        if outer is not None:
            outer.inner -= 1
            self._competing += outer.is_open and not outer.inner

    def abandon(self, number: _Number) -> None:
        """Release a number later: the garbage collector may call this at any time."""
        self._abandoned.append(number)

    def open(self, invocation: LiveInvocation, span: _OpenSpan) -> list[str]:
        """The opening line of a span; none if it is held back."""
        if not self.at_once:
            return [invocation.opening(span)]
        self.held = (invocation, span)
        return []

    def release(self) -> list[str]:
        """The held line, if any."""
        held, self.held = self.held, None
        return [] if held is None else [held[0].opening(held[1])]

    def opened(self, span: _OpenSpan) -> None:
        """Remember an open span for invocations that begin in it."""
        self._spans[span.id] = span

    def shown(self, number: _Number) -> int:
        """The number to show, or 0; of concurrent invocations, all but the first keep theirs."""
        if self._competing > 1:
            number.is_shown = number.value > 1
            return number.value
        return number.value if number.is_shown else 0


class _OpenSpan:
    """A span that is open, or is the parent of an open one."""

    __slots__ = (
        "__weakref__",
        "attributes",
        "children",
        "closed",
        "depth",
        "failed_inside",
        "failure",
        "id",
        "label",
        "name",
        "number",
        "opened",
        "parent",
    )

    def __init__(self, span_id: str, name: str, parent: _OpenSpan | None, opened: int) -> None:
        self.id = span_id
        self.name = name
        self.label = name
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.number: _Number | None = None if parent is None else parent.number
        self.opened = opened
        self.children = 0
        self.closed = False
        self.attributes: tuple[Attribute, ...] = ()
        self.failure: tuple[str, str, str] | None = None
        self.failed_inside = False


class LiveInvocation:
    """The drawing state of one invocation: its open spans, and the last line.

    Exceptions and returns are held back until the next event: if that closes their span, they are
    written on its line.
    """

    __slots__ = (
        "__weakref__",
        "_about",
        "_answer",
        "_failed",
        "_given",
        "_held",
        "_namesakes",
        "_page",
        "_path",
        "_root",
        "_seen",
        "_tree",
        "spans",
    )

    def __init__(self, tree: LiveTree, onset: TailEvent[Onset]) -> None:
        self._tree = tree
        self._root = _OpenSpan(onset.event.span_id, onset.event.name, None, onset.timestamp)
        self.spans: dict[str | None, _OpenSpan] = {onset.event.span_id: self._root}
        self._given: dict[str, Any] = {}
        self._about: list[Piece] = []  # what its first line shows besides name and attributes
        self._namesakes: dict[tuple[int, str], list[int]] = {}
        self._path: list[_OpenSpan] = []  # the last line's span, below its parents
        self._held: _OpenSpan | None = None  # the span whose failure has no line yet
        self._answer: Any = None
        self._seen = 1
        self._failed = 0

    def __del__(self) -> None:
        """Release the number of an invocation without an outcome."""
        if self._root.number is not None:
            self._tree.abandon(self._root.number)

    def lines(self, event: TailEvent[Any], page: Page) -> list[str]:
        """The lines of the next event."""
        self._page = page
        kind = event.event.type
        draw = _DRAW.get(kind)
        if draw is None:
            return []
        span = self.spans.get(event.span_context.span_id)
        if span is None:  # its open event was dropped
            if kind in ("attributes", "spanClose"):
                return []
            span = self._root
        ends_here = kind in _ENDING
        lines = [] if kind in _DRAWN_AT_THE_END and self._holds(span) else self._tree.release()
        if not (ends_here and span is self._held):
            lines += self._failure_lines()
        if not (ends_here and span is self._root):
            lines += self._answer_lines()
        return lines + draw(self, span, event)

    # --- each kind of event -------------------------------------------------------------------

    def onset(self, root: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        onset, root = event.event, self._root
        if root.number is not None:  # a second one would hang it below itself
            return []
        root.number = self._tree.enter(root, event.span_context.span_id)
        self._tree.opened(root)
        self._given = {a.name: a.value for a in onset.attributes}
        about = info_text(event.to_dict()["event"]["info"], onset.name)
        trace_id = event.span_context.trace_id if self._page.ids else ""
        self._about = spaced([(about, DIM), (trace_id, DIM)])
        return self._tree.open(self, root)

    def span_open(self, parent: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        if parent.depth >= self._root.depth + _DEEPEST:
            parent = self._root
        span = _OpenSpan(event.event.span_id, event.event.name, parent, event.timestamp)
        parent.children += 1
        self.spans[span.id] = span
        self._tree.opened(span)
        self._label(span)
        self._seen += 1
        return self._tree.open(self, span)

    def attributes(self, span: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        span.attributes = event.event.info
        if span is self._root:  # its onset has shown the initial attributes
            given = self._given
            for a in span.attributes:
                if a.name == "http.route":
                    span.label = span.name = routed_name(span.name, a.value)
            span.attributes = tuple(
                [a for a in span.attributes if a.name not in given or given[a.name] != a.value]
            )
        return []

    def exception(self, span: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        failure = event.event
        span.failure = (failure.name, failure.message, failure.stack)
        self._held = span
        return []

    def return_(self, _: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        self._answer = event.event.info
        return []

    def log(self, span: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        log = event.event
        style = level_style(log.level)
        pieces = [(log.message, RED if style == RED else PLAIN)]
        if log.truncated:
            pieces.append((" " + self._page.glyphs.ellipsis, DIM))
        pieces += self._written(log.attributes)
        return [self._inner_line(span, log.level, style, pieces)]

    def diagnostic(self, span: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        pieces = [(event.event.channel, PLAIN)]
        pieces += attribute_pieces(event.event.message.items(), self._page.glyphs)
        return [self._inner_line(span, "event", DIM, pieces)]

    def stream_diagnostic(self, _: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        text = undelivered_text(event.event.diagnostic.count)
        return [self._inner_line(self._root, "dropped", YELLOW, [(text, YELLOW)])]

    def span_close(self, span: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        outcome = event.event.outcome
        unusual = "" if outcome in ("ok", "exception") else outcome
        words = [(unusual, outcome_style(outcome)), *self._failure(span)]
        lines = self._close_lines(span, outcome, event.timestamp - span.opened, words)
        self._forget(span)
        return lines

    def outcome(self, _: _OpenSpan, event: TailEvent[Any]) -> list[str]:
        root, ended = self._root, event.event
        status = "" if self._answer is None else self._answer.status_code
        begins = ended.outcome == "exception" and not root.failed_inside
        summary = totals(self._seen, self._failed + begins, ended.cpu_time, self._page.glyphs)
        words = [
            (ended.outcome, outcome_style(ended.outcome)),
            (str(status), status_style(status)),
            *self._failure(root),
            (", ".join(summary), DIM),
        ]
        said = said_of_request(root.name, status)
        shown = {a.name: a.value for a in root.attributes}
        if self._ends_at_once(root, ended.wall_time):  # then this line is the first one too
            shown = {**self._given, **shown}
        root.attributes = tuple([Attribute(*a) for a in shown.items() if a not in said])
        is_bad = type(status) is int and status >= SERVER_ERROR
        lines = self._close_lines(root, ended.outcome, ended.wall_time, words, is_bad=is_bad)
        if root.number is not None:
            self._tree.leave(root.number)
        self.spans = {}
        self._path = []
        return lines

    # --- the line of an opening, which may be held back -----------------------------------------

    def opening(self, span: _OpenSpan) -> str:
        """The opening line of a span."""
        sign = (self._page.glyphs.opening + " ", self._rail_style())
        pieces = [sign, *_label_pieces(span.name, span, BOLD if span is self._root else PLAIN)]
        pieces += self._around(span)
        if span is self._root:
            pieces += attribute_pieces(self._given.items(), self._page.glyphs)
        return self._line(span, "", PLAIN, span.depth, pieces)

    def _around(self, span: _OpenSpan) -> list[Piece]:
        """What the first line of a span shows besides its name: its info, or its parent."""
        if span is self._root:
            return self._about
        ids = spaced([(span.id if self._page.ids else "", DIM)])
        return ids if span.parent is None else ids + self._owner(span.parent)

    def _holds(self, span: _OpenSpan) -> bool:
        held = self._tree.held
        return held is not None and held[1] is span

    def _ends_at_once(self, span: _OpenSpan, duration: int) -> bool:
        """Whether one line is enough for a span."""
        return self._holds(span) and duration <= self._tree.at_once

    # --- open spans ---------------------------------------------------------------------------

    def _label(self, span: _OpenSpan) -> None:
        """Number concurrent spans of one name at one depth: `fetch`, `fetch #2`."""
        count = self._namesakes.setdefault((span.depth, span.name), [0, 0])
        count[0] += 1
        count[1] += 1
        if count[1] > 1:
            span.label = f"{span.name} #{count[1]}"

    def _forget(self, span: _OpenSpan) -> None:
        """Forget a closed span, unless it is the parent of an open one."""
        count = self._namesakes.get((span.depth, span.name))
        if count is not None:
            count[0] -= 1
            if not count[0]:
                del self._namesakes[span.depth, span.name]
        span.closed = True
        span.attributes, span.failure = (), None
        at: _OpenSpan | None = span
        while at is not None and at.closed and not at.children:
            self.spans.pop(at.id, None)
            at = at.parent
            if at is not None:
                at.children -= 1

    # --- held exceptions and returns
    # -------------------------------------------------------------------

    def _failure(self, span: _OpenSpan) -> list[Piece]:
        """The error, on the line of the span that it left."""
        if self._held is not span:
            return []
        self._held = None
        return [(_error(span), RED)]

    def _stack(self, span: _OpenSpan) -> list[str]:
        failure, span.failure = span.failure, None
        if not self._page.stacks or failure is None:
            return []
        left = [*self._margin("", PLAIN), *self._rails(span.depth)]
        write = self._page.screen.line
        return [write([*left, ("  " + line, DIM)]) for line in failure[2].splitlines()]

    def _failure_lines(self) -> list[str]:
        """The separate lines of a failure whose span goes on."""
        span, self._held = self._held, None
        if span is None:
            return []
        line = self._inner_line(span, "error", RED, [(_error(span), RED)])
        return [line, *self._stack(span)]

    def _answer_lines(self) -> list[str]:
        """The separate line of a return whose invocation goes on."""
        answer, self._answer = self._answer, None
        if answer is None:
            return []
        pieces = [(str(answer.status_code), status_style(answer.status_code))]
        return [self._inner_line(self._root, "return", DIM, pieces)]

    # --- lines --------------------------------------------------------------------------------

    def _close_lines(
        self,
        span: _OpenSpan,
        outcome: str,
        duration: int,
        words: list[Piece],
        *,
        is_bad: bool = False,
    ) -> list[str]:
        """The closing line of a span, whose name is cut so that the outcome fits."""
        failed, page, glyphs = outcome == "exception", self._page, self._page.glyphs
        is_whole = self._ends_at_once(span, duration)
        if is_whole:
            self._tree.held = None
        lines = self._tree.release()
        if failed:
            self._failed += not span.failed_inside
            if span.parent is not None:
                span.parent.failed_inside = True
        failed = failed or is_bad
        sign = ((glyphs.whole if is_whole else glyphs.closing) + " ", self._rail_style())
        rails = min(span.depth, page.levels) + 1
        room = page.screen.width - _MARGIN - rails * _RAIL_COLUMNS
        name = clip(span.name, max(room // 2, _LEAST_NAME), glyphs.ellipsis)
        usual = PLAIN if is_whole else DIM
        style = BOLD_RED if failed else BOLD if span is self._root else usual
        pieces = [(glyphs.failed + " ", BOLD_RED) if failed else sign]
        pieces += _label_pieces(name, span, style)
        pieces += self._around(span) if is_whole else []
        pieces += [*spaced(words), *self._written(span.attributes)]
        word, style = duration_text(duration, glyphs), duration_style(duration)
        return [*lines, self._line(span, word, style, span.depth, pieces), *self._stack(span)]

    def _inner_line(self, span: _OpenSpan, word: str, style: str, pieces: list[Piece]) -> str:
        return self._line(span, word, style, span.depth + 1, [*pieces, *self._owner(span)])

    def _line(self, span: _OpenSpan, word: str, style: str, depth: int, rest: list[Piece]) -> str:
        self._follow(span)
        self._tree.drawn = self._root
        return self._page.screen.line([*self._margin(word, style), *self._rails(depth), *rest])

    def _margin(self, word: str, style: str) -> list[Piece]:
        """The column with the duration, and the invocation's number if there are several."""
        number = f" {self._number() or '':>2} "
        return [*gutter(word, style, self._page.glyphs), (number, self._rail_style())]

    def _number(self) -> int:
        number = self._root.number
        return 0 if number is None else self._tree.shown(number)

    def _rail_style(self) -> str:
        number = self._number()
        return PALETTE[(number - 1) % len(PALETTE)] if number else DIM

    def _rails(self, depth: int) -> list[Piece]:
        """One rail for each enclosing span; levels that are too deep are counted."""
        most, rail = self._page.levels, self._page.glyphs.rail + " "
        if depth <= most:
            return [(rail * depth, self._rail_style())]
        return [(rail * (most - 2) + f"+{depth - most + 2:<3}", self._rail_style())]

    def _written(self, attributes: Iterable[Attribute]) -> list[Piece]:
        return attribute_pieces([(a.name, a.value) for a in attributes], self._page.glyphs)

    def _follow(self, span: _OpenSpan) -> None:
        """Note which span, below which parents, the last line was about."""
        path = self._path
        del path[span.depth + 1 :]
        path += [span] * (span.depth + 1 - len(path))
        at: _OpenSpan | None = span
        depth = span.depth
        while at is not None and (path[depth] is not at or at is span):
            path[depth] = at
            at = at.parent
            depth -= 1

    def _owner(self, owner: _OpenSpan) -> list[Piece]:
        """Name the span of a line, if it is not the one directly above."""
        path, drawn = self._path, self._tree.drawn
        is_above = owner.depth < len(path) and path[owner.depth] is owner
        if is_above and (drawn is None or drawn is self._root):
            return []
        opening, closing = self._page.glyphs.quotes
        return [("  ", PLAIN), (f"{opening}{owner.label}{closing}", DIM)]


def _label_pieces(name: str, span: _OpenSpan, style: str) -> list[Piece]:
    number = span.label[len(span.name) :]
    return [(name, style), (number, CYAN)] if number else [(name, style)]


def _error(span: _OpenSpan) -> str:
    name, message, _ = span.failure or ("", "", "")
    return error_text(name, message)


_ENDING: Final = frozenset({"attributes", "spanClose", "return", "streamDiagnostic", "outcome"})
"""The events of a span's closing line, which can show held exceptions and returns."""

_DRAWN_AT_THE_END: Final = frozenset({"attributes", "exception", "return", "spanClose", "outcome"})
"""The events of a span that are shown on its closing line."""

_DRAW: Final[dict[str, Callable[[LiveInvocation, _OpenSpan, TailEvent[Any]], list[str]]]] = {
    "onset": LiveInvocation.onset,
    "spanOpen": LiveInvocation.span_open,
    "attributes": LiveInvocation.attributes,
    "exception": LiveInvocation.exception,
    "return": LiveInvocation.return_,
    "log": LiveInvocation.log,
    "diagnosticChannel": LiveInvocation.diagnostic,
    "streamDiagnostic": LiveInvocation.stream_diagnostic,
    "spanClose": LiveInvocation.span_close,
    "outcome": LiveInvocation.outcome,
}
