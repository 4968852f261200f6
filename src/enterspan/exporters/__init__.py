"""The destinations of traces: each module here is independent of the others.

>>> from enterspan.exporters import ConsoleTail, JsonLinesExporter

An exporter and its requirements are imported when its name is first accessed.
"""

from enterspan._model.late import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
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

_HOMES = {
    "chrome": "ChromeTraceExporter",
    "console": "ConsoleTail",
    "jsonlines": "JsonLinesExporter JsonLinesTail",
    "otel": "OTelExporter",
    "otlp": "OTLPExporter",
    "otlpjson": "OTLPJsonExporter",
}

__getattr__ = lazy(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
