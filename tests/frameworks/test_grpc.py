"""gRPC: interceptors of servers and channels, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import pytest

from enterspan.integrations.grpc import AioServerInterceptor, ClientInterceptor, ServerInterceptor
from enterspan.testing import capture

TRACE = 0x0AF7651916CD43DD8448EB211C80319C
PARENT = f"00-{TRACE:032x}-b7ad6b7169203331-01"


class Shop:
    """A servicer, without messages: requests and answers are bytes."""

    def __init__(self, mine):
        self.mine = mine

    def add(self, request, context):
        with self.mine.span("load"):
            return request

    def missing(self, request, context):
        with self.mine.span("look"):
            context.abort(grpc.StatusCode.NOT_FOUND, "no such cart")

    def down(self, request, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "come back")

    def fail(self, request, context):
        raise ValueError("of the servicer")

    def says(self, request, context):
        context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
        return b""

    def watch(self, request, context):
        for n in range(3):
            with self.mine.span(f"piece {n}"):
                yield request

    def forever(self, request, context):
        while True:
            yield request

    def breaks(self, request, context):
        yield request
        raise ValueError("of the stream")

    def total(self, requests, context):
        with self.mine.span("load"):
            return b"".join(requests)

    def echo(self, requests, context):
        with self.mine.span("load"):
            yield from requests


class AioShop(Shop):
    """The same, as coroutines."""

    async def add(self, request, context):
        async with self.mine.span("load"):
            await asyncio.sleep(0)
            return request

    async def missing(self, request, context):
        async with self.mine.span("look"):
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such cart")

    async def down(self, request, context):
        await context.abort(grpc.StatusCode.UNAVAILABLE, "come back")

    async def fail(self, request, context):
        raise ValueError("of the servicer")

    async def says(self, request, context):
        context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
        return b""

    async def watch(self, request, context):
        for n in range(3):
            async with self.mine.span(f"piece {n}"):
                await asyncio.sleep(0)
                yield request

    async def forever(self, request, context):
        while True:
            await asyncio.sleep(0)
            yield request

    async def breaks(self, request, context):
        yield request
        raise ValueError("of the stream")

    async def total(self, requests, context):
        async with self.mine.span("load"):
            return b"".join([request async for request in requests])

    async def echo(self, requests, context):
        async with self.mine.span("load"):
            async for request in requests:
                yield request


KINDS = {
    "unary_unary": ["add", "missing", "down", "fail", "says"],
    "unary_stream": ["watch", "forever", "breaks"],
    "stream_unary": ["total"],
    "stream_stream": ["echo"],
}


def handlers_of(shop):
    methods = {
        name: getattr(grpc, f"{kind}_rpc_method_handler")(getattr(shop, name))
        for kind, names in KINDS.items()
        for name in names
    }
    return grpc.method_handlers_generic_handler("shop.Cart", methods)


@contextlib.contextmanager
def synchronous(mine, **options):
    server = grpc.server(
        ThreadPoolExecutor(4), interceptors=[ServerInterceptor(tracing=mine, **options)]
    )
    server.add_generic_rpc_handlers((handlers_of(Shop(mine)),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(5).wait()


@contextlib.contextmanager
def asynchronous(mine, **options):
    """A server of grpc.aio, in a thread of its own."""
    loop = asyncio.new_event_loop()

    async def start():
        server = grpc.aio.server(interceptors=[AioServerInterceptor(tracing=mine, **options)])
        server.add_generic_rpc_handlers((handlers_of(AioShop(mine)),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    with ThreadPoolExecutor(1) as pool:
        pool.submit(loop.run_forever)
        try:
            server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
            yield f"127.0.0.1:{port}"
            asyncio.run_coroutine_threadsafe(server.stop(5), loop).result(20)
        finally:
            loop.call_soon_threadsafe(loop.stop)
    loop.close()


@pytest.fixture(params=[synchronous, asynchronous])
def serve(request):
    """What serves the shop, in each of the two ways."""
    return request.param


def call(address, name, *, metadata=(), intercept=None):
    """Call a method; return its answers, or its status."""
    kind = next(kind for kind, names in KINDS.items() if name in names)
    with grpc.insecure_channel(address) as channel:
        intercepted = channel if intercept is None else grpc.intercept_channel(channel, intercept)
        method = getattr(intercepted, kind)(f"/shop.Cart/{name}")
        request = iter([b"a", b"b"]) if kind.startswith("stream") else b"a"
        try:
            answer = method(request, metadata=metadata, timeout=20)
            return list(answer) if kind.endswith("stream") else answer
        except grpc.RpcError as error:
            return error.code()


def outcomes(trace):
    return [e.event.outcome for e in trace.events if e.event.type == "outcome"]


@pytest.mark.parametrize(
    "name,answer,tree",
    [
        ("add", b"a", "\n  load"),
        ("watch", [b"a"] * 3, "\n  piece 0\n  piece 1\n  piece 2"),
        ("total", b"ab", "\n  load"),
        ("echo", [b"a", b"b"], "\n  load"),
    ],
)
def test_a_call_is_an_invocation_of_each_kind(mine, serve, until, name, answer, tree):
    with capture(mine, everything=True) as trace, serve(mine) as address:
        assert call(address, name, metadata=[("traceparent", PARENT)]) == answer
        until(lambda: outcomes(trace))
    assert trace.tree() == f"shop.Cart/{name}{tree}"
    root = trace.find(f"shop.Cart/{name}")
    assert (root.context.trace_id, root.kind, root.status) == (TRACE, "server", "unset")
    assert root.attributes == {
        "rpc.system": "grpc",
        "rpc.service": "shop.Cart",
        "rpc.method": name,
        "rpc.grpc.status_code": 0,
    }
    assert outcomes(trace) == ["ok"]


@pytest.mark.parametrize(
    "name,code,status,outcome,description",
    [
        ("missing", grpc.StatusCode.NOT_FOUND, "unset", "ok", ""),
        ("says", grpc.StatusCode.INVALID_ARGUMENT, "unset", "ok", ""),
        ("down", grpc.StatusCode.UNAVAILABLE, "error", "ok", "come back"),
        ("fail", grpc.StatusCode.UNKNOWN, "error", "exception", "ValueError: of the servicer"),
        ("breaks", grpc.StatusCode.UNKNOWN, "error", "exception", "ValueError: of the stream"),
    ],
)
def test_the_status_says_who_has_failed(
    mine, serve, until, name, code, status, outcome, description
):
    with capture(mine, everything=True) as trace, serve(mine) as address:
        assert call(address, name) == code
        until(lambda: outcomes(trace))
    root = trace.find(f"shop.Cart/{name}")
    assert (root.status, root.outcome, root.status_description) == (status, outcome, description)
    assert root.attributes["rpc.grpc.status_code"] == code.value[0]
    assert root.attributes.get("error.type") == (code.name if status == "error" else None)
    others = [span for span in trace.spans if span is not root]
    assert all((span.status, span.outcome) == ("unset", "ok") for span in others)


def test_a_method_that_is_not_there_is_answered_as_before(mine, serve):
    with (
        capture(mine, everything=True) as trace,
        serve(mine) as address,
        grpc.insecure_channel(address) as channel,
    ):
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary("/shop.Cart/nothing")(b"", timeout=20)
        assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert trace.spans == []


def test_a_client_that_hangs_up_is_a_cancellation(mine, serve, until):
    with (
        capture(mine, everything=True) as trace,
        serve(mine) as address,
        grpc.insecure_channel(address) as channel,
    ):
        calling = channel.unary_stream("/shop.Cart/forever")(b"x" * 10_000, timeout=20)
        next(calling)
        calling.cancel()
        until(lambda: outcomes(trace))
    assert outcomes(trace) == ["canceled"]


@pytest.mark.parametrize("incoming", ["link", lambda details: "ignore"])
def test_what_a_caller_is_worth_can_be_said(mine, serve, until, incoming):
    with capture(mine, everything=True) as trace, serve(mine, incoming=incoming) as address:
        call(address, "add", metadata=[("traceparent", PARENT)])
        until(lambda: outcomes(trace))
    root = trace.find("shop.Cart/add")
    assert root.context.trace_id != TRACE
    assert len(root.links) == (incoming == "link")


@pytest.mark.parametrize("name", ["add", "watch", "total", "echo"])
def test_a_client_takes_the_trace_along(mine, serve, until, name):
    with capture(mine, everything=True) as trace, serve(mine) as address:
        with mine.span("order"):
            call(address, name, intercept=ClientInterceptor(tracing=mine))
            assert mine.current_span().name == "order"
        until(lambda: len(outcomes(trace)) == 2)
    assert trace.tree().startswith(f"order\n  shop.Cart/{name}\n    shop.Cart/{name}\n      ")
    (client,) = [span for span in trace.spans if span.kind == "client"]
    assert (client.status, client.attributes["rpc.grpc.status_code"]) == ("unset", 0)


def test_any_status_is_an_error_of_the_client(mine, serve, until):
    with capture(mine, everything=True) as trace, serve(mine) as address:
        with mine.span("order"):
            code = call(address, "missing", intercept=ClientInterceptor(tracing=mine))
        assert code is grpc.StatusCode.NOT_FOUND
        until(lambda: len(outcomes(trace)) == 2)
    (client,) = [span for span in trace.spans if span.kind == "client"]
    assert (client.status, client.status_description) == ("error", "no such cart")
    assert client.attributes["error.type"] == "NOT_FOUND"


def test_options_that_make_no_sense_are_refused():
    for make in (ServerInterceptor, AioServerInterceptor):
        with pytest.raises(ValueError, match="incoming"):
            make(incoming="yes")
        with pytest.raises(ValueError, match="linger"):
            make(linger=-1)
        with pytest.raises(TypeError, match="Tracing"):
            make(tracing="mine")
    with pytest.raises(TypeError, match="Tracing"):
        ClientInterceptor(tracing="mine")
