# Made by `enterspan stubs` from the annotated source: don't edit it.
"""OTLP: finished spans to a collector, over OpenTelemetry's own exporters; or to any of them.

`OTLPExporter` sends with OpenTelemetry's OTLP exporter, so that whatever the OTEL_* variables say
of endpoints, headers, TLS, compression and retries holds. `OTelExporter` hands spans to any other
OpenTelemetry `SpanExporter`. Both run on the worker thread of their subscription.
"""

from collections.abc import Mapping, Sequence
from enterspan._records import SpanData
from typing import Final, Literal, TypeAlias

__all__ = ["GRPC", "HTTP", "ExportError", "OTLPExporter", "OTelExporter"]

_Protocol: TypeAlias = Literal["http/protobuf", "grpc"]

HTTP: Final = "http/protobuf"
"""The protocol where neither the caller nor a variable says: the specification's default."""

GRPC: Final = "grpc"

class ExportError(Exception):
    """Spans could not be delivered; the text says to whom and why.

    `lost` says how many of the batch; None for all of them.
    """

    lost: int | None
    def __init__(self, message: str, lost: int | None = None) -> None: ...

class OTelExporter:
    """An exporter that hands finished spans to any OpenTelemetry `SpanExporter`.

    `tracing.add_exporter(OTelExporter(ConsoleSpanExporter()))`. It gets `ReadableSpan`s, whose
    resource is `Resource.create` of `tracing.configure(resource=...)` and of what the OTEL_*
    variables say. While it exports, OpenTelemetry's instrumentations are off in this thread. A
    batch that it refuses, or on which it raises, counts as failed.

    Raises TypeError for what is no SpanExporter.
    """

    def __init__(self, span_exporter: object) -> None: ...

    def export(self, spans: Sequence[SpanData]) -> None:
        """Hand on a batch. Raises ExportError where it is refused, and what the exporter raises."""

    def shutdown(self) -> None:
        """Shut the SpanExporter down."""

class OTLPExporter:
    """An exporter that sends finished spans over OTLP, to a collector or a back-end.

    `tracing.add_exporter(OTLPExporter())` does what the OTEL_* variables say; what is given here
    goes before them. `protocol` is `http/protobuf` or `grpc`, `endpoint` the full URL (for http
    with its path, `/v1/traces`), `headers` a mapping, `timeout` the seconds that one batch may
    take, `compression` `none`, `gzip` or `deflate`. All other options go to OpenTelemetry's
    exporter of that protocol as they are: `certificate_file`, `session`, `credentials`,
    `insecure`, ...

    While nobody answers, the batch in hand is tried again and again, and what comes waits in the
    queue of the subscription; what that can't hold is counted as dropped. A batch that the receiver
    refuses for good counts as failed. Either is logged once. One that is too large for a receiver
    (over 4 MB, or where it says so) is sent in parts.

    Raises ValueError or TypeError for options that make no sense, and ImportError where
    OpenTelemetry's exporter of the protocol is not installed.
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
        """Show where it sends to."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Send a batch. Raises ExportError where the receiver refuses it, or at the end."""

    def give_up(self) -> None:
        """Stop trying: nobody waits any longer. May be called while `export` runs."""

    def shutdown(self) -> None:
        """Close the connection; a second time does nothing."""
