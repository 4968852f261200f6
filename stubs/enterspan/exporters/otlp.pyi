# Made by `enterspan stubs` from the annotated source: don't edit it.
"""OTLP: finished spans to a collector or a back-end.

The protocol is https://opentelemetry.io/docs/specs/otlp/, the variables are those of
https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

import os
from collections.abc import Mapping, Sequence
from enterspan._model.records import SpanData
from enterspan.exporters._opentelemetry import ExportError as ExportError
from typing import Final, Literal, TypeAlias

__all__ = ["GRPC", "HTTP", "ExportError", "OTLPExporter"]

_Protocol: TypeAlias = Literal["http/protobuf", "grpc"]
_Compression: TypeAlias = Literal["none", "gzip", "deflate"]

HTTP: Final = "http/protobuf"
"""The default protocol, as in the specification."""

GRPC: Final = "grpc"

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
        insecure: whether a gRPC endpoint without `http://` or `https://` is used without TLS.
        certificate_file: the certificates that the receiver's is checked with (PEM).
        client_key_file: the client's private key (PEM).
        client_certificate_file: the client's certificate (PEM).

    Raises:
        ValueError, TypeError: for an invalid option.
        OSError: if a file of certificates can't be read.
        ImportError: if the package for the protocol is not installed: urllib3 (the extra `otlp`),
            or grpcio (the extra `otlp-grpc`).
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        protocol: _Protocol | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        compression: _Compression | None = None,
        insecure: bool | None = None,
        certificate_file: str | os.PathLike[str] | None = None,
        client_key_file: str | os.PathLike[str] | None = None,
        client_certificate_file: str | os.PathLike[str] | None = None,
    ) -> None: ...

    def __repr__(self) -> str:
        """Show the receiver."""

    @property
    def subscription_target(self) -> object:
        """The receiver: a second exporter to it replaces the first one."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Send a batch. Raises ExportError if the receiver rejects it or time is up."""

    def shutdown(self) -> None:
        """Stop retrying and close the connection; may be called while `export` runs."""

    give_up = shutdown
