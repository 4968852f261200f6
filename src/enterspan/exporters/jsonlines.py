"""JSON lines: one JSON object a line, in UTF-8, for live events and for finished spans.

Every line is appended to the file in one unbuffered write: nothing is lost when the process is
killed, nothing is written twice after a fork, and parent and child write their lines side by side.
One file may have lines of both kinds.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import IO, Any, Final, TypeAlias

from enterspan._model.diagnostics import warn
from enterspan._model.records import SpanData, SpanEvent, SpanLink
from enterspan.events import Onset, TailEvent
from enterspan.exporters._files import _Mode, place_of
from enterspan.exporters._json import encode, json_object, json_text, json_value

_Target: TypeAlias = str | PathLike[str] | IO[str] | IO[bytes]

__all__ = ["JsonLinesExporter", "JsonLinesTail"]


class JsonLinesTail:
    """A tail that writes each event as a line: `TailEvent.to_dict()` as JSON.

    `path` is a path, or a stream open for text or bytes. The file is opened at the first write, and
    then emptied (`mode="w"`) or appended to (`mode="a"`). If a write fails, that is logged once and
    nothing more is written.

    Raises:
        OSError: if the file can't be written.
        ValueError, TypeError: for an unknown mode or an invalid path.
    """

    def __init__(self, path: _Target, *, mode: _Mode = "w") -> None:
        self._place = place_of(path, mode)
        self._failed = False

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Write an onset, and return what writes the other events of the invocation."""
        self._write(event)
        return None if self._failed else self._write

    def close(self) -> None:
        """Close the file; a stream stays open."""
        self._failed = True
        self._place.close()

    def _write(self, event: TailEvent) -> None:
        if self._failed:
            return
        try:
            self._place.write(event_line(event))
        except (OSError, ValueError) as error:
            self._failed = True
            warn(f"writing events to {self._place.name} failed and was stopped", error)


class JsonLinesExporter:
    """An exporter that writes each finished span as a line, and a batch in one write.

    `path` is a path, or a stream open for text or bytes. The file is opened at the first write, and
    then emptied (`mode="w"`) or appended to (`mode="a"`).

    Raises:
        OSError: if the file can't be written.
        ValueError, TypeError: for an unknown mode or an invalid path.
    """

    def __init__(self, path: _Target, *, mode: _Mode = "w") -> None:
        self._place = place_of(path, mode)

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
    """One event as a line."""
    wire = event.to_dict()
    try:
        return encode(wire) + "\n"
    except (TypeError, ValueError, RecursionError):
        return json_value(wire) + "\n"


def span_line(span: SpanData) -> str:
    """One finished span as a line."""
    context = span.context
    parent = span.parent_span_id
    attributes, events, links = span.attributes, span.events, span.links
    # One expression without an intermediate dict: this runs once for each span.
    return (
        f'{{"type":"span","name":{json_text(span.name)}'
        f',"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
        f',"parentSpanId":{"null" if parent is None else f"{chr(34)}{parent:016x}{chr(34)}"}'
        f"{_REMOTE_PARENT if span.parent_is_remote else ''}"
        f',"traceFlags":{context.trace_flags},"traceState":{json_text(context.trace_state)}'
        f',"startNs":{span.start_ns},"endNs":{span.end_ns},"kind":{json_text(span.kind)}'
        f',"attributes":{json_object(attributes) if attributes else "{}"}'
        f',"events":{_array(_event, events) if events else "[]"}'
        f',"links":{_array(_link, links) if links else "[]"}'
        f',"status":{json_text(span.status)},"statusDescription":{json_text(span.status_description)}'
        f',"outcome":{json_text(span.outcome)},"invocationId":{json_text(span.invocation_id)}'
        f',"scope":{json_text(span.scope)},"resource":{_resource(span.resource)}'
        f',"droppedAttributes":{span.dropped_attributes},"droppedEvents":{span.dropped_events}'
        f',"droppedLinks":{span.dropped_links}}}\n'
    )


def _event(event: SpanEvent) -> str:
    return (
        f'{{"name":{json_text(event.name)},"timestampNs":{event.timestamp_ns}'
        f',"attributes":{json_object(event.attributes)}}}'
    )


def _link(link: SpanLink) -> str:
    context = link.context
    return (
        f'{{"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
        f',"traceFlags":{context.trace_flags},"traceState":{json_text(context.trace_state)}'
        f"{_REMOTE if context.is_remote else ''}"
        f',"attributes":{json_object(link.attributes)}}}'
    )


def _array(write: Callable[[Any], str], items: Sequence[Any]) -> str:
    return "[" + ",".join([write(item) for item in items]) + "]"


_last_resource: tuple[Mapping[str, Any] | None, str] = (None, "{}")


def _resource(resource: Mapping[str, Any]) -> str:
    """A resource as JSON; the last one is cached, as all spans of a Tracing share one."""
    global _last_resource  # noqa: PLW0603 - a pair, replaced at once: threads may race
    known, text = _last_resource
    if resource is not known:
        text = json_object(resource)
        _last_resource = (resource, text)
    return text
