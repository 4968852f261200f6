"""Programs that are hard on the bridge: spans left open, dropped, removed in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry is not installed: nox -s otel")

from opentelemetry import baggage, context, trace
from opentelemetry.trace import NonRecordingSpan

from enterspan.integrations.otel import install
from enterspan.testing import capture

if TYPE_CHECKING:
    from enterspan import Tracing


def nothing_is_current(tracing: Tracing) -> bool:
    return not trace.get_current_span().get_span_context().is_valid and (
        tracing.current_invocation() is None
    )


@pytest.mark.parametrize("late_seconds", [60.0, 0.0])
def test_a_task_that_outlives_its_request_stays_in_its_trace_until_the_deadline(
    bridged: Tracing, sdk: Any, late_seconds: float
) -> None:
    """A late span is a child in the same trace; past the deadline it begins a trace, linked."""
    bridged.configure(late=late_seconds)

    async def background(release: asyncio.Event) -> None:
        await release.wait()
        with bridged.span("late"), sdk.foreign.start_as_current_span("late query"):
            pass

    async def main() -> None:
        release = asyncio.Event()
        with bridged.invocation("request"):
            task = asyncio.create_task(background(release))
            await asyncio.sleep(0)
        release.set()
        await task

    asyncio.run(main())
    request, late, query = (sdk.find(name) for name in ("request", "late", "late query"))
    if late_seconds:
        assert late.context.trace_id == request.context.trace_id
        assert late.parent.span_id == request.context.span_id
        assert late.links == ()
    else:
        assert late.context.trace_id != request.context.trace_id
        assert late.parent is None
        assert [link.context.span_id for link in late.links] == [request.context.span_id]
    assert query.parent.span_id == late.context.span_id
    assert query.context.trace_id == late.context.trace_id
    assert nothing_is_current(bridged)


@pytest.mark.parametrize("order", ["ours first", "theirs first"])
def test_misnested_blocks_of_both_leave_nothing(bridged: Tracing, sdk: Any, order: str) -> None:
    ours = bridged.span("ours")
    theirs = sdk.foreign.start_as_current_span("theirs")
    first, second = (ours, theirs) if order == "ours first" else (theirs, ours)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    with bridged.span("next") as span:
        pass
    after = sdk.find("next")
    assert after.context.span_id == span.context.span_id
    if order == "ours first":
        assert after.parent is None
        assert nothing_is_current(bridged)


def test_removed_while_spans_are_open_they_end_in_both(mine: Tracing, sdk: Any) -> None:
    bridge = install(mine, sdk.provider)
    with capture(mine) as seen:
        with mine.span("outer"):
            with mine.span("before"):
                bridge.remove()
            with mine.span("after"), sdk.foreign.start_as_current_span("theirs"):
                pass
        with mine.span("alone"):
            assert not trace.get_current_span().get_span_context().is_valid
    names = sorted(span.name for span in seen.spans if span.name != "theirs")
    assert names == ["after", "alone", "before", "outer"]
    assert {"outer", "before"} <= {span.name for span in sdk.spans}
    assert "alone" not in {span.name for span in sdk.spans}
    assert nothing_is_current(mine)


def test_after_its_removal_what_an_open_invocation_opens_has_its_parent_in_both(
    mine: Tracing, sdk: Any
) -> None:
    """The spans of an invocation with twins have twins to its end, under those of their parents."""
    bridge = install(mine, sdk.provider)
    with capture(mine) as seen, mine.span("outer"):
        bridge.remove()
        with mine.span("inner"), mine.span("innermost"):
            pass
    assert sdk.tree() == seen.tree() == "outer\n  inner\n    innermost"


def test_after_its_removal_nothing_of_an_open_invocation_is_held_back(
    mine: Tracing, sdk: Any
) -> None:
    """A span with a twin can't be left out: its twin's children would be orphans."""

    @mine.traced(min_duration=60)
    def quick() -> None:
        with mine.span("below"):
            pass

    bridge = install(mine, sdk.provider)
    with capture(mine) as seen, mine.span("outer"):
        bridge.remove()
        quick()
    names = "outer\n  quick\n    below"
    assert sdk.tree() == seen.tree() == names


def test_a_foreign_span_that_is_dropped_is_freed_and_abandoned(bridged: Tracing, sdk: Any) -> None:
    """The bridge keeps no foreign span alive, and its shadow ends with it."""
    with capture(bridged) as seen, bridged.invocation("request"):
        theirs = sdk.foreign.start_span("dropped")
        freed = weakref.ref(theirs)
        del theirs
        gc.collect()
        assert freed() is None
        with bridged.span("after"):
            pass
        assert seen.find("dropped").outcome == "abandoned"


def test_a_span_of_ours_that_is_dropped_is_freed_and_its_twin_ends(
    bridged: Tracing, sdk: Any
) -> None:
    with capture(bridged), bridged.invocation("request"):
        ours = bridged.start_span("dropped")
        freed = weakref.ref(ours)
        del ours
        gc.collect()
        with bridged.span("after"):
            pass
        assert freed() is None
        assert sdk.find("dropped").attributes["enterspan.outcome"] == "abandoned"


class _Stop(Exception):
    """What a signal handler raises."""


class _Interrupted:
    """A span processor during one of whose calls a signal arrives."""

    def __init__(self, method: str) -> None:
        self.method = method

    def _call(self, method: str) -> None:
        if method == self.method:
            self.method = ""
            signal.raise_signal(signal.SIGUSR1)

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self._call("on_start")

    def on_end(self, span: Any) -> None:
        self._call("on_end")

    def _on_ending(self, span: Any) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 0) -> bool:
        return True


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no SIGUSR1")
@pytest.mark.parametrize("method", ["on_start", "on_end"])
@pytest.mark.parametrize("is_root", [True, False])
@pytest.mark.parametrize("kind", [_Stop, SystemExit])
def test_what_a_signal_handler_raises_inside_the_provider_reaches_the_program(
    bridged: Tracing, sdk: Any, method: str, is_root: bool, kind: type[BaseException]
) -> None:
    """It comes out once, and leaves nothing current and nothing open."""

    def stop(number: int, frame: Any) -> None:
        raise kind

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with capture(bridged) as seen, contextlib.ExitStack() as around:
            if not is_root:
                around.enter_context(bridged.span("outer"))
            sdk.provider.add_span_processor(_Interrupted(method))
            with pytest.raises(kind), bridged.span("interrupted"):
                pass
            with bridged.span("next"):
                pass
    finally:
        signal.signal(signal.SIGUSR1, before)
    ended = ["interrupted", "next"] if method == "on_end" else ["next"]
    assert [span.name for span in seen.spans if span.name != "outer"] == ended
    assert sdk.find("next").parent == (None if is_root else sdk.find("outer").context)
    assert nothing_is_current(bridged)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_exit_inside_the_provider_reaches_the_program(
    bridged: Tracing, sdk: Any, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only errors of the provider are swallowed; the span has ended all the same."""

    def leave(span: Any) -> None:
        monkeypatch.undo()
        raise kind

    with capture(bridged) as seen:
        with pytest.raises(kind), bridged.span("ours"):
            monkeypatch.setattr(sdk.provider._active_span_processor, "on_end", leave)
    assert [span.name for span in seen.spans] == ["ours"]
    assert nothing_is_current(bridged)


def test_removed_and_installed_again_it_works_as_before(mine: Tracing, sdk: Any) -> None:
    for number in range(20):
        with install(mine, sdk.provider), mine.span(f"ours {number}"):
            with sdk.foreign.start_as_current_span(f"theirs {number}"):
                pass
    assert sdk.tree() == "\n".join(f"ours {n}\n  theirs {n}" for n in range(20))


def test_a_generator_of_foreign_spans_dropped_half_way_leaves_nothing(
    bridged: Tracing, sdk: Any
) -> None:
    @bridged.traced
    def pieces() -> Any:
        with sdk.foreign.start_as_current_span("theirs"), bridged.span("inner"):
            yield 1
            yield 2

    with bridged.invocation("main"):
        taken = pieces()
        assert next(taken) == 1
        assert trace.get_current_span().name == "main"
        del taken
        gc.collect()
        assert trace.get_current_span().name == "main"
    assert nothing_is_current(bridged)
    assert {"main", "theirs", "inner"} <= {span.name for span in sdk.spans}


@pytest.mark.parametrize("sampled", [True, False])
def test_a_remote_parents_flag_is_followed_by_both(
    bridged: Tracing, sdk: Any, sampled: bool
) -> None:
    parent = f"00-{'ab' * 16}-{'cd' * 8}-0{int(sampled)}"
    with capture(bridged):
        with bridged.invocation("request", parent=parent):
            with sdk.foreign.start_as_current_span("theirs") as span:
                headers: dict[str, str] = {}
                bridged.inject(headers)
    assert span.get_span_context().trace_id == int("ab" * 16, 16)
    assert headers["traceparent"].startswith(f"00-{'ab' * 16}-")
    assert headers["traceparent"].endswith(f"-0{int(sampled)}")
    assert len(sdk.spans) == (2 if sampled else 0)
    if sampled:
        assert sdk.find("request").parent.is_remote


def test_baggage_goes_through_tasks_threads_and_generators_and_is_left_alone(
    bridged: Tracing,
) -> None:
    found = []

    @bridged.traced
    async def look() -> None:
        await asyncio.sleep(0)
        found.append(baggage.get_baggage("cart"))

    @bridged.traced
    def pieces() -> Any:
        found.append(baggage.get_baggage("cart"))
        yield

    async def main() -> None:
        token = context.attach(baggage.set_baggage("cart", "c-7"))
        with bridged.invocation("request"), bridged.span("inner"):
            await asyncio.gather(look(), asyncio.create_task(look()))
            await asyncio.to_thread(lambda: list(pieces()))
        context.detach(token)
        found.append(baggage.get_baggage("cart"))

    asyncio.run(main())
    assert found == ["c-7", "c-7", "c-7", None]


def test_a_span_of_theirs_that_is_not_recording_is_a_parent_all_the_same(
    bridged: Tracing, sdk: Any
) -> None:
    above = trace.SpanContext(7, 8, is_remote=True, trace_flags=trace.TraceFlags(1))
    with trace.use_span(NonRecordingSpan(above)), bridged.span("ours") as span:
        assert span.context.trace_id == 7
    assert sdk.find("ours").parent.span_id == 8
    assert nothing_is_current(bridged)


def test_a_provider_that_was_shut_down_hurts_nobody(
    bridged: Tracing, sdk: Any, caplog: Any
) -> None:
    sdk.provider.shutdown()
    with capture(bridged) as seen, bridged.span("outer"), bridged.span("inner"):
        pass
    assert [span.name for span in seen.spans] == ["inner", "outer"]
    assert nothing_is_current(bridged)


def test_hostile_texts_and_values_reach_the_provider_or_not_but_never_raise(
    bridged: Tracing, sdk: Any
) -> None:
    class Rude:
        def __repr__(self) -> str:
            raise ValueError("no")

    values: Any = {
        "\ud800": "\ud800",
        "": 1,
        "rude": Rude(),
        "many": ["a", 1, None],
        "big": 10**400,
    }
    with bridged.span("\ud800" * 10, values) as span:
        span.set_attributes(values).add_event("\udcff", values).set_status("error", "\ud800")
        span.update_name("x" * 100_000)
    (found,) = sdk.spans
    assert found.status.status_code.name == "ERROR"
    assert nothing_is_current(bridged)


def test_threads_that_nest_both_at_once_make_whole_trees(bridged: Tracing, sdk: Any) -> None:
    gate = threading.Barrier(8)

    def work(number: int) -> None:
        gate.wait(10)
        for turn in range(25):
            with bridged.span(f"a {number}.{turn}"):
                with sdk.foreign.start_as_current_span(f"b {number}.{turn}"):
                    with bridged.span(f"c {number}.{turn}"):
                        pass

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(sdk.spans) == 600
    by_id = {span.context.span_id: span for span in sdk.spans}
    for span in sdk.spans:
        kind, _, rest = span.name.partition(" ")
        if kind != "a":
            above = {"b": "a", "c": "b"}[kind]
            assert by_id[span.parent.span_id].name == f"{above} {rest}"
