"""One module while its stub is made: its names, decorators and default values, and problems.

The source alone doesn't say what a decorator does. A decorator of a Tracing leaves the signature as
it is, and so does one that returns the function that it was given: the value that a name is bound
to in the imported module shows which.
"""

import ast
import builtins
import os
from types import FunctionType, MethodType
from typing import Any, Final

from enterspan._tracing import Tracing
from enterspan.stubgen.expressions import Reader, dotted_name
from enterspan.stubgen.package import (
    FUNCTIONS,
    Definition,
    Function,
    Imported,
    Module,
    decorator_name,
)
from enterspan.stubgen.running import MISSING, load, member, unwrapped

_KEPT_MODULES: Final = frozenset(
    {"abc", "contextlib", "dataclasses", "enum", "typing", "typing_extensions", "warnings"}
)
_BUILTIN: Final = frozenset({"classmethod", "property", "staticmethod"})
_FUNCTOOLS: Final = frozenset(
    {"cache", "cached_property", "lru_cache", "singledispatch", "singledispatchmethod"}
)
_KEPT: Final = frozenset(
    {f"functools.{name}" for name in _FUNCTOOLS}
    | {f"builtins.{name}" for name in _BUILTIN}
    | {"types.coroutine"}
)
_PARTS: Final = frozenset({"setter", "deleter", "getter", "register"})
_SAME_TYPE: Final = frozenset({"traced", "propagate"})
"""The methods of a Tracing that return a function of the type that they were given."""

STANDS_FOR: Final = {"enterspan._model.frozen.frozen": "dataclasses.dataclass(frozen=True)"}
"""Class decorators of this package, and the standard one that type checkers see instead."""

MAKES_OVERLOADS: Final = "enterspan._forms.arity.by_arity"

_DROPPED: Final = frozenset({"functools.wraps", "functools.total_ordering", MAKES_OVERLOADS})


class Scope:
    """One module while its stub is made.

    A problem is a path, a line, and what is wrong there.
    """

    def __init__(
        self, module: Module, modules: dict[str, Module], problems: set[tuple[str, int, str]]
    ) -> None:
        self.module = module
        self.modules = modules
        self.reader: Reader = Reader(module.text)
        self.borrowed: set[str] = set()
        """Imports that the stub needs and the source does not have."""
        self.declared: set[str] = set()
        """Type variables that the stub declares and the source does not."""
        self._problems = problems

    def complain(self, line: int, what: str) -> None:
        """Record a problem with its line."""
        self._problems.add((str(self.module.path), line, what))

    def borrow(self, module: str, name: str) -> None:
        """Import a name in the stub, unless the source does."""
        if any(isinstance(i, Imported) and i.name == name for i in self.module.find(name)):
            self.reader.used.add(name)
        else:
            self.borrowed.add(f"from {module} import {name}")

    def type_parameters(self, node: ast.stmt) -> str:
        """`[T: int, *Ts, **P]` of Python 3.12 and later, as it is written."""
        parameters: list[ast.AST] = getattr(node, "type_params", [])
        return f"[{', '.join(map(self.reader.annotation, parameters))}]" if parameters else ""

    # --- values ---

    def value(self, dotted: str) -> Any:
        """The value of a dotted name in the imported module; MISSING if it has none."""
        first, *rest = dotted.split(".")
        names = vars(load(self.module.name, self.modules))
        found = names.get(first, getattr(builtins, first, MISSING))
        for part in rest:
            found = member(found, part)
        return found

    def bases(self, qualified: str) -> tuple[type, ...]:
        """The base classes of a class, from the nearest on."""
        return getattr(self.value(qualified), "__mro__", ())[1:]

    # --- decorators ---

    def origin_of(self, name: str) -> str:
        """The full name of what a dotted name stands for, as far as imports say."""
        first, dot, rest = name.partition(".")
        item = next(iter(self.module.find(first)), None)
        if item is None:
            return f"builtins.{name}" if name in _BUILTIN else name
        origin = item.origin if isinstance(item, Imported) else f"{self.module.name}.{first}"
        return f"{origin}{dot}{rest}"

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
        if self.keeps_type(decorator):
            return False
        if isinstance(node, FUNCTIONS):
            return not self._is_undecorated(qualified, node)
        return bool(name)

    def keeps_type(self, decorator: ast.expr) -> bool:
        """Whether a decorator is one of a Tracing's."""
        name = decorator_name(decorator)
        value = self.value(name) if name else MISSING
        if isinstance(value, MethodType):
            return isinstance(value.__self__, Tracing) and value.__name__ in _SAME_TYPE
        # Bound to another name: `slow = traced(min_duration=1)`.
        return isinstance(value, FunctionType) and value.__module__ == Tracing.__module__

    def _is_undecorated(self, qualified: str, node: Function) -> bool:
        """Whether the value of a name, without our wrappers, is the function defined there."""
        value = unwrapped(self.value(qualified))
        if not isinstance(value, FunctionType):
            return False
        code = value.__code__
        first = min([node.lineno, *[d.lineno for d in node.decorator_list]])
        same_file = os.path.realpath(code.co_filename) == os.path.realpath(self.module.path)
        return same_file and first <= code.co_firstlineno <= node.lineno

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
        first, *rest = name.split(".")
        if any(part.startswith("_") for part in (first, *rest)):
            return False
        items = self.module.find(first)
        return all(map(self._is_known, items)) if items else hasattr(builtins, first)

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
