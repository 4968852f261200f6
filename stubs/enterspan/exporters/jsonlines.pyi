# Made by `enterspan stubs` from the annotated source: don't edit it.
"""JSON lines: one JSON object per line, in UTF-8, for live events or finished spans.

Every line is appended to the file in one unbuffered write: nothing is lost when the process is
killed, nothing is written twice after a fork, and processes that share a file don't mix their
lines. One file may have lines of both kinds.
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

    Several processes may append to the file. It is opened at the first write, and reopened when it
    was renamed or removed; a new file is readable only by its owner. A failed write is logged once
    and counted (`Subscription.stats.failed`), and the next event is tried; a failed onset is
    written as soon as there is room.

    Args:
        path: A path, or a stream open for text or bytes. A path that ends in `.gz` is written
            compressed, each event separately; finished spans take less space.
        mode: `"a"` appends to the file, `"w"` truncates it when this is made.
        max_bytes: The size at which the file is renamed to `PATH.1` and a new one is begun.
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
        """The path or stream; a second tail for it replaces the first one."""

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Write an onset, and return the handler for the other events."""

    def close(self) -> None:
        """Close the file; a stream stays open."""

class JsonLinesExporter:
    """An exporter that writes each finished span as a line, and each batch in one write.

    Several processes may append to the file. It is opened at the first write, and reopened when it
    was renamed or removed; a new file is readable only by its owner. Spans that can't be written,
    such as to a full disk, count as failed, and the next batch is tried.

    Args:
        path: A path, or a stream open for text or bytes. A path that ends in `.gz` is written
            compressed, each batch separately.
        mode: `"a"` appends to the file, `"w"` truncates it when this is made.
        max_bytes: The size at which the file is renamed to `PATH.1` and a new one is begun.
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
        """The path or stream; a second exporter for it replaces the first one."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Write spans. Raises OSError if that fails, and ValueError after `shutdown`."""

    def shutdown(self) -> None:
        """Close the file; a stream stays open."""
