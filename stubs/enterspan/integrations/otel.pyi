# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The OpenTelemetry bridge: our spans and those of OpenTelemetry's instrumentations in one trace.

With it installed, each span is backed by one of the user's own tracer provider, whose ids it takes
and which is OpenTelemetry's current span for as long as ours is current. So what a library's
instrumentation records hangs under our spans and ours under its, and all that the provider is set
up to do (sampling, processors, exporters) is done for both. Only the public interface of
`opentelemetry-api` is used; where the provider is an SDK's, the spans of others reach our tails
and exporters as well.
"""

from enterspan._tracing import Tracing
from types import TracebackType
from typing import Final
from typing_extensions import Self

__all__ = ["ASKED_BY", "OUTCOME", "SCOPE", "Bridge", "install", "install_if_asked"]

ASKED_BY: Final = "ENTERSPAN_OTEL_BRIDGE"
"""The variable by which `opentelemetry-instrument` installs it: `1`, `true`, `yes` or `on`."""

OUTCOME: Final = "enterspan.outcome"
"""The attribute that carries an outcome that OpenTelemetry has no word for."""

SCOPE: Final = "otel.scope.name"
"""The attribute of a span of somebody else's that says whose (OpenTelemetry's own name for it)."""

def install(tracing: Tracing = ..., tracer_provider: object = None) -> Bridge:
    """Back the spans of `tracing` with those of an OpenTelemetry tracer provider.

    Without one it is the global provider, also one that is set later. What is returned has
    `remove()`, and is a block at whose end that is done. Invocations that are open already stay as
    they are. Installed a second time, the bridge that is there is returned.

    Raises TypeError for what is no Tracing or no provider, and ValueError where a bridge to another
    provider is installed.
    """

def install_if_asked() -> None:
    """Install it if ENTERSPAN_OTEL_BRIDGE says so: `opentelemetry-instrument` calls this."""

class Bridge:
    """A bridge that is installed; also a block, at whose end it is removed."""

    tracer_provider: object
    """The provider that was given; None for the global one."""

    def remove(self) -> None:
        """Back no more invocations from here on; a second time does nothing."""

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
