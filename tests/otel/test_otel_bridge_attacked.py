"""Programs that are hard on the bridge: spans left open, dropped, removed in the middle."""

from __future__ import annotations

import asyncio
import gc
import threading
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


def test_a_task_that_outlives_its_request_begins_a_trace_of_its_own(
    bridged: Tracing, sdk: Any
) -> None:
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
    assert late.context.trace_id != request.context.trace_id
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
