# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Flask: each request is an invocation, named after its route, with the exception behind a 500."""

from collections.abc import Callable, Sequence
from enterspan._model.protocols import Incoming
from enterspan._tracing import Tracing
from typing import Any

__all__ = ["install"]

def install(
    app: Any,
    *,
    tracing: Tracing | None = None,
    exclude: Sequence[str] = (),
    capture_headers: Sequence[str] = (),
    linger: float | None = 0.0,
    incoming: Incoming | Callable[[Any], Incoming] = "parent",
) -> None:
    """Make the requests of a Flask application invocations.

    This adds the WSGI middleware, and records the exceptions for which Flask, or an `errorhandler`,
    responds with a status of 500 or more. Others (`abort(404)`, a handled exception) are not
    failures. A second call for the same application does nothing.

    Args:
        app: The `Flask` object.
        tracing: By default the default instance.
        exclude: As in `enterspan.integrations.wsgi.TracingMiddleware`.
        capture_headers: As in the middleware.
        linger: As in the middleware.
        incoming: As in the middleware.

    Raises:
        TypeError: `app` is not a Flask application, or an option has the wrong type.
        ValueError: An option has an invalid value.
    """
