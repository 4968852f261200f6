"""Translates types between modules, and out of the functions that they are from."""

import ast
import builtins
import sys
from typing import Any

from enterspan.stubgen.expressions import dotted_name, last_part
from enterspan.stubgen.package import callee_name
from enterspan.stubgen.place import Place
from enterspan.stubgen.scope import VARIABLES, Scope


class Translation:
    """Replaces the names of one module with those of another."""

    def __init__(
        self, here: Scope, there: Scope, owner: ast.ClassDef | None, is_local: bool
    ) -> None:
        self._here = here
        self._there = there
        self._owner = owner
        self._is_local = is_local
        self._ok = True

    def of(self, text: str) -> ast.expr | None:
        """The type with the names of this module; None if that is impossible."""
        try:
            made: Any = self._visit(ast.parse(text, mode="eval").body)
        except SyntaxError:
            return None
        return made if self._ok else None

    def _visit(self, node: ast.AST) -> Any:
        name = dotted_name(node)
        if name is not None:
            return self._named(name)
        if isinstance(node, ast.Subscript) and last_part(dotted_name(node.value)) == "Literal":
            node.value = self._visit(node.value)
            return node
        for key, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(node, key, [self._visit(v) if isinstance(v, ast.AST) else v for v in value])
            elif isinstance(value, ast.AST) and not isinstance(
                value, (ast.expr_context, ast.operator)
            ):
                setattr(node, key, self._visit(value))
        return node

    def _named(self, name: str) -> ast.expr:
        origin = self._there.origin_of(name)
        if last_part(origin) == "Self" and not self._is_local:
            owner = self._owner.name if self._owner is not None else ""
            if not self._there.module.find(owner):
                return self._refused(name)
            name, origin = owner, f"{self._there.module.name}.{owner}"
        first = name.partition(".")[0]
        if not self._is_local and is_type_variable(self._there, name):
            return self._refused(name)
        if not self._there.module.find(first):
            if not hasattr(builtins, first) and not self._is_local:
                return self._refused(name)
            if self._here is not self._there and self._here.module.find(first):
                self._here.borrow_module("builtins")
                self._here.reader.used.add("builtins")
                return ast.Name(f"builtins.{name}")
            return ast.Name(name)
        if self._here is self._there:
            self._here.reader.used.add(name)
            return ast.Name(name)
        module, _, last = origin.rpartition(".")
        while module and module not in self._here.project.modules and module not in sys.modules:
            module, _, part = module.rpartition(".")
            last = f"{part}.{last}"
        if not module:
            return self._refused(name)
        head, dot, rest = last.partition(".")
        return ast.Name(self._here.named(module, head) + dot + rest)

    def _refused(self, name: str) -> ast.expr:
        self._ok = False
        return ast.Name(name)


def without_variables(scope: Scope, kind: str, place: Place) -> str | None:
    """A type without the type variables of a function, which are meaningless outside it."""
    assert place.function is not None
    own = {p.name for p in getattr(place.function, "type_params", [])}
    heads = [*place.node.bases, *getattr(place.node, "type_params", [])] if place.node else []
    outer = {getattr(n, "id", getattr(n, "name", "")) for head in heads for n in ast.walk(head)}
    tree = ast.parse(kind, mode="eval")
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    free = {n for n in names if n in own or (n not in outer and is_type_variable(scope, n))}
    if not free:
        return kind
    unknown = scope.incomplete()

    class Without(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            head = last_part(dotted_name(node.value))
            if head == "Callable" and isinstance(node.slice, ast.Tuple):
                first = node.slice.elts[0]
                used = {n.id for n in ast.walk(first) if isinstance(n, ast.Name)}
                if used & free and not isinstance(first, ast.List):
                    node.slice.elts[0] = ast.Constant(...)
            return self.generic_visit(node)

        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.Name(unknown) if node.id in free else node

    return ast.unparse(Without().visit(tree))


def is_type_variable(scope: Scope, name: str) -> bool:
    """Whether a name stands for a type variable."""
    origin = scope.origin_of(name)
    if origin in ("typing.AnyStr", "typing_extensions.AnyStr"):
        return True
    found = scope.find(name)
    value = found[1].values[0] if found and found[1].values else None
    return isinstance(value, ast.Call) and last_part(callee_name(value)) in VARIABLES
