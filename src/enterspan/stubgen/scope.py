"""One module while its stub is made: its names, decorators and default values, and problems."""

import ast
import builtins
from typing import Final

from enterspan.stubgen.expressions import Reader, dotted_name
from enterspan.stubgen.package import (
    FUNCTIONS,
    Definition,
    Function,
    Imported,
    Module,
    decorator_name,
)
from enterspan.stubgen.problems import place
from enterspan.stubgen.running import Running

_KEPT_MODULES: Final = frozenset(
    {"abc", "contextlib", "dataclasses", "enum", "typing", "typing_extensions", "warnings"}
)
_KEPT: Final = frozenset(
    {
        "builtins.classmethod",
        "builtins.property",
        "builtins.staticmethod",
        "functools.cache",
        "functools.cached_property",
        "functools.lru_cache",
        "functools.singledispatch",
        "functools.singledispatchmethod",
        "types.coroutine",
    }
)
_BUILTIN: Final = frozenset({"classmethod", "property", "staticmethod"})
_PARTS: Final = frozenset({"setter", "deleter", "getter", "register"})

STANDS_FOR: Final = {"enterspan._model.frozen.frozen": "dataclasses.dataclass(frozen=True)"}
"""Class decorators of this package, and the standard one that type checkers see instead."""

MAKES_OVERLOADS: Final = "enterspan._forms.arity.by_arity"

_DROPPED: Final = frozenset({"functools.wraps", "functools.total_ordering", MAKES_OVERLOADS})


class Scope:
    """One module while its stub is made."""

    def __init__(self, module: Module, modules: dict[str, Module], running: Running) -> None:
        self.module = module
        self.modules = modules
        self.running = running
        self.reader: Reader = Reader(module.text)
        self.problems: dict[str, int] = {}
        self.borrowed: set[tuple[str, str]] = set()
        """Modules and names that the stub imports and the source does not."""
        self.declared: set[str] = set()
        """Type variables that the stub declares and the source does not."""

    def complain(self, line: int, what: str) -> None:
        """Record a problem with its line."""
        self.problems[f"{place(self.module.path, line)}: {what}"] = line

    def borrow(self, module: str, name: str) -> None:
        """Import a name in the stub, unless the source does."""
        for item in self.module.find(name):
            if isinstance(item, Imported) and item.name == name:
                self.reader.used.add(name)
                return
        self.borrowed.add((module, name))

    def declare(self, line: str, maker: str) -> None:
        """Declare a type variable in the stub."""
        self.declared.add(line)
        self.borrow("typing", maker)

    def type_parameters(self, node: ast.stmt) -> str:
        """`[T: int, *Ts, **P]` of Python 3.12 and later, as it is written."""
        parameters: list[ast.AST] = getattr(node, "type_params", [])
        return f"[{', '.join(map(self._type_parameter, parameters))}]" if parameters else ""

    def _type_parameter(self, node: ast.AST) -> str:
        stars = {"TypeVarTuple": "*", "ParamSpec": "**"}.get(type(node).__name__, "")
        text = stars + str(getattr(node, "name", ""))
        for field, sign in (("bound", ": "), ("default_value", " = ")):
            value: ast.expr | None = getattr(node, field, None)
            text += "" if value is None else sign + self.reader.annotation(value)
        return text

    # --- decorators ---

    def origin_of(self, name: str) -> str:
        """The full name of what a dotted name stands for, as far as imports say."""
        first, _, rest = name.partition(".")
        for item in self.module.find(first):
            if not isinstance(item, Imported):
                return f"{self.module.name}.{name}"
            full = f"{item.module}.{item.name}" if item.name is not None else item.module
            if item.name is None and item.bound == item.module.partition(".")[0]:
                full = first  # `import a.b` binds `a`
            return f"{full}.{rest}" if rest else full
        return f"builtins.{name}" if name in _BUILTIN else name

    def origins(self, node: Function | ast.ClassDef) -> list[str]:
        """The full names of the decorators of a definition."""
        return [self.origin_of(decorator_name(d)) for d in node.decorator_list]

    def kept(self, node: Function | ast.ClassDef, qualified: str) -> list[ast.expr]:
        """The decorators that type checkers need."""
        return [d for d in node.decorator_list if self._is_kept(d, node, qualified)]

    def _is_kept(self, decorator: ast.expr, node: Function | ast.ClassDef, qualified: str) -> bool:
        name = decorator_name(decorator)
        origin = self.origin_of(name)
        if origin in _DROPPED:
            return False
        owner, _, part = name.rpartition(".")
        if origin in STANDS_FOR or origin in _KEPT or (owner and part in _PARTS):
            return True
        if origin.partition(".")[0] in _KEPT_MODULES:
            return True
        if self.running.keeps_type(self.module, decorator):
            return False
        if isinstance(node, FUNCTIONS):
            return not self.running.is_undecorated(self.module, qualified, node)
        return bool(name)

    # --- default values ---

    def default(self, node: ast.expr) -> str:
        """A default value as it is written, or `...` where its text means nothing elsewhere."""
        literal = self.reader.literal(node)
        name = dotted_name(node)
        if literal is not None or name is None:
            return literal or "..."
        constant = self._constant(self.module, name)
        if constant is not None:
            return constant
        return self.reader.value(node) if self._can_be_shown(name) else "..."

    def _can_be_shown(self, name: str) -> bool:
        """Whether readers of the stub know a name: a builtin, a class, a foreign name."""
        parts = name.split(".")
        if any(part.startswith("_") for part in parts):
            return False
        items = self.module.find(parts[0])
        return all(map(self._is_known, items)) if items else hasattr(builtins, parts[0])

    def _is_known(self, item: Imported | Definition) -> bool:
        if isinstance(item, Definition):
            return isinstance(item.nodes[-1], ast.ClassDef)
        source = self.modules.get(item.module)
        if source is None or item.name is None:
            return source is None
        return all(map(self._is_known, source.find(item.name)))

    def _constant(self, module: Module, name: str) -> str | None:
        """The literal that a name is bound to, here or in the module that it is imported from."""
        for item in module.find(name):
            if isinstance(item, Imported):
                source = self.modules.get(item.module)
                return self._constant(source, item.name) if source and item.name else None
            node = item.nodes[-1]
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                return Reader(module.text).literal(node.value)
        return None
