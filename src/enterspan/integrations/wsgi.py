"""WSGI: each request is an invocation, from the call to the end of the body (PEP 3333).

The body stays lazy, and the span is current only while the application's code runs: the server's
work between two chunks of a body, on any thread, is not part of the request.
"""

from __future__ import annotations

import sys
from functools import partial
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from enterspan._forms.driver import Body
from enterspan._forms.loop import no_end
from enterspan._model.diagnostics import warn_once
from enterspan._span.context import SUPPRESSED
from enterspan.integrations._http import (
    FAILURE,
    ROUTE,
    TRACED_BY,
    DisconnectedError,
    Exchange,
    Middleware,
    Request,
    is_failure,
    leave,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from enterspan._span.tracer import Tracer

__all__ = ["TracingMiddleware"]

_CONTENT: Final = ("CONTENT_TYPE", "CONTENT_LENGTH")
_PATH_SAFE: Final = "/!$&'()*+,;=:@%~"
_PLAIN: Final = frozenset(ascii_letters + digits + "/-_.")
"""Matches most paths, which need no quoting."""


class TracingMiddleware(Middleware):
    """WSGI middleware that makes requests invocations.

    An invocation lasts until the body has yielded its last chunk or the server closes it, whichever
    comes first; `set_return` is called with the first chunk. Its name is the method and, once Flask
    knows it, the route. If the body is closed before its end, because the client has disconnected,
    the outcome is `canceled`.

    `tracing` defaults to the default instance. Paths that match one of the `exclude` patterns
    (`/health`, `/static/*`) are not recorded. `capture_headers` names headers to record. `linger`
    is how many seconds to wait for spans that are still open when an invocation ends. `incoming`
    defines what to do with a caller's trace context: `"parent"` continues its trace; `"link"`, for
    untrusted callers, begins a new trace with its own sampling decision, linked to the caller's;
    `"ignore"` begins one without a link; or it is a function of the environment that returns one of
    these.

    Raises TypeError or ValueError for invalid options.
    """

    app: Callable[..., Iterable[bytes]]

    def __call__(
        self, environ: dict[str, object], start_response: Callable[..., object]
    ) -> Iterable[bytes]:
        """Run the application for a request."""
        request = self._request(_request_of, environ)
        if request is None:
            return self.app(environ, start_response)
        answer: _Answer | _Silence
        if self._exclude and self._excludes(_path_of(environ)):
            answer = _Silence(self._tracer, start_response)
        else:
            known = environ.get(TRACED_BY)
            environ.update(self._mark(environ))
            answer = _Answer(self, request, environ, start_response, known)
        try:
            body = answer.run(self.app, environ, answer.start_response)
        except BaseException as error:
            answer.end(error)
            raise
        return _wrap(body, answer, environ.get("wsgi.file_wrapper"))


class _Answer:
    """A request being handled: its current entry, and its progress."""

    def __init__(
        self,
        by: Middleware,
        request: Request,
        environ: dict[str, Any],
        start_response: Any,
        known: Any,
    ) -> None:
        tracer = by._tracer
        self._by = by
        self._environ = environ
        self._known = known  # the previous mark, restored after the request
        self._start_response = start_response
        self._handled_outside = sys.exc_info()[1]
        self._status: int | None = None
        self._length: int | None = None
        self._sent = 0
        self._over = False
        self._exchange = Exchange(by, request, environ, environ)
        self._root = self._exchange.invocation._root
        # Calls into the application, with the entry that was current there before.
        self.run = Body(tracer, None, no_end, tracer.get()).run
        tracer.detach(self._root)

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """Record the status, and the exception that is given or being handled."""
        write = self._start_response(status, headers, *(() if exc_info is None else (exc_info,)))
        self._note(status, headers, exc_info)

        def write_and_count(data: bytes) -> Any:
            self.passed(data)
            return write(data)

        return write_and_count

    def _note(self, status: Any, headers: Any, exc_info: Any) -> None:
        try:
            self._find_route()
            self._status = int(status[:3])
            length = [value for name, value in headers if name.lower() == "content-length"]
            self._length = int(length[0]) if length else None
            error = sys.exc_info()[1] if exc_info is None else exc_info[1]
            if self._status >= 500 and is_failure(error, self._handled_outside):
                if exc_info is not None or FAILURE not in self._environ:
                    self._environ[FAILURE] = error
            elif exc_info is not None:
                self._exchange.invocation.span.record_exception(exc_info[1])
        except Exception as error:
            warn_once(type(self), "WSGI response", error, "and its status is not recorded")

    def passed(self, data: Any) -> None:
        """Count a sent chunk of the body; with the first one, the status is final."""
        size = len(data) if isinstance(data, bytes) else 0  # else the server raises
        if size and not self._sent:
            self._exchange.respond(self._status)
        self._sent += size
        # The exception's traceback references the body, which would otherwise not be freed.
        if size and FAILURE in self._environ and self.is_whole:
            self.end(None)

    def _find_route(self) -> None:
        request = self._environ.get("werkzeug.request")  # Flask removes it when it returns
        try:
            rule = getattr(getattr(request, "url_rule", None), "rule", None)
        except Exception:
            rule = None  # another package uses the key
        rule = self._environ.get(ROUTE, rule)
        if isinstance(rule, str):
            self._exchange.route(str(self._environ.get("SCRIPT_NAME") or "").rstrip("/") + rule)

    @property
    def is_whole(self) -> bool:
        """Whether the body is complete although its end was not requested."""
        if self._exchange.has_no_body(self._status):
            return True
        return self._length is not None and self._sent >= self._length

    def end(self, error: BaseException | None) -> None:
        """End the response; a second call is a `close()`."""
        if self._over:
            if error is not None:
                self.run(self._fail_late, error)
        else:
            self._over = True
            if self._known is None:  # a server may reuse the environment
                self._environ.pop(TRACED_BY, None)
            else:
                self._environ[TRACED_BY] = self._known
            self._find_route()
            self._environ.pop(ROUTE, None)
            self._exchange.respond(self._status)
            self._exchange.end(error, self._environ.pop(FAILURE, None))

    def dropped(self) -> None:
        """End the request: the complete body was dropped without `close()`, as by test clients."""
        if not self._over:
            self._by._tracer.collect(partial(self.end, None))

    def _fail_late(self, error: BaseException) -> None:
        """Record as a span that the `close()` of an ended body raised."""
        block = self._by._tracing.span("close")
        block.__enter__()
        leave(block, error)


class _Silence:
    """A request that is not recorded."""

    is_whole = True

    def __init__(self, tracer: Tracer, start_response: Any) -> None:
        self.run = Body(tracer, None, no_end, SUPPRESSED).run
        self.start_response = start_response

    def passed(self, data: Any) -> None:
        """Do nothing."""

    end = passed

    def dropped(self) -> None:
        """Do nothing."""


def _wrap(body: Any, answer: _Answer | _Silence, file_wrapper: Any) -> Iterable[bytes]:
    """Wrap the body to report its progress."""
    if type(body) is list or type(body) is tuple:
        return _ListBody(body, answer)
    is_file = isinstance(file_wrapper, type) and isinstance(body, file_wrapper)
    if not is_file:
        return _SizedBody(body, answer) if hasattr(body, "__len__") else _Body(body, answer)
    try:  # unwrapped: the server may send a file in its own way
        body.close = partial(_end, answer, getattr(body, "close", None), None)
    except Exception:
        answer.end(None)  # its end is unknown: the request ends with the call
    file: Iterable[bytes] = body
    return file


def _end(
    answer: _Answer | _Silence,
    close: Callable[[], object] | None,
    cut_off: BaseException | None,
) -> None:
    """Close the application's body, and end the request."""
    try:
        if close is not None:
            answer.run(close)
    except BaseException as raised:
        answer.end(raised)
        raise
    answer.end(cut_off)


def _length_of(body: Any) -> int:
    """The number of chunks of a body; negative if unknown."""
    try:
        return len(body)
    except Exception:
        return -1


class _Body:
    """The body of a response, chunk by chunk."""

    def __init__(self, body: Any, answer: _Answer | _Silence) -> None:
        self._body = body
        self._answer = answer
        self._pieces: Iterator[bytes] | None = None
        self._left = _length_of(body)
        """The number of remaining chunks; negative if unknown."""

    def __iter__(self) -> Iterator[bytes]:
        """Return itself: a body is iterated over once."""
        return self

    def __next__(self) -> bytes:
        """Return the next chunk, made in the request's context."""
        answer = self._answer
        try:
            if self._pieces is None:
                self._pieces = answer.run(iter, self._body)
            piece: bytes = answer.run(next, self._pieces)
        except StopIteration:
            self._left = 0
            answer.end(None)  # a server need not close it
            raise
        except BaseException as error:
            self._left = 0
            answer.end(error)
            raise
        self._left -= 1
        answer.passed(piece)
        if self._left == 0:  # a test client does not ask for more
            answer.end(None)
        return piece

    @property
    def _is_whole(self) -> bool:
        return self._left == 0 or self._answer.is_whole

    def close(self) -> None:
        """Close the application's body, and end the request."""
        cut_off = None if self._is_whole else DisconnectedError()
        _end(self._answer, getattr(self._body, "close", None), cut_off)

    def __del__(self) -> None:
        """End the request if the body is complete."""
        if self._is_whole:
            self._answer.dropped()


class _SizedBody(_Body):
    """A body with a known number of chunks, from which servers set a length."""

    def __len__(self) -> int:
        """The number of chunks."""
        return len(self._body)


class _ListBody:
    """A complete body: no application code runs while it is sent."""

    def __init__(self, body: list[bytes] | tuple[bytes, ...], answer: _Answer | _Silence) -> None:
        self._body = body
        self._answer = answer
        self._at = 0

    def __len__(self) -> int:
        """The number of chunks."""
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        """Return itself: a body is iterated over once."""
        return self

    def __next__(self) -> bytes:
        """Return the next chunk."""
        at = self._at
        if at >= len(self._body):
            self._answer.end(None)  # a server need not close it
            raise StopIteration
        self._at = at + 1
        piece = self._body[at]
        self._answer.passed(piece)
        if self._is_whole:
            self._answer.end(None)
        return piece

    @property
    def _is_whole(self) -> bool:
        return self._at >= len(self._body) or self._answer.is_whole

    def close(self) -> None:
        """End the request."""
        self._answer.end(None if self._is_whole else DisconnectedError())

    def __del__(self) -> None:
        """End the request if the body is complete."""
        if self._is_whole:
            self._answer.dropped()


def _path_of(environ: dict[str, Any]) -> str:
    """The whole path as text: WSGI decodes its bytes as Latin-1."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path.encode("latin-1").decode("utf-8", "replace")


def _request_of(environ: dict[str, Any]) -> Request:
    """Convert the environment to a request."""
    port = str(environ.get("SERVER_PORT") or "")
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return Request(
        method=str(environ["REQUEST_METHOD"]),
        scheme=str(environ.get("wsgi.url_scheme") or "http"),
        server=(str(environ.get("SERVER_NAME") or ""), int(port) if port.isdecimal() else None),
        path=(path if _PLAIN.issuperset(path) else quote(path, _PATH_SAFE, "latin-1")) or "/",
        query=str(environ.get("QUERY_STRING") or ""),
        host=_text_of(environ.get("HTTP_HOST")),
        user_agent=_text_of(environ.get("HTTP_USER_AGENT")),
        headers=partial(_headers_of, environ),
        client=environ.get("REMOTE_ADDR") or None,
        version=str(environ.get("SERVER_PROTOCOL") or "HTTP/1.1").partition("/")[2],
    )


def _text_of(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _headers_of(environ: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (key.removeprefix("HTTP_").replace("_", "-").lower(), value)
        for key, value in environ.items()
        if (key.startswith("HTTP_") and isinstance(value, str)) or (key in _CONTENT and value)
    ]
