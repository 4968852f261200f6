"""One module while its stub is made: its names, decorators and default values, and problems.

The source alone doesn't say what a decorator does. A decorator of a Tracing leaves the signature as
it is, and so does one that returns the function that it was given: the value that a name is bound
to in the imported module shows which.
"""

import ast
import builtins
import importlib
import inspect
import os
import traceback
import types
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from enterspan._forms.wrapper import is_traced
from enterspan._tracing import Tracing
from enterspan.stubgen.expressions import Reader, dotted_name
from enterspan.stubgen.package import FUNCTIONS, Definition, Function, Imported, Module, callee_name
from enterspan.stubgen.problems import StubError, place

_KEPT_MODULES: Final = frozenset(
    {"abc", "builtins", "contextlib", "dataclasses", "enum", "functools", "types", "warnings"}
    | {"typing", "typing_extensions"}
)
"""Modules whose decorators type checkers know."""
_LAZY: Final = getattr(types, "LazyImportType", None)
"""What a name of `lazy import` stands for until it is used (3.15, PEP 810)."""
_BUILTIN: Final = frozenset({"classmethod", "property", "staticmethod"})
_PARTS: Final = frozenset({"setter", "deleter", "getter", "register"})
_SAME_TYPE: Final = frozenset({"traced", "propagate"})
"""The methods of a Tracing that return a function of the type that they were given."""

STANDS_FOR: Final = {"enterspan._model.frozen.frozen": "dataclasses.dataclass(frozen=True)"}
"""Class decorators of this package, and the standard one that type checkers see instead."""

MAKES_OVERLOADS: Final = "enterspan._forms.arity.by_arity"

MISSING: Final[Any] = object()
"""The value of a name that is bound to nothing."""

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
        module = load(self.module.name, self.modules)
        found = vars(module).get(first, getattr(builtins, first, MISSING))
        if type(found) is _LAZY:
            found = getattr(module, first)
        for part in rest:
            found = _member(found, part)
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
        return [self.origin_of(callee_name(d)) for d in node.decorator_list]

    def kept(self, node: Function | ast.ClassDef, qualified: str) -> list[ast.expr]:
        """The decorators that type checkers need."""
        return [d for d in node.decorator_list if self._is_kept(d, node, qualified)]

    def _is_kept(self, decorator: ast.expr, node: Function | ast.ClassDef, qualified: str) -> bool:
        name = callee_name(decorator)
        origin = self.origin_of(name)
        if origin in _DROPPED:
            return False
        owner, _, part = name.rpartition(".")
        is_known = origin in STANDS_FOR or origin.partition(".")[0] in _KEPT_MODULES
        if is_known or (owner and part in _PARTS):
            return True
        if self.keeps_type(decorator):
            return False
        if isinstance(node, FUNCTIONS):
            return not self._is_undecorated(qualified, node)
        return bool(name)

    def keeps_type(self, decorator: ast.expr) -> bool:
        """Whether a decorator is one of a Tracing's."""
        name = callee_name(decorator)
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
        name = dotted_name(node)
        if name is None:
            return self.reader.literal(node) or "..."
        first, *rest = name.split(".")
        found = list(self._bindings(self.module, first))
        for module, binding in found if not rest else ():
            if isinstance(binding, (ast.Assign, ast.AnnAssign)) and binding.value is not None:
                return Reader(module.text).literal(binding.value) or "..."
        # Readers of the stub know a builtin, a class, and a name of another package.
        is_public = not any(part.startswith("_") for part in (first, *rest))
        is_bound = bool(self.module.find(first)) or hasattr(builtins, first)
        are_classes = all(isinstance(binding, ast.ClassDef) for _, binding in found)
        return self.reader.value(node) if is_public and is_bound and are_classes else "..."

    def _bindings(self, module: Module, name: str) -> Iterator[tuple[Module, ast.AST]]:
        """What binds a name in this package, here or where it is imported from."""
        for item in module.find(name):
            if isinstance(item, Definition):
                yield module, item.nodes[-1]
            elif item.module in self.modules and item.name is None:
                yield module, module.tree
            elif item.module in self.modules:
                yield from self._bindings(self.modules[item.module], item.name or "")


def load(name: str, modules: dict[str, Module]) -> ModuleType:
    """Import a module; StubError, with the line that failed, where that is impossible."""
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        what = str(error).partition("\n")[0]
        reason = f"can't import {name}: {type(error).__name__}" + (f": {what}" if what else "")
        files = {str(module.path) for module in modules.values()}
        lines = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
        lines = [line for line in lines if line[0] in files]
        if isinstance(error, SyntaxError) and error.filename:
            lines = [(error.filename, error.lineno)]
        raise StubError(f"{place(*lines[-1])}: {reason}" if lines else reason) from None


def _member(owner: Any, name: str) -> Any:
    """The member of a class without binding it, or the attribute of another object."""
    if isinstance(owner, type) or hasattr(type(owner), "__getattr__"):
        return inspect.getattr_static(owner, name, MISSING)
    try:
        return getattr(owner, name, MISSING)
    except Exception:
        return MISSING


def unwrapped(value: Any) -> Any:
    """The function inside our wrappers, a classmethod or a staticmethod."""
    ours = is_traced(value) or type(value).__module__.startswith("enterspan.")
    if not ours and not isinstance(value, (classmethod, staticmethod)):
        return value
    inner = getattr(value, "__wrapped__", MISSING)
    return value if inner is MISSING else unwrapped(inner)
