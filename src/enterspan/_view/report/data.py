"""The spans of a report as JSON: columns of numbers, and beside them what few spans have.

A span is identified by its index in the order of the tree, parents before their children. Texts
that many spans have (names, traces, outcomes) are in lists of their own. Times are nanoseconds
since the earliest of the file: a number of JavaScript holds 104 days of them exactly.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from enterspan._terminal.text import info_text
from enterspan._view.notes import notes_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enterspan._model.records import SpanLink
    from enterspan._recording.assemble import RecordedSpan, Recording
    from enterspan._view.notes import Note

_SAFE_INT: Final = 2**53 - 1
"""JavaScript would round a larger one: it goes as text."""
_DEPTH: Final = 12
"""Deeper than this a value is shown as its text."""

_Columns = dict[str, Any]


def report_json(recording: Recording) -> str:
    """Everything that the report's script reads, safe inside of a `script` element."""
    spans = list(_in_order(recording))
    indexes = {id(span): index for index, (span, _) in enumerate(spans)}
    base = min((span.start_ns for span, _ in spans), default=0)
    names, outcomes, trace_ids = _Texts(), _Texts(), _Texts()
    columns: _Columns = {
        "base": [base // 1_000_000, base % 1_000_000],
        "name": [names.index(span.name) for span, _ in spans],
        "up": [-1 if above is None else indexes[id(above)] for _, above in spans],
        "start": [span.start_ns - base for span, _ in spans],
        "took": [-1 if span.duration_ns is None else span.duration_ns for span, _ in spans],
        "outcome": [outcomes.index(span.outcome or "unfinished") for span, _ in spans],
        "trace": [trace_ids.index(f"{span.trace_id:032x}") for span, _ in spans],
        "id": [f"{span.span_id:016x}" for span, _ in spans],
        "unread": recording.problem_count,
    }
    columns.update(names=names.texts, outcomes=outcomes.texts, traces=trace_ids.texts)
    # One by one: the objects of all spans at once would take too much memory.
    rest = ",".join(
        f'"{index}":{_encode(more)}'
        for index, (span, _) in enumerate(spans)
        if (more := _more(span, base))
    )
    return _escaped(f'{_encode(columns)[:-1]},"more":{{{rest}}}}}')


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


_DANGEROUS: Final = re.compile("[<\u2028\u2029\ud800-\udfff]")


def _escaped(text: str) -> str:
    r"""JSON in which no `<` could end the element, and no lone surrogate fails to be written."""
    return _DANGEROUS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Texts:
    """Texts, each of which has an index."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._indexes: dict[str, int] = {}

    def index(self, text: str) -> int:
        """The index of a text; a new one is added at the end."""
        index = self._indexes.setdefault(text, len(self.texts))
        if index == len(self.texts):
            self.texts.append(text)
        return index


def _in_order(recording: Recording) -> Iterator[tuple[RecordedSpan, RecordedSpan | None]]:
    """Each span with its parent, in the order of the tree; without recursion, for deep trees."""
    waiting: list[tuple[RecordedSpan, RecordedSpan | None]]
    waiting = [(span, None) for span in recording.roots[::-1]]
    while waiting:
        span, above = waiting.pop()
        yield span, above
        waiting += [(child, span) for child in reversed(span.children)]


def _more(span: RecordedSpan, base: int) -> dict[str, Any]:
    """What a span has beside its name and times, under one letter each."""
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
