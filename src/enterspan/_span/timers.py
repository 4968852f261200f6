"""One daemon thread that calls functions after a delay, for invocations with `linger`."""

from __future__ import annotations

import sys
from heapq import heapify, heappop, heappush
from time import monotonic

from enterspan._model import threads
from enterspan._model.diagnostics import warn
from enterspan._model.threads import Bell, RLock, Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_CANCELED_FEW: Final = 16
"""How many canceled timers may stay in the heap."""


class Timer:
    """A call due at a given time; once canceled, it references nothing."""

    __slots__ = ("_of", "call", "due")

    def __init__(self, due: float, call: Callable[[], object], of: _Clockwork) -> None:
        self.due = due
        self.call: Callable[[], object] | None = call
        self._of = of

    def cancel(self) -> None:
        """Cancel the call."""
        if self.call is not None:
            self.call = None
            self._of.canceled()

    def __lt__(self, other: Timer) -> bool:
        """The earlier one comes first."""
        return self.due < other.due


_LONGEST_WAIT: Final = 86_400.0
"""The maximum number of seconds of one wait: systems limit it."""
_PAUSE_TIMEOUT: Final = 0.2
"""Seconds for which a running call may delay a fork."""


class _Clockwork:
    """The timer thread and its heap of timers."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._canceled = 0
        self._lock = RLock()  # reentrant for signal handlers
        self._changed = Bell()
        self._thread: Thread | None = None
        self._leaving = False

    def add(self, seconds: float, call: Callable[[], object]) -> Timer:
        timer = Timer(monotonic() + seconds, call, self)
        with self._lock:
            heappush(self._heap, timer)
            is_first = self._heap[0] is timer
        if self._thread is None or not self._thread.is_alive():
            self.start()
        elif is_first:
            self._changed.ring()
        return timer

    def canceled(self) -> None:
        """Remove canceled timers from the heap once they are half of it."""
        with self._lock:
            self._canceled += 1
            if self._canceled > _CANCELED_FEW and self._canceled > len(self._heap) // 2:
                self._heap = [timer for timer in self._heap if timer.call is not None]
                heapify(self._heap)
                self._canceled = 0

    def start(self) -> None:
        """Start the thread, if there are timers."""
        with self._lock:
            if not self._heap or (self._thread is not None and self._thread.is_alive()):
                return
            self._leaving = False
            self._thread = Thread(self._run, "enterspan-timers", self._leave)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is shutting down, which ends all invocations
                self._thread = None

    def _leave(self) -> None:
        self._leaving = True
        self._changed.ring()

    def pause(self) -> bool:
        """Stop the thread before a fork; False if it is not running."""
        thread = self._thread
        if thread is None or not thread.is_alive() or thread.is_current:
            return False
        self._leave()
        thread.join(_PAUSE_TIMEOUT)
        return True

    def resume(self) -> None:
        """Restart after a fork; not yet in 3.12, which counts the threads after this."""
        with self._lock:  # another thread may be starting it
            thread = self._thread
            if thread is not None and not thread.is_alive():
                self._thread = None
            self._leaving = False
        if sys.version_info[:2] != (3, 12):
            self.start()

    def _run(self) -> None:
        while not self._leaving:
            with self._lock:
                first = self._heap[0] if self._heap else None
                pause = None if first is None else first.due - monotonic()
                is_due = pause is not None and pause <= 0
                call = heappop(self._heap).call if is_due else None
                if is_due and call is None:
                    self._canceled = max(self._canceled - 1, 0)
            if not is_due:
                self._changed.wait(None if pause is None else min(pause, _LONGEST_WAIT))
            elif call is not None:
                try:
                    call()
                except BaseException as error:
                    warn("a timer failed", error)
            del call, first


_clockwork: _Clockwork | None = None


def prepare() -> None:
    """Import what timers need: nothing may be imported where an invocation ends."""
    global _clockwork  # noqa: PLW0603 - one for the process, made with the first subscriber
    if _clockwork is None:
        threads.prepare()
        _clockwork = _Clockwork()


def call_later(seconds: float, call: Callable[[], object]) -> Timer:
    """Call a function after a delay in seconds, on the timer thread."""
    if _clockwork is None:
        prepare()
    return _clockwork.add(seconds, call)  # type: ignore[union-attr]


def before_fork() -> bool:
    """Stop the thread; False if it is not running."""
    return _clockwork is not None and _clockwork.pause()


def after_fork_in_parent() -> None:
    """Restart the thread after a fork."""
    if _clockwork is not None:
        _clockwork.resume()


def go_on() -> None:
    """Restart the thread that was stopped for a fork, if there are timers."""
    if _clockwork is not None:
        _clockwork.start()


def after_fork_in_child() -> None:
    """Reset: a forked child has no threads."""
    global _clockwork  # noqa: PLW0603 - one for the process
    if _clockwork is not None:
        _clockwork = None
        prepare()
