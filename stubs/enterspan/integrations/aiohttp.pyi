# Made by `enterspan stubs` from the annotated source: don't edit it.
"""aiohttp: each request to a server is an invocation, and each client request is a span."""

from collections.abc import Awaitable, Callable, Sequence
from enterspan._model.protocols import Incoming
from enterspan._tracing import Tracing
from enterspan.integrations._http import Middleware
from typing import Any

__all__ = ["ClientMiddleware", "TracingMiddleware"]

class TracingMiddleware(Middleware):
    """`aiohttp.web` middleware that makes requests invocations; it should be the first one.

    `web.Application(middlewares=[TracingMiddleware()])`. An invocation lasts until the handler has
    returned, including what it streams. Its name is the method and the route; `set_return` is
    called with the status. An `HTTPException` with a status below 500 is not a failure.

    Args:
        tracing: By default the default instance.
        exclude: Patterns of paths that are not recorded.
        capture_headers: Names of headers to record.
        linger: Seconds to wait for spans that are still open when an invocation ends.
        incoming: What to do with a caller's trace context: `"parent"` continues its trace;
            `"link"`, for untrusted callers, begins a new trace with its own sampling decision,
            linked to the caller's; `"ignore"` begins one without a link; or a function of the
            request that returns one of these.

    Raises:
        TypeError: An option has the wrong type.
        ValueError: An option has an invalid value.
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

    async def __call__(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Handle a request."""

class ClientMiddleware:
    """aiohttp client middleware that makes requests spans and propagates the trace context.

    `aiohttp.ClientSession(middlewares=[ClientMiddleware()])`, from aiohttp 3.12 on. The span lasts
    until the headers of the response are received. A status of 400 or more is an error. Each
    redirect is a request of its own.

    Args:
        tracing: By default the default instance.

    Raises:
        TypeError: `tracing` is not a `Tracing`.
    """

    def __init__(self, *, tracing: Tracing | None = None) -> None: ...

    async def __call__(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Send a request."""
