"""Time: one wall-clock anchor for each process, and a monotonic counter from there.

All of a process's spans are ordered and never run backwards, whatever happens to the wall clock.
"""

from __future__ import annotations

from time import perf_counter_ns as now_ns
from time import time_ns

__all__ = ["now_ns", "wall_ns"]

_anchor = time_ns() - now_ns()


def wall_ns(moment: int) -> int:
    """Nanoseconds since the epoch of a moment that `now_ns` gave."""
    return _anchor + moment
