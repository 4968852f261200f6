"""Lines for a terminal: escaping, width, glyphs and colours.

A line consists of pieces, each a text and a style. Non-printable characters are escaped, so that no
name or value can move the cursor, and width is counted in columns, not in characters.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from enterspan._model.interrupts import is_interrupt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    Piece: TypeAlias = tuple[str, str]

PLAIN: Final = ""
BOLD: Final = "1"
DIM: Final = "2"
RED: Final = "31"
BOLD_RED: Final = "1;31"
GREEN: Final = "32"
YELLOW: Final = "33"
CYAN: Final = "36"

PALETTE: Final = (CYAN, "35", "34", "32", "96", "95", "94", "92")
"""Colours that distinguish items; red and yellow have other meanings."""

GUTTER: Final = 8
"""The width of the left column: a duration, or the level of a log. `critical` just fits."""
MIN_WIDTH: Final = 20
"""The minimum width, also for narrower terminals."""
PLAIN_WIDTH: Final = 100
"""The width without a terminal: in a file, a pipe, a build log."""


class Glyphs(NamedTuple):
    """The symbols of a tree."""

    rail: str
    opening: str
    closing: str
    whole: str
    failed: str
    branch: str
    last_branch: str
    ellipsis: str
    micro: str
    quotes: tuple[str, str]


UNICODE: Final = Glyphs("│", "╭", "╰", "─", "✗", "├─", "╰─", "…", "µs", ("\u2039", "\u203a"))
ASCII: Final = Glyphs("|", "/", "\\", "-", "x", "|-", "`-", "...", "us", ("<", ">"))


_SIGNS: Final = "│╭╰├─✗…µ\u2039\u203a"


def glyphs_for(encoding: str) -> Glyphs:
    """Return the Unicode glyphs if an encoding can write all of them, else the ASCII ones."""
    try:
        _SIGNS.encode(encoding)
    except (LookupError, UnicodeError):
        return ASCII
    return UNICODE


# --- capabilities of the stream -------------------------------------------------------------------


def is_terminal(stream: Any) -> bool:
    """Whether a stream is a terminal."""
    try:
        return bool(stream.isatty())
    except Exception as error:
        if is_interrupt(error):
            raise
        return False


def wants_color(stream: Any, environ: Mapping[str, str]) -> bool:
    """Whether to use colours: on a terminal with colours, unless the environment disables them.

    NO_COLOR (https://no-color.org) and FORCE_COLOR (https://force-color.org) apply when they are
    not empty; the first takes precedence.
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and environ.get("TERM") != "dumb"


def columns_of(stream: Any, environ: Mapping[str, str]) -> int:
    """The maximum width of a line: COLUMNS, the terminal's width, or 100."""
    wanted = environ.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdigit() and int(wanted[:6]) > 0:
        return max(int(wanted[:6]), MIN_WIDTH)
    if not is_terminal(stream):
        return PLAIN_WIDTH
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except Exception as error:
        if is_interrupt(error):
            raise
        columns = 0
    return max(columns, MIN_WIDTH) if columns > 0 else 80


# --- width of characters -------------------------------------------------------------------------

_JOINERS: Final = "\u200c\u200d"
_BLANKS: Final = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
"""Printable characters that are invisible."""
_MARKS_MOST: Final = 6
"""How many zero-width marks a character may have; more would cover other lines."""
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(character: str) -> str:
    """The character itself if it is visible, else its escape."""
    if character in _BLANKS:
        return _escape(character)
    if character.isprintable() or character in _JOINERS:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return _SHORT.get(character) or _escape(character)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def visible_text(text: str) -> Iterator[str]:
    """The characters of a text, with invisible ones escaped.

    Joiners, which scripts and emoji need, are escaped after an ASCII character.
    """
    marks, before = 0, ""
    for character in text:
        shown = visible(character)
        if character < "\u0300" or shown != character:
            marks = 0
        elif not _columns(character):
            marks += 1
            if marks > _MARKS_MOST or (character in _JOINERS and before < "\u0080"):
                shown = _escape(character)
        else:
            marks = 0
        before = character
        yield shown


def safe_text(text: str) -> str:
    """Escape untrusted text to one line that is safe to print on a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(visible_text(text))


def columns_taken(text: str) -> int:
    """The width of printable text in columns: two for wide characters, none for combining ones."""
    return len(text) if text.isascii() else sum([_columns(c) for c in text])


def _columns(character: str) -> int:
    if character < "\u0300":
        return 1
    if character in _JOINERS or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    if "\u1160" <= character <= "\u11ff":
        return 0  # a Hangul vowel or final, combined with the preceding syllable
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, width: int, ellipsis: str) -> str:
    """Escape non-printable characters and cut to a width, with an ellipsis."""
    if len(text) <= width and text.isascii() and text.isprintable():
        return text
    cells, _ = _fill([(text, PLAIN)], width, ellipsis)
    return "".join([shown for shown, _, _ in cells])


def _fill(
    pieces: Iterable[Piece], width: int, ellipsis: str
) -> tuple[list[tuple[str, int, str]], int]:
    """Convert pieces to cells of text, width and style, as many as fit."""
    cells: list[tuple[str, int, str]] = []
    used = 0
    for text, style in pieces:
        for shown in visible_text(text):
            taken = columns_taken(shown)
            if used + taken > width:
                return _shorten(cells, used, width, ellipsis)
            cells.append((shown, taken, style))
            used += taken
    return cells, used


def _shorten(
    cells: list[tuple[str, int, str]], used: int, width: int, ellipsis: str
) -> tuple[list[tuple[str, int, str]], int]:
    sign = ellipsis[:width]
    while cells and used + len(sign) > width:
        used -= cells.pop()[1]
    while cells and cells[-1][0] == " ":
        used -= cells.pop()[1]
    cells.append((sign, len(sign), DIM))
    return cells, used + len(sign)


_NARROW: Final = frozenset([*map(chr, range(32, 127)), *_SIGNS])
"""Characters that are certainly printable and one column wide."""


# --- lines ----------------------------------------------------------------------------------------


class Screen(NamedTuple):
    """The properties of the output: columns, glyphs, and whether it has colours.

    `encoding` is None if every character can be written. With `whole`, no line is cut.
    """

    width: int
    glyphs: Glyphs
    color: bool
    encoding: str | None
    whole: bool = False

    def line(self, pieces: Sequence[Piece]) -> str:
        """Lay out one line, cut to the width of the screen."""
        if self.encoding is not None:
            pieces = [(_writable(text, self.encoding), style) for text, style in pieces]
        plain = "".join([text for text, _ in pieces])
        width = sys.maxsize if self.whole else self.width
        if len(plain) > width or not _NARROW.issuperset(plain):
            cells, _ = _fill(pieces, width, self.glyphs.ellipsis)
            pieces = [(text, style) for text, _, style in cells]
        if self.color:
            return "".join([painted(*piece) for piece in _merged(pieces)]).rstrip(" ")
        return "".join([text for text, _ in pieces]).rstrip(" ")


def screen_for(stream: Any, color: bool | None = None, width: int | None = None) -> Screen:
    """Determine the properties of a stream; given ones are not looked up."""
    encoding = getattr(stream, "encoding", None)
    encoding = encoding if isinstance(encoding, str) else "utf-8"
    return Screen(
        columns_of(stream, os.environ) if width is None else width,
        glyphs_for(encoding),
        wants_color(stream, os.environ) if color is None else color,
        None if encoding.lower().startswith("utf") else encoding,
    )


def _writable(text: str, encoding: str) -> str:
    """Replace characters that an encoding lacks."""
    if text.isascii():
        return text
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except (LookupError, UnicodeError):
        return text.encode("ascii", "backslashreplace").decode("ascii")


def painted(text: str, style: str) -> str:
    """Wrap text in the escape sequences of a style."""
    return f"\x1b[{style}m{text}\x1b[0m" if style and text else text


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for text, style in pieces:
        if merged and merged[-1][1] == style:
            merged[-1] = (merged[-1][0] + text, style)
        else:
            merged.append((text, style))
    return merged
