"""Time: one wall-clock anchor for each process, and a monotonic counter from there.

All of a process's spans are ordered and never run backwards, whatever happens to the wall clock.
"""

from __future__ import annotations

from time import perf_counter_ns as now_ns
from time import time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["ANCHOR", "now_ns", "wall_ns"]

ANCHOR: Final = time_ns() - now_ns()
"""What added to a moment of the counter makes nanoseconds since the epoch."""


def wall_ns(moment: int) -> int:
    """Nanoseconds since the epoch of a moment that `now_ns` gave."""
    return ANCHOR + moment
