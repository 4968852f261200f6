"""Shows a file that is still being written.

Live events are drawn as in the live tree. Finished spans come children first, so they are drawn
when their invocation's line has come. With a filter, each matching span is a line of its own when
it ends.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.records import SpanData
from enterspan._recording.assemble import Assembler, Recording, SpanIds, Stream, key_of, roots_of
from enterspan._recording.origin import Origins
from enterspan._recording.wire import LINE_BYTES, SHOWN_PROBLEMS, Reader
from enterspan._terminal.live import HELD, LiveTree, Page
from enterspan._terminal.say import say
from enterspan._terminal.screen import is_terminal, screen_for
from enterspan._view.table import span_line
from enterspan._view.tree import Look, tree_lines
from enterspan.events import Onset, TailEvent, TailSpanContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import BinaryIO, TextIO

    from enterspan._recording.assemble import Key, RecordedSpan
    from enterspan._recording.select import Filter
    from enterspan._recording.wire import Parsed
from enterspan._terminal.live import LiveInvocation

_PAUSE: Final = 0.1
"""Seconds between two checks of a file that has not grown."""
_WAITING: Final = 100_000
"""How many finished spans wait for their invocation's root before they are drawn without it."""


def follow(
    file: BinaryIO,
    path: str | None,
    name: str,
    wanted: Filter,
    stream: TextIO,
    look: Look,
    chosen: Callable[[Iterable[Parsed]], Iterable[Parsed]] | None = None,
) -> None:
    """Show a file's content, and what is appended to it, until Ctrl-C.

    Without a `path` it is a pipe, and is read to its end. `chosen` filters the events and lines.
    Raises ValueError if it is not a trace file.
    """
    source = _Source(file, path)
    shown = (
        _Everything(stream, look, holds=source.may_grow)
        if wanted.takes_all
        else _Filtered(wanted, stream, look)
    )
    reader = Reader(name)
    reported = 0
    try:
        for line in _growing_lines(source):
            if not line:
                shown.rest()
                stream.flush()
                continue
            found = reader.take(line)
            if found is not None:
                for each in (found,) if chosen is None else chosen((found,)):
                    shown.take(each)
                stream.flush()
            if reader.problem_count >= SHOWN_PROBLEMS:
                reader.check()
            if reader.parsed and reported < len(reader.problems):
                reported = _report(reader, reported)
    except KeyboardInterrupt:
        pass  # that is how it ends
    shown.finish()
    stream.flush()
    if reader.problem_count:
        reader.check()
    _report(reader, reported)


def _report(reader: Reader, reported: int) -> int:
    """Report the problems that were not reported yet; return their number."""
    complaints = list(reader.complaints())
    for complaint in complaints[reported:]:
        say(complaint)
    return len(reader.problems)


# --- lines ----------------------------------------------------------------------------------------


def _growing_lines(source: _Source) -> Iterator[bytes]:
    """Each line when it is complete; the last one even if it is incomplete.

    An empty line is yielded before waiting for more. A file that was truncated, or replaced, is
    read from its beginning.
    """
    part = b""
    try:
        while True:
            piece = source.file.readline(LINE_BYTES)
            if not piece:
                if not source.may_grow:
                    break
                if not source.begins_anew():
                    yield b""
                    sleep(_PAUSE)
                elif part:
                    yield part
                    part = b""
                continue
            part = part + piece if len(part) < LINE_BYTES else part[:LINE_BYTES] + piece[-1:]
            if piece.endswith(b"\n"):
                yield part
                part = b""
    finally:
        source.close()
    if part:
        yield part


class _Source:
    """The file being read, or the one that replaced it."""

    def __init__(self, file: BinaryIO, path: str | None) -> None:
        self.file = file
        self._first = file
        self._path = path
        self.may_grow = path is not None and stat.S_ISREG(os.fstat(file.fileno()).st_mode)

    def begins_anew(self) -> bool:
        """Whether the file was truncated or replaced; then it is read from its beginning."""
        found = os.fstat(self.file.fileno())
        if found.st_size < self.file.tell():
            self.file.seek(0)
            return True
        if self._path is None:
            return False
        try:
            there = Path(self._path).stat()
        except OSError:
            return False  # moved away; the new one does not exist yet
        if (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino):
            return False
        if found.st_size > self.file.tell():
            return False  # the rest of the moved file
        try:
            file = Path(self._path).open("rb")  # noqa: SIM115 - `close` closes it
        except OSError:
            return False
        self.close()
        self.file = file
        return True

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self.file is not self._first:
            self.file.close()


# --- output --------------------------------------------------------------------------------


class _Filtered:
    """Shows matching spans, each as a line when it has ended."""

    def __init__(self, wanted: Filter, stream: TextIO, look: Look) -> None:
        self._wanted = wanted
        self._look = look
        self._origins = Origins()
        self._output = stream
        self._spans = Stream()

    def take(self, found: Parsed) -> None:
        """Show the span that an event or a line completes, if it matches."""
        for span in self._spans.take(found):
            if span.outcome is not None and self._wanted.takes(span):
                screen = screen_for(self._output)
                screen = screen._replace(whole=not is_terminal(self._output))
                line = span_line(span, screen, self._origins, ids=self._look.ids)
                self._output.write(line + "\n")

    def rest(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing: spans that have not ended are not shown."""


class _Everything:
    """Shows events live, and finished spans without events as trees.

    Finished spans wait for the line of their invocation's root, which comes last.
    """

    def __init__(self, stream: TextIO, look: Look, *, holds: bool) -> None:
        self._stream = stream
        self._look = look
        self._tree = LiveTree(HELD if holds else 0.0)
        self._live: dict[str, LiveInvocation] = {}
        self._begun = SpanIds()
        self._opened = SpanIds()
        self._waiting: dict[str, Assembler] = {}
        self._count = 0

    def take(self, found: Parsed) -> None:
        """Show an event, or the invocation of a root's line."""
        if isinstance(found, SpanData):
            self._finished(found)
        else:
            self._happened(found)

    def rest(self) -> None:
        """Show held lines, because nothing more may come for some time."""
        self._print(self._tree.release())

    def finish(self) -> None:
        """Show the spans whose invocation's root has not come."""
        self.rest()
        self._draw({k: s for each in self._waiting.values() for k, s in each.spans.items()})
        self._waiting.clear()
        self._count = 0

    def _happened(self, event: TailEvent[Any]) -> None:
        invocation = self._live.get(event.invocation_id)
        screen = screen_for(self._stream)
        page = Page(screen, stacks=self._look.stacks, ids=self._look.ids)
        lines: list[str] = []
        if invocation is None:
            if not self._begun.add(event.invocation_id):
                return  # it has ended, or its finished spans were shown
            onset = _onset_for(event)
            invocation = self._live[event.invocation_id] = self._tree.begin(onset)
            self._opened.add(key_of(onset))
            lines = invocation.lines(onset, page)
        if event.event.type == "spanOpen":
            self._opened.add(key_of(event))
        if event.event.type != "onset":
            lines += invocation.lines(event, page)
        if event.event.type == "outcome":
            del self._live[event.invocation_id]
        self._print(lines)

    def _finished(self, span: SpanData) -> None:
        invocation_id = span.invocation_id
        if key_of(span) not in self._opened:
            waiting = self._waiting.get(invocation_id)
            if waiting is None:
                waiting = self._waiting[invocation_id] = Assembler()
            waiting.add(span)
            self._count += 1
        if f"{span.context.span_id:016x}" == invocation_id and invocation_id in self._waiting:
            self._begun.add(invocation_id)
            spans = self._waiting.pop(invocation_id).spans
            self._count -= len(spans)
            self._draw(spans)
        elif self._count >= _WAITING:
            self.finish()

    def _draw(self, spans: Mapping[Key, RecordedSpan]) -> None:
        screen = screen_for(self._stream)
        screen = screen._replace(whole=not is_terminal(self._stream))
        self.rest()
        self._print(tree_lines(Recording(roots_of(spans)), screen, self._look))

    def _print(self, lines: Iterable[str]) -> None:
        self._stream.write("".join([line + "\n" for line in lines]))


def _onset_for(event: TailEvent[Any]) -> TailEvent[Onset]:
    """The onset of an invocation; synthesized if the file begins in the middle of it."""
    if event.event.type == "onset":
        return event
    where = TailSpanContext(event.span_context.trace_id, None, None)
    onset = Onset(event.invocation_id, "?", None, ())
    return TailEvent(event.invocation_id, where, event.timestamp, 0, onset)
