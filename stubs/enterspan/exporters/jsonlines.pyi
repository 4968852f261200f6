# Made by `enterspan stubs` from the annotated source: don't edit it.
"""JSON lines: one JSON object a line, in UTF-8, for live events and for finished spans.

Every line is appended to the file in one unbuffered write: nothing is lost when the process is
killed, nothing is written twice after a fork, and parent and child write their lines side by side.
One file may have lines of both kinds.
"""

from collections.abc import Callable, Sequence
from enterspan._model.records import SpanData
from enterspan.events import Onset, TailEvent
from enterspan.exporters._files import _Mode
from os import PathLike
from typing import IO, TypeAlias

__all__ = ["JsonLinesExporter", "JsonLinesTail"]

_Target: TypeAlias = str | PathLike[str] | IO[str] | IO[bytes]

class JsonLinesTail:
    """A tail that writes each event as a line: `TailEvent.to_dict()` as JSON.

    `path` is a path, or a stream open for text or bytes. The file is opened at the first write, and
    then emptied (`mode="w"`) or appended to (`mode="a"`). If a write fails, that is logged once and
    nothing more is written.

    Raises:
        OSError: if the file can't be written.
        ValueError, TypeError: for an unknown mode or an invalid path.
    """

    def __init__(self, path: _Target, *, mode: _Mode = "w") -> None: ...

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Write an onset, and return what writes the other events of the invocation."""

    def close(self) -> None:
        """Close the file; a stream stays open."""

class JsonLinesExporter:
    """An exporter that writes each finished span as a line, and a batch in one write.

    `path` is a path, or a stream open for text or bytes. The file is opened at the first write, and
    then emptied (`mode="w"`) or appended to (`mode="a"`).

    Raises:
        OSError: if the file can't be written.
        ValueError, TypeError: for an unknown mode or an invalid path.
    """

    def __init__(self, path: _Target, *, mode: _Mode = "w") -> None: ...

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError if that fails, and ValueError after `shutdown`."""

    def shutdown(self) -> None:
        """Close the file; a stream stays open."""
