"""ASGI applications behind the middleware, seen through the protocol alone."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from enterspan import FetchEventInfo, FetchResponseInfo, Tracing, WebSocketEventInfo
from enterspan.integrations.asgi import TracingMiddleware
from enterspan.testing import capture

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Client:
    """The server's side of one connection."""

    def __init__(self, *messages, fails_at=None):
        self.waiting = list(messages)
        self.sent = []
        self.fails_at = fails_at
        self.done = asyncio.Event()

    async def receive(self):
        if self.waiting:
            return self.waiting.pop(0)
        await self.done.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if len(self.sent) == self.fails_at:
            raise OSError("gone")
        self.sent.append(message)


BODY = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}


def scope_of(method="GET", path="/cart", headers=(), kind="http", **more):
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.example:8080"), *headers],
        "server": ("127.0.0.1", 8080),
        "client": ("10.0.0.1", 5000),
        **more,
    }


async def hello(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def call(app, scope=None, *messages, **options):
    """Run an application for one connection; return what it sent."""
    client = Client(*(messages or (BODY,)), **options)
    asyncio.run(app(scope or scope_of(), client.receive, client.send))
    return client.sent


@pytest.fixture
def around(mine):
    """Put the middleware around an application, with a Tracing of this test's own."""

    def wrap(app, **options):
        return TracingMiddleware(app, tracing=mine, **options)

    return wrap


def outcomes(trace):
    return [e.event.outcome for e in trace.events if e.event.type == "outcome"]


def returns(trace):
    return [e.event.info for e in trace.events if e.event.type == "return"]


def onsets(trace):
    return [(e.event.name, e.event.info) for e in trace.events if e.event.type == "onset"]


def test_a_request_is_an_invocation(mine, around, told):
    async def app(scope, receive, send):
        with mine.span("work"):
            await hello(scope, receive, send)

    with capture(mine) as trace:
        sent = call(around(app), scope_of(path="/cart/7"))
    assert [m["type"] for m in sent] == ["http.response.start", "http.response.body"]
    assert told(trace.events) == [
        "onset GET in nothing",
        "spanOpen work in GET",
        "return 200",
        "spanClose work ok",
        "attributes GET "
        + str(
            {
                "http.request.method": "GET",
                "url.scheme": "http",
                "url.path": "/cart/7",
                "server.address": "shop.example",
                "network.protocol.version": "1.1",
                "server.port": 8080,
                "client.address": "10.0.0.1",
                "http.response.status_code": 200,
            }
        ),
        "outcome ok",
    ]
    assert onsets(trace) == [("GET", FetchEventInfo("GET", "http://shop.example:8080/cart/7"))]
    assert trace.find("GET").kind == "server"
    assert trace.find("GET").status == "unset"


def test_with_nobody_listening_it_is_the_application(mine, around):
    scope = scope_of()
    seen = []

    async def app(given, receive, send):
        seen.append((given, receive, send))

    client = Client()
    asyncio.run(around(app)(scope, client.receive, client.send))
    ((given, receive, send),) = seen
    assert given is scope
    assert receive == client.receive
    assert send == client.send


def test_the_trace_goes_on_from_the_headers(mine, around):
    headers = [(b"traceparent", PARENT.encode()), (b"tracestate", b"a=1"), (b"tracestate", b"b=2")]
    with capture(mine) as trace:
        call(around(hello), scope_of(headers=headers))
    (span,) = trace.spans
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent_span_id == int("b7ad6b7169203331", 16)
    assert span.context.trace_state == "a=1,b=2"


def test_without_one_it_is_a_trace_of_its_own_wherever_the_server_was_started(mine, around):
    with capture(mine) as trace, mine.span("serve"):
        call(around(hello))
    assert trace.find("GET").parent_span_id is None
    assert trace.find("GET").links == ()
    assert trace.find("GET").context.trace_id != trace.find("serve").context.trace_id


@pytest.mark.parametrize(
    "status,marked", [(200, "unset"), (404, "unset"), (500, "error"), (503, "error")]
)
def test_the_status_says_whether_the_server_failed(mine, around, status, marked):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body"})

    with capture(mine) as trace:
        call(around(app))
    (span,) = trace.spans
    assert span.status == marked
    assert span.attributes.get("error.type") == (str(status) if marked == "error" else None)
    assert returns(trace) == [FetchResponseInfo(status)]
    assert outcomes(trace) == ["ok"]


@pytest.mark.parametrize("status", [None, "200", 2.5])
def test_a_status_that_is_none_is_the_servers_affair(mine, around, status):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.start"})
        await send({"type": "http.response.body"})

    with capture(mine) as trace:
        assert len(call(around(app))) == 3
    assert outcomes(trace) == ["ok"]
    assert "http.response.status_code" not in trace.spans[0].attributes


def test_the_route_is_the_name_once_the_framework_knows_it(mine, around):
    class Route:
        path = "/users/{id}"

    async def app(scope, receive, send):
        scope["route"] = Route()
        await hello(scope, receive, send)

    scope = scope_of(path="/users/7", root_path="/api")
    with capture(mine) as trace:
        call(around(app), scope)
    assert [s.name for s in trace.spans] == ["GET /api/users/{id}"]
    assert trace.spans[0].attributes["http.route"] == "/api/users/{id}"
    assert trace.spans[0].attributes["url.path"] == "/users/7"
    assert "route" not in scope


@pytest.mark.parametrize("route", [None, "x", object(), type("R", (), {"path": 7})(), {"path": 1}])
def test_a_route_that_says_nothing_changes_nothing(mine, around, route):
    async def app(scope, receive, send):
        scope.update(route=route, router=7, root_path=9, fastapi=3)
        await hello(scope, receive, send)

    with capture(mine) as trace:
        call(around(app))
    assert [s.name for s in trace.spans] == ["GET"]


def test_a_method_that_nobody_knows_does_not_make_a_name(mine, around):
    with capture(mine) as trace:
        call(around(hello), scope_of("BREW"))
    (span,) = trace.spans
    assert span.name == "HTTP"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "BREW"


def test_a_streamed_body_and_what_comes_after_it_are_inside(mine, around, told):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"a", b"b"):
            with mine.span("piece"):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        with mine.span("background"):
            assert (await receive())["type"] == "http.disconnect"

    with capture(mine) as trace:
        call(around(app), None, GONE)
    lines = [line for line in told(trace.events) if not line.startswith("attributes")]
    assert lines == [
        "onset GET in nothing",
        "return 200",
        "spanOpen piece in GET",
        "spanClose piece ok",
        "spanOpen piece in GET",
        "spanClose piece ok",
        "spanOpen background in GET",
        "spanClose background ok",
        "outcome ok",
    ]


def test_an_exception_passes_and_is_the_outcome(mine, around):
    error = ValueError("x")

    async def app(scope, receive, send):
        raise error

    with capture(mine) as trace:
        with pytest.raises(ValueError, match="x") as raised:
            call(around(app))
    assert raised.value is error
    assert outcomes(trace) == ["exception"]
    assert returns(trace) == []
    assert trace.spans[0].attributes["error.type"] == "ValueError"
    assert [e.name for e in trace.spans[0].events] == ["exception"]


def answers_with(status, error):
    """An application that answers while it handles an exception, as frameworks do."""

    async def app(scope, receive, send):
        try:
            raise error
        except type(error):
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    return app


@pytest.mark.parametrize("status,outcome", [(404, "ok"), (500, "exception"), (503, "exception")])
def test_the_exception_that_a_framework_makes_a_500_of_is_recorded(mine, around, status, outcome):
    with capture(mine) as trace:
        call(around(answers_with(status, ValueError("of a view"))))
    (root,) = trace.spans
    assert root.outcome == outcome
    assert root.attributes["http.response.status_code"] == status
    if outcome == "exception":
        assert root.attributes["error.type"] == "ValueError"
        assert root.status_description == "ValueError: of a view"
        assert [e.name for e in root.events] == ["http.response.end", "exception"]


def test_an_exception_that_the_server_handles_is_not_that_of_a_request(mine, around):
    async def unavailable(scope, receive, send):
        await send({"type": "http.response.start", "status": 503, "headers": []})

    with capture(mine) as trace:
        try:
            raise ValueError("of the server")
        except ValueError:
            client = Client()
            with pytest.raises(StopIteration):
                around(unavailable)(scope_of(), client.receive, client.send).send(None)
    (root,) = trace.spans
    assert (root.outcome, root.attributes["error.type"]) == ("ok", "503")


def test_an_expected_exception_is_no_error_of_its_request(mine, around):
    mine.configure(expected=LookupError)

    async def app(scope, receive, send):
        raise KeyError("x")

    with capture(mine) as trace, pytest.raises(KeyError):
        call(around(app))
    (root,) = trace.spans
    assert (root.outcome, root.status) == ("ok", "unset")
    assert "error.type" not in root.attributes


class ClientDisconnect(Exception):
    """As Starlette has it."""


@pytest.mark.parametrize("error", [None, OSError("gone"), ClientDisconnect()])
def test_a_client_that_goes_away_is_a_cancellation(mine, around, error):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        if error:
            raise error

    with capture(mine) as trace:
        if error is None:
            call(around(app), None, GONE)
        else:
            with pytest.raises(type(error)) as raised:
                call(around(app), None, GONE)
            assert raised.value is error
    assert outcomes(trace) == ["canceled"]
    (span,) = trace.spans
    assert (span.outcome, span.status, span.events) == ("canceled", "unset", ())
    assert "error.type" not in span.attributes


def test_a_send_that_fails_is_a_client_that_went_away(mine, around):
    with capture(mine) as trace, pytest.raises(OSError, match="gone"):
        call(around(hello), fails_at=1)
    assert outcomes(trace) == ["canceled"]


def test_another_failure_after_the_client_went_away_is_a_failure(mine, around):
    async def app(scope, receive, send):
        await receive()
        raise ValueError("x")

    with capture(mine) as trace, pytest.raises(ValueError, match="x"):
        call(around(app), None, GONE)
    assert outcomes(trace) == ["exception"]


def test_a_file_that_cannot_be_read_is_a_failure(mine, around):
    async def app(scope, receive, send):
        raise FileNotFoundError("x")

    with capture(mine) as trace, pytest.raises(FileNotFoundError):
        call(around(app))
    assert outcomes(trace) == ["exception"]


def test_a_request_that_the_server_cancels_is_canceled(mine, around):
    async def app(scope, receive, send):
        await asyncio.sleep(60)

    async def main():
        client = Client()
        task = asyncio.create_task(around(app)(scope_of(), client.receive, client.send))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with capture(mine) as trace:
        asyncio.run(main())
    assert outcomes(trace) == ["canceled"]


def test_trailers_are_part_of_the_answer(mine, around):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"a"})
        if scope["path"] == "/whole":
            await send({"type": "http.response.trailers", "headers": []})
        await receive()

    with capture(mine) as trace:
        call(around(app), scope_of(path="/whole"), GONE)
        call(around(app), scope_of(path="/cut"), GONE)
    assert outcomes(trace) == ["ok", "canceled"]


def test_of_excluded_paths_nothing_is_recorded(mine, around):
    async def app(scope, receive, send):
        with mine.span("query"):
            await hello(scope, receive, send)

    app = around(app, exclude=["/health", "/static/*"])
    with capture(mine) as trace:
        for path in ("/health", "/static/a/b.css"):
            assert len(call(app, scope_of(path=path))) == 2
        assert trace.events == []
        call(app, scope_of(path="/health/deep"))
    assert trace.tree() == "GET\n  query"


def test_what_is_around_an_excluded_request_goes_on(mine, around):
    async def main():
        client = Client(BODY)
        with mine.span("outer"):
            await around(hello, exclude=["*"])(scope_of(), client.receive, client.send)
            with mine.span("after"):
                pass

    with capture(mine) as trace:
        asyncio.run(main())
    assert trace.tree() == "outer\n  after"


def test_headers_are_recorded_when_asked_for(mine, around):
    headers = [(b"X-Shop", b"1"), (b"x-shop", b"2"), (b"cookie", b"secret")]
    with capture(mine) as trace:
        call(around(hello, capture_headers=["X-Shop"]), scope_of(headers=headers))
    assert onsets(trace)[0][1].headers == (("x-shop", "1"), ("x-shop", "2"))
    assert trace.spans[0].attributes["http.request.header.x-shop"] == ("1", "2")
    assert "secret" not in repr(trace.events) + repr(trace.spans)


def test_secrets_in_a_query_are_not_recorded(mine, around):
    query = b"q=tea&token=s3cret&X-Amz-Signature=s3cret&api_key=s3cret&sig=s3cret&page=2"
    with capture(mine) as trace:
        call(around(hello), scope_of(query_string=query))
    assert "s3cret" not in repr(trace.events) + repr(trace.spans)
    assert trace.spans[0].attributes["url.query"] == (
        "q=tea&token=REDACTED&X-Amz-Signature=REDACTED&api_key=REDACTED&sig=REDACTED&page=2"
    )


@pytest.mark.parametrize(
    "host,url",
    [
        (b"shop.example", "http://shop.example/cart"),
        (b"shop.example:80", "http://shop.example/cart"),
        (b"[::1]:81", "http://[::1]:81/cart"),
        (b"", "http://127.0.0.1:8080/cart"),
        (b"evil:port:x", "http://evil:port:x/cart"),
    ],
)
def test_the_address_is_the_one_that_was_asked_for(mine, around, host, url):
    with capture(mine) as trace:
        call(around(hello), scope_of(headers=[]) | {"headers": [(b"host", host)]})
    assert onsets(trace)[0][1].url == url


def test_lifespan_passes_through(mine, around):
    seen = []

    async def app(scope, receive, send):
        with mine.span("startup"):
            seen.append((scope, await receive()))
            await send({"type": "lifespan.startup.complete"})

    scope = {"type": "lifespan", "asgi": {}}
    with capture(mine) as trace:
        sent = call(around(app), scope, {"type": "lifespan.startup"})
    assert seen == [(scope, {"type": "lifespan.startup"})]
    assert seen[0][0] is scope
    assert sent == [{"type": "lifespan.startup.complete"}]
    assert trace.tree() == "startup"


def test_an_ignored_lifespan_ends_with_a_server_that_repeats_itself(
    around,
):
    """Each phase is answered once, for a server that says the same over and over."""
    sent = []

    async def app(scope, receive, send):
        pass

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message["type"])

    with pytest.raises(StopIteration):
        around(app)({"type": "lifespan", "asgi": {}}, receive, send).send(None)
    assert sent == ["lifespan.startup.complete"]


def test_inside_another_one_it_does_nothing(mine, around):
    other = Tracing("other")
    app = around(TracingMiddleware(around(hello), tracing=other))
    with capture(mine) as trace, capture(other) as others:
        call(app)
    assert trace.tree() == "GET"
    assert others.tree() == "GET"


def test_a_task_that_outlives_its_request_is_abandoned_or_waited_for(mine, around):
    async def app(scope, receive, send):
        async def late():
            with mine.span("late"):
                await asyncio.sleep(0.02)

        tasks.append(asyncio.create_task(late()))
        await asyncio.sleep(0)
        await hello(scope, receive, send)

    async def main(app):
        client = Client(BODY)
        await app(scope_of(), client.receive, client.send)
        await tasks.pop()

    tasks = []
    with capture(mine) as trace:
        asyncio.run(main(around(app)))
        asyncio.run(main(around(app, linger=5)))
    assert [s.outcome for s in trace.find_all("late")] == ["abandoned", "ok"]
    assert outcomes(trace) == ["ok", "ok"]


def test_requests_that_run_at_once_are_apart(mine, around):
    async def app(scope, receive, send):
        with mine.span(scope["path"]):
            await asyncio.sleep(0.001)
            with mine.span("inner"):
                await asyncio.sleep(0.001)
            await hello(scope, receive, send)

    async def one(app, n):
        client = Client(BODY)
        await app(scope_of(path=f"/{n}"), client.receive, client.send)

    async def main():
        traced = around(app)
        await asyncio.gather(*(one(traced, n) for n in range(50)))

    with capture(mine) as trace:
        asyncio.run(main())
    roots = trace.children_of(None)
    assert len(roots) == 50
    for root in roots:
        (work,) = trace.children_of(root)
        assert work.name == root.attributes["url.path"]
        assert [s.name for s in trace.children_of(work)] == ["inner"]


@pytest.mark.parametrize(
    "scope",
    [
        {"headers": [("host", "text")]},
        {"headers": 7},
        {"query_string": "text"},
        {"raw_path": "text"},
        {"server": 7},
        {"client": 7},
    ],
)
def test_a_scope_that_is_not_as_it_should_be_does_not_hurt(mine, around, scope, caplog):
    with capture(mine):
        assert len(call(around(hello), {**scope_of(), **scope})) == 2
    assert len(caplog.records) == 1


def test_the_lists_of_a_scope_may_be_any_iterables_and_are_the_applications_as_well(mine, around):
    async def app(scope, receive, send):
        seen.extend(list(scope[name]) for name in ("headers", "server", "client"))
        await hello(scope, receive, send)

    seen = []
    whole = scope_of()
    with capture(mine) as trace:
        lists = {name: iter(whole[name]) for name in ("headers", "server", "client")}
        call(around(app), {**whole, **lists})
    assert seen == [whole["headers"], list(whole["server"]), list(whole["client"])]
    assert trace.find("GET").attributes["client.address"] == "10.0.0.1"


def test_a_scope_with_nothing_in_it_will_do(mine, around):
    with capture(mine) as trace:
        assert len(call(around(hello), {"type": "http"})) == 2
    assert trace.tree() == "GET"


# --- web sockets ----------------------------------------------------------------------------------

CONNECT = {"type": "websocket.connect"}


def socket(path="/chat"):
    return scope_of(kind="websocket", path=path)


def text(value):
    return {"type": "websocket.receive", "text": value}


def closed(code):
    return {"type": "websocket.disconnect", "code": code}


class WebSocketDisconnect(Exception):
    """As Starlette has it."""


def chat(mine, raises=True):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                with mine.span("goodbye"):
                    if raises:
                        raise WebSocketDisconnect
                return
            with mine.span("echo"):
                await send({"type": "websocket.send", "text": message["text"]})

    return app


def test_a_socket_is_one_invocation(mine, around):
    with capture(mine) as trace:
        call(around(chat(mine, False)), socket(), CONNECT, text("a"), text("b"), closed(1000))
    assert trace.tree() == "websocket\n  echo\n  echo\n  goodbye"
    assert onsets(trace) == [
        ("websocket", FetchEventInfo("GET", "ws://shop.example:8080/chat")),
    ]
    assert returns(trace) == [FetchResponseInfo(101)]
    assert outcomes(trace) == ["ok"]
    assert trace.find("websocket").attributes["websocket.close_code"] == 1000


@pytest.mark.parametrize(
    "code,outcome",
    [(1000, "ok"), (1001, "ok"), (1005, "ok"), (1006, "canceled"), (1011, "canceled")],
)
@pytest.mark.parametrize("raises", [True, False])
def test_how_a_socket_is_closed_is_how_it_ends(mine, around, code, outcome, raises):
    with capture(mine) as trace:
        try:
            call(around(chat(mine, raises)), socket(), CONNECT, closed(code))
        except WebSocketDisconnect:
            assert raises
    assert outcomes(trace) == [outcome]
    assert trace.find("websocket").status == "unset"


def test_a_socket_that_is_refused_says_so(mine, around):
    async def app(scope, receive, send):
        await receive()
        if scope["path"] == "/denied":
            await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
        else:
            await send({"type": "websocket.close", "code": 1000})

    with capture(mine) as trace:
        call(around(app), socket("/refused"), CONNECT)
        call(around(app), socket("/denied"), CONNECT)
    assert returns(trace) == [FetchResponseInfo(403), FetchResponseInfo(401)]


def test_a_socket_that_fails_has_failed(mine, around):
    async def app(scope, receive, send):
        await receive()
        raise KeyError("x")

    with capture(mine) as trace, pytest.raises(KeyError):
        call(around(app), socket(), CONNECT)
    assert outcomes(trace) == ["exception"]


@pytest.mark.parametrize("way", ["connection", "message"])
@pytest.mark.parametrize(
    "code,outcome",
    [(1000, "ok"), (1003, "ok"), (1011, "exception"), (4401, "ok"), (4500, "exception")],
)
def test_the_exception_that_a_framework_closes_a_socket_for_is_recorded(
    mine, around, way, code, outcome
):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        try:
            raise ValueError("of the handler")
        except ValueError:
            await send({"type": "websocket.close", "code": code})

    with capture(mine) as trace:
        call(around(app, websocket=way), socket(), CONNECT)
    (root,) = trace.spans
    assert root.outcome == outcome
    if outcome == "exception":
        assert root.status_description == "ValueError: of the handler"


def test_each_message_can_be_an_invocation(mine, around):
    app = around(chat(mine, False), websocket="message")
    with capture(mine) as trace:
        call(app, socket(), CONNECT, text("a"), text("b"), closed(1001))
    assert trace.tree() == (
        "websocket\n"
        "websocket.receive\n  echo\n"
        "websocket.receive\n  echo\n"
        "websocket.disconnect\n  goodbye"
    )
    assert [info for _, info in onsets(trace)] == [
        FetchEventInfo("GET", "ws://shop.example:8080/chat"),
        WebSocketEventInfo("message"),
        WebSocketEventInfo("message"),
        WebSocketEventInfo("close", 1001, True),
    ]
    assert outcomes(trace) == ["ok"] * 4
    handshake = trace.find("websocket")
    messages = trace.find_all("websocket.receive")
    assert returns(trace)[0] == FetchResponseInfo(101)
    assert len({s.context.trace_id for s in (handshake, *messages)}) == 3
    assert [[link.context for link in s.links] for s in messages] == [[handshake.context]] * 2
    assert mine.current_invocation() is None


def test_a_message_that_fails_is_the_one_that_has_failed(mine, around):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await receive()
        raise ValueError("x")

    with capture(mine) as trace, pytest.raises(ValueError, match="x"):
        call(around(app, websocket="message"), socket(), CONNECT, text("a"), text("b"))
    assert outcomes(trace) == ["ok", "ok", "exception"]


@pytest.mark.parametrize("way", ["connection", "message"])
def test_an_exception_without_members_is_one(mine, around, way):
    """It is not asked whether it is true, or how long it is."""

    class Errors(Exception):
        def __len__(self):
            return 0

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        raise Errors

    with capture(mine) as trace, pytest.raises(Errors):
        call(around(app, websocket=way), socket(), CONNECT, text("a"))
    assert [span.outcome for span in trace.spans if not span.parent_span_id][-1] == "exception"


def test_a_close_that_nobody_handles_is_no_failure(mine, around):
    with capture(mine) as trace, pytest.raises(WebSocketDisconnect):
        call(around(chat(mine), websocket="message"), socket(), CONNECT, closed(1006))
    assert outcomes(trace) == ["ok", "ok"]
    assert onsets(trace)[1][1] == WebSocketEventInfo("close", 1006, False)


def test_an_unsampled_socket_is_unsampled_by_message_as_well(mine, around):
    class Never:
        def should_sample(self, *asked):
            return False

    spans = []

    class Collector:
        def export(self, batch):
            spans.extend(batch)

        def shutdown(self):
            pass

    mine.configure(sampler=Never())
    with mine.add_exporter(Collector(), delay=0.01):
        call(
            around(chat(mine, False), websocket="message"), socket(), CONNECT, text("a"), closed(1)
        )
        assert mine.flush(10)
    assert spans == []


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options,error,says",
    [
        ({"exclude": "/health"}, TypeError, "list"),
        ({"exclude": [7]}, TypeError, "no str"),
        ({"capture_headers": "x"}, TypeError, "list"),
        ({"capture_headers": [b"x"]}, TypeError, "no str"),
        ({"linger": -1}, ValueError, "negative"),
        ({"websocket": "both"}, ValueError, "'message'"),
        ({"tracing": 7}, TypeError, "Tracing"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error, says):
    with pytest.raises(error, match=says):
        TracingMiddleware(hello, **options)


def test_what_is_no_application_is_refused():
    with pytest.raises(TypeError, match="callable"):
        TracingMiddleware(7)


def test_without_a_tracing_it_is_the_default_one(trace):
    call(TracingMiddleware(hello))
    assert trace.tree() == "GET"


def test_it_looks_like_an_asgi_application():
    """Servers tell ASGI 3 from ASGI 2 by that."""
    assert inspect.iscoroutinefunction(TracingMiddleware(hello).__call__)


@pytest.mark.parametrize("query", [b"token", b"x", b"&;?="], ids=["word", "letter", "signs"])
def test_a_query_takes_no_more_time_than_its_length(mine, around, query):
    """So long that a square of its length takes hours, and not the moment that it does."""
    with capture(mine) as trace:
        call(around(hello), scope_of(query_string=query * 250_000))
    assert outcomes(trace) == ["ok"]


# --- the end of an answer -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hint",
    [
        {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]},
        {"type": "http.response.push", "path": "/a.css", "headers": []},
        {"type": "http.response.debug", "info": {}},
        {"type": "http.response.of_a_later_version"},
    ],
)
def test_a_hint_is_no_answer(mine, around, hint):
    async def app(scope, receive, send):
        await send(hint)
        assert await receive() == GONE

    with capture(mine) as trace:
        assert call(around(app), None, GONE) == [hint]
    assert outcomes(trace) == ["canceled"]


@pytest.mark.parametrize(
    "body", ["http.response.body", "http.response.pathsend", "http.response.zerocopysend"]
)
def test_the_end_of_the_answer_is_an_event_of_the_root(mine, around, body):
    """So that a back-end tells work in the background from a slow answer."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": body, "more_body": True} if body.endswith("body") else {"type": body})
        mine.current_span().add_event("between")
        if body.endswith("body"):
            await send({"type": body})
        mine.current_span().add_event("after")
        assert await receive() == GONE

    with capture(mine) as trace:
        call(around(app), None, GONE)
    (root,) = trace.spans
    order = ["between", "http.response.end", "after"]
    if not body.endswith("body"):
        order = ["http.response.end", "between", "after"]
    assert [event.name for event in root.events] == order
    assert outcomes(trace) == ["ok"]


def test_with_trailers_the_answer_ends_with_the_last_of_them(mine, around):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"x"})
        mine.current_span().add_event("between")
        await send({"type": "http.response.trailers", "headers": []})

    with capture(mine) as trace:
        call(around(app))
    (root,) = trace.spans
    assert [event.name for event in root.events] == ["between", "http.response.end"]


@pytest.mark.parametrize("header", [("x-shop", "7"), (b"x-shop", None)])
def test_a_header_that_is_no_pair_of_bytes_is_answered_as_before(mine, around, header, caplog):
    with capture(mine) as trace:
        assert len(call(around(hello, capture_headers=["x-shop"]), scope_of(headers=[header]))) == 2
    (root,) = trace.spans
    assert (root.outcome, root.attributes["server.address"]) == ("ok", "shop.example")
    assert not [name for name in root.attributes if name.startswith("http.request.header")]


def test_headers_that_can_be_read_once_reach_the_application(mine, around):
    """The protocol has any iterable."""
    seen = []

    async def app(scope, receive, send):
        seen.extend(scope["headers"])
        await hello(scope, receive, send)

    headers = [(b"host", b"shop.example"), (b"traceparent", PARENT.encode())]
    with capture(mine) as trace:
        call(around(app), {**scope_of(), "headers": iter(headers)})
    (root,) = trace.spans
    assert seen == headers
    assert f"{root.context.trace_id:032x}" == TRACE
    assert root.attributes["server.address"] == "shop.example"


def test_the_end_of_the_answer_is_one_event_whatever_is_sent_after_it(mine, around):
    async def app(scope, receive, send):
        await hello(scope, receive, send)
        await send({"type": "http.response.body", "body": b"too much"})

    with capture(mine) as trace:
        call(around(app))
    (root,) = trace.spans
    assert [event.name for event in root.events] == ["http.response.end"]


def test_an_answer_that_is_not_sent_has_no_end(mine, around):
    with capture(mine) as trace, pytest.raises(OSError, match="gone"):
        call(around(hello), fails_at=1)
    (root,) = trace.spans
    assert "http.response.end" not in [event.name for event in root.events]


@pytest.mark.parametrize(
    "code,status,error",
    [
        (1000, "unset", None),
        (1001, "unset", None),
        (1008, "unset", "1008"),
        (1011, "error", "1011"),
        (1013, "error", "1013"),
        (4001, "unset", "4001"),
    ],
)
@pytest.mark.parametrize("websocket", ["connection", "message"])
def test_a_web_socket_that_the_application_closes_says_with_what_code(
    mine, around, websocket, code, status, error
):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.close", "code": code, "reason": "because"})
        await receive()

    connect, text = {"type": "websocket.connect"}, {"type": "websocket.receive", "text": "x"}
    gone = {"type": "websocket.disconnect", "code": 1006}
    with capture(mine) as trace:
        call(around(app, websocket=websocket), scope_of(kind="websocket"), connect, text, gone)
    name = "websocket" if websocket == "connection" else "websocket.receive"
    span = trace.find(name)
    assert span.attributes["websocket.close_code"] == code
    assert span.attributes.get("error.type") == error
    assert span.status == status
    assert span.status_description == ("because" if status == "error" else "")
    assert set(outcomes(trace)) == {"ok"}
