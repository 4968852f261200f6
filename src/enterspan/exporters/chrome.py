"""Chrome Trace Event JSON, for Perfetto, speedscope and chrome://tracing.

The file is an object with an array of events, the JSON Object Format of the Trace Event Format
(https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU). A span is a
complete event (`X`) on a track; its span events are instants (`i`) on the same track; names of
processes and tracks are metadata (`M`). Viewers draw an event below another one on the same track
that encloses it, so spans that overlap without being parent and child get separate tracks.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.interrupts import is_interrupt
from enterspan.exporters._files import File, unlock, utf8
from enterspan.exporters._json import json_object, json_text
from enterspan.exporters._tracks import Tracks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from enterspan._model.records import SpanData, SpanEvent
    from enterspan.exporters._tracks import Track

__all__ = ["ChromeTraceExporter"]

OPENING: Final = '{"displayTimeUnit":"ns","traceEvents":[\n'
"""The beginning of a file; the events that follow are separated by commas and line breaks."""
CLOSING: Final = "\n]}\n"
"""The end of a file."""

_OPENING: Final = OPENING.encode()
_CLOSING: Final = CLOSING.encode()


class ChromeTraceExporter:
    """An exporter that writes finished spans as Chrome Trace Event JSON.

    `path` is a file, which is truncated when the exporter is made. It is complete after every
    batch: it can be opened while the program runs, or after it was killed. Several processes may
    share it; each is drawn as a process.

    Spans are drawn below parents of the same batch. A span whose parent comes in a later batch is
    drawn below it unless it overlaps others there; then it is drawn on another track.

    Raises OSError if the file can't be written, and TypeError if `path` is not a path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, (str, os.PathLike)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"path must be a path, not {path!r:.100}")
        self._file = _ArrayFile(path)
        self._process = os.getpid()
        self._origin = origin_of(time_ns())
        self._events = ChromeEvents(self._process, self._origin)

    @property
    def subscription_target(self) -> object:
        """The file: a second exporter for it replaces the first one."""
        return self._file.target

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError if that fails, and ValueError after `shutdown`."""
        if not spans:
            return
        process = os.getpid()
        if process != self._process:  # a forked child has tracks of its own
            self._process = process
            self._events = ChromeEvents(process, self._origin)
        self._file.write(",\n".join(self._events.of(spans)))

    def shutdown(self) -> None:
        """Close the file."""
        self._file.close()


# --- the file -------------------------------------------------------------------------------------


class _ArrayFile(File):
    """A file with an array of events, which is complete after each write.

    The closing brackets are overwritten and written again. Processes that share the file lock it;
    if one dies during a write, the next one repairs the end.
    """

    flags = os.O_RDWR | os.O_CREAT

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, "w")

    def write(self, text: str) -> None:
        """Append elements, which are already separated by commas."""
        data = utf8(text) + _CLOSING
        with self.writing:
            fd, _is_locked = self.opened_and_locked()
            try:
                self._add(fd, data)
            finally:
                unlock(fd)

    def _add(self, fd: int, data: bytes) -> None:
        end = _end_of_elements(fd)
        head = b",\n" if end > len(_OPENING) else b"" if end else _OPENING
        try:
            _write_at(fd, end, head + data)
        except OSError:
            _mend(fd, end)
            raise


def _end_of_elements(fd: int) -> int:
    """Where the next element goes: before the last brackets, or after the last whole element."""
    size = os.lseek(fd, 0, os.SEEK_END)
    at = size
    tail = b""
    while at > 0:
        step = min(at, 65_536)
        at -= step
        os.lseek(fd, at, os.SEEK_SET)
        tail = os.read(fd, step) + tail
        if tail.endswith(_CLOSING):
            return at + len(tail) - len(_CLOSING)
        cut = tail.rfind(b",\n")  # strings contain no line breaks: an element ends here
        if cut >= 0:
            return at + cut
    return len(_OPENING) if tail.startswith(_OPENING) else 0


def _write_at(fd: int, at: int, data: bytes) -> None:
    os.lseek(fd, at, os.SEEK_SET)
    done = 0
    while done < len(data):
        done += os.write(fd, data[done:] if done else data)
    if os.lseek(fd, 0, os.SEEK_END) > at + len(data):
        os.ftruncate(fd, at + len(data))


def _mend(fd: int, end: int) -> None:
    """Restore the file after a write that failed, such as on a full disk."""
    try:
        if end >= len(_OPENING):
            _write_at(fd, end, _CLOSING)
        else:
            os.ftruncate(fd, 0)
    except OSError as error:
        if is_interrupt(error):
            raise


# --- events ---------------------------------------------------------------------------------------


class ChromeEvents:
    """Converts spans to events, each a JSON object; `process` is their `pid`.

    Times are in microseconds since `origin`: see `origin_of`.
    """

    def __init__(self, process: int, origin: int) -> None:
        self._process = process
        self._origin = origin
        self._tracks = Tracks()
        self._is_named = False

    def of(self, spans: Sequence[SpanData]) -> list[str]:
        """Return the events of a batch of spans: names first, then parents before children."""
        assigned, named = self._tracks.assign(spans)
        events: list[str] = []
        if not self._is_named and spans:
            self._is_named = True
            name = _process_name(spans[0].resource)
            events.append(self._metadata("process_name", 0, "name", name))
            events.append(self._metadata("process_labels", 0, "labels", _since(self._origin)))
        events += [self._metadata("thread_name", t.number, "name", t.name) for t in named]
        for span, track in assigned:
            events.append(self._span(span, track))
            events += [self._instant(event, span, track) for event in span.events]
        return events

    def _metadata(self, kind: str, track: int, key: str, text: str) -> str:
        return (
            f'{{"ph":"M","name":"{kind}","pid":{self._process},"tid":{track},"ts":0'
            f',"args":{{"{key}":{json_text(text)}}}}}'
        )

    def _span(self, span: SpanData, track: Track) -> str:
        context = span.context
        parent = span.parent_span_id
        # The ids are beside `args`, not in it: speedscope merges events with equal `args`.
        start = span.start_ns - self._origin
        return (
            f'{{"ph":"X","name":{json_text(span.name)},"cat":{json_text(span.scope)}'
            f',"pid":{self._process},"tid":{track.number}'
            f',"ts":{_us(start)},"dur":{_us(max(span.end_ns - span.start_ns, 0))}'
            f'{_args_field(_args(span))},"traceId":"{context.trace_id:032x}","spanId":"{context.span_id:016x}"'
            + (f',"parentSpanId":"{parent:016x}"}}' if parent else "}")
        )

    def _instant(self, event: SpanEvent, span: SpanData, track: Track) -> str:
        moment = event.timestamp_ns - self._origin
        return (
            f'{{"ph":"i","s":"t","name":{json_text(event.name)},"cat":{json_text(span.scope)}'
            f',"pid":{self._process},"tid":{track.number},"ts":{_us(moment)}'
            f"{_args_field(event.attributes)}}}"
        )


_DAY: Final = 86_400_000_000_000
"""Nanoseconds."""


def origin_of(moment: int) -> int:
    """The origin of the times of a file: midnight (UTC) of the day before.

    Times since 1970 would be so large that viewers, which use floats, lose the last digits.
    """
    return max(moment // _DAY - 1, 0) * _DAY


def _since(origin: int) -> str:
    return f"times since {datetime.fromtimestamp(origin // 10**9, timezone.utc).isoformat()}"


def _us(ns: int) -> str:
    """Nanoseconds as microseconds, to the last digit."""
    sign = "-" if ns < 0 else ""
    return f"{sign}{abs(ns) // 1000}.{abs(ns) % 1000:03d}"


def _args_field(args: Mapping[str, Any]) -> str:
    return f',"args":{json_object(args)}' if args else ""  # speedscope shows `{}` beside the name


def _args(span: SpanData) -> Mapping[str, Any]:
    """What viewers show for a selected span: its attributes, and how it ended."""
    more: dict[str, Any] = {}
    if span.outcome != "ok":
        more["enterspan.outcome"] = span.outcome
    if span.status != "unset":
        more["enterspan.status"] = span.status
    if span.status_description:
        more["enterspan.status_description"] = span.status_description
    if span.kind != "internal":
        more["enterspan.kind"] = span.kind
    return {**span.attributes, **more} if more else span.attributes


def _process_name(resource: Mapping[str, Any]) -> str:
    name = resource.get("service.name")
    return name if isinstance(name, str) and name else "python"
