"""The one frame of ours between an instrumented function and its caller.

Code that finds its caller by counting frames must not count this one. `warnings` (`stacklevel=`)
and `logging` (from 3.11 on) skip frames whose path contains both `importlib` and `_bootstrap`,
those of the import system; others (pandas, matplotlib, structlog, `skip_file_prefixes=`) skip
frames whose file or module belongs to their own package. So the code of `call` runs with the
globals of the function, and under a path to this very file that begins in the function's package
and leads through the standard library's `importlib`. Where a package counts its own frames and
hands the number to `warnings`, this frame has to be counted by both: then its path doesn't lead
through `importlib`.

`call` uses no global names: they would be looked up in the function's module.
"""

from __future__ import annotations

import importlib
import os
from functools import cache
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HERE: Final = os.path.realpath(__file__)  # the paths of code are texts
PLAIN: Final = frozenset({type(None), str, int, bool, float, bytes, tuple, list, dict, set})
_IMPORTLIB: Final = os.path.dirname(os.path.realpath(importlib.__file__))  # noqa: PTH120 - a text


def call(  # the hot path: what it needs are defaults, which cost less than a closure
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
    plain: Any = PLAIN,
) -> Any:
    """Be called by wrapt in place of a callable, and put a span around the call.

    Args:
        wrapped: the callable.
        args: of the call.
        kwargs: of the call.
        tracer: its `off` says that there is no subscriber, or that the wrapper was removed.
        name: of the span.
        begin: opens a span; None where nothing is recorded.
        start: opens it where more than the name is known when it begins.
        bind: the arguments of a call by name; None where it is a TypeError.
        fewest: with fewer positional arguments the call has to be bound.
        most: with more of them too; and with any keyword.
        captured: records the arguments; every call has to be bound for it.
        returned: records the result.
        end: ends the span of a plain result, or of an exception.
        settle: ends the span of any other result, and returns it.
        number: `len`.
        kind_of: `type`.
        raised: `BaseException`.
        plain: the types of results that are done with.
    """
    __tracebackhide__ = __debuggerskip__ = True  # for pytest, and for IPython's debugger
    if tracer.off:
        return wrapped(*args, **kwargs)
    given = None
    if kwargs or not fewest <= number(args) <= most:
        given = bind(wrapped, args, kwargs)
        if given is None:
            return wrapped(*args, **kwargs)  # raises the TypeError: nothing is called
    span = begin(tracer, name, None, None) if start is None else start(args, kwargs)
    if span is None:
        return wrapped(*args, **kwargs)
    if captured is not None and given is not None:
        captured(span, given)
    try:
        result = wrapped(*args, **kwargs)
    except raised as error:
        traceback = error.__traceback__
        error.__traceback__ = traceback and traceback.tb_next  # kept by `raise` from 3.11 on
        end(span, error)
        raise
    if returned is not None:
        returned(span, result)
    if kind_of(result) in plain:
        end(span)
        return result
    return settle(tracer, span, result, end)


_CONSTANTS: Final[Any] = call.__defaults__


def call_with(path: str, scope: dict[str, Any], known: tuple[Any, ...]) -> FunctionType:
    """`call` with what it knows of one callable, under a path and in a module's globals."""
    return FunctionType(code_at(path), scope, "call", known + _CONSTANTS)


@cache
def code_at(path: str) -> CodeType:
    """The code of `call` under a path."""
    return call.__code__.replace(co_filename=path)


@cache
def path_from(folder: str | None, *, counted: bool) -> str:
    """A path to this file that begins in a folder, and leads through `importlib` unless counted."""
    path = folder or os.sep
    try:
        for leg in (_HERE,) if counted else (_IMPORTLIB, _HERE):
            path = os.path.join(path, os.path.relpath(leg, os.path.realpath(path)))  # noqa: PTH118
        return path if os.path.samefile(path, _HERE) else _HERE  # noqa: PTH121
    except (OSError, ValueError):  # another drive, or a folder that is not there
        return _HERE
