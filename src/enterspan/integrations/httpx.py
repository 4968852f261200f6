"""httpx: each request that is sent is a span, and takes the trace along."""

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
    """Make the requests of all httpx clients of this process spans that take the trace along.

    Clients of both kinds, those that exist already too, and requests that go to an application in
    this process (`ASGITransport`, `WSGITransport`) or to a `MockTransport`. The span is of the kind
    `client`, has the name of the method and lasts until the headers of the answer have come: a
    streamed body is later. A status of 400 or more is an error. Each redirection is a request of
    its own. Names, passwords and the values of secret parameters are not in `url.full`. A transport
    of the program's own is not seen, except for the transports of httpx that it sends through.

    With the bridge, where OpenTelemetry's instrumentation of httpx is on, its span is the request's
    and there is no second one. A second call does nothing.

    Args:
        tracing: By default the default instance.

    Returns:
        What `remove()` undoes it with; also a block.

    Raises:
        TypeError: It is no Tracing.
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
    answered_here = Client(tracing, _read, read_answer)  # OpenTelemetry's leaves these alone
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
