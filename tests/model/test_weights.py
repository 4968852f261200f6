"""Spans that are queued without being weighed weigh no more than is counted for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enterspan import Limits, SpanContext, Tracing
from enterspan._model.weights import BARE, is_bare, weight_of_span

TEXTS = st.text(max_size=2_000) | st.integers(0, 2_000).map(lambda n: "a" * n + "\U0001f375")
VALUES = TEXTS | st.integers() | st.floats() | st.booleans() | st.lists(TEXTS, max_size=3)
LINK = SpanContext(1, 2, 1, "", True)


class Exporter:
    """An exporter that does nothing."""

    def export(self, spans):
        pass

    def shutdown(self):
        pass


class Kept:
    """A span's weight, taken while it has all of it."""

    def __init__(self, tracing):
        self.tracing = tracing

    def weigh(self, work):
        span = self.tracing.start_span("x" * 252 + "\U0001f375")
        work(span)
        return is_bare(span), weight_of_span(span)


@pytest.fixture(scope="module")
def kept():
    tracing = Tracing("weighed")
    with tracing.add_exporter(Exporter()):
        yield Kept(tracing)


@given(
    attributes=st.dictionaries(st.text(max_size=100), VALUES, max_size=40),
    events=st.lists(st.text(max_size=300), max_size=6),
    description=TEXTS,
)
def test_what_is_called_bare_weighs_no_more_than_that(kept, attributes, events, description):
    def work(span):
        span.set_kind("server").set_attributes(attributes).set_status("error", description)
        for name in events:
            span.add_event(name)

    is_called_bare, weight = kept.weigh(work)
    assert weight <= BARE or not is_called_bare


@pytest.mark.parametrize(
    "work,expected",
    [
        (lambda span: span, True),
        (lambda span: span.set_kind("server"), True),
        (lambda span: span.set_kind("server").set_attribute("a", "b" * 1_000), True),
        (lambda span: span.set_kind("server").set_attribute("a", "b" * 2_000), False),
        (lambda span: span.set_kind("server").set_attribute("a", [""] * 1_000), False),
        (lambda span: span.set_status("error", "x" * 513), False),
        (lambda span: span.add_event("answered"), True),
        (lambda span: span.add_event("answered", n=1), False),
        (lambda span: [span.add_event("answered") for _ in range(5)], False),
        (lambda span: span.add_link(LINK), False),
    ],
)
def test_a_request_as_usual_is_bare_and_what_may_be_large_is_not(kept, work, expected):
    assert kept.weigh(work)[0] is expected


@pytest.mark.parametrize("later", [Limits(value_bytes_of={"prompt": 1_000_000}), Limits()])
@pytest.mark.parametrize("size, expected", [(1_000, True), (2_000, False), (600_000, False)])
def test_what_counts_for_no_total_weighs_as_well(size, expected, later):
    """Values with limits of their own: what was recorded counts, whatever the limits are by now."""
    tracing = Tracing("own")
    tracing.configure(limits=Limits(value_bytes_of={"prompt": 1_000_000}))
    with tracing.add_exporter(Exporter()):
        first = tracing.start_span("first", prompt="p" * size)
        set_later = tracing.start_span("later").set_kind("client")
        set_later.set_attribute("prompt", "p" * size)
        tracing.configure(limits=later)
        for span in (first, set_later):
            assert is_bare(span) is expected
            assert weight_of_span(span) <= BARE or not expected
