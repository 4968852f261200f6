"""A small shop, traced: it takes three orders, one of which fails, and prints its stock.

Run it alone, or with enterspan:

    python examples/shop
    enterspan run examples/shop
"""

from __future__ import annotations

import asyncio

from enterspan import tracing

from catalogue import Catalogue
from orders import Order, take
from report import lines

ORDERS = (
    Order(1001, {"tea": 2, "mug": 1}, card="visa", coupon="SPRING"),
    Order(1002, {"teapot": 1}, card="expired"),
    Order(1003, {"tea": 1, "biscuits": 4}, card="slow"),
)


async def trade(catalogue: Catalogue) -> None:
    """Take the orders, one after the other, so that the trace reads from top to bottom."""
    for order in ORDERS:
        print(await take(order, catalogue))


def main() -> None:
    """Open the shop, trade, and count what is left."""
    catalogue = Catalogue()
    catalogue.stock_up()
    asyncio.run(trade(catalogue))
    with tracing.span("report") as span:
        rows = 0
        for line in lines(catalogue):
            print(line)
            rows += 1
        span.set_attribute("rows", rows)
    catalogue.close()


if __name__ == "__main__":
    main()
