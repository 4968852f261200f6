"""Warnings about subscribers, settings and misuse, each logged once to the logger `enterspan`."""

from __future__ import annotations

import weakref
from sys import is_finalizing

from enterspan._model.interrupts import is_interrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger
    from typing import Any

_logger: Logger | None = None
_said: dict[tuple[int, str], list[Any]] = {}
_SAID_MOST = 1000
"""How many culprits are remembered; a program may make new ones without end."""


def warn_once(
    culprit: object, what: str, error: BaseException, so: str = "and is left out"
) -> None:
    """Log that `culprit` failed, the first time that it does; never raises."""
    if _is_new(culprit, what):
        warn(f"{what} {_name(culprit)} raised {type(error).__name__} {so}", error)


def _is_new(culprit: object, what: str) -> bool:
    """Whether this was not said of *culprit* before."""
    key = (id(culprit), what)
    known = _said.get(key)
    if known is not None:
        (reference,) = known
        if reference is None or reference() is culprit:
            return False
        _said.pop(key, None)  # it was said of what had this address before
    if len(_said) >= _SAID_MOST:
        _said.clear()
    try:
        mine: list[Any] = [weakref.ref(culprit)]
    except TypeError:
        mine = [None]  # known by its address alone
    return _said.setdefault(key, mine) is mine  # of several threads, one says it


def prepare() -> None:
    """Import logging. Nothing may be imported where something is recorded."""
    global _logger  # noqa: PLW0603 - once, when the first subscriber is added
    if _logger is None:
        import logging

        _logger = logging.getLogger("enterspan")


def warn(message: str, error: BaseException | None = None) -> None:
    """Log one warning; never raises."""
    if is_finalizing():
        return
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    try:
        prepare()
        _logger.warning(message, exc_info=exc_info)  # type: ignore[union-attr]
    except Exception as failure:
        if is_interrupt(failure):
            raise
        # A logging set-up that raises must not reach the program.


def _name(thing: object) -> str:
    try:
        return str(getattr(thing, "__qualname__", None) or type(thing).__qualname__)
    except Exception:
        return "a subscriber"


def warn_misuse(what: str, given: object, wanted: str) -> None:
    """Log once that a call was ignored because of an argument."""
    key = (0, f"{what} {given!r:.60}" if type(given) is str else what)
    mine: list[Any] = [None]
    if key not in _said and _said.setdefault(key, mine) is mine:
        shown = repr(given)[:60] if type(given) is str else f"a {type(given).__name__}"
        warn(f"{what} takes {wanted}, not {shown}; the call is ignored")


def warn_left_out(culprit: object, what: str, why: str) -> None:
    """Log once that a function is not called, and why."""
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
