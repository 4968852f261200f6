"""Classes in a stub: bases, public members, and the attributes that methods set.

A private member is left out unless type checkers need it: a field that `__init__` takes, a member
of a protocol, an abstract method, a class that a public signature names.
"""

import ast
import builtins
import enum
from collections.abc import Iterator
from inspect import get_annotations
from typing import Any, Final

from enterspan.stubgen.expressions import docstring_lines, dotted_name, spaced
from enterspan.stubgen.functions import Functions
from enterspan.stubgen.package import (
    FUNCTIONS,
    Branch,
    Definition,
    Function,
    Imported,
    Item,
    class_items,
    targets_of,
    text_of,
    with_next,
)
from enterspan.stubgen.scope import Scope
from enterspan.stubgen.variables import Variables

_PLAIN_DECORATORS: Final = frozenset(
    {"final", "runtime_checkable", "type_check_only", "deprecated", "unique", "total_ordering"}
)
"""Class decorators that make no `__init__` from the fields."""
_WHOLE: Final = frozenset({"Protocol", "NamedTuple", "TypedDict"})
"""Bases of classes whose private members belong to their interface."""
_IMPLEMENTING: Final = frozenset({"__post_init__", "__test__", "__slots__", "__doc__"})


class Definitions:
    """Renders the definitions of one module: functions, classes and variables."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.functions: Functions = Functions(scope)
        self.variables: Variables = Variables(scope, self.functions)

    def render(self, item: Definition, owner: str, indent: str, *, fields: bool) -> list[str]:
        """A definition; `fields` says that the default values of variables matter."""
        node = item.nodes[-1]
        if item.functions:
            return self.functions.render(item.functions, owner, indent)
        if isinstance(node, ast.ClassDef):
            return self._class(node, owner, indent)
        return self.variables.render(item, owner, indent, fields=fields)

    def _class(self, node: ast.ClassDef, owner: str, indent: str) -> list[str]:
        qualified = f"{owner}.{node.name}" if owner else node.name
        reader = self.scope.reader
        bases = [reader.value(base) for base in node.bases if not _is_name(base, "object")]
        bases += [f"{k.arg}={reader.value(k.value)}" for k in node.keywords if k.arg]
        head = f"{indent}class {node.name}{self.scope.type_parameters(node)}"
        lines = self.functions.decorators(node, qualified, indent)
        lines.append(f"{head}({', '.join(bases)}):" if bases else f"{head}:")
        doc = docstring_lines(ast.get_docstring(node), indent + "    ")
        members = _Members(self, node, qualified, indent + "    ").render()
        if not doc and not members:
            lines[-1] += " ..."
        return [*lines, *doc, *([""] if doc and members else []), *members]


class _Members:
    """Renders the members of one class."""

    def __init__(
        self, definitions: Definitions, node: ast.ClassDef, qualified: str, indent: str
    ) -> None:
        self._definitions = definitions
        self._scope = definitions.scope
        self._node = node
        self._qualified = qualified
        self._indent = indent
        self._whole = any(_base_name(base) in _WHOLE for base in node.bases)
        makes_init = self._makes_init()
        self._fields = makes_init or any(not _is_name(base, "object") for base in node.bases)
        self._private_fields = self._whole or makes_init
        self._inherits = self._has_unknown_base()
        self._enum = self._inherits and any(
            base is enum.Enum for base in self._scope.running.bases(self._scope.module, qualified)
        )
        self._items = class_items(self._scope.module, node)
        self._named: set[str] = set()
        """Private members that a public one names."""

    def render(self) -> list[str]:
        """All members, repeated until every private one that is named is among them."""
        reader = self._scope.reader
        outside = reader.used
        while True:
            reader.used = set()
            lines = self._all()
            used = {name.partition(".")[0] for name in reader.used}
            private = {item.bound for item in self._own() if item.bound.startswith("_")}
            if used & private <= self._named:
                break
            self._named |= used & private
        reader.used = outside | reader.used
        return lines

    def _own(self) -> list[Definition]:
        return [item for item in self._items if isinstance(item, Definition)]

    def _all(self) -> list[str]:
        # `b = a` stays below what it names.
        first = [i for i in self._items if _is_variable(i) and not _is_second_name(i)]
        blocks = [self._item(item, self._indent) for item in first]
        blocks += self._attributes()
        blocks += [self._item(i, self._indent) for i in self._items if i not in first]
        return spaced(blocks)

    def _item(self, item: Item, indent: str) -> list[str]:
        if isinstance(item, Branch):
            inner = indent + "    "
            body = [line for i in item.body for line in self._item(i, inner)]
            orelse = [line for i in item.orelse for line in self._item(i, inner)]
            return self._scope.reader.branch(item.test, body, orelse, indent)
        if isinstance(item, Imported) or not self._is_shown(item):
            return []
        node = item.nodes[-1]
        if self._enum and isinstance(node, ast.Assign):
            return [f"{indent}{item.bound} = {self._scope.reader.value(node.value)}"]
        return self._definitions.render(item, self._qualified, indent, fields=self._fields)

    def _is_shown(self, item: Definition) -> bool:
        name = item.bound
        if self._scope.module.is_internal(*item.nodes) or name in _IMPLEMENTING:
            return False
        if is_public(name) or name in self._named:
            return True
        if _is_variable(item):
            return self._private_fields
        return self._whole or _is_abstract(item) or self._completes(name)

    # --- what the class is ---

    def _makes_init(self) -> bool:
        """Whether a decorator may make an `__init__` from the fields."""
        kept = self._scope.kept(self._node, self._node.name)
        names = [ast.unparse(decorator).partition("(")[0] for decorator in kept]
        origins = [self._scope.origin_of(name).rpartition(".")[2] for name in names]
        return any(origin not in _PLAIN_DECORATORS for origin in origins)

    def _has_unknown_base(self) -> bool:
        """Whether a base is not a builtin: then the imported class is looked at."""
        names = [dotted_name(base) or "" for base in self._node.bases]
        own = any(self._scope.module.find(name.partition(".")[0]) for name in names)
        builtin = all(hasattr(builtins, name) for name in names)
        return bool(self._node.keywords) or own or not builtin

    def _completes(self, name: str) -> bool:
        """Whether a member implements an abstract one: without it the class were abstract."""
        return self._inherits and any(
            name in getattr(base, "__abstractmethods__", ())
            for base in self._scope.running.bases(self._scope.module, self._qualified)
        )

    # --- attributes that methods set ---

    def _attributes(self) -> list[list[str]]:
        """`self.x = ...` in methods, each name once."""
        known = {item.bound for item in self._own()}
        found: dict[str, tuple[ast.Assign | ast.AnnAssign, Function, str | None]] = {}
        methods = [node for item in self._own() for node in item.functions]
        methods.sort(key=lambda node: node.name not in ("__init__", "__new__"))
        for method in methods:
            for name, statement, doc in _set_on_self(method):
                is_declared = isinstance(statement, ast.AnnAssign)
                if name not in known and (name not in found or is_declared):
                    found[name] = statement, method, doc
        return [self._attribute(name, *found[name]) for name in found]

    def _attribute(
        self,
        name: str,
        statement: ast.Assign | ast.AnnAssign,
        method: Function,
        doc: str | None,
    ) -> list[str]:
        if self._scope.module.is_internal(statement):
            return []
        if not (is_public(name) or name in self._named):
            return []
        made = self._attribute_type(statement, method)
        if made is not None:
            return [f"{self._indent}{name}: {made}", *docstring_lines(doc, self._indent)]
        if not self._is_inherited(name):
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
            if _is_name(statement.value, argument.arg) and argument.annotation is not None:
                return self._scope.reader.annotation(argument.annotation)
        return self._definitions.variables.type_of(statement.value)

    def _is_inherited(self, name: str) -> bool:
        if not self._node.bases:
            return False
        bases = self._scope.running.bases(self._scope.module, self._qualified)[:-1]
        return any(name in vars(base) or name in get_annotations(base) for base in bases)


def is_public(name: str) -> bool:
    """Whether a name has no leading underscore, or is one that Python defines."""
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _is_variable(item: Item) -> bool:
    return isinstance(item, Definition) and not isinstance(
        item.nodes[-1], (*FUNCTIONS, ast.ClassDef)
    )


def _is_second_name(item: Item) -> bool:
    node = item.nodes[-1] if isinstance(item, Definition) else None
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)


def _is_abstract(item: Definition) -> bool:
    return any("abstract" in ast.dump(d) for n in item.functions for d in n.decorator_list)


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _base_name(base: ast.expr) -> str:
    return ast.unparse(base).partition("[")[0].rpartition(".")[2]


def _set_on_self(
    method: Function,
) -> Iterator[tuple[str, ast.Assign | ast.AnnAssign, str | None]]:
    """The attributes that a method sets on its first parameter, and the strings below them."""
    positional = [*method.args.posonlyargs, *method.args.args]
    if not positional or any(_is_name(d, "staticmethod") for d in method.decorator_list):
        return
    for body in _bodies(method):
        for statement, below in with_next(body):
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                for target in targets_of(statement):
                    if isinstance(target, ast.Attribute) and _is_name(
                        target.value, positional[0].arg
                    ):
                        yield target.attr, statement, text_of(below)


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in a function, except those of functions inside it."""
    for name in ("body", "orelse", "finalbody"):
        body: Any = getattr(node, name, None)
        if isinstance(body, list):
            yield body
            for child in body:
                if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                    yield from _bodies(child)
    for handler in getattr(node, "handlers", ()):
        yield from _bodies(handler)
