"""The thread of a subscription: takes items from a queue and delivers them in batches.

Every background call of a subscriber is made here, so that one that is slow, hangs or raises
affects only itself. A forked child has no threads: its workers start with an empty queue, at the
first item.
"""

from __future__ import annotations

import sys
import weakref
from time import monotonic

from enterspan._model import threads
from enterspan._model.diagnostics import warn
from enterspan._model.interrupts import is_interrupt
from enterspan._model.threads import (
    Bell,
    Thread,
    allocate_lock,
    get_ident,
    members,
    sleep,
    wait_for,
)
from enterspan._pipeline import process
from enterspan._pipeline.queues import BoundedQueue
from enterspan._span import timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final


_PAUSE_TIMEOUT: Final = 0.2
"""Seconds for which subscribers may delay a fork."""
_THREAD_END: Final = 0.001
"""Seconds until a joined thread is gone for the operating system, which 3.12 asks."""


class Worker:
    """A daemon thread and its queue.

    Its callbacks are called through `suppressed`, so that nothing is recorded in them: `deliver`
    with each batch, `rest` when the queue is empty, and `finish` once, at the end. A hidden thread
    is unknown to `threading`.
    """

    def __init__(
        self,
        suppressed: Callable[..., Any],
        deliver: Callable[[list[Any]], None],
        name: str,
        delay: float,
        *,
        rest: Callable[[], None],
        finish: Callable[[], None] | None = None,
        batch: int = 512,
        bare: int = 0,
        prompt: bool = False,
        hidden: bool = False,
    ) -> None:
        self._suppressed = suppressed
        self._deliver = deliver
        self._rest = rest
        self._finish = finish
        self._name = f"enterspan-{name}"
        self._delay = delay
        self._batch = batch
        self._bare = bare
        self._prompt = prompt
        self._hidden = hidden
        self._wake = Bell()
        threads.prepare()
        self.begin_anew()
        _workers.add(self)

    def begin_anew(self) -> None:
        """Reset to an empty queue and no thread, as in a forked child."""
        former = self._wake
        self.queue = BoundedQueue()
        self._wake = Bell()
        self._haste = Bell()
        self._turn = allocate_lock()
        self._thread: Thread | None = None
        self._unstarted = [True]  # emptied by the one thread that starts the worker
        self._stopping = False
        self._pausing = self._is_stuck = False
        self._at_work = 0
        self._done = 0
        self._hurried = False
        self._waiters: dict[_Waiter, None] = {}
        former.ring()  # in a restored process image its thread exists, and ends

    @property
    def waiting(self) -> int:
        """The number of items that are queued or being delivered."""
        return len(self.queue) + self.queue.in_hand

    @property
    def is_running(self) -> bool:
        """Whether its thread exists."""
        return self._thread is not None and self._thread.is_alive()

    def is_interrupted(self, error: BaseException) -> bool:
        """Whether an exception interrupts the program, if this runs on one of its threads."""
        thread = self._thread
        return (thread is None or not thread.is_current) and is_interrupt(error)

    def hand_on(self, take: Callable[[Any], None]) -> None:
        """Move the queued items to another worker."""
        while batch := self.queue.take(self._batch):
            self.queue.release()
            for item in batch:
                take(item)

    def start(self) -> None:
        """Start the thread; if that fails (during interpreter shutdown), items stay queued."""
        if self._thread is None and not self._stopping and not sys.is_finalizing():
            try:
                self._unstarted.pop()
            except IndexError:
                return  # another thread is starting it
            thread = Thread(self._run_suppressed, self._name, self._leave, hidden=self._hidden)
            self._thread = thread
            try:
                thread.start()
                timers.go_on()
            except RuntimeError:
                self._thread = None
                self._unstarted = [True]

    def put(self, item: Any, weight: int, limit: int, *, always: bool = False) -> bool:
        """Queue an item; False if that would exceed the limit of bytes, unless *always*."""
        if not self.queue.put(item, weight, limit, always=always):
            return False
        try:
            if self._prompt and not self._wake.is_rung:
                self.wake()
        except RecursionError:  # it is queued; the next item wakes the worker
            pass
        return True

    def wake(self) -> None:
        """Make the worker check its queue now."""
        self._wake.ring()
        if self._thread is None:
            self.start()

    def ring(self) -> None:
        """Wake the worker's thread, if there is one; finalizers may call this."""
        self._wake.ring()

    def _run_suppressed(self) -> None:
        self._suppressed(self._run)

    def _run(self) -> None:
        wake, haste = self._wake, self._haste
        while True:
            wake.wait(None if self._prompt and not self._stopping else self._delay)
            haste.hush()
            if self._prompt and not (self._stopping or self._hurried or self._pausing):
                haste.wait(self._delay)  # collect items that come at the same time
            wake.hush()
            self.drain()
            if self._pausing:
                return
            self._rest()
            if self._stopping and not self.queue:
                break
            if wake is not self._wake:
                return  # this thread belongs to the time before a fork
        if self._finish is not None:
            self._finish()

    def drain(self) -> None:
        """Deliver the queued items in batches, one thread at a time."""
        with self._turn:
            self._at_work = get_ident()
            try:
                self._deliver_all()
            finally:
                self._at_work = 0
                self._is_stuck = False

    def _deliver_all(self) -> None:
        queue = self.queue
        self._hurried = False
        while batch := queue.take(self._batch, self._bare):
            count = len(batch)
            try:
                self._deliver(batch)
            except BaseException as error:
                if self.is_interrupted(error):
                    raise
                warn(f"{self._name} failed", error)
            finally:
                del batch
                self._done += count  # before the release, so that `flush` never undercounts
                queue.release()
            self._tell_waiters()
        self._tell_waiters()

    def _tell_waiters(self) -> None:
        for waiter in list(self._waiters):
            if self._done >= waiter.until or not self.waiting:
                waiter.passed.ring()

    def hurry(self) -> None:
        """Process the queue now, without waiting for more items."""
        if self.waiting:
            self._hurried = True
            self._haste.ring()
            self.wake()

    def flush(self, deadline: float) -> bool:
        """Wait until everything queued before has been delivered; False inside a delivery."""
        if self._at_work == get_ident():
            return False  # called by the subscriber itself: it would wait for itself
        if sys.is_finalizing():
            return self._drain_here(deadline)  # the thread has stopped, wherever it was
        if not self.is_running:
            self.start()
        return self._flush_there(deadline) if self.is_running else self._drain_here(deadline)

    def _flush_there(self, deadline: float) -> bool:
        waiter = _Waiter(self.waiting)
        waiter.until += self._done  # read last, so that it never undercounts
        self._waiters[waiter] = None
        try:
            self._hurried = True
            self._haste.ring()
            self._wake.ring()
            while not waiter.passed.is_heard(max(0.0, min(deadline - monotonic(), 0.5))):
                if monotonic() >= deadline:
                    return not self.waiting  # another subscriber may have used up the time
                if not self.is_running:
                    return self._drain_here(deadline)
            return True
        finally:
            self._waiters.pop(waiter, None)

    def _drain_here(self, deadline: float) -> bool:
        if not wait_for(self._turn, max(0.0, deadline - monotonic())):
            return False
        self._turn.release()
        self._suppressed(self.drain)
        return True

    def stop(self, timeout: float) -> bool:
        """Stop the thread once its queue is empty; False if it did not end in time."""
        if not self.is_running and (self.waiting or self._finish is not None):
            self.start()  # there, the subscriber's time is limited; here it would not be
        self._stopping = True
        self._haste.ring()
        self._wake.ring()
        thread = self._thread
        if thread is None or not thread.is_alive() or sys.is_finalizing():
            self._drain_here(monotonic() + timeout)
            if self._finish is not None:
                self._suppressed(self._finish)
            return True
        if thread.is_current:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def pause(self) -> None:
        """Ask the thread to end before a fork.

        Python warns of a fork with running threads from 3.12 on, because the child inherits their
        locks in any state.
        """
        self._leave()

    def _leave(self) -> None:
        """Make the thread end once its queue is empty."""
        self._pausing = True
        self._haste.ring()
        self._wake.ring()

    def wait_for_pause(self, deadline: float) -> None:
        """Wait until the thread has ended; only briefly if it is busy in a subscriber."""
        thread = self._thread
        if thread is None or thread.is_current or self._is_stuck:
            return
        thread.join(max(0.0, deadline - monotonic()))
        self._is_stuck = thread.is_alive()  # not waited for at the next fork, if it still is busy

    def resume(self) -> None:
        """Continue after a pause; the thread starts again with the next item.

        It is not started here, because Python counts the threads after this. One that another
        thread is about to start is left alone.
        """
        self._pausing = False
        thread = self._thread
        if thread is not None and thread.has_ended:
            self._thread = None
            self._unstarted = [True]
            self._wake.hush()


class _Waiter:
    """A flush that waits until a number of items have been delivered."""

    __slots__ = ("passed", "until")

    def __init__(self, until: int) -> None:
        self.until = until
        self.passed = Bell()


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


def _before_fork() -> None:
    running = [worker for worker in members(_workers) if worker.is_running]
    for worker in running:
        worker.pause()
    deadline = monotonic() + _PAUSE_TIMEOUT
    for worker in running:
        worker.wait_for_pause(deadline)
    if (timers.before_fork() or running) and sys.version_info[:2] == (3, 12):
        sleep(_THREAD_END)


def _after_fork_in_parent() -> None:
    timers.after_fork_in_parent()
    for worker in members(_workers):
        worker.resume()


def _after_fork_in_child() -> None:
    for worker in members(_workers):
        worker.begin_anew()


process.at_fork(before=_before_fork, in_parent=_after_fork_in_parent, in_child=_after_fork_in_child)
