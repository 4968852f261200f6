"""One mistake on each marked line: every checker must see each of them, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import spans
from spans import tracing

if TYPE_CHECKING:
    from enterspan import Span


def needs_number(span: Span, number: int) -> int:
    return number


def blocks() -> None:
    spans.chekout_pay(cart_id="c1")  # wrong: a misspelt span
    spans.checkout_pay(cart_id="c1", total=3, currency="eur", cupon="x")  # wrong: a misspelt name
    spans.checkout_pay(cart_id="c1", total="3", currency="eur")  # wrong: a type
    spans.checkout_pay(cart_id="c1", total=3, currency="gbp")  # wrong: none of the values
    spans.checkout_pay(cart_id="c1", currency="eur")  # wrong: a required attribute is missing
    spans.checkout_pay(cart_id=None, total=3, currency="eur")  # wrong: None for a required one
    spans.checkout_pay(cart_id="c1", total=3, currency="eur", tags="a")  # wrong: text for a list
    spans.checkout_pay("c1", total=3, currency="eur")  # wrong: by position
    spans.GET_cart_id(http_method="GET", rows=1.5)  # wrong: neither type of a union
    spans.debug(level="high")  # wrong: a type, where other attributes are welcome
    spans.debug(level=3, other=object())  # wrong: no attribute's type
    spans.idle(anything=3)  # wrong: it has no attributes


def later() -> None:
    with spans.checkout_pay(cart_id="c1", total=3, currency="eur") as span:
        span.set_attribute("totl", 3)  # wrong: a misspelt attribute
        span.set_attribute("total", "3")  # wrong: a type
        span.set_attributes(totl=3)  # wrong: a misspelt attribute
        span.set_attributes({"totl": 3})  # wrong: a misspelt attribute
    with spans.GET_cart_id(http_method="GET", rows=3) as found:
        found.set_attribute("http.status", "200")  # wrong: a type


async def async_later() -> None:
    async with spans.checkout_pay(cart_id="c1", total=3, currency="eur") as span:
        span.set_attribute("totl", 3)  # wrong: a misspelt attribute


def other_forms() -> None:
    spans.checkout_pay.start_span(cart_id="c1", total="3", currency="eur")  # wrong: a type
    spans.checkout_pay.enter_span(needs_number, "3")  # wrong: a callback's argument
    spans.checkout_pay.traced(capture_args=["crt_id"])  # wrong: a misspelt attribute
    spans.checkout_pay.traced(attributes={"totl": 3})  # wrong: a misspelt attribute
    spans.checkout_pay.traced(attributes={"total": "3"})  # wrong: a type


def names() -> None:
    tracing.span("chekout.pay", cart_id="c1")  # wrong: a misspelt span
    tracing.span("checkout.pay", cart_id="c1", total="3", currency="eur")  # wrong: a type
    tracing.span("checkout.pay", cart_id="c1", currency="eur")  # wrong: one is missing
    tracing.span("GET /cart/{id}", {"http.methud": "GET"}, rows=3)  # wrong: misspelt
    tracing.start_span("idel")  # wrong: a misspelt span
    tracing.enter_span("idel", needs_number, 3)  # wrong: a misspelt span
    tracing.enter_span("idle", needs_number, "3")  # wrong: a callback's argument
    tracing.traced("idel")  # wrong: a misspelt span
