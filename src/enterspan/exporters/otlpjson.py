"""OTLP JSON files, which OpenTelemetry's collector and its tools read.

One line is one `ExportTraceServiceRequest`, as the collector's file exporter writes it:
https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/. The JSON form is OTLP's
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids are hex, 64-bit numbers are
strings, enums are numbers, names are camelCase.
"""

import os
from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any, Final, TypeAlias

from enterspan._model.ids import SpanContext
from enterspan._model.limits import INT_MAX, INT_MIN
from enterspan._model.records import SpanData, SpanEvent, SpanLink
from enterspan.exporters._files import _Mode, place_of
from enterspan.exporters._json import DEPTH, encode, plain_text
from enterspan.exporters._protobuf import (
    IN_STATUS,
    KINDS,
    OUTCOME,
    STATUSES,
    count_of,
    flags_of,
    nanos,
)

_Message: TypeAlias = dict[str, Any]

__all__ = ["OTLPJsonExporter"]


class OTLPJsonExporter:
    """An exporter that writes each batch of finished spans as a line of OTLP JSON.

    Several processes may append to the file; each batch is one write.

    Args:
        path: The file. A name that ends in `.gz` is written compressed.
        mode: `"a"` appends to the file, `"w"` truncates it when this is made.

    Raises:
        OSError: if the file can't be written.
        ValueError, TypeError: for an unknown mode or an invalid path.
    """

    def __init__(self, path: str | os.PathLike[str], *, mode: _Mode = "a") -> None:
        if not isinstance(path, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"path must be a path, not {path!r:.100}")
        self._file = place_of(path, mode)

    @property
    def subscription_target(self) -> object:
        """The file: a second exporter for it replaces the first one."""
        return self._file.target

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError if that fails, and ValueError after `shutdown`."""
        if spans:
            self._file.write(otlp_line(spans))

    def shutdown(self) -> None:
        """Close the file."""
        self._file.close()


_INFINITE: Final = {inf: "Infinity", -inf: "-Infinity"}


def otlp_line(spans: Sequence[SpanData]) -> str:
    """Return spans as a line: one request, grouped by resource and then by scope."""
    groups: list[tuple[Mapping[str, Any], dict[str, list[_Message]]]] = []
    for span in spans:
        scopes = next((s for r, s in groups if r is span.resource or r == span.resource), None)
        if scopes is None:
            scopes = {}
            groups.append((span.resource, scopes))
        scopes.setdefault(span.scope, []).append(_span(span))
    found = [
        {
            "resource": {"attributes": _attributes(resource)},
            "scopeSpans": [
                {"scope": {"name": plain_text(name)}, "spans": spans}
                for name, spans in scopes.items()
            ],
        }
        for resource, scopes in groups
    ]
    return encode({"resourceSpans": found}) + "\n"


# --- spans ----------------------------------------------------------------------------------------


def _span(span: SpanData) -> _Message:
    context = span.context
    parent = span.parent_span_id
    code = STATUSES.get(span.status, 0)
    return _present(
        **_ids(context),
        parentSpanId=f"{parent:016x}" if parent else None,
        flags=flags_of(context, bool(parent) and span.parent_is_remote),
        name=plain_text(span.name),
        kind=KINDS.get(span.kind, 1),
        startTimeUnixNano=str(nanos(span.start_ns)),
        endTimeUnixNano=str(nanos(span.end_ns)),
        attributes=_attributes(
            span.attributes
            if span.outcome in IN_STATUS
            else {**span.attributes, OUTCOME: span.outcome}
        ),
        droppedAttributesCount=count_of(span.dropped_attributes) or None,
        events=[_event(event) for event in span.events] or None,
        droppedEventsCount=count_of(span.dropped_events) or None,
        links=[_link(link) for link in span.links] or None,
        droppedLinksCount=count_of(span.dropped_links) or None,
        status=_present(message=span.status_description or None, code=code) if code else None,
    )


def _present(**fields: Any) -> _Message:
    return {name: value for name, value in fields.items() if value is not None}


def _ids(context: SpanContext) -> _Message:
    ids = {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}
    return {**ids, "traceState": plain_text(context.trace_state)} if context.trace_state else ids


def _event(event: SpanEvent) -> _Message:
    return {
        "timeUnixNano": str(nanos(event.timestamp_ns)),
        "name": plain_text(event.name),
        "attributes": _attributes(event.attributes),
    }


def _link(link: SpanLink) -> _Message:
    flags = flags_of(link.context, link.context.is_remote)
    return {**_ids(link.context), "attributes": _attributes(link.attributes), "flags": flags}


# --- attributes -----------------------------------------------------------------------------------


def _attributes(attributes: Mapping[str, Any], depth: int = 0) -> list[_Message]:
    return [{"key": plain_text(k), "value": _value(v, depth)} for k, v in list(attributes.items())]


def _value(value: Any, depth: int = 0) -> _Message:
    """An AnyValue; values of types that OTLP lacks are strings."""
    kind: object = type(value)
    if kind is bool:
        return {"boolValue": value}
    if kind is int and INT_MIN <= value <= INT_MAX:
        return {"intValue": str(value)}
    if kind is float:
        return {"doubleValue": value if isfinite(value) else _INFINITE.get(value, "NaN")}
    if value is None:
        return {}
    if depth < DEPTH:
        if kind is tuple or kind is list:
            return {"arrayValue": {"values": [_value(item, depth + 1) for item in value]}}
        if kind is dict:
            return {"kvlistValue": {"values": _attributes(value, depth + 1)}}
    return {"stringValue": plain_text(value)}
