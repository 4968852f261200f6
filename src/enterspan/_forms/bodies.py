"""The wrappers of coroutine, generator and async generator functions.

The replacement of an async generator that a call returned is compiled from the same source.
"""

from __future__ import annotations

import sys

from enterspan._forms.driver import (
    Body,
    Unstarted,
    drive,
    drive_step,
    first_step,
    named,
    put_away,
    resume,
)
from enterspan._forms.isolation import IS_KNOWN, is_isolated
from enterspan._forms.loop import (
    GENERATOR_FUNCTION,
    GENERATOR_LINE,
    LoopKit,
    hide_frames,
    loop_file,
)
from enterspan._forms.template import (
    ASYNC_GENERATOR,
    COROUTINE,
    Kit,
    Template,
    compile_template,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

_COROUTINE_LINE: Final = sys._getframe().f_lineno + 2
_COROUTINE_FUNCTION: Final = """\
    async def wrapper({params}):
        if @tracer.off:
            return await @fn({args})
        @span = @begin(@tracer, @name, {start})
        if @span is None:
            return await @fn({args})
        try:
{capture}            @steps = @fn({args})
            @is_awaited = @IS_KNOWN and @is_isolated(@tracer, @driving)
            if @is_awaited:
                @result = await @steps
            else:
                @steps = @steps.__await__()
                @item = @next(@steps)
        except @Stopped as @stop:
            @is_awaited = True
            @result = @stop.value
        except @Error as @error:
            try:
                @put_away(@tracer, @span)
                @set_traceback(@error, @traceback_of(@error).tb_next)
                @end(@span, @error)
            except @Error:
                @put_away(@tracer, @span)
                @end(@span, @error)
                raise
            raise
        if not @is_awaited:
            try:
                return await @resume(@tracer, @span, @steps, @item, @end, {recorder})
            except @Error as @error:
                try:
                    @hide(@error)
                    @end(@span, @error)
                except @Error:
                    @end(@span, @error)
                    raise
                raise
        try:
            if @tracer.get() is not @span:
                @put_away(@tracer, @span)
{returned}            @end(@span)
        except @Error as @error:
            try:
                @put_away(@tracer, @span)
                @end(@span, @error)
            except @Error:
                @put_away(@tracer, @span)
                @end(@span, @error)
                raise
            raise
        return @result
"""
# The first step of a driven coroutine is made in the wrapper: many have only one.

_ASYNC_LINE: Final = sys._getframe().f_lineno + 2
_ASYNC_GENERATOR_FUNCTION: Final = """\
    async def wrapper({params}):
        @steps = @fn({args})
        @inside = @folded = None
        @span = None if @tracer.off else @begin(@tracer, @name, {start}, False)
        if @span is not None:{fold}
            @inside = @Body(@tracer, @span, @end)
{capture}        @step = @first(@steps)
        while True:
            try:
                @item = await (@step if @inside is None else @drive_step(@inside, @step)){each}
            except @Stop:
                if @inside is not None:{folded}
                    @inside.end(@inside.span)
                return
            except @Error as @error:
                try:
                    @hide(@error)
                    if @inside is not None:{left}
                        @inside.end(@inside.span, @error)
                except @Error:
                    if @inside is not None:
                        @inside.end(@inside.span, @error)
                    raise
                raise
            try:
                @step = @steps.asend((yield (@item, @item := None, @step := None)[0]))
            except @Error as @error:
                @step = @steps.athrow(@outside(@error))
"""
_GIVEN_HEAD: Final = """\
    async def wrapper(@inside, @unstarted):
        @steps = @unstarted.take()
"""


class BodyKit(LoopKit, Kit):
    """The names that the templates use."""

    __slots__ = ()

    drive_step = staticmethod(drive_step)
    resume = staticmethod(resume)
    put_away = staticmethod(put_away)
    is_isolated = staticmethod(is_isolated)
    IS_KNOWN = IS_KNOWN
    driving = drive.__code__
    hide = staticmethod(hide_frames)
    first = staticmethod(first_step)
    Body = Body
    Stop = StopAsyncIteration


def template_of(flags: int) -> Template:
    """The template for a kind of function."""
    if flags & ASYNC_GENERATOR:
        return _ASYNC_GENERATOR
    return _COROUTINE if flags & COROUTINE else _GENERATOR


_COROUTINE: Final = Template(_COROUTINE_FUNCTION, __file__, _COROUTINE_LINE, BodyKit)
_GENERATOR: Final = Template(
    GENERATOR_FUNCTION,
    loop_file,
    GENERATOR_LINE,
    BodyKit,
    {
        "recorder": "@own_recorder.fold(@span)",
        "each": "; @recorder.item(@item)",
        "left": "; @recorder.close(@span, @failure, @end)",
    },
)
_ASYNC_GENERATOR: Final = Template(
    _ASYNC_GENERATOR_FUNCTION,
    __file__,
    _ASYNC_LINE,
    BodyKit,
    {
        "fold": "\n            @folded = @own_recorder.fold(@span)",
        "each": "; @folded is None or @folded.item(@item)",
        "folded": "\n                    @folded.close(@span, None, @inside.end)",
        "left": "\n                        @folded.close(@span, @error, @inside.end)",
    },
)


def _compile_given() -> Callable[[Body, Unstarted], Any]:
    """Compile the loop for an async generator that a call returned."""
    head, first, loop = _ASYNC_GENERATOR_FUNCTION.format(
        params="", args="", start="", capture="", fold="", each="", folded="", left=""
    ).partition("        @step = @first(")
    line = _ASYNC_LINE + head.count("\n") - _GIVEN_HEAD.count("\n")
    made: Callable[[Body, Unstarted], Any] = compile_template(
        _GIVEN_HEAD + first + loop, "_", BodyKit, __file__, line
    )(BodyKit)
    return made


_run_async_generator: Final = _compile_given()


def as_async_generator(body: Body, steps: Any) -> Any:
    """Return an async generator that runs this one with a span current inside it."""
    return named(_run_async_generator(body, Unstarted(body, steps)), steps)
