"""Attributes of classes, read through `type`: no code of a metaclass runs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

mro_of: Final[Callable[[type], tuple[type, ...]]] = type.__dict__["__mro__"].__get__
dict_of: Final[Callable[[type], Mapping[str, Any]]] = type.__dict__["__dict__"].__get__
_module_of: Final[Callable[[type], object]] = type.__dict__["__module__"].__get__
qualified_name_of: Final[Callable[[type], str]] = type.__dict__["__qualname__"].__get__
name_of: Final[Callable[[type], str]] = type.__dict__["__name__"].__get__


def module_of(kind: type) -> str:
    """The name of a class's module; empty if it has none, or one that is not a str."""
    try:
        module = _module_of(kind)
    except AttributeError:
        return ""
    return module if type(module) is str else ""


def full_name_of(kind: type) -> tuple[str, str]:
    """The module and the qualified name of a class, by which it is known without importing it."""
    try:  # `module_of`, inlined
        module = _module_of(kind)
    except AttributeError:
        module = ""
    return module if type(module) is str else "", name_of(kind)
