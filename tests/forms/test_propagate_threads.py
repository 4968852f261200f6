"""Spans that follow the work into threads and pools."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import pytest

from enterspan import Tracing
from enterspan.testing import capture


@pytest.fixture
def following(mine):
    mine.configure(propagate_threads=True)
    yield mine
    mine.configure(propagate_threads=False)


INHERITED = "  " if getattr(sys.flags, "thread_inherit_context", 0) else ""
"""Where a span of a thread stands that Python itself lets begin with its starter's context."""


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
    assert sorted(trace.tree().splitlines()) == [f"{INHERITED}in thread", "outer"]


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
    assert sorted(two.tree().splitlines()) == ["  2", f"{INHERITED}4", "four", "two"]


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


def test_a_worker_that_outlives_the_invocation_is_no_longer_under_its_span(following):
    """It is started by the first request, and serves all later ones."""
    jobs, done = queue.Queue(), threading.Semaphore(0)

    def serve():
        while (name := jobs.get()) is not None:
            work(following, name)
            done.release()

    worker = threading.Thread(target=serve)
    with capture(following, everything=True) as trace:
        with following.invocation("first"):
            worker.start()
            jobs.put("job 1")
            assert done.acquire(timeout=10)
        with following.invocation("second"):
            jobs.put("job 2")
            assert done.acquire(timeout=10)
        jobs.put(None)
        worker.join()
    assert trace.find("job 1").parent_span_id == trace.find("first").context.span_id
    job = trace.find("job 2")
    assert job.parent_span_id is None
    assert job.links == ()
    assert job.context.trace_id != trace.find("first").context.trace_id


JOBS = {
    "apply": lambda pool, job: pool.apply(job, ("x",)),
    "apply_async": lambda pool, job: pool.apply_async(job, ("x",)).get(10),
    "by name": lambda pool, job: pool.apply_async(func=job, args=("x",)).get(10),
    "map": lambda pool, job: pool.map(job, ["x"]),
    "starmap": lambda pool, job: pool.starmap(job, [("x",)]),
    "imap": lambda pool, job: list(pool.imap(job, ["x"])),
    "imap_unordered": lambda pool, job: list(pool.imap_unordered(job, ["x"])),
}


@pytest.mark.parametrize("how", JOBS)
def test_a_pool_of_multiprocessing_follows_each_job(following, how):
    with capture(following) as trace:
        with following.span("one"):
            pool = ThreadPool(1)
            JOBS[how](pool, lambda name: work(following, name))
        with following.span("two"):
            JOBS[how](pool, lambda name: work(following, name))
        JOBS[how](pool, lambda name: work(following, "outside"))
        pool.close()
        pool.join()
    assert trace.tree() == "one\n  x\ntwo\n  x\noutside"


def test_off_puts_the_pool_of_multiprocessing_back(mine):
    before = dict(vars(ThreadPool))
    mine.configure(propagate_threads=True)
    assert dict(vars(ThreadPool)) != before
    mine.configure(propagate_threads=False)
    assert dict(vars(ThreadPool)) == before


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Thread(context=)")
def test_a_context_that_the_program_has_chosen_goes_before(following):
    with capture(following, everything=True) as trace:
        with following.invocation("b"):
            of_b = contextvars.copy_context()
            with following.span("c"):
                for name, context in (
                    ("none", None),
                    ("of b", of_b),
                    ("empty", contextvars.Context()),
                    ("copy", contextvars.copy_context()),
                ):
                    run(threading.Thread(target=work, args=(following, name), context=context))
    assert trace.tree() == "b\n  c\n    none\n    copy\n  of b\nempty"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="InterpreterPoolExecutor")
def test_a_pool_of_interpreters_is_left_alone(following):
    """A span can't be shared with another interpreter; a function that can, still is."""
    from concurrent.futures import InterpreterPoolExecutor

    with capture(following), following.span("outer"), InterpreterPoolExecutor(1) as pool:
        assert pool.submit(pow, 2, 3).result(30) == 8
        assert list(pool.map(abs, [-1])) == [1]


def test_our_own_threads_are_left_alone(following):
    """What an exporter's worker would hold, it would hold for good."""
    seen = []

    class Collector:
        def export(self, spans):
            seen.append(following.current_span().context.span_id)

        def shutdown(self):
            pass

    with capture(following), following.span("outer"):
        subscription = following.add_exporter(Collector())
        with following.span("inner"):
            pass
        assert following.flush(10)
    subscription.remove()
    assert set(seen) == {0}


def test_a_thread_of_a_capture_belongs_to_it(following):
    """Also where no span is current when it starts."""
    with capture(following) as trace:
        run(threading.Thread(target=work, args=(following, "in thread")))
    assert trace.tree() == "in thread"
