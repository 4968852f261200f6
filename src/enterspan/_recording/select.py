"""The filters for the spans of a file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.records import SpanData
from enterspan._recording.assemble import Recording, roots_of
from enterspan.instrument.config import seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from enterspan._recording.assemble import Key, RecordedSpan
    from enterspan._recording.wire import Parsed

_SET: Final = re.compile(r"\[!?\]?[^\]]*\]")
"""A set of characters in a glob; a remaining bracket was not closed."""
_TRACE_ID: Final = re.compile(r"[0-9a-f]{1,32}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions for a span, all of which must hold.

    `name` is a pattern for the whole name, `min_duration_ns` the minimum duration; `errors` selects
    failed spans; `where` has pairs of a key and the text of its value.
    """

    name: re.Pattern[str] | None = None
    min_duration_ns: int = 0
    errors: bool = False
    where: tuple[tuple[str, str], ...] = ()

    @property
    def takes_all(self) -> bool:
        """Whether all spans match."""
        chooses = self.name is not None or self.min_duration_ns or self.errors or self.where
        return not chooses

    def takes(self, span: RecordedSpan) -> bool:
        """Whether a span matches; one that has not ended has no duration yet."""
        if self.errors and not span.failed:
            return False
        if self.min_duration_ns and (span.duration_ns or 0) < self.min_duration_ns:
            return False
        if self.name is not None and self.name.match(span.name) is None:
            return False
        return not self.where or all(_has(span, key, text) for key, text in self.where)


def _has(span: RecordedSpan, key: str, text: str) -> bool:
    """Whether a span has a value, as an attribute, in an event or the resource, or in a field."""
    value = span.attributes.get(key, _MISSING)
    if value is _MISSING:
        value = span.resource.get(key, _MISSING)
    if value is not _MISSING:
        return _is(value, text)
    if any(key in event.attributes and _is(event.attributes[key], text) for event in span.events):
        return True
    field = _FIELDS.get(key)
    return field is not None and _is(field(span), text)


def _is(value: Any, text: str) -> bool:
    if isinstance(value, str):
        return value == text
    return text in (str(value), json.dumps(value), json.dumps(value, separators=(",", ":")))


_FIELDS: Final[dict[str, Any]] = {
    "name": lambda span: span.name,
    "outcome": lambda span: span.outcome or "unfinished",
    "kind": lambda span: span.kind,
    "status": lambda span: span.status_code,
    "service": lambda span: span.resource.get("service.name"),
    "trace": lambda span: f"{span.trace_id:032x}",
    "span": lambda span: f"{span.span_id:016x}",
    "invocation": lambda span: span.invocation_id,
}


class OneTrace:
    """Passes events and lines of the traces whose id has a given beginning; remembers their ids."""

    def __init__(self, beginning: str) -> None:
        self._beginning = beginning
        self.found: set[int] = set()

    def of(self, parsed: Iterable[Parsed]) -> Iterator[Parsed]:
        """The events and lines of these traces."""
        found, beginning = self.found, self._beginning
        for each in parsed:
            if isinstance(each, SpanData):
                trace_id = each.context.trace_id
                text = f"{trace_id:032x}"
            else:
                text = each.span_context.trace_id
                trace_id = int(text, 16)
            if text.startswith(beginning):
                found.add(trace_id)
                yield each


def filtered(spans: Iterable[RecordedSpan], wanted: Filter) -> Recording:
    """The matching spans with their ancestors, as trees.

    Only these spans, and open ones, are kept in memory.
    """
    kept = _Kept()
    for span in spans:
        kept.offer(span, asked_for=wanted.takes(span))
    return Recording(roots_of(kept.spans), is_whole=False)


class _Kept:
    """The matching spans and their ancestors.

    In events, a span is open during its children: the ancestors of a kept span are kept and
    completed later. The line of a finished span comes after those of its children, which have added
    its id to `_around`.
    """

    def __init__(self) -> None:
        self.spans: dict[Key, RecordedSpan] = {}
        self._around: set[Key] = set()

    def offer(self, span: RecordedSpan, *, asked_for: bool) -> None:
        """Keep a span that matches, or is an ancestor of a kept one."""
        if not (asked_for or span.key in self._around or span.key in self.spans):
            return
        self._around.discard(span.key)
        self.spans[span.key] = outermost = span
        while (parent := outermost.parent) is not None and parent.key not in self.spans:
            self.spans[parent.key] = outermost = parent
        if parent is None and outermost.parent_id is not None:
            key = (outermost.trace_id, outermost.parent_id)
            if key not in self.spans:
                self._around.add(key)


def glob_of(text: str) -> re.Pattern[str]:
    """Read a case-sensitive glob for names: `*`, `?`, `[abc]` and `[!abc]`.

    Raises ValueError for one that is surely a mistake.
    """
    if not text:
        raise ValueError("--name '' matches no name: write a name, or a glob such as 'load*'")
    if "[" in _SET.sub("", text):
        raise ValueError(f"--name {text!r} has a [ without its ]: write [[] for a bracket")
    return re.compile(translate(text))


def nanoseconds_of(text: str) -> int:
    """Read a duration such as `1ms`, `0.5s` or `250us`; a bare number is seconds.

    Raises ValueError for anything else.
    """
    seconds = seconds_of(text)
    if seconds > 1e9:
        raise ValueError(f"{text!r} is too long: durations are limited to 30 years")
    return round(seconds * 1e9)


def pair_of(text: str) -> tuple[str, str]:
    """Read `KEY=VALUE`. Raises ValueError for anything else."""
    key, sign, value = text.partition("=")
    if not (key and sign):
        raise ValueError(f"--where {text!r} is not KEY=VALUE, such as order.id=1001")
    return key, value


def trace_id_of(text: str) -> str:
    """Read a trace id, the beginning of one, or a traceparent. Raises ValueError."""
    given = text.strip().lower()
    whole = _TRACEPARENT.fullmatch(given)
    given = whole[1] if whole else given
    if not _TRACE_ID.fullmatch(given):
        raise ValueError(f"--trace {text!r} is not the beginning of a trace's id (hex digits)")
    return given
