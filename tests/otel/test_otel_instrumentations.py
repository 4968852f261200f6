"""The bridge beside real instrumentations, over a real HTTP hop: one trace, and no orphan."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

for package in ("requests", "httpx", "urllib3", "sqlite3", "fastapi", "flask", "threading"):
    pytest.importorskip(
        f"opentelemetry.instrumentation.{package}",
        reason="OpenTelemetry's instrumentations are not installed: nox -s otel",
    )
    if package not in ("sqlite3", "threading"):
        pytest.importorskip(package, reason="nox -s otel")

import httpx
import requests
import urllib3
from conftest import free_port  # type: ignore[attr-defined]
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.instrumentation.utils import (
    suppress_http_instrumentation,
    suppress_instrumentation,
)

from enterspan import Tracing
from enterspan.integrations.httpx import install as install_httpx
from enterspan.integrations.requests import install as install_requests
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What these packages warn of is theirs.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def instrumented(sdk: Any) -> Iterator[Callable[[Any], None]]:
    """Switch an instrumentation on for this test, with the test's own SDK."""
    used: list[Any] = []

    def on(instrumentor: Any) -> None:
        instrumentor.instrument(tracer_provider=sdk.provider)
        used.append(instrumentor)

    yield on
    for instrumentor in used:
        instrumentor.uninstrument()


def load(tracing: Tracing, database: str = ":memory:") -> int:
    """A database call under a span of ours."""
    with tracing.span("load"):
        connection = sqlite3.connect(database)
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT 7")
            return int(cursor.fetchone()[0])
        finally:
            connection.close()


@pytest.fixture
def fastapi_service(bridged: Tracing, sdk: Any) -> Iterator[str]:
    """A FastAPI service on a real server in this process, instrumented; its URL."""
    uvicorn = pytest.importorskip("uvicorn", reason="nox -s otel")
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/async/{number}")
    async def in_the_loop(number: int) -> dict[str, Any]:
        async with bridged.span("handle"):
            await asyncio.sleep(0)
            return {"rows": load(bridged), "baggage": baggage.get_baggage("user")}

    @app.get("/sync/{number}")
    def in_a_thread(number: int) -> dict[str, Any]:
        with bridged.span("handle"):
            return {"rows": load(bridged), "baggage": baggage.get_baggage("user")}

    FastAPIInstrumentor.instrument_app(app, tracer_provider=sdk.provider)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)
    FastAPIInstrumentor.uninstrument_app(app)


@pytest.fixture
def flask_service(bridged: Tracing, sdk: Any) -> Iterator[str]:
    """A Flask service on a real server in this process, instrumented; its URL."""
    from flask import Flask
    from werkzeug.serving import make_server

    app = Flask("service")

    @app.get("/<int:number>")
    def handle(number: int) -> dict[str, Any]:
        with bridged.span("handle"):
            return {"rows": load(bridged), "baggage": baggage.get_baggage("user")}

    FlaskInstrumentor().instrument_app(app, tracer_provider=sdk.provider)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()
    FlaskInstrumentor().uninstrument_app(app)


def settled(sdk: Any) -> None:
    """Wait for the server's spans, which end after the client has its answer."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        spans = sdk.spans
        known = {span.context.span_id for span in spans}
        if spans and all(s.parent is None or s.parent.span_id in known for s in spans):
            return
        time.sleep(0.01)


def with_baggage(call: Callable[[], Any]) -> Any:
    token = context.attach(baggage.set_baggage("user", "seven"))
    try:
        return call()
    finally:
        context.detach(token)


CLIENTS: dict[str, tuple[Any, Callable[[str], dict[str, Any]]]] = {
    "requests": (RequestsInstrumentor, lambda url: requests.get(url, timeout=10).json()),
    "urllib3": (
        URLLib3Instrumentor,
        lambda url: urllib3.PoolManager().request("GET", url, timeout=10.0).json(),
    ),
    "httpx": (HTTPXClientInstrumentor, lambda url: httpx.get(url, timeout=10).json()),
}


@pytest.mark.parametrize("client", list(CLIENTS))
@pytest.mark.parametrize("path", ["async", "sync"])
def test_through_a_client_and_fastapi_it_is_one_trace(
    client: str, path: str, bridged: Tracing, sdk: Any, instrumented: Any, fastapi_service: str
) -> None:
    instrumentor, get = CLIENTS[client]
    instrumented(instrumentor())
    instrumented(SQLite3Instrumentor())
    with capture(bridged, everything=True) as recorded:
        with bridged.span("client work"):
            answer = with_baggage(lambda: get(f"{fastapi_service}/{path}/7"))
        settled(sdk)
    assert answer == {"rows": 7, "baggage": "seven"}
    by_name = {span.name: span for span in sdk.spans}
    ancestors = _ancestors(sdk, by_name["SELECT"])
    assert ancestors == [
        "SELECT",
        "load",
        "handle",
        f"GET /{path}/{{number}}",
        "GET",
        "client work",
    ]
    sdk.tree()
    assert len({span.context.trace_id for span in sdk.spans}) == 1
    # Both processes' tails are this one's: what was said to them hangs together as well.
    ours = {span.context.span_id: span for span in recorded.spans}
    assert {s.name for s in recorded.spans} >= {"client work", "GET", "handle", "load", "SELECT"}
    for span in recorded.spans:
        assert span.name == "client work" or span.parent_span_id in ours


@pytest.mark.parametrize("client", list(CLIENTS))
def test_through_a_client_and_flask_it_is_one_trace(
    client: str, bridged: Tracing, sdk: Any, instrumented: Any, flask_service: str
) -> None:
    instrumentor, get = CLIENTS[client]
    instrumented(instrumentor())
    instrumented(SQLite3Instrumentor())
    with bridged.span("client work"):
        answer = with_baggage(lambda: get(f"{flask_service}/7"))
    settled(sdk)
    assert answer == {"rows": 7, "baggage": "seven"}
    by_name = {span.name: span for span in sdk.spans}
    assert _ancestors(sdk, by_name["SELECT"]) == [
        "SELECT",
        "load",
        "handle",
        "GET /<int:number>",
        "GET",
        "client work",
    ]
    sdk.tree()


@pytest.mark.parametrize("suppress", [suppress_instrumentation, suppress_http_instrumentation])
@pytest.mark.parametrize("client", ["requests", "httpx"])
def test_a_request_for_which_opentelemetry_suppresses_spans_is_none_of_ours(
    bridged: Tracing, sdk: Any, fastapi_service: str, client: str, suppress: Any
) -> None:
    """The SDK's exporters do so: the export of a span would be one to export, without end."""
    install = {"requests": install_requests, "httpx": install_httpx}[client]
    with install(bridged), capture(bridged) as mine:
        with suppress():
            CLIENTS[client][1](f"{fastapi_service}/sync/7")
        assert [span.name for span in mine.spans if span.kind == "client"] == []
        CLIENTS[client][1](f"{fastapi_service}/sync/7")
    assert [span.name for span in mine.spans if span.kind == "client"] == ["GET"]


@pytest.mark.parametrize("ours_is_first", [True, False])
@pytest.mark.parametrize("client", ["requests", "httpx"])
def test_beside_a_hook_of_ours_a_request_has_one_span_and_one_header(
    client: str,
    ours_is_first: bool,
    bridged: Tracing,
    sdk: Any,
    instrumented: Any,
    flask_service: str,
) -> None:
    """Whichever was switched on first: the span is OpenTelemetry's."""
    instrumentor, get = CLIENTS[client]
    install = {"requests": install_requests, "httpx": install_httpx}[client]
    if not ours_is_first:
        instrumented(instrumentor())
    with install(bridged):
        if ours_is_first:
            instrumented(instrumentor())
        with bridged.span("client work"):
            get(f"{flask_service}/7")
        settled(sdk)
        assert sdk.tree() == "client work\n  GET\n    GET /<int:number>\n      handle\n        load"
        scopes = {span.instrumentation_scope.name for span in sdk.spans if span.name == "GET"}
        assert scopes == {f"opentelemetry.instrumentation.{client}"}
        if not ours_is_first:
            return
        # Without it, ours is there again.
        instrumentor().uninstrument()
        with capture(bridged) as recorded, bridged.span("client work"):
            get(f"{flask_service}/7")
        assert [span.kind for span in recorded.spans if span.name == "GET"] == ["client"]
        instrumentor().instrument()


def test_an_async_client_among_others_keeps_its_own_parent(
    bridged: Tracing, sdk: Any, instrumented: Any, fastapi_service: str
) -> None:
    instrumented(HTTPXClientInstrumentor())

    async def one(client: httpx.AsyncClient, number: int) -> None:
        async with bridged.span(f"work {number}"):
            await client.get(f"{fastapi_service}/async/{number}")

    async def main() -> None:
        async with httpx.AsyncClient() as client, bridged.span("all"):
            await asyncio.gather(*(one(client, number) for number in range(8)))

    asyncio.run(main())
    settled(sdk)
    sdk.tree()
    for span in sdk.spans:
        if span.name == "handle":
            chain = _ancestors(sdk, span)
            assert chain[-1] == "all"
            assert chain[-2].startswith("work ")
    assert sum(span.name == "handle" for span in sdk.spans) == 8


def test_unsampled_it_stays_unsampled_through_the_hop(
    mine: Tracing, instrumented: Any, sdk: Any, fastapi_service: str, bridged: Tracing
) -> None:
    """The client's trace is unsampled: the service, whose sampler follows, records nothing."""
    instrumented(RequestsInstrumentor())
    unsampled = trace.NonRecordingSpan(trace.SpanContext(1 << 64, 1, False, trace.TraceFlags(0)))
    token = context.attach(trace.set_span_in_context(unsampled))
    try:
        with bridged.span("client work") as span:
            assert not span.is_traced
            requests.get(f"{fastapi_service}/sync/7", timeout=10)
    finally:
        context.detach(token)
    time.sleep(0.1)
    assert sdk.spans == []


def test_a_thread_that_opentelemetry_instruments_is_in_the_trace(
    bridged: Tracing, sdk: Any, instrumented: Any
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    instrumented(ThreadingInstrumentor())

    def work() -> None:
        with bridged.span("in the thread"):
            load(bridged)

    with bridged.span("outer"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()
    assert sdk.tree() == ("outer\n  in the thread\n    load\n  in the thread\n    load")


def test_a_failed_query_is_an_error_on_the_right_span(
    bridged: Tracing, sdk: Any, instrumented: Any
) -> None:
    instrumented(SQLite3Instrumentor())
    with capture(bridged) as recorded, pytest.raises(sqlite3.OperationalError):
        with bridged.span("ours"):
            connection = sqlite3.connect(":memory:")
            try:
                connection.cursor().execute("SELECT nothing FROM nowhere")
            finally:
                connection.close()
    assert recorded.tree() == "ours\n  SELECT"
    assert recorded.find("SELECT").status == "error"
    assert recorded.find("ours").status == "error"


def _ancestors(sdk: Any, span: Any) -> list[str]:
    by_id = {s.context.span_id: s for s in sdk.spans}
    names = []
    while span is not None:
        names.append(span.name)
        span = by_id.get(span.parent.span_id) if span.parent is not None else None
    return names
