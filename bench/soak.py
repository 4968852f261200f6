"""Work the library hard for a while, and check that nothing is lost, doubled or out of order.

Threads, event loops, generators that are left half way, failures, lingering invocations and forks,
with exporters that are reliable, that raise at random and that are too slow, and with tails inline
and in the background. At the end every span that was made must have been exported once, or counted
as dropped or failed; every stream must be whole. `python bench/soak.py --seconds 120`
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import os
import random
import resource
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from enterspan import Outcome, SpanClose, SpanOpen, StreamDiagnostic, traced, tracing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence

    from enterspan import SpanData, Stats, Subscription, TailEvent

SENT = itertools.count()
"""Spans that were made: one step each."""


class Reliable:
    """Keeps the ids of what it gets, and so finds doubles."""

    def __init__(self) -> None:
        self.seen: set[tuple[int, int]] = set()
        self.doubles = 0

    def export(self, spans: Sequence[SpanData]) -> None:
        for span in spans:
            key = (span.context.trace_id, span.context.span_id)
            self.doubles += key in self.seen
            self.seen.add(key)

    def shutdown(self) -> None:
        pass


class Flaky(Reliable):
    """Raises now and then."""

    def export(self, spans: Sequence[SpanData]) -> None:
        if random.random() < 0.2:
            raise OSError("the collector is down")
        super().export(spans)


class Slow(Reliable):
    """Takes longer than spans take to come."""

    def export(self, spans: Sequence[SpanData]) -> None:
        time.sleep(0.01)
        super().export(spans)


class Streams:
    """A tail that checks each stream as it comes."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.spans = 0
        self.open = 0
        self.reported = 0
        self.events = 0

    def __call__(self, onset: TailEvent[Any]) -> Callable[[TailEvent[Any]], None]:
        state = {"next": 1, "open": 0, "over": False}
        self.faults["onset not first"] += onset.sequence != 0
        self.spans += 1
        self.open += 1
        self.events += 1

        def handle(event: TailEvent[Any]) -> None:
            payload: Any = event.event
            self.events += 1
            self.faults["a gap"] += event.sequence != state["next"]
            self.faults["after the outcome"] += bool(state["over"])
            state["next"] += 1
            if isinstance(payload, SpanOpen):
                self.spans += 1
                state["open"] += 1
            elif isinstance(payload, SpanClose):
                state["open"] -= 1
            elif isinstance(payload, StreamDiagnostic):
                self.reported += payload.diagnostic.count
                state["open"] = 0
            elif isinstance(payload, Outcome):
                state["over"] = True
                self.open -= 1
                self.faults["left open"] += state["open"] != 0

        return handle


# --- work -----------------------------------------------------------------------------------------


def made() -> None:
    """One span more."""
    next(SENT)


@traced
def leaf(fails: bool = False) -> None:
    made()
    if fails:
        raise ValueError("as it happens")


@traced
def steps(count: int) -> Generator[int, None, None]:
    made()
    for number in range(count):
        with tracing.span("step", number=number):
            made()
            yield number


async def drops_out() -> AsyncGenerator[int, None]:
    with tracing.span("inside"):
        made()
        for number in range(5):
            await asyncio.sleep(0)
            yield number


@traced
async def fetch(depth: int) -> int:
    made()
    await asyncio.sleep(random.random() / 1000)
    if depth:
        await asyncio.gather(fetch(depth - 1), fetch(depth - 1))
    async for number in drops_out():
        if number == 2:
            break
    return depth


def nested() -> None:
    with tracing.span("outer"):
        made()
        for _ in range(random.randrange(4)):
            try:
                leaf(random.random() < 0.3)
            except ValueError:
                tracing.log("warning", "it failed", again=False)


def half_way() -> None:
    with tracing.span("consumer"):
        made()
        first, second = steps(4), steps(3)
        for _ in zip(first, second, strict=False):
            leaf()
        del first, second


def lingering() -> None:
    with tracing.invocation("lingering", linger=random.choice([0.0, 0.01, None])):
        made()
        span = tracing.start_span("left open")
        made()
        if random.random() < 0.5:
            threading.Timer(0.02, span.end).start()


def elsewhere(pool: ThreadPoolExecutor) -> None:
    with tracing.invocation("pool"):
        made()
        for future in [pool.submit(tracing.propagate(nested)) for _ in range(3)]:
            future.result()


def tasks() -> None:
    async def main() -> None:
        with tracing.invocation("tasks"):
            made()
            await asyncio.gather(*[fetch(1) for _ in range(3)], return_exceptions=True)

    asyncio.run(main())


def work(until: float, pool: ThreadPoolExecutor) -> None:
    todo: list[Callable[[], None]] = [nested, half_way, lingering, tasks]
    todo.append(lambda: elsewhere(pool))
    while time.monotonic() < until:
        random.choice(todo)()


def forks(until: float, reliable: Reliable, children: Counter[int]) -> None:
    """A child sends its own spans, all of them, and none of its parent's."""
    while time.monotonic() < until:
        time.sleep(0.5)
        pid = os.fork()
        if not pid:
            reliable.seen = set()
            with tracing.invocation("child"):
                for _ in range(50):
                    leaf()
            os._exit(0 if tracing.flush(20) and len(reliable.seen) == 51 else 1)
        children[os.waitpid(pid, 0)[1]] += 1


def check_exporters(
    sent: int, subscriptions: Sequence[Subscription], exporters: Sequence[Reliable]
) -> list[str]:
    """Every span was exported once, or counted as dropped or failed."""
    wrong: list[str] = []
    for subscription, exporter in zip(subscriptions, exporters, strict=True):
        name, stats = type(exporter).__name__, subscription.stats
        print(f"{name}: {stats}")
        if not sent == stats.received == stats.exported + stats.dropped + stats.failed:
            wrong.append(f"{name}: {stats} of {sent:,}")
        if exporter.doubles or len(exporter.seen) != stats.exported:
            wrong.append(f"{name}: {len(exporter.seen):,} spans, {exporter.doubles} doubles")
    return wrong


def check_streams(sent: int, inline: Streams, background: Streams, stats: Stats) -> list[str]:
    """Every stream was whole."""
    print(f"inline: {inline.events:,} events, {inline.spans:,} spans, {inline.open} still open")
    print(f"background: {stats}, {background.reported:,} reported as dropped")
    wrong: list[str] = []
    if inline.spans != sent or inline.open:
        wrong.append(f"inline: {inline.spans:,} spans of {sent:,}, {inline.open} streams open")
    for name, streams in (("inline", inline), ("background", background)):
        wrong += [f"{name}: {count} x {what}" for what, count in streams.faults.items() if count]
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    seconds: float = parser.parse_args().seconds
    sys.setswitchinterval(1e-4)

    reliable, flaky, slow = Reliable(), Flaky(), Slow()
    subscriptions = (
        tracing.add_exporter(reliable, max_queue=10_000_000),
        tracing.add_exporter(flaky, max_queue=10_000_000),
        tracing.add_exporter(slow, max_queue=500, max_batch=50),
    )
    inline, background = Streams(), Streams()
    tracing.add_tail(inline, delivery="inline")
    behind = tracing.add_tail(background)

    until = time.monotonic() + seconds
    children: Counter[int] = Counter()
    pool = ThreadPoolExecutor(4)
    threads = [threading.Thread(target=work, args=(until, pool)) for _ in range(4)]
    for thread in threads:
        thread.start()
    forks(until, reliable, children)
    for thread in threads:
        thread.join()
    pool.shutdown()
    time.sleep(0.2)  # the timers that end what was left open
    gc.collect()
    flushed = tracing.flush(60)
    sent = next(SENT)

    print(f"{sent:,} spans made in {seconds:.0f} s, {children.total()} forks")
    wrong = check_exporters(sent, subscriptions, (reliable, flaky, slow))
    wrong += check_streams(sent, inline, background, behind.stats)
    if set(children) - {0}:
        wrong.append(f"children: {dict(children)}")
    if not flushed:
        wrong.append("flush took longer than 60 s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    for line in wrong:
        print("WRONG:", line)
    print("nothing lost, nothing doubled, nothing out of order" if not wrong else "FAILED")
    sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
