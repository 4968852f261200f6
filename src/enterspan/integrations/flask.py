"""Flask: each request is an invocation, named after its route, with the exception behind a 500."""

# Flask may not be installed when types are checked.
# pyright: reportMissingImports=false, reportUnknownParameterType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from enterspan.integrations._http import FAILURE, ROUTE, TRACED_BY
from enterspan.integrations.wsgi import TracingMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enterspan._model.protocols import Incoming
    from enterspan._tracing import Tracing

__all__ = ["install"]

_NAME: Final = "enterspan"


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
    if not (hasattr(app, "wsgi_app") and hasattr(app, "handle_user_exception")):
        raise TypeError(f"install takes a Flask application, not {app!r}")
    if _NAME in app.extensions:
        return
    app.wsgi_app = TracingMiddleware(
        app.wsgi_app,
        tracing=tracing,
        exclude=exclude,
        capture_headers=capture_headers,
        linger=linger,
        incoming=incoming,
    )
    app.extensions[_NAME] = app.wsgi_app
    for name in ("handle_user_exception", "handle_exception"):
        setattr(app, name, _noting(getattr(app, name)))


def _noting(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a Flask method that handles an exception, to report it to the middleware."""
    from flask import request

    def handle_noted(*args: Any) -> Any:  # the last one is the exception
        environ = request.environ
        if TRACED_BY in environ:  # a request that is not recorded stores nothing
            environ[FAILURE] = args[-1]
            if request.url_rule is not None:  # the exception may propagate without a response
                environ[ROUTE] = request.url_rule.rule
        return handle(*args)

    return handle_noted
