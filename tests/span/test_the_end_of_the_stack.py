"""A recursion that runs out of stack, and is handled, loses no later span."""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from enterspan import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from enterspan import SpanData


class Kept:
    """An exporter that keeps names."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def export(self, spans: Sequence[SpanData]) -> None:
        self.names += [span.name for span in spans]

    def shutdown(self) -> None:
        pass


class Shown:
    def __repr__(self) -> str:
        return "shown"


def call(mine: Tracing) -> Any:
    @mine.traced
    def down(level: int) -> Any:
        return down(level + 1)

    return down


def captured(mine: Tracing) -> Any:
    @mine.traced(capture_args=True)
    def down(level: int) -> Any:
        return down(level + 1)

    return down


def leaves(mine: Tracing) -> Any:
    leaf = mine.traced(lambda level: level)

    def down(level: int) -> Any:
        leaf(level)
        return down(level + 1)

    return down


def captured_results(mine: Tracing) -> Any:
    leaf = mine.traced(capture_return=True)(lambda: Shown())

    def down(level: int) -> Any:
        leaf()
        return down(level + 1)

    return down


def block(mine: Tracing) -> Any:
    def down(level: int) -> Any:
        with mine.span("down", a=1) as span:
            span.set_attribute("b", Shown()).add_event("e", c=Shown())
            return down(level + 1)

    return down


def plain_block(mine: Tracing) -> Any:
    def down(level: int) -> Any:
        with mine.span("down"):
            return down(level + 1)

    return down


def entry(mine: Tracing) -> Any:
    @mine.entrypoint
    def down(level: int) -> Any:
        return down(level + 1)

    return down


def generator(mine: Tracing) -> Any:
    @mine.traced
    def down(level: int) -> Iterator[Any]:
        yield from down(level + 1)

    return lambda level: list(down(level))


def coroutine(mine: Tracing) -> Any:
    @mine.traced
    async def down(level: int) -> None:
        await down(level + 1)

    return lambda level: down(level).send(None)


def left_open(mine: Tracing) -> Any:
    def down(level: int) -> Any:
        return mine.start_active_span("left", lambda span: down(level + 1))

    return down


def given_to(mine: Tracing) -> Any:
    def down(level: int) -> Any:
        return mine.enter_span("given", lambda span: down(level + 1))

    return down


FORMS = [
    call,
    given_to,
    captured,
    leaves,
    captured_results,
    block,
    plain_block,
    entry,
    generator,
    coroutine,
]


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stack that is soon at its end; finalizers have none left either, nor has pytest's hook."""
    monkeypatch.setattr(sys, "unraisablehook", deque[object](maxlen=0).append)
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    yield
    sys.setrecursionlimit(before)


def deeper(offset: int, function: Callable[[int], Any]) -> None:
    if offset:
        deeper(offset - 1, function)
        return
    with pytest.raises(RecursionError):
        function(0)


@pytest.mark.parametrize("listens", ["exporter", "tail", "both"])
@pytest.mark.parametrize("form", FORMS)
def test_a_recursion_error_that_is_handled_loses_no_later_span(
    form: Any, listens: str, shallow: None
) -> None:
    """At any offset: what is current is right, and every stream is closed and has its outcome."""
    for offset in range(0, 40, 3):
        mine, kept, events = Tracing("stack"), Kept(), []
        if listens != "tail":
            mine.add_exporter(kept)
        if listens != "exporter":
            mine.add_tail(lambda onset, to=events: to.append(onset) or to.append, delivery="inline")
        function = form(mine)
        with mine.span("outer"):
            deeper(offset, function)
            assert not mine._tracer.is_suppressed
            assert mine.current_span().name == "outer"
            with mine.span("later"):
                pass
        assert not mine.current_span().is_traced
        with mine.span("next"):
            pass
        mine.shutdown(10)
        if listens != "tail":
            assert [kept.names.count(n) for n in ("outer", "later", "next")] == [1, 1, 1]
        if listens != "exporter":
            streams: dict[str, list[Any]] = {}
            for event in events:
                streams.setdefault(event.invocation_id, []).append(event)
            for stream in streams.values():
                kinds = [event.event.type for event in stream]
                assert kinds.count("spanOpen") == kinds.count("spanClose")
                assert kinds.index("outcome") == len(kinds) - 1
                assert [event.sequence for event in stream] == list(range(len(stream)))


@pytest.mark.parametrize("kind", ["generator", "coroutine"])
def test_a_recursion_of_bodies_reaches_what_the_limits_say(kind: str, script: Any) -> None:
    """Whatever Python's own limit is; docs/limits.md has the number."""
    done = script(
        f"""
        import sys
        from enterspan import tracing
        from enterspan.testing import capture

        sys.setrecursionlimit(20_000)

        @tracing.traced
        def generator(level):
            if level:
                yield from generator(level - 1)
            yield level

        @tracing.traced
        async def coroutine(level):
            if level:
                await coroutine(level - 1)

        with capture() as trace:
            if {kind!r} == "generator":
                assert list(generator(600))[-1] == 600
            else:
                try:
                    coroutine(600).send(None)
                except StopIteration:
                    pass
        print(len(trace.spans))
        """
    )
    assert done.stdout == "601\n", done.stderr


def _is_monitored() -> bool:
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and monitoring.get_tool(monitoring.COVERAGE_ID) is not None


@pytest.mark.skipif(
    _is_monitored(), reason="callbacks of sys.monitoring run out of stack between any two lines"
)
def test_a_span_that_the_caller_ends_is_not_left_current(shallow: None) -> None:
    """`start_active_span` leaves the span open, and what is current as it was."""
    for offset in range(30):
        mine = Tracing("stack")
        mine.add_exporter(Kept())
        with mine.span("outer"):
            deeper(offset, left_open(mine))
            assert mine.current_span().name == "outer"
        mine.shutdown(10)


def test_a_background_tail_gets_every_close(shallow: None) -> None:
    """An event is queued even if there is no stack to wake the worker."""
    for offset in range(0, 30, 2):
        mine, events = Tracing("stack"), []
        mine.add_tail(lambda onset, to=events: to.append(onset) or to.append)
        with mine.span("outer"):
            deeper(offset, plain_block(mine))
        with mine.span("next"):
            pass
        mine.shutdown(10)
        kinds = [event.event.type for event in events]
        assert kinds.count("spanOpen") == kinds.count("spanClose")
        assert kinds.count("onset") == kinds.count("outcome") == 2
