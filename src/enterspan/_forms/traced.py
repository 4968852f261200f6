"""The decorator `traced`: which objects it accepts, and what it returns for each.

Functions get a wrapper that is compiled with their own parameters (`wrapper`), other callables a
wrapt proxy (`callables`). Entry points use another recorder.
"""

from __future__ import annotations

from types import FunctionType

from enterspan._forms.enter import settle
from enterspan._forms.options import Options, replaced
from enterspan._forms.recorder import captured, recorder_for, span_name
from enterspan._forms.wrapper import is_traced, parameter_names, wrap_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from enterspan._span.tracer import Tracer


def trace(target: Any, tracer: Tracer, options: Options) -> Any:
    """Return an object of the same type with a span around each call."""
    if isinstance(target, FunctionType):
        return _trace_function(target, tracer, options)
    import functools  # the rest is rarer

    if isinstance(target, (classmethod, staticmethod)):
        return type(target)(trace(target.__func__, tracer, options))
    if isinstance(target, property):
        return _trace_property(target, tracer, options)
    if isinstance(target, functools.cached_property):
        return _trace_cached_property(target, tracer, options)
    if isinstance(target, functools.partialmethod):
        inner = trace(target.func, tracer, options)
        return functools.partialmethod(inner, *target.args, **target.keywords)
    if isinstance(target, type):
        return _trace_class(target, tracer, options)
    if callable(target):
        from enterspan._forms.callables import trace_callable  # wrapt takes long to import

        return trace_callable(target, tracer, options)
    raise TypeError(
        f"traced takes a function, a method, a property or a class, not {target!r};"
        " put @traced below other descriptors"
    )


def _with_name(options: Options, name: str, function: Any = None) -> Options:
    """The options for one of several functions: captures only the parameters that it has."""
    captured = options.capture_args
    if isinstance(captured, tuple) and isinstance(function, FunctionType):
        known = parameter_names(function)
        captured = tuple([arg for arg in captured if arg in known])
    return replaced(options, name=name, capture_args=captured)


def _check_captured(options: Options, owner: object, functions: list[Any]) -> None:
    """Raise TypeError for a name to capture that no function has as a parameter."""
    if isinstance(options.capture_args, tuple) and functions:
        known = {arg for f in functions for arg in parameter_names(f)}
        for name in options.capture_args:
            if name not in known:
                raise ValueError(f"no function of {owner!r} has a parameter {name!r} to capture")


def _trace_property(target: property, tracer: Tracer, options: Options) -> property:
    functions = (target.fget, target.fset, target.fdel)
    _check_captured(options, target, [f for f in functions if isinstance(f, FunctionType)])
    made: list[Any] = []
    for function, suffix in zip(functions, ("", ".setter", ".deleter"), strict=True):
        if function is None:
            made.append(None)
        else:
            chosen = _with_name(options, (options.name or span_name(function)) + suffix, function)
            made.append(trace(function, tracer, chosen))
    kind: Any = type(target)
    if kind is property:
        # One by one: passing `doc` would replace the getter's docstring.
        plain: property = target.getter(made[0]) if made[0] is not None else target
        plain = plain.setter(made[1]) if made[1] is not None else plain
        return plain.deleter(made[2]) if made[2] is not None else plain
    copied: property = kind.__new__(kind)  # a subclass may have another constructor
    property.__init__(copied, made[0], made[1], made[2], target.__doc__)
    vars(copied).update(vars(target))
    return copied


def _trace_cached_property(target: Any, tracer: Tracer, options: Options) -> Any:
    kind: Any = type(target)
    made = kind.__new__(kind)
    vars(made).update(vars(target))
    made.func = trace(target.func, tracer, options)
    return made


def _trace_class(cls: type, tracer: Tracer, options: Options) -> type:
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
        setattr(cls, name, trace(member, tracer, _with_name(options, span, function)))
    return cls


def _trace_function(function: FunctionType, tracer: Tracer, options: Options) -> FunctionType:
    names = parameter_names(function)
    recorder = recorder_for(
        tracer, options, span_name(function), captured(options, names, function)
    )
    return wrap_function(function, recorder, settle)
