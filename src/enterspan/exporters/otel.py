"""An adapter for any OpenTelemetry `SpanExporter`."""

# The optional packages may not be installed when types are checked.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportUnknownParameterType=false

from collections.abc import Mapping, Sequence
from typing import Any

from enterspan._model.ids import SpanContext
from enterspan._model.records import SpanData
from enterspan.exporters._opentelemetry import ExportError, uninstrumented
from enterspan.exporters._protobuf import IN_STATUS, OUTCOME

try:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
except ImportError as error:
    raise ImportError(
        "enterspan.exporters.otel needs the OpenTelemetry SDK: pip install opentelemetry-sdk"
    ) from error

__all__ = ["ExportError", "OTelExporter"]


class OTelExporter:
    """An exporter that passes finished spans to any OpenTelemetry `SpanExporter`.

    `tracing.add_exporter(OTelExporter(ConsoleSpanExporter()))`. The `SpanExporter` is called with
    `ReadableSpan`s, whose resource merges `tracing.configure(resource=...)` with the OTEL_*
    variables (`Resource.create`). During the call, OpenTelemetry's instrumentations are suppressed
    in this thread. A batch counts as failed if it raises or does not return success.

    Raises:
        TypeError: if `span_exporter` is not a SpanExporter.
    """

    def __init__(self, span_exporter: object) -> None:
        for name in ("export", "shutdown"):
            if isinstance(span_exporter, type) or not callable(getattr(span_exporter, name, None)):
                raise TypeError(
                    "OTelExporter takes an instance of an OpenTelemetry SpanExporter,"
                    f" not {span_exporter!r}"
                )
        self._exporter: Any = span_exporter
        # Resource detectors import modules and start threads: they run here, not at the first
        # export.
        self._detected = Resource.create()
        self._resource: tuple[Mapping[str, Any] | None, Resource] = None, self._detected

    @property
    def subscription_target(self) -> object:
        """The `SpanExporter`."""
        return id(self._exporter)

    @property
    def inner_exporter(self) -> object:  # internal
        """The SpanExporter."""
        return self._exporter

    def export(self, spans: Sequence[SpanData]) -> None:
        """Export a batch. Raises ExportError if that fails, or the SpanExporter's exception."""
        batch = [readable(span, self._resource_of(span)) for span in spans]
        with uninstrumented():
            result = self._exporter.export(batch)
        if result is not SpanExportResult.SUCCESS:
            shown = getattr(result, "name", result)
            raise ExportError(f"{type(self._exporter).__name__} returned {shown}")

    def shutdown(self) -> None:
        """Shut the SpanExporter down."""
        with uninstrumented():
            self._exporter.shutdown()

    def _resource_of(self, span: SpanData) -> Resource:
        """The resource: `configure(resource=...)` overrides the detected attributes."""
        given, made = self._resource
        if span.resource is not given:
            made = self._detected.merge(Resource(dict(span.resource)))
            self._resource = span.resource, made
        return made


_Readable: Any = ReadableSpan  # the counts are properties without a setter


class _Finished(_Readable):  # type: ignore[misc]
    """A ReadableSpan with counts of dropped data."""

    dropped_attributes = dropped_events = dropped_links = 0


def readable(span: SpanData, resource: Resource) -> ReadableSpan:
    """Convert a finished span for OpenTelemetry's exporters."""
    context = span.context
    own = _otel_context(context, context.span_id, is_remote=False)
    parent = None
    if span.parent_span_id:
        parent = _otel_context(context, span.parent_span_id, is_remote=span.parent_is_remote)
    code = trace.StatusCode[span.status.upper()]
    made = _Finished(
        name=span.name,
        context=own,
        parent=parent,
        resource=resource,
        attributes=_attributes_of(span),
        events=[Event(e.name, e.attributes, e.timestamp_ns) for e in span.events],
        links=[
            trace.Link(
                _otel_context(li.context, li.context.span_id, li.context.is_remote), li.attributes
            )
            for li in span.links
        ],
        kind=trace.SpanKind[span.kind.upper()],
        status=trace.Status(
            code, span.status_description or None if code is trace.StatusCode.ERROR else None
        ),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope(span.scope),
    )
    made.dropped_attributes = span.dropped_attributes
    made.dropped_events = span.dropped_events
    made.dropped_links = span.dropped_links
    return made


def _attributes_of(span: SpanData) -> Mapping[str, Any]:
    if span.outcome in IN_STATUS or OUTCOME in span.attributes:
        return span.attributes
    return {**span.attributes, OUTCOME: span.outcome}


def _otel_context(context: SpanContext, span_id: int, is_remote: bool) -> trace.SpanContext:
    state = context.trace_state
    return trace.SpanContext(
        context.trace_id,
        span_id,
        is_remote,
        trace.TraceFlags(context.trace_flags),
        trace.TraceState.from_header([state]) if state else None,
    )
