"""Variables of a module or a class: their types as written, or worked out where there is no doubt.

There is none about a literal, a call of a class without type arguments, an alias of a type. All
else without an annotation is complained of.
"""

from __future__ import annotations

import ast
import copy
import types
import typing
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

from enterspan.stubgen.decorators import origin_of
from enterspan.stubgen.expressions import docstring_lines, dotted_name
from enterspan.stubgen.functions import WIDTH
from enterspan.stubgen.package import FUNCTIONS, Definition, class_items, decorator_name
from enterspan.stubgen.running import MISSING, peeled

if TYPE_CHECKING:
    from enterspan.stubgen.functions import Functions
    from enterspan.stubgen.package import Function
    from enterspan.stubgen.scope import Scope

_MAKERS: Final = frozenset(
    {"TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "NamedTuple", "TypedDict", "namedtuple"}
)
"""What is called to make a type: the call is the declaration."""
_TYPING: Final = frozenset({"typing", "typing_extensions", "collections"})
_ALIASES: Final = (type, types.GenericAlias, types.UnionType, types.FunctionType, types.ModuleType)
_SIMPLE: Final = (str, int, float, bool, bytes, complex)


class Variables:
    """Renders the variables of one module."""

    def __init__(self, scope: Scope, functions: Functions) -> None:
        self._scope = scope
        self._functions = functions

    def render(self, item: Definition, owner: str, indent: str, *, fields: bool) -> list[str]:
        """A variable, with the text that documents it; `fields` says that a default matters."""
        lines = self._lines(item, owner, indent, fields)
        if item.doc is not None and lines and len(lines) == 1:
            lines += docstring_lines(item.doc, indent)
        return lines

    def _lines(self, item: Definition, owner: str, indent: str, fields: bool) -> list[str]:
        node = item.nodes[-1]
        name = item.bound
        if isinstance(node, ast.AnnAssign):
            return [indent + self._annotated(name, node, fields)]
        if isinstance(node, ast.Assign):
            return self._plain(name, node.value, node.lineno, owner, indent)
        value: ast.expr = node.value  # type: ignore[attr-defined]
        parameters = self._scope.type_parameters(node)
        return [f"{indent}type {name}{parameters} = {self._scope.reader.annotation(value)}"]

    def _annotated(self, name: str, node: ast.AnnAssign, fields: bool) -> str:
        reader = self._scope.reader
        kind = (dotted_name(node.annotation) or "").rpartition(".")[2]
        annotation = reader.annotation(node.annotation)
        if node.value is None:
            return f"{name}: {annotation}"
        if kind == "TypeAlias":
            return f"{name}: {annotation} = {self._wrapped(node.value, len(name) + 20)}"
        literal = reader.literal(node.value)
        if kind in ("Final", "ClassVar") and literal is None:
            made = self._type_of(node.value)
            if made is None:
                self._scope.complain(node.lineno, f"{name!r} is {kind} of no type: say of which")
            return f"{name}: {annotation}[{made}]"
        if literal is not None:
            return f"{name}: {annotation} = {literal}"
        if not fields:
            return f"{name}: {annotation}"
        if isinstance(node.value, ast.Call) and decorator_name(node.value):
            return f"{name}: {annotation} = {reader.value(node.value)}"
        return f"{name}: {annotation} = ..."

    def _plain(self, name: str, value: ast.expr, line: int, owner: str, indent: str) -> list[str]:
        reader = self._scope.reader
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
        made = self._type_of(value)
        literal = reader.literal(value)
        if made is None:
            of = f"{owner}.{name}" if owner else name
            self._scope.complain(line, f"{of!r} has no annotation")
            return []
        return [f"{indent}{name}: {made}" + (f" = {literal}" if literal is not None else "")]

    def _makes_type(self, value: ast.Call) -> bool:
        """Whether this is a call of `TypeVar` or the like, which is the declaration."""
        callee = decorator_name(value)
        module, _, maker = origin_of(self._scope.module, callee).rpartition(".")
        if maker not in _MAKERS:
            return False
        if module in _TYPING:
            return True
        # Where it comes from `from typing import *`, only the running module knows it.
        found = self._scope.running.value(self._scope.module, callee)
        return getattr(found, "__module__", None) in _TYPING

    def _wrapped(self, value: ast.expr, before: int) -> str:
        """A type, a line for each part of a union that is too long for one."""
        text = self._scope.reader.annotation(value)
        parts = _union(value)
        if before + len(text) <= WIDTH or len(parts) == 1:
            return text
        lines = [self._scope.reader.annotation(part) for part in parts]
        return "\n".join(["(", f"    {lines[0]}", *[f"    | {line}" for line in lines[1:]], ")"])

    def type_of(self, value: ast.expr) -> str | None:
        """The type of what is assigned; None where that can't be said for certain."""
        return self._type_of(value)

    def _type_of(self, value: ast.expr) -> str | None:
        if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
            value = value.operand
        if isinstance(value, ast.Constant):
            return type(value.value).__name__ if isinstance(value.value, _SIMPLE) else None
        if isinstance(value, ast.JoinedStr):
            return "str"
        if isinstance(value, ast.Call):
            name = dotted_name(value.func)
            if name and self._scope.running.is_plain_class(self._scope.module, name):
                return self._scope.reader.value(value.func)
        return None

    def _is_alias(self, name: str, value: ast.expr, owner: str) -> bool:
        """Whether this is another name of a type, a function or a module."""
        if not isinstance(value, (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp)):
            return False
        if owner and isinstance(value, ast.Name):
            return True  # a member under a second name
        found = self._scope.running.value(self._scope.module, name)
        return isinstance(found, _ALIASES) or typing.get_origin(found) is not None

    # --- functions that are made by a call ---

    def _function(self, name: str, value: ast.expr, owner: str, indent: str) -> list[str]:
        """`price = traced(_price)` and `traced = tracing.traced`, as the functions they are."""
        if owner or not isinstance(value, (ast.Call, ast.Attribute)):
            return []
        found = self._scope.running.value(self._scope.module, name)
        if found is MISSING:
            return []
        if isinstance(found, MethodType):
            nodes = self._source_of(found.__func__)
            return self._functions.bound(nodes, name, indent) if nodes else []
        if not isinstance(value, ast.Call) or not value.args:
            return []
        if not self._scope.running.is_ours(self._scope.module, value.func):
            return []
        nodes = self._source_of(found)
        if nodes:
            renamed = [_named(node, name) for node in nodes]
            return self._functions.render(renamed, "", indent)
        inner = dotted_name(value.args[0])
        return [f"{indent}{name} = {self._scope.reader.value(value.args[0])}"] if inner else []

    def _source_of(self, function: Any) -> list[Function]:
        """The statements that define a function of this module."""
        inner = peeled(function)
        if not isinstance(inner, FunctionType) or inner.__module__ != self._scope.module.name:
            return []
        *classes, last = inner.__qualname__.split(".")
        items = self._scope.module.items
        for part in classes:
            found = [i for i in items if isinstance(i, Definition) and i.bound == part]
            if not found or not isinstance(found[0].nodes[-1], ast.ClassDef):
                return []
            items = class_items(self._scope.module, found[0].nodes[-1])
        for item in items:
            if isinstance(item, Definition) and item.bound == last:
                return [node for node in item.nodes if isinstance(node, FUNCTIONS)]
        return []


def _union(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_union(node.left), node.right]
    return [node]


def _named(node: Function, name: str) -> Function:
    made = copy.copy(node)
    made.name = name
    return made
