"""TOML files, and the line numbers of their keys.

`tomllib` (before Python 3.11, `tomli`) reads the text and does not report lines. The line of a key
is looked up when it is needed for an error message.
"""

import re
import sys
from bisect import bisect_left
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias

Key: TypeAlias = tuple[str | int, ...]
"""The path of a value from the root: keys of tables and indexes of arrays."""

_PLACE: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_CLOSINGS: Final = ("", "\n]", "\n]}")
"""Completes a text that is cut inside a value."""


class TomlError(ValueError):
    """A TOML file is invalid; the text is one line, with the file and the line if known."""

    def __init__(self, message: str, file: str | None = None, line: int | None = None) -> None:
        place = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
        super().__init__(place + message)
        self.message = message
        """The message, without the place."""
        self.file = file
        """The file as given, or None."""
        self.line = line
        """The line, counted from 1, or None."""


class Document:
    """A TOML file; `root` is its table. Errors are of the class that the reader was given."""

    def __init__(self, file: str, text: str, error: type[TomlError]) -> None:
        self.file = file
        self._lines = text.split("\n")
        self._error = error
        try:
            self._loads = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads
        except ModuleNotFoundError:
            message = f"reading {file!r} needs tomli before Python 3.11"
            raise error(f"{message}: pip install 'enterspan[toml]'") from None
        try:
            self.root: dict[str, Any] = self._loads(text)
        except RecursionError:
            raise error("nested too deeply", file) from None
        except ValueError as cause:
            place = _PLACE.search(str(cause))
            line = int(place[1]) if place else text.rstrip().count("\n") + 1
            raise error(f"not TOML: {_PLACE.sub('', str(cause))}", file, line) from None

    def has(self, key: Key) -> bool:
        """Whether there is a value at a path."""
        return _has(self.root, key)

    def error(self, key: Key, message: str) -> TomlError:
        """Return an error for a key, with its line."""
        return self._error(message, self.file, self.line(key))

    def line(self, key: Key) -> int | None:
        """The line of a key, or of the innermost table around it; None for the root."""
        while key and not _has(self.root, key):
            key = key[:-1]
        if not key:
            return None
        counts = range(len(self._lines) + 1)
        return bisect_left(counts, True, lo=1, key=lambda count: _has(self._first(count), key))

    def _first(self, count: int) -> dict[str, Any]:
        """Parse the first lines: this many, or more if they end inside a string."""
        for length in range(count, len(self._lines)):
            for closing in _CLOSINGS:
                with suppress(ValueError):
                    return self._loads("\n".join(self._lines[:length]) + closing)  # type: ignore[no-any-return]
        return self.root


def _has(value: Any, key: Key) -> bool:
    for name in key:
        try:
            value = value[name]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def read_toml(path: Path, error: type[TomlError] = TomlError) -> Document:
    """Read a TOML file. Raises `error` if that fails."""
    file = str(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as cause:
        raise error(f"can't read {file!r}: {getattr(cause, 'strerror', None) or cause}") from None
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as cause:
        raise error("not UTF-8", file, data.count(b"\n", 0, cause.start) + 1) from None
    return Document(file, text, error)


def project_file(folder: Path) -> Path | None:
    """Find the nearest pyproject.toml, in a folder or above it."""
    files = (place / "pyproject.toml" for place in (folder, *folder.parents))
    return next((file for file in files if file.is_file()), None)
