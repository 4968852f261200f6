"""A traced generator is driven like an undecorated one: whatever is done to it has the same result.

Random bodies are driven by random programs, once as they are and once traced, heard and unheard.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import traceback
import types
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enterspan import traced, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """A body may refuse to be closed: nobody is to complain when it is collected."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    yield
    gc.collect()
    sys.unraisablehook = hook


class Nudge(Exception):
    """Something to throw in."""


class Stop(BaseException):
    """Something to throw in that is no Exception."""


ERRORS: dict[str, Any] = {
    "nudge": Nudge,
    "stop": Stop,
    "stop iteration": StopIteration,
    "stop async iteration": StopAsyncIteration,
    "exit": GeneratorExit,
}

# What a body does with what comes in at its yield, step by step.
ANSWERS = ["go on", "swallow", "return", "raise", "raise from", "raise stop", "delegate"]
steps = st.lists(st.sampled_from(ANSWERS), max_size=5)
programs = st.lists(
    st.one_of(
        st.just("next"),
        st.just("close"),
        st.tuples(st.just("send"), st.integers(1, 3)),
        st.tuples(st.just("throw"), st.sampled_from(sorted(ERRORS))),
    ),
    max_size=7,
)


def answer(what: str, got: Any, log: list[Any]) -> Any:
    """What a body does with an exception that came in."""
    log.append(type(got).__name__)
    if what == "raise":
        raise KeyError("mine")
    if what == "raise from":
        raise KeyError("mine") from got
    if what == "raise stop":
        raise StopIteration(5)
    if what == "go on":
        raise got


def inner(log: list[Any]) -> Iterator[Any]:
    """A generator to delegate to."""
    try:
        log.append(("inner got", (yield "inner")))
    finally:
        log.append("inner left")
    return "from inner"


def plain(script: list[str], log: list[Any]) -> Iterator[Any]:
    """A body of steps."""
    for number, what in enumerate(script):
        try:
            if what == "delegate":
                got = yield from inner(log)
            else:
                got = yield number
            log.append(got)
        except BaseException as error:
            if what == "return":
                return (number, type(error).__name__)
            answer(what, error, log)
    log.append("end")
    return "done"


def shape(error: BaseException | None) -> Any:
    """An exception with all that hangs on it, to be compared."""
    if error is None:
        return None
    return (
        type(error).__name__,
        repr(error.args),
        shape(error.__cause__),
        shape(error.__context__),
        error.__suppress_context__,
    )


def drive(generator: Any, program: list[Any]) -> list[Any]:
    """Do all of a program to a generator, and tell what came of it."""
    seen: list[Any] = []
    for order in program:
        try:
            if order == "next":
                seen.append(next(generator))
            elif order == "close":
                seen.append(("closed", generator.close()))
            elif order[0] == "send":
                seen.append(generator.send(order[1]))
            else:
                seen.append(generator.throw(ERRORS[order[1]]("thrown")))
        except BaseException as error:
            seen.append(shape(error))
    return seen


def observe(make: Any, script: list[str], program: list[Any]) -> Any:
    """Everything that can be seen of a generator: from inside, from outside, and at its end."""
    log: list[Any] = []
    generator = make(script, log)
    seen = drive(generator, program)
    running = (generator.gi_frame is None, generator.gi_running)
    told = list(log)
    drive(generator, ["close", "close"])
    return seen, told, running


def delegating(script: list[str], log: list[Any]) -> Iterator[Any]:
    """A generator that is another one by `yield from`."""
    return (yield from plain(script, log))


def oracle(program: list[Any], itself: Any, delegating: Any) -> Any:
    """What a traced generator is measured by: the plain one.

    Only what answers GeneratorExit with a value, yielded or returned, is heard as through
    `yield from`: PEP 380 tells the outer generator nothing of it.
    """
    return delegating if "close" in program or ("throw", "exit") in program else itself


def by_enter_span(script: Any, log: Any) -> Any:
    return tracing.enter_span("g", lambda span: plain(script, log))


def by_propagate(script: Any, log: Any) -> Any:
    with tracing.span("outer"):
        bound = tracing.propagate(plain)
    return bound(script, log)


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("make", [traced(plain), by_enter_span, by_propagate])
@given(script=steps, program=programs)
@settings(max_examples=200, deadline=None)
def test_a_traced_generator_behaves_as_the_plain_one(
    make: Any, heard: bool, script: Any, program: Any
) -> None:
    """next, send, throw and close, values, exceptions and what hangs on them, states: the same."""
    wrapped = heard or make not in (by_enter_span, by_propagate)
    expected = observe(oracle(program, plain, delegating) if wrapped else plain, script, program)
    with capture() if heard else contextlib.nullcontext():
        assert observe(make, script, program) == expected
        assert tracing.current_span().is_traced is False


# --- async generators -----------------------------------------------------------------------------


@types.coroutine
def pause() -> Iterator[Any]:
    """Suspend once."""
    return (yield "pause")


async def plain_async(script: list[str], log: list[Any]) -> Any:
    """The same body of steps, as an async generator that also waits."""
    for number, what in enumerate(script):
        try:
            if what == "delegate":
                await pause()
            got = yield number
            log.append(got)
        except BaseException as error:
            if what == "return":
                return
            if what == "delegate":
                log.append("waits at its end")
                await pause()
            answer(what, error, log)
    log.append("end")


def run(awaitable: Any) -> Any:
    """Run one step of an async generator to its end."""
    iterator = awaitable.__await__()
    try:
        while True:
            assert next(iterator) == "pause"
    except StopIteration as stop:
        return stop.value


def drive_async(generator: Any, program: list[Any]) -> list[Any]:
    """Do all of a program to an async generator."""
    seen: list[Any] = []
    for order in program:
        try:
            if order == "next":
                seen.append(run(generator.__anext__()))
            elif order == "close":
                seen.append(("closed", run(generator.aclose())))
            elif order[0] == "send":
                seen.append(run(generator.asend(order[1])))
            else:
                seen.append(run(generator.athrow(ERRORS[order[1]]("thrown"))))
        except BaseException as error:
            seen.append(shape(error))
    return seen


def observe_async(make: Any, script: list[str], program: list[Any]) -> Any:
    """Everything that can be seen of an async generator; it is left closed."""
    log: list[Any] = []
    generator = make(script, log)
    seen = drive_async(generator, program)
    running = (generator.ag_frame is None, generator.ag_running)
    told = list(log)
    with contextlib.suppress(BaseException):
        run(generator.aclose())
    with contextlib.suppress(BaseException):
        run(generator.aclose())
    return seen, told, running


@pytest.mark.parametrize("heard", [True, False])
@given(script=steps, program=programs)
@settings(max_examples=300, deadline=None)
def test_a_traced_async_generator_behaves_as_the_plain_one(
    heard: bool, script: Any, program: Any
) -> None:
    """asend, athrow, aclose, values, exceptions and what hangs on them, states: the same."""
    expected = observe_async(plain_async, script, program)
    with capture() if heard else contextlib.nullcontext():
        assert observe_async(traced(plain_async), script, program) == expected
        assert tracing.current_span().is_traced is False


@given(script=steps, program=programs)
@settings(max_examples=200, deadline=None)
def test_an_async_generator_that_a_callback_returns_behaves_as_the_plain_one(
    script: Any, program: Any
) -> None:
    """`enter_span` gives back an async generator that can't be told from the callback's."""
    with capture():
        expected = observe_async(plain_async, script, program)

        def make(script: Any, log: Any) -> Any:
            return tracing.enter_span("g", lambda span: plain_async(script, log))

        assert observe_async(make, script, program) == expected


# --- coroutines -----------------------------------------------------------------------------------


async def plain_coroutine(script: list[str], log: list[Any]) -> Any:
    """The same body of steps, as a coroutine that is driven by hand."""
    for number, what in enumerate(script):
        try:
            log.append(await pause())
        except BaseException as error:
            if what == "return":
                return (number, type(error).__name__)
            answer(what, error, log)
    return "done"


async def delegating_coroutine(script: list[str], log: list[Any]) -> Any:
    """A coroutine that is another one by `await`."""
    return await plain_coroutine(script, log)


def observe_coroutine(make: Any, script: list[str], program: list[Any]) -> Any:
    """Everything that can be seen of a coroutine that is driven by hand."""
    log: list[Any] = []
    coroutine = make(script, log)
    seen = drive(Nextable(coroutine), program)
    running = (coroutine.cr_frame is None, coroutine.cr_running)
    told = list(log)
    with contextlib.suppress(BaseException):
        coroutine.close()
    with contextlib.suppress(BaseException):
        coroutine.close()
    return seen, told, running


class Nextable:
    """A coroutine's send, throw and close, with a `next`."""

    def __init__(self, coroutine: Any) -> None:
        self.send = coroutine.send
        self.throw = coroutine.throw
        self.close = coroutine.close

    def __next__(self) -> Any:
        return self.send(None)


@given(steps, programs)
@settings(max_examples=200, deadline=None)
def test_a_traced_coroutine_driven_by_hand_behaves_as_the_plain_one(
    script: Any, program: Any
) -> None:
    """send, throw and close, values and exceptions: the same."""
    expected = observe_coroutine(
        oracle(program, plain_coroutine, delegating_coroutine), script, program
    )
    with capture():
        assert observe_coroutine(traced(plain_coroutine), script, program) == expected

    def make(script: Any, log: Any) -> Any:
        return tracing.enter_span("c", lambda span: plain_coroutine(script, log))

    with capture():
        assert observe_coroutine(make, script, program) == expected


# --- what is kept alive ---------------------------------------------------------------------------


class Thing:
    """Something large."""


def things(got: list[Any]) -> Iterator[Any]:
    for _ in range(3):
        received = yield Thing()
        got.append(None if received is None else weakref.ref(received))
        del received


@pytest.mark.parametrize("heard", [True, False])
def test_a_suspended_generator_keeps_nothing_that_passed_through(heard: bool) -> None:
    """Neither what it has yielded nor what it was sent lives longer than without us."""
    with capture() if heard else contextlib.nullcontext():
        got: list[Any] = []
        generator: Any = traced(things)(got)
        yielded = weakref.ref(next(generator))
        assert yielded() is None
        yielded = weakref.ref(generator.send(Thing()))
        assert yielded() is None
        assert got[0]() is None


@pytest.mark.parametrize("heard", [True, False])
def test_a_suspended_async_generator_keeps_nothing_that_passed_through(heard: bool) -> None:
    """The same, for async generators."""

    @traced
    async def things(got: list[Any]) -> Any:
        for _ in range(3):
            received = yield Thing()
            got.append(None if received is None else weakref.ref(received))
            del received

    with capture() if heard else contextlib.nullcontext():
        got: list[Any] = []
        generator = things(got)
        yielded = weakref.ref(run(generator.asend(None)))
        assert yielded() is None
        yielded = weakref.ref(run(generator.asend(Thing())))
        assert yielded() is None
        assert got[0]() is None
        run(generator.aclose())


def test_a_generator_that_somebody_else_drives_is_left_alone() -> None:
    """A function that gives out one generator again and again is no generator function."""
    shared = iter_numbers()
    next(shared)

    @traced
    def numbers() -> Any:
        return shared

    with capture() as trace:
        assert numbers() is shared
        assert [next(numbers()), next(numbers())] == [1, 2]
    assert [span.outcome for span in trace.spans] == ["ok"] * 3


def iter_numbers() -> Iterator[int]:
    yield from range(5)


def test_a_generator_that_others_hold_goes_on_when_ours_is_dropped(mine):
    """Without us it is the same object, which lives as long as anything holds it."""

    def numbers():
        yield from range(3)

    with capture(mine) as trace:
        kept = numbers()
        ours = mine.enter_span("x", lambda span: kept)
        assert next(ours) == 0
        del ours
        gc.collect()
        assert list(kept) == [1, 2]
    assert [s.outcome for s in trace.spans] == ["ok"]


@pytest.mark.parametrize("close", [True, False])
def test_a_generator_that_nothing_else_holds_is_closed_under_its_span(mine, close):
    seen = []

    def numbers():
        try:
            yield 1
        finally:
            seen.append(mine.current_span().name)

    with capture(mine):
        made = mine.enter_span("x", lambda span: numbers())
        next(made)
        if close:
            made.close()
        del made
        gc.collect()
    assert seen == ["x"]


def test_closing_ours_closes_a_generator_that_others_hold(mine):
    with capture(mine):
        kept = (n for n in range(3))
        ours = mine.enter_span("x", lambda span: kept)
        next(ours)
        ours.close()
    assert list(kept) == []


def test_a_frame_of_the_wrapper_shows_the_line_that_calls_the_body():
    """Where nobody subscribes, a traceback has one; it stands in a file that can be read."""

    @traced
    def steps():
        yield 1
        raise ValueError

    with pytest.raises(ValueError) as raised:
        list(steps())
    _, wrapper, body = traceback.extract_tb(raised.value.__traceback__)
    assert wrapper.line == "return (yield from @fn({args}))"
    assert body.line == "raise ValueError"
