# Made by `enterspan stubs` from the annotated source: don't edit it.
"""What others may plug in, as types: any object that has these methods fits.

Read by type checkers, and by nobody else unless asked for: `typing` takes longer to import than
the rest of the package.
"""

from collections.abc import Mapping, Sequence
from enterspan._model.ids import SpanContext
from enterspan._model.records import SpanData
from enterspan._model.values import AttributeValue
from typing import Protocol

class Exporter(Protocol):
    """What gets finished spans. Both methods are called on a worker thread, one at a time."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Take a batch of finished spans; what it raises is logged, and the batch has failed."""

    def shutdown(self) -> None:
        """Let go of everything; nothing is exported after this."""

class Sampler(Protocol):
    """Decides, at the root of each invocation, whether exporters get its spans."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Return True to keep the spans."""

class IdGenerator(Protocol):
    """What `configure(id_generator=...)` takes; OpenTelemetry's generators fit."""

    def generate_trace_id(self) -> int:
        """Return a new trace id: 128 bits, not zero."""

    def generate_span_id(self) -> int:
        """Return a new span id: 64 bits, not zero."""
