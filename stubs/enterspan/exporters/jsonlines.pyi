# Made by `enterspan stubs` from the annotated source: don't edit it.
"""JSON lines: one JSON object a line, in UTF-8, for live events and for finished spans.

Every line is appended to the file in one unbuffered write: nothing is lost when the process is
killed, nothing is written twice after a fork, and processes that share a file write their lines
side by side. One file may have lines of both kinds.
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

    The file is appended to, also by several processes. It is opened at the first write, and anew
    when it was renamed or removed; a new file can be read by its owner alone. If a write fails,
    that is logged once and counted (`Subscription.stats.failed`), and the next event is tried; the
    onset of an invocation is written as soon as there is room.

    Args:
        path: A path, or a stream open for text or bytes. A path that ends in `.gz` is written
            compressed, each event by itself; finished spans take less room.
        mode: `"a"` appends to the file, `"w"` empties it first, at once.
        max_bytes: The size at which the file is renamed to `PATH.1` and begun anew.
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
    ) -> None: ...

    @property
    def subscription_target(self) -> object:
        """What it writes to: a second tail for it replaces the first one."""

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Write an onset, and return what writes the other events of the invocation."""

    def close(self) -> None:
        """Close the file; a stream stays open."""

class JsonLinesExporter:
    """An exporter that writes each finished span as a line, and a batch in one write.

    The file is appended to, also by several processes. It is opened at the first write, and anew
    when it was renamed or removed; a new file can be read by its owner alone. Spans that a full
    disk does not take count as failed, and the next batch is tried.

    Args:
        path: A path, or a stream open for text or bytes. A path that ends in `.gz` is written
            compressed, each batch by itself.
        mode: `"a"` appends to the file, `"w"` empties it first, at once.
        max_bytes: The size at which the file is renamed to `PATH.1` and begun anew.
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
    ) -> None: ...

    @property
    def subscription_target(self) -> object:
        """What it writes to: a second exporter for it replaces the first one."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError if that fails, and ValueError after `shutdown`."""

    def shutdown(self) -> None:
        """Close the file; a stream stays open."""
