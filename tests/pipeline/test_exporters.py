"""Exporters: finished spans, in batches, counted."""

from __future__ import annotations

import os
import threading
import time

import pytest

from enterspan import Tracing
from enterspan.testing import capture


class Collector:
    """An exporter that remembers its batches, and can be made to wait."""

    def __init__(self, gate=None):
        self.batches = []
        self.gate = gate
        self.entered = threading.Event()
        self.shut_down = 0
        self.threads = set()

    def export(self, spans):
        self.threads.add(threading.get_ident())
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(60)
        self.batches.append(spans)

    def shutdown(self):
        self.threads.add(threading.get_ident())
        self.shut_down += 1

    @property
    def spans(self):
        return [s for batch in self.batches for s in batch]

    @property
    def names(self):
        return [s.name for s in self.spans]


class Broken(Collector):
    """An exporter whose every export fails."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def export(self, spans):
        super().export(spans)
        raise self.error


def spans(tracing, count, name="s"):
    for _ in range(count):
        with tracing.span(name):
            pass


def counts(subscription):
    stats = subscription.stats
    return (stats.received, stats.exported, stats.dropped, stats.failed)


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.002)


def test_finished_spans_come_in_batches_on_one_other_thread(mine):
    collector = Collector()
    with mine.add_exporter(collector, max_batch=10, delay=60) as subscription:
        spans(mine, 25)
        assert mine.flush(10)
        assert counts(subscription) == (25, 25, 0, 0)
    assert all(len(batch) <= 10 for batch in collector.batches)
    assert len(collector.spans) == 25
    assert collector.shut_down == 1
    assert len(collector.threads) == 1
    assert threading.get_ident() not in collector.threads


def test_a_batch_waits_no_longer_than_its_delay(mine):
    collector = Collector()
    with mine.add_exporter(collector, delay=0.05):
        spans(mine, 3)
        until(lambda: len(collector.spans) == 3)


def test_a_full_batch_does_not_wait(mine):
    collector = Collector()
    with mine.add_exporter(collector, max_batch=5, delay=3600):
        spans(mine, 6)
        until(lambda: len(collector.spans) >= 5)


def test_a_batch_of_thousands_is_waited_for(mine):
    """More spans than may wait unweighed, some 1,000, do not wake the worker."""
    sizes = []

    class Sizes(Collector):
        def export(self, spans):
            sizes.append(len(spans))

    with mine.add_exporter(Sizes(), max_batch=2500, delay=3600):
        spans(mine, 2501)
        until(lambda: sizes)
    assert sizes[0] > 2000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_removal_after_a_fork_has_its_limit_too(mine):
    """The fork has ended the thread: the exporter is shut down on a new one."""
    gate = threading.Event()

    class Slow(Collector):
        def shutdown(self):
            self.entered.set()
            gate.wait(60)

    slow = Slow()
    subscription = mine.add_exporter(slow)
    spans(mine, 1)
    assert mine.flush(10)
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    subscription.remove(timeout=0.1)
    assert slow.entered.is_set()
    gate.set()


def test_what_is_open_is_not_exported(mine):
    collector = Collector()
    with mine.add_exporter(collector):
        with mine.span("outer"):
            spans(mine, 1, "inner")
            assert mine.flush(10)
            assert collector.names == ["inner"]
        assert mine.flush(10)
    assert collector.names == ["inner", "outer"]


def test_the_queue_is_bounded_and_drops_are_counted(mine):
    gate = threading.Event()
    collector = Collector(gate)
    with mine.add_exporter(collector, max_queue=100, max_batch=10, delay=0.01) as subscription:
        spans(mine, 10)
        assert collector.entered.wait(10)
        spans(mine, 1000)
        stats = subscription.stats
        assert stats.dropped > 850
        assert stats.received == 1010
        gate.set()
        assert mine.flush(10)
        received, exported, dropped, failed = counts(subscription)
    assert received == 1010 == exported + dropped + failed
    assert failed == 0
    assert len(collector.spans) == exported <= 120


def test_dropped_spans_hold_on_to_nothing(mine):
    gate = threading.Event()
    collector = Collector(gate)
    with mine.add_exporter(collector, max_queue=1, max_batch=1, delay=0.01):
        spans(mine, 1)
        assert collector.entered.wait(10)
        spans(mine, 1)
        with mine.span("dropped", a=1) as span:
            pass
        assert span._attributes is None
        gate.set()


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()], ids=repr
)
def test_an_exporter_that_raises_is_warned_about_once_and_counted(mine, caplog, error):
    broken, healthy = Broken(error), Collector()
    with mine.add_exporter(broken, delay=0.01) as first, mine.add_exporter(healthy) as second:
        for _ in range(3):
            spans(mine, 5)
            assert mine.flush(10)
        assert counts(first) == (15, 0, 0, 15)
        assert counts(second) == (15, 15, 0, 0)
    assert [r.name for r in caplog.records] == ["enterspan"]
    assert len(healthy.spans) == 15
    assert broken.shut_down == 1


def test_a_shutdown_that_raises_is_warned_about(mine, caplog):
    class Bad(Collector):
        def shutdown(self):
            raise ValueError("x")

    with mine.add_exporter(Bad()):
        spans(mine, 1)
    assert len(caplog.records) == 1


def test_an_exporter_that_traces_sees_none_of_it(mine):
    class Traces(Collector):
        def export(self, spans):
            with mine.span("in the exporter"), mine.invocation("deeper"):
                mine.log("info", "x")
            super().export(spans)

    exporter = Traces()
    with mine.add_exporter(exporter, delay=0.01):
        for _ in range(5):
            spans(mine, 1)
            assert mine.flush(10)
    assert exporter.names == ["s"] * 5


def test_two_exporters_get_the_same_records(mine):
    one, two = Collector(), Collector()
    with mine.add_exporter(one), mine.add_exporter(two):
        with mine.span("a", k=1), mine.span("b"):
            pass
        assert mine.flush(10)
    assert one.spans == two.spans
    assert one.names == ["b", "a"]


def test_an_exporter_and_a_capture_get_the_same_records(mine):
    one = Collector()
    with mine.add_exporter(one), capture(mine) as trace:
        with mine.span("a", k=1), mine.span("b"):
            pass
        assert mine.flush(10)
    assert one.spans == trace.spans


def test_a_hung_exporter_does_not_hold_up_the_program_and_flush_keeps_its_time(mine):
    gate = threading.Event()
    hung, healthy = Collector(gate), Collector()
    with mine.add_exporter(hung, delay=0.01), mine.add_exporter(healthy, delay=3600):
        spans(mine, 1)
        assert hung.entered.wait(10)
        spans(mine, 2000)
        assert mine.flush(0.2) is False
        assert len(healthy.spans) == 2001
        gate.set()
        assert mine.flush(10) is True


def test_remove_and_shutdown_keep_their_time_with_a_hung_exporter(mine):
    gate = threading.Event()
    tracing = Tracing("theirs")
    hung = Collector(gate)
    subscription = tracing.add_exporter(hung, delay=0.01)
    tracing.add_exporter(Collector(gate), delay=0.01)
    spans(tracing, 1)
    assert hung.entered.wait(10)
    spans(tracing, 5)
    subscription.remove(0.1)
    assert tracing.shutdown(0.1) is False
    gate.set()
    received, exported, dropped, failed = counts(subscription)
    until(lambda: hung.shut_down == 1)
    assert received == 6
    assert hung.names == ["s"]
    assert dropped == 5


def test_remove_delivers_what_waits_and_shuts_down_once(mine):
    collector = Collector()
    subscription = mine.add_exporter(collector, delay=3600)
    spans(mine, 3)
    subscription.remove()
    subscription.remove()
    spans(mine, 3)
    assert len(collector.spans) == 3
    assert collector.shut_down == 1


def test_shutdown_ends_every_subscription_and_tracing_goes_on_without(mine):
    collector = Collector()
    mine.add_exporter(collector, delay=3600)
    events = []
    mine.add_tail(lambda onset: events.append)
    spans(mine, 3)
    assert mine.shutdown() is True
    assert mine.shutdown() is True
    spans(mine, 3)
    assert mine.flush() is True
    assert len(collector.spans) == 3
    assert len(events) == 6
    assert collector.shut_down == 1
    again = Collector()
    with mine.add_exporter(again):
        spans(mine, 2)
        assert mine.flush(10)
    assert len(again.spans) == 2


@pytest.mark.parametrize(
    "timeout, error",
    [
        ("1", TypeError),
        ([], TypeError),
        (True, TypeError),
        (-1, ValueError),
        (float("nan"), ValueError),
        (10**400, ValueError),
    ],
)
def test_a_timeout_that_is_no_number_of_seconds_is_an_error(mine, timeout, error):
    """And nothing has ended then."""
    exporter, tail = Collector(), lambda onset: None
    exporting, tailing = mine.add_exporter(exporter), mine.add_tail(tail)
    for wait in (mine.flush, mine.shutdown, exporting.remove, tailing.remove):
        with pytest.raises(error, match="timeout"):
            wait(timeout)
    spans(mine, 1)
    assert mine.flush(10)
    assert exporting.stats.exported == 1
    assert tailing.stats.exported > 0


@pytest.mark.parametrize("timeout", [float("inf"), 1e300, 1e10])
def test_a_timeout_may_be_without_limit(mine, timeout):
    """The system knows no wait of any length, and takes the longest that it knows."""
    for end in ("flush", "shutdown", "remove", "tail"):
        exporter = Collector()
        exporting, tailing = mine.add_exporter(exporter), mine.add_tail(lambda onset: None)
        spans(mine, 1)
        if end == "remove":
            exporting.remove(timeout)
        elif end == "tail":
            tailing.remove(timeout)
            exporting.remove()
        else:
            assert getattr(mine, end)(timeout) is True
        assert exporting.stats.exported == 1
        mine.shutdown(10)


def test_flush_with_no_time_at_all_gives_an_answer(mine):
    assert mine.flush(0) is True
    with mine.add_exporter(Collector(), delay=3600):
        spans(mine, 1)
        assert mine.flush(0) in (True, False)


def test_exporters_come_and_go_while_spans_flow(mine):
    """Who stays gets all of them; who leaves, a run of them; every count adds up."""
    stays = Collector()
    stop = threading.Event()
    made = []

    def produce():
        count = 0
        while not stop.is_set():
            with mine.span("s"):
                pass
            count += 1
            if count % 50 == 0:
                time.sleep(0)
        made.append(count)

    with mine.add_exporter(stays, max_queue=10_000_000, delay=0.01) as subscription:
        threads = [threading.Thread(target=produce) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            visitor = Collector()
            with mine.add_exporter(visitor, max_queue=10_000_000, delay=0.01) as other:
                time.sleep(0.002)
            received, exported, dropped, failed = counts(other)
            assert received == exported + dropped + failed + other.worker.waiting
            assert exported == len(visitor.spans)
        stop.set()
        for thread in threads:
            thread.join()
        assert mine.flush(30)
        assert counts(subscription) == (sum(made), sum(made), 0, 0)
    assert len({s.context.span_id for s in stays.spans}) == sum(made)


@pytest.mark.parametrize(
    "exporter",
    [None, 1, object(), Collector, lambda spans: None, type("Half", (), {"export": print})()],
    ids=["None", "number", "object", "class", "function", "half"],
)
def test_what_is_no_exporter_is_a_type_error(mine, exporter):
    with pytest.raises(TypeError, match=r"export\(spans\) and shutdown\(\)"):
        mine.add_exporter(exporter)


def test_a_coroutine_function_as_an_exporter_is_a_type_error(mine):
    class Async:
        async def export(self, spans):
            pass

        def shutdown(self):
            pass

    with pytest.raises(TypeError, match="coroutine function"):
        mine.add_exporter(Async())


@pytest.mark.parametrize(
    "options,error",
    [
        ({"max_queue": 0}, ValueError),
        ({"max_batch": 0}, ValueError),
        ({"max_queue": -1}, ValueError),
        ({"max_queue": 1.5}, TypeError),
        ({"max_batch": "1"}, TypeError),
        ({"max_batch": True}, TypeError),
        ({"delay": 0}, ValueError),
        ({"delay": -1}, ValueError),
        ({"delay": float("nan")}, ValueError),
        ({"delay": float("inf")}, ValueError),
        ({"delay": "1"}, TypeError),
        ({"delay": None}, TypeError),
        ({"size": 1}, TypeError),
    ],
    ids=str,
)
def test_batching_that_makes_no_sense_is_an_error(mine, options, error):
    with pytest.raises(error):
        mine.add_exporter(Collector(), **options)
    with mine.span("s") as span:
        assert not span.is_traced


def test_an_exporter_that_flushes_does_not_wait_for_itself(mine):
    class Flushes(Collector):
        def export(self, spans):
            mine.flush()  # without a limit: it would wait for ever
            super().export(spans)

    exporter = Flushes()
    with mine.add_exporter(exporter, delay=0.01):
        spans(mine, 1)
        assert mine.flush(30)
    assert exporter.names == ["s"]


def test_an_exporter_may_remove_itself(mine):
    class Once(Collector):
        def export(self, spans):
            super().export(spans)
            subscription.remove()

    once = Once()
    subscription = mine.add_exporter(once, delay=0.01)
    spans(mine, 1)
    until(lambda: once.shut_down == 1)
    spans(mine, 5)
    assert once.names == ["s"]


def test_a_removed_exporter_is_let_go(mine):
    import gc
    import weakref

    collector = Collector()
    gone = weakref.ref(collector)
    subscription = mine.add_exporter(collector)
    spans(mine, 2)
    subscription.remove(10)
    del collector, subscription
    gc.collect()
    assert gone() is None


def test_a_flush_that_waits_is_no_span(mine):
    gate = threading.Event()
    collector = Collector(gate)
    subscription = mine.add_exporter(collector, max_batch=1, delay=0.01)
    spans(mine, 3)
    assert collector.entered.wait(10)
    assert not mine.flush(0.05)
    assert not mine.flush(0.05)
    assert counts(subscription) == (3, 0, 0, 0)
    subscription.remove(0.05)
    assert counts(subscription) == (3, 0, 2, 0)
    gate.set()
