"""What a caller's trace context is worth: `incoming=` of the middlewares and of `entrypoint`."""

from __future__ import annotations

import asyncio

import pytest

from enterspan.integrations.asgi import TracingMiddleware as Asgi
from enterspan.integrations.wsgi import TracingMiddleware as Wsgi
from enterspan.testing import capture

TRACE, PARENT = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
HEADER = f"00-{TRACE:032x}-{PARENT:016x}-"


def over_wsgi(mine, incoming, flags="01"):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"x"]

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "HTTP_TRACEPARENT": HEADER + flags,
        "REMOTE_ADDR": "10.0.0.1",
    }
    served = Wsgi(app, tracing=mine, incoming=incoming)
    list(served(environ, lambda *start: None))


def over_asgi(mine, incoming, flags="01"):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def nothing(*message):
        return {"type": "http.request"}

    headers = [(b"traceparent", (HEADER + flags).encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    scope["REMOTE_ADDR"] = "10.0.0.1"
    asyncio.run(Asgi(app, tracing=mine, incoming=incoming)(scope, nothing, nothing))


def over_entrypoint(mine, incoming, flags="01"):
    @mine.entrypoint("GET", parent=lambda message: message, incoming=incoming)
    def handle(message):
        pass

    handle({"traceparent": HEADER + flags, "REMOTE_ADDR": "10.0.0.1"})


@pytest.fixture(params=[over_wsgi, over_asgi, over_entrypoint])
def request_by(request, mine):
    """Make a request of one kind, and return its root."""

    def make(incoming, flags="01"):
        with capture(mine) as trace:
            request.param(mine, incoming, flags)
        (root,) = trace.spans
        return root

    return make


def links_of(span):
    return [(link.context.trace_id, link.context.span_id) for link in span.links]


def test_a_parent_is_the_parent(request_by):
    root = request_by("parent")
    assert (root.context.trace_id, root.parent_span_id) == (TRACE, PARENT)
    assert root.links == ()


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_linked_caller_decides_neither_the_trace_nor_the_sampling(request_by, flags):
    root = request_by("link", flags)
    assert root.context.trace_id != TRACE
    assert root.parent_span_id is None
    assert root.context.trace_flags == 1
    assert links_of(root) == [(TRACE, PARENT)]


def test_a_caller_that_is_ignored_leaves_nothing(request_by):
    root = request_by("ignore", "00")
    assert root.context.trace_id != TRACE
    assert root.parent_span_id is None
    assert root.context.trace_flags == 1
    assert root.links == ()


def test_a_function_of_the_request_decides(request_by):
    asked = []

    def incoming(request):
        asked.append(request["REMOTE_ADDR"])
        return "parent" if request["REMOTE_ADDR"].startswith("10.") else "ignore"

    assert request_by(incoming).context.trace_id == TRACE
    assert asked == ["10.0.0.1"]


@pytest.mark.parametrize("answer", [None, True, "yes", 1 / 2])
def test_a_function_that_says_nothing_useful_links(request_by, caplog, answer):
    root = request_by(lambda request: answer)
    assert links_of(root) == [(TRACE, PARENT)]
    assert "is none of 'parent', 'link', 'ignore'" in caplog.text
    assert len(caplog.records) == 1


def test_a_function_that_raises_links(request_by, caplog):
    def incoming(request):
        raise KeyError("x")

    assert links_of(request_by(incoming)) == [(TRACE, PARENT)]
    assert "incoming" in caplog.text


@pytest.mark.parametrize("wrong", ["yes", None, True, 7, ["link"]])
def test_what_makes_no_sense_is_refused_at_once(mine, wrong):
    for make in (Wsgi, Asgi):
        with pytest.raises(ValueError, match="'parent', 'link' or 'ignore'"):
            make(lambda *request: None, tracing=mine, incoming=wrong)
    with pytest.raises(ValueError, match="'parent', 'link' or 'ignore'"):
        mine.entrypoint("x", incoming=wrong)


def test_an_entry_point_inside_another_span_is_its_child_if_no_caller_is_given(mine):
    """`incoming` is about callers; what the program has current itself is its own."""

    @mine.entrypoint("job", incoming="link")
    def job():
        pass

    with capture(mine) as trace, mine.span("outer"):
        job()
    assert trace.tree() == "outer\n  job"
