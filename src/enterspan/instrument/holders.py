"""Who holds an object: found in all loaded modules, and made to hold another one instead.

That serves for what can't be exchanged in place. Modules' and classes' attributes, and the dicts
and lists that lie in them (registries, tables of handlers), are changed; what can't be (tuples,
sets, partials, closures) is told.
"""

from __future__ import annotations

import functools
import gc
import sys
from types import CellType, MethodType
from typing import TYPE_CHECKING, Any, Final

from enterspan.instrument.targets import is_class, is_module, live_names_of, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIXED: Final[dict[type, str]] = {
    tuple: "a tuple",
    set: "a set",
    frozenset: "a frozenset",
    dict: "a dict",
    list: "a list",
    functools.partial: "a functools.partial",
    CellType: "a closure",
    MethodType: "a bound method",
}
"""What holds a thing without being a name, and how it is told of."""


class Moves:
    """Things, each with what is to be held in its place; carried out all at once."""

    __slots__ = ("_names", "_new", "_old")

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._old: dict[int, Any] = {}
        self._new: dict[int, Any] = {}

    def add(self, name: str, old: Any, new: Any) -> None:
        """Have everybody hold `new` who holds `old`, which is reported under a name."""
        self._names[id(old)] = name
        self._old[id(old)] = old
        self._new[id(old)] = new

    def carry_out(self) -> None:
        """Change every name, and every place in a dict or a list that has a name."""
        if not self._old:
            return
        for owner in _owners():
            for key, value in names_of(owner).items():
                kind = type(value)
                if id(value) in self._new:
                    _put(owner, key, self._new[id(value)])
                elif kind is dict or kind is list:
                    self._change_inside(value)
                elif (kind is classmethod or kind is staticmethod) and id(
                    value.__func__
                ) in self._new:
                    _put(owner, key, kind(self._new[id(value.__func__)]))

    def _change_inside(self, found: Any) -> None:
        places = list(found.items()) if type(found) is dict else enumerate(found)
        for place, item in places:
            if id(item) in self._new:
                found[place] = self._new[id(item)]

    def left(self) -> dict[str, list[str]]:
        """What kinds of holders still hold the old things, by the things' names."""
        kinds: dict[str, list[str]] = {}
        mine = tuple(self._old.values())
        for holder in gc.get_referrers(*mine) if mine else ():
            if type(holder) not in _FIXED or holder is self._old or holder is mine:
                continue
            for thing in gc.get_referents(holder):
                if id(thing) in self._old:
                    told = kinds.setdefault(self._names[id(thing)], [])
                    if _FIXED[type(holder)] not in told:
                        told.append(_FIXED[type(holder)])
        return kinds


def _owners() -> Iterator[Any]:
    """All loaded modules but our own, and the classes that lie in them, each once."""
    seen: set[int] = set()
    waiting: list[Any] = [
        module
        for name, module in list(sys.modules.items())
        if is_module(module) and name.partition(".")[0] != "enterspan"
    ]
    while waiting:
        owner = waiting.pop()
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        yield owner
        waiting += [value for value in names_of(owner).values() if is_class(value)]


def _put(owner: Any, key: str, value: Any) -> None:
    if is_module(owner):
        live_names_of(owner)[key] = value
        return
    try:
        type.__setattr__(owner, key, value)
    except TypeError:
        return  # a class that is not made by Python code
