# Made by `enterspan stubs` from the annotated source: don't edit it.
"""requests: each request that is sent is a span, and takes the trace along."""

from enterspan._tracing import Tracing
from enterspan.integrations._outgoing import Installation as Installation

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
