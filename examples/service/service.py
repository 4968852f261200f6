"""The service: a Starlette application that takes orders, with its prices in SQLite.

    uvicorn --app-dir examples/service service:app --port 8000

Each request is an invocation. `outputs.py` says where its events go.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from enterspan import traced
from enterspan.integrations.asgi import TracingMiddleware
from outputs import open_outputs
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

log = logging.getLogger("shop")
close_outputs = open_outputs(log)


def open_shop() -> sqlite3.Connection:
    """Write down what things cost."""
    shop = sqlite3.connect(":memory:", check_same_thread=False)
    shop.execute("CREATE TABLE prices (sku TEXT PRIMARY KEY, cents INTEGER)")
    shop.execute("INSERT INTO prices VALUES ('tea', 640), ('mug', 950)")
    return shop


shop = open_shop()


@traced("price", capture_args=["sku", "count"])
def price(sku: str, count: int) -> int | None:
    """Look a price up; None for what is not sold."""
    found = shop.cursor().execute("SELECT cents FROM prices WHERE sku = ?", (sku,)).fetchone()
    return None if found is None else found[0] * count


async def order(request: Request) -> JSONResponse:
    """Take an order: a number of one item."""
    sku = request.path_params["sku"]
    cents = price(sku, int(request.query_params.get("count", "1")))
    if cents is None:
        log.warning("nobody sells %s", sku)
        return JSONResponse({"error": f"no {sku} here"}, status_code=404)
    log.info("sold %s for %d cents", sku, cents)
    return JSONResponse({"sku": sku, "cents": cents}, status_code=201)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[None]:
    """Send the rest of the spans when the server stops."""
    yield
    close_outputs()


app = Starlette(
    routes=[Route("/orders/{sku}", order, methods=["POST"])],
    middleware=[Middleware(TracingMiddleware)],
    lifespan=lifespan,
)
