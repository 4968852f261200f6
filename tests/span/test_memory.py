"""However long it runs: memory stays flat."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import tracemalloc
from collections import Counter

from enterspan import Invocation
from enterspan._pipeline.tail_stream import TailStream
from enterspan._pipeline.tails import Stream
from enterspan._span.details import Details
from enterspan._span.invocation import InvocationState
from enterspan._span.span import Span


class Nothing:
    def export(self, spans):
        pass

    def shutdown(self):
        pass


OURS = (Invocation, InvocationState, Details, Span, Stream, TailStream)


def ours():
    """How many of our objects there are, by kind."""
    gc.collect()
    kinds = Counter(type(o) for o in gc.get_objects())
    return Counter({k.__name__: n for k, n in kinds.items() if issubclass(k, OURS)})


def grown(before):
    return {kind: n for kind, n in (ours() - before).items() if n > 3}


def test_a_hundred_thousand_invocations_with_an_abandoned_task_each(mine):
    """A task that was cancelled, or is collected, leaves nothing behind."""

    async def main(count):
        async def forever():
            with mine.span("inside"):
                await asyncio.get_running_loop().create_future()

        for n in range(count):
            async with mine.invocation("request"):
                task = asyncio.create_task(forever())
                await asyncio.sleep(0)
            task.cancel()
            if n % 1000 == 0:
                gc.collect()
        await asyncio.sleep(0)

    with mine.add_exporter(Nothing(), delay=0.01):
        asyncio.run(main(500))
        assert mine.flush(10)
        before = ours()
        gc.collect()
        tracemalloc.start()
        first = tracemalloc.get_traced_memory()[0]
        asyncio.run(main(3000))
        assert mine.flush(10)
        gc.collect()
        last = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert last - first < 200_000
        asyncio.run(main(20_000))
        assert mine.flush(10)
        assert grown(before) == {}


def test_a_hundred_thousand_contexts_that_captured_a_span_keep_only_shells(mine):
    """A callback that is never called costs two small objects: a span's shell and its lifeline."""
    big = "x" * 10_000
    with mine.add_exporter(Nothing(), delay=0.001):
        before = ours()
        kept = []
        for _ in range(100_000):
            with mine.invocation("request") as invocation:
                invocation.span.set_attribute("big", 1)
                kept.append(contextvars.copy_context())
        assert mine.flush(30)
        after = grown(before)
        assert set(after) <= {"RootSpan", "Span", "InvocationState"}
        tracemalloc.start()
        for _ in range(1000):
            with mine.invocation("request", attributes={"big": big}):
                kept.append(contextvars.copy_context())
        assert mine.flush(30)
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert size < 1000 * 3000
        kept.clear()
        assert grown(before) == {}


def test_an_endless_root_with_very_many_children(mine):
    with mine.add_exporter(Nothing(), delay=0.001), mine.span("root"):
        for _ in range(1000):
            with mine.span("s"):
                pass
        before = ours()
        for _ in range(200_000):
            with mine.span("s", n=1):
                pass
        assert mine.flush(30)
        assert grown(before) == {}


def test_callbacks_that_schedule_themselves_for_ever(mine):
    """The context of each is a copy of the one before: no chain may grow."""

    async def main(count):
        done = asyncio.get_running_loop().create_future()

        def again(left):
            with mine.span("round"):
                if left:
                    asyncio.get_running_loop().call_soon(again, left - 1)
                else:
                    done.set_result(None)

        with mine.invocation("start"):
            again(count)
        await done

    with mine.add_exporter(Nothing(), delay=0.001):
        asyncio.run(main(100))
        assert mine.flush(10)
        before = ours()
        asyncio.run(main(50_000))
        assert mine.flush(10)
        assert grown(before) == {}


def test_invocations_that_linger_and_end_early_are_let_go(mine):
    with mine.add_exporter(Nothing(), delay=0.001):
        before = ours()
        for _ in range(5000):
            with mine.invocation(linger=3600):
                span = mine.start_span("late")
            span.end()
        del span
        assert mine.flush(10)
        assert grown(before) == {}


def test_exceptions_are_not_kept_alive(mine):
    import weakref

    class Payload(Exception):
        pass

    gone = []
    with mine.add_exporter(Nothing(), delay=0.001), mine.invocation():
        for _ in range(100):
            error = Payload("x")
            gone.append(weakref.ref(error))
            try:
                with mine.span("s"):
                    raise error
            except Payload:
                pass
            mine.current_span().record_exception(error)
        del error
        gc.collect()
        assert not any(ref() for ref in gone)


def test_tails_and_exporters_that_come_and_go(mine):
    import threading

    before = threading.active_count()
    for _ in range(100):
        with mine.add_exporter(Nothing()), mine.add_tail(lambda onset: None) as tail:
            with mine.span("s"):
                pass
        tail.worker._thread.join(10)
    assert threading.active_count() <= before
    assert mine._subscribers.exporters == mine._subscribers.tails == ()
