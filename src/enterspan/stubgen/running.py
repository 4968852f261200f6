"""The imported package, for what its source alone doesn't say about a name."""

import importlib
import inspect
import traceback
from types import ModuleType
from typing import Any, Final

from enterspan._forms.wrapper import is_traced
from enterspan.stubgen.package import Module
from enterspan.stubgen.problems import StubError, place

MISSING: Final[Any] = object()


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


def member(owner: Any, name: str) -> Any:
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
