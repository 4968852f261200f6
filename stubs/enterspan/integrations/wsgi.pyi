# Made by `enterspan stubs` from the annotated source: don't edit it.
"""WSGI: each request is an invocation, from the call to the end of the body (PEP 3333).

The body stays lazy, and the span is current only while the application's code runs: the server's
work between two chunks of a body, on any thread, is not part of the request.
"""

from collections.abc import Callable, Iterable
from enterspan.integrations._http import Middleware

__all__ = ["TracingMiddleware"]

class TracingMiddleware(Middleware):
    """WSGI middleware that makes requests invocations.

    An invocation lasts until the body has yielded its last chunk or the server closes it, whichever
    comes first; `set_return` is called with the first chunk. Its name is the method and, once Flask
    knows it, the route. If the body is closed before its end, because the client has disconnected,
    the outcome is `canceled`.

    `tracing` defaults to the default instance. Paths that match one of the `exclude` patterns
    (`/health`, `/static/*`) are not recorded. `capture_headers` names headers to record. `linger`
    is how many seconds to wait for spans that are still open when an invocation ends. `incoming`
    defines what to do with a caller's trace context: `"parent"` continues its trace; `"link"`, for
    untrusted callers, begins a new trace with its own sampling decision, linked to the caller's;
    `"ignore"` begins one without a link; or it is a function of the environment that returns one of
    these.

    Raises TypeError or ValueError for invalid options.
    """

    app: Callable[..., Iterable[bytes]]

    def __call__(
        self,
        environ: dict[str, object],
        start_response: Callable[..., object],
    ) -> Iterable[bytes]:
        """Run the application for a request."""
