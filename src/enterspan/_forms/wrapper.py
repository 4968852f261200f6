"""The wrapper of a traced function, compiled with the function's own parameters.

Calling it costs little more than calling the function. It has the function's signature, and raises
its TypeError for wrong arguments before anything is recorded. There is one template per kind of
function; those for coroutine and generator functions are in `bodies`. The code has the file name
and the lines of its template, so that tracebacks show its source.
"""

from __future__ import annotations

import sys
import weakref
from types import CodeType, FunctionType, coroutine

from enterspan._forms.template import (
    ASYNC_GENERATOR,
    AWAITED,
    COROUTINE,
    GENERATOR,
    Kit,
    Template,
    compile_template,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from enterspan._forms.recorder import Recorder

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
            try:
                @set_traceback(@error, @traceback_of(@error).tb_next)
                @end(@span, @error)
            except @Exhausted:  # no stack left, even for this call
                @tracer.deferred.append((@span, @error, 0))
                if @span._token is not None:
                    @tracer.reset(@span._token)
            except @Error:
                @end(@span, @error)
                raise
            raise
"""
# What arrives for the program as the end is called leaves the span open: it is ended again.

_RETURNED: Final = "            @own_recorder.result(@span, @result)\n"
_compiled: Final[dict[tuple[str, str], Any]] = {}
_COMPILED_MOST: Final = 2_000
"""How many compiled wrappers are cached; functions with the same signature share one."""


class Parameters:
    """A function's parameters as source text."""

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
        """The arguments that pass them on."""

    @property
    def are_writable(self) -> bool:
        """Whether they are valid in Python source; other compilers use other names."""
        from keyword import iskeyword

        return all(name.isidentifier() and not iskeyword(name) for name in self.names)


def parameter_names(function: FunctionType) -> tuple[str, ...]:
    """The names of a function's parameters."""
    return Parameters(function.__code__).names


def wrap_function(function: FunctionType, recorder: Recorder, settle: Any) -> FunctionType:
    """Return a function that records each call of another one, and is otherwise like it."""
    from functools import update_wrapper

    code = function.__code__
    parameters = Parameters(code)
    template = _template_of(code.co_flags)
    kit = template.kit(function, recorder, settle)
    inner = _make(template, parameters, recorder)(kit)
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
    if code.co_flags & AWAITED and not code.co_flags & COROUTINE:
        wrapper = coroutine(wrapper)  # type: ignore[assignment]
    _wrapped.add(wrapper)
    return wrapper


_wrapped: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def is_traced(function: object) -> bool:
    """Whether a function is a wrapper made by `wrap_function`."""
    return type(function) is FunctionType and function in _wrapped


def _template_of(flags: int) -> Template:
    if flags & (ASYNC_GENERATOR | COROUTINE | GENERATOR):
        from enterspan._forms.bodies import template_of  # it compiles their driver

        return template_of(flags)
    return Template(_FUNCTION, __file__, _FUNCTION_LINE, Kit)


def _make(template: Template, parameters: Parameters, recorder: Recorder) -> Callable[[Kit], Any]:
    """Compile a wrapper's source to a function that makes wrappers."""
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
        fields.update(template.folding)
    text = template.text.format(**fields)
    prefix = "_"
    while any(name.startswith(prefix) for name in parameters.names):
        prefix += "_x"
    make: Callable[[Kit], Any] | None = _compiled.get((text, prefix))
    if make is None:
        make = compile_template(text, prefix, template.kit, template.file, template.line)
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
