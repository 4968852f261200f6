"""Functions in a stub: the signature as it is written and the docstring, without a body."""

import ast
import copy
from typing import Final

from enterspan.stubgen.expressions import docstring_lines, dotted_name, quoted
from enterspan.stubgen.package import FUNCTIONS, Function
from enterspan.stubgen.scope import MAKES_OVERLOADS, STANDS_FOR, Scope

WIDTH: Final = 100
_NONE: Final = frozenset({"__init__", "__init_subclass__", "__set_name__", "__post_init__"})
"""Methods that return None, annotated or not."""
_IMPLICIT: Final = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
"""Static and class methods without a decorator."""


class Functions:
    """Renders the functions and methods of one module."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def render(self, nodes: list[Function], owner: str, indent: str) -> list[str]:
        """All statements that bind one name: overloads, or the parts of a property."""
        doc = ast.get_docstring(nodes[-1])
        if len(nodes) == 1:
            nodes = _with_overloads(nodes[0], self._scope)
        overloads = [node for node in nodes if self._is_overload(node)]
        lines: list[str] = []
        for node in overloads or nodes:
            text = ast.get_docstring(node) or (doc if overloads and not lines else None)
            lines += self._one(node, owner, indent, text)
        return lines

    def bound(self, nodes: list[Function], name: str, indent: str) -> list[str]:
        """A bound method under a name of its own, as a function."""
        made = [copy.deepcopy(node) for node in nodes]
        for node in made:
            del (node.args.posonlyargs or node.args.args)[:1]
            node.name = name
        return self.render(made, "", indent)

    def _is_overload(self, node: Function) -> bool:
        return any(o.rpartition(".")[2] == "overload" for o in self._scope.origins(node))

    def _one(self, node: Function, owner: str, indent: str, doc: str | None) -> list[str]:
        qualified = f"{owner}.{node.name}" if owner else node.name
        # Without a body, `async def` is a coroutine function: an async generator is a `def`.
        is_coroutine = isinstance(node, ast.AsyncFunctionDef) and not _has_yield(node)
        word = "async def" if is_coroutine else "def"
        head = f"{indent}{word} {node.name}{self._scope.type_parameters(node)}("
        parameters = self._parameters(node, qualified, is_method=bool(owner))
        tail = f") -> {self._returns(node, qualified)}:{'' if doc else ' ...'}"
        lines = [f"{head}{', '.join(parameters)}{tail}"]
        if len(lines[0]) > WIDTH:
            lines = [head, *[f"{indent}    {part}," for part in parameters], indent + tail]
        decorators = self.decorators(node, qualified, indent)
        return decorators + lines + docstring_lines(doc, indent + "    ")

    def decorators(self, node: Function | ast.ClassDef, qualified: str, indent: str) -> list[str]:
        """The decorators that type checkers need, one line each."""
        lines: list[str] = []
        for decorator in self._scope.kept(node, qualified):
            name = dotted_name(decorator)
            call = STANDS_FOR.get(self._scope.origin_of(name)) if name else None
            if call is None:
                call = self._scope.reader.value(decorator)
            else:
                module, _, call = call.partition(".")
                self._scope.borrow(module, call.partition("(")[0])
            lines.append(f"{indent}@{call}")
        return lines

    # --- parameters and the return type ---

    def _parameters(self, node: Function, qualified: str, *, is_method: bool) -> list[str]:
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        padding: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        is_static = "builtins.staticmethod" in self._scope.origins(node)
        has_self = is_method and (not is_static or node.name in _IMPLICIT)
        parts: list[str] = []
        for argument, default in zip(positional, [*padding, *arguments.defaults], strict=True):
            is_self = has_self and not parts
            parts.append(self._parameter(argument, default, qualified, is_self=is_self))
        if arguments.posonlyargs:
            parts.insert(len(arguments.posonlyargs), "/")
        if arguments.vararg is not None:
            parts.append("*" + self._parameter(arguments.vararg, None, qualified))
        elif arguments.kwonlyargs:
            parts.append("*")
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            parts.append(self._parameter(argument, default, qualified))
        if arguments.kwarg is not None:
            parts.append("**" + self._parameter(arguments.kwarg, None, qualified))
        return parts

    def _parameter(
        self, node: ast.arg, default: ast.expr | None, qualified: str, *, is_self: bool = False
    ) -> str:
        if node.annotation is None:
            if not is_self:
                what = f"parameter {node.arg!r} of {qualified}() has no annotation"
                self._scope.complain(node.lineno, what)
            return node.arg
        text = f"{node.arg}: {self._scope.reader.annotation(node.annotation)}"
        return text if default is None else f"{text} = {self._scope.default(default)}"

    def _returns(self, node: Function, qualified: str) -> str:
        if node.returns is not None:
            return self._scope.reader.annotation(node.returns)
        if node.name not in _NONE:
            what = f"{qualified}() has no return annotation (-> None where it returns nothing)"
            self._scope.complain(node.lineno, what)
        return "None"


def _has_yield(node: Function) -> bool:
    """Whether a function is a generator; functions inside it don't count."""
    stack: list[ast.AST] = list(node.body)
    while stack:
        child = stack.pop()
        if isinstance(child, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(child, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            stack += ast.iter_child_nodes(child)
    return False


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
    if isinstance(callback, ast.Subscript) and isinstance(callback.slice, ast.Tuple):
        first = callback.slice.elts[0]
        name = dotted_name(first.value) if isinstance(first, ast.Subscript) else None
        if name in {"Concatenate", "typing.Concatenate"}:
            return callback.slice.elts
    return []


def _fixed(node: Function, at: int, count: int, scope: Scope) -> Function:
    """The form for `count` positional arguments, each with a type variable of its own."""
    made = copy.deepcopy(node)
    arguments = made.args
    variables = [f"_A{number}" for number in range(1, count + 1)]
    for variable in variables:
        scope.declare(f"{variable} = TypeVar({quoted(variable)})", "TypeVar")
    types = _callback_types(arguments.posonlyargs[at])
    given = types[0]
    assert isinstance(given, ast.Subscript)
    assert isinstance(given.slice, ast.Tuple)
    types[0] = ast.List([*given.slice.elts[:-1], *map(ast.Name, variables)])
    arguments.posonlyargs += [
        ast.arg(f"a{number}", ast.Name(variable))
        for number, variable in enumerate(variables, start=1)
    ]
    arguments.vararg = arguments.kwarg = None
    return made
