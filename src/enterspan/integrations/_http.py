"""A request over HTTP and the invocation that it is: what ASGI and WSGI have in common.

Attributes are named as OpenTelemetry's conventions for HTTP servers name them:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from enterspan._forms.entrypoint import invocation_start
from enterspan._forms.incoming import check_incoming, placed
from enterspan._forms.options import check_seconds
from enterspan._model.clock import now_ns
from enterspan._model.diagnostics import warn_once
from enterspan._model.routes import routed_name
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
"""What a method may be in a name: a client can make up any number of others."""
PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
TRACED_BY: Final = "enterspan.traced_by"
"""The key of a scope or an environment for the Tracings that have the request already: a mounted
application may have the middleware as well."""
ROUTE: Final = "enterspan.route"
"""The key of a scope or an environment under which a framework's integration gives the route."""
FAILURE: Final = "enterspan.failure"
"""The key for the exception that a framework answers with a status of 500 or more."""
RESPONSE_END: Final = "http.response.end"
"""The event of an answer that is complete; what comes after it is work in the background."""


_WITHOUT_BODY: Final = frozenset({204, 304})
"""Statuses of answers that have no body."""


class DisconnectedError(CancelledError):
    """The client went away before the answer was complete: to an invocation, a cancellation."""


class Middleware:
    """What the middlewares of ASGI and WSGI are given."""

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
        """The request that a server describes; None if it is not to be traced here.

        *carrier* is where middlewares leave their mark; by default it is the description itself.
        """
        marks = given if carrier is None else carrier
        if self._tracer.off or self._tracing in marks.get(TRACED_BY, ()):
            return None
        try:
            return build(given)
        except Exception as error:  # the server's description is not what the standard says
            warn_once(self, "request", error, "and such requests are not traced")
            return None

    def _mark(self, given: Any) -> dict[str, Any]:
        """What says that this Tracing has the request."""
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
    """What came in."""

    method: str
    scheme: str
    server: tuple[str, int | None]
    path: str
    query: str
    host: str | None
    user_agent: str | None
    headers: Callable[[], Iterable[tuple[str, str]]]
    """All of them, with their names in lower case; few programs want any."""
    client: str | None
    version: str

    @property
    def known_method(self) -> str:
        """The method as a name has it."""
        return known_method(self.method)

    def captured(self, middleware: Middleware) -> list[tuple[str, str]]:
        """The headers that are to be recorded; those that are secrets without their values."""
        if not middleware._headers:
            return []
        try:
            pairs = [pair for pair in self.headers() if pair[0] in middleware._headers]
        except Exception as error:  # as in `_request`
            warn_once(middleware, "request", error, "and its headers are not recorded")
            return []
        return middleware._tracer.secrets.clean_headers(pairs)

    def address(self) -> tuple[str, int | None]:
        """The host and the port that the client asked for."""
        host = self.host
        if not host:
            return self.server
        host = host.rpartition("@")[2]
        name, colon, port = host.rpartition(":")
        if not colon or not port.isdecimal() or len(port) > 5:
            return host, None
        return name, int(port)

    def described(self, middleware: Middleware) -> tuple[FetchEventInfo, dict[str, Any]]:
        """The request as the stream has it, and as a span has it."""
        host, port = self.address()
        usual = PORTS.get(self.scheme)
        is_known = self.method in METHODS
        query = middleware._tracer.secrets.clean_query(self.query) if self.query else ""
        captured = self.captured(middleware)
        place = host if port is None or port == usual else f"{host}:{port}"
        url = f"{self.scheme}://{place}{self.path}{f'?{query}' if query else ''}"
        found: dict[str, Any] = {  # None leaves an attribute unset
            "http.request.method": self.method if is_known else "_OTHER",
            "http.request.method_original": None if is_known else self.method,
            "url.scheme": self.scheme,
            "url.path": self.path,
            "server.address": host,
            "network.protocol.version": self.version,
            "server.port": usual if port is None else port,
            "url.query": query or None,
            "client.address": self.client,
            "user_agent.original": self.user_agent,
        }
        for name, value in captured:
            key = f"http.request.header.{name}"
            found[key] = (*found.get(key, ()), value)
        return make_fetch_info(self.method, url, captured), found


def known_method(method: str) -> str:
    """A method as a name has it."""
    return method if method in METHODS else "HTTP"


class Exchange:
    """One request and its answer, as an invocation that is open until `end`."""

    def __init__(
        self, middleware: Middleware, request: Request, given: Any, carrier: Any, prefix: str = ""
    ) -> None:
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
        """The framework has found out which route this is; the first answer counts."""
        if template is not None and not self._routed:
            self._routed = True
            span = self.invocation.span.set_attribute("http.route", template)
            span.update_name(routed_name(self._prefix, template))

    def respond(self, status: Any) -> None:
        """The answer begins; what is no status is the server's to complain of."""
        if status == self._status or not isinstance(status, int):
            return
        self._status = status
        self.invocation.set_return(FetchResponseInfo(status))
        span = self.invocation.span.set_attribute("http.response.status_code", status)
        if status >= 500 and not span._end:
            span.set_attribute("error.type", str(status))
            details = details_of(span)
            if not details.status_is_final:  # an exception may yet say why
                details.status = "error"

    def has_no_body(self, status: int | None) -> bool:
        """Whether HTTP has no body for an answer with this status."""
        return self._is_head or status in _WITHOUT_BODY

    def answered(self) -> None:
        """The answer is complete."""
        span = self.invocation._root
        if not span._end:
            keep_event(span, RESPONSE_END, now_ns(), {})

    def end(self, error: BaseException | None, failure: BaseException | None = None) -> None:
        """End the invocation, which an exception may have left.

        *failure* is one that the framework has answered: it is why the status is what it is.
        """
        if error is None and failure is not None and (self._status or 0) >= 500:
            error = failure
        if isinstance(error, Exception) and not isinstance(error, CancelledError):
            self.invocation.span.set_attribute("error.type", type_name(error))
        leave(self._block, error)


def invocation_of(
    tracing: Tracing,
    name: str,
    info: Any,
    parent: Any,
    new_trace: bool,
    linger: float | None,
    attributes: dict[str, Any],
) -> InvocationScope:
    """`Tracing.invocation`, with options that were checked when the integration was made."""
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
    """The type of an exception, as `error.type` has it."""
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"


def leave(block: InvocationScope | SpanScope, error: BaseException | None) -> None:
    """Leave a block, with the exception if there is one."""
    if error is None:
        block.__exit__(None, None, None)
    else:
        block.__exit__(type(error), error, error.__traceback__)
