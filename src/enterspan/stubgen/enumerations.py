"""Enumerations, and the values of their members."""

import ast
import enum
import operator
from collections.abc import Callable, Iterable
from typing import Final

from enterspan.stubgen.expressions import dotted_name, last_part
from enterspan.stubgen.package import Definition, callee_name
from enterspan.stubgen.scope import Scope

_SHIFT_MOST: Final = 256
_OPERATORS: Final[dict[type[ast.operator], Callable[[int, int], int]]] = {
    ast.Add: operator.add,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.Mult: operator.mul,
    ast.Sub: operator.sub,
}
_SIGNS: Final[dict[type[ast.unaryop], Callable[[int], int]]] = {
    ast.Invert: operator.invert,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def enum_base(scope: Scope, node: ast.ClassDef) -> bool:
    """Whether a class is an enumeration."""
    for ancestor in scope.ancestors(node):
        if isinstance(ancestor, type) and issubclass(ancestor, enum.Enum):
            return True
    return False


def is_member(scope: Scope, node: ast.expr) -> bool:
    """Whether an expression is a member of an enumeration of this package."""
    found = scope.find(dotted_name(node) or "")
    if found is None or found[2] is None or not found[1].is_variable:
        return False
    return enum_base(found[0], found[2]) and not isinstance(found[1].nodes[-1], ast.AnnAssign)


def ignored(own: Iterable[Definition]) -> set[str]:
    """The names in `_ignore_`, which are no members."""
    values = [item.values[0] for item in own if item.bound == "_ignore_" and item.values]
    words = [n.value for v in values if v for n in ast.walk(v) if isinstance(n, ast.Constant)]
    return {name for word in words for name in str(word).replace(",", " ").split()}


def makes_values(scope: Scope, node: ast.ClassDef) -> bool:
    """Whether the values of an enumeration's members come from a `__new__` in the package."""
    written = [a[1] for a in scope.ancestors(node) if not isinstance(a, type)]
    names = {getattr(member, "name", "") for owner in (node, *written) for member in owner.body}
    return "__new__" in names


def numbers(scope: Scope, node: ast.ClassDef, own: Iterable[Definition]) -> dict[str, int]:
    """The values of the members that are integers, those of `auto()` included."""
    known: dict[str, int] = {}
    following = _following(scope, node)
    for item in own:
        value = item.values[0] if item.values else None
        is_named = item.bound.startswith("_") and item.bound.endswith("_")
        if not item.is_variable or value is None or is_named:
            continue
        called = last_part(callee_name(value)) if isinstance(value, ast.Call) else ""
        number = following([*known.values()]) if called == "auto" else folded(value, known)
        if number is not None:
            known[item.bound] = number
        elif called != "nonmember":
            following = _unknown  # what follows a member of another kind depends on the version
    return known


def _following(scope: Scope, node: ast.ClassDef) -> Callable[[list[int]], int | None]:
    """The function that computes the value of `auto()` from the preceding values."""
    if any(isinstance(statement, ast.If) for statement in node.body):
        return _unknown
    for ancestor in [(scope, node), *scope.ancestors(node)]:
        if isinstance(ancestor, type):
            made = getattr(ancestor, "_generate_next_value_", None)
            return _NEXT.get(getattr(made, "__qualname__", ""), _unknown)
        if any(getattr(s, "name", "") == "_generate_next_value_" for s in ancestor[1].body):
            return _unknown
    return _unknown


def _unknown(_before: list[int]) -> int | None:
    return None


_NEXT: Final[dict[str, Callable[[list[int]], int | None]]] = {
    "Enum._generate_next_value_": lambda before: max(before, default=0) + 1,
    "Flag._generate_next_value_": lambda before: 1 << max(before, default=0).bit_length(),
}


def folded(node: ast.expr, known: dict[str, int]) -> int | None:
    """The integer that an expression of integers and of known names is; None for any other."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _SIGNS:
        value = folded(node.operand, known)
        return None if value is None else _SIGNS[type(node.op)](value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = folded(node.left, known), folded(node.right, known)
        is_large = isinstance(node.op, ast.LShift) and not 0 <= (right or 0) <= _SHIFT_MOST
        if left is not None and right is not None and not is_large:
            return _OPERATORS[type(node.op)](left, right)
    return None
