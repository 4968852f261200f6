"""Converts recorded traces to the formats of other tools, for `enterspan view --format`.

Data that events lack is derived: the outcome `exception` is the status `error`, and the kind
follows from the invocation's info. A span without an end gets the outcome `unknown`, and ends at
the last event of its invocation.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.ids import SpanContext
from enterspan._model.records import SpanData
from enterspan._recording.assemble import Stream
from enterspan._terminal.text import error_text
from enterspan.exporters._files import utf8
from enterspan.exporters.chrome import CLOSING, OPENING, ChromeEvents, origin_of
from enterspan.exporters.otlpjson import otlp_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from enterspan._recording.assemble import RecordedSpan, SpanIds
    from enterspan._recording.wire import Parsed

_CHROME_BATCH: Final = 65_536
"""The number of spans that are laid out together; children are below parents in the same batch."""
_OTLP_BATCH: Final = 512
"""The number of spans per line, as in an exporter's batch."""
_PROCESSES: Final = 1_000
"""The maximum number of processes; further resources share one."""


def converted(parsed: Iterable[Parsed], with_lines: SpanIds, form: str) -> Iterator[bytes]:
    """Convert the spans of a file to `chrome` or `otlp`; `with_lines`: ids of finished ones."""
    return map(utf8, _FORMS[form](_span_data(parsed, Stream(with_lines))))


def _span_data(parsed: Iterable[Parsed], stream: Stream) -> Iterator[SpanData]:
    for found in parsed:
        for span in stream.take(found):
            yield found if isinstance(found, SpanData) else _data_of(span)
    yield from map(_data_of, stream.rest())


def _data_of(span: RecordedSpan) -> SpanData:
    """The `SpanData` of a span that has only events."""
    failed, flags = span.outcome == "exception", span.trace_flags
    return SpanData(
        name=span.name,
        # Without a remote parent, events lack the flags; the span was certainly sampled.
        context=SpanContext(span.trace_id, span.span_id, 1 if flags is None else flags, "", False),
        parent_span_id=span.parent_id,
        start_ns=span.start_ns,
        end_ns=max(span.end_ns or 0, span.start_ns),
        attributes=span.attributes,
        events=tuple(span.events),
        links=(),
        status="error" if failed else "unset",
        status_description=_description(span) if failed else "",
        outcome=span.outcome or "unknown",
        invocation_id=span.invocation_id,
        kind=span.kind,
        scope="default",
        resource=span.resource,
        dropped_attributes=0,
        dropped_events=0,
        dropped_links=0,
        parent_is_remote=span.is_invocation and span.parent_id is not None,
    )


def _description(span: RecordedSpan) -> str:
    """The status description of a failed span."""
    for event in reversed(span.events):
        if event.name == "exception":
            kind, message = (event.attributes.get(f"exception.{k}") for k in ("type", "message"))
            return error_text(str(kind), str(message or ""))
    return ""


# --- formats --------------------------------------------------------------------------------------


def _chrome(spans: Iterable[SpanData]) -> Iterator[str]:
    """Write Chrome Trace Event JSON; each resource is a process."""
    processes: dict[int, ChromeEvents] = {}
    resources: list[Any] = []
    origin = 0
    head = OPENING
    for batch in _batches(spans, _CHROME_BATCH):
        origin = origin or origin_of(min(span.start_ns for span in batch))
        parts: dict[int, list[SpanData]] = {}
        for span in batch:
            parts.setdefault(_process_of(span, resources), []).append(span)
        for process, part in parts.items():
            events = processes.get(process)
            if events is None:
                events = processes[process] = ChromeEvents(process, origin)
            for event in events.of(part):
                yield head + event
                head = ",\n"
    yield CLOSING if head != OPENING else OPENING + CLOSING


def _process_of(span: SpanData, known: list[Any]) -> int:
    """The process that recorded a span, from its resource."""
    given = span.resource.get("process.pid")
    if type(given) is int and 0 < given < 2**31:
        return given
    for number, resource in enumerate(known, 1):
        if resource is span.resource or resource == span.resource:
            return number
    if len(known) < _PROCESSES:
        known.append(span.resource)
    return len(known)


def _otlp(spans: Iterable[SpanData]) -> Iterator[str]:
    """Lines of OTLP JSON."""
    return map(otlp_line, _batches(spans, _OTLP_BATCH))


def _batches(spans: Iterable[SpanData], size: int) -> Iterator[list[SpanData]]:
    waiting = iter(spans)
    while batch := list(islice(waiting, size)):
        yield batch


_FORMS: Final[dict[str, Callable[[Iterable[SpanData]], Iterator[str]]]] = {
    "chrome": _chrome,
    "otlp": _otlp,
}
