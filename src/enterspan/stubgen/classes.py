"""Classes in a stub: bases, public members, and the attributes that methods set.

A private member is left out unless type checkers need it: a field that `__init__` takes, a member
of a protocol, an abstract method, a class that a public signature names.
"""

import ast
import builtins
import enum
from collections.abc import Callable, Iterator
from inspect import get_annotations
from typing import Final, TypeAlias

from enterspan.stubgen.expressions import docstring_lines, dotted_name, last_part, spaced
from enterspan.stubgen.functions import decorator_lines, function_lines
from enterspan.stubgen.package import (
    FUNCTIONS,
    Branch,
    Definition,
    Function,
    Imported,
    Item,
    class_items,
    decorator_name,
    targets_of,
    text_of,
    with_next,
)
from enterspan.stubgen.scope import Scope
from enterspan.stubgen.variables import type_of, variable_lines

_PLAIN_DECORATORS: Final = frozenset(
    {"final", "runtime_checkable", "type_check_only", "deprecated", "unique", "total_ordering"}
)
"""Class decorators that make no `__init__` from the fields."""
_WHOLE: Final = frozenset({"Protocol", "NamedTuple", "TypedDict"})
"""Bases of classes whose private members belong to their interface."""
_IMPLEMENTING: Final = frozenset({"__post_init__", "__test__", "__slots__", "__doc__"})

_Setting: TypeAlias = tuple[ast.Assign | ast.AnnAssign, Function, str | None]
"""A statement that sets an attribute, its method, and the string below it."""


def definition_lines(
    scope: Scope, item: Definition, owner: str, indent: str, *, fields: bool
) -> list[str]:
    """A definition; `fields` says that the default values of variables matter."""
    node = item.nodes[-1]
    if item.functions:
        return function_lines(scope, item.functions, owner, indent)
    if isinstance(node, ast.ClassDef):
        return _class_lines(scope, node, owner, indent)
    return variable_lines(scope, item, owner, indent, fields=fields)


def branch_lines(
    scope: Scope, item: Branch, indent: str, lines_of: Callable[[Item, str], list[str]]
) -> list[str]:
    """An `if` statement around what `lines_of` gives; no lines where that is nothing."""
    inner = indent + "    "
    body = [line for i in item.body for line in lines_of(i, inner)]
    orelse = [line for i in item.orelse for line in lines_of(i, inner)]
    if not body and not orelse:
        return []
    lines = [f"{indent}if {scope.reader.value(item.test)}:", *(body or [f"{inner}pass"])]
    return [*lines, f"{indent}else:", *orelse] if orelse else lines


def _class_lines(scope: Scope, node: ast.ClassDef, owner: str, indent: str) -> list[str]:
    qualified = f"{owner}.{node.name}" if owner else node.name
    inner = indent + "    "
    bases = [scope.reader.value(base) for base in node.bases if dotted_name(base) != "object"]
    bases += [f"{k.arg}={scope.reader.value(k.value)}" for k in node.keywords if k.arg]
    head = f"{indent}class {node.name}{scope.type_parameters(node)}"
    head += f"({', '.join(bases)}):" if bases else ":"
    doc = docstring_lines(ast.get_docstring(node), inner)
    members = _Members(scope, node, qualified, inner).render()
    if not doc and not members:
        head += " ..."
    blank = [""] if doc and members else []
    return [*decorator_lines(scope, node, qualified, indent), head, *doc, *blank, *members]


class _Members:
    """Renders the members of one class."""

    def __init__(self, scope: Scope, node: ast.ClassDef, qualified: str, indent: str) -> None:
        self._scope = scope
        self._node = node
        self._qualified = qualified
        self._indent = indent
        names = [dotted_name(base) or "" for base in node.bases]
        generic = [b.value if isinstance(b, ast.Subscript) else b for b in node.bases]
        self._whole = any(last_part(dotted_name(base)) in _WHOLE for base in generic)
        decorators = [scope.origin_of(decorator_name(d)) for d in scope.kept(node, node.name)]
        makes_init = not _PLAIN_DECORATORS.issuperset(map(last_part, decorators))
        self._fields = makes_init or any(name != "object" for name in names)
        self._private_fields = self._whole or makes_init
        # Where all bases are builtins, the imported class is not looked at.
        own = any(scope.module.find(name.partition(".")[0]) for name in names)
        builtin = all(hasattr(builtins, name) for name in names)
        self._inherits = bool(node.keywords) or own or not builtin
        self._enum = self._inherits and enum.Enum in scope.bases(qualified)
        self._items = class_items(scope.module, node)
        self._own = [item for item in self._items if isinstance(item, Definition)]
        self._named: set[str] = set()
        """Private members that a public one names."""

    def render(self) -> list[str]:
        """All members, repeated until every private one that is named is among them."""
        reader = self._scope.reader
        outside = reader.used
        private = {item.bound for item in self._own if item.bound.startswith("_")}
        while True:
            reader.used = set()
            lines = self._all()
            used = private & {name.partition(".")[0] for name in reader.used}
            if used <= self._named:
                break
            self._named |= used
        reader.used = outside | reader.used
        return lines

    def _all(self) -> list[str]:
        # `b = a` stays below what it names.
        first = [i for i in self._items if _is_variable(i) and not _is_second_name(i)]
        blocks = [self._item(item, self._indent) for item in first]
        blocks += [self._attribute(name, *found) for name, found in self._settings().items()]
        blocks += [self._item(i, self._indent) for i in self._items if i not in first]
        return spaced(blocks)

    def _item(self, item: Item, indent: str) -> list[str]:
        if isinstance(item, Branch):
            return branch_lines(self._scope, item, indent, self._item)
        if isinstance(item, Imported) or not self._is_shown(item):
            return []
        node = item.nodes[-1]
        if self._enum and isinstance(node, ast.Assign):
            return [f"{indent}{item.bound} = {self._scope.reader.value(node.value)}"]
        return definition_lines(self._scope, item, self._qualified, indent, fields=self._fields)

    def _is_shown(self, item: Definition) -> bool:
        name = item.bound
        if self._scope.module.is_internal(*item.nodes) or name in _IMPLEMENTING:
            return False
        if is_public(name) or name in self._named:
            return True
        if _is_variable(item):
            return self._private_fields
        return self._whole or _is_abstract(item) or self._completes(name)

    def _completes(self, name: str) -> bool:
        """Whether a member implements an abstract one: without it the class were abstract."""
        return self._inherits and any(
            name in getattr(base, "__abstractmethods__", ())
            for base in self._scope.bases(self._qualified)
        )

    # --- attributes that methods set ---

    def _settings(self) -> dict[str, _Setting]:
        """`self.x = ...` in methods, each name once: an annotated one, if there is one."""
        known = {item.bound for item in self._own}
        found: dict[str, _Setting] = {}
        methods = [node for item in self._own for node in item.functions]
        methods.sort(key=lambda node: node.name not in ("__init__", "__new__"))
        for method in methods:
            for name, statement, doc in _set_on_self(method):
                is_declared = isinstance(statement, ast.AnnAssign)
                if name not in known and (name not in found or is_declared):
                    found[name] = statement, method, doc
        return found

    def _attribute(
        self, name: str, statement: ast.Assign | ast.AnnAssign, method: Function, doc: str | None
    ) -> list[str]:
        is_shown = is_public(name) or name in self._named
        if not is_shown or self._scope.module.is_internal(statement):
            return []
        made = self._attribute_type(statement, method)
        if made is not None:
            return [f"{self._indent}{name}: {made}", *docstring_lines(doc, self._indent)]
        bases = self._scope.bases(self._qualified)[:-1] if self._node.bases else ()
        if not any(name in vars(base) or name in get_annotations(base) for base in bases):
            what = f"'{self._qualified}.{name}' has no annotation"
            self._scope.complain(statement.lineno, what)
        return []

    def _attribute_type(
        self, statement: ast.Assign | ast.AnnAssign, method: Function
    ) -> str | None:
        if isinstance(statement, ast.AnnAssign):
            return self._scope.reader.annotation(statement.annotation)
        arguments = method.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            if dotted_name(statement.value) == argument.arg and argument.annotation is not None:
                return self._scope.reader.annotation(argument.annotation)
        return type_of(self._scope, statement.value)


def is_public(name: str) -> bool:
    """Whether a name has no leading underscore, or is one that Python defines."""
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _is_variable(item: Item) -> bool:
    definers = (*FUNCTIONS, ast.ClassDef)
    return isinstance(item, Definition) and not isinstance(item.nodes[-1], definers)


def _is_second_name(item: Item) -> bool:
    node = item.nodes[-1] if isinstance(item, Definition) else None
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)


def _is_abstract(item: Definition) -> bool:
    return any("abstract" in ast.dump(d) for n in item.functions for d in n.decorator_list)


def _set_on_self(
    method: Function,
) -> Iterator[tuple[str, ast.Assign | ast.AnnAssign, str | None]]:
    """The attributes that a method sets on its first parameter, and the strings below them."""
    positional = [*method.args.posonlyargs, *method.args.args]
    if not positional or "staticmethod" in map(dotted_name, method.decorator_list):
        return
    for body in _bodies(method):
        for statement, below in with_next(body):
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                for target in targets_of(statement):
                    owner, _, name = (dotted_name(target) or "").rpartition(".")
                    if owner == positional[0].arg:
                        yield name, statement, text_of(below)


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in a function, except those of functions inside it."""
    for name in ("body", "orelse", "finalbody", "handlers"):
        body: list[ast.stmt] = getattr(node, name, [])
        yield body
        for child in body:
            if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                yield from _bodies(child)
