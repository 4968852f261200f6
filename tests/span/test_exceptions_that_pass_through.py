"""Exceptions on their way through spans: recorded once, changed never, kept by nobody."""

from __future__ import annotations

import asyncio
import gc
import sys
import traceback
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import traced, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enterspan.testing import Trace


def recorded(trace: Trace) -> int:
    """How many exceptions are on the spans, and in the stream, which must be the same."""
    on_spans = sum([e.name == "exception" for span in trace.spans for e in span.events])
    assert on_spans == [e.event.type for e in trace.events].count("exception")
    return on_spans


# Four ways for a fresh builtin exception to leave a span; each one's memory is soon used again.


def by_block() -> None:
    with tracing.span("inner"):
        raise ValueError("no")


@traced
def by_decorator() -> None:
    raise ValueError("no")


def by_exit() -> None:
    scope = tracing.span("inner")
    scope.__enter__()
    scope.__exit__(ValueError, ValueError("no"), None)


def by_future() -> None:
    future: Future[None] = Future()
    tracing.enter_span("inner", lambda span: future)
    future.set_exception(ValueError("no"))


@pytest.mark.parametrize("fails", [by_block, by_decorator, by_exit, by_future])
def test_each_of_many_like_exceptions_is_recorded(fails: Callable[[], None], trace: Trace) -> None:
    """A new exception at the address of an old one is a new one."""
    with tracing.span("outer"):
        for _ in range(50):
            try:
                fails()
            except ValueError:
                pass
    assert recorded(trace) == 50
    assert trace.find("outer").outcome == "ok"


@pytest.mark.parametrize("kind", [ValueError, type("Own", (Exception,), {})])
def test_an_exception_raised_again_later_is_recorded_once(
    kind: type[Exception], trace: Trace
) -> None:
    """Kept by the program and raised in other spans: bare, by name, from a future, in a task."""
    with tracing.span("outer"):
        kept: Any = None
        try:
            with tracing.span("first"):
                raise kind("no")
        except kind as error:
            kept = error
        with pytest.raises(kind), tracing.span("second"):
            raise kept
        future: Future[None] = Future()
        future.set_exception(kept)
        with pytest.raises(kind), tracing.span("third"):
            future.result()

        @traced
        async def fourth() -> None:
            raise kept

        async def main() -> None:
            await asyncio.gather(fourth(), return_exceptions=True)

        asyncio.run(main())
    assert recorded(trace) == 1
    assert [event.name for event in trace.find("first").events] == ["exception"]


def test_an_exception_recorded_by_hand_and_then_let_go_is_recorded_once(trace: Trace) -> None:
    """`record_exception` and a bare raise, as many programs do it."""
    with pytest.raises(ValueError, match="no"), tracing.span("outer"):
        with tracing.span("inner") as span:
            try:
                raise ValueError("no")
            except ValueError as error:
                span.record_exception(error, retries=3)
                raise
    assert recorded(trace) == 1
    assert trace.find("inner").events[0].attributes["retries"] == 3


def test_an_exception_raised_from_another_is_an_exception_of_its_own(trace: Trace) -> None:
    """Both are recorded, each where it began; the second one's stack shows the first."""
    with pytest.raises(KeyError), tracing.span("outer"):
        try:
            with tracing.span("inner"):
                raise ValueError("low")
        except ValueError as error:
            raise KeyError("high") from error
    assert recorded(trace) == 2
    stack = trace.find("outer").events[0].attributes["exception.stacktrace"]
    assert "ValueError: low" in stack
    assert stack.index("ValueError: low") < stack.index("KeyError: 'high'")
    assert trace.find("outer").status_description == "KeyError: 'high'"


def test_the_stack_shows_the_programs_frames(trace: Trace) -> None:
    """From where the span is to where it was raised."""
    with pytest.raises(ValueError, match="no"):
        by_decorator()
    attributes = trace.spans[0].events[0].attributes
    assert attributes["exception.type"] == "ValueError"
    assert "in by_decorator" in attributes["exception.stacktrace"]
    assert 'raise ValueError("no")' in attributes["exception.stacktrace"]
    assert attributes["exception.stacktrace"].endswith("ValueError: no")


class Hostile(Exception):
    """Everything about it raises."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no equality")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            raise RuntimeError("no class")
        return super().__getattribute__(name)


def test_a_hostile_exception_comes_out_all_the_same(trace: Trace) -> None:
    """It is recorded by its class's name; what it raises is not heard of."""
    error = Hostile()
    caught = None
    try:
        with tracing.span("outer"):
            by = traced("inner")(raises)
            by(error)
    except Hostile as found:
        caught = found
    assert caught is error
    assert recorded(trace) == 1
    assert trace.find("inner").events[0].attributes["exception.type"].endswith("Hostile")
    assert trace.find("inner").outcome == "exception"


def raises(error: BaseException) -> None:
    raise error


class Surrogate(Exception):
    def __str__(self) -> str:
        return "\ud800 lone \x00 nul"


class Endless(Exception):
    def __str__(self) -> str:
        return "x" * 100_000_000


class Recursive(Exception):
    def __str__(self) -> str:
        return str(self)


class Exits(Exception):
    def __str__(self) -> str:
        raise SystemExit


@pytest.mark.parametrize("kind", [Surrogate, Endless, Recursive, Exits])
def test_any_text_of_an_exception_is_bounded_and_valid(kind: Any, trace: Trace) -> None:
    """Whatever `__str__` gives or does."""
    with pytest.raises(kind), tracing.span("span"):
        raise kind
    assert recorded(trace) == 1
    for value in trace.spans[0].events[0].attributes.values():
        assert len(str(value).encode()) <= 262_144
    assert len(trace.spans[0].status_description.encode()) <= 20_000


def test_a_chain_of_3000_exceptions(trace: Trace) -> None:
    """Neither its length nor a cycle in it is a problem."""
    error: BaseException = ValueError("first")
    for number in range(3_000):
        following = ValueError(str(number))
        following.__context__ = error
        error = following
    with pytest.raises(ValueError, match="2999") as caught, tracing.span("span"):
        raise error
    assert caught.value is error
    assert (
        "more exceptions before these"
        in trace.spans[0].events[0].attributes["exception.stacktrace"]
    )
    loop = KeyError("loop")
    loop.__cause__ = ValueError("inner")
    loop.__cause__.__cause__ = loop
    with pytest.raises(KeyError), tracing.span("span"):
        raise loop
    assert recorded(trace) == 2


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with 3.11")
def test_an_exception_group_shows_its_members(trace: Trace) -> None:
    """The group is one event; the same object comes out and splits as before."""
    group = ExceptionGroup("several", [ValueError("a"), KeyError("b")])  # type: ignore[name-defined] # noqa: F821
    with pytest.raises(ExceptionGroup) as caught:  # type: ignore[name-defined] # noqa: F821
        with tracing.span("outer"):
            traced("inner")(raises)(group)
    assert caught.value is group
    assert len(group.exceptions) == 2
    assert recorded(trace) == 1
    assert "ValueError: a" in trace.find("inner").events[0].attributes["exception.stacktrace"]


def test_stop_iteration_is_no_failure(trace: Trace) -> None:
    """A traced `__next__` ends a loop as ever."""

    class Three:
        number = 0

        def __iter__(self) -> Three:
            return self

        @traced
        def __next__(self) -> int:
            self.number += 1
            if self.number > 3:
                raise StopIteration
            return self.number

    assert list(Three()) == [1, 2, 3]
    assert {span.outcome for span in trace.spans} == {"ok"}
    assert recorded(trace) == 0


def test_nothing_of_an_exception_is_kept(trace: Trace) -> None:
    """Not the exception, not its frames, not what they hold; while the invocation is still open."""

    class Thing:
        """What a frame holds."""

    class Own(Exception):
        """Can be referred to weakly."""

    there = []

    @traced
    def fails(kind: type[Exception]) -> None:
        thing = Thing()
        there.append(weakref.ref(thing))
        raise kind("no")

    with tracing.span("open"):
        for kind in (Own, ValueError):
            with pytest.raises(kind):
                fails(kind)
        gc.collect()
        assert [ref() for ref in there] == [None, None]


# --- recursion ------------------------------------------------------------------------------------


@pytest.fixture
def shallow() -> Iterator[int]:
    """A recursion limit that is soon reached."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(600)
    yield 600
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("heard", [True, False])
def test_a_traced_recursion_keeps_a_fair_share_of_the_depth(heard: bool, shallow: int) -> None:
    """One frame more a call, and no more than that."""
    reached = 0

    def count(level: int) -> None:
        nonlocal reached
        reached = level
        count(level + 1)

    def traced_count(level: int) -> None:
        nonlocal reached
        reached = level
        again(level + 1)

    again = traced(traced_count)
    with pytest.raises(RecursionError):
        count(0)
    plain = reached
    if heard:
        with capture() as trace:
            with pytest.raises(RecursionError):
                again(0)
            assert tracing.current_span().is_traced is False
        assert {span.outcome for span in trace.spans} <= {"exception", "abandoned"}
        assert recorded(trace) <= 1
    else:
        with pytest.raises(RecursionError):
            again(0)
    assert reached >= plain * 0.4


@pytest.mark.parametrize("spare", range(40))
def test_running_out_of_stack_anywhere_in_us_leaves_all_in_order(spare: int, shallow: int) -> None:
    """At whatever depth of ours the stack ends: the context is right, and work goes on."""

    def down(levels: int, then: Callable[[], None]) -> None:
        if levels:
            down(levels - 1, then)
        else:
            then()

    @traced
    def leaf() -> None:
        with tracing.span("block") as span:
            span.set_attribute("a", object())

    with capture() as trace:
        with tracing.span("outer") as outer:
            here = len(traceback.extract_stack())
            try:
                down(shallow - here - spare, leaf)
            except RecursionError:
                pass
            assert tracing.current_span() is outer
            leaf()
            assert tracing.current_span() is outer
        assert tracing.current_span().is_traced is False
    assert [e.event.type for e in trace.events].count("outcome") == 1
    assert trace.events[-1].event.type == "outcome"


class NeedsArguments(Exception):
    """It can't be made of nothing."""

    def __init__(self, code: int) -> None:
        super().__init__(code)


class NeedsArgumentsEarlier(OSError):
    """Neither can its instance be allocated."""

    def __new__(cls, code: int) -> Any:
        return super().__new__(cls, code)


class NotAnException(ValueError):
    """Another object is made of it."""

    def __new__(cls) -> Any:
        return 3


@pytest.mark.parametrize(
    "kind",
    [NeedsArguments, NeedsArgumentsEarlier, NotAnException, UnicodeDecodeError, ValueError],
)
@pytest.mark.parametrize("form", ["span", "invocation", "use_span"])
def test_a_block_may_be_told_the_class_of_an_exception_alone(
    form: str, kind: type[BaseException], trace: Trace
) -> None:
    """`__exit__(kind, None, None)` is an old way to call it; the constructor isn't called."""
    scope: Any = {
        "span": lambda: tracing.span("work"),
        "invocation": lambda: tracing.invocation("work"),
        "use_span": lambda: tracing.use_span(tracing.start_span("work"), end=True),
    }[form]()
    scope.__enter__()
    scope.__exit__(kind, None, None)
    assert not tracing.current_span().is_traced
    span = trace.find("work")
    assert span.outcome == "exception"
    assert span.events[0].attributes["exception.type"].endswith(kind.__name__)
