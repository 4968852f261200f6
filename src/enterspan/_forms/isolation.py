"""Whether the context of a coroutine is its own, so that its body can simply be awaited.

A span that is current in a task's own context is seen by nothing else while the task is suspended.
Then no step of the body has to be driven, and asyncio's call graph (3.14) can be followed through
it. What is stepped by hand shares its context with what steps it, and has to be driven; so has what
runs in a task that was given a context: others may use that, too.
"""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Final

    from enterspan._span.tracer import Tracer

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


def is_isolated(tracer: Tracer, driver: CodeType) -> bool:
    """Whether the caller, a coroutine, is awaited all the way down from its task or a *driver*.

    The context of the task has to be its own.

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
    return _is_first_in_own_context(last, tracer)


def _is_first_in_own_context(frame: Any, tracer: Tracer) -> bool:
    """Whether it is the frame of the running task's coroutine, and nothing else has its context."""
    asyncio: Any = sys.modules.get("asyncio")
    try:
        if asyncio is None or (loop := asyncio._get_running_loop()) is None:
            return False
        task = asyncio.current_task(loop)
        if task is None or task.get_coro().cr_frame is not frame:
            return False
        context = task.get_context()
        return sys.getrefcount(context) <= 1 + (
            _held_by_asyncio(asyncio, loop, task, context, frame) + _held_by_spans(context, tracer)
        )
    except (AttributeError, LookupError, RuntimeError):  # a task of another make
        return False


def _held_by_asyncio(asyncio: Any, loop: Any, task: Any, context: Any, frame: Any) -> int:
    """How many references there are to a context that a task has made for itself.

    Where there are more, the context was given to the task and is kept elsewhere. Tokens of other
    context variables refer to it as well: with those, it counts as not known.
    """
    held = 2  # the task, and the thread that runs it
    below = frame.f_back
    if not isinstance(loop, asyncio.BaseEventLoop):
        return held + 1  # the handle
    if below is None or below.f_code is not asyncio.Handle._run.__code__:
        return held  # the first step of an eager task
    for _ in range(_FRAMES_OF_LOOP):
        below = below.f_back
        if below is None:
            break
        if below.f_code is asyncio.Runner.run.__code__:
            names = below.f_locals
            if names["task"] is task and names["self"]._context is context:
                held += 2  # the runner's, and the variable of its method
            break
    return held + 2  # the handle, and the method of the context that it calls


def _held_by_spans(context: Any, tracer: Tracer) -> int:
    """How many references the tokens of the spans have that were made current in a context."""
    held = 0
    entry = tracer.get()
    while (token := getattr(entry, "_token", None)) is not None:
        if not any(each is context for each in gc.get_referents(token)):
            break
        held += 1
        entry = token.old_value
    return held


_FRAMES_OF_LOOP: Final = 4
"""How many frames there are between a handle's and that of `asyncio.Runner.run`."""
