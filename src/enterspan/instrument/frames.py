"""Where a wrapper's frame says that it lies: who counts frames is to count the program's own.

`warnings.warn(..., stacklevel=2)` and `logging` count the frames between them and who is to be
named, and so would count the wrappers. They leave out frames of the import system, which they know
by the path of the file. So a wrapper between such a count and its caller has a path through a
folder that is named like that, to the function's own file; every other one has the function's own.

Which lie between is told by names: a function that gives a stacklevel, and its callers, which is as
far as most counts go. Where a package counts further, all of its functions are taken for callers.
"""

from __future__ import annotations

import os
import sys
import weakref
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.driver import drive, drive_on
from enterspan._forms.traced import _Kit
from enterspan.instrument.targets import is_class, is_module, live_names_of, mro_of, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE: Final = os.path.realpath(os.path.join(os.path.dirname(__file__), "importlib_bootstrap"))  # noqa: PTH118, PTH120 - texts, as paths of code are
_NOT_THERE: Final = "importlib_bootstrap"
"""Goes into a path and comes out of it again, where a path that is not there can be walked."""

_COUNTING: Final = frozenset({"stacklevel", "warn"})
"""Names in the code of a function that has frames counted."""


def passed_over(path: str) -> str:
    """The same file by a path that those who count frames leave out; no file's name stays."""
    if not path or path.startswith("<"):
        return path
    if os.sep == "/" and os.path.isdir(_HERE):  # noqa: PTH112 - a text
        return f"{_HERE}{'/..' * _HERE.count('/')}{os.path.abspath(path)}"  # noqa: PTH100 - a text
    folder, slash, name = path.rpartition(os.sep)
    return f"{folder}{slash}{_NOT_THERE}{os.sep}..{os.sep}{name}" if slash else path


def wrapper_path(function: FunctionType, code: CodeType) -> str:
    """The path of the code of a wrapper around a function whose own code is given."""
    return passed_over(code.co_filename) if _counts(function, code) else code.co_filename


def unwrapped(code: CodeType) -> CodeType:
    """The code that was a function's own before wrappers took its place."""
    while True:
        for const in code.co_consts:
            if issubclass(type(const), _Kit):
                code = const.fn.__code__
                break
        else:
            return code


def _counts(function: FunctionType, code: CodeType) -> bool:
    """Whether a function has frames counted, or calls one that has, as far as its names tell."""
    return (
        _is_counting(code)
        or any(_is_counting(unwrapped(called.__code__)) for called in _called_by(function, code))
        or any(_is_counting_far(module) for module in _package_of(function))
    )


def _is_counting(code: CodeType) -> bool:
    """Whether a code, or that of a function inside of it, gives a `stacklevel`, or warns."""
    if not _COUNTING.isdisjoint(code.co_names) or "stacklevel" in code.co_varnames:
        return True
    for const in code.co_consts:
        kind = type(const)
        if (kind is CodeType and _is_counting(const)) or (kind is tuple and "stacklevel" in const):
            return True
    return False


def _called_by(function: FunctionType, code: CodeType) -> Iterator[FunctionType]:
    """The plain functions that its names may mean: of its module, other modules, its class."""
    scope = function.__globals__
    owner = scope.get(function.__qualname__.partition(".")[0])
    places = [scope]
    if is_class(owner):
        places += [live_names_of(base) for base in mro_of(owner)]
    places += [live_names_of(at) for at in map(scope.get, code.co_names) if is_module(at)]
    for place in places:
        for name in code.co_names:
            found: Any = place.get(name)
            if type(found) in {classmethod, staticmethod}:
                found = found.__func__
            if type(found) is FunctionType:
                yield found


_FAR: Final = range(4, 100)
"""Stack levels that pass more than a function and its caller."""

_far: weakref.WeakKeyDictionary[ModuleType, bool] = weakref.WeakKeyDictionary()
"""Whether a module that has been executed has a function that counts so far."""


def _package_of(function: FunctionType) -> Iterator[ModuleType]:
    """The loaded modules of the package that a function belongs to."""
    package = str(function.__globals__.get("__name__", "")).partition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == package and is_module(module):
            yield module


def _is_counting_far(module: ModuleType) -> bool:
    known = _far.get(module)
    if known is None:
        names = live_names_of(module)
        known = any(_counts_far(unwrapped(code)) for code in _codes_in(names_of(module)))
        if not getattr(names.get("__spec__"), "_initializing", False):
            _far[module] = known
    return known


def _codes_in(names: dict[str, Any]) -> Iterator[CodeType]:
    for value in names.values():
        if type(value) is FunctionType:
            yield value.__code__
        elif is_class(value):
            for member in names_of(value).values():
                if type(member) is FunctionType:
                    yield member.__code__


def _counts_far(code: CodeType) -> bool:
    return _is_counting(code) and any(
        type(const) is int and const in _FAR for const in code.co_consts
    )


def _copied(function: Any, **names: Any) -> Any:
    """A function of ours whose frame is left out, with other things under some of its names."""
    code = function.__code__
    return FunctionType(
        code.replace(co_filename=passed_over(code.co_filename)),
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
    )


drive_unseen: Final = _copied(drive)
"""`drive`, whose frame lies between a body and whoever drives it."""

drive_on_unseen: Final = _copied(drive_on, drive=drive_unseen)
"""`drive_on`, which hands over to it."""
