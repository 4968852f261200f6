"""A number of bytes that several threads share."""

from __future__ import annotations

from enterspan._model.threads import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_TIMEOUT: Final = 0.1
"""Seconds to wait for the count, which another thread may have been stopped in."""


class Budget:
    """Counts what is held of a number of bytes.

    Its lock can be taken again by a signal handler or a finalizer that comes in between, and is not
    waited for without an end.
    """

    __slots__ = ("_lock", "held")

    def __init__(self) -> None:
        self._lock = RLock()
        self.held = 0

    def acquire(self) -> bool:
        """Keep other threads from counting; return what `release` is to be given."""
        return self._lock.acquire(timeout=_TIMEOUT)

    def release(self, locked: bool) -> None:
        """Let other threads count again."""
        if locked:
            self._lock.release()

    def take(self, size: int, limit: int, *, always: bool = False) -> bool:
        """Hold so many bytes more; False where that would be over the limit, unless *always*.

        What is larger than the limit by itself is held alone.
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
