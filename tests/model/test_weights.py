"""Spans that are queued without being weighed weigh no more than is counted for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enterspan import SpanContext, Tracing
from enterspan._model.weights import BARE, is_bare, weight_of_span

TEXTS = st.text(max_size=2_000) | st.integers(0, 2_000).map(lambda n: "a" * n + "\U0001f375")
VALUES = TEXTS | st.integers() | st.floats() | st.booleans() | st.lists(TEXTS, max_size=3)
LINK = SpanContext(1, 2, 1, "", True)


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
    exporter = type("Exporter", (), {"export": lambda *_: None, "shutdown": lambda _: None})()
    with tracing.add_exporter(exporter):
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
