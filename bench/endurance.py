"""Months in an hour: hostile sizes, a clock that is set, forks, slow listeners; memory stays flat.

    python bench/endurance.py --seconds 3600
    python bench/endurance.py --seconds 60 --busy 1     as fast as it goes

Each round is the same work, drawn anew: spans with attributes of megabytes, thousands of events,
links and open spans, failures with long messages, invocations that linger and that nobody ends,
captured contexts, pollers that go on in the span that started them. Meanwhile the wall clock jumps,
children are forked, one exporter takes longer than spans take to come and one always fails, and a
tail is as slow. The resident memory is read once a second. It is flat if the last quarter of the
run takes no more than the second one, but for a tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import contextvars
import gc
import os
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import enterspan._span.invocation as invocations
from enterspan import traced, tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enterspan import SpanData, TailEvent

ALLOWED = 1.1
"""How much more the last quarter may take than the second."""
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1024 * 1024
HELD: list[Any] = []
"""Contexts that the program keeps for a while, with the spans that they captured."""
MOST_HELD = 1_000


class Clock:
    """A wall clock that is set now and then, as by NTP, or after a night's sleep."""

    def __init__(self) -> None:
        self.offset = 0

    def __call__(self) -> int:
        return time.time_ns() + self.offset

    def jump(self) -> None:
        self.offset = random.choice([0, 8 * 3600, -300, -86_400, 1]) * 1_000_000_000


class Exporter:
    """Counts, and takes a while, or fails; dates are checked on the way."""

    def __init__(self, *, pause: float = 0.0, fails: bool = False) -> None:
        self.count = 0
        self.backwards = 0
        self._pause = pause
        self._fails = fails

    def export(self, spans: Sequence[SpanData]) -> None:
        time.sleep(self._pause)
        if self._fails:
            raise OSError("the collector is down")
        self.count += len(spans)
        self.backwards += sum(span.end_ns < span.start_ns for span in spans)

    def shutdown(self) -> None:
        pass


def slow_tail(_onset: TailEvent[Any]) -> Callable[[TailEvent[Any]], None]:
    return lambda _event: time.sleep(0.0005)


# --- the work -------------------------------------------------------------------------------------


def large() -> None:
    """Values of megabytes, in every place that takes one."""
    text = random.choice(["x", "é", "\U0001f600"]) * random.randrange(1, 400_000)
    with tracing.span("large", payload=text, listed=[text[:50]] * 2_000) as span:
        nested: Any = {"a": [text] * 3, "b": {"c": text}}
        span.set_attribute("nested", nested)
        span.add_event("event", {"text": text})
        tracing.log("info", text, more=text)
        span.set_status("error", text)
        span.update_name(text[:10_000])


def many() -> None:
    """Thousands of everything on one span."""
    with tracing.span("many") as span:
        for number in range(2_000):
            span.add_event("event", {"number": number})
            span.set_attribute(f"key {number}", number)
        for _ in range(300):
            span.add_link(span.context)


def fails() -> None:
    @traced(capture_args=True)
    def inner(text: str) -> None:
        raise ValueError(text)

    with contextlib.suppress(ValueError):
        inner("no " * random.randrange(100_000))


def wide() -> None:
    """Spans that are open at the same time, and some that are dropped open."""
    with tracing.invocation("wide", linger=random.choice([0.0, 0.05])):
        spans = [tracing.start_span(f"open {number}") for number in range(500)]
        for span in spans[::2]:
            span.end()


def captured() -> None:
    """Contexts outlive their invocations, and spans are opened in them later."""
    with tracing.invocation("captured"), tracing.span("inside"):
        HELD.append(contextvars.copy_context())
    if len(HELD) > MOST_HELD:
        HELD.pop(random.randrange(len(HELD))).run(late)


def late() -> None:
    with tracing.span("late"):
        pass


def polls() -> None:
    """A poller that goes on in the span that started it, again and again."""

    async def poll(left: int) -> None:
        with tracing.span("poll"):
            await asyncio.sleep(0)
            if left:
                await asyncio.get_running_loop().create_task(poll(left - 1))

    async def main() -> None:
        with tracing.invocation("polls"):
            task = asyncio.create_task(poll(40))
        await task

    asyncio.run(main())


@traced(min_duration=0.001)
def short(depth: int) -> None:
    if depth:
        short(depth - 1)


def filtered() -> None:
    short(random.randrange(200))


def threads() -> None:
    with tracing.invocation("threads"):
        started = [threading.Thread(target=tracing.propagate(wide)) for _ in range(3)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()


WORK: tuple[Callable[[], None], ...] = (
    large,
    many,
    fails,
    wide,
    captured,
    polls,
    filtered,
    threads,
)


def fork(children: Counter[int]) -> None:
    """A child that works and flushes, and whose own queues begin empty."""
    pid = os.fork()
    if not pid:
        with tracing.invocation("child"):
            wide()
        tracing.flush(2)
        os._exit(0)
    children[os.waitpid(pid, 0)[1]] += 1


def resident() -> float:
    """The resident memory of this process, in MiB."""
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE / MIB


def run(seconds: float, busy: float, clock: Clock, children: Counter[int]) -> list[float]:
    """Work for some seconds, of which a part is spent, and give the memory of each second."""
    seen: list[float] = []
    began = time.monotonic()
    rounds = 0
    while (at := time.monotonic() - began) < seconds:
        begun = time.monotonic()
        random.choice(WORK)()
        rounds += 1
        if rounds % 50 == 0:
            clock.jump()
        if rounds % 200 == 0:
            fork(children)
        if at >= len(seen):
            seen.append(resident())
            if len(seen) % 60 == 0:
                print(f"{len(seen):6} s {seen[-1]:6.0f} MiB {rounds:8,} rounds", flush=True)
        time.sleep((time.monotonic() - begun) * (1 - busy) / busy)
    return seen


def main() -> int:
    """Run, and exit with 1 if memory has grown or anything else is wrong."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seconds", type=float, default=3600)
    options.add_argument("--busy", type=float, default=0.2, help="the part of the time that works")
    given = options.parse_args()
    clock = Clock()
    invocations.__dict__["wall_ns"] = clock
    good, slow = Exporter(), Exporter(pause=0.5)
    subscriptions = [
        tracing.add_exporter(good),
        tracing.add_exporter(slow, max_queue=100_000),
        tracing.add_exporter(Exporter(fails=True)),
    ]
    tracing.add_tail(slow_tail)
    children: Counter[int] = Counter()
    seen = run(given.seconds, given.busy, clock, children)
    tracing.flush(30)
    gc.collect()
    quarter = max(len(seen) // 4, 1)
    second, last = median(seen[quarter : 2 * quarter]), median(seen[-quarter:])
    for subscription in subscriptions:
        print(subscription.stats)
    print(
        f"children {dict(children)}; {second:.0f} MiB in the second quarter, {last:.0f} in the last"
    )
    wrong = [f"memory grows: {second:.0f} to {last:.0f} MiB"] if last > second * ALLOWED else []
    if good.backwards or slow.backwards:
        wrong.append(f"{good.backwards + slow.backwards} spans end before they begin")
    if set(children) - {0}:
        wrong.append(f"children: {dict(children)}")
    for line in wrong:
        print("WRONG:", line)
    print("flat" if not wrong else "FAILED")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
