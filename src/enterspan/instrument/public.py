"""The public functions of a package, which the pattern `package:public` picks.

A module is public if no part of its name below the package begins with an underscore. The names in
its `__all__`, or else those without a leading underscore, are public, including names imported from
other modules of the package: packages define in `shop._cart` what they export as `shop.Cart`. Of a
public class, the methods with public names are public, including those of its bases in the package.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.callables import is_function, original_of
from enterspan.instrument.patterns import PublicNames, is_dunder
from enterspan.instrument.targets import (
    home_of,
    is_class,
    is_module,
    location_at,
    locations_of_class,
    mro_of,
    names_of,
    pieces_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from enterspan.instrument.targets import Location

LEFT_OUT: Final = "it is not public"
"""The reported reason for functions that the pattern leaves out."""


def public_locations(
    names: PublicNames, name: str, module: ModuleType, every: list[Location]
) -> list[Location]:
    """The public objects of a module, wherever they are defined."""
    if not names.is_public_module(name):
        return []
    shown = _shown_by(module)
    found = [at for at in every if at.name.partition(".")[0] in shown and _is_public(at, shown)]
    for key, value in names_of(module).items():
        if key in shown:
            found += _defined_elsewhere(names, name, value)
    return found


def left_out(every: list[Location], picked: list[Location]) -> list[str]:
    """The names of a module's non-public functions, without dunders."""
    known = {at.full_name for at in picked}
    return [
        at.full_name
        for at in every
        if at.full_name not in known and not is_dunder(at.key) and pieces_of(at.value)
    ]


def _shown_by(module: ModuleType) -> frozenset[str]:
    """The names that a public module exports."""
    held = names_of(module)
    listed = held.get("__all__")
    if type(listed) is list or type(listed) is tuple:
        return frozenset([name for name in listed if type(name) is str])
    return frozenset([name for name in held if type(name) is str and not name.startswith("_")])


def _is_public(at: Location, shown: frozenset[str]) -> bool:
    first, *rest = at.name.split(".")
    return first in shown and not any(part.startswith("_") for part in rest)


def _defined_elsewhere(names: PublicNames, name: str, value: Any) -> Iterator[Location]:
    """The functions and methods behind a public name that is imported in the package."""
    if is_class(value):
        for cls in mro_of(value):
            home, _ = home_of(cls)
            if (cls is not value or home != name) and names.means(home):
                for at in locations_of_class(cls):
                    if not at.key.startswith("_"):
                        yield at
    elif is_function(value):
        home = value.__module__
        module: Any = sys.modules.get(home) if type(home) is str else None
        if home == name or not is_module(module) or not names.means(home):
            return
        found = location_at(home, module, value.__qualname__)
        if found is not None and original_of(found.value) is original_of(value):
            yield found
