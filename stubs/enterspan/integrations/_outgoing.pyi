# Made by `enterspan stubs` from the annotated source: don't edit it.
"""A client's request over HTTP and the span that it is: what the hooks of the clients share.

Attributes are named as OpenTelemetry's conventions for HTTP clients name them:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client
"""

from types import TracebackType
from typing_extensions import Self

class Installation:
    """The hooks of a library, from `install` until `remove`."""

    def remove(self) -> None:
        """Undo it; a second time does nothing."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove it."""
