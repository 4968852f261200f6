"""Types as text, as written in a stub."""

import ast
import re
from collections.abc import Iterable
from typing import Any, Final

from enterspan.stubgen.expressions import dotted_name, last_part
from enterspan.stubgen.scope import MISSING

_UNKNOWN: Final = re.compile(r"\b_?Incomplete\b")
SIMPLE: Final = (bool, int, float, complex, str, bytes)
MOST: Final = 4
"""The maximum number of types in a union of elements; more become `object`."""


def members(kind: str) -> list[str]:
    """The members of a union."""
    try:
        node = ast.parse(kind, mode="eval").body
    except SyntaxError:
        return [kind]
    found: list[str] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        found.insert(0, ast.unparse(node.right))
        node = node.left
    return [ast.unparse(node), *found]


def is_incomplete(kind: str) -> bool:
    """Whether a part of a type is unknown."""
    return _UNKNOWN.search(kind) is not None


def union(kinds: Iterable[str | None]) -> str | None:
    """The union of types, None at its end; unknown if one of them is."""
    found: dict[str, None] = {}
    for kind in kinds:
        if kind is None:
            return None
        found.update(dict.fromkeys(members(kind)))
    if not found:
        return None
    if "None" in found and len(found) > 1:
        del found["None"]
        found["None"] = None
    return " | ".join(found)


def without_none(kind: str | None) -> str | None:
    """A type without None; empty if there is nothing else."""
    return None if kind is None else " | ".join([m for m in members(kind) if m != "None"])


def _parsed(kind: str | None) -> ast.Subscript | None:
    try:
        node = ast.parse(kind or "None", mode="eval").body
    except SyntaxError:
        return None
    return node if isinstance(node, ast.Subscript) else None


def element_of(kind: str | None) -> str | None:
    """The type of the items when iterating."""
    if kind in ("str", "bytes", "range"):
        return "str" if kind == "str" else "int"
    node = _parsed(kind)
    head = last_part(dotted_name(node.value)) if node else ""
    if node is None:
        return None
    given = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if head == "tuple":
        given = [g for g in given if not (isinstance(g, ast.Constant) and g.value is Ellipsis)]
        return union(map(ast.unparse, given)) if ast.unparse(node.slice) != "()" else None
    known = (
        "list",
        "set",
        "frozenset",
        "dict",
        "deque",
        "Sequence",
        "Iterable",
        "Iterator",
        "Mapping",
    )
    return ast.unparse(given[0]) if head in known else None


def item_of(kind: str | None, index: ast.expr) -> str | None:
    """The type of a subscript."""
    node = _parsed(kind)
    head = last_part(dotted_name(node.value)) if node else ""
    if node is None:
        return None
    given = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if head in ("dict", "Mapping", "defaultdict", "OrderedDict") and len(given) == 2:
        return ast.unparse(given[1])
    if head in ("list", "Sequence", "deque") and len(given) == 1:
        return ast.unparse(given[0])
    if head == "tuple" and isinstance(index, ast.Constant) and isinstance(index.value, int):
        if len(given) == 2 and ast.unparse(given[1]) == "...":
            return ast.unparse(given[0])
        return ast.unparse(given[index.value]) if index.value < len(given) else None
    return None


def runtime_type(value: Any) -> str | None:
    """The type of a run-time value: plain values and containers of them."""
    if value is MISSING or value is None:
        return None
    kind = type(value)
    if kind in SIMPLE:
        return kind.__name__
    if kind in (list, set, frozenset, tuple, dict) and value:
        parts = [value.keys(), value.values()] if kind is dict else [value]
        found = [union(dict.fromkeys(map(runtime_type, part))) for part in parts]
        if None in found or any(len(members(f or "")) > MOST for f in found):
            return None
        tail = ", ..." if kind is tuple else ""
        return f"{kind.__name__}[{', '.join([f or '' for f in found])}{tail}]"
    return None
