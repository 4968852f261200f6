# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Quart: each request is an invocation, named after its route, with the exception behind a 500."""

from typing import Any

__all__ = ["install"]

def install(app: Any, **options: Any) -> None:
    """Make the requests and web sockets of a Quart application invocations.

    It is the ASGI middleware, the routes, and the exceptions that Quart answers with a status of
    500 or more. A second call for the same application does nothing.

    Args:
        app: The `Quart` object.
        options: Those of `enterspan.integrations.asgi.TracingMiddleware`.

    Raises:
        TypeError: It is no Quart application, or an option is of the wrong type.
        ValueError: An option can't be used.
    """
