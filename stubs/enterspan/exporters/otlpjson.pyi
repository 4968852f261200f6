# Made by `enterspan stubs` from the annotated source: don't edit it.
"""OTLP JSON files, which OpenTelemetry's collector and its tools read.

One line is one `ExportTraceServiceRequest`, as the collector's file exporter writes it:
https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/. The JSON form is OTLP's
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids are hex, 64-bit numbers are
strings, enums are numbers, names are camelCase.
"""

import os
from collections.abc import Sequence
from enterspan._model.records import SpanData
from enterspan.exporters._files import _Mode

__all__ = ["OTLPJsonExporter"]

class OTLPJsonExporter:
    """An exporter that writes each batch of finished spans as a line of OTLP JSON.

    Several processes may append to the file; each batch is one write.

    Args:
        path: The file. A name that ends in `.gz` is written compressed.
        mode: `"a"` appends to the file, `"w"` truncates it when this is made.

    Raises:
        OSError: if the file can't be written.
        ValueError, TypeError: for an unknown mode or an invalid path.
    """

    def __init__(self, path: str | os.PathLike[str], *, mode: _Mode = "a") -> None: ...

    @property
    def subscription_target(self) -> object:
        """The file: a second exporter for it replaces the first one."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError if that fails, and ValueError after `shutdown`."""

    def shutdown(self) -> None:
        """Close the file."""
