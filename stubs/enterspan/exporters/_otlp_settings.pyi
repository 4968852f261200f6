# Made by `enterspan stubs` from the annotated source: don't edit it.
"""How an OTLPExporter is configured: by its arguments, else by the OTEL_EXPORTER_OTLP_* variables.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ has the variables. What can't be used is
refused here, where there is a caller. No message shows a secret: keys travel in the userinfo and
the query of an endpoint, and in headers.
"""

from typing import Final

HTTP: Final = "http/protobuf"
"""The default protocol, as in the specification."""

GRPC: Final = "grpc"
