"""The imported package, for what its source alone doesn't say about a name.

A decorator of a Tracing leaves the signature as it is, and so does one that returns the function
that it was given: the value that a name is bound to shows which.
"""

import ast
import importlib
import inspect
import os
import sys
import traceback
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final

from enterspan._forms.wrapper import is_traced
from enterspan._tracing import Tracing
from enterspan.stubgen.package import Function, Module, decorator_name
from enterspan.stubgen.problems import StubError, place

MISSING: Final[Any] = object()
_SAME_TYPE: Final = frozenset({"traced", "propagate"})
"""The methods of a Tracing that return a function of the type that they were given."""


class Running:
    """The modules of a package, each imported at its first use."""

    def __init__(self, package: str, modules: dict[str, Module]) -> None:
        self._modules = modules
        self._loaded: dict[str, ModuleType] = {}
        self.load(package)

    def load(self, name: str) -> ModuleType:
        """Import a module; StubError, with the line that failed, where that is impossible."""
        if name not in self._loaded:
            try:
                self._loaded[name] = importlib.import_module(name)
            except (Exception, SystemExit) as error:
                raise StubError(self._reason(name, error)) from None
        return self._loaded[name]

    def _reason(self, name: str, error: BaseException) -> str:
        what = str(error).partition("\n")[0]
        reason = f"can't import {name}: {type(error).__name__}" + (f": {what}" if what else "")
        if isinstance(error, SyntaxError) and error.filename:
            return f"{place(error.filename, error.lineno)}: {reason}"
        files = {str(module.path) for module in self._modules.values()}
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename in files]
        return f"{place(own[-1].filename, own[-1].lineno)}: {reason}" if own else reason

    def value(self, module: Module, dotted: str) -> Any:
        """The value of a dotted name in a module; MISSING if it has none."""
        first, *rest = dotted.split(".")
        found = vars(self.load(module.name)).get(first, MISSING)
        if found is MISSING:
            found = getattr(sys.modules["builtins"], first, MISSING)
        for part in rest:
            found = _member(found, part)
        return found

    def bases(self, module: Module, qualified: str) -> tuple[type, ...]:
        """The base classes of a class, from the nearest on."""
        return getattr(self.value(module, qualified), "__mro__", ())[1:]

    def keeps_type(self, module: Module, decorator: ast.expr) -> bool:
        """Whether a decorator is one of a Tracing's."""
        name = decorator_name(decorator)
        value = self.value(module, name) if name else MISSING
        if isinstance(value, MethodType):
            return isinstance(value.__self__, Tracing) and value.__name__ in _SAME_TYPE
        # Bound to another name: `slow = traced(min_duration=1)`.
        return isinstance(value, FunctionType) and value.__module__ == Tracing.__module__

    def is_undecorated(self, module: Module, qualified: str, node: Function) -> bool:
        """Whether the value of a name, without our wrappers, is the function defined there."""
        value = unwrapped(self.value(module, qualified))
        if not isinstance(value, FunctionType):
            return False
        code = value.__code__
        first = min([node.lineno, *[d.lineno for d in node.decorator_list]])
        same_file = os.path.realpath(code.co_filename) == os.path.realpath(module.path)
        return same_file and first <= code.co_firstlineno <= node.lineno

    def is_plain_class(self, module: Module, dotted: str) -> bool:
        """Whether a name is a class without type arguments: its calls return instances of it."""
        value = self.value(module, dotted)
        return isinstance(value, type) and not hasattr(value, "__class_getitem__")


def _member(owner: Any, name: str) -> Any:
    """The member of a class without binding it, or the attribute of another object."""
    if isinstance(owner, type):
        return next((vars(base)[name] for base in owner.__mro__ if name in vars(base)), MISSING)
    if hasattr(type(owner), "__getattr__"):
        return inspect.getattr_static(owner, name, MISSING)
    try:
        return getattr(owner, name, MISSING)
    except Exception:
        return MISSING


def unwrapped(value: Any) -> Any:
    """The function inside our wrappers, a classmethod or a staticmethod."""
    while True:
        if isinstance(value, (classmethod, staticmethod)):
            value = value.__func__  # pyright: ignore[reportUnknownMemberType]
        elif is_traced(value) or type(value).__module__.startswith("enterspan."):
            inner = getattr(value, "__wrapped__", MISSING)
            if inner is MISSING:
                return value
            value = inner
        else:
            return value
