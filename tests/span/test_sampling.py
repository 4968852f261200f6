"""Which spans exporters get, and what those see who are not asked."""

from __future__ import annotations

import pytest

from enterspan import SpanContext
from enterspan.testing import capture


class Collector:
    """An exporter that remembers."""

    def __init__(self):
        self.spans = []
        self.shut_down = 0

    def export(self, spans):
        self.spans += spans

    def shutdown(self):
        self.shut_down += 1

    @property
    def names(self):
        return [s.name for s in self.spans]


class Fixed:
    """A sampler with one answer, which remembers what it was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def should_sample(self, parent, trace_id, name, attributes):
        self.asked.append((parent, trace_id, name, attributes))
        return self.answer


def above(flags):
    return SpanContext(7, 9, flags, "a=1")


@pytest.fixture
def exported(mine):
    collector = Collector()
    with mine.add_exporter(collector, delay=0.01):
        yield collector


def work(mine, parent=None):
    with mine.invocation("main", parent=parent) as invocation:
        with mine.span("child") as child:
            pass
    return invocation, child


def test_without_upstream_every_trace_is_kept(mine, exported):
    invocation, child = work(mine)
    assert child.context.trace_flags == 1
    assert mine.flush(10)
    assert exported.names == ["child", "main"]


def test_the_default_follows_the_flag_of_the_parent(mine, exported):
    work(mine, above(1))
    invocation, child = work(mine, above(0))
    assert mine.flush(10)
    assert exported.names == ["child", "main"]
    assert child.context.trace_id == 0
    assert invocation.span.context.trace_id == 0


def test_other_flags_are_carried_verbatim(mine, exported):
    invocation, child = work(mine, above(0xA3))
    assert child.context.trace_flags == 0xA3
    mine.configure(sampler=Fixed(False))
    carrier = {}
    with mine.invocation(parent=above(0xA3)):
        mine.inject(carrier)
    assert carrier["traceparent"].endswith("-a2")
    assert carrier["tracestate"] == "a=1"


def test_an_unsampled_invocation_is_the_no_op_for_exporters_alone(mine, exported):
    with mine.invocation(parent=above(0)):
        assert mine.current_span() is work_span(mine)
        assert not mine.current_span().is_traced
        with mine.span("child") as child:
            assert child is mine.current_span()
            mine.log("info", "x")
        assert mine.start_span("x") is child
        assert mine.traced(lambda: 5)() == 5
    assert mine.flush(10)
    assert exported.spans == []


def work_span(mine):
    with mine.span("x") as span:
        return span


def test_an_unsampled_invocation_is_injected_so_that_the_next_one_knows(mine, exported):
    carrier = {}
    with mine.invocation(parent=above(0)), mine.span("child"):
        mine.inject(carrier)
    assert carrier["traceparent"].startswith(f"00-{7:032x}-")
    assert carrier["traceparent"].endswith("-00")


def test_a_sampler_is_asked_once_for_each_invocation(mine, exported):
    sampler = Fixed(True)
    mine.configure(sampler=sampler)
    with mine.invocation("a", attributes={"k": 1}) as invocation, mine.span("b"), mine.span("c"):
        pass
    with mine.span("implicit", n=2):
        pass
    work(mine, above(0))
    assert [(a[0], a[2], a[3]) for a in sampler.asked] == [
        (None, "a", {"k": 1}),
        (None, "implicit", {"n": 2}),
        (above(0), "main", {}),
    ]
    assert sampler.asked[0][1] == invocation.span.context.trace_id
    assert sampler.asked[2][1] == 7
    assert mine.flush(10)
    assert exported.names == ["c", "b", "a", "implicit", "child", "main"]
    assert exported.spans[-1].context.trace_flags == 1


def test_a_sampler_can_say_no(mine, exported):
    mine.configure(sampler=Fixed(False))
    work(mine)
    work(mine, above(1))
    with mine.span("implicit"):
        with mine.span("below"):
            pass
    assert mine.flush(10)
    assert exported.spans == []


def test_a_sampler_that_raises_is_warned_about_and_the_parent_is_followed(mine, exported, caplog):
    class Broken:
        def should_sample(self, parent, trace_id, name, attributes):
            raise ValueError("x")

    mine.configure(sampler=Broken())
    work(mine)
    work(mine, above(0))
    work(mine, above(1))
    assert mine.flush(10)
    assert exported.names == ["child", "main"] * 2
    assert len(caplog.records) == 1


def test_an_answer_that_is_no_bool_hurts_nobody(mine, exported, caplog):
    class Hostile:
        def __bool__(self):
            raise RuntimeError("bool")

    mine.configure(sampler=Fixed(Hostile()))
    work(mine)
    mine.configure(sampler=Fixed(0))
    work(mine)
    mine.configure(sampler=Fixed("yes"))
    work(mine)
    assert mine.flush(10)
    assert exported.names == ["child", "main"] * 2


def test_a_sampler_that_traces_is_not_asked_about_itself(mine, exported):
    class Tracer:
        def should_sample(self, parent, trace_id, name, attributes):
            with mine.span("in the sampler"), mine.invocation("deeper"):
                return True

    mine.configure(sampler=Tracer())
    work(mine)
    assert mine.flush(10)
    assert exported.names == ["child", "main"]


def test_tails_see_what_is_not_sampled(mine, exported, told):
    """And the sampled flag says so."""
    mine.configure(sampler=Fixed(False))
    with capture(mine) as trace:
        invocation, child = work(mine)
    assert told(trace.events) == [
        "onset main in nothing",
        "spanOpen child in main",
        "spanClose child ok",
        "return None",
        "outcome ok",
    ]
    assert child.context.trace_flags == 0
    assert mine.flush(10)
    assert exported.spans == []


def test_a_tail_that_declines_leaves_an_unsampled_invocation_the_no_op(mine):
    with mine.add_tail(lambda onset: None, delivery="inline"):
        with mine.invocation(parent=above(0)) as invocation:
            assert invocation.span.context.trace_id == 0
            with mine.span("x") as span:
                assert not span.is_traced


def test_a_span_of_an_unsampled_implicit_invocation_is_the_no_op(mine, exported):
    mine.configure(sampler=Fixed(False))
    with mine.span("root") as root:
        assert not root.is_traced
        assert root.set_attribute("a", 1) is root
        with mine.span("child") as child:
            assert child is root
        carrier = {}
        mine.inject(carrier)
        assert carrier["traceparent"].endswith("-00")
    assert mine.enter_span("x", lambda span: span) is root
    assert mine.current_span() is root


def test_a_nested_invocation_of_an_unsampled_one_is_unsampled(mine, exported):
    with mine.invocation(parent=above(0)), mine.invocation("nested"), mine.span("x"):
        pass
    assert mine.flush(10)
    assert exported.spans == []
