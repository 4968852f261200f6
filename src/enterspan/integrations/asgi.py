"""ASGI: each request, and each web socket or each of its messages, is an invocation.

https://asgi.readthedocs.io/en/latest/specs/www.html defines the messages.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from enterspan._forms.enter import carry
from enterspan._forms.loop import no_end
from enterspan._span.context import SUPPRESSED
from enterspan._span.span import NOOP_SPAN
from enterspan.events import WebSocketEventInfo
from enterspan.integrations._http import (
    FAILURE,
    ROUTE,
    DisconnectedError,
    Exchange,
    Middleware,
    Request,
    is_failure,
    leave,
)
from enterspan.integrations._lifespan import Lifespan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence
    from typing import TypeAlias

    from enterspan._model.protocols import Incoming
    from enterspan._span.span import Span
    from enterspan._tracing import Tracing

    _Message: TypeAlias = MutableMapping[str, Any]
    # The public types: any application fits, however it is typed.
    _ASGIApp: TypeAlias = Callable[..., Awaitable[None]]
    _Given: TypeAlias = MutableMapping[str, object]
    _Receive: TypeAlias = Callable[[], Awaitable[_Given]]
    _Send: TypeAlias = Callable[[_Given], Awaitable[None]]

__all__ = ["TracingMiddleware"]

_CLEAN_CODES: Final = frozenset({None, 1000, 1001, 1005})
"""Codes of a normal closure of a web socket (RFC 6455, section 7.4.1)."""
_CUT_OFF: Final = 1006
"""The code of a lost connection."""
_FAILURE_CODES: Final = frozenset({1011, 1012, 1013, 1014})
"""Codes of server failures; others are client failures."""
_BODIES: Final = frozenset(
    {"http.response.body", "http.response.pathsend", "http.response.zerocopysend"}
)
"""The messages that carry a response body, unlike hints, pushes and extensions."""
_HOST_LENGTH: Final = len("host")
_AGENT_LENGTH: Final = len("user-agent")
_DISCONNECTS: Final = frozenset(
    {"ClientDisconnect", "ClientDisconnected", "WebSocketDisconnect", "WebSocketDisconnected"}
)
"""The exceptions of servers and frameworks for a client that has disconnected."""


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
    ) -> None:
        if websocket not in ("connection", "message"):
            raise ValueError(f"websocket must be 'connection' or 'message', not {websocket!r}")
        super().__init__(
            app,
            tracing=tracing,
            exclude=exclude,
            capture_headers=capture_headers,
            linger=linger,
            incoming=incoming,
        )
        self._by_message = websocket == "message"

    async def __call__(self, scope: _Given, receive: _Receive, send: _Send) -> None:
        """Run the application for a connection."""
        kind = scope["type"]
        if kind == "lifespan":
            await Lifespan(self._tracing, receive, send).run(self.app, scope)
            return
        request = self._request(_request_of, scope) if kind in ("http", "websocket") else None
        if request is None:
            await self.app(scope, receive, send)
            return
        if self._excludes(str(scope.get("path") or "/")):
            await carry(self._tracer, SUPPRESSED, self._call(scope, receive, send), no_end)
            return
        scope = {**scope, **self._mark(scope)}
        make = _Messages if self._by_message and kind == "websocket" else _Connection
        connection = make(self, request, scope, receive, send)
        try:
            await self.app(scope, connection.receive, connection.send)
        except BaseException as error:
            connection.end(error)
            raise
        connection.end(None)

    async def _call(self, scope: _Given, receive: _Receive, send: _Send) -> None:
        await self.app(scope, receive, send)


class _Connection:
    """A request, or a web socket as one invocation, until the application returns."""

    def __init__(
        self, by: Middleware, request: Request, scope: _Message, receive: Any, send: Any
    ) -> None:
        self._by = by
        self._request = request
        self._scope = scope
        self._receive = receive
        self._send = send
        self._root_path = str(scope.get("root_path") or "")
        self._is_answered = False
        self._has_trailers = False
        self._closed = False
        self._code: int | None = None
        self._own_code: int | None = None  # the code with which the application closed a web socket
        self._handled_outside = sys.exc_info()[1]
        self._begin()

    def _begin(self) -> None:
        self._exchange: Exchange | None = self._open()

    def _open(self) -> Exchange:
        scope = self._scope
        prefix = "" if scope["type"] == "http" else "websocket"
        return Exchange(self._by, self._request, scope, scope.get("headers") or (), prefix)

    def _span(self) -> Span:
        """The span of the request."""
        return NOOP_SPAN if self._exchange is None else self._exchange.invocation.span

    def _template(self) -> str | None:
        """The framework's route (`/users/{id}`); None if there is none."""
        try:
            return _template_of(self._scope, self._root_path)
        except Exception:
            return None  # in other frameworks these keys have other meanings

    async def receive(self) -> _Message:
        """Return the next message from the client."""
        message: _Message = await self._receive()
        kind = message["type"]
        if kind == "websocket.disconnect":
            self._closed = True
            if self._own_code is None:  # else the application has closed it itself
                self._code = code = message.get("code")
                self._span().set_attribute("websocket.close_code", code)
        elif kind == "http.disconnect" and not self._is_answered:
            self._cut_off()
        return message

    async def send(self, message: _Message) -> None:
        """Send a message to the client."""
        kind = message["type"]
        if kind == "websocket.close":
            if _is_failure_code(message.get("code")):
                self._note_failure()
            if self._is_answered:
                self._close(message)
        exchange = self._exchange
        was_answered = self._is_answered
        if exchange is not None:
            # Before it is sent: the client may disconnect right after the last one.
            self._answer(exchange, kind, message)
        try:
            await self._send(message)
        except OSError:
            self._cut_off()
            raise
        is_end = self._is_answered and not was_answered and kind.startswith("http.")
        if exchange is not None and is_end:
            exchange.answered()

    def _close(self, message: _Message) -> None:
        """Record that the application closes a web socket."""
        self._own_code = code = message.get("code") or 1000
        span = self._span().set_attribute("websocket.close_code", code)
        if code not in _CLEAN_CODES:
            span.set_attribute("error.type", str(code))
        if _is_failure_code(code) and FAILURE not in self._scope:
            span.set_status("error", message.get("reason") or "")

    def _note_failure(self) -> None:
        """Record the exception that the framework handles while it sends this message."""
        error = sys.exc_info()[1]
        if is_failure(error, self._handled_outside):
            self._scope.setdefault(FAILURE, error)

    def _cut_off(self) -> None:
        self._closed = True
        self._code = _CUT_OFF

    def _answer(self, exchange: Exchange, kind: str, message: _Message) -> None:
        if kind.endswith(("response.start", ".accept")):
            is_accepted = kind == "websocket.accept"
            exchange.route(self._template())
            status = 101 if is_accepted else message.get("status")
            exchange.respond(status)
            if isinstance(status, int) and status >= 500:
                self._note_failure()
            self._has_trailers = bool(message.get("trailers"))
            self._is_answered = is_accepted
        elif kind == "websocket.close" and not self._is_answered:
            exchange.respond(403)
        elif kind == "http.response.trailers":
            self._is_answered = not message.get("more_trailers")
        elif kind in _BODIES:
            self._is_answered = not (message.get("more_body") or self._has_trailers)

    def end(self, error: BaseException | None) -> None:
        """End the invocation: the application has returned."""
        if self._exchange is not None:
            self._exchange.route(self._template())
            failure = self._scope.pop(FAILURE, None)
            if error is None and self._scope["type"] == "websocket":
                error = failure
            if self._closed and (error is None or _is_disconnect(error)):
                error = None if self._code in _CLEAN_CODES else DisconnectedError()
            self._exchange.end(error, failure)


class _Messages(_Connection):
    """A web socket whose handshake, messages and close are separate invocations.

    Each lasts until the application receives the next message.
    """

    def _begin(self) -> None:
        self._exchange = None
        self._origin: Any = None
        self._span_of_message = NOOP_SPAN
        self._end: Callable[[BaseException | None], None] | None = None

    async def receive(self) -> _Message:
        """End the current invocation, and begin one with the next message."""
        self._end_current(None)
        message = await super().receive()
        kind = message["type"]
        if kind == "websocket.connect":
            self._exchange = exchange = self._open()
            exchange.route(self._template())
            self._origin = exchange.invocation.span.context
            self._end = exchange.end
        elif kind == "websocket.receive":
            self._enter(kind, WebSocketEventInfo("message"))
        elif kind == "websocket.disconnect":
            code = self._code if self._own_code is None else self._own_code
            self._enter(kind, WebSocketEventInfo("close", code, code in _CLEAN_CODES))
        return message

    def _span(self) -> Span:
        return self._span_of_message if self._exchange is None else super()._span()

    def _cut_off(self) -> None:
        """Leave the outcome to the error that the application raises."""

    def _enter(self, name: str, info: WebSocketEventInfo) -> None:
        template = self._template()
        block = self._by._tracing.invocation(
            name if template is None else f"{name} {template}",
            info=info,
            parent=self._origin,
            new_trace=True,
            linger=self._by._linger,
            attributes={"url.path": self._scope.get("path"), "http.route": template},
        )
        self._span_of_message = block.__enter__().span
        self._end = partial(leave, block)

    def _end_current(self, error: BaseException | None) -> None:
        end, self._end, self._exchange = self._end, None, None
        if end is not None:
            end(error)

    def end(self, error: BaseException | None) -> None:
        """End the last invocation: the application has returned."""
        failure = self._scope.pop(FAILURE, None)
        if error is None:
            error = failure
        if self._closed and error is not None and _is_disconnect(error):
            error = None  # the last invocation records the close
        self._end_current(error)


def _is_failure_code(code: Any) -> bool:
    """Whether a web socket is closed for a failure of the server; frameworks add 4000 to a 500."""
    return type(code) is int and (code in _FAILURE_CODES or 4500 <= code < 4600)


def _is_disconnect(error: BaseException) -> bool:
    """Whether an exception only means that the client has disconnected."""
    members = getattr(error, "exceptions", None)  # an exception group (3.11 and later)
    if isinstance(members, tuple) and members:
        return all(_is_disconnect(member) for member in members)
    return isinstance(error, OSError) or type(error).__name__ in _DISCONNECTS


def _request_of(scope: _Message) -> Request:
    """Convert the scope to a request."""
    host = user_agent = None
    for name, value in _listed(scope, "headers"):
        if len(name) == _HOST_LENGTH and host is None and name.decode("latin-1").lower() == "host":
            host = value.decode("latin-1")
        elif (
            len(name) == _AGENT_LENGTH
            and user_agent is None
            and name.decode("latin-1").lower() == "user-agent"
        ):
            user_agent = value.decode("latin-1")
    raw_path = scope.get("raw_path")
    path = raw_path.decode("latin-1") if raw_path else str(scope.get("path") or "/")
    server = _listed(scope, "server") or ("", None)
    client = _listed(scope, "client")
    return Request(
        method=str(scope.get("method") or "GET"),
        scheme=str(scope.get("scheme") or ("http" if scope["type"] == "http" else "ws")),
        server=(str(server[0]), server[1]),
        path=path.partition("?")[0],
        query=(scope.get("query_string") or b"").decode("latin-1"),
        host=host,
        user_agent=user_agent,
        headers=partial(_headers_of, scope),
        client=client[0] if client else None,
        version=str(scope.get("http_version") or "1.1"),
    )


def _listed(scope: _Message, name: str) -> Any:
    """The items under a name, which may be any iterable; the application needs them, too."""
    items = scope.get(name) or ()
    if not isinstance(items, (list, tuple)):
        scope[name] = items = list(items)
    return items


def _headers_of(scope: _Message) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope.get("headers") or ()
    ]


# --- routes ---------------------------------------------------------------------------------------


def _template_of(scope: _Message, root_path: str) -> str | None:
    """The route. `root_path` is the path where the server mounts the application."""
    given = scope.get(ROUTE, scope.get("path_template"))  # set by an integration, or by Litestar
    if isinstance(given, str):
        return f"{root_path}{given}" or None
    route = scope.get("route")
    if route is None:
        return None
    mounted = str(scope.get("root_path") or "")[len(root_path) :]
    prefix = root_path + _mount_template(getattr(scope.get("router"), "routes", ()), mounted)
    if hasattr(route, "routes"):
        return prefix or None  # a mount: the names of its files would be too many
    # FastAPI keeps the prefix of an included router separately from the route.
    context = (scope.get("fastapi") or {}).get("effective_route_context")
    if getattr(context, "original_route", None) is route:
        route = context
    path = getattr(route, "path", None)
    return prefix + path if isinstance(path, str) else None


def _mount_template(routes: Any, mounted: str) -> str:
    """The template of the path of nested mounts."""
    found = ""
    while mounted:
        for route in routes:
            match = hasattr(route, "routes") and route.path_regex.match(f"{mounted}/")
            if match:
                found += route.path
                rest = match["path"].rstrip("/")
                mounted = f"/{rest}" if rest else ""
                routes = route.routes
                break
        else:
            return found + mounted
    return found
