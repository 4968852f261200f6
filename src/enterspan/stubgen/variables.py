"""Variables in a stub, with their type as written or inferred.

What has no annotation, and no type that can be inferred, is `Incomplete` and recorded as unknown.
"""

import ast
import builtins
import copy
import types
import typing
from types import FunctionType, MethodType
from typing import Any, Final

from enterspan.stubgen.expressions import WIDTH, docstring, dotted_name, last_part
from enterspan.stubgen.functions import function_lines, ignore_comment, signature_lines
from enterspan.stubgen.inference import Inference
from enterspan.stubgen.inherited import is_inherited
from enterspan.stubgen.kinds import is_incomplete, runtime_type
from enterspan.stubgen.package import (
    Definition,
    Function,
    callee_name,
)
from enterspan.stubgen.place import Within, place_of
from enterspan.stubgen.scope import MISSING, Scope, unwrapped

_MAKERS: Final = frozenset(
    {
        *("TypeVar", "ParamSpec", "TypeVarTuple", "NewType"),
        *("NamedTuple", "TypedDict", "namedtuple"),
        *("Enum", "IntEnum", "StrEnum", "ReprEnum", "Flag", "IntFlag"),
        *("Sentinel", "sentinel"),  # a builtin of 3.15, PEP 661
    }
)
"""Functions that make a type: the call is its declaration."""
_TYPING: Final = frozenset({"typing", "typing_extensions", "collections", "enum"})
_ALIASES: Final = (
    type,
    types.BuiltinFunctionType,
    types.FunctionType,
    types.GenericAlias,
    types.ModuleType,
    types.UnionType,
    typing.TypeVar,
)
_ENVIRONMENT: Final = frozenset({"environ", "getenv", "get", "argv"})
"""What gives another value, of another type, on another machine or in another run."""
_MAKES_FIELD: Final = frozenset({"attr.ib", "attr.attrib", "attr.field", "attrs.field"})
_DEFAULTS: Final = frozenset({"default", "default_factory", "factory", "converter"})
"""The arguments of a field that say whether it has a default, and what it takes."""
_ANY_VALUE: Final = "_default"
"""A name that the stub declares: a value of any type, for what is not literal."""


def variable_lines(scope: Scope, item: Definition, within: Within) -> list[str]:
    """A variable and its documentation."""
    node = item.nodes[-1]
    if isinstance(node, ast.AnnAssign):
        codes = scope.module.ignored(node.lineno) & {"*", "assignment", "misc", "mutable-override"}
        overrides = (
            codes and within.node is not None and is_inherited(scope, within.node, item.bound)
        )
        ignore = f"  {ignore_comment(codes)}" if overrides else ""
        lines = [within.indent + _annotated(scope, item.bound, node, within) + ignore]
    elif type(node).__name__ == "TypeAlias":  # `type X = ...`
        lines = [within.indent + scope.reader.annotation(node)]
    else:
        lines = _plain(scope, item, within)
    return lines + docstring(item.doc, within.indent) if len(lines) == 1 else lines


def _annotated(scope: Scope, name: str, node: ast.AnnAssign, within: Within) -> str:
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
        made = Inference(scope).of(node.value, place_of(None, within))
        made = made or runtime_type(_stable_value(scope, name, [node.value], within))
        return f"{head}[{made or scope.unknown(node.lineno, f'{name!r} is {kind} without a type')}]"
    if not within.fields:
        return head
    is_call = isinstance(node.value, ast.Call) and callee_name(node.value)
    return f"{head} = {_field(scope, node.value) if is_call else '...'}"  # type: ignore[arg-type]


def _field(scope: Scope, call: ast.Call) -> str:
    """The call that makes a field: literals and public names as written, or a value of any type."""
    parts = [_field_value(scope, value) for value in call.args[:1]]
    for keyword in call.keywords:
        literal = scope.reader.literal(keyword.value)
        if keyword.arg in _DEFAULTS:
            parts.append(f"{keyword.arg}={_field_value(scope, keyword.value)}")
        elif keyword.arg and literal is not None:
            parts.append(f"{keyword.arg}={literal}")
    return f"{scope.reader.value(call.func)}({', '.join(parts)})"


def _field_value(scope: Scope, value: ast.expr) -> str:
    if isinstance(value, ast.Constant) and value.value is Ellipsis:
        return "..."
    text = scope.default(value)
    if text == "...":
        scope.borrow("typing", "Any")
        scope.declared[_ANY_VALUE] = f"{_ANY_VALUE}: Any", "Any"
        scope.reader.used.add(_ANY_VALUE)
        return _ANY_VALUE
    return text


def _plain(scope: Scope, item: Definition, within: Within) -> list[str]:
    """A variable without an annotation."""
    name, value = item.bound, item.values[0]
    start = f"{within.indent}{name}"
    if name in ("__slots__", "__doc__"):
        return []
    if within.node is not None and name == "__hash__":
        scope.borrow("typing", "ClassVar")
        return [f"{start}: ClassVar[None]  # type: ignore[assignment]"]
    made = _made_by_call(scope, name, value, within) if isinstance(value, ast.Call) else None
    if made is not None:
        return made
    if within.node is not None and is_inherited(scope, within.node, name):
        return []
    kind = Inference(scope).union(item.values, place_of(None, within))
    other = _other_name(scope, name, value, within) if kind is None and value is not None else []
    if other:
        return other
    kind = kind or runtime_type(_stable_value(scope, name, item.values, within))
    kind = listed(scope, item.nodes[-1].lineno, within.qualified(name), kind)
    literal = scope.reader.literal(value) if value is not None and len(item.values) == 1 else None
    is_shown = literal not in (None, "None") and isinstance(value, (ast.Constant, ast.UnaryOp))
    return [f"{start}: {kind}" + (f" = {literal}" if is_shown else "")]


def _made_by_call(scope: Scope, name: str, call: ast.Call, within: Within) -> list[str] | None:
    """What a call makes that is no plain value: a type, a field, a method or a property."""
    start = f"{within.indent}{name}"
    if _makes_type(scope, call):
        return [f"{start} = {scope.reader.value(call)}"]
    if within.node is None:
        return None
    if scope.origin_of(callee_name(call)) in _MAKES_FIELD:
        given = next((k.value for k in call.keywords if k.arg == "type"), None)
        if given is not None:
            kind = scope.reader.annotation(given)
        else:
            kind = scope.unknown(call.lineno, f"{within.qualified(name)!r} has no annotation")
        return [f"{start}: {kind} = {_field(scope, call)}"]
    if callee_name(call) in ("staticmethod", "classmethod", "property"):
        return _wrapped_member(scope, name, call, within)
    return None


def _other_name(scope: Scope, name: str, value: ast.expr, within: Within) -> list[str]:
    """Another name of a function or a type; no lines where it is neither."""
    function = [] if within.name else _made_function(scope, name, value, within)
    if function or not _is_alias(scope, name, value, within):
        return function
    is_type = isinstance(value, (ast.Subscript, ast.BinOp))
    before = len(name) + 4
    text = _union_text(scope, value, before) if is_type else scope.reader.value(value)
    return [f"{within.indent}{name} = {text}"]


def listed(scope: Scope, line: int, name: str, kind: str | None) -> str:
    """A type; recorded as unknown where a part of it is."""
    what = f"{name!r} has no annotation"
    if kind is None:
        return scope.unknown(line, what)
    if kind == "None":
        return f"{scope.unknown(line, what)} | None"
    if is_incomplete(kind):
        scope.unknown(line, what)
    return scope.reader.renamed(kind)


def _stable_value(scope: Scope, name: str, values: list[ast.expr | None], within: Within) -> Any:
    """The value of a variable in the running module, if it is the same everywhere."""
    names = {last_part(dotted_name(part)) for v in values if v is not None for part in ast.walk(v)}
    return MISSING if names & _ENVIRONMENT else scope.value(within.qualified(name))


def _wrapped_member(scope: Scope, name: str, call: ast.Call, within: Within) -> list[str]:
    """`size = property(_size)` and `make = staticmethod(_make)`, as functions."""
    given = (
        call.args[0]
        if call.args
        else next((k.value for k in call.keywords if k.arg == "fget"), None)
    )
    dotted = dotted_name(given) if given is not None else None
    found = scope.find(f"{within.name}.{dotted}") or scope.find(dotted) if dotted else None
    if found is None or found[0] is not scope or len(found[1].functions) != 1:
        kind = scope.unknown(call.lineno, f"{within.qualified(name)!r} has no annotation")
        return [f"{within.indent}{name}: {kind}"]
    node = copy.deepcopy(found[1].functions[0])
    node.name = name
    node.decorator_list = [ast.Name(callee_name(call))]
    lines = signature_lines(scope, node, within, ast.get_docstring(node))
    setter = (
        call.args[1]
        if len(call.args) > 1
        else next((k.value for k in call.keywords if k.arg == "fset"), None)
    )
    dotted = dotted_name(setter) if setter is not None else None
    other = scope.find(f"{within.name}.{dotted}") if dotted else None
    if other is not None and other[0] is scope and len(other[1].functions) == 1:
        node = copy.deepcopy(other[1].functions[0])
        node.name = name
        node.decorator_list = [ast.Attribute(ast.Name(name), "setter")]
        lines += signature_lines(scope, node, within, None)
    return lines


def _makes_type(scope: Scope, value: ast.Call) -> bool:
    """Whether this is a call of `TypeVar` or the like."""
    callee = callee_name(value)
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


def _is_alias(scope: Scope, name: str, value: ast.expr, within: Within) -> bool:
    """Whether this is another name of a type, a function or a module."""
    if isinstance(value, ast.BinOp):
        sides = (value.left, value.right)
        is_union = isinstance(value.op, ast.BitOr)
        return is_union and all(_is_none(s) or _is_alias(scope, "", s, within) for s in sides)
    if isinstance(value, ast.Subscript):
        origin = scope.origin_of(dotted_name(value.value) or "")
        if origin.startswith(("typing.", "typing_extensions.", "collections.abc.")):
            return True
        return _is_alias(scope, name, value.value, within)
    dotted = dotted_name(value)
    if dotted is None:
        return False
    found = scope.find(f"{within.name}.{dotted}") if within.name else None
    found = found or scope.find(dotted)
    if found is not None and not found[1].is_variable:
        return True
    node = found[1].nodes[-1] if found is not None else value
    if isinstance(node, ast.AnnAssign):
        return last_part(dotted_name(node.annotation)) == "TypeAlias"
    return type(node).__name__ == "TypeAlias" or _is_kind(_target(scope, name, dotted, within))


def _target(scope: Scope, name: str, dotted: str, within: Within) -> Any:
    """The value of what a name of another package or a builtin stands for, or of the variable."""
    value = scope.imported_value(dotted)
    if value is MISSING and not scope.module.find(dotted.partition(".")[0]):
        value = getattr(builtins, dotted, MISSING)
    if value is MISSING:
        value = scope.value(within.qualified(name) if name else dotted)
    return value


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str))


def _is_kind(value: Any) -> bool:
    """Whether a value is a type, a function or a module."""
    special = type(value).__module__ in ("typing", "typing_extensions")
    return isinstance(value, _ALIASES) or special or typing.get_origin(value) is not None


# --- functions that a call returns ----------------------------------------------------------------


def _made_function(scope: Scope, name: str, value: ast.expr, within: Within) -> list[str]:
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
        return function_lines(scope, nodes, within)
    given = call.args[0] if call and call.args else value
    alias = f"{within.indent}{name} = {scope.reader.value(given)}"
    return [alias] if dotted_name(given) else []


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
        items = scope.module.members(owner)
    return next((i.functions for i in _definitions(items, last)), [])


def _definitions(items: list[Any], name: str) -> list[Definition]:
    return [item for item in items if isinstance(item, Definition) and item.bound == name]
