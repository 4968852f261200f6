"""Import hooks: an instrumentation is called when a module that it wants was executed.

wrapt's post-import hooks need exact module names, and can't be removed. So there is a finder in
front of the others while an instrumentation waits. It asks the other finders, and wraps the loader
of a wanted module in a proxy until right before the module is executed: the module sees its own
loader and spec.
"""

from __future__ import annotations

import copy
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from wrapt import BaseObjectProxy

from enterspan._model.diagnostics import warn_once
from enterspan._model.tracebacks import hide_first_frame
from enterspan.instrument.targets import is_module, live_names_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class Waiting(Protocol):
    """Waits for modules."""

    def wants(self, name: str) -> bool:
        """Whether it waits for a module of this name."""
        ...

    def found(self, name: str, spec: ModuleSpec) -> bool:
        """Whether it waits for the module, given its location."""
        ...

    def arrived(self, name: str, module: ModuleType) -> None:
        """Called when the module was executed, in the importing thread."""
        ...

    def settled(self) -> None:
        """Called when the import of it, and maybe of others, has ended."""
        ...


class _Imports(threading.local):
    """How many wanted modules are being executed in a thread, nested."""

    depth = 0


class Finder:
    """The finder of `sys.meta_path` through which wanted modules are noticed."""

    def __init__(self) -> None:
        self._waiting: tuple[Waiting, ...] = ()
        self._imports = _Imports()
        self._loaded: dict[str, int] = {}  # how often modules were loaded by their paths

    def add(self, waiting: Waiting) -> None:
        """Call an instrumentation for modules imported from now on."""
        self._waiting = (*self._waiting, waiting)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self, waiting: Waiting) -> None:
        """Stop calling it."""
        self._waiting = tuple([known for known in self._waiting if known is not waiting])
        if not self._waiting and self in sys.meta_path:
            # A new list: a thread that iterates over the old one would miss a finder.
            sys.meta_path = [finder for finder in sys.meta_path if finder is not self]

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Ask the other finders; None for a module that nothing waits for."""
        if sys.meta_path and sys.meta_path[0] is not self:
            # A finder in front of this one, such as pytest's, bypasses it.
            sys.meta_path[:] = [self, *[other for other in sys.meta_path if other is not self]]
        waiting = [each for each in self._waiting if each.wants(name)]
        if not waiting:
            return None
        for other in list(sys.meta_path):
            find: Any = None if other is self else getattr(other, "find_spec", None)
            spec: ModuleSpec | None = None if find is None else find(name, path, target)
            if spec is not None:
                _announce_from(spec, name, waiting)
                return spec
        return None

    def expect(self, spec: Any) -> None:
        """Notice a module that is loaded without an import, from a spec for its path."""
        if type(spec) is _Spec and type(spec.name) is str and self._is_new(spec.name):
            waiting = [each for each in self._waiting if each.wants(spec.name)]
            _announce_from(spec, spec.name, waiting)

    def _is_new(self, name: str) -> bool:
        """Whether few modules were loaded under a name: what is wrapped in them is held."""
        count = self._loaded[name] = self._loaded.get(name, 0) + 1
        return count <= _LOADED_MOST

    def execute(self, module: ModuleType, loader: Any) -> None:
        """Execute a module, and announce it unless it is still lazy."""
        imports = self._imports
        was_lazy = is_lazy(module)
        imports.depth += 1
        try:
            loader.exec_module(module)
        except BaseException as error:
            hide_first_frame(error)
            raise  # without this frame, from 3.11 on
        finally:
            imports.depth -= 1
        if was_lazy or not watch_lazy(module):
            self.announce(live_names_of(module).get("__name__", ""), module)

    def announce(self, name: str, executed: ModuleType | None = None) -> None:
        """Announce that a module was executed, as it is in `sys.modules`, if it is there."""
        module: Any = sys.modules.get(name, executed)
        for waiting in self._waiting:
            try:
                if is_module(module) and waiting.wants(name):
                    waiting.arrived(name, module)
                if not self._imports.depth:
                    waiting.settled()
            except Exception as error:
                warn_once(waiting, f"import of {name}: instrumenting it for", error)


_LOADED_MOST: Final = 10
"""How many modules of one name are noticed that a program loads by their paths."""

finder = Finder()
"""The finder of this process."""

_Spec: Any = type(sys.__spec__)  # importlib.machinery.ModuleSpec, which costs an import


def _announce_from(spec: ModuleSpec, name: str, waiting: Sequence[Waiting]) -> None:
    """Wrap the loader of a module, if an instrumentation waits for it."""
    loader: Any = spec.loader
    is_ours = type(loader) is Announcing or not hasattr(loader, "exec_module")
    if not is_ours and any(each.found(name, spec) for each in waiting):
        spec.loader = cast("Any", Announcing(spec.loader))


class Loader(BaseObjectProxy[Any]):
    """A proxy of a loader, which is copied and pickled as the loader is."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle the wrapped loader: in another process nothing waits."""
        return self.__wrapped__.__reduce_ex__(protocol)

    def __copy__(self) -> Any:
        """Copy the wrapped loader."""
        return copy.copy(self.__wrapped__)

    def __deepcopy__(self, memo: Any) -> Any:
        """Copy the wrapped loader."""
        return copy.deepcopy(self.__wrapped__, memo)


class Announcing(Loader):
    """A loader that announces the executed module, and then removes itself."""

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
            hide_first_frame(error)
            raise


def is_lazy(module: ModuleType) -> bool:
    """Whether a module is lazily executed on first access (`importlib.util.LazyLoader`)."""
    return type(module).__module__ == "importlib.util"


def watch_lazy(module: ModuleType) -> bool:
    """Announce a lazy module when it is executed; False if it is not lazy."""
    if not is_lazy(module):
        return False
    spec: Any = live_names_of(module)["__spec__"]
    if type(spec.loader) is not Announcing:
        spec.loader = Announcing(spec.loader)
    return True


def watch_unfinished(module: ModuleType) -> bool:
    """Announce a module whose import is in progress; False if it is not."""
    spec: Any = live_names_of(module).get("__spec__")
    if type(spec) is not _Spec or not vars(spec).get("_initializing"):
        return False
    spec.__class__ = _Unfinished
    if vars(spec).get("_initializing"):
        return True
    spec.__class__ = _Spec  # another thread has just finished it
    return False


class _Unfinished(_Spec):  # type: ignore[misc]
    """The spec of a module whose import is in progress."""

    def __setattr__(self, key: str, value: Any) -> None:
        """Detect the end of the import, and become an ordinary spec again."""
        if key != "_initializing" or value:
            super().__setattr__(key, value)
            return
        self.__class__ = _Spec
        setattr(self, key, value)
        finder.announce(self.name)
