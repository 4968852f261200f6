"""Definitions in a stub: functions, variables and classes.

A function has its signature as it is written and its docstring, without a body.

A variable has its type as written or, if certain, inferred. Certain is the type of a literal, of a
call of a class without type arguments, and of an alias of a type. Any other variable without an
annotation is a problem.

A class has its bases, its public members, and the attributes that methods set. A private member is
left out unless type checkers need it: a field that `__init__` takes, a member of a protocol, an
abstract method, a class that a public signature names.
"""

import ast
import builtins
import copy
import enum
import inspect
import sys
import types
import typing
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from types import FunctionType, MethodType
from typing import Any, Final

from enterspan.stubgen.expressions import WIDTH, docstring, dotted_name, last_part, spaced, wrapped
from enterspan.stubgen.package import (
    FUNCTIONS,
    Branch,
    Definition,
    Function,
    Imported,
    Item,
    callee_name,
    items_of,
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
_TYPING: Final = frozenset({"typing", "typing_extensions", "collections", "builtins"})
_ALIASES: Final = (type, types.GenericAlias, types.UnionType, types.FunctionType, types.ModuleType)
_SIMPLE: Final = (str, int, float, bool, bytes, complex)
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
    inner = replace(within, indent=within.indent + "    ")
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
    lines = wrapped(head, parameters, tail, within.indent)
    decorators = _decorator_lines(scope, node, within)
    return decorators + lines + docstring(doc, within.indent + "    ")


def _parameters(scope: Scope, node: Function, within: Within) -> list[str]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    is_static = "builtins.staticmethod" in scope.origins(node) and node.name not in _IMPLICIT
    owner = positional[:1] if within.name and not is_static else []

    def parameter(argument: ast.arg, default: ast.expr | None = None) -> str:
        if argument.annotation is None:
            if argument not in owner:
                of = within.qualified(node.name)
                what = f"parameter {argument.arg!r} of {of}() has no annotation"
                scope.complain(argument.lineno, what)
            return argument.arg
        text = f"{argument.arg}: {scope.reader.annotation(argument.annotation)}"
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


def _returns(scope: Scope, node: Function, within: Within) -> str:
    if node.returns is not None:
        return scope.reader.annotation(node.returns)
    if node.name not in _NONE:
        what = "has no return annotation (-> None where it returns nothing)"
        scope.complain(node.lineno, f"{within.qualified(node.name)}() {what}")
    return "None"


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
    """A function that `by_arity` decorates: an overload for each arity, then the general form."""
    origins = scope.origins(node)
    if MAKES_OVERLOADS not in origins:
        return [node]
    marker = node.decorator_list[origins.index(MAKES_OVERLOADS)]
    assert isinstance(marker, ast.Call)
    most: int = ast.literal_eval(marker.args[0])
    made = [*[_fixed(node, count) for count in range(most + 1)], copy.deepcopy(node)]
    others = [d for d in node.decorator_list if d is not marker]
    for function in made:
        function.body = []
        function.decorator_list = [ast.Name("overload"), *others]
    scope.borrow("typing", "overload")
    scope.borrow("typing", "TypeVar")
    scope.declared.update(f'_A{n} = TypeVar("_A{n}")' for n in range(1, most + 1))
    return made


def _fixed(node: Function, count: int) -> Function:
    """The form for `count` positional arguments, each with a type variable of its own.

    `Callable[Concatenate[X, P], T]` becomes `Callable[[X, _A1, _A2], T]`.
    """
    made = copy.deepcopy(node)
    variables = [ast.Name(f"_A{number}") for number in range(1, count + 1)]
    for part in ast.walk(made.args):
        match part:
            case ast.Tuple(elts=[ast.Subscript(slice=ast.Tuple(elts=given)), *_]):
                part.elts[0] = ast.List([*given[:-1], *variables])
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
        lines = [within.indent + _annotated(scope, item.bound, node, fields=within.fields)]
    elif isinstance(node, ast.Assign):
        lines = _plain(scope, item.bound, node, within)
    else:  # `type X = ...`
        lines = [within.indent + scope.reader.annotation(node)]
    return lines + docstring(item.doc, within.indent) if len(lines) == 1 else lines


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
        made = _type_of(scope, node.value)
        if made is None:
            scope.complain(node.lineno, f"{name!r} is {kind} without a type")
        return f"{head}[{made}]"
    if not fields:
        return head
    is_call = isinstance(node.value, ast.Call) and callee_name(node.value)
    return f"{head} = {reader.value(node.value) if is_call else '...'}"


def _plain(scope: Scope, name: str, node: ast.Assign, within: Within) -> list[str]:
    reader, value = scope.reader, node.value
    start = f"{within.indent}{name}"
    if name in ("__slots__", "__doc__"):
        return []
    if isinstance(value, ast.Call) and _makes_type(scope, value):
        return [f"{start} = {reader.value(value)}"]
    function = [] if within.name else _made_function(scope, name, value, within)
    if function:
        return function
    if _is_alias(scope, name, value, within):
        is_type = isinstance(value, (ast.Subscript, ast.BinOp))
        text = _union_text(scope, value, len(name) + 4) if is_type else reader.value(value)
        return [f"{start} = {text}"]
    made = _type_of(scope, value)
    if made is None:
        scope.complain(node.lineno, f"{within.qualified(name)!r} has no annotation")
        return []
    literal = reader.literal(value)
    return [f"{start}: {made}" + (f" = {literal}" if literal is not None else "")]


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


def _type_of(scope: Scope, value: ast.expr) -> str | None:
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


def _is_alias(scope: Scope, name: str, value: ast.expr, within: Within) -> bool:
    """Whether this is another name of a type, a function or a module."""
    if not isinstance(value, (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp)):
        return False
    if within.name and isinstance(value, ast.Name):
        return True  # a second name of a member
    found = scope.value(name)
    return isinstance(found, _ALIASES) or typing.get_origin(found) is not None


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
    head += f"({', '.join(bases)}):" if bases else ":"
    doc = docstring(ast.get_docstring(node), inner)
    members = _Members(scope, node, within.qualified(node.name), inner).render()
    if not doc and not members:
        head += " ..."
    blank = [""] if doc and members else []
    return [*_decorator_lines(scope, node, within), head, *doc, *blank, *members]


class _Members:
    """Renders the members of one class."""

    def __init__(self, scope: Scope, node: ast.ClassDef, qualified: str, indent: str) -> None:
        self._scope = scope
        self._node = node
        names = [dotted_name(base) or "" for base in node.bases]
        generic = [b.value if isinstance(b, ast.Subscript) else b for b in node.bases]
        self._whole = any(last_part(dotted_name(base)) in _WHOLE for base in generic)
        decorators = [scope.origin_of(callee_name(d)) for d in scope.kept(node, node.name)]
        makes_init = not _PLAIN_DECORATORS.issuperset(map(last_part, decorators))
        fields = makes_init or any(name != "object" for name in names)
        self._within = Within(qualified, indent, fields)
        self._private_fields = self._whole or makes_init
        # Where all bases are builtins, the imported class is not looked at.
        own = any(scope.module.find(name.partition(".")[0]) for name in names)
        builtin = all(hasattr(builtins, name) for name in names)
        self._inherits = bool(node.keywords) or own or not builtin
        self._enum = self._inherits and enum.Enum in scope.bases(qualified)
        self._items = items_of(scope.module, node.body)
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
        blocks = [self._item(item, self._within) for item in first]
        blocks += self._attributes()
        blocks += [self._item(i, self._within) for i in self._items if i not in first]
        return spaced(blocks)

    def _item(self, item: Item, within: Within) -> list[str]:
        if isinstance(item, Branch):
            return branch_lines(self._scope, item, within, self._item)
        if isinstance(item, Imported) or not self._is_shown(item):
            return []
        node = item.nodes[-1]
        if self._enum and isinstance(node, ast.Assign):
            return [f"{within.indent}{item.bound} = {self._scope.reader.value(node.value)}"]
        return definition_lines(self._scope, item, within)

    def _is_shown(self, item: Definition) -> bool:
        name = item.bound
        if self._scope.module.is_internal(*item.nodes) or name in _IMPLEMENTING:
            return False
        if is_public(name) or name in self._named:
            return True
        if _is_variable(item):
            return self._private_fields
        # Without a member that implements an abstract one, the class were abstract.
        bases = self._scope.bases(self._within.name) if self._inherits else ()
        abstract = any(name in getattr(base, "__abstractmethods__", ()) for base in bases)
        return self._whole or abstract or _is_abstract(item)

    # --- attributes that methods set ---

    def _attributes(self) -> list[list[str]]:
        """`self.x = ...` in methods, each name once: an annotated one, if there is one."""
        known = {item.bound for item in self._own}
        found: dict[str, _Setting] = {}
        methods = [node for item in self._own for node in item.functions]
        methods.sort(key=lambda node: node.name not in ("__init__", "__new__"))
        for method in methods:
            for setting in _set_on_self(method):
                is_declared = isinstance(setting.node, ast.AnnAssign)
                if setting.name not in known and (setting.name not in found or is_declared):
                    found[setting.name] = setting
        return [self._attribute(setting) for setting in found.values()]

    def _attribute(self, setting: "_Setting") -> list[str]:
        name, node, indent = setting.name, setting.node, self._within.indent
        is_shown = is_public(name) or name in self._named
        if not is_shown or self._scope.module.is_internal(node):
            return []
        given = setting.parameters.get(dotted_name(node.value) or "") if node.value else None
        known = node.annotation if isinstance(node, ast.AnnAssign) else given
        if known is not None:
            made: str | None = self._scope.reader.annotation(known)
        else:
            made = _type_of(self._scope, node.value) if node.value else None
        if made is not None:
            return [f"{indent}{name}: {made}", *docstring(setting.doc, indent)]
        bases = self._scope.bases(self._within.name)[:-1] if self._node.bases else ()
        if not any(name in vars(base) or name in _names_annotated(base) for base in bases):
            what = f"'{self._within.name}.{name}' has no annotation"
            self._scope.complain(node.lineno, what)
        return []


def _names_annotated(cls: type) -> Container[str]:
    """The names that the body of a class annotates; what they are need not be defined (PEP 649)."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(cls, format=Format.FORWARDREF)
    return inspect.get_annotations(cls)


@dataclass(frozen=True)
class _Setting:
    """A statement of a method that sets an attribute, and the string below it."""

    name: str
    node: ast.Assign | ast.AnnAssign
    doc: str | None
    parameters: dict[str, ast.expr]
    """The annotations of the method's parameters."""


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


def _set_on_self(method: Function) -> Iterator[_Setting]:
    """The attributes that a method sets on its first parameter."""
    positional = [*method.args.posonlyargs, *method.args.args]
    if not positional or "staticmethod" in map(dotted_name, method.decorator_list):
        return
    named = [*positional, *method.args.kwonlyargs]
    parameters = {a.arg: a.annotation for a in named if a.annotation is not None}
    for statement, below in [pair for body in _bodies(method) for pair in with_next(body)]:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for target in targets_of(statement):
                owner, _, name = (dotted_name(target) or "").rpartition(".")
                if owner == positional[0].arg:
                    yield _Setting(name, statement, text_of(below), parameters)


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in a function, except those of functions inside it."""
    for name in ("body", "orelse", "finalbody", "handlers"):
        body: list[ast.stmt] = getattr(node, name, [])
        yield body
        for child in body:
            if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                yield from _bodies(child)
