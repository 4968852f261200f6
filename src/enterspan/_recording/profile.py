"""A profile: how often and how long spans ran, and failed, by their names and those around them.

Spans are taken as they end, children before their parents. What is kept are the spans that wait for
their parents, and a figure for each path of names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from enterspan._recording.assemble import Key, RecordedSpan

_PATHS_MOST: Final = 20_000
"""With more paths than this there are ids in the names; further ones are counted as OTHERS."""
OTHERS: Final = "(others)"


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

    def merge(self, other: Durations) -> None:
        """Count what another one has counted."""
        self.count += other.count
        self.total_ns += other.total_ns
        self.longest_ns = max(self.longest_ns, other.longest_ns)
        for shown, count in other._counts.items():
            self._counts[shown] = self._counts.get(shown, 0) + count

    def percentile_ns(self, percent: int) -> int:
        """The shortest duration that so many percent of the spans don't exceed (nearest rank)."""
        rank = max(-(-self.count * percent // 100), 1)
        for shown in sorted(self._counts):
            rank -= self._counts[shown]
            if rank <= 0:
                return min(shown, self.longest_ns)
        return 0


def covered_ns(intervals: Iterable[tuple[int, int]], start_ns: int, end_ns: int) -> int:
    """For how long, between two moments, at least one of the intervals lasted."""
    covered, until = 0, start_ns
    for start, end in sorted(intervals):
        begin, last = max(start, until), min(end, end_ns)
        if last > begin:
            covered += last - begin
            until = last
    return covered


class Figures:
    """What is known of the spans of one path, or of one name."""

    __slots__ = ("below", "durations", "failed", "self_ns")

    def __init__(self) -> None:
        self.durations = Durations()
        self.self_ns = 0
        self.failed = 0
        self.below: dict[str, Figures] = {}

    def add(self, other: Figures) -> None:
        """Add the figures of other spans, without those below."""
        self.durations.merge(other.durations)
        self.self_ns += other.self_ns
        self.failed += other.failed


class Profile:
    """The figures of all paths of a recording."""

    def __init__(self) -> None:
        self._roots: dict[str, Figures] = {}
        self._waiting: dict[Key, tuple[dict[str, Figures], list[tuple[int, int]]]] = {}
        self.unfinished = 0

    def add(self, span: RecordedSpan) -> None:
        """Count a span; one that has not ended is counted as such."""
        below, inside = self._waiting.pop(span.key, ({}, []))
        took, end = span.duration_ns, span.end_ns
        figures = Figures()
        figures.below = below
        if took is None or end is None:
            self.unfinished += 1
        else:
            figures.durations.add(took)
            own = took - covered_ns(inside, span.start_ns, end)
            figures.self_ns = max(own, 0)
            figures.failed = int(span.failed)
        if span.parent_id is None or span.parent_id == span.span_id:
            self._put(self._roots, span.name, figures)
            return
        above = (span.trace_id, span.parent_id)
        siblings, intervals = self._waiting.setdefault(above, ({}, []))
        self._put(siblings, span.name, figures)
        intervals.append((span.start_ns, span.start_ns if end is None else end))

    def finish(self) -> None:
        """What waits for parents that are not there are roots."""
        for siblings, _ in self._waiting.values():
            for name, figures in siblings.items():
                self._put(self._roots, name, figures)
        self._waiting.clear()

    def _put(self, siblings: dict[str, Figures], name: str, figures: Figures) -> None:
        """Add figures, and all below them, to those that are there."""
        waiting = [(siblings, name, figures)]
        while waiting:
            siblings, name, figures = waiting.pop()
            there = siblings.get(name)
            if there is None and siblings is self._roots and len(siblings) >= _PATHS_MOST:
                there = siblings.setdefault(OTHERS, Figures())
            if there is None:
                siblings[name] = figures
                continue
            there.add(figures)
            waiting += [(there.below, inner, each) for inner, each in figures.below.items()]

    def paths(self) -> Iterator[tuple[tuple[str, ...], Figures]]:
        """Each path of names, the outermost first, and its figures."""
        waiting: list[tuple[tuple[str, ...], Figures]]
        waiting = [((name,), figures) for name, figures in reversed(self._roots.items())]
        while waiting:
            path, figures = waiting.pop()
            yield path, figures
            if len(path) < _DEPTH:
                waiting += [((*path, n), f) for n, f in reversed(figures.below.items())]

    def names(self) -> dict[str, Figures]:
        """The figures of each name, wherever it is."""
        found: dict[str, Figures] = {}
        waiting = list(self._roots.items())
        while waiting:
            name, figures = waiting.pop()
            found.setdefault(name, Figures()).add(figures)
            waiting += figures.below.items()
        return found


_DEPTH: Final = 100
"""Of deeper paths the beginning is listed: each is as long as it is deep."""
