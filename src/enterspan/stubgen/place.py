"""The position of a definition or an expression."""

import ast
from dataclasses import dataclass, field

from enterspan.stubgen.package import Function, callee_name


@dataclass(frozen=True)
class Within:
    """The class that contains a definition; the module if it has no name."""

    name: str = ""
    indent: str = ""
    fields: bool = False
    """Whether the default values of its variables matter."""
    node: ast.ClassDef | None = None
    is_record: bool = False
    """Whether checkers take its annotated variables for fields of an `__init__`."""
    varies: bool = False
    """Whether it is in a branch: other versions have another definition."""

    def qualified(self, name: str) -> str:
        """The qualified name of a definition."""
        return f"{self.name}.{name}" if self.name else name


@dataclass(frozen=True)
class Place:
    """The context of an expression: the class around it, and the names in a function."""

    owner: str = ""
    """The qualified name of the class."""
    node: ast.ClassDef | None = None
    function: Function | None = None
    first: str = ""
    """The name of the first parameter of a method."""
    seen: tuple[ast.AST, ...] = field(default=())


def place_of(function: Function | None, within: Within) -> Place:
    """The context of an expression in a method."""
    if function is None:
        return Place(within.name, within.node)
    positional = [*function.args.posonlyargs, *function.args.args]
    is_method = bool(within.name and positional) and "staticmethod" not in map(
        callee_name, function.decorator_list
    )
    first = positional[0].arg if is_method else ""
    return Place(within.name, within.node, function, first)
