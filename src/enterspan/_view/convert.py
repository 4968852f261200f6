"""Recorded traces in the formats of other tools: what `enterspan view --format` writes."""

from __future__ import annotations

import shutil
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TextIO

from enterspan._recording.spans import Recording
from enterspan.exporters._files import utf8
from enterspan.exporters.chrome import CLOSING, OPENING, ChromeEvents, origin_of
from enterspan.exporters.otlpjson import otlp_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from enterspan._model.records import SpanData

FORMATS: Final = ("chrome", "otlp")
_CHROME_BATCH: Final = 65_536
"""Spans that are laid out together; children are below their parents where both are among them."""
_OTLP_BATCH: Final = 512
"""Spans in a line: as many as an exporter gets at a time."""
_IN_MEMORY: Final = 16 * 1024 * 1024
"""What can't be read twice, a pipe, is kept in memory up to here, and then in a temporary file."""


def convert(path: str, kind: str, output: str | None) -> list[str]:
    """Write the traces of a file (`-`: stdin) as `chrome` or `otlp`, to a file or to stdout.

    Returns what there is to say of lines that could not be read. Raises OSError where reading or
    writing fails, and ValueError where the file is empty, no trace file, or the output as well.
    """
    name = "stdin" if path == "-" else path
    with _opened(path) as file:
        if output is not None and _is_same(path, output):
            raise ValueError(f"--output {output} is the file that is read")
        recording = Recording(file)
        if recording.is_empty:
            raise ValueError(f"{name} is empty")
        if not recording.is_trace:
            raise ValueError(f"{name} is not a trace file: {recording.first_bad}")
        pieces = _WRITERS[kind](recording.spans())
        if output is None:
            _write(pieces, getattr(sys.stdout, "buffer", sys.stdout))
            sys.stdout.flush()
        else:
            with Path(output).open("wb") as target:
                _write(pieces, target)
    if not recording.bad_lines:
        return []
    more = recording.bad_lines - 1
    return [f"{name}: {recording.first_bad}" + (f", and {more} more lines" if more else "")]


def _opened(path: str) -> BinaryIO:
    if path != "-":
        file: BinaryIO = open(path, "rb")  # noqa: PTH123, SIM115 - the caller's block closes it
        if file.seekable():
            return file
    else:
        file = open(sys.stdin.fileno(), "rb", closefd=False)  # noqa: SIM115
    with file:
        kept: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        shutil.copyfileobj(file, kept)
    return kept  # type: ignore[return-value]


def _is_same(path: str, output: str) -> bool:
    try:
        return path != "-" and Path(path).samefile(output)
    except OSError:
        return False


def _write(pieces: Iterable[str], stream: IO[bytes] | TextIO) -> None:
    for piece in pieces:
        if isinstance(stream, TextIO):
            stream.write(piece)
        else:
            stream.write(utf8(piece))


def chrome_pieces(spans: Iterable[SpanData]) -> Iterator[str]:
    """Spans as Chrome Trace Event JSON; each resource is drawn as a process of its own."""
    processes: dict[int, ChromeEvents] = {}
    known: list[object] = []
    origin = 0
    head = OPENING
    for batch in _batches(spans, _CHROME_BATCH):
        origin = origin or origin_of(min(span.start_ns for span in batch))
        parts: dict[int, list[SpanData]] = {}
        for span in batch:
            parts.setdefault(_process_of(span, known), []).append(span)
        for process, part in parts.items():
            events = processes.get(process)
            if events is None:
                events = processes[process] = ChromeEvents(process, origin)
            for event in events.of(part):
                yield head + event
                head = ",\n"
    yield CLOSING if head != OPENING else OPENING + CLOSING


def _process_of(span: SpanData, known: list[object]) -> int:
    """The process that recorded a span, as far as its resource tells."""
    given = span.resource.get("process.pid")
    if type(given) is int and 0 < given < 2**31:
        return given
    for number, resource in enumerate(known, 1):
        if resource is span.resource or resource == span.resource:
            return number
    if len(known) < _PROCESSES_MOST:
        known.append(span.resource)
    return len(known)


_PROCESSES_MOST: Final = 1_000
"""Files of more resources than that are drawn with the rest of them in one process."""


def otlp_pieces(spans: Iterable[SpanData]) -> Iterator[str]:
    """Spans as lines of OTLP JSON."""
    return (otlp_line(batch) for batch in _batches(spans, _OTLP_BATCH))


def _batches(spans: Iterable[SpanData], size: int) -> Iterator[list[SpanData]]:
    waiting = iter(spans)
    while batch := list(islice(waiting, size)):
        yield batch


_WRITERS: Final[dict[str, Callable[[Iterable[SpanData]], Iterator[str]]]] = {
    "chrome": chrome_pieces,
    "otlp": otlp_pieces,
}
