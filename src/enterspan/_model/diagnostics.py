"""What goes wrong beside the program is said once, to the logger `enterspan`."""

from __future__ import annotations

import weakref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_said: dict[tuple[int, str], Any] = {}
_SAID_MOST = 1000
"""How many culprits are remembered: a new one a second must not pile up."""


def warn_once(
    culprit: object, what: str, error: BaseException, so: str = "and is left out"
) -> None:
    """Log that `culprit` failed, the first time that it does; never raises."""
    key = (id(culprit), what)
    if key in _said:
        known = _said[key]
        if known is None or known() is culprit:
            return
    if len(_said) >= _SAID_MOST:
        _said.clear()
    try:
        _said[key] = weakref.ref(culprit)
    except TypeError:
        _said[key] = None  # known by its address alone
    warn(f"{what} {_name(culprit)} raised {type(error).__name__} {so}", error)


def warn(message: str, error: BaseException | None = None) -> None:
    """Log one warning; never raises."""
    try:
        import logging

        exc_info = (type(error), error, error.__traceback__) if error is not None else None
        logging.getLogger("enterspan").warning(message, exc_info=exc_info)
    except Exception:
        return  # a logging set-up that raises must not reach the program


def _name(thing: object) -> str:
    try:
        return str(getattr(thing, "__qualname__", None) or type(thing).__qualname__)
    except Exception:
        return "a listener"
