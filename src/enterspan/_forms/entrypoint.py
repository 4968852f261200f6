"""Functions at which work enters the program: each call of one is an invocation.

Jobs, consumers of queues, handlers of remote calls, alarms. What the work is about, and whose trace
it belongs to, is in the arguments, so both may be functions of these.
"""

from __future__ import annotations

import functools
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.driver import (
    Inside,
    as_async_generator,
    as_coroutine,
    as_generator,
    first_step,
    is_started,
    run_async_generator,
    run_generator,
)
from enterspan._forms.enter import is_plain
from enterspan._forms.traced import check_seconds, span_name
from enterspan._model.diagnostics import warn_once
from enterspan._model.frozen import frozen
from enterspan._model.values import cut, safe_repr
from enterspan._span.context import leave
from enterspan.events import EVENT_INFOS

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan._span.invocation import Invocation
    from enterspan._span.scope import InvocationScope
    from enterspan._span.switchboard import Switchboard


@frozen
class Entry:
    """What the invocations of one entry point have in common."""

    board: Switchboard
    invocation: Callable[..., InvocationScope]
    name: str | None = None
    info: Any = None
    parent: Any = None
    linger: float | None = 0.0
    ambient: bool = False
    new_trace: bool = False
    attributes: Any = None

    def __post_init__(self) -> None:
        """Refuse what could not be used later, when there is nobody to tell."""
        if self.name is not None and not isinstance(self.name, str):
            raise TypeError(f"an entry point's name must be a str, not {self.name!r}")
        if self.name == "":
            raise ValueError("an entry point's name can't be empty")
        info = self.info
        if info is not None and not callable(info) and not isinstance(info, EVENT_INFOS):
            raise TypeError(
                "info must be an event info, such as QueueEventInfo, or a function of the"
                f" arguments that returns one, not {info!r}"
            )
        attributes = self.attributes
        if attributes is not None and not callable(attributes) and not hasattr(attributes, "keys"):
            raise TypeError(
                "attributes must be a mapping, or a function of the arguments that returns one,"
                f" not {attributes!r}"
            )
        if isinstance(self.parent, (bool, int, float, bytes)):
            raise TypeError(
                "parent must be a SpanContext, a traceparent, a carrier, or a function of the"
                f" arguments that returns one, not {self.parent!r}"
            )
        check_seconds("linger", self.linger)

    def open(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> InvocationScope:
        """The block of one call."""
        info = self._ask("info", args, kwargs, None)
        if info is not None and not isinstance(info, EVENT_INFOS):
            shown = cut(safe_repr(info, 200), 200)
            warn_once(self.info, "info", TypeError(f"{shown} is no event info"))
            info = None
        return self.invocation(
            name,
            info=info,
            parent=self._ask("parent", args, kwargs, {}),
            linger=self.linger,
            ambient=self.ambient,
            new_trace=self.new_trace,
            attributes=self._ask("attributes", args, kwargs, None),
        )

    def _ask(self, what: str, args: tuple[Any, ...], kwargs: dict[str, Any], failed: Any) -> Any:
        """A value that was given, or what a function says of the arguments."""
        given = getattr(self, what)
        if not callable(given):
            return given
        board = self.board
        token = board.set(board.mute)  # there is no invocation yet that its spans could be in
        try:
            return given(*args, **kwargs)
        except Exception as error:
            warn_once(given, what, error)
            return failed
        finally:
            board.restore(token)


class Held(Inside):
    """A body that runs step by step inside an invocation that is open, and ends it."""

    __slots__ = ("_scope",)

    def __init__(self, board: Switchboard, scope: InvocationScope, invocation: Invocation) -> None:
        super().__init__(board, None, board.get())
        self._scope = scope
        leave(board, invocation._root)

    def ended(self) -> None:
        """The body has returned."""
        self._scope.__exit__(None, None, None)

    def failed(self, error: BaseException) -> None:
        """The body was left by an exception."""
        self._scope.__exit__(type(error), error, error.__traceback__)


def enter_at(target: Any, entry: Entry) -> Any:
    """Return what was given, with an invocation around each call."""
    if isinstance(target, (classmethod, staticmethod)):
        return type(target)(enter_at(target.__func__, entry))
    if isinstance(target, type) or not callable(target):
        raise TypeError(f"entrypoint takes a function or a method, not {target!r}")
    name = entry.name or span_name(target)
    if isasyncgenfunction(target):
        wrapper = _around_async_generator(target, entry, name)
    elif isgeneratorfunction(target):
        wrapper = _around_generator(target, entry, name)
    elif iscoroutinefunction(target):
        wrapper = _around_coroutine(target, entry, name)
    else:
        wrapper = _around_function(target, entry, name)
    return functools.update_wrapper(wrapper, target)


def _around_function(function: Any, entry: Entry, name: str) -> Any:
    board = entry.board

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if board.off:
            return function(*args, **kwargs)
        scope = entry.open(name, args, kwargs)
        invocation = scope.__enter__()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            scope.__exit__(type(error), error, error.__traceback__)
            raise
        if is_plain(result):
            scope.__exit__(None, None, None)
            return result
        return _settle(board, scope, invocation, result)

    return wrapper


def _settle(board: Switchboard, scope: InvocationScope, invocation: Invocation, result: Any) -> Any:
    """Hold the invocation open for a result that is not done with; the rest is as `enter_span`."""
    if hasattr(type(result), "add_done_callback"):
        invocation.wait_until(result)
    elif not is_started(result):
        for kind, wrap in _BODIES:
            if isinstance(result, kind):
                return wrap(Held(board, scope, invocation), result)
    scope.__exit__(None, None, None)
    return result


_BODIES: Final[Any] = (
    (CoroutineType, as_coroutine),
    (GeneratorType, as_generator),
    (AsyncGeneratorType, as_async_generator),
)


def _around_coroutine(function: Any, entry: Entry, name: str) -> Any:
    board = entry.board

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if board.off:
            return await function(*args, **kwargs)
        async with entry.open(name, args, kwargs):
            return await function(*args, **kwargs)

    return wrapper


def _around_generator(function: Any, entry: Entry, name: str) -> Any:
    board = entry.board

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        body = function(*args, **kwargs)
        if board.off:
            return (yield from body)
        scope = entry.open(name, args, kwargs)
        return (yield from run_generator(Held(board, scope, scope.__enter__()), body))

    return wrapper


def _around_async_generator(function: Any, entry: Entry, name: str) -> Any:
    board = entry.board

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        body = function(*args, **kwargs)
        if not board.off:
            scope = entry.open(name, args, kwargs)
            body = run_async_generator(Held(board, scope, scope.__enter__()), body)
        step = first_step(body)
        while True:
            try:
                item = await step
            except StopAsyncIteration:
                return
            try:
                step = body.asend((yield item))
            except BaseException as thrown:
                step = body.athrow(thrown)

    return wrapper
