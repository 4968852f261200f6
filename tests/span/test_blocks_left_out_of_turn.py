"""Blocks that close out of order, elsewhere, late or never: what is current afterwards is right."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import traced, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan.testing import Trace


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After each of these, nothing is current."""
    yield
    assert tracing.current_span().context.span_id == 0


def current() -> str:
    """The name of what is current."""
    return tracing.current_span().name


def later() -> None:
    """Work that comes afterwards, and must be nobody's child."""
    with tracing.span("later"):
        pass


def hangs_on_nothing(trace: Trace, name: str = "later") -> bool:
    return trace.find(name).parent_span_id is None


def all_ended_well(trace: Trace) -> bool:
    return {span.outcome for span in trace.spans} == {"ok"}


def items(name: str = "items") -> Iterator[int]:
    """An untraced generator with a block around its yield."""
    with tracing.span(name):
        yield 1
        yield 2


def test_two_blocks_closed_in_the_order_in_which_they_were_opened(trace: Trace) -> None:
    """The first to open is the first to close."""
    first, second = tracing.span("first"), tracing.span("second")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert current() == "second"
    second.__exit__(None, None, None)
    later()
    assert hangs_on_nothing(trace)
    assert trace.tree() == "first\n  second\nlater"
    assert all_ended_well(trace)


def test_three_blocks_closed_in_any_order(trace: Trace) -> None:
    """After each close the innermost that is open is current."""
    from itertools import permutations

    for order in permutations("abc"):
        trace.clear()
        with tracing.span("outer"):
            scopes = {name: tracing.span(name) for name in "abc"}
            for scope in scopes.values():
                scope.__enter__()
            left = ["outer", *"abc"]
            for name in order:
                scopes[name].__exit__(None, None, None)
                left.remove(name)
                assert current() == left[-1]
        assert trace.tree() == "outer\n  a\n    b\n      c"
        assert all_ended_well(trace)


def test_a_suspended_generator_closed_inside_a_later_block(trace: Trace) -> None:
    """The generator's block goes while the consumer's is open."""
    generator = items()
    next(generator)
    with tracing.span("consumer") as consumer:
        generator.close()
        assert tracing.current_span() is consumer
    later()
    assert hangs_on_nothing(trace)
    assert all_ended_well(trace)


def test_a_suspended_generator_collected_long_after(trace: Trace) -> None:
    """A generator that is dropped in another function leaves nothing current there."""
    generator: Any = items()
    with tracing.span("outer") as outer:
        next(generator)
    with tracing.span("other") as other:
        del generator
        gc.collect()
        assert tracing.current_span() is other
    later()
    assert hangs_on_nothing(trace)
    assert outer.is_traced is False


def test_interleaved_suspended_generators(trace: Trace) -> None:
    """Two generators, stepped in turn and ended in the order in which they began."""
    with tracing.span("outer") as outer:
        one, two = items("one"), items("two")
        pairs = list(zip(one, two, strict=True))
        assert pairs == [(1, 1), (2, 2)]
        two.close()
        assert tracing.current_span() is outer
    later()
    assert hangs_on_nothing(trace)
    assert all_ended_well(trace)


def test_a_generator_left_in_a_cycle(trace: Trace) -> None:
    """The collector ends it, wherever it runs."""
    with tracing.span("outer") as outer:
        cycle: list[Any] = [items()]
        cycle.append(cycle)
        next(cycle[0])
        del cycle
        gc.collect()
        assert tracing.current_span() is outer
    later()
    assert hangs_on_nothing(trace)


def test_a_block_left_in_another_thread(trace: Trace) -> None:
    """Both threads know what is current; the one that opened it finds it gone."""
    scope = tracing.span("wandering")
    seen = []

    def leave() -> None:
        scope.__exit__(None, None, None)
        seen.append(current())

    with tracing.span("outer"):
        scope.__enter__()
        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
        assert current() == "outer"
    # From 3.14 on, a thread may begin with a copy of the context that starts it.
    inherits = getattr(sys.flags, "thread_inherit_context", 0)
    assert seen == ["outer" if inherits else ""]
    later()
    assert hangs_on_nothing(trace)
    assert all_ended_well(trace)


def test_a_block_left_in_another_context(trace: Trace) -> None:
    """A copied context that leaves a block heals both."""
    with tracing.span("outer"):
        scope = tracing.span("wandering")
        contextvars.copy_context().run(scope.__enter__)
        assert current() == "outer"
        scope.__exit__(None, None, None)
        assert current() == "outer"
    later()
    assert hangs_on_nothing(trace)


def test_a_block_left_in_another_task(trace: Trace) -> None:
    """One task opens it, another closes it."""

    async def main() -> None:
        scope = tracing.span("wandering")

        async def opens() -> None:
            scope.__enter__()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert current() == "outer"

        async def closes() -> None:
            scope.__exit__(None, None, None)
            assert current() == "outer"

        with tracing.span("outer"):
            first = asyncio.ensure_future(opens())
            await asyncio.sleep(0)
            await closes()
            await first

    asyncio.run(main())
    later()
    assert hangs_on_nothing(trace)
    assert all_ended_well(trace)


def test_an_async_generator_finalised_by_the_event_loop(trace: Trace) -> None:
    """The loop closes it in a task of its own, in another context."""

    async def numbers() -> Any:
        with tracing.span("numbers"):
            yield 1
            yield 2

    async def main() -> None:
        with tracing.span("outer") as outer:
            async for _ in numbers():
                break
            gc.collect()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert tracing.current_span() is outer
            with tracing.span("after"):
                pass

    asyncio.run(main())
    later()
    assert hangs_on_nothing(trace)
    assert trace.tree() == "outer\n  numbers\n  after\nlater"
    assert all_ended_well(trace)


def test_an_exit_stack_that_is_closed_elsewhere(trace: Trace) -> None:
    """A stack moved out of its block is closed inside another one."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(tracing.span("a"))
        stack.enter_context(tracing.span("b"))
        kept = stack.pop_all()
    with tracing.span("c"):
        kept.close()
        assert current() == "c"
    later()
    assert hangs_on_nothing(trace)
    assert trace.tree() == "a\n  b\n    c\nlater"


def test_a_block_that_is_never_left_does_not_outlive_its_invocation(trace: Trace) -> None:
    """It is abandoned with the invocation, and nothing hangs on it."""
    with tracing.invocation("job"):
        tracing.span("forgotten").__enter__()
    later()
    assert trace.find("forgotten").outcome == "abandoned"
    assert hangs_on_nothing(trace)


def test_a_scope_can_be_used_again(trace: Trace) -> None:
    """Each use is a span of its own, with the given attributes."""
    scope = tracing.span("again", {"thing": object}, number=1)
    for name in ("first", "second"):
        with scope as span:
            span.add_event(name)
    with pytest.raises(ValueError, match="no"), scope:
        raise ValueError("no")
    with scope:
        pass
    assert [[e.name for e in span.events] for span in trace.spans] == [
        ["first"], ["second"], ["exception"], [],
    ]  # fmt: skip
    assert [span.status for span in trace.spans] == ["unset", "unset", "error", "unset"]
    given = {"thing": "<class 'object'>", "number": 1}
    assert [dict(span.attributes) for span in trace.spans] == [given] * 4


def test_a_scope_can_be_entered_inside_itself(trace: Trace) -> None:
    """Each exit ends the innermost."""
    scope = tracing.span("nest", number=1)
    with scope as outer:
        with scope as inner:
            assert inner is not outer
        assert tracing.current_span() is outer
    assert trace.tree() == "nest\n  nest"


def test_an_exit_without_an_enter_does_nothing(trace: Trace) -> None:
    """Nothing is opened, nothing is closed, nothing is raised."""
    tracing.span("never").__exit__(None, None, None)
    with tracing.span("once") as span:
        pass
    span.end()
    assert trace.tree() == "once"


def test_ending_a_span_inside_its_block_leaves_the_block_in_place(trace: Trace) -> None:
    """What comes after the end, in the block, is still the span's child."""
    with tracing.span("outer") as outer:
        outer.end()
        with tracing.span("child"):
            pass
    later()
    assert trace.find("child").parent_span_id in (outer.context.span_id, None)
    assert hangs_on_nothing(trace)


def test_a_task_that_outlives_its_parent_keeps_its_parent(trace: Trace) -> None:
    """The block was left in order, so it is still what the work began under."""

    async def slow() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with tracing.span("late"):
            pass

    async def main() -> None:
        with tracing.span("root"):
            with tracing.span("parent"):
                task = asyncio.ensure_future(slow())
            await task

    asyncio.run(main())
    assert trace.find("late").parent_span_id == trace.find("parent").context.span_id


def test_a_traced_generator_that_lets_a_generator_hang_inside_it(trace: Trace) -> None:
    """What a body leaves open is current in the body, and never in its consumer."""

    @traced
    def outer() -> Iterator[str]:
        inside = items("inside")
        next(inside)
        yield current()
        yield current()
        inside.close()
        yield current()

    generator = outer()
    seen = [(name, current()) for name in generator]
    assert seen == [("inside", ""), ("inside", ""), ("outer", "")]
    later()
    assert hangs_on_nothing(trace)


def test_enter_span_with_a_callback_that_leaves_a_block_open(trace: Trace) -> None:
    """A block left open inside a callback does not survive it, nor take the body's span away."""
    hanging = []

    def callback(span: Any) -> Any:
        generator = items("hanging")
        next(generator)
        hanging.append(generator)

        async def body() -> str:
            with tracing.span("child"):
                await asyncio.sleep(0)
            return current()

        return body()

    async def main() -> None:
        with tracing.span("outer"):
            made = tracing.enter_span("work", callback)
            assert await made == "work"
            hanging.pop().close()
            assert current() == "outer"

    asyncio.run(main())
    work = trace.find("work")
    assert trace.find("child").parent_span_id == work.context.span_id
    later()
    assert hangs_on_nothing(trace)


def test_nothing_is_said_or_raised_when_nobody_listens_any_more() -> None:
    """A block opened while somebody listened is left after that."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(capture())
        scope = tracing.span("open")
        scope.__enter__()
        stack.close()
        assert tracing.current_span().is_traced is False
        scope.__exit__(None, None, None)


def test_blocks_opened_and_left_in_many_orders_by_many_generators(trace: Trace) -> None:
    """Hundreds of them, interleaved by a fixed shuffle, leave nothing behind."""
    import random

    shuffle = random.Random(7)
    with tracing.span("root") as root:
        running = [items(f"g{n}") for n in range(60)]
        while running:
            generator = shuffle.choice(running)
            if next(generator, None) is None or shuffle.random() < 0.2:
                generator.close()
                running.remove(generator)
        assert tracing.current_span() is root
    later()
    assert hangs_on_nothing(trace)
    assert all_ended_well(trace)
