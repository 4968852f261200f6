# Made by `enterspan stubs` from the annotated source: don't edit it.
"""What users may plug in, as types: any object that has these methods fits.

This module imports `typing`, which takes longer to import than all of the rest. It is imported when
one of these names is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from enterspan._model.ids import SpanContext
from enterspan._model.records import SpanData
from enterspan._model.values import AttributeValue
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["internal", "server", "client", "producer", "consumer"]
"""The kinds of spans, as OpenTelemetry names them."""

Incoming: TypeAlias = Literal["parent", "link", "ignore"]
"""What the trace context of a caller is worth."""

Level: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]
"""The levels of a log, as Python's `logging` names them."""

class Exporter(Protocol):
    """Gets finished spans. Both methods are called on a worker thread, one at a time."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Take a batch of finished spans; what it raises is logged, and the batch has failed."""

    def shutdown(self) -> None:
        """Release everything; nothing is exported after this."""

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

class Settles(Protocol):
    """A future of any kind."""

    def add_done_callback(self, fn: Callable[[object], object], /) -> object:
        """Have *fn* called when it has settled."""
