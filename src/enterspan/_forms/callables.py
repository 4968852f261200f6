"""Wrappers that leave a callable what it is: for what is instrumented, and for what is no function.

They are wrapt's, so that everything else about the callable is as before.
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
"""How wrapt's extension finds them; without it, each wrapper has them as an attribute."""


def without_annotations(kind: type) -> None:
    """Have a class of wrappers keep no annotations of its own, which would hide what is wrapped.

    Where a class has none, Python before 3.14 makes an empty dictionary when it is asked for them.
    """
    if sys.version_info < (3, 14) and _annotations is not None:
        type.__setattr__(kind, "__annotations__", _annotations)


class TracedCallable(FunctionWrapper[Any, Any]):
    """Any callable with a span around each call; in all else the callable itself."""

    # With an annotation, the class would have `__annotations__` of its own.
    _self_again = cast("Any", None)
    """How it is made again, where that is not by instrumenting."""

    @property
    def _self_tracer(self) -> Any:
        call: Any = self._self_wrapper
        return call.__defaults__[0]

    def retire(self) -> None:
        """Record nothing from here on: it has been removed, but may be held for good."""
        call: Any = self._self_wrapper
        call.__defaults__ = (_Retired, *call.__defaults__[1:])

    def move(self, path: str) -> None:
        """Have the frame of its calls under another path; see `frame_bootstrap`."""
        call: Any = self._self_wrapper
        if call.__name__ == "call":
            call.__code__ = code_at(path)

    def holders(self) -> list[Any]:
        """What belongs to this and holds what is wrapped."""
        call: Any = self._self_wrapper
        forms = call.__defaults__[-1] if call.__name__ == "call_suspended" else ()
        return [held for form in forms for held in (*form.__closure__, vars(form))]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle by reference where a name leads here; else what is wrapped, or how it was made."""
        wrapped = inside(self)
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
        """Copy what is wrapped; functions are not copied, and neither is this then."""
        return self._around(copy(inside(self)))

    def __deepcopy__(self, memo: Any) -> Any:
        """Copy what is wrapped; functions are not copied, and neither is this then."""
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
        """Show what is wrapped."""
        return repr(inside(self))


class Called:
    """The `__call__` of wrappers of objects: what such a wrapper binds; of their type, a function.

    Type checks and frameworks look it up on either.
    """

    def __init__(self, bind: Callable[[Any], Any]) -> None:
        self._bind = bind

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind it to a wrapper."""
        return _call if instance is None else self._bind(instance)


def _call(wrapper: Any, /, *args: Any, **kwargs: Any) -> Any:
    return wrapper.__call__(*args, **kwargs)


class TracedObject(BaseObjectProxy[Any]):
    """The same for a callable object that is not bound to an instance, such as a partial.

    Frameworks ask its `__call__` whether it is a coroutine function.
    """

    # A base class for both would have a `__dict__` and a `__doc__` of its own.
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
        """The signature: `inspect` asks the type's `__call__` otherwise, which is a property."""
        return signature_of(self)


class TracedFunction(TracedCallable):
    """The same for a Python function, whose methods are bound as Python binds them.

    wrapt's bound wrappers cost four times as much, and are no methods to pickle and copy.
    """

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind it to an instance."""
        return self if instance is None else MethodType(self, instance)


_c_wrapped: Any = getattr(FunctionWrapper, "__wrapped__", None)
inside: Any = attrgetter("__wrapped__") if _c_wrapped is None else _c_wrapped.__get__
"""What a wrapper of this module wraps."""

if _c_wrapped is not None:  # wrapt's own code in Python would need the attribute
    # What the function itself wraps, if it does: what unwraps it must not come by it twice.
    _of_function: Any = property(
        lambda self: inside(self).__wrapped__,
        lambda self, value: setattr(inside(self), "__wrapped__", value),
        lambda self: delattr(inside(self), "__wrapped__"),
    )
    type.__setattr__(TracedFunction, "__wrapped__", _of_function)


for _kind in (TracedCallable, TracedObject, TracedFunction):
    without_annotations(_kind)


class Wrapping:
    """What the wrappers of one instrumentation have in common."""

    __slots__ = ("_enabled", "_known", "_options", "_settle", "tracer")

    def __init__(
        self, tracer: Tracer, options: Options, settle: Any = None, enabled: Any = None
    ) -> None:
        """Take the options; names to capture that a function does not have are left out.

        wrapt asks `enabled` at each call whether to call us: by default, whether there is a
        subscriber. All of it is C: there is no frame.
        """
        self.tracer = tracer
        self._options = options = replaced(options, name=None)
        self._settle = settle or _settle_own
        # By default a list, of which wrapt asks whether it is empty.
        self._enabled: Any = tracer.recording if enabled is None else enabled
        recorder = recorder_for(tracer, options, "")
        recorded = recorder.starts or options.capture_args or options.capture_return
        self._known = None if recorded else (recorder.begin, recorder.end)

    def refuses(self, function: Any) -> str | None:  # noqa: ARG002 - subclasses use it
        """Why a Python function that could be wrapped is not to be; None where it is."""
        return None

    def wrap(self, target: Any, name: str, path: str) -> TracedCallable | TracedObject:
        """Return a callable with a span around each call, in whose place it is to be put.

        Args:
            target: a Python function, any other callable, or what this has returned for one.
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
        """What wrapt calls in place of a callable that has run when it returns."""
        start = record = returned = None
        if self._known is not None:  # a span has a name and no more
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
        known = (self.tracer, name, begin, start, bind, fewest, most, record, returned)
        return call_with(path, scope, (*known, end, self._settle))


def _start(recorder: Recorder) -> Any:
    """What opens the span of a call where more is known than its name; None where it isn't."""
    if not recorder.starts:
        return None
    begin, start, tracer, name = recorder.begin, recorder.start, recorder.tracer, recorder.name
    return lambda args, kwargs: begin(tracer, name, *start(*args, **kwargs))


def trace_callable(target: Any, tracer: Tracer, options: Options) -> Any:
    """Return a callable that is no plain function with a span around each call."""
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
    """Be called by wrapt in place of a coroutine function or a generator function.

    It returns what the form of `traced` does, and no frame of it is there when the body runs.
    """
    if tracer.off:
        return wrapped(*args, **kwargs)
    if not forms:  # made when it is first needed: most functions are never called
        wanted = _wanted(options, wrapped)
        known = replaced(options, name=name, capture_args=wanted)
        names = captured(known, parameter_names(wrapped), wrapped)
        forms.append(wrap_function(wrapped, recorder_for(tracer, known, name, names), settle))
    return forms[0](*args, **kwargs)


class _Retired:
    """Stands for the tracer where a wrapper has been removed."""

    off: Final = True


def _wanted(options: Options, function: Any) -> bool | tuple[str, ...]:
    """What to capture of the arguments of one function of many: those names that it has."""
    wanted = options.capture_args
    if isinstance(wanted, tuple):
        known = parameter_names(function)
        return tuple([arg for arg in wanted if arg in known])
    return wanted


def is_ours(value: object) -> bool:
    """Whether something is a wrapper of this module."""
    kind = type(value)
    return kind is TracedFunction or kind is TracedCallable or kind is TracedObject


def original_of(value: Any) -> Any:
    """What is inside of the wrappers of this module."""
    while is_ours(value):
        value = inside(value)
    return value


def is_traced_by(function: object, tracer: Tracer) -> bool:
    """Whether a function is what `@traced` of this tracer has returned."""
    if is_ours(function):
        return function._self_again is not None and function._self_tracer is tracer  # type: ignore[attr-defined]
    cells: Any = function.__closure__ if type(function) is FunctionType else None
    return bool(cells) and is_traced(function) and any(c.cell_contents is tracer for c in cells)


def signature_of(wrapper: Any) -> inspect.Signature:
    """The signature of what is wrapped; AttributeError where it has none."""
    try:
        return inspect.signature(inside(wrapper))
    except (TypeError, ValueError) as error:
        raise AttributeError(str(error)) from None


def is_plain_object(target: object) -> bool:
    """Whether something is an object that is called by its `__call__`, and is not bound."""
    kind = type(target)
    return not (kind is BuiltinFunctionType or issubclass(kind, type) or hasattr(kind, "__get__"))


def call_of(target: Any) -> Any:
    """What a call of an object calls: its type's `__call__`, whatever the object itself has."""
    kind = type(target)
    for each in kind.__mro__:
        if "__call__" in vars(each):
            found = vars(each)["__call__"]
            bind = getattr(type(found), "__get__", None)
            return found if bind is None else bind(found, target, kind)
    return target.__call__


def is_function(target: object) -> bool:
    """Whether something is a Python function, or one in a wrapper of this module."""
    kind = type(target)
    return kind is FunctionType or kind is TracedFunction


# --- arguments ------------------------------------------------------------------------------------


def _captured(options: Options, function: Any, recorder: Recorder) -> Any:
    """What records the arguments of a call."""
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


class _Binding:
    """Binds the arguments of a call to the parameters of its function: Python itself does.

    A lambda with the same parameters is called, compiled when it is first needed.
    """

    __slots__ = ("_binder",)
    _binder: Any

    def __call__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The arguments by name; None where the call is a TypeError."""
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


def _settle_own(tracer: Tracer, span: Any, result: Any, end: Any) -> Any:
    """End a span when its coroutine or future has settled; anything else is handed on as it is.

    A generator or an awaitable object that a function returns need not be its own: what gave it to
    the function, or holds it too, must find the same object.
    """
    if kind_of(result) in {COROUTINE, FUTURE}:
        return settle(tracer, span, result, end)
    end(span)
    return result
