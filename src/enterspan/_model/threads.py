"""The threads of this package, and the locks that they share with the program's threads.

gevent and eventlet patch threads and locks, before or after this package is imported. A thread that
became a greenlet and waits for a native lock stops the whole process. So this module uses the
unpatched functions: this package's threads and locks are native in every program.
"""

from __future__ import annotations

import _thread
import sys
import time
from contextvars import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol, TypeVar
    from weakref import WeakSet, ref

    _T = TypeVar("_T")

    class Lock(Protocol):
        """A native lock."""

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
        def release(self) -> None: ...
        def locked(self) -> bool: ...
        def __enter__(self) -> bool: ...
        def __exit__(self, *failure: object) -> None: ...


def _as_made(module: Any, function: str) -> Any:
    """Return a builtin module in its original state, even if the loaded one was patched."""
    if type(getattr(module, function)) is type(len):
        return module
    from importlib.machinery import BuiltinImporter
    from importlib.util import module_from_spec

    spec: Any = BuiltinImporter.find_spec(module.__name__)
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


_native: Final = _as_made(_thread, "start_new_thread")
_start_new_thread: Final = _native.start_new_thread
allocate_lock: Final[Callable[[], Lock]] = _native.allocate_lock
RLock: Final[Callable[[], Lock]] = _native.RLock
get_ident: Final[Callable[[], int]] = _native.get_ident
sleep: Final[Callable[[float], None]] = _as_made(time, "sleep").sleep

_PAUSE: Final = 0.001
"""Seconds between two checks of a greenlet that waits for one of our threads."""
_WITH_CONTEXT: Final = sys.version_info >= (3, 14)


_threading: Any = None
_not_daemons: Final[list[Thread]] = []


_DAEMON: Final[bool] = getattr(_thread, "daemon_threads_allowed", lambda: True)()
"""Whether this interpreter allows daemon threads."""


def prepare() -> None:
    """Import threading: nothing may be imported where a thread is started."""
    global _threading  # noqa: PLW0603 - once, when the first subscriber is added
    if _threading is None:
        import threading

        _threading = threading


def members(of: WeakSet[_T]) -> list[_T]:
    """A copy of a set; iterating over it would fail if another thread adds to it."""
    references: set[ref[_T]] = getattr(of, "data", set())
    return [member for each in list(references) if (member := each()) is not None]


def is_green() -> bool:
    """Whether the program's threads have become greenlets."""
    return _thread.start_new_thread is not _start_new_thread


def wait_for(lock: Lock, timeout: float) -> bool:
    """Acquire a lock on a thread of the program, while other greenlets of the thread run.

    During interpreter shutdown it does not wait: the thread that holds the lock has stopped.
    """
    if sys.is_finalizing():
        return lock.acquire(blocking=False)
    if not is_green():
        return lock.acquire(timeout=min(timeout, _thread.TIMEOUT_MAX))
    deadline = time.monotonic() + timeout
    while not lock.acquire(blocking=False):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE)  # the program's own lock
    return True


class Bell:
    """Wakes a thread; it can be rung anywhere, in finalizers and signal handlers too.

    Ringing is one step, the release of a lock. An Event takes a lock: a finalizer that runs inside
    one of its methods would wait for itself.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    @property
    def is_rung(self) -> bool:
        """Whether it was rung and has not yet woken the thread."""
        return not self._lock.locked()

    def ring(self) -> None:
        """Wake the thread that waits, or waits next."""
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it had been rung already

    def wait(self, timeout: float | None) -> None:
        """Wait on a thread of this package until it is rung, or for the given seconds."""
        self._lock.acquire(timeout=-1 if timeout is None else timeout)

    def is_heard(self, timeout: float) -> bool:
        """Wait on a thread of the program; False if it was not rung within the given seconds."""
        return wait_for(self._lock, timeout)

    def hush(self) -> None:
        """Reset it."""
        self._lock.acquire(blocking=False)


class Thread:
    """A native daemon thread.

    It begins with an empty context, so that it keeps nothing of its creator alive. In a
    sub-interpreter that does not allow daemon threads, it is asked to end before the interpreter
    waits for other threads: *end* must make *run* return. Otherwise, a hidden thread is unknown to
    `threading`, which then counts as many threads as without it.
    """

    __slots__ = ("_ended", "_hidden", "_ident", "_name", "_run", "_thread", "end")

    def __init__(
        self,
        run: Callable[[], object],
        name: str,
        end: Callable[[], None],
        *,
        hidden: bool = False,
    ) -> None:
        self._run = run
        self._name = name
        self._thread: Any = None
        self._ended: Lock | None = None
        self._ident = 0
        self._hidden = hidden and _DAEMON
        self.end = end

    def start(self) -> None:
        """Start the thread; RuntimeError if no thread can be started any more."""
        if self._hidden or is_green():
            self._ended = allocate_lock()
            self._ended.acquire()
            _start_new_thread(self._run_alone, ())
            return
        prepare()
        more: dict[str, Any] = {"context": Context()} if _WITH_CONTEXT else {}
        make = _threading.Thread
        made = make(target=self._run_usual, name=self._name, daemon=_DAEMON, **more)
        made._context = Context()  # before 3.14: `propagate_threads` leaves it alone
        if not _DAEMON:
            _end_with_others(self)
        made.start()
        self._thread = made

    def _run_usual(self) -> None:
        self._ident = get_ident()
        self._run()

    def _run_alone(self) -> None:
        try:
            self._run_usual()
        finally:
            self._ended.release()  # type: ignore[union-attr]

    @property
    def is_current(self) -> bool:
        """Whether it is the calling thread."""
        return self._ident == get_ident()

    @property
    def has_ended(self) -> bool:
        """Whether it was started and has ended."""
        return self._ident != 0 and not self.is_alive()

    def is_alive(self) -> bool:
        """Whether it is running."""
        if self._ended is not None:
            return self._ended.locked()
        return self._thread is not None and bool(self._thread.is_alive())

    def join(self, timeout: float) -> None:
        """Wait for its end, at most for the given seconds."""
        if is_green():
            deadline = time.monotonic() + timeout
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(_PAUSE)
        elif self._ended is not None:
            if self._ended.acquire(timeout=min(timeout, _thread.TIMEOUT_MAX)):
                self._ended.release()
        elif self._thread is not None:
            self._thread.join(min(timeout, _thread.TIMEOUT_MAX))


def _end_with_others(thread: Thread) -> None:
    """Have a thread end before the interpreter waits for it; RuntimeError if it waits already."""
    if not _not_daemons:
        _threading._register_atexit(_end_all)
    _not_daemons[:] = [other for other in _not_daemons if other.is_alive()]
    _not_daemons.append(thread)


def _end_all() -> None:
    for thread in tuple(_not_daemons):
        thread.end()
