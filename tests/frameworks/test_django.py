"""Django under WSGI and ASGI: its middleware, alone and behind those of this package."""

from __future__ import annotations

import asyncio
import io
from wsgiref.util import FileWrapper

import django
import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings

settings.configure(
    DEBUG=False,
    SECRET_KEY="none",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[f"{__name__}.Traced", f"{__name__}.fails_inside"],
    LOGGING_CONFIG=None,
)
django.setup()

from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path, re_path

from enterspan import Tracing
from enterspan.integrations.asgi import TracingMiddleware as Asgi
from enterspan.integrations.django import TracingMiddleware
from enterspan.integrations.wsgi import TracingMiddleware as Wsgi
from enterspan.testing import capture

shop = Tracing("shop")


class Traced(TracingMiddleware):
    """The middleware, with this module's Tracing."""

    def __init__(self, get_response):
        with override_settings(ENTERSPAN={"tracing": shop, "exclude": ["/health"], **OPTIONS}):
            super().__init__(get_response)


OPTIONS = {}


def fails_inside(get_response):
    if iscoroutinefunction(get_response):

        async def inner(request):
            if request.path == "/inside":
                raise KeyError("of a middleware")
            return await get_response(request)
    else:

        def inner(request):
            if request.path == "/inside":
                raise KeyError("of a middleware")
            return get_response(request)

    return inner


fails_inside.sync_capable = fails_inside.async_capable = True


def order(request, number):
    with shop.span("load"):
        return HttpResponse("ok")


async def later(request, number):
    async with shop.span("load"):
        await asyncio.sleep(0)
        return HttpResponse("ok")


def broken(request):
    with shop.span("load"):
        raise ValueError("of the view")


async def broken_later(request):
    async with shop.span("load"):
        raise ValueError("of the view")


def gone(request):
    with shop.span("look"):
        raise Http404("no such order")


def denied(request):
    raise PermissionDenied


def stream(request):
    def pieces():
        for n in range(2):
            with shop.span(f"piece {n}"):
                yield b"x"

    return StreamingHttpResponse(pieces())


def stream_later(request):
    async def pieces():
        for n in range(2):
            async with shop.span(f"piece {n}"):
                await asyncio.sleep(0)
                yield b"x"

    return StreamingHttpResponse(pieces())


def stream_fails(request):
    def pieces():
        yield b"x"
        raise ValueError("of the body")

    return StreamingHttpResponse(pieces())


def download(request):
    return FileResponse(FILES.append(opened := Invoice(b"x" * 20_000)) or opened)


class Invoice(io.BytesIO):
    """A file that notes in a span that it is closed."""

    def close(self):
        if not self.closed:
            with shop.span("close the file"):
                super().close()


FILES = []


def health(request):
    with shop.span("check"):
        return HttpResponse("ok")


urlpatterns = [
    path("shop/", include([path("orders/<int:number>/", order)])),
    re_path(r"^old/(?P<number>[^/]+)/$", order),
    path("later/<int:number>/", later),
    path("broken/", broken),
    path("broken-later/", broken_later),
    path("gone/", gone),
    path("denied/", denied),
    path("stream/", stream),
    path("stream-later/", stream_later),
    path("stream-fails/", stream_fails),
    path("download/", download),
    path("health", health),
]


def get(url, **headers):
    """A request over WSGI."""
    client = Client(raise_request_exception=False)
    answer = client.get(url, headers=headers)
    if answer.streaming:
        list(answer.streaming_content)
    answer.close()
    return answer.status_code


def get_later(url, **headers):
    """A request over ASGI."""

    async def main():
        client = AsyncClient(raise_request_exception=False)
        answer = await client.get(url, headers=headers)
        if answer.streaming:
            async for _ in answer.streaming_content:
                pass
        answer.close()
        return answer.status_code

    return asyncio.run(main())


@pytest.fixture(params=[get, get_later])
def ask(request):
    """What makes a request, over each of the two."""
    return request.param


def outcomes(trace):
    return [e.event.outcome for e in trace.events if e.event.type == "outcome"]


@pytest.mark.parametrize(
    "url,route",
    [
        ("/shop/orders/7/", "/shop/orders/<int:number>/"),
        ("/old/seven/", "/old/(?P<number>[^/]+)/"),
        ("/later/7/", "/later/<int:number>/"),
    ],
)
def test_a_request_is_named_after_its_route(ask, url, route):
    with capture(shop) as trace:
        assert ask(url) == 200
    assert trace.tree() == f"GET {route}\n  load"
    root = trace.find(f"GET {route}")
    assert root.kind == "server"
    assert root.attributes["http.route"] == route
    assert root.attributes["http.response.status_code"] == 200
    assert root.attributes["url.path"] == url
    assert root.attributes["server.address"] == "testserver"
    assert outcomes(trace) == ["ok"]


def test_it_is_in_the_callers_trace(ask):
    with capture(shop) as trace, shop.span("client") as span:
        headers = {}
        shop.inject(headers)
        ask("/later/7/", **headers)
    root = trace.find("GET /later/<int:number>/")
    assert root.context.trace_id == span.context.trace_id
    assert root.parent_span_id == span.context.span_id


@pytest.mark.parametrize("url", ["/broken/", "/broken-later/"])
def test_the_exception_that_django_turns_into_a_500_is_recorded_once(ask, url):
    with capture(shop) as trace:
        assert ask(url) == 500
    load, root = trace.spans
    assert (root.name, root.status, root.outcome) == (f"GET {url}", "error", "exception")
    assert root.status_description == "ValueError: of the view"
    assert root.attributes["error.type"] == "ValueError"
    assert root.attributes["http.response.status_code"] == 500
    assert [event.name for event in load.events] == ["exception"]
    assert root.events == ()


def test_a_middlewares_exception_is_recorded_as_well(ask):
    with capture(shop) as trace:
        assert ask("/inside") == 500
    (root,) = trace.spans
    assert (root.name, root.status_description) == ("GET", "KeyError: 'of a middleware'")


@pytest.mark.parametrize("url,status", [("/gone/", 404), ("/denied/", 403), ("/nowhere", 404)])
def test_what_django_answers_with_less_than_500_is_no_failure(ask, url, status):
    with capture(shop) as trace:
        assert ask(url) == status
    assert {(span.outcome, span.status) for span in trace.spans} == {("ok", "unset")}
    assert all(span.events == () for span in trace.spans)


@pytest.mark.parametrize("url,asks", [("/stream/", get), ("/stream-later/", get_later)])
def test_a_streamed_answer_is_inside(url, asks):
    with capture(shop) as trace:
        assert asks(url) == 200
    assert trace.tree() == f"GET {url}\n  piece 0\n  piece 1"
    assert outcomes(trace) == ["ok"]


def test_a_streamed_answer_that_fails_is_a_failure():
    with capture(shop) as trace, pytest.raises(ValueError, match="of the body"):
        get("/stream-fails/")
    assert outcomes(trace) == ["exception"]


def test_a_streamed_answer_to_head_has_no_body_to_miss():
    with capture(shop) as trace:
        Client().head("/stream/").close()
    assert outcomes(trace) == ["ok"]


@pytest.mark.parametrize("begun", [True, False])
def test_a_streamed_answer_that_is_not_read_to_its_end_is_a_cancellation(begun):
    with capture(shop) as trace:
        answer = Client().get("/stream/")
        if begun:
            next(iter(answer.streaming_content))
        answer.close()
    assert outcomes(trace) == ["canceled"]


def test_excluded_paths_record_nothing(ask):
    with capture(shop) as trace:
        assert ask("/health") == 200
    assert trace.spans == []


def test_nothing_is_left_current(ask):
    with capture(shop):
        for url in ("/stream/" if ask is get else "/stream-later/", "/broken/", "/later/7/"):
            ask(url)
            assert shop.current_invocation() is None


def test_an_option_that_is_none_is_refused(monkeypatch):
    monkeypatch.setitem(OPTIONS, "excluded", ["/x"])
    with pytest.raises(TypeError, match="excluded"):
        Traced(lambda request: None)


def test_a_caller_is_linked_where_the_setting_says_so(monkeypatch, ask):
    monkeypatch.setitem(OPTIONS, "incoming", lambda request: "link" if request.path else "parent")
    trace_id = 0x0AF7651916CD43DD8448EB211C80319C
    with capture(shop) as trace:
        ask("/later/7/", traceparent=f"00-{trace_id:032x}-b7ad6b7169203331-01")
    root = trace.find("GET /later/<int:number>/")
    assert root.context.trace_id != trace_id
    assert [link.context.trace_id for link in root.links] == [trace_id]


# --- behind the middleware of the server's protocol -----------------------------------------------


def environ_of(url, **more):
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": url,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
        **more,
    }


@pytest.mark.parametrize("around", [lambda app: app, lambda app: Wsgi(app, tracing=shop)])
@pytest.mark.parametrize("is_read", [True, False])
def test_a_file_stays_one_that_the_server_can_send_in_its_own_way(around, is_read):
    """A server sends it itself, whether or not it reads it here, and closes it."""
    app = around(WSGIHandler())
    environ = environ_of("/download/", **{"wsgi.file_wrapper": FileWrapper})
    with capture(shop) as trace:
        body = app(environ, lambda *start: None)
        assert type(body) is FileWrapper
        assert body.filelike is FILES[-1]
        assert shop.current_invocation() is None
        assert trace.spans == []
        if is_read:
            assert b"".join(body) == b"x" * 20_000
        body.close()
        body.close()
    assert FILES[-1].closed
    assert trace.tree() == "GET /download/\n  close the file"
    assert outcomes(trace) == ["ok"]


def test_a_file_is_streamed_where_the_server_has_no_way_of_its_own():
    with capture(shop) as trace:
        body = WSGIHandler()(environ_of("/download/"), lambda *start: None)
        assert b"".join(body) == b"x" * 20_000
        body.close()
    assert outcomes(trace)[0] == "ok"
    assert FILES[-1].closed


def over_wsgi(url):
    environ = environ_of(url)
    body = Wsgi(WSGIHandler(), tracing=shop)(environ, lambda *start: None)
    list(body)
    body.close()


def over_asgi(url):
    scope = {"type": "http", "method": "GET", "path": url, "headers": [], "query_string": b""}

    async def main():
        waiting = [{"type": "http.request", "body": b""}]

        async def receive():
            if not waiting:
                await asyncio.Event().wait()
            return waiting.pop()

        async def send(message):
            pass

        await Asgi(ASGIHandler(), tracing=shop)(scope, receive, send)

    asyncio.run(main())


@pytest.mark.parametrize("over", [over_wsgi, over_asgi])
def test_behind_another_middleware_it_adds_the_route_and_the_exception(over):
    with capture(shop) as trace:
        over("/shop/orders/7/")
        over("/broken/")
    assert trace.tree() == "GET /shop/orders/<int:number>/\n  load\nGET /broken/\n  load"
    assert trace.find("GET /broken/").status_description == "ValueError: of the view"
    assert outcomes(trace) == ["ok", "exception"]
