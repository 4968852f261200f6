"""The decorator: it looks once at what it was given, and puts a span around each call.

A plain function gets a wrapper that is compiled with the function's own parameters: it is called as
fast as the function itself, and shows its signature to everyone who looks. The wrapper's text knows
begin, finish and fail, and nothing of what they do.
"""

from __future__ import annotations

import sys
import weakref
from types import CodeType, FunctionType
from types import coroutine as _coroutine

from enterspan._forms.driver import (
    Inside,
    drive,
    drive_on,
    first_step,
    from_outside,
    skip_frames,
    take_away,
)
from enterspan._forms.enter import is_plain, settle
from enterspan._model.frozen import frozen
from enterspan._model.values import DEFAULT_LIMITS, clean_all, clean_text
from enterspan._span.scope import begin, begin_with_floor, fail, finish
from enterspan._span.span import Rare, put_attributes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

    from enterspan._span.span import Span
    from enterspan._span.switchboard import Switchboard

_GENERATOR: Final = 0x20
_COROUTINE: Final = 0x80
_AWAITED: Final = 0x100
_ASYNC_GENERATOR: Final = 0x200
_STAR_ARGS: Final = 0x04
_STAR_KWARGS: Final = 0x08

_RETURN: Final = "return"
"""The attribute that `capture_return` sets."""


@frozen
class Options:
    """What a traced function records, and under which name."""

    name: str | None = None
    attributes: Mapping[str, Any] | None = None
    capture_args: bool | tuple[str, ...] = False
    capture_return: bool = False
    min_duration: float | None = None
    redact: tuple[str, ...] = ()


def options_of(
    name: object,
    attributes: Mapping[str, Any] | None,
    capture_args: bool | Sequence[str],
    capture_return: bool,
    min_duration: float | None,
) -> Options:
    """Check what was asked for; TypeError or ValueError where it makes no sense."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"a span's name must be a str, not {name!r}")
    if name == "":
        raise ValueError("a span's name can't be empty")
    if attributes is not None and not hasattr(attributes, "keys"):
        raise TypeError(f"attributes must be a mapping, not {attributes!r}")
    if isinstance(capture_args, str):
        raise TypeError(
            f"capture_args must be True, False or a list of parameter names: [{capture_args!r}]"
        )
    captured: bool | tuple[str, ...]
    if isinstance(capture_args, bool):
        captured = capture_args
    else:
        try:
            names: tuple[Any, ...] = tuple(capture_args)
        except TypeError:
            names = (capture_args,)
        if not all(isinstance(arg, str) for arg in names):
            raise TypeError(
                "capture_args must be True, False or a list of parameter names,"
                f" not {capture_args!r}"
            )
        captured = names
    if not isinstance(capture_return, bool):
        raise TypeError(f"capture_return must be True or False, not {capture_return!r}")
    check_seconds("min_duration", min_duration)
    clean = None if attributes is None else clean_all(attributes, {}, DEFAULT_LIMITS)
    return Options(name, clean, captured, capture_return, min_duration)


def instrument_options(
    min_duration: float | None,
    capture_args: bool | Sequence[str],
    capture_return: bool,
    redact: Sequence[str],
) -> Options:
    """Check the options of `instrument`; TypeError or ValueError where they make no sense."""
    options = options_of(None, None, capture_args, capture_return, min_duration)
    names = None if isinstance(redact, str) else tuple(redact)
    if names is None or not all(isinstance(name, str) for name in names):
        raise TypeError(f"redact must be a list of parameter names, not {redact!r}")
    return Options(
        None, None, options.capture_args, options.capture_return, options.min_duration, names
    )


def check_seconds(name: str, value: object) -> None:
    """Refuse what is no number of seconds."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or None, not {value!r}")
    if not value >= 0:
        raise ValueError(f"{name} can't be negative (seconds), got {value!r}")


# --- what can be traced ---------------------------------------------------------------------------


def trace(target: Any, board: Switchboard, options: Options) -> Any:
    """Return what was given, with a span around each call."""
    if isinstance(target, FunctionType):
        return _trace_function(target, board, options)
    import functools  # what follows is rarer

    if isinstance(target, (classmethod, staticmethod)):
        return type(target)(trace(target.__func__, board, options))
    if isinstance(target, property):
        return _trace_property(target, board, options)
    if isinstance(target, functools.cached_property):
        return _trace_cached_property(target, board, options)
    if isinstance(target, functools.partialmethod):
        inner = trace(target.func, board, options)
        return functools.partialmethod(inner, *target.args, **target.keywords)
    if isinstance(target, type):
        return _trace_class(target, board, options)
    if callable(target):
        from enterspan._forms.callables import trace_callable

        return trace_callable(target, board, options)
    raise TypeError(
        f"traced takes a function, a method, a property or a class, not {target!r};"
        " put @traced below other descriptors"
    )


def _with_name(options: Options, name: str, function: Any = None) -> Options:
    """The same options for one function of several: those names to capture that it has."""
    captured = options.capture_args
    if isinstance(captured, tuple) and isinstance(function, FunctionType):
        known = _parameters(function.__code__)[2]
        captured = tuple([arg for arg in captured if arg in known])
    return Options(
        name,
        options.attributes,
        captured,
        options.capture_return,
        options.min_duration,
        options.redact,
    )


def _check_captured(options: Options, owner: object, functions: list[Any]) -> None:
    """Refuse a name to capture that none of the functions has."""
    if isinstance(options.capture_args, tuple) and functions:
        known = {arg for f in functions for arg in _parameters(f.__code__)[2]}
        for name in options.capture_args:
            if name not in known:
                raise ValueError(f"no function of {owner!r} has a parameter {name!r} to capture")


def _trace_property(target: property, board: Switchboard, options: Options) -> property:
    functions = (target.fget, target.fset, target.fdel)
    _check_captured(options, target, [f for f in functions if isinstance(f, FunctionType)])
    made: list[Any] = []
    for function, suffix in zip(functions, ("", ".setter", ".deleter"), strict=True):
        if function is None:
            made.append(None)
        else:
            chosen = _with_name(options, (options.name or span_name(function)) + suffix, function)
            made.append(trace(function, board, chosen))
    kind: Any = type(target)
    if kind is property:
        # Not all at once: a doc that is given is another thing than the getter's.
        plain: property = target.getter(made[0]) if made[0] is not None else target
        plain = plain.setter(made[1]) if made[1] is not None else plain
        return plain.deleter(made[2]) if made[2] is not None else plain
    copied: property = kind.__new__(kind)  # its constructor may be of its own kind
    property.__init__(copied, made[0], made[1], made[2], target.__doc__)
    vars(copied).update(vars(target))
    return copied


def _trace_cached_property(target: Any, board: Switchboard, options: Options) -> Any:
    kind: Any = type(target)
    made = kind.__new__(kind)
    vars(made).update(vars(target))
    made.func = trace(target.func, board, options)
    return made


def _trace_class(cls: type, board: Switchboard, options: Options) -> type:
    chosen: dict[str, tuple[Any, FunctionType]] = {}
    for name, member in vars(cls).items():
        if name.startswith("_") or not isinstance(
            member, (FunctionType, classmethod, staticmethod)
        ):
            continue
        function = getattr(member, "__func__", member)
        if isinstance(function, FunctionType) and not is_traced(function):
            chosen[name] = member, function
    _check_captured(options, cls, [function for _, function in chosen.values()])
    for name, (member, function) in chosen.items():
        span = f"{options.name}.{name}" if options.name else span_name(function)
        setattr(cls, name, trace(member, board, _with_name(options, span, function)))
    return cls


def span_name(function: Any) -> str:
    """A function's name as a span's: qualified, without the functions that it is defined in."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    if not isinstance(name, str):
        name = type(function).__qualname__
    return clean_text(name.rpartition("<locals>.")[2], DEFAULT_LIMITS.name_bytes)


_traced: weakref.WeakSet[Any] = weakref.WeakSet()


def is_traced(function: object) -> bool:
    """Whether a function is a wrapper of ours."""
    return isinstance(function, FunctionType) and function in _traced


# --- the compiled wrapper -------------------------------------------------------------------------

_CALL = """\
    def wrapper({params}):
        if @board.off:
            return @fn({args})
        @span = @begin(@board, @name, {start})
        if @span is None:
            return @fn({args})
{capture}        try:
            @result = @fn({args})
        except @Error as @error:
            @fail(@span, @error)
            raise
{at_once}        @kind = @type(@result)
        if (@result is None or @kind is @str or @kind is @int or @kind is @bool
                or @is_plain(@result)):
            @finish(@span)
            return @result
        return @settle(@board, @span, @result, True)
"""

_COROUTINE_CALL = """\
    async def wrapper({params}):
        if @board.off:
            return await @fn({args})
        @span = @begin(@board, @name, {start})
        if @span is None:
            return await @fn({args})
{capture}        try:
            @body = @fn({args})
            @item = @body.send(None)
        except @Stopped as @stop:
            @result = @stop.value
            if @board.get() is not @span:
                @take_away(@board, @span)
        except @Error as @error:
            @take_away(@board, @span)
            @fail(@span, @error)
            raise
        else:
            try:
                return await @drive_on(@board, @span, @body, @item{returned})
            except @Error as @error:
                @skip(@error)
                @fail(@span, @error)
                raise
{at_once}        @finish(@span)
        return @result
"""
"""The first step of a coroutine is made here: many have no other."""

_GENERATED = """\
    def wrapper({params}):
        if @board.off:
            return (yield from @fn({args}))
        @span = @begin(@board, @name, {start}, False)
        if @span is None:
            return (yield from @fn({args}))
{capture}        try:
            return (yield from @drive(@board, @span, @fn({args}), None, @span{returned}))
        except @Error as @error:
            @skip(@error)
            @fail(@span, @error)
            raise
"""

_ASYNC_GENERATED = """\
    async def wrapper({params}):
        @span = None if @board.off else @begin(@board, @name, {start}, False)
        if @span is not None:
            @inside = @Inside(@board, @span)
{capture}        @body = @fn({args})
        @step = @first(@body)
        while True:
            try:
                @item = await (
                    @step if @span is None else @drive(@board, @inside.entry, @step, @inside)
                )
            except @Stop:
                if @span is not None:
                    @finish(@span)
                return
            except @Error as @error:
                @skip(@error)
                if @span is not None:
                    @fail(@span, @error)
                raise
            try:
                @step = @body.asend((yield (@item, @item := None, @step := None)[0]))
            except @Error as @error:
                @step = @body.athrow(@outside(@error))
"""

# "@" stands for a prefix that no parameter of the function has.
_compiled: dict[tuple[str, str], Any] = {}
_COMPILED_MOST: Final = 2_000
"""How many wrapper texts are kept compiled; functions of like signatures share one."""


def _parameters(code: CodeType) -> tuple[str, str, tuple[str, ...]]:
    """A function's parameters as text, the arguments that hand them on, and their names."""
    names = code.co_varnames
    positional = names[: code.co_argcount]
    keyword = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    rest = list(names[code.co_argcount + code.co_kwonlyargcount :])
    stars: list[str] = []
    params = list(positional)
    args = list(positional)
    if code.co_posonlyargcount:
        params.insert(code.co_posonlyargcount, "/")
    every = [*positional]
    if code.co_flags & _STAR_ARGS:
        stars.append(rest.pop(0))
        params.append("*" + stars[0])
        args.append("*" + stars[0])
    elif keyword:
        params.append("*")
    params += keyword
    args += [f"{name}={name}" for name in keyword]
    every += [*keyword, *stars]
    if code.co_flags & _STAR_KWARGS:
        params.append("**" + rest[0])
        args.append("**" + rest[0])
        every.append(rest[0])
    return ", ".join(params), ", ".join(args), tuple(every)


def parameter_names(function: FunctionType) -> tuple[str, ...]:
    """The names of a function's parameters."""
    return _parameters(function.__code__)[2]


def _trace_function(function: FunctionType, board: Switchboard, options: Options) -> FunctionType:
    code = function.__code__
    text, names, kit, writable = wrapper_of(function, board, options)
    inner = _make(text, names)(kit)
    wrapper = FunctionType(
        _labelled(inner.__code__, code),
        function.__globals__,
        function.__name__,
        function.__defaults__ if writable else None,
        inner.__closure__,
    )
    if writable and function.__kwdefaults__ is not None:
        wrapper.__kwdefaults__ = dict(function.__kwdefaults__)
    from functools import update_wrapper

    update_wrapper(wrapper, function)
    flags = code.co_flags
    if flags & _AWAITED and not flags & _COROUTINE:
        wrapper = _coroutine(wrapper)  # type: ignore[assignment]
    _traced.add(wrapper)
    return wrapper


def wrapper_of(
    function: FunctionType, board: Switchboard, options: Options, kit: type[_Kit] | None = None
) -> tuple[str, tuple[str, ...], _Kit, bool]:
    """The text of a function's wrapper, the names of its parameters, and what the text knows.

    The last says whether the wrapper has the function's own parameters.
    """
    kit = kit or _Kit
    code = function.__code__
    params, args, names = _parameters(code)
    from keyword import iskeyword

    writable = all(name.isidentifier() and not iskeyword(name) for name in names)
    if not writable:  # not made by Python's own compiler
        params = args = "*args, **kwargs"
    name = options.name or span_name(function)
    recorder = Recorder(options, _captured(options, names, function))
    flags = code.co_flags
    start = "*@start()" if recorder.starts else "None, None"
    text = _text(flags).format(
        params=params,
        args=args,
        start=start,
        capture=_capture(recorder, " " * (12 if flags & _ASYNC_GENERATOR else 8), writable),
        returned=", @end" if options.capture_return else "",
        at_once="        @end.result(@span, @result)\n" if options.capture_return else "",
    )
    return text, names, kit(function, board, name, recorder.start, recorder), writable


def _capture(recorder: Recorder, indent: str, writable: bool) -> str:
    if not recorder.captured or not writable:
        return ""
    given = ", ".join([f"{name!r}: {name}" for name in recorder.captured])
    return f"{indent}@end.arguments(@span, {{{given}}})\n"


def _text(flags: int) -> str:
    if flags & _ASYNC_GENERATOR:
        return _ASYNC_GENERATED
    if flags & _COROUTINE:
        return _COROUTINE_CALL
    return _GENERATED if flags & _GENERATOR else _CALL


class _Kit:
    """What a wrapper's text knows."""

    __slots__ = ("begin", "board", "end", "fn", "name", "start")

    finish = staticmethod(finish)
    fail = staticmethod(fail)
    settle = staticmethod(settle)
    is_plain = staticmethod(is_plain)
    drive = staticmethod(drive)
    drive_on = staticmethod(drive_on)
    take_away = staticmethod(take_away)
    skip = staticmethod(skip_frames)
    first = staticmethod(first_step)
    outside = staticmethod(from_outside)
    Inside = Inside
    str = str
    int = int
    bool = bool
    type = type
    Error = BaseException
    Stop = StopAsyncIteration
    Stopped = StopIteration

    def __init__(self, fn: Any, board: Switchboard, name: Any, start: Any, end: Recorder) -> None:
        self.begin = begin_with_floor if end.has_floor else begin
        self.fn = fn
        self.board = board
        self.name = name
        self.start = start
        self.end = end


def _make(text: str, names: tuple[str, ...]) -> Any:
    """Compile a wrapper's text to a function that makes wrappers."""
    prefix = "_"
    while any(name.startswith(prefix) for name in names):
        prefix += "_x"
    make = _compiled.get((text, prefix))
    if make is None:
        used = sorted({word for word in dir(_Kit) if f"@{word}" in text})
        head = "".join([f"    {prefix}{word} = kit.{word}\n" for word in used])
        whole = "def make(kit):\n" + head + text.replace("@", prefix) + "    return wrapper\n"
        scope: dict[str, Any] = {}
        exec(compile(whole, "<traced by enterspan>", "exec"), scope)  # names and punctuation only
        make = scope["make"]
        if len(_compiled) < _COMPILED_MOST:
            _compiled[text, prefix] = make
    return make


def _labelled(code: CodeType, original: CodeType) -> CodeType:
    """The wrapper's code under the function's name, for tracebacks and profilers."""
    names: Any = {"co_name": original.co_name}
    if sys.version_info >= (3, 11):
        names["co_qualname"] = original.co_qualname
    return code.replace(**names)


# --- what a call records --------------------------------------------------------------------------


def _captured(options: Options, names: tuple[str, ...], function: FunctionType) -> tuple[str, ...]:
    wanted = options.capture_args
    if isinstance(wanted, tuple):
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise ValueError(
                f"{function.__qualname__} has no parameter {unknown[0]!r} to capture;"
                f" it has {', '.join(names) or 'none'}"
            )
        return wanted
    if not wanted:
        return ()
    skipped = names[:1] if names[:1] in (("self",), ("cls",)) else ()
    return names[len(skipped) :]


_REDACTED: Final = "[redacted]"
"""What is recorded of an argument that is not to be seen."""


def redacted(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Captured arguments without those of some names, also where they lie in `**kwargs`."""
    seen = {name: _REDACTED if name in names else value for name, value in values.items()}
    for name, value in seen.items():
        if type(value) is dict and any(key in names for key in value):
            seen[name] = {key: _REDACTED if key in names else item for key, item in value.items()}
    return seen


class Recorder:
    """What a traced function records beside its span."""

    __slots__ = ("_attributes", "_floor", "_redact", "captured", "starts")

    def __init__(self, options: Options, captured: tuple[str, ...]) -> None:
        self.captured = captured
        self._redact = options.redact
        self._attributes = dict(options.attributes) if options.attributes else None
        self._floor = int((options.min_duration or 0) * 1e9)
        self.starts = self._attributes is not None or self._floor > 0

    @property
    def has_floor(self) -> bool:
        """Whether short spans are left out."""
        return self._floor > 0

    def start(self) -> tuple[dict[str, Any] | None, Rare | None]:
        """What a span begins with."""
        more = None
        if self._floor:
            more = Rare()
            more.floor = self._floor
        return (None if self._attributes is None else self._attributes.copy()), more

    def arguments(self, span: Span, values: Mapping[str, Any]) -> None:
        """Record captured arguments."""
        if self._redact:
            values = redacted(values, self._redact)
        if not span._end:
            put_attributes(span, values.items())

    def result(self, span: Span, value: Any) -> None:
        """Record a captured return value."""
        if not span._end:
            put_attributes(span, ((_RETURN, value),))
