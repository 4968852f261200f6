# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The protocols of what users can plug in: any object with these methods fits.

This module imports `typing`, which takes longer than the rest of the package. It is imported when
one of these names is accessed.
"""

from collections.abc import Callable, Mapping, Sequence
from enterspan._model.ids import SpanContext
from enterspan._model.limits import AttributeValue
from enterspan._model.records import SpanData
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["internal", "server", "client", "producer", "consumer"]
"""The kinds of spans, as OpenTelemetry names them."""

Incoming: TypeAlias = Literal["parent", "link", "ignore"]
"""How a caller's trace context is used: see `Tracing.entrypoint`."""

Level: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]
"""The levels of a log, as Python's `logging` names them."""

class Exporter(Protocol):
    """Receives finished spans. Both methods are called on a worker thread, one call at a time."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Export finished spans; an exception is logged, and the batch counts as failed."""

    def shutdown(self) -> None:
        """Release everything; nothing is exported after this."""

class Sampler(Protocol):
    """Decides, when an invocation begins, whether its spans are exported."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Return whether to export the spans."""

class IdGenerator(Protocol):
    """What `configure(id_generator=...)` takes; OpenTelemetry's generators fit."""

    def generate_trace_id(self) -> int:
        """Return a new trace id: 128 bits, not zero."""

    def generate_span_id(self) -> int:
        """Return a new span id: 64 bits, not zero."""

class Settles(Protocol):
    """A future of any kind."""

    def add_done_callback(self, fn: Callable[[object], object], /) -> object:
        """Call *fn* when the future has settled."""
