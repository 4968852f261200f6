"""A profile: counts, durations and failures of spans, by their paths of names.

Spans are added as they end, children before their parents. Only the spans that wait for their
parents, and the figures of each path of names, are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from enterspan._recording.assemble import Key, RecordedSpan

_PATHS_MOST: Final = 20_000
"""With more paths than this, names probably contain ids; further paths are counted as OTHERS."""
OTHERS: Final = "(others)"


class Durations:
    """The distribution of the durations of spans with one name, in bounded memory.

    A duration is counted by its first three digits, which are those shown. So percentiles are exact
    to the last shown digit, with at most 900 counts for each power of ten.
    """

    __slots__ = ("_counts", "count", "longest_ns", "total_ns")

    def __init__(self) -> None:
        self.count = 0
        self.total_ns = 0
        self.longest_ns = 0
        self._counts: dict[int, int] = {}

    def add(self, duration_ns: int) -> None:
        """Count a duration; a negative one, after a clock was set back, counts as 0."""
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
        """Add the counts of another one."""
        self.count += other.count
        self.total_ns += other.total_ns
        self.longest_ns = max(self.longest_ns, other.longest_ns)
        for shown, count in other._counts.items():
            self._counts[shown] = self._counts.get(shown, 0) + count

    def percentile_ns(self, percent: int) -> int:
        """The shortest duration that a percentage of the spans does not exceed (nearest rank)."""
        rank = max(-(-self.count * percent // 100), 1)
        for shown in sorted(self._counts):
            rank -= self._counts[shown]
            if rank <= 0:
                return min(shown, self.longest_ns)
        return 0


def covered_ns(intervals: Iterable[tuple[int, int]], start_ns: int, end_ns: int) -> int:
    """The time between two moments covered by at least one of the intervals."""
    covered, until = 0, start_ns
    for start, end in sorted(intervals):
        begin, last = max(start, until), min(end, end_ns)
        if last > begin:
            covered += last - begin
            until = last
    return covered


class Figures:
    """The figures of the spans of one path, or of one name."""

    __slots__ = ("below", "durations", "failed", "self_ns")

    def __init__(self) -> None:
        self.durations = Durations()
        self.self_ns = 0
        self.failed = 0
        self.below: dict[str, Figures] = {}

    def add(self, other: Figures) -> None:
        """Add the figures of other spans, without their descendants."""
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
        """Count spans whose parents did not come as roots."""
        for siblings, _ in self._waiting.values():
            for name, figures in siblings.items():
                self._put(self._roots, name, figures)
        self._waiting.clear()

    def _put(self, siblings: dict[str, Figures], name: str, figures: Figures) -> None:
        """Merge figures and all below them into the existing ones."""
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
        """Each path of names, outermost first, with its figures."""
        waiting: list[tuple[tuple[str, ...], Figures]]
        waiting = [((name,), figures) for name, figures in reversed(self._roots.items())]
        while waiting:
            path, figures = waiting.pop()
            yield path, figures
            if len(path) < _DEPTH:
                waiting += [((*path, n), f) for n, f in reversed(figures.below.items())]

    def names(self) -> dict[str, Figures]:
        """The figures of each name, on all paths."""
        found: dict[str, Figures] = {}
        waiting = list(self._roots.items())
        while waiting:
            name, figures = waiting.pop()
            found.setdefault(name, Figures()).add(figures)
            waiting += figures.below.items()
        return found


_DEPTH: Final = 100
"""Deeper paths are cut to their beginning."""
