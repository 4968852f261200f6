"""FastAPI behind uvicorn, asked by httpx."""

from __future__ import annotations

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException

from enterspan.integrations.asgi import TracingMiddleware
from enterspan.testing import capture


@pytest.fixture
def app(mine):
    """An application of routers in routers, and of one mounted in another."""

    def session():
        with mine.span("session"):
            yield 5

    async def item(id: int, session=Depends(session)):  # noqa: A002, B008 - so FastAPI has it
        with mine.span("load"):
            return id

    def blocking(tasks: BackgroundTasks):
        tasks.add_task(mine.traced("later")(lambda: None))
        with mine.span("in a thread"):
            return 1

    async def missing():
        raise HTTPException(418)

    router = APIRouter(prefix="/inner")
    router.get("/items/{id}")(item)
    outer = APIRouter()
    outer.include_router(router, prefix="/mid/{m}")
    mounted = FastAPI()
    mounted.get("/items/{id}")(item)
    made = FastAPI()
    made.get("/items/{id}")(item)
    made.get("/blocking")(blocking)
    made.get("/missing")(missing)
    made.include_router(outer, prefix="/api")
    made.mount("/shops/{shop}", mounted)
    made.add_middleware(TracingMiddleware, tracing=mine, exclude=["/docs"])
    return made


def test_the_route_is_the_name(mine, app, serve, until, outcomes):
    paths = ["/items/7", "/api/mid/3/inner/items/7", "/shops/9/items/7", "/items/x", "/missing"]
    with serve(app) as address, capture(mine, everything=True) as trace:
        statuses = [httpx.get(f"http://{address}{path}").status_code for path in (*paths, "/docs")]
        until(lambda: len(outcomes(trace)) == len(paths))
    assert statuses == [200, 200, 200, 422, 418, 200]
    assert [span.name for span in trace.spans if span.kind == "server"] == [
        "GET /items/{id}",
        "GET /api/mid/{m}/inner/items/{id}",
        "GET /shops/{shop}/items/{id}",
        "GET /items/{id}",
        "GET /missing",
    ]


def test_dependencies_threads_and_background_tasks_are_inside(mine, app, serve, until, outcomes):
    with serve(app) as address, capture(mine, everything=True) as trace:
        httpx.get(f"http://{address}/items/7")
        httpx.get(f"http://{address}/blocking")
        until(lambda: len(outcomes(trace)) == 2)
    roots = trace.children_of(None)
    assert [root.name for root in roots] == ["GET /items/{id}", "GET /blocking"]
    assert sorted(s.name for s in trace.spans) == sorted(
        ["session", "load", "in a thread", "later", *(root.name for root in roots)]
    )
    assert outcomes(trace) == ["ok", "ok"]
