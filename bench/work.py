"""Whether a unit of work costs more where there are more of them: bytecode instructions, counted.

    python bench/work.py

Each case does the same n, 2n and 4n times. What is counted are the instructions that run in the
package for one of them, which no load of the machine changes. From one size to the next they may
grow by a fifth, which leaves room for a heap; more than that is a loop over what should be looked
up, and makes this fail.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import enterspan
from enterspan import Tracing
from enterspan._span import timers
from enterspan.sampling import TailSampling
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

MOST: Final = 1.2
"""How much more a unit may cost where there are twice as many."""
SIZES: Final = (100, 200, 400)
_PACKAGE: Final = str(Path(enterspan.__file__).parent)


class Nothing:
    """An exporter that does nothing."""

    def export(self, spans: Any) -> None:
        """Let the spans go."""

    def shutdown(self) -> None:
        """Do nothing."""


def undecided_siblings(n: int) -> None:
    """Spans with a `min_duration` that are open at the same time."""
    tracing = Tracing("work")
    tracing.add_tail(_accept, delivery="inline")
    function: Any = tracing.traced(min_duration=1000)(_yields)
    with tracing.invocation("main"):
        bodies = [function() for _ in range(n)]
        for body in bodies:
            next(body)
        for body in reversed(bodies):
            body.close()


def _accept(_onset: Any) -> Callable[[Any], None]:
    return _ignore


def _ignore(_event: Any) -> None:
    pass


def _yields() -> Any:
    yield


def short_calls_in_an_undecided_one(n: int) -> None:
    """Spans that are left out, while one around them is undecided."""
    tracing = Tracing("work")
    tracing.add_tail(_accept, delivery="inline")
    short: Any = tracing.traced(min_duration=1000)(lambda: None)
    tracing.traced(min_duration=1000)(lambda: [short() for _ in range(n)])()


def short_calls_in_one_another(n: int) -> None:
    """Spans that are left out one after the other, each below the next."""
    tracing = Tracing("work")
    tracing.add_tail(_accept, delivery="inline")
    function = tracing.traced(min_duration=1000)(_yields)
    with tracing.invocation("main"):
        bodies: list[Any] = []
        for _ in range(n):
            body: Any = function()
            next(body)
            bodies.append(body)
            with tracing.span("kept"):
                pass
        for body in bodies:
            body.close()


def tail_sampling_at_its_limit(n: int) -> None:
    """Invocations that end where as many wait as may."""
    tracing = Tracing("work")
    tracing.add_exporter(TailSampling(Nothing(), max_spans=n), max_batch=10_000, delay=60)
    for _ in range(2 * n):
        with tracing.invocation("job"):
            pass
    _export_here(tracing)


def tail_sampling_of_open_ones(n: int) -> None:
    """Spans of invocations that do not end, where as many wait as may."""
    tracing = Tracing("work")
    sampling = TailSampling(Nothing(), max_spans=n)
    tracing.add_exporter(sampling, max_batch=10_000, delay=60)
    scopes = [tracing.invocation("job") for _ in range(2 * n)]
    for scope in scopes:
        contextvars.Context().run(_open_and_end, tracing, scope)
    _export_here(tracing)


def _open_and_end(tracing: Tracing, scope: Any) -> None:
    scope.__enter__()
    tracing.start_span("ended").end()


def late_spans_of_one_invocation(n: int) -> None:
    """Spans that end after their invocation's root, each a possible reason to keep it."""
    tracing = Tracing("work")
    tracing.add_exporter(TailSampling(Nothing(), slower_than=1000), max_batch=10_000, delay=60)
    with tracing.invocation("job", linger=None):
        spans = [tracing.start_span("late") for _ in range(n)]
    for span in spans:
        span.end()
    _export_here(tracing)


def _export_here(tracing: Any) -> None:
    """Deliver on this thread, where it is counted."""
    (subscription,) = tracing._subscribers.exporters
    subscription.worker.drain()
    subscription.remove()


def canceled_timers(n: int) -> None:
    """Timers that are canceled in the order in which they were made."""
    made = [timers.call_later(3600, _yields) for _ in range(n)]
    for timer in made:
        timer.cancel()


def a_queue_that_is_full(n: int) -> None:
    """Spans for an exporter that hangs, whose queue is full."""
    tracing = Tracing("work")
    subscription: Any = tracing.add_exporter(Nothing(), max_queue=n, delay=60)
    subscription.worker._turn.acquire()
    for number in range(4 * n):
        with tracing.span("query", number=number) as span:
            if number % 2:
                span.add_event("row")
    subscription.worker._turn.release()
    subscription.remove()


def spans_in_a_capture(n: int) -> None:
    """Roots that a capture records."""
    tracing = Tracing("work")
    with capture(tracing):
        for _ in range(n):
            with tracing.span("root"):
                pass


def exceptions(n: int) -> None:
    """Exceptions that leave two spans each."""
    tracing = Tracing("work")
    tracing.add_exporter(Nothing(), delay=60)
    with tracing.invocation("main"):
        for number in range(n):
            try:
                with tracing.span("outer"), tracing.span("inner"):
                    raise ValueError(number)
            except ValueError:
                pass


def awaited_calls_in_one_another(n: int) -> None:
    """Traced coroutines that await one another, a twentieth of them at a time."""
    tracing = Tracing("work")
    tracing.add_exporter(Nothing(), delay=60)

    @tracing.traced
    async def deeper(left: int) -> None:
        if left:
            await deeper(left - 1)

    async def main() -> None:
        for _ in range(20):
            await deeper(n // 20)

    asyncio.run(main())


CASES: Final[tuple[Any, ...]] = (
    undecided_siblings,
    short_calls_in_an_undecided_one,
    short_calls_in_one_another,
    tail_sampling_at_its_limit,
    tail_sampling_of_open_ones,
    late_spans_of_one_invocation,
    canceled_timers,
    a_queue_that_is_full,
    spans_in_a_capture,
    exceptions,
    awaited_calls_in_one_another,
)


def instructions(case: Callable[[int], None], n: int) -> int:
    """Count the instructions that run in the package on this thread."""
    count = 0

    def look(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith((_PACKAGE, "<enterspan")):
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return look

    before = sys.gettrace()
    gc.collect()
    gc.disable()  # what it ends is other work
    sys.settrace(look)
    try:
        case(n)
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def growth(case: Callable[[int], None], sizes: tuple[int, ...] = SIZES) -> list[float]:
    """Return how much more one of them costs at each size than at the size before."""
    case(10)  # what is imported and made once
    costs = [instructions(case, size) / size for size in sizes]
    return [more / less for less, more in pairwise(costs)]


def main() -> int:
    """Count, print a line for each case, and fail if one grows."""
    failed = 0
    for case in CASES:
        factors = growth(case)
        is_flat = max(factors) <= MOST
        failed += not is_flat
        shown = ", ".join(f"x{factor:.2f}" for factor in factors)
        print(f"{'ok   ' if is_flat else 'GROWS'} {case.__name__.replace('_', ' ')}: {shown}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
