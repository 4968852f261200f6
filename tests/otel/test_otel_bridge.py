"""Our spans and OpenTelemetry's in one trace: the bridge, with an SDK."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import threading
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry is not installed: nox -s otel")

from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased

from enterspan import FetchEventInfo, SpanContext, Tracing
from enterspan.integrations.otel import Bridge, install, install_if_asked
from enterspan.testing import capture


def current_id() -> int:
    return trace.get_current_span().get_span_context().span_id


# --- nesting --------------------------------------------------------------------------------------


def test_spans_of_both_nest_in_one_trace(bridged: Tracing, sdk: Any) -> None:
    with sdk.foreign.start_as_current_span("theirs outside"):
        with bridged.span("ours"):
            with sdk.foreign.start_as_current_span("theirs inside"):
                with bridged.span("ours innermost"):
                    pass
            with bridged.span("ours again"):
                pass
    assert sdk.tree() == (
        "theirs outside\n  ours\n    theirs inside\n      ours innermost\n    ours again"
    )


def test_our_ids_are_those_of_the_provider(bridged: Tracing, sdk: Any) -> None:
    with bridged.span("outer") as outer, bridged.span("inner") as inner:
        assert current_id() == inner.context.span_id
        assert bridged.current_span() is inner
    for span in (outer, inner):
        theirs = sdk.find(span.name).context
        assert (theirs.trace_id, theirs.span_id) == (span.context.trace_id, span.context.span_id)


def test_each_entry_form_is_backed_and_current(bridged: Tracing, sdk: Any) -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(current_id() == bridged.current_span().context.span_id != 0)

    @bridged.traced
    def function() -> None:
        look()

    @bridged.traced
    def generator() -> Any:
        look()
        yield
        look()

    @bridged.traced
    async def coroutine() -> None:
        look()
        await asyncio.sleep(0)
        look()

    @bridged.traced
    async def async_generator() -> Any:
        look()
        yield
        look()

    async def everything() -> None:
        await coroutine()
        async for _ in async_generator():
            assert current_id() == outer.context.span_id
        await bridged.enter_span("callback", callback)

    async def callback(span: Any) -> None:
        look()

    with bridged.invocation("invocation") as invocation:
        look()
        with bridged.span("block") as outer:
            look()
            function()
            for _ in generator():
                assert current_id() == outer.context.span_id
            asyncio.run(everything())
        started = bridged.start_span("started")
        assert current_id() == invocation.span.context.span_id
        with bridged.use_span(started, end=True):
            look()
    assert seen == [True] * 11
    assert sdk.tree() == (
        "invocation\n"
        "  block\n"
        "    function\n"
        "    generator\n"
        "    coroutine\n"
        "    async_generator\n"
        "    callback\n"
        "  started"
    )


def test_a_span_under_theirs_in_a_task_or_a_bound_thread_stays_in_the_trace(
    bridged: Tracing, sdk: Any
) -> None:
    def work() -> None:
        with bridged.span("in the thread"):
            pass

    async def main() -> None:
        async def job() -> None:
            with bridged.span("in the task"):
                await asyncio.sleep(0)

        with sdk.foreign.start_as_current_span("theirs"):
            await asyncio.gather(job(), asyncio.to_thread(work))

    with bridged.span("ours"):
        asyncio.run(main())
        thread = threading.Thread(target=bridged.propagate(work))
        thread.start()
        thread.join()
    assert sdk.tree().splitlines()[:2] == ["ours", "  theirs"]
    assert sorted(sdk.tree().splitlines()[2:]) == [
        "    in the task",
        "    in the thread",
        "  in the thread",
    ]


def test_an_explicit_parent_and_a_new_trace_are_obeyed(bridged: Tracing, sdk: Any) -> None:
    remote = SpanContext(0xABC << 64, 0xDEF, 1, "vendor=1", True)
    with bridged.span("outside") as outside:
        with bridged.invocation("remote", parent=remote):
            pass
        with bridged.invocation("new", new_trace=True):
            pass
        with bridged.invocation("below"):
            pass
    theirs = sdk.find("remote")
    assert theirs.parent.span_id == 0xDEF
    assert theirs.parent.is_remote
    assert theirs.context.trace_id == remote.trace_id
    assert theirs.context.trace_state.to_header() == "vendor=1"
    new = sdk.find("new")
    assert new.parent is None
    assert [link.context.span_id for link in new.links] == [outside.context.span_id]
    assert sdk.find("below").parent.span_id == outside.context.span_id


def test_a_context_that_somebody_extracted_is_the_parent(bridged: Tracing, sdk: Any) -> None:
    from opentelemetry.propagate import extract

    header = "00-0000000000000abc0000000000000000-0000000000000def-01"
    token = context.attach(extract({"traceparent": header}))
    try:
        with capture(bridged) as recorded, bridged.span("handler"):
            pass
    finally:
        context.detach(token)
    ours = recorded.find("handler")
    assert (ours.context.trace_id, ours.parent_span_id) == (0xABC << 64, 0xDEF)
    assert ours.parent_is_remote
    assert sdk.find("handler").parent.is_remote


def test_an_extracted_context_goes_before_our_own_span(bridged: Tracing, sdk: Any) -> None:
    """A consumer that continues the message's trace inside a span of the poll."""
    from opentelemetry.propagate import extract

    header = "00-0000000000000abc0000000000000000-0000000000000def-01"
    with bridged.span("poll"):
        token = context.attach(extract({"traceparent": header}))
        try:
            with bridged.span("message"):
                pass
        finally:
            context.detach(token)
        with bridged.span("after"):
            pass
    assert sdk.find("message").context.trace_id == 0xABC << 64
    assert sdk.find("after").parent.span_id == sdk.find("poll").context.span_id


def test_inject_gives_the_innermost_of_both(bridged: Tracing, sdk: Any) -> None:
    from opentelemetry.propagate import inject

    with capture(bridged), bridged.span("ours"):
        with sdk.foreign.start_as_current_span("theirs"):
            ours: dict[str, str] = {}
            theirs: dict[str, str] = {}
            bridged.inject(ours)
            inject(theirs)
            assert ours == theirs
            assert f"{current_id():016x}" in ours["traceparent"]


def test_without_a_subscriber_inject_gives_a_foreign_span_that_is_current(
    bridged: Tracing, sdk: Any
) -> None:
    """Foreign spans have no shadow then; their ids are what is sent and logged all the same."""
    from enterspan.integrations.logging import trace_ids

    with sdk.foreign.start_as_current_span("theirs") as theirs:
        carrier: dict[str, str] = {}
        bridged.inject(carrier)
        found = theirs.get_span_context()
        assert trace_ids(bridged) == (f"{found.trace_id:032x}", f"{found.span_id:016x}")
        assert f"{found.trace_id:032x}-{found.span_id:016x}" in carrier["traceparent"]
    assert trace_ids(bridged) == ("", "")


def test_baggage_goes_through_our_spans(bridged: Tracing) -> None:
    token = context.attach(baggage.set_baggage("user", "7"))
    try:
        with bridged.span("outer"), bridged.span("inner"):
            assert baggage.get_baggage("user") == "7"
            inside = context.attach(baggage.set_baggage("cart", "9"))
            with bridged.span("innermost"):
                assert dict(baggage.get_all()) == {"user": "7", "cart": "9"}
            context.detach(inside)
        assert dict(baggage.get_all()) == {"user": "7"}
    finally:
        context.detach(token)


# --- what spans carry -----------------------------------------------------------------------------


def test_all_that_ours_recorded_is_on_the_providers(bridged: Tracing, sdk: Any) -> None:
    other = SpanContext(1 << 64, 2, 1, "a=b", True)
    with bridged.span("work", given=1) as span:
        span.set_attribute("later", "x").set_attributes({"many": [1, 2]})
        span.add_event("something", n=1).add_link(other, {"why": "because"})
        span.update_name("renamed").set_status("ok")
    with pytest.raises(ValueError, match="boom"), bridged.span("failed"):
        raise ValueError("boom")
    theirs = sdk.find("renamed")
    assert dict(theirs.attributes) == {"given": 1, "later": "x", "many": (1, 2)}
    assert [(e.name, dict(e.attributes)) for e in theirs.events] == [("something", {"n": 1})]
    assert theirs.start_time <= theirs.events[0].timestamp <= theirs.end_time
    (link,) = theirs.links
    assert (link.context.span_id, link.context.is_remote) == (2, True)
    assert dict(link.attributes) == {"why": "because"}
    assert theirs.status.status_code is trace.StatusCode.OK
    assert theirs.instrumentation_scope.name == "mine"
    failed = sdk.find("failed")
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert failed.status.description == "ValueError: boom"
    assert [e.name for e in failed.events] == ["exception"]
    assert failed.events[0].attributes["exception.type"] == "ValueError"


def test_an_exception_is_recorded_once_on_the_innermost(bridged: Tracing, sdk: Any) -> None:
    with pytest.raises(ValueError, match="boom"), bridged.span("outer"), bridged.span("inner"):
        raise ValueError("boom")
    assert len(sdk.find("inner").events) == 1
    assert len(sdk.find("outer").events) == 0
    assert sdk.find("outer").status.status_code is trace.StatusCode.ERROR


def test_an_outcome_without_a_word_in_opentelemetry_is_an_attribute(
    bridged: Tracing, sdk: Any
) -> None:
    with bridged.invocation("request"):
        bridged.start_span("left open")
    with pytest.raises(asyncio.CancelledError), bridged.span("canceled"):
        raise asyncio.CancelledError
    assert sdk.find("left open").attributes["enterspan.outcome"] == "abandoned"
    assert sdk.find("canceled").attributes["enterspan.outcome"] == "canceled"
    assert "enterspan.outcome" not in sdk.find("request").attributes


def test_an_invocations_kind_is_known_from_the_start(bridged: Tracing, sdk: Any) -> None:
    with bridged.invocation("request", info=FetchEventInfo("GET", "/")):
        pass
    assert sdk.find("request").kind is trace.SpanKind.SERVER


def test_what_is_set_through_opentelemetry_on_our_span_is_ours_as_well(
    bridged: Tracing, sdk: Any
) -> None:
    with capture(bridged) as recorded, bridged.span("work", mine=1):
        theirs = trace.get_current_span()
        theirs.set_attribute("theirs", 2)
        theirs.add_event("said by them", {"n": 3})
    assert dict(recorded.find("work").attributes) == {"mine": 1, "theirs": 2}
    assert [e.name for e in recorded.find("work").events] == ["said by them"]
    assert dict(sdk.find("work").attributes) == {"mine": 1, "theirs": 2}
    assert [e.name for e in sdk.find("work").events] == ["said by them"]


# --- the spans of others --------------------------------------------------------------------------


def test_foreign_spans_reach_our_tails(bridged: Tracing, sdk: Any, told: Any) -> None:
    with capture(bridged) as recorded, bridged.span("ours"):
        with sdk.foreign.start_as_current_span("theirs", kind=trace.SpanKind.CLIENT) as theirs:
            theirs.set_attribute("rows", 3)
            theirs.add_event("fetched", {"n": 1})
            with bridged.span("inside"):
                pass
    assert told(recorded.events) == [
        "onset ours in nothing",
        "spanOpen theirs in ours",
        "spanOpen inside in theirs",
        "spanClose inside ok",
        "diagnosticChannel theirs fetched {'n': 1}",
        "attributes theirs {'rows': 3, 'otel.scope.name': 'somebody else'}",
        "spanClose theirs ok",
        "return None",
        "outcome ok",
    ]
    assert recorded.find("theirs").kind == "client"
    assert recorded.find("theirs").context.span_id == sdk.find("theirs").context.span_id


def test_a_foreign_root_is_an_invocation(bridged: Tracing, sdk: Any) -> None:
    with capture(bridged) as recorded:
        with sdk.foreign.start_as_current_span("request"), bridged.span("handler"):
            pass
    assert recorded.tree() == "request\n  handler"
    assert [e.event.type for e in recorded.events] == [
        "onset",
        "spanOpen",
        "spanClose",
        "return",
        "attributes",
        "outcome",
    ]
    assert len({e.invocation_id for e in recorded.events}) == 1


def test_a_foreign_span_that_failed_has_failed_here(bridged: Tracing, sdk: Any) -> None:
    with capture(bridged) as recorded, pytest.raises(ValueError, match="boom"):
        with sdk.foreign.start_as_current_span("theirs"):
            raise ValueError("boom")
    span = recorded.find("theirs")
    assert (span.status, span.outcome) == ("error", "exception")
    assert span.status_description == "ValueError: boom"
    assert [e.name for e in span.events] == ["exception"]
    assert recorded.events[-1].event.outcome == "exception"


def test_a_foreign_span_left_open_is_abandoned_and_its_end_does_no_harm(
    bridged: Tracing, sdk: Any
) -> None:
    with capture(bridged) as recorded:
        with bridged.invocation("request"):
            theirs = sdk.foreign.start_span("theirs")
        theirs.end()
    assert recorded.find("theirs").outcome == "abandoned"
    assert len(sdk.spans) == 2


def test_our_own_spans_are_told_once(bridged: Tracing, sdk: Any) -> None:
    with capture(bridged) as recorded, bridged.span("ours"):
        pass
    assert [e.event.type for e in recorded.events] == ["onset", "return", "outcome"]
    assert [span.name for span in recorded.spans] == ["ours"]


def test_what_a_tail_does_is_not_followed(bridged: Tracing, sdk: Any) -> None:
    events: list[Any] = []

    def tail(event: Any) -> Any:
        with sdk.foreign.start_as_current_span("by the tail"):
            events.append(event)
        return tail

    with bridged.add_tail(tail, delivery="inline"), bridged.span("ours"):
        pass
    assert [e.event.type for e in events] == ["onset", "return", "outcome"]


def test_two_bridges_on_one_provider_see_one_anothers_spans_as_foreign(sdk: Any) -> None:
    left, right = Tracing("left"), Tracing("right")
    with install(left, sdk.provider), install(right, sdk.provider), capture(right) as recorded:
        with left.span("of the left"), right.span("of the right"):
            pass
    assert recorded.tree() == "of the left\n  of the right"
    assert sdk.tree() == "of the left\n  of the right"


# --- sampling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, ParentBased(TraceIdRatioBased(0.0))])
def test_the_providers_sampler_is_obeyed(mine: Tracing, sampler: Any) -> None:
    from otel_provider import Provider  # type: ignore[import-not-found]

    unsampled = Provider(sampler)
    kept: list[Any] = []

    class Keep:
        def export(self, spans: Any) -> None:
            kept.extend(spans)

        def shutdown(self) -> None:
            pass

    carrier: dict[str, str] = {}
    with install(mine, unsampled.provider), mine.add_exporter(Keep()):
        with mine.span("ours") as ours:
            assert not ours.is_traced
            mine.inject(carrier)
            with unsampled.foreign.start_as_current_span("theirs"), mine.span("below"):
                pass
    assert int(carrier["traceparent"][-2:], 16) & 1 == 0
    assert unsampled.spans == []
    assert kept == []


def test_tails_see_what_the_sampler_left_out(mine: Tracing) -> None:
    from otel_provider import Provider

    unsampled = Provider(ALWAYS_OFF)
    with install(mine, unsampled.provider), capture(mine) as recorded:
        with mine.span("ours"), mine.span("below"):
            assert not trace.get_current_span().get_span_context().trace_flags.sampled
    assert recorded.tree() == "ours\n  below"


def test_the_sampler_sees_the_attributes_that_a_span_begins_with(mine: Tracing) -> None:
    from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
    from otel_provider import Provider

    class ByAttribute(Sampler):
        def should_sample(
            self, parent_context: Any, trace_id: int, name: str, kind: Any = None,
            attributes: Any = None, links: Any = None, trace_state: Any = None,
        ) -> Any:  # fmt: skip
            keep = bool(attributes and attributes.get("keep"))
            return SamplingResult(Decision.RECORD_AND_SAMPLE if keep else Decision.DROP)

        def get_description(self) -> str:
            return "by attribute"

    some = Provider(ByAttribute())
    with install(mine, some.provider):
        with mine.span("no"):
            pass
        with mine.span("yes", keep=True):
            pass
    assert [span.name for span in some.spans] == ["yes"]


def test_a_provider_that_raises_is_warned_about_once_and_hurts_nobody(
    mine: Tracing, caplog: Any
) -> None:
    class Broken:
        def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
            return self

        def start_span(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("no")

    with install(mine, Broken()), capture(mine) as recorded:
        with mine.span("ours"), mine.span("below"):
            pass
    assert recorded.tree() == "ours\n  below"
    assert [r.name for r in caplog.records] == ["enterspan"]


# --- without an SDK -------------------------------------------------------------------------------


def test_without_an_sdk_our_spans_have_ids_of_their_own_and_are_current(mine: Tracing) -> None:
    from opentelemetry.propagate import inject

    none = trace.NoOpTracerProvider()
    with install(mine, none), capture(mine) as recorded:
        with mine.span("outer") as outer, mine.span("inner") as inner:
            carrier: dict[str, str] = {}
            inject(carrier)
            assert carrier["traceparent"] == inner.context.traceparent
            with none.get_tracer("x").start_as_current_span("theirs"):
                with mine.span("innermost"):
                    pass
    assert recorded.tree() == "outer\n  inner\n    innermost"
    assert outer.context.trace_id == inner.context.trace_id != 0


def test_without_an_sdk_and_with_nobody_listening_the_parent_passes_through(mine: Tracing) -> None:
    from opentelemetry.propagate import extract, inject

    header = "00-0000000000000abc0000000000000000-0000000000000def-01"
    token = context.attach(extract({"traceparent": header}))
    try:
        with install(mine, trace.NoOpTracerProvider()), mine.span("unheard") as span:
            assert not span.is_traced
            theirs: dict[str, str] = {}
            ours: dict[str, str] = {}
            inject(theirs)
            mine.inject(ours)
    finally:
        context.detach(token)
    assert theirs == ours == {"traceparent": header}


def test_without_an_sdk_exporters_get_our_spans(mine: Tracing) -> None:
    kept: list[Any] = []

    class Keep:
        def export(self, spans: Any) -> None:
            kept.extend(spans)

        def shutdown(self) -> None:
            pass

    with install(mine, trace.NoOpTracerProvider()), mine.add_exporter(Keep()):
        with mine.span("outer"), mine.span("inner"):
            pass
    assert [(s.name, bool(s.parent_span_id)) for s in kept] == [("inner", True), ("outer", False)]


# --- what is left out of turn ---------------------------------------------------------------------


def test_a_block_in_a_suspended_generator_heals(bridged: Tracing, sdk: Any) -> None:
    def leaky() -> Any:
        with bridged.span("leaked"):
            yield

    with bridged.span("outer") as outer:
        generator = leaky()
        next(generator)
        with bridged.span("inside"):
            pass
        generator.close()
        assert current_id() == outer.context.span_id
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_blocks_left_in_the_wrong_order_leave_nothing(bridged: Tracing) -> None:
    first, second, third = (bridged.span(name) for name in ("first", "second", "third"))
    first.__enter__()
    second.__enter__()
    third.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    third.__exit__(None, None, None)
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert not bridged.current_span().is_traced


def test_a_block_left_around_a_foreign_span_that_ends_later_leaves_nothing(
    bridged: Tracing, sdk: Any
) -> None:
    with capture(bridged):
        ours = bridged.span("ours")
        ours.__enter__()
        theirs = sdk.foreign.start_as_current_span("theirs")
        theirs.__enter__()
        ours.__exit__(None, None, None)
        theirs.__exit__(None, None, None)
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_block_left_in_another_context_is_no_error(
    bridged: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    scope = bridged.span("elsewhere")
    there = contextvars.copy_context()
    there.run(scope.__enter__)
    here = contextvars.copy_context()
    here.run(scope.__exit__, None, None, None)
    assert here.run(trace.get_current_span) is trace.INVALID_SPAN
    with caplog.at_level(logging.DEBUG):
        assert there.run(lambda: bridged.current_span().is_traced) is False
    assert there.run(trace.get_current_span) is trace.INVALID_SPAN
    assert caplog.records == []


@pytest.mark.parametrize("listens", [True, False])
def test_a_foreign_span_inside_a_traced_generator_stays_inside(
    bridged: Tracing, sdk: Any, listens: bool
) -> None:
    seen: list[str] = []

    @bridged.traced
    def rows() -> Any:
        with sdk.foreign.start_as_current_span("cursor"):
            for number in range(2):
                with bridged.span("row"):
                    pass
                seen.append(bridged.current_span().name)
                yield number

    with capture(bridged) if listens else contextlib.nullcontext(), bridged.span("outer") as outer:
        for _ in rows():
            assert current_id() == outer.context.span_id
            with sdk.foreign.start_as_current_span("consumer"):
                pass
    assert seen == ["cursor", "cursor"]
    assert sdk.tree() == ("outer\n  rows\n    cursor\n      row\n      row\n  consumer\n  consumer")


@pytest.mark.parametrize("listens", [True, False])
def test_a_foreign_span_inside_a_traced_async_generator_stays_inside(
    bridged: Tracing, sdk: Any, listens: bool
) -> None:
    @bridged.traced
    async def rows() -> Any:
        with sdk.foreign.start_as_current_span("cursor"):
            for number in range(2):
                with sdk.foreign.start_as_current_span("row"):
                    await asyncio.sleep(0)
                    yield number
                    with bridged.span("after"):
                        pass
        with bridged.span("end"):
            pass

    async def main() -> None:
        with bridged.span("outer"):
            async for _ in rows():
                with sdk.foreign.start_as_current_span("consumer"):
                    await asyncio.sleep(0)

    with capture(bridged) if listens else contextlib.nullcontext():
        asyncio.run(main())
    assert sdk.tree() == (
        "outer\n  rows\n    cursor\n      row\n        after\n      row\n        after\n    end\n"
        "  consumer\n  consumer"
    )


def test_async_generators_dropped_half_way_leave_nothing(bridged: Tracing, sdk: Any) -> None:
    @bridged.traced
    async def numbers() -> Any:
        with bridged.span("inside"):
            for number in range(9):
                yield number

    async def main() -> None:
        async for _ in numbers():
            break
        gc.collect()
        await asyncio.sleep(0)
        assert trace.get_current_span() is trace.INVALID_SPAN

    asyncio.run(main())


def test_many_interleaved_tasks_each_see_their_own(bridged: Tracing, sdk: Any) -> None:
    async def request(number: int) -> None:
        with bridged.invocation(f"request {number}"):
            for _ in range(5):
                with sdk.foreign.start_as_current_span("theirs"):
                    with bridged.span("ours") as span:
                        await asyncio.sleep(0)
                        assert current_id() == span.context.span_id

    async def main() -> None:
        await asyncio.gather(*(request(number) for number in range(10)))

    with capture(bridged):
        asyncio.run(main())
    roots = [s for s in sdk.spans if s.parent is None]
    assert len(roots) == 10
    assert len(sdk.spans) == 110
    assert sdk.tree().count("\n") == 109


def test_a_loop_of_captured_contexts_pins_no_chain(bridged: Tracing, sdk: Any) -> None:
    """Each step starts the next from inside its own span: nothing of the first may stay."""
    import weakref

    held: list[Any] = []

    def step(left: int, where: contextvars.Context) -> contextvars.Context:
        def body() -> contextvars.Context:
            with bridged.invocation("step", new_trace=True):
                if not held:
                    held.append(weakref.ref(trace.get_current_span()))
                return contextvars.copy_context()

        return where.run(body)

    where = contextvars.copy_context()
    for left in range(5):
        where = step(left, where)
    sdk.memory.clear()
    gc.collect()
    assert held[0]() is None


# --- installing and removing ----------------------------------------------------------------------


def test_install_twice_gives_the_bridge_that_is_there(mine: Tracing, sdk: Any) -> None:
    with install(mine, sdk.provider) as bridge:
        assert install(mine, sdk.provider) is bridge
        with pytest.raises(ValueError, match="remove"):
            install(mine, trace.NoOpTracerProvider())
    with install(mine, sdk.provider) as again:
        assert again is not bridge


def test_what_is_no_tracing_or_no_provider_is_refused(mine: Tracing) -> None:
    with pytest.raises(TypeError, match="Tracing"):
        install("default")  # type: ignore[arg-type]
    for wrong in ("http://localhost", object(), trace.NoOpTracerProvider):
        with pytest.raises(TypeError, match="TracerProvider"):
            install(mine, wrong)
    assert mine._tracer.bridge is None


def test_after_remove_nothing_is_backed(mine: Tracing, sdk: Any) -> None:
    bridge = install(mine, sdk.provider)
    with mine.span("open across"):
        bridge.remove()
        bridge.remove()
        with sdk.foreign.start_as_current_span("theirs"):
            pass
    with capture(mine) as recorded, mine.span("after"):
        with sdk.foreign.start_as_current_span("theirs too"):
            pass
    assert recorded.tree() == "after"
    assert sorted(s.name for s in sdk.spans) == ["open across", "theirs", "theirs too"]


def test_installed_in_an_open_invocation_it_waits_for_the_next(mine: Tracing, sdk: Any) -> None:
    with capture(mine) as recorded:
        with mine.span("before") as before:
            with install(mine, sdk.provider):
                with mine.span("still before"):
                    with sdk.foreign.start_as_current_span("theirs"):
                        pass
                    assert mine.current_span().name == "still before"
        with install(mine, sdk.provider), mine.span("next"):
            pass
    assert recorded.tree() == "before\n  still before\nnext"
    theirs = sdk.find("theirs")
    assert theirs.context.trace_id == before.context.trace_id
    assert sdk.find("next").parent is None


def test_a_disabled_tracing_backs_nothing(bridged: Tracing, sdk: Any) -> None:
    bridged.configure(enabled=False)
    with sdk.foreign.start_as_current_span("theirs"), bridged.span("ours"):
        with sdk.foreign.start_as_current_span("below"):
            pass
    assert sdk.tree() == "theirs\n  below"


@pytest.mark.parametrize(
    "value,installed", [("1", True), ("TRUE", True), ("on", True), ("0", False), ("", False)]
)
def test_the_variable_decides(value: str, installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from enterspan import tracing

    monkeypatch.setenv("ENTERSPAN_OTEL_BRIDGE", value)
    install_if_asked()
    bridge: Any = tracing._tracer.bridge
    assert (bridge is not None) == installed
    if isinstance(bridge, Bridge):
        bridge.remove()


def test_a_value_that_means_nothing_is_said_and_leaves_it_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from enterspan import tracing

    monkeypatch.setenv("ENTERSPAN_OTEL_BRIDGE", "perhaps")
    install_if_asked()
    assert tracing._tracer.bridge is None
    assert "ENTERSPAN_OTEL_BRIDGE" in caplog.text
