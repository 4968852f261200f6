"""The wrapper of a traced function, compiled with the function's own parameters.

It is called as fast as the function itself, shows its signature, and raises its TypeError for wrong
arguments before anything is recorded. There is one text for each kind of function. It is compiled
as a part of this file, so that a frame of it, where one is seen, shows a line that can be read.
"""

from __future__ import annotations

import sys
import weakref
from types import CodeType, FunctionType, coroutine

from enterspan._forms import driver
from enterspan._forms.driver import Body, Unstarted, named
from enterspan._forms.isolation import IS_KNOWN, is_isolated
from enterspan._forms.results import PLAIN, kind_of
from enterspan._forms.template import compile_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from enterspan._forms.recorder import Recorder

_GENERATOR: Final = 0x20
_COROUTINE: Final = 0x80
_AWAITED: Final = 0x100
"""The flag of generators that are awaited (types.coroutine, PEP 492): CO_ITERABLE_COROUTINE."""
_ASYNC_GENERATOR: Final = 0x200
_STAR_ARGS: Final = 0x04
_STAR_KWARGS: Final = 0x08

_FUNCTION_LINE: Final = sys._getframe().f_lineno + 2
_FUNCTION: Final = """\
    def wrapper({params}):
        if @tracer.off:
            return @fn({args})
        @span = @begin(@tracer, @name, {start})
        if @span is None:
            return @fn({args})
        try:
{capture}            @result = @fn({args})
{returned}            @kind = @type(@result)
            if (@result is None or @kind is @str or @kind is @int or @kind is @bool
                    or @kind_of(@result) is @PLAIN):
                @end(@span)
                return @result
            return @settle(@tracer, @span, @result, @end)
        except @Error as @error:
            @error.__traceback__ = @error.__traceback__.tb_next
            try:
                @end(@span, @error)
            except @Exhausted:  # not even for this call is there stack
                @tracer.deferred.append((@span, @error, 0))
                if @span._token is not None:
                    @tracer.reset(@span._token)
            raise
"""

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
            @put_away(@tracer, @span)
            @error.__traceback__ = @error.__traceback__.tb_next
            @end(@span, @error)
            raise
        if not @is_awaited:
            try:
                return await @resume(@tracer, @span, @steps, @item, @end, {recorder})
            except @Error as @error:
                @hide(@error)
                @end(@span, @error)
                raise
        try:
            if @tracer.get() is not @span:
                @put_away(@tracer, @span)
{returned}            @end(@span)
        except @Error as @error:
            @put_away(@tracer, @span)
            @end(@span, @error)
            raise
        return @result
"""
# The first step of a coroutine that is driven is made in the wrapper: many have no other.

_GENERATOR_FUNCTION: Final = """\
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
"""
_GENERATOR_END: Final = """\
        except @Error as @failure:
            @hide(@failure){left}
            @end(@span, @failure)
            raise
"""

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
                @hide(@error)
                if @inside is not None:{left}
                    @inside.end(@inside.span, @error)
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

_RETURNED: Final = "            @own_recorder.result(@span, @result)\n"
_FOLDING: Final = {
    _GENERATOR: {
        "recorder": "@own_recorder.fold(@span)",
        "each": "; @recorder.item(@item)",
        "left": "; @recorder.close(@span, @failure, @end)",
    },
    _ASYNC_GENERATOR: {
        "fold": "\n            @folded = @own_recorder.fold(@span)",
        "each": "; @folded is None or @folded.item(@item)",
        "folded": "\n                    @folded.close(@span, None, @inside.end)",
        "left": "\n                    @folded.close(@span, @error, @inside.end)",
    },
}
"""What is written into the text of a generator whose items are folded."""
_compiled: Final[dict[tuple[str, str], Any]] = {}
_COMPILED_MOST: Final = 2_000
"""How many wrapper texts are kept compiled; functions of like signatures share one."""


class _Kit(driver.LoopKit):
    """The names that a wrapper's text uses."""

    __slots__ = ("begin", "end", "fn", "name", "own_recorder", "settle", "start", "tracer")

    kind_of = staticmethod(kind_of)
    drive_step = staticmethod(driver.drive_step)
    resume = staticmethod(driver.resume)
    put_away = staticmethod(driver.put_away)
    is_isolated = staticmethod(is_isolated)
    IS_KNOWN = IS_KNOWN
    driving = driver.drive.__code__
    hide = staticmethod(driver.hide_frames)
    first = staticmethod(driver.first_step)
    Body = Body
    PLAIN = PLAIN
    str = str
    int = int
    bool = bool
    type = type
    Stop = StopAsyncIteration

    def __init__(self, fn: Any, recorder: Recorder, settle: Any) -> None:
        self.fn = fn
        self.own_recorder = recorder
        self.settle = settle
        self.tracer = recorder.tracer
        self.name = recorder.name
        self.begin = recorder.begin
        self.end = recorder.end
        self.start = recorder.start


class Parameters:
    """A function's parameters, as text."""

    __slots__ = ("arguments", "names", "text")

    def __init__(self, code: CodeType) -> None:
        names = code.co_varnames
        positional = names[: code.co_argcount]
        keyword = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        rest = list(names[code.co_argcount + code.co_kwonlyargcount :])
        text = list(positional)
        arguments = list(positional)
        every = [*positional, *keyword]
        if code.co_posonlyargcount:
            text.insert(code.co_posonlyargcount, "/")
        if code.co_flags & _STAR_ARGS:
            every.append(rest.pop(0))
            text.append("*" + every[-1])
            arguments.append("*" + every[-1])
        elif keyword:
            text.append("*")
        text += keyword
        arguments += [f"{name}={name}" for name in keyword]
        if code.co_flags & _STAR_KWARGS:
            every.append(rest[0])
            text.append("**" + every[-1])
            arguments.append("**" + every[-1])
        self.names = tuple(every)
        if not self.are_writable:
            text = arguments = ["*args", "**kwargs"]
        self.text = ", ".join(text)
        self.arguments = ", ".join(arguments)
        """The arguments that hand them on."""

    @property
    def are_writable(self) -> bool:
        """Whether they can be written in Python; other compilers make other names."""
        from keyword import iskeyword

        return all(name.isidentifier() and not iskeyword(name) for name in self.names)


def parameter_names(function: FunctionType) -> tuple[str, ...]:
    """The names of a function's parameters."""
    return Parameters(function.__code__).names


def wrap_function(function: FunctionType, recorder: Recorder, settle: Any) -> FunctionType:
    """Return a function that records each call of another one, and is like it in all else."""
    from functools import update_wrapper

    code = function.__code__
    parameters = Parameters(code)
    inner = _make(code.co_flags, parameters, recorder)(_Kit(function, recorder, settle))
    wrapper = FunctionType(
        _labelled(inner.__code__, code),
        function.__globals__,
        function.__name__,
        function.__defaults__ if parameters.are_writable else None,
        inner.__closure__,
    )
    if parameters.are_writable and function.__kwdefaults__ is not None:
        wrapper.__kwdefaults__ = dict(function.__kwdefaults__)
    update_wrapper(wrapper, function)
    if code.co_flags & _AWAITED and not code.co_flags & _COROUTINE:
        wrapper = coroutine(wrapper)  # type: ignore[assignment]
    _wrapped.add(wrapper)
    return wrapper


_wrapped: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def is_traced(function: object) -> bool:
    """Whether a function is such a wrapper."""
    return type(function) is FunctionType and function in _wrapped


def _text_of(flags: int) -> tuple[str, int]:
    """The text for a kind of function, and the line on which it begins in its file."""
    if flags & _ASYNC_GENERATOR:
        return _ASYNC_GENERATOR_FUNCTION, _ASYNC_LINE
    if flags & _COROUTINE:
        return _COROUTINE_FUNCTION, _COROUTINE_LINE
    if flags & _GENERATOR:
        line = driver.LOOP_LINE - _GENERATOR_FUNCTION.count("\n")
        return _GENERATOR_FUNCTION + driver.LOOP + _GENERATOR_END, line
    return _FUNCTION, _FUNCTION_LINE


def _make(flags: int, parameters: Parameters, recorder: Recorder) -> Callable[[_Kit], Any]:
    """Compile a wrapper's text to a function that makes wrappers."""
    text, line = _text_of(flags)
    fields = {
        "params": parameters.text,
        "args": parameters.arguments,
        "start": f"*@start({parameters.arguments})" if recorder.starts else "None, None",
        "capture": _capture(parameters, recorder),
        "recorder": "@own_recorder" if recorder.captures_return else "None",
        "returned": _RETURNED if recorder.captures_return else "",
        "fold": "",
        "each": "",
        "folded": "",
        "left": "",
    }
    if recorder.folds:
        fields.update(_FOLDING.get(flags & (_GENERATOR | _ASYNC_GENERATOR), {}))
    text = text.format(**fields)
    prefix = "_"
    while any(name.startswith(prefix) for name in parameters.names):
        prefix += "_x"
    make: Callable[[_Kit], Any] | None = _compiled.get((text, prefix))
    if make is None:
        file = driver.__file__ if flags & _GENERATOR else __file__
        make = compile_template(text, prefix, _Kit, file, line)
        if len(_compiled) < _COMPILED_MOST:
            _compiled[text, prefix] = make
    return make


def _capture(parameters: Parameters, recorder: Recorder) -> str:
    if not recorder.captured or not parameters.are_writable:
        return ""
    given = ", ".join([f"{name!r}: {name}" for name in recorder.captured])
    indent = " " * 12
    return f"{indent}@own_recorder.arguments(@span, {{{given}}})\n"


def _labelled(code: CodeType, original: CodeType) -> CodeType:
    """Return the wrapper's code under the function's name, for tracebacks and profilers."""
    names: Any = {"co_name": original.co_name}
    if sys.version_info >= (3, 11):
        names["co_qualname"] = original.co_qualname
    return code.replace(**names)


def _compile_given() -> Callable[[Body, Unstarted], Any]:
    """Compile the same loop for an async generator that a call has returned."""
    head, first, loop = _ASYNC_GENERATOR_FUNCTION.format(
        params="", args="", start="", capture="", fold="", each="", folded="", left=""
    ).partition("        @step = @first(")
    line = _ASYNC_LINE + head.count("\n") - _GIVEN_HEAD.count("\n")
    made: Callable[[Body, Unstarted], Any] = compile_template(
        _GIVEN_HEAD + first + loop, "_", _Kit, __file__, line
    )(_Kit)
    return made


_run_async_generator: Final = _compile_given()


def as_async_generator(body: Body, steps: Any) -> Any:
    """Return an async generator that is this one, with a span inside."""
    return named(_run_async_generator(body, Unstarted(body, steps)), steps)
