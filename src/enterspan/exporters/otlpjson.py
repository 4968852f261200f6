"""OTLP JSON: finished spans as a file that OpenTelemetry's collector and its tools read.

One line is one `ExportTraceServiceRequest`, as the collector's file exporter writes it:
https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/. The JSON form is OTLP's
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids are hex, numbers of 64 bits
are texts, enums are numbers, names are camelCase.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from enterspan.exporters._files import File
from enterspan.exporters._json import json_text
from enterspan.exporters._protobuf import KINDS, STATUSES, nanos

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from enterspan._model.ids import SpanContext
    from enterspan._model.records import SpanData, SpanEvent, SpanLink

__all__ = ["OTLPJsonExporter"]


class OTLPJsonExporter:
    """An exporter that writes each batch of finished spans as a line of OTLP JSON.

    `path` is a file. It is opened when there is something to write, and then replaced. Parent and
    forked child write to the same one, each batch in one piece.

    Raises OSError where the file can't be written, and TypeError for a path that is none.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"path must be a path, not {path!r:.100}")
        self._file = File(path, "w")

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError where that fails, and ValueError after `shutdown`."""
        if spans:
            self._file.write(otlp_line(spans))

    def shutdown(self) -> None:
        """Close the file."""
        self._file.close()


def otlp_line(spans: Sequence[SpanData]) -> str:
    """Spans as a line: one request, its spans by resource and then by scope."""
    groups: list[tuple[Mapping[str, Any], dict[str, list[str]]]] = []
    for span in spans:
        scopes = next((s for r, s in groups if r is span.resource or r == span.resource), None)
        if scopes is None:
            scopes = {}
            groups.append((span.resource, scopes))
        scopes.setdefault(span.scope, []).append(_span(span))
    found = [_resource_spans(resource, scopes) for resource, scopes in groups]
    return f'{{"resourceSpans":[{",".join(found)}]}}\n'


def _resource_spans(resource: Mapping[str, Any], scopes: dict[str, list[str]]) -> str:
    found = [
        f'{{"scope":{{"name":{json_text(scope)}}},"spans":[{",".join(spans)}]}}'
        for scope, spans in scopes.items()
    ]
    return (
        f'{{"resource":{{"attributes":{_attributes(resource)}}},"scopeSpans":[{",".join(found)}]}}'
    )


# --- spans ----------------------------------------------------------------------------------------

_KNOWS_REMOTE: Final = 0x100
"""A flag of spans and links: the next one says something (SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE)."""
_IS_REMOTE: Final = 0x200
"""A flag of spans and links: the parent, or what is linked to, is of another process."""
_COUNT_MOST: Final = 0xFFFF_FFFF
"""Counts have 32 bits."""


def _span(span: SpanData) -> str:
    context = span.context
    parent = span.parent_span_id
    parts = [_ids(context)]
    if parent:
        parts.append(f'"parentSpanId":"{parent:016x}"')
    flags = _flags(context, is_remote=bool(parent) and span.parent_is_remote)
    parts += [
        f'"flags":{flags},"name":{json_text(span.name)},"kind":{KINDS.get(span.kind, 1)}',
        f'"startTimeUnixNano":"{nanos(span.start_ns)}","endTimeUnixNano":"{nanos(span.end_ns)}"',
        f'"attributes":{_attributes(span.attributes)}',
        *_dropped("Attributes", span.dropped_attributes),
    ]
    if span.events:
        parts.append(f'"events":[{",".join([_event(event) for event in span.events])}]')
    parts += _dropped("Events", span.dropped_events)
    if span.links:
        parts.append(f'"links":[{",".join([_link(link) for link in span.links])}]')
    parts += _dropped("Links", span.dropped_links)
    parts += _status(span)
    return "{" + ",".join(parts) + "}"


def _ids(context: SpanContext) -> str:
    text = f'"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
    state = context.trace_state
    return f'{text},"traceState":{json_text(state)}' if state else text


def _flags(context: SpanContext, *, is_remote: bool) -> int:
    return context.trace_flags | _KNOWS_REMOTE | (_IS_REMOTE if is_remote else 0)


def _dropped(what: str, count: int) -> list[str]:
    return [f'"dropped{what}Count":{min(count, _COUNT_MOST)}'] if count > 0 else []


def _event(event: SpanEvent) -> str:
    return (
        f'{{"timeUnixNano":"{nanos(event.timestamp_ns)}","name":{json_text(event.name)}'
        f',"attributes":{_attributes(event.attributes)}}}'
    )


def _link(link: SpanLink) -> str:
    context = link.context
    flags = _flags(context, is_remote=context.is_remote)
    return f'{{{_ids(context)},"attributes":{_attributes(link.attributes)},"flags":{flags}}}'


def _status(span: SpanData) -> list[str]:
    code = STATUSES.get(span.status, 0)
    if not code:
        return []
    text = span.status_description
    message = f'"message":{json_text(text)},' if text else ""
    return [f'"status":{{{message}"code":{code}}}']


# --- attributes -----------------------------------------------------------------------------------

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**63 - 1
_DEPTH: Final = 12
"""Deeper than this a value is written as its text; none that was recorded is."""


def _attributes(attributes: Mapping[str, Any], depth: int = 0) -> str:
    pairs = [
        f'{{"key":{json_text(key)},"value":{_value(value, depth)}}}'
        for key, value in list(attributes.items())
    ]
    return "[" + ",".join(pairs) + "]"


def _value(value: Any, depth: int = 0) -> str:
    """An AnyValue; what is of no kind that OTLP has is text."""
    kind: object = type(value)
    if kind is bool:
        return '{"boolValue":true}' if value else '{"boolValue":false}'
    if kind is int and _INT_MIN <= value <= _INT_MAX:
        return f'{{"intValue":"{value}"}}'
    if kind is float:
        return f'{{"doubleValue":{_double(value)}}}'
    if value is None:
        return "{}"
    if depth < _DEPTH:
        if kind is tuple or kind is list:
            items = ",".join([_value(item, depth + 1) for item in value])
            return f'{{"arrayValue":{{"values":[{items}]}}}}'
        if kind is dict:
            return f'{{"kvlistValue":{{"values":{_attributes(value, depth + 1)}}}}}'
    return f'{{"stringValue":{json_text(value)}}}'


def _double(value: float) -> str:
    if value - value == 0:
        return repr(value)
    if value != value:  # noqa: PLR0124 - the one number that is not itself
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'
