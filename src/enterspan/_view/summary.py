"""A table of a file's spans: for each name how often, how long in all, and how long it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from enterspan._terminal.screen import (
    BOLD,
    DIM,
    PLAIN,
    columns_taken,
    duration_style,
    duration_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan._recording.traces import SpanNode
    from enterspan._terminal.screen import Piece, Screen

_MOST_NAMES: Final = 10_000
"""With more names than this there are ids in them; the spans of all others share a line."""
_HEADINGS: Final = ("count", "total", "p50", "p95", "max")


class Durations:
    """How long spans of one name took: in bounded memory, however many there are.

    A duration is counted with its first three digits, which are the digits that are shown. So a
    percentile is right to the last digit that is seen, and there are at most 900 counts for each
    power of ten.
    """

    __slots__ = ("_counts", "count", "longest_ns", "total_ns")

    def __init__(self) -> None:
        self.count = 0
        self.total_ns = 0
        self.longest_ns = 0
        self._counts: dict[int, int] = {}

    def add(self, duration_ns: int) -> None:
        """Count a duration; one that is below 0, where a clock was set back, counts as 0."""
        duration_ns = max(duration_ns, 0)
        self.count += 1
        self.total_ns += duration_ns
        self.longest_ns = max(self.longest_ns, duration_ns)
        size = 1
        while duration_ns >= 1_000 * size:
            size *= 10
        shown = (duration_ns + size // 2) // size * size
        self._counts[shown] = self._counts.get(shown, 0) + 1

    def percentile_ns(self, percent: int) -> int:
        """The shortest duration that so many percent of the spans don't exceed (nearest rank)."""
        rank = max(-(-self.count * percent // 100), 1)
        for shown in sorted(self._counts):
            rank -= self._counts[shown]
            if rank <= 0:
                return min(shown, self.longest_ns)
        return 0


class Summary:
    """What is counted of the spans of a file."""

    def __init__(self) -> None:
        self._names: dict[str, Durations] = {}
        self._others = Durations()

    def add(self, span: SpanNode) -> None:
        """Count a span that has ended."""
        durations = self._names.get(span.name)
        if durations is None:
            if len(self._names) < _MOST_NAMES:
                durations = self._names[span.name] = Durations()
            else:
                durations = self._others
        durations.add(span.duration_ns or 0)

    def lines(self, screen: Screen) -> Iterator[str]:
        """The table, the name with the longest total first; nothing if there were no spans."""
        if not self._names:
            return
        rows = sorted(self._names.items(), key=lambda row: (-row[1].total_ns, row[0]))
        counts = [f"{durations.count:,}" for _, durations in rows] + [f"{self._others.count:,}"]
        columns = max(map(len, [*counts, _HEADINGS[0]]))
        head = _HEADINGS[0].rjust(columns) + "".join([f"{word:>9}" for word in _HEADINGS[1:]])
        yield screen.line([(head + "  name", DIM)])
        for name, durations in rows:
            yield screen.line([*_figures(durations, columns, screen), (name, BOLD)])
        if self._others.count:
            words = f"(spans of more than {_MOST_NAMES:,} names: are there ids in the names?)"
            yield screen.line([*_figures(self._others, columns, screen), (words, DIM)])


def _figures(durations: Durations, columns: int, screen: Screen) -> list[Piece]:
    pieces: list[Piece] = [(f"{durations.count:,}".rjust(columns), PLAIN)]
    figures = (
        durations.total_ns,
        durations.percentile_ns(50),
        durations.percentile_ns(95),
        durations.longest_ns,
    )
    for figure in figures:
        text = duration_text(figure, screen.glyphs)
        pieces.append((" " * (9 - columns_taken(text)) + text, duration_style(figure)))
    return [*pieces, ("  ", PLAIN)]
