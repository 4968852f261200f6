"""Variables in a stub, with their type as written or inferred.

Variables without an annotation or an inferable type are `Incomplete`, and recorded as unknown.
"""

import ast
import builtins
import copy
import re
import types
import typing
from types import FunctionType, MethodType
from typing import Any, Final

from enterspan.stubgen.enumerations import is_member
from enterspan.stubgen.expressions import WIDTH, docstring, dotted_name, last_part
from enterspan.stubgen.functions import (
    function_lines,
    ignore_comment,
    overriding_codes,
    signature_lines,
)
from enterspan.stubgen.inference import Inference
from enterspan.stubgen.inherited import OF_OBJECT, declares, has_hash, is_inherited
from enterspan.stubgen.kinds import is_incomplete, runtime_type
from enterspan.stubgen.methods import depends_on_class, outside
from enterspan.stubgen.package import (
    Definition,
    Function,
    callee_name,
)
from enterspan.stubgen.place import Place, Within, place_of
from enterspan.stubgen.scope import MISSING, Found, Scope, unwrapped

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
"""Sources of values that differ between machines or runs."""
_QUALIFIERS: Final = ("Final", "ClassVar")
_OVERRIDING: Final = frozenset({"*", "assignment", "misc", "mutable-override"})
"""mypy's error codes for a variable that differs from a base class's."""
_USUAL: Final = ("assignment", "misc", "valid-type")
"""What a comment without codes usually ignores on the line of a variable."""
_MAKES_FIELD: Final = frozenset({"attr.ib", "attr.attrib", "attr.field", "attrs.field"})
_DEFAULTS: Final = frozenset({"default", "default_factory", "factory", "converter"})
"""The arguments of a field that determine its default and its parameter."""
_ANY_CONVERTER: Final = "_any_converter"
"""A function declared in the stub, for converters that are no name: mypy takes no variable."""
_ANY_VALUE: Final = "_any_default"
"""A name declared in the stub, of type Any, for non-literal values."""


def variable_lines(scope: Scope, item: Definition, within: Within) -> list[str]:
    """A variable and its documentation."""
    node = item.nodes[-1]
    if isinstance(node, ast.AnnAssign):
        ignore = overriding_comment(scope, within, item.bound, node)
        lines = [within.indent + _annotated(scope, item.bound, node, within) + ignore]
    elif type(node).__name__ == "TypeAlias":  # `type X = ...`
        lines = [within.indent + scope.reader.annotation(node)]
    else:
        lines = _plain(scope, item, within)
        if within.node is not None and len(lines) == 1 and "  #" not in lines[0]:
            ignore = overriding_comment(scope, within, item.bound, node)
            if not ignore and item.bound in OF_OBJECT and ": " in lines[0]:
                ignore = "  # type: ignore[assignment, unused-ignore]"  # declared in a stub only
            lines[0] += ignore
    return lines + docstring(item.doc, within.indent) if len(lines) == 1 else lines


def overriding_comment(scope: Scope, within: Within, name: str, node: ast.stmt) -> str:
    """The `# type: ignore` comment of a variable that differs from a base class's."""
    codes = scope.module.ignored(node.lineno, node.end_lineno or node.lineno) & _OVERRIDING
    if within.node is None:
        return ""
    kept = overriding_codes(scope, within, name, codes, "assignment")
    if not kept and isinstance(node, ast.AnnAssign) and _narrows(scope, within.node, name, node):
        kept = {"mutable-override", "unused-ignore"}
    return f"  {ignore_comment(kept, _USUAL)}" if kept else ""


def _narrows(scope: Scope, owner: ast.ClassDef, name: str, node: ast.AnnAssign) -> bool:
    """Whether a base class sets an attribute of another type, without an annotation in the source.

    In the stub it has one, and pyright wants the same in subclasses.
    """
    for ancestor in scope.ancestors(owner):
        if isinstance(ancestor, type):
            continue
        other, base = ancestor
        found = other.find(f"{base.name}.{name}")
        declared = [n for n in ast.walk(base) if isinstance(n, ast.AnnAssign)]
        is_annotated = name in [last_part(dotted_name(n.target)) for n in declared]
        if is_annotated or (found is not None and not found[1].is_variable):
            return False
        own = ast.Attribute(ast.Name("self"), name)
        kind = Inference(other).of(own, Place(base.name, base, None, "self"))
        if kind is not None:
            is_open = is_incomplete(kind) or re.search(r"\bAny\b", kind) is not None
            return not is_open and kind != scope.reader.annotation(node.annotation)
    return False


def _annotated(scope: Scope, name: str, node: ast.AnnAssign, within: Within) -> str:
    reader = scope.reader
    kind = last_part(dotted_name(node.annotation))
    head = f"{name}: {reader.whole(node.annotation)}"
    if node.value is None:
        return head
    if kind == "TypeAlias":
        return f"{head} = {_union_text(scope, node.value, len(name) + 20)}"
    literal = reader.literal(node.value)
    is_loose = scope.module.ignored(node.lineno) & {"*", "assignment"} and kind not in _QUALIFIERS
    if is_loose and not (within.node and is_inherited(scope, within.node, name)):
        return f"{head} = ..." if within.fields else head  # the value is of another type
    if literal is not None:
        return f"{head} = {literal}"
    is_made = isinstance(node.value, ast.Call) and _makes_type(scope, node.value)
    if kind == "Final" and (is_made or is_member(scope, node.value)):
        return f"{head} = {reader.value(node.value)}"
    if kind in _QUALIFIERS:
        made = Inference(scope).of(node.value, place_of(None, within))
        made = made or runtime_type(_stable_value(scope, name, [node.value], within))
        return f"{head}[{made or scope.unknown(node.lineno, f'{name!r} is {kind} without a type')}]"
    if not within.fields:
        return head
    maker = callee_name(node.value) if isinstance(node.value, ast.Call) else ""
    is_call = bool(maker) and last_part(scope.origin_of(maker)) != "cast"
    return f"{head} = {_field(scope, node.value) if is_call else '...'}"  # type: ignore[arg-type]


def _field(scope: Scope, call: ast.Call) -> str:
    """The call that makes a field: literals and public names as written, or a value of any type."""
    parts = [_field_value(scope, value) for value in call.args]
    for keyword in call.keywords:
        literal = scope.reader.literal(keyword.value)
        if keyword.arg in _DEFAULTS:
            is_converter = keyword.arg == "converter"
            text = (_converter if is_converter else _field_value)(scope, keyword.value)
            parts.append(f"{keyword.arg}={text}")
        elif keyword.arg and literal is not None:
            parts.append(f"{keyword.arg}={literal}")
    return f"{scope.reader.value(call.func)}({', '.join(parts)})"


def _converter(scope: Scope, value: ast.expr) -> str:
    """A converter, whose parameter is the one of `__init__`: as written if it has a name here."""
    found = scope.find(dotted_name(value) or "")
    if found is not None and found[1].functions:
        return scope.reader.value(value)
    text = scope.default(value)
    if text == "...":
        text = _ANY_CONVERTER
        scope.borrow("typing", "Any")
        scope.declared[text] = f"def {text}(value: Any) -> Any: ...", "Any"
        scope.reader.used.add(text)
    return text


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
    is_none = isinstance(value, ast.Constant) and value.value is None
    if within.node is not None and name == "__hash__" and is_none:
        scope.borrow("typing", "ClassVar")
        codes = "assignment" if has_hash(scope, within.node) else "assignment, unused-ignore"
        return [f"{start}: ClassVar[None]  # type: ignore[{codes}]"]
    made = _made_by_call(scope, name, value, within) if isinstance(value, ast.Call) else None
    if made is not None:
        return made
    owner = within.node
    is_new = owner is None or not is_inherited(scope, owner, name)
    # Without the implementation of an abstract member, the class would be abstract.
    if owner is not None and not is_new and not declares(scope, owner, name, abstract=True):
        return _overriding_alias(scope, name, value, within) if value is not None else []
    kind = Inference(scope).union(item.values, place_of(None, within))
    other = _other_name(scope, name, value, within) if kind is None and value is not None else []
    if other:
        return other
    kind = kind or runtime_type(_stable_value(scope, name, item.values, within))
    kind = listed(scope, item.nodes[-1].lineno, within.qualified(name), kind)
    literal = scope.reader.literal(value) if value is not None and len(item.values) == 1 else None
    is_shown = literal not in (None, "None") and isinstance(value, (ast.Constant, ast.UnaryOp))
    if within.is_record:
        kind = f"{scope.borrow('typing', 'ClassVar')}[{kind}]"
    return [f"{start}: {kind}" + (f" = {literal}" if is_shown else "")]


def _made_by_call(scope: Scope, name: str, call: ast.Call, within: Within) -> list[str] | None:
    """A call that makes a type, a field, a method or a property."""
    start = f"{within.indent}{name}"
    if _makes_type(scope, call):
        for part in [*call.args[1:], *[keyword.value for keyword in call.keywords]]:
            scope.reader.annotation(part)  # collects what texts in it name
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
    """Another name of a function or a type, or a lambda; no lines where it is none of them."""
    if isinstance(value, ast.Lambda) and (not within.name or value.args.args):
        made = _member_function(scope, name, value, within)
        return signature_lines(scope, made, within, None) if made else []
    gone = scope.find(within.qualified(dotted_name(value) or ""))
    if gone is not None and gone[1].is_deleted and gone[0] is scope:
        nodes = copy.deepcopy(gone[1].functions)
        for node in nodes:
            node.name = name
        return function_lines(scope, nodes, within) if nodes else []
    function = [] if within.name else _made_function(scope, name, value, within)
    if not function and isinstance(value, ast.Call):
        return _called(scope, name, value, within)
    if function or not _is_alias(scope, name, value, within):
        return function
    if dotted_name(value) == name:  # a builtin, or of the module around the class
        other = scope.instead_of(name) if within.name else _as_builtin(scope, name)
        scope.reader.used |= {other.partition(".")[0]} if other else set()
        return [f"{within.indent}{name} = {other}"] if other else []
    is_type = isinstance(value, (ast.Subscript, ast.BinOp))
    before = len(name) + 4
    text = _union_text(scope, value, before) if is_type else scope.reader.value(value)
    return [f"{within.indent}{name} = {text}"]


def _overriding_alias(scope: Scope, name: str, value: ast.expr, within: Within) -> list[str]:
    """A function or a module in place of an inherited member; no lines for anything else."""
    dotted = dotted_name(value)
    is_reflected = name.startswith("__r") and name not in ("__repr__", "__reversed__")
    if dotted is None or is_reflected:
        return []
    if scope.is_module(dotted):
        return [f"{within.indent}{name} = {scope.reader.value(value)}"]
    found = scope.find(f"{within.name}.{dotted}") or scope.find(dotted)
    if found is None:
        return []
    nodes = copy.deepcopy(found[1].functions) if found[0] is scope else []
    for node in nodes:
        node.name = name
    return function_lines(scope, nodes, within) if nodes else []


def _as_builtin(scope: Scope, name: str) -> str | None:
    return Inference(scope).builtin(name) if hasattr(builtins, name) else None


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
    """The value of a variable in the running module, if it is the same in all environments."""
    names = {last_part(dotted_name(part)) for v in values if v is not None for part in ast.walk(v)}
    return MISSING if names & _ENVIRONMENT else scope.value(within.qualified(name))


def _wrapped_member(scope: Scope, name: str, call: ast.Call, within: Within) -> list[str]:
    """`size = property(_size)` and `make = staticmethod(_make)`, as functions."""
    kind = callee_name(call)
    given: dict[str | None, ast.expr] = dict(zip(("fget", "fset", "fdel"), call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords}
    parts: list[tuple[str, ast.expr]] = [("fget", ast.Name(kind))]
    if kind == "property":
        parts += [("fset", ast.Attribute(ast.Name(name), "setter"))]
        parts += [("fdel", ast.Attribute(ast.Name(name), "deleter"))]
    lines: list[str] = []
    for part, decorator in parts:
        node = _member_function(scope, name, given.get(part), within)
        if kind == "staticmethod" and node is not None:
            node = _as_static(scope, node, given.get(part), within)
        if node is None and part == "fget" and kind == "property":
            node = ast.copy_location(
                _function(name, ast.arguments([], [ast.arg("self")], None, [], [], None, [])), call
            )
        elif node is None and part == "fget":
            made = scope.unknown(call.lineno, f"{within.qualified(name)!r} has no annotation")
            return [f"{within.indent}{name}: {made}"]
        if node is not None:
            node.name = name
            node.decorator_list = [decorator]
            text = ast.get_docstring(node) if part == "fget" else None
            lines += signature_lines(scope, node, within, text)
    return lines


def _as_static(
    scope: Scope, node: Function, value: ast.expr | None, within: Within
) -> Function | None:
    """The static method that a method of another class becomes."""
    dotted = dotted_name(value) if value is not None else None
    found = _member(scope, dotted, within) if dotted else None
    if dotted is None or found is None or found[2] in (None, within.node):
        return node
    return outside(scope, node, found[2], dotted.rpartition(".")[0])


def _member_function(
    scope: Scope, name: str, value: ast.expr | None, within: Within
) -> Function | None:
    """The function that an expression in a class is: one of the class, of the module, a lambda."""
    if isinstance(value, ast.Lambda):
        body = ast.copy_location(ast.Return(value.body), value.body)
        return ast.copy_location(_function(name, value.args, body), value)
    dotted = dotted_name(value) if value is not None else None
    found = _member(scope, dotted, within) if dotted else None
    if found is None or found[0] is not scope or len(found[1].functions) != 1:
        return None
    return copy.deepcopy(found[1].functions[0])


def _member(scope: Scope, dotted: str, within: Within) -> Found | None:
    """The definition behind a name in a class: of the class or the module."""
    return scope.find(f"{within.name}.{dotted}") or scope.find(dotted)


def _function(name: str, arguments: ast.arguments, *body: ast.stmt) -> ast.FunctionDef:
    return ast.FunctionDef(name, arguments, [*body], [])


def _makes_type(scope: Scope, value: ast.Call) -> bool:
    """Whether this is a call of `TypeVar` or the like."""
    callee = callee_name(value)
    module, _, maker = scope.origin_of(callee).rpartition(".")
    if maker not in _MAKERS:
        return False
    if maker == callee == "sentinel" and not scope.module.find(callee):
        return True
    # After `from typing import *` only the imported module shows where the name is from.
    return module in _TYPING or getattr(scope.value(callee), "__module__", None) in _TYPING


def _union_text(scope: Scope, value: ast.expr, before: int) -> str:
    """A type; a union that is too long for one line has a line for each member."""
    if dotted_name(value):
        return scope.reader.annotation(value)
    text = scope.reader.whole(value)
    parts: list[ast.expr] = []
    while isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
        parts.insert(0, value.right)
        value = value.left
    if before + len(text) <= WIDTH or not parts:
        return text
    members = map(scope.reader.whole, [value, *parts])
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
    """The value of a name of another package or a builtin, or of the variable."""
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


def _called(scope: Scope, name: str, call: ast.Call, within: Within) -> list[str]:
    """A call of an annotated function, as written: checkers know what it returns."""
    callee = callee_name(call)
    own = scope.find(callee) if callee else None
    if own is not None:
        is_known = bool(own[1].functions) and own[1].functions[-1].returns is not None
    else:
        is_known = bool(scope.module.find(callee.partition(".")[0]))
        is_known = is_known and _is_annotated(scope.value(callee))
    given = [*call.args, *[keyword.value for keyword in call.keywords]]
    if not is_known or any(scope.default(value) == "..." for value in given):
        return []
    return [f"{within.indent}{name} = {scope.reader.value(call)}"]


def _is_annotated(function: Any) -> bool:
    """Whether a function has a return annotation."""
    try:
        return isinstance(function, FunctionType) and "return" in function.__annotations__
    except Exception:  # since Python 3.14, an annotation may name what is not there
        return True


def _made_function(scope: Scope, name: str, value: ast.expr, within: Within) -> list[str]:
    """`price = traced(_price)`, `load = cache(_load)`, `traced = tracing.traced`: functions."""
    nodes: list[Function] = []
    given = value
    if isinstance(value, ast.Call) and value.args and scope.is_typed(value.func):
        given = value.args[0]
        nodes = _decorated(scope, given, value.func)
        if not nodes and not scope.keeps_type(value.func):
            is_member = _is_member(scope, given)
            return [f"{name} = {scope.reader.value(value)}"] if is_member else []
    elif isinstance(value, ast.Attribute) and isinstance(found := scope.value(name), MethodType):
        nodes = _bound_method(scope, value, found)
    else:
        return []
    for node in nodes:
        node.name = name
    if nodes:
        return function_lines(scope, nodes, within)
    alias = f"{within.indent}{name} = {scope.reader.value(given)}"
    return [alias] if dotted_name(given) else []


def _decorated(scope: Scope, function: ast.expr, decorator: ast.expr) -> list[Function]:
    """A function of this module below one more decorator."""
    found = scope.find(dotted_name(function) or "")
    is_here = found is not None and found[0] is scope and found[2] is None
    nodes = copy.deepcopy(found[1].functions) if found and is_here else []
    if len(nodes) > 1 and not scope.keeps_type(decorator):
        return []
    for node in nodes:
        node.decorator_list.insert(0, decorator)
    return nodes


def _is_member(scope: Scope, node: ast.expr) -> bool:
    """Whether it is a method, written with its class."""
    found = scope.find(dotted_name(node) or "")
    return found is not None and found[2] is not None and bool(found[1].functions)


def _bound_method(scope: Scope, value: ast.Attribute, method: MethodType) -> list[Function]:
    """The functions that a bound method is for checkers; none if only its own name says that."""
    owner, nodes = _source_of(scope, method.__func__)
    if dotted_name(value) and any(depends_on_class(scope, node, owner) for node in nodes):
        return []
    name = method.__func__.__qualname__.rpartition(".")[0]
    made = [outside(scope, node, owner, name, is_bound=True) for node in nodes]
    return [] if None in made else [node for node in made if node is not None]


def _source_of(scope: Scope, function: Any) -> tuple[ast.ClassDef | None, list[Function]]:
    """The class and the statements that define a function of this module; none for another one."""
    inner = unwrapped(function)
    if not isinstance(inner, FunctionType) or inner.__module__ != scope.module.name:
        return None, []
    items = scope.module.items
    owner: ast.ClassDef | None = None
    *classes, last = inner.__qualname__.split(".")
    for part in classes:
        found = next((i.nodes[-1] for i in _definitions(items, part)), None)
        if not isinstance(found, ast.ClassDef):
            return None, []
        owner, items = found, scope.module.members(found)
    return owner, next((i.functions for i in _definitions(items, last)), [])


def _definitions(items: list[Any], name: str) -> list[Definition]:
    return [item for item in items if isinstance(item, Definition) and item.bound == name]
