"""Where traces go: each module here is one place, and none knows of another.

>>> from enterspan.exporters import ConsoleTail, JsonLinesExporter

What an exporter needs is imported when its name is first asked for.
"""

from enterspan._model.lazy import lazy

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
