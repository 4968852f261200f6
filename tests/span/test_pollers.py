"""A poller that re-creates itself in its own span: memory stays flat, and each span is reported."""

from __future__ import annotations

import asyncio
import gc
import io
import threading
import time
import tracemalloc
from collections import Counter

import pytest

from enterspan import Invocation
from enterspan._pipeline.tail_stream import TailStream
from enterspan._pipeline.tails import Stream
from enterspan._span.details import Details
from enterspan._span.invocation import InvocationState
from enterspan._span.span import Span
from enterspan.exporters import ConsoleTail
from enterspan.sampling import TailSampling

OURS = (Invocation, InvocationState, Details, Span, Stream, TailStream)


class Nowhere(io.StringIO):
    """A stream that keeps nothing."""

    def write(self, text):
        return len(text)


class Seen:
    """An exporter that counts."""

    def __init__(self):
        self.names, self.outcomes, self.traces = Counter(), Counter(), set()

    def export(self, spans):
        for span in spans:
            self.names[span.name] += 1
            self.outcomes[span.outcome] += 1
            self.traces.add(span.context.trace_id)

    def shutdown(self):
        pass


def one_after_the_other(mine, rounds, visit):
    """Each task begins the next one as its last act, which opens its span when this has ended."""

    async def poll(left, done):
        async with mine.span("poll"):
            visit(left)
            if left:
                asyncio.get_running_loop().create_task(poll(left - 1, done))
            else:
                done.set_result(None)

    async def main():
        done = asyncio.get_running_loop().create_future()
        async with mine.span("start"):
            asyncio.get_running_loop().create_task(poll(rounds, done))
        await done

    asyncio.run(main())


def overlapping(mine, rounds, visit):
    """The next one opens its span while this one's is still open: there is always one."""

    async def poll(left, done):
        async with mine.span("poll"):
            visit(left)
            if left:
                opened = asyncio.get_running_loop().create_task(poll(left - 1, done))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                del opened
            else:
                done.set_result(None)

    async def main():
        done = asyncio.get_running_loop().create_future()
        async with mine.span("start"):
            asyncio.get_running_loop().create_task(poll(rounds, done))
            await asyncio.sleep(0)
        await done
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())


def never_ending(mine, rounds, visit):
    """Each begins the next one and waits for what never comes, held by nothing."""

    async def poll(left, done):
        async with mine.span("poll"):
            visit(left)
            if left:
                asyncio.get_running_loop().create_task(poll(left - 1, done))
            else:
                done.set_result(None)
            await asyncio.get_running_loop().create_future()

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # it would log each task that is collected
        done = loop.create_future()
        async with mine.span("start"):
            first = loop.create_task(poll(rounds, done))
        del first
        await done
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(main())


def calls_later(mine, rounds, visit):
    """A callback that has the loop call it again."""

    async def main():
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def poll(left):
            with mine.span("poll"):
                visit(left)
                if left:
                    loop.call_later(0, poll, left - 1)
                else:
                    done.set_result(None)

        with mine.span("start"):
            loop.call_later(0, poll, rounds)
        await done

    asyncio.run(main())


def timers(mine, rounds, visit):
    """A timer that arms the next one, and waits until that has opened its span."""
    done = threading.Event()

    def poll(left, before):
        with mine.span("poll"):
            before.set()
            visit(left)
            if left:
                opened = threading.Event()
                threading.Timer(0, poll, (left - 1, opened)).start()
                opened.wait(10)
        if not left:
            done.set()

    mine.configure(propagate_threads=True)
    try:
        with mine.span("start"):
            threading.Timer(0, poll, (rounds, threading.Event())).start()
        assert done.wait(60)
    finally:
        mine.configure(propagate_threads=False)


POLLERS = [one_after_the_other, overlapping, never_ending, calls_later, timers]


def collect():
    """Collect garbage; if a worker is just collecting, `gc.collect` returns at once."""
    done = before = gc.get_stats()[-1]["collections"]
    while done == before:
        gc.collect()
        done = gc.get_stats()[-1]["collections"]
        time.sleep(0)


def held():
    """How many of our objects there are, by kind, and how many bytes are held."""
    collect()
    kinds = Counter(type(each) for each in gc.get_objects())
    found = Counter({k.__name__: n for k, n in kinds.items() if issubclass(k, OURS)})
    return found, tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize("kind", ["exporter", "inline", "background", "console", "sampling"])
@pytest.mark.parametrize("poll", POLLERS, ids=lambda poll: poll.__name__)
def test_a_poller_that_goes_on_in_its_own_span(poll, kind, mine, monkeypatch):
    """It holds no more late than early, and each span of it is reported, whoever is subscribed."""
    monkeypatch.setattr("enterspan.sampling._DECIDED_MOST", 100)
    monkeypatch.setattr("enterspan._terminal.live._DEEPEST", 100)
    seen, found = Seen(), []
    mine.add_exporter(TailSampling(seen, keep=lambda _: True) if kind == "sampling" else seen)
    if kind == "inline":
        mine.add_tail(lambda onset: lambda event: None, delivery="inline")
    elif kind == "background":
        mine.add_tail(lambda onset: lambda event: None)
    elif kind == "console":
        mine.add_tail(ConsoleTail(Nowhere()))
    rounds = 300 if poll is timers else 3_000  # each is a thread

    def visit(left):
        if left in (rounds * 2 // 3, 1):
            collect()  # it ends the spans of tasks that are garbage
            assert mine.flush(20)
            found.append(held())

    tracemalloc.start()
    try:
        poll(mine, rounds, visit)
    finally:
        tracemalloc.stop()
    gc.collect()
    assert mine.flush(20)
    (early, early_bytes), (late, late_bytes) = found
    assert {name: n for name, n in (late - early).items() if n > rounds / 50} == {}
    # A leak is hundreds of bytes in each of a thousand rounds; the tables of sets double.
    assert late_bytes - early_bytes < 200_000
    assert seen.names["poll"] == rounds + 1
