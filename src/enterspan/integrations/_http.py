"""Invocations of HTTP requests: the common part of ASGI and WSGI.

Attributes have the names of OpenTelemetry's conventions for HTTP servers:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from enterspan._forms.entrypoint import invocation_start
from enterspan._forms.incoming import check_incoming, placed
from enterspan._model.clock import check_seconds, now_ns
from enterspan._model.diagnostics import warn_once
from enterspan._model.failures import is_expected
from enterspan._model.routes import routed_name
from enterspan._model.tracebacks import traceback_of
from enterspan._span.details import details_of, keep_event
from enterspan._tracing import InvocationScope, Tracing
from enterspan._tracing import tracing as default_tracing
from enterspan.events import FetchEventInfo, FetchResponseInfo, make_fetch_info
from enterspan.integrations._expected import is_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from enterspan._model.protocols import Incoming
    from enterspan._span.scope import SpanScope
    from enterspan._tracing import Invocation

METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)
"""The methods used in names: a client can send any number of others."""
PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
TRACED_BY: Final = "enterspan.traced_by"
"""The key of a scope or an environment for the `Tracing`s that trace the request already: a mounted
application may have the middleware as well."""
ROUTE: Final = "enterspan.route"
"""The key of a scope or an environment under which a framework's integration sets the route."""
FAILURE: Final = "enterspan.failure"
"""The key for the exception behind a response with a status of 500 or more."""
RESPONSE_END: Final = "http.response.end"
"""The event at the end of the response; what follows is background work."""


_WITHOUT_BODY: Final = frozenset({204, 304})
"""Statuses of responses without a body."""


class DisconnectedError(CancelledError):
    """The client disconnected before the response was complete: a cancellation."""


class Middleware:
    """The options of the ASGI and WSGI middlewares."""

    def __init__(
        self,
        app: Callable[..., Any],
        *,
        tracing: Tracing | None = None,
        exclude: Sequence[str] = (),
        capture_headers: Sequence[str] = (),
        linger: float | None = 0.0,
        incoming: Incoming | Callable[[Any], Incoming] = "parent",
    ) -> None:
        if not callable(app):
            raise TypeError(f"an application is callable; {app!r} is not")
        if tracing is not None and not isinstance(tracing, Tracing):
            raise TypeError(f"tracing must be a Tracing, not {tracing!r}")
        check_seconds("linger", linger)
        check_incoming(incoming)
        self.app = app
        self._tracing = default_tracing if tracing is None else tracing
        self._tracer = self._tracing._tracer
        self._tracer.expect(is_answer)
        self._exclude = _texts("exclude", exclude, "path patterns, such as ['/health', '/img/*']")
        headers = _texts("capture_headers", capture_headers, "header names, such as ['x-shop-id']")
        self._headers = frozenset([name.lower() for name in headers])
        self._linger = linger
        self._incoming: Incoming | Callable[[Any], Incoming] = incoming

    def _request(
        self, build: Callable[[Any], Request], given: Any, carrier: Any = None
    ) -> Request | None:
        """Return the request of a server's description; None if it is not traced.

        Middlewares store their mark in *carrier*, by default the description itself.
        """
        marks = given if carrier is None else carrier
        if self._tracer.off or self._tracing in marks.get(TRACED_BY, ()):
            return None
        try:
            return build(given)
        except Exception as error:  # the server's description violates the standard
            warn_once(self, "request", error, "and such requests are not traced")
            return None

    def _mark(self, given: Any) -> dict[str, Any]:
        """The mark that this `Tracing` traces the request."""
        return {TRACED_BY: (*given.get(TRACED_BY, ()), self._tracing)}

    def _excludes(self, path: str) -> bool:
        if not self._exclude:
            return False
        return any(fnmatchcase(path, pattern) for pattern in self._exclude)


def _texts(name: str, values: Any, what: str) -> tuple[str, ...]:
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} must be a list of {what}, not {values!r}")
    for value in (found := tuple(values)):
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a list of {what}; {value!r} is no str")
    return found


class Request(NamedTuple):
    """An incoming request."""

    method: str
    scheme: str
    server: tuple[str, int | None]
    path: str
    query: str
    host: str | None
    user_agent: str | None
    headers: Callable[[], Iterable[tuple[str, str]]]
    """All headers, with names in lower case; computed because few programs record any."""
    client: str | None
    version: str

    @property
    def known_method(self) -> str:
        """The method for the name of a span."""
        return known_method(self.method)

    def captured(self, middleware: Middleware) -> list[tuple[str, str]]:
        """The headers to record, with secrets redacted."""
        if not middleware._headers:
            return []
        try:
            pairs = [pair for pair in self.headers() if pair[0] in middleware._headers]
        except Exception as error:  # as in `_request`
            warn_once(middleware, "request", error, "and its headers are not recorded")
            return []
        return middleware._tracer.secrets.clean_headers(pairs)

    def address(self) -> tuple[str, int | None]:
        """The host and the port of the request."""
        host = self.host
        if not host:
            return self.server
        host = host.rpartition("@")[2]
        name, colon, port = host.rpartition(":")
        if not colon or not port.isdecimal() or len(port) > 5:
            return host, None
        return name, int(port)

    def described(self, middleware: Middleware) -> tuple[FetchEventInfo, dict[str, Any]]:
        """The event info and the span attributes of the request."""
        host, port = self.address()
        usual = PORTS.get(self.scheme)
        is_known = self.method in METHODS
        query = middleware._tracer.secrets.clean_query(self.query) if self.query else ""
        captured = self.captured(middleware)
        place = host if port is None or port == usual else f"{host}:{port}"
        url = f"{self.scheme}://{place}{self.path}{f'?{query}' if query else ''}"
        found: dict[str, Any] = {
            "http.request.method": self.method if is_known else "_OTHER",
            "url.scheme": self.scheme,
            "url.path": self.path,
            "server.address": host,
            "network.protocol.version": self.version,
        }
        if not is_known:
            found["http.request.method_original"] = self.method
        if port is None:
            port = usual
        if port is not None:
            found["server.port"] = port
        if query:
            found["url.query"] = query
        if self.client is not None:
            found["client.address"] = self.client
        if self.user_agent is not None:
            found["user_agent.original"] = self.user_agent
        for name, value in captured:
            key = f"http.request.header.{name}"
            found[key] = (*found.get(key, ()), value)
        return make_fetch_info(self.method, url, captured), found


def known_method(method: str) -> str:
    """A method for the name of a span."""
    return method if method in METHODS else "HTTP"


class Exchange:
    """One request and its response, as an invocation that is open until `end`."""

    def __init__(
        self, middleware: Middleware, request: Request, given: Any, carrier: Any, prefix: str = ""
    ) -> None:
        self._tracer = middleware._tracer
        self._prefix = prefix or request.known_method
        self._routed = False
        self._status: int | None = None
        self._is_head = request.method == "HEAD"
        info, attributes = request.described(middleware)
        parent, new_trace = placed(middleware._tracer, middleware._incoming, carrier, given)
        self._block = invocation_of(
            middleware._tracing,
            self._prefix,
            info,
            parent,
            new_trace,
            middleware._linger,
            attributes,
        )
        self.invocation: Invocation = self._block.__enter__()

    def route(self, template: str | None) -> None:
        """Set the route that the framework resolved; the first call counts."""
        if template is not None and not self._routed:
            self._routed = True
            span = self.invocation.span.set_attribute("http.route", template)
            span.update_name(routed_name(self._prefix, template))

    def respond(self, status: Any) -> None:
        """Record the beginning of the response; the server reports an invalid status."""
        if status == self._status or not isinstance(status, int):
            return
        self._status = status
        self.invocation.set_return(FetchResponseInfo(status))
        span = self.invocation.span.set_attribute("http.response.status_code", status)
        if status >= 500 and not span._end:
            span.set_attribute("error.type", str(status))
            details = details_of(span)
            if not details.status_is_final:  # an exception may follow
                details.status = "error"

    def has_no_body(self, status: int | None) -> bool:
        """Whether a response with this status has no body."""
        return self._is_head or status in _WITHOUT_BODY

    def answered(self) -> None:
        """Record the end of the response."""
        span = self.invocation._root
        if not span._end:
            keep_event(span, RESPONSE_END, now_ns(), {})

    def end(self, error: BaseException | None, failure: BaseException | None = None) -> None:
        """End the invocation, with the exception that left it, if any.

        *failure* is an exception that the framework turned into the response.
        """
        if error is None and failure is not None and (self._status or 0) >= 500:
            error = failure
        if error is not None and self._is_failure(error):
            self.invocation.span.set_attribute("error.type", type_name(error))
        leave(self._block, error)

    def _is_failure(self, error: BaseException) -> bool:
        """Whether an exception is neither a cancellation nor expected."""
        if not isinstance(error, Exception) or isinstance(error, CancelledError):
            return False
        return not (is_answer(error) or is_expected(error, self._tracer.expected))


def is_failure(error: BaseException | None, handled_outside: BaseException | None) -> bool:
    """Whether a response is sent because of an exception, which may be handled around a server."""
    if error is handled_outside or not isinstance(error, Exception):
        return False
    return not is_answer(error)


def invocation_of(
    tracing: Tracing,
    name: str,
    info: Any,
    parent: Any,
    new_trace: bool,
    linger: float | None,
    attributes: dict[str, Any],
) -> InvocationScope:
    """`Tracing.invocation` with options that were validated before."""
    start = invocation_start(
        tracing._tracer,
        tracing,
        name,
        info,
        parent,
        linger,
        ambient=False,
        new_trace=new_trace,
        attributes=attributes,
        details=None,
    )
    return InvocationScope(start)


def type_name(error: BaseException) -> str:
    """The type of an exception for `error.type`."""
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def leave(block: InvocationScope | SpanScope, error: BaseException | None) -> None:
    """Exit a context manager, with the exception if there is one."""
    if error is None:
        block.__exit__(None, None, None)
    else:
        block.__exit__(type(error), error, traceback_of(error))
