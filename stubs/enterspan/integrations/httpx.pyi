# Made by `enterspan stubs` from the annotated source: don't edit it.
"""httpx: each sent request is a span, and propagates the trace context."""

from enterspan._tracing import Tracing
from enterspan.integrations._outgoing import Installation as Installation

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
