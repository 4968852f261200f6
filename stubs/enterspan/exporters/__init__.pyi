# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The destinations of traces: each module here is independent of the others.

>>> from enterspan.exporters import ConsoleTail, JsonLinesExporter

An exporter and its requirements are imported when its name is first accessed.
"""

from enterspan.exporters.chrome import ChromeTraceExporter as ChromeTraceExporter
from enterspan.exporters.console import ConsoleTail as ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesExporter as JsonLinesExporter
from enterspan.exporters.jsonlines import JsonLinesTail as JsonLinesTail
from enterspan.exporters.otel import OTelExporter as OTelExporter
from enterspan.exporters.otlp import OTLPExporter as OTLPExporter
from enterspan.exporters.otlpjson import OTLPJsonExporter as OTLPJsonExporter

__all__ = [
    "ChromeTraceExporter",
    "ConsoleTail",
    "JsonLinesExporter",
    "JsonLinesTail",
    "OTLPExporter",
    "OTLPJsonExporter",
    "OTelExporter",
]
