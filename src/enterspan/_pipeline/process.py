"""When the process forks or ends: the only hooks of this package for both.

Whatever has a lock, a thread or a file registers here what is to be done before a fork, and after
it in the parent and in the child. At the end of the process, what is open is ended and what is
finished is delivered.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref

from enterspan._model.clock import now_ns
from enterspan._model.ids import reseed
from enterspan._span import timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol

    class Ends(Protocol):
        """What is ended with the process, and begins anew in a forked child."""

        def end_process(self) -> None: ...
        def after_fork_in_parent(self) -> None: ...
        def after_fork_in_child(self, moment: int) -> None: ...


_before: Final[list[Callable[[], None]]] = []
_in_parent: Final[list[Callable[[], None]]] = []
_in_child: Final[list[Callable[[], None]]] = [reseed, timers.after_fork_in_child]
_tracked: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
_registered: Final[set[str]] = set()


def at_fork(
    *,
    before: Callable[[], None] | None = None,
    in_parent: Callable[[], None] | None = None,
    in_child: Callable[[], None] | None = None,
) -> None:
    """Have something called before each fork, or after it in the parent or in the child."""
    for hook, hooks in ((before, _before), (in_parent, _in_parent), (in_child, _in_child)):
        if hook is not None:
            hooks.append(hook)


def track(subscribers: Ends) -> None:
    """End something with the process, and let it begin anew in a forked child."""
    _tracked.add(subscribers)


def register_end() -> None:
    """Deliver what is finished when the process ends; called when a subscriber is added.

    multiprocessing's children end without atexit: they have finalizers of their own.
    """
    if "atexit" not in _registered:
        _registered.add("atexit")
        atexit.register(_end_process)
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and "multiprocessing" not in _registered:
        _registered.add("multiprocessing")
        util.register_after_fork(register_end, _in_multiprocessing_child)


def _in_multiprocessing_child(_: object) -> None:
    util: Any = sys.modules["multiprocessing.util"]
    util.Finalize(None, _end_process, exitpriority=0)


def _end_process() -> None:
    for subscribers in list(_tracked):
        subscribers.end_process()


def _before_fork() -> None:
    if _registered:
        register_end()
    for hook in _before:
        hook()


def _after_fork_in_parent() -> None:
    for subscribers in list(_tracked):
        subscribers.after_fork_in_parent()
    for hook in _in_parent:
        hook()


def _after_fork_in_child() -> None:
    for hook in _in_child:
        hook()
    moment = now_ns()
    for subscribers in list(_tracked):
        subscribers.after_fork_in_child(moment)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
