"""A service on a real server, with clients and code that do what they shouldn't."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from enterspan.integrations.asgi import TracingMiddleware
from enterspan.testing import capture


def spans_by_name(trace, name):
    return [span for span in trace.spans if span.name == name]


@pytest.fixture
def app(mine):
    """An application with a route for each thing that can happen."""

    async def stream(request):
        number = request.path_params["number"]

        async def pieces():
            for n in range(5):
                with mine.span(f"piece {n} of {number}"):
                    await asyncio.sleep(0.002)
                yield f"{number}.{n};"

        async def after():
            with mine.span(f"after {number}"):
                await asyncio.sleep(0)

        return StreamingResponse(pieces(), background=BackgroundTask(after))

    async def upload(request):
        size = 0
        async for piece in request.stream():
            size += len(piece)
        return PlainTextResponse(str(size))

    async def fail_in_the_body(request):
        async def pieces():
            yield "one"
            raise ValueError("in the body")

        return StreamingResponse(pieces())

    async def fail_afterwards(request):
        def after():
            raise ValueError("afterwards")

        return PlainTextResponse("fine", background=BackgroundTask(after))

    async def fail_before(request):
        raise ValueError("before")

    async def teapot(request):
        raise HTTPException(418)

    async def talk(websocket):
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                text = await websocket.receive_text()
                if text == "close":
                    await websocket.close(4001)
                    return
                if text == "fail":
                    raise ValueError("in the talk")
                await websocket.send_text(text)

    return Starlette(
        routes=[
            Route("/stream/{number:int}", stream),
            Route("/upload", upload, methods=["POST"]),
            Route("/fail/body", fail_in_the_body),
            Route("/fail/after", fail_afterwards),
            Route("/fail/before", fail_before),
            Route("/teapot", teapot),
            WebSocketRoute("/talk", talk),
        ],
        middleware=[Middleware(TracingMiddleware, tracing=mine)],
    )


def test_a_hundred_streams_at_a_time_are_apart(mine, app, serve, until, outcomes):
    async def ask_all(url):
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:
            return await asyncio.gather(*[client.get(f"/stream/{n}") for n in range(100)])

    with capture(mine, everything=True) as trace, serve(app) as address:
        answers = asyncio.run(ask_all(f"http://{address}"))
        until(lambda: len(outcomes(trace)) == 100)
    assert [answer.status_code for answer in answers] == [200] * 100
    assert outcomes(trace) == ["ok"] * 100
    assert len(trace.spans) == 100 * 7
    roots = {s.attributes["url.path"]: s for s in spans_by_name(trace, "GET /stream/{number:int}")}
    for n in range(100):
        root = roots[f"/stream/{n}"]
        inside = [s.name for s in trace.spans if s.parent_span_id == root.context.span_id]
        assert inside == [*[f"piece {k} of {n}" for k in range(5)], f"after {n}"]


HOSTILE = [
    b"traceparent: 00-\xff\xfe-\x80-01",
    b"traceparent: " + b"0" * 8_000,
    b"tracestate: " + b"a=b," * 4_000,
    b"\r\n".join([b"traceparent: 00-%032x-b7ad6b7169203331-01" % n for n in (1, 2)]),
    b"x-shop-id: \xe9\xff" + b"x" * 20_000,
    b"user-agent: \x7f\xc3\x28",
    b"host: [::1]:99999999999",
]


@pytest.mark.parametrize("header", HOSTILE)
def test_headers_that_are_hostile_get_an_answer_and_a_trace(
    mine, app, serve, until, outcomes, header
):
    with capture(mine, everything=True) as trace, serve(app) as address:
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), 10) as client:
            client.sendall(b"GET /teapot HTTP/1.0\r\n" + header + b"\r\n\r\n")
            answer = client.recv(100)
        assert b" 418 " in answer
        until(lambda: len(outcomes(trace)) == 1)
    (root,) = trace.spans
    assert root.name == "GET /teapot"
    assert root.parent_span_id is None


def test_a_huge_body_is_not_kept(mine, app, serve, until, outcomes):
    with capture(mine, everything=True) as trace, serve(app) as address:
        answer = httpx.post(f"http://{address}/upload", content=b"x" * 20_000_000, timeout=30)
        until(lambda: len(outcomes(trace)) == 1)
    assert answer.text == "20000000"
    assert outcomes(trace) == ["ok"]


def test_a_client_that_hangs_up_while_it_sends_is_a_cancellation(mine, app, serve, until, outcomes):
    with capture(mine, everything=True) as trace, serve(app) as address:
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), 10) as client:
            client.sendall(b"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc")
            until(lambda: any(e.event.type == "onset" for e in trace.events))
        until(lambda: len(outcomes(trace)) == 1)
    assert outcomes(trace) == ["canceled"]
    assert trace.spans[0].status == "unset"


@pytest.mark.parametrize(
    "path,status,recorded,described",
    [
        # The 500 is Starlette's own, which is outside of every middleware.
        ("/fail/before", 500, None, "ValueError: before"),
        ("/fail/body", 200, 200, "ValueError: in the body"),
        ("/fail/after", 200, 200, "ValueError: afterwards"),
    ],
)
def test_a_failure_in_any_phase_is_the_outcome(
    mine, app, serve, until, outcomes, path, status, recorded, described
):
    with capture(mine, everything=True) as trace, serve(app) as address:
        with contextlib.suppress(httpx.RemoteProtocolError):
            assert httpx.get(f"http://{address}{path}").status_code == status
        until(lambda: len(outcomes(trace)) == 1)
    (root,) = trace.spans
    assert (root.outcome, root.status, root.status_description) == ("exception", "error", described)
    sent = ["http.response.end"] if path == "/fail/after" else []
    assert [event.name for event in root.events] == [*sent, "exception"]
    assert root.attributes["error.type"] == "ValueError"
    assert root.attributes.get("http.response.status_code") == recorded
    assert outcomes(trace) == ["exception"]


def test_an_answer_of_the_frameworks_own_is_no_failure(mine, app, serve, until, outcomes):
    with capture(mine, everything=True) as trace, serve(app) as address:
        assert httpx.get(f"http://{address}/teapot").status_code == 418
        assert httpx.get(f"http://{address}/nowhere").status_code == 404
        until(lambda: len(outcomes(trace)) == 2)
    assert outcomes(trace) == ["ok", "ok"]
    assert [span.name for span in trace.spans] == ["GET /teapot", "GET"]
    assert {span.status for span in trace.spans} == {"unset"}


def test_mounted_below_one_another_with_the_middleware_each_time_it_is_one(
    mine, app, serve, until, outcomes
):
    async def add_a_header(request, call_next):
        answer = await call_next(request)
        answer.headers["x-passed"] = "yes"
        return answer

    again = [Middleware(TracingMiddleware, tracing=mine)] * 2
    dispatch = Middleware(BaseHTTPMiddleware, dispatch=add_a_header)
    outer = Starlette(
        routes=[Mount("/v1/{tenant}", routes=[Mount("/shop", app)])],
        middleware=[*again, dispatch],
    )
    with capture(mine, everything=True) as trace, serve(outer) as address:
        answer = httpx.get(f"http://{address}/v1/acme/shop/stream/7")
        until(lambda: len(outcomes(trace)) == 1)
    assert answer.headers["x-passed"] == "yes"
    assert outcomes(trace) == ["ok"]
    assert trace.spans[-1].name == "GET /v1/{tenant}/shop/stream/{number:int}"
    assert len(trace.spans) == 7


@pytest.mark.parametrize(
    "text,code,outcome", [("close", 4001, "ok"), ("fail", None, "exception"), ("", 1000, "ok")]
)
def test_a_socket_may_be_closed_from_either_side(
    mine, app, serve, until, outcomes, text, code, outcome
):
    with capture(mine, everything=True) as trace, serve(app) as address:
        with connect(f"ws://{address}/talk") as client:
            client.send("hello")
            assert client.recv() == "hello"
            if text:
                client.send(text)
                with pytest.raises(ConnectionClosed) as closed:
                    client.recv(timeout=10)
                assert getattr(closed.value.rcvd, "code", None) in (code, 1011)
        until(lambda: len(outcomes(trace)) == 1)
    assert outcomes(trace) == [outcome]
    (root,) = trace.spans
    assert root.name == "websocket /talk"


def test_a_socket_that_is_cut_off_ends_as_the_server_says(mine, app, serve, until, outcomes):
    with capture(mine, everything=True) as trace, serve(app) as address:
        with connect(f"ws://{address}/talk") as client:
            client.send("hello")
            assert client.recv() == "hello"
            client.socket.shutdown(socket.SHUT_RDWR)
        until(lambda: len(outcomes(trace)) == 1)
    (root,) = trace.spans
    code = root.attributes["websocket.close_code"]  # some of uvicorn's say 1005, which is clean
    assert (code, outcomes(trace)) in [(1005, ["ok"]), (1006, ["canceled"])]


def test_a_server_that_stops_in_the_middle_ends_what_it_cuts_off(mine, until, outcomes):
    begun = threading.Event()

    async def endless(request):
        with mine.span("endless"):
            begun.set()
            await asyncio.sleep(60)

    app = Starlette(
        routes=[Route("/", endless)], middleware=[Middleware(TracingMiddleware, tracing=mine)]
    )
    with capture(mine, everything=True) as trace, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(httpx.get, f"http://127.0.0.1:{port}/", timeout=30)
            assert begun.wait(10)
            server.should_exit = True
            thread.join(20)
            asked.exception()
        until(lambda: len(outcomes(trace)) == 1)
    assert outcomes(trace) == ["canceled"]
    assert [(span.name, span.outcome) for span in trace.spans] == [
        ("endless", "canceled"),
        ("GET /", "canceled"),
    ]


def test_a_lifespan_that_fails_is_the_servers_to_tell(mine):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        raise ValueError("no database")
        yield

    app = Starlette(lifespan=lifespan, middleware=[Middleware(TracingMiddleware, tracing=mine)])
    with capture(mine) as trace:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", port=0))
        with contextlib.suppress(SystemExit):
            server.run()
    assert not server.started
    assert trace.events == []


def test_a_slow_client_holds_up_nobody_and_its_request_lasts_as_long(
    mine, app, serve, until, outcomes
):
    with capture(mine, everything=True) as trace, serve(app) as address:
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), 10) as client:
            client.sendall(b"POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n")
            for byte in b"slow":
                time.sleep(0.03)
                assert httpx.get(f"http://{address}/teapot").status_code == 418
                client.sendall(bytes([byte]))
            assert b"200 OK" in client.recv(1_000)
        until(lambda: len(outcomes(trace)) == 5)
    (slow,) = spans_by_name(trace, "POST /upload")
    assert slow.duration_ns > 0.1e9
    assert outcomes(trace) == ["ok"] * 5
