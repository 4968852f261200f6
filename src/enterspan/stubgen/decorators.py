"""What becomes of a decorator in a stub: it is kept, left out, or written as another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from enterspan.stubgen.expressions import dotted_name
from enterspan.stubgen.package import FUNCTIONS, Imported, decorator_name

if TYPE_CHECKING:
    import ast

    from enterspan.stubgen.package import Module
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
_DROPPED: Final = frozenset({"functools.wraps", "functools.total_ordering", "builtins.overload"})
_BUILTIN: Final = frozenset({"classmethod", "property", "staticmethod"})
_PARTS: Final = frozenset({"setter", "deleter", "getter", "register"})

STANDS_FOR: Final = {"enterspan._model.frozen.frozen": "dataclasses.dataclass(frozen=True)"}
"""Our own makers of classes, and what they are to everyone who asks; see `_frozen`."""

MAKES_OVERLOADS: Final = "enterspan._forms.arity.by_arity"


def origin_of(module: Module, name: str) -> str:
    """The full name of what a dotted name stands for, as far as imports say."""
    first, _, rest = name.partition(".")
    for item in module.find(first):
        if isinstance(item, Imported):
            if item.name is not None:
                full = f"{item.module}.{item.name}"
            else:
                full = item.module if item.bound != item.module.partition(".")[0] else first
            return f"{full}.{rest}" if rest else full
        return f"{module.name}.{name}"
    return f"builtins.{name}" if name in _BUILTIN else name


class Decorators:
    """Decides about the decorators of one module's definitions."""

    def __init__(self, module: Module, running: Running) -> None:
        self._module = module
        self._running = running

    def origins(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[str]:
        """The full names of a definition's decorators."""
        return [origin_of(self._module, decorator_name(d)) for d in node.decorator_list]

    def kept(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, qualified: str
    ) -> list[ast.expr]:
        """The decorators that a checker has to see."""
        return [d for d in node.decorator_list if self._is_kept(d, node, qualified)]

    def _is_kept(
        self,
        decorator: ast.expr,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        qualified: str,
    ) -> bool:
        name = decorator_name(decorator)
        origin = origin_of(self._module, name)
        if origin in _DROPPED or origin == MAKES_OVERLOADS:
            return False
        if origin in STANDS_FOR or origin in _KEPT:
            return True
        owner, _, part = name.rpartition(".")
        if origin.partition(".")[0] in _KEPT_MODULES or (owner and part in _PARTS):
            return True
        if self._running.is_ours(self._module, decorator):
            return False
        if isinstance(node, FUNCTIONS):
            return not self._running.gives_back(self._module, qualified, node)
        return dotted_name(decorator) is not None or bool(name)
