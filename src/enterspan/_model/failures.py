"""Exceptions: what they mean for a span, how they are described, and that each is described once.

An exception that passes through ten spans is one event, on the innermost. Nothing is written on the
exception to remember that, and nothing is kept alive by it.
"""

from __future__ import annotations

import weakref

from enterspan._model.clock import now_ns
from enterspan._model.frozen import frozen
from enterspan._model.values import cut, safe_str

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Final

    from enterspan._model.values import Limits
    from enterspan._span.lifeline import Lifeline

_FRAMES_FIRST: Final = 20
_FRAMES_LAST: Final = 40
"""A stack shows its outermost and its innermost frames: a recursion of thousands stays readable."""
_CHAIN: Final = 4
"""How many causes of an exception are shown."""
_GROUP: Final = 8
"""How many members of an exception group are shown."""
_REMEMBERED: Final = 32
"""How many exceptions in flight an invocation remembers; more at once is one event too many."""

_OK: Final = (GeneratorExit, StopIteration, StopAsyncIteration)
_CANCELED: Final = frozenset(
    {
        ("asyncio.exceptions", "CancelledError"),
        ("concurrent.futures._base", "CancelledError"),
        ("trio", "Cancelled"),
        ("trio._core._exceptions", "Cancelled"),
    }
)


@frozen
class Failure:
    """An exception as text: its class's name, with and without the module, message and stack."""

    name: str
    qualified_name: str
    message: str
    stack: str


def outcome_of(exception: BaseException) -> str:
    """Return `ok`, `exception` or `canceled`: what an exception says about what it ended."""
    kind = type(exception)  # not isinstance: an exception's `__class__` may be anything
    if issubclass(kind, Exception) and not issubclass(kind, _OK):
        return "canceled" if _is_cancellation(exception) else "exception"
    if issubclass(kind, _OK):
        return "ok"
    if issubclass(kind, SystemExit):
        code = exception.code  # type: ignore[attr-defined]
        return "ok" if code is None or (isinstance(code, int) and not code) else "exception"
    if issubclass(kind, KeyboardInterrupt) or _is_cancellation(exception):
        return "canceled"
    return "exception"


def _is_cancellation(exception: BaseException) -> bool:
    # By name: asyncio and trio need not be imported to know that theirs isn't at work.
    return any((c.__module__, c.__name__) in _CANCELED for c in type(exception).__mro__)


def describe(exception: BaseException, limits: Limits) -> Failure:
    """Turn an exception into text; never raises, whatever the exception does."""
    kind = type(exception)
    try:
        name = cut(str(kind.__name__), limits.name_bytes)
        module = kind.__module__
        qualified = name if module == "builtins" else f"{module}.{kind.__qualname__}"
    except Exception:
        name = qualified = "exception"
    message = safe_str(exception, limits.value_bytes)
    try:
        stack = cut("\n".join(_stack(exception, limits)), limits.event_bytes)
    except RecursionError:
        stack = f"{name}: {message}"
    except Exception:
        stack = f"{name}: {message}"
    return Failure(name, cut(str(qualified), limits.name_bytes), message, stack)


def semantic(failure: Failure) -> dict[str, Any]:
    """The attributes of an exception event, named as OpenTelemetry's conventions name them."""
    return {
        "exception.type": failure.qualified_name,
        "exception.message": failure.message,
        "exception.stacktrace": failure.stack,
    }


def _stack(exception: BaseException, limits: Limits) -> list[str]:
    chain: list[tuple[BaseException, str]] = []
    current: BaseException | None = exception
    why = ""
    seen: set[int] = set()
    while current is not None and id(current) not in seen and len(chain) < _CHAIN:
        seen.add(id(current))
        chain.append((current, why))
        if current.__cause__ is not None:
            current, why = current.__cause__, "... which caused this one:"
        elif current.__context__ is not None and not current.__suppress_context__:
            current, why = current.__context__, "... and while that was handled, this one came:"
        else:
            current = None
    lines: list[str] = []
    if current is not None and len(chain) == _CHAIN:
        lines.append("(more exceptions before these)")
    for link, (failed, _) in enumerate(reversed(chain)):
        lines += _frames(failed.__traceback__)
        lines.append(f"{type(failed).__name__}: {safe_str(failed, limits.value_bytes)}")
        lines += _members(failed, limits)
        if link < len(chain) - 1:
            lines += ["", chain[len(chain) - 1 - link][1], ""]
    return lines


def _frames(traceback: TracebackType | None) -> list[str]:
    if traceback is None:
        return []
    from linecache import getline

    entries: list[tuple[Any, int]] = []
    left_out = 0
    while traceback is not None:
        entries.append((traceback.tb_frame.f_code, traceback.tb_lineno))
        if len(entries) > _FRAMES_FIRST + _FRAMES_LAST:
            del entries[_FRAMES_FIRST]
            left_out += 1
        traceback = traceback.tb_next
    lines = ["Traceback (most recent call last):"]
    for index, (code, line) in enumerate(entries):
        if index == _FRAMES_FIRST and left_out:
            lines.append(f"  ... {left_out} more frames ...")
        lines.append(f'  File "{code.co_filename}", line {line}, in {code.co_name}')
        source = getline(code.co_filename, line).strip()
        if source:
            lines.append(f"    {source}")
    return lines


def _members(exception: BaseException, limits: Limits) -> list[str]:
    members = getattr(exception, "exceptions", None)  # of an exception group, from 3.11 on
    if type(members) is not tuple:
        return []
    lines = [f"  | {type(e).__name__}: {safe_str(e, limits.value_bytes)}" for e in members[:_GROUP]]
    return lines + ([f"  | ... {len(members) - _GROUP} more"] if len(members) > _GROUP else [])


def _mark(exception: BaseException, limits: Limits) -> object:
    """Something to know an exception by, later, that does not keep it alive.

    Builtin exceptions can't be referred to weakly. Two of them are taken for the same when they lie
    at the same address and the newer one's traceback has, at the same address, the entry that the
    older one's began with, at the same instruction: a new exception can't have come that way
    without leaving a span there as well. One that was recorded before it was raised is known by
    its text instead.
    """
    try:
        return weakref.ref(exception)
    except TypeError:
        traceback = exception.__traceback__
        where = summary(exception, limits) if traceback is None else _position(traceback)
        return id(exception), now_ns(), where


def _position(traceback: TracebackType) -> tuple[int, int, int]:
    return (id(traceback), id(traceback.tb_frame.f_code), traceback.tb_lasti)


def remember(lifeline: Lifeline, exception: BaseException) -> None:
    """Remember that this exception has been recorded in this invocation."""
    marks = lifeline.failures
    if marks is None:
        marks = lifeline.failures = []
    marks.append(_mark(exception, lifeline.board.limits))
    if len(marks) > _REMEMBERED:
        del marks[0]


def is_remembered(lifeline: Lifeline, exception: BaseException, since: int) -> bool:
    """Whether this very exception, which leaves a span that began then, has been recorded."""
    marks = lifeline.failures
    if not marks:
        return False
    for mark in reversed(marks):
        if isinstance(mark, weakref.ref):
            if mark() is exception:
                return True
        elif isinstance(mark, tuple) and mark[0] == id(exception):
            _, moment, where = mark
            if isinstance(where, str):
                return since < moment and where == summary(exception, lifeline.board.limits)
            return _came_by(exception.__traceback__, where, since < moment)
    return False


def _came_by(traceback: TracebackType | None, position: tuple[int, ...], was_open: bool) -> bool:
    """Whether a traceback has the entry of a mark.

    If the span was not yet open when the mark was made, then the newest entry can't be it: whoever
    raises an exception again adds an entry. It is a new exception's, at the addresses of the old.
    """
    if traceback is not None and not was_open:
        traceback = traceback.tb_next
    while traceback is not None:
        if _position(traceback) == position:
            return True
        traceback = traceback.tb_next
    return False


def summary(exception: BaseException, limits: Limits) -> str:
    """One line: the class's name and the message."""
    text = safe_str(exception, limits.value_bytes)
    name = cut(str(type(exception).__name__), limits.name_bytes)
    return f"{name}: {text}" if text else name
