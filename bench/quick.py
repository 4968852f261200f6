"""What a span costs, in one run: recorded, with nobody listening, and beside doing nothing.

    python bench/quick.py                 about 20 seconds
    python bench/quick.py --seconds 5     shorter, and less sure

Every contender takes its turn every few milliseconds, so that a busy moment of the machine hits
all of them alike. A figure is the median over all turns, with its quartiles. `times` is what a
turn cost, divided by what the bare form cost in the same round. In the end it is proved that what
was made was recorded: as many spans arrived at the exporter as were opened.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from statistics import median, quantiles
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from enterspan import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from enterspan import SpanData

TURN_NS = 3_000_000
"""How long one turn of a contender lasts, roughly."""
ITEMS = 10
"""What the generators yield."""


class Counter:
    """An exporter that counts."""

    def __init__(self) -> None:
        self.count = 0

    def export(self, spans: Sequence[SpanData]) -> None:
        self.count += len(spans)

    def shutdown(self) -> None:
        pass


recorded = Tracing("recorded")
off = Tracing("off")


# --- what is measured: each runs its form `count` times ------------------------------------------


def add(left: int, right: int) -> int:
    return left + right


async def add_async(left: int, right: int) -> int:
    return left + right


def numbers(stop: int) -> Generator[int, None, None]:
    yield from range(stop)


def closure(function: Callable[..., Any]) -> Callable[..., Any]:
    """The least that a decorator can do."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def calls(function: Callable[[int, int], int]) -> Callable[[int], None]:
    def run(count: int) -> None:
        for _ in range(count):
            function(1, 2)

    return run


def no_block(count: int) -> None:
    for _ in range(count):
        add(1, 2)


def blocks(tracing: Tracing) -> Callable[[int], None]:
    def run(count: int) -> None:
        for number in range(count):
            with tracing.span("block", number=number):
                add(1, 2)

    return run


def awaits(function: Callable[[int, int], Any]) -> Callable[[int], None]:
    async def body(count: int) -> None:
        for _ in range(count):
            await function(1, 2)

    def run(count: int) -> None:
        loop.run_until_complete(body(count))

    return run


def walks(function: Callable[[int], Any]) -> Callable[[int], None]:
    def run(count: int) -> None:
        for _ in range(count):
            for _ in function(ITEMS):
                pass

    return run


class Contender(NamedTuple):
    """One row of the table; `bare` is the row it is compared with."""

    name: str
    run: Callable[[int], None]
    bare: str
    traced: bool = False


loop = asyncio.new_event_loop()

CONTENDERS = (
    Contender("call: bare", calls(add), "call: bare"),
    Contender("call: do-nothing closure", calls(closure(add)), "call: bare"),
    Contender("call: off", calls(off.traced(add)), "call: bare"),
    Contender("call: recorded", calls(recorded.traced(add)), "call: bare", traced=True),
    Contender("block: bare", no_block, "block: bare"),
    Contender("block, 1 attribute: off", blocks(off), "block: bare"),
    Contender("block, 1 attribute: recorded", blocks(recorded), "block: bare", traced=True),
    Contender("await: bare", awaits(add_async), "await: bare"),
    Contender("await: do-nothing closure", awaits(closure(add_async)), "await: bare"),
    Contender("await: off", awaits(off.traced(add_async)), "await: bare"),
    Contender("await: recorded", awaits(recorded.traced(add_async)), "await: bare", traced=True),
    Contender("generator of 10: bare", walks(numbers), "generator of 10: bare"),
    Contender("generator of 10: off", walks(off.traced(numbers)), "generator of 10: bare"),
    Contender(
        "generator of 10: recorded",
        walks(recorded.traced(numbers)),
        "generator of 10: bare",
        traced=True,
    ),
)


# --- measuring ------------------------------------------------------------------------------------


def calibrate(contender: Contender) -> tuple[int, int]:
    """How often a contender runs in one turn, and how often it ran to find out."""
    count, ran = 16, 0
    while True:
        start = perf_counter_ns()
        contender.run(count)
        spent = perf_counter_ns() - start
        ran += count
        recorded.flush()
        if spent > TURN_NS / 4:
            return max(1, count * TURN_NS // spent), ran
        count *= 2


def measure(seconds: float) -> tuple[dict[str, list[float]], list[float], int]:
    """Nanoseconds of each turn, by contender; of handing over one span; and the spans made."""
    counts: dict[str, int] = {}
    made = 0
    for contender in CONTENDERS:
        counts[contender.name], ran = calibrate(contender)
        made += ran * contender.traced
    turns: dict[str, list[float]] = {contender.name: [] for contender in CONTENDERS}
    handed: list[float] = []
    deadline = perf_counter_ns() + int(seconds * 1e9)
    shift = 0
    gc.collect()
    gc.freeze()  # what the imports left behind is not the contenders' to walk
    while perf_counter_ns() < deadline or shift < 3:
        for at in range(len(CONTENDERS)):
            contender = CONTENDERS[(at + shift) % len(CONTENDERS)]
            count = counts[contender.name]
            start = perf_counter_ns()
            contender.run(count)
            end = perf_counter_ns()
            turns[contender.name].append((end - start) / count)
            if contender.traced:
                made += count
                recorded.flush()  # the worker does its share between the turns
                handed.append((perf_counter_ns() - end) / count)
        shift += 1
    return turns, handed, made


def spread(values: Sequence[float], digits: int) -> str:
    """A median with its quartiles."""
    low, _, high = quantiles(values, n=4)
    return f"{median(values):8.{digits}f}  {low:8.{digits}f} to {high:8.{digits}f}"


def main() -> int:
    """Measure, print the table, and prove the counts."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seconds", type=float, default=20.0, help="how long it may take")
    seconds = options.parse_args().seconds

    counter = Counter()
    subscription = recorded.add_exporter(counter)
    with recorded.invocation("bench"):
        turns, handed, made = measure(seconds)
    made += 1  # the invocation's root
    recorded.flush()

    print(f"Python {sys.version.split()[0]}, {len(turns['call: bare'])} turns each\n")
    print(f"{'':30}{'ns':>8}  {'quartiles':>20}   {'times':>8}  {'quartiles':>20}")
    for contender in CONTENDERS:
        mine = turns[contender.name]
        ratios = [a / b for a, b in zip(mine, turns[contender.bare], strict=True)]
        print(f"{contender.name:30}{spread(mine, 0)}   {spread(ratios, 2)}")
    print(f"{'waiting for the exporter':30}{spread(handed, 0)}   a span, between the turns")

    stats = subscription.stats
    print(f"\n{made:,} spans made, {counter.count:,} exported, {stats.dropped:,} dropped")
    recorded.shutdown()
    loop.close()
    if counter.count != made:
        print("NOT every span was recorded: the figures above mean nothing", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
