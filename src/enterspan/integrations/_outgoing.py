"""Spans of HTTP client requests: the common part of the hooks of the clients.

Attributes have the names of OpenTelemetry's conventions for HTTP clients:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client
"""

from __future__ import annotations

import functools
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from enterspan._model.diagnostics import warn_once
from enterspan._model.removable import Removable
from enterspan._tracing import Tracing
from enterspan._tracing import tracing as default_tracing
from enterspan.integrations._http import METHODS, PORTS, known_method, type_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from enterspan._span.span import Span

_FAILED: Final = 400
"""The lowest status of a failed client request."""
_LAYERS: Final = 100
"""How many wrappers around a hook are unwrapped: mocks may have endless ones."""
_OTEL: Final = "opentelemetry"
_SUPPRESSING: Final = ("_SUPPRESS_INSTRUMENTATION_KEY", "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")
_OF_HTTP: Final = ("http.request.method", "http.method")
"""The attribute of HTTP request spans: its name since 2023, and the earlier one."""


class ClientRequest(NamedTuple):
    """A request that is about to be sent."""

    method: str
    url: str
    scheme: str
    host: str
    port: int | None
    headers: MutableMapping[str, str]


class ClientAnswer(NamedTuple):
    """The beginning of its response."""

    status: int
    version: str | None


class Client:
    """Makes the requests of one library spans of one `Tracing`.

    *read* converts the library's request to a `ClientRequest`, and *read_answer* its response to a
    `ClientAnswer`, or None for another object. *is_instrumented* returns whether OpenTelemetry
    makes a span for the call.
    """

    def __init__(
        self,
        tracing: Tracing | None,
        read: Callable[[Any], ClientRequest],
        read_answer: Callable[[Any], ClientAnswer | None],
        is_instrumented: Callable[[], bool] = bool,
    ) -> None:
        if tracing is not None and not isinstance(tracing, Tracing):
            raise TypeError(f"tracing must be a Tracing, not {tracing!r}")
        self.tracing = default_tracing if tracing is None else tracing
        self._tracer = self.tracing._tracer
        self._read = read
        self._read_answer = read_answer
        self._is_instrumented = is_instrumented

    def send(self, request: Any, call: Callable[[], Any]) -> Any:
        """Send a request by calling *call*."""
        sent = self._sent(request)
        if sent is None:
            return call()
        with self._scope(sent) as span:
            self.tracing.inject(sent.headers)
            try:
                answer = call()
            except Exception as error:
                span.set_attribute("error.type", type_name(error))
                raise
            self._answered(span, answer)
            return answer

    async def send_async(self, request: Any, call: Callable[[], Awaitable[Any]]) -> Any:
        """Send a request asynchronously."""
        sent = self._sent(request)
        if sent is None:
            return await call()
        with self._scope(sent) as span:
            self.tracing.inject(sent.headers)
            try:
                answer = await call()
            except Exception as error:
                span.set_attribute("error.type", type_name(error))
                raise
            self._answered(span, answer)
            return answer

    def _sent(self, request: Any) -> ClientRequest | None:
        """Return the request to make a span for; None for no span.

        If the innermost span is OpenTelemetry's span of this request, the trace context is
        injected.
        """
        tracer = self._tracer
        if tracer.off or tracer.is_suppressed:
            return None
        try:
            if _is_suppressed():
                return None
            if tracer.bridge is not None:
                if self._is_instrumented():
                    return None
                if _is_request(import_module(f"{_OTEL}.trace").get_current_span()):
                    self.tracing.inject(self._read(request).headers)
                    return None
            return self._read(request)
        except Exception as error:  # the library will raise
            warn_once(self, "request", error, "and it is not traced")
            return None

    def _scope(self, sent: ClientRequest) -> Any:
        method = sent.method
        is_known = method in METHODS
        port = sent.port
        attributes = {  # None leaves an attribute unset
            "http.request.method": method if is_known else "_OTHER",
            "http.request.method_original": None if is_known else method,
            "server.address": sent.host,
            "server.port": PORTS.get(sent.scheme) if port is None else port,
            "url.full": self._tracer.secrets.clean_url(sent.url),
        }
        return self.tracing.span(known_method(method), attributes, kind="client")

    def _answered(self, span: Span, answer: Any) -> None:
        try:
            begun = self._read_answer(answer)
        except Exception as error:  # a mock in a test
            warn_once(self, "answer", error, "and its status is not recorded")
            return
        if begun is None:
            return
        span.set_attribute("http.response.status_code", begun.status)
        span.set_attribute("network.protocol.version", begun.version)
        if begun.status >= _FAILED:
            span.set_status("error").set_attribute("error.type", str(begun.status))


def _is_request(span: Any) -> bool:
    """Whether an OpenTelemetry span is an HTTP client request."""
    kind = getattr(getattr(span, "kind", None), "name", None)
    attributes = getattr(span, "attributes", None) or {}
    return kind == "CLIENT" and any(name in attributes for name in _OF_HTTP)


def _is_suppressed() -> bool:
    """Whether OpenTelemetry suppresses spans here, as during its exports.

    The API only has these context keys for it, which its SDK and its instrumentations use.
    """
    context = sys.modules.get(f"{_OTEL}.context")
    if context is None:
        return False
    keys = [getattr(context, name, None) for name in _SUPPRESSING]
    return any(key is not None and context.get_value(key) for key in keys)


def is_instrumented(library: str, instrumentor: str) -> bool:
    """Whether OpenTelemetry's instrumentation of a library is active."""
    found = getattr(sys.modules.get(f"{_OTEL}.instrumentation.{library}"), instrumentor, None)
    return found is not None and bool(found().is_instrumented_by_opentelemetry)


# --- methods of classes, replaced -----------------------------------------------------------------


_lock: Final = threading.Lock()
_hooks: Final[dict[tuple[type, str], _Hook]] = {}
"""The newest hook of each method: one that another package has wrapped stays, and is reused."""


class _Hook:
    """A method of a class that calls the clients, one for each `Tracing`."""

    def __init__(self, owner: type, name: str, clients: tuple[Client, ...]) -> None:
        self.clients = clients
        self._owner = owner
        self._name = name
        self._original = vars(owner)[name]
        original = getattr(owner, name)
        make = _asynchronous if "async" in name else _synchronous
        self._ours = functools.wraps(original)(make(original, self))
        setattr(owner, name, self._ours)

    @property
    def is_reached(self) -> bool:
        """Whether it is the method, or inside wrappers of other packages."""
        method = vars(self._owner).get(self._name)
        for _ in range(_LAYERS):
            if method is self._ours:
                return True
            method = getattr(method, "__wrapped__", None)
        return False

    def add(self, client: Client) -> None:
        """Add a client, unless its `Tracing` has one."""
        if all(known.tracing is not client.tracing for known in self.clients):
            self.clients = (*self.clients, client)

    def drop(self, tracing: Tracing) -> None:
        """Remove the client of a `Tracing`; after the last one, the method is restored."""
        self.clients = tuple([known for known in self.clients if known.tracing is not tracing])
        if not self.clients and vars(self._owner).get(self._name) is self._ours:
            setattr(self._owner, self._name, self._original)


class Installation(Removable):
    """The hooks of a library, from `install` until `remove`."""

    def __init__(self, methods: Iterable[tuple[Client, type, str]]) -> None:  # internal
        self._places: list[tuple[type, str, Tracing]] = []
        with _lock:
            for client, owner, name in methods:
                self._places.append((owner, name, client.tracing))
                hook = _hooks.get((owner, name))
                if hook is None or not hook.is_reached:
                    clients = () if hook is None else hook.clients
                    if hook is not None:
                        hook.clients = ()  # it may still be referenced
                    hook = _hooks[owner, name] = _Hook(owner, name, clients)
                hook.add(client)

    def remove(self) -> None:
        """Remove the hooks; a second call does nothing."""
        with _lock:
            places, self._places = self._places, []
            for owner, name, tracing in places:
                _hooks[owner, name].drop(tracing)


def _synchronous(original: Any, hook: _Hook) -> Any:
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        call = functools.partial(original, self, request, *args, **kwargs)
        for client in hook.clients:
            call = functools.partial(client.send, request, call)
        return call()

    return send


def _asynchronous(original: Any, hook: _Hook) -> Any:
    async def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        call = functools.partial(original, self, request, *args, **kwargs)
        for client in hook.clients:
            call = functools.partial(client.send_async, request, call)
        return await call()

    return send
