"""Text on a terminal: what is safe to print, what fits, in which glyphs and colours.

A line is made of pieces, each a text and a style. Nothing that a program put into a name or a value
reaches the terminal as it is: what is not printable is written as an escape, so that no name can
move the cursor, and width is counted in columns, not in characters.
"""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING, Any, Final, cast

from enterspan._model.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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

GUTTER: Final = 8
"""Columns at the left of each line: a duration, or the level of a log. `critical` just fits."""
MIN_WIDTH: Final = 20
"""With fewer columns there is nothing to be read; such a terminal gets lines of this width."""
PLAIN_WIDTH: Final = 100
"""The width of what is no terminal: a file, a pipe, the log of a build."""
_VALUE_WIDTH: Final = 60
"""One long value must not push all the others out of the line."""
_SHOWN_ITEMS: Final = 32
"""Of a list, no more than could fit."""


@frozen
class Glyphs:
    """The signs that a tree is drawn with."""

    rail: str
    opening: str
    closing: str
    failed: str
    branch: str
    last_branch: str
    ellipsis: str
    micro: str
    quotes: tuple[str, str]


UNICODE: Final = Glyphs("│", "╭", "╰", "✗", "├─", "╰─", "…", "µs", ("\u2039", "\u203a"))
ASCII: Final = Glyphs("|", "/", "\\", "x", "|-", "`-", "...", "us", ("<", ">"))


_SIGNS: Final = "│╭╰├─✗…µ\u2039\u203a"


def glyphs_for(encoding: str) -> Glyphs:
    """Return the glyphs that an encoding can write: all of them or none."""
    try:
        _SIGNS.encode(encoding)
    except (LookupError, UnicodeError):
        return ASCII
    return UNICODE


# --- what the stream can do -----------------------------------------------------------------------


def is_terminal(stream: Any) -> bool:
    """Whether a person looks at this stream."""
    try:
        return bool(stream.isatty())
    except Exception:
        return False


def wants_color(stream: Any, environ: Mapping[str, str]) -> bool:
    """Whether to write colours: to a terminal that knows them, unless the environment objects.

    NO_COLOR (https://no-color.org) and FORCE_COLOR (https://force-color.org) count when they are
    not empty; the first wins over the second.
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and environ.get("TERM") != "dumb"


def columns_of(stream: Any, environ: Mapping[str, str]) -> int:
    """How many columns a line may have: COLUMNS, the terminal's width, or a plain 100."""
    wanted = environ.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdigit() and int(wanted[:6]) > 0:
        return max(int(wanted[:6]), MIN_WIDTH)
    if not is_terminal(stream):
        return PLAIN_WIDTH
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except Exception:
        columns = 0
    return max(columns, MIN_WIDTH) if columns > 0 else 80


# --- what characters take -------------------------------------------------------------------------

_JOINERS: Final = "\u200c\u200d"
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(character: str) -> str:
    """The character itself if it is printable, else an escape that shows which one it is."""
    if character.isprintable() or character in _JOINERS:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return _SHORT.get(character) or character.encode("unicode_escape").decode("ascii")


def columns_taken(text: str) -> int:
    """How many columns printable text takes: two for wide characters, none for combining ones."""
    return len(text) if text.isascii() else sum([_columns(c) for c in text])


def _columns(character: str) -> int:
    if character < "\u0300":
        return 1
    if character in _JOINERS or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    if "\u1160" <= character <= "\u11ff":
        return 0  # a Hangul vowel or final: drawn into the syllable before it
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, width: int, ellipsis: str) -> str:
    """Escape what is not printable and cut to so many columns, with an ellipsis if it is cut."""
    if len(text) <= width and text.isascii() and text.isprintable():
        return text
    cells, _ = _fill([(text, PLAIN)], width, ellipsis)
    return "".join([shown for shown, _, _ in cells])


def _fill(
    pieces: Iterable[Piece], width: int, ellipsis: str
) -> tuple[list[tuple[str, int, str]], int]:
    """Put pieces into cells of text, columns and style, as far as the width reaches."""
    cells: list[tuple[str, int, str]] = []
    used = 0
    for text, style in pieces:
        for character in text:
            shown = visible(character)
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
"""Characters that are printable and take one column, for certain."""


# --- lines ----------------------------------------------------------------------------------------


@frozen
class Screen:
    """What there is to write on: its columns, its glyphs, and whether it knows colours.

    `encoding` is None where every character can be written.
    """

    width: int
    glyphs: Glyphs
    color: bool
    encoding: str | None

    def line(self, pieces: Sequence[Piece]) -> str:
        """Lay out one line, which is never wider than the screen."""
        if self.encoding is not None:
            pieces = [(_writable(text, self.encoding), style) for text, style in pieces]
        plain = "".join([text for text, _ in pieces])
        if len(plain) > self.width or not _NARROW.issuperset(plain):
            cells, _ = _fill(pieces, self.width, self.glyphs.ellipsis)
            pieces = [(text, style) for text, _, style in cells]
        if self.color:
            return "".join([painted(*piece) for piece in _merged(pieces)]).rstrip(" ")
        return "".join([text for text, _ in pieces]).rstrip(" ")


def screen_for(stream: Any, color: bool | None = None, width: int | None = None) -> Screen:
    """Look at a stream and its environment; what is given here is not looked up."""
    encoding = getattr(stream, "encoding", None)
    encoding = encoding if isinstance(encoding, str) else "utf-8"
    return Screen(
        columns_of(stream, os.environ) if width is None else width,
        glyphs_for(encoding),
        wants_color(stream, os.environ) if color is None else color,
        None if encoding.lower().startswith("utf") else encoding,
    )


def _writable(text: str, encoding: str) -> str:
    """Replace what an encoding has no character for."""
    if text.isascii():
        return text
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except (LookupError, UnicodeError):
        return text.encode("ascii", "backslashreplace").decode("ascii")


def painted(text: str, style: str) -> str:
    """Wrap text into the escape sequences of a style."""
    return f"\x1b[{style}m{text}\x1b[0m" if style and text else text


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for text, style in pieces:
        if merged and merged[-1][1] == style:
            merged[-1] = (merged[-1][0] + text, style)
        else:
            merged.append((text, style))
    return merged


# --- what a line says -----------------------------------------------------------------------------

_UNITS: Final = (("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000))
_SECOND: Final = 1_000_000_000
_SLOW: Final = 100_000_000
_QUICK: Final = 1_000_000


def duration_text(nanoseconds: int, glyphs: Glyphs) -> str:
    """Three digits and a unit, in a column: ` 843 ns`, `3.21 ms`, `12.4 s `, ` 2m 05s`."""
    nanoseconds = max(nanoseconds, 0)
    for unit, size in _UNITS:
        number = nanoseconds / size
        if number < (59.95 if unit == "s" else 999.5):
            sign = glyphs.micro if unit == "us" else unit
            return f"{_three_digits(number, unit):>4} {sign:<2}"
    seconds = (nanoseconds + _SECOND // 2) // _SECOND
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes}m {seconds:02}s".rjust(7)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes:02}m".rjust(7)
    return f"{hours // 24}d {hours % 24:02}h".rjust(7)


def _three_digits(number: float, unit: str) -> str:
    if unit == "ns" or number >= 99.95:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 9.995 else f"{number:.2f}"


def duration_style(nanoseconds: int) -> str:
    """What takes long is seen at a glance, what takes nothing steps back."""
    if nanoseconds >= _SLOW:
        return YELLOW
    return DIM if nanoseconds < _QUICK else PLAIN


def level_style(level: str) -> str:
    """The colour of a log level."""
    if level in ("error", "critical", "fatal"):
        return RED
    if level in ("warning", "warn"):
        return YELLOW
    return DIM if level in ("debug", "trace", "notset") else CYAN


def outcome_style(outcome: str) -> str:
    """The colour of an outcome."""
    return {"ok": GREEN, "exception": BOLD_RED}.get(outcome, YELLOW)


def status_style(status: Any) -> str:
    """The colour of an HTTP status."""
    if type(status) is not int or status < 400:
        return GREEN
    return RED if status >= 500 else YELLOW


def gutter(text: str, style: str, glyphs: Glyphs) -> list[Piece]:
    """The column at the left, text at its right edge."""
    shown = clip(text, GUTTER, glyphs.ellipsis)
    return [(" " * (GUTTER - columns_taken(shown)), PLAIN), (shown, style)]


def attribute_pieces(attributes: Iterable[tuple[str, Any]], glyphs: Glyphs) -> list[Piece]:
    """Write attributes as `key=value`, each after two spaces."""
    pieces: list[Piece] = []
    for key, value in attributes:
        pieces.append(("  ", PLAIN))
        pieces.append((clip(key, _VALUE_WIDTH, glyphs.ellipsis) + "=", DIM))
        pieces.append((clip(value_text(value), _VALUE_WIDTH, glyphs.ellipsis), PLAIN))
    return pieces


def value_text(value: Any) -> str:
    """An attribute's value: text stands bare where that can't be misread, else in quotes."""
    if isinstance(value, str):
        return value if _is_bare(value) else '"' + value.replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        items = cast("Sequence[Any]", value)
        shown = [value_text(item) for item in items[:_SHOWN_ITEMS]]
        more = ["..."] if len(items) > _SHOWN_ITEMS else []
        return "[" + ", ".join(shown + more) + "]"
    return str(value)


_MISLEADING: Final = frozenset(" \t\n\r\"',=[]{}")


def _is_bare(text: str) -> bool:
    if not text or text in ("True", "False", "None") or not _MISLEADING.isdisjoint(text):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def counted(number: int, noun: str) -> str:
    """`1 span`, `2 spans`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def info_text(info: Any, name: str) -> str:
    """What an invocation is about, from the wire form of its info; nothing if its name says it."""
    told = cast("dict[str, Any]", info) if isinstance(info, dict) else {}
    about = _INFOS.get(str(told.get("type")))
    if about is None:
        return ""
    words = [str(told[key]) for key in about if told.get(key) is not None]
    if (words and words[-1] == name) or " ".join(words) in name:
        words = []
    return " ".join([str(told["type"]), *words]) if words or told["type"] != "custom" else ""


_INFOS: Final[dict[str, tuple[str, ...]]] = {
    "fetch": ("method", "url"),
    "connect": (),
    "rpc": ("method",),
    "scheduled": ("cron", "scheduledTime"),
    "alarm": ("scheduledTime",),
    "queue": ("queueName", "batchSize"),
    "email": ("mailFrom", "rcptTo"),
    "trace": (),
    "webSocket": ("kind", "code"),
    "test": ("name",),
    "custom": ("name",),
}
