"""What the parts of one module's rendering share: its names, its complaints, its defaults."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from enterspan.stubgen.decorators import Decorators
from enterspan.stubgen.expressions import Reader, dotted_name
from enterspan.stubgen.package import Definition, Imported
from enterspan.stubgen.problems import place

if TYPE_CHECKING:
    from enterspan.stubgen.package import Function, Module
    from enterspan.stubgen.running import Running


class Scope:
    """One module that is being rendered."""

    def __init__(self, module: Module, modules: dict[str, Module], running: Running) -> None:
        self.module = module
        self.modules = modules
        self.running = running
        self.reader: Reader = Reader(module.text)
        self.decorators: Decorators = Decorators(module, running)
        self.problems: dict[str, int] = {}
        self.borrowed: set[tuple[str, str]] = set()
        """Modules and names that the stub imports and the source does not."""
        self.declared: set[str] = set()
        """Type variables that the stub has and the source has not."""

    def complain(self, line: int, what: str) -> None:
        """Keep what is wrong, and where."""
        self.problems[f"{place(self.module.path, line)}: {what}"] = line

    def is_internal(self, line: int) -> bool:
        """Whether the definition on a line is marked as internal."""
        return line in self.module.internal

    def borrow(self, module: str, name: str) -> None:
        """Have the stub import a name, unless the source does."""
        for item in self.module.find(name):
            if isinstance(item, Imported) and item.name == name:
                self.reader.used.add(name)
                return
        self.borrowed.add((module, name))

    def declare(self, line: str, maker: str) -> None:
        """Have the stub declare a type variable."""
        self.declared.add(line)
        self.borrow("typing", maker)

    def type_parameters(self, node: Function | ast.ClassDef | ast.stmt) -> str:
        """`[T: int, *Ts, **P]` of Python 3.12 and later, as it was written."""
        parameters: list[ast.AST] = getattr(node, "type_params", [])
        return f"[{', '.join(map(self._type_parameter, parameters))}]" if parameters else ""

    def _type_parameter(self, node: ast.AST) -> str:
        stars = {"TypeVarTuple": "*", "ParamSpec": "**"}.get(type(node).__name__, "")
        text = stars + str(getattr(node, "name", ""))
        bound: ast.expr | None = getattr(node, "bound", None)
        default: ast.expr | None = getattr(node, "default_value", None)
        if bound is not None:
            text += f": {self.reader.annotation(bound)}"
        return text if default is None else f"{text} = {self.reader.annotation(default)}"

    def default(self, node: ast.expr) -> str:
        """A default as it is written, or `...` where that is of no use to a reader."""
        literal = self.reader.literal(node)
        if literal is not None:
            return literal
        name = dotted_name(node)
        if name is None:
            return "..."
        constant = self._constant(self.module, name)
        if constant is not None:
            return constant
        return self.reader.value(node) if self._can_be_shown(name) else "..."

    def _can_be_shown(self, name: str) -> bool:
        """Whether a reader of the stub knows the name: a builtin, a class, something foreign."""
        parts = name.split(".")
        if any(part.startswith("_") for part in parts):
            return False
        items = self.module.find(parts[0])
        if not items:
            return hasattr(builtins, parts[0])
        return all(self._is_known(item) for item in items)

    def _is_known(self, item: Imported | Definition) -> bool:
        if isinstance(item, Definition):
            return isinstance(item.nodes[-1], ast.ClassDef)
        source = self.modules.get(item.module)
        if source is None or item.name is None:
            return source is None
        return all(self._is_known(found) for found in source.find(item.name))

    def _constant(self, module: Module, name: str) -> str | None:
        """The literal that a name is bound to, here or in the module that it comes from."""
        for item in module.find(name):
            if isinstance(item, Imported):
                source = self.modules.get(item.module)
                return self._constant(source, item.name) if source and item.name else None
            node = item.nodes[-1]
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                return Reader(module.text).literal(node.value)
        return None
