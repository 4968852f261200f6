# Made by `enterspan stubs` from the annotated source: don't edit it.
"""gRPC: each call to a server is an invocation, and each one of a client is a span.

Attributes are named as OpenTelemetry's conventions for RPC name them:
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
    """What the interceptors of both kinds of servers have in common."""

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
    returned, or has given its last answer. Its name is the full method (`shop.Cart/Add`). The
    status is `rpc.grpc.status_code`; `UNKNOWN`, `INTERNAL` and the others that say that the server
    has failed make it an error, and `abort` with another one does not. Where the context does not
    tell the status (a sync handler of `grpc.aio`), it is left out.

    Args:
        tracing: By default the default instance.
        linger: Seconds that an invocation waits for spans that are still open at its end.
        incoming: What the trace context of a caller is worth: `"parent"`; `"link"`, for callers
            that are not trusted: a trace and a sampling decision of our own, linked to theirs;
            `"ignore"`; or a function of the `HandlerCallDetails` that returns one of these.

    Raises:
        TypeError: An option is of the wrong type.
        ValueError: An option can't be used.
    """

    def intercept_service(
        self,
        continuation: Callable[[Any], Any],
        handler_call_details: Any,
    ) -> Any:
        """Return a handler whose calls are invocations."""

class AioServerInterceptor(_Server):
    """An interceptor of `grpc.aio.server` that makes calls invocations.

    `grpc.aio.server(interceptors=[AioServerInterceptor()])`. All else is as in `ServerInterceptor`.
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
    """An interceptor of a channel that makes calls spans, which take the trace along.

    `grpc.intercept_channel(channel, ClientInterceptor())`. The span ends with the call, also where
    that is a future or a stream of answers. Any status but `OK` is an error. A call that the
    program drops is canceled, as gRPC does it, and has none.

    Args:
        tracing: By default the default instance.

    Raises:
        TypeError: It is no Tracing.
    """

    intercept_unary_unary: Any
    intercept_unary_stream: Any
    intercept_stream_unary: Any
    intercept_stream_stream: Any
    def __init__(self, *, tracing: Tracing | None = None) -> None: ...

def aio_client_interceptors(*, tracing: Tracing | None = None) -> list[Any]:
    """Return interceptors of a `grpc.aio` channel that make calls spans.

    `grpc.aio.insecure_channel(address, interceptors=aio_client_interceptors())`. There are four,
    because a channel of `grpc.aio` uses an interceptor for one kind of calls. All else is as in
    `ClientInterceptor`.

    Args:
        tracing: By default the default instance.

    Returns:
        One for each kind of calls; more can be added to the list.

    Raises:
        TypeError: It is no Tracing.
    """
