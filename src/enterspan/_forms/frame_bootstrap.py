"""The only frame between an instrumented function and its caller.

Code that finds its caller by counting frames must skip this frame. `warnings` (`stacklevel=`) and
`logging` (from 3.11 on) skip frames whose path contains both `importlib` and `_bootstrap`, those of
the import system; others (pandas, matplotlib, structlog, `skip_file_prefixes=`) skip frames whose
file or module belongs to their own package. So the code of `call` runs with the globals of the
function, and under a path to this very file that begins in the function's package and leads through
the standard library's `importlib`. If a package counts its own frames and passes the number to
`warnings`, both have to count this frame: then its path does not lead through `importlib`.

`call` uses no globals: they would be looked up in the function's module.
"""

from __future__ import annotations

import importlib
import os
from functools import cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.tracebacks import set_traceback, traceback_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HERE: Final = os.path.realpath(__file__)  # code objects have paths as str
PLAIN: Final = frozenset({type(None), str, int, bool, float, bytes, tuple, list, dict, set})
_IMPORTLIB: Final = os.path.dirname(os.path.realpath(importlib.__file__))  # noqa: PTH120 - a text


def call(  # the hot path: it uses defaults, which cost less than a closure
    wrapped: Any,
    _: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    tracer: Any,
    name: str,
    begin: Callable[..., Any],
    start: Callable[[tuple[Any, ...], dict[str, Any]], Any] | None,
    bind: Callable[[Any, tuple[Any, ...], dict[str, Any]], Mapping[str, Any] | None],
    fewest: float,
    most: float,
    captured: Callable[[Any, Mapping[str, Any]], None] | None,
    returned: Callable[[Any, Any], None] | None,
    end: Callable[..., None],
    settle: Callable[[Any, Any, Any, Any], Any],
    number: Any = len,
    kind_of: Any = type,
    raised: Any = BaseException,
    traceback_of: Any = traceback_of,
    set_traceback: Any = set_traceback,
    plain: Any = PLAIN,
) -> Any:
    """Called by wrapt in place of a callable: open a span around the call.

    Args:
        wrapped: the callable.
        args: of the call.
        kwargs: the keyword arguments.
        tracer: its `off` is true without a subscriber, or after the wrapper was removed.
        name: the name of the span.
        begin: opens a span; returns None if nothing is recorded.
        start: opens a span that begins with more than a name.
        bind: returns the arguments by name; None if the call is a TypeError.
        fewest: a call with fewer positional arguments has to be bound.
        most: so has one with more, or with any keyword.
        captured: records the arguments; every call has to be bound.
        returned: records the result.
        end: ends the span of a plain result, or of an exception.
        settle: ends the span of any other result, and returns it.
        number: `len`.
        kind_of: `type`.
        raised: `BaseException`.
        traceback_of: reads the traceback of an exception.
        set_traceback: sets it.
        plain: types of results for which the span ends at once.
    """
    __tracebackhide__ = __debuggerskip__ = True  # for pytest, and for IPython's debugger
    if tracer.off:
        return wrapped(*args, **kwargs)
    span = given = None
    if kwargs or not fewest <= number(args) <= most:
        given = bind(wrapped, args, kwargs)
        is_called = given is not None  # else the call raises the TypeError
    else:
        is_called = True
    if is_called:
        span = begin(tracer, name, None, None) if start is None else start(args, kwargs)
        if captured is not None and given is not None and span is not None:
            captured(span, given)
    try:
        result = wrapped(*args, **kwargs)
    except raised as error:
        # Kept by `raise` from 3.11 on. A name for it would be a cycle, which keeps the arguments.
        set_traceback(error, traceback_of(error).tb_next)
        if span is not None:
            end(span, error)
        raise
    if span is None:
        return result
    if returned is not None:
        returned(span, result)
    if kind_of(result) in plain:
        end(span)
        return result
    return settle(tracer, span, result, end)


_CONSTANTS: Final[Any] = call.__defaults__


def call_with(path: str, scope: dict[str, Any], known: tuple[Any, ...]) -> FunctionType:
    """`call` with the defaults for one callable, under a path and with a module's globals."""
    return FunctionType(code_at(path), scope, "call", known + _CONSTANTS)


@cache
def code_at(path: str) -> CodeType:
    """The code of `call` under a path."""
    return call.__code__.replace(co_filename=path)


@cache
def path_from(folder: str | None, *, counted: bool) -> str:
    """A path to this file from a folder, which leads through `importlib` unless counted."""
    path = folder or os.sep
    try:
        for leg in (_HERE,) if counted else (_IMPORTLIB, _HERE):
            path = os.path.join(path, os.path.relpath(leg, os.path.realpath(path)))  # noqa: PTH118
        return path if os.path.samefile(path, _HERE) else _HERE  # noqa: PTH121
    except (OSError, ValueError):  # another drive, or a missing folder
        return _HERE
