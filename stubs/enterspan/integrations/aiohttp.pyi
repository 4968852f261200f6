# Made by `enterspan stubs` from the annotated source: don't edit it.
"""aiohttp: each request to a server is an invocation, and each one of a client is a span."""

from aiohttp import web
from collections.abc import Awaitable, Callable, Sequence
from enterspan._model.protocols import Incoming
from enterspan._tracing import Tracing
from enterspan.integrations._http import Middleware
from typing import Any

__all__ = ["ClientMiddleware", "TracingMiddleware"]

class TracingMiddleware(Middleware):
    """A middleware of `aiohttp.web` that makes requests invocations; it should be the first one.

    `web.Application(middlewares=[TracingMiddleware()])`. A request lasts until its handler has
    returned, with all that the handler streams. Its name is the method and the route; `set_return`
    comes with the status. An `HTTPException` with a status below 500 that is raised is an answer
    and no failure.

    Args:
        tracing: By default the default instance.
        exclude: Patterns of paths of which nothing is recorded.
        capture_headers: Names of headers that are recorded as well.
        linger: Seconds that an invocation waits for spans that are still open at its end.
        incoming: What the trace context of a caller is worth: `"parent"`; `"link"`, for callers
            that are not trusted: a trace and a sampling decision of our own, linked to theirs;
            `"ignore"`; or a function of the request that returns one of these.

    Raises:
        TypeError: An option is of the wrong type.
        ValueError: An option can't be used.
    """

    __middleware_version__: int = 1

    def __init__(
        self,
        *,
        tracing: Tracing | None = None,
        exclude: Sequence[str] = (),
        capture_headers: Sequence[str] = (),
        linger: float | None = 0.0,
        incoming: Incoming | Callable[[Any], Incoming] = "parent",
    ) -> None: ...

    async def __call__(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        """Handle a request."""

class ClientMiddleware:
    """A middleware of aiohttp's client: each request is a span, and takes the trace along.

    `aiohttp.ClientSession(middlewares=[ClientMiddleware()])`, from aiohttp 3.12 on. The span lasts
    until the headers of the answer have come. A status of 400 or more is an error. Each redirection
    is a request of its own.

    Args:
        tracing: By default the default instance.

    Raises:
        TypeError: It is no Tracing.
    """

    def __init__(self, *, tracing: Tracing | None = None) -> None: ...

    async def __call__(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Send a request."""
