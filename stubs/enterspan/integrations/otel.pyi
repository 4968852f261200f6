# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The OpenTelemetry bridge: our spans and those of OpenTelemetry's instrumentations in one trace.

While it is installed, each enterspan span has a *twin*: a span of the user's tracer provider, with
the same ids, which is OpenTelemetry's current span while the enterspan span is current. The
provider's configuration (sampling, processors, exporters) applies to it. If the provider is the
SDK's, each foreign span has a *shadow*: an enterspan span with its ids, for tails and exporters.
Only the public interface of `opentelemetry-api` is used.
"""

from enterspan._model.removable import Removable
from enterspan._tracing import Tracing
from typing import Final

__all__ = ["ASKED_BY", "OUTCOME", "SCOPE", "Bridge", "install", "install_if_asked"]

ASKED_BY: Final = "ENTERSPAN_OTEL_BRIDGE"
"""The variable that makes `opentelemetry-instrument` install the bridge: `1`, `true`, `yes` or
`on`.
"""

OUTCOME: Final = "enterspan.outcome"
"""The attribute for outcomes without an OpenTelemetry status."""

SCOPE: Final = "otel.scope.name"
"""The attribute of a foreign span that names its instrumentation, as OpenTelemetry does."""

def install(tracing: Tracing = ..., tracer_provider: object = None) -> Bridge:
    """Connect *tracing* to an OpenTelemetry tracer provider, so that both share their traces.

    Invocations that are already open are not affected.

    Args:
        tracing: The instance to connect.
        tracer_provider: The provider; by default the global one, also if it is set later.

    Returns:
        The bridge, which has `remove()` and is a context manager that removes it. A second call
        returns the same bridge.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A bridge to another provider is installed.
    """

def install_if_asked() -> None:
    """Install the bridge if ENTERSPAN_OTEL_BRIDGE is set; called by `opentelemetry-instrument`."""

class Bridge(Removable):
    """An installed bridge; also a context manager, which removes it at the end."""

    tracer_provider: object
    """The provider that was given; None for the global one."""

    def remove(self) -> None:
        """Stop connecting new invocations; a second call does nothing."""

    def __repr__(self) -> str:
        """Show which Tracing is bridged."""
