"""aiohttp: its server and its client, over real connections."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from enterspan.integrations.aiohttp import ClientMiddleware, TracingMiddleware
from enterspan.testing import capture

TRACE = 0x0AF7651916CD43DD8448EB211C80319C
PARENT = f"00-{TRACE:032x}-b7ad6b7169203331-01"


@pytest.fixture
def app(mine):
    """What makes an application with handlers of every kind."""

    async def page(request):
        async with mine.span("load"):
            await asyncio.sleep(0)
            return web.Response(text=request.match_info["number"])

    async def gone(request):
        async with mine.span("look"):
            raise web.HTTPNotFound

    async def away(request):
        raise web.HTTPFound("/pages/1")

    async def unavailable(request):
        raise web.HTTPServiceUnavailable

    async def fails(request):
        raise ValueError("of the handler")

    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for n in range(2):
            async with mine.span(f"piece {n}"):
                await response.write(b"x")
        return response

    async def breaks(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        raise ValueError("of the body")

    async def nothing(request):
        return None

    async def late(request):
        raise asyncio.TimeoutError

    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.001)

    async def socket(request):
        found = web.WebSocketResponse()
        await found.prepare(request)
        async for message in found:
            async with mine.span("message"):
                await found.send_str(message.data)
        return found

    def make(**options):
        middleware = TracingMiddleware(tracing=mine, exclude=["/health"], **options)
        made = web.Application(middlewares=[middleware])
        made.add_routes(
            [
                web.get("/pages/{number}", page),
                web.get("/gone", gone),
                web.get("/away", away),
                web.get("/unavailable", unavailable),
                web.get("/fails", fails),
                web.get("/stream", stream),
                web.get("/breaks", breaks),
                web.get("/socket", socket),
                web.get("/nothing", nothing),
                web.get("/late", late),
                web.get("/endless", endless),
                web.get("/health", page_without_number),
            ]
        )
        inner = web.Application(middlewares=[middleware])
        inner.add_routes([web.get("/pages/{number}", page)])
        made.add_subapp("/inner", inner)
        return made

    async def page_without_number(request):
        async with mine.span("check"):
            return web.Response(text="ok")

    return make


def run(app, visit, **session):
    """Serve an application, and visit it with a client."""

    async def main():
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        async with aiohttp.ClientSession(f"http://{host}:{port}", **session) as client:
            await visit(client)
        await runner.cleanup()

    asyncio.run(main())


def test_a_stream_that_breaks_has_no_status_that_was_not_sent(mine, app):
    async def visit(client):
        async with client.get("/breaks") as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()

    with capture(mine, everything=True) as trace:
        run(app(), visit)
    root = trace.find("GET /breaks")
    assert (root.outcome, root.status_description) == ("exception", "ValueError: of the body")
    assert "http.response.status_code" not in root.attributes
    assert [e for e in trace.events if e.event.type == "return"] == []


def getting(*paths, **options):
    async def visit(client):
        for path in paths:
            async with client.get(path, allow_redirects=False, **options) as answer:
                await answer.read()

    return visit


@pytest.mark.parametrize(
    "path,name,status,code",
    [
        ("/pages/7", "GET /pages/{number}", "unset", 200),
        ("/inner/pages/7", "GET /inner/pages/{number}", "unset", 200),
        ("/gone", "GET /gone", "unset", 404),
        ("/away", "GET /away", "unset", 302),
        ("/nowhere", "GET", "unset", 404),
        ("/unavailable", "GET /unavailable", "error", 503),
        ("/fails", "GET /fails", "error", 500),
        ("/nothing", "GET /nothing", "error", 500),
        ("/late", "GET /late", "error", 504),
        ("/stream", "GET /stream", "unset", 200),
    ],
)
def test_a_request_is_named_after_its_route(mine, app, path, name, status, code):
    with capture(mine) as trace:
        run(app(), getting(path))
    (root,) = [span for span in trace.spans if span.kind == "server"]
    assert (root.name, root.status) == (name, status)
    assert root.attributes["http.response.status_code"] == code
    assert root.attributes["url.path"] == path
    assert root.attributes["server.address"] == "127.0.0.1"
    raises = ("/unavailable", "/fails", "/late")
    assert root.outcome == ("exception" if path in raises else "ok")
    inside = [span for span in trace.spans if span is not root]
    assert {span.parent_span_id for span in inside} <= {root.context.span_id}
    assert all((span.status, span.events) == ("unset", ()) for span in inside)


def test_the_exception_of_a_handler_is_recorded(mine, app):
    with capture(mine) as trace:
        run(app(), getting("/fails"))
    (root,) = trace.spans
    assert root.status_description == "ValueError: of the handler"
    assert [event.name for event in root.events] == ["exception"]


def test_a_streamed_answer_is_inside(mine, app):
    with capture(mine) as trace:
        run(app(), getting("/stream"))
    assert trace.tree() == "GET /stream\n  piece 0\n  piece 1"


@pytest.mark.parametrize("incoming", ["parent", "link", lambda request: "ignore"])
def test_what_a_caller_is_worth_can_be_said(mine, app, incoming):
    with capture(mine) as trace:
        run(app(incoming=incoming), getting("/pages/7", headers={"traceparent": PARENT}))
    root = trace.find("GET /pages/{number}")
    assert (root.context.trace_id == TRACE) == (incoming == "parent")
    assert len(root.links) == (incoming == "link")


def test_a_web_socket_is_one_invocation_with_its_code(mine, app):
    async def visit(client):
        async with client.ws_connect("/socket") as socket:
            await socket.send_str("x")
            assert (await socket.receive()).data == "x"
            await socket.close(code=4000)

    with capture(mine) as trace:
        run(app(), visit)
    assert trace.tree() == "GET /socket\n  message"
    root = trace.find("GET /socket")
    assert root.attributes["http.response.status_code"] == 101
    assert root.attributes["websocket.close_code"] == 4000


def test_a_client_that_goes_away_is_a_cancellation(mine, app, until):
    async def visit(client):
        async with client.get("/endless") as answer:
            await answer.content.read(1)
            answer.close()
        await asyncio.to_thread(until, lambda: trace.spans)

    with capture(mine) as trace:
        run(app(), visit)
    (root,) = trace.spans
    assert (root.name, root.outcome, root.status) == ("GET /endless", "canceled", "unset")
    assert root.events == ()
    assert "error.type" not in root.attributes


def test_a_web_socket_whose_connection_is_lost_is_canceled(mine, app, until):
    async def visit(client):
        reader, writer = await asyncio.open_connection(client._base_url.host, client._base_url.port)
        writer.write(
            b"GET /socket HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        await asyncio.to_thread(until, lambda: trace.spans)

    with capture(mine) as trace:
        run(app(), visit)
    (root,) = trace.spans
    assert (root.outcome, root.attributes["websocket.close_code"]) == ("canceled", 1006)


def test_excluded_paths_record_nothing(mine, app):
    with capture(mine) as trace:
        run(app(), getting("/health"))
    assert trace.spans == []


def test_a_client_takes_the_trace_along(mine, app):
    with capture(mine) as trace:
        with mine.span("crawl"):
            run(
                app(),
                getting("/pages/7?page=2&token=secret", "/gone"),
                middlewares=[ClientMiddleware(tracing=mine)],
            )
    assert trace.tree() == (
        "crawl\n  GET\n    GET /pages/{number}\n      load\n  GET\n    GET /gone\n      look"
    )
    first, second = [span for span in trace.spans if span.kind == "client"]
    assert first.attributes["http.response.status_code"] == 200
    assert first.attributes["url.full"].endswith("/pages/7?page=2&token=REDACTED")
    assert (first.status, second.status) == ("unset", "error")
    assert second.attributes["error.type"] == "404"


def test_a_client_that_reaches_nobody_has_failed(mine):
    async def main():
        client = aiohttp.ClientSession(middlewares=[ClientMiddleware(tracing=mine)])
        async with client, client.get("http://anna:secret@127.0.0.1:1/"):
            pass

    with capture(mine) as trace, pytest.raises(aiohttp.ClientConnectorError):
        asyncio.run(main())
    (span,) = trace.spans
    assert (span.status, span.outcome) == ("error", "exception")
    assert span.attributes["url.full"] == "http://127.0.0.1:1/"


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="incoming"):
        TracingMiddleware(incoming="yes")
    with pytest.raises(TypeError, match="Tracing"):
        TracingMiddleware(tracing="mine")
    with pytest.raises(TypeError, match="Tracing"):
        ClientMiddleware(tracing="mine")
