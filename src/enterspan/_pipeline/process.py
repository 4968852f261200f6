"""The hooks of this package for forks and for the end of the process.

Code with a lock, a thread or a file registers functions here that run before a fork, and after it
in the parent and in the child. A process ends in three steps:

1. The main thread has ended, others may run: finished spans are delivered. `concurrent.futures`
closes its pools afterwards, so exporters can still use theirs.
2. Only daemon threads run: open spans are ended, finished spans are delivered, and spans that end
later are delivered at once.
3. The last `atexit` handler has run: the exporters are shut down.

Forked children of multiprocessing end without atexit before Python 3.13; since then, they begin
without its handlers.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from time import monotonic

from enterspan._model.clock import now_ns
from enterspan._model.ids import reseed
from enterspan._model.threads import members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol

    class Ends(Protocol):
        """Something that ends with the process, and is reset in a forked child."""

        def flush_at_exit(self, timeout: float) -> None: ...
        def end_process(self, timeout: float) -> None: ...
        def shut_down_at_exit(self, timeout: float) -> None: ...
        def after_fork_in_parent(self) -> None: ...
        def after_fork_in_child(self, moment: int, /) -> None: ...

    class Renewed(Protocol):
        """Something that is reset in a forked child, even without a subscriber."""

        def after_fork(self) -> None: ...


EXIT_TIMEOUT: Final = 5.0
"""Seconds for which a subscriber may delay each step of the end of the process, unless it has
delayed one before."""

_before: Final[list[Callable[[], None]]] = []
_in_parent: Final[list[Callable[[], None]]] = []
_in_child: Final[list[Callable[[], None]]] = [reseed]
_tracked: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
_renewed: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


class _State:
    """What this process has registered, and how it began."""

    unregistered: Final = [True]  # emptied by the one thread that registers
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
    """Call a function before each fork, or after it in the parent or in the child.

    The function must not block, because it delays the program's fork.
    """
    for hook, hooks in ((before, _before), (in_parent, _in_parent), (in_child, _in_child)):
        if hook is not None:
            hooks.append(hook)


def renew_in_children(tracer: Renewed) -> None:
    """Reset an object in a forked child, before the tracked ones."""
    _renewed.add(tracer)


def track(subscribers: Ends) -> None:
    """End an object with the process, and reset it in a forked child."""
    _tracked.add(subscribers)


# --- the end of the process -----------------------------------------------------------------------


def register_end() -> None:
    """Flush when the process ends; called when a subscriber is added."""
    if _is_first():
        try:
            # It registers its own hook before this one: such hooks run in reverse order.
            import concurrent.futures.thread  # noqa: F401 # pyright: ignore[reportUnusedImport]
            import threading

            # The hook of `concurrent.futures`, which has no public equivalent either.
            threading._register_atexit(_main_thread_ended)  # type: ignore[attr-defined]
        except (AttributeError, RuntimeError):
            pass  # the interpreter is shutting down already
        _register_with_atexit()
    _register_restore()
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and not _State.is_known_to_multiprocessing:
        _State.is_known_to_multiprocessing = True
        util.register_after_fork(register_end, _in_multiprocessing_child)


def _is_first() -> bool:
    try:
        return _State.unregistered.pop()
    except IndexError:
        return False


def _register_restore() -> None:
    """Reset in each AWS Lambda environment that is restored from a snapshot (SnapStart)."""
    is_snapshot = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
    if not is_snapshot or _State.is_told_of_restores:
        return
    try:
        import snapshot_restore_py as hooks  # type: ignore[import-not-found]
    except ImportError:
        return  # a runtime without this hook
    _State.is_told_of_restores = True
    hooks.register_after_restore(begin_anew)


def _in_multiprocessing_child(_: object) -> None:
    """Register with atexit again: since Python 3.13, a forked child begins without handlers."""
    for handler in (_end_process, _hold):
        atexit.unregister(handler)
    _register_with_atexit()


def _register_with_atexit() -> None:
    atexit.register(_hold, _AfterTheLast())
    atexit.register(_end_process)


class _AfterTheLast:
    """Referenced by atexit only, which releases its handlers after the last one has run.

    Handlers run in reverse order, so handlers that were registered earlier are still recorded.
    """

    def __del__(self) -> None:
        """Shut the exporters down."""
        if _State.is_ending:
            _shut_down()


def _hold(_: _AfterTheLast) -> None:
    pass


def _main_thread_ended() -> None:
    for subscribers in members(_tracked):
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
    return _State.is_forked or "--multiprocessing-fork" not in sys.orig_argv  # of spawned children


def end_now(timeout: float) -> None:
    """End everything within a timeout: the process is about to be killed."""
    deadline = monotonic() + timeout
    for subscribers in members(_tracked):
        subscribers.end_process(max(0.0, deadline - monotonic()))
    for subscribers in members(_tracked):
        subscribers.shut_down_at_exit(max(0.0, deadline - monotonic()))


def _end_process() -> None:
    _State.is_ending = True
    for subscribers in members(_tracked):
        subscribers.end_process(EXIT_TIMEOUT)


def _shut_down() -> None:
    for subscribers in members(_tracked):
        subscribers.shut_down_at_exit(EXIT_TIMEOUT)


# --- forks ----------------------------------------------------------------------------------------


def _before_fork() -> None:
    if not _State.unregistered:
        register_end()
    for hook in _before:
        hook()


def _after_fork_in_parent() -> None:
    for subscribers in members(_tracked):
        subscribers.after_fork_in_parent()
    for hook in _in_parent:
        hook()


def begin_anew() -> None:
    """Reset in a new process: a forked child, or one restored from a snapshot.

    Ids, queues and counts are reset; open spans belong to the original process.
    """
    _State.is_ending = False
    for hook in _in_child:
        hook()
    for tracer in members(_renewed):
        tracer.after_fork()
    moment = now_ns()
    for subscribers in members(_tracked):
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
