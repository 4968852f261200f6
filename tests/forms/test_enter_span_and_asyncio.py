"""`enter_span` and `traced` with everything that asyncio can do to a piece of work."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import sys
import types
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import traced, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan.testing import Trace


def current() -> str:
    return tracing.current_span().name


def outcomes(trace: Trace) -> dict[str, str]:
    return {span.name: span.outcome for span in trace.spans}


def names(invocation: Any, trace: Trace) -> list[str]:
    """The spans of one invocation below its root, in the order in which they were opened."""
    return [
        event.event.name
        for event in trace.events
        if event.invocation_id == invocation.id and event.event.type == "spanOpen"
    ]


def test_what_fetch_does_after_a_wait_that_alarm_ends_is_fetchs(trace: Trace) -> None:
    """Two invocations on one loop; the one resolves what the other waits for."""
    made = {}

    async def main() -> None:
        signal = asyncio.get_running_loop().create_future()

        async def fetch() -> None:
            async with tracing.invocation("fetch") as made["fetch"]:
                with tracing.span("F1"):
                    await asyncio.sleep(0)
                with tracing.span("F2"):
                    await signal
                with tracing.span("W2"):
                    await asyncio.sleep(0)

        async def alarm() -> None:
            await asyncio.sleep(0)
            async with tracing.invocation("alarm") as made["alarm"]:
                with tracing.span("A1"):
                    await asyncio.sleep(0)
                    signal.set_result(None)
                    await asyncio.sleep(0)

        await asyncio.gather(fetch(), alarm())

    asyncio.run(main())
    assert names(made["fetch"], trace) == ["F1", "F2", "W2"]
    assert names(made["alarm"], trace) == ["A1"]
    assert len(trace.spans) == 6


# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize("heard", [True, False])
def test_a_future_comes_back_as_the_same_object_and_ends_the_span(heard: bool) -> None:
    """A future, a task, and a concurrent future; each with a result, an error, a cancellation."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        task = loop.create_task(asyncio.sleep(0, "slept"))
        pooled: concurrent.futures.Future[str] = concurrent.futures.Future()
        assert tracing.enter_span("future", lambda span: future) is future
        assert tracing.enter_span("task", lambda span: task) is task
        assert tracing.enter_span("pooled", lambda span: pooled) is pooled
        assert current() == ""
        future.set_exception(ValueError("late"))
        pooled.cancel()
        pooled.set_running_or_notify_cancel()
        assert await task == "slept"
        with pytest.raises(ValueError, match="late"):
            await future
        await asyncio.sleep(0)

    if not heard:
        asyncio.run(main())
        return
    with capture() as trace:
        asyncio.run(main())
    assert outcomes(trace) == {"task": "ok", "future": "exception", "pooled": "canceled"}
    (event,) = trace.find("future").events
    assert event.attributes["exception.message"] == "late"


def test_a_future_that_fails_and_is_awaited_is_recorded_once(trace: Trace) -> None:
    """What the future's span has recorded, the awaiting span only marks."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        tracing.enter_span("inner", lambda span: future)
        future.set_exception(ValueError("late"))
        await future

    with pytest.raises(ValueError, match="late"), tracing.span("outer"):
        asyncio.run(main())
    assert [len(span.events) for span in trace.spans] == [1, 0]
    assert outcomes(trace) == {"inner": "exception", "outer": "exception"}


@pytest.mark.parametrize("heard", [True, False])
def test_an_exception_that_nobody_retrieves_is_still_complained_about(heard: bool) -> None:
    """Looking at a future's outcome does not count as somebody's having seen it."""
    complaints = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: complaints.append(context["message"]))
        future = loop.create_future()
        tracing.enter_span("work", lambda span, future=future: future)
        future.set_exception(ValueError("unseen"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del future
        gc.collect()

    if heard:
        with capture():
            asyncio.run(main())
    else:
        asyncio.run(main())
    assert complaints == ["Future exception was never retrieved"]


def test_a_future_of_a_loop_that_is_closed(trace: Trace) -> None:
    """It takes no callbacks any more; the span ends, and nothing is raised."""
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    future.set_result(1)
    loop.close()
    assert tracing.enter_span("work", lambda span: future) is future
    assert len(trace.spans) == 1


@pytest.mark.parametrize("make", ["enter_span", "traced", "plain"])
@pytest.mark.parametrize("heard", [True, False])
def test_a_coroutine_that_is_never_awaited_warns_once_by_its_own_name(
    make: str, heard: bool
) -> None:
    """The warning is Python's own, and the span is not left open."""

    async def work(*_: Any) -> None: ...

    def returns() -> Any:
        return work()

    def program() -> None:
        if make == "enter_span":
            tracing.enter_span("work", work)
        elif make == "traced":
            traced(work)()
        else:
            traced(returns)()
        gc.collect()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if heard:
            with capture() as trace:
                program()
            assert {event.event.type for event in trace.events} <= {"onset", "return", "outcome"}
            assert {span.outcome for span in trace.spans} <= {"ok"}
        else:
            program()
    where = "test_a_coroutine_that_is_never_awaited_warns_once_by_its_own_name.<locals>.work"
    assert [str(w.message) for w in caught] == [f"coroutine '{where}' was never awaited"]


def test_a_coroutine_that_somebody_else_holds_is_not_closed(trace: Trace) -> None:
    """A callback may give out a coroutine that it keeps; dropping ours leaves it as it is."""

    async def work() -> int:
        return 3

    kept = work()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ours was not awaited
        tracing.enter_span("work", lambda span: kept)
        gc.collect()
    assert asyncio.run(kept) == 3  # type: ignore[arg-type]


class Later:
    """An awaitable that is neither a coroutine nor a future."""

    made = "here"

    def __await__(self) -> Iterator[Any]:
        yield from asyncio.sleep(0).__await__()
        with tracing.span("inside"):
            return 3
        yield

    def again(self) -> Later:
        return self


def test_another_awaitable_keeps_its_type(trace: Trace) -> None:
    """It is what it was to everyone who looks, and its span is current while it is awaited."""

    async def main() -> None:
        later = Later()
        made = tracing.enter_span("work", lambda span: later)
        assert isinstance(made, Later)
        assert made.made == "here"
        assert made == later
        assert trace.spans == []
        assert await made == 3
        assert current() == ""

    asyncio.run(main())
    assert trace.tree() == "work\n  inside"


def test_an_awaitable_that_is_also_a_block(trace: Trace) -> None:
    """As clients of HTTP give them: awaited, or used as a block, the span ends."""

    class Request:
        def __await__(self) -> Any:
            return asyncio.sleep(0, "answer").__await__()

        async def __aenter__(self) -> str:
            return await self

        async def __aexit__(self, *failure: object) -> None:
            await asyncio.sleep(0)

    async def main() -> None:
        assert await tracing.enter_span("awaited", lambda span: Request()) == "answer"
        async with tracing.enter_span("block", lambda span: Request()) as answer:
            assert answer == "answer"
            assert trace.find("awaited").outcome == "ok"
            assert len(trace.spans) == 1

    asyncio.run(main())
    assert outcomes(trace) == {"awaited": "ok", "block": "ok"}


def test_an_awaitable_that_is_never_awaited_ends_its_span(trace: Trace) -> None:
    """When it is dropped, so is the span."""
    tracing.enter_span("work", lambda span: Later())
    gc.collect()
    assert outcomes(trace) == {"work": "ok"}


def test_start_active_span_leaves_the_end_to_the_caller(trace: Trace) -> None:
    """Current during the callback and in its coroutine; marked where it raised; ended by hand."""
    spans = []

    async def work(span: Any) -> str:
        spans.append(span)
        await asyncio.sleep(0)
        return current()

    def fails(span: Any) -> None:
        spans.append(span)
        raise KeyError("no")

    async def main() -> None:
        assert await tracing.start_active_span("work", work) == "work"

    asyncio.run(main())
    with pytest.raises(KeyError):
        tracing.start_active_span("fails", fails)
    assert current() == ""
    assert trace.spans == []
    assert [span.is_traced for span in spans] == [True, True]
    for span in spans:
        span.set_attribute("ended", True).end()
    assert outcomes(trace) == {"work": "ok", "fails": "exception"}
    assert trace.find("fails").attributes["ended"] is True


# --- tasks ----------------------------------------------------------------------------------------


@traced
async def work(name: str, rounds: int = 2) -> str:
    with tracing.span(name):
        for _ in range(rounds):
            await asyncio.sleep(0)
            assert current() in (name, "")
    return name


def test_gathered_work_does_not_mix(trace: Trace) -> None:
    """Each of many tasks has its own current span at every step."""

    async def main() -> None:
        with tracing.span("all"):
            done = await asyncio.gather(*[work(f"w{n}", n % 4) for n in range(20)])
        assert done == [f"w{n}" for n in range(20)]

    asyncio.run(main())
    everything = trace.find("all").context.span_id
    assert {span.parent_span_id for span in trace.find_all("work")} == {everything}
    parents = {span.context.span_id for span in trace.find_all("work")}
    assert {trace.find(f"w{n}").parent_span_id for n in range(20)} == parents


@pytest.mark.parametrize("heard", [True, False])
def test_cancellation_is_as_it_was(heard: bool) -> None:
    """The task is cancelled, with its message; the span is `canceled` and has no error."""

    async def main() -> None:
        task = asyncio.ensure_future(work("waits", 100))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert task.cancelled()
        if sys.version_info >= (3, 11):
            assert caught.value.args == ("enough",)

    if not heard:
        asyncio.run(main())
        return
    with capture() as trace:
        asyncio.run(main())
    assert outcomes(trace) == {"waits": "canceled", "work": "canceled"}
    assert [span.events for span in trace.spans] == [(), ()]


def test_a_timeout_and_a_shield(trace: Trace) -> None:
    """What was timed out is canceled; what was shielded goes on, and ends well."""

    async def main() -> None:
        done = asyncio.Event()

        @traced
        async def shielded() -> None:
            await done.wait()

        inner = asyncio.ensure_future(shielded())

        @traced
        async def impatient() -> None:
            await asyncio.shield(inner)

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(impatient(), 0.01)
        done.set()
        await inner

    asyncio.run(main())
    assert {name.rpartition(".")[2]: o for name, o in outcomes(trace).items()} == {
        "impatient": "canceled",
        "shielded": "ok",
    }


@pytest.mark.skipif(sys.version_info < (3, 11), reason="task groups came with 3.11")
def test_a_task_group_that_fails(trace: Trace) -> None:
    """One task fails, the others are canceled; the group's exception is an event of its own."""

    @traced
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("one")

    async def main() -> None:
        with tracing.span("group"):
            async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined]
                group.create_task(fails())
                group.create_task(work("waits", 100))

    with pytest.raises(BaseException, match="unhandled errors") as caught:
        asyncio.run(main())
    (error,) = caught.value.exceptions  # type: ignore[attr-defined]
    assert type(error) is ValueError
    assert outcomes(trace) == {
        "fails": "exception", "waits": "canceled", "work": "canceled", "group": "exception",
    }  # fmt: skip
    (event,) = trace.find("group").events
    assert "ValueError: one" in event.attributes["exception.stacktrace"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
def test_eager_tasks(trace: Trace) -> None:
    """A task that starts at once, in its creator's step, leaves its creator's span alone."""

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        with tracing.span("outer") as outer:
            task = asyncio.create_task(work("eager"))
            assert tracing.current_span() is outer
            at_once = asyncio.create_task(work("at once", 0))
            assert at_once.done()
            assert tracing.current_span() is outer
            made = tracing.enter_span("made", lambda span: asyncio.create_task(work("inside", 0)))
            assert made.done()
            await task

    asyncio.run(main())
    assert trace.tree() == (
        "outer\n  work\n    eager\n  work\n    at once\n  made\n    work\n      inside"
    )


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a task's context can be given since 3.11")
def test_two_tasks_that_share_one_context(trace: Trace) -> None:
    """Traced coroutines do not see each other's spans even then."""

    @traced
    async def shares(name: str) -> None:
        for _ in range(3):
            assert current() == "shares"
            await asyncio.sleep(0)
            with tracing.span(name):
                pass

    async def main() -> None:
        with tracing.span("outer"):
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            tasks = [loop.create_task(shares(n), context=context) for n in "ab"]  # type: ignore[call-arg]
            await asyncio.gather(*tasks)
            assert context.run(current) == "outer"

    asyncio.run(main())
    owners = {s.context.span_id: s for s in trace.find_all("shares")}
    assert {s.parent_span_id for s in owners.values()} == {trace.find("outer").context.span_id}
    for name in "ab":
        assert len({s.parent_span_id for s in trace.find_all(name)}) == 1
    assert trace.find("a").parent_span_id != trace.find("b").parent_span_id


def test_coroutines_stepped_by_hand_in_turn(trace: Trace) -> None:
    """Outside its steps a coroutine's span is not current, whoever drives it."""

    @types.coroutine
    def pause() -> Iterator[str]:
        yield current()

    @traced
    async def stepped(name: str) -> None:
        await pause()
        with tracing.span(name):
            await pause()
        await pause()

    one, two = stepped("a"), stepped("b")
    seen = []
    for _ in range(3):
        for coroutine in (one, two):
            seen.append(coroutine.send(None))
            assert current() == ""
    assert seen == ["stepped", "stepped", "a", "b", "stepped", "stepped"]
    for coroutine in (one, two):
        with pytest.raises(StopIteration):
            coroutine.send(None)
    assert outcomes(trace) == {"a": "ok", "b": "ok", "stepped": "ok"}


def test_the_programs_own_context_variables_are_as_without_us(trace: Trace) -> None:
    """What a traced body sets, its caller sees or does not see as ever."""
    own: contextvars.ContextVar[str] = contextvars.ContextVar("own", default="none")

    @traced
    async def sets() -> None:
        own.set("by coroutine")

    @traced
    def steps() -> Iterator[None]:
        own.set("by generator")
        yield
        assert own.get() == "by consumer"

    async def main() -> None:
        await sets()
        assert own.get() == "by coroutine"
        generator = steps()
        next(generator)
        assert own.get() == "by generator"
        own.set("by consumer")
        next(generator, None)
        await asyncio.ensure_future(sets())
        assert own.get() == "by consumer"

    asyncio.run(main())


@pytest.mark.parametrize("heard", [True, False])
def test_async_generators_that_are_left_are_closed_by_the_loop_once(
    heard: bool, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The loop closes what a program has left; each body is closed once, and can wait meanwhile."""
    closed = []

    @traced
    async def numbers(number: int) -> Any:
        try:
            yield number
            yield number
        finally:
            await asyncio.sleep(0)
            closed.append(number)

    async def main(keep: list[Any]) -> None:
        for number in range(8):
            generator = numbers(number)
            assert await generator.asend(None) == number
            keep.append(generator)
        async for _ in numbers(8):
            break
        for _ in range(5):
            await asyncio.sleep(0)

    keep: list[Any] = []
    if heard:
        with capture() as trace:
            asyncio.run(main(keep))
        assert [span.outcome for span in trace.spans] == ["ok"] * 9
    else:
        asyncio.run(main(keep))
    assert sorted(closed) == list(range(9))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_an_async_generator_stepped_by_several_tasks(trace: Trace) -> None:
    """Each step runs in the context of the task that asks for it; the body sees its own span."""

    @traced
    async def numbers() -> Any:
        for _ in range(3):
            await asyncio.sleep(0)
            with tracing.span("step"):
                yield current()

    async def main() -> None:
        generator = numbers()
        seen = []
        for name in "abc":

            async def ask(name: str = name) -> None:
                with tracing.span(name):
                    seen.append(await generator.asend(None))
                    assert current() == name

            await asyncio.ensure_future(ask())
        await generator.aclose()
        assert seen == ["step"] * 3

    asyncio.run(main())
    body = trace.find("numbers").context.span_id
    assert {span.parent_span_id for span in trace.find_all("step")} == {body}


# --- other event loops ----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_task_groups(backend: str, trace: Trace) -> None:
    """Children of a task group keep the span they were started under, on either backend."""
    anyio = pytest.importorskip("anyio")

    @traced
    async def child(number: int) -> None:
        await anyio.sleep(0)
        with tracing.span(f"c{number}"):
            await anyio.sleep(0)

    async def main() -> None:
        with tracing.span("outer") as outer:
            async with anyio.create_task_group() as group:
                for number in range(3):
                    group.start_soon(child, number)
            assert tracing.current_span() is outer
            with anyio.move_on_after(0.01) as scope:
                await traced("sleeps")(anyio.sleep_forever)()
            assert scope.cancelled_caught

    anyio.run(main, backend=backend)
    outer = trace.find("outer").context.span_id
    assert {span.parent_span_id for span in trace.find_all("child")} == {outer}
    found = outcomes(trace)
    assert found.pop("sleeps") == "canceled"
    assert set(found.values()) == {"ok"}


def test_trio_async_generators_and_cancellation(trace: Trace) -> None:
    """trio watches async generators as well; a traced one that is exhausted is nothing to it."""
    trio = pytest.importorskip("trio")

    @traced
    async def numbers() -> Any:
        for number in range(3):
            await trio.sleep(0)
            yield number

    async def main() -> None:
        assert [number async for number in numbers()] == [0, 1, 2]
        with trio.CancelScope() as scope:
            scope.cancel()
            await work_in_trio()
        assert scope.cancelled_caught

    @traced
    async def work_in_trio() -> None:
        await trio.sleep(0)

    trio.run(main)
    assert outcomes(trace) == {"numbers": "ok", "work_in_trio": "canceled"}
