"""One daemon thread that calls functions after some time, for invocations that linger."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from time import monotonic

from enterspan._model.diagnostics import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

_CANCELED_FEW: Final = 16
"""So many canceled timers may stay in the heap."""


class Timer:
    """A call that is due at a moment; once canceled it holds on to nothing."""

    __slots__ = ("_of", "call", "due")

    def __init__(self, due: float, call: Callable[[], object], of: _Clockwork) -> None:
        self.due = due
        self.call: Callable[[], object] | None = call
        self._of = of

    def cancel(self) -> None:
        """Forget the call."""
        if self.call is not None:
            self.call = None
            self._of.canceled()

    def __lt__(self, other: Timer) -> bool:
        """The earlier one comes first."""
        return self.due < other.due


class _Clockwork:
    """The thread and its heap."""

    def __init__(self, threading: Any) -> None:
        self._threading = threading
        self._heap: list[Timer] = []
        self._canceled = 0
        self._changed = threading.Condition(threading.RLock())
        self._thread: Any = None

    def add(self, seconds: float, call: Callable[[], object]) -> Timer:
        timer = Timer(monotonic() + seconds, call, self)
        with self._changed:
            heappush(self._heap, timer)
            if self._thread is None:
                self._thread = self._threading.Thread(
                    target=self._run, name="enterspan-timers", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is ending, and so do all invocations
                    self._thread = None
            elif self._heap[0] is timer:
                self._changed.notify()
        return timer

    def canceled(self) -> None:
        """Take canceled timers out of the heap once they are the half of it."""
        with self._changed:
            self._canceled += 1
            if self._canceled > _CANCELED_FEW and self._canceled > len(self._heap) // 2:
                self._heap = [timer for timer in self._heap if timer.call is not None]
                heapify(self._heap)
                self._canceled = 0

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._heap or self._heap[0].due > monotonic():
                    pause = self._heap[0].due - monotonic() if self._heap else None
                    self._changed.wait(pause)
                call = heappop(self._heap).call
                if call is None:
                    self._canceled = max(self._canceled - 1, 0)
            if call is not None:
                try:
                    call()
                except BaseException as error:
                    warn("a timer failed", error)
            del call


_clockwork: _Clockwork | None = None


def prepare() -> None:
    """Make what timers need. Nothing may be imported where an invocation ends."""
    global _clockwork  # noqa: PLW0603 - one for the process, made with the first subscriber
    if _clockwork is None:
        import threading

        _clockwork = _Clockwork(threading)


def call_later(seconds: float, call: Callable[[], object]) -> Timer:
    """Call a function after some seconds, on the timers' thread."""
    if _clockwork is None:
        prepare()
    return _clockwork.add(seconds, call)  # type: ignore[union-attr]


def after_fork() -> None:
    """Begin anew: a forked child has no threads."""
    global _clockwork  # noqa: PLW0603
    if _clockwork is not None:
        _clockwork = None
        prepare()
