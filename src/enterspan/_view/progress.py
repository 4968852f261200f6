"""How far a long file has been read, as a bar on stderr.

Only on a terminal, only where rich is installed (the extra `enterspan[view]`), and only once it has
taken long enough for a person to wonder.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from enterspan._terminal.screen import is_terminal

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import BinaryIO

    from enterspan._recording.traces import Lines

_PATIENCE: Final = 1.0
"""Seconds before the bar appears."""
_LINES: Final = 2_000
"""So many lines are read between two looks at the clock."""


@contextmanager
def shown_progress(file: BinaryIO) -> Generator[Lines]:
    """Give what is to be read instead of a file, so that it is seen how far it was read."""
    size = _size_of(file)
    if not size or not is_terminal(sys.stderr):
        yield file
        return
    watched = Watched(file, size)
    try:
        yield watched
    finally:
        watched.stop()


def _size_of(file: BinaryIO) -> int:
    """How many bytes there are to read, or 0 where that can't be known."""
    try:
        found = os.fstat(file.fileno())
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


class Watched:
    """A file that is read line by line, and its bar once there is one."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._read = 0
        self._lines = 0
        self._begun = monotonic()
        self._bar: Any = None
        self._task: Any = None

    def readline(self, size: int = -1, /) -> bytes:
        """Read a line, as the file does."""
        line = self._file.readline(size)
        self._read += len(line)
        self._lines += 1
        if self._lines >= _LINES:
            self._lines = 0
            self._show()
        return line

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=self._read)
        elif monotonic() - self._begun >= _PATIENCE:
            self._begin()

    def _begin(self) -> None:
        try:
            rich, console = import_module("rich.progress"), import_module("rich.console")
        except ImportError:
            self._begun = float("inf")  # without rich there never will be a bar
            return
        columns = (
            rich.TextColumn("reading"),
            rich.BarColumn(),
            rich.DownloadColumn(),
            rich.TimeRemainingColumn(),
        )
        self._bar = rich.Progress(*columns, console=console.Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=self._size, completed=self._read)
        self._bar.start()
