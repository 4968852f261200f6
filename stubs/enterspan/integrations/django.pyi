# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Django: each request is an invocation, under WSGI and ASGI, named after its route.

In the settings:

    MIDDLEWARE = ["enterspan.integrations.django.TracingMiddleware", ...]
    ENTERSPAN = {"exclude": ["/health"]}  # options, if there are any
"""

from collections.abc import Callable
from enterspan.integrations._http import Middleware
from typing import Any

__all__ = ["TracingMiddleware"]

class TracingMiddleware(Middleware):
    """A middleware of Django's that makes requests invocations; it should be the first one.

    A request lasts until Django has made the answer, or, if that is streamed, until its end.
    `set_return` comes with the status. Its name is the method and the route, as soon as Django has
    found it; the exception behind a 500 is recorded. `Http404`, `PermissionDenied` and what else
    Django answers with a status below 500 are no failures. Behind the ASGI or WSGI middleware of
    this package it adds the route and the exception to the request that these have begun.

    The setting `ENTERSPAN` is a mapping of options: `tracing`, `exclude`, `capture_headers`,
    `linger` and `incoming`, as in `enterspan.integrations.asgi.TracingMiddleware`; a function as
    `incoming` is called with Django's request.

    Raises:
        TypeError: An option is unknown, or of the wrong type.
        ValueError: An option can't be used.
    """

    sync_capable: bool = True
    async_capable: bool = True
    def __init__(self, get_response: Callable[[Any], Any]) -> None: ...

    def __call__(self, request: Any) -> Any:
        """Answer a request."""

    def process_view(self, request: Any, *_: object) -> None:
        """Take note of the route: Django has found the view."""
