"""Starlette behind uvicorn, asked by httpx and by a web socket client."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect
from websockets.sync.client import connect

from enterspan.integrations.asgi import TracingMiddleware
from enterspan.testing import capture


@pytest.fixture
def app(mine, tmp_path):
    """An application with a route of every kind."""

    async def item(request):
        with mine.span("load"):
            await asyncio.sleep(0)
        return PlainTextResponse(str(request.path_params["id"]))

    def blocking(request):
        with mine.span("in a thread"):
            return PlainTextResponse("done")

    async def fail(request):
        raise ValueError("x")

    async def background(request):
        async def later():
            with mine.span("later"):
                await asyncio.sleep(0.01)

        return PlainTextResponse("ok", background=BackgroundTask(later))

    async def stream(request):
        async def pieces():
            for _ in range(int(request.path_params["n"])):
                with mine.span("piece"):
                    await asyncio.sleep(0.005)
                    yield b"x" * 1000

        return StreamingResponse(pieces())

    async def echo(websocket):
        await websocket.accept()
        try:
            while True:
                message = await websocket.receive_text()
                with mine.span("echo"):
                    await websocket.send_text(message)
        except WebSocketDisconnect:
            pass

    async def refuse(websocket):
        await websocket.close()

    (tmp_path / "a.css").write_text("a")

    def make(**options):
        return Starlette(
            routes=[
                Route("/items/{id:int}", item, methods=["GET", "POST"]),
                Route("/blocking", blocking),
                Route("/fail", fail),
                Route("/background", background),
                Route("/stream/{n}", stream),
                Mount("/shops/{shop}", routes=[Route("/items/{id}", item)]),
                Mount("/static", app=StaticFiles(directory=tmp_path)),
                WebSocketRoute("/echo/{room}", echo),
                WebSocketRoute("/refuse", refuse),
            ],
            middleware=[
                Middleware(TracingMiddleware, tracing=mine, **options),
                Middleware(BaseHTTPMiddleware, dispatch=pass_on),
            ],
        )

    async def pass_on(request, call_next):
        return await call_next(request)

    return make


def names(trace):
    return [span.name for span in trace.spans if span.kind == "server"]


def test_the_route_is_the_name(mine, app, serve, until, outcomes):
    paths = ["/items/7", "/shops/3/items/a", "/static/a.css", "/nowhere", "/items/x", "/blocking"]
    with serve(app()) as address, capture(mine, everything=True) as trace:
        statuses = [httpx.get(f"http://{address}{path}").status_code for path in paths]
        until(lambda: len(outcomes(trace)) == len(paths))
    assert statuses == [200, 200, 200, 404, 404, 200]
    assert names(trace) == [
        "GET /items/{id:int}",
        "GET /shops/{shop}/items/{id}",
        "GET /static",
        "GET",
        "GET",
        "GET /blocking",
    ]
    assert trace.children_of(trace.find("GET /blocking"))[0].name == "in a thread"
    attributes = trace.find("GET /items/{id:int}").attributes
    assert attributes["url.path"] == "/items/7"
    assert attributes["http.route"] == "/items/{id:int}"
    assert attributes["http.response.status_code"] == 200
    assert attributes["user_agent.original"].startswith("python-httpx")
    assert set(outcomes(trace)) == {"ok"}


def test_a_client_and_the_service_share_a_trace(mine, app, serve, until, outcomes):
    with serve(app()) as address, capture(mine, everything=True) as trace:
        with mine.span("client") as client:
            headers = {}
            mine.inject(headers)
            httpx.post(f"http://{address}/items/7", headers=headers)
        until(lambda: len(outcomes(trace)) == 2)
    root = trace.find("POST /items/{id:int}")
    assert root.context.trace_id == client.context.trace_id
    assert root.parent_span_id == client.context.span_id
    assert trace.tree() == "client\n  POST /items/{id:int}\n    load"


def test_a_failure_is_the_outcome(mine, app, serve, until, outcomes):
    with serve(app()) as address, capture(mine, everything=True) as trace:
        assert httpx.get(f"http://{address}/fail").status_code == 500
        until(lambda: outcomes(trace))
    assert outcomes(trace) == ["exception"]
    assert trace.find("GET /fail").attributes["error.type"] == "ValueError"


def test_background_tasks_are_inside(mine, app, serve, until, outcomes):
    with serve(app()) as address, capture(mine, everything=True) as trace:
        httpx.get(f"http://{address}/background")
        until(lambda: outcomes(trace))
    assert trace.tree() == "GET /background\n  later"
    assert outcomes(trace) == ["ok"]


def test_a_streamed_body_is_inside(mine, app, serve, until, outcomes):
    with serve(app()) as address, capture(mine, everything=True) as trace:
        assert len(httpx.get(f"http://{address}/stream/3").content) == 3000
        until(lambda: outcomes(trace))
    assert trace.tree() == "GET /stream/{n}\n" + "\n".join(["  piece"] * 3)
    assert outcomes(trace) == ["ok"]


def test_a_client_that_hangs_up_is_a_cancellation(mine, app, serve, until, outcomes):
    with serve(app()) as address, capture(mine, everything=True) as trace:
        host, port = address.split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /stream/100000 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
        until(lambda: outcomes(trace))
    assert outcomes(trace) == ["canceled"]
    assert trace.find("GET /stream/{n}").status == "unset"


def test_a_web_socket_is_an_invocation(mine, app, serve, until, outcomes):
    with serve(app()) as address, capture(mine, everything=True) as trace:
        with connect(f"ws://{address}/echo/7") as client:
            for text in ("a", "b"):
                client.send(text)
                assert client.recv() == text
        until(lambda: outcomes(trace))
    assert trace.tree() == "websocket /echo/{room}\n  echo\n  echo"
    assert outcomes(trace) == ["ok"]


def test_or_each_of_its_messages_is_one(mine, app, serve, until, outcomes):
    with serve(app(websocket="message")) as address, capture(mine, everything=True) as trace:
        with connect(f"ws://{address}/echo/7") as client:
            for text in ("a", "b"):
                client.send(text)
                assert client.recv() == text
        until(lambda: len(outcomes(trace)) == 4)
    assert trace.tree() == (
        "websocket /echo/{room}\n"
        "websocket.receive /echo/{room}\n  echo\n"
        "websocket.receive /echo/{room}\n  echo\n"
        "websocket.disconnect /echo/{room}"
    )


def test_a_web_socket_that_is_refused(mine, app, serve, until, outcomes):
    with serve(app()) as address, capture(mine, everything=True) as trace:
        with pytest.raises(Exception, match="403"), connect(f"ws://{address}/refuse"):
            pass
        until(lambda: outcomes(trace))
    assert trace.find("websocket /refuse").attributes["http.response.status_code"] == 403


def test_many_at_once_are_apart(mine, app, serve, until, outcomes):
    async def main(address):
        async with httpx.AsyncClient() as client:
            await asyncio.gather(
                *(client.get(f"http://{address}/items/{n}", timeout=30) for n in range(50))
            )

    with serve(app()) as address, capture(mine, everything=True) as trace:
        asyncio.run(main(address))
        until(lambda: len(outcomes(trace)) == 50)
    assert trace.tree() == "\n".join(["GET /items/{id:int}\n  load"] * 50)
