# Made by `enterspan stubs` from the annotated source: don't edit it.
"""requests: each sent request is a span, and propagates the trace context."""

from enterspan._tracing import Tracing
from enterspan.integrations._outgoing import Installation as Installation

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
