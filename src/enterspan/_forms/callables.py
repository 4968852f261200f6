"""Transparent wrappers, for instrumented callables and for callables that are not functions.

They are wrapt proxies, so that the callable otherwise behaves as before.
"""

from __future__ import annotations

import inspect
import sys
from copy import copy, deepcopy
from functools import partial
from math import inf
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, cast

from wrapt import BaseObjectProxy, FunctionWrapper

from enterspan._forms.enter import settle
from enterspan._forms.frame_bootstrap import call_with, code_at, path_from
from enterspan._forms.options import replaced
from enterspan._forms.recorder import Recorder, captured, recorder_for, span_name
from enterspan._forms.results import COROUTINE, FUTURE, kind_of
from enterspan._forms.wrapper import is_traced, parameter_names, wrap_function

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enterspan._forms.options import Options
    from enterspan._span.tracer import Tracer

    Bind = Callable[[Any, tuple[Any, ...], dict[str, Any]], Mapping[str, Any] | None]

_SUSPENDED: Final = (
    inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)


_annotations: Final[Any] = next(
    (
        vars(kind)["__annotations__"]
        for kind in FunctionWrapper.__mro__
        if "__annotations__" in vars(kind)
    ),
    None,
)
"""How wrapt's C extension gets annotations; without it, each wrapper has them as an attribute."""


def without_annotations(kind: type) -> None:
    """Remove a wrapper class's own annotations, which would hide the wrapped object's.

    Before 3.14, Python creates an empty dictionary on access if a class has none.
    """
    if sys.version_info < (3, 14) and _annotations is not None:
        type.__setattr__(kind, "__annotations__", _annotations)


class TracedCallable(FunctionWrapper[Any, Any]):
    """A proxy of any callable, with a span around each call."""

    # Not annotated: the class would have its own `__annotations__`.
    _self_again = cast("Any", None)
    """How copies are made, if not by instrumenting."""
    _self_before = cast("Any", None)
    """The values of its call before it was retired."""

    @property
    def _self_tracer(self) -> Any:
        call: Any = self._self_wrapper
        return call.__defaults__[0]

    def retire(self) -> None:
        """Stop recording: it was removed, but may still be referenced."""
        call: Any = self._self_wrapper
        self._self_before = call.__defaults__  # without the GIL, a call may be reading it
        call.__defaults__ = (_Retired, *call.__defaults__[1:])

    def move(self, path: str) -> None:
        """Change the path of the frame of its calls; see `frame_bootstrap`."""
        call: Any = self._self_wrapper
        if call.__name__ == "call":
            call.__code__ = code_at(path)

    def holders(self) -> list[Any]:
        """The objects of this wrapper that reference the wrapped callable."""
        call: Any = self._self_wrapper
        forms = call.__defaults__[-1] if call.__name__ == "call_suspended" else ()
        return [held for form in forms for held in (*form.__closure__, vars(form))]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle by reference if a name leads here; else the wrapped callable, or its making."""
        wrapped = inside(self)
        name = getattr(wrapped, "__qualname__", None)
        found: Any = sys.modules.get(getattr(wrapped, "__module__", None) or "")
        for part in name.split(".") if isinstance(name, str) else ():
            found = getattr(found, part, None)
        if found is self or type(wrapped) is FunctionType:
            return name
        return self._self_again or wrapped.__reduce_ex__(protocol)

    def __reduce__(self) -> Any:
        """Pickle like `__reduce_ex__`."""
        return self.__reduce_ex__(2)

    def __copy__(self) -> Any:
        """Copy the wrapped object; a function is not copied, and then this is not either."""
        return self._around(copy(inside(self)))

    def __deepcopy__(self, memo: Any) -> Any:
        """Copy the wrapped object; a function is not copied, and then this is not either."""
        return self._around(deepcopy(inside(self), memo))

    def _around(self, copied: Any) -> Any:
        if copied is inside(self):
            return self
        made: Any = type(self)(copied, self._self_wrapper, self._self_enabled)
        if self._self_again is not None:
            make, (_, *options) = self._self_again
            made._self_again = make, (copied, *options)
        return made

    def __repr__(self) -> str:
        """Return the `repr` of the wrapped object."""
        return repr(inside(self))


class Called:
    """The `__call__` of object wrappers: bound on an instance, and a function on the type.

    Frameworks look it up on both.
    """

    def __init__(self, bind: Callable[[Any], Any]) -> None:
        self._bind = bind

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind it to a wrapper."""
        return _call if instance is None else self._bind(instance)


def _call(wrapper: Any, /, *args: Any, **kwargs: Any) -> Any:
    return wrapper.__call__(*args, **kwargs)


class TracedObject(BaseObjectProxy[Any]):
    """The wrapper of a callable object that is not bound to an instance, such as a partial.

    Frameworks inspect its `__call__` to see whether it is a coroutine function.
    """

    # A common base class would have its own `__dict__` and `__doc__`.
    _self_again = TracedCallable._self_again
    _self_tracer = TracedCallable._self_tracer
    _around = TracedCallable._around
    retire = TracedCallable.retire
    move = TracedCallable.move
    holders = TracedCallable.holders
    __reduce_ex__ = TracedCallable.__reduce_ex__
    __reduce__ = TracedCallable.__reduce__
    __copy__ = TracedCallable.__copy__
    __deepcopy__ = TracedCallable.__deepcopy__
    __repr__ = TracedCallable.__repr__

    def __init__(self, wrapped: Any, call: Any, enabled: Any) -> None:
        super().__init__(wrapped)
        self._self_wrapper = call
        self._self_enabled = enabled

    __call__ = cast("Any", Called)(
        lambda self: TracedCallable(call_of(inside(self)), self._self_wrapper, self._self_enabled)
    )

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature: `inspect` would otherwise read the type's `__call__`, a property."""
        return signature_of(self)


class TracedFunction(TracedCallable):
    """The wrapper of a Python function, which binds methods as Python does.

    wrapt's bound wrappers cost four times as much, and pickle and copy don't treat them as methods.
    """

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind it to an instance."""
        return self if instance is None else MethodType(self, instance)


_c_wrapped: Any = getattr(FunctionWrapper, "__wrapped__", None)
inside: Any = attrgetter("__wrapped__") if _c_wrapped is None else _c_wrapped.__get__
"""The object that a wrapper of this module wraps."""

if _c_wrapped is not None:  # wrapt's own code in Python would need the attribute
    # The function's own `__wrapped__`, if any: unwrapping must not visit it twice.
    _of_function: Any = property(
        lambda self: inside(self).__wrapped__,
        lambda self, value: setattr(inside(self), "__wrapped__", value),
        lambda self: delattr(inside(self), "__wrapped__"),
    )
    type.__setattr__(TracedFunction, "__wrapped__", _of_function)


for _kind in (TracedCallable, TracedObject, TracedFunction):
    without_annotations(_kind)


class Wrapping:
    """The options shared by the wrappers of one instrumentation."""

    __slots__ = ("_enabled", "_known", "_options", "_settle", "tracer")

    def __init__(
        self, tracer: Tracer, options: Options, settle: Any = None, enabled: Any = None
    ) -> None:
        """Take the options; names to capture that a function lacks are ignored.

        At each call, wrapt tests `enabled` to decide whether to call the wrapper: by default,
        whether there is a subscriber. This is C code without a frame.
        """
        self.tracer = tracer
        if options.name is not None:
            options = replaced(options, name=None)
        self._options = options
        self._settle = settle or _settle_own
        # By default a list, which is false if it is empty.
        self._enabled: Any = tracer.recording if enabled is None else enabled
        recorder = recorder_for(tracer, options, "")
        recorded = recorder.starts or options.capture_args or options.capture_return
        self._known = None if recorded else (recorder.begin, recorder.end)

    def refuses(self, function: Any) -> str | None:  # noqa: ARG002 - subclasses use it
        """Why a Python function is not wrapped although it could be; None if it is wrapped."""
        return None

    def wrap(self, target: Any, name: str, path: str) -> TracedCallable | TracedObject:
        """Return a replacement of a callable with a span around each call.

        Args:
            target: a Python function, any other callable, or a wrapper made by this method.
            name: of the spans.
            path: the path of the frame between the function and its caller.
        """
        if not is_function(target):
            kind = TracedObject if is_plain_object(target) else TracedCallable
            return kind(target, self._call_of(None, name, path), self._enabled)
        if target.__code__.co_flags & _SUSPENDED:
            known: Any = self.tracer, self._options, name, []
            call = FunctionType(call_suspended.__code__, globals(), "call_suspended", known)
        else:
            call = self._call_of(target, name, path)
        return TracedFunction(target, call, self._enabled)

    def _call_of(self, function: Any, name: str, path: str) -> FunctionType:
        """The function that wrapt calls in place of a callable that completes when it returns."""
        start = record = returned = None
        if self._known is not None:  # the span has only a name
            begin, end = self._known
        else:
            options = self._options
            recorder = recorder_for(self.tracer, options, name)
            begin, end, start = recorder.begin, recorder.end, _start(recorder)
            record = _captured(options, function, recorder) if options.capture_args else None
            returned = recorder.result if options.capture_return else None
        fewest, most = _arity(function, always=record is not None)
        scope, bind = (
            (globals(), _as_given) if function is None else (function.__globals__, _Binding())
        )
        known = (
            self.tracer, name, begin, start, bind, fewest, most, record, returned, end, self._settle
        )  # fmt: skip
        return call_with(path, scope, known)


def _start(recorder: Recorder) -> Any:
    """The function that opens a span with more than a name; None if there is only the name."""
    if not recorder.starts:
        return None
    begin, start, tracer, name = recorder.begin, recorder.start, recorder.tracer, recorder.name
    return lambda args, kwargs: begin(tracer, name, *start(*args, **kwargs))


def trace_callable(target: Any, tracer: Tracer, options: Options) -> Any:
    """Return a wrapper of a callable that is not a plain function."""
    if options.capture_args and options.capture_args is not True:
        raise ValueError(
            f"capture_args needs a function with named parameters, not {target!r}; use True"
        )
    name = options.name or span_name(target)
    made = Wrapping(tracer, options, settle).wrap(target, name, path_from(None, counted=False))
    made._self_again = trace_callable, (target, tracer, options)
    return made


def call_suspended(
    wrapped: Any,
    _: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    tracer: Tracer,
    options: Options,
    name: str,
    forms: list[Any],
) -> Any:
    """Called by wrapt in place of a coroutine function or a generator function.

    Returns the result of the `traced` wrapper; this frame is gone when the body runs.
    """
    if tracer.off:
        return wrapped(*args, **kwargs)
    if not forms:  # made on first use: most functions are never called
        wanted = _wanted(options, wrapped)
        known = replaced(options, name=name, capture_args=wanted)
        names = captured(known, parameter_names(wrapped), wrapped)
        forms.append(wrap_function(wrapped, recorder_for(tracer, known, name, names), settle))
    return forms[0](*args, **kwargs)


class _Retired:
    """Replaces the tracer of a removed wrapper."""

    off: Final = True


def _wanted(options: Options, function: Any) -> bool | tuple[str, ...]:
    """The arguments to capture of one of many functions: the given names that it has."""
    wanted = options.capture_args
    if isinstance(wanted, tuple):
        known = parameter_names(function)
        return tuple([arg for arg in wanted if arg in known])
    return wanted


def is_ours(value: object) -> bool:
    """Whether an object is a wrapper of this module."""
    kind = type(value)
    return kind is TracedFunction or kind is TracedCallable or kind is TracedObject


def is_retired(wrapper: Any) -> bool:
    """Whether a wrapper of this module was removed."""
    return wrapper._self_tracer is _Retired


def original_of(value: Any) -> Any:
    """The object inside all wrappers of this module."""
    while type(value) is not FunctionType and is_ours(value):
        value = inside(value)
    return value


def is_traced_by(function: object, tracer: Tracer) -> bool:
    """Whether a function was returned by `@traced` of this tracer."""
    if is_ours(function):
        return function._self_again is not None and function._self_tracer is tracer  # type: ignore[attr-defined]
    cells: Any = function.__closure__ if type(function) is FunctionType else None
    return bool(cells) and is_traced(function) and any(c.cell_contents is tracer for c in cells)


def signature_of(wrapper: Any) -> inspect.Signature:
    """The signature of the wrapped object; AttributeError if it has none."""
    try:
        return inspect.signature(inside(wrapper))
    except (TypeError, ValueError) as error:
        raise AttributeError(str(error)) from None


def is_plain_object(target: object) -> bool:
    """Whether an object is callable by its `__call__`, and is not a bound method."""
    kind = type(target)
    return not (kind is BuiltinFunctionType or issubclass(kind, type) or hasattr(kind, "__get__"))


def call_of(target: Any) -> Any:
    """The method that a call of an object runs: its type's `__call__`."""
    kind = type(target)
    for each in kind.__mro__:
        if "__call__" in vars(each):
            found = vars(each)["__call__"]
            bind = getattr(type(found), "__get__", None)
            return found if bind is None else bind(found, target, kind)
    return target.__call__


def is_function(target: object) -> bool:
    """Whether an object is a Python function, or a wrapper of one."""
    kind = type(target)
    return kind is FunctionType or kind is TracedFunction


# --- arguments ------------------------------------------------------------------------------------


def _captured(options: Options, function: Any, recorder: Recorder) -> Any:
    """The function that records the arguments of a call."""
    if function is None:
        return partial(_record_unnamed, recorder, bool(options.redact))
    names = parameter_names(function)
    wanted = _wanted(options, function)
    if wanted is True:
        wanted = names[1:] if names[:1] in {("self",), ("cls",)} else names
    return partial(_record_named, recorder, wanted) if wanted else None


def _record_named(
    recorder: Recorder, names: tuple[str, ...], span: Any, given: Mapping[str, Any]
) -> None:
    recorder.arguments(span, {name: given[name] for name in names})


def _record_unnamed(
    recorder: Recorder, redacted: bool, span: Any, given: Mapping[str, Any]
) -> None:
    """Record arguments of unknown names; no positional ones if there are names to redact."""
    args = "[redacted]" if redacted and given["args"] else given["args"]
    recorder.arguments(span, {"args": args, "kwargs": given["kwargs"]})


def _as_given(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Mapping[str, Any]:
    return {"args": args, "kwargs": kwargs}


def _arity(function: Any, *, always: bool) -> tuple[float, float]:
    """How many positional arguments a call needs to have that is not bound."""
    if always:
        return inf, -inf
    if function is None:
        return -inf, inf
    code = function.__code__
    if code.co_kwonlyargcount and code.co_kwonlyargcount > len(function.__kwdefaults__ or ()):
        return inf, -inf
    fewest = code.co_argcount - len(function.__defaults__ or ())
    return fewest, inf if code.co_flags & inspect.CO_VARARGS else code.co_argcount


class _Binding:
    """Binds the arguments of a call to the parameters of its function.

    It calls a lambda with the same parameters, which is compiled on first use.
    """

    __slots__ = ("_binder",)
    _binder: Any

    def __call__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the arguments by name; None if the call is a TypeError."""
        try:
            binder = self._binder
        except AttributeError:
            binder = self._binder = _binder(function)
        binder.__defaults__ = function.__defaults__
        binder.__kwdefaults__ = function.__kwdefaults__
        try:
            return binder(*args, **kwargs)
        except TypeError:
            return None


def _binder(function: Any) -> Any:
    """A function with the same parameters that returns them by name."""
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
    except SyntaxError:  # not compiled by Python
        return lambda *_args, **_kwargs: dict.fromkeys(names)


class _Shown(type):
    """The `repr` of the default values of a binder's function."""

    def __repr__(cls) -> str:
        return "omitted"


class _Omitted(metaclass=_Shown):
    """A placeholder for any default."""


# --- the end of a span ----------------------------------------------------------------------------


def _settle_own(tracer: Tracer, span: Any, result: Any, end: Any) -> Any:
    """End a span when its coroutine or future has settled; return other results unchanged.

    A generator or an awaitable object that a function returns may be owned by other code, which
    must get the same object.
    """
    if kind_of(result) in {COROUTINE, FUTURE}:
        return settle(tracer, span, result, end)
    end(span)
    return result
