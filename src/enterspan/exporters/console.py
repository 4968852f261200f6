"""The live tree on a terminal.

Each span has a line when it opens and a line, with its duration and its attributes, when it closes;
what happens in between is written between the two. Where more than one thing is going on at once
the lines say which is which: invocations get a number and a colour, spans of one name that are open
side by side get `#2`, `#3`, and a line that does not belong to the span above it says whose it is.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.routes import routed_name
from enterspan._terminal.screen import (
    BOLD,
    BOLD_RED,
    CYAN,
    DIM,
    GUTTER,
    MIN_WIDTH,
    PLAIN,
    RED,
    YELLOW,
    attribute_pieces,
    clip,
    columns_of,
    counted,
    duration_style,
    duration_text,
    gutter,
    info_text,
    level_style,
    outcome_style,
    screen_for,
    status_style,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from enterspan._terminal.screen import Piece, Screen
    from enterspan.events import Attribute, Onset, TailEvent

_PALETTE: Final = (CYAN, "35", "34", "32", "96", "95", "94", "92")
"""The colours of invocations that are open at once; red and yellow mean something else."""
_MARGIN: Final = GUTTER + 4
"""Where the tree begins: after the duration and the invocation's number."""
_RAIL_COLUMNS: Final = 2
_LEAST_NAME: Final = 8
"""Of a name, at least so much is shown."""


class ConsoleTail:
    """A live tail that draws each invocation as a tree of lines.

    `stream` is where the lines go, by default what `sys.stderr` is when a line is written. `color`
    and `width` (columns, at least 20) are found out unless they are given: colours where the stream
    is a terminal and the environment does not object (NO_COLOR, FORCE_COLOR, TERM=dumb), the width
    of the terminal, and 100 columns where there is none. `stacks` shows the whole traceback of a
    failure, `ids` the ids of traces and spans.

    A stream that breaks is not written to any more; the program never learns of it.

    Raises TypeError or ValueError for a width that is none.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        color: bool | None = None,
        width: int | None = None,
        stacks: bool = False,
        ids: bool = False,
    ) -> None:
        _check_width(width)
        self._desk = _Desk(stream, color, width, stacks=stacks, ids=ids)

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None]:
        """Begin to draw an invocation; what is returned draws the rest of it."""
        invocation = _Invocation(self._desk, event)
        invocation(event)
        return invocation


def _check_width(width: object) -> None:
    if width is None:
        return
    if type(width) is not int:
        raise TypeError(f"width must be an int (columns), not {width!r}")
    if width < MIN_WIDTH:
        raise ValueError(f"width must be at least {MIN_WIDTH} columns, not {width}")


class _Desk:
    """Where one line at a time is drawn and written, and invocations get their numbers."""

    def __init__(
        self,
        stream: TextIO | None,
        color: bool | None,
        width: int | None,
        *,
        stacks: bool,
        ids: bool,
    ) -> None:
        self.seats = _Seats()
        self._stream = stream
        self._color = color
        self._width = width
        self._stacks = stacks
        self._ids = ids
        self._broken: object = None
        self._pen: _Pen | None = None
        self._waiting: deque[tuple[_Invocation, TailEvent[Any]]] = deque()
        self._writing = threading.Lock()
        _desks.add(self)

    def take(self, invocation: _Invocation, event: TailEvent[Any]) -> None:
        """Draw an event, or leave it to whoever is drawing at this moment.

        Nobody ever waits here: not for another thread, and not for itself, when a signal handler
        or a finalizer traces something while a line is being written.
        """
        self._waiting.append((invocation, event))
        while self._waiting and self._writing.acquire(blocking=False):
            try:
                while self._waiting:
                    self._draw(*self._waiting.popleft())
            finally:
                self._writing.release()

    def restart(self) -> None:
        """In a forked child: whoever was writing stayed behind with the parent."""
        self._waiting.clear()
        self._writing = threading.Lock()

    def _draw(self, invocation: _Invocation, event: TailEvent[Any]) -> None:
        stream = sys.stderr if self._stream is None else self._stream
        if stream is None or stream is self._broken:
            return
        lines = invocation.drawn(event, self._pen_for(stream))
        if not lines:
            return
        try:
            stream.write("".join([line + "\n" for line in lines]))
            stream.flush()
        except Exception:  # closed, broken, full, or no text stream at all
            self._broken = stream

    def _pen_for(self, stream: TextIO) -> _Pen:
        """Look at a stream once, save for its width: windows are resized."""
        pen = self._pen
        width = columns_of(stream, os.environ) if self._width is None else self._width
        if pen is None or pen.stream is not stream or pen.screen.width != width:
            screen = screen_for(stream, self._color, width)
            pen = self._pen = _Pen(stream, screen, stacks=self._stacks, ids=self._ids)
        return pen


class _Seat:
    """An open invocation's place on the desk: its number, and the invocation that it lies in."""

    __slots__ = ("inner", "invocation", "is_marked", "is_taken", "number", "outer")

    def __init__(self, number: int, outer: _Seat | None, invocation: _Invocation) -> None:
        self.number = number
        self.outer = outer
        self.inner = 0
        self.is_taken = True
        self.is_marked = False
        self.invocation: Callable[[], _Invocation | None] = weakref.ref(invocation)


def _nobody() -> None:
    """Stands for an invocation that is over."""


class _Seats:
    """The invocations that are open. One that lies in another does not compete with it."""

    __slots__ = ("_innermost", "_left", "_taken")

    def __init__(self) -> None:
        self._taken: dict[int, _Seat] = {}
        self._innermost = 0
        self._left: deque[_Seat] = deque()

    def take(self, invocation: _Invocation, outer: _Seat | None) -> _Seat:
        """Give the lowest number that no open invocation has.

        It comes back with the outcome, or with the invocation itself where the tail was removed.
        """
        while self._left:
            self.leave(self._left.popleft())
        number = 1
        while number in self._taken:
            number += 1
        seat = _Seat(number, outer, invocation)
        left = self._left
        seat.invocation = weakref.ref(invocation, lambda _: left.append(seat))
        self._taken[number] = seat
        self._innermost += 1
        if outer is not None:
            self._innermost -= outer.is_taken and not outer.inner
            outer.inner += 1
        return seat

    def leave(self, seat: _Seat | None) -> None:
        """Take the number back; a second time does nothing."""
        if seat is None or not seat.is_taken:
            return
        seat.is_taken = False
        seat.invocation = _nobody
        del self._taken[seat.number]
        self._innermost -= not seat.inner
        outer = seat.outer
        if outer is not None:
            outer.inner -= 1
            self._innermost += outer.is_taken and not outer.inner

    def is_one_of_several(self, seat: _Seat) -> bool:
        """Whether an invocation must say which one it is; all but the first go on to say it."""
        if self._innermost > 1:
            seat.is_marked = seat.number > 1
            return True
        return seat.is_marked

    def find(self, span_id: str | None) -> tuple[_Open, _Seat] | None:
        """The open span with this id, whichever invocation it is of."""
        if span_id is None:
            return None
        for seat in self._taken.values():
            invocation = seat.invocation()
            span = invocation.spans.get(span_id) if invocation is not None else None
            if span is not None:
                return span, seat
        return None


_desks: weakref.WeakSet[_Desk] = weakref.WeakSet()


def _restart_all() -> None:
    for desk in list(_desks):
        desk.restart()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_all)


class _Pen:
    """What a tail was asked to show, and on what."""

    __slots__ = ("glyphs", "ids", "screen", "stacks", "stream")

    def __init__(self, stream: TextIO, screen: Screen, *, stacks: bool, ids: bool) -> None:
        self.stream = stream
        self.screen = screen
        self.glyphs = screen.glyphs
        self.stacks = stacks
        self.ids = ids


class _Open:
    """A span that is open."""

    __slots__ = (
        "attributes",
        "children",
        "closed",
        "depth",
        "failure",
        "id",
        "label",
        "name",
        "opened",
        "parent",
    )

    def __init__(self, span_id: str, name: str, parent: _Open | None, opened: int) -> None:
        self.id = span_id
        self.name = name
        self.label = name
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.opened = opened
        self.children = 0
        self.closed = False
        self.attributes: tuple[Attribute, ...] = ()
        self.failure: tuple[str, str, str] | None = None


class _Namesakes:
    """Tells spans apart that have one name and are open side by side."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[tuple[int, str], list[int]] = {}

    def enter(self, span: _Open) -> None:
        """Label a span: `fetch`, and while that is open `fetch #2`, `fetch #3`."""
        count = self._open.setdefault((span.depth, span.name), [0, 0])
        count[0] += 1
        count[1] += 1
        if count[1] > 1:
            span.label = f"{span.name} #{count[1]}"

    def leave(self, span: _Open) -> None:
        """Forget a span; with the last of a name the counting begins anew."""
        count = self._open.get((span.depth, span.name))
        if count is not None:
            count[0] -= 1
            if not count[0]:
                del self._open[span.depth, span.name]


class _Invocation:
    """One invocation as it is drawn: its open spans, and where the reader's eye is.

    An exception, and an answer, are held back until the next event: if that closes the span they
    belong to, they are written on its line.
    """

    __slots__ = (
        "__weakref__",
        "_answer",
        "_desk",
        "_failed",
        "_given",
        "_held",
        "_namesakes",
        "_path",
        "_root",
        "_seat",
        "_seen",
        "spans",
    )

    def __init__(self, desk: _Desk, onset: TailEvent[Onset]) -> None:
        self._desk = desk
        self._seat: _Seat | None = None
        self._root = _Open(onset.event.span_id, onset.event.name, None, onset.timestamp)
        self.spans: dict[str | None, _Open] = {onset.event.span_id: self._root}
        self._given: dict[str, Any] = {}
        self._namesakes = _Namesakes()
        self._path: list[_Open] = []  # the last line's span, below its parents: where the eye is
        self._held: _Open | None = None  # the span whose failure has no line yet
        self._answer: Any = None
        self._seen = 1
        self._failed = 0

    def __call__(self, event: TailEvent[Any]) -> None:
        """Draw the next event."""
        self._desk.take(self, event)

    def drawn(self, event: TailEvent[Any], pen: _Pen) -> list[str]:
        """The lines of an event."""
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
        lines: list[str] = []
        if not (ends_here and span is self._held):
            lines += self._say_failure(pen)
        if not (ends_here and span is self._root):
            lines += self._say_answer(pen)
        return lines + draw(self, span, event, pen)

    # --- each kind of event -------------------------------------------------------------------

    def onset(self, _: _Open, event: TailEvent[Any], pen: _Pen) -> list[str]:
        onset = event.event
        self._sit_down(event.span_context.span_id)
        self._given = {a.name: a.value for a in onset.attributes}
        pieces = [(self._root.label, BOLD)]
        about = info_text(event.to_dict()["event"]["info"], onset.name)
        if about:
            pieces += [("  ", PLAIN), (about, DIM)]
        if pen.ids:
            pieces += [("  ", PLAIN), (event.span_context.trace_id, DIM)]
        pieces += _written(onset.attributes, pen)
        return [self._open_line(self._root, pieces, pen)]

    def _sit_down(self, parent_id: str | None) -> None:
        """Get a number; below the span of another invocation that is open, if this began in it."""
        seats = self._desk.seats
        found = seats.find(parent_id)
        if found is None:
            self._seat = seats.take(self, None)
        else:
            self._root.parent, outer = found
            self._root.depth = found[0].depth + 1
            self._seat = seats.take(self, outer)

    def span_open(self, parent: _Open, event: TailEvent[Any], pen: _Pen) -> list[str]:
        span = _Open(event.event.span_id, event.event.name, parent, event.timestamp)
        parent.children += 1
        self.spans[span.id] = span
        self._namesakes.enter(span)
        self._seen += 1
        pieces = _label(span.name, span, PLAIN)
        if pen.ids:
            pieces += [("  ", PLAIN), (span.id, DIM)]
        pieces += self._whose(parent, pen)
        return [self._open_line(span, pieces, pen)]

    def attributes(self, span: _Open, event: TailEvent[Any], _: _Pen) -> list[str]:
        span.attributes = event.event.info
        if span is self._root:  # its onset has shown what it began with
            given = self._given
            for a in span.attributes:
                if a.name == "http.route":
                    span.label = span.name = routed_name(span.name, a.value)
            span.attributes = tuple(
                [a for a in span.attributes if a.name not in given or given[a.name] != a.value]
            )
        return []

    def exception(self, span: _Open, event: TailEvent[Any], _: _Pen) -> list[str]:
        failure = event.event
        span.failure = (failure.name, failure.message, failure.stack)
        self._held = span
        return []

    def return_(self, _: _Open, event: TailEvent[Any], __: _Pen) -> list[str]:
        self._answer = event.event.info
        return []

    def log(self, span: _Open, event: TailEvent[Any], pen: _Pen) -> list[str]:
        log = event.event
        style = level_style(log.level)
        pieces = [(log.message, RED if style == RED else PLAIN)]
        if log.truncated:
            pieces.append((" " + pen.glyphs.ellipsis, DIM))
        pieces += _written(log.attributes, pen)
        return [self._inner_line(span, log.level, style, pieces, pen)]

    def diagnostic(self, span: _Open, event: TailEvent[Any], pen: _Pen) -> list[str]:
        pieces = [(event.event.channel, PLAIN)]
        pieces += attribute_pieces(event.event.message.items(), pen.glyphs)
        return [self._inner_line(span, "event", DIM, pieces, pen)]

    def stream_diagnostic(self, _: _Open, event: TailEvent[Any], pen: _Pen) -> list[str]:
        text = counted(event.event.diagnostic.count, "event") + " could not be delivered"
        return [self._inner_line(self._root, "dropped", YELLOW, [(text, YELLOW)], pen)]

    def span_close(self, span: _Open, event: TailEvent[Any], pen: _Pen) -> list[str]:
        outcome = event.event.outcome
        self._failed += outcome == "exception"
        pieces = self._ended_label(span, DIM, outcome, pen)
        if outcome not in ("ok", "exception"):
            pieces += [("  ", PLAIN), (outcome, outcome_style(outcome))]
        pieces += self._failure(span) + _written(span.attributes, pen)
        lines = [self._close_line(span, event.timestamp - span.opened, outcome, pieces, pen)]
        lines += self._stack(span, pen)
        self._namesakes.leave(span)
        self._forget(span)
        return lines

    def _forget(self, span: _Open) -> None:
        """Let go of a closed span, unless it still is the parent of an open one."""
        span.closed = True
        at: _Open | None = span
        while at is not None and at.closed and not at.children:
            self.spans.pop(at.id, None)
            at = at.parent
            if at is not None:
                at.children -= 1

    def outcome(self, _: _Open, event: TailEvent[Any], pen: _Pen) -> list[str]:
        root = self._root
        outcome = event.event.outcome
        self._failed += outcome == "exception"
        pieces = self._ended_label(root, BOLD, outcome, pen)
        pieces += [("  ", PLAIN), (outcome, outcome_style(outcome))]
        if self._answer is not None:
            status = self._answer.status_code
            pieces += [("  ", PLAIN), (str(status), status_style(status))]
        pieces += self._failure(root)
        pieces += [("  ", PLAIN), (self._summary(event.event.cpu_time, pen), DIM)]
        pieces += _written(root.attributes, pen)
        lines = [self._close_line(root, event.event.wall_time, outcome, pieces, pen)]
        lines += self._stack(root, pen)
        self._end()
        return lines

    def _ended_label(self, span: _Open, style: str, outcome: str, pen: _Pen) -> list[Piece]:
        """The name, cut so that on a narrow screen it leaves room for what became of the span."""
        drawn = min(span.depth, _most_rails(pen)) + 1
        room = pen.screen.width - _MARGIN - drawn * _RAIL_COLUMNS
        name = clip(span.name, max(room // 2, _LEAST_NAME), pen.glyphs.ellipsis)
        return _label(name, span, BOLD_RED if outcome == "exception" else style)

    def _end(self) -> None:
        self._desk.seats.leave(self._seat)
        self.spans = {}
        self._path = []

    def _summary(self, cpu_time: int, pen: _Pen) -> str:
        parts = [counted(self._seen, "span")] if self._seen > 1 else []
        if self._failed and self._seen > 1:
            parts.append(f"{self._failed} failed")
        parts.append("cpu " + duration_text(cpu_time, pen.glyphs).strip())
        return ", ".join(parts)

    # --- what was held back -------------------------------------------------------------------

    def _failure(self, span: _Open) -> list[Piece]:
        """The error, on the line of the span that it left."""
        if self._held is not span:
            return []
        self._held = None
        return [("  ", PLAIN), *_error(span)]

    def _stack(self, span: _Open, pen: _Pen) -> list[str]:
        if not pen.stacks or span.failure is None:
            return []
        lines = span.failure[2].splitlines()
        span.failure = None
        rails = self._rails(span.depth, pen)
        margin = self._margin(gutter("", PLAIN, pen.glyphs))
        return [pen.screen.line([*margin, *rails, ("  " + line, DIM)]) for line in lines]

    def _say_failure(self, pen: _Pen) -> list[str]:
        """Give a failure that its span survived a line of its own."""
        span, self._held = self._held, None
        if span is None:
            return []
        lines = [self._inner_line(span, "error", RED, _error(span), pen)]
        lines += self._stack(span, pen)
        span.failure = None
        return lines

    def _say_answer(self, pen: _Pen) -> list[str]:
        """Give the answer of an invocation that lives on a line of its own."""
        answer, self._answer = self._answer, None
        if answer is None:
            return []
        status = answer.status_code
        pieces = [(str(status), status_style(status))]
        return [self._inner_line(self._root, "return", DIM, pieces, pen)]

    # --- lines --------------------------------------------------------------------------------

    def _open_line(self, span: _Open, pieces: list[Piece], pen: _Pen) -> str:
        self._look_at(span)
        sign = [(pen.glyphs.opening + " ", self._rail_style())]
        margin = self._margin(gutter("", PLAIN, pen.glyphs))
        return pen.screen.line([*margin, *self._rails(span.depth, pen), *sign, *pieces])

    def _close_line(
        self, span: _Open, duration: int, outcome: str, pieces: list[Piece], pen: _Pen
    ) -> str:
        glyphs = pen.glyphs
        sign = [(glyphs.closing + " ", self._rail_style())]
        if outcome == "exception":
            sign = [(glyphs.failed + " ", BOLD_RED)]
        left = gutter(duration_text(duration, glyphs), duration_style(duration), glyphs)
        self._look_at(span)
        return pen.screen.line([*self._margin(left), *self._rails(span.depth, pen), *sign, *pieces])

    def _inner_line(
        self, span: _Open, word: str, style: str, pieces: list[Piece], pen: _Pen
    ) -> str:
        whose = self._whose(span, pen)
        self._look_at(span)
        margin = self._margin(gutter(word, style, pen.glyphs))
        return pen.screen.line([*margin, *self._rails(span.depth + 1, pen), *pieces, *whose])

    def _margin(self, left: list[Piece]) -> list[Piece]:
        """The column with the duration, and the invocation's number if there are several."""
        number = self._number()
        return [*left, (f" {number or '':>2} ", self._rail_style())]

    def _number(self) -> int:
        """The number to show; 0 where there is nothing to be mistaken for."""
        seat = self._seat
        if seat is None or not self._desk.seats.is_one_of_several(seat):
            return 0
        return seat.number

    def _rail_style(self) -> str:
        number = self._number()
        return _PALETTE[(number - 1) % len(_PALETTE)] if number else DIM

    def _rails(self, depth: int, pen: _Pen) -> list[Piece]:
        """One rail for each span around; what is too deep to be drawn is counted."""
        most = _most_rails(pen)
        rail = pen.glyphs.rail + " "
        if depth <= most:
            return [(rail * depth, self._rail_style())]
        return [(rail * (most - 2) + f"+{depth - most + 2:<3}", self._rail_style())]

    # --- where the eye is ---------------------------------------------------------------------

    def _look_at(self, span: _Open) -> None:
        path = self._path
        del path[span.depth + 1 :]
        path += [span] * (span.depth + 1 - len(path))
        at: _Open | None = span
        depth = span.depth
        while at is not None and (path[depth] is not at or at is span):
            path[depth] = at
            at = at.parent
            depth -= 1

    def _whose(self, owner: _Open, pen: _Pen) -> list[Piece]:
        """Name the span that a line belongs to, where it is not the one right above."""
        path = self._path
        if owner.depth < len(path) and path[owner.depth] is owner:
            return []
        opening, closing = pen.glyphs.quotes
        return [("  ", PLAIN), (f"{opening}{owner.label}{closing}", DIM)]


def _most_rails(pen: _Pen) -> int:
    """How many rails are drawn before they are counted: half of the width is for the names."""
    return max((pen.screen.width - _MARGIN) // 2 // _RAIL_COLUMNS, 2)


def _label(name: str, span: _Open, style: str) -> list[Piece]:
    number = span.label[len(span.name) :]
    return [(name, style), (number, CYAN)] if number else [(name, style)]


def _error(span: _Open) -> list[Piece]:
    name, message, _ = span.failure or ("", "", "")
    return [(f"{name}: {message}" if message else name, RED)]


def _written(attributes: Iterable[Attribute], pen: _Pen) -> list[Piece]:
    return attribute_pieces([(a.name, a.value) for a in attributes], pen.glyphs)


_ENDING: Final = frozenset({"attributes", "spanClose", "return", "streamDiagnostic", "outcome"})
"""The events that lead to a span's last line, which can show what was held back for it."""

_DRAW: Final[dict[str, Callable[[_Invocation, _Open, TailEvent[Any], _Pen], list[str]]]] = {
    "onset": _Invocation.onset,
    "spanOpen": _Invocation.span_open,
    "attributes": _Invocation.attributes,
    "exception": _Invocation.exception,
    "return": _Invocation.return_,
    "log": _Invocation.log,
    "diagnosticChannel": _Invocation.diagnostic,
    "streamDiagnostic": _Invocation.stream_diagnostic,
    "spanClose": _Invocation.span_close,
    "outcome": _Invocation.outcome,
}
