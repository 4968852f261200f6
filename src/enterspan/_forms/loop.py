"""The loop that drives a body: a generator or a coroutine whose span is current in each step.

It is source text that is compiled into the wrappers of generator functions, and into the driver of
bodies that a call returned. What its functions need are defaults: a body may be closed
at interpreter shutdown, when the names of this module are gone.
"""

from __future__ import annotations

import sys
from types import GeneratorType

from enterspan._model.tracebacks import hide_first_frame, set_traceback, traceback_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Final


async def _nothing() -> None:
    return None


_coroutine: Any = _nothing()
_CLOSED: Final = (GeneratorType, type(_coroutine.__await__()))
"""Types with `close()`; before 3.13, it does nothing for a step of an async generator."""
_coroutine.close()


def is_exit(error: BaseException) -> bool:
    """Whether an exception closes a generator; its `__class__` may be anything."""
    return issubclass(type(error), GeneratorExit)


def throw(
    steps: Any, error: BaseException, *, is_exit: Any = is_exit, closed: Any = _CLOSED
) -> Any:
    """Throw an exception into a body, as `yield from` does."""
    if is_exit(error) and type(steps) in closed:
        steps.close()
        raise error
    return steps.throw(error)


hidden: Final[list[CodeType]] = [throw.__code__]
"""The code objects of the frames to hide."""


def no_end(_span: Any, _error: BaseException | None = None) -> None:
    """Do nothing: the span does not belong to this body."""


def from_outside(error: BaseException, *, hide: Any = hide_first_frame) -> BaseException:
    """Remove the wrapper's frame, which comes again, from the traceback of a thrown exception."""
    hide(error)
    return error


def hide_frames(
    error: BaseException,
    *,
    hidden: Any = hidden,
    get: Any = traceback_of,
    put: Any = set_traceback,
) -> None:
    """Remove the catching frame, and the driver's frames below it, from a traceback just caught.

    Before Python 3.11 a re-raised exception keeps the traceback with which it was caught: the
    catching frame stays.
    """
    first = get(error)
    if first is None:
        return
    following = first.tb_next
    while following is not None and following.tb_frame.f_code in hidden:
        following = following.tb_next
    first.tb_next = following
    try:
        # Not by *put* at once: where the stack ends, a call of C is a SystemError in 3.11.
        error.__traceback__ = following
    except Exception:
        put(error, following)


# The wrapper of a generator function, with the loop that drives a body inlined: as a function it
# would be another generator between the body and its consumer, which slows each item.
#
# To its consumer the loop behaves as `yield from steps` does (PEP 380). The entry that is current
# where it is suspended is kept in *body*. The span is ended when the steps are exhausted, after the
# recorder got the result; exceptions are handled by the surrounding code.
loop_file: Final = __file__
GENERATOR_LINE: Final = sys._getframe().f_lineno + 2
GENERATOR_FUNCTION: Final = """\
    def wrapper({params}):
        if @tracer.off:
            return (yield from @fn({args}))
        @span = @begin(@tracer, @name, {start}, False)
        if @span is None:
            return (yield from @fn({args}))
        @recorder = {recorder}
        @entry = @span
        @body = @value = @error = None
        @get, @set, @reset = @tracer.get, @tracer.set, @tracer.reset
        try:
{capture}            @steps = @fn({args})
            @token = @before = None
            try:
                while True:
                    try:
                        @before = @get()
                        @token = @set(@entry)
                        if @error is not None:
                            @item = @throw(@steps, @error)
                        elif @value is None:
                            @item = @next(@steps)
                        else:
                            @item = @steps.send(@value)
                    except @Stopped as @stop:
                        @result = @stop.value
                        if @recorder is not None:
                            @recorder.result(@span, @result)
                        if @span is not None and @get() is @span:
                            @span._token = @token  # its end detaches what was attached here
                        else:
                            if @body is not None:
                                @body.entry = @get()
                            @tracer.undo(@token)
                        @end(@span)
                        return @result
                    @value = @error = None
                    @entry = @get(){each}
                    if @body is not None:
                        @body.entry = @entry
                    try:
                        @reset(@token)
                    except @Foreign:
                        @tracer.undo(@token)
                    @token = None
                    try:
                        @value = yield (@item, @item := None)[0]  # what passes is not kept here
                    except @Error as @thrown:
                        @error = @outside(@thrown)
            except @Error:
                @value = @error = None
                if @body is not None:
                    @body.entry = @get()
                if @token is not None:
                    @tracer.undo(@token)
                elif @get() is @entry:
                    @set(@before)  # it arrived between the call of `set` and its assignment
                raise
        except @Error as @failure:
            try:
                @hide(@failure){left}
                @end(@span, @failure)
            except @Error:
                @end(@span, @failure)
                raise
            raise
"""
# What arrives for the program as the end is called leaves the span open: it is ended again.
_BEGIN: Final = GENERATOR_FUNCTION.index("            @token = @before")
LOOP: Final = GENERATOR_FUNCTION[
    _BEGIN : GENERATOR_FUNCTION.index("        except @Error as @fail")
]
LOOP_LINE: Final = GENERATOR_LINE + GENERATOR_FUNCTION.count("\n", 0, _BEGIN)


class LoopKit:
    """The names that the loop uses."""

    throw = staticmethod(throw)
    next = staticmethod(next)
    no_end = staticmethod(no_end)
    outside = staticmethod(from_outside)
    Error = BaseException
    Exhausted = RecursionError
    Foreign = (ValueError, RuntimeError, LookupError)
    Stopped = StopIteration
