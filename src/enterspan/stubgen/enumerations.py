"""Enumerations, and the values of their members."""

import ast
import enum
import operator
from collections.abc import Callable
from typing import Final

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


def makes_values(scope: Scope, node: ast.ClassDef) -> bool:
    """Whether the values of an enumeration's members come from a `__new__` of the package's."""
    written = [a[1] for a in scope.ancestors(node) if not isinstance(a, type)]
    names = {getattr(member, "name", "") for owner in (node, *written) for member in owner.body}
    return "__new__" in names


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
