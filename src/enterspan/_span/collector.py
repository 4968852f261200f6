"""A guard for Python before 3.12, where the garbage collector may run at any instruction.

It may run inside `ContextVar.set`, which uses the context's variables without a reference to them.
A finalizer that sets a variable there, such as that of a generator that was left in a `with` block,
frees them, and the interpreter crashes. From 3.12 on, the collector only runs at safe points.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from contextvars import Context, copy_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, Final

IS_NEEDED: Final = sys.implementation.name == "cpython" and sys.version_info < (3, 12)

_held: Final[deque[Context]] = deque(maxlen=16)
"""The contexts at the latest runs of the collector: more runs don't fit into one `set`."""


def guard() -> None:
    """From now on, reference the variables of the context that the collector interrupts."""
    if IS_NEEDED and _hold not in gc.callbacks:
        gc.callbacks.append(_hold)


class _Place:
    """Where the collector last interrupted the program: a frame and an instruction."""

    frame = 0
    instruction = 0


def _hold(  # with defaults instead of globals: the collector also runs when modules are gone
    phase: str,
    _: dict[str, Any],
    held: deque[Context] = _held,
    last: type[_Place] = _Place,
    here: Callable[[], FrameType] = sys._getframe,
    copy: Callable[[], Context] = copy_context,
) -> None:
    if phase != "start":
        return
    frame = here().f_back
    number, instruction = id(frame), -1 if frame is None else frame.f_lasti
    before: list[Context] = []
    if number != last.frame or instruction != last.instruction:
        last.frame, last.instruction = number, instruction
        before.extend(held)  # the `set` that was interrupted then has returned
        held.clear()
    held.append(copy())
    before.clear()  # after this one is held: releasing may run finalizers
