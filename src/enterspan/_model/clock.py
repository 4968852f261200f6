"""Time: one reading of the wall clock for each invocation, and a monotonic counter from there.

What happens in an invocation is in order and never runs backwards, whatever happens to the wall
clock meanwhile; and an invocation that begins after the machine has slept, or after its clock was
set, has the right date.
"""

from __future__ import annotations

from time import perf_counter_ns as now_ns
from time import time_ns as wall_ns

__all__ = ["now_ns", "wall_ns"]
