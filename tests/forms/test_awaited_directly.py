"""Where a task isolates a traced coroutine, its body is awaited as it is without us (3.14)."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import sys

import pytest

from enterspan import Tracing
from enterspan.testing import capture

needs_graph = pytest.mark.skipif(sys.version_info < (3, 14), reason="asyncio's call graph")


async def leaf():
    await asyncio.Event().wait()


async def graph_of(coroutine):
    """What asyncio says of a task that waits."""
    task = asyncio.create_task(coroutine)
    for _ in range(3):
        await asyncio.sleep(0)
    text = asyncio.format_call_graph(task)
    task.cancel()
    await asyncio.wait([task])
    return text


FORMS = {
    "traced": lambda mine: mine.traced(leaf),
    "entrypoint": lambda mine: mine.entrypoint(leaf),
    "enter_span": lambda mine: lambda: mine.enter_span("x", lambda span: leaf()),
    "start_active_span": lambda mine: lambda: mine.start_active_span("x", lambda span: leaf()),
    "twice": lambda mine: mine.traced(mine.traced(leaf)),
}


@needs_graph
@pytest.mark.parametrize("form", FORMS)
def test_the_call_graph_shows_what_a_traced_coroutine_waits_for(mine, form):
    async def top():
        await FORMS[form](mine)()

    with capture(mine):
        text = asyncio.run(graph_of(top()))
    for name in ("top()", "leaf()", "Event.wait()"):
        assert name in text, text


@needs_graph
def test_the_coroutine_of_the_task_itself_may_be_traced(mine):
    with capture(mine):
        text = asyncio.run(graph_of(mine.traced(leaf)()))
        assert "Event.wait()" in text
        assert "Event.wait()" in asyncio.run(graph_of(mine.enter_span("x", lambda span: leaf())))


@needs_graph
def test_below_a_traced_generator_too(mine):
    @mine.traced
    async def lines():
        yield await mine.traced(leaf)()

    async def top():
        async for _ in lines():
            pass

    with capture(mine) as trace:
        asyncio.run(graph_of(top()))
    (child, parent) = trace.spans
    assert child.parent_span_id == parent.context.span_id


class Pause:
    def __await__(self):
        yield


def test_what_is_stepped_by_hand_in_a_task_is_seen_by_nothing_else(mine):
    """The task shares its context with what it steps."""
    seen = []

    @mine.traced("work")
    async def work(name):
        for _ in range(2):
            seen.append(mine.current_span().name)
            await Pause()

    async def stepping():
        coroutines = [work("a"), mine.enter_span("entered", lambda span: work("b"))]
        with mine.span("stepping") as span:
            while coroutines:
                for coroutine in list(coroutines):
                    try:
                        coroutine.send(None)
                    except StopIteration:
                        coroutines.remove(coroutine)
                    assert mine.current_span() is span

    with capture(mine) as trace:
        asyncio.run(stepping())
    assert len(seen) == 4
    assert sorted(trace.tree().split("\nstepping")) == ["\n  work", "entered\n  work"]


def test_a_span_that_the_body_leaves_open_is_not_current_after_it(mine):
    @mine.traced("outer")
    async def leaves():
        mine.span("left").__enter__()
        await asyncio.sleep(0)

    async def main():
        with mine.span("main") as span:
            await leaves()
            assert mine.current_span() is span
            await mine.enter_span("entered", lambda _: leaves())
            assert mine.current_span() is span

    with capture(mine):
        asyncio.run(main())


def test_a_failure_and_a_cancellation_come_out_as_they_are(mine):
    error = ValueError("x")

    @mine.traced("fails")
    async def fails():
        await asyncio.sleep(0)
        raise error

    @mine.traced("waits")
    async def waits():
        await asyncio.Event().wait()

    async def main():
        with pytest.raises(ValueError) as caught:
            await fails()
        assert caught.value is error
        names = [entry.name for entry in caught.traceback]
        ours = ["fails"] if sys.version_info < (3, 11) else []  # a traceback can't be changed there
        assert names == ["main", *ours, "fails"]
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert mine.current_span().context.span_id == 0

    with capture(mine) as trace:
        asyncio.run(main())
    assert [(s.name, s.outcome) for s in trace.spans] == [
        ("fails", "exception"),
        ("waits", "canceled"),
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_coroutine_that_is_closed_in_another_context_leaves_that_alone(mine):
    """Its task is gone, and the garbage collector closes it wherever it runs."""
    kept = []

    @mine.traced("left")
    async def left():
        await Pause()

    async def main():
        coroutine = left()
        coroutine.send(None)
        kept.append(coroutine)

    with capture(mine) as trace:
        asyncio.run(main())
        with mine.span("here") as span:
            kept.clear()
            gc.collect()
            assert mine.current_span() is span
    assert {s.name: s.outcome for s in trace.spans}["left"] == "ok"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks")
def test_an_eager_task_is_isolated_too(mine):
    @mine.traced("eager")
    async def eager():
        with mine.span("inside"):
            await asyncio.sleep(0)

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        with mine.span("main") as span:
            task = asyncio.create_task(eager())
            assert mine.current_span() is span
            await task
            assert mine.current_span() is span

    with capture(mine) as trace:
        asyncio.run(main())
    assert trace.tree() == "main\n  eager\n    inside"


@needs_graph
def test_the_call_graph_goes_through_spans_and_nested_bodies(mine):
    """The references that the tokens of our own spans have do not make a context a shared one."""

    @mine.traced
    async def middle():
        with mine.span("block"):
            await mine.traced(leaf)()

    async def top():
        with mine.span("first"), mine.span("second"):
            await middle()

    with capture(mine):
        text = asyncio.run(graph_of(top()))
    for name in ("top()", "middle()", "leaf()", "Event.wait()"):
        assert name in text, text


@needs_graph
@pytest.mark.parametrize("is_debug", [False, True])
def test_the_call_graph_of_the_main_task_shows_what_it_waits_for(mine, is_debug):
    """The context of the main task is the runner's, which lends it to one task at a time."""
    texts = []

    async def looks():
        texts.append(asyncio.format_call_graph(main_task.pop()))

    main_task = []

    async def below():
        main_task.append(asyncio.current_task())
        await asyncio.create_task(looks())

    @mine.traced
    async def middle():
        await below()

    async def main():
        with mine.span("block"):
            await middle()

    with capture(mine):
        asyncio.run(main(), debug=is_debug)
    for name in ("main()", "middle()", "below()"):
        assert name in texts[0], texts


@needs_graph
def test_the_call_graph_of_a_deep_recursion_is_whole(mine):
    """A wrapper asks the one around it, so the depth has no influence."""

    @mine.traced
    async def deeper(depth):
        with mine.span("block"):
            await (deeper(depth - 1) if depth else leaf())

    with capture(mine):
        text = asyncio.run(graph_of(deeper(100)))
    assert text.count(".deeper()") >= 2 * 101  # the wrappers', and the functions'
    assert "leaf()" in text


def test_another_tracer_has_its_own_current_spans(mine):
    """Its driver of a coroutine that is stepped by hand does not detach a span of ours."""
    other = Tracing("other")

    @mine.traced("inner")
    async def inner():
        await Pause()

    @other.traced
    async def outer():
        await Pause()
        await inner()

    async def stepping():
        with mine.span("stepping") as span:
            coroutine = outer()
            for _ in range(3):
                with contextlib.suppress(StopIteration):
                    coroutine.send(None)
                assert mine.current_span() is span

    with capture(mine), capture(other):
        asyncio.run(stepping())


def test_a_coroutine_that_goes_on_without_its_task(mine):
    @mine.traced("inner")
    async def inner():
        return mine.current_span().name

    @mine.traced("outer")
    async def outer():
        await Pause()
        return await inner()

    with capture(mine):
        loop = asyncio.new_event_loop()
        task = loop.create_task(outer())
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
        with pytest.raises(StopIteration) as stop:
            task.get_coro().send(None)
        task._log_destroy_pending = False
    assert stop.value.value == "inner"


def task_in(context, coroutine, **options):
    return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), context=context, **options)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a task's context can be given since 3.11")
@pytest.mark.parametrize("is_in_span", [False, True])
@pytest.mark.parametrize(
    "is_eager",
    [
        False,
        pytest.param(
            True, marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks")
        ),
    ],
)
def test_a_context_that_is_given_to_a_second_task_later(mine, is_in_span, is_eager):
    """While the first task waits, nothing but the program knows that there will be another."""
    options = {"eager_start": True} if is_eager else {}

    @mine.traced("work")
    async def work(event):
        assert mine.current_span().name == "work"
        await event.wait()
        assert mine.current_span().name == "work"

    async def with_span(event):
        with mine.span("block"):
            await work(event)

    async def main():
        context, event = contextvars.copy_context(), asyncio.Event()
        first = task_in(context, work(event), **options)
        await asyncio.sleep(0)
        assert context.run(mine.current_span).context.span_id == 0
        second = task_in(context, (with_span if is_in_span else work)(event), **options)
        await asyncio.sleep(0)
        event.set()
        await asyncio.gather(first, second)

    with capture(mine) as trace:
        asyncio.run(main())
    works = trace.find_all("work")
    roots = [s for s in works if not s.parent_span_id]
    assert (len(works), len(roots)) == (2, 1 if is_in_span else 2)


@needs_graph
def test_the_context_of_a_traced_coroutine_is_given_to_another_task(mine):
    """What the first one awaits afterwards is current in it alone."""
    seen = []

    @mine.traced("inner")
    async def inner(event):
        await event.wait()

    async def looks():
        seen.append(mine.current_span().name)

    @mine.traced("outer")
    async def outer(event, begun):
        context = asyncio.current_task().get_context()
        second = task_in(context, looks())
        begun.append(second)
        await inner(event)

    async def main():
        event, begun = asyncio.Event(), []
        first = asyncio.create_task(outer(event, begun))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        event.set()
        await asyncio.gather(first, *begun)

    with capture(mine):
        asyncio.run(main())
    assert seen == ["outer"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a task tells its context since 3.12")
def test_a_task_in_the_context_of_the_main_task(mine):
    @mine.traced("work")
    async def work(event):
        await event.wait()
        assert mine.current_span().name == "work"

    async def main():
        event = asyncio.Event()
        tasks = [task_in(asyncio.current_task().get_context(), work(event)) for _ in "ab"]
        await asyncio.sleep(0)
        assert mine.current_span().context.span_id == 0
        event.set()
        await asyncio.gather(*tasks)

    with capture(mine) as trace:
        asyncio.run(main())
    assert [s.parent_span_id for s in trace.find_all("work")] == [None, None]
