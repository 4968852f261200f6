"""aiohttp: each request to a server is an invocation, and each one of a client is a span."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from enterspan._forms.driver import no_end
from enterspan._forms.enter import carry
from enterspan._span.context import SUPPRESSED
from enterspan.integrations._expected import is_answer
from enterspan.integrations._http import (
    TRACED_BY,
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
    """What is used of the package, which this module has the name of."""
    try:
        return import_module("aiohttp.web")
    except ImportError as missing:
        raise ImportError(
            "enterspan.integrations.aiohttp needs aiohttp: pip install aiohttp"
        ) from missing


@cache
def _traced_key() -> Any:
    """The key of a request for the Tracings that have it already."""
    make = getattr(_aiohttp(), "RequestKey", None)  # aiohttp 3.14
    return TRACED_BY if make is None else make(TRACED_BY, tuple)


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

    __middleware_version__ = 1  # what `web.middleware` puts on a function

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
        exchange = Exchange(self, made, request, request.headers)
        resource = request.match_info.route.resource
        exchange.route(None if resource is None else resource.canonical)
        try:
            response = await handler(request)
        except BaseException as error:
            self._fail(exchange, request, error)
            raise
        # What is no response is aiohttp's to complain of; it answers with a 500.
        exchange.respond(response.status if isinstance(response, self._web.StreamResponse) else 500)
        if isinstance(response, self._web.WebSocketResponse):
            exchange.invocation.span.set_attribute("websocket.close_code", response.close_code)
        exchange.end(None)
        return response

    def _fail(self, exchange: Exchange, request: Any, error: BaseException) -> None:
        """An exception has left the handler: an answer, or aiohttp makes a 500 of it."""
        answer: Any = error
        sent = getattr(request.writer, "output_size", 0)
        if type(sent) is int and sent > 0:
            pass  # another status has been sent, and aiohttp drops the connection
        elif isinstance(answer, self._web.HTTPException):
            exchange.respond(answer.status)
        elif isinstance(error, Exception):
            exchange.respond(500)
        exchange.end(None if is_answer(error) else error)


async def _handle(handler: Any, request: Any) -> Any:
    return await handler(request)


def _request_of(request: Any) -> Request:
    """The request as aiohttp describes it."""
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
    """A middleware of aiohttp's client: each request is a span, and takes the trace along.

    `aiohttp.ClientSession(middlewares=[ClientMiddleware()])`, from aiohttp 3.12 on. The span lasts
    until the headers of the answer have come. A status of 400 or more is an error. Each redirection
    is a request of its own.

    Args:
        tracing: By default the default instance.

    Raises:
        TypeError: It is no Tracing.
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
