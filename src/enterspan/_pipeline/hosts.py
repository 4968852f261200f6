"""Hosts whose processes end without atexit but have exit hooks: billiard and Celery.

Each is looked for when a subscriber is added, and again before each fork: by then, a host that
forks is imported.
"""

from __future__ import annotations

import sys

from enterspan._pipeline import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_known: Final[set[str]] = set()


def register() -> None:
    """Register flushes with the exit hooks of these hosts."""
    for module, register_with in _HOSTS:
        host = sys.modules.get(module)
        if host is not None and module not in _known:
            _known.add(module)
            register_with(host)


def _register_billiard(util: Any) -> None:
    """billiard: children run finalizers, like multiprocessing's, except those of its pools."""

    def in_child(_: object) -> None:
        util.Finalize(None, process.end_now, (process.EXIT_TIMEOUT,), exitpriority=0)

    util.register_after_fork(register, in_child)


def _register_celery(signals: Any) -> None:
    """Celery: pool processes end by `os._exit`, after sending a signal."""

    def at_end(**_: object) -> None:
        process.end_now(process.EXIT_TIMEOUT)

    signals.worker_process_shutdown.connect(at_end, weak=False)


_HOSTS: Final = (("billiard.util", _register_billiard), ("celery.signals", _register_celery))

process.at_fork(before=register)
