"""When an invocation is over: linger, wait_until, close, garbage."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import time
import weakref
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from enterspan import Invocation
from enterspan.testing import capture


def outcomes(trace):
    return [t.event.outcome for t in trace.events if t.event.type == "outcome"]


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.002)


# --- linger ---


def test_without_linger_the_outcome_comes_at_once(mine, told):
    with capture(mine) as trace:
        with mine.invocation("main"):
            late = mine.start_span("late")
        assert outcomes(trace) == ["ok"]
        assert not late.is_traced
        late.set_attribute("a", 1).add_event("x").end()
    assert told(trace.events)[-2:] == ["spanClose late abandoned", "outcome ok"]
    assert trace.find("late").attributes == {}


def test_linger_waits_for_spans_that_are_open(mine, told):
    with capture(mine) as trace:
        with mine.invocation("main", linger=30):
            late = mine.start_span("late")
        assert outcomes(trace) == []
        with mine.use_span(late), mine.span("even later"):
            pass
        late.end()
    assert told(trace.events) == [
        "onset main in nothing",
        "spanOpen late in main",
        "return None",
        "spanOpen even later in late",
        "spanClose even later ok",
        "spanClose late ok",
        "outcome ok",
    ]


def test_linger_is_over_at_its_time(mine, told):
    with capture(mine) as trace:
        with mine.invocation("main", linger=0.05):
            late = mine.start_span("late", a=1)
        assert late.is_traced
        assert outcomes(trace) == []
        until(lambda: outcomes(trace))
    assert told(trace.events)[-4:] == [
        "return None",
        "attributes late {'a': 1}",
        "spanClose late abandoned",
        "outcome ok",
    ]


def test_linger_none_waits_without_limit(mine):
    with capture(mine) as trace:
        with mine.invocation("main", linger=None):
            late = mine.start_span("late")
        time.sleep(0.05)
        assert outcomes(trace) == []
        late.end()
        assert outcomes(trace) == ["ok"]


def test_lingering_with_nothing_open_ends_at_once(mine):
    with capture(mine) as trace:
        with mine.invocation(linger=None):
            pass
        with mine.invocation(linger=100):
            pass
    assert outcomes(trace) == ["ok", "ok"]


def test_a_failure_keeps_its_outcome_while_it_lingers(mine):
    with capture(mine) as trace:
        with pytest.raises(ValueError, match="x"), mine.invocation(linger=None):
            late = mine.start_span("late")
            raise ValueError("x")
        late.end()
    assert outcomes(trace) == ["exception"]


# --- wait_until ---


def test_wait_until_takes_a_coroutine(mine, told):
    async def later():
        await asyncio.sleep(0)
        with mine.span("later"):
            pass

    async def main():
        with mine.invocation("main") as invocation:
            invocation.wait_until(later())
        assert outcomes(trace) == []
        await asyncio.sleep(0.01)
        assert outcomes(trace) == ["ok"]

    with capture(mine) as trace:
        asyncio.run(main())
    assert told(trace.events) == [
        "onset main in nothing",
        "return None",
        "spanOpen later in main",
        "spanClose later ok",
        "outcome ok",
    ]


def test_wait_until_takes_tasks_and_futures(mine):
    async def main():
        future = asyncio.get_running_loop().create_future()

        async def work():
            await future

        task = asyncio.create_task(work())
        with mine.invocation() as invocation:
            invocation.wait_until(task)
            invocation.wait_until(future)
        assert outcomes(trace) == []
        future.set_result(None)
        await task
        await asyncio.sleep(0)
        assert outcomes(trace) == ["ok"]

    with capture(mine) as trace:
        asyncio.run(main())


def test_wait_until_takes_futures_of_pools(mine):
    go = threading.Event()
    with capture(mine) as trace, ThreadPoolExecutor(1) as pool:
        with mine.invocation() as invocation:
            invocation.wait_until(pool.submit(go.wait, 10))
        assert outcomes(trace) == []
        go.set()
        until(lambda: outcomes(trace) == ["ok"])


def test_wait_until_takes_what_is_done_already(mine):
    future = Future()
    future.set_result(None)
    with capture(mine) as trace:
        with mine.invocation() as invocation:
            invocation.wait_until(future)
            assert outcomes(trace) == []
        assert outcomes(trace) == ["ok"]


def test_an_object_that_can_be_awaited_will_do(mine):
    class Awaitable:
        def __await__(self):
            yield from asyncio.sleep(0).__await__()
            return 1

    async def main():
        with mine.invocation() as invocation:
            invocation.wait_until(Awaitable())
        assert outcomes(trace) == []
        await asyncio.sleep(0.01)

    with capture(mine) as trace:
        asyncio.run(main())
    assert outcomes(trace) == ["ok"]


@pytest.mark.parametrize("thing", [None, 1, "x", [], object(), print])
def test_what_cannot_be_waited_for_is_a_type_error(mine, thing):
    with capture(mine) as trace, mine.invocation() as invocation:
        with pytest.raises(TypeError, match="wait_until takes"):
            invocation.wait_until(thing)
    assert outcomes(trace) == ["ok"]


def test_a_coroutine_without_a_loop_is_a_runtime_error(mine):
    """And still the caller's, who may run it elsewhere."""

    async def work():
        return 7

    coroutine = work()
    with capture(mine) as trace, mine.invocation() as invocation:
        with pytest.raises(RuntimeError, match="loop"):
            invocation.wait_until(coroutine)
    assert asyncio.run(coroutine) == 7
    assert outcomes(trace) == ["ok"]


def test_a_failure_that_was_waited_for_is_the_outcome(mine, told):
    """The first one wins, and each is reported."""
    one, two = Future(), Future()
    with capture(mine) as trace:
        with mine.invocation("main") as invocation:
            invocation.wait_until(one)
            invocation.wait_until(two)
        one.set_exception(ValueError("first"))
        assert outcomes(trace) == []
        two.cancel()
    assert told(trace.events)[1:] == [
        "return None",
        "exception main ValueError: first",
        "outcome exception",
    ]


def test_an_expected_failure_that_was_waited_for_is_none(mine, told):
    """Whether its root is still open or has ended."""
    with capture(mine) as trace:
        future = Future()
        with mine.invocation("main", expected=[ValueError]) as invocation:
            invocation.wait_until(future)
        future.set_exception(ValueError("expected"))
    assert told(trace.events)[1:] == ["return None", "outcome ok"]


def test_a_cancellation_that_was_waited_for_is_canceled(mine):
    future = Future()
    with capture(mine) as trace:
        with mine.invocation() as invocation:
            invocation.wait_until(future)
        future.cancel()
    assert outcomes(trace) == ["canceled"]


def test_a_canceled_pool_future_is_canceled_where_asyncio_was_never_imported(script):
    done = script(
        """
        import sys
        from concurrent.futures import Future
        from enterspan import tracing
        from enterspan.testing import capture
        for name in [n for n in sys.modules if n.partition(".")[0] == "asyncio"]:
            del sys.modules[name]
        future = Future()
        with capture() as trace:
            with tracing.invocation() as invocation:
                invocation.wait_until(future)
            future.cancel()
        print(trace.events[-1].event.outcome)
        """
    )
    assert (done.stdout, done.stderr) == ("canceled\n", "")


def test_a_task_that_was_cancelled_is_canceled(mine):
    async def main():
        with mine.invocation() as invocation:
            task = asyncio.create_task(asyncio.sleep(60))
            invocation.wait_until(task)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    with capture(mine) as trace:
        asyncio.run(main())
    assert outcomes(trace) == ["canceled"]


def test_a_failure_that_nobody_retrieved_is_still_reported_by_asyncio(mine):
    """Waiting for a task does not count as having looked at its exception."""
    reports = []

    async def work():
        raise ValueError("x")

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, c: reports.append(c))
        with mine.invocation() as invocation:
            invocation.wait_until(work())
        await asyncio.sleep(0.01)
        gc.collect()

    with capture(mine) as trace:
        asyncio.run(main())
        gc.collect()
    assert outcomes(trace) == ["exception"]
    assert len(reports) == 1


def test_a_failure_in_the_block_and_a_later_one_are_two_reports(mine, told):
    future = Future()
    with capture(mine) as trace:
        with pytest.raises(KeyError), mine.invocation("main") as invocation:
            invocation.wait_until(future)
            raise KeyError("first")
        future.set_exception(ValueError("second"))
    assert told(trace.events)[1:] == [
        "exception main KeyError: 'first'",
        "exception main ValueError: second",
        "outcome exception",
    ]


def test_the_block_does_not_wait_for_it(mine):
    future = Future()
    with capture(mine) as trace:
        with mine.invocation() as invocation:
            invocation.wait_until(future)
        future.set_result(None)  # so late that a block which waits never comes here
    assert outcomes(trace) == ["ok"]


def test_spans_stay_open_while_it_waits(mine, told):
    """Without linger they are closed when what was waited for has settled."""
    future = Future()
    with capture(mine) as trace:
        with mine.invocation("main") as invocation:
            invocation.wait_until(future)
            span = mine.start_span("work")
        assert span.is_traced
        span.set_attribute("a", 1)
        future.set_result(None)
        assert not span.is_traced
    assert told(trace.events)[2:] == [
        "return None",
        "attributes work {'a': 1}",
        "spanClose work abandoned",
        "outcome ok",
    ]


def test_what_is_added_while_it_waits_is_waited_for_too(mine):
    one, two = Future(), Future()
    with capture(mine) as trace:
        with mine.invocation() as invocation:
            invocation.wait_until(one)
        invocation.wait_until(two)
        one.set_result(None)
        assert outcomes(trace) == []
        two.set_result(None)
    assert outcomes(trace) == ["ok"]


def test_the_same_future_twice_is_waited_for_once(mine):
    future = Future()
    with capture(mine) as trace:
        with mine.invocation() as invocation:
            invocation.wait_until(future)
            invocation.wait_until(future)
        future.set_result(None)
    assert outcomes(trace) == ["ok"]


def test_waiting_after_the_end_does_nothing_but_runs_the_coroutine(mine):
    ran = []

    async def work():
        ran.append(1)

    async def main():
        with mine.invocation() as invocation:
            pass
        invocation.wait_until(work())
        await asyncio.sleep(0.01)

    with capture(mine) as trace:
        asyncio.run(main())
    assert ran == [1]
    assert outcomes(trace) == ["ok"]


def test_a_coroutine_is_run_when_nobody_listens_too(mine):
    ran = []

    async def work():
        ran.append(1)

    async def main():
        with mine.invocation() as invocation:
            invocation.wait_until(work())
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert ran == [1]


# --- close ---


def test_close_ends_it_now(mine, told):
    with capture(mine) as trace:
        with mine.invocation("main", linger=None) as invocation:
            mine.start_span("open")
            invocation.close()
            assert outcomes(trace) == ["ok"]
        assert outcomes(trace) == ["ok"]
    assert told(trace.events)[1:] == [
        "spanOpen open in main",
        "spanClose open abandoned",
        "outcome ok",
    ]


def test_close_takes_an_outcome_of_ones_own(mine):
    with capture(mine) as trace, mine.invocation() as invocation:
        invocation.close("exceededCpu")
        invocation.close("later")
    assert outcomes(trace) == ["exceededCpu"]


@pytest.mark.parametrize("outcome", ["\ud800", "x" * 10_000, 3, object(), ""])
def test_any_outcome_is_valid_text(mine, outcome):
    import json

    with capture(mine) as trace, mine.invocation() as invocation:
        invocation.close(outcome)
    text = json.dumps(trace.events[-1].to_dict(), ensure_ascii=False).encode()
    assert len(text) < 2000


def test_close_does_not_wait_for_what_was_to_be_waited_for(mine):
    future = Future()
    with capture(mine) as trace:
        with mine.invocation() as invocation:
            invocation.wait_until(future)
        invocation.close()
        assert outcomes(trace) == ["ok"]
        future.set_exception(ValueError("late"))
    assert [t.event.type for t in trace.events] == ["onset", "return", "outcome"]


def test_a_span_opened_after_close_is_an_invocation_in_the_same_trace(mine):
    with capture(mine) as trace, mine.invocation("main") as invocation:
        invocation.close()
        with mine.span("after"):
            pass
    after = trace.find("after")
    assert after.parent_span_id == invocation.span.context.span_id
    assert after.links == ()
    assert after.invocation_id != invocation.id


def test_many_threads_may_end_it_and_one_does(mine):
    for _ in range(50):
        with capture(mine) as trace:
            barrier = threading.Barrier(4)
            with mine.invocation() as invocation:
                mine.start_span("open")

                def end(invocation=invocation, barrier=barrier):
                    barrier.wait()
                    invocation.close()

                threads = [threading.Thread(target=end) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        assert [t.event.type for t in trace.events].count("outcome") == 1
        assert trace.events[-1].event.type == "outcome"
        assert [s.name for s in trace.spans] == ["open", "main"]


# --- set_return ---


def test_the_return_may_come_before_the_end(mine, told):
    with capture(mine) as trace:
        with mine.invocation("main") as invocation:
            invocation.set_return()
            with mine.span("after the answer"):
                pass
    assert told(trace.events)[1] == "return None"
    assert [t.event.type for t in trace.events].count("return") == 1


def test_a_return_after_the_end_does_nothing(mine):
    with capture(mine) as trace:
        with mine.invocation() as invocation:
            invocation.close()
        invocation.set_return()
    assert trace.events[-1].event.type == "outcome"


# --- garbage, and what a captured context pins ---


def test_an_invocation_that_is_garbage_is_over(mine, told):
    def begin():
        with_root = mine.invocation("main", linger=None)
        with_root.__enter__()
        mine.start_span("open")

    with capture(mine, everything=True) as trace:
        contextvars.Context().run(begin)
        gc.collect()
    assert told(trace.events) == [
        "onset main in nothing",
        "spanOpen open in main",
        "spanClose open abandoned",
        "outcome abandoned",
    ]


def test_an_implicit_invocation_that_is_garbage_is_over(mine, told):
    with capture(mine, everything=True) as trace:
        contextvars.Context().run(lambda: mine.start_span("lost") and None)
        gc.collect()
    assert told(trace.events) == ["onset lost in nothing", "outcome abandoned"]
    assert trace.find("lost").outcome == "abandoned"


def test_garbage_that_is_found_in_a_tail_is_ended_soon(mine):
    events = []

    def tail(onset):
        events.append(onset)
        gc.collect()
        return events.append

    with mine.add_tail(tail, delivery="inline"):
        contextvars.Context().run(lambda: mine.start_span("lost") and None)
        gc.collect()
        with mine.span("another"):
            pass
        mine.flush(5)
    assert [t.event.type for t in events].count("outcome") == 2


def test_a_task_that_never_ends_pins_nothing_but_ids(mine):
    """No invocation, no handler, no attributes: only a shell with the span's identity."""

    class Handler:
        def outcome(self, event):
            pass

    handlers, big = [], "x" * 10_000

    def tail(onset):
        handler = Handler()
        handlers.append(weakref.ref(handler))
        return handler

    class Value:
        pass

    async def main():
        forever = asyncio.get_running_loop().create_future()
        seen = asyncio.Event()

        async def loop():
            with mine.span("inside"):
                seen.set()
                await forever

        async with mine.invocation("request", attributes={"big": big}) as invocation:
            with mine.span("outer", big=big) as span:
                task = asyncio.create_task(loop())
                await seen.wait()
        gone = weakref.ref(invocation)
        shell = mine.current_span()
        del invocation
        gc.collect()
        assert gone() is None
        assert [h() for h in handlers] == [None]
        alive = [o for o in gc.get_objects() if isinstance(o, Invocation) and o.tracing is mine]
        assert alive == []
        assert span._attributes is None
        assert span._details is None
        kept = gc.get_referents(span._state)
        assert not any(big in getattr(o, "__dict__", {}).values() for o in kept)
        forever.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del shell

    with mine.add_tail(tail, delivery="inline"):
        asyncio.run(main())


def test_a_future_that_never_settles_does_not_pin_a_closed_invocation(mine):
    future = Future()
    with capture(mine):
        with mine.invocation() as invocation:
            invocation.wait_until(future)
        invocation.close()
        gone = weakref.ref(invocation)
        del invocation
        gc.collect()
        assert gone() is None


@pytest.mark.parametrize("late", [60.0, 0.0])
def test_a_background_loop_pins_nothing_and_leaves_the_trace_at_the_deadline(mine, late):
    """Each of its rounds is an invocation: in the trace until the deadline, linked to it after."""
    mine.configure(late=late)

    async def main():
        rounds, done = [], asyncio.Event()

        async def loop():
            await start.wait()
            for _ in range(3):
                with mine.span("round") as span:
                    rounds.append(span.context)
            done.set()

        start = asyncio.Event()
        with mine.invocation("first request") as invocation:
            task = asyncio.create_task(loop())
        start.set()
        await done.wait()
        await task
        traces = {c.trace_id for c in rounds} | {invocation.span.context.trace_id}
        assert len(traces) == (1 if late else 4)

    with capture(mine) as trace:
        asyncio.run(main())
    first = trace.find("first request").context
    for data in trace.find_all("round"):
        assert [link.context for link in data.links] == ([] if late else [first])
        assert data.parent_span_id == (first.span_id if late else None)
    assert outcomes(trace) == ["ok"] * 4


def test_a_span_under_an_ended_span_of_a_live_invocation_is_its_child(mine):
    with capture(mine) as trace, mine.invocation("main"):
        with mine.span("ended"):
            context = contextvars.copy_context()
        context.run(lambda: mine.start_span("child").end())
    assert trace.tree() == "main\n  ended\n    child"


def test_wait_until_that_raises_waits_for_nothing(mine, told):
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    future.set_result(1)
    loop.close()
    with capture(mine) as trace, mine.invocation("i") as invocation:
        with pytest.raises(RuntimeError, match="closed"):
            invocation.wait_until(future)
    assert [event.event.type for event in trace.events] == ["onset", "return", "outcome"]


@pytest.mark.parametrize("is_delivered", [False, True])
def test_a_failure_after_the_end_of_the_root_reaches_tails(mine, is_delivered):
    """The root may have been delivered: what exporters get does not depend on when."""
    kept, events = [], []

    class Exporter:
        def export(self, spans):
            kept.extend(spans)

        def shutdown(self):
            pass

    async def run():
        with mine.invocation("i") as invocation:
            future = asyncio.get_running_loop().create_future()
            invocation.wait_until(future)
        if is_delivered:
            mine.flush()
        future.set_exception(ValueError("late"))
        await asyncio.sleep(0)

    mine.add_exporter(Exporter(), delay=60)
    mine.add_tail(lambda onset: events.append, delivery="inline")
    asyncio.run(run())
    mine.flush()
    (root,) = kept
    assert (root.outcome, root.status, root.events) == ("ok", "unset", ())
    assert [event.event.type for event in events] == ["return", "exception", "outcome"]
    assert events[-1].event.outcome == "exception"
