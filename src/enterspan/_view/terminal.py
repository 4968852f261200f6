"""The commands' output: written in chunks, with a progress bar while reading.

The bar is shown on stderr if that is a terminal, rich is installed (the extra `enterspan[view]`),
and reading has taken a second.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from enterspan._terminal.screen import is_terminal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from typing import TextIO, TypeVar

    from enterspan._recording.source import Inputs

    _T = TypeVar("_T")

_CHUNK: Final = 512
"""The number of lines per write."""
_PATIENCE: Final = 1.0
"""Seconds before the bar appears."""
_LINES: Final = 2_000
"""How many lines are read between two checks of the clock."""


class UnwritableError(Exception):
    """The output can't be written."""


def reason_of(error: Exception) -> str:
    """The reason why a file can't be read or written."""
    return getattr(error, "strerror", None) or str(error)


def stdout() -> TextIO:
    """Return stdout. Raises UnwritableError if it is closed."""
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
            if is_terminal(stdout()):
                stdout().write(_JSON_UNSAFE.sub(_json_escape, piece.decode("utf-8", "replace")))
            else:
                stdout().buffer.write(piece)


_JSON_UNSAFE: Final = re.compile("[^\n -~\u00a1-\u00ac\u00ae-\u02ff\u0370-\u057f]")


def _json_escape(found: re.Match[str]) -> str:
    """Escape a character of a JSON text, unless it is certainly harmless."""
    character = found[0]
    if unicodedata.category(character)[0] in "LNPS":
        return character
    return json.dumps(character)[1:-1]


@contextmanager
def writing_stdout() -> Generator[None]:
    """A block that writes to stdout; raises BrokenPipeError if the reader has closed the pipe."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnwritableError(f"can't write: {reason_of(error)}") from None


def flush_stdout() -> None:
    """Flush the buffer. Raises UnwritableError."""
    if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
        with writing_stdout():
            sys.stdout.flush()


def close_stdout() -> None:
    """Discard the buffer, on which Python would fail again at exit."""
    if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# --- progress -------------------------------------------------------------------------------------


def watched(items: Iterable[_T], inputs: Inputs) -> Iterator[_T]:
    """Pass lines through, and show the progress."""
    size = inputs.size
    if not size or not is_terminal(sys.stderr):
        yield from items
        return
    bar, begun, count = _Bar(size), monotonic(), 0
    try:
        for item in items:
            yield item
            count += 1
            if count % _LINES == 0 and monotonic() - begun >= _PATIENCE:
                bar.show(inputs.position)
    finally:
        bar.stop()


class _Bar:
    """A progress bar, shown after a delay; never without rich."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._progress: Any = None
        self._task: Any = None
        self._is_possible = True

    def show(self, position: int) -> None:
        """Show the progress."""
        if self._progress is None and self._is_possible:
            self._begin(position)
        if self._progress is not None:
            self._progress.update(self._task, completed=position)

    def stop(self) -> None:
        """Remove the bar."""
        if self._progress is not None:
            self._progress.stop()

    def _begin(self, position: int) -> None:
        try:
            rich, console = import_module("rich.progress"), import_module("rich.console")
        except ImportError:
            self._is_possible = False
            return
        columns = (
            rich.TextColumn("reading"),
            rich.BarColumn(),
            rich.DownloadColumn(),
            rich.TimeRemainingColumn(),
        )
        self._progress = rich.Progress(
            *columns, console=console.Console(stderr=True), transient=True
        )
        self._task = self._progress.add_task("", total=self._size, completed=position)
        self._progress.start()
