"""gRPC: each call of a server is an invocation, and each call of a client is a span.

Attributes have the names of OpenTelemetry's conventions for RPC:
https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
"""

from __future__ import annotations

from importlib import import_module
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import ref

from enterspan._forms.enter import carry
from enterspan._forms.incoming import check_incoming, placed
from enterspan._model.carriers import HEADERS  # gRPC has names in lower case only
from enterspan._model.classes import mro_of
from enterspan._span.context import Attachment
from enterspan._tracing import Tracing
from enterspan._tracing import tracing as default_tracing
from enterspan.events import RpcEventInfo
from enterspan.integrations._expected import is_abort
from enterspan.integrations._http import DisconnectedError, invocation_of, leave, type_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from enterspan._model.protocols import Incoming

__all__ = [
    "AioServerInterceptor",
    "ClientInterceptor",
    "ServerInterceptor",
    "aio_client_interceptors",
]

_CODES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""gRPC's status codes, in the order of their numbers."""
_KINDS: Final = ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")
"""The kinds of calls, as the classes of interceptors are named."""
_FAILURES: Final = frozenset(
    {"DATA_LOSS", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNIMPLEMENTED", "UNKNOWN"}
)
"""The codes that mean that the server failed; the others concern the client's request."""


def _grpc(module: str = "grpc") -> Any:
    """Import the package when an interceptor is made: this module has its name."""
    try:
        return import_module(module)
    except ImportError as missing:
        raise ImportError(
            "enterspan.integrations.grpc needs grpcio: pip install grpcio"
        ) from missing


def _tracing_of(tracing: Tracing | None) -> Tracing:
    if tracing is not None and not isinstance(tracing, Tracing):
        raise TypeError(f"tracing must be a Tracing, not {tracing!r}")
    return default_tracing if tracing is None else tracing


def _facts(method: str) -> dict[str, Any]:
    service, _, name = method.rpartition("/")
    return {"rpc.system": "grpc", "rpc.service": service or None, "rpc.method": name}


# --- servers --------------------------------------------------------------------------------------


class _Server:
    """The common part of the interceptors for both kinds of servers."""

    def __init__(
        self,
        *,
        tracing: Tracing | None = None,
        linger: float | None = 0.0,
        incoming: Incoming | Callable[[Any], Incoming] = "parent",
    ) -> None:
        check_incoming(incoming)
        self._grpc = _grpc()
        self._tracing = _tracing_of(tracing)
        self._tracing._tracer.expect(is_abort)
        self._linger = linger
        self._incoming: Incoming | Callable[[Any], Incoming] = incoming
        self._tracing.invocation(linger=linger)  # raises for an invalid one

    def _wrapped(self, handler: Any, details: Any) -> Any:
        """Wrap a handler so that its calls are invocations; unchanged while nothing is recorded."""
        if handler is None or self._tracing._tracer.off:
            return handler  # None: the server answers UNIMPLEMENTED
        for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
            behavior = getattr(handler, kind)
            if behavior is not None:
                make = getattr(self._grpc, f"{kind}_rpc_method_handler")
                return make(
                    self._around(behavior, kind.endswith("stream"), details),
                    handler.request_deserializer,
                    handler.response_serializer,
                )
        return handler

    def _around(self, behavior: Any, streams: bool, details: Any) -> Any:
        raise NotImplementedError


class _Call:
    """A call being handled, from its beginning to its status."""

    def __init__(self, by: _Server, details: Any, context: Any) -> None:
        tracing = by._tracing
        method = str(details.method).removeprefix("/")
        metadata = [(k, v) for k, v in details.invocation_metadata or () if k in HEADERS]
        parent, new_trace = placed(tracing._tracer, by._incoming, metadata, details)
        self._context = context
        self._block = invocation_of(
            tracing, method, RpcEventInfo(method), parent, new_trace, by._linger, _facts(method)
        )
        self._invocation = self._block.__enter__()
        self.root = self._invocation._root

    def end(self, error: BaseException | None) -> None:
        """End the invocation with the status of the call."""
        if error is None and _is_gone(self._context):
            error = DisconnectedError()
        code = _code_of(self._context)
        aborted = error is not None and is_abort(error)
        if error is not None and not aborted and code in (None, "OK"):
            has_failed = isinstance(error, Exception) and not isinstance(error, DisconnectedError)
            code = "UNKNOWN" if has_failed else "CANCELLED"
        span = self._invocation.span.set_attribute("rpc.grpc.status_code", _number_of(code))
        if code in _FAILURES:
            span.set_attribute("error.type", code)
            if error is None or aborted:  # else the exception gives the reason
                span.set_status("error", _details_of(self._context))
        leave(self._block, None if aborted else error)

    def end_stream(self, _span: object, error: BaseException | None = None) -> None:
        """End the stream of responses, which is exhausted or was closed early."""
        self.end(DisconnectedError() if isinstance(error, GeneratorExit) else error)


def _is_gone(context: Any) -> bool:
    """Whether a call was canceled, or its deadline has passed, before its handler returned."""
    try:
        return context.is_active() is False
    except Exception:
        return False  # contexts of grpc.aio, whose handlers are canceled, and of other packages


def _code_of(call: Any) -> str | None:
    """The name of a call's status, or of the one that the handler set: `OK` if it set none.

    Returns None if it can't be read: in sync handlers of `grpc.aio`, and contexts of other
    packages.
    """
    try:
        return _code_named(call.code())
    except Exception:
        return None


def _code_named(code: Any) -> str:
    """The name of a status."""
    if isinstance(code, int):
        return _CODES[code] if 0 <= code < len(_CODES) else "UNKNOWN"
    name = getattr(code, "name", None)
    return "OK" if code is None else name if name in _CODES else "UNKNOWN"


def _number_of(code: str | None) -> int | None:
    return None if code is None else _CODES.index(code)


def _details_of(call: Any) -> str:
    try:
        details = call.details()
    except Exception:
        return ""
    return details.decode("utf-8", "replace") if isinstance(details, bytes) else str(details or "")


class ServerInterceptor(_Server):
    """An interceptor of `grpc.server` that makes calls invocations.

    `grpc.server(pool, interceptors=[ServerInterceptor()])`. A call lasts until its handler has
    returned, or has yielded its last response. Its name is the full method (`shop.Cart/Add`). The
    status is recorded as `rpc.grpc.status_code`; `UNKNOWN`, `INTERNAL` and other codes of server
    failures make the call an error, and `abort` with another code does not. If the context does not
    show the status (sync handlers of `grpc.aio`), it is left out.

    Args:
        tracing: By default the default instance.
        linger: Seconds to wait for spans that are still open when an invocation ends.
        incoming: What to do with a caller's trace context: `"parent"` continues its trace;
            `"link"`, for untrusted callers, begins a new trace with its own sampling decision,
            linked to the caller's; `"ignore"` begins one without a link; or a function of the
            `HandlerCallDetails` that returns one of these.

    Raises:
        TypeError: An option has the wrong type.
        ValueError: An option has an invalid value.
    """

    def intercept_service(
        self, continuation: Callable[[Any], Any], handler_call_details: Any
    ) -> Any:
        """Return a handler whose calls are invocations."""
        return self._wrapped(continuation(handler_call_details), handler_call_details)

    def _around(self, behavior: Any, streams: bool, details: Any) -> Any:
        return _synchronous(self, behavior, streams, details)


def _synchronous(by: _Server, behavior: Any, streams: bool, details: Any) -> Any:
    """Wrap a function of a servicer in an invocation for each call."""
    tracer = by._tracing._tracer

    def call(request: Any, context: Any) -> Any:
        made = _Call(by, details, context)
        try:
            answer = behavior(request, context)
        except BaseException as error:
            made.end(error)
            raise
        if not streams or answer is None:  # None: the handler calls `context.write`
            made.end(None)
            return answer
        tracer.detach(made.root)
        return carry(tracer, Attachment(made.root), _pieces(answer), made.end_stream)

    return call


def _pieces(answers: Iterator[Any]) -> Iterator[Any]:
    yield from answers


class AioServerInterceptor(_Server):
    """An interceptor of `grpc.aio.server` that makes calls invocations.

    `grpc.aio.server(interceptors=[AioServerInterceptor()])`. Otherwise, it is like
    `ServerInterceptor`.
    """

    def __init__(
        self,
        *,
        tracing: Tracing | None = None,
        linger: float | None = 0.0,
        incoming: Incoming | Callable[[Any], Incoming] = "parent",
    ) -> None:
        super().__init__(tracing=tracing, linger=linger, incoming=incoming)
        _grpc("grpc.aio").ServerInterceptor.register(AioServerInterceptor)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Return a handler whose calls are invocations."""
        return self._wrapped(await continuation(handler_call_details), handler_call_details)

    def _around(self, behavior: Any, streams: bool, details: Any) -> Any:
        if isasyncgenfunction(behavior):

            async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
                made = _Call(self, details, context)
                try:
                    async for answer in behavior(request, context):
                        yield answer
                except BaseException as error:
                    made.end_stream(None, error)
                    raise
                made.end(None)

            return stream
        if iscoroutinefunction(behavior):

            async def call(request: Any, context: Any) -> Any:
                made = _Call(self, details, context)
                try:
                    answer = await behavior(request, context)
                except BaseException as error:
                    made.end(error)
                    raise
                made.end(None)
                return answer

            return call
        return _synchronous(self, behavior, streams, details)


# --- clients --------------------------------------------------------------------------------------


class _Sent:
    """A call sent by a client: a span until the status is received."""

    def __init__(self, tracing: Tracing, details: Any) -> None:
        method = details.method
        method = method.decode() if isinstance(method, bytes) else method
        method = method.removeprefix("/")
        self._span = tracing.start_span(method, _facts(method), kind="client")
        self.current = tracing.use_span(self._span)
        self._tracing = tracing

    def metadata(self, given: Any) -> list[tuple[str, Any]]:
        """The program's metadata, with the trace context replaced or added."""
        carrier: dict[str, str] = {}
        self._tracing.inject(carrier)
        pairs = list(given or ())
        if carrier:
            pairs = [pair for pair in pairs if pair[0] not in HEADERS]
        return [*pairs, *carrier.items()]

    def failed(self, error: BaseException) -> None:
        """End the span: another interceptor, or gRPC itself, rejected the call."""
        if not isinstance(error, Exception):
            self.end("CANCELLED", "")
            return
        span = self._span.record_exception(error).set_attribute("error.type", type_name(error))
        span.set_status("error", type(error).__name__).end()

    def end(self, code: str | None, details: object) -> None:
        """End the span with the status of the call; None if it is unknown."""
        span = self._span.set_attribute("rpc.grpc.status_code", _number_of(code))
        if code not in (None, "OK"):
            span.set_attribute("error.type", code)
            span.set_status("error", str(details or ""))
        span.end()


class ClientInterceptor:
    """An interceptor of a channel that makes calls spans and propagates the trace context.

    `grpc.intercept_channel(channel, ClientInterceptor())`. The span ends with the call, also if
    that is a future or a stream of responses. Any status but `OK` is an error. A call that the
    program drops is canceled by gRPC, and has no status.

    Args:
        tracing: By default the default instance.

    Raises:
        TypeError: `tracing` is not a `Tracing`.
    """

    def __init__(self, *, tracing: Tracing | None = None) -> None:
        self._tracing = _tracing_of(tracing)
        grpc = _grpc()
        for kind in _KINDS:
            getattr(grpc, f"{kind}ClientInterceptor").register(ClientInterceptor)

    def _call(self, continuation: Any, details: Any, request: Any) -> Any:
        if self._tracing._tracer.off:
            return continuation(details, request)
        sent = _Sent(self._tracing, details)
        with sent.current:
            try:
                call = continuation(
                    _Details(
                        details.method,
                        details.timeout,
                        sent.metadata(details.metadata),
                        details.credentials,
                        getattr(details, "wait_for_ready", None),
                        getattr(details, "compression", None),
                    ),
                    request,
                )
            except BaseException as error:
                sent.failed(error)
                raise
        _end_with(sent, call)
        return call

    intercept_unary_unary: Any = _call
    intercept_unary_stream: Any = _call
    intercept_stream_unary: Any = _call
    intercept_stream_stream: Any = _call


def _end_with(sent: _Sent, call: Any) -> None:
    """End a span together with its call.

    gRPC cancels a call that the program drops; `add_done_callback` would keep it alive forever. A
    call that was dropped has no status.
    """

    def end() -> None:
        done = alive()
        sent.end(*((None, "") if done is None else (_code_of(done), _details_of(done))))

    try:
        alive = ref(call)
        is_open = not call.done() and call.add_callback(end)
    except Exception:  # another interceptor has replaced the call
        sent.end(None, "")
        return
    if not is_open:
        end()


class _Details(NamedTuple):
    """The details of a client's call: a `grpc.ClientCallDetails`."""

    method: Any
    timeout: Any
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


def aio_client_interceptors(*, tracing: Tracing | None = None) -> list[Any]:
    """Return interceptors for a `grpc.aio` channel that make calls spans.

    `grpc.aio.insecure_channel(address, interceptors=aio_client_interceptors())`. There are four,
    because `grpc.aio` uses each interceptor for one kind of call. Otherwise, they are like
    `ClientInterceptor`.

    Args:
        tracing: By default the default instance.

    Returns:
        A list with one for each kind of call, to which others can be added.

    Raises:
        TypeError: `tracing` is not a `Tracing`.
    """
    aio = _grpc("grpc.aio")
    used = _tracing_of(tracing)
    made = (_UnaryUnary, _UnaryStream, _StreamUnary, _StreamStream)
    for kind, interceptor in zip(_KINDS, made, strict=True):
        getattr(aio, f"{kind}ClientInterceptor").register(interceptor)
    return [interceptor(used, aio) for interceptor in made]


class _AioClient:
    """The common part of the interceptors for the four kinds of calls."""

    def __init__(self, tracing: Tracing, aio: Any) -> None:
        self._tracing = tracing
        self._aio = aio

    async def _call(self, continuation: Any, details: Any, request: Any) -> Any:
        if self._tracing._tracer.off:
            return await continuation(details, request)
        aio = self._aio
        sent = _Sent(self._tracing, details)
        with sent.current:
            try:
                call = await continuation(
                    aio.ClientCallDetails(
                        details.method,
                        details.timeout,
                        aio.Metadata(*sent.metadata(details.metadata)),
                        details.credentials,
                        details.wait_for_ready,
                    ),
                    request,
                )
            except BaseException as error:
                sent.failed(error)
                raise

        def end(done: Any) -> None:
            sent.end(_code_named(_settled(done.code())), _settled(done.details()))

        if aio.Call not in mro_of(type(call)):
            sent.end(None, "")  # another interceptor has replaced the call
        elif call.done():
            end(call)
        else:
            call.add_done_callback(end)
        return call


class _UnaryUnary(_AioClient):
    intercept_unary_unary: Any = _AioClient._call


class _UnaryStream(_AioClient):
    intercept_unary_stream: Any = _AioClient._call


class _StreamUnary(_AioClient):
    intercept_stream_unary: Any = _AioClient._call


class _StreamStream(_AioClient):
    intercept_stream_stream: Any = _AioClient._call


def _settled(answer: Any) -> Any:
    """The result of a coroutine that does not suspend, such as those of a done call."""
    try:
        answer.send(None)
    except StopIteration as stop:
        return stop.value
    answer.close()
    return None
