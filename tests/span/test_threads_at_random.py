"""Eight threads that do everything at once: nothing is lost, doubled, or later than the outcome."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import Future
from random import Random

import pytest

import enterspan
from enterspan.testing import capture

THREADS, TURNS = 8, 60


@pytest.fixture
def nervous():
    """Threads take turns as often as can be, where they do."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Kept:
    """An exporter that keeps what it gets."""

    def __init__(self):
        self.spans = []

    def export(self, spans):
        self.spans += spans

    def shutdown(self):
        pass


class Streams:
    """A tail that keeps each stream by itself."""

    def __init__(self):
        self.streams = []

    def __call__(self, onset):
        events = [onset]
        self.streams.append(events)
        return events.append


class Work:
    """What the threads do; each step counts the spans that it has made."""

    def __init__(self, tracing, thread, shared):
        self.tracing = tracing
        self.random = Random(thread)
        self.shared = shared  # roots that are open, and that any thread may end
        self.made = 0

        @tracing.traced
        def leaf(fails):
            self.made += 1
            if fails:
                raise ValueError("as planned")

        @tracing.traced(attributes={"kind": "generator"})
        def steps():
            self.made += 1
            for number in range(3):
                with tracing.span("step"):
                    self.made += 1
                    yield number

        @tracing.traced(capture_args=True)
        async def fetch(depth):
            self.made += 1
            if depth:
                await asyncio.gather(fetch(depth - 1), fetch(depth - 1))

        self.leaf, self.steps, self.fetch = leaf, steps, fetch

    def nested(self):
        with self.tracing.span("outer", number=1) as span:
            self.made += 1
            for _ in range(self.random.randrange(4)):
                try:
                    self.leaf(self.random.random() < 0.3)
                except ValueError:
                    self.tracing.log("warning", "it failed")
            span.set_attribute("late", 1).add_event("event").set_status("ok")

    def half_way(self):
        with self.tracing.span("consumer"):
            self.made += 1
            for _ in zip(self.steps(), self.steps(), strict=False):
                pass

    def tasks(self):
        with self.tracing.invocation("tasks"):
            self.made += 1
            asyncio.run(self.fetch(1))

    def begin(self):
        """An invocation that this thread begins, and that any may end."""
        invocation = self.tracing.invocation("shared", linger=self.random.choice([0.0, 0.01]))
        opened = invocation.__enter__()
        self.made += 1
        child = self.tracing.start_span("child")
        self.made += 1
        waits = Future()
        opened.wait_until(waits)
        self.shared.append((opened, child, waits))
        invocation.__exit__(None, None, None)

    def end(self):
        for opened, child, waits in self.shared[-3:]:
            opened.set_return()
            child.set_attribute(f"by {threading.get_ident()}", 1)
            child.end()
            if not waits.done():
                try:
                    waits.set_result(None)
                except Exception:
                    pass  # another thread was first
            with self.tracing.use_span(child):  # late, or not
                self.leaf(False)

    def linger(self):
        with self.tracing.invocation("lingering", linger=0.001):
            self.made += 1
            self.tracing.start_span("dropped")
            self.made += 1

    def configure(self):
        limits = enterspan.Limits(value_bytes=self.random.choice([8_192, 16_384]))
        self.tracing.configure(limits=limits, redact=[self.random.choice(["one", "two"])])

    def come_and_go(self):
        """Subscribers that stay for a moment."""
        with self.tracing.add_exporter(Kept()) as subscription:
            self.nested()
        stats = subscription.stats
        assert stats.received == stats.exported + stats.dropped + stats.failed
        with self.tracing.add_tail(Streams(), delivery="inline"):
            self.nested()

    def record(self):
        with capture(self.tracing) as trace:
            self.nested()
        assert trace.spans[-1].name == "outer"
        assert trace.events[-1].event.type == "outcome"

    def instrument(self):
        with self.tracing.instrument(instrumented):
            instrumented(self)

    def run(self):
        usual = [self.nested, self.half_way, self.begin, self.end, self.linger]
        rare = [self.tasks, self.configure, self.come_and_go, self.record, self.instrument]
        for _ in range(TURNS):
            self.random.choice(usual)()
            if self.random.random() < 0.1:
                self.random.choice(rare)()


def instrumented(work):
    work.nested()


def check_stream(events):
    """It has no gap, is in order, and every span of it is closed once, before the outcome."""
    assert [event.sequence for event in events] == list(range(len(events)))
    times = [event.timestamp for event in events]
    assert times == sorted(times)
    kinds = [event.event.type for event in events]
    assert kinds[0] == "onset"
    assert kinds.index("outcome") == len(kinds) - 1
    assert kinds.count("return") <= 1
    opened, closed = {events[0].event.span_id}, set()
    for event in events[1:]:
        where = event.span_context.span_id
        if event.event.type == "spanOpen":
            assert where in opened | closed  # below another one of this invocation
            assert event.event.span_id not in opened
            opened.add(event.event.span_id)
        else:
            assert where in opened
        if event.event.type == "spanClose":
            assert where not in closed
            closed.add(where)
    assert opened - closed == {events[0].event.span_id}
    return len(opened)


@pytest.mark.usefixtures("nervous")
def test_nothing_is_lost_doubled_or_late_whatever_threads_do(mine, caplog):
    """Each span is exported once and in one stream of each tail, and no call raises."""
    mine.configure(limits=enterspan.Limits(queue_bytes=1 << 40))
    kept, inline, background = Kept(), Streams(), Streams()
    exports = mine.add_exporter(kept, max_queue=10_000_000)
    tails = [mine.add_tail(inline, delivery="inline"), mine.add_tail(background)]
    shared, errors, barrier = [], [], threading.Barrier(THREADS)
    works = [Work(mine, number, shared) for number in range(THREADS)]

    def run(work):
        barrier.wait()
        try:
            work.run()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    for opened, child, waits in shared:
        child.end()
        if not waits.done():
            waits.set_result(None)
        opened.close()
    mine._tracer.sweep()
    for state in list(mine._tracer.invocations):  # those whose linger goes on
        state.finish()
    assert mine.flush(60)

    ids = [(span.context.trace_id, span.context.span_id) for span in kept.spans]
    assert len(set(ids)) == len(ids)
    # A call is instrumented where any thread has asked for that.
    made = [span for span in kept.spans if span.name != "instrumented"]
    assert len(made) == sum(work.made for work in works)
    stats = exports.stats
    assert (stats.received, stats.exported) == (len(ids), len(ids))
    for tail, streams in zip(tails, (inline, background), strict=True):
        assert sum(map(check_stream, streams.streams)) == len(ids)
        stats = tail.stats
        assert stats.received == stats.exported == sum(map(len, streams.streams))
        tail.remove()
    exports.remove()
    assert [record.getMessage() for record in caplog.records] == []
