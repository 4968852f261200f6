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

from enterspan.stubgen.expressions import WIDTH, docstring_lines, dotted_name, last_part
from enterspan.stubgen.functions import function_lines
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


def variable_lines(
    scope: Scope, item: Definition, owner: str, indent: str, *, fields: bool
) -> list[str]:
    """A variable and its documentation; `fields` says that a default value matters."""
    node = item.nodes[-1]
    if isinstance(node, ast.AnnAssign):
        lines = [indent + _annotated(scope, item.bound, node, fields=fields)]
    elif isinstance(node, ast.Assign):
        lines = _plain(scope, item.bound, node, owner, indent)
    else:  # `type X = ...`
        lines = [indent + scope.reader.annotation(node)]
    return lines + docstring_lines(item.doc, indent) if len(lines) == 1 else lines


def _annotated(scope: Scope, name: str, node: ast.AnnAssign, *, fields: bool) -> str:
    reader = scope.reader
    kind = last_part(dotted_name(node.annotation))
    head = f"{name}: {reader.annotation(node.annotation)}"
    if node.value is None:
        return head
    if kind == "TypeAlias":
        return f"{head} = {_union_text(scope, node.value, len(name) + 20)}"
    literal = reader.literal(node.value)
    if literal is not None:
        return f"{head} = {literal}"
    if kind in ("Final", "ClassVar"):
        made = type_of(scope, node.value)
        if made is None:
            scope.complain(node.lineno, f"{name!r} is {kind} without a type")
        return f"{head}[{made}]"
    if not fields:
        return head
    is_call = isinstance(node.value, ast.Call) and decorator_name(node.value)
    return f"{head} = {reader.value(node.value) if is_call else '...'}"


def _plain(scope: Scope, name: str, node: ast.Assign, owner: str, indent: str) -> list[str]:
    reader, value = scope.reader, node.value
    if name in ("__slots__", "__doc__"):
        return []
    if isinstance(value, ast.Call) and _makes_type(scope, value):
        return [f"{indent}{name} = {reader.value(value)}"]
    function = [] if owner else _function(scope, name, value, indent)
    if function:
        return function
    if _is_alias(scope, name, value, owner):
        is_type = isinstance(value, (ast.Subscript, ast.BinOp))
        text = _union_text(scope, value, len(name) + 4) if is_type else reader.value(value)
        return [f"{indent}{name} = {text}"]
    made = type_of(scope, value)
    if made is None:
        of = f"{owner}.{name}" if owner else name
        scope.complain(node.lineno, f"{of!r} has no annotation")
        return []
    literal = reader.literal(value)
    return [f"{indent}{name}: {made}" + (f" = {literal}" if literal is not None else "")]


def _makes_type(scope: Scope, value: ast.Call) -> bool:
    """Whether this is a call of `TypeVar` or the like."""
    callee = decorator_name(value)
    module, _, maker = scope.origin_of(callee).rpartition(".")
    if maker not in _MAKERS:
        return False
    # After `from typing import *` only the imported module shows where the name is from.
    return module in _TYPING or getattr(scope.value(callee), "__module__", None) in _TYPING


def _union_text(scope: Scope, value: ast.expr, before: int) -> str:
    """A type; a union that is too long for one line has a line for each member."""
    text = scope.reader.annotation(value)
    parts: list[ast.expr] = []
    while isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
        parts.insert(0, value.right)
        value = value.left
    if before + len(text) <= WIDTH or not parts:
        return text
    members = map(scope.reader.annotation, [value, *parts])
    return "(\n    " + "\n    | ".join(members) + "\n)"


def type_of(scope: Scope, value: ast.expr) -> str | None:
    """The type of what is assigned; None where it is not certain."""
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        value = value.operand
    if isinstance(value, ast.Constant):
        return type(value.value).__name__ if isinstance(value.value, _SIMPLE) else None
    if isinstance(value, ast.JoinedStr):
        return "str"
    name = dotted_name(value.func) if isinstance(value, ast.Call) else None
    called = scope.value(name) if name else None
    # The calls of a class without type arguments return instances of it.
    if name and isinstance(called, type) and not hasattr(called, "__class_getitem__"):
        scope.reader.used.add(name)
        return name
    return None


def _is_alias(scope: Scope, name: str, value: ast.expr, owner: str) -> bool:
    """Whether this is another name of a type, a function or a module."""
    if not isinstance(value, (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp)):
        return False
    if owner and isinstance(value, ast.Name):
        return True  # a second name of a member
    found = scope.value(name)
    return isinstance(found, _ALIASES) or typing.get_origin(found) is not None


# --- functions that a call returns ----------------------------------------------------------------


def _function(scope: Scope, name: str, value: ast.expr, indent: str) -> list[str]:
    """`price = traced(_price)` and `traced = tracing.traced`, as functions."""
    call = value if isinstance(value, ast.Call) else None
    found = scope.value(name) if call or isinstance(value, ast.Attribute) else MISSING
    is_bound = isinstance(found, MethodType)
    if not is_bound and not (call and call.args and scope.keeps_type(call.func)):
        return []
    nodes = copy.deepcopy(_source_of(scope, found.__func__ if is_bound else found))
    for node in nodes:
        node.name = name
        if is_bound:
            del (node.args.posonlyargs or node.args.args)[:1]
    if nodes:
        return function_lines(scope, nodes, "", indent)
    given = call.args[0] if call and call.args else value
    return [f"{indent}{name} = {scope.reader.value(given)}"] if dotted_name(given) else []


def _source_of(scope: Scope, function: Any) -> list[Function]:
    """The statements that define a function of this module; none for another one."""
    inner = unwrapped(function)
    if not isinstance(inner, FunctionType) or inner.__module__ != scope.module.name:
        return []
    items = scope.module.items
    *classes, last = inner.__qualname__.split(".")
    for part in classes:
        owner = next((i.nodes[-1] for i in _definitions(items, part)), None)
        if not isinstance(owner, ast.ClassDef):
            return []
        items = class_items(scope.module, owner)
    return next((i.functions for i in _definitions(items, last)), [])


def _definitions(items: list[Any], name: str) -> list[Definition]:
    return [item for item in items if isinstance(item, Definition) and item.bound == name]
