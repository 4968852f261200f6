# Made by `enterspan stubs` from the annotated source: don't edit it.
"""An adapter for any OpenTelemetry `SpanExporter`."""

from collections.abc import Sequence
from enterspan._model.records import SpanData
from enterspan.exporters._opentelemetry import ExportError as ExportError

__all__ = ["ExportError", "OTelExporter"]

class OTelExporter:
    """An exporter that passes finished spans to any OpenTelemetry `SpanExporter`.

    `tracing.add_exporter(OTelExporter(ConsoleSpanExporter()))`. The `SpanExporter` is called with
    `ReadableSpan`s, whose resource merges `tracing.configure(resource=...)` with the OTEL_*
    variables (`Resource.create`). During the call, OpenTelemetry's instrumentations are suppressed
    in this thread. A batch counts as failed if it raises or does not return success.

    Raises:
        TypeError: if `span_exporter` is not a SpanExporter.
    """

    def __init__(self, span_exporter: object) -> None: ...

    @property
    def subscription_target(self) -> object:
        """The `SpanExporter`."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Export a batch. Raises ExportError if that fails, or the SpanExporter's exception."""

    def shutdown(self) -> None:
        """Shut the SpanExporter down."""
