"""Single spans of a file, a line for each: how long it took, and where it was."""

from __future__ import annotations

from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Final

from enterspan._terminal.screen import (
    BOLD,
    BOLD_RED,
    DIM,
    PLAIN,
    RED,
    attribute_pieces,
    duration_style,
    duration_text,
    gutter,
    outcome_style,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from enterspan._recording.traces import SpanNode
    from enterspan._terminal.screen import Piece, Screen

_MOST_WAITING: Final = 1_000
"""So many spans that are not listed any more may wait for what is around them."""
_MOST_PATH: Final = 4
"""Of the spans around one, the innermost are named, and the outermost."""


class Place:
    """A span and the names of those around it, innermost first, as far as they are known."""

    __slots__ = ("above", "is_listed", "outside", "span")

    def __init__(self, span: SpanNode, around: Iterable[SpanNode] = ()) -> None:
        self.span = span
        self.outside = span
        self.above: list[str] = []
        self.is_listed = True
        for other in around:
            self.surround(other)

    def surround(self, span: SpanNode) -> None:
        """Take note of the next span around."""
        self.above.append(span.name)
        self.outside = span

    @property
    def parent_key(self) -> tuple[str, str] | None:
        """What the next span around is known by."""
        parent_id = self.outside.parent_id
        return None if parent_id is None else (self.outside.trace_id, parent_id)

    def line(self, screen: Screen) -> str:
        """Draw the span as one line."""
        span, glyphs = self.span, screen.glyphs
        took = span.duration_ns
        text = "" if took is None else duration_text(took, glyphs)
        pieces: list[Piece] = [*gutter(text, duration_style(took or 0), glyphs), ("  ", PLAIN)]
        if span.failed:
            pieces.append((glyphs.failed + " ", BOLD_RED))
        pieces.append((span.name, BOLD_RED if span.failed else BOLD))
        if span.outcome not in ("ok", "exception", None):
            pieces += [("  ", PLAIN), (span.outcome, outcome_style(span.outcome))]
        pieces += self._error()
        if self.above:
            pieces += [("  ", PLAIN), (f"in {self._path()}", DIM)]
        return screen.line([*pieces, *attribute_pieces(span.attributes.items(), glyphs)])

    def _path(self) -> str:
        names = self.above[::-1]
        if len(names) > _MOST_PATH:
            names[1 : 1 - _MOST_PATH] = ["..."]
        return " > ".join(names)

    def _error(self) -> list[Piece]:
        failures = [note for note in self.span.notes if note.kind == "exception"]
        if not self.span.failed or not failures:
            return []
        last = failures[-1]
        text = f"{last.label}: {last.text}" if last.text else last.label
        return [("  ", PLAIN), (text, RED)]


class Slowest:
    """The slowest spans of a file: kept are so many, and no more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[int, int, Place]] = []
        self._met = 0
        self._waiting: dict[tuple[str, str], list[Place]] = {}
        self._gone = 0

    def meet(self, span: SpanNode) -> None:
        """Let listed spans know of one that may be around them; any span of the file, at its end.

        A finished span's line comes after those of its children.
        """
        if self._waiting:
            for place in self._waiting.pop((span.trace_id, span.span_id), ()):
                if place.is_listed:
                    place.surround(span)
                    self._wait(place)

    def add(self, span: SpanNode, around: Iterable[SpanNode]) -> None:
        """Keep a span if it is one of the slowest; of equals the first."""
        took = max(span.duration_ns or 0, 0)
        heap = self._heap
        self._met += 1
        if len(heap) >= self._most and took <= heap[0][0]:
            return
        place = Place(span, around)
        self._wait(place)
        entry = (took, -self._met, place)
        if len(heap) < self._most:
            heappush(heap, entry)
        else:
            self._forget(heappushpop(heap, entry)[2])

    def lines(self, screen: Screen) -> Iterator[str]:
        """The spans, the slowest first."""
        for _, _, place in sorted(self._heap, reverse=True):
            yield place.line(screen)

    def _wait(self, place: Place) -> None:
        key = place.parent_key
        if key is not None:
            self._waiting.setdefault(key, []).append(place)

    def _forget(self, place: Place) -> None:
        place.is_listed = False
        self._gone += 1
        if self._gone > _MOST_WAITING + self._most:
            self._gone = 0
            self._waiting = {}
            for _, _, listed in self._heap:
                self._wait(listed)
