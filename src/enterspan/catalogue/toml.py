"""TOML with line numbers: the standard library's reader does not say where a value stood.

The text is read by `tomllib` (on Python 3.10 by `tomli`, the same code). Only when something in it
has to be complained of is it looked through once more, for the lines of its keys. By then it is
known to be valid, so that search need not be strict.
"""

from __future__ import annotations

import importlib
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from enterspan.catalogue.errors import CatalogueError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TypeAlias

    Key: TypeAlias = tuple["str | int", ...]

_PLACE: Final = re.compile(r" \(at line (\d+), column \d+\)$")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


class Document:
    """A TOML file that was read: `root` is its table."""

    def __init__(self, file: str, text: str, root: dict[str, Any]) -> None:
        self.file = file
        self.root = root
        self._text = text
        self._lines: dict[Key, int] | None = None

    def line(self, key: Key) -> int | None:
        """The line of a key, given from the root down, or of the innermost table around it."""
        if self._lines is None:
            self._lines = _Finder(self._text, self.file).lines()
        while key:
            if key in self._lines:
                return self._lines[key]
            key = key[:-1]
        return None

    def error(self, key: Key, message: str) -> CatalogueError:
        """What is wrong with a key."""
        return CatalogueError(message, self.file, self.line(key))


def read_document(path: Path) -> Document:
    """Read a TOML file. Raises CatalogueError where that is impossible."""
    file = str(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CatalogueError(f"can't read {file!r}: {reason}") from None
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CatalogueError("not UTF-8", file, line) from None
    return Document(file, text, _loads(text, file))


def _loads(text: str, file: str) -> dict[str, Any]:
    try:
        root: dict[str, Any] = _reader(file).loads(text)
    except RecursionError:
        raise CatalogueError("nested too deeply", file) from None
    except ValueError as error:
        said = str(error)
        place = _PLACE.search(said)
        line = int(place[1]) if place else text.rstrip().count("\n") + 1
        raise CatalogueError(f"not TOML: {_PLACE.sub('', said)}", file, line) from None
    return root


def _reader(file: str) -> Any:
    if sys.version_info >= (3, 11):
        return importlib.import_module("tomllib")
    try:
        return importlib.import_module("tomli")
    except ModuleNotFoundError:
        raise CatalogueError(
            f"to read {file!r}, Python 3.10 needs tomli: pip install 'enterspan[catalogue]'"
        ) from None


def quoted(text: str, *, ascii_only: bool = False) -> str:
    """Text as a TOML basic string."""
    return '"' + "".join([_escaped(character, ascii_only) for character in text]) + '"'


def key_text(name: str, *, ascii_only: bool = False) -> str:
    """A key, bare where TOML lets it be."""
    return name if _BARE.fullmatch(name) else quoted(name, ascii_only=ascii_only)


def _escaped(character: str, ascii_only: bool) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if (character.isascii() if ascii_only else True) and character.isprintable():
        return character
    point = ord(character)
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


# --- lines ----------------------------------------------------------------------------------------

_SPACE: Final = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}#\n]+")


class _Finder:
    """Goes through a valid TOML text and notes on which line each key stands."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._read = _reader(file).loads
        self._at = 0
        self._line = 1
        self._found: dict[Key, int] = {}
        self._counts: dict[Key, int] = {}

    def lines(self) -> dict[Key, int]:
        """The line of every key, by its path from the root."""
        table: Key = ()
        self._take(_SPACE)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._take(_SPACE)
        return self._found

    def _header(self) -> Key:
        repeated = self._text.startswith("[[", self._at)
        self._at += 2 if repeated else 1
        line = self._line
        key = self._resolved(self._key())
        self._at += 2 if repeated else 1
        if repeated:
            self._note(key, line)
            count = self._counts.get(key, 0)
            self._counts[key] = count + 1
            key = (*key, count)
        self._note(key, line)
        return key

    def _resolved(self, names: tuple[str, ...]) -> Key:
        """A header's path: below an array of tables it means the last of them."""
        key: Key = ()
        for name in names[:-1]:
            key = (*key, name)
            if key in self._counts:
                key = (*key, self._counts[key] - 1)
        return (*key, names[-1])

    def _pair(self, table: Key) -> None:
        line = self._line
        key = (*table, *self._key())
        for length in range(len(table) + 1, len(key) + 1):
            self._note(key[:length], line)
        self._at += 1  # the equals sign
        self._value(key)

    def _key(self) -> tuple[str, ...]:
        names: list[str] = []
        while True:
            self._take(_SPACE)
            raw = self._take(_STRING) or self._take(_BARE)
            if not raw:
                raise AssertionError("no key where the reader has found one")
            names.append(next(iter(self._read(f"{raw} = 0"))))
            self._take(_SPACE)
            if self._text[self._at] != ".":
                return tuple(names)
            self._at += 1

    def _value(self, key: Key) -> None:
        self._take(_SPACE)
        opening = self._text[self._at]
        if opening in "[{":
            self._items(key, opening == "[")
        elif not self._take(_STRING):
            self._take(_SCALAR)

    def _items(self, key: Key, is_array: bool) -> None:
        self._at += 1
        count = 0
        while True:
            self._take(_SPACE)
            if self._text[self._at] in "]}":
                self._at += 1
                return
            if self._text[self._at] == ",":
                self._at += 1
            elif is_array:
                self._note((*key, count), self._line)
                self._value((*key, count))
                count += 1
            else:
                self._pair(key)

    def _note(self, key: Key, line: int) -> None:
        self._found.setdefault(key, line)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        self._line += match[0].count("\n")
        return match[0]
