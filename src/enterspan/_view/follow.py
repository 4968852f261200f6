"""A file that is still being written, shown as it grows.

Live events are drawn as the console draws them while the program runs. Finished spans come children
first, so they are drawn when their invocation's own line has come. With a filter, each span that is
asked for is a line of its own when it ends.
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
"""Seconds between two looks at a file that has not grown."""
_WAITING: Final = 100_000
"""How many finished spans wait for their invocation's root; then they are drawn without it."""


def follow(
    file: BinaryIO,
    path: str | None,
    name: str,
    wanted: Filter,
    stream: TextIO,
    look: Look,
    chosen: Callable[[Iterable[Parsed]], Iterable[Parsed]] | None = None,
) -> None:
    """Show what a file has, and what is written to it, until Ctrl-C.

    Without a `path` it is a pipe, and is read to its end. `chosen` passes on what is to be shown.
    Raises ValueError for what turns out not to be a trace file.
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
    """Report the problems that were not reported yet; return how many are."""
    complaints = list(reader.complaints())
    for complaint in complaints[reported:]:
        say(complaint)
    return len(reader.problems)


# --- lines ----------------------------------------------------------------------------------------


def _growing_lines(source: _Source) -> Iterator[bytes]:
    """Each line once it is whole; the last one also if it never will be.

    An empty one is yielded before there is a wait for more. A file that became shorter, or was
    replaced, is read from its beginning.
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
    """What is read at the moment: the file, or the one that replaced it."""

    def __init__(self, file: BinaryIO, path: str | None) -> None:
        self.file = file
        self._first = file
        self._path = path
        self.may_grow = path is not None and stat.S_ISREG(os.fstat(file.fileno()).st_mode)

    def begins_anew(self) -> bool:
        """Whether the file was emptied or replaced; then it is read from its beginning."""
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
            return False  # what was written before it was moved away
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


# --- what is shown --------------------------------------------------------------------------------


class _Filtered:
    """Shows the spans that are asked for, each as a line when it has ended."""

    def __init__(self, wanted: Filter, stream: TextIO, look: Look) -> None:
        self._wanted = wanted
        self._look = look
        self._origins = Origins()
        self._output = stream
        self._spans = Stream()

    def take(self, found: Parsed) -> None:
        """Show the span that is complete with an event or a line, if it is asked for."""
        for span in self._spans.take(found):
            if span.outcome is not None and self._wanted.takes(span):
                screen = screen_for(self._output)
                screen = screen._replace(whole=not is_terminal(self._output))
                line = span_line(span, screen, self._origins, ids=self._look.ids)
                self._output.write(line + "\n")

    def rest(self) -> None:
        """Nothing is held back."""

    def finish(self) -> None:
        """Spans that have not ended are not shown."""


class _Everything:
    """Shows events live, and finished spans without events as trees.

    A finished span waits for the line of its invocation's root, which comes last.
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
        """Show an event, or the invocation whose root a line is about."""
        if isinstance(found, SpanData):
            self._finished(found)
        else:
            self._happened(found)

    def rest(self) -> None:
        """Show what is held back: there may be nothing more for some time."""
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
                return  # it is over, or its finished spans were shown
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
    """The onset of an invocation; made up where the file begins in the middle of it."""
    if event.event.type == "onset":
        return event
    where = TailSpanContext(event.span_context.trace_id, None, None)
    onset = Onset(event.invocation_id, "?", None, ())
    return TailEvent(event.invocation_id, where, event.timestamp, 0, onset)
