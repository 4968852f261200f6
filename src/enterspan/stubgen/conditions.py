"""Conditions as type checkers see them: constants, and those that they evaluate themselves."""

import ast
import copy
from typing import Final

from enterspan.stubgen.expressions import dotted_name, last_part

_TRUE: Final = frozenset({"TYPE_CHECKING", "MYPY"})
"""Names that are true for checkers and false when the program runs."""
_EVALUATED: Final = frozenset({"sys.version_info", "sys.platform"})


def names_in(node: ast.AST) -> set[str]:
    """The dotted names in an expression."""
    return {dotted_name(part) or "" for part in ast.walk(node)}


def holds(test: ast.expr) -> bool | None:
    """Whether a condition is true for checkers; None if they don't know."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            found = holds(inner)
            return None if found is None else not found
        case ast.BoolOp(op=operator, values=values):
            decides = isinstance(operator, ast.Or)
            parts = [*map(holds, values)]
            return decides if decides in parts else None if None in parts else not decides
        case _:
            return True if last_part(dotted_name(test)) in _TRUE else None


def undecided(test: ast.expr) -> ast.expr:
    """A condition without the parts that are always the same for checkers."""
    if not isinstance(test, ast.BoolOp):
        return test
    neutral = isinstance(test.op, ast.And)
    left = [undecided(value) for value in test.values if holds(value) is not neutral]
    return left[0] if len(left) == 1 else ast.BoolOp(test.op, left)


def is_for_checkers(test: ast.expr) -> bool:
    """Whether a condition has another value at run time."""
    return any(last_part(name) in _TRUE for name in names_in(test))


def is_evaluated(test: ast.expr) -> bool:
    """Whether checkers evaluate a condition on the version or the platform."""
    return bool(names_in(test) & _EVALUATED)


def evaluated_names(body: list[ast.stmt]) -> dict[str, ast.expr]:
    """The names that stand for such conditions, as in `NEW = sys.version_info >= (3, 12)`."""
    known: dict[str, ast.expr] = {}
    for statement in body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        known.pop(statement.targets[0].id, None)  # it may have another value from here on
        if isinstance(statement.value, (ast.Compare, ast.BoolOp)):
            value = spelled(statement.value, known)
            if is_evaluated(value):
                known[statement.targets[0].id] = movable(value)
    return known


def movable(test: ast.expr) -> ast.expr:
    """A condition for a module other than the one that it is from."""
    made: ast.expr = _Movable().visit(copy.deepcopy(test))
    return made


class _Movable(ast.NodeTransformer):
    """Has numbers written as they are: their text stands in the module that they are from."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Name(repr(node.value)) if isinstance(node.value, int) else node


def spelled(test: ast.expr, known: dict[str, ast.expr]) -> ast.expr:
    """A condition with such conditions in place of their names."""

    class Spelled(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return known.get(node.id, node)

    made: ast.expr = Spelled().visit(copy.deepcopy(test))
    return made
