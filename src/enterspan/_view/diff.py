"""The command `enterspan diff`: compares two recordings by names and paths."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

from enterspan._recording.assemble import Stream
from enterspan._recording.profile import Figures, Profile
from enterspan._recording.select import nanoseconds_of
from enterspan._recording.source import Inputs, UnreadableError, name_of
from enterspan._terminal.say import say
from enterspan._terminal.screen import (
    BOLD,
    DIM,
    GREEN,
    PLAIN,
    RED,
    UNICODE,
    YELLOW,
    is_terminal,
    screen_for,
)
from enterspan._terminal.text import counted, duration_text
from enterspan._view.command import guarded
from enterspan._view.output import refuse_inputs, replaced_file
from enterspan._view.terminal import reason_of, stdout, watched, write_lines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from enterspan._terminal.screen import Glyphs, Piece, Screen

_THRESHOLD: Final = 20.0
_MIN_CHANGE_NS: Final = 100_000
"""Smaller changes are noise."""
_STYLES: Final = {
    "failing": RED,
    "slower": RED,
    "new": YELLOW,
    "gone": YELLOW,
    "faster": GREEN,
    "same": DIM,
}
"""The kinds of changes, in the order in which they are listed, and their styles."""
WORSE: Final = frozenset({"failing", "slower"})


def add_parser(commands: Any, summary: str) -> None:
    """Add the command to those of `enterspan`."""
    parser = commands.add_parser(
        "diff",
        help=summary,
        description="Compare two recordings by the names of spans: what is new, gone, slower, "
        "faster or failing. Exits with 1 if anything is slower or failing, with 2 for an error.",
        usage="enterspan diff BEFORE AFTER [OPTION ...]",
        epilog="A name is slower if its p50 or p95 grew by the threshold, and by 100us or more; "
        "failing if a larger part of its spans failed.",
        allow_abbrev=False,
    )
    parser.add_argument("before", metavar="BEFORE", help="a recorded trace, also .gz")
    parser.add_argument("after", metavar="AFTER", help="the recorded trace to compare with it")
    parser.add_argument(
        "--threshold",
        metavar="PERCENT",
        default="20%",
        help="report changes of at least PERCENT (default 20%%)",
    )
    parser.add_argument(
        "--min-change", metavar="TIME", help="report changes of at least TIME (default 100us)"
    )
    parser.add_argument("--full", action="store_true", help="also list unchanged names")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="text (default) or json"
    )
    parser.add_argument("--html", metavar="FILE", help="write an HTML page to FILE")


def run(options: argparse.Namespace) -> int:
    """Run the command, and return the exit code."""
    with guarded() as outcome:
        rules = _Rules(
            _percent_of(options.threshold),
            _MIN_CHANGE_NS if options.min_change is None else nanoseconds_of(options.min_change),
        )
        if options.before == options.after == "-":
            raise ValueError("BEFORE and AFTER can't both be stdin")
        if options.html is not None and options.format == "json":
            raise ValueError("--html and --format json are two forms of output: choose one")
        before, after = _profile_of(options.before), _profile_of(options.after)
        comparison = Comparison(before, after, rules)
        if options.html is not None:
            _write_page(comparison, options)
        elif options.format == "json":
            write_lines([json.dumps(comparison.to_dict(), indent=2)])
        else:
            screen = screen_for(stdout())
            screen = screen._replace(whole=options.full or not is_terminal(stdout()))
            write_lines(comparison.lines(screen, full=options.full))
        if comparison.is_worse:
            outcome.code = 1
    return outcome.code


def _percent_of(text: str) -> float:
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent < 1e6:
        raise ValueError(f"--threshold {text!r} is not a percentage: write 20 or 20%")
    return percent


def _profile_of(path: str) -> Profile:
    profile = Profile()
    with Inputs([path], twice=True) as inputs:
        stream = Stream(inputs.ids_with_lines(), events=False)
        for span in stream.spans(watched(inputs.parsed(), inputs)):
            profile.add(span)
        if inputs.failures:
            raise UnreadableError(inputs.failures)
        for complaint in inputs.complaints():
            say(complaint)
    profile.finish()
    if profile.unfinished:
        spans = counted(profile.unfinished, "span")
        say(f"{name_of(path)}: {spans} had not ended, and can't be counted")
    return profile


# --- the comparison -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rules:
    """The thresholds for slower and faster: in percent, and in nanoseconds."""

    percent: float
    least_ns: int

    def way(self, before_ns: int, after_ns: int) -> int:
        """1 for longer, -1 for shorter, 0 for the same."""
        change = after_ns - before_ns
        if not change or abs(change) < self.least_ns:
            return 0
        if abs(change) * 100 < self.percent * before_ns:
            return 0
        return 1 if change > 0 else -1


@dataclass(frozen=True, slots=True)
class Row:
    """A name or a path, its change, and its figures; None if it is absent."""

    path: tuple[str, ...]
    change: str
    before: Figures | None
    after: Figures | None

    @property
    def weight(self) -> int:
        """The change of its total."""
        totals = [0 if f is None else f.durations.total_ns for f in (self.before, self.after)]
        return abs(totals[1] - totals[0])


class Comparison:
    """The comparison of two profiles, by names and by paths."""

    def __init__(self, before: Profile, after: Profile, rules: _Rules) -> None:
        self._rules = rules
        one, other = before.names(), after.names()
        self.names = self._rows(
            {(n,): f for n, f in one.items()}, {(n,): f for n, f in other.items()}
        )
        self.paths = self._rows(_finished(before.paths()), _finished(after.paths()))

    @property
    def is_worse(self) -> bool:
        """Whether anything is slower or failing."""
        return any(row.change in WORSE for row in (*self.names, *self.paths))

    def _rows(
        self, before: dict[tuple[str, ...], Figures], after: dict[tuple[str, ...], Figures]
    ) -> list[Row]:
        keys = [*after, *[key for key in before if key not in after]]
        rows = [
            Row(k, self._change(before.get(k), after.get(k)), before.get(k), after.get(k))
            for k in keys
        ]
        order = list(_STYLES)
        return sorted(rows, key=lambda row: (order.index(row.change), -row.weight, row.path))

    def _change(self, before: Figures | None, after: Figures | None) -> str:
        if before is None or not before.durations.count:
            return "new"
        if after is None or not after.durations.count:
            return "gone"
        if after.failed * before.durations.count > before.failed * after.durations.count:
            return "failing"
        ways = [
            self._rules.way(before.durations.percentile_ns(p), after.durations.percentile_ns(p))
            for p in (50, 95)
        ]
        if 1 in ways:
            return "slower"
        return "faster" if -1 in ways else "same"

    # --- forms of output ----------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The comparison for JSON; times are in nanoseconds."""
        return {
            "thresholdPercent": self._rules.percent,
            "minChangeNs": self._rules.least_ns,
            "worse": self.is_worse,
            "names": [{"name": row.path[0], **_row_dict(row)} for row in self.names],
            "paths": [{"path": list(row.path), **_row_dict(row)} for row in self.paths],
        }

    def lines(self, screen: Screen, *, full: bool) -> Iterator[str]:
        """The comparison as a table; `full` also lists unchanged names."""
        shown = False
        for title, rows in (("name", self.names), ("path", self._inner_paths())):
            listed = [row for row in rows if full or row.change != "same"]
            if listed:
                if shown:
                    yield ""
                yield screen.line([(_HEAD + title, DIM)])
                yield from [screen.line(_pieces(row, screen.glyphs)) for row in listed]
                shown = True
        same = sum([row.change == "same" for row in self.names])
        if same and not full:
            yield screen.line([(f"{counted(same, 'name')} the same", DIM)])

    def _inner_paths(self) -> list[Row]:
        """The paths of names that occur in several places."""
        places: dict[str, int] = {}
        for row in self.paths:
            places[row.path[-1]] = places.get(row.path[-1], 0) + 1
        return [row for row in self.paths if places[row.path[-1]] > 1]

    def page(self, title: str) -> str:
        """The comparison as an HTML page without scripts."""
        tables = "".join(
            f"<h2>By {word}</h2>{_table(rows)}"
            for word, rows in (("name", self.names), ("path", self._inner_paths()))
            if rows
        )
        return _PAGE.format(title=escape(title), style=_STYLE, tables=tables)


def _finished(
    paths: Iterable[tuple[tuple[str, ...], Figures]],
) -> dict[tuple[str, ...], Figures]:
    return {path: figures for path, figures in paths if figures.durations.count}


def _figures(figures: Figures) -> tuple[int, int, int, int]:
    """Total, self time, p50 and p95 in nanoseconds."""
    durations = figures.durations
    return (
        durations.total_ns,
        figures.self_ns,
        durations.percentile_ns(50),
        durations.percentile_ns(95),
    )


def _row_dict(row: Row) -> dict[str, Any]:
    return {
        "change": row.change,
        "before": None if row.before is None else _figures_dict(row.before),
        "after": None if row.after is None else _figures_dict(row.after),
    }


def _figures_dict(figures: Figures) -> dict[str, int]:
    names = ("totalNs", "selfNs", "p50Ns", "p95Ns")
    return {
        "count": figures.durations.count,
        "failed": figures.failed,
        **dict(zip(names, _figures(figures), strict=True)),
    }


_COUNT: Final = 17
_CELL: Final = 19
_HEAD: Final = (
    "change "
    + "count".rjust(_COUNT)
    + "".join([word.rjust(_CELL) for word in ("total", "self", "p50", "p95")])
    + "failed".rjust(12)
    + "  "
)


def _pieces(row: Row, glyphs: Glyphs) -> list[Piece]:
    """Each figure before and after."""
    style = _STYLES[row.change]
    cells = [text.rjust(width) for text, width in zip(_cells(row, glyphs), _WIDTHS, strict=True)]
    return [
        (f"{row.change:<7}", style),
        ("".join(cells), PLAIN),
        ("  ", PLAIN),
        (" > ".join(row.path), BOLD if row.change != "same" else PLAIN),
    ]


_WIDTHS: Final = (_COUNT, _CELL, _CELL, _CELL, _CELL, 12)


def _cells(row: Row, glyphs: Glyphs) -> list[str]:
    arrow = " \u2192 " if glyphs == UNICODE else " > "
    sides = [row.before, row.after]

    def both(texts: Sequence[str]) -> str:
        known = [text for text in texts if text]
        return known[0] if len(set(known)) == 1 and len(known) == 2 else arrow.join(known)

    counts = both([f"{s.durations.count:,}" if s else "" for s in sides])
    times = [
        both([duration_text(_figures(s)[at], glyphs).strip() if s else "" for s in sides])
        for at in range(4)
    ]
    failed = both([f"{s.failed:,}" if s else "" for s in sides])
    return [counts, *times, "" if failed == "0" else failed]


# --- the page -------------------------------------------------------------------------------------


def _write_page(comparison: Comparison, options: argparse.Namespace) -> None:
    title = f"{name_of(options.before)} \u2192 {name_of(options.after)}"
    refuse_inputs(options.html, (options.before, options.after))
    try:
        with replaced_file(options.html) as file:
            file.write(comparison.page(title).encode("utf-8", "replace"))
    except OSError as error:
        raise ValueError(f"can't write {options.html!r}: {reason_of(error)}") from None


def _table(rows: Sequence[Row]) -> str:
    heads = ("change", "name", "count", "total", "self", "p50", "p95", "failed")
    head = "".join([f"<th>{word}</th>" for word in heads])
    body = "".join([_table_row(row) for row in rows])
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _table_row(row: Row) -> str:
    cells = "".join([f"<td>{escape(text)}</td>" for text in _cells(row, UNICODE)])
    name = " \u203a ".join([escape(name) for name in row.path])
    return f'<tr class="{row.change}"><td><b>{row.change}</b></td><th>{name}</th>{cells}</tr>'


_STYLE: Final = """
:root{color-scheme:light dark}
body{font:14px/1.5 system-ui,sans-serif;margin:0 auto;padding:16px;max-width:1300px}
h1{font-size:18px;overflow-wrap:anywhere} h2{font-size:14px;margin-top:28px}
div{overflow-x:auto} table{border-collapse:collapse;width:100%}
td,th{padding:4px 10px;text-align:right;white-space:nowrap;border-top:1px solid #8884;
font-weight:400;font-variant-numeric:tabular-nums}
tbody th{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:12em;font-weight:600}
td:first-child,th:first-child,thead th:nth-child(2){text-align:left}
thead th{border:0;opacity:.7}
.slower b,.failing b{color:#d1343f} .faster b{color:#1d8f54} .new b,.gone b{color:#b46a00}
.same{opacity:.6}
""".replace("\n", "")
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="icon" href="data:,"><title>{title} \u00b7 enterspan</title>'
    "<style>{style}</style></head><body><h1>{title}</h1>{tables}</body></html>\n"
)
