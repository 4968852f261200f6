"""docs/callers.md: what a caller can do to what is recorded. Each row of its tables is a test."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import pytest

from enterspan.integrations.asgi import TracingMiddleware as Asgi
from enterspan.integrations.wsgi import TracingMiddleware as Wsgi
from enterspan.testing import capture

PAGE = Path(__file__).parents[2] / "docs" / "callers.md"
WAYS = ("parent", "link", "ignore")
TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
CLAIMS = {}
"""What a caller sends, as the page has it, and its test."""


def claim(text):
    def add(function):
        assert text not in CLAIMS
        CLAIMS[text] = function
        return function

    return add


def parent(flags="01"):
    return ("traceparent", f"00-{TRACE:032x}-{SPAN:016x}-{flags}")


class Kept:
    """An exporter that keeps what it gets."""

    def __init__(self):
        self.spans = []

    def export(self, spans):
        self.spans += spans

    def shutdown(self):
        pass


class Never:
    """A sampler that follows nobody and samples nothing."""

    def should_sample(self, parent, trace_id, name, attributes):
        return False


class Service:
    """A service that anybody can call, over WSGI or ASGI."""

    def __init__(self, mine, kind):
        self.mine = mine
        self.kind = kind
        self.fails = False
        self.sent_on = {}

    def ask(self, *headers, way="parent", method="GET", path="/cart", query="", **options):
        """Make a request; return its root span, as the recorder has it."""
        with capture(self.mine, everything=True) as trace:
            ask = self._over_wsgi if self.kind == "wsgi" else self._over_asgi
            try:
                ask(headers, method, path, query, {"incoming": way, **options})
            except ValueError:
                assert self.fails
        (root,) = trace.spans
        return root

    def _work(self):
        self.sent_on = {}
        self.mine.inject(self.sent_on)
        if self.fails:
            raise ValueError("of the handler")

    def _over_wsgi(self, headers, method, path, query, options):
        def app(environ, start_response):
            self._work()
            start_response("200 OK", [])
            return [b"ok"]

        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
        for name, value in headers:
            key = f"HTTP_{name.upper().replace('-', '_')}"
            # As servers do it: two of a name are one, with a comma between.
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        environ["REMOTE_ADDR"] = "10.0.0.1"
        setup_testing_defaults(environ)
        body = Wsgi(app, tracing=self.mine, **options)(environ, lambda *start: None)
        list(body)
        body.close()

    def _over_asgi(self, headers, method, path, query, options):
        async def app(scope, receive, send):
            self._work()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"ok"})

        async def send(message):
            pass

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers],
            "server": ("127.0.0.1", 80),
            "client": ("10.0.0.1", 5_000),
        }
        asyncio.run(Asgi(app, tracing=self.mine, **options)(scope, None, send))


@pytest.fixture(params=["wsgi", "asgi"])
def service(request, mine):
    return Service(mine, request.param)


def exported(service, *headers, way):
    """How many of a request's spans, and of one that fails, an exporter gets."""
    kept = Kept()
    with service.mine.add_exporter(kept):
        service.ask(*headers, way=way)
        service.fails = True
        service.ask(*headers, way=way)
        service.fails = False
        service.mine.flush()
    return len(kept.spans)


# --- the trace context ----------------------------------------------------------------------------


@claim("a trace id of its choice")
def _trace_id(service):
    for way in WAYS:
        root = service.ask(parent(), way=way)
        assert (root.context.trace_id == TRACE) == (way == "parent")
        assert root.parent_span_id == (SPAN if way == "parent" else None)
        links = [(link.context.trace_id, link.context.span_id) for link in root.links]
        assert links == ([(TRACE, SPAN)] if way == "link" else [])


@claim("the flag `01`")
def _sampled(service):
    assert exported(service, parent("01"), way="parent") == 2
    service.mine.configure(sampler=Never())  # a sampler of one's own decides everywhere
    assert [exported(service, parent("01"), way=way) for way in WAYS] == [0, 0, 0]


@claim("the flag `00`")
def _unsampled(service):
    assert [exported(service, parent("00"), way=way) for way in WAYS] == [0, 2, 2]
    assert service.ask(parent("00")).name == "GET"  # a tail has seen it


@claim("another flag")
def _flags(service):
    for way in WAYS:
        service.ask(parent("03"), way=way)
        flags = service.sent_on["traceparent"][-2:]
        assert flags == ("03" if way == "parent" else "01")


@claim("a `tracestate`")
def _state(service):
    for way in WAYS:
        root = service.ask(parent(), ("tracestate", "a=1,b=2"), way=way)
        assert service.sent_on.get("tracestate") == ("a=1,b=2" if way == "parent" else None)
        linked = [link.context.trace_state for link in root.links]
        assert linked == (["a=1,b=2"] if way == "link" else [])


@claim("a `tracestate` that is too long or is invalid")
def _odd_state(service):
    long = ",".join(f"k{n}={'x' * 100}" for n in range(20))
    for state in (long, "a=1,a=2", "no equals sign", ",".join(f"k{n}=1" for n in range(40))):
        for way in WAYS:
            root = service.ask(parent(), ("tracestate", state), way=way)
            assert (root.context.trace_id == TRACE) == (way == "parent")
            assert len(service.sent_on.get("tracestate", "")) <= 512
            assert all(len(link.context.trace_state) <= 512 for link in root.links)


@claim("a `traceparent` that can't be read, or two")
def _unreadable(service):
    for headers in (
        [("traceparent", "00-0-0-01")],
        [("traceparent", f"00-{0:032x}-{SPAN:016x}-01")],
        [("traceparent", parent()[1].upper())],
        [parent(), parent()],
        [("traceparent", "x" * 100_000)],
    ):
        for way in WAYS:
            root = service.ask(*headers, way=way)
            assert root.context.trace_id != TRACE
            assert (root.parent_span_id, root.links) == (None, ())


@claim("`baggage`, or another vendor's headers")
def _baggage(service):
    others = [
        ("baggage", "user=anna"),
        ("x-b3-traceid", f"{TRACE:032x}"),
        ("b3", f"{TRACE:032x}-{SPAN:016x}-1"),
        ("uber-trace-id", f"{TRACE:x}:{SPAN:x}:0:1"),
    ]
    for way in WAYS:
        root = service.ask(*others, way=way)
        assert root.context.trace_id != TRACE
        assert set(service.sent_on) == {"traceparent"}
        assert "anna" not in repr(root)


# --- the rest of the request ----------------------------------------------------------------------


@claim("a method of its own")
def _method(service):
    root = service.ask(method="BREW")
    assert root.name == "HTTP"
    assert root.attributes["http.request.method"] == "_OTHER"
    assert root.attributes["http.request.method_original"] == "BREW"


@claim("any number of paths")
def _paths(service):
    roots = [service.ask(path=f"/{n}") for n in range(3)]
    assert [root.name for root in roots] == ["GET"] * 3
    assert [root.attributes["url.path"] for root in roots] == ["/0", "/1", "/2"]


@claim("a secret in the query")
def _query(service):
    root = service.ask(query="token=hidden&Api-Key=hidden&q=tea")
    assert root.attributes["url.query"] == "token=REDACTED&Api-Key=REDACTED&q=tea"
    service.mine.configure(redact=["voucher"])
    root = service.ask(query="voucher=hidden")
    assert root.attributes["url.query"] == "voucher=REDACTED"


@claim("a name and a password for the host")
def _userinfo(service):
    root = service.ask(("host", "anna:hidden@shop.example"))
    assert root.attributes["server.address"] == "shop.example"
    assert "hidden" not in repr(root)


@claim("a `Host` of its choice")
def _host(service):
    root = service.ask(("host", "bank.example:8443"))
    assert root.attributes["server.address"] == "bank.example"
    assert root.attributes["server.port"] == 8443


@claim("`Forwarded` and `X-Forwarded-For`")
def _forwarded(service):
    root = service.ask(("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.1"))
    assert root.attributes["client.address"] == "10.0.0.1"
    assert "192.0.2.1" not in repr(root)


@claim("any header")
def _headers(service):
    sent = [("x-shop-id", "s" * 20_000), ("x-api-key", "hidden"), ("x-other", "other")]
    root = service.ask(*sent, capture_headers=["x-shop-id", "x-api-key"])
    (shop,) = root.attributes["http.request.header.x-shop-id"]
    assert shop == "s" * 16_384
    assert root.attributes["http.request.header.x-api-key"] == ("[redacted]",)
    assert "other" not in repr(root)


@claim("very long texts")
def _long(service):
    long = "x" * 1_000_000
    root = service.ask(("user-agent", long), ("host", long), path=f"/{long}", query=f"q={long}")
    sizes = [len(value) for value in root.attributes.values() if isinstance(value, str)]
    assert max(sizes) <= 16_384
    assert sum(sizes) <= 70_000


@claim("thousands of headers")
def _many(service):
    many = [(f"x-{n}", "v") for n in range(10_000)]
    assert service.ask(parent(), *many).context.trace_id == TRACE
    if service.kind == "asgi":  # an environ is a mapping: nothing is searched for in it
        assert service.ask(*many, parent()).context.trace_id != TRACE


@pytest.mark.parametrize("text", list(CLAIMS))
def test_a_caller_can_do_what_the_page_says_and_no_more(service, text):
    CLAIMS[text](service)


def test_each_row_of_the_page_is_tried():
    rows = re.findall(r"^\| (?!---|a caller that)(.+?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows == list(CLAIMS)
