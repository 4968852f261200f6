# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Invocations of HTTP requests: the common part of ASGI and WSGI.

Attributes have the names of OpenTelemetry's conventions for HTTP servers:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from collections.abc import Callable, Sequence
from enterspan._model.protocols import Incoming
from enterspan._tracing import Tracing
from typing import Any

class Middleware:
    """The options of the ASGI and WSGI middlewares."""

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
