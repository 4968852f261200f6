"""What is not wrapped, and why.

These are mainly functions that inspect their callers' frames: with a wrapper in between, they would
find its frame. They are recognized by the names in their code. They inspect the next frame, or
further ones by a depth; in the latter case, the functions that call them are not wrapped either.
Each function is examined once, when its module was loaded, and the results are kept per package.
"""

from __future__ import annotations

import dis
import inspect
import os
import sys
import traceback
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
"""Modules that are used to record spans: a span in them would record itself."""

_HEAP_TYPE: Final = 1 << 9
_IMMUTABLE: Final = 1 << 8
_flags: Final[Any] = type.__dict__["__flags__"].__get__


@cache
def refused_module(name: str) -> str | None:
    """Why nothing of a module is wrapped; None if it may be."""
    if name.partition(".")[0] in _OURS:
        return "enterspan doesn't trace itself"
    if name in _RECORDER:
        return "enterspan needs it to record spans"
    return None


def unchangeable(owner: Any) -> str | None:
    """Why an attribute of a module or a class can't be replaced; None if it can."""
    if is_class(owner) and _flags(owner) & (_HEAP_TYPE | _IMMUTABLE) != _HEAP_TYPE:
        return f"{home_of(owner)[1]} is not written in Python and can't be changed"
    return None


# --- functions that inspect their callers' frames -------------------------------------------------

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
_STACK_LEVEL: Final = "stacklevel"
_GIVEN: Final = frozenset({_STACK_LEVEL})
_TELLING: Final = frozenset({_COUNTS, "stack"})
"""Other names that may be a reason not to wrap a function."""

_DEPTHS: Final = ("depth", "level", "offset", "frame", "skip", "back", "stack")
"""A parameter with one of these in its name is a depth of frames."""

_HANDED_ON: Final = ("depth", "frame", "stack")
"""These also count if the function only calls one that inspects frames; so does `level`."""

_LOOKS: Final = "it inspects its caller's frame"

_MONITORS: Final = "use_tool_id"
_TRACES: Final = frozenset({"settrace", "setprofile", _MONITORS})
"""Names with which code traces calls (`sys.settrace`, `sys.monitoring`). A class's methods may be
called for each event, and a wrapper's own frames would be events, also while it holds a lock."""
_CALLBACK: Final = ("frame", "event")
"""The first parameters of a function for `sys.settrace` or `sys.setprofile`."""


class Package:
    """The results for the functions of one package."""

    def __init__(self, name: str) -> None:
        self.is_counted = False
        """Whether the package counts its own frames for a `stacklevel`."""
        self.changes = 0
        """How often results for functions examined earlier have changed."""
        self._folder = _folder_of(name)
        self.path = path_from(self._folder, counted=False)
        """The path of the frames of its wrappers."""
        self._codes: dict[int, CodeType] = {}  # by their ids, which are quicker than hashes
        self._reasons: dict[int, str] = {}
        self._looking: set[str] = set()
        self._deep: set[str] = set()  # the names of functions that inspect further frames
        self._seen: list[Seen] = []
        self._leveled: list[Seen] = []  # those in which there is a stacklevel
        self._levels: set[str] = set()  # the names of those, and in those

    def reason(self, function: FunctionType) -> str | None:
        """Why a function is not wrapped; None if it may be."""
        return self._reasons.get(id(function.__code__))

    def learn(self, module: ModuleType, functions: Iterable[FunctionType]) -> None:
        """Examine the functions of a loaded module."""
        known = self._codes
        codes = [(f.__qualname__, f.__code__) for f in functions if id(f.__code__) not in known]
        fresh = [(name, code, _names_in(code)) for name, code in codes]
        self._seen += fresh
        every = set().union(*[names for _, _, names in fresh])
        lookers, inspects, deep = _names_to_look_with(module)
        looking: set[str] = set()
        if not every.isdisjoint(lookers | _TELLING):
            self._learn_lookers(fresh, lookers, inspects, deep, looking)
        self._learn_tracers(fresh)
        if deep or not every.isdisjoint(self._deep):
            self._learn_depths(fresh, deep)
        if looking or _STACK_LEVEL in every:
            self._learn_levels(fresh, looking)
        known.update([(id(code), code) for _, code in codes])

    def _learn_lookers(
        self,
        fresh: list[Seen],
        lookers: set[str],
        inspects: set[str],
        deep: set[str],
        looking: set[str],
    ) -> None:
        """Exclude functions that inspect frames; add the names by which these are called."""
        for name, code, names in fresh:
            if not lookers.isdisjoint(names) or (
                "stack" in names and not inspects.isdisjoint(names)
            ):
                self._reasons[id(code)] = _LOOKS
                looking |= _names_of_calls(name)
                if _looks_far(code, lookers):
                    deep |= _names_of_calls(name)
            elif _COUNTS in names:
                self._reasons[id(code)] = "it counts the references to its arguments"
        self._looking |= looking

    def _learn_tracers(self, fresh: list[Seen]) -> None:
        """Exclude functions that trace calls, or are called for each event of a trace."""
        callbacks = [name for name, code, _ in fresh if _is_callback(code)]
        tracing = [(name, names) for name, _, names in fresh if not _TRACES.isdisjoint(names)]
        if not callbacks and not tracing:
            return
        called = {name.rpartition(".")[0] for name in callbacks}
        users = {name.rpartition(".")[0]: _MONITORS in names for name, names in tracing}
        classes = {each for each in users if users[each] or each in called} - {""}
        alone = {*callbacks, *[name for name, _ in tracing]}
        for name, code, _ in fresh:
            if name in alone or name.rpartition(".")[0] in classes:
                self._reasons.setdefault(id(code), "it traces calls itself")

    def _learn_depths(self, fresh: list[Seen], deep: set[str]) -> None:
        """Exclude callers of functions that inspect further frames, or that pass a depth."""
        known = self._deep
        callers = [seen for seen in fresh if not known.isdisjoint(seen[2])]
        waiting = [(seen, name) for seen in callers for name in known.intersection(seen[2])]
        while waiting or deep:
            for (name, code, _), called in waiting:
                self._refuse(
                    code, f"it calls {called}, which inspects its callers' frames by a depth"
                )
                if _takes(code, _HANDED_ON, "level"):
                    deep |= _names_of_calls(name)
            deep -= self._deep
            self._deep |= deep
            waiting = self._callers_of(deep) if deep else []
            deep = set()

    def _callers_of(self, called: set[str]) -> list[tuple[Seen, str]]:
        """The functions that call others by some names, each with one of these."""
        is_apart = called.isdisjoint
        callers = [seen for seen in self._seen if not is_apart(seen[2])]
        return [(seen, name) for seen in callers for name in called.intersection(seen[2])]

    def _learn_levels(self, fresh: list[Seen], looking: set[str]) -> None:
        """See whether frames are counted for a `stacklevel`: then a fixed one would be wrong."""
        leveled = [seen for seen in fresh if _STACK_LEVEL in seen[2]]
        self._leveled += leveled
        for name, _, names in leveled:
            self._levels.update(names, _names_of_calls(name))
        if not (leveled or looking) or self._levels.isdisjoint(self._looking):
            return
        if not self.is_counted:
            self.is_counted = True
            self.path = path_from(self._folder, counted=True)
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
    """The results for the package of a module."""
    return _package_named(module.partition(".")[0])


_package_named: Final = cache(Package)


def unsupported(function: FunctionType, package: Package) -> str | None:
    """Why a function is not wrapped; None if it may be."""
    module = function.__module__
    refused = refused_module(module) if type(module) is str else None
    return refused or package.reason(function)


def looks_at_frames(function: FunctionType) -> bool:
    """Whether a function inspects frames, by its own code, or is called with one."""
    code = function.__code__
    names = _names_in(code)
    if not _LOOKER_NAMES.isdisjoint(names) or _COUNTS in names or "stack" in names:
        return True
    return _is_callback(code)


def _is_callback(code: CodeType) -> bool:
    """Whether a function takes a frame, an event and its argument; a handler of a GUI has two."""
    names = code.co_varnames[: code.co_argcount]
    at = 0 if names[:1] == _CALLBACK[:1] else 1
    return names[at : at + 2] == _CALLBACK and len(names) > at + 2


def is_looker(value: Any) -> bool:
    """Whether a callable other than a Python function inspects its caller's frame."""
    return any(value is looker for looker in _LOOKERS)


def _folder_of(package: str) -> str | None:
    module: Any = sys.modules.get(package)
    file = names_of(module).get("__file__") if type(module) is ModuleType else None
    return os.path.dirname(os.path.abspath(file)) if type(file) is str else None  # noqa: PTH100, PTH120


def _names_to_look_with(module: ModuleType) -> tuple[set[str], set[str], set[str]]:
    """The names by which a module's code inspects frames.

    Imported functions that inspect further frames count as well.
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
    """The names by which a function is called: for a constructor, that of its class."""
    *_, owner, name = ("", *qualified.split("."))
    return {owner, name} if name in {"__init__", "__new__"} else {name}


def _names_in(code: CodeType) -> tuple[str, ...]:
    """The names in a function's code and its lambdas; `stacklevel` in any position.

    Names in nested functions count if these inspect frames.
    """
    names = code.co_names
    for const in code.co_consts:
        kind = type(const)
        if kind is CodeType:
            more = _names_in(const)
            if const.co_name.startswith("<") or not _LOOKER_NAMES.isdisjoint(more):
                names += more
        elif kind is tuple and not _GIVEN.isdisjoint(const):  # by keyword, before 3.14
            names += (_STACK_LEVEL,)
    return (*names, _STACK_LEVEL) if _STACK_LEVEL in code.co_varnames else names


def _takes(code: CodeType, words: tuple[str, ...], exactly: str = "") -> bool:
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return exactly in names or any(word in name for name in names for word in words)


def _looks_far(code: CodeType, lookers: Container[str]) -> bool:
    """Whether a function that inspects frames inspects further ones than the next."""
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
            reach += abs(value) - (asked == "extract_stack")  # counted from the function's own
            if asked != "stack" or value or "SUBSCR" in after.opname or after.argrepr == "[]":
                asked = ""  # else it is an argument for how much source to read
        if reach > 1:
            return True
    return any(type(c) is CodeType and _looks_far(c, lookers) for c in code.co_consts)


@lru_cache(maxsize=1024)
def _looks_far_elsewhere(function: FunctionType) -> bool:
    """The same for an imported function."""
    return _looks_far(function.__code__, _LOOKER_NAMES)
