"""An exception that a signal handler raises while our code runs comes out, and leaves no trace."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from enterspan._span.span import NOOP_SPAN
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enterspan import Tracing


class Stop(BaseException):
    """What a timeout raises."""


@pytest.fixture
def arrives() -> Iterator[Callable[[BaseException], object]]:
    """Raise an exception from the handler of a signal."""
    pending: list[BaseException] = []

    def handler(number: int, frame: object) -> None:
        raise pending.pop()

    before = signal.signal(signal.SIGUSR1, handler)

    def arrive(error: BaseException) -> None:
        pending.append(error)
        signal.raise_signal(signal.SIGUSR1)

    yield arrive
    signal.signal(signal.SIGUSR1, before)


ERRORS = [SystemExit(0), KeyboardInterrupt(), Stop(), ValueError("timeout"), TimeoutError()]


def whole(mine: Tracing, trace: Any) -> None:
    """The next invocation is an invocation of its own, and all of it is recorded."""
    assert not mine._tracer.is_suppressed
    assert not mine.current_span().is_traced
    trace.clear()
    with mine.span("next"), mine.span("inner"):
        pass
    kinds = [event.event.type for event in trace.events]
    assert kinds == ["onset", "spanOpen", "spanClose", "return", "outcome"]
    assert [span.name for span in trace.spans] == ["inner", "next"]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("kind", ["call", "entry", "coroutine", "generator", "result", "block"])
def test_it_arrives_in_a_repr(  # noqa: C901 - one branch for each form
    kind: str, error: BaseException, arrives: Any, mine: Any
) -> None:
    """Where captured arguments and results are written."""

    class Shown:
        def __repr__(self) -> str:
            arrives(error)
            return "shown"

    def call(value: object) -> object:
        return value

    async def body(value: object) -> None:
        pass

    def steps(value: object) -> Any:
        yield

    def run() -> None:
        value = Shown()
        if kind == "call":
            mine.traced(capture_args=True)(call)(value)
        elif kind == "entry":
            mine.entrypoint(capture_args=True)(call)(value)
        elif kind == "coroutine":
            with contextlib.closing(mine.traced(capture_args=True)(body)(value)) as coroutine:
                coroutine.send(None)
        elif kind == "generator":
            next(mine.traced(capture_args=True)(steps)(value))
        elif kind == "result":
            mine.traced(capture_return=True)(call)(value)
        else:
            with mine.span("block") as span:
                span.set_attribute("value", value)

    with capture(mine) as trace:
        with pytest.raises(type(error)) as caught:
            run()
        assert caught.value is error
        whole(mine, trace)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("place", ["sampler", "ids", "tail", "attributes"])
def test_it_arrives_in_what_the_user_plugged_in(
    place: str, error: BaseException, arrives: Any, mine: Any
) -> None:
    """A sampler, an id generator, an inline tail, a function of the arguments."""
    armed = [True]

    def once() -> None:
        if armed:
            armed.clear()
            arrives(error)

    class Sampler:
        def should_sample(self, parent: Any, trace_id: int, name: str, attributes: Any) -> bool:
            once()
            return True

    class Ids:
        def generate_trace_id(self) -> int:
            once()
            return 1

        def generate_span_id(self) -> int:
            return 1

    def attributes() -> dict[str, Any]:
        once()
        return {}

    if place == "sampler":
        mine.configure(sampler=Sampler())
    elif place == "ids":
        mine.configure(id_generator=Ids())
    elif place == "tail":
        mine.add_tail(lambda onset: once(), delivery="inline")
    function = mine.traced(attributes=attributes if place == "attributes" else None)(lambda: None)
    with capture(mine) as trace:
        with pytest.raises(type(error)) as caught:
            function()
        assert caught.value is error
        mine.configure(id_generator=None)
        whole(mine, trace)


@pytest.mark.parametrize("raised", [SystemExit(3), ValueError("no"), GeneratorExit()], ids=repr)
def test_what_a_repr_raises_itself_is_swallowed(raised: BaseException, mine: Any) -> None:
    """It is the value's failure, not the program's."""

    class Shown:
        def __repr__(self) -> str:
            raise raised

    with capture(mine) as trace:
        mine.traced("shown", capture_args=True)(lambda value: None)(Shown())
        shown = trace.find("shown").attributes["value"]
        whole(mine, trace)
    assert shown == "<Shown that can't be shown>"


def stepped(body: Any) -> Any:
    """Run a coroutine that waits for nothing to its end."""
    try:
        while True:
            body.send(None)
    except StopIteration as stop:
        return stop.value


def block(mine: Any) -> Any:
    def run() -> None:
        with mine.span("block", a=1) as span:
            span.set_attribute("b", object())

    return run


def decorated(mine: Any) -> Any:
    call = mine.traced(capture_args=True, capture_return=True)(lambda value: value)
    return lambda: call(object())


def failing(mine: Any) -> Any:
    @mine.traced
    def fail() -> None:
        raise LookupError

    def run() -> None:
        with contextlib.suppress(LookupError):
            fail()

    return run


def coroutine(mine: Any) -> Any:
    @mine.traced
    async def fail() -> None:
        raise LookupError

    def run() -> None:
        with contextlib.suppress(LookupError):
            stepped(fail())

    return run


def callback(mine: Any) -> Any:
    return lambda: mine.enter_span("callback", lambda span: None)


def callback_with_a_coroutine(mine: Any) -> Any:
    async def work() -> None:
        return None

    def run() -> None:
        made = work()
        with contextlib.closing(made):
            stepped(mine.enter_span("callback", lambda span: made))

    return run


def left_open(mine: Any) -> Any:
    return lambda: mine.start_active_span("left open", lambda span: span).end()


def used(mine: Any) -> Any:
    def run() -> None:
        with mine.use_span(mine.start_span("used"), end=True):
            pass

    return run


def propagated(mine: Any) -> Any:
    with mine.span("elsewhere"):
        return mine.propagate(lambda: None)


def job(mine: Any) -> Any:
    def run() -> None:
        with mine.invocation("job"):
            pass

    return run


def entry_point(mine: Any) -> Any:
    return mine.entrypoint("entry point")(lambda: None)


PROGRAMS: Any = {
    make.__name__: make
    for make in (
        block,
        decorated,
        failing,
        coroutine,
        callback,
        callback_with_a_coroutine,
        left_open,
        used,
        propagated,
        job,
        entry_point,
    )
}


LEFT: Any = ("left_open", "used", "callback_with_a_coroutine")
"""Those whose span may be left to the caller or, with a coroutine that never began, as garbage."""


@pytest.mark.filterwarnings(
    "ignore:coroutine .* was never awaited", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("is_outermost", [False, True])
@pytest.mark.parametrize("form", PROGRAMS)
def test_at_each_call_of_ours_it_comes_out_and_what_is_current_is_right(  # noqa: C901 - it is one thing
    arrives: Any, mine: Any, form: str, is_outermost: bool
) -> None:
    """Where the interpreter looks for signals: as a function begins, and as one in C returns."""
    with capture(mine):
        run = PROGRAMS[form](mine)
    number = 0
    arrived = True
    while arrived:
        number += 1
        arrived = False
        count = 0

        def profile(frame: Any, what: str, argument: Any) -> None:
            nonlocal count, arrived
            file = frame.f_code.co_filename
            if what not in ("call", "c_return") or "/enterspan/" not in file:
                return
            if file.endswith("testing.py"):
                return
            if what == "call" and frame.f_code.co_name == "__exit__":
                return  # no block written in Python can do anything about that
            caller = frame
            while caller is not None:
                if caller.f_code.co_name in ("__del__", "_hold"):
                    return  # Python reports what the collector's calls raise, and goes on
                caller = caller.f_back
            count += 1
            if count == number:  # noqa: B023 - it is called in this round
                arrived = True
                sys.setprofile(None)
                arrives(Stop())

        with capture(mine) as trace:
            outer = contextlib.nullcontext() if is_outermost else mine.span("outer")
            with outer as around:
                came_out = False
                sys.setprofile(profile)
                try:
                    run()
                except Stop:
                    came_out = True
                finally:
                    sys.setprofile(None)
                assert came_out is arrived
                assert not mine._tracer.is_suppressed
                assert mine.current_span() is (around or NOOP_SPAN)
            assert not mine.current_span().is_traced
            if not is_outermost and form not in LEFT:
                assert [e.event.type for e in trace.events][-1] == "outcome"
    assert number > 10
    gc.collect()  # a coroutine of ours that never began is reported here, and in no later test


@pytest.mark.parametrize("form", ["propagate", "use_span", "generator", "invocation"])
def test_what_arrives_as_an_entry_is_set_leaves_what_was_current(form: str, mine: Any) -> None:
    """Between the `set` of a context variable and the assignment of its token."""

    @mine.traced
    def generator() -> Any:
        yield

    with capture(mine), mine.span("outer"):
        propagated = mine.propagate(lambda: 1)
        other = mine.start_span("other")
        suspended = generator()
        with mine.span("inner") as inner:
            run = {
                "propagate": propagated,
                "use_span": lambda: mine.use_span(other).__enter__(),
                "generator": lambda: list(suspended),
                "invocation": lambda: mine.invocation("job").__enter__(),
            }[form]
            real = mine._tracer.set

            def interrupted(entry: Any) -> Any:
                mine._tracer.set = real
                real(entry)
                raise Stop

            mine._tracer.set = interrupted
            with pytest.raises(Stop):
                run()
            assert mine.current_span() is inner
        other.end()
