"""A file that is still being written, shown as it grows.

Live events are drawn as the console draws them while the program runs. Finished spans come children
first, so they are drawn when their invocation's own line has come. Where only some spans are asked
for, each is a line of its own when it ends.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Final, cast

from enterspan import events
from enterspan._model.values import INT_MAX
from enterspan._recording.ended import EndedSpans
from enterspan._recording.traces import _LINE_BYTES, _SHOWN_PROBLEMS, Traces, _Book, _planted
from enterspan._terminal.screen import screen_for
from enterspan._view.slowest import Place
from enterspan._view.tree import tree_lines
from enterspan.exporters.console import ConsoleTail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO, TextIO

    from enterspan._recording.select import Selection
    from enterspan._recording.traces import Problem, SpanNode

    Say = Callable[[str], None]

_PAUSE: Final = 0.1
"""Seconds between two looks at a file that has not grown."""
_MOST_WAITING: Final = 100_000
"""So many finished spans wait for the line of their invocation; then they are drawn without it."""


def follow(
    file: BinaryIO,
    path: str | None,
    name: str,
    selection: Selection,
    stream: TextIO,
    say: Say,
) -> None:
    """Show what a file has, and what is written to it, until Ctrl-C.

    Without a `path` it is a pipe, and its end is the end. Raises ValueError for what turns out to
    be no trace file.
    """
    shown = _Picked(selection, stream) if not selection.takes_all else _Drawn(stream)
    reader = _Reader(shown, name, say)
    try:
        for line in _growing_lines(file, path):
            reader.take(line)
            stream.flush()
    except KeyboardInterrupt:
        pass  # that is how it ends
    shown.finish()
    stream.flush()
    reader.finish()


# --- lines ----------------------------------------------------------------------------------------


def _growing_lines(file: BinaryIO, path: str | None) -> Iterator[bytes]:
    """Each line once it is whole; the last one also if it never will be.

    A file that became shorter is read from its beginning, and so is one that took its place.
    """
    source = _Source(file, path)
    part = b""
    try:
        while True:
            piece = source.file.readline(_LINE_BYTES)
            if not piece:
                if not source.may_grow:
                    break
                if not source.begins_anew():
                    sleep(_PAUSE)
                elif part:
                    yield part
                    part = b""
                continue
            part = part + piece if len(part) < _LINE_BYTES else part[:_LINE_BYTES] + piece[-1:]
            if piece.endswith(b"\n"):
                yield part
                part = b""
    finally:
        source.close()
    if part:
        yield part


class _Source:
    """What is read at the moment: the file, or another one that took its place."""

    def __init__(self, file: BinaryIO, path: str | None) -> None:
        self.file = file
        self._first = file
        self._path = path
        self.may_grow = path is not None and stat.S_ISREG(os.fstat(file.fileno()).st_mode)

    def begins_anew(self) -> bool:
        """Whether there is a beginning to be read; then that is where the file stands."""
        found = os.fstat(self.file.fileno())
        if found.st_size < self.file.tell():
            self.file.seek(0)
            return True
        if self._path is None:
            return False
        try:
            there = Path(self._path).stat()
        except OSError:
            return False  # moved away; the next one is not there yet
        if (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino):
            return False
        if found.st_size > self.file.tell():
            return False  # it has a last word, from before it was moved away
        try:
            file = Path(self._path).open("rb")  # noqa: SIM115 - `close` closes it
        except OSError:
            return False
        self.close()
        self.file = file
        return True

    def close(self) -> None:
        """Close what was opened here."""
        if self.file is not self._first:
            self.file.close()


class _Reader:
    """Gives lines on, and says which could not be read."""

    def __init__(self, shown: _Drawn | _Picked, name: str, say: Say) -> None:
        self._shown = shown
        self._name = name
        self._say = say
        self._number = 0
        self._said = 0

    def take(self, line: bytes) -> None:
        """Show a line, or say what is wrong with it.

        Raises ValueError where nothing so far was a line of a trace.
        """
        self._number += 1
        if self._number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        self._shown.take(self._number, line)
        book = self._shown.book
        if not book.read and book.problem_count >= _SHOWN_PROBLEMS:
            book.check_read(self._name)
        if book.read and self._said < len(book.problems):
            self._say_problems(book.problems)

    def finish(self) -> None:
        """Say what was held back. Raises ValueError if there was nothing but bad lines."""
        book = self._shown.book
        if book.problem_count:
            book.check_read(self._name)
        self._say_problems(book.problems)
        if book.problem_count > self._said:
            self._say(f"{self._name}: {book.problem_count - self._said} more could not be read")

    def _say_problems(self, problems: list[Problem]) -> None:
        for problem in problems[self._said :]:
            self._say(f"{self._name}: line {problem.line} is {problem.reason}")
        self._said = len(problems)


# --- what is shown --------------------------------------------------------------------------------


class _Picked:
    """Shows the spans that are asked for, each as a line when it has ended."""

    def __init__(self, selection: Selection, stream: TextIO) -> None:
        self._selection = selection
        self._stream = stream
        self._spans = EndedSpans()
        self.book = self._spans.book

    def take(self, number: int, line: bytes) -> None:
        """Read a line."""
        span = self._spans.take(number, line)
        if span is not None and self._selection.takes(span):
            place = Place(span, self._spans.around(span))
            self._stream.write(place.line(screen_for(self._stream)) + "\n")

    def finish(self) -> None:
        """What has not ended is not shown."""


class _Drawn:
    """Shows everything: events live, finished spans as the tree of their invocation."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = _Live(stream)
        self.book = _Lines()

    def take(self, number: int, line: bytes) -> None:
        """Read a line."""
        book = self.book
        node, wire = book.told_by(number, line)
        if node is None:
            return
        if wire is not None:
            del book.nodes[node.trace_id, node.span_id]
            self._print(self._live.drawn(wire))
        elif self._live.has_told(node.invocation_id):
            del book.nodes[node.trace_id, node.span_id]
        elif node.is_invocation or len(book.nodes) >= _MOST_WAITING:
            self._draw(node)

    def finish(self) -> None:
        """Draw what waited for the line of its invocation."""
        self._draw_all(list(self.book.nodes.values()))

    def _draw(self, last: SpanNode) -> None:
        """Draw an invocation, which is complete; or all, where too many are not."""
        nodes = self.book.nodes
        done = list(nodes.values())
        if len(nodes) < _MOST_WAITING:
            done = [node for node in done if node.invocation_id == last.invocation_id]
        for node in done:
            del nodes[node.trace_id, node.span_id]
        self._draw_all(done)

    def _draw_all(self, spans: list[SpanNode]) -> None:
        by_ids = {(span.trace_id, span.span_id): span for span in spans}
        traces = Traces(tuple(_planted(by_ids)), (), 0)
        self._print("".join([line + "\n" for line in tree_lines(traces, screen_for(self._stream))]))

    def _print(self, text: str) -> None:
        self._stream.write(text)


class _Lines(_Book):
    """Reads one line after the other, and keeps what finished spans have told."""

    __slots__ = ("_last", "_wire")

    def __init__(self) -> None:
        super().__init__()
        self._last: SpanNode | None = None
        self._wire: dict[str, Any] | None = None

    def told_by(self, number: int, line: bytes) -> tuple[SpanNode | None, dict[str, Any] | None]:
        """Read a line: the span that it is about, and the event if it is one."""
        self._last = self._wire = None
        self.enter(number, line)
        return self._last, self._wire

    def node(self, trace_id: str, span_id: str, invocation_id: str, time_ns: int) -> SpanNode:
        """The span that the line is about."""
        self._last = node = super().node(trace_id, span_id, invocation_id, time_ns)
        return node

    def read_event(self, wire: dict[str, Any]) -> None:
        """Keep the event as it was written, once it is known to be one."""
        super().read_event(wire)
        self._wire = wire


# --- events, live ---------------------------------------------------------------------------------


class _Live:
    """Gives the events of a file to the console's tail, as if they happened now."""

    def __init__(self, stream: TextIO) -> None:
        self._paper = _Paper(stream)
        self._tail = ConsoleTail(cast("TextIO", self._paper))
        self._drawing: dict[str, Callable[[events.TailEvent], None]] = {}
        self._told: set[int] = set()

    def has_told(self, invocation_id: str) -> bool:
        """Whether there were events of this invocation."""
        return hash(invocation_id) in self._told

    def drawn(self, wire: dict[str, Any]) -> str:
        """What there is to be written for an event."""
        invocation_id: str = wire["invocationId"]
        event = _event_of(wire)
        draw = self._drawing.get(invocation_id)
        if event.event.type == "onset" or draw is None:
            if self.has_told(invocation_id):
                return ""  # it is over
            self._told.add(hash(invocation_id))
            draw = self._tail(_onset_for(event))
            self._drawing[invocation_id] = draw
        if event.event.type != "onset":
            draw(event)
        if event.event.type == "outcome":
            del self._drawing[invocation_id]
        return self._paper.taken()


class _Paper:
    """Stands in for a stream: a tail takes what its stream raises, and here it has to come out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._written: list[str] = []
        self.encoding = getattr(stream, "encoding", None)

    def write(self, text: str) -> int:
        """Keep a text."""
        self._written.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's descriptor, which knows the width."""
        return self._stream.fileno()

    def taken(self) -> str:
        """What was written since the last time."""
        text = "".join(self._written)
        self._written.clear()
        return text


def _onset_for(event: events.TailEvent[Any]) -> events.TailEvent[events.Onset]:
    """The onset of an invocation, also where the file begins in the middle of it."""
    if event.event.type == "onset":
        return event
    onset = events.Onset(event.invocation_id, "?", None, ())
    where = events.TailSpanContext(event.span_context.trace_id, None, None)
    return events.TailEvent(event.invocation_id, where, event.timestamp, 0, onset)


def _event_of(wire: dict[str, Any]) -> events.TailEvent[Any]:
    """The event that a line was written of; the line is known to be one."""
    context = wire["spanContext"]
    where = events.TailSpanContext(context["traceId"], context.get("spanId"), None)
    told = wire["event"]
    made = _MADE[told["type"]](told)
    return events.TailEvent(wire["invocationId"], where, wire["timestamp"], 0, made)


def _attributes_of(pairs: list[dict[str, Any]]) -> tuple[events.Attribute, ...]:
    return tuple([events.Attribute(p["name"], _value_of(p.get("value"))) for p in pairs])


def _value_of(value: Any) -> Any:
    if isinstance(value, list):
        return tuple([_value_of(item) for item in value])
    return json.dumps(value) if isinstance(value, dict) else value


def _return_of(told: dict[str, Any]) -> events.Return:
    info = told.get("info")
    return events.Return(None if info is None else events.FetchResponseInfo(info["statusCode"]))


def _outcome_of(told: dict[str, Any]) -> events.Outcome:
    wall = told.get("wallTime")
    wall_ns = int(wall * 1e6) if isinstance(wall, (int, float)) and 0 <= wall <= INT_MAX else 0
    return events.Outcome(told["outcome"], int(told["cpuTime"] * 1e6), wall_ns)


_MADE: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "onset": lambda told: events.Onset(
        told["spanId"], told["name"], told.get("info"), _attributes_of(told["attributes"])
    ),
    "spanOpen": lambda told: events.SpanOpen(told["spanId"], told["name"]),
    "attributes": lambda told: events.Attributes(_attributes_of(told["info"])),
    "log": lambda told: events.Log(
        told["level"],
        told["message"],
        _attributes_of(told["attributes"]),
        told.get("truncated") is True,
    ),
    "exception": lambda told: events.Exception_(
        told["name"], told["message"], str(told.get("stack"))
    ),
    "diagnosticChannel": lambda told: events.DiagnosticChannel(
        told["channel"], _values_of(told["message"])
    ),
    "spanClose": lambda told: events.SpanClose(told["outcome"]),
    "return": _return_of,
    "streamDiagnostic": lambda told: events.StreamDiagnostic(
        events.DroppedEvents(told["diagnostic"]["count"])
    ),
    "outcome": _outcome_of,
}


def _values_of(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _value_of(value) for key, value in values.items()}
