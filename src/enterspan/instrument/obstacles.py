"""What is left alone, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from enterspan.instrument.targets import home_of, is_class

if TYPE_CHECKING:
    from types import FunctionType

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
"""Modules that are at work while a span is recorded: a span in them would record itself."""

_LOOKS_OUT: Final = frozenset(
    {"_getframe", "_getframemodulename", "currentframe", "f_back", "getouterframes"}
)
"""Names in the code of a function that looks at who called it, and would find the wrapper."""

_HEAP_TYPE: Final = 1 << 9
_IMMUTABLE: Final = 1 << 8
_flags: Final[Any] = type.__dict__["__flags__"].__get__


def refused_module(name: str) -> str | None:
    """Why nothing of a module is wrapped; None where it may be."""
    if name.partition(".")[0] in _OURS:
        return "enterspan doesn't trace itself"
    if name in _RECORDER:
        return "enterspan needs it to record spans"
    return None


def obstacle_in(function: FunctionType) -> str | None:
    """Why a function is not wrapped; None where it may be."""
    module = function.__module__
    refused = refused_module(module) if type(module) is str else None
    if refused is not None:
        return refused
    if not _LOOKS_OUT.isdisjoint(function.__code__.co_names):
        return "it looks at the frame that called it"
    return None


def obstacle_at(owner: Any) -> str | None:
    """Why an attribute of a module or a class can't be replaced; None where it can."""
    if is_class(owner) and (not _flags(owner) & _HEAP_TYPE or _flags(owner) & _IMMUTABLE):
        return f"{home_of(owner)[1]} is not written in Python and can't be changed"
    return None
