# Made by `enterspan stubs` from the annotated source: don't edit it.
"""JSON lines: one JSON object a line, in UTF-8, for live events and for finished spans.

Every line goes out in one piece, unbuffered and appended to the file. So nothing is lost when the
process is killed, nothing is written twice when it forks, and the lines of parent and child stand
side by side. Both kinds of line may be in one file.
"""

from collections.abc import Callable, Sequence
from enterspan._files import _Mode
from enterspan._records import SpanData
from enterspan.events import Onset, TailEvent
from os import PathLike
from typing import IO, TypeAlias

__all__ = ["JsonLinesExporter", "JsonLinesTail"]

_Target: TypeAlias = str | PathLike[str] | IO[str] | IO[bytes]

class JsonLinesTail:
    """A live tail that writes each event as a line: `TailEvent.to_dict()` as JSON.

    `path` is a file, or a stream open for text or bytes. A file is opened when there is something
    to write, and then replaced (`mode="w"`) or continued (`mode="a"`). Should writing fail later,
    that is logged once and nothing more is written.

    Raises OSError where the file can't be written, and ValueError or TypeError for an unknown mode
    or a path that is none.
    """

    def __init__(self, path: _Target, *, mode: _Mode = "w") -> None: ...

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Begin with an invocation; what is returned writes the rest of it."""

    def close(self) -> None:
        """Close the file; a stream that was given stays open."""

class JsonLinesExporter:
    """An exporter that writes each finished span as a line; the spans of a batch in one write.

    `path` is a file, or a stream open for text or bytes. A file is opened when there is something
    to write, and then replaced (`mode="w"`) or continued (`mode="a"`).

    Raises OSError where the file can't be written, and ValueError or TypeError for an unknown mode
    or a path that is none.
    """

    def __init__(self, path: _Target, *, mode: _Mode = "w") -> None: ...

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError where that fails, and ValueError after `shutdown`."""

    def shutdown(self) -> None:
        """Close the file; a stream that was given stays open."""
