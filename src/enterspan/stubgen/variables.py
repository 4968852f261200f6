"""Variables of a module or a class, with their types as written or, if certain, inferred.

Certain is the type of a literal, of a call of a class without type arguments, and of an alias of a
type. Any other variable without an annotation is a problem.
"""

import ast
import copy
import types
import typing
from types import FunctionType, MethodType
from typing import Any, Final

from enterspan.stubgen.expressions import docstring_lines, dotted_name
from enterspan.stubgen.functions import WIDTH, Functions
from enterspan.stubgen.package import Definition, Function, class_items, decorator_name
from enterspan.stubgen.running import MISSING, unwrapped
from enterspan.stubgen.scope import Scope

_MAKERS: Final = frozenset(
    {"TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "NamedTuple", "TypedDict", "namedtuple"}
)
"""Functions that make a type: the call is its declaration."""
_TYPING: Final = frozenset({"typing", "typing_extensions", "collections"})
_ALIASES: Final = (type, types.GenericAlias, types.UnionType, types.FunctionType, types.ModuleType)
_SIMPLE: Final = (str, int, float, bool, bytes, complex)


class Variables:
    """Renders the variables of one module."""

    def __init__(self, scope: Scope, functions: Functions) -> None:
        self._scope = scope
        self._functions = functions

    def render(self, item: Definition, owner: str, indent: str, *, fields: bool) -> list[str]:
        """A variable and its documentation; `fields` says that a default value matters."""
        lines = self._lines(item, owner, indent, fields)
        return lines + docstring_lines(item.doc, indent) if len(lines) == 1 else lines

    def _lines(self, item: Definition, owner: str, indent: str, fields: bool) -> list[str]:
        node = item.nodes[-1]
        name = item.bound
        if isinstance(node, ast.AnnAssign):
            return [indent + self._annotated(name, node, fields)]
        if isinstance(node, ast.Assign):
            return self._plain(name, node, owner, indent)
        value: ast.expr = node.value  # type: ignore[attr-defined]
        parameters = self._scope.type_parameters(node)
        return [f"{indent}type {name}{parameters} = {self._scope.reader.annotation(value)}"]

    def _annotated(self, name: str, node: ast.AnnAssign, fields: bool) -> str:
        reader = self._scope.reader
        kind = (dotted_name(node.annotation) or "").rpartition(".")[2]
        head = f"{name}: {reader.annotation(node.annotation)}"
        if node.value is None:
            return head
        if kind == "TypeAlias":
            return f"{head} = {self._wrapped(node.value, len(name) + 20)}"
        literal = reader.literal(node.value)
        if literal is not None:
            return f"{head} = {literal}"
        if kind in ("Final", "ClassVar"):
            made = self.type_of(node.value)
            if made is None:
                self._scope.complain(node.lineno, f"{name!r} is {kind} without a type")
            return f"{head}[{made}]"
        if not fields:
            return head
        is_call = isinstance(node.value, ast.Call) and decorator_name(node.value)
        return f"{head} = {reader.value(node.value) if is_call else '...'}"

    def _plain(self, name: str, node: ast.Assign, owner: str, indent: str) -> list[str]:
        reader = self._scope.reader
        value = node.value
        if name in ("__slots__", "__doc__"):
            return []
        if isinstance(value, ast.Call) and self._makes_type(value):
            return [f"{indent}{name} = {reader.value(value)}"]
        function = self._function(name, value, owner, indent)
        if function:
            return function
        if self._is_alias(name, value, owner):
            is_type = isinstance(value, (ast.Subscript, ast.BinOp))
            text = self._wrapped(value, len(name) + 4) if is_type else reader.value(value)
            return [f"{indent}{name} = {text}"]
        made = self.type_of(value)
        if made is None:
            of = f"{owner}.{name}" if owner else name
            self._scope.complain(node.lineno, f"{of!r} has no annotation")
            return []
        literal = reader.literal(value)
        return [f"{indent}{name}: {made}" + (f" = {literal}" if literal is not None else "")]

    def _makes_type(self, value: ast.Call) -> bool:
        """Whether this is a call of `TypeVar` or the like."""
        callee = decorator_name(value)
        module, _, maker = self._scope.origin_of(callee).rpartition(".")
        if maker not in _MAKERS:
            return False
        if module in _TYPING:
            return True
        # After `from typing import *` only the imported module shows where the name is from.
        found = self._scope.running.value(self._scope.module, callee)
        return getattr(found, "__module__", None) in _TYPING

    def _wrapped(self, value: ast.expr, before: int) -> str:
        """A type; a union that is too long for one line has a line for each member."""
        text = self._scope.reader.annotation(value)
        parts = _union(value)
        if before + len(text) <= WIDTH or len(parts) == 1:
            return text
        return "(\n    " + "\n    | ".join(map(self._scope.reader.annotation, parts)) + "\n)"

    def type_of(self, value: ast.expr) -> str | None:
        """The type of what is assigned; None where it is not certain."""
        if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
            value = value.operand
        if isinstance(value, ast.Constant):
            return type(value.value).__name__ if isinstance(value.value, _SIMPLE) else None
        if isinstance(value, ast.JoinedStr):
            return "str"
        name = dotted_name(value.func) if isinstance(value, ast.Call) else None
        if name and self._scope.running.is_plain_class(self._scope.module, name):
            self._scope.reader.used.add(name)
            return name
        return None

    def _is_alias(self, name: str, value: ast.expr, owner: str) -> bool:
        """Whether this is another name of a type, a function or a module."""
        if not isinstance(value, (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp)):
            return False
        if owner and isinstance(value, ast.Name):
            return True  # a second name of a member
        found = self._scope.running.value(self._scope.module, name)
        return isinstance(found, _ALIASES) or typing.get_origin(found) is not None

    # --- functions that a call returns ---

    def _function(self, name: str, value: ast.expr, owner: str, indent: str) -> list[str]:
        """`price = traced(_price)` and `traced = tracing.traced`, as functions."""
        if owner or not isinstance(value, (ast.Call, ast.Attribute)):
            return []
        running, module = self._scope.running, self._scope.module
        found = running.value(module, name)
        if isinstance(found, MethodType):
            return self._functions.bound(self._source_of(found.__func__), name, indent)
        if found is MISSING or not isinstance(value, ast.Call) or not value.args:
            return []
        if not running.keeps_type(module, value.func):
            return []
        nodes = [copy.copy(node) for node in self._source_of(found)]
        for node in nodes:
            node.name = name
        if nodes:
            return self._functions.render(nodes, "", indent)
        inner = dotted_name(value.args[0])
        return [f"{indent}{name} = {self._scope.reader.value(value.args[0])}"] if inner else []

    def _source_of(self, function: Any) -> list[Function]:
        """The statements that define a function of this module; none for another one."""
        inner = unwrapped(function)
        if not isinstance(inner, FunctionType) or inner.__module__ != self._scope.module.name:
            return []
        items = self._scope.module.items
        *classes, last = inner.__qualname__.split(".")
        for part in classes:
            owner = next((i.nodes[-1] for i in _definitions(items, part)), None)
            if not isinstance(owner, ast.ClassDef):
                return []
            items = class_items(self._scope.module, owner)
        return next((i.functions for i in _definitions(items, last)), [])


def _definitions(items: list[Any], name: str) -> list[Definition]:
    return [item for item in items if isinstance(item, Definition) and item.bound == name]


def _union(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_union(node.left), node.right]
    return [node]
