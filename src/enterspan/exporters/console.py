"""The live tree on a terminal."""

from __future__ import annotations

import errno
import os
import sys
import weakref
from collections import deque
from contextvars import copy_context
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.budget import Budget
from enterspan._model.interrupts import is_interrupt
from enterspan._model.threads import get_ident, members, sleep
from enterspan._model.weights import weight_of_event
from enterspan._pipeline import process
from enterspan._pipeline.worker import Worker
from enterspan._terminal.live import HELD, LiveTree, Page
from enterspan._terminal.screen import MIN_WIDTH, columns_of, screen_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from typing import TextIO

    from enterspan._terminal.live import LiveInvocation
    from enterspan.events import Onset, TailEvent


_MOST_HELD: Final = 60
_PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EAGAIN})
"""Errors after which a write may succeed later: a full disk or pipe."""
_MANY: Final = 1_000
"""With this many queued events, a thread waits for the one that is drawing."""
_MOST: Final = 10_000
_MOST_BYTES: Final = 16_777_216
"""No more events wait for a stream that takes nothing, and no more bytes of memory of them."""
_PATIENCE: Final = 1.0
"""Seconds for which a thread waits for the drawing one, which may be waiting for it."""
_PAUSE: Final = 0.0005
"""Seconds between two checks during that time."""
_TURN: Final = [None]


class _NotDrawnError(Exception):
    """Events could not be written; `lost` is their number."""

    def __init__(self, lost: int, why: OSError) -> None:
        super().__init__(str(why))
        self.lost = lost
        self.why = why


class ConsoleTail:
    """A live tail that draws each invocation as a tree of lines.

    Args:
        stream: The output stream; by default the `sys.stderr` of the moment.
        color: Whether to use colours. By default they are used if the stream is a terminal, unless
            the environment says otherwise (NO_COLOR, FORCE_COLOR, TERM=dumb).
        width: Columns of a line, at least 20. By default the width of the terminal, or 100 without
            one.
        stacks: Show the tracebacks of failures.
        ids: Show the ids of traces and spans.
        hold: Seconds for which a span's opening line is held back, unless another line is written:
            a span that ends sooner, with nothing in between, is one line. The program's own output
            in that time appears above it. `flush()` and the end of the process write it; a process
            that is killed does not. With 0, each line is written at once.

    Events that can't be written, because the disk is full or the stream accepts no output for some
    time, are counted (`Subscription.stats.failed`), and the next ones are tried. A stream that is
    closed or broken is not written to again. The program is not affected.

    Raises:
        TypeError: `stream` is no stream, `width` is not an int, or `hold` not a number.
        ValueError: `width` is less than 20, or `hold` is not from 0 to 60.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        color: bool | None = None,
        width: int | None = None,
        stacks: bool = False,
        ids: bool = False,
        hold: float = HELD,
    ) -> None:
        _check_stream(stream)
        _check_width(width)
        _check_hold(hold)
        self._stream = stream
        self._color = color
        self._width = width
        self._stacks = stacks
        self._ids = ids
        self._hold = hold
        self._tree = LiveTree(hold)
        self._held_since = 0.0
        self._held_in: tuple[TextIO, Context] | None = None
        late = partial(_show_late, weakref.ref(self))
        again = partial(_look_again, weakref.ref(self))
        self._late = Worker(_call, late, "console", hold, rest=again, prompt=True, hidden=True)
        weakref.finalize(self, self._late.pause).atexit = False
        self._broken: object = None
        self._unreported: _NotDrawnError | None = None
        self._seen: object = None
        self._page: Page | None = None
        self._waiting: deque[tuple[LiveInvocation, TailEvent[Any], int] | None] = deque()
        self._waiting_bytes = Budget()
        self._turn: list[None] = [None]  # empty while a thread draws
        self._drawing = self._late_at_work = 0  # the threads that are drawing
        self._is_stuck = False
        _tails.add(self)

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None]:
        """Draw the onset of an invocation, and return the handler for the other events."""
        handler = partial(self._take, self._tree.begin(event))
        try:
            handler(event)
        except _NotDrawnError as error:  # raised here, it would decline the invocation
            self._unreported = error
        return handler

    @property
    def subscription_target(self) -> object:
        """The stream: a second tail for it replaces the first one."""
        stream = self._stream
        return "sys.stderr" if stream is None or stream is sys.stderr else id(stream)

    def _take(self, invocation: LiveInvocation, event: TailEvent[Any]) -> None:
        """Draw an event, or leave it to the thread that is currently drawing.

        It never waits for its own thread, where a signal handler or a finalizer may trace something
        while a line is being written. It waits briefly for another thread that writes held lines,
        so that a line is written when its span has ended, or that is far behind.
        """
        weight = 0 if self._turn else weight_of_event(event.event)
        if weight and not self._has_room(weight):
            raise _NotDrawnError(1, OSError(errno.EAGAIN, "the stream takes nothing"))
        self._waiting.append((invocation, event, weight))
        unreported, self._unreported = self._unreported, None
        lost, why = (0, None) if unreported is None else (unreported.lost, unreported.why)
        self._work_off(lost, why, _PATIENCE, _MANY)

    def _has_room(self, weight: int) -> bool:
        """Whether one more event may wait for the thread that is drawing."""
        return len(self._waiting) < _MOST and self._waiting_bytes.take(weight, _MOST_BYTES)

    def flush(self) -> None:
        """Write held lines."""
        self.settle(monotonic() + _PATIENCE)

    def settle(self, deadline: float) -> bool:  # internal
        """Write held lines and queued events.

        Returns:
            False if that was not done by the deadline (`time.monotonic`).
        """
        if self._tree.held is not None or self._waiting:
            self._waiting.append(None)
        self._is_stuck = False
        try:
            return self._work_off(0, None, deadline - monotonic(), 0)
        except _NotDrawnError as error:
            self._unreported = error
            return True

    def _work_off(self, lost: int, why: OSError | None, patience: float, least: int) -> bool:
        """Draw queued events; False if another thread is drawing and has not finished in time."""
        waiting, turn = self._waiting, self._turn
        while waiting or not (turn or least):
            try:
                del turn[0]
            except IndexError:
                if self._wait(patience, least):
                    continue
                return False
            try:
                self._drawing = get_ident()
                while waiting:
                    what = waiting.popleft()
                    if what is not None and what[2]:
                        self._waiting_bytes.give(what[2])
                    error = self._draw(what)
                    self._is_stuck = False
                    if error is not None:
                        lost, why = lost + 1, error
                self._drawing = 0
            finally:
                turn += _TURN  # no call, which could be interrupted
        if why is not None:
            raise _NotDrawnError(lost, why) from why
        return True

    def _wait(self, patience: float, least: int) -> bool:
        """Wait for another thread that is drawing, if worthwhile; False if it still is."""
        own = get_ident()
        deadline = monotonic() + patience
        while not self._turn:
            late = self._late_at_work
            if own in (late, self._drawing) or self._is_stuck:
                return False
            if not late and len(self._waiting) < least:
                return False
            if monotonic() >= deadline:
                self._is_stuck = True  # until it has written something
                return False
            sleep(_PAUSE)
        return True

    def _draw(self, what: tuple[LiveInvocation, TailEvent[Any], int] | None) -> OSError | None:
        """Draw an event, or held lines.

        Returns the error if its lines are lost but later ones may succeed.
        """
        tree, held_in = self._tree, self._held_in
        stream = sys.stderr if self._stream is None else self._stream
        held_on = stream if held_in is None else held_in[0]
        error = None
        if what is None or held_on is not stream:
            self._held_in = None  # held lines belong to the page on which they began
            error = self._write(held_on, tree.release())
        if what is None or stream is None or stream is self._broken:
            return error
        held = tree.held
        lines = what[0].lines(what[1], self._page_for(stream))
        if tree.held is None:
            self._held_in = None
        elif tree.held is not held:
            self._held_in = stream, copy_context()  # with tracing suppressed
            self._held_since = monotonic()
            self._look_again()
        return self._write(stream, lines) or error

    def _write(self, stream: TextIO | None, lines: list[str]) -> OSError | None:
        if not lines or stream is None or stream is self._broken:
            return None
        try:
            stream.write("".join([line + "\n" for line in lines]))
            stream.flush()
        except Exception as error:
            if is_interrupt(error):
                raise
            if isinstance(error, OSError) and error.errno in _PASSING:
                return error
            self._broken = stream  # also if it is closed, or not a text stream
        return None

    def _page_for(self, stream: TextIO) -> Page:
        """Examine a stream once, except for its width, because windows are resized."""
        page = self._page
        width = columns_of(stream, os.environ) if self._width is None else self._width
        if page is None or self._seen is not stream or page.screen.width != width:
            screen = screen_for(stream, self._color, width)
            page = self._page = Page(screen, stacks=self._stacks, ids=self._ids)
            self._seen = stream
        return page

    def _show_late(self) -> None:
        """Write lines that were held long enough; called by the timer thread."""
        held_in = self._held_in
        if held_in is None or monotonic() - self._held_since < self._hold:
            return
        self._late_at_work = get_ident()
        try:
            held_in[1].run(self.flush)
        finally:
            self._late_at_work = 0

    def _look_again(self) -> None:
        """Schedule `_show_late`, if a line is held."""
        if self._tree.held is not None and not self._late.queue:
            self._late.put(None, 0, 1)

    def _after_fork(self) -> None:
        """Reset in a forked child: a thread that was writing is not in the child."""
        self._waiting.clear()
        self._waiting_bytes = Budget()
        self._tree.held = self._held_in = None
        self._turn = [None]
        self._drawing = self._late_at_work = 0
        self._is_stuck = False


def _check_stream(stream: object) -> None:
    if stream is not None and not callable(getattr(stream, "write", None)):
        raise TypeError(f"stream must be an open stream, not {stream!r:.100}")


def _check_hold(hold: object) -> None:
    if type(hold) not in (int, float):
        raise TypeError(f"hold must be a number of seconds, not {hold!r}")
    if not 0 <= hold <= _MOST_HELD:  # type: ignore[operator]
        raise ValueError(f"hold must be from 0 to {_MOST_HELD} seconds, not {hold!r}")


def _call(function: Callable[[], None]) -> None:
    function()


def _show_late(tail: weakref.ref[ConsoleTail], _: list[None]) -> None:
    found = tail()
    if found is not None:
        found._show_late()


def _look_again(tail: weakref.ref[ConsoleTail]) -> None:
    found = tail()
    if found is not None:
        found._look_again()


def _check_width(width: object) -> None:
    if width is None:
        return
    if type(width) is not int:
        raise TypeError(f"width must be an int (columns), not {width!r}")
    if width < MIN_WIDTH:
        raise ValueError(f"width must be at least {MIN_WIDTH} columns, not {width}")


_tails: weakref.WeakSet[ConsoleTail] = weakref.WeakSet()


def _before_fork() -> None:
    for tail in members(_tails):
        tail.settle(0.0)


def _after_fork() -> None:
    for tail in members(_tails):
        tail._after_fork()


process.at_fork(before=_before_fork, in_child=_after_fork)
