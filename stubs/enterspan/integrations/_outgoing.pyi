# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Spans of HTTP client requests: the common part of the hooks of the clients.

Attributes have the names of OpenTelemetry's conventions for HTTP clients:
https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client
"""

from enterspan._model.removable import Removable

class Installation(Removable):
    """The hooks of a library, from `install` until `remove`."""

    def remove(self) -> None:
        """Remove the hooks; a second call does nothing."""
