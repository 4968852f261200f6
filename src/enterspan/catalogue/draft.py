"""Drafts a catalogue from a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from enterspan.catalogue.kinds import merged, recorded_kind
from enterspan.catalogue.names import (
    RESERVED_METHODS,
    RESERVED_PARAMETERS,
    identifier_of,
    is_public_identifier,
)
from enterspan.catalogue.toml import key_text, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from enterspan.catalogue.recorded import Usage

MOST_NAMES: Final = 10_000
"""More names of spans, or of a span's attributes, probably contain ids."""


class _Seen:
    """The attributes and types that were recorded with one name."""

    __slots__ = ("counts", "kinds", "whole")

    def __init__(self) -> None:
        self.whole = 0
        self.counts: dict[str, int] = {}
        self.kinds: dict[str, set[str]] = {}

    def add(self, span: Usage) -> None:
        """One more span of the name."""
        self.whole += span.is_whole
        for name, value in span.attributes.items():
            kind = recorded_kind(value)
            if kind is None or (name not in self.kinds and len(self.kinds) >= MOST_NAMES):
                continue
            self.kinds.setdefault(name, set()).add(kind)
            self.counts[name] = self.counts.get(name, 0) + span.is_whole

    def is_required(self, name: str) -> bool:
        """Whether every whole span of the file had the attribute."""
        return self.counts[name] == self.whole > 0


class Draft:
    """The spans of a recording by name; `left_out` counts spans of names beyond the limit."""

    def __init__(self) -> None:
        self.left_out: int = 0
        self._seen: dict[str, _Seen] = {}

    def add_all(self, spans: Iterable[Usage]) -> None:
        """Go through a recording."""
        for span in spans:
            name = _writable(span.name)
            seen = self._seen.get(name)
            if seen is None:
                if len(self._seen) >= MOST_NAMES:
                    self.left_out += 1
                    continue
                seen = self._seen[name] = _Seen()
            seen.add(span)

    def text(self, *, ascii_only: bool = False) -> str:
        """The catalogue in TOML, sorted: equal recordings give equal texts."""
        parts = ["# Drafted from a recording. An attribute that every span had is required.\n"]
        methods = _unique(sorted(self._seen), RESERVED_METHODS, "span")
        for name in sorted(self._seen):
            lines = [f"\n[spans.{key_text(name, ascii_only=ascii_only)}]"]
            if methods[name]:
                lines.append(f"method = {quoted(methods[name], ascii_only=ascii_only)}")
            lines += self._attribute_lines(self._seen[name], ascii_only)
            parts.append("\n".join(lines) + "\n")
        return "".join(parts)

    def _attribute_lines(self, seen: _Seen, ascii_only: bool) -> list[str]:
        known = {_writable(name): name for name in sorted(seen.kinds)}
        parameters = _unique(list(known), RESERVED_PARAMETERS, "attribute")
        lines: list[str] = []
        for shown, name in known.items():
            kind = quoted(merged(seen.kinds[name]))
            options: list[str] = []
            if not seen.is_required(name):
                options.append("required = false")
            if parameters[shown]:
                options.append(f"parameter = {quoted(parameters[shown], ascii_only=ascii_only)}")
            given = f"{{ {', '.join([f'type = {kind}', *options])} }}" if options else kind
            lines.append(f"attributes.{key_text(shown, ascii_only=ascii_only)} = {given}")
        return lines


def _unique(names: list[str], reserved: frozenset[str], what: str) -> dict[str, str]:
    """For each name the identifier to be given, or nothing where the rule makes a good one."""
    made = {name: identifier_of(name, RESERVED_PARAMETERS & reserved) for name in names}
    good: dict[str, str] = {}
    for name in names:
        found = made[name]
        if is_public_identifier(found) and found not in reserved:
            good.setdefault(found, name)
    taken = set(good)
    given: dict[str, str] = {}
    for name in names:
        if good.get(made[name]) == name:
            given[name] = ""
            continue
        base = made[name]
        if not is_public_identifier(base):
            base = f"{what}_{base}" if base else what
        elif base in reserved:
            base = f"{base}_"
        found, number = base, 2
        while found in taken or found in reserved:
            found, number = f"{base.rstrip('_')}_{number}", number + 1
        taken.add(found)
        given[name] = found
    return given


def _writable(text: str) -> str:
    """A text without the half characters that JSON can have and TOML can't."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
