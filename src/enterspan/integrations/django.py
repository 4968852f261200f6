"""Django: each request is an invocation, under WSGI and ASGI, named after its route.

In the settings:

    MIDDLEWARE = ["enterspan.integrations.django.TracingMiddleware", ...]
    ENTERSPAN = {"exclude": ["/health"]}  # options, if there are any
"""

# Django may not be installed when types are checked.
# pyright: reportMissingImports=false, reportMissingModuleSource=false
# pyright: reportUnknownParameterType=false, reportMissingTypeStubs=false

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from enterspan._forms.driver import Body
from enterspan._forms.enter import carry
from enterspan._forms.loop import no_end
from enterspan._span.context import SUPPRESSED
from enterspan.integrations._http import (
    FAILURE,
    ROUTE,
    TRACED_BY,
    DisconnectedError,
    Exchange,
    Middleware,
    Request,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

__all__ = ["TracingMiddleware"]

_ANSWER: Final = "_enterspan"
"""The attribute of a request for its response."""
_START: Final = re.compile(r"(?<!\[)\^")
"""`^`, also inside a route; in a set of characters it is a negation."""


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

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        from asgiref.sync import iscoroutinefunction, markcoroutinefunction
        from django.conf import settings
        from django.core.signals import got_request_exception

        super().__init__(get_response, **getattr(settings, "ENTERSPAN", {}))
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        got_request_exception.connect(_note_failure, dispatch_uid="enterspan")

    def __call__(self, request: Any) -> Any:
        """Handle a request."""
        made = self._request(_request_of, request, _carrier_of(request))
        if made is None:  # if it is traced already: see `process_view`
            return self.app(request)
        if self._excludes(request.path):
            if self._is_async:
                return carry(self._tracer, SUPPRESSED, self._call(request), no_end)
            return self._tracer.suppressed(self.app, request)
        answer = _Answer(self, made, request)
        setattr(request, _ANSWER, answer)
        return (self._call_async if self._is_async else self._call_sync)(request, answer)

    def process_view(self, request: Any, *_: object) -> None:
        """Record the route: Django has resolved the view."""
        match = request.resolver_match
        if match is None or not isinstance(match.route, str):
            return
        route = f"/{_START.sub('', match.route).removesuffix('$')}"
        answer = getattr(request, _ANSWER, None)
        if answer is not None:
            answer.exchange.route(str(request.META.get("SCRIPT_NAME") or "").rstrip("/") + route)
        elif TRACED_BY in (carrier := _carrier_of(request)):
            carrier[ROUTE] = route

    async def _call(self, request: Any) -> Any:
        return await self.app(request)

    def _call_sync(self, request: Any, answer: _Answer) -> Any:
        try:
            response = self.app(request)
        except BaseException as error:
            answer.exchange.end(error)
            raise
        answer.respond(response)
        return response

    async def _call_async(self, request: Any, answer: _Answer) -> Any:
        try:
            response = await self.app(request)
        except BaseException as error:
            answer.exchange.end(error)
            raise
        answer.respond(response)
        return response


class _Answer:
    """A request being handled."""

    def __init__(self, by: Middleware, made: Request, request: Any) -> None:
        self._tracer = by._tracer
        self._may_be_sent_as_file = bool(request.META.get("wsgi.file_wrapper"))
        self.exchange = Exchange(by, made, request, request.META)
        self.failure: BaseException | None = None
        self._is_over = False
        self._missing: int | None = None  # bytes of the response, if known

    def respond(self, response: Any) -> None:
        """End with the response, or with the last piece of it."""
        exchange = self.exchange
        exchange.respond(response.status_code)
        if not getattr(response, "streaming", False):
            exchange.end(None, self.failure)
            return
        root = exchange.invocation._root
        body = Body(self._tracer, None, no_end, self._tracer.get())
        self._tracer.detach(root)
        if self._may_be_sent_as_file and getattr(response, "file_to_stream", None) is not None:
            # It stays unwrapped, so that the server can send the file in its own way. The server
            # then closes this, and the number of sent bytes is unknown.
            response.close = partial(self._close_file, response.close, body)
            return
        made = _PiecesAsync if response.is_async else _Pieces
        self._missing = _length_of(response, exchange)
        response.streaming_content = made(response.streaming_content, body, self)

    def _close_file(self, close: Callable[[], object], body: Body) -> None:
        """Called when the server closes a file."""
        try:
            body.run(close)
        except BaseException as error:
            self.end(error)
            raise
        self.end(None)

    def sent(self, piece: Any) -> None:
        """Count a sent chunk."""
        if self._missing is not None:
            self._missing -= len(piece)

    def close(self) -> None:
        """Called when Django closes the response; before its end, the client has disconnected."""
        is_whole = self._missing is not None and self._missing <= 0
        self.end(None if is_whole else DisconnectedError())

    def end(self, error: BaseException | None) -> None:
        """End a streamed response, which is exhausted or closed."""
        if not self._is_over:
            self._is_over = True
            self.exchange.end(error, self.failure)


class _Pieces:
    """The chunks of a streamed response, each made in the request's context."""

    def __init__(self, content: Iterable[bytes], body: Body, answer: _Answer) -> None:
        self._pieces = iter(content)
        self._body = body
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        """Return itself: a response is sent once."""
        return self

    def __next__(self) -> bytes:
        """Return the next chunk."""
        try:
            piece: bytes = self._body.run(next, self._pieces)
        except StopIteration:
            self._answer.end(None)
            raise
        except BaseException as error:
            self._answer.end(error)
            raise
        self._answer.sent(piece)
        return piece

    def close(self) -> None:
        """Close the response."""
        self._answer.close()


class _PiecesAsync:
    """The chunks of an asynchronously streamed response."""

    def __init__(self, content: AsyncIterable[bytes], body: Body, answer: _Answer) -> None:
        self._made = carry(body.tracer, body.entry, _drive(content, answer), no_end)
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the chunks: a response is sent once."""
        return self._made  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the response."""
        self._answer.close()


def _length_of(response: Any, exchange: Exchange) -> int | None:
    """The size of a response in bytes; None if unknown."""
    if exchange.has_no_body(response.status_code):
        return 0
    length = str(response.headers.get("Content-Length", ""))
    return int(length) if length.isdecimal() else None


async def _drive(content: AsyncIterable[bytes], answer: _Answer) -> AsyncIterator[bytes]:
    try:
        async for piece in content:
            answer.sent(piece)
            yield piece
    except GeneratorExit:
        answer.close()
        raise
    except BaseException as error:
        answer.end(error)
        raise
    answer.end(None)


def _note_failure(request: Any = None, **_: object) -> None:
    """Record the exception behind a 500; the signal is sent while it is handled."""
    error = sys.exc_info()[1]
    answer = getattr(request, _ANSWER, None)
    if answer is not None:
        answer.failure = error
    elif request is not None and TRACED_BY in (carrier := _carrier_of(request)):
        carrier[FAILURE] = error


def _carrier_of(request: Any) -> Any:
    """The ASGI scope or WSGI environment, which the middleware around Django shares."""
    return getattr(request, "scope", None) or request.META


def _request_of(request: Any) -> Request:
    """Convert Django's request."""
    meta = request.META
    port = str(meta.get("SERVER_PORT") or "")
    scope: Any = getattr(request, "scope", {})
    return Request(
        method=str(request.method),
        scheme=str(request.scheme),
        server=(str(meta.get("SERVER_NAME") or ""), int(port) if port.isdecimal() else None),
        path=quote(request.path, "/!$&'()*+,;=:@%~"),
        query=str(meta.get("QUERY_STRING") or ""),
        host=_text_of(meta.get("HTTP_HOST")),
        user_agent=_text_of(meta.get("HTTP_USER_AGENT")),
        headers=lambda: [(name.lower(), str(value)) for name, value in request.headers.items()],
        client=meta.get("REMOTE_ADDR") or None,
        version=scope.get("http_version")
        or str(meta.get("SERVER_PROTOCOL") or "HTTP/1.1").partition("/")[2],
    )


def _text_of(value: object) -> str | None:
    """A header as text; a test may set any value."""
    return None if value is None else str(value)
