"""The types of attributes: in a catalogue, in Python, and in a recording.

They are those of `AttributeValue`: `str`, `bool`, `int`, `float`, lists of one of these, and unions
of them with `|`; and `json`, any value: what has structure is recorded as JSON text. A type may be
restricted to certain values.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from enterspan._model.limits import INT_MAX, INT_MIN

Value: TypeAlias = str | bool | int

SCALARS: Final[tuple[str, ...]] = ("str", "bool", "int", "float")
KINDS: Final[tuple[str, ...]] = (*SCALARS, *[f"list[{scalar}]" for scalar in SCALARS], "json")
"""The members that a type may have."""

_PYTHON: Final = {
    # Not Sequence: a str is one, and other sequences than these are recorded as their repr.
    "list[str]": "list[str] | tuple[str, ...]",
    "list[bool]": "list[bool] | tuple[bool, ...]",
    "list[int]": "list[int] | tuple[int, ...] | range",
    "list[float]": "list[float] | list[int] | tuple[float, ...] | range",
    "json": "_object",
}
_NOT_FINITE: Final = frozenset({"nan", "inf", "-inf"})
"""JSON lacks these numbers: a trace file has them as strings."""
_DIGITS: Final = re.compile(r"-?[0-9]{19,}")


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of an attribute: a union of `names`, restricted to `values` if there are any."""

    names: tuple[str, ...]
    values: tuple[Value, ...] = ()

    @property
    def text(self) -> str:
        """The type as in a catalogue, for messages."""
        if self.values:
            listed = " | ".join([repr(value) for value in self.values])
            return f"list[{listed}]" if self.names[0].startswith("list") else listed
        return " | ".join(self.names)

    @property
    def annotation(self) -> str:
        """The type as a Python annotation; `Literal` and `object` have an underscore in front."""
        if not self.values:
            return " | ".join([_PYTHON.get(name, name) for name in self.names])
        literal = f"_Literal[{', '.join([repr(value) for value in self.values])}]"
        if self.names[0].startswith("list"):
            return f"list[{literal}] | tuple[{literal}, ...]"
        return literal

    def fits(self, value: Any) -> bool:
        """Whether a value that was read from a trace is of this type."""
        if self.values:
            items = value if self.names[0].startswith("list") else [value]
            allowed = [(type(known), known) for known in self.values]
            return isinstance(items, list) and all((type(v), v) in allowed for v in items)
        return any(_is_of(value, name) for name in self.names)


def _is_of(value: Any, name: str) -> bool:
    if name.startswith("list"):
        return isinstance(value, list) and all(_is_of(item, name[5:-1]) for item in value)
    kind = type(value)
    if name == "json":
        return True
    if name == "float":
        return kind is float or kind is int or (kind is str and value in _NOT_FINITE)
    if name == "int":
        return kind is int or (kind is str and _is_big(value))
    return kind.__name__ == name


def _is_big(text: str) -> bool:
    """Whether a string is an integer of more than 64 bits: those are recorded as strings."""
    if not _DIGITS.fullmatch(text):
        return False
    return len(text) > 4_000 or not INT_MIN <= int(text) <= INT_MAX  # `int` takes 4300 digits


def parse_names(text: str) -> tuple[str, ...]:
    """The members of a type, each once, known or not."""
    return tuple(dict.fromkeys(["".join(part.split()) for part in text.split("|")]))


# --- types that were recorded ---------------------------------------------------------------------


def recorded_kind(value: Any) -> str | None:
    """The type of a recorded value: `[]` for an empty list, None if no attribute has it."""
    if isinstance(value, list):
        kinds = {recorded_kind(item) for item in value}
        if not kinds:
            return "[]"
        if kinds <= {"int", "float", "~float"}:
            kinds = {"int"} if kinds == {"int"} else {"float"}
        elif "~float" in kinds:
            kinds = (kinds - {"~float"}) | {"str"}
        kind = kinds.pop()
        return f"list[{kind}]" if not kinds and kind in SCALARS else None
    if isinstance(value, str) and value in _NOT_FINITE:
        return "~float"
    name = type(value).__name__
    return name if name in SCALARS else None


def merged(kinds: Collection[str]) -> str:
    """One type, as in a catalogue, for all recorded types of one attribute."""
    found = set(kinds)
    if "~float" in found:  # "nan" is a float among numbers, and otherwise a string
        found.discard("~float")
        found.add("float" if found & {"int", "float"} else "str")
    if "[]" in found:
        found.discard("[]")
        if not any(kind.startswith("list") for kind in found):
            found.add("list[str]")
    for narrow, wide in (("int", "float"), ("list[int]", "list[float]")):
        if wide in found:
            found.discard(narrow)
    return " | ".join([kind for kind in KINDS if kind in found])
