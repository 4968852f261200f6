# Made by `enterspan stubs` from the annotated source: don't edit it.
"""ASGI: each request, and each web socket or each of its messages, is an invocation.

https://asgi.readthedocs.io/en/latest/specs/www.html says what goes back and forth.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from enterspan._model.protocols import Incoming
from enterspan._tracing import Tracing
from enterspan.integrations._http import Middleware
from typing import Any, Literal, TypeAlias

__all__ = ["TracingMiddleware"]

_ASGIApp: TypeAlias = Callable[..., Awaitable[None]]
_Given: TypeAlias = MutableMapping[str, object]
_Receive: TypeAlias = Callable[[], Awaitable[_Given]]
_Send: TypeAlias = Callable[[_Given], Awaitable[None]]

class TracingMiddleware(Middleware):
    """An ASGI application around another one, that makes its requests invocations.

    It lasts until the application is done with the request, streamed bodies and background tasks
    included; `set_return` comes with the status, and an event `http.response.end` with the end of
    the answer. Its name is the method and, as soon as the framework knows it, the route. A client
    that goes away makes the outcome `canceled`. When the server ends the application's lifespan,
    what is finished is delivered.

    `tracing` is the default instance if it is None. Of paths that match one of the `exclude`
    patterns (`/health`, `/static/*`) nothing is recorded. `capture_headers` are recorded as well.
    `linger` is how many seconds an invocation waits for spans that are still open at its end.
    A web socket is one invocation (`websocket="connection"`), or each message is one, in a trace
    of its own that is linked to the handshake (`websocket="message"`). `incoming` says what the
    trace context of a caller is worth: `"parent"`; `"link"`, for callers that are not trusted: a
    trace and a sampling decision of our own, linked to theirs; `"ignore"`; or a function of the
    scope that returns one of these.

    TypeError or ValueError for options that make no sense.
    """

    def __init__(
        self,
        app: _ASGIApp,
        *,
        tracing: Tracing | None = None,
        exclude: Sequence[str] = (),
        capture_headers: Sequence[str] = (),
        linger: float | None = 0.0,
        websocket: Literal["connection", "message"] = "connection",
        incoming: Incoming | Callable[[Any], Incoming] = "parent",
    ) -> None: ...

    async def __call__(self, scope: _Given, receive: _Receive, send: _Send) -> None:
        """Run the application for a connection."""
