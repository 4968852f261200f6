"""aiohttp: each request to a server is an invocation, and each client request is a span."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.enter import carry
from enterspan._forms.loop import no_end
from enterspan._model.carriers import HEADERS
from enterspan._span.context import SUPPRESSED
from enterspan.integrations._expected import is_answer
from enterspan.integrations._http import (
    TRACED_BY,
    DisconnectedError,
    Exchange,
    Middleware,
    Request,
)
from enterspan.integrations._outgoing import Client, ClientAnswer, ClientRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from enterspan._model.protocols import Incoming
    from enterspan._tracing import Tracing

__all__ = ["ClientMiddleware", "TracingMiddleware"]


def _aiohttp() -> Any:
    """The package, which is imported on demand because this module has its name."""
    try:
        return import_module("aiohttp.web")
    except ImportError as missing:
        raise ImportError(
            "enterspan.integrations.aiohttp needs aiohttp: pip install aiohttp"
        ) from missing


_CUT_OFF: Final = 1006
"""The code of a web socket whose connection was lost (RFC 6455, section 7.4.1)."""


@cache
def _traced_key() -> Any:
    """The key of a request for the `Tracing`s that trace it already."""
    make = getattr(_aiohttp(), "RequestKey", None)  # aiohttp 3.14
    return TRACED_BY if make is None else make(TRACED_BY, tuple)


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

    __middleware_version__ = 1  # what `web.middleware` sets on a function

    def __init__(
        self,
        *,
        tracing: Tracing | None = None,
        exclude: Sequence[str] = (),
        capture_headers: Sequence[str] = (),
        linger: float | None = 0.0,
        incoming: Incoming | Callable[[Any], Incoming] = "parent",
    ) -> None:
        self._web = _aiohttp()
        self._key = _traced_key()
        super().__init__(
            _handle,
            tracing=tracing,
            exclude=exclude,
            capture_headers=capture_headers,
            linger=linger,
            incoming=incoming,
        )

    async def __call__(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Handle a request."""
        carrier = {TRACED_BY: request.get(self._key, ())}
        made = self._request(_request_of, request, carrier)
        if made is None:
            return await handler(request)
        if self._excludes(request.path):
            answer: Any = carry(self._tracer, SUPPRESSED, _handle(handler, request), no_end)
            return await answer
        request[self._key] = self._mark(carrier)[TRACED_BY]
        headers = request.headers
        context = [(name, value) for name in HEADERS for value in headers.getall(name, ())]
        exchange = Exchange(self, made, request, context)
        resource = request.match_info.route.resource
        exchange.route(None if resource is None else resource.canonical)
        try:
            response = await handler(request)
        except BaseException as error:
            self._fail(exchange, request, error)
            raise
        # If it is not a response, aiohttp reports that and sends a 500.
        exchange.respond(response.status if isinstance(response, self._web.StreamResponse) else 500)
        cut_off = None
        if isinstance(response, self._web.WebSocketResponse):
            code = response.close_code
            exchange.invocation.span.set_attribute("websocket.close_code", code)
            cut_off = DisconnectedError() if code == _CUT_OFF else None
        exchange.end(cut_off)
        return response

    def _fail(self, exchange: Exchange, request: Any, error: BaseException) -> None:
        """Record the handler's exception: an HTTP response, or aiohttp sends a 500."""
        is_lost = isinstance(error, (ConnectionResetError, BrokenPipeError))
        if is_lost and _is_disconnected(request):
            exchange.end(DisconnectedError())
            return
        answer: Any = error
        sent = getattr(request.writer, "output_size", 0)
        if type(sent) is int and sent > 0:
            pass  # another status was sent already, and aiohttp closes the connection
        elif isinstance(answer, self._web.HTTPException):
            exchange.respond(answer.status)
        elif isinstance(error, Exception):
            exchange.respond(504 if isinstance(error, asyncio.TimeoutError) else 500)
        exchange.end(None if is_answer(error) else error)


def _is_disconnected(request: Any) -> bool:
    transport = request.transport
    return transport is None or transport.is_closing() is True


async def _handle(handler: Any, request: Any) -> Any:
    return await handler(request)


def _request_of(request: Any) -> Request:
    """Convert aiohttp's request."""
    version = request.version
    url = request.rel_url
    headers = request.headers
    return Request(
        method=request.method,
        scheme=request.scheme,
        server=(request.host, None),
        path=url.raw_path,
        query=url.raw_query_string,
        host=headers.get("host"),
        user_agent=headers.get("user-agent"),
        headers=lambda: [(name.lower(), value) for name, value in headers.items()],
        client=request.remote,
        version=f"{version.major}.{version.minor}",
    )


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

    def __init__(self, *, tracing: Tracing | None = None) -> None:
        self._client = Client(tracing, _client_request_of, _answer_of)

    async def __call__(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Send a request."""
        return await self._client.send_async(request, lambda: handler(request))


def _client_request_of(request: Any) -> ClientRequest:
    url = request.url
    return ClientRequest(request.method, str(url), url.scheme, url.host, url.port, request.headers)


def _answer_of(response: Any) -> ClientAnswer:
    return ClientAnswer(response.status, f"{response.version.major}.{response.version.minor}")
