"""httpx: each sent request is a span, and propagates the trace context."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from enterspan._model.classes import mro_of
from enterspan.integrations._outgoing import (
    Client,
    ClientAnswer,
    ClientRequest,
    Installation,
    is_instrumented,
)

if TYPE_CHECKING:
    from enterspan._tracing import Tracing

__all__ = ["Installation", "install"]


def install(tracing: Tracing | None = None) -> Installation:
    """Make requests of all httpx clients of this process spans that propagate the trace context.

    This includes sync and async clients, existing ones, and requests to an application in this
    process (`ASGITransport`, `WSGITransport`) or to a `MockTransport`. A span has the kind `client`
    and the method as its name, and lasts until the headers of the response are received, not a
    streamed body. A status of 400 or more is an error. Each redirect is a request of its own.
    `url.full` has no userinfo and no values of secret parameters. A custom transport is not traced,
    unless it sends through httpx's transports.

    With the bridge and OpenTelemetry's instrumentation of httpx, only the latter makes a span. A
    second call does nothing.

    Args:
        tracing: By default the default instance.

    Returns:
        An object whose `remove()` undoes this; also a context manager.

    Raises:
        TypeError: `tracing` is not a `Tracing`.
        ImportError: httpx is not installed.
    """
    try:
        package = import_module("httpx")
    except ImportError as missing:
        raise ImportError(
            "enterspan.integrations.httpx needs httpx: pip install httpx"
        ) from missing

    def read_answer(answer: Any) -> ClientAnswer | None:
        if package.Response not in mro_of(type(answer)):
            return None
        version = answer.extensions.get("http_version", b"")
        return ClientAnswer(answer.status_code, version.decode().removeprefix("HTTP/") or None)

    def is_instrumented_too() -> bool:
        return is_instrumented("httpx", "HTTPXClientInstrumentor")

    sent = Client(tracing, _read, read_answer, is_instrumented_too)
    answered_here = Client(tracing, _read, read_answer)  # OpenTelemetry skips these
    return Installation(
        [
            (sent, package.HTTPTransport, "handle_request"),
            (sent, package.AsyncHTTPTransport, "handle_async_request"),
            (answered_here, package.WSGITransport, "handle_request"),
            (answered_here, package.ASGITransport, "handle_async_request"),
            (answered_here, package.MockTransport, "handle_request"),
            (answered_here, package.MockTransport, "handle_async_request"),
        ]
    )


def _read(request: Any) -> ClientRequest:
    url = request.url
    return ClientRequest(request.method, str(url), url.scheme, url.host, url.port, request.headers)
