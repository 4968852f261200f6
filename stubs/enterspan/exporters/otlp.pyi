# Made by `enterspan stubs` from the annotated source: don't edit it.
"""OTLP: finished spans to a collector, or to any OpenTelemetry exporter.

`OTLPExporter` sends with OpenTelemetry's OTLP exporter: the OTEL_* variables for endpoints,
headers, TLS, compression and retries apply. `OTelExporter` passes spans to any other OpenTelemetry
`SpanExporter`. Both run on the worker thread of their subscription.
"""

from collections.abc import Mapping, Sequence
from enterspan._model.records import SpanData
from typing import Final, Literal, TypeAlias

__all__ = ["GRPC", "HTTP", "ExportError", "OTLPExporter", "OTelExporter"]

_Protocol: TypeAlias = Literal["http/protobuf", "grpc"]

HTTP: Final = "http/protobuf"
"""The default protocol, as in the specification."""

GRPC: Final = "grpc"

class ExportError(Exception):
    """Spans could not be delivered; the text has the receiver and the reason.

    `lost` is the number of spans of the batch that are lost; None for all of them.
    """

    lost: int | None
    def __init__(self, message: str, lost: int | None = None) -> None: ...

class OTelExporter:
    """An exporter that passes finished spans to any OpenTelemetry `SpanExporter`.

    `tracing.add_exporter(OTelExporter(ConsoleSpanExporter()))`. The `SpanExporter` is called with
    `ReadableSpan`s, whose resource merges `tracing.configure(resource=...)` with the OTEL_*
    variables (`Resource.create`). During the call, OpenTelemetry's instrumentations are suppressed
    in this thread. A batch for which it raises, or does not return success, counts as failed.

    Raises:
        TypeError: if `span_exporter` is not a SpanExporter.
    """

    def __init__(self, span_exporter: object) -> None: ...

    def export(self, spans: Sequence[SpanData]) -> None:
        """Export a batch. Raises ExportError if that fails, and what the SpanExporter raises."""

    def shutdown(self) -> None:
        """Shut the SpanExporter down."""

class OTLPExporter:
    """An exporter that sends finished spans over OTLP, to a collector or a back-end.

    `tracing.add_exporter(OTLPExporter())` is configured by the OTEL_* variables; arguments override
    them.

    While the receiver can't be reached, the batch is retried, and later spans wait in the queue of
    the subscription; those that don't fit are counted as dropped. A batch that the receiver rejects
    counts as failed. Either is logged once. A batch that is too large for the receiver (over 4 MB,
    or if the receiver says so) is sent in parts.

    Args:
        endpoint: the full URL; over http with its path, `/v1/traces`.
        protocol: `http/protobuf` or `grpc`.
        headers: headers of each request.
        timeout: how many seconds one attempt may take.
        compression: `none`, `gzip` or `deflate`.
        **options: passed to OpenTelemetry's exporter of the protocol: `certificate_file`,
            `session`, `credentials`, `insecure`, ...

    Raises:
        ValueError, TypeError: for an invalid option.
        ImportError: if OpenTelemetry's exporter of the protocol is not installed.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        protocol: _Protocol | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        compression: Literal["none", "gzip", "deflate"] | None = None,
        **options: object,
    ) -> None: ...

    def __repr__(self) -> str:
        """Show the receiver."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Send a batch. Raises ExportError if the receiver rejects it or time is up."""

    def give_up(self) -> None:
        """Stop retrying and shut down; may be called while `export` runs."""

    def shutdown(self) -> None:
        """Close the connection; idempotent."""
