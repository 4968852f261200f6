"""Spans that follow the work into threads and pools."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from enterspan import Tracing
from enterspan.testing import capture


@pytest.fixture
def following(mine):
    mine.configure(propagate_threads=True)
    yield mine
    mine.configure(propagate_threads=False)


def work(tracing, name):
    with tracing.span(name):
        pass
    return name


def run(thread):
    thread.start()
    thread.join()


def test_a_thread_begins_with_the_span_that_started_it(following):
    with capture(following) as trace, following.span("outer"):
        run(threading.Thread(target=work, args=(following, "in thread")))
    assert trace.tree() == "outer\n  in thread"


def test_it_is_where_the_thread_is_started_that_counts(following):
    with capture(following) as trace:
        with following.span("made"):
            thread = threading.Thread(target=work, args=(following, "in thread"))
        with following.span("started"):
            run(thread)
    assert trace.tree() == "made\nstarted\n  in thread"


def test_a_thread_of_ones_own_class_is_followed_too(following):
    class Own(threading.Thread):
        def run(self):
            self.result = work(following, "own")

    with capture(following) as trace, following.span("outer"):
        thread = Own()
        run(thread)
        assert thread.result == "own"
        timer = threading.Timer(0, work, (following, "timer"))
        run(timer)
    assert trace.tree() == "outer\n  own\n  timer"
    assert "run" not in vars(thread)


def test_a_run_of_ones_own_on_the_instance_stays(following):
    with capture(following) as trace, following.span("outer"):
        thread = threading.Thread()
        thread.run = own = lambda: work(following, "own")
        run(thread)
        assert thread.run is own
    assert trace.tree() == "outer\n  own"


def test_a_pool_follows_each_job(following):
    with capture(following) as trace, ThreadPoolExecutor(1) as pool:
        with following.span("one"):
            assert pool.submit(work, following, "1").result(10) == "1"
        with following.span("two"):
            assert list(pool.map(lambda n: work(following, n), ["2", "3"])) == ["2", "3"]
    assert trace.tree() == "one\n  1\ntwo\n  2\n  3"


def test_a_job_from_outside_is_not_hung_on_the_span_that_started_the_pools_thread(following):
    with capture(following) as trace, ThreadPoolExecutor(1) as pool:
        with following.span("first"):
            pool.submit(work, following, "inside").result(10)
            with following.span("nested"):
                pass
        pool.submit(work, following, "outside").result(10)
    outside = trace.find("outside")
    assert outside.parent_span_id is None
    assert outside.links == ()
    assert trace.tree() == "first\n  inside\n  nested\noutside"


def test_run_in_executor_follows(following):
    async def main():
        loop = asyncio.get_running_loop()
        async with following.span("outer"):
            assert await loop.run_in_executor(None, work, following, "in pool") == "in pool"

    with capture(following) as trace:
        asyncio.run(main())
    assert trace.tree() == "outer\n  in pool"


def test_a_failure_in_a_job_is_as_it_was(following):
    error = ValueError("x")

    def fail():
        with following.span("fails"):
            raise error

    with capture(following) as trace, ThreadPoolExecutor(1) as pool, following.span("outer"):
        assert pool.submit(fail).exception(10) is error
    assert trace.tree() == "outer\n  fails"
    assert trace.find("outer").outcome == "ok"


def test_a_thread_that_cannot_start_is_as_it_was(following):
    with capture(following), following.span("outer"):
        thread = threading.Thread(target=work, args=(following, "x"))
        run(thread)
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
        assert "run" not in vars(thread)


def test_off_puts_everything_back(mine):
    before = (threading.Thread.start, ThreadPoolExecutor.submit)
    mine.configure(propagate_threads=True)
    mine.configure(propagate_threads=True)
    assert (threading.Thread.start, ThreadPoolExecutor.submit) != before
    mine.configure(propagate_threads=False)
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == before
    with capture(mine, everything=True) as trace, mine.span("outer"):
        run(threading.Thread(target=work, args=(mine, "in thread")))
    assert sorted(trace.tree().splitlines()) == ["in thread", "outer"]


def test_two_tracings_follow_side_by_side(following):
    other = Tracing("other")
    other.configure(propagate_threads=True)
    try:
        with capture(following) as one, capture(other, everything=True) as two:
            with following.span("one"), other.span("two"):
                run(threading.Thread(target=lambda: (work(following, "1"), work(other, "2"))))
            other.configure(propagate_threads=False)
            with following.span("three"), other.span("four"):
                run(threading.Thread(target=lambda: (work(following, "3"), work(other, "4"))))
    finally:
        other.configure(propagate_threads=False)
    assert one.tree() == "one\n  1\nthree\n  3"
    assert sorted(two.tree().splitlines()) == ["  2", "4", "four", "two"]


def test_propagate_binds_a_callable(mine):
    def add(a, *, b):
        """Add."""
        with mine.span("add"):
            return a + b

    with capture(mine) as trace:
        with mine.invocation(linger=None):
            with mine.span("outer"):
                bound = mine.propagate(add)
            keep = mine.start_span("keep")
        results = []
        run(threading.Thread(target=lambda: results.append(bound(1, b=2))))
        keep.end()
    assert results == [3]
    assert bound.__name__ == "add"
    assert bound.__doc__ == "Add."
    assert trace.find("add").parent_span_id == trace.find("outer").context.span_id


def test_propagate_without_a_span_gives_the_callable_itself(mine):
    assert mine.propagate(print) is print


@pytest.mark.parametrize("thing", [None, 1, "x"])
def test_propagate_takes_callables_only(mine, thing):
    with pytest.raises(TypeError, match="callable"):
        mine.propagate(thing)


def test_a_listener_added_in_a_span_does_not_hold_it(following):
    """The worker of an exporter is a thread as well."""

    class Collector:
        def __init__(self):
            self.spans = []

        def export(self, spans):
            self.spans += spans

        def shutdown(self):
            pass

    collector = Collector()
    with capture(following), following.span("outer"):
        subscription = following.add_exporter(collector)
    with following.span("later"):
        pass
    assert following.flush(10)
    subscription.remove()
    assert [s.name for s in collector.spans] == ["outer", "later"]
