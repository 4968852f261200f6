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
    """Django middleware that makes requests invocations; it should be the first one.

    An invocation lasts until Django has made the response or, if it is streamed, until its end.
    `set_return` is called with the status. Its name is the method and the route, once Django has
    resolved it; the exception behind a 500 is recorded. `Http404`, `PermissionDenied` and other
    exceptions with a status below 500 are not failures. Behind the ASGI or WSGI middleware of this
    package, it adds the route and the exception to their invocation.

    The setting `ENTERSPAN` is a mapping of options: `tracing`, `exclude`, `capture_headers`,
    `linger` and `incoming`, as in `enterspan.integrations.asgi.TracingMiddleware`; a function as
    `incoming` is called with Django's request.

    Raises:
        TypeError: An option is unknown, or has the wrong type.
        ValueError: An option has an invalid value.
    """

    sync_capable: bool = True
    async_capable: bool = True
    def __init__(self, get_response: Callable[[Any], Any]) -> None: ...

    def __call__(self, request: Any) -> Any:
        """Handle a request."""

    def process_view(self, request: Any, *_: object) -> None:
        """Record the route: Django has resolved the view."""
