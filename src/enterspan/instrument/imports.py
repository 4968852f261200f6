"""Modules to come: an instrumentation is called when one that it wants has been executed.

wrapt's post-import hooks know modules by their exact names, and can't be taken back. So there is a
finder in front of the others, while an instrumentation waits. It finds nothing itself: it asks
them, and puts a proxy between the import system and the loader of a module that is wanted, until
the moment before the module is executed: the module sees its own loader and spec.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol, cast

from wrapt import BaseObjectProxy

from enterspan._model.diagnostics import warn_once
from enterspan.instrument.targets import is_module, live_names_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class Waiting(Protocol):
    """What waits for modules."""

    def wants(self, name: str) -> bool:
        """Whether a module of this name is waited for."""
        ...

    def found(self, name: str, spec: ModuleSpec) -> bool:
        """Whether it is waited for, now that it is known where it lies."""
        ...

    def arrived(self, name: str, module: ModuleType) -> None:
        """Called when the module has been executed, in the thread of the import."""
        ...

    def settled(self) -> None:
        """Called when the import that brought it, and maybe others, has ended."""
        ...


class _Imports(threading.local):
    """How many wanted modules are being executed in a thread, one inside the other."""

    depth = 0


class Finder:
    """The finder of `sys.meta_path` through which wanted modules are noticed."""

    def __init__(self) -> None:
        self._waiting: tuple[Waiting, ...] = ()
        self._imports = _Imports()

    def add(self, waiting: Waiting) -> None:
        """Call an instrumentation for the modules that come from now on."""
        self._waiting = (*self._waiting, waiting)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self, waiting: Waiting) -> None:
        """Call it no more."""
        self._waiting = tuple([known for known in self._waiting if known is not waiting])
        if not self._waiting and self in sys.meta_path:
            # Another list: a thread that goes through this one would miss the next finder.
            sys.meta_path = [finder for finder in sys.meta_path if finder is not self]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Ask the other finders; None for a module that nothing waits for."""
        if sys.meta_path and sys.meta_path[0] is not self:
            # One that was put before this finds modules unseen, as that of pytest does.
            sys.meta_path[:] = [self, *[other for other in sys.meta_path if other is not self]]
        waiting = [each for each in self._waiting if each.wants(name)]
        if not waiting:
            return None
        for other in list(sys.meta_path):
            find: Any = None if other is self else getattr(other, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                loader: Any = spec.loader
                is_ours = type(loader) is Announcing or not hasattr(loader, "exec_module")
                if not is_ours and any(each.found(name, spec) for each in waiting):
                    spec.loader = cast("Any", Announcing(spec.loader))
                return spec
        return None

    def execute(self, module: ModuleType, loader: Any) -> None:
        """Execute a module, and announce it unless it is still lazy."""
        imports = self._imports
        was_lazy = is_lazy(module)
        imports.depth += 1
        try:
            loader.exec_module(module)
        except BaseException as error:
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            raise  # without this frame, from 3.11 on
        finally:
            imports.depth -= 1
        if was_lazy or not watch_lazy(module):
            self.announce(live_names_of(module).get("__name__", ""))

    def announce(self, name: str) -> None:
        """Say that a module has been executed; what it left in `sys.modules` counts."""
        module: Any = sys.modules.get(name)
        for waiting in self._waiting:
            try:
                if is_module(module) and waiting.wants(name):
                    waiting.arrived(name, module)
                if not self._imports.depth:
                    waiting.settled()
            except Exception as error:
                warn_once(waiting, f"import of {name}: instrumenting it for", error)


finder = Finder()
"""The one of this process."""

_Spec: Any = type(sys.__spec__)  # importlib.machinery.ModuleSpec, which costs an import


class Announcing(BaseObjectProxy[Any]):
    """A loader that announces the module when it has been executed, and is then out of it."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module with its own loader."""
        loader = self.__wrapped__
        names = live_names_of(module) if is_module(module) else vars(module)
        spec = names.get("__spec__")
        if spec is not None and spec.loader is self:
            spec.loader = loader
        if names.get("__loader__") is self:
            names["__loader__"] = loader
        try:
            finder.execute(module, loader)
        except BaseException as error:
            error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
            raise

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle what is inside: in another process nothing waits."""
        return self.__wrapped__.__reduce_ex__(protocol)


def is_lazy(module: ModuleType) -> bool:
    """Whether a module is one of importlib's that are executed when they are first touched."""
    return type(module).__module__ == "importlib.util"


def watch_lazy(module: ModuleType) -> bool:
    """Have a module announced that is executed when it is first touched; False if it is not so."""
    if not is_lazy(module):
        return False
    spec: Any = live_names_of(module)["__spec__"]
    if type(spec.loader) is not Announcing:
        spec.loader = Announcing(spec.loader)
    return True


def watch_unfinished(module: ModuleType) -> bool:
    """Have a module announced whose import is under way; False where it is not."""
    spec: Any = live_names_of(module).get("__spec__")
    if type(spec) is not _Spec or not vars(spec).get("_initializing"):
        return False
    spec.__class__ = _Unfinished
    if vars(spec).get("_initializing"):
        return True
    spec.__class__ = _Spec  # another thread has just finished it
    return False


class _Unfinished(_Spec):  # type: ignore[misc]
    """The spec of a module that was being imported when it began to be waited for."""

    def __setattr__(self, key: str, value: Any) -> None:
        """Notice the end of the import, and be an ordinary spec again."""
        if key != "_initializing" or value:
            super().__setattr__(key, value)
            return
        self.__class__ = _Spec
        setattr(self, key, value)
        finder.announce(self.name)
