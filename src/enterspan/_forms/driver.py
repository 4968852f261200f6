"""The driver: steps a generator or a coroutine with its span current during each step.

A generator has no context of its own: context variables that it sets are visible to its consumer.
So the span is attached for each step of the body and detached after it, together with spans that
the body has opened. Coroutines are driven in the same way; they need it only if several are stepped
in one context.
"""

from __future__ import annotations

import sys
from types import CoroutineType, FunctionType, coroutine
from weakref import ref

from enterspan._forms.isolation import IS_KNOWN, is_isolated
from enterspan._forms.loop import (
    LOOP,
    LOOP_LINE,
    LoopKit,
    hidden,
    hide_frames,
    is_exit,
    loop_file,
    no_end,
    throw,
)
from enterspan._forms.template import compile_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, Final, TypeAlias

    from enterspan._span.tracer import Tracer

    End: TypeAlias = Callable[[Any, BaseException | None], None]
    """Ends a body's span: called with the span, and the exception that left the body."""


class Body:
    """A suspended body: the entry that is current inside it, and how its span ends."""

    __slots__ = ("end", "entry", "made", "span", "steps", "tracer")

    def __init__(self, tracer: Tracer, span: Any, end: End, entry: Any = None) -> None:
        self.tracer = tracer
        self.span = span
        self.end = end
        self.entry = span if entry is None else entry
        self.steps: Any = None  # a generator that a call returned, which others may reference
        self.made: Any = None  # a weak reference to its replacement

    def throw(self, steps: Any, error: BaseException) -> Any:
        """Throw an exception into the body.

        If the driving generator is dropped, the body is not closed while others reference it:
        untraced, both would be the same object.
        """
        is_dropped = self.made is not None and self.made() is None
        if is_dropped and self.references() > _WHILE_DROPPED and is_exit(error):
            raise error
        return throw(steps, error)

    def references(self) -> int:
        """The number of references to the steps."""
        return sys.getrefcount(self.steps)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function as one step of the body."""
        tracer = self.tracer
        token = tracer.set(self.entry)
        try:
            return function(*args)
        finally:
            self.entry = tracer.get()
            tracer.undo(token)


_DRIVE: Final = """\
    def drive(@tracer, @entry, @steps, @body=None, @span=None, @end=@no_end, @recorder=None,
              @item=None, @is_begun=False, @throw=@throw):
            @get, @set, @reset = @tracer.get, @tracer.set, @tracer.reset
            @value = @error = None
            if @is_begun:
                try:
                    @value = yield (@item, @item := None)[0]
                except @Error as @thrown:
                    @error = @outside(@thrown)
"""

drive: Any = coroutine(
    compile_template(
        _DRIVE + LOOP.format(each=""),
        "",
        LoopKit,
        loop_file,
        LOOP_LINE - _DRIVE.count("\n"),
        "drive",
    )(LoopKit)
)
"""The loop as a generator of its own, for `await` and `yield from` (types.coroutine)."""


def resume(tracer: Tracer, span: Any, steps: Any, item: Any, end: End, recorder: Any = None) -> Any:
    """Drive a coroutine whose first step was made with its span current, and yielded an item."""
    entry = tracer.get()
    put_away(tracer, span)
    return drive(tracer, entry, steps, None, span, end, recorder, item, True)


def put_away(tracer: Tracer, entry: Any) -> None:
    """Detach an entry after a step, with the spans that the body has left open."""
    token = entry._token
    if token is None:
        return
    try:
        tracer.reset(token)
    except RecursionError:
        raise
    except (ValueError, RuntimeError, LookupError):
        tracer.detach(entry)  # in another context: the body was closed there
    entry._token = None


def drive_step(body: Body, step: Any) -> Any:
    """Drive one step of an async generator."""
    return drive(body.tracer, body.entry, step.__await__(), body)


def run_generator(body: Body, steps: Any) -> Generator[Any, Any, Any]:
    """Generator that drives another one with a span current inside it."""
    if type(steps) is Unstarted:
        steps = steps.take()
    try:
        return (
            yield from drive(
                body.tracer, body.entry, steps, None, body.span, body.end, throw=body.throw
            )
        )
    except BaseException as error:
        try:
            hide_frames(error)
            body.end(body.span, error)
        except BaseException:  # one that arrived as either was called
            body.end(body.span, error)
            raise
        raise


_run_awaited: Any = coroutine(FunctionType(run_generator.__code__, run_generator.__globals__))


async def run_coroutine(body: Body, steps: Any) -> Any:
    """Coroutine that drives another one, or any awaitable, with a span current inside it."""
    if type(steps) is Unstarted:
        steps = steps.take()
    try:
        if type(steps) is CoroutineType:
            if IS_KNOWN and is_isolated(body.tracer, drive.__code__):
                body.tracer.attach(body.entry)
                try:
                    result = await steps
                finally:
                    put_away(body.tracer, body.entry)
                body.end(body.span, None)
                return result
            steps = steps.__await__()
        return await drive(body.tracer, body.entry, steps, None, body.span, body.end)
    except BaseException as error:
        try:
            hide_frames(error)
            body.end(body.span, error)
        except BaseException:  # one that arrived as either was called
            body.end(body.span, error)
            raise
        raise


# --- bodies that a call returned --------------------------------------------------------------


def first_step(
    generator: Any,
    *,
    hooks_of: Any = sys.get_asyncgen_hooks,
    use_hooks: Any = sys.set_asyncgen_hooks,
) -> Any:
    """Return the first step of an async generator that another one drives.

    An event loop registers async generators at their first step, to close those that are left. It
    must not register this one, which its driver closes. The hook functions are defaults: at
    interpreter shutdown the names of this module are gone.
    """
    hooks = hooks_of()
    use_hooks(None, None)
    try:
        return generator.asend(None)
    finally:
        use_hooks(*hooks)


_BY_FRAME: Final[bool] = "cr_suspended" not in CoroutineType.__dict__
"""Before 3.11 only the frame shows whether a body has started; later the body itself does."""


def is_started(result: Any) -> bool:
    """Whether a coroutine, a generator or an async generator has started."""
    for prefix in ("cr", "gi", "ag"):
        frame = getattr(result, prefix + "_frame", result)
        if frame is None:
            return True
        if frame is not result:
            if _BY_FRAME:
                return bool(frame.f_lasti >= 0)
            suspended = getattr(result, prefix + "_suspended", False)  # async: from 3.12 on
            return bool(getattr(result, prefix + "_running") or suspended)
    return False


def _references(held: Any) -> int:
    return sys.getrefcount(held)


def _references_of_one() -> int:
    """The result of `_references` for an object that only a local variable of its caller has."""
    body, _ = object(), None
    return _references(body)


_HELD_HERE_ALONE: Final = _references_of_one()


class Unstarted:
    """A body before its first step; its span ends even if it is never started."""

    __slots__ = ("_body", "_steps")

    def __init__(self, body: Body, steps: Any) -> None:
        self._body = body
        self._steps: Any = steps

    def take(self) -> Any:
        """Start the body, and pass its steps to the driver."""
        steps, self._steps = self._steps, None
        return steps

    def __del__(self) -> None:
        """End the span of a body that was never started.

        A coroutine without other references is closed: one warning that it was never awaited is
        enough.
        """
        # An exception may have arrived as it was made.
        steps = self.take() if hasattr(self, "_steps") else None
        if steps is not None:
            if type(steps) is CoroutineType and _references(steps) <= _HELD_HERE_ALONE:
                steps.close()
            body = self._body
            body.tracer.collect(lambda: body.end(body.span, None))


def as_generator(body: Body, steps: Any) -> Any:
    """Return a generator that runs this one with a span current inside it."""
    is_awaited = steps.gi_code.co_flags & 0x100  # CO_ITERABLE_COROUTINE: types.coroutine, PEP 492
    run = _run_awaited if is_awaited else run_generator
    made = named(run(body, Unstarted(body, steps)), steps)
    body.steps, body.made = steps, ref(made)
    return made


def as_coroutine(body: Body, steps: Any) -> Any:
    """Return a coroutine that runs this one with a span current inside it."""
    return named(run_coroutine(body, Unstarted(body, steps)), steps)


def named(made: Any, original: Any) -> Any:
    """Give a body the names of the one that it replaces."""
    made.__name__ = original.__name__
    made.__qualname__ = original.__qualname__
    return made


def awaited(awaitable: Any, method: str = "", *args: Any) -> Any:
    """Return the iterator of an awaitable, or the result of another method of its type."""
    if method:
        awaitable = getattr(type(awaitable), method)(awaitable, *args)
    return (yield from awaitable.__await__())


def _references_while_dropped() -> int:
    """The value of `Body.references` when a generator without other references is dropped."""
    counts: list[int] = []

    class Nothing:
        """A tracer stub in which nothing is ever current."""

        get = set = reset = undo = staticmethod(lambda *_: None)

    class Counted(Body):
        __slots__ = ()

        def throw(self, steps: Any, error: BaseException) -> Any:
            counts.append(self.references())
            return throw(steps, error)

    def steps() -> Generator[None, None, None]:
        yield

    nothing: Any = Nothing
    made = as_generator(Counted(nothing, None, no_end), steps())
    next(made)
    del made
    return counts[0] if counts else sys.maxsize  # the count is unknown: it is closed


_WHILE_DROPPED: Final = _references_while_dropped()

hidden.extend((drive.__code__, awaited.__code__))
