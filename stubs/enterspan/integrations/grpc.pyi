# Made by `enterspan stubs` from the annotated source: don't edit it.
"""gRPC: each call of a server is an invocation, and each call of a client is a span.

Attributes have the names of OpenTelemetry's conventions for RPC:
https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
"""

from collections.abc import Awaitable, Callable
from enterspan._model.protocols import Incoming
from enterspan._tracing import Tracing
from typing import Any

__all__ = [
    "AioServerInterceptor",
    "ClientInterceptor",
    "ServerInterceptor",
    "aio_client_interceptors",
]

class _Server:
    """The common part of the interceptors for both kinds of servers."""

    def __init__(
        self,
        *,
        tracing: Tracing | None = None,
        linger: float | None = 0.0,
        incoming: Incoming | Callable[[Any], Incoming] = "parent",
    ) -> None: ...

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
        self,
        continuation: Callable[[Any], Any],
        handler_call_details: Any,
    ) -> Any:
        """Return a handler whose calls are invocations."""

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
    ) -> None: ...

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Return a handler whose calls are invocations."""

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

    intercept_unary_unary: Any
    intercept_unary_stream: Any
    intercept_stream_unary: Any
    intercept_stream_stream: Any
    def __init__(self, *, tracing: Tracing | None = None) -> None: ...

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
