# Made by `enterspan stubs` from the annotated source: don't edit it.
"""A request over HTTP and the invocation that it is: what ASGI and WSGI have in common.

Attributes are named as OpenTelemetry's conventions for HTTP servers name them:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from collections.abc import Callable, Sequence
from enterspan._model.protocols import Incoming
from enterspan._tracing import Tracing
from typing import Any

class Middleware:
    """What the middlewares of ASGI and WSGI are given."""

    app: Callable[..., Any]

    def __init__(
        self,
        app: Callable[..., Any],
        *,
        tracing: Tracing | None = None,
        exclude: Sequence[str] = (),
        capture_headers: Sequence[str] = (),
        linger: float | None = 0.0,
        incoming: Incoming | Callable[[Any], Incoming] = "parent",
    ) -> None: ...
