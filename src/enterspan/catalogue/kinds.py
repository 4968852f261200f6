"""The types of attributes: how they are written in a catalogue, in Python, and in a trace.

They are those of `AttributeValue`: `str`, `bool`, `int`, `float` and lists of one of them, and
several of these with bars in between. An attribute may be confined to certain values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.frozen import frozen
from enterspan._model.values import INT_MAX, INT_MIN

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import TypeAlias

    Value: TypeAlias = str | bool | int

SCALARS: Final[tuple[str, ...]] = ("str", "bool", "int", "float")
KINDS: Final[tuple[str, ...]] = (*SCALARS, *[f"list[{scalar}]" for scalar in SCALARS])
"""What the type of an attribute can be made of."""

_PYTHON: Final = {
    # Not Sequence: a text is a sequence of texts, and anything but these three is recorded as text.
    "list[str]": "list[str] | tuple[str, ...]",
    "list[bool]": "list[bool] | tuple[bool, ...]",
    "list[int]": "list[int] | tuple[int, ...] | range",
    "list[float]": "list[float] | list[int] | tuple[float, ...] | range",
}
_NOT_FINITE: Final = frozenset({"nan", "inf", "-inf"})
"""JSON has no form for these: a trace file has them as text."""
_DIGITS: Final = re.compile(r"-?[0-9]{19,}")


@frozen
class Kind:
    """The type of an attribute: one of several `names`, and, if not empty, one of `values`."""

    names: tuple[str, ...]
    values: tuple[Value, ...] = ()

    @property
    def text(self) -> str:
        """The type as a catalogue has it, for messages."""
        if self.values:
            listed = " | ".join([repr(value) for value in self.values])
            return f"list[{listed}]" if self.names[0].startswith("list") else listed
        return " | ".join(self.names)

    @property
    def annotation(self) -> str:
        """The type as Python's annotations have it; `_Literal` stands for `typing.Literal`."""
        if not self.values:
            return " | ".join([_PYTHON.get(name, name) for name in self.names])
        literal = f"_Literal[{', '.join([repr(value) for value in self.values])}]"
        if self.names[0].startswith("list"):
            return f"list[{literal}] | tuple[{literal}, ...]"
        return literal

    def fits(self, value: Any) -> bool:
        """Whether a value, as it was read from a trace, is of this type."""
        if self.values:
            items = value if self.names[0].startswith("list") else [value]
            allowed = [(type(known), known) for known in self.values]
            return isinstance(items, list) and all((type(v), v) in allowed for v in items)
        return any(_is_of(value, name) for name in self.names)


def _is_of(value: Any, name: str) -> bool:
    if name.startswith("list"):
        return isinstance(value, list) and all(_is_of(item, name[5:-1]) for item in value)
    kind = type(value)
    if name == "float":
        return kind is float or kind is int or (kind is str and value in _NOT_FINITE)
    if name == "int":
        return kind is int or (kind is str and _is_big(value))
    return kind.__name__ == name


def _is_big(text: str) -> bool:
    """Whether a text is an integer of more than 64 bits, which is recorded as one."""
    if not _DIGITS.fullmatch(text) or len(text) > 4_000:
        return _DIGITS.fullmatch(text) is not None
    return not INT_MIN <= int(text) <= INT_MAX


def parse_names(text: str) -> tuple[str, ...]:
    """Read a type as it is written. Raises ValueError with the part that is no type."""
    names = tuple(dict.fromkeys(["".join(part.split()) for part in text.split("|")]))
    for name in names:
        if name not in KINDS:
            raise ValueError(name)
    return names


# --- types that were recorded ---------------------------------------------------------------------


def recorded_kind(value: Any) -> str | None:
    """The type of a value of a trace; `[]` for an empty list, None where no attribute is such."""
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
    """One type, as a catalogue has it, for all that was recorded of one attribute."""
    found = set(kinds)
    if "~float" in found:  # "nan" is a number among numbers, and else a text
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
