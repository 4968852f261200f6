# Made by `enterspan stubs` from the annotated source: don't edit it.
"""WSGI: each request is an invocation, from the call to the end of the body (PEP 3333).

The body stays lazy, and the span is current only while the application's own code runs: whatever
the server does between two pieces of a body, on whichever thread, is not part of the request.
"""

from collections.abc import Callable, Iterable
from enterspan.integrations._http import Middleware

__all__ = ["TracingMiddleware"]

class TracingMiddleware(Middleware):
    """A WSGI application around another one, that makes its requests invocations.

    It lasts until the body has given its last piece or the server closes it, whichever comes first;
    `set_return` comes with the first piece. Its name is the method and, as soon as Flask knows it,
    the route. A body that is closed before its end, because the client has gone, makes the outcome
    `canceled`.

    `tracing` is the default instance if it is None. Of paths that match one of the `exclude`
    patterns (`/health`, `/static/*`) nothing is recorded. `capture_headers` are recorded as well.
    `linger` is how many seconds an invocation waits for spans that are still open at its end.
    `incoming` says what the trace context of a caller is worth: `"parent"`; `"link"`, for callers
    that are not trusted: a trace and a sampling decision of our own, linked to theirs; `"ignore"`;
    or a function of the environment that returns one of these.

    TypeError or ValueError for options that make no sense.
    """

    app: Callable[..., Iterable[bytes]]

    def __call__(
        self,
        environ: dict[str, object],
        start_response: Callable[..., object],
    ) -> Iterable[bytes]:
        """Run the application for a request."""
