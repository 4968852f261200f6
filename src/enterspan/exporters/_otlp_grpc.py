"""Sends encoded batches over gRPC."""

# The optional packages may not be installed when types are checked.
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from typing import Any, Final

import grpc

from enterspan._version import __version__
from enterspan.exporters._otlp_answers import Refusal, of_grpc, of_message
from enterspan.exporters._otlp_settings import Settings

_METHOD: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_LONGEST_BACKOFF: Final = 30_000
"""The maximum number of milliseconds between gRPC's own attempts to connect."""
_COMPRESSIONS: Final = {
    "none": grpc.Compression.NoCompression,
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}


class GrpcSender:
    """Calls the trace service of one receiver; unary calls take the bytes unchanged."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metadata = tuple(settings.headers.items())
        files = settings.certificates
        if settings.is_secure:
            read = [
                file.read_bytes() if file else None
                for file in (files.authority, files.key or files.client, files.client)
            ]
            self._credentials: Any = grpc.ssl_channel_credentials(*read)
        self.connect()

    def connect(self) -> None:
        """Make a channel; a forked child can't use its parent's."""
        settings = self._settings
        options = (
            ("grpc.primary_user_agent", f"enterspan/{__version__}"),
            ("grpc.max_reconnect_backoff_ms", _LONGEST_BACKOFF),
        )
        compression = _COMPRESSIONS[settings.compression]
        if settings.is_secure:
            self._channel: Any = grpc.secure_channel(
                settings.endpoint, self._credentials, options, compression
            )
        else:
            self._channel = grpc.insecure_channel(settings.endpoint, options, compression)
        self._export: Any = self._channel.unary_unary(_METHOD)

    def send(self, body: bytes) -> Refusal | None:
        """Send a batch; None if it is delivered."""
        try:
            answer = self._export(body, timeout=self._settings.timeout, metadata=self._metadata)
        except grpc.RpcError as failure:
            error: Any = failure
            return of_grpc(error.code().name, error.details(), error.trailing_metadata())
        except ValueError:  # the channel was closed in the meantime
            return Refusal("the channel is closed", is_passing=True)
        return of_message(answer)

    def close(self) -> None:
        """Close the channel; a running call is canceled."""
        self._channel.close()
