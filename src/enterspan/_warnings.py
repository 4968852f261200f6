"""What goes wrong beside the program is said once, to the logger `enterspan`."""

from __future__ import annotations

_said: set[tuple[int, str]] = set()


def warn_once(culprit: object, what: str, error: BaseException) -> None:
    """Log that `culprit` failed, the first time that it does; never raises."""
    key = (id(culprit), what)
    if key in _said or len(_said) > 1000:  # bounded: a new listener a second must not pile up
        return
    _said.add(key)
    warn(f"{what} {_name(culprit)} raised {type(error).__name__} and was stopped", error)


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
