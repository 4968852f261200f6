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
    """One of Flask's methods that answer an exception, which the middleware learns of as well."""
    from flask import request

    def handle_noted(*args: Any) -> Any:  # the last one is the exception
        environ = request.environ
        if TRACED_BY in environ:  # a request that is not recorded leaves nothing behind
            environ[FAILURE] = args[-1]
            if request.url_rule is not None:  # the exception may pass on without an answer
                environ[ROUTE] = request.url_rule.rule
        return handle(*args)

    return handle_noted
