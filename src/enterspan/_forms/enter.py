"""`enter_span` and `start_active_span`: a callback with a span around it.

What the callback returns decides when the span ends: at once, when a future settles, or when the
body of a coroutine or a generator has run to its end.
"""

from __future__ import annotations

from types import AsyncGeneratorType, CoroutineType, GeneratorType

from enterspan._forms.driver import (
    Inside,
    InsideOnly,
    Unstarted,
    as_async_generator,
    as_coroutine,
    as_generator,
    drive,
    is_started,
    iterate,
    run_coroutine,
    skip_frames,
)
from enterspan._model.clock import now_ns
from enterspan._span.context import Bookmark, State, leave
from enterspan._span.invocation import failure_of
from enterspan._span.scope import begin, fail, finish, mark
from enterspan._span.span import NOOP_SPAN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from enterspan._span.span import Span
    from enterspan._span.switchboard import Switchboard


def enter(
    board: Switchboard, name: str, callback: Callable[..., Any], args: Any, kwargs: Any, ends: bool
) -> Any:
    """Call the callback with a new span; `ends` says whether the span is ours to end."""
    span = begin(board, name, None)
    if span is None:
        return callback(NOOP_SPAN, *args, **kwargs)
    given = NOOP_SPAN if span._end else span  # ended: the root of what nobody records
    try:
        result = callback(given, *args, **kwargs)
    except BaseException as error:
        if ends:
            fail(span, error)
        else:
            _stay(board, span, error)
        raise
    if is_plain(result):
        if ends:
            finish(span)
        else:
            leave(board, span)
        return result
    return settle(board, span, result, ends)


def _stay(board: Switchboard, span: Span, error: BaseException) -> None:
    leave(board, span)
    if not span._end:
        mark(span, span._lifeline.origin, error, now_ns())


def is_plain(result: object) -> bool:
    """Whether a result is done with: no coroutine, no future, no generator."""
    kind = type(result)
    if kind is str or kind is int or kind is bool or kind is dict or kind is list or result is None:
        return True
    try:
        return (
            kind is not GeneratorType
            and kind is not AsyncGeneratorType
            and not hasattr(kind, "__await__")
            and not hasattr(kind, "add_done_callback")
        )
    except Exception:  # a metaclass may do anything
        return True


def settle(board: Switchboard, span: Span, result: Any, ends: bool) -> Any:
    """Take the current span off the caller's context, and end it when the result is done with."""
    leave(board, span)
    kind = type(result)
    if hasattr(kind, "add_done_callback"):
        if ends:
            _end_with(span, result)
        return result
    # Left out of turn, it is dead for look-ups; the body still runs under it.
    entry = Bookmark(span) if span._lifeline.state is State.DEAD else None
    inside = (Inside if ends else InsideOnly)(board, span, entry)
    if is_started(result):
        inside.ended()  # somebody else drives it: it is no result of this call
        return result
    if kind is CoroutineType:
        return as_coroutine(inside, result)
    if kind is GeneratorType:
        return as_generator(inside, result)
    if kind is AsyncGeneratorType:
        return as_async_generator(inside, result)
    return _awaitable(inside, result)


def _end_with(span: Span, future: Any) -> None:
    def settled(future: Any) -> None:
        error = failure_of(future)
        if error is None:
            finish(span)
        else:
            fail(span, error)

    try:
        future.add_done_callback(settled)
    except Exception:
        finish(span)  # it takes no callbacks after all


def _awaitable(inside: Inside, awaitable: Any) -> Any:
    """The awaitable itself to everyone who looks, with a span that ends when it was awaited."""
    kind = type(awaitable)
    more = [name for name in ("__aiter__", "__anext__") if hasattr(kind, name)]
    made = _awaited_type(tuple(more))(awaitable)
    made._self_inside = inside
    made._self_unstarted = Unstarted(inside, awaitable)
    return made


_awaited_types: dict[tuple[str, ...], Any] = {}


def _awaited_type(more: tuple[str, ...]) -> Any:
    if more not in _awaited_types:
        _awaited_types[more] = _make_awaited_type(more)
    return _awaited_types[more]


def _make_awaited_type(more: tuple[str, ...]) -> Any:
    from copy import copy, deepcopy
    from typing import Any

    from wrapt import BaseObjectProxy

    class Awaited(BaseObjectProxy[Any]):
        _self_inside: Inside
        _self_unstarted: Unstarted

        def __await__(self) -> Any:
            self._self_unstarted.take()
            return run_coroutine(self._self_inside, iterate(self.__wrapped__)).__await__()

        async def __aenter__(self) -> Any:
            self._self_unstarted.take()
            inside = self._self_inside
            try:
                body = iterate(self.__wrapped__, "__aenter__")
                return await drive(inside.board, inside.entry, body, inside)
            except BaseException as error:
                skip_frames(error)
                inside.failed(error)
                raise

        async def __aexit__(self, *failure: object) -> Any:
            return await run_coroutine(
                self._self_inside, iterate(self.__wrapped__, "__aexit__", *failure)
            )

        def __reduce_ex__(self, protocol: Any) -> Any:
            return self.__wrapped__.__reduce_ex__(protocol)

        def __copy__(self) -> Any:
            return copy(self.__wrapped__)

        def __deepcopy__(self, memo: Any) -> Any:
            return deepcopy(self.__wrapped__, memo)

    for name in more:
        setattr(Awaited, name, _forward(name))
    return Awaited


def _forward(name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        return getattr(self.__wrapped__, name)(*args)

    return method
