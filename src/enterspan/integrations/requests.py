"""requests: each request that is sent is a span, and takes the trace along."""

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
    """Make the requests of all sessions of this process spans that take the trace along.

    Those of sessions that exist already too, and of `requests.get` and its like. The span is of the
    kind `client`, has the name of the method and lasts until the headers of the answer have
    come: the body is later. A status of 400 or more is an error. Each redirection is a request of
    its own; what an adapter retries by itself (`max_retries`) is one request. Names, passwords and
    the values of secret parameters are not in `url.full`.

    With the bridge, where OpenTelemetry's instrumentation of requests is on, its span is the
    request's and there is no second one. A second call does nothing.

    Args:
        tracing: By default the default instance.

    Returns:
        What `remove()` undoes it with; also a block.

    Raises:
        TypeError: It is no Tracing.
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
    """The version of HTTP, as urllib3 numbers it."""
    return {10: "1.0", 11: "1.1", 20: "2"}.get(number) if type(number) is int else None
