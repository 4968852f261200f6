"""Methods that have a name outside of their class as well: `make = Shop.make`."""

import ast
import copy
from typing import Any, Final

from enterspan.stubgen.expressions import Reader, dotted_name, last_part
from enterspan.stubgen.package import Function
from enterspan.stubgen.scope import Scope
from enterspan.stubgen.translation import is_type_variable

_BINDING: Final = ("classmethod", "staticmethod")


def depends_on_class(scope: Scope, node: Function, owner: ast.ClassDef | None) -> bool:
    """Whether a signature has no meaning outside of its class: checkers bind it on access."""
    names = _names(scope, _annotations(node))
    is_bound = _is_class_method(scope, node) or not names.isdisjoint(_variables(scope, owner))
    return is_bound or any(_is_self(scope, name) for name in names)


def outside(
    scope: Scope, node: Function, owner: ast.ClassDef | None, name: str, *, is_bound: bool = False
) -> Function | None:
    """A method as a function outside of its class, which *name* stands for; None if impossible.

    `Self` is the class. A bound method has no first parameter.
    """
    made = copy.deepcopy(node)
    variables = _variables(scope, owner)
    kind = f"{name}[{', '.join(variables)}]" if variables else name
    first = (made.args.posonlyargs or made.args.args)[:1]
    if is_bound or _is_class_method(scope, node):
        del (made.args.posonlyargs or made.args.args)[:1]
    elif first and first[0].annotation is None and not _is_static(scope, node):
        first[0].annotation = ast.parse(kind, mode="eval").body
    made.decorator_list = [
        d for d in made.decorator_list if last_part(dotted_name(d)) not in _BINDING
    ]
    without = _WithoutSelf(scope, kind)
    for argument in [part for part in ast.walk(made.args) if isinstance(part, ast.arg)]:
        argument.annotation = argument.annotation and without.visit(argument.annotation)
    made.returns = made.returns and without.visit(made.returns)
    taken = _names(scope, [a for a in _annotations(made) if a is not made.returns])
    returned = _names(scope, [made.returns] if made.returns is not None else [])
    own = {p.name for p in getattr(owner, "type_params", [])}
    is_free = own.isdisjoint(taken | returned) and taken.issuperset(returned & {*variables})
    return made if is_free else None


class _WithoutSelf(ast.NodeTransformer):
    """Replaces `Self` with a class."""

    def __init__(self, scope: Scope, kind: str) -> None:
        self._scope = scope
        self._kind = kind

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._replaced(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._replaced(node) if dotted_name(node) else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, str) and "Self" in node.value:
            try:
                parsed = ast.parse(node.value.strip(), mode="eval")
            except SyntaxError:
                return node
            return ast.copy_location(ast.Constant(ast.unparse(self.visit(parsed))), node)
        return node

    def _replaced(self, node: ast.expr) -> ast.expr:
        if _is_self(self._scope, dotted_name(node) or ""):
            return ast.parse(self._kind, mode="eval").body
        return node


def _annotations(node: Function) -> list[ast.expr]:
    parts: list[Any] = [a.annotation for a in ast.walk(node.args) if isinstance(a, ast.arg)]
    return [part for part in [*parts, node.returns] if part is not None]


def _names(scope: Scope, annotations: list[ast.expr]) -> set[str]:
    """The names in annotations, and in the strings there."""
    reader = Reader(scope.module.text)
    for annotation in annotations:
        reader.annotation(annotation)
    return reader.used


def _variables(scope: Scope, owner: ast.ClassDef | None) -> list[str]:
    """The names of the type parameters of a class, in order."""
    bases: list[ast.expr] = getattr(owner, "bases", [])
    given = [base.slice for base in bases if isinstance(base, ast.Subscript)]
    names = [dotted_name(part) or "" for slices in given for part in ast.walk(slices)]
    found = [name for name in names if name and is_type_variable(scope, name)]
    own: list[str] = [p.name for p in getattr(owner, "type_params", [])]
    return [*dict.fromkeys([*own, *found])]


def _is_self(scope: Scope, name: str) -> bool:
    return scope.origin_of(name) in ("typing.Self", "typing_extensions.Self")


def _is_class_method(scope: Scope, node: Function) -> bool:
    return "builtins.classmethod" in scope.origins(node)


def _is_static(scope: Scope, node: Function) -> bool:
    return "builtins.staticmethod" in scope.origins(node)
