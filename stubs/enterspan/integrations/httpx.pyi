# Made by `enterspan stubs` from the annotated source: don't edit it.
"""httpx: each request that is sent is a span, and takes the trace along."""

from enterspan._tracing import Tracing
from enterspan.integrations._outgoing import Installation as Installation

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
