"""Litestar, Quart and Falcon behind the middleware: their requests are named after their routes."""

from __future__ import annotations

import asyncio
import io

import falcon
import falcon.asgi
import httpx
import litestar
import pytest
import quart
from litestar.exceptions import NotFoundException

from enterspan.integrations.asgi import TracingMiddleware
from enterspan.integrations.falcon import RouteMiddleware
from enterspan.integrations.quart import install
from enterspan.integrations.wsgi import TracingMiddleware as Wsgi
from enterspan.testing import capture

pytestmark = pytest.mark.filterwarnings("default")  # Litestar's own


def of_litestar(mine):
    @litestar.get("/items/{number:int}")
    async def item(number: int) -> str:
        with mine.span("load"):
            return str(number)

    @litestar.get("/gone")
    async def gone() -> str:
        with mine.span("look"):
            raise NotFoundException

    @litestar.get("/fails")
    async def fails() -> str:
        with mine.span("load"):
            raise ValueError("of the handler")

    router = litestar.Router("/shop", route_handlers=[item, gone, fails])
    app = litestar.Litestar([router], logging_config=None)
    return TracingMiddleware(app, tracing=mine)


def of_quart(mine):
    app = quart.Quart("shop")
    app.logger.disabled = True
    install(app, tracing=mine)
    shop = quart.Blueprint("shop", "shop", url_prefix="/shop")

    @shop.get("/items/<int:number>")
    async def item(number):
        with mine.span("load"):
            return str(number)

    @shop.get("/gone")
    async def gone():
        with mine.span("look"):
            quart.abort(404)

    @shop.get("/fails")
    async def fails():
        with mine.span("load"):
            raise ValueError("of the handler")

    app.register_blueprint(shop)
    return app


def of_falcon(mine):
    class Item:
        async def on_get(self, req, resp, number):
            with mine.span("load"):
                resp.text = str(number)

    class Gone:
        async def on_get(self, req, resp):
            with mine.span("look"):
                raise falcon.HTTPNotFound

    class Fails:
        async def on_get(self, req, resp):
            with mine.span("load"):
                raise ValueError("of the handler")

    app = falcon.asgi.App(middleware=[RouteMiddleware()])
    app.add_route("/shop/items/{number:int}", Item())
    app.add_route("/shop/gone", Gone())
    app.add_route("/shop/fails", Fails())
    return TracingMiddleware(app, tracing=mine)


FRAMEWORKS = {"litestar": of_litestar, "quart": of_quart, "falcon": of_falcon}
ITEMS = {
    "litestar": "/shop/items/{number}",
    "quart": "/shop/items/<int:number>",
    "falcon": "/shop/items/{number:int}",
}


def get(app, path):
    async def main():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return (await client.get(path)).status_code

    return asyncio.run(main())


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    """The name of a framework."""
    return request.param


def test_a_request_is_named_after_its_route(mine, framework):
    app = FRAMEWORKS[framework](mine)
    with capture(mine) as trace:
        assert get(app, "/shop/items/7") == 200
    assert trace.tree() == f"GET {ITEMS[framework]}\n  load"
    root = trace.find(f"GET {ITEMS[framework]}")
    assert root.attributes["http.route"] == ITEMS[framework]


def test_a_path_without_a_route_has_no_name_of_one(mine, framework):
    app = FRAMEWORKS[framework](mine)
    with capture(mine) as trace:
        assert get(app, "/nowhere") == 404
    assert trace.tree() == "GET"


def test_an_exception_that_is_an_answer_is_no_failure(mine, framework):
    app = FRAMEWORKS[framework](mine)
    with capture(mine) as trace:
        assert get(app, "/shop/gone") == 404
    assert trace.tree() == "GET /shop/gone\n  look"
    assert [e.name for span in trace.spans for e in span.events] == ["http.response.end"]
    assert {(span.status, span.outcome) for span in trace.spans} == {("unset", "ok")}


def test_a_failure_is_one(mine, framework):
    app = FRAMEWORKS[framework](mine)
    with capture(mine) as trace:
        assert get(app, "/shop/fails") == 500
    load, root = trace.spans
    assert (root.name, root.status) == ("GET /shop/fails", "error")
    assert load.status_description == "ValueError: of the handler"
    if framework != "falcon":  # which does not show what it has made a 500 of
        assert root.status_description == "ValueError: of the handler"


def speak(app, path):
    """Open a web socket, and send a text; return what the application sent."""
    messages = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "a"}]
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"shop")],
        "subprotocols": [],
    }

    async def main():
        closed = asyncio.Event()

        async def receive():
            if messages:
                return messages.pop(0)
            await closed.wait()
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(message):
            sent.append(message["type"])
            if message["type"] == "websocket.close":
                closed.set()

        await app(scope, receive, send)

    sent = []
    asyncio.run(main())
    return sent


def test_a_web_socket_of_quart_that_fails_has_failed(mine):
    app = quart.Quart("shop")
    app.logger.disabled = True
    install(app, tracing=mine)

    @app.websocket("/chat/<room>")
    async def chat(room):
        await quart.websocket.receive()
        raise ValueError("of the handler")

    with capture(mine) as trace:
        speak(app, "/chat/7")
    (root,) = trace.spans
    assert (root.name, root.outcome) == ("websocket /chat/<room>", "exception")
    assert root.status_description == "ValueError: of the handler"


def test_a_web_socket_of_litestar_that_fails_has_failed(mine):
    @litestar.websocket("/chat")
    async def chat(socket: litestar.WebSocket) -> None:
        await socket.accept()
        raise ValueError("of the handler")

    app = litestar.Litestar([chat], logging_config=None)
    with capture(mine) as trace:
        speak(TracingMiddleware(app, tracing=mine), "/chat")
    (root,) = trace.spans
    assert (root.name, root.status_description) == ("websocket /chat", "ValueError: of the handler")


def test_a_web_socket_of_falcon_is_named_after_its_route(mine):
    class Chat:
        async def on_websocket(self, req, ws, room):
            await ws.accept()

    app = falcon.asgi.App(middleware=[RouteMiddleware()])
    app.add_route("/chat/{room}", Chat())
    with capture(mine) as trace:
        assert speak(TracingMiddleware(app, tracing=mine), "/chat/7")[0] == "websocket.accept"
    assert trace.tree() == "websocket /chat/{room}"


def test_falcon_over_wsgi_is_named_after_its_routes(mine):
    class Item:
        def on_get(self, req, resp, number):
            resp.text = str(number)

    app = falcon.App(middleware=[RouteMiddleware()])
    app.add_route("/items/{number}", Item())
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/items/7",
        "SERVER_NAME": "shop",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    with capture(mine) as trace:
        list(Wsgi(app, tracing=mine)(environ, lambda *start: None))
    assert trace.tree() == "GET /items/{number}"


def test_what_is_no_quart_application_is_refused():
    with pytest.raises(TypeError, match="Quart application"):
        install(lambda scope, receive, send: None)
