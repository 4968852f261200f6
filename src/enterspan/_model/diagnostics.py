"""Warnings about subscribers, settings and misuse, each logged once to the logger `enterspan`."""

from __future__ import annotations

import weakref
from sys import is_finalizing

from enterspan._model.interrupts import is_interrupt
from enterspan._model.late import put_off
from enterspan._model.tracebacks import traceback_of

TYPE_CHECKING = False
if not TYPE_CHECKING:
    put_off(globals(), {"logging": "getLogger"})
if TYPE_CHECKING:
    from logging import getLogger
    from typing import Any

_said: dict[tuple[int, str], list[Any]] = {}
_SAID_MOST = 1000
"""How many culprits are remembered; a program may create any number of them."""


def warn_once(
    culprit: object, what: str, error: BaseException, so: str = "and is left out"
) -> None:
    """Log that `culprit` failed, the first time only; never raises."""
    if _is_new(culprit, what):
        warn(f"{what} {_name(culprit)} raised {type(error).__name__} {so}", error)


def _is_new(culprit: object, what: str) -> bool:
    """Whether no warning was logged about *culprit* before."""
    key = (id(culprit), what)
    known = _said.get(key)
    if known is not None:
        (reference,) = known
        if reference is None or reference() is culprit:
            return False
        _said.pop(key, None)  # that was another object at this address
    if len(_said) >= _SAID_MOST:
        _said.clear()
    try:
        mine: list[Any] = [weakref.ref(culprit)]
    except TypeError:
        mine = [None]  # not weakly referenceable: known by its address alone
    return _said.setdefault(key, mine) is mine  # only one of several threads logs it


def warn(message: str, error: BaseException | None = None) -> None:
    """Log one warning; never raises."""
    if is_finalizing():
        return
    exc_info = (type(error), error, traceback_of(error)) if error is not None else None
    try:
        getLogger("enterspan").warning(message, exc_info=exc_info)
    except Exception as failure:
        if is_interrupt(failure):
            raise
        # An exception of the logging configuration must not reach the program.


def _name(thing: object) -> str:
    try:
        return str(getattr(thing, "__qualname__", None) or type(thing).__qualname__)
    except Exception:
        return "a subscriber"


def warn_misuse(what: str, given: object, wanted: str, so: str = "the call is ignored") -> None:
    """Log once that a call or an argument was ignored, because of the argument."""
    key = (0, f"{what} {given!r:.60}" if type(given) is str else what)
    mine: list[Any] = [None]
    if key not in _said and _said.setdefault(key, mine) is mine:
        shown = repr(given)[:60] if type(given) is str else f"a {type(given).__name__}"
        warn(f"{what} takes {wanted}, not {shown}; {so}")


def warn_left_out(culprit: object, what: str, why: str) -> None:
    """Log once that a function is not called, and the reason."""
    if _is_new(culprit, what):
        warn(f"{what} {_name(culprit)} is left out: {why}")


def warn_lost(tracer: object, message: str) -> None:
    """Log once for each tracer that spans of this process are lost."""
    if _is_new(tracer, "lost"):
        warn(message)


def warn_keyword(tracer: object, name: str, hint: str) -> None:
    """Log once for each tracer that a keyword is recorded as an attribute."""
    if _is_new(tracer, f"keyword {name}"):
        warn(f"the keyword {name}= is recorded as an attribute of that name; {hint}")
