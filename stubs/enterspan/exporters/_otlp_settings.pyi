# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The configuration of an OTLPExporter: its arguments, else the OTEL_EXPORTER_OTLP_* variables.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ defines the variables. Invalid settings
raise here, when the exporter is made. No message shows a secret: API keys are in the userinfo and
the query of an endpoint, and in headers.
"""

from typing import Final

HTTP: Final = "http/protobuf"
"""The default protocol, as in the specification."""

GRPC: Final = "grpc"
