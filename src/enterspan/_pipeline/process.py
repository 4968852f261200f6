"""When the process forks or ends: the only hooks of this package for both.

What has a lock, a thread or a file registers here what is done before a fork, and after it in the
parent and in the child. The end of a process has three steps:

1. The main thread has ended, others may run: what is finished is delivered. `concurrent.futures`
   closes its pools afterwards, so exporters can still use theirs.
2. No thread but daemons runs: what is open is ended, what is finished is delivered, and what ends
   from here on is delivered at once.
3. The last handler of `atexit` has run: the exporters are shut down.

Children of multiprocessing that were forked end without atexit before Python 3.13, and forget its
handlers when they begin from then on.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from importlib import import_module
from time import monotonic

from enterspan._model import resource
from enterspan._model.clock import now_ns
from enterspan._model.ids import reseed
from enterspan._span import timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol

    class Ends(Protocol):
        """What is ended with the process, and begins anew in a forked child."""

        def flush_at_exit(self, timeout: float) -> None: ...
        def end_process(self, timeout: float) -> None: ...
        def shut_down_at_exit(self, timeout: float) -> None: ...
        def after_fork_in_parent(self) -> None: ...
        def after_fork_in_child(self, moment: int, /) -> None: ...


EXIT_TIMEOUT: Final = 5.0
"""Seconds for which a subscriber may hold up each step of the end of the process, if it did not
hold up one before."""

_before: Final[list[Callable[[], None]]] = []
_in_parent: Final[list[Callable[[], None]]] = []
_in_child: Final[list[Callable[[], None]]] = [
    reseed,
    resource.renew,
    timers.after_fork_in_child,
]
_tracked: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


class _State:
    """What this process has registered, and where it comes from."""

    is_registered = False
    is_told_of_restores = False
    is_known_to_multiprocessing = False
    is_forked = False
    is_ending = False


def at_fork(
    *,
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
    in_child: Callable[[], None] | None = None,
) -> None:
    """Have something called before each fork, or after it in the parent or in the child.

    It must not block: a fork of the program takes no longer because of it.
    """
    for hook, hooks in ((before, _before), (in_parent, _in_parent), (in_child, _in_child)):
        if hook is not None:
            hooks.append(hook)


def track(subscribers: Ends) -> None:
    """End something with the process, and let it begin anew in a forked child."""
    _tracked.add(subscribers)


# --- the end --------------------------------------------------------------------------------------


def register_end() -> None:
    """Deliver what is finished when the process ends; called when a subscriber is added."""
    if not _State.is_registered:
        _State.is_registered = True
        try:
            import_module("concurrent.futures.thread")  # registers its hook before ours
            import threading

            # The hook of `concurrent.futures`, which has no public equivalent either.
            threading._register_atexit(_main_thread_ended)  # type: ignore[attr-defined]
        except (AttributeError, RuntimeError):
            pass  # it is ending already
        _register_with_atexit()
    _register_restore()
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and not _State.is_known_to_multiprocessing:
        _State.is_known_to_multiprocessing = True
        util.register_after_fork(register_end, _in_multiprocessing_child)


def _register_restore() -> None:
    """Begin anew in each copy of an AWS Lambda that is restored from a snapshot (SnapStart)."""
    is_snapshot = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
    if not is_snapshot or _State.is_told_of_restores:
        return
    try:
        hooks: Any = import_module("snapshot_restore_py")
    except ImportError:
        return  # a runtime that has no such hook
    _State.is_told_of_restores = True
    hooks.register_after_restore(begin_anew)


def _in_multiprocessing_child(_: object) -> None:
    """Register with atexit again: from Python 3.13 on, a forked child begins without handlers."""
    for handler in (_end_process, _hold):
        atexit.unregister(handler)
    _register_with_atexit()


def _register_with_atexit() -> None:
    atexit.register(_hold, _AfterTheLast())
    atexit.register(_end_process)


class _AfterTheLast:
    """Held by atexit alone, which lets go of its handlers after the last of them has run.

    Handlers run in reverse order: those that were registered before ours are still recorded.
    """

    def __del__(self) -> None:
        """Shut the exporters down."""
        if _State.is_ending:
            _shut_down()


def _hold(_: _AfterTheLast) -> None:
    pass


def _main_thread_ended() -> None:
    for subscribers in list(_tracked):
        subscribers.flush_at_exit(EXIT_TIMEOUT)
    if _ends_without_atexit():
        _end_process()
        import threading

        own = threading.current_thread()
        if all(thread.daemon or thread is own for thread in threading.enumerate()):
            _shut_down()


def _ends_without_atexit() -> bool:
    """Whether this is a forked child of multiprocessing, before Python 3.13."""
    process: Any = sys.modules.get("multiprocessing.process")
    if sys.version_info >= (3, 13) or process is None or process.parent_process() is None:
        return False
    return _State.is_forked or "--multiprocessing-fork" not in sys.orig_argv  # of those spawned


def end_now(timeout: float) -> None:
    """Do all of it within a time: the process is about to be killed."""
    deadline = monotonic() + timeout
    for subscribers in list(_tracked):
        subscribers.end_process(max(0.0, deadline - monotonic()))
    for subscribers in list(_tracked):
        subscribers.shut_down_at_exit(max(0.0, deadline - monotonic()))


def _end_process() -> None:
    _State.is_ending = True
    for subscribers in list(_tracked):
        subscribers.end_process(EXIT_TIMEOUT)


def _shut_down() -> None:
    for subscribers in list(_tracked):
        subscribers.shut_down_at_exit(EXIT_TIMEOUT)


# --- forks ----------------------------------------------------------------------------------------


def _before_fork() -> None:
    if _State.is_registered:
        register_end()
    for hook in _before:
        hook()


def _after_fork_in_parent() -> None:
    for subscribers in list(_tracked):
        subscribers.after_fork_in_parent()
    for hook in _in_parent:
        hook()


def begin_anew() -> None:
    """Be a new process: a forked child, or a copy of a process that was restored from a snapshot.

    Ids, queues and counts begin anew; what is open belongs to the process that it was copied from.
    """
    _State.is_ending = False
    for hook in _in_child:
        hook()
    moment = now_ns()
    for subscribers in list(_tracked):
        subscribers.after_fork_in_child(moment)


def _after_fork_in_child() -> None:
    _State.is_forked = True
    begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
