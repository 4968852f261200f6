# Made by `enterspan stubs` from the annotated source: don't edit it.
"""WSGI: each request is an invocation, from the call to the `close()` of the body (PEP 3333).

The body stays lazy, and the span is current only while the application's own code runs: whatever
the server does between two pieces of a body, on whichever thread, is not part of the request.
"""

from collections.abc import Callable, Iterable
from enterspan.integrations._http import Middleware

__all__ = ["TracingMiddleware"]

class TracingMiddleware(Middleware):
    """A WSGI application around another one, that makes its requests invocations.

    It lasts until the server closes the body; `set_return` comes with the first piece of it. Its
    name is the method and, as soon as Flask knows it, the route. A body that is closed before its
    end, because the client has gone, makes the outcome `canceled`.

    `tracing` is the default instance if it is None. Of paths that match one of the `exclude`
    patterns (`/health`, `/static/*`) nothing is recorded. `capture_headers` are recorded as well.
    `linger` is how many seconds an invocation waits for spans that are still open at its end.

    TypeError or ValueError for options that make no sense.
    """

    app: Callable[..., Iterable[bytes]]

    def __call__(
        self,
        environ: dict[str, object],
        start_response: Callable[..., object],
    ) -> Iterable[bytes]:
        """Run the application for a request."""
