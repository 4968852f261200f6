"""Time: one reading of the wall clock per invocation, and a monotonic counter from there on.

Times within an invocation never run backwards, even if the wall clock is set; and an invocation
that begins after the machine was suspended, or its clock was set, has the right date.
"""

from __future__ import annotations

from time import perf_counter_ns as now_ns
from time import time_ns as wall_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_LONG_AFTER: Final = 1e10
_MOST_SECONDS: Final = 1 << 64
"""An int may be too large for what it is added to, or multiplied by."""

__all__ = ["check_seconds", "nanoseconds", "now_ns", "wall_ns"]


def nanoseconds(seconds: float) -> int:
    """Convert seconds; without limit is some hundred years."""
    return int(min(seconds, _LONG_AFTER) * 1e9)


def check_seconds(name: str, value: object) -> None:
    """Raise TypeError or ValueError for an invalid number of seconds."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or None, not {value!r}")
    if not value >= 0:
        raise ValueError(f"{name} can't be negative (seconds), got {value!r}")
    if type(value) is int and value > _MOST_SECONDS:
        raise ValueError(f"{name} is too large: float('inf') is for no limit")
