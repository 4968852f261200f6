"""One contract, over every way to open a span, heard and unheard.

A form is a small program that runs a body inside a span named `work`. What is claimed of one is
claimed of all.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import functools
import gc
import threading
import traceback
import types
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import enterspan
from enterspan import traced, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMS: dict[str, Any] = {}


def form(function: Any) -> Any:
    """Add a form to the contract."""
    FORMS[function.__name__] = function
    return function


def step(awaitable: Any) -> Any:
    """Run something that waits for nothing to its end, with no event loop."""
    run = awaitable.__await__() if hasattr(awaitable, "__await__") else awaitable
    try:
        while True:
            next(run)
    except StopIteration as stop:
        return stop.value


@form
def a_block(body: Any) -> Any:
    with tracing.span("work"):
        return body()


@form
def an_async_block(body: Any) -> Any:
    async def run() -> Any:
        async with tracing.span("work"):
            return body()

    return step(run())


@form
def a_block_by_exit_stack(body: Any) -> Any:
    with contextlib.ExitStack() as stack:
        stack.enter_context(tracing.span("work"))
        return body()


@form
def a_span_used(body: Any) -> Any:
    with tracing.use_span(tracing.start_span("work"), end=True):
        return body()


@form
def enter_span(body: Any) -> Any:
    return tracing.enter_span("work", lambda span: body())


@form
def enter_span_with_a_coroutine(body: Any) -> Any:
    async def run(span: Any) -> Any:
        return body()

    return step(tracing.enter_span("work", run))


@form
def enter_span_with_a_generator(body: Any) -> Any:
    def run(span: Any) -> Any:
        yield
        return body()

    def drive() -> Any:
        return (yield from tracing.enter_span("work", run))

    return step(drive())


@form
def enter_span_with_an_awaited_generator(body: Any) -> Any:
    @types.coroutine
    def run(span: Any) -> Any:
        yield
        return body()

    return step(tracing.enter_span("work", run))


@form
def enter_span_with_an_async_generator(body: Any) -> Any:
    async def run(span: Any) -> Any:
        yield body()

    async def drive() -> Any:
        result = None
        async for item in tracing.enter_span("work", run):
            result = item
        return result

    return step(drive())


@form
def enter_span_with_a_custom_awaitable(body: Any) -> Any:
    class Later:
        def __await__(self) -> Iterator[Any]:
            yield
            return body()

    return step(tracing.enter_span("work", lambda span: Later()))


@form
def start_active_span(body: Any) -> Any:
    made = []

    def run(span: Any) -> Any:
        made.append(span)
        return body()

    try:
        return tracing.start_active_span("work", run)
    finally:
        made.pop().end()


@form
def traced_bare(body: Any) -> Any:
    @traced
    def work() -> Any:
        return body()

    return work()


@form
def traced_named(body: Any) -> Any:
    @traced("work")
    def something() -> Any:
        return body()

    return something()


@form
def traced_with_options(body: Any) -> Any:
    @traced(attributes={"shop": 1}, capture_args=True, capture_return=True)
    def work(argument: int = 1, *rest: int, flag: bool = True, **more: int) -> Any:
        return body()

    return work()


@form
def traced_coroutine_function(body: Any) -> Any:
    @traced
    async def work() -> Any:
        return body()

    return step(work())


@form
def traced_generator_function(body: Any) -> Any:
    @traced
    def work() -> Any:
        yield
        return body()

    def drive() -> Any:
        return (yield from work())

    return step(drive())


@form
def traced_awaited_generator_function(body: Any) -> Any:
    @traced
    @types.coroutine
    def work() -> Any:
        yield
        return body()

    return step(work())


@form
def traced_async_generator_function(body: Any) -> Any:
    @traced
    async def work() -> Any:
        yield body()

    async def drive() -> Any:
        result = None
        async for item in work():
            result = item
        return result

    return step(drive())


@form
def traced_method(body: Any) -> Any:
    class Shop:
        @traced("work")
        def work(self) -> Any:
            return body()

    return Shop().work()


@form
def traced_classmethod_above(body: Any) -> Any:
    class Shop:
        @traced("work")
        @classmethod
        def work(cls) -> Any:
            return body()

    return Shop.work()


@form
def traced_classmethod_below(body: Any) -> Any:
    class Shop:
        @classmethod
        @traced("work")
        def work(cls) -> Any:
            return body()

    return Shop().work()


@form
def traced_staticmethod_above(body: Any) -> Any:
    class Shop:
        @traced("work")
        @staticmethod
        def work() -> Any:
            return body()

    return Shop.work()


@form
def traced_staticmethod_below(body: Any) -> Any:
    class Shop:
        @staticmethod
        @traced("work")
        def work() -> Any:
            return body()

    return Shop().work()


@form
def traced_property(body: Any) -> Any:
    class Shop:
        @traced("work")
        @property
        def work(self) -> Any:
            return body()

    return Shop().work


@form
def traced_cached_property(body: Any) -> Any:
    class Shop:
        @traced("work")
        @functools.cached_property
        def work(self) -> Any:
            return body()

    return Shop().work


@form
def traced_class(body: Any) -> Any:
    @traced
    class Shop:
        def work(self) -> Any:
            return body()

    return Shop().work()


@form
def traced_partialmethod(body: Any) -> Any:
    class Shop:
        def run(self, number: int) -> Any:
            return body()

        work = traced("work")(functools.partialmethod(run, 1))

    return Shop().work()


@form
def traced_lru_cache(body: Any) -> Any:
    @traced("work")
    @functools.lru_cache
    def work() -> Any:
        return body()

    return work()


@form
def traced_partial(body: Any) -> Any:
    return traced("work")(functools.partial(body))()


@form
def traced_builtin(body: Any) -> Any:
    class Number:
        def __index__(self) -> int:
            result.append(body())
            return 1

    result: list[Any] = []
    traced("work")(hex)(Number())
    return result.pop()


@form
def traced_callable_instance(body: Any) -> Any:
    class Shop:
        def __call__(self) -> Any:
            return body()

    return traced("work")(Shop())()


@form
def traced_bound_method(body: Any) -> Any:
    class Shop:
        def work(self) -> Any:
            return body()

    return traced("work")(Shop().work)()


@form
def traced_async_callable_instance(body: Any) -> Any:
    class Shop:
        async def __call__(self) -> Any:
            return body()

    return step(traced("work")(Shop())())


@form
def traced_lambda(body: Any) -> Any:
    return traced("work")(lambda: body())()


@form
def traced_singledispatch_above(body: Any) -> Any:
    @traced("work")
    @functools.singledispatch
    def work(value: Any) -> Any:
        return body()

    return work(1)


@form
def traced_singledispatch_below(body: Any) -> Any:
    @functools.singledispatch
    @traced("work")
    def work(value: Any) -> Any:
        return body()

    return work(1)


@form
def a_function_that_returns_a_coroutine(body: Any) -> Any:
    async def run() -> Any:
        return body()

    @traced
    def work() -> Any:
        return run()

    return step(work())


@form
def a_generator_below_contextmanager(body: Any) -> Any:
    @contextlib.contextmanager
    @traced
    def work() -> Iterator[Any]:
        yield body()

    with work() as result:
        return result


every_form = pytest.mark.parametrize("work", FORMS.values(), ids=FORMS)

PACKAGE = Path(enterspan.__file__).parent
FRAMES = {
    a_block: 0,
    an_async_block: 0,
    a_block_by_exit_stack: 0,
    a_span_used: 0,
    enter_span: 2,
    start_active_span: 2,
}


@pytest.fixture(params=["heard", "unheard"])
def maybe(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A listener, or none."""
    if request.param == "unheard":
        yield None
        return
    with capture() as trace:
        yield trace


class Thing:
    """A result to know again."""


class Odd(Exception):
    """An error that can be referred to weakly."""


@every_form
def test_the_result_comes_back_as_the_same_object(work: Any, maybe: Any) -> None:
    """Whatever the body returned or yielded is what the caller gets."""
    thing = Thing()
    assert work(lambda: thing) is thing


@every_form
@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        Odd("no"),
        KeyboardInterrupt(),
        SystemExit(3),
        asyncio.CancelledError(),
        RecursionError("deep"),
        MemoryError(),
        type("Bare", (BaseException,), {})(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_an_exception_comes_out_as_the_same_untouched_object(
    work: Any, maybe: Any, error: BaseException
) -> None:
    """No cause, no context, no note, no attribute, no other arguments."""

    def body() -> None:
        raise error

    error.__traceback__ = None
    with pytest.raises(type(error)) as caught:
        work(body)
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None
    assert error.__suppress_context__ is False
    assert vars(error) == {}


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """An error of which no attribute can be set, not even its traceback."""

    code: int


class Closed(Exception):
    """An error that answers nothing about itself."""

    @property
    def __traceback__(self) -> Any:
        raise LookupError

    @property
    def __class__(self) -> Any:
        raise LookupError


@every_form
@pytest.mark.parametrize("make", [lambda: Frozen(4), Closed], ids=["frozen", "closed"])
def test_an_exception_that_can_not_be_changed_or_asked_comes_out(
    work: Any, maybe: Any, make: Any
) -> None:
    """The frames of ours are hidden without asking it; the span ends as for any other."""
    error = make()

    def body() -> None:
        raise error

    if "exit_stack" in work.__name__:
        pytest.skip("ExitStack asks, and sets an attribute itself")
    try:
        work(body)
    except BaseException as came:
        assert came is error  # noqa: PT017 - `pytest.raises` asks it for its class
    else:
        pytest.fail("it was lost")
    assert not tracing.current_span().is_traced
    if maybe is not None:
        assert [(span.outcome, span.status) for span in maybe.spans] == [("exception", "error")]


@every_form
def test_one_frame_of_ours_at_most_stands_in_the_traceback(work: Any, maybe: Any) -> None:
    """Blocks add none and a decorator one; `enter_span` shows itself and its one helper."""

    def body() -> None:
        raise Odd

    with pytest.raises(Odd) as caught:
        work(body)
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(caught.tb)]
    ours = [name for name in frames if name.startswith("<traced") or Path(name).parent == PACKAGE]
    assert len(ours) <= FRAMES.get(work, 1)
    assert frames[-1] == __file__


@every_form
def test_the_span_is_current_inside_and_nowhere_else(work: Any) -> None:
    """Before and after, what was current is current; inside, the new span is."""
    seen = []
    with capture() as trace, tracing.span("outer") as outer:
        assert tracing.current_span() is outer
        work(lambda: seen.append(tracing.current_span()))
        assert tracing.current_span() is outer
    (inner,) = seen
    names = {span.context.span_id: span for span in trace.spans}
    assert sorted(span.name for span in trace.spans) in (["outer", "work"], ["Shop.work", "outer"])
    assert names[inner.context.span_id].parent_span_id == outer.context.span_id
    assert tracing.current_span().context.span_id == 0


@every_form
def test_the_span_is_put_away_after_an_exception(work: Any) -> None:
    """An exception leaves the context as a return does."""

    def body() -> None:
        raise Odd

    with capture(), tracing.span("outer") as outer:
        with pytest.raises(Odd):
            work(body)
        assert tracing.current_span() is outer


@every_form
def test_a_child_hangs_on_the_form_and_nothing_else_is_recorded(work: Any) -> None:
    """The stream tells of one span around one child, both well, and of nothing else."""
    with capture() as trace:
        work(lambda: tracing.enter_span("child", lambda span: None))
    name = trace.spans[-1].name
    assert trace.tree() == f"{name}\n  child"
    assert [span.outcome for span in trace.spans] == ["ok", "ok"]
    kinds = [event.event.type for event in trace.events if event.event.type != "attributes"]
    assert kinds == ["onset", "spanOpen", "spanClose", "return", "outcome"] or kinds == [
        "onset", "spanOpen", "spanClose", "outcome",
    ]  # fmt: skip


@every_form
def test_an_exception_is_recorded_once_on_the_innermost_span(work: Any) -> None:
    """The innermost span has the event; the outer ones are marked, and no more."""

    def body() -> None:
        with tracing.span("inner"):
            raise ValueError("no stock")

    with capture() as trace:
        with pytest.raises(ValueError, match="no stock"):
            work(body)
    inner, outer = trace.spans
    assert inner.name == "inner"
    assert [event.name for event in inner.events] == ["exception"]
    assert inner.events[0].attributes["exception.type"] == "ValueError"
    assert inner.events[0].attributes["exception.message"] == "no stock"
    assert outer.events == ()
    assert (inner.status, inner.outcome) == (outer.status, outer.outcome) == ("error", "exception")
    assert outer.status_description == "ValueError: no stock"
    assert [e.event.type for e in trace.events].count("exception") == 1


@every_form
@pytest.mark.parametrize(
    "error,outcome,status",
    [
        (ValueError(), "exception", "error"),
        (asyncio.CancelledError(), "canceled", "unset"),
        (KeyboardInterrupt(), "canceled", "unset"),
        (GeneratorExit(), "ok", "unset"),
        (SystemExit(), "ok", "unset"),
        (SystemExit(0), "ok", "unset"),
        (SystemExit(2), "exception", "error"),
        (SystemExit("no"), "exception", "error"),
    ],
    ids=repr,
)
def test_the_outcome_says_what_the_exception_means(
    work: Any, error: BaseException, outcome: str, status: str
) -> None:
    """Cancellation is no error, and a clean exit is none either."""

    def body() -> None:
        raise error

    with capture() as trace, pytest.raises(type(error)):
        work(body)
    (span,) = trace.spans
    assert (span.outcome, span.status) == (outcome, status)
    assert len(span.events) == (outcome == "exception")


def python_keeps_classes() -> bool:
    """Whether none is ever freed once a thread was started, as in 3.13 without the GIL."""
    thread = threading.Thread(target=gc.collect)
    thread.start()
    thread.join()

    class Kept:
        pass

    kept = weakref.ref(Kept)
    del Kept
    gc.collect()
    return kept() is not None


@pytest.mark.skipif(python_keeps_classes(), reason="so does Python what classes refer to")
@every_form
def test_nothing_that_passed_through_is_kept_alive(work: Any, maybe: Any) -> None:
    """Result and exception are gone when the program lets go of them."""
    thing = Thing()
    there = [weakref.ref(thing)]
    result = work(functools.partial(identity, thing))
    assert result is thing
    del result, thing

    def body() -> None:
        error = Odd("no")
        there.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    with pytest.raises(Odd):
        work(body)
    gc.collect()
    assert [ref() for ref in there] == [None, None]


def identity(thing: Any) -> Any:
    """Give back."""
    return thing


@every_form
def test_unheard_there_is_only_the_one_no_op_span(work: Any) -> None:
    """With nobody listening nothing is current, and nothing is left behind."""
    seen = []
    work(lambda: seen.append(tracing.current_span()))
    assert seen == [tracing.current_span()]
    assert seen[0].is_traced is False
    assert seen[0].context.trace_id == seen[0].context.span_id == 0


@every_form
def test_a_listener_that_comes_in_the_middle_changes_nothing(work: Any) -> None:
    """Listening may begin or end while a span is open: the program does not notice."""
    thing = Thing()

    def begin() -> Any:
        stack.enter_context(capture())
        return thing

    def end() -> Any:
        stack.close()
        return thing

    with contextlib.ExitStack() as stack:
        assert work(begin) is thing
        assert work(end) is thing
    assert tracing.current_span().context.span_id == 0


@every_form
def test_forms_nest_in_each_other(work: Any) -> None:
    """Each form inside each other one gives a child of it."""
    for other in FORMS.values():
        with capture() as trace:
            work(functools.partial(other, lambda: None))
        inner, outer = trace.spans
        assert inner.parent_span_id == outer.context.span_id


def test_concurrent_futures_come_back_as_the_same_object() -> None:
    """A pool's future ends the span when it settles."""
    future: concurrent.futures.Future[int] = concurrent.futures.Future()
    with capture() as trace:
        assert tracing.enter_span("work", lambda span: future) is future
        assert trace.spans == []
        future.set_result(1)
    assert [span.outcome for span in trace.spans] == ["ok"]
