"""Whether the context of a coroutine is its own, so that its body can simply be awaited.

A span that is current in a task's own context is seen by nothing else while the task is suspended.
Then no step of the body has to be driven, and asyncio's call graph (3.14) can be followed through
it. What is stepped by hand shares its context with what steps it, and has to be driven.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Final

IS_KNOWN: Final = sys.implementation.name == "cpython" and sys.version_info >= (3, 14)
"""Whether it can be known: only from 3.13 on does a frame tell that it awaits, and only from 3.14
on is there a call graph."""

_SUSPENDABLE: Final = 0x20 | 0x80 | 0x100 | 0x200
"""The code flags of generators, coroutines, awaited generators and async generators."""
_MOST_FRAMES: Final = 50
"""How many frames are looked at: the cost of a deep recursion stays linear."""


async def _where_it_stands() -> int:
    frame = sys._getframe(1)
    return frame.f_code.co_code[frame.f_lasti]


async def _await_it() -> int:
    return await _where_it_stands()


def _instruction_of_await() -> int:
    """What the interpreter executes in a frame that awaits."""
    steps: Any = _await_it()
    instruction = -1
    try:
        steps.send(None)
    except StopIteration as stop:
        instruction = stop.value
    return instruction


_AWAIT: Final = _instruction_of_await()


def is_isolated(driver: CodeType) -> bool:
    """Whether the caller, a coroutine, is awaited all the way down from its task or a *driver*.

    A frame with the code of the driver changes what is current at each step, for all above it.
    """
    last = sys._getframe(1)
    for _ in range(_MOST_FRAMES):
        frame = last.f_back
        if frame is None:
            break
        code = frame.f_code
        if code is driver:
            return True
        if not code.co_flags & _SUSPENDABLE or code.co_code[frame.f_lasti] != _AWAIT:
            break
        last = frame
    return last is _frame_of_task()


def _frame_of_task() -> Any:
    """The frame of the coroutine of the task that is running, if one is."""
    asyncio: Any = sys.modules.get("asyncio")
    try:
        if asyncio is None or asyncio._get_running_loop() is None:
            return None
        task = asyncio.current_task()
        return None if task is None else task.get_coro().cr_frame
    except (AttributeError, RuntimeError):  # a task of another make
        return None
