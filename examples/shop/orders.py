"""One order, from the cart to the parcel."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enterspan import FetchEventInfo, FetchResponseInfo, tracing

from payments import CardDeclinedError, charge
from pricing import total
from shipping import cheapest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catalogue import Catalogue


@dataclass(frozen=True)
class Order:
    """An order: the quantity of each item."""

    number: int
    cart: Mapping[str, int]
    card: str
    coupon: str | None = None


async def take(order: Order, catalogue: Catalogue) -> str:
    """Handle an order as a web server would handle a request, and say what came of it."""
    request = FetchEventInfo("POST", f"https://shop.example/orders/{order.number}")
    async with tracing.invocation(f"order {order.number}", info=request) as invocation:
        try:
            answer = await _fulfil(order, catalogue)
        except CardDeclinedError as error:
            invocation.set_return(FetchResponseInfo(402))
            return f"order {order.number}: declined, {error}"
        invocation.set_return(FetchResponseInfo(201))
        return f"order {order.number}: {answer}"


async def _fulfil(order: Order, catalogue: Catalogue) -> str:
    cents = total(order.cart, catalogue, order.coupon)
    catalogue.reserve(order.cart)
    try:
        receipt = await charge(order.card, cents)
    except CardDeclinedError:
        catalogue.release(order.cart)
        raise
    with tracing.span("pack", pieces=sum(order.cart.values())):
        await asyncio.sleep(0.01)
        grams = catalogue.weigh(order.cart)
    shipping = await asyncio.to_thread(cheapest, grams)
    return f"{(cents + shipping.cents) / 100:.2f} paid, {receipt}, with {shipping.carrier}"
