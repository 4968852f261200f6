"""The hooks of httpx and requests, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import requests

import enterspan.integrations.asgi
from enterspan import Tracing
from enterspan.integrations.httpx import install as install_httpx
from enterspan.integrations.requests import install as install_requests
from enterspan.testing import capture


class Site:
    """A server that keeps the headers of what it was asked, by path."""

    def __init__(self):
        self.asked = asked = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                asked.append((self.path.partition("?")[0], self.headers))
                status = int(self.path[1:4]) if self.path[1:4].isdecimal() else 200
                body = b"x" * 100_000 if self.path.startswith("/stream") else b"ok"
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/page")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(OSError):  # a client that has gone
                    self.wfile.write(body)

            do_POST = do_BREW = do_GET  # noqa: N815 - the base class's names

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


@pytest.fixture
def site():
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def with_requests(method, url, **options):
    with requests.Session() as session:
        return session.request(method, url, timeout=10, **options).status_code


def with_httpx(method, url, **options):
    with httpx.Client(follow_redirects=True, timeout=10) as client:
        return client.request(method, url, **options).status_code


def with_httpx_async(method, url, **options):
    async def main():
        async with httpx.AsyncClient(follow_redirects=True, timeout=10) as client:
            return (await client.request(method, url, **options)).status_code

    return asyncio.run(main())


CLIENTS = {
    "requests": (install_requests, with_requests),
    "httpx": (install_httpx, with_httpx),
    "httpx, asynchronous": (install_httpx, with_httpx_async),
}


@pytest.fixture(params=list(CLIENTS))
def send(request, mine):
    """A client whose requests are spans of `mine`."""
    install, made = CLIENTS[request.param]
    with install(mine):
        yield made


def traceparents(site):
    """Every `traceparent` that came, by request."""
    return [headers.get_all("traceparent", []) for _, headers in site.asked]


def test_a_request_is_a_span_that_takes_the_trace_along(mine, site, send):
    with capture(mine) as trace, mine.span("order"):
        assert send("GET", f"{site.url}/page?page=2") == 200
        assert mine.current_span().name == "order"
    assert trace.tree() == "order\n  GET"
    span = trace.find("GET")
    assert (span.kind, span.status, span.outcome) == ("client", "unset", "ok")
    assert span.attributes == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": site.port,
        "url.full": f"{site.url}/page?page=2",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    }
    assert traceparents(site) == [[span.context.traceparent]]


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_status_of_400_or_more_is_an_error(mine, site, send, status):
    with capture(mine) as trace:
        assert send("POST", f"{site.url}/{status}") == status
    span = trace.find("POST")
    assert (span.status, span.outcome) == ("error", "ok")
    assert span.attributes["error.type"] == str(status)


def test_each_redirection_is_a_request_of_its_own(mine, site, send):
    with capture(mine) as trace, mine.span("order"):
        assert send("GET", f"{site.url}/302") == 200
    assert trace.tree() == "order\n  GET\n  GET"
    first, second = [span for span in trace.spans if span.kind == "client"]
    assert [s.attributes["http.response.status_code"] for s in (first, second)] == [302, 200]
    assert traceparents(site) == [[first.context.traceparent], [second.context.traceparent]]


def test_a_header_of_the_program_is_replaced_and_the_others_stay(mine, site, send):
    given = {"Traceparent": f"00-{1:032x}-{2:016x}-01", "x-shop-id": "7"}
    with capture(mine) as trace:
        send("GET", f"{site.url}/page", headers=given)
    assert traceparents(site) == [[trace.find("GET").context.traceparent]]
    assert site.asked[0][1]["x-shop-id"] == "7"
    assert given == {"Traceparent": f"00-{1:032x}-{2:016x}-01", "x-shop-id": "7"}


def test_secrets_of_a_url_are_not_recorded(mine, site, send):
    with capture(mine) as trace:
        send("GET", f"http://anna:hidden@127.0.0.1:{site.port}/page?token=hidden&q=tea")
    (span,) = trace.spans
    assert span.attributes["url.full"] == f"{site.url}/page?token=REDACTED&q=tea"
    assert "hidden" not in repr(trace.events)
    assert site.asked[0][1]["authorization"]


def test_a_request_that_reaches_nobody_has_failed(mine, send):
    with capture(mine) as trace, pytest.raises((requests.ConnectionError, httpx.ConnectError)):
        send("GET", "http://127.0.0.1:1/")
    (span,) = trace.spans
    assert (span.status, span.outcome) == ("error", "exception")
    assert span.attributes["error.type"] in {
        "requests.exceptions.ConnectionError",
        "httpx.ConnectError",
    }
    assert [event.name for event in span.events] == ["exception"]


def test_a_method_of_the_programs_own_is_no_name(mine, site, send):
    with capture(mine) as trace:
        send("BREW", f"{site.url}/page")
    (span,) = trace.spans
    assert span.name == "HTTP"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "BREW"


def test_without_a_subscriber_nothing_is_sent_along(site, send):
    assert send("GET", f"{site.url}/page") == 200
    assert traceparents(site) == [[]]


def test_in_a_trace_that_is_not_sampled_the_decision_is_sent_along(mine, site, send):
    parent = f"00-{7:032x}-{8:016x}-00"
    with mine.add_exporter(Nothing()), mine.invocation("job", parent=parent):
        send("GET", f"{site.url}/page")
    ((sent,),) = traceparents(site)
    assert sent.startswith(f"00-{7:032x}-")
    assert sent.endswith("-00")


class Nothing:
    def export(self, spans):
        pass

    def shutdown(self):
        pass


@pytest.mark.parametrize("name", list(CLIENTS))
def test_it_can_be_undone_and_a_second_call_does_nothing(mine, site, name):
    install, send = CLIENTS[name]
    before = requests.adapters.HTTPAdapter.send, httpx.HTTPTransport.handle_request
    first = install(mine)
    second = install(mine)
    with capture(mine) as trace:
        send("GET", f"{site.url}/page")
    assert trace.tree() == "GET"
    second.remove()
    first.remove()
    with capture(mine) as trace:
        send("GET", f"{site.url}/page")
    assert trace.spans == []
    assert (requests.adapters.HTTPAdapter.send, httpx.HTTPTransport.handle_request) == before


@pytest.mark.parametrize("name", list(CLIENTS))
def test_what_another_package_has_put_around_it_stays(mine, site, name, monkeypatch):
    install, send = CLIENTS[name]
    seen = []
    with install(mine):
        for owner, method in (
            (requests.adapters.HTTPAdapter, "send"),
            (httpx.HTTPTransport, "handle_request"),
            (httpx.AsyncHTTPTransport, "handle_async_request"),
        ):
            original = getattr(owner, method)

            def around(self, request, *args, _original=original, **kwargs):
                seen.append(request.method)
                return _original(self, request, *args, **kwargs)

            monkeypatch.setattr(owner, method, around)
    with capture(mine) as trace:
        assert send("GET", f"{site.url}/page") == 200
    assert (trace.spans, seen) == ([], ["GET"])


def layers(function):
    """How many functions are within one another."""
    return 1 + layers(function.__wrapped__) if hasattr(function, "__wrapped__") else 1


def test_hooks_that_come_and_go_in_any_order_leave_nothing(mine, site):
    other = Tracing("other")
    install_requests(mine).remove()  # what another test has left within a hook of its own goes
    before = requests.adapters.HTTPAdapter.send
    first = install_requests(mine)
    for _ in range(5):
        second = install_requests(other)
        first.remove()
        first = install_requests(mine)
        second.remove()
        assert layers(requests.adapters.HTTPAdapter.send) == layers(before) + 1
    with capture(mine) as trace, capture(other) as others:
        with_requests("GET", f"{site.url}/page")
    assert (trace.tree(), others.tree()) == ("GET", "")
    first.remove()
    assert requests.adapters.HTTPAdapter.send is before


def test_a_hook_within_that_of_another_package_is_used_again(mine, site, monkeypatch):
    install_requests(mine).remove()
    send = requests.adapters.HTTPAdapter.send
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)  # it is put back at the end
    install_requests(mine)
    for _ in range(5):
        inner = requests.adapters.HTTPAdapter.send
        around = functools.wraps(inner)(lambda *args, _inner=inner, **more: _inner(*args, **more))
        requests.adapters.HTTPAdapter.send = around
        install_requests(mine).remove()
        install_requests(mine)
        assert requests.adapters.HTTPAdapter.send is around
    with capture(mine) as trace:
        with_requests("GET", f"{site.url}/page")
    assert trace.tree() == "GET"
    requests.adapters.HTTPAdapter.send = send  # as another package may do at its end
    with install_requests(mine), capture(mine) as trace:
        with_requests("GET", f"{site.url}/page")
    assert trace.tree() == "GET"
    assert requests.adapters.HTTPAdapter.send is send


def test_a_stand_in_that_wraps_itself_can_be_hooked(mine, monkeypatch):
    class Endless:
        @property
        def __wrapped__(self):
            return self

        def __call__(self, *given, **more):
            return "sent"

    with install_requests(mine):
        monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", Endless())
        with install_requests(mine), capture(mine) as trace:
            made = requests.Request("GET", "http://shop/").prepare()
            assert requests.adapters.HTTPAdapter().send(made) == "sent"
    assert trace.tree() == "GET"


def test_removing_twice_leaves_a_later_installation_alone(mine, site):
    first = install_requests(mine)
    first.remove()
    with install_requests(mine), capture(mine) as trace:
        first.remove()
        with_requests("GET", f"{site.url}/page")
    assert trace.tree() == "GET"


def test_two_tracings_have_a_span_each(mine, site):
    other = Tracing("other")
    with install_requests(mine), install_requests(other):
        with capture(mine) as trace, capture(other) as others:
            with_requests("GET", f"{site.url}/page")
    assert trace.tree() == others.tree() == "GET"
    assert len(traceparents(site)[0]) == 1


def test_a_streamed_body_is_later_and_whole(mine, site):
    with install_httpx(mine), install_requests(mine), capture(mine) as trace:
        with httpx.stream("GET", f"{site.url}/stream") as answer:
            assert [span.name for span in trace.spans] == ["GET"]
            assert sum(map(len, answer.iter_bytes())) == 100_000
        with requests.get(f"{site.url}/stream", stream=True, timeout=10) as answer:
            assert [span.name for span in trace.spans] == ["GET", "GET"]
            assert sum(map(len, answer.iter_content(1000))) == 100_000
    assert [span.status for span in trace.spans] == ["unset", "unset"]


def test_requests_at_a_time_have_their_own_parents(mine, site):
    async def one(client, number):
        async with mine.span(f"work {number}"):
            await client.get(f"{site.url}/page")

    async def main():
        async with httpx.AsyncClient(timeout=10) as client, mine.span("all"):
            await asyncio.gather(*(one(client, number) for number in range(8)))

    with install_httpx(mine), capture(mine) as trace:
        asyncio.run(main())
    names = {span.context.span_id: span.name for span in trace.spans}
    parents = [names[span.parent_span_id] for span in trace.spans if span.name == "GET"]
    assert sorted(parents) == [f"work {number}" for number in range(8)]


def test_a_request_that_is_canceled_says_so(mine):
    async def main():
        arrived = asyncio.Event()

        async def never(reader, writer):
            await reader.readline()
            arrived.set()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(never, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, httpx.AsyncClient() as client:
            task = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with install_httpx(mine), capture(mine) as trace:
        asyncio.run(main())
    (span,) = trace.spans
    assert (span.name, span.outcome, span.status) == ("GET", "canceled", "unset")


def test_an_application_in_this_process_is_in_the_trace(mine):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def main():
        traced = enterspan.integrations.asgi.TracingMiddleware(app, tracing=mine)
        transport = httpx.ASGITransport(traced)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            assert (await client.get("/")).status_code == 503

    with install_httpx(mine), capture(mine) as trace, mine.span("order"):
        asyncio.run(main())
    assert trace.tree() == "order\n  GET\n    GET"
    assert [span.kind for span in trace.spans] == ["server", "client", "internal"]


@pytest.mark.parametrize("install", [install_requests, install_httpx])
def test_a_stand_in_of_a_test_answers_as_before(mine, monkeypatch, install):
    """A stand-in may return anything, and is not asked about it."""

    class Odd:
        def __getattr__(self, name):
            raise AssertionError(f"asked for {name}")

    odd = Odd()
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda self, request: odd)
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda self, request: odd)
    with install(mine), capture(mine) as trace:
        if install is install_requests:
            made = requests.Request("GET", "http://shop/").prepare()
            assert requests.adapters.HTTPAdapter().send(made) is odd
        else:
            made = httpx.Request("GET", "http://shop/")
            assert httpx.HTTPTransport().handle_request(made) is odd
    assert trace.tree() == "GET"
    assert trace.spans[0].status == "unset"


@pytest.mark.parametrize("url", [None, 7, "http://[::1", "http://shop:port/"])
def test_a_request_that_can_not_be_read_is_the_librarys_to_refuse(mine, monkeypatch, url):
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda self, request: "sent")
    made = requests.PreparedRequest()
    made.method, made.url, made.headers = "GET", url, {}
    with install_requests(mine), capture(mine) as trace:
        assert requests.adapters.HTTPAdapter().send(made) == "sent"
    assert trace.spans == []


def test_what_is_no_tracing_is_refused():
    for install in (install_httpx, install_requests):
        with pytest.raises(TypeError, match="Tracing"):
            install("mine")
