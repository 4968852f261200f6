"""Whether a coroutine has a context of its own, so that its body can simply be awaited.

A span that is current in a task's own context is invisible elsewhere while the task is suspended.
Then the body need not be driven step by step, and asyncio's call graph (3.14) includes it. A
coroutine that is stepped by hand shares its caller's context and has to be driven; so has one in a
task that was given a context, which others may use, too.
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
"""Whether this can be determined: frames show that they await from 3.13 on, and the call graph
exists from 3.14 on."""

_SUSPENDABLE: Final = 0x20 | 0x80 | 0x100 | 0x200
"""The code flags of generators, coroutines, awaited generators and async generators."""
_MOST_FRAMES: Final = 50
"""How many frames are examined, which keeps the cost of deep recursions linear."""


async def _where_it_stands() -> int:
    frame = sys._getframe(1)
    return frame.f_code.co_code[frame.f_lasti]


async def _await_it() -> int:
    return await _where_it_stands()


def _instruction_of_await() -> int:
    """The instruction at which a frame awaits."""
    steps: Any = _await_it()
    instruction = -1
    try:
        steps.send(None)
    except StopIteration as stop:
        instruction = stop.value
    return instruction


_AWAIT: Final = _instruction_of_await()


def is_isolated(tracer: Tracer, driver: CodeType) -> int:
    """Whether the calling coroutine is awaited, directly or indirectly, by one that is isolated.

    Such are a frame with the code of *driver*, which sets the current entry at each step for all
    frames above it; a wrapper that found out before that it is one, which makes the cost
    independent of the depth; and the running task's own coroutine, if the task has a context of its
    own.

    Returns:
        The number of references to the context, or one that is never reached below a driver; zero
        if it is not isolated.
    """
    last = sys._getframe(1)
    file = last.f_code.co_filename
    for _ in range(_MOST_FRAMES):
        frame = last.f_back
        if frame is None:
            break
        code = frame.f_code
        if code is driver:
            if frame.f_locals["tracer"] is tracer:
                return sys.maxsize
        elif not code.co_flags & _SUSPENDABLE or code.co_code[frame.f_lasti] != _AWAIT:
            break
        elif code.co_filename == file:
            held = _is_still_isolated(frame.f_locals, tracer)
            if held:
                return held
        last = frame
    return _is_first_in_own_context(last, tracer)


def _is_still_isolated(names: Any, tracer: Tracer) -> int:
    """Whether the context of a wrapper that was isolated has no references but of spans since.

    *names* are the wrapper's variables.
    """
    if names.get("_tracer") is not tracer:
        return 0
    held: int = names.get("_is_awaited", 0)
    if held == sys.maxsize or not held:
        return held
    entry, span = tracer.get(), names["_span"]
    try:
        while entry is not span:
            entry = entry._token.old_value
            held += 1
        now = _references(sys.modules["asyncio"].current_task())
    except (AttributeError, RuntimeError):  # another task goes on with it, or none
        return 0
    return now if now <= held else 0


def _references(task: Any) -> int:
    """The number of references to the context of a task, with that of this call."""
    return sys.getrefcount(task.get_context())


_OF_A_TASK: Final = 3
"""The references of a running task, of its thread, and of the call that counts them."""


def _is_first_in_own_context(frame: Any, tracer: Tracer) -> int:
    """Whether a frame is of the running task's coroutine, and nothing else uses its context.

    A context that was given to the task is used elsewhere: there are more references to it than
    those of the task, the thread that runs it, and the spans that are current in it. Tokens of
    other context variables also reference it: then the result is that it is not isolated.
    """
    asyncio: Any = sys.modules.get("asyncio")
    try:
        if asyncio is None or (loop := asyncio._get_running_loop()) is None:
            return 0
        task = asyncio.current_task(loop)
        if task is None or task.get_coro().cr_frame is not frame:
            return 0
        held = _references(task)
        context = task.get_context()
        handle = frame.f_back
        others = held - _OF_A_TASK - _held_by_spans(context, tracer)
        if not isinstance(loop, asyncio.BaseEventLoop):
            others -= 1  # the handle
        elif handle is not None and handle.f_code is asyncio.Handle._run.__code__:
            others -= 2  # the handle, and the method of the context that it calls
            if others > 0:
                others -= _held_by_runner(asyncio, task, context, handle)
        return held if others <= 0 else 0  # in the first step of an eager task, there is no handle
    except (AttributeError, LookupError, RuntimeError):  # another task class
        return 0


def _held_by_runner(asyncio: Any, task: Any, context: Any, below: Any) -> int:
    """The number of references to the context of a task from the `asyncio.Runner` that runs it."""
    for _ in range(_FRAMES_OF_LOOP):
        below = below.f_back
        if below is None:
            break
        if below.f_code is asyncio.Runner.run.__code__:
            names = below.f_locals
            is_its_own = names["task"] is task and names["self"]._context is context
            return 2 if is_its_own else 0  # its attribute, and the variable of its method
    return 0


def _held_by_spans(context: Any, tracer: Tracer) -> int:
    """The number of references from tokens of the spans that are current in a context."""
    held = 0
    entry = tracer.get()
    while (token := getattr(entry, "_token", None)) is not None:
        if id(context) not in map(id, gc.get_referents(token)):
            break
        held += 1
        entry = token.old_value
    return held


_FRAMES_OF_LOOP: Final = 4
"""The number of frames between a handle's and that of `asyncio.Runner.run`."""
