"""The package as it runs: asked only where the source alone can't say what a name is.

A decorator of ours leaves a signature as it was; so does one that gives the function back. What a
name was bound to says which it is.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.wrapper import is_traced
from enterspan._tracing import Tracing
from enterspan.stubgen.package import decorator_name
from enterspan.stubgen.problems import StubError, place

if TYPE_CHECKING:
    import ast

    from enterspan.stubgen.package import Function, Module

MISSING: Final[Any] = object()
_OURS: Final = frozenset({"traced", "propagate"})
"""The methods of a Tracing that give back a function of the same type."""


class Running:
    """The modules of a package, imported when they are first asked for."""

    def __init__(self, package: str, modules: dict[str, Module]) -> None:
        self._modules = modules
        self._loaded: dict[str, ModuleType] = {}
        self.load(package)

    def load(self, name: str) -> ModuleType:
        """Import a module; StubError, with the line at which it failed, if that fails."""
        if name not in self._loaded:
            try:
                self._loaded[name] = importlib.import_module(name)
            except (Exception, SystemExit) as error:
                raise StubError(self._reason(name, error)) from None
        return self._loaded[name]

    def _reason(self, name: str, error: BaseException) -> str:
        what = str(error).partition("\n")[0]
        said = f"can't import {name}: {type(error).__name__}" + (f": {what}" if what else "")
        if isinstance(error, SyntaxError) and error.filename:
            return f"{place(error.filename, error.lineno)}: {said}"
        files = {str(module.path) for module in self._modules.values()}
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename in files]
        return f"{place(own[-1].filename, own[-1].lineno)}: {said}" if own else said

    def value(self, module: Module, dotted: str) -> Any:
        """What a dotted name stands for in a module; MISSING if nothing."""
        first, *rest = dotted.split(".")
        found = vars(self.load(module.name)).get(first, MISSING)
        if found is MISSING:
            found = getattr(sys.modules["builtins"], first, MISSING)
        for part in rest:
            if found is MISSING:
                return MISSING
            found = _member(found, part)
        return found

    def is_ours(self, module: Module, decorator: ast.expr) -> bool:
        """Whether a decorator is one of a Tracing's."""
        name = decorator_name(decorator)
        value = self.value(module, name) if name else MISSING
        if isinstance(value, MethodType):
            return isinstance(value.__self__, Tracing) and value.__name__ in _OURS
        # Kept under a name of its own: `slow = traced(min_duration=1)`.
        return isinstance(value, FunctionType) and value.__module__ == Tracing.__module__

    def gives_back(self, module: Module, qualified: str, node: Function) -> bool:
        """Whether what has a definition's name is, below our wrappers, that very function."""
        value = peeled(self.value(module, qualified))
        if not isinstance(value, FunctionType):
            return False
        code = value.__code__
        first = min([node.lineno, *[d.lineno for d in node.decorator_list]])
        same_file = os.path.realpath(code.co_filename) == os.path.realpath(module.path)
        return same_file and first <= code.co_firstlineno <= node.lineno

    def is_plain_class(self, module: Module, dotted: str) -> bool:
        """Whether a name is a class that takes no type arguments: its calls are of that type."""
        value = self.value(module, dotted)
        return isinstance(value, type) and not hasattr(value, "__class_getitem__")


def _member(owner: Any, name: str) -> Any:
    """A member as it stands in its class, or an attribute of anything else."""
    if isinstance(owner, type):
        for base in owner.__mro__:
            if name in vars(base):
                return vars(base)[name]
        return MISSING
    return inspect.getattr_static(owner, name, MISSING) if _is_odd(owner) else _plain(owner, name)


def _is_odd(owner: Any) -> bool:
    return hasattr(type(owner), "__getattr__")


def _plain(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name, MISSING)
    except Exception:
        return MISSING


def peeled(value: Any) -> Any:
    """A function below its wrappers, as far as they are ours, and below class- and staticmethod."""
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
