"""Whether a span costs more where there is more of everything: depth, siblings, tasks, tails.

    python bench/growth.py

Each size is brought about first, untimed; then the same small batch of spans is timed in the midst
of it. Sizes take turns, in random order, and a figure is the cost of a span relative to the
smallest size of the same round. 1.0 is flat.
"""

from __future__ import annotations

import argparse
import asyncio
import contextvars
import gc
import json
import random
import sys
from contextlib import ExitStack
from statistics import quantiles
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from contenders.ours import CountingExporter
from enterspan import Tracing
from workload import loop, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from enterspan import Onset, TailEvent

BATCH = 300
"""How many spans are timed at a time."""
WORKERS = 1000
"""How many tasks are started at least, in turns where few of them are alive at a time."""


class Growth(NamedTuple):
    """Something of which there can be more."""

    key: str
    title: str
    sizes: tuple[int, ...]
    cost: Callable[[int], float]
    """Nanoseconds a span at a size."""


tracing = Tracing("growth")
counter = CountingExporter()


def batch(count: int = BATCH) -> float:
    """Spans that are siblings, timed: nanoseconds each."""
    start = thread_time_ns()
    for number in range(count):
        with tracing.span("block", number=number):
            pass
    return (thread_time_ns() - start) / count


def at_depth(size: int) -> float:
    with ExitStack() as stack:
        stack.enter_context(tracing.invocation("parent"))
        for _ in range(size - 1):
            stack.enter_context(tracing.span("level"))
        return batch()


def after_siblings(size: int) -> float:
    with tracing.invocation("parent"):
        batch(size)
        tracing.flush()
        return batch()


def beside_invocations(size: int) -> float:
    """Each invocation is open in a context of its own, as if in a task; all get the same share."""
    contexts = [contextvars.Context() for _ in range(size)]
    scopes = [tracing.invocation("open") for _ in range(size)]
    for context, scope in zip(contexts, scopes, strict=True):
        context.run(scope.__enter__)
    chosen = [contexts[number % size] for number in range(0, 10 * size, max(1, size // 10))][:10]
    spent = sum(context.run(batch, BATCH // 10) for context in chosen) / len(chosen)
    for context, scope in zip(contexts, scopes, strict=True):
        context.run(scope.__exit__, None, None, None)
    return spent


async def pause() -> None:
    await asyncio.sleep(0)


traced_pause = tracing.traced(pause)


async def gathered(function: Callable[[], Coroutine[Any, Any, None]], size: int) -> int:
    """Run many at a time, each in a task; the nanoseconds of it all."""
    repeats = max(1, WORKERS // size)
    start = thread_time_ns()
    for _ in range(repeats):
        await asyncio.gather(*[function() for _ in range(size)])
    return (thread_time_ns() - start) // (repeats * size)


def among_tasks(size: int) -> float:
    """What a task pays more for being traced, with so many alive."""
    with tracing.invocation("parent"):
        bare = loop().run_until_complete(gathered(pause, size))
        tracing.flush()
        gc.collect()
        recorded = loop().run_until_complete(gathered(traced_pause, size))
    return float(recorded - bare)


def among_tasks_uncollected(size: int) -> float:
    """The same without the collector, which walks all that is alive, from any library."""
    gc.disable()
    try:
        return among_tasks(size)
    finally:
        gc.enable()


def decline(onset: TailEvent[Onset]) -> None:
    """A tail that wants nothing."""


def with_tails(size: int) -> float:
    """So many tails are asked at each onset; what they declined must cost its spans nothing."""
    with ExitStack() as stack:
        for _ in range(size):
            stack.enter_context(tracing.add_tail(decline, delivery="inline"))
        with tracing.invocation("parent"):
            return batch()


GROWTHS = (
    Growth("depth", "a span at depth", (1, 10, 100), at_depth),
    Growth("siblings", "a span after siblings", (10, 100, 1_000, 10_000), after_siblings),
    Growth(
        "invocations", "a span beside open invocations", (1, 10, 100, 1_000), beside_invocations
    ),
    Growth("tasks", "a traced task among tasks", (10, 100, 1_000, 10_000), among_tasks),
    Growth(
        "tasks, collector off",
        "the same, the collector off",
        (10, 100, 1_000, 10_000),
        among_tasks_uncollected,
    ),
    Growth("tails", "a span with declining tails", (1, 2, 4, 8), with_tails),
)


def measure(growth: Growth, seconds: float) -> dict[str, object]:
    """Rounds over all sizes, for so long."""
    for size in growth.sizes:
        growth.cost(size)
    settle()
    rounds: list[dict[int, float]] = []
    deadline = perf_counter_ns() + int(seconds * 1e9)
    sizes = list(growth.sizes)
    while perf_counter_ns() < deadline or len(rounds) < 4:
        random.shuffle(sizes)
        costs: dict[int, float] = {}
        for size in sizes:
            tracing.flush()
            gc.collect()
            costs[size] = growth.cost(size)
        rounds.append(costs)
    smallest = growth.sizes[0]
    return {
        "key": growth.key,
        "title": growth.title,
        "rounds": len(rounds),
        "sizes": list(growth.sizes),
        "ns": [spread([costs[size] for costs in rounds]) for size in growth.sizes],
        "relative": [
            spread([costs[size] / costs[smallest] for costs in rounds]) for size in growth.sizes
        ],
    }


def spread(values: list[float]) -> list[float]:
    return [float(f"{value:.4g}") for value in quantiles(values, n=4)]


def main() -> int:
    """Measure, and print what was found as one line of JSON."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seconds", type=float, default=5.0, help="for each kind of growth")
    given = options.parse_args()
    subscription = tracing.add_exporter(counter)
    found = [measure(growth, given.seconds) for growth in GROWTHS]
    tracing.flush()
    stats = subscription.stats
    if stats.dropped or stats.failed or stats.exported != counter.count:
        print(f"NOT every span was recorded: {stats}", file=sys.stderr)
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
