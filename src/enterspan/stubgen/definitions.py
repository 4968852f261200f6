"""Definitions in a stub: functions, variables and classes.

A function has its signature as it is written and its docstring, without a body.

A variable has its type as written or inferred. What has no annotation, and no type that can be
inferred, is `Incomplete`, and is recorded as unknown.

A class has its bases, its public members, and the attributes that methods set. A private member is
left out unless type checkers need it: a field that `__init__` takes, a member of a protocol, an
abstract method, a class that a public signature names.
"""

import ast
import builtins
import copy
import re
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import FunctionType, MethodType
from typing import Any, Final

from enterspan.stubgen.enumerations import enum_base, folded, makes_values
from enterspan.stubgen.expressions import WIDTH, docstring, dotted_name, last_part, spaced, wrapped
from enterspan.stubgen.inference import (
    Inference,
    Place,
    is_incomplete,
    members,
    runtime_type,
    union,
)
from enterspan.stubgen.inherited import declares, is_inherited, leaves_abstract
from enterspan.stubgen.package import (
    FUNCTIONS,
    Branch,
    Definition,
    Function,
    Imported,
    Item,
    callee_name,
    items_of,
    pairs,
    targets_of,
    text_of,
    with_next,
)
from enterspan.stubgen.scope import MAKES_OVERLOADS, MISSING, STANDS_FOR, Scope, unwrapped

_NONE: Final = frozenset({"__init__", "__init_subclass__", "__set_name__", "__post_init__"})
"""Methods that return None, annotated or not."""
_IMPLICIT: Final = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
"""Static and class methods without a decorator."""
_MAKERS: Final = frozenset(
    {
        *("TypeVar", "ParamSpec", "TypeVarTuple", "NewType"),
        *("NamedTuple", "TypedDict", "namedtuple"),
        *("Sentinel", "sentinel"),  # a builtin of 3.15, PEP 661
    }
)
"""Functions that make a type: the call is its declaration."""
_TYPING: Final = frozenset({"typing", "typing_extensions", "collections"})
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
_SPECIAL: Final = {
    **dict.fromkeys(("__str__", "__repr__", "__format__"), "str"),
    **dict.fromkeys(("__len__", "__hash__", "__index__", "__int__", "__sizeof__"), "int"),
    **dict.fromkeys(("__bool__", "__contains__", "__instancecheck__", "__subclasscheck__"), "bool"),
    **dict.fromkeys(("__delattr__", "__delitem__", "__setattr__", "__setitem__"), "None"),
    "__bytes__": "bytes",
    "__float__": "float",
}
"""The result types of special methods, in any class."""
_IGNORED: Final = frozenset(
    {"overload-cannot-match", "overload-overlap", "type-arg", "type-var", "valid-type"}
)
"""The complaints of mypy about a signature itself."""
_OVERRIDING: Final = frozenset({"*", "misc", "mutable-override", "override"})
"""The complaints about a signature that differs from the one of a base class."""
_MAKES_FIELD: Final = frozenset({"attr.ib", "attr.attrib", "attr.field", "attrs.field"})
_DEFAULTS: Final = frozenset({"default", "default_factory", "factory", "converter"})
"""The arguments of a field that say whether it has a default, and what it takes."""
_ANY_VALUE: Final = "_default"
"""A name that the stub declares: a value of any type, for what is not literal."""
_PLAIN_DECORATORS: Final = frozenset(
    {"final", "runtime_checkable", "type_check_only", "deprecated", "unique", "total_ordering"}
)
"""Class decorators that make no `__init__` from the fields."""
_WHOLE: Final = frozenset({"Protocol", "NamedTuple", "TypedDict"})
"""Bases of classes whose private members belong to their interface."""
_IMPLEMENTING: Final = frozenset({"__post_init__", "__test__", "__slots__", "__doc__"})


@dataclass(frozen=True)
class Within:
    """The class or, without a name, the module that a definition is in."""

    name: str = ""
    indent: str = ""
    fields: bool = False
    """Whether the default values of its variables matter."""
    node: ast.ClassDef | None = None
    varies: bool = False
    """Whether it is in a branch: other versions have another definition."""

    def qualified(self, name: str) -> str:
        """The qualified name of a definition."""
        return f"{self.name}.{name}" if self.name else name


def definition_lines(scope: Scope, item: Definition, within: Within) -> list[str]:
    """A function, a class or a variable."""
    node = item.nodes[-1]
    if item.functions:
        return _function_lines(scope, item.functions, within)
    if isinstance(node, ast.ClassDef):
        return _class_lines(scope, node, within)
    return _variable_lines(scope, item, within)


def branch_lines(
    scope: Scope, item: Branch, within: Within, lines_of: Callable[[Item, Within], list[str]]
) -> list[str]:
    """An `if` statement around what `lines_of` gives; no lines where that is nothing."""
    inner = replace(within, indent=within.indent + "    ", varies=True)
    body = [line for i in item.body for line in lines_of(i, inner)]
    orelse = [line for i in item.orelse for line in lines_of(i, inner)]
    if not body and not orelse:
        return []
    head = f"{within.indent}if {scope.reader.value(item.test)}:"
    lines = [head, *(body or [f"{inner.indent}pass"])]
    return [*lines, f"{within.indent}else:", *orelse] if orelse else lines


# --- functions ------------------------------------------------------------------------------------


def _function_lines(scope: Scope, nodes: list[Function], within: Within) -> list[str]:
    """All statements that bind one name: overloads, or the parts of a property."""
    doc = ast.get_docstring(nodes[-1])
    if len(nodes) == 1:
        nodes = _with_overloads(nodes[0], scope)
    overloads = [node for node in nodes if "overload" in map(last_part, scope.origins(node))]
    lines: list[str] = []
    for node in overloads or nodes:
        text = ast.get_docstring(node) or (doc if overloads and not lines else None)
        lines += _one(scope, node, within, text)
    return lines


def _decorator_lines(scope: Scope, node: Function | ast.ClassDef, within: Within) -> list[str]:
    """The decorators that type checkers need, one line each."""
    lines: list[str] = []
    for decorator in scope.kept(node, within.qualified(node.name)):
        standard = STANDS_FOR.get(scope.origin_of(dotted_name(decorator) or ""), "")
        module, _, call = standard.partition(".")
        if call:
            scope.borrow(module, call.partition("(")[0])
        lines.append(f"{within.indent}@{call or scope.reader.value(decorator)}")
    return lines


def _one(scope: Scope, node: Function, within: Within, doc: str | None) -> list[str]:
    # Without a body, `async def` is a coroutine function: an async generator is a `def`.
    is_coroutine = isinstance(node, ast.AsyncFunctionDef) and not _has_yield(node)
    head = f"{'async def' if is_coroutine else 'def'} {node.name}{scope.type_parameters(node)}("
    parameters = _parameters(scope, node, within)
    tail = f") -> {_returns(scope, node, within)}:{'' if doc else ' ...'}"
    ignore = _ignored(scope, node, within)
    if ignore:  # it holds for one line
        lines = [f"{within.indent}{head}{', '.join(parameters)}{tail}  {ignore}"]
    else:
        lines = wrapped(head, parameters, tail, within.indent)
    decorators = _decorator_lines(scope, node, within)
    return decorators + lines + docstring(doc, within.indent + "    ")


def _ignored(scope: Scope, node: Function, within: Within) -> str:
    """The `# type: ignore` comment of a signature, for what its stub shares with the source."""
    start = min([node.lineno, *[getattr(d, "lineno", node.lineno) for d in node.decorator_list]])
    end = node.body[0].lineno if node.body else node.lineno
    codes = scope.module.ignored(*range(start, max(end, node.lineno + 1)))
    if not codes:
        return ""
    inherited = within.node is not None and is_inherited(scope, within.node, node.name)
    kept = codes & (_IGNORED | (_OVERRIDING if inherited or within.varies else frozenset()))
    return _comment(kept)


def _comment(codes: set[str]) -> str:
    if not codes:
        return ""
    return f"# type: ignore[{', '.join(sorted(codes))}]" if "*" not in codes else "# type: ignore"


def _parameters(scope: Scope, node: Function, within: Within) -> list[str]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    is_static = "builtins.staticmethod" in scope.origins(node) and node.name not in _IMPLICIT
    owner = positional[:1] if within.name and not is_static else []

    def parameter(argument: ast.arg, default: ast.expr | None = None) -> str:
        if argument.annotation is not None:
            kind = scope.reader.annotation(argument.annotation)
            if isinstance(default, ast.Constant) and default.value is None:
                kind = _optional(kind, argument.annotation)
        elif argument in owner:
            return argument.arg
        else:
            of = within.qualified(node.name)
            what = f"parameter {argument.arg!r} of {of}() has no annotation"
            kind = scope.unknown(argument.lineno, what)
        text = f"{argument.arg}: {kind}"
        return text if default is None else f"{text} = {scope.default(default)}"

    required = len(positional) - len(arguments.defaults)
    parts = [*map(parameter, positional[:required])]
    parts += map(parameter, positional[required:], arguments.defaults)
    if arguments.posonlyargs:
        parts.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg is not None:
        parts.append("*" + parameter(arguments.vararg))
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += map(parameter, arguments.kwonlyargs, arguments.kw_defaults)
    if arguments.kwarg is not None:
        parts.append("**" + parameter(arguments.kwarg))
    return parts


def _optional(kind: str, annotation: ast.expr) -> str:
    """A type with None, where it names only types that are not."""
    plain = ("str", "int", "float", "bool", "bytes", "list", "dict", "set", "tuple")
    head = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return f"{kind} | None" if dotted_name(head) in plain else kind


def _returns(scope: Scope, node: Function, within: Within) -> str:
    if node.returns is not None:
        return scope.reader.annotation(node.returns)
    if node.name in _NONE:
        return "None"
    if within.name and node.name in _SPECIAL:
        return _SPECIAL[node.name]
    overrides = within.node is not None and is_inherited(scope, within.node, node.name)
    made = None if overrides or _is_stand_in(node) else _returned(scope, node, within)
    if made is None:
        what = "has no return annotation (-> None where it returns nothing)"
        made = scope.unknown(node.lineno, f"{within.qualified(node.name)}() {what}")
    return made


def _is_stand_in(node: Function) -> bool:
    """Whether subclasses are to define it: it is abstract, or does nothing."""
    if any("abstract" in ast.dump(decorator) for decorator in node.decorator_list):
        return True
    docs_and_dots = (ast.Pass, ast.Raise)
    return all(
        isinstance(s, docs_and_dots)
        or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in node.body
    )


def _returned(scope: Scope, node: Function, within: Within) -> str | None:
    """The type of what a function without a return annotation returns, as far as it is certain."""
    if _has_yield(node):
        return None
    returns = [part for part in _inside(node) if isinstance(part, ast.Return)]
    values = [part.value for part in returns if part.value is not None]
    kinds = [Inference(scope).of(value, place_of(node, within)) for value in values]
    if len(values) < len(returns) or not _leaves(node.body):
        kinds.append("None")
    made = union(kinds)
    return made if made and not is_incomplete(made) else None


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a function, without the functions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            yield child
            yield from _inside(child)


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether the end of a body is never reached."""
    match body[-1] if body else None:
        case ast.Return() | ast.Raise() | ast.Continue():
            return True
        case ast.If(body=then, orelse=orelse):
            return _leaves(then) and _leaves(orelse)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _leaves(inner)
        case ast.While(test=ast.Constant(value=True)):
            return True
        case ast.Try(body=inner, handlers=handlers, orelse=orelse, finalbody=final):
            ways = [[*inner, *orelse], *[handler.body for handler in handlers]]
            return _leaves(final) or all(map(_leaves, ways))
        case ast.Match(cases=cases):
            last = cases[-1].pattern
            is_any = isinstance(last, ast.MatchAs) and last.pattern is None
            return is_any and all(_leaves(case.body) for case in cases)
        case _:
            return False


def place_of(function: Function | None, within: Within) -> Place:
    """Where an expression in a method stands."""
    if function is None:
        return Place(within.name, within.node)
    positional = [*function.args.posonlyargs, *function.args.args]
    is_method = bool(within.name and positional) and "staticmethod" not in map(
        callee_name, function.decorator_list
    )
    first = positional[0].arg if is_method else ""
    return Place(within.name, within.node, function, first)


def _has_yield(node: ast.AST) -> bool:
    """Whether a function is a generator; functions inside it don't count."""
    inner = (*FUNCTIONS, ast.Lambda, ast.ClassDef)
    return any(
        isinstance(child, (ast.Yield, ast.YieldFrom))
        or (not isinstance(child, inner) and _has_yield(child))
        for child in ast.iter_child_nodes(node)
    )


# --- overloads for each number of arguments -------------------------------------------------------


def _with_overloads(node: Function, scope: Scope) -> list[Function]:
    """A function that `by_arity` decorates: an overload for each arity, then the general forms."""
    origins = scope.origins(node)
    if MAKES_OVERLOADS not in origins:
        return [node]
    marker = node.decorator_list[origins.index(MAKES_OVERLOADS)]
    assert isinstance(marker, ast.Call)
    most: int = ast.literal_eval(marker.args[0])
    fixed = [_fixed(node, count) for count in range(most + 1)]
    made = [*fixed, _variadic(node, most + 1, scope), copy.deepcopy(node)]
    others = [d for d in node.decorator_list if d is not marker]
    for function in made:
        function.body = []
        function.decorator_list = [ast.Name("overload"), *others]
    scope.borrow("typing", "overload")
    scope.borrow("typing", "TypeVar")
    for name in [f"_A{number}" for number in range(1, most + 2)]:
        scope.declared[name] = f'{name} = TypeVar("{name}")', "TypeVar"
    return made


def _variadic(node: Function, least: int, scope: Scope) -> Function:
    """The form for more positional arguments, with a TypeVarTuple.

    pyright infers a lambda's parameters from it, and not from a ParamSpec. ty takes any argument
    for one, so that it stands for many arguments only.
    """
    name = "_As"
    scope.borrow("typing_extensions", "TypeVarTuple")
    scope.declared[name] = f'{name} = TypeVarTuple("{name}")', "TypeVarTuple"
    unpacked = f"{scope.borrow('typing_extensions', 'Unpack')}[{name}]"
    made = _fixed(node, least, [ast.Name(unpacked)])
    scope.reader.used.add(name)
    made.args.vararg = ast.arg("args", ast.Name(unpacked))
    return made


def _fixed(node: Function, count: int, more: Sequence[ast.expr] = ()) -> Function:
    """The form for `count` positional arguments, each with a type variable of its own.

    `Callable[Concatenate[X, P], T]` becomes `Callable[[X, _A1, _A2], T]`.
    """
    made = copy.deepcopy(node)
    variables = [ast.Name(f"_A{number}") for number in range(1, count + 1)]
    for part in ast.walk(made.args):
        match part:
            case ast.Tuple(elts=[ast.Subscript(slice=ast.Tuple(elts=given)), *_]):
                part.elts[0] = ast.List([*given[:-1], *variables, *more])
            case _:
                pass
    made.args.posonlyargs += [ast.arg(v.id.lower()[1:], v) for v in variables]
    made.args.vararg = made.args.kwarg = None
    return made


# --- variables ------------------------------------------------------------------------------------


def _variable_lines(scope: Scope, item: Definition, within: Within) -> list[str]:
    """A variable and its documentation."""
    node = item.nodes[-1]
    if isinstance(node, ast.AnnAssign):
        codes = scope.module.ignored(node.lineno) & {"*", "assignment", "misc", "mutable-override"}
        overrides = (
            codes and within.node is not None and is_inherited(scope, within.node, item.bound)
        )
        ignore = f"  {_comment(codes)}" if overrides else ""
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
    lines = _one(scope, node, within, ast.get_docstring(node))
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
        lines += _one(scope, node, within, None)
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
        return _function_lines(scope, nodes, within)
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
        items = items_of(scope.module, owner.body)
    return next((i.functions for i in _definitions(items, last)), [])


def _definitions(items: list[Any], name: str) -> list[Definition]:
    return [item for item in items if isinstance(item, Definition) and item.bound == name]


# --- classes --------------------------------------------------------------------------------------


def _class_lines(scope: Scope, node: ast.ClassDef, within: Within) -> list[str]:
    inner = within.indent + "    "
    bases = [scope.reader.value(base) for base in node.bases if dotted_name(base) != "object"]
    bases += [f"{k.arg}={scope.reader.value(k.value)}" for k in node.keywords if k.arg]
    head = f"{within.indent}class {node.name}{scope.type_parameters(node)}"
    plain = {last_part(base.partition("[")[0]) for base in bases}
    has_metaclass = any(k.arg == "metaclass" for k in node.keywords)
    is_said = has_metaclass or plain & {"ABC", "Protocol"}
    if not is_said and leaves_abstract(scope, node):  # checkers want it said in a stub
        bases.append(f"metaclass={scope.borrow('abc', 'ABCMeta')}")
    head += f"({', '.join(bases)}):" if bases else ":"
    lines_of_head = range(node.lineno, max(node.body[0].lineno, node.lineno + 1))
    codes = (
        scope.module.ignored(*lines_of_head) & {"*", "misc", "type-arg"} if node.bases else set()
    )
    doc = docstring(ast.get_docstring(node), inner)
    members = _Members(scope, node, within.qualified(node.name), inner).render()
    if not doc and not members:
        head += " ..."
    head += f"  {_comment(codes)}" if codes else ""
    blank = [""] if doc and members else []
    return [*_decorator_lines(scope, node, within), head, *doc, *blank, *members]


class _Members:
    """Renders the members of one class."""

    def __init__(self, scope: Scope, node: ast.ClassDef, qualified: str, indent: str) -> None:
        self._scope = scope
        self._node = node
        generic = [b.value if isinstance(b, ast.Subscript) else b for b in node.bases]
        names = [dotted_name(base) or "" for base in node.bases]
        self._whole = any(last_part(dotted_name(base)) in _WHOLE for base in generic)
        decorators = [scope.origin_of(callee_name(d)) for d in scope.kept(node, qualified)]
        makes_init = not _PLAIN_DECORATORS.issuperset(map(last_part, decorators))
        fields = makes_init or bool(node.keywords) or any(name != "object" for name in names)
        self._within = Within(qualified, indent, fields, node)
        self._private_fields = self._whole or makes_init
        self._enum = enum_base(scope, node)
        self._makes_values = self._enum and makes_values(scope, node)
        self._is_mixed = self._enum and is_inherited(scope, node, "__add__")
        """Whether its members are numbers or texts as well, and not what they are assigned."""
        self._items = items_of(scope.module, node.body)
        self._own = [item for item in self._items if isinstance(item, Definition)]
        self._constants: dict[str, int] = {}
        """The values of the members of an enumeration that are integers."""
        self._named: set[str] = set()
        """Private members that a public one names."""
        self._instead = self._shadows()

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
        reader = self._scope.reader
        outside, reader.instead = reader.instead, self._instead
        lines = self._blocks()
        reader.instead = outside
        return lines

    def _shadows(self) -> dict[str, str]:
        """What to write for names that are members here and something else around the class."""
        shadowing = [
            item.bound for item in self._own if item.functions or _is_declared(item.nodes[-1])
        ]
        shadowing += [s.name for item in self._own for f in item.functions for s in _set_on_self(f)]
        named = {n.id for n in ast.walk(self._node) if isinstance(n, ast.Name)}
        named |= {
            word
            for n in ast.walk(self._node)
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and len(n.value) < 200
            for word in re.findall(r"\w+", n.value)
        }
        names = [name for name in dict.fromkeys(shadowing) if name in named]
        found = {name: self._scope.instead_of(name) for name in names}
        return {name: other for name, other in found.items() if other is not None}

    def _blocks(self) -> list[str]:
        # `b = a` stays below what it names.
        first = [i for i in self._items if _is_variable(i) and not _is_second_name(i)]
        blocks = [self._item(item, self._within) for item in first]
        blocks += self._attributes()
        blocks += [self._item(i, self._within) for i in self._items if i not in first]
        return spaced(blocks)

    def _item(self, item: Item, within: Within) -> list[str]:
        if isinstance(item, Branch):
            return branch_lines(self._scope, item, within, self._item)
        if isinstance(item, Imported) or not self._is_shown(item):
            return []
        if self._enum and item.is_variable and not isinstance(item.nodes[-1], ast.AnnAssign):
            return [f"{within.indent}{item.bound} = {self._member_value(item)}"]
        return definition_lines(self._scope, item, within)

    def _member_value(self, item: Definition) -> str:
        """The value of a member of an enumeration; `...` where no literal says it."""
        value = item.values[0]
        if self._makes_values:
            return "..."
        number = folded(value, self._constants) if value is not None else None
        if number is not None:
            self._constants[item.bound] = number
        if value is None:
            return "..."
        literal = self._scope.reader.literal(value)
        if self._is_mixed and not isinstance(value, ast.Constant):
            return "..." if number is None else str(number)
        if literal is not None or last_part(callee_name(value)) in ("auto", "member", "nonmember"):
            return literal or self._scope.reader.value(value)
        return "..." if number is None else str(number)

    def _is_shown(self, item: Definition) -> bool:
        name = item.bound
        if self._scope.module.is_internal(*item.nodes) or name in _IMPLEMENTING:
            return False
        if is_public(name) or name in self._named:
            return True
        if _is_variable(item):
            return self._private_fields
        # Without a member that implements an abstract one, the class were abstract.
        abstract = not name.startswith("__") and declares(
            self._scope, self._node, name, abstract=True
        )
        return self._whole or abstract or _is_abstract(item)

    # --- attributes that methods set ---

    def _attributes(self) -> list[list[str]]:
        """`self.x = ...` in methods, each name once: an annotated one, if there is one."""
        known = {item.bound for item in self._own} | {n for n in dir(object) if n != "__slots__"}
        found: dict[str, list[_Setting]] = {}
        methods = [node for item in self._own for node in item.functions]
        methods.sort(key=lambda node: node.name not in ("__init__", "__new__"))
        for method in methods:
            for setting in _set_on_self(method):
                if setting.name not in known:
                    found.setdefault(setting.name, []).append(setting)
        return [self._attribute(name, settings) for name, settings in found.items()]

    def _attribute(self, name: str, settings: "list[_Setting]") -> list[str]:
        is_shown = is_public(name) or name in self._named
        declared = [s for s in settings if isinstance(s.node, ast.AnnAssign)]
        first = (declared or settings)[0]
        if not is_shown or any(self._scope.module.is_internal(s.node) for s in settings[:1]):
            return []
        annotation = getattr(declared[0].node, "annotation", None) if declared else None
        if annotation is not None and last_part(dotted_name(annotation)) == "Final":
            made = self._inferred(declared[:1])
            kind = listed(self._scope, first.node.lineno, f"{self._within.name}.{name}", made)
            made = f"{self._scope.reader.annotation(annotation)}[{kind}]"
        elif annotation is not None:
            made = self._scope.reader.annotation(annotation)
        elif is_inherited(self._scope, self._node, name):
            return []
        else:
            made = self._inferred(settings)
            qualified = f"{self._within.name}.{name}"
            made = listed(self._scope, first.node.lineno, qualified, made)
        return [f"{self._within.indent}{name}: {made}", *docstring(first.doc, self._within.indent)]

    def _inferred(self, settings: "list[_Setting]") -> str | None:
        """The type of all that is assigned to an attribute."""
        inference = Inference(self._scope)
        kinds = [
            None if s.value is None else inference.of(s.value, place_of(s.method, self._within))
            for s in settings
        ]
        known = [kind for kind in kinds if kind is not None]
        if len(known) < len(kinds) and "None" in [m for kind in known for m in members(kind)]:
            return f"{self._scope.incomplete()} | None"
        whole = [kind for kind in known if not is_incomplete(kind)]
        if len(known) == len(kinds) and whole and len(whole) < len(known):
            heads = {kind.partition("[")[0] for kind in known if is_incomplete(kind)}
            if heads <= {kind.partition("[")[0] for kind in whole}:
                return union(whole)  # `self.x = []` before, a list of something later
        return union(kinds)


@dataclass(frozen=True)
class _Setting:
    """A statement of a method that sets an attribute, and the string below it."""

    name: str
    node: ast.stmt
    value: ast.expr | None
    doc: str | None
    method: Function


def is_public(name: str) -> bool:
    """Whether a name has no leading underscore, or is one that Python defines."""
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _is_variable(item: Item) -> bool:
    return isinstance(item, Definition) and item.is_variable


def _is_declared(node: ast.stmt) -> bool:
    """Whether it is a variable with an annotation, and no alias of a type."""
    is_alias = last_part(dotted_name(getattr(node, "annotation", node))) == "TypeAlias"
    return isinstance(node, ast.AnnAssign) and not is_alias


def _is_second_name(item: Item) -> bool:
    node = item.nodes[-1] if isinstance(item, Definition) else None
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)


def _is_abstract(item: Definition) -> bool:
    return any("abstract" in ast.dump(d) for n in item.functions for d in n.decorator_list)


def _set_on_self(method: Function) -> Iterator[_Setting]:
    """The attributes that a method sets on its first parameter."""
    positional = [*method.args.posonlyargs, *method.args.args]
    if not positional or "staticmethod" in map(dotted_name, method.decorator_list):
        return
    for statement, below in [pair for body in _bodies(method) for pair in with_next(body)]:
        found: list[tuple[str, ast.expr | None]] = []
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            found = [p for t in targets_of(statement) for p in pairs(t, statement.value)]
        elif isinstance(statement, (ast.For, ast.AsyncFor)):
            found = list(pairs(statement.target, None))
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            held = [i.optional_vars for i in statement.items if i.optional_vars is not None]
            found = [pair for target in held for pair in pairs(target, None)]
        for dotted, value in found:
            owner, _, name = dotted.rpartition(".")
            if owner == positional[0].arg:
                yield _Setting(name, statement, value, text_of(below), method)


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in a function, except those of functions inside it."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        body: list[ast.stmt] = getattr(node, name, [])
        yield body
        for child in body:
            if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                yield from _bodies(child)
