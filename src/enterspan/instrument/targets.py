"""What there is in a module or a class, seen without touching it.

A module may load its attributes when they are asked for, a metaclass may do anything when it is
asked, and an object may raise at the slightest look: so nothing is got by `getattr` or asked by
`isinstance`. What is read here are the dictionaries of modules and classes, and the types of what
lies in them.
"""

from __future__ import annotations

import functools
import sys
from itertools import compress
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, Final, NamedTuple

from wrapt import FunctionWrapper

from enterspan._forms.callables import is_function, original_of

_module_dict: Final[Any] = vars(ModuleType)["__dict__"].__get__
_class_dict: Final[Any] = type.__dict__["__dict__"].__get__
_class_mro: Final[Any] = type.__dict__["__mro__"].__get__
_class_qualname: Final[Any] = type.__dict__["__qualname__"].__get__

_CACHED: Final[Any] = type(functools.lru_cache(lambda: None))
_COMPILED: Final = frozenset({"cython_function_or_method", "fused_cython_function"})
_PASSIVE: Final = (GetSetDescriptorType, MemberDescriptorType)
_DATA: Final = frozenset(
    {type(None), bool, int, float, str, bytes, tuple, list, dict, set, frozenset, ModuleType}
    | set(_PASSIVE)
)
"""Types of what is no function, and is left out at once."""


class _Candidates(dict[type, bool]):
    """Whether something of a type may be a function; it is of all types that are not known."""

    def __missing__(self, kind: type) -> bool:
        return True


_CANDIDATES: Final = _Candidates(dict.fromkeys(_DATA, False))


class Location(NamedTuple):
    """A place where something lies: an attribute of a module or of a class."""

    module: str
    """The name of the module in which it was found."""
    name: str
    """Its qualified name there."""
    owner: Any
    """The module or the class."""
    value: Any
    """What lies there, unbound."""

    @property
    def full_name(self) -> str:
        """The name in a report."""
        return f"{self.module}:{self.name}"

    @property
    def key(self) -> str:
        """The attribute's name."""
        return self.name.rpartition(".")[2]


class Piece(NamedTuple):
    """A function of what lies at a location, and what its spans' names end in."""

    function: Any  # a FunctionType, which type checkers would take for a method of this
    suffix: str


def is_module(thing: object) -> bool:
    """Whether something is a module, of whatever subclass."""
    return issubclass(type(thing), ModuleType)


def is_class(thing: object) -> bool:
    """Whether something is a class, of whatever metaclass."""
    return issubclass(type(thing), type)


def live_names_of(owner: Any) -> Any:
    """A module's or a class's own dictionary; nothing is looked up."""
    return _class_dict(owner) if is_class(owner) else _module_dict(owner)


def mro_of(cls: Any) -> tuple[Any, ...]:
    """A class and its bases, in the order in which they are asked."""
    found: tuple[Any, ...] = _class_mro(cls)
    return found


def names_of(owner: Any) -> dict[str, Any]:
    """A copy of a module's or a class's dictionary; nothing is looked up."""
    found: dict[str, Any] = live_names_of(owner).copy()
    return found


def locations_in(name: str, module: ModuleType, only: str = "") -> list[Location]:
    """Everything that a module itself defines, and what its classes do; or *only* under a name."""
    found: list[Location] = []
    _add_locations(found, name, "", module, (name, module_name(module)), set(), only)
    return found


def locations_of_class(cls: type) -> list[Location]:
    """Everything that a class itself defines."""
    module, name = home_of(cls)
    found: list[Location] = []
    _add_locations(found, module, name + ".", cls, (module,), set())
    return found


def _add_locations(
    found: list[Location],
    module: str,
    prefix: str,
    owner: Any,
    own: tuple[str, ...],
    seen: set[int],
    only: str = "",
) -> None:
    seen.add(id(owner))
    names = names_of(owner)
    if only:
        names = {only: names[only]} if only in names else {}
    for key, value in compress(
        names.items(), map(_CANDIDATES.__getitem__, map(type, names.values()))
    ):
        kind = type(value)
        if type(key) is not str:
            continue
        if kind is FunctionType and value.__module__ in own:
            found.append(Location(module, prefix + key, owner, value))
        elif issubclass(kind, type):
            if id(value) not in seen and _class_dict(value).get("__module__") in own:
                _add_locations(found, module, f"{prefix}{key}.", value, own, seen)
        elif _is_own(value, own, in_class=bool(prefix)):
            found.append(Location(module, prefix + key, owner, value))


def module_name(module: Any) -> str:
    """What a module calls itself."""
    return str(names_of(module).get("__name__", ""))


def home_of(cls: type) -> tuple[str, str]:
    """The module of a class, and its qualified name there."""
    return str(names_of(cls).get("__module__") or "builtins"), _class_qualname(cls)


def _is_own(value: Any, own: tuple[str, ...], *, in_class: bool) -> bool:
    """Whether a module defines what lies in it, or has imported it.

    What lies in a class is its own, unless it is a function that has a name elsewhere.
    """
    if in_class and not is_function(value):
        return type(value) is not BuiltinFunctionType
    if is_function(value):
        # A decorator's closure that was not given the function's name belongs where it lies.
        return value.__module__ in own or (in_class and "<locals>" in value.__qualname__)
    if is_replaceable(value):
        return getattr(value, "__module__", None) in own
    return callable(value) and _is_made_in(value, own)


def _is_made_in(value: Any, own: tuple[str, ...]) -> bool:
    """Whether an object that can be called says that it was made in a module."""
    try:
        attributes: Any = object.__getattribute__(value, "__dict__")
        return type(attributes) is dict and attributes.get("__module__") in own
    except Exception:
        return False


def location_at(module_name: str, module: ModuleType, path: str) -> Location | None:
    """What a qualified name without globs leads to: where it is defined, if that is a base class.

    None where it leads to nothing.
    """
    owner: Any = module
    *outer, key = path.split(".")
    for part in outer:
        found = _lookup(owner, part)
        if found is None or not is_class(found[1]):
            return None
        owner = found[1]
    found = _lookup(owner, key)
    if found is None:
        return None
    holder, value = found
    if holder is owner:
        return Location(module_name, path, holder, value)
    home, name = home_of(holder)
    return Location(home, f"{name}.{key}", holder, value)


def _lookup(owner: Any, key: str) -> tuple[Any, Any] | None:
    for holder in _class_mro(owner) if is_class(owner) else (owner,):
        names = names_of(holder)
        if key in names:
            return holder, names[key]
    return None


def home_of_callable(value: Any) -> Location:
    """Where something that can be called lies; ValueError where no name leads to it."""
    pieces = pieces_of(value)
    named = original_of(pieces[0].function if pieces else value)
    home, name = getattr(named, "__module__", None), getattr(named, "__qualname__", None)
    if isinstance(home, str) and isinstance(name, str):
        module: Any = sys.modules.get(home)
        found = location_at(home, module, name) if is_module(module) else None
        if found is not None and _leads_to(found.value, named):
            return found
    for home, module in list(sys.modules.items()):
        for key, held in names_of(module).items() if is_module(module) else ():
            if original_of(held) is named:
                return Location(home, key, module, held)
    raise ValueError(f"can't instrument {value!r}: no name of a loaded module leads to it")


def _leads_to(value: Any, named: Any) -> bool:
    inside = [piece.function for piece in pieces_of(value) or ()]
    return any(original_of(each) is named for each in (replaced_inside(value), *inside))


def pieces_of(value: Any) -> list[Piece] | None:
    """The plain functions that are called through something; None if there are none."""
    kind = type(value)
    if is_function(value):
        return [Piece(value, "")]
    if kind is MethodType:
        return pieces_of(value.__func__)
    if issubclass(kind, (classmethod, staticmethod)):
        return pieces_of(inner(value, "__func__"))
    if issubclass(kind, property):
        found = zip(accessors_of(value), ("", ".setter", ".deleter"), strict=True)
        return [Piece(f, suffix) for f, suffix in found if is_function(f)] or None
    if issubclass(kind, (functools.cached_property, functools.partialmethod)):
        return pieces_of(inner(value, "func"))
    if issubclass(kind, functools.singledispatchmethod):
        dispatch: Any = inner(value, "dispatcher")
        every = [inner(value, "func"), *dispatch.registry.values()]
        return [Piece(f, "") for f in dict.fromkeys(every) if is_function(f)] or None
    return None


def functions_at(locations: list[Location]) -> list[FunctionType]:
    """The plain functions themselves that are called through what lies at some locations."""
    found: list[Any] = []
    for location in locations:
        value = location.value
        if type(value) is FunctionType:
            found.append(value)
        else:
            found += [original_of(piece.function) for piece in pieces_of(value) or ()]
    return [function for function in found if type(function) is FunctionType]


def accessors_of(value: Any) -> tuple[Any, Any, Any]:
    """The getter, the setter and the deleter of a property."""
    members: Any = vars(property)
    getter, setter, deleter = [members[m].__get__(value) for m in ("fget", "fset", "fdel")]
    return getter, setter, deleter


def inner(value: Any, name: str) -> Any:
    """An attribute of one of the standard library's descriptors; None if a subclass has none."""
    try:
        return object.__getattribute__(value, name)
    except Exception:
        return None


def replaced_inside(value: Any) -> Any:
    """What is to be wrapped where something can only be replaced: it, or what it holds."""
    return value.__func__ if type(value) in {classmethod, staticmethod} else value


def is_replaceable(value: Any) -> bool:
    """Whether something is a function, of another kind than Python's own."""
    kind = type(value)
    return (
        kind is BuiltinFunctionType
        or kind is _CACHED
        or kind.__name__ in _COMPILED
        or issubclass(kind, FunctionWrapper)  # another tool's, or ours
    )


def is_compiled(value: Any) -> bool:
    """Whether a function is C code, which may ask for the very object, of the very type."""
    return type(value) is BuiltinFunctionType or type(value).__name__ in _COMPILED


def is_passive(value: Any) -> bool:
    """Whether something that is no function needs no mention: data, and the slots of a class."""
    kind = type(value)
    return kind in _PASSIVE or not (callable(value) or _is_descriptor(kind))


def _is_descriptor(kind: type) -> bool:
    return any("__get__" in _class_dict(base) for base in _class_mro(kind))
