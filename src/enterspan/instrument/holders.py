"""What holds a function: found in all loaded modules, and made to hold another one instead.

Attributes of modules and classes are changed, and the dicts and lists that lie in them (registries,
tables of handlers); so are class methods, static methods, properties and the like there. What can't
be changed (tuples, sets, partials, closures) is reported.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections import Counter
from itertools import compress
from types import CellType, FrameType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from enterspan._forms.callables import (
    TracedCallable,
    TracedFunction,
    is_ours,
    original_of,
)
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
"""Holders whose types don't say by their names what they are."""

_CALLED: Final = (classmethod, staticmethod, MethodType)
_HOLDERS: Final = (
    *_CALLED,
    property,
    functools.cached_property,
    functools.partialmethod,
    functools.singledispatchmethod,
)
"""The types of what may hold a function, but for dicts, lists and classes."""

_SINGLE_DISPATCH: Final = cast("Any", functools.singledispatch(print)).__code__

_KNOWN_REFERENCES: Final = 2
"""Those to a function that is wrapped: of its patch and of its wrapper."""


class Move(NamedTuple):
    """What is to be held in place of what, and the name under which that is reported."""

    old: Any
    new: Any
    name: str


_CLASS: Final = "class"
_TABLE: Final = "table"
_DESCRIPTOR: Final = "descriptor"


class _Kinds(dict[type, str]):
    """What things of a type may hold functions as; nothing for most."""

    def __init__(self, *, descriptors: bool) -> None:
        self._descriptor = _DESCRIPTOR if descriptors else ""

    def __missing__(self, kind: type) -> str:
        if kind is dict or kind is list:
            found = _TABLE
        elif issubclass(kind, type):
            found = _CLASS
        else:
            found = self._descriptor if issubclass(kind, _HOLDERS) else ""
        self[kind] = found
        return found


_FUNCTIONS: Final = frozenset({FunctionType, TracedFunction})

_LARGE: Final = 256
"""A table of more entries than this is one of data if it begins and ends with data."""
_DATA: Final = frozenset({str, bytes, int, float, bool, tuple, type(None)})


class Moves:
    """What is to be held in place of what; carried out all at once."""

    __slots__ = ("_kept", "_moves")

    def __init__(self) -> None:
        self._moves: dict[int, Move] = {}  # by the ids of what is to be held no more
        self._kept: Counter[int] = Counter()

    def __bool__(self) -> bool:
        return bool(self._moves)

    def add(self, move: Move) -> None:
        """Have `new` held wherever `old` is."""
        self._moves[id(move.old)] = move

    def extend(self, moves: Moves) -> None:
        """Add others, which have been carried out in part."""
        self._moves.update(moves._moves)
        if moves._kept:
            self._kept += moves._kept

    def carry_out(  # noqa: C901 - all names of a program pass here
        self, owners: Iterable[Any], *, everywhere: bool = False, known: Container[int] = ()
    ) -> None:
        """Change every name of some modules and classes, and what is in dicts and lists there.

        Args:
            owners: the modules and classes.
            everywhere: also the classes that lie in them, each once.
            known: the ids of modules that are older than what is to be changed: only their names
                and tables can have been given it, no descriptor of their classes.
        """
        moves = self._moves
        wanted = frozenset([type(move.old) for move in moves.values()])
        kinds_in = {is_new: _Kinds(descriptors=is_new).__getitem__ for is_new in (True, False)}
        seen: set[int] = set()
        waiting = [(owner, id(owner) not in known) for owner in owners] if moves else []
        while waiting:
            owner, is_new = waiting.pop()
            if id(owner) in seen:
                continue
            seen.add(id(owner))
            names = names_of(owner)
            kinds = [*map(type, names.values())]
            held = compress(names.values(), map(wanted.__contains__, kinds))
            if not moves.keys().isdisjoint(map(id, held)):
                for key in [key for key, value in names.items() if id(value) in moves]:
                    put(owner, key, self._new(names[key]))
            kind_of = kinds_in[is_new]
            for key, value in compress(names.items(), map(kind_of, kinds)):
                what = kind_of(type(value))
                if what is _DESCRIPTOR:
                    self.change(owner, key, value)
                elif id(value) in seen:  # such as the builtins, which lie in each module
                    continue
                elif what is _TABLE:
                    seen.add(id(value))
                    self._change_inside(value)
                elif everywhere:
                    waiting.append((value, is_new))
            if is_new and is_module(owner):
                self._change_registries(
                    compress(names.values(), map(_FUNCTIONS.__contains__, kinds))
                )

    def carry_out_everywhere(self, known: Container[int] = ()) -> None:
        """Change every name in all loaded modules but our own, and in their classes."""
        modules = [
            module
            for name, module in list(sys.modules.items())
            if is_module(module) and name.partition(".")[0] != "enterspan"
        ]
        # The new ones come last, and first out: a class that lies in both is looked into.
        modules.sort(key=lambda module: id(module) not in known)
        self.carry_out(modules, everywhere=True, known=known)

    def change(self, owner: Any, key: str, value: Any) -> None:
        """Change what lies in one place."""
        changed = self._changed(value)
        if changed is not value:
            put(owner, key, changed)

    def cancel(self, new: Any) -> None:
        """Forget what was to have `new` in its place."""
        self._moves = {key: move for key, move in self._moves.items() if move.new is not new}

    def held(self) -> Moves:
        """Those whose old things are held by more than what is known."""
        held = Moves()
        moves = [Move(object(), None, ""), *self._moves.values()]
        least, *counts = [sys.getrefcount(move.old) for move in moves]
        for move, count in zip(moves[1:], counts, strict=True):
            known = 0 if is_ours(move.old) else _KNOWN_REFERENCES + self._kept[id(move.old)]
            if count > least + known:
                held.add(move)
        held._kept = self._kept
        return held

    def holders(self) -> dict[str, list[str]]:
        """What kinds of holders hold the old things, by the things' names."""
        names = {key: move.name for key, move in self._moves.items()}
        mine = {id(original) for _, original in _originals.values()}
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
        """What is to lie in place of a value, which may have been changed inside."""
        if id(value) in self._moves:
            return self._new(value)
        kind = type(value)
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
        items = [*found.values()] if type(found) is dict else found
        if len(items) > _LARGE and _DATA.issuperset(map(type, (*items[:8], *items[-8:]))):
            return
        if self._moves.keys().isdisjoint(map(id, items)):
            return
        for place, item in list(found.items() if type(found) is dict else enumerate(found)):
            if id(item) in self._moves:
                found[place] = self._new(item)

    def _change_registries(self, functions: Iterable[Any]) -> None:
        for function in functions:
            if function.__code__ is _SINGLE_DISPATCH:
                self._change_registry(original_of(function))

    def _change_registry(self, dispatcher: Any) -> None:
        for kind, function in list(getattr(dispatcher, "registry", {}).items()):
            if id(function) in self._moves:
                dispatcher.register(kind, self._new(function))

    def _rebuilt(self, value: Any) -> Any:
        """A descriptor with the new functions: the original one, if it has had these before."""
        parts = _parts(value)
        if self._moves.keys().isdisjoint(map(id, parts)):
            return value
        wanted = [self._new(part) for part in parts]
        original = _originals.pop(id(value), (value, value))[1]
        if all(has is want for has, want in zip(_parts(original), wanted, strict=True)):
            return original
        made = _copy_with(value, wanted)
        _originals[id(made)] = made, original
        if original is value:
            self._kept.update(map(id, parts))
        return made


_originals: dict[int, tuple[Any, Any]] = {}
"""Descriptors that were made, by their ids, with those in whose places they lie."""


def _parts(value: Any) -> tuple[Any, ...]:
    return accessors_of(value) if issubclass(type(value), property) else (inner(value, "__func__"),)


def _copy_with(value: Any, parts: list[Any]) -> Any:
    """A descriptor of the same kind with other functions."""
    kind: Any = type(value)
    if kind is MethodType:
        return MethodType(parts[0], value.__self__)
    if kind is property:  # not all at once: a doc that is given is another than the getter's
        made = value
        for name, part in zip(("getter", "setter", "deleter"), parts, strict=True):
            made = made if part is None else getattr(made, name)(part)
        return made
    bases: Any = property, classmethod, staticmethod
    base = next(base for base in bases if base in kind.__mro__)
    # The constructor of the kind may be of its own; that of 3.15's classmethod is `__new__` alone.
    given = [*parts, value.__doc__] if base is property else parts
    made = base.__new__(kind, *given)
    if "__init__" in vars(base):
        base.__init__(made, *given)
    vars(made).update({k: v for k, v in vars(value).items() if k != "__wrapped__"})
    return made


# --- where they are -------------------------------------------------------------------------------


def put(owner: Any, key: str, value: Any) -> None:
    """Set an attribute, whatever a module or a metaclass of its own kind does about that."""
    if is_module(owner):
        live_names_of(owner)[key] = value
        return
    try:
        type.__setattr__(owner, key, value)
    except TypeError:
        return  # a class that is not made by Python code


_AT_ONCE: Final = 64
"""How many objects are asked for their referents at once; most have nothing to do with us."""


def _holders_of(wanted: Any) -> Iterator[Any]:
    """The objects that hold some of the wanted ids, in one pass over all there are."""
    # A module holds its dict and no more; and `_asyncio` never ends to say so (CPython 3.12.1).
    objects = [each for each in gc.get_objects() if type(each) is not ModuleType]
    for at in range(0, len(objects), _AT_ONCE):
        some = objects[at : at + _AT_ONCE]
        if not wanted.isdisjoint(map(id, gc.get_referents(*some))):
            for one in some:
                if not wanted.isdisjoint(map(id, gc.get_referents(one))):
                    yield one


def _is_passing(kind: type) -> bool:
    """Whether a holder is a frame or our own, and so is no holder that calls."""
    return (
        kind is FrameType
        or issubclass(kind, (TracedCallable, ModuleType))
        or str(names_of(kind).get("__module__")).startswith("enterspan.")
    )


def _kind(kind: type) -> str:
    name = _KINDS.get(kind) or kind.__name__
    return name if name.startswith("a ") else f"a {name}"
