"""What is left alone, and why.

Above all functions that look at their callers' frames: with a wrapper in between, they would find
its frame. Which do is read from the names in their code. They look at the frame next to theirs, or
further by a depth; where it is further, the functions that call them are left alone as well. Each
function is looked at once, when its module has been loaded, and what is found is kept by package.
"""

from __future__ import annotations

import dis
import inspect
import os
import sys
import traceback
from collections import defaultdict
from functools import cache, lru_cache
from itertools import pairwise
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.frame_bootstrap import path_from
from enterspan.instrument.targets import home_of, is_class, module_name, names_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from typing import TypeAlias

    Seen: TypeAlias = tuple[str, CodeType, tuple[str, ...]]
    """A function's qualified name, its code, and the names in that."""

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
_LOOKER_IDS: Final = frozenset([id(looker) for looker in _LOOKERS if looker is not None])
_LOOKER_NAMES: Final = frozenset(
    [f.__name__ for f in _LOOKERS if f is not None and f is not inspect.stack]
) | {"f_back", "findCaller"}
_COUNTS: Final = "getrefcount"
_STACK_LEVEL: Final = frozenset({"stacklevel"})

_DEPTHS: Final = ("depth", "level", "offset", "frame", "skip", "back", "stack")
"""A parameter with one of these in its name says how far a function looks at frames."""

_HANDED_ON: Final = ("depth", "frame", "stack")
"""And these also where the function only calls one that does; so does `level`, by itself."""

_LOOKS: Final = "it looks at the frame that called it"


class Package:
    """What is known of the frames that the functions of one package look at."""

    def __init__(self, name: str) -> None:
        self.is_counted = False
        """Whether it counts frames up to the first that is not its own, for a `stacklevel`."""
        self.changes = 0
        """How often something was found of functions that had been looked at before."""
        self._folder = _folder_of(name)
        self._codes: dict[int, CodeType] = {}  # by their ids, which are quicker than hashes
        self._reasons: dict[int, str] = {}
        self._looking: set[str] = set()
        self._deep: set[str] = set()  # the names of functions that look beyond the next frame
        self._unlisted: list[Seen] = []  # not in `_callers` yet: most packages have nothing deep
        self._callers: defaultdict[str, list[Seen]] = defaultdict(list)  # by the names in them
        self._leveled: list[Seen] = []  # those in which there is a stacklevel
        self._levels: set[str] = set()  # the names of those, and in those

    @property
    def path(self) -> str:
        """The path of the frames of its wrappers."""
        return path_from(self._folder, counted=self.is_counted)

    def reason(self, function: FunctionType) -> str | None:
        """Why a function is not wrapped; None where it may be."""
        return self._reasons.get(id(function.__code__))

    def learn(self, module: ModuleType, functions: Iterable[FunctionType]) -> None:
        """Look at the functions of a module that has been loaded."""
        known, reasons = self._codes, self._reasons
        codes = [(f.__qualname__, f.__code__) for f in functions if id(f.__code__) not in known]
        fresh = [(name, code, _names_in(code)) for name, code in codes]
        lookers, inspects, deep = _names_to_look_with(module)
        looking: set[str] = set()
        for name, code, names in fresh:
            if not lookers.isdisjoint(names) or (
                "stack" in names and not inspects.isdisjoint(names)
            ):
                reasons[id(code)] = _LOOKS
                looking |= _names_of_calls(name)
                if _looks_far(code, lookers):
                    deep |= _names_of_calls(name)
            elif _COUNTS in names:
                reasons[id(code)] = "it counts the references to its arguments"
        self._looking |= looking
        self._learn_depths(fresh, deep)
        self._learn_levels(fresh, looking)
        known.update([(id(code), code) for _, code in codes])

    def _learn_depths(self, fresh: list[Seen], deep: set[str]) -> None:
        """Leave alone what calls a function that looks far; what hands a depth on does so too."""
        self._unlisted += fresh
        if not (deep or self._deep):
            return
        for seen in self._unlisted:
            for callers in map(self._callers.__getitem__, seen[2]):
                callers.append(seen)
        self._unlisted.clear()
        waiting = [(seen, name) for seen in fresh for name in self._deep.intersection(seen[2])]
        while waiting or deep:
            for (name, code, _), called in waiting:
                self._refuse(
                    code, f"it calls {called}, which looks at its callers' frames by a depth"
                )
                if _takes(code, _HANDED_ON, "level"):
                    deep |= _names_of_calls(name)
            deep -= self._deep
            self._deep |= deep
            waiting = [(seen, name) for name in deep for seen in self._callers.get(name, ())]
            deep = set()

    def _learn_levels(self, fresh: list[Seen], looking: set[str]) -> None:
        """See whether frames are counted for a `stacklevel`: then a fixed one would be wrong."""
        leveled = [seen for seen in fresh if not _STACK_LEVEL.isdisjoint(seen[2])]
        self._leveled += leveled
        for name, _, names in leveled:
            self._levels.update(names, _names_of_calls(name))
        if not (leveled or looking) or self._levels.isdisjoint(self._looking):
            return
        if not self.is_counted:
            self.is_counted = True
            self.changes += 1
            leveled = self._leveled
        for _, code, names in leveled:
            if self._looking.isdisjoint(names):
                self._refuse(
                    code, "it gives a fixed stacklevel, in a package that counts its own frames"
                )

    def _refuse(self, code: CodeType, reason: str) -> None:
        if id(code) not in self._reasons:
            self._reasons[id(code)] = reason
            self.changes += id(code) in self._codes


@cache
def package_of(module: str) -> Package:
    """What is known of the package that a module belongs to."""
    return _package_named(module.partition(".")[0])


_package_named: Final = cache(Package)


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


def _names_to_look_with(module: ModuleType) -> tuple[set[str], set[str], set[str]]:
    """The names by which a module's code looks at frames, those of `inspect`, and of what is deep.

    A function that the module has imported looks far from there as well.
    """
    own = module_name(module)
    lookers, inspects = set(_LOOKER_NAMES), {"inspect"}
    deep: set[str] = set()
    for key, value in names_of(module).items():
        if id(value) in _LOOKER_IDS:
            lookers.add(key)
        elif value is inspect:
            inspects.add(key)
        elif type(value) is FunctionType and value.__module__ != own:
            names = value.__code__.co_names
            if not _LOOKER_NAMES.isdisjoint(names) and _looks_far_elsewhere(value):
                deep.add(key)
    return lookers, inspects, deep


def _names_of_calls(qualified: str) -> set[str]:
    """The names by which a function is called: one that makes instances, by that of its class."""
    *_, owner, name = ("", *qualified.split("."))
    return {owner, name} if name in {"__init__", "__new__"} else {name}


def _names_in(code: CodeType) -> tuple[str, ...]:
    """The names in a function's code and its lambdas; `stacklevel` wherever it stands.

    Those in functions that it defines count if they look at frames.
    """
    names = code.co_names
    kinds = {*map(type, code.co_consts)}
    if CodeType in kinds or tuple in kinds:
        for const in code.co_consts:
            if type(const) is CodeType:
                more = _names_in(const)
                if const.co_name.startswith("<") or not _LOOKER_NAMES.isdisjoint(more):
                    names += more
            elif type(const) is tuple and not _STACK_LEVEL.isdisjoint(const):
                names += ("stacklevel",)
    return names if _STACK_LEVEL.isdisjoint(code.co_varnames) else (*names, "stacklevel")


def _takes(code: CodeType, words: tuple[str, ...], exactly: str = "") -> bool:
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return exactly in names or any(word in name for name in names for word in words)


def _looks_far(code: CodeType, lookers: Container[str]) -> bool:
    """Whether a function that looks at frames looks further than at the one next to its own."""
    if _takes(code, _DEPTHS):
        return True
    reach, asked = 0, ""
    for step, after in pairwise(dis.get_instructions(code)):
        value = step.argval
        if type(value) is str:
            if value == "f_back":
                reach += 1
            elif value in lookers or value == "stack":
                reach, asked = 0, value
        elif asked and type(value) is int and step.opname.startswith("LOAD_"):
            reach += abs(value) - (asked == "extract_stack")  # that counts from the function's own
            if asked != "stack" or value or "SUBSCR" in after.opname or after.argrepr == "[]":
                asked = ""  # else it was an argument: how much source is to be read
        if reach > 1:
            return True
    return any(type(c) is CodeType and _looks_far(c, lookers) for c in code.co_consts)


@lru_cache(maxsize=1024)
def _looks_far_elsewhere(function: FunctionType) -> bool:
    """The same for a function that is imported, maybe by many modules."""
    return _looks_far(function.__code__, _LOOKER_NAMES)
