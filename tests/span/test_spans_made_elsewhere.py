"""Spans that are opened in one place and used in another: by hand, in threads, in callbacks."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import Tracing, traced, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan.testing import Trace


def current() -> str:
    return tracing.current_span().name


def in_thread(function: Any) -> Any:
    """Run in a thread of its own, with an empty context."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(Context().run, function).result()


def test_a_span_started_by_hand_is_not_current(trace: Trace) -> None:
    """It is a child of what is current, and its caller ends it."""
    with tracing.span("outer") as outer:
        span = tracing.start_span("by hand", {"a": 1}, b=2)
        assert tracing.current_span() is outer
    assert span.is_traced
    span.end()
    span.end()
    span.set_attribute("late", 1)
    assert trace.find("by hand").attributes == {"a": 1, "b": 2}
    assert trace.tree() == "outer\n  by hand"


def test_a_span_is_used_in_another_thread(trace: Trace) -> None:
    """It is current in the block, and its children are its own; it is still open afterwards."""
    span = tracing.start_span("work")

    def elsewhere() -> str:
        with tracing.use_span(span) as used:
            assert used is span
            with tracing.span("child"):
                pass
            return current()

    assert in_thread(elsewhere) == "work"
    assert current() == ""
    assert span.is_traced
    span.end()
    assert trace.tree() == "work\n  child"


def test_a_span_used_twice_and_inside_itself(trace: Trace) -> None:
    """Uses nest, also in other spans' blocks, in any order."""
    one, two = tracing.start_span("one"), tracing.start_span("two")
    with tracing.use_span(one), tracing.use_span(two), tracing.use_span(one):
        assert current() == "one"
        with tracing.span("child"):
            pass
    again = tracing.use_span(two)
    with again, again:
        assert current() == "two"
    assert current() == ""
    with tracing.use_span(one, end=True):
        pass
    two.end()
    assert trace.find("child").parent_span_id == one.context.span_id
    assert one.is_traced is False


def test_a_use_that_is_left_out_of_turn(trace: Trace) -> None:
    """Its span stays alive: only the use is over."""
    span = tracing.start_span("used")
    use, block = tracing.use_span(span), tracing.span("block")
    use.__enter__()
    block.__enter__()
    use.__exit__(None, None, None)
    assert current() == "block"
    block.__exit__(None, None, None)
    assert current() == ""
    assert span.is_traced
    with tracing.use_span(span, end=True):
        assert current() == "used"
    assert trace.tree() == "used\n  block"


def test_an_exception_in_a_use_is_recorded_on_its_span(trace: Trace) -> None:
    """Once, and the same object comes out; without `end` the span goes on."""
    span = tracing.start_span("used")
    errors = [ValueError("no"), ValueError("no")]  # both alive: two at one address look like one
    for error in errors:
        with pytest.raises(ValueError, match="no"), tracing.use_span(span):
            raise error
    assert span.is_traced
    span.end()
    assert len(trace.find("used").events) == 2
    assert trace.find("used").outcome == "exception"


def test_using_what_is_no_span_is_refused() -> None:
    """A TypeError at the call; the no-op span and one that has ended are spans."""
    for wrong in (None, "span", 3):
        with pytest.raises(TypeError, match="use_span takes a Span"):
            tracing.use_span(wrong)  # type: ignore[arg-type]
    with tracing.use_span(tracing.current_span()):
        assert tracing.current_span().is_traced is False
    with capture() as trace:
        with tracing.span("ended") as span:
            pass
        with tracing.use_span(span, end=True):
            with tracing.span("after"):
                pass
        after = trace.find("after")
        assert after.parent_span_id == span.context.span_id
        assert after.invocation_id != trace.find("ended").invocation_id


def test_propagate_carries_the_span_to_a_thread(trace: Trace) -> None:
    """A thread begins with an empty context; a bound callable does not."""

    def work(number: int) -> str:
        """Doc."""
        with tracing.span(f"child {number}"):
            return current()

    with tracing.span("outer") as outer:
        bound = tracing.propagate(work)
        assert in_thread(current) == ""
    assert (bound.__name__, bound.__doc__) == ("work", "Doc.")
    assert in_thread(lambda: (bound(1), current())) == ("child 1", "")
    assert trace.find("child 1").parent_span_id == outer.context.span_id
    with tracing.span("second"):
        again = tracing.propagate(work)
        in_thread(lambda: again(2))
    assert trace.find("child 2").parent_span_id == trace.find("second").context.span_id


def test_propagate_carries_the_span_into_bodies_that_run_later(trace: Trace) -> None:
    """Coroutine functions, generators and async generators, at each of their steps."""

    async def slow() -> str:
        await asyncio.sleep(0)
        return current()

    def steps() -> Iterator[str]:
        yield current()
        yield current()

    async def asteps() -> Any:
        yield current()

    with tracing.span("outer"):
        bound = [tracing.propagate(function) for function in (slow, steps, asteps)]

        def elsewhere() -> list[str]:
            async def main() -> str:
                names = []
                async for name in bound[2]():
                    assert current() == ""
                    names.append(name)
                return names[-1]

            seen = [asyncio.run(bound[0]())]
            for name in bound[1]():
                seen.append(name)
                assert current() == ""
            return [*seen, asyncio.run(main())]

        assert in_thread(elsewhere) == ["outer"] * 4


def test_propagate_with_nothing_current_gives_the_callable_back() -> None:
    """There is nothing to carry but, in a capture, that; what can't be called is refused."""

    def work() -> None: ...

    assert tracing.propagate(work) is work
    with capture():
        assert tracing.propagate(work) is not work
    with pytest.raises(TypeError, match="callable"):
        tracing.propagate(3)  # type: ignore[arg-type]


def test_many_threads_with_spans_of_their_own_do_not_mix(trace: Trace) -> None:
    """Each thread's spans hang on each other only."""
    start = threading.Barrier(8)

    @traced
    def outer(number: int) -> None:
        start.wait(10)
        for _ in range(50):
            with tracing.span(f"inner {number}") as span:
                assert tracing.current_span() is span

    threads = [threading.Thread(target=outer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        assert len({s.parent_span_id for s in trace.find_all(f"inner {number}")}) == 1
        assert len(trace.find_all(f"inner {number}")) == 50
    assert len({span.context.trace_id for span in trace.spans}) == 8


def test_instances_do_not_see_each_other() -> None:
    """A library's own Tracing never parents a user's spans, nor is it heard by their listeners."""
    library = Tracing("library")
    with capture() as mine, capture(library) as theirs:
        with tracing.span("mine"), library.span("theirs"), tracing.span("child"):
            assert (current(), library.current_span().name) == ("child", "theirs")
    assert mine.tree() == "mine\n  child"
    assert theirs.tree() == "theirs"
    assert {span.scope for span in theirs.spans} == {"library"}
    with pytest.raises(TypeError, match="name must be a str"):
        Tracing(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [3, None, b"x", pytest.param(object(), id="object"), type("S", (str,), {})("sub")],
    ids=repr,
)
def test_a_span_name_that_is_no_text_becomes_one(name: Any, trace: Trace) -> None:
    """Recording never raises: whatever was given is shown as text."""
    with tracing.span(name):
        tracing.start_span(name).end()
        assert tracing.enter_span(name, lambda span: 3) == 3
    assert len(trace.spans) == 3
    assert {type(span.name) for span in trace.spans} == {str}


def test_enter_span_hands_its_arguments_on_untouched(trace: Trace) -> None:
    """Also those that are called like its own parameters."""

    def callback(span: Any, /, *args: Any, **kwargs: Any) -> Any:
        return span.is_traced, args, kwargs

    given = {"name": 1, "callback": 2, "span": 3, "self": 4, "args": 5, "kwargs": 6, "board": 7}
    for enter in (tracing.enter_span, tracing.start_active_span):
        assert enter("work", callback, 1, 2, **given) == (True, (1, 2), given)
    tracing.flush()
