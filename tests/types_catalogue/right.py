"""What a user of a catalogue may write: no checker has anything to say about it."""

from __future__ import annotations

import spans
from spans import SpanName, tracing
from typing_extensions import assert_type

from enterspan import Span, SpanScope


def any_span(span: Span, number: int, *, word: str = "") -> str:
    return word * number


def blocks() -> None:
    with spans.checkout_pay(cart_id="c1", total=3, currency="eur", tags=["a"]) as span:
        span.set_attribute("coupon", "SPRING").set_attribute("total", 2.5)
        span.set_attribute("coupon", None)
        span.set_attributes(cart_id="c2", total=1)
        span.set_attributes({"currency": "usd"})
        any_span(span, 1)
    with spans.GET_cart_id(http_method="GET", rows=3) as found:
        found.set_attribute("http.status", 200)
    with spans.debug(level=3, anything="x", more=[1.5]) as open_ended:
        open_ended.set_attribute("whatever", 3)
    with spans.idle() as plain:
        assert_type(plain, Span)


async def async_blocks() -> None:
    async with spans.checkout_pay(cart_id="c1", total=3, currency="eur", coupon=None) as span:
        span.set_attribute("currency", "usd")


def other_forms() -> None:
    assert_type(spans.checkout_pay.enter_span(any_span, 3, word="x"), str)
    assert_type(spans.checkout_pay.start_active_span(any_span, 3), str)
    started = spans.checkout_pay.start_span(cart_id="c1", total=3, currency="eur")
    started.set_attribute("total", 4).end()


@spans.checkout_pay.traced
def bare(cart_id: str) -> int:
    return len(cart_id)


@spans.checkout_pay.traced(capture_args=["cart_id"], attributes={"currency": "eur"})
async def with_options(cart_id: str) -> int:
    return len(cart_id)


def as_they_were() -> None:
    assert_type(bare("c1"), int)
    assert_type(spans.idle.traced()(bare)("c1"), int)


def names() -> None:
    with tracing.span("checkout.pay", cart_id="c1", total=3, currency="eur") as span:
        span.set_attribute("coupon", "x")
    with tracing.span("GET /cart/{id}", {"http.method": "GET"}, rows=3):
        pass
    with tracing.span("debug", {"anything": 3}, level=3, more="x"):
        pass
    assert_type(tracing.span(SpanName("elsewhere"), {"a": 1}, b=2), SpanScope)
    assert_type(tracing.enter_span("idle", any_span, 3, word="x"), str)
    tracing.start_span("idle").end()
    assert_type(tracing.traced("idle")(bare)("c1"), int)
    assert_type(tracing.traced(SpanName("elsewhere"))(bare)("c1"), int)
    assert_type(tracing.traced(bare)("c1"), int)
