"""gRPC: interceptors of servers and channels, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import pytest

from enterspan import Tracing
from enterspan.integrations.grpc import (
    AioServerInterceptor,
    ClientInterceptor,
    ServerInterceptor,
    aio_client_interceptors,
)
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

    def wait(self, request, context):
        given_up = threading.Event()
        context.add_callback(given_up.set)
        given_up.wait(20)
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

    async def wait(self, request, context):
        await asyncio.sleep(20)
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
    "unary_unary": ["add", "missing", "down", "fail", "says", "wait"],
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
    root = trace.find("shop.Cart/forever")
    assert (root.status, root.attributes["rpc.grpc.status_code"]) == ("unset", 1)
    assert "error.type" not in root.attributes


def test_a_handler_that_outlives_its_deadline_is_canceled(mine, serve, until):
    with (
        capture(mine, everything=True) as trace,
        serve(mine) as address,
        grpc.insecure_channel(address) as channel,
    ):
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary("/shop.Cart/wait")(b"", timeout=0.5)
        assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        until(lambda: outcomes(trace))
    root = trace.find("shop.Cart/wait")
    assert (root.outcome, root.status) == ("canceled", "unset")
    assert root.attributes["rpc.grpc.status_code"] == 1


@pytest.mark.parametrize("name,outcome,code", [("add", "ok", None), ("fail", "exception", 2)])
def test_a_context_that_does_not_tell_its_status_is_no_failure(mine, until, name, outcome, code):
    """As that of a sync handler of grpc.aio is, and those that other packages make."""

    class Hides(grpc.ServerInterceptor):
        def intercept_service(self, continuation, details):
            inner = continuation(details).unary_unary
            return grpc.unary_unary_rpc_method_handler(lambda request, _: inner(request, object()))

    with ThreadPoolExecutor(1) as pool, capture(mine, everything=True) as trace:
        server = grpc.server(pool, interceptors=[Hides(), ServerInterceptor(tracing=mine)])
        server.add_generic_rpc_handlers((handlers_of(Shop(mine)),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        answer = call(f"127.0.0.1:{port}", name)
        server.stop(5).wait()
    assert answer == (b"a" if outcome == "ok" else grpc.StatusCode.UNKNOWN)
    root = trace.find(f"shop.Cart/{name}")
    assert (root.outcome, root.attributes.get("rpc.grpc.status_code")) == (outcome, code)


def test_a_sync_handler_of_an_asynchronous_server_answers(mine, monkeypatch):
    monkeypatch.setattr(AioShop, "add", Shop.add)
    with capture(mine, everything=True) as trace, asynchronous(mine) as address:
        assert call(address, "add") == b"a"
    assert trace.tree() == "shop.Cart/add\n  load"
    assert outcomes(trace) == ["ok"]


def test_a_stream_that_the_program_drops_is_canceled_as_without_us(mine, until):
    with (
        capture(mine, everything=True) as trace,
        synchronous(mine) as address,
        grpc.insecure_channel(address) as channel,
    ):
        traced = grpc.intercept_channel(channel, ClientInterceptor(tracing=mine))
        next(traced.unary_stream("/shop.Cart/forever")(b"x" * 10_000, timeout=20))
        until(lambda: len(outcomes(trace)) == 2)
    (sent,) = [span for span in trace.spans if span.kind == "client"]
    assert (sent.outcome, sent.status) == ("ok", "unset")
    assert "rpc.grpc.status_code" not in sent.attributes
    assert sorted(outcomes(trace)) == ["canceled", "ok"]


@pytest.mark.parametrize("incoming", ["link", lambda details: "ignore"])
def test_what_a_caller_is_worth_can_be_said(mine, serve, until, incoming):
    with capture(mine, everything=True) as trace, serve(mine, incoming=incoming) as address:
        call(address, "add", metadata=[("traceparent", PARENT)])
        until(lambda: outcomes(trace))
    root = trace.find("shop.Cart/add")
    assert root.context.trace_id != TRACE
    assert len(root.links) == (incoming == "link")


def calling(mine, address, name, **options):
    """Call with a client of the one kind."""
    return call(address, name, intercept=ClientInterceptor(tracing=mine), **options)


def calling_aio(mine, address, name, *, metadata=(), more=()):
    """Call with a client of the other kind."""
    kind = next(kind for kind, names in KINDS.items() if name in names)

    async def pieces():
        yield b"a"
        yield b"b"

    async def main():
        interceptors = [*aio_client_interceptors(tracing=mine), *more]
        async with grpc.aio.insecure_channel(address, interceptors=interceptors) as channel:
            method = getattr(channel, kind)(f"/shop.Cart/{name}")
            request = pieces() if kind.startswith("stream") else b"a"
            answer = method(request, metadata=metadata, timeout=20)
            try:
                return [a async for a in answer] if kind.endswith("stream") else await answer
            except grpc.RpcError as error:
                return error.code()

    return asyncio.run(main())


@pytest.fixture(params=[calling, calling_aio])
def client(request):
    return request.param


def client_span(trace):
    (found,) = [span for span in trace.spans if span.kind == "client"]
    return found


@pytest.mark.parametrize("name", ["add", "watch", "total", "echo"])
def test_a_client_takes_the_trace_along(mine, serve, until, client, name):
    with capture(mine, everything=True) as trace, serve(mine) as address:
        with mine.span("order"):
            answer = client(mine, address, name)
            assert mine.current_span().name == "order"
        until(lambda: len(outcomes(trace)) == 2)
    assert answer == {"add": b"a", "watch": [b"a"] * 3, "total": b"ab", "echo": [b"a", b"b"]}[name]
    assert trace.tree().startswith(f"order\n  shop.Cart/{name}\n    shop.Cart/{name}\n      ")
    span = client_span(trace)
    assert (span.status, span.outcome) == ("unset", "ok")
    assert span.attributes == {
        "rpc.system": "grpc",
        "rpc.service": "shop.Cart",
        "rpc.method": name,
        "rpc.grpc.status_code": 0,
    }


@pytest.mark.parametrize(
    "name,code,description",
    [
        ("missing", grpc.StatusCode.NOT_FOUND, "no such cart"),
        ("breaks", grpc.StatusCode.UNKNOWN, "of the stream"),
        ("nothing", grpc.StatusCode.UNIMPLEMENTED, "Method not found!"),
    ],
)
def test_any_status_is_an_error_of_the_client(
    mine, serve, until, client, name, code, description, monkeypatch
):
    with capture(mine, everything=True) as trace, serve(mine) as address:
        monkeypatch.setitem(KINDS, "unary_unary", [*KINDS["unary_unary"], "nothing"])
        with mine.span("order"):
            assert client(mine, address, name) is code
        until(lambda: len(outcomes(trace)) == (1 if name == "nothing" else 2))
    span = client_span(trace)
    assert (span.status, span.outcome) == ("error", "ok")
    assert description in span.status_description
    assert span.attributes["error.type"] == code.name
    assert span.attributes["rpc.grpc.status_code"] == code.value[0]


def test_the_metadata_of_the_program_goes_along_and_a_trace_in_it_is_replaced(
    mine, serve, until, client
):
    """Two would be none: a server begins a new trace then."""
    seen = []

    def incoming(details):
        seen.append([(key, value) for key, value in details.invocation_metadata])
        return "parent"

    given = (("traceparent", PARENT), ("x-shop-id", "7"), ("tracestate", "a=1"))
    with capture(mine, everything=True) as trace, serve(mine, incoming=incoming) as address:
        client(mine, address, "add", metadata=given)
        until(lambda: outcomes(trace))
    ((*pairs,),) = seen
    traceparent = client_span(trace).context.traceparent
    assert [pair for pair in pairs if pair[0].startswith("trace")] == [("traceparent", traceparent)]
    assert ("x-shop-id", "7") in pairs


def test_without_a_subscriber_the_metadata_stays(mine, serve, client):
    seen = []

    def incoming(details):
        seen.extend(pair for pair in details.invocation_metadata if pair[0] == "traceparent")
        return "parent"

    other = Tracing("the client's")
    with capture(mine, everything=True), serve(mine, incoming=incoming) as address:
        client(other, address, "add", metadata=(("traceparent", PARENT),))
    assert [tuple(pair) for pair in seen] == [("traceparent", PARENT)]


def test_a_call_that_is_canceled_ends_its_span(mine, serve, until):
    async def main(address):
        channel = grpc.aio.insecure_channel(
            address, interceptors=aio_client_interceptors(tracing=mine)
        )
        async with channel:
            answers = channel.unary_stream("/shop.Cart/forever")(b"a", timeout=20)
            async for _ in answers:
                answers.cancel()
                break
            with pytest.raises(asyncio.CancelledError):
                async for _ in answers:
                    pass

    with capture(mine, everything=True) as trace, serve(mine) as address:
        asyncio.run(main(address))
        until(lambda: len(outcomes(trace)) == 2)
    span = client_span(trace)
    assert span.attributes["error.type"] == "CANCELLED"


def test_a_call_that_another_interceptor_answers_or_refuses_ends_its_span(mine, serve):
    class Answers(grpc.aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation, details, request):
            if b"missing" in details.method:
                raise ValueError("of the interceptor")
            return b"from the cache"

    with capture(mine) as trace, serve(mine) as address:
        assert calling_aio(mine, address, "add", more=[Answers()]) == b"from the cache"
        assert client_span(trace).attributes["rpc.grpc.status_code"] == 0
        with pytest.raises(ValueError, match="of the interceptor"):
            calling_aio(mine, address, "missing", more=[Answers()])
    failed = trace.spans[-1]
    assert (failed.status, failed.attributes["error.type"]) == ("error", "ValueError")
    assert [event.name for event in failed.events] == ["exception"]


def test_without_a_subscriber_a_call_is_passed_on_as_it_is(mine):
    handler, details, request = object(), object(), object()
    assert ServerInterceptor(tracing=mine).intercept_service(lambda _: handler, details) is handler
    intercept = ClientInterceptor(tracing=mine).intercept_unary_unary
    assert intercept(lambda *given: given, details, request) == (details, request)

    async def continuation(*given):
        return given

    async def main():
        intercept = aio_client_interceptors(tracing=mine)[0].intercept_unary_unary
        assert await intercept(continuation, details, request) == (details, request)
        found = await AioServerInterceptor(tracing=mine).intercept_service(continuation, details)
        assert found == (details,)

    asyncio.run(main())


def test_options_that_make_no_sense_are_refused():
    for make in (ServerInterceptor, AioServerInterceptor):
        with pytest.raises(ValueError, match="incoming"):
            make(incoming="yes")
        with pytest.raises(ValueError, match="linger"):
            make(linger=-1)
        with pytest.raises(TypeError, match="Tracing"):
            make(tracing="mine")
    for make in (ClientInterceptor, aio_client_interceptors):
        with pytest.raises(TypeError, match="Tracing"):
            make(tracing="mine")
