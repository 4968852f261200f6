"""Functions as a stub shows them: the signature as it was written, the docstring, no body."""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING, Final

from enterspan.stubgen.decorators import MAKES_OVERLOADS, STANDS_FOR, origin_of
from enterspan.stubgen.expressions import docstring_lines, dotted_name, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from enterspan.stubgen.package import Function
    from enterspan.stubgen.scope import Scope

WIDTH: Final = 100
_NO_SELF: Final = frozenset({"staticmethod", "builtins.staticmethod"})
_NONE: Final = frozenset({"__init__", "__init_subclass__", "__set_name__", "__post_init__"})
"""What these return is known."""
_IMPLICIT: Final = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})


class Functions:
    """Renders the functions and methods of one module."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def render(self, nodes: list[Function], owner: str, indent: str) -> list[str]:
        """All statements that one name is bound by: overloads, or the parts of a property."""
        wanted = _Arity(self._scope).expand(nodes[0]) if len(nodes) == 1 else nodes
        overloads = [node for node in wanted if self._is_overload(node)]
        if not overloads:
            return [line for node in wanted for line in self._one(node, owner, indent)]
        doc = ast.get_docstring(nodes[-1])
        lines: list[str] = []
        for at, node in enumerate(overloads):
            lines += self._one(node, owner, indent, doc if at == 0 else None)
        return lines

    def bound(self, nodes: list[Function], name: str, indent: str) -> list[str]:
        """A method that is kept under a name of its own, as the function that it is then."""
        made: list[Function] = []
        for node in nodes:
            without = copy.deepcopy(node)
            first = without.args.posonlyargs or without.args.args
            del first[:1]
            without.name = name
            made.append(without)
        return self.render(made, "", indent)

    def _is_overload(self, node: Function) -> bool:
        origins = self._scope.decorators.origins(node)
        return any(origin.rpartition(".")[2] == "overload" for origin in origins)

    def _one(self, node: Function, owner: str, indent: str, doc: str | None = None) -> list[str]:
        qualified = f"{owner}.{node.name}" if owner else node.name
        lines = self.decorators(node, qualified, indent)
        word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        if word == "async def" and _has_yield(node):
            word = "def"  # without a body, nothing else says that it is a generator
        head = f"{indent}{word} {node.name}{self._scope.type_parameters(node)}("
        parameters = self._parameters(node, qualified, is_method=bool(owner))
        tail = f") -> {self._returns(node, qualified)}:"
        text = ast.get_docstring(node) or doc
        end = "" if text else " ..."
        line = f"{head}{', '.join(parameters)}{tail}{end}"
        if len(line) <= WIDTH:
            lines.append(line)
        else:
            lines += [head, *[f"{indent}    {part}," for part in parameters], indent + tail + end]
            if parameters and parameters[-1] == "/":
                lines[-2] = f"{indent}    /,"
        return lines + (docstring_lines(text, indent + "    ") if text else [])

    def decorators(self, node: Function | ast.ClassDef, qualified: str, indent: str) -> list[str]:
        """The decorators that a checker has to see, a line each."""
        lines: list[str] = []
        for decorator in self._scope.decorators.kept(node, qualified):
            name = dotted_name(decorator)
            stands_for = STANDS_FOR.get(origin_of(self._scope.module, name)) if name else None
            if stands_for is None:
                lines.append(f"{indent}@{self._scope.reader.value(decorator)}")
            else:
                module, _, call = stands_for.partition(".")
                self._scope.borrow(module, call.partition("(")[0])
                lines.append(f"{indent}@{call}")
        return lines

    # --- parameters and what is returned ---

    def _parameters(self, node: Function, qualified: str, *, is_method: bool) -> list[str]:
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        padding: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        defaults = [*padding, *arguments.defaults]
        has_self = is_method and not _NO_SELF.intersection(self._scope.decorators.origins(node))
        parts: list[str] = []
        for at, (argument, default) in enumerate(zip(positional, defaults, strict=True)):
            is_self = at == 0 and (has_self or (is_method and node.name in _IMPLICIT))
            parts.append(self._parameter(argument, default, qualified, is_self=is_self))
            if at + 1 == len(arguments.posonlyargs):
                parts.append("/")
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
    """Whether a function is a generator: what is defined inside it does not count."""
    stack: list[ast.AST] = list(node.body)
    while stack:
        child = stack.pop()
        if isinstance(child, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            stack += ast.iter_child_nodes(child)
    return False


class _Arity:
    """Writes the overloads that `by_arity` asks for, ahead of the general form."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def expand(self, node: Function) -> list[Function]:
        """The overloads, or the function alone where none are asked for."""
        most = self._asked(node)
        if most is None:
            return [node]
        at = self._callback(node)
        if at is None:
            what = f"{node.name}() needs a parameter of the type Callable[Concatenate[..., P], T]"
            self._scope.complain(node.lineno, what)
            return [node]
        self._scope.borrow("typing", "overload")
        overloads = [self._fixed(node, at, count) for count in range(most + 1)]
        general = copy.deepcopy(node)
        general.body = []
        for made in (*overloads, general):
            made.decorator_list = [ast.Name("overload"), *self._others(node)]
        return [*overloads, general]

    def _asked(self, node: Function) -> int | None:
        origins = self._scope.decorators.origins(node)
        for decorator, origin in zip(node.decorator_list, origins, strict=True):
            if origin == MAKES_OVERLOADS and isinstance(decorator, ast.Call):
                most: int = ast.literal_eval(decorator.args[0])
                return most
        return None

    def _others(self, node: Function) -> list[ast.expr]:
        origins = self._scope.decorators.origins(node)
        pairs = zip(node.decorator_list, origins, strict=True)
        return [decorator for decorator, origin in pairs if origin != MAKES_OVERLOADS]

    def _callback(self, node: Function) -> int | None:
        """Which positional-only parameter is the callback."""
        for at, argument in enumerate(node.args.posonlyargs):
            annotation = argument.annotation
            if (
                isinstance(annotation, ast.Subscript)
                and isinstance(annotation.slice, ast.Tuple)
                and isinstance(annotation.slice.elts[0], ast.Subscript)
                and dotted_name(annotation.slice.elts[0].value) == "Concatenate"
            ):
                return at
        return None

    def _fixed(self, node: Function, at: int, count: int) -> Function:
        """The form for `count` positional arguments, each with a type variable of its own."""
        made = copy.deepcopy(node)
        made.body = []
        arguments = made.args
        callback: ast.Subscript = arguments.posonlyargs[at].annotation  # type: ignore[assignment]
        assert isinstance(callback.slice, ast.Tuple)
        given = callback.slice.elts[0]
        assert isinstance(given, ast.Subscript)
        assert isinstance(given.slice, ast.Tuple)
        variables = [f"_A{number}" for number in range(1, count + 1)]
        for variable in variables:
            self._scope.declare(f"{variable} = TypeVar({quoted(variable)})", "TypeVar")
        fixed: Sequence[ast.expr] = given.slice.elts[:-1]
        names: list[ast.expr] = [ast.Name(variable) for variable in variables]
        callback.slice.elts[0] = ast.List([*fixed, *names])
        arguments.posonlyargs += [
            ast.arg(f"a{number}", ast.Name(variable))
            for number, variable in enumerate(variables, start=1)
        ]
        arguments.vararg = arguments.kwarg = None
        return made
