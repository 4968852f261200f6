"""Instrumentations of OpenTelemetry's through the bridge: each one of the table in the docs.

A library that needs a server that can't run here is not in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

pytest.importorskip("opentelemetry.instrumentation", reason="nox -s otel")

from enterspan import Tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What these packages warn of is theirs.
pytestmark = pytest.mark.filterwarnings("default")

PAGE = Path(__file__).parent.parent.parent / "docs" / "opentelemetry.md"
SCOPE = "opentelemetry.instrumentation"


class Bench:
    """What a case works with: a Tracing, and instrumentations that go at its end."""

    def __init__(self, tracing: Tracing, provider: Any, stack: contextlib.ExitStack) -> None:
        self.tracing = tracing
        self.provider = provider
        self.stack = stack
        self.span = tracing.span

    def on(self, name: str, instrumentor: str, **options: Any) -> Any:
        """Switch an instrumentation on."""
        made = getattr(importlib.import_module(f"{SCOPE}.{name}"), instrumentor)()
        made.instrument(tracer_provider=self.provider, **options)
        self.stack.callback(made.uninstrument)
        return made

    def site(self) -> str:
        """A server for clients; its URL."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.stack.callback(server.server_close)
        self.stack.callback(thread.join)
        self.stack.callback(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}/"


class Case(NamedTuple):
    """What is done, and the spans that it makes."""

    run: Callable[[Bench], object]
    tree: str


CASES: dict[str, Case] = {}
"""By the end of the package's name, `opentelemetry-instrumentation-`."""


def case(name: str, tree: str) -> Callable[[Any], Any]:
    def add(run: Any) -> Any:
        CASES[name] = Case(run, tree)
        return run

    return add


# --- databases and caches -------------------------------------------------------------------------


@case("sqlite3", "work > SELECT")
def query_sqlite(bench: Bench) -> None:
    import sqlite3

    bench.on("sqlite3", "SQLite3Instrumentor")
    with bench.span("work"), contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.cursor().execute("SELECT 7")


@case("sqlalchemy", "work > connect, SELECT")
def query_sqlalchemy(bench: Bench) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine("sqlite://")
    bench.on("sqlalchemy", "SQLAlchemyInstrumentor", engine=engine)
    with bench.span("work"), engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT 7")).scalar() == 7
    engine.dispose()


@case("redis", "work > SET, GET")
def command_redis(bench: Bench) -> None:
    import fakeredis

    bench.on("redis", "RedisInstrumentor")
    client = fakeredis.FakeRedis()
    with bench.span("work"):
        client.set("a", "1")
        assert client.get("a") == b"1"
    client.close()


# --- clients of services --------------------------------------------------------------------------


@case("requests", "work > GET")
def get_requests(bench: Bench) -> None:
    import requests

    bench.on("requests", "RequestsInstrumentor")
    with bench.span("work"):
        requests.get(bench.site(), timeout=10)


@case("httpx", "work > GET")
def get_httpx(bench: Bench) -> None:
    import httpx

    bench.on("httpx", "HTTPXClientInstrumentor")
    with bench.span("work"):
        httpx.get(bench.site(), timeout=10)


@case("urllib3", "work > GET")
def get_urllib3(bench: Bench) -> None:
    import urllib3

    bench.on("urllib3", "URLLib3Instrumentor")
    with bench.span("work"), urllib3.PoolManager() as pool:
        pool.request("GET", bench.site(), timeout=10.0)


@case("urllib", "work > GET")
def get_urllib(bench: Bench) -> None:
    import urllib.request

    bench.on("urllib", "URLLibInstrumentor")
    with bench.span("work"), urllib.request.urlopen(bench.site(), timeout=10) as answer:
        answer.read()


@case("aiohttp-client", "work > GET")
def get_aiohttp(bench: Bench) -> None:
    import aiohttp

    from enterspan.integrations.aiohttp import ClientMiddleware

    bench.on("aiohttp_client", "AioHttpClientInstrumentor")

    async def main() -> None:
        # With our own middleware as well, a request has still one span.
        middlewares = (ClientMiddleware(tracing=bench.tracing),)
        async with (
            bench.span("work"),
            aiohttp.ClientSession(middlewares=middlewares) as client,
            client.get(bench.site()) as answer,
        ):
            await answer.read()

    asyncio.run(main())


@case("botocore", "work > SQS.SendMessage")
def send_botocore(bench: Bench) -> None:
    import botocore.session
    from botocore.stub import Stubber

    bench.on("botocore", "BotocoreInstrumentor")
    session = botocore.session.Session()
    client = session.create_client(
        "sqs", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stubber, bench.span("work"):
        stubber.add_response("send_message", {"MessageId": "1"})
        client.send_message(QueueUrl="https://sqs/q", MessageBody="x")


# --- servers --------------------------------------------------------------------------------------


ASKED = "GET /orders/7"
ROUTED = "GET /orders/{number}"


def ask_asgi(app: Any) -> None:
    """A request over ASGI."""
    import httpx

    async def main() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            assert (await client.get("/orders/7")).status_code == 200

    asyncio.run(main())


def ask_wsgi(app: Any) -> None:
    """A request over WSGI."""
    import httpx

    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://shop") as client:
        assert client.get("/orders/7").status_code == 200


@case("asgi", f"{ASKED} > {ASKED} http receive, load, {ASKED} http send, {ASKED} http send")
def serve_asgi(bench: Bench) -> None:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        async with bench.span("load"):
            await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    ask_asgi(OpenTelemetryMiddleware(app, tracer_provider=bench.provider))


@case("wsgi", f"{ASKED} > load")
def serve_wsgi(bench: Bench) -> None:
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    def app(environ: Any, start_response: Any) -> list[bytes]:
        with bench.span("load"):
            start_response("200 OK", [])
            return [b"ok"]

    ask_wsgi(OpenTelemetryMiddleware(app, tracer_provider=bench.provider))


def starlette_routes(bench: Bench) -> Any:
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def order(request: Any) -> Any:
        async with bench.span("load"):
            return PlainTextResponse("ok")

    return [Route("/orders/{number}", order)]


@case("starlette", f"{ROUTED} > load, {ROUTED} http send, {ROUTED} http send")
def serve_starlette(bench: Bench) -> None:
    from opentelemetry.instrumentation.starlette import StarletteInstrumentor
    from starlette.applications import Starlette

    app = Starlette(routes=starlette_routes(bench))
    StarletteInstrumentor.instrument_app(app, tracer_provider=bench.provider)
    bench.stack.callback(StarletteInstrumentor.uninstrument_app, app)
    ask_asgi(app)


@case("fastapi", f"{ROUTED} > load, {ROUTED} http send, {ROUTED} http send")
def serve_fastapi(bench: Bench) -> None:
    from fastapi import FastAPI
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    app = FastAPI()

    @app.get("/orders/{number}")
    def order(number: int) -> str:
        with bench.span("load"):
            return "ok"

    FastAPIInstrumentor.instrument_app(app, tracer_provider=bench.provider)
    bench.stack.callback(FastAPIInstrumentor.uninstrument_app, app)
    ask_asgi(app)


@case("flask", "GET /orders/<int:number> > load")
def serve_flask(bench: Bench) -> None:
    from flask import Flask
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    app = Flask("shop")

    @app.get("/orders/<int:number>")
    def order(number: int) -> str:
        with bench.span("load"):
            return "ok"

    FlaskInstrumentor.instrument_app(app, tracer_provider=bench.provider)
    bench.stack.callback(FlaskInstrumentor.uninstrument_app, app)
    ask_wsgi(app)


@case("django", "GET orders/<int:number> > load")
def serve_django(bench: Bench) -> None:
    import django
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    def order(request: Any, number: int) -> Any:
        with bench.span("load"):
            return HttpResponse("ok")

    urls = ModuleType("urls")
    urls.urlpatterns = [path("orders/<int:number>", order)]  # type: ignore[attr-defined]
    settings.configure(ROOT_URLCONF=urls, ALLOWED_HOSTS=["*"], MIDDLEWARE=[], LOGGING_CONFIG=None)
    django.setup()
    bench.on("django", "DjangoInstrumentor")
    from django.core.handlers.wsgi import WSGIHandler

    ask_wsgi(WSGIHandler())


@case("aiohttp-server", "GET /orders/{number} > load")
def serve_aiohttp(bench: Bench) -> None:
    import aiohttp

    bench.on("aiohttp_server", "AioHttpServerInstrumentor")
    from aiohttp import web

    async def order(request: Any) -> Any:
        async with bench.span("load"):
            return web.Response(text="ok")

    async def main() -> None:
        app = web.Application()
        app.add_routes([web.get("/orders/{number}", order)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://{host}:{port}/orders/7") as answer,
        ):
            assert answer.status == 200
        await runner.cleanup()

    asyncio.run(main())


@case("grpc", "work > shop.Cart/Add > /shop.Cart/Add > load")
def call_grpc(bench: Bench) -> None:
    """A server of theirs, and a client of ours."""
    import grpc

    from enterspan.integrations.grpc import ClientInterceptor

    bench.on("grpc", "GrpcInstrumentorServer")

    def add(request: bytes, context: Any) -> bytes:
        with bench.span("load"):
            return request

    methods = {"Add": grpc.unary_unary_rpc_method_handler(add)}
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Cart", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with bench.span("work"), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        intercepted = grpc.intercept_channel(channel, ClientInterceptor(tracing=bench.tracing))
        assert intercepted.unary_unary("/shop.Cart/Add")(b"x", timeout=10) == b"x"
    server.stop(5).wait()


@case("celery", "work > apply_async/pack > run/pack > load")
def run_celery(bench: Bench) -> None:
    from celery import Celery
    from celery.contrib.testing.worker import start_worker

    bench.on("celery", "CeleryInstrumentor")
    app = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.worker_hijack_root_logger = False
    bench.stack.callback(logging.root.setLevel, logging.root.level)  # `start_worker` sets it

    @app.task(shared=False, name="pack")
    def pack(number: int) -> int:
        with bench.span("load"):
            return number

    with start_worker(app, perform_ping_check=False):
        with bench.span("work"):
            sent = pack.delay(7)
        assert sent.get(timeout=20) == 7


# --- in the process -------------------------------------------------------------------------------


@case("threading", "work > in the thread, in the pool")
def run_threads(bench: Bench) -> None:
    bench.on("threading", "ThreadingInstrumentor")

    def work(name: str) -> None:
        with bench.span(name):
            pass

    with bench.span("work"):
        thread = threading.Thread(target=work, args=["in the thread"])
        thread.start()
        thread.join()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work, "in the pool").result()


@case("asyncio", "work > asyncio coro-step, load")
def run_asyncio(bench: Bench) -> None:
    """Its spans are never current."""
    import os

    os.environ["OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES_TO_TRACE"] = "step"
    bench.stack.callback(os.environ.pop, "OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES_TO_TRACE")
    bench.on("asyncio", "AsyncioInstrumentor")

    async def step() -> None:
        async with bench.span("load"):
            await asyncio.sleep(0)

    async def main() -> None:
        async with bench.span("work"):
            await asyncio.create_task(step())

    asyncio.run(main())


@case("jinja2", "work > jinja2.compile, jinja2.render > load")
def render_jinja(bench: Bench) -> None:
    import jinja2

    bench.on("jinja2", "Jinja2Instrumentor")

    def load() -> str:
        with bench.span("load"):
            return "tea"

    with bench.span("work"):
        assert jinja2.Environment().from_string("{{ load() }}").render(load=load) == "tea"


@case("click", "order > load")
def run_click(bench: Bench) -> None:
    import click

    bench.on("click", "ClickInstrumentor")

    @click.command("order")
    def order() -> None:
        with bench.span("load"):
            pass

    order.main([], "order", standalone_mode=False)


@case("logging", "work")
def log(bench: Bench) -> None:
    """Its records have the ids of our span."""
    bench.on("logging", "LoggingInstrumentor", inject_trace_context=True)
    with bench.span("work") as span:
        record = logging.getLogRecordFactory()("x", 20, "", 1, "message", (), None)
    assert record.otelSpanID == f"{span.context.span_id:016x}"
    assert record.otelTraceID == f"{span.context.trace_id:032x}"


# --- each of them ---------------------------------------------------------------------------------


def lines_of(tree: str) -> str:
    """`a > b, c` as an indented tree: what comes after a comma stands beside what is before it."""
    levels = tree.split(" > ")
    return "\n".join(
        "  " * depth + name for depth, level in enumerate(levels) for name in level.split(", ")
    )


@pytest.fixture
def bench(bridged: Tracing, sdk: Any) -> Iterator[Bench]:
    with contextlib.ExitStack() as stack:
        yield Bench(bridged, sdk.provider, stack)


@pytest.mark.parametrize("name", list(CASES))
def test_an_instrumentation_is_in_one_trace_with_our_spans(
    name: str, bench: Bench, sdk: Any
) -> None:
    """In what the SDK exports, and in what we record, which are the same."""
    with capture(bench.tracing, everything=True) as recorded:
        CASES[name].run(bench)
    assert sdk.tree() == lines_of(CASES[name].tree)
    assert len({span.context.trace_id for span in sdk.spans}) == 1
    theirs = {(s.context.trace_id, s.context.span_id, s.name) for s in sdk.spans}
    assert {(s.context.trace_id, s.context.span_id, s.name) for s in recorded.spans} == theirs


def test_the_table_of_the_docs_is_what_was_tried() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| `(.+)` \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == {name: case.tree for name, case in CASES.items()}
