"""Quart: each request is an invocation, named after its route, with the exception behind a 500."""

from __future__ import annotations

from sys import modules
from typing import TYPE_CHECKING, Any, Final

from enterspan.integrations._http import FAILURE, ROUTE
from enterspan.integrations.asgi import TracingMiddleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["install"]

_NAME: Final = "enterspan"


def install(app: Any, **options: Any) -> None:
    """Make the requests and web sockets of a Quart application invocations.

    This adds the ASGI middleware, and records routes and the exceptions for which Quart responds
    with a status of 500 or more. A second call for the same application does nothing.

    Args:
        app: The `Quart` object.
        options: The options of `enterspan.integrations.asgi.TracingMiddleware`.

    Raises:
        TypeError: `app` is not a Quart application, or an option has the wrong type.
        ValueError: An option has an invalid value.
    """
    if not (hasattr(app, "asgi_app") and hasattr(app, "handle_user_exception")):
        raise TypeError(f"install takes a Quart application, not {app!r}")
    if _NAME in app.extensions:
        return
    app.asgi_app = TracingMiddleware(app.asgi_app, **options)
    app.extensions[_NAME] = app.asgi_app
    app.before_request(_note_route)
    app.before_websocket(_note_route)
    for name in ("handle_user_exception", "handle_exception", "handle_websocket_exception"):
        setattr(app, name, _noting(getattr(app, name), "websocket" in name))


async def _note_route() -> None:
    quart = modules["quart"]
    connection: Any = quart.websocket if quart.has_websocket_context() else quart.request
    if connection.url_rule is not None:
        connection.scope[ROUTE] = connection.url_rule.rule


def _noting(
    handle: Callable[..., Awaitable[Any]], of_sockets: bool
) -> Callable[..., Awaitable[Any]]:
    """Wrap a Quart method that handles an exception, to report it to the middleware."""
    quart = modules["quart"]

    async def handle_noted(*args: Any) -> Any:  # the last one is the exception
        if quart.has_request_context():
            quart.request.scope[FAILURE] = args[-1]
        elif of_sockets:
            quart.websocket.scope[FAILURE] = args[-1]
        return await handle(*args)

    return handle_noted
