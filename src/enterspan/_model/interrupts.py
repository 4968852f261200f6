"""Exceptions that interrupt the program, as opposed to those that the called code raises.

A guard around a `__repr__`, a sampler or a subscriber must swallow what that code raises, and
nothing else: a timeout, SIGTERM or Ctrl-C may arrive at any instruction, and is meant for the
program.
"""

from __future__ import annotations

from enterspan._model.classes import full_name_of, mro_of
from enterspan._model.tracebacks import traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Final

_INTERRUPTS: Final = frozenset(
    {
        ("builtins", "KeyboardInterrupt"),
        ("greenlet", "GreenletExit"),
        ("gevent.timeout", "Timeout"),
        ("eventlet.timeout", "Timeout"),
    }
)
"""Types that always come from outside; by name, so that nothing is imported."""

_VARARGS: Final = 0x04
_VARKEYWORDS: Final = 0x08


def is_interrupt(error: BaseException) -> bool:
    """Return whether *error*, just caught, arrived from outside of the code that was called.

    True for Ctrl-C, for the end of a greenlet, and for whatever a signal handler raises. A signal
    handler is recognized by its argument: its caller's frame (`signal.signal`).
    """
    if any(full_name_of(base) in _INTERRUPTS for base in mro_of(type(error))):
        return True
    traceback = traceback_of(error)
    caller: FrameType | None = None
    while traceback is not None:
        frame = traceback.tb_frame
        if caller is not None and _is_handler(frame, caller):
            return True
        caller, traceback = frame, traceback.tb_next
    return False


def _is_handler(frame: FrameType, caller: FrameType) -> bool:
    found = frame.f_locals
    for name in _parameters(frame.f_code):
        value = found.get(name)
        if value is caller or (type(value) is tuple and any(item is caller for item in value)):
            return True
    return False


def _parameters(code: CodeType) -> tuple[str, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)
    return code.co_varnames[:count]
