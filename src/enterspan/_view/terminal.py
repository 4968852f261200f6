"""The command's own use of the terminal: output in chunks, complaints, a bar while it reads.

The bar is shown on stderr, only on a terminal, only where rich is installed (the extra
`enterspan[view]`), and only once reading has taken a second.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from enterspan._terminal.screen import is_terminal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from typing import BinaryIO, TextIO

    from enterspan._recording.wire import Lines

_CHUNK: Final = 512
"""How many lines are written at once."""
_PATIENCE: Final = 1.0
"""Seconds before the bar appears."""
_LINES: Final = 2_000
"""How many lines are read between two looks at the clock."""


class UnwritableError(Exception):
    """The output can't be written."""


def reason_of(error: Exception) -> str:
    """Why a file can't be read or written."""
    return getattr(error, "strerror", None) or str(error)


def say(text: str) -> None:
    """Write a line to stderr, if there is one."""
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stderr.write(f"enterspan: {text}\n")


def stdout() -> TextIO:
    """Stdout. Raises UnwritableError where it is closed."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise UnwritableError("can't write: stdout is closed")
    return sys.stdout


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to stdout. Raises UnwritableError."""
    waiting = iter(lines)
    with writing_stdout():
        while chunk := list(islice(waiting, _CHUNK)):
            stdout().write("".join([line + "\n" for line in chunk]))


def write_bytes(pieces: Iterable[bytes]) -> None:
    """Write bytes to stdout. Raises UnwritableError."""
    with writing_stdout():
        for piece in pieces:
            stdout().buffer.write(piece)


@contextmanager
def writing_stdout() -> Generator[None]:
    """A block that writes to stdout; a reader that has gone away raises BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnwritableError(f"can't write: {reason_of(error)}") from None


def flush_stdout() -> None:
    """Write what is still in the buffer. Raises UnwritableError."""
    if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
        with writing_stdout():
            sys.stdout.flush()


def close_stdout() -> None:
    """Discard what is still in the buffer: at exit, Python would fail on it once more."""
    if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# --- progress -------------------------------------------------------------------------------------


@contextmanager
def shown_progress(file: BinaryIO) -> Generator[Lines]:
    """Wrap a file, so that it is shown how far it was read."""
    size = _size_of(file)
    if not size or not is_terminal(sys.stderr):
        yield file
        return
    watched = _Watched(file, size)
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


class _Watched:
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
