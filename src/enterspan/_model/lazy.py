"""Names of a package that are imported when they are first asked for (PEP 562)."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Make the `__getattr__` of a package; *homes* has names, with blanks between, by module."""

    def find(name: str) -> object:
        for home, names in homes.items():
            if name in names.split():
                from importlib import import_module

                found: object = getattr(import_module(f"{package}.{home}"), name)
                setattr(sys.modules[package], name, found)
                return found
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
