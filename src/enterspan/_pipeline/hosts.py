"""Hosts whose processes end without atexit, and have an end of their own: billiard and Celery.

Each is found when a subscriber is added, and again before each fork: by then a host that forks is
imported.
"""

from __future__ import annotations

import sys

from enterspan._pipeline import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_known: Final[set[str]] = set()


def register() -> None:
    """Have what is finished delivered at the ends that these hosts have."""
    for module, register_with in _HOSTS:
        host = sys.modules.get(module)
        if host is not None and module not in _known:
            _known.add(module)
            register_with(host)


def _register_billiard(util: Any) -> None:
    """Its children run finalizers, as those of multiprocessing do, but for those of its pools."""

    def in_child(_: object) -> None:
        util.Finalize(None, process.end_now, (process.EXIT_TIMEOUT,), exitpriority=0)

    util.register_after_fork(register, in_child)


def _register_celery(signals: Any) -> None:
    """The processes of its pools end by `os._exit`, and say so before."""

    def at_end(**_: object) -> None:
        process.end_now(process.EXIT_TIMEOUT)

    signals.worker_process_shutdown.connect(at_end, weak=False)


_HOSTS: Final = (("billiard.util", _register_billiard), ("celery.signals", _register_celery))

process.at_fork(before=register)
