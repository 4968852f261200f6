"""Formats durations, values, outcomes and errors, as texts and pieces."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, cast

from enterspan._terminal.screen import (
    BOLD_RED,
    CYAN,
    DIM,
    GREEN,
    GUTTER,
    PLAIN,
    RED,
    YELLOW,
    clip,
    columns_taken,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from enterspan._terminal.screen import Glyphs, Piece

_VALUE_WIDTH: Final = 60
"""The maximum width of a value, so that one does not fill the line."""
_SHOWN_ITEMS: Final = 32
"""The maximum number of shown list items."""

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
    """The colour of a duration: long ones stand out, short ones are dim."""
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
    return RED if status >= SERVER_ERROR else YELLOW


def gutter(text: str, style: str, glyphs: Glyphs) -> list[Piece]:
    """The left column, with right-aligned text."""
    shown = clip(text, GUTTER, glyphs.ellipsis)
    return [(" " * (GUTTER - columns_taken(shown)), PLAIN), (shown, style)]


def attribute_pieces(
    attributes: Iterable[tuple[str, Any]], glyphs: Glyphs, *, whole: bool = False
) -> list[Piece]:
    """Write attributes as `key=value`, each after two spaces; long ones are cut unless `whole`."""
    pieces: list[Piece] = []
    most = sys.maxsize if whole else _VALUE_WIDTH
    items = sys.maxsize if whole else _SHOWN_ITEMS
    for key, value in attributes:
        pieces.append(("  ", PLAIN))
        pieces.append((clip(key, most, glyphs.ellipsis) + "=", DIM))
        pieces.append((clip(value_text(value, items), most, glyphs.ellipsis), PLAIN))
    return pieces


def value_text(value: Any, most: int = _SHOWN_ITEMS) -> str:
    """An attribute's value: text is quoted only if it would be ambiguous."""
    if isinstance(value, str):
        return value if _is_bare(value) else '"' + value.replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        items = cast("Sequence[Any]", value)
        shown = [value_text(item, most) for item in items[:most]]
        more = ["..."] if len(items) > most else []
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


def error_text(name: str, message: str) -> str:
    """`ValueError: bad`; only the name if there is no message."""
    return f"{name}: {message}" if message else name


def undelivered_text(count: int) -> str:
    """The text for dropped events."""
    return counted(count, "event") + " could not be delivered"


def totals(spans: int, failed: int, cpu_ns: int | None, glyphs: Glyphs) -> list[str]:
    """The totals of an invocation: `4 spans`, `1 failed`, `cpu 1.50 ms`."""
    words = [counted(spans, "span")] if spans > 1 else []
    words += [f"{failed} failed"] if failed and spans > 1 else []
    if cpu_ns is not None:
        words.append("cpu " + duration_text(cpu_ns, glyphs).strip())
    return words


def said_of_request(name: str, status: Any) -> set[tuple[str, Any]]:
    """The attributes of a request that its line already shows: method, route and status."""
    method, _, route = name.partition(" ")
    return {
        ("http.request.method", method),
        ("http.method", method),
        ("http.route", route),
        ("http.route", name.rpartition(" ")[2]),
        ("http.response.status_code", status),
        ("http.status_code", status),
    }


SERVER_ERROR: Final = 500
"""The lowest status of a server failure."""


def clock_text(moment_ns: int) -> str:
    """A time as the local time of day: `14:03:09.250`."""
    try:
        moment = datetime.fromtimestamp(moment_ns // 1_000_000_000, timezone.utc).astimezone()
    except (OverflowError, ValueError, OSError):  # centuries from now
        return "?"
    return f"{moment:%H:%M:%S}.{moment_ns // 1_000_000 % 1000:03}"


def spaced(words: Iterable[Piece]) -> list[Piece]:
    """Join words, each after two spaces; empty ones are left out."""
    return [piece for word in words if word[0] for piece in (("  ", PLAIN), word)]


def levels_shown(width: int, margin: int, columns: int) -> int:
    """How many levels of a tree are drawn; half the width is reserved for names."""
    return max((width - margin) // 2 // columns, 2)


def counted(number: int, noun: str) -> str:
    """`1 span`, `2 spans`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def info_text(info: Any, name: str) -> str:
    """Describe an invocation from the wire form of its info; empty if its name says the same."""
    wire = cast("dict[str, Any]", info) if isinstance(info, dict) else {}
    about = _INFOS.get(str(wire.get("type")))
    if about is None:
        return ""
    words = [str(wire[key]) for key in about if wire.get(key) is not None]
    if (words and words[-1] == name) or " ".join(words) in name:
        words = []
    return " ".join([str(wire["type"]), *words]) if words or wire["type"] != "custom" else ""


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
