"""Classes as a stub shows them: bases, public members, the attributes that methods set.

A private member is left out, unless checkers need it: a field that `__init__` takes, a member of a
protocol, an abstract method, a class that a public signature names.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Any, Final

from enterspan.stubgen.decorators import origin_of
from enterspan.stubgen.expressions import docstring_lines, dotted_name, spaced
from enterspan.stubgen.package import FUNCTIONS, Branch, Definition, Imported, class_items
from enterspan.stubgen.running import MISSING

if TYPE_CHECKING:
    from enterspan.stubgen.functions import Functions
    from enterspan.stubgen.package import Function, Item
    from enterspan.stubgen.scope import Scope
    from enterspan.stubgen.variables import Variables

_PLAIN_DECORATORS: Final = frozenset(
    {"final", "runtime_checkable", "type_check_only", "deprecated", "unique", "total_ordering"}
)
"""Decorators of classes that make no `__init__` out of the fields."""
_WHOLE: Final = frozenset({"Protocol", "NamedTuple", "TypedDict"})
"""Bases whose classes are all that stands in them."""
_IMPLEMENTING: Final = frozenset({"__post_init__", "__test__", "__slots__", "__doc__"})


class Classes:
    """Renders the classes of one module."""

    def __init__(self, scope: Scope, functions: Functions, variables: Variables) -> None:
        self._scope = scope
        self._functions = functions
        self._variables = variables

    def render(self, node: ast.ClassDef, owner: str, indent: str) -> list[str]:
        """A class and what is in it."""
        qualified = f"{owner}.{node.name}" if owner else node.name
        lines = self._functions.decorators(node, qualified, indent)
        bases = [self._scope.reader.value(base) for base in node.bases if not _is_object(base)]
        bases += [f"{k.arg}={self._scope.reader.value(k.value)}" for k in node.keywords if k.arg]
        head = f"{indent}class {node.name}{self._scope.type_parameters(node)}"
        lines.append(f"{head}({', '.join(bases)}):" if bases else f"{head}:")
        doc = ast.get_docstring(node)
        body = docstring_lines(doc, indent + "    ") if doc else []
        members = _Members(self, node, qualified, indent + "    ").render()
        if members:
            body += ["", *members] if body else members
        if not body:
            lines[-1] += " ..."
        return lines + body

    def is_whole(self, node: ast.ClassDef) -> bool:
        """Whether private members belong to what the class is."""
        names = [_base_name(base) for base in node.bases]
        return bool(_WHOLE.intersection(names))

    def has_fields(self, node: ast.ClassDef) -> bool:
        """Whether the fields may be what `__init__` takes, so that their defaults matter."""
        if self.is_whole(node) or any(not _is_object(base) for base in node.bases):
            return True
        return self.makes_init(node)

    def makes_init(self, node: ast.ClassDef) -> bool:
        """Whether a decorator may make an `__init__` of the fields."""
        for decorator in self._scope.decorators.kept(node, node.name):
            name = origin_of(self._scope.module, ast.unparse(decorator).partition("(")[0])
            if name.rpartition(".")[2] not in _PLAIN_DECORATORS:
                return True
        return False


class _Members:
    """Renders the members of one class."""

    def __init__(self, classes: Classes, node: ast.ClassDef, qualified: str, indent: str) -> None:
        self._classes = classes
        self._scope: Scope = classes._scope
        self._functions: Functions = classes._functions
        self._variables: Variables = classes._variables
        self._node = node
        self._qualified = qualified
        self._indent = indent
        self._whole = classes.is_whole(node)
        self._fields = classes.has_fields(node)
        self._private_fields = self._whole or classes.makes_init(node)
        self._enum = self._is_enum()
        self._items = class_items(self._scope.module, node)
        self._named: set[str] = set()
        """Private members that a public one names."""

    def render(self) -> list[str]:
        """All members, as often as it takes until each private one that is named is there."""
        outside = self._scope.reader.used
        while True:
            self._scope.reader.used = set()
            lines = self._all()
            used = {name.partition(".")[0] for name in self._scope.reader.used}
            private = {i.bound for i in self._definitions(self._items) if i.bound.startswith("_")}
            if used & private <= self._named:
                break
            self._named |= used & private
        outside |= self._scope.reader.used
        self._scope.reader.used = outside
        return lines

    def _all(self) -> list[str]:
        variables = [i for i in self._items if _is_variable(i) and not _is_second_name(i)]
        others = [i for i in self._items if i not in variables]
        blocks = [self._item(item, self._indent) for item in variables]
        blocks += self._attributes()
        blocks += [self._item(item, self._indent) for item in others]
        return spaced([block for block in blocks if block])

    def _definitions(self, items: list[Item]) -> list[Definition]:
        return [item for item in items if isinstance(item, Definition)]

    def _item(self, item: Item, indent: str) -> list[str]:
        if isinstance(item, Imported):
            return []
        if isinstance(item, Branch):
            return self._branch(item, indent)
        if not self._is_shown(item):
            return []
        node = item.nodes[-1]
        if isinstance(node, FUNCTIONS):
            nodes: list[Function] = [n for n in item.nodes if isinstance(n, FUNCTIONS)]
            return self._functions.render(nodes, self._qualified, indent)
        if isinstance(node, ast.ClassDef):
            return self._classes.render(node, self._qualified, indent)
        if self._enum and isinstance(node, ast.Assign):
            return [f"{indent}{item.bound} = {self._scope.reader.value(node.value)}"]
        return self._variables.render(item, self._qualified, indent, fields=self._fields)

    def _branch(self, item: Branch, indent: str) -> list[str]:
        inner = indent + "    "
        body = [line for i in item.body for line in self._item(i, inner)]
        orelse = [line for i in item.orelse for line in self._item(i, inner)]
        if not body and not orelse:
            return []
        test = self._scope.reader.value(item.test)
        lines = [f"{indent}if {test}:", *(body or [f"{inner}pass"])]
        return [*lines, f"{indent}else:", *orelse] if orelse else lines

    def _is_shown(self, item: Definition) -> bool:
        name = item.bound
        if any(self._scope.is_internal(node.lineno) for node in item.nodes):
            return False
        if name in _IMPLEMENTING:
            return False
        if is_public(name) or name in self._named:
            return True
        if _is_variable(item):
            return self._private_fields
        return self._whole or _is_abstract(item) or self._completes(name)

    def _completes(self, name: str) -> bool:
        """Whether a member takes the place of an abstract one: without it the class were one."""
        if not self._inherits():
            return False
        found = self._scope.running.value(self._scope.module, self._qualified)
        bases: Any = getattr(found, "__mro__", ())[1:]
        return any(name in getattr(base, "__abstractmethods__", ()) for base in bases)

    def _inherits(self) -> bool:
        """Whether there is a base that is not known for what it is: then the class is looked at."""
        names = [dotted_name(base) or "" for base in self._node.bases]
        own = [name for name in names if self._scope.module.find(name.partition(".")[0])]
        known = not own and all(hasattr(builtins, name) for name in names)
        return bool(self._node.keywords) or not known

    def _is_enum(self) -> bool:
        import enum

        if not self._inherits():
            return False
        found = self._scope.running.value(self._scope.module, self._qualified)
        return isinstance(found, type) and issubclass(found, enum.Enum)

    # --- attributes that methods set ---

    def _attributes(self) -> list[list[str]]:
        """`self.x = ...` in methods, each name once."""
        known = {item.bound for item in self._definitions(self._items)}
        found: dict[str, tuple[ast.stmt, Function, str | None]] = {}
        methods = [n for i in self._definitions(self._items) for n in i.nodes]
        methods.sort(key=lambda n: getattr(n, "name", "") not in ("__init__", "__new__"))
        for method in methods:
            if isinstance(method, FUNCTIONS) and not _is_static(method):
                for name, statement, doc in _set_on_self(method):
                    if name not in known and (name not in found or _is_declared(statement)):
                        found[name] = statement, method, doc
        return [self._attribute(name, *found[name]) for name in found]

    def _attribute(
        self, name: str, statement: ast.stmt, method: Function, doc: str | None
    ) -> list[str]:
        internal = self._scope.is_internal(statement.lineno)
        if internal or not (is_public(name) or name in self._named):
            return []
        made = self._attribute_type(statement, method)
        if made is None:
            if not self._is_inherited(name):
                what = f"'{self._qualified}.{name}' has no annotation"
                self._scope.complain(statement.lineno, what)
            return []
        lines = [f"{self._indent}{name}: {made}"]
        return lines + (docstring_lines(doc, self._indent) if doc else [])

    def _attribute_type(self, statement: ast.stmt, method: Function) -> str | None:
        if isinstance(statement, ast.AnnAssign):
            return self._scope.reader.annotation(statement.annotation)
        value: Any = getattr(statement, "value", None)
        if isinstance(value, ast.Name):
            arguments = method.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            for argument in every:
                if argument.arg == value.id and argument.annotation is not None:
                    return self._scope.reader.annotation(argument.annotation)
        return self._variables.type_of(value) if isinstance(value, ast.expr) else None

    def _is_inherited(self, name: str) -> bool:
        if not self._node.bases:
            return False
        found = self._scope.running.value(self._scope.module, self._qualified)
        bases: Any = getattr(found, "__mro__", (MISSING, object))[1:-1]
        return any(
            name in vars(base) or name in vars(base).get("__annotations__", ()) for base in bases
        )


def is_public(name: str) -> bool:
    """Whether a name is for everyone: it has no underscore in front, or Python defines it."""
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _is_variable(item: Item) -> bool:
    return isinstance(item, Definition) and not isinstance(
        item.nodes[-1], (*FUNCTIONS, ast.ClassDef)
    )


def _is_second_name(item: Item) -> bool:
    """`b = a`: it has to stay below what it names."""
    node = item.nodes[-1] if isinstance(item, Definition) else None
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)


def _is_abstract(item: Definition) -> bool:
    return any(
        "abstract" in ast.dump(d) for n in item.nodes for d in getattr(n, "decorator_list", ())
    )


def _is_static(node: Function) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)


def _is_object(base: ast.expr) -> bool:
    return isinstance(base, ast.Name) and base.id == "object"


def _base_name(base: ast.expr) -> str:
    return ast.unparse(base).partition("[")[0].rpartition(".")[2]


def _is_declared(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AnnAssign)


def _set_on_self(method: Function) -> list[tuple[str, ast.stmt, str | None]]:
    """The attributes that a method sets on its first parameter, and the texts below them."""
    positional = [*method.args.posonlyargs, *method.args.args]
    if not positional:
        return []
    own = positional[0].arg
    found: list[tuple[str, ast.stmt, str | None]] = []
    for body in _bodies(method):
        for at, statement in enumerate(body):
            targets: list[ast.expr] = []
            if isinstance(statement, ast.Assign):
                targets = statement.targets
            elif isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            found += [
                (target.attr, statement, _doc_below(body, at))
                for target in targets
                if isinstance(target, ast.Attribute) and _is_name(target.value, own)
            ]
    return found


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _bodies(node: ast.AST) -> list[list[ast.stmt]]:
    """Every list of statements in a function, without those of functions inside it."""
    found: list[list[ast.stmt]] = []
    for name in ("body", "orelse", "finalbody"):
        body: Any = getattr(node, name, None)
        if isinstance(body, list):
            found.append(body)
            for child in body:
                if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                    found += _bodies(child)
    for handler in getattr(node, "handlers", ()):
        found += _bodies(handler)
    return found


def _doc_below(body: list[ast.stmt], at: int) -> str | None:
    below = body[at + 1] if at + 1 < len(body) else None
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
        return below.value.value if isinstance(below.value.value, str) else None
    return None
