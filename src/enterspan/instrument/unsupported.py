"""What is left alone, and why.

Above all functions that look at their callers' frames: with a wrapper in between, they would find
its frame. Which do is read from the names in their code. They look at the frame next to theirs, or
further by a depth; where it is further, the functions that call them are left alone as well. That
is worked out once for each package, module by module as they are loaded.
"""

from __future__ import annotations

import dis
import inspect
import os
import sys
import traceback
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.callables import original_of
from enterspan._forms.frame_bootstrap import path_from
from enterspan.instrument.targets import (
    home_of,
    is_class,
    names_of,
    pieces_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from enterspan.instrument.targets import Location

_OURS: Final = frozenset({"enterspan", "wrapt", "typing_extensions"})

_RECORDER: Final = frozenset(
    {
        "_weakrefset",
        "atexit",
        "builtins",
        "contextvars",
        "functools",
        "queue",
        "threading",
        "types",
        "weakref",
    }
)
"""Modules that are at work while a span is recorded: a span in them would record itself."""

_HEAP_TYPE: Final = 1 << 9
_IMMUTABLE: Final = 1 << 8
_flags: Final[Any] = type.__dict__["__flags__"].__get__


@cache
def refused_module(name: str) -> str | None:
    """Why nothing of a module is wrapped; None where it may be."""
    if name.partition(".")[0] in _OURS:
        return "enterspan doesn't trace itself"
    if name in _RECORDER:
        return "enterspan needs it to record spans"
    return None


def unchangeable(owner: Any) -> str | None:
    """Why an attribute of a module or a class can't be replaced; None where it can."""
    if is_class(owner) and (not _flags(owner) & _HEAP_TYPE or _flags(owner) & _IMMUTABLE):
        return f"{home_of(owner)[1]} is not written in Python and can't be changed"
    return None


# --- functions that look at their callers' frames -------------------------------------------------

_LOOKERS: Final[tuple[Any, ...]] = (
    sys._getframe,
    sys._current_frames,
    getattr(sys, "_getframemodulename", None),
    inspect.currentframe,
    inspect.getouterframes,
    inspect.stack,
    traceback.extract_stack,
    traceback.walk_stack,
)
_LOOKER_NAMES: Final = frozenset(
    {f.__name__ for f in _LOOKERS if f is not None and f is not inspect.stack}
    | {"f_back", "findCaller"}
)
_COUNTS: Final = "getrefcount"

_DEPTHS: Final = ("depth", "level", "offset", "frame", "skip", "back", "stack")
"""A parameter with one of these in its name says how far a function looks at frames."""

_HANDED_ON: Final = ("depth", "frame", "stack")
"""And these also where the function only calls one that does."""

_LOOKS: Final = "it looks at the frame that called it"


class Package:
    """What is known of the frames that the functions of one package look at."""

    __slots__ = (
        "_called",
        "_folder",
        "_handing",
        "_known",
        "_looking",
        "deep",
        "is_counted",
        "name",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self._folder = _folder_of(name)
        self._looking: set[str] = set()
        self.deep: set[str] = set()
        """The names of functions that look further than at the frame next to theirs."""
        self._called: set[str] = set()
        self._handing: list[tuple[str, tuple[str, ...]]] = []
        """Functions that take a depth, with the names in their code."""
        self._known: dict[int, CodeType] = {}  # by their ids, which are quicker than hashes
        self.is_counted = False
        """Whether it counts frames up to the first that is not its own, for a `stacklevel`."""

    @property
    def path(self) -> str:
        """The path of the frames of its wrappers."""
        return path_from(self._folder, counted=self.is_counted)

    def learn(self, module: ModuleType, locations: Iterable[Location]) -> bool:
        """Look at a module that has been loaded; whether that changes what was said of others."""
        before = self.is_counted
        aliases = _aliases_in(module)
        functions = list(_functions_at(locations))
        found = [_names_in(function.__code__) for function in functions]
        fresh: set[str] = set()
        for function, names in zip(functions, found, strict=True):
            if self._looks(names, aliases):
                self._known[id(function.__code__)] = function.__code__
                self._looking.add(function.__name__)
                if _looks_far(function, aliases):
                    fresh.add(function.__name__)
        fresh |= {k for k, v in names_of(module).items() if _is_deep_elsewhere(v, self.name)}
        handing = [
            (function.__name__, names)
            for function, names in zip(functions, found, strict=True)
            if _takes(function, _HANDED_ON)
        ]
        self._handing += handing
        self._spread(fresh, self._handing if fresh else handing)
        self.is_counted = before or any(
            "stacklevel" in names and not self._looking.isdisjoint((*names, function.__name__))
            for function, names in zip(functions, found, strict=True)
        )
        changed = self.is_counted != before or not self._called.isdisjoint(fresh - self.deep)
        self.deep |= fresh
        for names in found:
            self._called.update(names)
        return changed

    def _looks(self, names: tuple[str, ...], aliases: frozenset[str]) -> bool:
        return not aliases.isdisjoint(names) or ("stack" in names and "inspect" in names)

    def _spread(self, fresh: set[str], handing: list[tuple[str, tuple[str, ...]]]) -> None:
        """Add the functions that hand a depth on to one that is known."""
        while True:
            known = fresh | self.deep
            more = {name for name, names in handing if not known.isdisjoint(names)} - known
            if not more:
                return
            fresh |= more
            handing = self._handing

    def reason(self, function: FunctionType) -> str | None:
        """Why a function is not wrapped; None where it may be."""
        code = function.__code__
        if id(code) in self._known:
            return _LOOKS
        if _COUNTS in code.co_names:
            return "it counts the references to its arguments"
        if not (self.deep or self.is_counted):
            return None
        names = _names_in(code)
        if not self.deep.isdisjoint(names):
            called = min(self.deep.intersection(names))
            return f"it calls {called}, which looks at its callers' frames by a depth"
        if self.is_counted and "stacklevel" in names and self._looking.isdisjoint(names):
            return "it gives a fixed stacklevel, in a package that counts its own frames"
        return None


@cache
def package_named(name: str) -> Package:
    """What is known of a package."""
    return Package(name)


@cache
def package_of(module: str) -> Package:
    """What is known of the package that a module belongs to."""
    return package_named(module.partition(".")[0])


def unsupported(function: FunctionType, package: Package) -> str | None:
    """Why a function is not wrapped; None where it may be."""
    module = function.__module__
    refused = refused_module(module) if type(module) is str else None
    return refused or package.reason(function)


def looks_at_frames(function: FunctionType) -> bool:
    """Whether a function's own code looks at frames, whatever is known of its package."""
    names = _names_in(function.__code__)
    return not _LOOKER_NAMES.isdisjoint(names) or _COUNTS in names or "stack" in names


def is_looker(value: Any) -> bool:
    """Whether something that is no Python function looks at its caller's frame."""
    return any(value is looker for looker in _LOOKERS)


def _folder_of(package: str) -> str | None:
    module: Any = sys.modules.get(package)
    file = names_of(module).get("__file__") if type(module) is ModuleType else None
    return os.path.dirname(os.path.abspath(file)) if type(file) is str else None  # noqa: PTH100, PTH120


def _functions_at(locations: Iterable[Location]) -> Iterator[FunctionType]:
    for location in locations:
        for piece in pieces_of(location.value) or ():
            original = original_of(piece.function)
            if type(original) is FunctionType:
                yield original


def _aliases_in(module: ModuleType) -> frozenset[str]:
    """The names under which the code of a module may look at frames."""
    lookers = {id(looker) for looker in _LOOKERS}
    return _LOOKER_NAMES.union(
        [key for key, value in names_of(module).items() if id(value) in lookers]
    )


def _names_in(code: CodeType) -> tuple[str, ...]:
    """The names in a function's code, its comprehensions and lambdas, and its calls' keywords."""
    names = code.co_names
    for const in code.co_consts:
        if type(const) is CodeType:
            if const.co_name.startswith("<"):
                names += _names_in(const)
        elif type(const) is tuple and "stacklevel" in const:
            names += ("stacklevel",)
    return (*names, "stacklevel") if "stacklevel" in code.co_varnames else names


def _takes(function: FunctionType, words: tuple[str, ...]) -> bool:
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return any(word in name for name in names for word in words)


def _looks_far(function: FunctionType, aliases: frozenset[str]) -> bool:
    """Whether a function that looks at frames looks further than at the one next to its own."""
    if _takes(function, _DEPTHS):
        return True
    backs, asked = 0, False
    for step in dis.get_instructions(function.__code__):
        if step.argval == "f_back":
            backs += 1
        elif step.argval in aliases or step.argval == "stack":
            asked = True
        elif asked and type(step.argval) is int and step.opname.startswith("LOAD_"):
            if step.argval > 1:
                return True
            asked = False
    return backs > 1


def _is_deep_elsewhere(value: Any, package: str) -> bool:
    """Whether a name stands for a function of another package that looks far."""
    if type(value) is not FunctionType or str(value.__module__).partition(".")[0] == package:
        return False
    looks = not _LOOKER_NAMES.isdisjoint(value.__code__.co_names)
    return looks and _looks_far(value, _LOOKER_NAMES)
