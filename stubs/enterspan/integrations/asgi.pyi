# Made by `enterspan stubs` from the annotated source: don't edit it.
"""ASGI: each request, and each web socket or each of its messages, is an invocation.

https://asgi.readthedocs.io/en/latest/specs/www.html defines the messages.
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
    """ASGI middleware that makes requests invocations.

    An invocation lasts until the application returns, including streamed bodies and background
    tasks; `set_return` is called with the status, and an event `http.response.end` marks the end of
    the response. Its name is the method and, once the framework knows it, the route. If the client
    disconnects, the outcome is `canceled`. When the server ends the application's lifespan, the
    middleware flushes.

    `tracing` defaults to the default instance. Paths that match one of the `exclude` patterns
    (`/health`, `/static/*`) are not recorded. `capture_headers` names headers to record. `linger`
    is how many seconds to wait for spans that are still open when an invocation ends. A web socket
    is one invocation (`websocket="connection"`), or each message is one, in a trace of its own that
    is linked to the handshake (`websocket="message"`). `incoming` defines what to do with a
    caller's trace context: `"parent"` continues its trace; `"link"`, for untrusted callers, begins
    a new trace with its own sampling decision, linked to the caller's; `"ignore"` begins one
    without a link; or it is a function of the scope that returns one of these.

    Raises TypeError or ValueError for invalid options.
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
