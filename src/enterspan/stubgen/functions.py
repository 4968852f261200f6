"""Functions in a stub: the signature as it is written and the docstring, without a body."""

import ast
import copy
from typing import Final

from enterspan.stubgen.expressions import docstring_lines, dotted_name, last_part, quoted, wrapped
from enterspan.stubgen.package import FUNCTIONS, Function
from enterspan.stubgen.scope import MAKES_OVERLOADS, STANDS_FOR, Scope

_NONE: Final = frozenset({"__init__", "__init_subclass__", "__set_name__", "__post_init__"})
"""Methods that return None, annotated or not."""
_IMPLICIT: Final = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
"""Static and class methods without a decorator."""


def function_lines(scope: Scope, nodes: list[Function], owner: str, indent: str) -> list[str]:
    """All statements that bind one name: overloads, or the parts of a property."""
    doc = ast.get_docstring(nodes[-1])
    if len(nodes) == 1:
        nodes = _with_overloads(nodes[0], scope)
    overloads = [node for node in nodes if "overload" in map(last_part, scope.origins(node))]
    lines: list[str] = []
    for node in overloads or nodes:
        text = ast.get_docstring(node) or (doc if overloads and not lines else None)
        lines += _one(scope, node, owner, indent, text)
    return lines


def decorator_lines(
    scope: Scope, node: Function | ast.ClassDef, qualified: str, indent: str
) -> list[str]:
    """The decorators that type checkers need, one line each."""
    lines: list[str] = []
    for decorator in scope.kept(node, qualified):
        module, _, call = STANDS_FOR.get(
            scope.origin_of(dotted_name(decorator) or ""), ""
        ).partition(".")
        if call:
            scope.borrow(module, call.partition("(")[0])
        lines.append(f"{indent}@{call or scope.reader.value(decorator)}")
    return lines


def _one(scope: Scope, node: Function, owner: str, indent: str, doc: str | None) -> list[str]:
    qualified = f"{owner}.{node.name}" if owner else node.name
    # Without a body, `async def` is a coroutine function: an async generator is a `def`.
    is_coroutine = isinstance(node, ast.AsyncFunctionDef) and not _has_yield(node)
    head = f"{'async def' if is_coroutine else 'def'} {node.name}{scope.type_parameters(node)}("
    parameters = _parameters(scope, node, qualified, is_method=bool(owner))
    tail = f") -> {_returns(scope, node, qualified)}:{'' if doc else ' ...'}"
    lines = wrapped(head, parameters, tail, indent)
    decorators = decorator_lines(scope, node, qualified, indent)
    return decorators + lines + docstring_lines(doc, indent + "    ")


def _parameters(scope: Scope, node: Function, qualified: str, *, is_method: bool) -> list[str]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    is_static = "builtins.staticmethod" in scope.origins(node) and node.name not in _IMPLICIT
    owner = positional[:1] if is_method and not is_static else []

    def parameter(argument: ast.arg, default: ast.expr | None = None) -> str:
        if argument.annotation is None:
            if argument not in owner:
                what = f"parameter {argument.arg!r} of {qualified}() has no annotation"
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


def _returns(scope: Scope, node: Function, qualified: str) -> str:
    if node.returns is not None:
        return scope.reader.annotation(node.returns)
    if node.name not in _NONE:
        what = f"{qualified}() has no return annotation (-> None where it returns nothing)"
        scope.complain(node.lineno, what)
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
    at = next((n for n, a in enumerate(node.args.posonlyargs) if _callback_types(a)), None)
    if at is None:
        what = f"{node.name}() needs a parameter of the type Callable[Concatenate[..., P], T]"
        scope.complain(node.lineno, what)
        return [node]
    scope.borrow("typing", "overload")
    marker = node.decorator_list[origins.index(MAKES_OVERLOADS)]
    assert isinstance(marker, ast.Call)
    most: int = ast.literal_eval(marker.args[0])
    made = [_fixed(node, at, count, scope) for count in range(most + 1)]
    made.append(copy.deepcopy(node))
    others = [d for d in node.decorator_list if d is not marker]
    for function in made:
        function.body = []
        function.decorator_list = [ast.Name("overload"), *others]
    return made


def _callback_types(argument: ast.arg) -> list[ast.expr]:
    """The parts of `Callable[Concatenate[...], T]`; none for any other annotation."""
    callback = argument.annotation
    if not isinstance(callback, ast.Subscript) or not isinstance(callback.slice, ast.Tuple):
        return []
    first = callback.slice.elts[0]
    name = dotted_name(first.value) if isinstance(first, ast.Subscript) else None
    return callback.slice.elts if last_part(name) == "Concatenate" else []


def _fixed(node: Function, at: int, count: int, scope: Scope) -> Function:
    """The form for `count` positional arguments, each with a type variable of its own."""
    made = copy.deepcopy(node)
    arguments = made.args
    variables = [f"_A{number}" for number in range(1, count + 1)]
    if variables:
        scope.borrow("typing", "TypeVar")
    scope.declared.update(f"{variable} = TypeVar({quoted(variable)})" for variable in variables)
    types = _callback_types(arguments.posonlyargs[at])
    given = types[0]
    assert isinstance(given, ast.Subscript)
    assert isinstance(given.slice, ast.Tuple)
    types[0] = ast.List([*given.slice.elts[:-1], *map(ast.Name, variables)])
    arguments.posonlyargs += [ast.arg(v.lower()[1:], ast.Name(v)) for v in variables]
    arguments.vararg = arguments.kwarg = None
    return made
