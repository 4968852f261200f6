"""Patterns: which modules, and which names in them."""

from __future__ import annotations

import re
from enum import Enum
from fnmatch import translate
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from enterspan.instrument.targets import pieces_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan.instrument.targets import Location

GRAMMAR: Final = """\
a target is a module, a class, a function, or a pattern:
  shop               the functions and methods of a module, of a package with all below it
  shop:*             those that the module shop itself defines
  shop.*             those of every module below shop
  shop:public        the public ones of a package and all below it
  shop.cart:total    one function; shop.cart.total does too
  shop.cart:Cart     the methods of a class
  shop.cart:Cart.a*  names may have *, ? and [...]"""

_GLOB: Final = re.compile(r"[*?\[]")
_NAME_TEXT: Final = re.compile(r"[\w*?\[\]!.-]+")


class Asked(Enum):
    """How specifically something was requested."""

    BROADLY = "broadly"
    """By a pattern for many modules."""
    BY_MODULE = "by module"
    """By its module or class."""
    BY_NAME = "by name"
    """By its own name."""


class Names:
    """The name part of a pattern, for the qualified names in a module."""

    __slots__ = ("_matches", "asked", "is_exact", "text")

    def __init__(self, text: str, asked: Asked = Asked.BY_MODULE) -> None:
        self.text = text
        self.asked = asked
        self.is_exact = _GLOB.search(text) is None
        self._matches = re.compile(translate(text)).match

    def pick(self, name: str) -> bool:
        """Whether a function is picked, by its own name or that of an enclosing class.

        A dunder is picked by a pattern whose own last part begins with two underscores.
        """
        if name[-2:] == "__" and is_dunder(name.rpartition(".")[2]) and not self._names_dunders:
            return False
        return self.text == "*" or self.cover(name)

    def cover(self, name: str) -> bool:
        """Whether a name, or that of an enclosing class, matches."""
        if self.text == "*":
            return True
        while name:
            if self._matches(name):
                return True
            name = name.rpartition(".")[0]
        return False

    @property
    def _names_dunders(self) -> bool:
        return self.text.rpartition(".")[2].startswith("__")

    def __repr__(self) -> str:
        """Show the text."""
        return f"<names {self.text}>"


ALL_NAMES: Final = Names("*")


class PublicNames(Names):
    """The name part `public`: the public API of a package."""

    __slots__ = ("_inside", "_means")

    def __init__(self, package: str, asked: Asked) -> None:
        super().__init__("*", asked)
        self.text = PUBLIC
        fixed = package.partition("*")[0].rstrip(".")
        self._inside = fixed.count(".") + 1
        self._means = (_modules(package), _modules(package + ".*"))

    def means(self, module: str) -> bool:
        """Whether a module belongs to the package."""
        return any(matches(module) for matches in self._means)

    def is_public_module(self, module: str) -> bool:
        """Whether no part of a module's name below the package begins with an underscore."""
        return not any(part.startswith("_") for part in module.split(".")[self._inside :])

    def pick(self, name: str) -> bool:
        """Whether a name is public by itself."""
        return not any(part.startswith("_") for part in name.split("."))

    cover = pick


PUBLIC: Final = "public"
"""The name part `public`. A function with this name is picked by its dotted path."""


class Pattern:
    """A pattern: pairs of modules and names, of which a plain dotted path has several."""

    __slots__ = ("_pairs", "text")

    def __init__(self, text: str) -> None:
        """Parse a pattern; ValueError with the grammar if it is invalid."""
        self.text = text
        self._pairs = _parse(text)

    def names_in(self, module: str) -> list[Names]:
        """The names that it picks in a module; None if it does not pick the module."""
        return [names for matches, names in self._pairs if matches(module)]

    def lies_in(self, module: str, _: str | None) -> bool:
        """Whether a module may contain a match, by its name."""
        return bool(self.names_in(module))

    def covers(self, location: Location) -> bool:
        """Whether a location matches, by its place or by that where its functions are defined."""
        homes = [(f.__module__, f.__qualname__) for f, _ in pieces_of(location.value) or ()]
        return any(
            names.cover(name)
            for module, name in ((location.module, location.name), *homes)
            for names in self.names_in(str(module))
        )

    @property
    def module(self) -> str:
        """The module part as it was written."""
        return self.text.partition(":")[0]

    def __repr__(self) -> str:
        """Show the text."""
        return f"<pattern {self.text}>"


def is_dunder(name: str) -> bool:
    """Whether a name is special to Python."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def _parse(text: str) -> list[tuple[Callable[[str], Any], Names]]:
    module, colon, name = text.partition(":")
    if colon and not _is_name(name):
        raise _wrong(text, "after the colon comes a qualified name")
    if not all(part.isidentifier() for part in module.replace("*", "x").split(".")):
        raise _wrong(text, "the module is no dotted name")
    if not module.strip("*."):
        raise _wrong(text, "it names no module: say which package")
    if name == PUBLIC:
        asked = Asked.BROADLY if "*" in module else Asked.BY_MODULE
        return [
            (_modules(module), PublicNames(module, asked)),
            (_modules(module + ".*"), PublicNames(module, Asked.BROADLY)),
        ]
    if colon:
        asked = Asked.BROADLY if "*" in module else Asked.BY_MODULE
        return [(_modules(module), Names(name, asked))]
    if "*" in module:
        return [(_modules(module), Names("*", Asked.BROADLY))]
    parts = module.split(".")
    return [
        (_modules(module), Names("*")),
        (_modules(module + ".*"), Names("*", Asked.BROADLY)),
        *[
            (_modules(".".join(parts[:at])), Names(".".join(parts[at:])))
            for at in range(len(parts) - 1, 0, -1)
        ],
    ]


def _is_name(name: str) -> bool:
    return (
        _NAME_TEXT.fullmatch(name) is not None
        and all(name.split("."))
        and not name[0].isdigit()
        and name.count("[") == name.count("]")
        and (_GLOB.search(name) is not None or all(p.isidentifier() for p in name.split(".")))
    )


@cache
def _modules(text: str) -> Callable[[str], Any]:
    return re.compile(re.escape(text).replace(r"\*", r".*")).fullmatch


def _wrong(text: str, why: str) -> ValueError:
    return ValueError(f"can't read the pattern {text!r}: {why}; {GRAMMAR}")
