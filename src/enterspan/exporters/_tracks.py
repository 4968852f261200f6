"""Assigns spans to tracks, such that a span within another one on its track is its descendant.

An invocation has its own tracks; its root is on the first one. A child is on its parent's track, or
on the next one if a sibling there overlaps it. When an invocation has ended, later invocations of
the same name reuse its tracks.

Spans come in batches and in the order of their end, children before parents. Each track remembers
the outermost spans of earlier batches, with the id of the parent of each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enterspan._model.records import SpanData

_OUTERMOST_MOST: Final = 20_000
"""How many spans a track remembers; older ones are merged into one."""
_INVOCATIONS_MOST: Final = 4_096
"""How many invocations without a root yet are remembered, and how many ended ones."""
_NAMES_MOST: Final = 64
"""How many names of roots get tracks of their own; roots of more names share tracks."""
_SHARED: Final = "others"
_FREE_MOST: Final = 64
"""How many free tracks are searched for one that has a span's children."""


class _Outer(NamedTuple):
    """An outermost span of a track: its time, and the id of its parent."""

    start: int
    end: int
    awaits: int


class Track:
    """One track; `number` is unique in its `Tracks`."""

    __slots__ = ("earlier", "ends", "fresh", "group", "name", "number", "stack")

    def __init__(self, number: int, group: _Group) -> None:
        self.number = number
        self.group = group
        self.name = ""
        self.earlier: list[_Outer] = []
        self.ends: list[int] = []
        self.fresh: list[_Outer] = []
        self.stack: list[SpanData] = []

    def innermost(self, moment: int) -> SpanData | None:
        """The span of this batch that is open at a time; times must not decrease."""
        stack = self.stack
        while stack and stack[-1].end_ns <= moment:
            stack.pop()
        return stack[-1] if stack else None

    def beneath(self, start: int, end: int) -> list[_Outer]:
        """The spans of earlier batches in that time."""
        at = bisect_right(self.ends, start)
        found = at
        while found < len(self.earlier) and self.earlier[found].start < end:
            found += 1
        return self.earlier[at:found]

    def settle(self) -> None:
        """End the batch: keep its outermost spans, and the earlier ones beside them."""
        if self.fresh:
            merged = sorted([*self.earlier, *self.fresh], key=lambda o: (o.start, -o.end))
            kept: list[_Outer] = []
            for outer in merged:
                if not kept or outer.end > kept[-1].end or outer.start >= kept[-1].end:
                    kept.append(outer)
            if len(kept) > _OUTERMOST_MOST:
                half = len(kept) // 2
                kept[:half] = [_Outer(kept[0].start, kept[half - 1].end, 0)]
            self.earlier = kept
            self.ends = [outer.end for outer in kept]
            self.fresh = []
        self.stack = []


class _Group:
    """The tracks of an invocation, reused by later ones."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.name = ""
        self.number = 0
        self._free: list[int] = []
        self._busy: list[tuple[int, int]] = []
        self._has_earlier = False

    def begin(self) -> None:
        """Begin a batch, in the order of the spans' start: all tracks are free."""
        self._free = list(range(len(self.tracks)))
        self._busy = []
        self._has_earlier = any(track.earlier for track in self.tracks)

    def add(self, track: Track) -> None:
        """Add a track."""
        heappush(self._free, len(self.tracks))
        self.tracks.append(track)

    def take(self, span: SpanData, batch: _Batch) -> Track | None:
        """Take the first free track on which a span fits, if any, until the span's end.

        A track with the span's children of earlier batches is preferred.
        """
        while self._busy and self._busy[0][0] <= span.start_ns:
            heappush(self._free, heappop(self._busy)[1])
        best: int | None = None
        seen: list[int] = []
        while self._free and len(seen) < _FREE_MOST:
            at = heappop(self._free)
            seen.append(at)
            track = self.tracks[at]
            if not batch.fits(track, span):
                continue
            if self._has_earlier and track.beneath(span.start_ns, span.end_ns):
                best = at
                break
            best = at if best is None else best
            if not self._has_earlier:
                break
        for at in seen:
            if at != best:
                heappush(self._free, at)
        if best is None:
            return None
        heappush(self._busy, (span.end_ns, best))
        return self.tracks[best]

    @property
    def free_since(self) -> int:
        """When the last of its spans ended."""
        return max((track.ends[-1] for track in self.tracks if track.ends), default=0)


class Tracks:
    """All tracks of a process."""

    def __init__(self) -> None:
        self._count = 0
        self._groups: OrderedDict[str, _Group] = OrderedDict()
        self._over: OrderedDict[str, _Group] = OrderedDict()
        self._free: dict[str, list[_Group]] = {}
        self._of_name: dict[str, int] = {}

    def assign(self, spans: Sequence[SpanData]) -> tuple[list[tuple[SpanData, Track]], list[Track]]:
        """Assign a track to each span of a batch; return these, and the newly named tracks."""
        batch = _Batch(spans)
        named: list[Track] = []
        assigned: list[tuple[SpanData, Track]] = []
        touched: dict[int, Track] = {}
        for span in batch.in_order:
            group = self._group_of(span, batch)
            track = self._track_in(group, span, batch)
            touched[track.number] = track
            batch.tracks[_key(span)] = track
            assigned.append((span, track))
        for track in touched.values():
            track.settle()
        for invocation_id, root in batch.roots.items():
            self._end(invocation_id, root)
        for group in {id(g): g for g in batch.groups.values()}.values():
            named += self._name(group)
        return assigned, named

    def _group_of(self, span: SpanData, batch: _Batch) -> _Group:
        key = span.invocation_id
        group = batch.groups.get(key)
        if group is not None:
            return group
        group = self._groups.get(key) or self._over.get(key)
        if group is None:
            root = batch.roots.get(key)
            reused = None if root is None else self._reused(root, batch)
            group = reused or _Group()
            self._groups[key] = group
            if len(self._groups) > _INVOCATIONS_MOST:
                self._groups.popitem(last=False)
        batch.groups[key] = group
        if group not in batch.begun:
            batch.begun.add(group)
            group.begin()
        root = batch.roots.get(key)
        if root is not None:
            batch.leave(self._common_name(root.name), batch.last_end[key], group)
        return group

    def _reused(self, root: SpanData, batch: _Batch) -> _Group | None:
        """Tracks of an invocation of this name that ended before this one began."""
        free = self._free.get(self._common_name(root.name), [])
        for at, group in enumerate(free):
            if group.free_since <= root.start_ns:
                return free.pop(at)
        return batch.left_by(self._common_name(root.name), root.start_ns)

    def _common_name(self, name: str) -> str:
        if name in self._of_name or len(self._of_name) < _NAMES_MOST:
            return name
        return _SHARED

    def _track_in(self, group: _Group, span: SpanData, batch: _Batch) -> Track:
        home = batch.tracks.get((span.context.trace_id, span.parent_span_id or 0))
        if home is not None and home.group is group:
            parent = home.innermost(span.start_ns)
            if (
                parent is not None
                and parent.context.span_id == span.parent_span_id
                and span.end_ns <= parent.end_ns
                and batch.fits(home, span)
            ):
                home.stack.append(span)
                return home
        best = group.take(span, batch)
        if best is None:
            self._count += 1
            group.add(Track(self._count, group))
            best = group.take(span, batch) or group.tracks[-1]
        best.stack.append(span)
        best.fresh.append(_Outer(span.start_ns, span.end_ns, batch.awaited(span)))
        return best

    def _end(self, invocation_id: str, root: SpanData) -> None:
        """End an invocation: later spans of it are still drawn on its tracks, if they fit."""
        group = self._groups.pop(invocation_id, None)
        if group is None:
            return
        self._over[invocation_id] = group
        if len(self._over) > _INVOCATIONS_MOST:
            self._over.popitem(last=False)
        name = self._common_name(root.name)
        if not group.name:
            group.name = name
            group.number = self._of_name[name] = self._of_name.get(name, 0) + 1
        free = self._free.setdefault(name, [])
        if group not in free:
            free.append(group)

    def _name(self, group: _Group) -> list[Track]:
        if not group.name:
            return []
        base = group.name if group.number == 1 else f"{group.name} {group.number}"
        named: list[Track] = []
        for index, track in enumerate(group.tracks):
            if not track.name:
                track.name = base if index == 0 else f"{base} (beside {index})"
                named.append(track)
        return named


def _key(span: SpanData) -> tuple[int, int]:
    return span.context.trace_id, span.context.span_id


class _Batch:
    """The spans of one batch, parents before children."""

    def __init__(self, spans: Sequence[SpanData]) -> None:
        # Of two that begin at the same time, the later one in the batch is the parent.
        self.in_order = list(reversed(spans))
        self.in_order.sort(key=lambda s: (s.start_ns, -s.end_ns))
        self.spans = {_key(span): span for span in spans}
        self.tracks: dict[tuple[int, int], Track] = {}
        self.groups: dict[str, _Group] = {}
        self.begun: set[_Group] = set()
        self._left: dict[str, list[tuple[int, int, _Group]]] = {}
        self.roots: dict[str, SpanData] = {}
        self.last_end: dict[str, int] = {}
        for span in spans:
            key = span.invocation_id
            self.last_end[key] = max(self.last_end.get(key, 0), span.end_ns)
            if f"{span.context.span_id:016x}" == key:
                self.roots[key] = span

    def leave(self, name: str, moment: int, group: _Group) -> None:
        """Note when an invocation of this batch releases its tracks."""
        # The number makes entries comparable without comparing groups.
        heappush(self._left.setdefault(name, []), (moment, len(self.groups), group))

    def left_by(self, name: str, moment: int) -> _Group | None:
        """The tracks that were released first, if that was before the given time."""
        left = self._left.get(name)
        return heappop(left)[2] if left and left[0][0] <= moment else None

    def fits(self, track: Track, span: SpanData) -> bool:
        """Whether all spans of earlier batches there are descendants of the span."""
        beneath = track.beneath(span.start_ns, span.end_ns)
        if not beneath:
            return True
        is_root = self.roots.get(span.invocation_id) is span
        return all(
            outer.start >= span.start_ns
            and outer.end <= span.end_ns
            and (is_root or self._is_below(outer.awaits, span))
            for outer in beneath
        )

    def _is_below(self, span_id: int, span: SpanData) -> bool:
        """Whether children of one span are descendants of another one."""
        trace_id = span.context.trace_id
        seen: set[int] = set()
        while span_id and span_id not in seen:
            if span_id == span.context.span_id:
                return True
            seen.add(span_id)
            parent = self.spans.get((trace_id, span_id))
            span_id = 0 if parent is None else parent.parent_span_id or 0
        return False

    def awaited(self, span: SpanData) -> int:
        """The nearest ancestor that is not in this batch, or 0."""
        trace_id = span.context.trace_id
        parent_id = span.parent_span_id or 0
        seen: set[int] = set()
        while parent_id not in seen and (parent := self.spans.get((trace_id, parent_id))):
            seen.add(parent_id)
            parent_id = parent.parent_span_id or 0
        return parent_id
