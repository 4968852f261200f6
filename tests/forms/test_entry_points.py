"""Functions at which work enters: each call is an invocation, whatever kind of function it is."""

from __future__ import annotations

import asyncio
import functools
import inspect
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from enterspan import (
    AlarmEventInfo,
    QueueEventInfo,
    RpcEventInfo,
    ScheduledEventInfo,
    SpanContext,
)
from enterspan.testing import capture

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def onsets(trace):
    return [(e.event.name, e.event.info) for e in trace.events if e.event.type == "onset"]


def outcomes(trace):
    return [e.event.outcome for e in trace.events if e.event.type == "outcome"]


def work(mine):
    with mine.span("step"):
        return 5


def test_bare_it_has_the_name_of_the_function(mine):
    @mine.entrypoint
    def nightly(a, *, b=1):
        """Clean up."""
        return a + b + work(mine)

    with capture(mine) as trace:
        assert nightly(1, b=2) == 8
        assert nightly(1) == 7
    assert trace.tree() == "nightly\n  step\nnightly\n  step"
    assert onsets(trace) == [("nightly", None)] * 2
    assert outcomes(trace) == ["ok", "ok"]
    assert len({span.context.trace_id for span in trace.spans}) == 2
    assert nightly.__doc__ == "Clean up."
    assert str(inspect.signature(nightly)) == "(a, *, b=1)"


def test_with_nobody_listening_it_is_the_call(mine):
    asked = []

    @mine.entrypoint("job", info=asked.append, parent=asked.append, attributes=asked.append)
    def job(message):
        assert mine.current_invocation() is None
        return message

    assert job(3) == 3
    assert asked == []


def test_the_options_are_those_of_an_invocation(mine):
    due = datetime(2026, 1, 1, tzinfo=timezone.utc)
    info = ScheduledEventInfo(due, "0 3 * * *")

    @mine.entrypoint("nightly", info=info, attributes={"shop": "tea"}, linger=None)
    def job():
        return mine.start_span("late")

    with capture(mine) as trace:
        late = job()
        assert outcomes(trace) == []
        late.end()
    assert onsets(trace) == [("nightly", info)]
    assert outcomes(trace) == ["ok"]
    assert trace.find("nightly").attributes == {"shop": "tea"}


def test_what_it_is_about_is_told_by_the_arguments(mine):
    @mine.entrypoint(
        "orders",
        info=lambda messages, *, queue: QueueEventInfo(queue, len(messages)),
        parent=lambda messages, *, queue: messages[0]["headers"],
        attributes=lambda messages, *, queue: {"first": messages[0]["id"]},
    )
    def consume(messages, *, queue):
        return work(mine)

    with capture(mine) as trace:
        consume([{"id": 7, "headers": {"traceparent": PARENT}}, {"id": 8}], queue="paid")
    assert onsets(trace) == [("orders", QueueEventInfo("paid", 2))]
    root = trace.find("orders")
    assert root.attributes == {"first": 7}
    assert root.kind == "consumer"
    assert f"{root.context.trace_id:032x}" == TRACE
    assert root.parent_span_id == int("b7ad6b7169203331", 16)


@pytest.mark.parametrize(
    "parent",
    [
        SpanContext(int(TRACE, 16), 5, 1),
        PARENT,
        {"traceparent": PARENT},
        [(b"traceparent", PARENT.encode())],
    ],
)
def test_the_parent_may_come_in_any_form(mine, parent):
    by_value = mine.entrypoint("a", parent=parent)(lambda: None)
    by_function = mine.entrypoint("b", parent=lambda: parent)(lambda: None)
    with capture(mine) as trace:
        by_value()
        by_function()
    assert {f"{span.context.trace_id:032x}" for span in trace.spans} == {TRACE}


def test_without_a_parent_it_belongs_where_it_is_called(mine):
    job = mine.entrypoint("job", parent=lambda: None)(lambda: None)
    apart = mine.entrypoint("apart", new_trace=True)(lambda: None)
    with capture(mine) as trace:
        with mine.span("outer"):
            job()
            apart()
    assert trace.find("job").parent_span_id == trace.find("outer").context.span_id
    assert trace.find("apart").context.trace_id != trace.find("outer").context.trace_id
    assert [link.context for link in trace.find("apart").links] == [trace.find("outer").context]


def test_a_coroutine_function_stays_one(mine):
    @mine.entrypoint("rpc", info=lambda method: RpcEventInfo(method))
    async def handle(method):
        await asyncio.sleep(0)
        with mine.span(method):
            await asyncio.sleep(0)
        return method

    assert inspect.iscoroutinefunction(handle)

    async def main():
        never = handle("never")
        never.close()
        assert trace.events == []  # it begins with its body
        return await asyncio.gather(handle("a"), handle("b"))

    with capture(mine) as trace:
        assert asyncio.run(main()) == ["a", "b"]
    assert trace.tree() == "rpc\n  a\nrpc\n  b"
    assert outcomes(trace) == ["ok", "ok"]


def test_a_generator_is_inside_at_every_step_and_its_consumer_is_not(mine):
    @mine.entrypoint("stream")
    def stream(n):
        """Numbers."""
        got = []
        for i in range(n):
            with mine.span("item"):
                got.append((yield i))
        return got

    assert inspect.isgeneratorfunction(stream)
    with capture(mine) as trace:
        body = stream(2)
        assert trace.events == []
        assert next(body) == 0
        assert mine.current_invocation() is None
        with mine.span("consumer"):
            assert body.send("x") == 1
        with pytest.raises(StopIteration) as stop:
            body.send("y")
        assert stop.value.value == ["x", "y"]
    assert sorted(trace.tree().splitlines()) == ["  item", "  item", "consumer", "stream"]
    assert outcomes(trace) == ["ok", "ok"]


def test_a_generator_that_is_left_early_is_ok_and_over(mine):
    @mine.entrypoint
    def stream():
        yield from range(9)

    with capture(mine) as trace:
        body = stream()
        next(body)
        body.close()
        failing = stream()
        next(failing)
        with pytest.raises(KeyError):
            failing.throw(KeyError("x"))
    assert outcomes(trace) == ["ok", "exception"]


def test_an_async_generator_likewise(mine):
    @mine.entrypoint("stream")
    async def stream(n):
        try:
            for i in range(n):
                with mine.span("item"):
                    got = yield i
                    assert got in (None, "sent")
        except KeyError:
            yield "caught"

    assert inspect.isasyncgenfunction(stream)

    async def main():
        assert [i async for i in stream(2)] == [0, 1]
        body = stream(3)
        assert await body.asend(None) == 0
        assert await body.asend("sent") == 1
        assert mine.current_invocation() is None
        assert await body.athrow(KeyError("x")) == "caught"
        await body.aclose()
        body = stream(3)
        await body.asend(None)
        with pytest.raises(ValueError, match="thrown"):
            await body.athrow(ValueError("thrown"))

    with capture(mine) as trace:
        asyncio.run(main())
    assert outcomes(trace) == ["ok", "ok", "exception"]
    assert [s.name for s in trace.spans if s.parent_span_id is None] == ["stream"] * 3


def test_off_the_generators_are_as_they_were(mine):
    @mine.entrypoint
    def stream():
        got = yield 1
        return got

    @mine.entrypoint
    async def astream():
        yield 1
        yield 2

    body = stream()
    assert next(body) == 1
    with pytest.raises(StopIteration) as stop:
        body.send(7)
    assert stop.value.value == 7

    async def main():
        return [i async for i in astream()]

    assert asyncio.run(main()) == [1, 2]


def test_a_function_that_returns_a_coroutine_or_a_generator_holds_on(mine):
    async def body():
        with mine.span("step"):
            return 5

    @mine.entrypoint("job")
    def job(kind):
        return body() if kind == "coroutine" else (work(mine) for _ in range(2))

    with capture(mine) as trace:
        coroutine = job("coroutine")
        assert mine.current_invocation() is None
        assert asyncio.run(coroutine) == 5
        assert list(job("generator")) == [5, 5]
    assert trace.tree() == "job\n  step\njob\n  step\n  step"
    assert outcomes(trace) == ["ok", "ok"]


def test_a_future_is_waited_for(mine):
    @mine.entrypoint("job")
    def job(pool, function):
        return pool.submit(function)

    def fail():
        raise ValueError("x")

    with ThreadPoolExecutor() as pool, capture(mine) as trace:
        assert job(pool, lambda: 5).result(10) == 5
        with pytest.raises(ValueError, match="x"):
            job(pool, fail).result(10)
        pool.shutdown()
    assert outcomes(trace) == ["ok", "exception"]


def test_exceptions_pass_and_say_so(mine):
    @mine.entrypoint
    def job(error):
        raise error

    with capture(mine) as trace:
        for error in (ValueError("x"), KeyboardInterrupt(), SystemExit(0), SystemExit(3)):
            with pytest.raises(type(error)) as raised:
                job(error)
            assert raised.value is error
    assert outcomes(trace) == ["exception", "canceled", "ok", "exception"]


def test_a_canceled_job_is_canceled(mine):
    @mine.entrypoint
    async def job():
        await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(job())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture(mine) as trace:
        asyncio.run(main())
    assert outcomes(trace) == ["canceled"]


def test_methods_of_every_kind(mine):
    class Worker:
        @mine.entrypoint
        def run(self, x):
            return self, x

        @mine.entrypoint("made")
        @classmethod
        def make(cls, x):
            return cls, x

        @staticmethod
        @mine.entrypoint("still", attributes=lambda x: {"x": x})
        def still(x):
            return x

    with capture(mine) as trace:
        worker = Worker()
        assert worker.run(1) == (worker, 1)
        assert Worker.make(2) == (Worker, 2)
        assert worker.still(3) == 3
    assert [span.name for span in trace.spans] == ["Worker.run", "made", "still"]
    assert trace.find("still").attributes == {"x": 3}


def test_other_callables(mine):
    class Job:
        def __call__(self, x):
            return x

    job = mine.entrypoint("object")(Job())
    part = mine.entrypoint("part")(functools.partial(pow, 2))
    with capture(mine) as trace:
        assert job(3) == 3
        assert part(5) == 32
    assert [span.name for span in trace.spans] == ["object", "part"]


def test_a_function_of_the_arguments_that_raises_is_warned_about_once(mine, caplog):
    def broken(x):
        raise ValueError("x")

    @mine.entrypoint("job", info=broken, parent=broken, attributes=broken)
    def job(x):
        return x

    with capture(mine) as trace:
        with mine.span("outer"):
            assert [job(1), job(2)] == [1, 2]
    assert onsets(trace) == [("outer", None), ("job", None), ("job", None)]
    assert len({span.context.trace_id for span in trace.spans}) == 3  # unreadable: it starts anew
    assert [r.getMessage().split()[0] for r in caplog.records] == ["info", "parent", "attributes"]


def test_what_such_a_function_returns_may_be_nonsense(mine, caplog):
    job = mine.entrypoint("job", info=lambda: 7, parent=lambda: 7, attributes=lambda: 7)
    with capture(mine) as trace:
        assert job(lambda: 5)() == 5
    assert onsets(trace) == [("job", None)]
    assert trace.spans[0].attributes == {}
    assert "7 is no event info" in caplog.text


def test_such_a_function_records_nothing_of_its_own(mine):
    @mine.traced
    def about():
        return AlarmEventInfo(datetime.now(timezone.utc))

    job = mine.entrypoint("job", info=about)(lambda: work(mine))
    with capture(mine) as trace:
        job()
    assert trace.tree() == "job\n  step"


@pytest.mark.parametrize(
    "options,error,says",
    [
        ({"name": ""}, ValueError, "empty"),
        ({"info": "queue"}, TypeError, "QueueEventInfo"),
        ({"info": {}}, TypeError, "QueueEventInfo"),
        ({"parent": 7}, TypeError, "traceparent"),
        ({"parent": b"x"}, TypeError, "traceparent"),
        ({"attributes": 7}, TypeError, "mapping"),
        ({"attributes": ["a"]}, TypeError, "mapping"),
        ({"linger": -1}, ValueError, "negative"),
        ({"linger": "1"}, TypeError, "seconds"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(mine, options, error, says):
    name = options.pop("name", "job")
    with pytest.raises(error, match=says):
        mine.entrypoint(name, **options)


@pytest.mark.parametrize("target", [7, [], b"x"])
def test_what_is_no_function_is_refused(mine, target):
    with pytest.raises(TypeError, match="function"):
        mine.entrypoint(target)
    with pytest.raises(TypeError, match="function"):
        mine.entrypoint("name")(target)


def test_inside_a_listener_it_is_the_call(mine):
    seen = []
    job = mine.entrypoint("inner")(lambda: 5)
    stream = mine.entrypoint("inner")(lambda: iter([]))

    @mine.entrypoint
    def numbers():
        yield 1

    def tail(onset):
        seen.append((onset.event.name, job(), list(numbers()), list(stream())))

    with mine.add_tail(tail, delivery="inline"):
        mine.entrypoint("outer")(lambda: None)()
    assert seen == [("outer", 5, [1], [])]


def test_the_invocation_is_at_hand(mine):
    @mine.entrypoint("job")
    def job():
        invocation = mine.current_invocation()
        invocation.close("postponed")
        return invocation.name

    with capture(mine) as trace:
        assert job() == "job"
    assert outcomes(trace) == ["postponed"]


@pytest.mark.parametrize("kind", ["function", "generator", "async generator"])
def test_what_an_exporter_calls_is_not_recorded(mine, kind):
    """Or each delivery would cause another one."""
    delivered = []

    @mine.entrypoint
    def function():
        with mine.span("inner"):
            pass

    @mine.entrypoint
    def generator():
        with mine.span("inner"):
            yield 1

    @mine.entrypoint
    async def numbers():
        with mine.span("inner"):
            yield 1

    async def run():
        assert [number async for number in numbers()] == [1]

    class Exporter:
        def export(self, spans):
            delivered.extend([span.name for span in spans])
            {
                "function": function,
                "generator": lambda: list(generator()),
                "async generator": lambda: asyncio.run(run()),
            }[kind]()

        def shutdown(self):
            pass

    mine.add_exporter(Exporter())
    with mine.span("a"):
        pass
    assert mine.flush(10)
    assert mine.flush(10)
    assert delivered == ["a"]


def test_parameters_may_have_any_name(mine):
    @mine.entrypoint(incoming="link", parent=lambda **names: names["parent"])
    def handle(*, parent, incoming, tracer):
        return parent, incoming, tracer

    parent = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    with capture(mine) as trace:
        assert handle(parent=parent, incoming=2, tracer=3) == (parent, 2, 3)
    assert [link.context.span_id for link in trace.spans[0].links] == [0x2222222222222222]


@pytest.mark.parametrize("name", ["flush", "ambient", "new_trace"])
def test_switches_are_switches(mine, name):
    with pytest.raises(TypeError, match=f"{name} must be True or False, not 'no'"):
        mine.entrypoint(**{name: "no"})


def test_a_parent_of_a_hostile_class_begins_a_trace(mine):
    class Hostile:
        @property
        def __class__(self):
            raise ValueError

    with capture(mine) as trace, mine.invocation("i", parent=Hostile()):
        pass
    assert trace.spans[0].parent_span_id is None
