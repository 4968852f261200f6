# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Quart: each request is an invocation, named after its route, with the exception behind a 500."""

from typing import Any

__all__ = ["install"]

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
