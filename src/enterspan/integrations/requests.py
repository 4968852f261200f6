"""requests: each sent request is a span, and propagates the trace context."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from enterspan._model.classes import mro_of
from enterspan.integrations._outgoing import Client, ClientAnswer, ClientRequest, Installation

if TYPE_CHECKING:
    from enterspan._tracing import Tracing

__all__ = ["Installation", "install"]


def install(tracing: Tracing | None = None) -> Installation:
    """Make the requests of all sessions of this process spans that propagate the trace context.

    This includes existing sessions, `requests.get` and the like. A span has the kind `client` and
    the method as its name, and lasts until the headers of the response are received, not its body.
    A status of 400 or more is an error. Each redirect is a request of its own; retries by an
    adapter (`max_retries`) are part of one request. `url.full` has no userinfo and no values of
    secret parameters.

    With the bridge and OpenTelemetry's instrumentation of requests, only the latter makes a span. A
    second call does nothing.

    Args:
        tracing: By default the default instance.

    Returns:
        An object whose `remove()` undoes this; also a context manager.

    Raises:
        TypeError: `tracing` is not a `Tracing`.
        ImportError: requests is not installed.
    """
    try:
        package = import_module("requests")
    except ImportError as missing:
        raise ImportError(
            "enterspan.integrations.requests needs requests: pip install requests"
        ) from missing

    def read_answer(answer: Any) -> ClientAnswer | None:
        if package.Response not in mro_of(type(answer)):
            return None
        version = getattr(answer.raw, "version", None)  # 11: HTTP/1.1
        return ClientAnswer(answer.status_code, _version(version))

    client = Client(tracing, _read, read_answer)
    return Installation([(client, package.adapters.HTTPAdapter, "send")])


def _read(request: Any) -> ClientRequest:
    url: str = request.url
    if type(url) is not str:
        raise TypeError("a prepared request has a URL")
    parts = urlsplit(url)
    host = parts.hostname or ""
    return ClientRequest(request.method, url, parts.scheme, host, parts.port, request.headers)


def _version(number: object) -> str | None:
    """The HTTP version, from urllib3's number."""
    return {10: "1.0", 11: "1.1", 20: "2"}.get(number) if type(number) is int else None
