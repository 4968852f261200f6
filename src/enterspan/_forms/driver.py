"""Generators and coroutines, stepped: the body sees its span, and whoever drives it never does.

A generator has no context of its own: what it sets is seen by its consumer. So the span is made
current for each step of the body and put away after it, together with whatever spans the body has
opened itself. A coroutine is driven in the same way; it needs that only where two of them share a
context, but then it needs it badly.
"""

from __future__ import annotations

import sys
from types import CoroutineType, FunctionType, GeneratorType, coroutine

from enterspan._model.clock import now_ns
from enterspan._span.scope import fail, finish, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Generator
    from typing import Any, Final, TypeVar

    from enterspan._span.span import Span
    from enterspan._span.switchboard import Switchboard

    _G = TypeVar("_G")


_TOLD_BY_FRAME: Final[bool] = "cr_suspended" not in CoroutineType.__dict__
"""Before 3.11 the frame tells whether a body has started, and from then on the body itself."""

_AWAITED = 0x100
"""The flag of generators that are awaited (types.coroutine, PEP 492): CO_ITERABLE_COROUTINE."""


class Inside:
    """What is current inside a body while it is suspended, and what its end means for the span."""

    __slots__ = ("board", "entry", "span")

    def __init__(self, board: Switchboard, span: Span | None, entry: Any = None) -> None:
        self.board = board
        self.span = span  # None: it is not this body's to end
        self.entry = span if entry is None else entry

    def ended(self) -> None:
        """The body has returned."""
        if self.span is not None:
            finish(self.span)

    def failed(self, error: BaseException) -> None:
        """The body was left by an exception."""
        if self.span is not None:
            fail(self.span, error)


class InsideOnly(Inside):
    """The same for a span that the caller ends: an exception is marked on it, no more."""

    __slots__ = ()

    def ended(self) -> None:
        """The body has returned."""

    def failed(self, error: BaseException) -> None:
        """The body was left by an exception."""
        span = self.span
        if span is not None and not span._end:
            mark(span, span._lifeline.origin, error, now_ns())


_CLOSED: Final = (GeneratorType, CoroutineType)
"""What is closed by `close()`; that of a step of an async generator does nothing before 3.13."""


def _drive(  # noqa: C901, PLR0912, PLR0915 - every step of every body passes here
    board: Switchboard,
    entry: Any,
    body: Any,
    inside: Inside | None = None,
    span: Span | None = None,
    recorder: Any = None,
    item: Any = None,
    begun: bool = False,
) -> Generator[Any, Any, Any]:
    """Drive a generator, a coroutine or one step of an async generator, with an entry current.

    To its driver it behaves as `yield from body` does (PEP 380). What is current where it stops is
    told to `inside`. A `span` ends with it, after the recorder has seen the result; an exception is
    the caller's to deal with. If it has `begun`, the first step has been made, and gave the item.
    """
    get, set_, reset = board.get, board.set, board.reset
    send = body.send
    value: Any = None
    error: BaseException | None = None
    if begun:
        try:
            value = yield (item, item := None)[0]
        except BaseException as thrown:
            error = from_outside(thrown)
    while True:
        token = set_(entry)
        try:
            if error is None:
                item = send(value)
            elif isinstance(error, GeneratorExit) and type(body) in _CLOSED:
                body.close()
                raise error
            else:
                item = body.throw(error)
        except StopIteration as stop:
            result = stop.value
            if span is not None:
                if recorder is not None:
                    recorder.result(span, result)
                if get() is span:
                    span._token = token  # the span's end puts away what was set here
                    finish(span)
                    return result
            if inside is not None:
                inside.entry = get()
            board.restore(token)
            if span is not None:
                finish(span)
            return result
        except BaseException:
            value = error = None
            if inside is not None:
                inside.entry = get()
            board.restore(token)
            raise
        value = error = None
        entry = get()
        if inside is not None:
            inside.entry = entry
        try:
            reset(token)
        except (ValueError, RuntimeError, LookupError):
            board.restore(token)
        try:
            value = yield (item, item := None)[0]  # what passes through is not kept here
        except BaseException as thrown:
            error = from_outside(thrown)


def from_outside(error: BaseException) -> BaseException:
    """Take our frame off the traceback of what is passed on into a body: it will be there again."""
    traceback = error.__traceback__
    error.__traceback__ = None if traceback is None else traceback.tb_next
    return error


drive: Any = coroutine(_drive)
"""`_drive`, for `await` and for `yield from` alike (types.coroutine sets a flag of its code)."""


def drive_on(board: Switchboard, span: Span, body: Any, item: Any, recorder: Any = None) -> Any:
    """Drive a body whose first step was made with its span current, and gave an item."""
    entry = board.get()
    take_away(board, span)
    return drive(board, entry, body, None, span, recorder, item, True)


def take_away(board: Switchboard, span: Span) -> None:
    """Put away a span that is current for a body's step, and whatever the body has left open."""
    token, span._token = span._token, None
    if token is not None:
        board.restore(token)


def skip_frames(error: BaseException) -> None:
    """Take the frames of this package, save the first, off a traceback just caught."""
    traceback = error.__traceback__
    while (
        traceback is not None
        and traceback.tb_next is not None
        and traceback.tb_next.tb_frame.f_code in _PASSING
    ):
        traceback.tb_next = traceback.tb_next.tb_next


def iterate(awaitable: Any, method: str = "", *args: Any) -> Any:
    """What awaiting an object, or what a method of its gives, comes to."""
    if method:
        awaitable = getattr(type(awaitable), method)(awaitable, *args)
    return (yield from awaitable.__await__())


_PASSING: Final = (_drive.__code__, iterate.__code__)


def run_generator(inside: Inside, body: Any) -> Generator[Any, Any, Any]:
    """Be a generator for another one."""
    if type(body) is Unstarted:
        body = body.take()
    try:
        result = yield from drive(inside.board, inside.entry, body)
    except BaseException as error:
        skip_frames(error)
        inside.failed(error)
        raise
    inside.ended()
    return result


_run_awaited: Any = coroutine(FunctionType(run_generator.__code__, run_generator.__globals__))


async def run_coroutine(inside: Inside, body: Any) -> Any:
    """Be a coroutine for another one, or for any awaitable's iterator."""
    if type(body) is Unstarted:
        body = body.take()
    try:
        result = await drive(inside.board, inside.entry, body)
    except BaseException as error:
        skip_frames(error)
        inside.failed(error)
        raise
    inside.ended()
    return result


async def run_async_generator(inside: Inside, body: Any) -> AsyncGenerator[Any, Any]:
    """Be an async generator for another one."""
    if type(body) is Unstarted:
        body = body.take()
    step = first_step(body)
    while True:
        try:
            item = await drive(inside.board, inside.entry, step, inside)
        except StopAsyncIteration:
            inside.ended()
            return
        except BaseException as error:
            skip_frames(error)
            inside.failed(error)
            raise
        try:
            step = body.asend((yield (item, item := None, step := None)[0]))
        except BaseException as thrown:
            step = body.athrow(from_outside(thrown))


def first_step(body: Any) -> Any:
    """The first step of an async generator that somebody else drives.

    An event loop is told of async generators at their first step, to close those that are left. If
    it knew of this one, it would close it while its driver does.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return body.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


def is_started(body: Any) -> bool:
    """Whether a coroutine, a generator or an async generator has made its first step already."""
    for prefix in ("cr", "gi", "ag"):
        frame = getattr(body, prefix + "_frame", body)
        if frame is None:
            return True
        if frame is not body:
            if _TOLD_BY_FRAME:
                return bool(frame.f_lasti >= 0)
            suspended = getattr(
                body, prefix + "_suspended", False
            )  # async generators: from 3.12 on
            return bool(getattr(body, prefix + "_running") or suspended)
    return False


_HELD_HERE_ALONE: Final = 2
"""What sys.getrefcount says of an object that only the asking function has."""


class Unstarted:
    """A body that waits for its first step; if that never comes, the span ends all the same."""

    __slots__ = ("_body", "_inside")

    def __init__(self, inside: Inside, body: Any) -> None:
        self._inside = inside
        self._body: Any = body

    def take(self) -> Any:
        """Start: the body is its driver's from here on."""
        body, self._body = self._body, None
        return body

    def __del__(self) -> None:
        """End the span of a body that was never started.

        A coroutine that nobody else holds is closed: that it was never awaited has been said once.
        """
        body = self.take()
        if body is not None:
            if type(body) is CoroutineType and sys.getrefcount(body) <= _HELD_HERE_ALONE:
                body.close()
            self._inside.board.collect(self._inside.ended)


def as_generator(inside: Inside, body: Any) -> Generator[Any, Any, Any]:
    """Return a generator that is this one, with a span inside."""
    run = _run_awaited if body.gi_code.co_flags & _AWAITED else run_generator
    return _named(run(inside, Unstarted(inside, body)), body)


def as_coroutine(inside: Inside, body: Any) -> Coroutine[Any, Any, Any]:
    """Return a coroutine that is this one, with a span inside."""
    return _named(run_coroutine(inside, Unstarted(inside, body)), body)


def as_async_generator(inside: Inside, body: Any) -> AsyncGenerator[Any, Any]:
    """Return an async generator that is this one, with a span inside."""
    return _named(run_async_generator(inside, Unstarted(inside, body)), body)


def _named(made: _G, body: Any) -> _G:
    named: Any = made
    named.__name__ = body.__name__
    named.__qualname__ = body.__qualname__
    return made
