"""A byte budget that several threads share."""

from __future__ import annotations

from enterspan._model.threads import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_TIMEOUT: Final = 0.1
"""Seconds to wait for the lock, whose owner may have been stopped while it held it."""


class Budget:
    """Counts the used bytes of a budget.

    Its lock is reentrant, for signal handlers and finalizers, and is waited for with a timeout.
    """

    __slots__ = ("_lock", "held")

    def __init__(self) -> None:
        self._lock = RLock()
        self.held = 0

    def acquire(self) -> bool:
        """Acquire the lock; return the argument for `release`."""
        return self._lock.acquire(timeout=_TIMEOUT)

    def release(self, locked: bool) -> None:
        """Release the lock."""
        if locked:
            self._lock.release()

    def take(self, size: int, limit: int, *, always: bool = False) -> bool:
        """Take bytes; False if that would exceed the limit, unless *always*.

        A single amount above the limit is accepted if nothing else is held.
        """
        locked = self.acquire()
        try:
            if not always and self.held > 0 and self.held + size > limit:
                return False
            self.held += size
            return True
        finally:
            self.release(locked)

    def give(self, size: int) -> None:
        """Give bytes back."""
        locked = self.acquire()
        try:
            self.held -= size
        finally:
            self.release(locked)
