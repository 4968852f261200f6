# Made by `enterspan stubs` from the annotated source: don't edit it.
"""OTLP JSON: finished spans as a file that OpenTelemetry's collector and its tools read.

One line is one `ExportTraceServiceRequest`, as the collector's file exporter writes it:
https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/. The JSON form is OTLP's
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids are hex, numbers of 64 bits
are texts, enums are numbers, names are camelCase.
"""

import os
from collections.abc import Sequence
from enterspan._model.records import SpanData

__all__ = ["OTLPJsonExporter"]

class OTLPJsonExporter:
    """An exporter that writes each batch of finished spans as a line of OTLP JSON.

    `path` is a file. It is opened when there is something to write, and then replaced. Parent and
    forked child write to the same one, each batch in one piece.

    Raises OSError where the file can't be written, and TypeError for what is not a path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None: ...

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError where that fails, and ValueError after `shutdown`."""

    def shutdown(self) -> None:
        """Close the file."""
