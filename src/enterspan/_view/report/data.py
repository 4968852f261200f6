"""The spans of a report as JSON: columns of numbers, and beside them what few spans have.

A span is known by its place in the order of the tree, parents before their children. Texts that
come again and again (names, traces, outcomes) are said once. Times are nanoseconds since the
earliest of the file: a number of JavaScript holds 104 days of them exactly.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from enterspan._terminal.screen import info_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enterspan._recording.traces import Link, Note, SpanNode, Traces

_SAFE_INT: Final = 2**53 - 1
"""JavaScript would round a larger one: it goes as text."""
_DEPTH: Final = 12
"""Deeper than this a value is shown as its text."""

_Columns = dict[str, Any]


def report_json(traces: Traces) -> str:
    """Everything that the report's script reads, safe inside of a `script` element."""
    nodes = list(_in_order(traces))
    places = {id(node): place for place, (node, _) in enumerate(nodes)}
    base = min((node.start_ns for node, _ in nodes), default=0)
    names, outcomes, trace_ids = _Words(), _Words(), _Words()
    columns: _Columns = {
        "base": [base // 1_000_000, base % 1_000_000],
        "name": [names.place(node.name) for node, _ in nodes],
        "up": [-1 if above is None else places[id(above)] for _, above in nodes],
        "start": [node.start_ns - base for node, _ in nodes],
        "took": [-1 if node.duration_ns is None else node.duration_ns for node, _ in nodes],
        "outcome": [outcomes.place(node.outcome or "unfinished") for node, _ in nodes],
        "trace": [trace_ids.place(node.trace_id) for node, _ in nodes],
        "id": [node.span_id for node, _ in nodes],
        "unread": traces.problem_count,
    }
    columns.update(names=names.words, outcomes=outcomes.words, traces=trace_ids.words)
    # One by one: of many spans, the objects of all at once would take long to make and much room.
    rest = ",".join(
        f'"{place}":{_encode(more)}'
        for place, (node, _) in enumerate(nodes)
        if (more := _more(node, base))
    )
    return _escaped(f'{_encode(columns)[:-1]},"more":{{{rest}}}}}')


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


_DANGEROUS: Final = re.compile("[<\u2028\u2029\ud800-\udfff]")


def _escaped(text: str) -> str:
    r"""JSON in which no `<` could end the element, and no lone surrogate fails to be written."""
    return _DANGEROUS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Words:
    """Texts, each of which has a place."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, word: str) -> int:
        """Where the text stands; a new one is put last."""
        place = self._places.get(word)
        if place is None:
            place = self._places[word] = len(self.words)
            self.words.append(word)
        return place


def _in_order(traces: Traces) -> Iterator[tuple[SpanNode, SpanNode | None]]:
    """Each span with its parent, as a tree is read: a stack takes it as deep as it may be."""
    waiting: list[tuple[SpanNode, SpanNode | None]] = [(node, None) for node in traces.roots[::-1]]
    while waiting:
        node, above = waiting.pop()
        yield node, above
        waiting += [(child, node) for child in reversed(node.children)]


def _more(node: SpanNode, base: int) -> dict[str, Any]:
    """What a span has beside its name and times, under one letter each."""
    found: dict[str, Any] = {
        "a": _pairs(node.attributes),
        "n": [_note(note, base) for note in node.notes],
        "l": [_link(link) for link in node.links],
        "e": node.status_error,
        "k": node.kind,
        "i": info_text(node.info, node.name),
        "s": node.status_code,
        "c": node.cpu_ns,
        "r": node.invocation_id if node.is_invocation else "",
    }
    return {
        letter: value
        for letter, value in found.items()
        if value is not None and (value not in ([], "") or letter == "e")
    }


def _note(note: Note, base: int) -> list[Any]:
    time = note.time_ns - base
    return [note.kind, time, note.label, note.text, _pairs(note.attributes), note.stack]


def _link(link: Link) -> list[Any]:
    return [link.trace_id, link.span_id, _pairs(link.attributes)]


def _pairs(mapping: Mapping[str, Any]) -> list[Any]:
    """Keys and values in turn: a JavaScript object would sort keys that look like numbers."""
    return [item for key, value in mapping.items() for item in (key, _plain(value))]


def _plain(value: Any, depth: int = 0) -> Any:
    """A value that JSON and JavaScript hold without a loss."""
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
