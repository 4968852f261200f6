"""Where the spans of the service and of its client go, and their logs.

- OTEL_EXPORTER_OTLP_ENDPOINT names a receiver of OTLP: there, through OpenTelemetry, together with
  the spans of its instrumentations. Log lines go to standard error, each with its trace and span.
- SHOP_TRACE names a file: there, as JSON lines.
- Neither: live to the terminal.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from enterspan import tracing
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesTail
from enterspan.integrations import logging as logs

if TYPE_CHECKING:
    from collections.abc import Callable


def open_outputs(log: logging.Logger) -> Callable[[], object]:
    """Open what the environment asks for; return what sends the rest, to be called at the end.

    A server that is told to stop may end without `atexit`, so this can't be left to that.
    """
    log.setLevel(logging.INFO)
    log.addHandler(logs.LogHandler())
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
        return _to_opentelemetry(log)
    file = os.environ.get("SHOP_TRACE")
    tracing.add_tail(JsonLinesTail(file) if file else ConsoleTail())
    return tracing.shutdown


def _to_opentelemetry(log: logging.Logger) -> Callable[[], object]:
    from enterspan.integrations.otel import install
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()  # OTEL_SERVICE_NAME says whose
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    SQLite3Instrumentor().instrument()
    install()  # our spans are the provider's, and SQLite's are below them

    logs.install()  # trace_id and span_id on each record
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(message)s trace=%(trace_id)s span=%(span_id)s"))
    log.addHandler(lines)
    return provider.shutdown
