"""The core with a bridge to another tracer, and without: what it asks of one, and when."""

from __future__ import annotations

from typing import Any

import pytest

from enterspan import SpanContext, Tracing
from enterspan._span.processor import Filter, SpanProcessor
from enterspan.testing import capture

ABOVE = SpanContext(0xABC, 0xDEF, 1, "vendor=1", True)


class RecordingProcessor(Filter):
    """Gives each span an id of the bridge's, and writes down what it is called for."""

    is_immediate = True

    def __init__(self, bridge: RecordingBridge, inner: Any) -> None:
        super().__init__(inner)
        self.bridge = bridge

    def on_open(self, span: Any, parent: Any) -> None:
        self.bridge.said.append(f"opened {span.name} in {parent.name}")
        span._span_id = self.bridge.new_id()
        self.inner.on_open(span, parent)

    def on_close(self, span: Any) -> None:
        self.bridge.said.append(f"closed {span.name}")
        self.inner.on_close(span)

    def on_end(self, outcome: str) -> None:
        self.bridge.said.append(f"outcome {outcome}")
        self.inner.on_end(outcome)


class RecordingBridge:
    """A bridge to a tracer that counts its ids, and has a variable of its own."""

    def __init__(self, tracing: Tracing, above: SpanContext | None = None) -> None:
        self.tracer = tracing._tracer
        self.variable = self.tracer.variable
        self.above = above
        self.said: list[str] = []
        self.ids = 0x1000
        self.sets = 0
        self.is_recording = True

    def new_id(self) -> int:
        self.ids += 1
        return self.ids

    def get(self) -> Any:
        return self.variable.get()

    def set(self, entry: Any) -> Any:
        self.sets += 1
        return self.variable.set(entry)

    def reset(self, token: Any) -> None:
        self.sets -= 1
        self.variable.reset(token)

    def upstream(self) -> SpanContext | None:
        return self.above

    def processor_for(
        self, state: Any, root: Any, parent: Any, link: Any, info: Any, given: Any
    ) -> Any:
        self.said.append(f"root {root.name} under {parent and hex(parent.span_id)}")
        state.root_id = root._span_id = self.new_id()
        state.sampled = self.is_recording
        inner = self.tracer.processor_for(state, root, parent, info, given)
        if inner is None and not self.is_recording:
            return None
        return RecordingProcessor(self, inner or SpanProcessor())


@pytest.fixture
def bridge(mine: Tracing) -> Any:
    made = RecordingBridge(mine)
    mine._tracer.use_bridge(made)
    yield made
    mine._tracer.use_bridge(None)


def test_without_a_bridge_nobody_listens_and_nothing_is_recorded(mine: Tracing) -> None:
    assert mine._tracer.off
    assert mine._tracer.upstream() is None


def test_a_bridge_alone_makes_spans_be_recorded(mine: Tracing, bridge: Any) -> None:
    with mine.span("outer") as outer, mine.span("inner") as inner:
        assert (outer.context.span_id, inner.context.span_id) == (0x1001, 0x1002)
    assert bridge.said == [
        "root outer under None",
        "opened inner in outer",
        "closed inner",
        "closed outer",
        "outcome ok",
    ]


def test_whatever_makes_a_span_current_goes_through_the_bridge_and_is_undone(
    mine: Tracing, bridge: Any
) -> None:
    seen: list[int] = []

    @mine.traced
    def numbers() -> Any:
        seen.append(bridge.sets)
        yield 1
        seen.append(bridge.sets)

    with mine.span("block"):
        seen.append(bridge.sets)
        mine.enter_span("callback", lambda span: seen.append(bridge.sets))
        with mine.use_span(mine.start_span("elsewhere"), end=True):
            seen.append(bridge.sets)
        list(numbers())
    assert seen == [1, 2, 2, 2, 2]
    assert bridge.sets == 0


def test_the_ids_of_the_bridge_are_those_that_tails_and_exporters_see(
    mine: Tracing, bridge: Any
) -> None:
    with capture(mine) as trace, mine.span("outer"), mine.span("inner"):
        pass
    inner, outer = trace.spans
    assert (outer.context.span_id, inner.context.span_id) == (0x1001, 0x1002)
    assert inner.parent_span_id == 0x1001
    assert trace.events[0].invocation_id == f"{0x1001:016x}"
    opened: Any = trace.events[1].event
    assert opened.span_id == f"{0x1002:016x}"


def test_what_the_other_tracer_has_current_is_the_parent_where_nothing_of_ours_is(
    mine: Tracing, bridge: Any
) -> None:
    bridge.above = ABOVE
    with capture(mine) as trace:
        with mine.span("implicit"), mine.span("below"):
            pass
        with mine.invocation("asked for"):
            pass
    assert bridge.said[0] == "root implicit under 0xdef"
    assert "root asked for under 0xdef" in bridge.said
    assert "opened below in implicit" in bridge.said
    for name in ("implicit", "asked for"):
        span = trace.find(name)
        assert span.context.trace_id == ABOVE.trace_id
        assert span.context.trace_state == "vendor=1"
        assert span.parent_is_remote
    assert not trace.find("below").parent_is_remote


def test_a_new_trace_that_was_asked_for_is_one(mine: Tracing, bridge: Any) -> None:
    bridge.above = ABOVE
    with mine.invocation("new", new_trace=True) as invocation:
        assert invocation.span.context.trace_id != ABOVE.trace_id
    assert bridge.said[0] == "root new under None"


def test_an_upstream_goes_before_an_ambient_invocation(mine: Tracing, bridge: Any) -> None:
    import contextvars

    def elsewhere() -> None:
        bridge.above = ABOVE
        with mine.span("work"):
            pass

    with mine.invocation("ambient", ambient=True):
        contextvars.Context().run(elsewhere)
    assert "root work under 0xdef" in bridge.said


def test_a_bridge_that_keeps_nothing_leaves_the_no_op_span(mine: Tracing, bridge: Any) -> None:
    bridge.is_recording = False
    with mine.span("outer") as outer, mine.span("inner") as inner:
        assert not outer.is_traced
        assert not inner.is_traced
    assert bridge.said == ["root outer under None"]


def test_min_duration_leaves_nothing_out_with_a_bridge(mine: Tracing, bridge: Any) -> None:
    """What the other tracer has begun can't be taken back: its children would be orphans."""

    @mine.traced(min_duration=60)
    def quick() -> None:
        pass

    with capture(mine) as trace:
        quick()
        with mine.span("outer"):
            quick()
    assert [span.name for span in trace.spans] == ["quick", "quick", "outer"]


def test_after_its_removal_all_is_as_without_it(mine: Tracing) -> None:
    bridge = RecordingBridge(mine)
    mine._tracer.use_bridge(bridge)
    with mine.span("open across the removal"):
        mine._tracer.use_bridge(None)
        assert mine._tracer.off
    with mine.span("after") as span:
        assert not span.is_traced
    assert bridge.said == [
        "root open across the removal under None",
        "closed open across the removal",
        "outcome ok",
    ]
    assert mine._tracer.get() is None
