"""`--auto`: a program's own code is traced.

That is code outside the standard library and `site-packages`; for an installed program, also the
packages of its distribution.
"""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
from importlib import _bootstrap
from importlib.machinery import SourceFileLoader
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.callables import original_of
from enterspan._model.tracebacks import hide_first_frame
from enterspan._run.adaptive import AdaptiveWrapping, Function, Policy
from enterspan._run.definitions import watched_code
from enterspan._run.installed import is_site
from enterspan._terminal.screen import UNICODE
from enterspan._terminal.text import duration_text
from enterspan.instrument.imports import Loader
from enterspan.instrument.instrumentation import Instrumentation
from enterspan.instrument.patches import patching
from enterspan.instrument.patterns import Asked, Names, Pattern
from enterspan.instrument.targets import Location, is_class, names_of
from enterspan.instrument.unsupported import looks_at_frames, package_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from importlib.machinery import ModuleSpec

    from enterspan._forms.options import Options
    from enterspan._span.tracer import Tracer

_ALL: Final = Names("*", Asked.BROADLY)
_MAIN: Final = ("__main__", "__mp_main__")
_CUSTOM: Final = ("sitecustomize", "usercustomize")
_STDLIB: Final = tuple(
    {
        os.path.realpath(path) + os.sep
        for path in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
        if path
    }
)
_SHOWN: Final = 3
"""How many of the cut functions are named."""


class OwnCode:
    """The target for a program's own code."""

    text = "--auto"

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = set(packages)
        self._known: dict[str, bool] = {}

    def names_in(self, module: str) -> Sequence[Names]:
        """All names, in the program's modules and in modules not seen yet."""
        if module in _MAIN:
            return (_ALL,)
        known = self._known.get(module)
        if known is None:
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names or top in _CUSTOM or top == "enterspan":
                known = self._known[module] = False
            elif module in sys.modules:
                file = names_of(sys.modules[module]).get("__file__")
                known = self.lies_in(module, file if type(file) is str else None)
        return (_ALL,) if known or known is None else ()

    def lies_in(self, module: str, path: str | None) -> bool:
        """Whether a module belongs to the program, by its path."""
        own = self._known[module] = self._is_own(module.partition(".")[0], path)
        return own

    def _is_own(self, top: str, path: str | None) -> bool:
        if not path or path in ("built-in", "frozen"):
            return False
        if is_site(path):
            return top in self.packages
        return not os.path.realpath(path).startswith(_STDLIB)

    def covers(self, _: Location) -> bool:
        """Return False: it is never used to exclude."""
        return False


class OwnInstrumentation(Instrumentation):
    """The wrapped functions of a program's own code, cut if they are called too often."""

    def __init__(
        self,
        tracer: Tracer,
        own: OwnCode,
        exclude: Sequence[str],
        options: Options,
        policy: Policy,
    ) -> None:
        targets: Any = [own]
        super().__init__(tracer, targets, [Pattern(text) for text in exclude], options)
        self.own = own
        self.policy = policy
        self._wrap_with(AdaptiveWrapping(tracer, options, policy, own.packages))
        policy.put_back = self.put_back
        self._early: dict[int, _Early] = {}
        self.main = "__main__"
        """The name under which others import the program's module."""
        self.uses: str | None = None
        """The module that imports enterspan, because of which this was given up."""
        self.is_asked = False
        """Whether it continues nevertheless."""

    def begins_with(self, main: str, path: str) -> None:
        """Take the name and the file of the program's module."""
        self.main = main
        if is_site(path) or os.path.realpath(path).startswith(_STDLIB):
            self.own.packages.add("__main__")

    def takes(self, source: bytes | None) -> bool:
        """Whether a module does not import enterspan."""
        return self.is_asked or not uses_us(source)

    def found(self, name: str, spec: ModuleSpec) -> bool:
        """Whether a module belongs to the program; then its functions are wrapped when defined."""
        if not super().found(name, spec):
            return False
        if type(spec.loader) is SourceFileLoader and not is_site(spec.origin or ""):
            watching: Any = _Watching(spec.loader, self)
            spec.loader = watching
        return True

    def arrived(self, name: str, module: Any) -> None:
        """Wrap the functions of a module, unless it shows that the program traces itself."""
        if name in _MAIN:
            return  # earlier modules are enterspan's, and the program's report their definitions
        if self.uses is None and not self.takes(source_of(module)):
            self.give_up(name)
        super().arrived(name, module)
        self._check_early(name, module)

    def give_up(self, module: str) -> None:
        """Stop: the program traces itself."""
        self.uses = module
        self.remove()

    def stop(self) -> None:
        """Put back every original, unless another thread is at work here."""
        if patching.acquire():
            try:
                self.remove()
            finally:
                patching.release()

    def remove(self) -> None:
        """Restore every original."""
        for early in list(self._early.values()):
            early.put_back()
        self._early.clear()
        super().remove()

    def forget(self) -> None:
        """Hold no function any more."""
        self._early.clear()
        super().forget()

    # --- during the execution of a module ---

    def defined(self, module: Any, name: str) -> None:
        """Wrap the latest definition of a module."""
        names = vars(module)
        value = names.get(name)
        if self._removed:
            return
        if is_class(value):
            self.defines(names["__name__"], module, name)
        elif type(value) is FunctionType and value.__module__ == names["__name__"]:
            wrapper = self.wrapped_early(value)
            if wrapper is not value:
                names[name] = wrapper
                self._early[id(wrapper)] = _Early(names, name, wrapper)

    def wrapped_early(self, function: Any) -> Any:
        """Wrap a function that nothing references yet."""
        if self._removed or type(function) is not FunctionType or looks_at_frames(function):
            return function
        name = function.__module__
        for module in (name, self.main) if name == "__main__" else (name,):
            if self._excluded(Location(module, function.__qualname__, None, function)):
                return function
        return self.wrapped_alone(function)

    def put_back(self, wrapper: Any) -> bool:
        """Put a function in the place of its wrapper; False if that can't be done now."""
        early = self._early.pop(id(wrapper), None)
        if early is None:
            return super().put_back(wrapper)
        early.put_back()
        return True

    def _check_early(self, name: str, module: Any) -> None:
        """Restore functions that turn out to be unsupported, when the whole module is known."""
        package, names = package_of(name), vars(module)
        for early in list(self._early.values()):
            if early.names is names and package.reason(original_of(early.wrapper)) is not None:
                self.put_back(early.wrapper)


class _Early:
    """A function that was wrapped when it was defined."""

    __slots__ = ("key", "names", "wrapper")

    def __init__(self, names: dict[str, Any], key: str, wrapper: Any) -> None:
        self.names = names
        self.key = key
        self.wrapper = wrapper

    def put_back(self) -> None:
        """Restore the function; its wrapper only calls it from here on."""
        if self.names.get(self.key) is self.wrapper:
            self.names[self.key] = original_of(self.wrapper)
        self.wrapper.retire()


class _Watching(Loader):
    """A loader that wraps functions of a module when they are defined, then removes itself."""

    def __init__(self, loader: Any, own: OwnInstrumentation) -> None:
        super().__init__(loader)
        self._self_own = own

    def exec_module(self, module: Any) -> None:
        """Execute the module with its own loader."""
        loader, own = self.__wrapped__, self._self_own
        names = vars(module)
        names["__spec__"].loader = names["__loader__"] = loader
        try:
            code = loader.get_code(module.__name__)
            source = source_of(module)
            if own.uses is None and own.takes(source):
                code = watched_code(code, source, _Watch(own, module))
            _call_with_frames_removed(exec, code, names)
        except BaseException as error:
            hide_first_frame(error)
            raise


class _Watch:
    """Wraps the definitions of a module."""

    def __init__(self, own: OwnInstrumentation, module: Any) -> None:
        self._own = own
        self._module = module

    def tell(self, name: str) -> None:
        """Wrap the latest definition."""
        self._own.defined(self._module, name)

    def wrap(self, function: Any) -> Any:
        """Wrap a function before its decorators get it."""
        return self._own.wrapped_early(function)


_call_with_frames_removed: Any = _bootstrap._call_with_frames_removed  # type: ignore[attr-defined]
"""Python removes frames of this name from the traceback of a failed import."""


def source_of(module: Any) -> bytes | None:
    """The source of a module; None where there is none."""
    file = names_of(module).get("__file__")
    if type(file) is not str or not file.endswith(".py"):
        return None
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def uses_us(source: bytes | None) -> bool:
    """Whether a source imports enterspan."""
    if source is None or b"enterspan" not in source:
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        if any(name.partition(".")[0] == "enterspan" for name in names):
            return True
    return False


# --- messages at the end ----------------------------------------------------------------------


def cut_pieces(found: Iterable[tuple[str, int, int, bool]]) -> str:
    """The cut functions, those with the most calls first.

    Each is described by its name, its calls, the duration of one, and whether all calls were
    counted.
    """
    merged: dict[str, tuple[int, int, bool]] = {}
    for name, calls, each, is_all in found:
        known = merged.get(name, (0, 0, True))
        merged[name] = known[0] + calls, max(known[1], each), known[2] and is_all
    most = sorted(merged.items(), key=lambda item: -item[1][0])
    pieces = [
        f"{name} {_TIMES}{calls:,}{'' if is_all else '+'}, {_each(each)} each"
        for name, (calls, each, is_all) in most[:_SHOWN]
    ]
    more = len(most) - _SHOWN
    return "; ".join([*pieces, *([f"{more:,} more"] if more > 0 else [])])


_TIMES: Final = "\N{MULTIPLICATION SIGN}"
_EXACT_NS: Final = 1_000
"""Shorter durations can't be distinguished from the overhead of recording."""


def _each(ns: int) -> str:
    return duration(ns) if ns >= _EXACT_NS else f"under {duration(_EXACT_NS)}"


def cut_facts(functions: Sequence[Function]) -> list[tuple[str, int, int, bool]]:
    """Describe the cut functions."""
    return [(f.name, f.count, f.ns // max(f.calls, 1), f.is_counted) for f in functions]


def duration(ns: int) -> str:
    """A duration in the format of the tree."""
    return duration_text(ns, UNICODE).strip()


def compiled_among(packages: Sequence[str]) -> list[str]:
    """The loaded packages that are compiled."""
    found = []
    for name in packages:
        module = sys.modules.get(name)
        file = None if module is None else names_of(module).get("__file__")
        if type(file) is str and not file.endswith((".py", ".pyc")):
            found.append(name)
    return found
