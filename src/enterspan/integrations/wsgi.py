"""WSGI: each request is an invocation, from the call to the `close()` of the body (PEP 3333).

The body stays lazy, and the span is current only while the application's own code runs: whatever
the server does between two pieces of a body, on whichever thread, is not part of the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from enterspan._forms.driver import Body, no_end
from enterspan._model.clock import now_ns
from enterspan._model.diagnostics import warn_once
from enterspan._span.context import SUPPRESSED
from enterspan._span.end import mark
from enterspan.integrations._http import DisconnectedError, Exchange, Options, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from enterspan._span.tracer import Tracer
    from enterspan._tracing import Tracing

    _WSGIApp: TypeAlias = Callable[..., Iterable[bytes]]

__all__ = ["TracingMiddleware"]

_TRACED_BY: Final = "enterspan.traced_by"
"""The key of an environment under which the Tracings are that have it already."""
_WITHOUT_BODY: Final = frozenset({204, 304})
_PATH_SAFE: Final = "/!$&'()*+,;=:@%~"


class TracingMiddleware:
    """A WSGI application around another one, that makes its requests invocations.

    It lasts until the server closes the body; `set_return` comes with the first piece of it. Its
    name is the method and, as soon as Flask knows it, the route. A body that is closed before its
    end, because the client has gone, makes the outcome `canceled`.

    `tracing` is the default instance if it is None. Of paths that match one of the `exclude`
    patterns (`/health`, `/static/*`) nothing is recorded. `capture_headers` are recorded as well.
    `linger` is how many seconds an invocation waits for spans that are still open at its end.

    TypeError or ValueError for options that make no sense.
    """

    def __init__(
        self,
        app: _WSGIApp,
        *,
        tracing: Tracing | None = None,
        exclude: Sequence[str] = (),
        capture_headers: Sequence[str] = (),
        linger: float | None = 0.0,
    ) -> None:
        if not callable(app):
            raise TypeError(f"a WSGI application is callable; {app!r} is not")
        self.app = app
        self._options = Options(tracing, exclude, capture_headers, linger)

    def __call__(
        self, environ: dict[str, object], start_response: Callable[..., object]
    ) -> Iterable[bytes]:
        """Run the application for a request."""
        options = self._options
        tracer = options.tracer
        before: Any = environ.get(_TRACED_BY, ())
        if tracer.off or options.tracing in before:
            return self.app(environ, start_response)
        body: Any
        try:
            request = _request_of(environ)
        except Exception as error:  # the server's environment is not what PEP 3333 says
            warn_once(self, "WSGI environment", error, "and its requests are not traced")
            return self.app(environ, start_response)
        if options.excludes(_path_of(environ)):
            silence = _Silence(tracer)
            body = silence.run(self.app, environ, start_response)
            return _wrap(body, silence, environ.get("wsgi.file_wrapper"))
        environ[_TRACED_BY] = (*before, options.tracing)
        answer = _Answer(options, request, environ, start_response)
        try:
            body = answer.run(self.app, environ, answer.start_response)
        except BaseException as error:
            answer.end(error)
            raise
        return _wrap(body, answer, environ.get("wsgi.file_wrapper"))


class _Answer:
    """A request that is being answered: what is current in it, and how far it has come."""

    def __init__(
        self, options: Options, request: Request, environ: dict[str, Any], start_response: Any
    ) -> None:
        tracer = options.tracer
        self._environ = environ
        self._head = request.method == "HEAD"
        self._start_response = start_response
        self._status: int | None = None
        self._length: int | None = None
        self._sent = 0
        self._over = False
        self._exchange = Exchange(options, request, environ)
        self._root = self._exchange.invocation._root
        # Calls into the application, with what was current there when it was last left.
        self.run = Body(tracer, None, no_end, tracer.get()).run
        tracer.detach(self._root)

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        """Take note of the status; with `exc_info`, of another one, and of what went wrong."""
        write = self._start_response(status, headers, *(() if exc_info is None else (exc_info,)))
        self._note(status, headers, exc_info)
        return lambda data: self._write(write, data)

    def _note(self, status: Any, headers: Any, exc_info: Any) -> None:
        try:
            self._find_route()
            self._status = int(status[:3])
            length = [value for name, value in headers if name.lower() == "content-length"]
            self._length = int(length[0]) if length else None
            if exc_info is not None:
                self._exchange.invocation.span.record_exception(exc_info[1])
        except Exception as error:
            warn_once(type(self), "WSGI response", error, "and its status is not recorded")

    def _write(self, write: Any, data: bytes) -> Any:
        self.passed(data)
        return write(data)

    def passed(self, data: Any) -> None:
        """A piece of the body goes out; with the first one, the status is final."""
        size = len(data) if isinstance(data, bytes) else 0  # else it is the server's to refuse
        if size and not self._sent:
            self._respond()
        self._sent += size

    def _find_route(self) -> None:
        request = self._environ.get("werkzeug.request")  # Flask takes it away when it returns
        rule = getattr(getattr(request, "url_rule", None), "rule", None)
        if isinstance(rule, str):
            self._exchange.route(str(self._environ.get("SCRIPT_NAME") or "").rstrip("/") + rule)

    def _respond(self) -> None:
        if self._status is not None:
            self._exchange.respond(self._status)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the body is missing, though nobody has asked for its end."""
        if self._head or self._status in _WITHOUT_BODY:
            return True
        return self._length is not None and self._sent >= self._length

    def failed(self, error: BaseException) -> None:
        """The body has raised: said at once, for a server need not close it any more."""
        if not self._root._end:
            mark(self._root, error, now_ns())

    def end(self, error: BaseException | None) -> None:
        """The server is done with the request."""
        if not self._over:
            self._over = True
            self._respond()
            self._exchange.end(error)


class _Silence:
    """A request of which nothing is recorded."""

    is_whole = True

    def __init__(self, tracer: Tracer) -> None:
        self.run = Body(tracer, None, no_end, SUPPRESSED).run

    def passed(self, data: Any) -> None:
        """A piece of the body goes out."""

    def failed(self, error: BaseException) -> None:
        """The body has raised."""

    def end(self, error: BaseException | None) -> None:
        """The server is done with the request."""


def _wrap(body: Any, answer: _Answer | _Silence, file_wrapper: Any) -> Iterable[bytes]:
    """A body that tells the answer how it goes."""
    if isinstance(file_wrapper, type) and isinstance(body, file_wrapper):
        return _wrap_file(body, answer)
    return _SizedBody(body, answer) if hasattr(body, "__len__") else _Body(body, answer)


def _wrap_file(body: Any, answer: _Answer | _Silence) -> Iterable[bytes]:
    """A file that the server may send in its own way, so it has to stay what it is."""
    close = getattr(body, "close", None)

    def close_and_end() -> None:
        try:
            if close is not None:
                answer.run(close)
        except BaseException as error:
            answer.end(error)
            raise
        answer.end(None)

    try:
        body.close = close_and_end
    except Exception:
        answer.end(None)  # it can't be told: the request ends with the call
    file: Iterable[bytes] = body
    return file


class _Body:
    """The body of an answer, a piece at a time."""

    def __init__(self, body: Any, answer: _Answer | _Silence) -> None:
        self._body = body
        self._answer = answer
        self._pieces: Iterator[bytes] | None = None
        self._error: BaseException | None = None
        self._at_end = False

    def __iter__(self) -> Iterator[bytes]:
        """Return itself: a body is gone through once."""
        return self

    def __next__(self) -> bytes:
        """Give the next piece, made in the request's context."""
        answer = self._answer
        try:
            if self._pieces is None:
                self._pieces = answer.run(iter, self._body)
            piece: bytes = answer.run(next, self._pieces)
        except StopIteration:
            self._at_end = True
            raise
        except BaseException as error:
            self._error = error
            answer.failed(error)
            raise
        answer.passed(piece)
        return piece

    @property
    def _is_whole(self) -> bool:
        return self._at_end or self._answer.is_whole

    def close(self) -> None:
        """Close the application's body, and end the request."""
        error = self._error
        self._error = None
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                self._answer.run(close)
        except BaseException as raised:
            self._answer.end(error or raised)
            raise
        if error is None and not self._is_whole:
            error = DisconnectedError()
        self._answer.end(error)


class _SizedBody(_Body):
    """A body of which the number of pieces is known: servers look at it, to set a length."""

    def __init__(self, body: Any, answer: _Answer | _Silence) -> None:
        super().__init__(body, answer)
        self._left = len(body)

    def __len__(self) -> int:
        """The number of pieces."""
        return len(self._body)

    def __next__(self) -> bytes:
        """Give the next piece."""
        piece = super().__next__()
        self._left -= 1
        return piece

    @property
    def _is_whole(self) -> bool:
        return self._left <= 0 or super()._is_whole


def _path_of(environ: dict[str, Any]) -> str:
    """The whole path as text: WSGI has its bytes as Latin-1."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path.encode("latin-1").decode("utf-8", "replace")


def _request_of(environ: dict[str, Any]) -> Request:
    """The request as the server describes it."""
    headers = [
        (key[5:].replace("_", "-").lower(), value)
        for key, value in environ.items()
        if key.startswith("HTTP_") and isinstance(value, str)
    ]
    headers += [
        (key.replace("_", "-").lower(), environ[key])
        for key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        if environ.get(key)
    ]
    port = str(environ.get("SERVER_PORT") or "")
    path = quote(
        environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), _PATH_SAFE, "latin-1"
    )
    return Request(
        method=str(environ["REQUEST_METHOD"]),
        scheme=str(environ.get("wsgi.url_scheme") or "http"),
        server=(str(environ.get("SERVER_NAME") or ""), int(port) if port.isdecimal() else None),
        path=quote(path, _PATH_SAFE, "latin-1") or "/",
        query=str(environ.get("QUERY_STRING") or ""),
        headers=headers,
        client=environ.get("REMOTE_ADDR") or None,
        version=str(environ.get("SERVER_PROTOCOL") or "HTTP/1.1").partition("/")[2],
    )
