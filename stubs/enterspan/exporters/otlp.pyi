# Made by `enterspan stubs` from the annotated source: don't edit it.
"""OTLP: sends finished spans to a collector or a backend.

The protocol is defined by https://opentelemetry.io/docs/specs/otlp/, the variables by
https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
"""

import os
from collections.abc import Mapping, Sequence
from enterspan._model.records import SpanData
from enterspan.exporters._opentelemetry import ExportError as ExportError
from enterspan.exporters._otlp_settings import GRPC as GRPC
from enterspan.exporters._otlp_settings import HTTP as HTTP
from typing import Literal, TypeAlias

__all__ = ["GRPC", "HTTP", "ExportError", "OTLPExporter"]

_Protocol: TypeAlias = Literal["http/protobuf", "grpc"]
_Compression: TypeAlias = Literal["none", "gzip", "deflate"]
_File: TypeAlias = str | os.PathLike[str]

class OTLPExporter:
    """An exporter that sends finished spans over OTLP, to a collector or a backend.

    `tracing.add_exporter(OTLPExporter())` is configured by the OTEL_* variables; arguments override
    them.

    While the receiver is unreachable, or asks for a delay, a batch is retried for `retry_for`
    seconds, and later spans stay queued; those that don't fit are counted as dropped. A batch whose
    retries fail, or that the receiver rejects, counts as failed. Each is logged once. A batch that
    is too large for the receiver (over 4 MB, or if it says so) is split.

    Args:
        endpoint: the full URL; over http with its path, `/v1/traces`. A user and a password in it
            are sent as HTTP's basic authentication.
        protocol: `http/protobuf` or `grpc`.
        headers: the headers of each request.
        timeout: the timeout of one attempt, in seconds.
        compression: `none`, `gzip` or `deflate`.
        insecure: whether a gRPC endpoint without `http://` or `https://` is used without TLS.
        certificate_file: the CA certificates to verify the receiver's certificate (PEM).
        client_key_file: the client's private key (PEM).
        client_certificate_file: the client's certificate (PEM).
        retry_for: for how many seconds a batch is retried, while later ones wait.

    Raises:
        ValueError, TypeError: for an invalid option.
        OSError: if a file of certificates can't be read.
        ImportError: if the package for the protocol is not installed: urllib3 (the extra `otlp`),
            or grpcio (the extra `otlp-grpc`).

    Neither its `repr` nor a warning or an error shows the userinfo and the query of the endpoint,
    or a header's value.
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
        certificate_file: _File | None = None,
        client_key_file: _File | None = None,
        client_certificate_file: _File | None = None,
        retry_for: float = 300.0,
    ) -> None: ...

    def __repr__(self) -> str:
        """Show the receiver."""

    @property
    def subscription_target(self) -> object:
        """The receiver and the credentials: a second exporter for both replaces the first one."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Send a batch. Raises ExportError if the receiver rejects it or the retries time out."""

    def shutdown(self) -> None:
        """Stop retrying, and close the connection; may be called while `export` runs."""

    give_up = shutdown
