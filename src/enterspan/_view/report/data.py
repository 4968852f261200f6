"""The data of a report as JSON: columns of numbers, and separately the details of spans.

A span is identified by its index in tree order, parents before children. Shared texts (names,
outcomes, services) are in separate lists. Columns are little-endian arrays in base64. Times are
nanoseconds since the earliest in the file: JavaScript numbers represent 104 days exactly. Details
are in blocks, which the page parses when it shows one of their spans; here they are kept in a
temporary file.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from array import array
from base64 import b64encode
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

from enterspan._recording.origin import Origins, process_of, service_of
from enterspan._terminal.text import info_text
from enterspan._view.notes import notes_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from typing_extensions import Self

    from enterspan._model.records import SpanLink
    from enterspan._recording.assemble import RecordedSpan
    from enterspan._view.notes import Note

BLOCK: Final = 512
"""The number of spans per block of details."""
_SAFE_INT: Final = 2**53 - 1
"""JavaScript would round larger ones: they are written as text."""
_DEPTH: Final = 12
"""Values nested deeper are shown as text."""
_IN_MEMORY: Final = 8 * 1024 * 1024
_NOWHERE: Final = 0xFFFFFFFF


class ReportData:
    """Collects spans in any order, and produces the data for the page's script.

    A context manager, which keeps the details in a temporary file.
    """

    def __init__(self) -> None:
        self._names, self._outcomes = _Indexes(), _Indexes()
        self._traces, self._origins = _Indexes(), _Indexes()
        self._resources: list[Mapping[str, Any]] = []
        self._name, self._trace = array("I"), array("I")
        self._outcome, self._origin = array("H"), array("H")
        self._failed = array("B")
        self._start, self._took = array("q"), array("q")
        self._id, self._parent = array("Q"), array("Q")
        self._sizes = array("I")
        self._details = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed at the end
        self._base = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the temporary file."""
        self._details.close()

    def add(self, span: RecordedSpan) -> None:
        """Add a span."""
        if not self._name:
            self._base = span.start_ns
        took = span.duration_ns
        self._name.append(self._names.of(span.name))
        self._trace.append(self._traces.of(span.trace_id))
        self._outcome.append(min(self._outcomes.of(span.outcome or "unfinished"), 0xFFFF))
        self._origin.append(self._origin_of(span.resource))
        self._failed.append(span.failed)
        self._start.append(span.start_ns)
        self._took.append(-1 if took is None else max(took, 0))
        self._id.append(span.span_id)
        self._parent.append(span.parent_id or 0)
        # Times in it are relative to the first span's; the page adds the difference.
        more = _more(span, self._base)
        text = _escaped(_encode(more)).encode("utf-8", "replace") if more else b""
        self._sizes.append(len(text))
        self._details.write(text)

    def _origin_of(self, resource: Mapping[str, Any]) -> int:
        key = service_of(resource), process_of(resource)
        index = self._origins.of(key)
        if index == len(self._resources):
            self._resources.append(resource)
        return min(index, 0xFFFF)

    @property
    def count(self) -> int:
        """The number of spans."""
        return len(self._name)

    # --- output ----------------------------------------------------------------------

    def pieces(self, unread: int = 0) -> Iterator[str]:
        """The contents of the page's data elements: the columns, then each block of details."""
        order, ups = self._in_order()
        yield self._columns(order, ups, unread)
        yield from self._blocks(order)

    def _columns(self, order: Sequence[int], ups: array[int], unread: int) -> str:
        base = min(self._start, default=0)
        origins = Origins(self._resources)
        labels = [origins.label(resource) for resource in self._resources]
        ids = array("Q", [self._id[at] for at in order])
        traces = b"".join([trace_id.to_bytes(16, "big") for trace_id in self._traces.items])
        return _escaped(
            _encode(
                {
                    "base": [base // 1_000_000, base % 1_000_000],
                    "detailBase": self._base - base,
                    "names": self._names.items,
                    "outcomes": self._outcomes.items,
                    "services": labels if origins.are_several else [],
                    "count": len(order),
                    "block": BLOCK,
                    "unread": unread,
                    "name": _base64(array("I", [self._name[at] for at in order])),
                    "up": _base64(ups),
                    "start": _base64(array("d", [self._start[at] - base for at in order])),
                    "took": _base64(array("d", [self._took[at] for at in order])),
                    "outcome": _base64(array("H", [self._outcome[at] for at in order])),
                    "failed": _base64(array("B", [self._failed[at] for at in order])),
                    "service": _base64(array("H", [self._origin[at] for at in order])),
                    "trace": _base64(array("I", [self._trace[at] for at in order])),
                    "id": _base64(ids),
                    "traces": b64encode(traces).decode(),
                }
            )
        )

    def _blocks(self, order: Sequence[int]) -> Iterator[str]:
        begins, at = array("q"), 0
        for size in self._sizes:
            begins.append(at)
            at += size
        for first in range(0, len(order), BLOCK):
            parts: list[str] = []
            for span, old in enumerate(order[first : first + BLOCK], first):
                if self._sizes[old]:
                    self._details.seek(begins[old])
                    text = self._details.read(self._sizes[old]).decode()
                    parts.append(f'"{span}":{text}')
            yield "{" + ",".join(parts) + "}"

    # --- trees --------------------------------------------------------------------------------

    def _in_order(self) -> tuple[array[int], array[int]]:
        """The spans in tree order, and the index of each one's parent, or -1.

        Of spans in a cycle of parents, the first one is a root.
        """
        count = len(self._name)
        parents = self._parents()
        by_start = array("I", sorted(range(count), key=self._start.__getitem__))
        first = array("I", [_NOWHERE]) * count
        beside = array("I", [_NOWHERE]) * count
        for span in reversed(by_start):
            parent = parents[span]
            if parent != _NOWHERE:
                beside[span] = first[parent]
                first[parent] = span
        order, ups = array("I"), array("i")
        is_placed = bytearray(count)
        for only_roots in (True, False):
            for root in by_start:
                if is_placed[root] or (only_roots and parents[root] != _NOWHERE):
                    continue
                waiting = [(root, -1)]
                while waiting:
                    span, up = waiting.pop()
                    if span != root and beside[span] != _NOWHERE:
                        waiting.append((beside[span], up))
                    if is_placed[span]:
                        continue
                    is_placed[span] = 1
                    if first[span] != _NOWHERE:
                        waiting.append((first[span], len(order)))
                    order.append(span)
                    ups.append(up)
        return order, ups

    def _parents(self) -> array[int]:
        """The index of each span's parent."""
        ids, traces = self._id, self._trace
        by_id = array("I", sorted(range(len(ids)), key=ids.__getitem__))
        in_order = array("Q", [ids[at] for at in by_id])
        parents = array("I")
        for span, parent_id in enumerate(self._parent):
            found = _NOWHERE
            at = bisect_left(in_order, parent_id) if parent_id else len(in_order)
            while at < len(in_order) and in_order[at] == parent_id:
                if traces[by_id[at]] == traces[span]:
                    found = by_id[at]
                    break
                at += 1
            parents.append(found)
        return parents


class _Indexes:
    """A list of unique items with their indexes."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._indexes: dict[Any, int] = {}

    def of(self, item: Any) -> int:
        """The index of an item, which is appended if new."""
        index = self._indexes.setdefault(item, len(self.items))
        if index == len(self.items):
            self.items.append(item)
        return index


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _base64(column: array[Any]) -> str:
    if sys.byteorder == "big":
        column.byteswap()
    return b64encode(column.tobytes()).decode()


_DANGEROUS: Final = re.compile("[<\u2028\u2029\ud800-\udfff]")


def _escaped(text: str) -> str:
    r"""JSON with `<` and lone surrogates escaped, which is safe inside an HTML element."""
    return _DANGEROUS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _more(span: RecordedSpan, base: int) -> dict[str, Any]:
    """The details of a span, with one-letter keys."""
    found: dict[str, Any] = {
        "a": _pairs(span.attributes),
        "n": [_note(note, base) for note in notes_of(span)],
        "l": [_link(link) for link in span.links],
        "e": span.status_error,
        "k": "" if span.kind == "internal" else span.kind,
        "i": info_text(span.info, span.name),
        "s": span.status_code,
        "c": span.cpu_ns,
        "r": span.invocation_id if span.is_invocation else "",
        "o": _pairs(span.resource) if span.is_invocation else [],
    }
    return {
        letter: value
        for letter, value in found.items()
        if value is not None and (value not in ([], "") or letter == "e")
    }


def _note(note: Note, base: int) -> list[Any]:
    time = note.time_ns - base
    return [note.kind, time, note.label, note.text, _pairs(note.attributes), note.stack]


def _link(link: SpanLink) -> list[Any]:
    context = link.context
    return [f"{context.trace_id:032x}", f"{context.span_id:016x}", _pairs(link.attributes)]


def _pairs(mapping: Mapping[str, Any]) -> list[Any]:
    """Keys and values alternating: a JavaScript object would reorder numeric keys."""
    return [item for key, value in mapping.items() for item in (key, _plain(value))]


def _plain(value: Any, depth: int = 0) -> Any:
    """A value that JSON and JavaScript represent without loss."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return value if -_SAFE_INT <= value <= _SAFE_INT else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if depth >= _DEPTH:
        return "…"
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    return str(value)
