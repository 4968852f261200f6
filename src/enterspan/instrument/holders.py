"""Finds the references to a function in all loaded modules, and replaces them.

Attributes of modules and classes are changed, and the dicts and lists that lie in them (registries,
tables of handlers); so are class methods, static methods, properties and the like there. A tuple
that is such an attribute, or lies in such a dict, gives way to one with the new functions.
What can't be changed (other tuples, sets, partials, closures) is reported.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections import Counter
from itertools import chain, compress
from types import CellType, FrameType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from enterspan._forms.callables import (
    TracedCallable,
    TracedFunction,
    is_ours,
    is_retired,
    original_of,
)
from enterspan._model.frozen import HAS_GIL
from enterspan.instrument.targets import (
    accessors_of,
    inner,
    is_module,
    live_names_of,
    names_of,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

_KINDS: Final[dict[type, str]] = {
    functools.partial: "a functools.partial",
    CellType: "a closure",
    MethodType: "a bound method",
}
"""The names of holders whose types have unclear names."""

_CALLED: Final = (classmethod, staticmethod, MethodType)
_HOLDERS: Final = (
    *_CALLED,
    property,
    functools.cached_property,
    functools.partialmethod,
    functools.singledispatchmethod,
)
"""The types that may reference a function, other than dicts, lists and classes."""

_SINGLE_DISPATCH: Final = cast("Any", functools.singledispatch(print)).__code__

_KNOWN_REFERENCES: Final = 2
"""The references to a wrapped function from its patch and its wrapper."""


class Move(NamedTuple):
    """A replacement, and the name under which it is reported."""

    old: Any
    new: Any
    name: str


_VALUE: Final = "value"
_FUNCTION: Final = "function"
_CLASS: Final = "class"
_TABLE: Final = "table"
_PARTED: Final = "parted"


_TABLES: Final = (dict, list)


class _Kinds(dict[type, str]):
    """How values of a type may be replaced, or hold what is; "" for most types.

    Args:
        wanted: the ids of the types of replaced objects.
        is_new: whether to look into descriptors and single-dispatch functions, too.
    """

    def __init__(self, wanted: frozenset[int], *, is_new: bool) -> None:
        self._wanted = wanted
        self._descriptors = _HOLDERS if is_new else ()

    def of(self, values: list[Any]) -> list[str]:
        """The kind of each value."""
        try:
            return [*map(self.__getitem__, map(type, values))]
        except Exception:  # a metaclass refuses to be hashed or compared
            return [self._of_type(type(value)) for value in values]

    def __missing__(self, kind: type) -> str:
        found = self[kind] = self._of_type(kind)
        return found

    def _of_type(self, kind: type) -> str:
        if self._descriptors and (kind is FunctionType or kind is TracedFunction):
            return _FUNCTION
        if issubclass(kind, _TABLES):
            return _TABLE
        if issubclass(kind, type):
            return _CLASS
        if kind is tuple or issubclass(kind, self._descriptors):
            return _PARTED
        return _VALUE if id(kind) in self._wanted else ""


_LARGE: Final = 256
"""A larger table is assumed to be data if it begins and ends with data."""
_DATA: Final = frozenset(map(id, (str, bytes, int, float, bool, tuple, type(None))))
"""The ids of types of data."""


class Moves:
    """Replacements, carried out together."""

    __slots__ = ("_moves", "_replaced", "_types")

    def __init__(self) -> None:
        self._moves: dict[int, Move] = {}  # by the ids of the replaced objects
        self._replaced: dict[int, list[Any]] = {}  # tuples and descriptors, as in `_versions`
        self._types: frozenset[int] = frozenset()  # the ids of their types

    def __bool__(self) -> bool:
        return bool(self._moves)

    def add(self, move: Move) -> None:
        """Replace references to `old` by `new`."""
        self._moves[id(move.old)] = move

    def extend(self, moves: Moves) -> None:
        """Add others, which were carried out in part."""
        self._moves.update(moves._moves)
        self._replaced.update(moves._replaced)

    def carry_out(
        self, owners: Iterable[Any], *, everywhere: bool = False, known: Container[int] = ()
    ) -> None:
        """Replace in all names of some modules and classes, and in dicts and lists there.

        Args:
            owners: the modules and classes.
            everywhere: also the classes in them, each once.
            known: the ids of modules older than the replaced objects: only their names and tables
                can have got them later, not descriptors of their classes.
        """
        moves = self._moves
        self._types = frozenset([id(type(move.old)) for move in moves.values()])
        groups: tuple[list[Any], list[Any]] = [], []  # new ones first: a class may be in both
        for owner in owners if moves else ():
            groups[id(owner) in known].append(owner)
        seen: dict[int, Any] = {}
        for is_old, waiting in enumerate(groups):
            kinds = _Kinds(self._types, is_new=not is_old)
            while waiting:
                fresh = {id(owner): owner for owner in waiting if id(owner) not in seen}
                seen.update(fresh)
                waiting[:] = self._change_names([*fresh.values()], kinds, seen)
                if not everywhere:
                    break

    def _change_names(  # noqa: C901 - all names of a program pass here, most of them only in C
        self, owners: list[Any], kinds: _Kinds, seen: dict[int, Any]
    ) -> list[Any]:
        """Replace in the names and tables of some owners; return the classes among the values."""
        values = [*chain.from_iterable([*live_names_of(owner).values()] for owner in owners)]
        kinds_of = kinds.of(values)
        found = [*compress(values, kinds_of)]
        changed = {key: self._moves[key].new for key in self._moves.keys() & map(id, found)}
        classes: list[Any] = []
        for value, kind in zip(found, filter(None, kinds_of), strict=True):
            if kind is _VALUE:
                continue
            if kind is _FUNCTION:
                if value.__code__ is _SINGLE_DISPATCH:
                    self._change_registry(original_of(value))
            elif kind is _CLASS:
                classes.append(value)
            elif kind is _TABLE:
                if id(value) not in seen:  # such as the builtins, which are in each module
                    seen[id(value)] = value
                    self._change_inside(value)
            else:
                new = self._changed(value)
                if new is not value:
                    changed[id(value)] = new
        for owner in owners if changed else ():
            for key, value in names_of(owner).items():
                if id(value) in changed:
                    put(owner, key, changed[id(value)])
        return classes

    def carry_out_everywhere(self, known: Container[int] = ()) -> None:
        """Replace in all loaded modules except enterspan's, and in their classes."""
        modules = [
            module
            for name, module in list(sys.modules.items())
            if is_module(module) and name.partition(".")[0] != "enterspan"
        ]
        self.carry_out(modules, everywhere=True, known=known)

    def change(self, owner: Any, key: str, value: Any) -> None:
        """Replace in one place."""
        changed = self._changed(value)
        if changed is not value:
            put(owner, key, changed)

    def cancel(self, new: Any) -> None:
        """Cancel the replacement by `new`."""
        self._moves = {key: move for key, move in self._moves.items() if move.new is not new}

    def held(self, known: Iterable[Any] = ()) -> Moves:
        """The replacements whose old objects have further references.

        Args:
            known: objects whose references do not count.
        """
        held = Moves()
        held._replaced = self._replaced
        moves = [Move(object(), None, ""), *self._moves.values()]
        least, *counts = [sys.getrefcount(move.old) for move in moves]
        replaced = _kept(self._replaced.values())
        kept = Counter([id(part) for each in replaced for part in _parts(each)])
        kept.update(map(id, gc.get_referents(*known)))
        for move, count in zip(moves[1:], counts, strict=True):
            usual = 0 if is_ours(move.old) else _KNOWN_REFERENCES + kept.get(id(move.old), 0)
            if count > least + usual:
                held.add(move)
        return held

    def holders(self) -> dict[str, list[str]]:
        """The kinds of objects that reference the old objects, by their names."""
        names = {key: move.name for key, move in self._moves.items()}
        mine = {*map(id, _kept({id(each): each for each in _versions.values()}.values()))}
        for move in self._moves.values():
            if is_ours(move.new):
                mine.update(map(id, move.new.holders()))
        kinds: dict[str, list[str]] = {}
        for holder in _holders_of(names.keys()):
            kind = type(holder)
            if id(holder) in mine or _is_passing(kind):
                continue
            for thing in gc.get_referents(holder):
                if id(thing) in names:
                    told = kinds.setdefault(names[id(thing)], [])
                    if _kind(kind) not in told:
                        told.append(_kind(kind))
        return kinds

    # --- one value ---

    def _new(self, value: Any) -> Any:
        move = self._moves.get(id(value))
        return value if move is None else move.new

    def _changed(self, value: Any) -> Any:
        """The replacement of a value, which may have been changed in place."""
        move = self._moves.get(id(value))
        if move is not None:
            return move.new
        kind = type(value)
        if kind is tuple or kind is property:
            return self._rebuilt(value)
        if issubclass(kind, (functools.cached_property, functools.partialmethod)):
            function = inner(value, "func")
            if id(function) in self._moves:
                object.__setattr__(value, "func", self._new(function))
        elif issubclass(kind, functools.singledispatchmethod):
            self._change_registry(inner(value, "dispatcher"))
        elif issubclass(kind, _CALLED) or issubclass(kind, property):
            return self._rebuilt(value)
        return value

    def _change_inside(self, found: Any) -> None:
        """Change what lies in a table, whatever a class of its own does about that."""
        is_dict = issubclass(type(found), dict)
        items = [*dict.values(found)] if is_dict else [*list.__iter__(found)]
        kinds = {*map(id, map(type, items))}
        has_tuples = is_dict and id(tuple) in kinds
        if not has_tuples and self._types.isdisjoint(kinds):
            return
        if len(items) > _LARGE and _DATA.issuperset(map(id, map(type, (*items[:8], *items[-8:])))):
            return
        if not has_tuples and self._moves.keys().isdisjoint(map(id, items)):
            return
        kind: Any = dict if is_dict else list
        for place, item in list(dict.items(found)) if is_dict else enumerate(items):
            new = self._new(item)
            if has_tuples and type(item) is tuple:  # those in lists may be jobs in a queue
                new = self._rebuilt(item)
            if new is not item:
                try:
                    if kind.__getitem__(found, place) is item:  # another thread may have changed it
                        kind.__setitem__(found, place, new)
                except LookupError:
                    continue

    def _change_registry(self, dispatcher: Any) -> None:
        for kind, function in list(getattr(dispatcher, "registry", {}).items()):
            if id(function) in self._moves:
                dispatcher.register(kind, self._new(function))

    def _rebuilt(self, value: Any) -> Any:
        """A tuple or a descriptor with the new functions, the same one wherever this one lies."""
        parts = _parts(value)
        if self._moves.keys().isdisjoint(map(id, parts)):
            return value
        wanted = [self._new(part) for part in parts]
        versions = _versions.get(id(value)) or [value]
        self._replaced[id(versions)] = versions
        for known in versions:
            if all(has is want for has, want in zip(_parts(known), wanted, strict=True)):
                return known
        made = _copy_with(value, wanted)
        versions.append(made)
        _versions[id(value)] = _versions[id(made)] = versions
        return made


_versions: dict[int, list[Any]] = {}
"""Tuples and descriptors that were replaced, by their ids, and by those of their copies.

A list has the program's own one first, and then its copies with other functions.
"""


def forget_unused() -> None:
    """Forget the tuples and descriptors whose copies contain only removed wrappers."""
    for key, (_, *copies) in list(_versions.items()):
        if all(is_retired(part) for each in copies for part in _parts(each) if is_ours(part)):
            del _versions[key]


def _kept(every: Iterable[list[Any]]) -> list[Any]:
    """Those among versions that nothing else holds.

    Without the GIL, counts of references don't tell: none is excepted.
    """
    probe = [object()]
    found = [each for versions in (probe, *every) for each in versions]
    least, *counts = [sys.getrefcount(each) for each in found]
    pairs = zip(found[1:], counts, strict=True)
    return [each for each, count in pairs if count == least or not HAS_GIL]


def _parts(value: Any) -> tuple[Any, ...]:
    if type(value) is tuple:
        return value
    return accessors_of(value) if issubclass(type(value), property) else (inner(value, "__func__"),)


def _copy_with(value: Any, parts: list[Any]) -> Any:
    """A tuple, or a descriptor of the same kind, with other functions."""
    kind: Any = type(value)
    if kind is tuple:
        return tuple(parts)
    if kind is MethodType:
        return MethodType(parts[0], value.__self__)
    if kind is property:  # one by one: passing `doc` would replace the getter's docstring
        made = value
        for name, part in zip(("getter", "setter", "deleter"), parts, strict=True):
            made = made if part is None else getattr(made, name)(part)
        return made
    bases: Any = property, classmethod, staticmethod
    base = next(base for base in bases if base in kind.__mro__)
    # A subclass may have another constructor; 3.15's classmethod only has `__new__`.
    given = [*parts, value.__doc__] if base is property else parts
    made = base.__new__(kind, *given)
    if "__init__" in vars(base):
        base.__init__(made, *given)
    vars(made).update({k: v for k, v in vars(value).items() if k != "__wrapped__"})
    return made


# --- finding references ---------------------------------------------------------------------------


def put(owner: Any, key: str, value: Any) -> None:
    """Set an attribute, bypassing `__setattr__` of custom modules and metaclasses."""
    if is_module(owner):
        live_names_of(owner)[key] = value
        return
    try:
        type.__setattr__(owner, key, value)
    except TypeError:
        return  # a class that is not defined in Python


_AT_ONCE: Final = 64
"""How many objects are searched for referents at once; most are irrelevant."""


def _holders_of(wanted: Any) -> Iterator[Any]:
    """The objects that reference some of the given ids, in one pass over all objects."""
    # A module only references its dict; and `_asyncio`'s never ends (CPython 3.12.1).
    # A frame makes no calls of its own; with this one's, the list would be a cycle (3.10).
    objects = [
        each
        for each in gc.get_objects()
        if type(each) is not ModuleType and type(each) is not FrameType
    ]
    for at in range(0, len(objects), _AT_ONCE):
        some = objects[at : at + _AT_ONCE]
        if not wanted.isdisjoint(map(id, gc.get_referents(*some))):
            for one in some:
                if not wanted.isdisjoint(map(id, gc.get_referents(one))):
                    yield one


def _is_passing(kind: type) -> bool:
    """Whether a holder belongs to enterspan, or is a module, and so makes no calls."""
    return issubclass(kind, (TracedCallable, ModuleType)) or str(
        names_of(kind).get("__module__")
    ).startswith("enterspan.")


def _kind(kind: type) -> str:
    name = next((name for each, name in _KINDS.items() if each is kind), kind.__name__)
    return name if name.startswith("a ") else f"a {name}"
