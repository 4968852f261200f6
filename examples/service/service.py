"""The service: a Starlette application that takes orders.

    uvicorn --app-dir examples/service service:app --port 8000

Each request is an invocation. Its events go to the file that SHOP_TRACE names, or, without it, live
to the terminal.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from enterspan import traced, tracing
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesTail
from enterspan.integrations.asgi import TracingMiddleware
from enterspan.integrations.logging import LogHandler
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

PRICES = {"tea": 640, "mug": 950}

log = logging.getLogger("shop")
log.setLevel(logging.INFO)
log.addHandler(LogHandler())

file = os.environ.get("SHOP_TRACE")
tracing.add_tail(JsonLinesTail(file) if file else ConsoleTail())


@traced("price", capture_args=["sku", "count"])
async def price(sku: str, count: int) -> int:
    """Look a price up, which takes a moment."""
    await asyncio.sleep(0.01)
    return PRICES[sku] * count


async def order(request: Request) -> JSONResponse:
    """Take an order: a number of one item."""
    sku = request.path_params["sku"]
    if sku not in PRICES:
        log.warning("nobody sells %s", sku)
        return JSONResponse({"error": f"no {sku} here"}, status_code=404)
    cents = await price(sku, int(request.query_params.get("count", "1")))
    log.info("sold %s for %d cents", sku, cents)
    return JSONResponse({"sku": sku, "cents": cents}, status_code=201)


app = Starlette(
    routes=[Route("/orders/{sku}", order, methods=["POST"])],
    middleware=[Middleware(TracingMiddleware)],
)
