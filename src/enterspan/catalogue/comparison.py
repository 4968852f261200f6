"""The differences between a recorded run and the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from enterspan.catalogue.declarations import Catalogue, SpanEntry
    from enterspan.catalogue.recorded import Usage

MOST_FINDINGS: Final = 10_000
"""How many kinds of findings are kept."""
_SHOWN: Final = 60
"""How much of a value is shown."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of deviation from the catalogue: how often, and on which line it came first."""

    line: int
    count: int
    text: str


class Comparison:
    """Compares recorded spans with a catalogue; `left_out` counts findings beyond the limit."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.left_out: int = 0
        self._entries = {entry.name: entry for entry in catalogue.spans}
        self._allow = catalogue.allow
        self._known: dict[str, dict[str, Any]] = {
            entry.name: {a.name: a for a in (*entry.attributes, *entry.constants)}
            for entry in catalogue.spans
        }
        self._counts: dict[tuple[str, ...], int] = {}
        self._first: dict[tuple[str, ...], tuple[int, str]] = {}

    def add_all(self, spans: Iterable[Usage]) -> None:
        """Go through a recording."""
        for span in spans:
            entry = self._entries.get(span.name)
            if entry is not None:
                self._compare(span, entry)
            elif not any(fnmatchcase(span.name, pattern) for pattern in self._allow):
                self._note(span, ("span", span.name), "")

    def findings(self) -> list[Finding]:
        """All that was found, sorted by span, attribute and kind."""
        found: list[Finding] = []
        for key in sorted(self._counts, key=lambda key: (key[1:], key[0])):
            line, shown = self._first[key]
            found.append(Finding(line, self._counts[key], self._text(key, shown)))
        return found

    def _compare(self, span: Usage, entry: SpanEntry) -> None:
        known = self._known[entry.name]
        for name, value in span.attributes.items():
            attribute = known.get(name)
            if attribute is None:
                if not entry.extra:
                    self._note(span, ("attribute", entry.name, name), value)
            elif not attribute.kind.fits(value):
                self._note(span, ("type", entry.name, name, attribute.kind.text), value)
        if span.is_whole:
            for attribute in (*entry.attributes, *entry.constants):
                if attribute.required and attribute.name not in span.attributes:
                    self._note(span, ("missing", entry.name, attribute.name), "")

    def _note(self, span: Usage, key: tuple[str, ...], value: Any) -> None:
        if key not in self._counts:
            if len(self._counts) >= MOST_FINDINGS:
                self.left_out += 1
                return
            self._first[key] = span.line, _shown(value)
        self._counts[key] = self._counts.get(key, 0) + 1

    def _text(self, key: tuple[str, ...], shown: str) -> str:
        what, span, *rest = key
        if what == "span":
            return f"span {span!r} is not in the catalogue{_nearest(span, self._entries)}"
        label = f"attribute {rest[0]!r} of span {span!r}"
        if what == "attribute":
            near = _nearest(rest[0], self._known[span])
            return f"{label} is not in the catalogue{near}: {shown}"
        if what == "missing":
            return f"{label} is required and missing"
        return f"{label} is not {rest[1]}: {shown}"


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name[:200], list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _shown(value: Any) -> str:
    text = repr(value[:_SHOWN] if isinstance(value, (str, list)) else value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
