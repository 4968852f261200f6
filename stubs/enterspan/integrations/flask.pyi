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

    It is the WSGI middleware, and the exceptions that Flask answers with a status of 500 or more,
    whether by itself or by an `errorhandler`. Those that are answered with less (`abort(404)`, a
    handled exception) are no failures. A second call for the same application does nothing.

    Args:
        app: The `Flask` object.
        tracing: By default the default instance.
        exclude: As in `enterspan.integrations.wsgi.TracingMiddleware`, and so are the others.
        capture_headers: As there.
        linger: As there.
        incoming: As there.

    Raises:
        TypeError: It is no Flask application, or an option is of the wrong type.
        ValueError: An option can't be used.
    """
