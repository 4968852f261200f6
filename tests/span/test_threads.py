"""Many threads at once: nothing is lost, nothing is mixed up."""

from __future__ import annotations

import sys
import threading

import pytest

from enterspan.testing import capture

THREADS, SPANS = 16, 2000


class Collector:
    def __init__(self):
        self.spans = []

    def export(self, spans):
        self.spans += spans

    def shutdown(self):
        pass


@pytest.fixture
def nervous():
    """Threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work, count=THREADS):
    errors, barrier = [], threading.Barrier(count)

    def run(n):
        barrier.wait()
        try:
            work(n)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.usefixtures("nervous")
def test_no_span_is_lost_in_one_invocation_of_many_threads(mine):
    """16 threads, 2,000 spans each, all below one root."""
    collector = Collector()
    with mine.add_exporter(collector, max_queue=10_000_000) as subscription:
        with mine.invocation("main", ambient=True) as invocation:

            def work(n):
                for i in range(SPANS):
                    with mine.span("s", n=n, i=i):
                        pass

            in_threads(work)
        assert mine.flush(60)
        stats = subscription.stats
    total = THREADS * SPANS + 1
    assert (stats.received, stats.exported, stats.dropped, stats.failed) == (total, total, 0, 0)
    seen = {(s.attributes["n"], s.attributes["i"]) for s in collector.spans if s.name == "s"}
    assert len(seen) == THREADS * SPANS
    assert len({s.context.span_id for s in collector.spans}) == total
    root = invocation.span.context.span_id
    assert {s.parent_span_id for s in collector.spans if s.name == "s"} == {root}
    assert collector.spans[-1].name == "main"


@pytest.mark.usefixtures("nervous")
@pytest.mark.parametrize("delivery", ["inline", "background"])
def test_a_stream_of_many_threads_has_no_gap(mine, delivery):
    import enterspan

    mine.configure(limits=enterspan.Limits(queue_bytes=1 << 40))
    events = []

    def tail(onset):
        events.append(onset)
        return events.append

    with mine.add_tail(tail, delivery=delivery) as subscription:
        with mine.invocation("main", ambient=True):

            def work(n):
                for _ in range(SPANS // 8):
                    with mine.span("outer"), mine.span("inner", n=n):
                        mine.log("info", "x")

            in_threads(work)
        assert mine.flush(60)
        assert subscription.stats.dropped == 0
    assert [t.sequence for t in events] == list(range(len(events)))
    assert len(events) == THREADS * (SPANS // 8) * 6 + 3
    times = [t.timestamp for t in events]
    assert times == sorted(times)
    assert events[-1].event.type == "outcome"
    opened, parents = set(), {}
    for tail_event in events:
        event, where = tail_event.event, tail_event.span_context.span_id
        if event.type in ("onset", "spanOpen"):
            opened.add(event.span_id)
            parents[event.span_id] = where
        else:
            assert where in opened
        if event.type == "spanClose":
            opened.discard(where)
            assert where not in {parents[s] for s in opened}


@pytest.mark.usefixtures("nervous")
def test_invocations_of_many_threads_are_not_mixed_up(mine):
    with capture(mine, everything=True) as trace:

        def work(n):
            for i in range(100):
                with mine.invocation(f"{n}"), mine.span(f"{n}"), mine.span(f"{n}", i=i):
                    pass

        in_threads(work)
    by_id = {}
    for data in trace.spans:
        by_id.setdefault(data.invocation_id, []).append(data)
    assert len(by_id) == THREADS * 100
    for spans in by_id.values():
        assert len(spans) == 3
        assert len({s.name for s in spans}) == 1
        assert len({s.context.trace_id for s in spans}) == 1
    streams = {}
    for event in trace.events:
        streams.setdefault(event.invocation_id, []).append(event)
    for stream in streams.values():
        assert [t.sequence for t in stream] == list(range(len(stream)))
        assert stream[-1].event.type == "outcome"


@pytest.mark.usefixtures("nervous")
def test_a_span_that_many_threads_end_is_ended_once(mine):
    for _ in range(100):
        with capture(mine) as trace, mine.invocation():
            span = mine.start_span("shared")
            in_threads(lambda n, span=span: span.end(), 4)
        assert [s.name for s in trace.spans] == ["shared", "main"]
        assert [t.event.type for t in trace.events].count("spanClose") == 1


@pytest.mark.usefixtures("nervous")
def test_spans_that_are_opened_while_the_invocation_ends_are_not_lost(mine):
    """Each is in this trace or in one of its own, and each is ended once."""
    collector = Collector()
    with mine.add_exporter(collector, max_queue=10_000_000):
        count = 0
        for _ in range(60):
            started, stop = threading.Barrier(3), threading.Event()
            made = []

            def work(started=started, stop=stop, made=made):
                started.wait()
                while not stop.is_set():
                    with mine.span("s"):
                        pass
                    made.append(1)

            with mine.invocation("main"):
                bound = mine.propagate(work)
                threads = [threading.Thread(target=bound) for _ in range(2)]
                for thread in threads:
                    thread.start()
                started.wait()
            stop.set()
            for thread in threads:
                thread.join()
            count += len(made) + 1
        assert mine.flush(60)
    assert len(collector.spans) == count
    assert len({s.context.span_id for s in collector.spans}) == count
