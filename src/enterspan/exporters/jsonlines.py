"""JSON lines: one JSON object per line, in UTF-8, for live events or finished spans.

Every line is appended to the file in one unbuffered write: nothing is lost when the process is
killed, nothing is written twice after a fork, and processes that share a file don't mix their
lines. One file may have lines of both kinds.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import IO, Any, Final, TypeAlias

from enterspan._model.ids import SpanContext
from enterspan._model.interrupts import is_interrupt
from enterspan._model.records import SpanData, SpanEvent, SpanLink
from enterspan.events import Onset, Outcome, TailEvent
from enterspan.exporters._files import File, NotWrittenError, Stream, _Mode, place_of
from enterspan.exporters._json import encode, json_object, json_text, json_value

_Target: TypeAlias = str | PathLike[str] | IO[str] | IO[bytes]

__all__ = ["JsonLinesExporter", "JsonLinesTail"]


class JsonLinesTail:
    """A tail that writes each event as a line: `TailEvent.to_dict()` as JSON.

    Several processes may append to the file. It is opened at the first write, and reopened when it
    was renamed or removed; a new file is readable only by its owner. A failed write is logged once
    and counted (`Subscription.stats.failed`), and the next event is tried; a failed onset is
    written as soon as there is room.

    Args:
        path: A path, or a stream open for text or bytes. A path that ends in `.gz` is written
            compressed, each event separately; finished spans take less space.
        mode: `"a"` appends to the file, `"w"` truncates it when this is made.
        max_bytes: The size at which the file is renamed to `PATH.1` and a new one is begun.
        backups: How many renamed files are kept.

    Raises:
        OSError: if the file can't be written.
        ValueError, TypeError: for an unknown mode or an invalid path or size.
    """

    def __init__(
        self,
        path: _Target,
        *,
        mode: _Mode = "a",
        max_bytes: int | None = None,
        backups: int = 3,
    ) -> None:
        self._place = place_of(path, mode, max_bytes, backups)
        self._closed = False

    @property
    def subscription_target(self) -> object:
        """The path or stream; a second tail for it replaces the first one."""
        return self._place.target

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Write an onset, and return the handler for the other events."""
        if self._closed:
            return None
        line = event_line(event)
        try:
            self._place.write(line)
        except (OSError, ValueError) as error:
            if is_interrupt(error):
                raise
            return _Lines(self._place, line)
        return _Lines(self._place)

    def close(self) -> None:
        """Close the file; a stream stays open."""
        self._closed = True
        self._place.close()


class _Lines:
    """Writes the events of one invocation, after its onset if that was not written yet."""

    __slots__ = ("_missing", "_place")

    def __init__(self, place: File | Stream, missing: str = "") -> None:
        self._place = place
        self._missing = missing

    def __call__(self, event: TailEvent) -> None:
        """Write an event. Raises NotWrittenError, with the number of lost events."""
        missing = self._missing
        try:
            self._place.write(missing + event_line(event))
        except (OSError, ValueError) as error:
            if is_interrupt(error):
                raise
            failure = NotWrittenError(f"{self._place.name}: {error}")
            failure.lost = 2 if missing and type(event.event) is Outcome else 1
            raise failure from error
        self._missing = ""


class JsonLinesExporter:
    """An exporter that writes each finished span as a line, and each batch in one write.

    Several processes may append to the file. It is opened at the first write, and reopened when it
    was renamed or removed; a new file is readable only by its owner. Spans that can't be written,
    such as to a full disk, count as failed, and the next batch is tried.

    Args:
        path: A path, or a stream open for text or bytes. A path that ends in `.gz` is written
            compressed, each batch separately.
        mode: `"a"` appends to the file, `"w"` truncates it when this is made.
        max_bytes: The size at which the file is renamed to `PATH.1` and a new one is begun.
        backups: How many renamed files are kept.

    Raises:
        OSError: if the file can't be written.
        ValueError, TypeError: for an unknown mode or an invalid path or size.
    """

    def __init__(
        self,
        path: _Target,
        *,
        mode: _Mode = "a",
        max_bytes: int | None = None,
        backups: int = 3,
    ) -> None:
        self._place = place_of(path, mode, max_bytes, backups)

    @property
    def subscription_target(self) -> object:
        """The path or stream; a second exporter for it replaces the first one."""
        return self._place.target

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError if that fails, and ValueError after `shutdown`."""
        lines = [span_line(span) for span in spans]
        if lines:
            self._place.write("".join(lines))

    def shutdown(self) -> None:
        """Close the file; a stream stays open."""
        self._place.close()


# --- JSON -----------------------------------------------------------------------------------------

_REMOTE_PARENT: Final = ',"parentIsRemote":true'
_REMOTE: Final = ',"isRemote":true'


def event_line(event: TailEvent) -> str:
    """Return an event as a line."""
    wire = event.to_dict()
    try:
        return encode(wire) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        if is_interrupt(error):
            raise
        return json_value(wire) + "\n"


def span_line(span: SpanData) -> str:
    """Return a finished span as a line; empty fields are left out."""
    context = span.context
    parent = span.parent_span_id
    attributes = span.attributes
    kind = (span.kind, span.status, span.outcome, span.scope)
    # One expression without an intermediate dict: this runs for each span.
    return (
        f'{{"type":"span","name":{json_text(span.name)}'
        f',"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
        f"{_parent(parent, span.parent_is_remote) if parent is not None else ''}"
        f',"traceFlags":{context.trace_flags},"startNs":{span.start_ns},"endNs":{span.end_ns}'
        f"{_kinds.get(kind) or _kind(*kind)}"
        f"{_ATTRIBUTES + json_object(attributes) if attributes else ''}"
        f"{_rare(span, context)}"
        f',"invocationId":{json_text(span.invocation_id)}{_resource(span.resource)}}}\n'
    )


_ATTRIBUTES: Final = ',"attributes":'
_kinds: Final[dict[tuple[str, ...], str]] = {}
_MOST_KINDS: Final = 256
"""Limits the cache, in case a program makes up outcomes without limit."""


def _kind(kind: str, status: str, outcome: str, scope: str) -> str:
    text = (
        f',"kind":{json_text(kind)},"status":{json_text(status)}'
        f',"outcome":{json_text(outcome)},"scope":{json_text(scope)}'
    )
    if len(_kinds) >= _MOST_KINDS:
        _kinds.clear()
    _kinds[kind, status, outcome, scope] = text
    return text


def _parent(parent: int, is_remote: bool) -> str:
    return f',"parentSpanId":"{parent:016x}"{_REMOTE_PARENT if is_remote else ""}'


def _rare(span: SpanData, context: SpanContext) -> str:
    """The fields that are rarely set."""
    text = _text("traceState", context.trace_state) if context.trace_state else ""
    if span.events:
        text += f',"events":{_array(_event, span.events)}'
    if span.links:
        text += f',"links":{_array(_link, span.links)}'
    if span.status_description:
        text += _text("statusDescription", span.status_description)
    if span.dropped_attributes:
        text += f',"droppedAttributes":{span.dropped_attributes}'
    if span.dropped_events:
        text += f',"droppedEvents":{span.dropped_events}'
    if span.dropped_links:
        text += f',"droppedLinks":{span.dropped_links}'
    return text


def _text(name: str, text: object) -> str:
    return f',"{name}":{json_text(text)}'


def _event(event: SpanEvent) -> str:
    more = f"{_ATTRIBUTES}{json_object(event.attributes)}" if event.attributes else ""
    return f'{{"name":{json_text(event.name)},"timestampNs":{event.timestamp_ns}{more}}}'


def _link(link: SpanLink) -> str:
    context = link.context
    more = f"{_ATTRIBUTES}{json_object(link.attributes)}" if link.attributes else ""
    return (
        f'{{"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
        f',"traceFlags":{context.trace_flags}'
        f"{_text('traceState', context.trace_state) if context.trace_state else ''}"
        f"{_REMOTE if context.is_remote else ''}{more}}}"
    )


def _array(write: Callable[[Any], str], items: Sequence[Any]) -> str:
    return "[" + ",".join([write(item) for item in items]) + "]"


_last_resource: tuple[Mapping[str, Any] | None, str] = (None, "")


def _resource(resource: Mapping[str, Any]) -> str:
    """A resource as a field; the last one is cached, because spans of a `Tracing` share it."""
    global _last_resource  # noqa: PLW0603 - a pair, replaced at once: threads may race
    known, text = _last_resource
    if resource is not known:
        text = f',"resource":{json_object(resource)}' if resource else ""
        _last_resource = (resource, text)
    return text
