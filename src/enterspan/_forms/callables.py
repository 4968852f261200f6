"""Wrappers that leave a callable what it is: for what is instrumented, and for what is no function.

They are wrapt's, so that everything else about the callable is as before.
"""

from __future__ import annotations

import inspect
import sys
from functools import partial
from itertools import repeat
from math import inf
from operator import attrgetter, not_
from types import CoroutineType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

from wrapt import FunctionWrapper

from enterspan._forms.enter import is_plain, settle
from enterspan._forms.frame_bootstrap import call_at, make_call, path_from
from enterspan._forms.traced import Recorder, is_traced, parameter_names, span_name, trace
from enterspan._model.diagnostics import warn_once
from enterspan._span.scope import begin, begin_with_floor, fail, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enterspan._forms.traced import Options
    from enterspan._span.switchboard import Switchboard as Tracer

    Bind = Callable[[Any, tuple[Any, ...], dict[str, Any]], Mapping[str, Any] | None]

_SUSPENDED: Final = (
    inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)


class TracedCallable(FunctionWrapper[Any, Any]):
    """Any callable with a span around each call; in all else the callable itself."""

    def __init__(
        self,
        wrapped: Any,
        call: FunctionType,
        tracer: Tracer,
        retired: list[bool],
        again: Any = None,
        forms: Any = (),
    ) -> None:
        super().__init__(wrapped, call, enabled=_is_on(tracer))
        self._self_tracer = tracer
        self._self_retired = retired
        self._self_again = again
        self._self_forms = forms

    def retire(self) -> None:
        """Record nothing from here on: it has been removed, but may be held for good."""
        self._self_retired.append(True)

    def move(self, path: str) -> None:
        """Have the frame of its calls under another path; see `frame_bootstrap`."""
        call: Any = self._self_wrapper
        if call.__name__ == "call_suspended":
            return  # its frame is gone when the body runs
        call.__code__ = call.__code__.replace(co_filename=path)

    def holders(self) -> list[Any]:
        """What belongs to this and holds what is wrapped."""
        found: list[Any] = [self]
        for form in self._self_forms:
            found += [*form.__closure__, vars(form)]
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle by reference where a name leads here; else what is wrapped, or how it was made."""
        wrapped = self.__wrapped__
        name = getattr(wrapped, "__qualname__", None)
        found: Any = sys.modules.get(getattr(wrapped, "__module__", None) or "")
        for part in name.split(".") if isinstance(name, str) else ():
            found = getattr(found, part, None)
        if found is self or type(wrapped) is FunctionType:
            return name
        return self._self_again or wrapped.__reduce_ex__(protocol)

    def __reduce__(self) -> Any:
        """Pickle as `__reduce_ex__` does."""
        return self.__reduce_ex__(2)

    def __copy__(self) -> Any:
        """Functions are not copied, and neither is this."""
        return self

    def __deepcopy__(self, memo: object) -> Any:
        """Functions are not copied, and neither is this."""
        return self


class TracedFunction(TracedCallable):
    """The same for a Python function, whose methods are bound as Python binds them.

    wrapt's bound wrappers cost four times as much, and are no methods to pickle and copy.
    """

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind it to an instance."""
        return self if instance is None else MethodType(self, instance)


def trace_callable(target: Any, tracer: Tracer, options: Options) -> Any:
    """Return a callable that is no plain function with a span around each call."""
    if options.capture_args and options.capture_args is not True:
        raise ValueError(
            f"capture_args needs a function with named parameters, not {target!r}; use True"
        )
    again = trace_callable, (target, tracer, options)
    return _wrapped(TracedCallable, target, tracer, options, _settle_any, again)


def instrumented(target: Any, tracer: Tracer, options: Options, path: str = "") -> TracedCallable:
    """Return a callable with a span around each call, in whose place it is to be put.

    Args:
        target: a Python function, any other callable, or what this has returned for one.
        tracer: what the spans are of.
        options: names to capture that the function does not have are left out.
        path: the path of the frame between the function and its caller.
    """
    code: Any = target.__code__ if is_function(target) else None
    if code is not None and code.co_flags & _SUSPENDED:
        retired: list[bool] = []
        forms: list[Any] = []
        call = _call_of_suspended(tracer, options, retired, forms)
        return TracedFunction(target, call, tracer, retired, None, forms)
    kind = TracedCallable if code is None else TracedFunction
    return _wrapped(kind, target, tracer, options, _settle_own, None, path)


def options_for(options: Options, name: str, function: Any = None) -> Options:
    """The options of one function of many: those names to capture that it has."""
    wanted = options.capture_args
    if isinstance(wanted, tuple):
        known = parameter_names(function) if is_function(function) else ()
        wanted = tuple([arg for arg in wanted if arg in known])
    changed: Options = options.__replace__(name=name, capture_args=wanted)  # type: ignore[attr-defined]
    return changed


def is_ours(value: object) -> bool:
    """Whether something is a wrapper of this module."""
    return type(value) is TracedFunction or type(value) is TracedCallable


def original_of(value: Any) -> Any:
    """What is inside of the wrappers of this module."""
    while is_ours(value):
        value = value.__wrapped__
    return value


def is_traced_by(function: object, tracer: Tracer) -> bool:
    """Whether a function is what `@traced` of this tracer has returned."""
    if is_ours(function):
        return function._self_tracer is tracer and function._self_again is not None  # type: ignore[attr-defined]
    return is_traced(function) and any(
        cell.cell_contents is tracer
        for cell in function.__closure__ or ()  # type: ignore[attr-defined]
    )


def is_function(target: object) -> bool:
    """Whether something is a Python function, or one in a wrapper of this module."""
    return type(target) in {FunctionType, TracedFunction}


def _is_on(tracer: Tracer) -> Callable[[], bool]:
    """Whether there is a subscriber, asked by wrapt at each call, without a frame: all of it is C."""
    return map(not_, map(attrgetter("off"), repeat(tracer))).__next__


def _wrapped(
    made: type[TracedCallable],
    target: Any,
    tracer: Tracer,
    options: Options,
    settle: Any,
    again: Any,
    path: str = "",
) -> TracedCallable:
    """The wrapper of what has run when it returns."""
    function = target if is_function(target) else None
    retired: list[bool] = []
    captured, recorder = _captured(options, function)
    call = make_call(
        tracer,
        _opening(tracer, options.name or span_name(target), options, recorder),
        _as_given if function is None else _binding(),
        *_arity(function, always=captured is not None),
        captured,
        recorder.result if options.capture_return else None,
        finish,
        fail,
        settle,
        retired,
    )
    scope = call.__globals__ if function is None else function.__globals__
    call = call_at(call, path or path_from(None, counted=False), scope)
    return made(target, call, tracer, retired, again)


def _call_of_suspended(
    tracer: Tracer, options: Options, retired: list[bool], forms: list[Any]
) -> FunctionType:
    """What wrapt calls for a coroutine function or a generator function: the form of `traced`."""

    def call_suspended(
        wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if tracer.off or retired:
            return wrapped(*args, **kwargs)
        if not forms:  # made when it is first needed: most functions are never called
            forms.append(trace(wrapped, tracer, options))
        return forms[0](*args, **kwargs)

    return call_suspended


# --- the beginning of a span ----------------------------------------------------------------------


def _opening(tracer: Tracer, name: str, options: Options, recorder: Recorder) -> Any:
    """What opens the span of a call, given its arguments."""
    open_span: Any = begin_with_floor if recorder.has_floor else begin
    if callable(options.attributes):
        return partial(_open_with, tracer, name, open_span, recorder, options.attributes)
    if recorder.starts:
        return lambda _args, _kwargs: open_span(tracer, name, *recorder.start())
    return lambda _args, _kwargs: begin(tracer, name, None, None)


def _open_with(
    tracer: Tracer, name: str, open_span: Any, recorder: Recorder, asked: Any, args: Any, kwargs: Any
) -> Any:
    """Open a span with the attributes that a function of the arguments returns."""
    token = tracer.set(tracer.mute)
    try:
        attributes = asked(*args, **kwargs)
        attributes = None if attributes is None else dict(attributes)
    except Exception as error:
        warn_once(asked, "attributes", error)
        attributes = None
    finally:
        tracer.restore(token)
    return open_span(tracer, name, attributes, recorder.start()[1])


# --- arguments ------------------------------------------------------------------------------------


def _captured(options: Options, function: Any) -> tuple[Any, Recorder]:
    """What records the arguments of a call, if anything, and the rest of what is recorded."""
    given = options.__replace__(attributes=None) if callable(options.attributes) else options  # type: ignore[attr-defined]
    recorder = Recorder(given, ())
    wanted = options.capture_args
    if not wanted:
        return None, recorder
    if function is None:
        return partial(_record_unnamed, recorder, bool(options.redact)), recorder
    names = parameter_names(function)
    if wanted is True:
        wanted = names[1:] if names[:1] in {("self",), ("cls",)} else names
    return partial(_record_named, recorder, wanted), recorder


def _record_named(
    recorder: Recorder, names: tuple[str, ...], span: Any, given: Mapping[str, Any]
) -> None:
    recorder.arguments(span, {name: given[name] for name in names})


def _record_unnamed(
    recorder: Recorder, redacted: bool, span: Any, given: Mapping[str, Any]
) -> None:
    """Record arguments whose names are not known: with anything to redact, no positional ones."""
    args = "[redacted]" if redacted and given["args"] else given["args"]
    recorder.arguments(span, {"args": args, "kwargs": given["kwargs"]})


def _as_given(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mapping[str, Any]:
    return {"args": args, "kwargs": kwargs}


def _arity(function: Any, *, always: bool) -> tuple[float, float]:
    """How many positional arguments fit without a keyword; none do if all calls are bound."""
    if always:
        return inf, -inf
    if function is None:
        return -inf, inf
    code = function.__code__
    if code.co_kwonlyargcount > len(function.__kwdefaults__ or ()):
        return inf, -inf
    fewest = code.co_argcount - len(function.__defaults__ or ())
    return fewest, inf if code.co_flags & inspect.CO_VARARGS else code.co_argcount


def _binding() -> Bind:
    """What binds the arguments of a call to the parameters of its function: Python itself.

    A lambda with the same parameters is called, compiled when it is first needed.
    """
    made: list[Any] = []

    def bind(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not made:
            made.append(_binder(function))
        binder = made[0]
        binder.__defaults__ = function.__defaults__
        binder.__kwdefaults__ = function.__kwdefaults__
        try:
            return binder(*args, **kwargs)
        except TypeError:
            return None

    return bind


def _binder(function: Any) -> Any:
    """A function of the same parameters that returns them by name."""
    code = function.__code__
    bare = FunctionType(code, {}, "bare", function.__defaults__, function.__closure__)
    bare.__kwdefaults__ = function.__kwdefaults__
    signature = inspect.signature(bare)
    parameters = [
        each.replace(default=each.empty if each.default is each.empty else _Omitted)
        for each in signature.parameters.values()
    ]
    shown = str(signature.replace(parameters=parameters))[1:-1]
    names = parameter_names(function)
    text = f"lambda {shown}: {{{', '.join([f'{name!r}: {name}' for name in names])}}}"
    try:
        return eval(text, {"omitted": None})  # noqa: S307 - the names of parameters and no more
    except SyntaxError:  # not made by Python's own compiler
        return lambda *_args, **_kwargs: dict.fromkeys(names)


class _Shown(type):
    """Shows the class of a default that a binder takes from its function."""

    def __repr__(cls) -> str:
        return "omitted"


class _Omitted(metaclass=_Shown):
    """Stands for any default."""


# --- the end of a span ----------------------------------------------------------------------------


def _settle_any(tracer: Tracer, span: Any, result: Any) -> Any:
    """End a span when the result of its call has settled; return the result."""
    if is_plain(result):
        finish(span)
        return result
    return settle(tracer, span, result, True)


def _settle_own(tracer: Tracer, span: Any, result: Any) -> Any:
    """End a span when its coroutine or future has settled; anything else is handed on as it is.

    A generator or an awaitable object that a function returns need not be its own: what gave it to
    the function, or holds it too, must find the same object.
    """
    kind = type(result)
    if kind is CoroutineType or hasattr(kind, "add_done_callback"):
        return settle(tracer, span, result, True)
    finish(span)
    return result
