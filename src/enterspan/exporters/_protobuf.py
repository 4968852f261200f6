"""Encodes finished spans as an ExportTraceServiceRequest, OTLP's protocol buffer message.

Messages of the protobuf package would cost several times as much as the span itself. The format is
OTLP 1.x, to which fields are only added: https://github.com/open-telemetry/opentelemetry-proto
(trace.proto, common.proto, resource.proto).

A field is a tag, followed by a number, or by a length and that many bytes. A tag is the number of
the field times 8, plus 0 for a varint, 1 for 8 bytes, 2 for a length, 5 for 4 bytes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Any, Final

from enterspan._model.ids import SpanContext
from enterspan._model.records import SpanData, SpanEvent, SpanLink

KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
"""OTLP's numbers for the kinds of spans."""
STATUSES: Final = {"unset": 0, "ok": 1, "error": 2}
"""OTLP's numbers for the status codes."""

OUTCOME: Final = "enterspan.outcome"
"""The attribute for outcomes without an OTLP status: `canceled`, `abandoned`, the program's own."""
IN_STATUS: Final = frozenset({"ok", "exception"})
"""The outcomes that are expressed by the status."""

_KNOWS_REMOTE: Final = 0x100
"""SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE of spans and links: the next flag is meaningful."""
_IS_REMOTE: Final = 0x200
"""SPAN_FLAGS_CONTEXT_IS_REMOTE: the parent, or the linked span, is of another process."""

_KEYS_MOST: Final = 4_096
"""How many encoded attribute names are cached."""

_ids = Struct(">sBQQsBQ").pack  # 1: trace_id, 2: span_id
_parent = Struct(">sBQ").pack  # 4: parent_span_id
_times = Struct("<sQsQ").pack  # 7: start_time_unix_nano, 8: end_time_unix_nano
_fixed32 = Struct("<I").pack
_fixed64 = Struct("<Q").pack
_double = Struct("<d").pack

_BITS: Final = 0xFFFF_FFFF_FFFF_FFFF

_SIZES: Final = [bytes([size]) for size in range(128)]
"""The one-byte varints."""


def varint(number: int) -> bytes:
    """A varint: seven bits per byte, the lowest first."""
    if 0 <= number < 128:
        return _SIZES[number]
    number &= _BITS  # a negative number takes ten bytes
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def nanos(moment: int) -> int:
    """The nearest time in OTLP's range: an invalid one must not lose the batch."""
    return min(max(moment, 0), _BITS)


def _field(tag: bytes, content: bytes) -> bytes:
    """A field with a length: a string, bytes or another message."""
    size = len(content)
    return tag + (_SIZES[size] if size < 128 else varint(size)) + content


def flags_of(context: SpanContext, is_remote: bool) -> int:
    """The flags of a span or a link: whether its parent or target belongs to another process."""
    return context.trace_flags | _KNOWS_REMOTE | (_IS_REMOTE if is_remote else 0)


def count_of(count: int) -> int:
    """A 32-bit count."""
    return min(max(count, 0), 0xFFFF_FFFF)


def _text(tag: bytes, text: str) -> bytes:
    return _field(tag, text.encode("utf-8", "replace")) if text else b""


def _count(tag: bytes, count: int) -> bytes:
    return tag + varint(count_of(count)) if count > 0 else b""


# --- attributes -----------------------------------------------------------------------------------

_TRUE: Final = b"\x10\x01"
_FALSE: Final = b"\x10\x00"


def _value(value: Any) -> bytes:
    """An AnyValue; a value of any other type becomes a string."""
    kind = type(value)
    if kind is str:
        return _field(b"\x0a", value.encode("utf-8", "replace"))
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is int:
        return b"\x18" + varint(value)
    if kind is float:
        return b"\x21" + _double(value)
    if kind is tuple or kind is list:
        return _field(b"\x2a", b"".join([_field(b"\x0a", _value(item)) for item in value]))
    return _field(b"\x0a", str(value).encode("utf-8", "replace"))


_keys: dict[str, bytes] = {}


def _key(key: str) -> bytes:
    encoded = _field(b"\x0a", key.encode("utf-8", "replace"))
    if len(_keys) < _KEYS_MOST:
        _keys[key] = encoded
    return encoded


def _attributes(tag: bytes, attributes: Mapping[str, Any]) -> list[bytes]:
    """The attributes of a message, each as a KeyValue field."""
    fields = []
    for key, value in attributes.items():
        name = _keys.get(key) or _key(key)
        held = _value(value)
        size = len(held)
        pair = name + b"\x12" + (_SIZES[size] if size < 128 else varint(size)) + held
        size = len(pair)
        fields.append(tag + (_SIZES[size] if size < 128 else varint(size)) + pair)
    return fields


# --- spans ----------------------------------------------------------------------------------------


def _event(event: SpanEvent) -> bytes:
    fields = [b"\x09", _fixed64(nanos(event.timestamp_ns)), _text(b"\x12", event.name)]
    return b"".join(fields + _attributes(b"\x1a", event.attributes))


def _link(link: SpanLink) -> bytes:
    context = link.context
    fields = [
        _id_fields(context.trace_id, context.span_id),
        _text(b"\x1a", context.trace_state),
        *_attributes(b"\x22", link.attributes),
        b"\x35",
        _fixed32(flags_of(context, context.is_remote)),
    ]
    return b"".join(fields)


def _id_fields(trace_id: int, span_id: int) -> bytes:
    high, low = trace_id >> 64, trace_id & _BITS
    return _ids(b"\x0a", 16, high, low, b"\x12", 8, span_id)


def encode_span(span: SpanData) -> bytes:
    """A Span message."""
    context = span.context
    has_remote_parent = span.parent_is_remote and bool(span.parent_span_id)
    fields = [
        _id_fields(context.trace_id, context.span_id),
        _parent(b"\x22", 8, span.parent_span_id) if span.parent_span_id else b"",
        _text(b"\x2a", span.name),
        b"\x30",
        _SIZES[KINDS.get(span.kind, 1)],
        _times(b"\x39", nanos(span.start_ns), b"\x41", nanos(span.end_ns)),
    ]
    if span.attributes:
        fields += _attributes(b"\x4a", span.attributes)
    if span.outcome not in IN_STATUS and OUTCOME not in span.attributes:
        fields += _attributes(b"\x4a", {OUTCOME: span.outcome})
    if context.trace_state:
        fields.append(_text(b"\x1a", context.trace_state))
    if span.events:
        fields += [_field(b"\x5a", _event(event)) for event in span.events]
    if span.links:
        fields += [_field(b"\x6a", _link(link)) for link in span.links]
    if span.status != "unset":
        status = (
            _text(b"\x12", span.status_description) + b"\x18" + _SIZES[STATUSES.get(span.status, 0)]
        )
        fields.append(_field(b"\x7a", status))
    if span.dropped_attributes or span.dropped_events or span.dropped_links:
        fields.append(_count(b"\x50", span.dropped_attributes))
        fields.append(_count(b"\x60", span.dropped_events))
        fields.append(_count(b"\x70", span.dropped_links))
    fields.append(b"\x85\x01")
    fields.append(_fixed32(flags_of(context, has_remote_parent)))
    return b"".join(fields)


def encode_spans(
    groups: Iterable[tuple[bytes, Sequence[SpanData]]], failed: list[Exception] | None = None
) -> bytes:
    """A request with spans by encoded resource, then by scope.

    A span that can't be encoded is left out, and its exception is added to *failed*, if given.
    """
    return b"".join(
        [_field(b"\x0a", _resource_spans(head, spans, failed)) for head, spans in groups]
    )


def _resource_spans(
    resource: bytes, spans: Sequence[SpanData], failed: list[Exception] | None
) -> bytes:
    scopes: dict[str, list[bytes]] = {}
    for span in spans:
        try:
            encoded = _field(b"\x12", encode_span(span))
        except Exception as error:
            if failed is None:
                raise
            failed.append(error)
        else:
            scopes.setdefault(span.scope, []).append(encoded)
    parts = [resource]
    for scope, fields in scopes.items():
        parts.append(_field(b"\x12", _field(b"\x0a", _text(b"\x0a", scope)) + b"".join(fields)))
    return b"".join(parts)


def encode_resource(attributes: Mapping[str, Any], schema_url: str) -> bytes:
    """The fields of a ResourceSpans message other than its spans."""
    resource = _field(b"\x0a", b"".join(_attributes(b"\x0a", attributes)))
    return resource + _text(b"\x1a", schema_url)


# --- responses ------------------------------------------------------------------------------------


def decode_fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: field numbers, each with an int or bytes.

    Raises LookupError if this is not a complete message.
    """
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if not tag >> 3:
            raise LookupError("there is no field 0")
        if kind == 0:
            value, at = _read_varint(message, at)
            yield tag >> 3, value
            continue
        size, at = _read_varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        if size > len(message) - at:
            raise LookupError("the field is cut off")
        yield tag >> 3, message[at : at + size]
        at += size


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Read a varint; return it and its end."""
    number = shift = 0
    while message[at] > 127:
        number |= (message[at] & 127) << shift
        shift += 7
        at += 1
    return number | message[at] << shift, at + 1
