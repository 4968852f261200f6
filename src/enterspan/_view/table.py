"""The tables of the slowest spans, and of all spans by name."""

from __future__ import annotations

from heapq import heappush, heappushpop
from itertools import islice
from typing import TYPE_CHECKING, Final

from enterspan._recording.origin import Origins
from enterspan._recording.profile import Durations
from enterspan._terminal.screen import BOLD, BOLD_RED, CYAN, DIM, PLAIN, RED, columns_taken
from enterspan._terminal.text import (
    attribute_pieces,
    clock_text,
    duration_style,
    duration_text,
    error_text,
    gutter,
    outcome_style,
    spaced,
)
from enterspan._view.notes import notes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan._recording.assemble import Key, RecordedSpan
    from enterspan._terminal.screen import Piece, Screen

_WAITING: Final = 1_000
"""How many unlisted spans may wait for their parents."""
_PATH: Final = 4
"""How many of the innermost ancestors are named, besides the outermost."""
_DEPTH: Final = 1_000
"""Deeper spans are shown with their innermost ancestors only."""
_NAMES: Final = 10_000
"""With more names than this, they probably contain ids; further spans share a line."""
SHORT_ID: Final = 8
"""The digits of a trace id that distinguish some ten thousand traces."""
_HEADINGS: Final = ("count", "total", "p50", "p95", "max")


# --- single spans ---------------------------------------------------------------------------------


def span_line(
    span: RecordedSpan, screen: Screen, origins: Origins | None = None, *, ids: bool = False
) -> str:
    """Draw a span as one line: its duration, time, trace and ancestors.

    `ids` shows the whole ids.
    """
    glyphs, took = screen.glyphs, span.duration_ns
    text = "" if took is None else duration_text(took, glyphs)
    pieces: list[Piece] = [*gutter(text, duration_style(took or 0), glyphs), ("  ", PLAIN)]
    pieces += [(clock_text(span.start_ns) + "  ", DIM), (_ids(span, ids), CYAN), ("  ", PLAIN)]
    service = (origins or Origins()).label(span.resource)
    pieces += [(service, CYAN), ("  ", PLAIN)] if service else []
    if span.failed:
        pieces.append((glyphs.failed + " ", BOLD_RED))
    pieces.append((span.name, BOLD_RED if span.failed else BOLD))
    outcome = "" if span.outcome in ("ok", "exception", None) else span.outcome
    words = [(outcome, outcome_style(outcome)), (_error(span), RED), (_path(span), DIM)]
    attributes = attribute_pieces(span.attributes.items(), glyphs, whole=screen.whole)
    return screen.line([*pieces, *spaced(words), *attributes])


def _ids(span: RecordedSpan, whole: bool) -> str:
    trace_id = f"{span.trace_id:032x}"
    return f"{trace_id} {span.span_id:016x}" if whole else trace_id[:SHORT_ID]


def _around(span: RecordedSpan) -> Iterator[RecordedSpan]:
    """The known ancestors of a span, innermost first."""
    above = span.parent
    while above is not None:
        yield above
        above = above.parent


def _path(span: RecordedSpan) -> str:
    names = [above.name for above in islice(_around(span), _DEPTH)][::-1]
    if len(names) > _PATH:
        names[1 : 1 - _PATH] = ["..."]
    return "in " + " > ".join(names) if names else ""


def _error(span: RecordedSpan) -> str:
    failures = [note for note in notes_of(span) if note.kind == "exception"] if span.failed else []
    return error_text(failures[-1].label, failures[-1].text) if failures else ""


class Slowest:
    """The slowest spans of a file; only these and their ancestors are kept."""

    needs_events = True

    def __init__(self, most: int, *, ids: bool = False) -> None:
        self._most = most
        self._ids = ids
        self._heap: list[tuple[int, int, RecordedSpan]] = []
        self._count = 0
        self._waiting: dict[Key, list[RecordedSpan]] = {}
        self._gone = 0

    def add(self, span: RecordedSpan, *, asked_for: bool) -> None:
        """Keep a matching span if it is one of the slowest; of equals, the first.

        A finished span's line comes after those of its children: any span may be the parent of a
        listed one.
        """
        children = self._waiting.pop(span.key, ())
        for child in children:
            child.parent = span
        if children:
            self._wait(span)
        if asked_for and span.outcome is not None:
            self._offer(span, max(span.duration_ns or 0, 0))

    def lines(self, screen: Screen) -> Iterator[str]:
        """The spans, the slowest first."""
        listed = [span for _, _, span in sorted(self._heap, reverse=True)]
        origins = Origins([span.resource for span in listed])
        for span in listed:
            yield span_line(span, screen, origins, ids=self._ids)

    def _offer(self, span: RecordedSpan, took: int) -> None:
        self._count += 1
        if len(self._heap) < self._most:
            heappush(self._heap, (took, -self._count, span))
        elif took > self._heap[0][0]:
            heappushpop(self._heap, (took, -self._count, span))
            self._forget()
        else:
            return
        self._wait(span)

    def _wait(self, span: RecordedSpan) -> None:
        for above in islice(_around(span), _DEPTH):
            span = above
        if span.parent is None and span.parent_id is not None:
            self._waiting.setdefault((span.trace_id, span.parent_id), []).append(span)

    def _forget(self) -> None:
        """Occasionally, forget the ancestors of spans that are no longer listed."""
        self._gone += 1
        if self._gone > _WAITING + self._most:
            self._gone = 0
            self._waiting = {}
            for _, _, listed in self._heap:
                self._wait(listed)


# --- the summary ----------------------------------------------------------------------------------


class Summary:
    """Counts and durations of the spans of a file, by name."""

    needs_events = False

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._names: dict[str, Durations] = {}
        self._others = Durations()
        self.left_out = 0

    def add(self, span: RecordedSpan, *, asked_for: bool) -> None:
        """Count a matching span, if it has ended."""
        if not asked_for or span.outcome is None:
            return
        durations = self._names.get(span.name)
        if durations is None:
            if len(self._names) < _NAMES:
                durations = self._names[span.name] = Durations()
            else:
                durations = self._others
        durations.add(span.duration_ns or 0)

    def lines(self, screen: Screen) -> Iterator[str]:
        """The table, sorted by total; empty if there were no spans."""
        if not self._names:
            return
        rows = sorted(self._names.items(), key=lambda row: (-row[1].total_ns, row[0]))
        self.left_out = 0 if self._most is None else max(len(rows) - self._most, 0)
        rows = rows[: self._most]
        counts = [f"{durations.count:,}" for _, durations in rows] + [f"{self._others.count:,}"]
        columns = max(map(len, [*counts, _HEADINGS[0]]))
        head = _HEADINGS[0].rjust(columns) + "".join([f"{word:>9}" for word in _HEADINGS[1:]])
        yield screen.line([(head + "  name", DIM)])
        for name, durations in rows:
            yield screen.line([*_figures(durations, columns, screen), (name, BOLD)])
        if self._others.count:
            words = f"(spans of more than {_NAMES:,} names: are there ids in the names?)"
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
