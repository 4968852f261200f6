# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The OpenTelemetry bridge: our spans and those of OpenTelemetry's instrumentations in one trace.

While it is installed, each of our spans has a *twin*: a span of the user's tracer provider, whose
ids it takes, and which is OpenTelemetry's current span while ours is current. What the provider is
set up to do (sampling, processors, exporters) is done for it. If the provider is the SDK's, each
span that others start has a *shadow*: a span of ours with its ids, for our tails and exporters.
Only the public interface of `opentelemetry-api` is used.
"""

from enterspan._tracing import Tracing
from types import TracebackType
from typing import Final
from typing_extensions import Self

__all__ = ["ASKED_BY", "OUTCOME", "SCOPE", "Bridge", "install", "install_if_asked"]

ASKED_BY: Final = "ENTERSPAN_OTEL_BRIDGE"
"""The variable with which `opentelemetry-instrument` installs it: `1`, `true`, `yes` or `on`."""

OUTCOME: Final = "enterspan.outcome"
"""The attribute for an outcome that OpenTelemetry has no status for."""

SCOPE: Final = "otel.scope.name"
"""The attribute of a foreign span that names its instrumentation, as OpenTelemetry does."""

def install(tracing: Tracing = ..., tracer_provider: object = None) -> Bridge:
    """Give each span of *tracing* a twin in an OpenTelemetry tracer provider.

    Invocations that are open already stay as they are.

    Args:
        tracing: Whose spans.
        tracer_provider: The provider; by default the global one, also if it is set later.

    Returns:
        The bridge, which has `remove()` and is a block that removes it at its end. Installed again,
        the bridge that is there.

    Raises:
        TypeError: One of them is something else.
        ValueError: A bridge to another provider is installed.
    """

def install_if_asked() -> None:
    """Install it if ENTERSPAN_OTEL_BRIDGE says so: `opentelemetry-instrument` calls this."""

class Bridge:
    """A bridge that is installed; also a block, at whose end it is removed."""

    tracer_provider: object
    """The provider that was given; None for the global one."""

    def remove(self) -> None:
        """Give no further invocation a twin; a second time does nothing."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove it."""

    def __repr__(self) -> str:
        """Show which Tracing is bridged."""
