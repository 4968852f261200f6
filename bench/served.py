"""A request through each integration, beside OpenTelemetry's instrumentation of the same framework.

    python bench/served.py                          all frameworks: about a minute
    python bench/served.py flask django --seconds 5
    python bench/served.py --check                  exit with 1 if ours costs more than a third

A request is made in this process, on the calling thread: ASGI and WSGI applications are called as
a server does, aiohttp is asked over a connection, a handler of gRPC is called with a context. The
same application stands there three times: bare, with ours, with OpenTelemetry's. They take turns of
about 10 ms in random order; what a middleware costs is the CPU time of the thread above that of the
bare one. Both record in batches to a sink that counts, and the counts prove that each request was
recorded.

OpenTelemetry's middleware of ASGI makes a span of each message as well, unless it is told not to;
`server span only` is with `exclude_spans`.
"""

# The frameworks may not be there when types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownLambdaType=false
# mypy: disable-error-code="import-not-found,import-untyped,unused-ignore,misc,no-untyped-call"

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import json
import random
import sys
from importlib import import_module
from statistics import median, quantiles
from time import perf_counter_ns, thread_time_ns
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import machine
from cases import Mode
from contenders import otel, ours
from lineup import version_of
from workload import loop, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan import Tracing
    from workload import Run

TURN_NS = 10_000_000
"""How long a turn lasts, roughly."""
ROUNDS = 6
"""How many turns each has in a block."""
FEWEST_BLOCKS = 6
MOST = 1 / 3
"""What ours may cost, as a part of what OpenTelemetry's costs."""
HEADERS = {
    "host": "shop.example",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    "accept": "text/html,application/xhtml+xml",
    "accept-language": "en",
    "cookie": "session=0123456789",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


class Two:
    """What ours and theirs record with."""

    def __init__(self) -> None:
        self.ours = ours.Peer(Mode.RECORDED)
        self.theirs = otel.Peer(Mode.RECORDED)

    @property
    def tracing(self) -> Tracing:
        return self.ours.tracing

    @property
    def provider(self) -> Any:
        return self.theirs.provider


# --- how a server calls an application ------------------------------------------------------------


def asgi(app: Any) -> Run:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/orders/7",
        "raw_path": b"/orders/7",
        "query_string": b"page=2",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in HEADERS.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def body(count: int) -> None:
        for _ in range(count):
            await app({**scope, "state": {}}, receive, send)
        assert statuses == [200] * count
        statuses.clear()

    return lambda count: loop().run_until_complete(body(count))


def wsgi(app: Any) -> Run:
    fixed = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/orders/7",
        "QUERY_STRING": "page=2",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in HEADERS.items()},
    }
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[..., None]:
        del headers, exc_info
        statuses.append(status[:3])
        return print

    def run(count: int) -> None:
        for _ in range(count):
            body = app({**fixed, "wsgi.input": io.BytesIO()}, start_response)
            for _ in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()
        assert statuses == ["200"] * count
        statuses.clear()

    return run


# --- the frameworks: the bare application, with ours, with theirs ---------------------------------


def starlette(two: Two, only: bool) -> list[Run]:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    from enterspan.integrations.asgi import TracingMiddleware

    async def order(request: Any) -> Any:
        return PlainTextResponse(request.path_params["number"])

    def make(*middleware: Any) -> Run:
        return asgi(Starlette(routes=[Route("/orders/{number}", order)], middleware=middleware))

    return [
        make(),
        make(Middleware(TracingMiddleware, tracing=two.tracing)),
        make(Middleware(OpenTelemetryMiddleware, **_options(two, only))),
    ]


def fastapi(two: Two, only: bool) -> list[Run]:
    from fastapi import FastAPI
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    from enterspan.integrations.asgi import TracingMiddleware

    async def order(number: int) -> int:
        return number

    def make() -> Any:
        app = FastAPI()

        app.get("/orders/{number}")(order)
        return app

    with_ours, with_theirs = make(), make()
    with_ours.add_middleware(TracingMiddleware, tracing=two.tracing)
    FastAPIInstrumentor.instrument_app(with_theirs, **_options(two, only))
    return [asgi(make()), asgi(with_ours), asgi(with_theirs)]


def _options(two: Two, only: bool) -> dict[str, Any]:
    excluded = {"exclude_spans": ["receive", "send"]} if only else {}
    return {"tracer_provider": two.provider, **excluded}


def str_of(number: int) -> str:
    return str(number)


def flask(two: Two, _: bool) -> list[Run]:
    from flask import Flask
    from opentelemetry.instrumentation.flask import FlaskInstrumentor

    from enterspan.integrations.flask import install

    def make() -> Any:
        app = Flask("shop")

        app.get("/orders/<int:number>")(str_of)
        return app

    with_ours, with_theirs = make(), make()
    install(with_ours, tracing=two.tracing)
    FlaskInstrumentor.instrument_app(with_theirs, tracer_provider=two.provider)
    return [wsgi(make()), wsgi(with_ours), wsgi(with_theirs)]


def plain_wsgi(two: Two, _: bool) -> list[Run]:
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    from enterspan.integrations.wsgi import TracingMiddleware

    def app(environ: Any, start_response: Any) -> list[bytes]:
        del environ
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "1")])
        return [b"7"]

    return [
        wsgi(app),
        wsgi(TracingMiddleware(app, tracing=two.tracing)),
        wsgi(OpenTelemetryMiddleware(app, tracer_provider=two.provider)),
    ]


def django(two: Two, _: bool) -> list[Run]:
    from types import ModuleType

    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.test import override_settings
    from django.urls import path
    from opentelemetry.instrumentation.django import DjangoInstrumentor

    def order(request: Any, number: int) -> Any:
        del request
        return HttpResponse(str(number).encode())

    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path("orders/<int:number>", order)]
    settings.configure(
        ROOT_URLCONF=urls,
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=[],
        LOGGING_CONFIG=None,
        ENTERSPAN={"tracing": two.tracing},
    )
    import_module("django").setup()
    made = [wsgi(WSGIHandler())]
    with override_settings(MIDDLEWARE=["enterspan.integrations.django.TracingMiddleware"]):
        made.append(wsgi(WSGIHandler()))
    DjangoInstrumentor().instrument(tracer_provider=two.provider)
    made.append(wsgi(WSGIHandler()))
    return made


def aiohttp(two: Two, _: bool) -> list[Run]:
    from aiohttp import web
    from opentelemetry.instrumentation import aiohttp_server

    from enterspan.integrations.aiohttp import TracingMiddleware

    aiohttp_server.AioHttpServerInstrumentor().instrument(tracer_provider=two.provider)
    theirs = aiohttp_server.create_aiohttp_middleware(tracer_provider=two.provider)
    aiohttp_server.AioHttpServerInstrumentor().uninstrument()

    async def order(request: Any) -> Any:
        return web.Response(text=request.match_info["number"])

    def make(*middlewares: Any) -> Run:
        app = web.Application(middlewares=middlewares)
        app.add_routes([web.get("/orders/{number}", order)])
        runner = web.AppRunner(app, access_log=None)
        loop().run_until_complete(runner.setup())
        loop().run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        return loop().run_until_complete(_connected(*runner.addresses[0]))

    return [make(), make(TracingMiddleware(tracing=two.tracing)), make(theirs)]


async def _connected(host: str, port: int) -> Run:
    """Requests over one connection, with no more than it takes to read the answers."""
    reader, writer = await asyncio.open_connection(host, port)
    lines = [f"{name}: {value}" for name, value in HEADERS.items()]
    request = "\r\n".join(["GET /orders/7?page=2 HTTP/1.1", *lines, "", ""]).encode()

    async def body(count: int) -> None:
        for _ in range(count):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readexactly(1)

    return lambda count: loop().run_until_complete(body(count))


class Pair(NamedTuple):
    """Metadata as gRPC has it."""

    key: str
    value: str


def grpc(two: Two, _: bool) -> list[Run]:
    from opentelemetry.instrumentation.grpc import server_interceptor

    from enterspan.integrations.grpc import ServerInterceptor

    package = import_module("grpc")
    metadata = tuple(map(Pair._make, HEADERS.items()))

    class Details:
        method = "/shop.Cart/Add"
        invocation_metadata = metadata

    context = SimpleNamespace(
        invocation_metadata=lambda: metadata,
        peer=lambda: "ipv4:127.0.0.1:50000",
        code=lambda: None,
        details=lambda: None,
        add_callback=lambda _: True,
    )

    def add(request: bytes, context: Any) -> bytes:
        del context
        return request

    handler = package.unary_unary_rpc_method_handler(add)

    def make(*interceptors: Any) -> Run:
        def run(count: int) -> None:
            for _ in range(count):
                found = handler
                for interceptor in interceptors:
                    found = interceptor.intercept_service(lambda _: handler, Details)
                assert found.unary_unary(b"7", context) == b"7"

        return run

    return [
        make(),
        make(ServerInterceptor(tracing=two.tracing)),
        make(server_interceptor(two.provider)),
    ]


FRAMEWORKS: dict[str, tuple[Callable[[Two, bool], list[Run]], tuple[str, ...], bool]] = {
    "starlette": (starlette, ("starlette", "opentelemetry-instrumentation-asgi"), False),
    "starlette, server span only": (
        starlette,
        ("starlette", "opentelemetry-instrumentation-asgi"),
        True,
    ),
    "fastapi": (fastapi, ("fastapi", "opentelemetry-instrumentation-fastapi"), False),
    "fastapi, server span only": (
        fastapi,
        ("fastapi", "opentelemetry-instrumentation-fastapi"),
        True,
    ),
    "wsgi": (plain_wsgi, ("opentelemetry-instrumentation-wsgi",), False),
    "flask": (flask, ("flask", "opentelemetry-instrumentation-flask"), False),
    "django": (django, ("django", "opentelemetry-instrumentation-django"), False),
    "aiohttp": (aiohttp, ("aiohttp", "opentelemetry-instrumentation-aiohttp-server"), False),
    "grpc": (grpc, ("grpcio", "opentelemetry-instrumentation-grpc"), False),
}
"""What makes the three, what it needs, and whether theirs is told to make the server span only."""


# --- measuring ------------------------------------------------------------------------------------


def measure(name: str, seconds: float) -> dict[str, Any]:
    """One framework, for so long."""
    make, packages, only = FRAMEWORKS[name]
    two = Two()
    runs = make(two, only)
    made = [0, 0, 0]
    counts = [_calibrated(run, made, number) for number, run in enumerate(runs)]
    settle()
    blocks: list[list[float]] = []
    deadline = perf_counter_ns() + int(seconds * 1e9)
    while perf_counter_ns() < deadline or len(blocks) < FEWEST_BLOCKS:
        turns: list[list[float]] = [[], [], []]
        for _ in range(ROUNDS):
            for number in random.sample(range(3), 3):
                gc.collect()
                own = thread_time_ns()
                runs[number](counts[number])
                turns[number].append((thread_time_ns() - own) / counts[number])
                made[number] += counts[number]
                two.ours.drain()
                two.theirs.drain()
        blocks.append([median(values) for values in turns])
    above = [(mine - bare, theirs - bare) for bare, mine, theirs in blocks]
    spans = two.theirs.arrived() / made[2]
    assert two.ours.arrived() == made[1], f"{made[1]} requests, {two.ours.arrived()} recorded"
    assert spans == int(spans) >= 1, f"{made[2]} requests, {two.theirs.arrived()} spans of theirs"
    return {
        "name": name,
        "bare_ns": median([bare for bare, _, _ in blocks]),
        "ours_ns": _spread([mine for mine, _ in above]),
        "theirs_ns": _spread([theirs for _, theirs in above]),
        "part": _spread([mine / theirs for mine, theirs in above]),
        "spans": int(spans),
        "packages": {package: version_of(package) for package in packages},
    }


def described() -> dict[str, Any]:
    """With what it was measured: this part may be measured at another time than the others."""
    found = machine.describe(None)
    return {name: found[name] for name in ("date", "python", "cpu", "enterspan")}


def _calibrated(run: Run, made: list[int], number: int) -> int:
    """How many requests last a turn."""
    count = 4
    while True:
        start = thread_time_ns()
        run(count)
        spent = thread_time_ns() - start
        made[number] += count
        if spent > TURN_NS / 2:
            return max(1, round(count * TURN_NS / spent))
        count *= 2


def _spread(values: list[float]) -> list[float]:
    low, middle, high = quantiles(values, n=4)
    return [low, middle, high]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("framework", nargs="*", help=f"of {', '.join(map(repr, FRAMEWORKS))}")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each framework")
    parser.add_argument("--check", action="store_true", help="fail where ours costs over a third")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in given.framework or FRAMEWORKS:
        if name not in FRAMEWORKS:
            parser.error(f"there is no {name!r}")
        missing = [package for package in FRAMEWORKS[name][1] if version_of(package) is None]
        if missing:
            print(f"!! SKIPPED {name}: not installed: {', '.join(missing)}", file=sys.stderr)
            continue
        rows.append(row := measure(name, given.seconds))
        low, part, high = row["part"]
        print(
            f"{name:28} bare {row['bare_ns'] / 1e3:7.1f} us"
            f"   ours {row['ours_ns'][1] / 1e3:6.1f}   theirs {row['theirs_ns'][1] / 1e3:7.1f}"
            f"   {part:.2f} of that ({low:.2f} to {high:.2f})",
            file=sys.stderr,
        )
    print(json.dumps({"rows": rows, **described()}))
    return int(given.check and any(row["part"][1] > MOST for row in rows))


if __name__ == "__main__":
    sys.exit(main())
