"""Finds the functions in modules and classes without running their code.

Modules may load attributes lazily, metaclasses may run any code, and objects may raise on any
access: so neither `getattr` nor `isinstance` is used. Only the dictionaries of modules and classes,
and the types of their values, are read.
"""

from __future__ import annotations

import functools
import sys
from itertools import compress
from operator import not_
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wrapt import FunctionWrapper

from enterspan._forms.callables import is_function, original_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_module_dict: Final[Any] = vars(ModuleType)["__dict__"].__get__
_class_dict: Final[Any] = type.__dict__["__dict__"].__get__
_class_mro: Final[Any] = type.__dict__["__mro__"].__get__
_class_qualname: Final[Any] = type.__dict__["__qualname__"].__get__

_getter, _setter, _deleter = [property.__dict__[name].__get__ for name in ("fget", "fset", "fdel")]

_CACHED: Final[Any] = type(functools.lru_cache(lambda: None))
_COMPILED: Final = frozenset({"cython_function_or_method", "fused_cython_function"})
_PASSIVE: Final = (GetSetDescriptorType, MemberDescriptorType)
_PLAIN: Final = (type(None), bool, int, float, str, bytes, tuple, list, dict, set, frozenset)
_DATA: Final = frozenset(map(id, (*_PLAIN, ModuleType, *_PASSIVE)))
"""The ids of types of plain data, which is skipped at once; a metaclass may refuse a hash."""


class Location(NamedTuple):
    """A location: an attribute of a module or of a class."""

    module: str
    """The name of the module in which it was found."""
    name: str
    """Its qualified name there."""
    owner: Any
    """The module or the class."""
    value: Any
    """The value, unbound."""

    @property
    def full_name(self) -> str:
        """The name in a report."""
        return f"{self.module}:{self.name}"

    @property
    def key(self) -> str:
        """The attribute's name."""
        return self.name.rpartition(".")[2]


class Piece(NamedTuple):
    """A function at a location, and the suffix of its spans' names."""

    function: Any  # a FunctionType, which type checkers would take for a method of this
    suffix: str


def is_module(thing: object) -> bool:
    """Whether an object is a module, of any subclass."""
    return issubclass(type(thing), ModuleType)


def is_class(thing: object) -> bool:
    """Whether an object is a class, of any metaclass."""
    return issubclass(type(thing), type)


def live_names_of(owner: Any) -> Any:
    """The dictionary of a module or a class."""
    return _class_dict(owner) if is_class(owner) else _module_dict(owner)


def mro_of(cls: Any) -> tuple[Any, ...]:
    """The method resolution order of a class."""
    found: tuple[Any, ...] = _class_mro(cls)
    return found


def names_of(owner: Any) -> dict[str, Any]:
    """A copy of the dictionary of a module or a class."""
    found: dict[str, Any] = live_names_of(owner).copy()
    return found


def locations_in(name: str, module: ModuleType, only: str = "") -> list[Location]:
    """Everything that a module and its classes define; or *only* one name."""
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
    is_data = map(_DATA.__contains__, map(id, map(type, names.values())))
    for key, value in compress(names.items(), map(not_, is_data)):
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
    """The `__name__` of a module."""
    return str(names_of(module).get("__name__", ""))


def home_of(cls: type) -> tuple[str, str]:
    """The module of a class, and its qualified name there."""
    return str(names_of(cls).get("__module__") or "builtins"), _class_qualname(cls)


def _is_own(value: Any, own: tuple[str, ...], *, in_class: bool) -> bool:
    """Whether a module defines a value, or has only imported it.

    Values in a class are its own, except functions with a name elsewhere.
    """
    if in_class:
        value = replaced_inside(value)
    if is_function(value):
        # A decorator's closure without the function's name belongs where it is.
        return value.__module__ in own or (in_class and "<locals>" in value.__qualname__)
    if in_class:
        return type(value) is not BuiltinFunctionType
    if is_replaceable(value):
        return getattr(value, "__module__", None) in own
    return callable(value) and _is_made_in(value, own)


def _is_made_in(value: Any, own: tuple[str, ...]) -> bool:
    """Whether a callable's `__module__` is a given module."""
    try:
        attributes: Any = object.__getattribute__(value, "__dict__")
        return type(attributes) is dict and attributes.get("__module__") in own
    except Exception:
        return False


def location_at(module_name: str, module: ModuleType, path: str) -> Location | None:
    """The location of a qualified name without globs; in the defining base class, if inherited.

    Returns None if there is none.
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
    """The location of a callable; ValueError if no name leads to it."""
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
    """The plain functions that an object calls; None if there are none."""
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
    """The plain functions behind some locations."""
    found: list[Any] = []
    for location in locations:
        value = location.value
        if type(value) is FunctionType:
            found.append(value)
        else:
            found += [original_of(piece.function) for piece in pieces_of(value) or ()]
    return [function for function in found if type(function) is FunctionType]


def closures_of(functions: list[FunctionType]) -> Iterator[Any]:
    """The objects through which decorators' closures reference what they wrap."""
    for function in functions:
        cells = function.__closure__
        if cells is not None:
            yield from cells
            if "__wrapped__" in vars(function):
                yield vars(function)


def accessors_of(value: Any) -> tuple[Any, Any, Any]:
    """The getter, the setter and the deleter of a property."""
    return _getter(value), _setter(value), _deleter(value)


def inner(value: Any, name: str) -> Any:
    """An attribute of a standard descriptor; None if a subclass lacks it."""
    try:
        return object.__getattribute__(value, name)
    except Exception:
        return None


def replaced_inside(value: Any) -> Any:
    """The callable to wrap if a value can only be replaced: the value, or what it wraps."""
    kind = type(value)
    return value.__func__ if kind is classmethod or kind is staticmethod else value


def is_replaceable(value: Any) -> bool:
    """Whether a value is a callable other than a Python function."""
    kind = type(value)
    return (
        kind is BuiltinFunctionType
        or kind is _CACHED
        or kind.__name__ in _COMPILED
        or issubclass(kind, FunctionWrapper)  # another tool's wrapper, or enterspan's
    )


def is_compiled(value: Any) -> bool:
    """Whether a function is C code, which may need objects of exact types."""
    return type(value) is BuiltinFunctionType or type(value).__name__ in _COMPILED


def is_passive(value: Any) -> bool:
    """Whether a non-function is not worth reporting: data, and the slots of a class."""
    kind = type(value)
    is_slot = any(kind is each for each in _PASSIVE)
    return is_slot or not (callable(value) or _is_descriptor(kind))


def _is_descriptor(kind: type) -> bool:
    return any("__get__" in _class_dict(base) for base in _class_mro(kind))
