"""The driver: steps a generator or a coroutine with its span current, and only then.

A generator has no context of its own: what it sets is seen by its consumer. So the span is attached
for each step of the body and detached after it, together with whatever spans the body has opened
itself. A coroutine is driven in the same way; it needs that only where two of them are stepped in
one context.
"""

from __future__ import annotations

import sys
from types import CoroutineType, FunctionType, GeneratorType, coroutine
from weakref import ref

from enterspan._forms.isolation import IS_KNOWN, is_isolated
from enterspan._forms.template import compile_template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, Final, TypeAlias

    from enterspan._span.tracer import Tracer

    End: TypeAlias = Callable[[Any, BaseException | None], None]
    """What ends a body's span: it is called with the span, and the exception that left the body."""


async def _nothing() -> None:
    return None


_coroutine: Any = _nothing()
_CLOSED: Final = (GeneratorType, type(_coroutine.__await__()))
"""What is closed by `close()`; that of a step of an async generator does nothing before 3.13."""
_coroutine.close()


class Body:
    """A body that is suspended: what is current inside it, and how its span ends."""

    __slots__ = ("end", "entry", "made", "span", "steps", "tracer")

    def __init__(self, tracer: Tracer, span: Any, end: End, entry: Any = None) -> None:
        self.tracer = tracer
        self.span = span
        self.end = end
        self.entry = span if entry is None else entry
        self.steps: Any = None  # a generator that a call has returned, and that others may hold
        self.made: Any = None  # what refers weakly to the generator that stands for it

    def throw(self, steps: Any, error: BaseException) -> Any:
        """Throw an exception into the body.

        A generator that is dropped is not closed while others hold it: without us, it would be the
        same object.
        """
        is_dropped = self.made is not None and self.made() is None
        if is_dropped and self.references() > _WHILE_DROPPED and isinstance(error, GeneratorExit):
            raise error
        return _throw(steps, error)

    def references(self) -> int:
        """How many references there are to the steps."""
        return sys.getrefcount(self.steps)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function as one step of the body."""
        tracer = self.tracer
        token = tracer.set(self.entry)
        try:
            return function(*args)
        finally:
            self.entry = tracer.get()
            tracer.undo(token)


def no_end(_span: Any, _error: BaseException | None = None) -> None:
    """Leave the span alone: it is not this body's."""


def from_outside(error: BaseException) -> BaseException:
    """Remove our frame from the traceback of what is thrown into a body, where it comes again."""
    traceback = error.__traceback__
    error.__traceback__ = None if traceback is None else traceback.tb_next
    return error


def hide_frames(error: BaseException) -> None:
    """Remove the catching frame, and those of the driver below it, from a traceback just caught.

    Before Python 3.11 an exception that is raised again keeps the traceback with which it was
    caught: the catching frame stays there.
    """
    first = error.__traceback__
    if first is None:
        return
    following = first.tb_next
    while following is not None and following.tb_frame.f_code in _OURS:
        following = following.tb_next
    first.tb_next = following
    error.__traceback__ = following


def _throw(steps: Any, error: BaseException) -> Any:
    """Throw an exception into a body, as `yield from` does."""
    if isinstance(error, GeneratorExit) and type(steps) in _CLOSED:
        steps.close()
        raise error
    return steps.throw(error)


# The loop that drives a body stands here once, as text: in a function of its own it would be one
# more generator between the body and its consumer, which each item has to pass.
#
# To its own driver it behaves as `yield from steps` does (PEP 380). What is current where it is
# suspended is kept in *body*. The span is ended when the steps have run to their end, after the
# recorder has got the result; an exception is left to the text around it.
LOOP_LINE: Final = sys._getframe().f_lineno + 2
LOOP: Final = """\
            @token = @before = None
            try:
                while True:
                    try:
                        @before = @get()
                        @token = @set(@entry)
                        if @error is not None:
                            @item = @throw(@steps, @error)
                        elif @value is None:
                            @item = @next(@steps)
                        else:
                            @item = @steps.send(@value)
                    except @Stopped as @stop:
                        @result = @stop.value
                        if @recorder is not None:
                            @recorder.result(@span, @result)
                        if @span is not None and @get() is @span:
                            @span._token = @token  # its end detaches what was attached here
                        else:
                            if @body is not None:
                                @body.entry = @get()
                            @tracer.undo(@token)
                        @end(@span)
                        return @result
                    @value = @error = None
                    @entry = @get(){each}
                    if @body is not None:
                        @body.entry = @entry
                    try:
                        @reset(@token)
                    except @Foreign:
                        @tracer.undo(@token)
                    @token = None
                    try:
                        @value = yield (@item, @item := None)[0]  # what passes is not kept here
                    except @Error as @thrown:
                        @error = @outside(@thrown)
            except @Error:
                @value = @error = None
                if @body is not None:
                    @body.entry = @get()
                if @token is not None:
                    @tracer.undo(@token)
                elif @get() is @entry:
                    @set(@before)  # it arrived between the call of `set` and its assignment
                raise
"""
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


class LoopKit:
    """The names that the loop uses."""

    throw = staticmethod(_throw)
    next = staticmethod(next)
    no_end = staticmethod(no_end)
    outside = staticmethod(from_outside)
    Error = BaseException
    Exhausted = RecursionError
    Foreign = (ValueError, RuntimeError, LookupError)
    Stopped = StopIteration


drive: Any = coroutine(
    compile_template(
        _DRIVE + LOOP.format(each=""),
        "",
        LoopKit,
        __file__,
        LOOP_LINE - _DRIVE.count("\n"),
        "drive",
    )(LoopKit)
)
"""The loop as a generator of its own, for `await` and `yield from` (types.coroutine)."""


def resume(tracer: Tracer, span: Any, steps: Any, item: Any, end: End, recorder: Any = None) -> Any:
    """Drive a coroutine whose first step was made with its span current, and gave an item."""
    entry = tracer.get()
    put_away(tracer, span)
    return drive(tracer, entry, steps, None, span, end, recorder, item, True)


def put_away(tracer: Tracer, entry: Any) -> None:
    """Detach an entry after a step, with whatever spans the body has left open."""
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
    """Be a generator for another one, with a span inside."""
    if type(steps) is Unstarted:
        steps = steps.take()
    try:
        return (
            yield from drive(
                body.tracer, body.entry, steps, None, body.span, body.end, throw=body.throw
            )
        )
    except BaseException as error:
        hide_frames(error)
        body.end(body.span, error)
        raise


_run_awaited: Any = coroutine(FunctionType(run_generator.__code__, run_generator.__globals__))


async def run_coroutine(body: Body, steps: Any) -> Any:
    """Be a coroutine for another one, or for any awaitable, with a span inside."""
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
        hide_frames(error)
        body.end(body.span, error)
        raise


# --- bodies that a call has returned --------------------------------------------------------------


def first_step(generator: Any) -> Any:
    """Return the first step of an async generator that another one drives.

    An event loop registers async generators at their first step, to close those that are left. It
    must not register this one: it would close it while its driver does.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


_BY_FRAME: Final[bool] = "cr_suspended" not in CoroutineType.__dict__
"""Before 3.11 the frame tells whether a body has started, and from then on the body itself."""


def is_started(result: Any) -> bool:
    """Whether a coroutine, a generator or an async generator has made its first step already."""
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
    """What `_references` says of an object that only a local variable of its caller refers to."""
    body, _ = object(), None
    return _references(body)


_HELD_HERE_ALONE: Final = _references_of_one()


class Unstarted:
    """A body that waits for its first step; if that never comes, its span ends all the same."""

    __slots__ = ("_body", "_steps")

    def __init__(self, body: Body, steps: Any) -> None:
        self._body = body
        self._steps: Any = steps

    def take(self) -> Any:
        """Start: the steps are the driver's from here on."""
        steps, self._steps = self._steps, None
        return steps

    def __del__(self) -> None:
        """End the span of a body that was never started.

        A coroutine that nothing else refers to is closed: one warning that it was never awaited is
        enough.
        """
        steps = self.take()
        if steps is not None:
            if type(steps) is CoroutineType and _references(steps) <= _HELD_HERE_ALONE:
                steps.close()
            body = self._body
            body.tracer.collect(lambda: body.end(body.span, None))


def as_generator(body: Body, steps: Any) -> Any:
    """Return a generator that is this one, with a span inside."""
    is_awaited = steps.gi_code.co_flags & 0x100  # CO_ITERABLE_COROUTINE: types.coroutine, PEP 492
    run = _run_awaited if is_awaited else run_generator
    made = named(run(body, Unstarted(body, steps)), steps)
    body.steps, body.made = steps, ref(made)
    return made


def as_coroutine(body: Body, steps: Any) -> Any:
    """Return a coroutine that is this one, with a span inside."""
    return named(run_coroutine(body, Unstarted(body, steps)), steps)


def named(made: Any, original: Any) -> Any:
    """Give a body the names of the one that it stands for."""
    made.__name__ = original.__name__
    made.__qualname__ = original.__qualname__
    return made


def awaited(awaitable: Any, method: str = "", *args: Any) -> Any:
    """Return the steps of awaiting an object, or what a method of its type returns."""
    if method:
        awaitable = getattr(type(awaitable), method)(awaitable, *args)
    return (yield from awaitable.__await__())


def _references_while_dropped() -> int:
    """What `Body.references` says where a generator is dropped that nothing else holds."""
    counts: list[int] = []

    class Nothing:
        """A tracer in which nothing is ever current."""

        get = set = reset = undo = staticmethod(lambda *_: None)

    class Counted(Body):
        __slots__ = ()

        def throw(self, steps: Any, error: BaseException) -> Any:
            counts.append(self.references())
            return _throw(steps, error)

    def steps() -> Generator[None, None, None]:
        yield

    nothing: Any = Nothing
    made = as_generator(Counted(nothing, None, no_end), steps())
    next(made)
    del made
    return counts[0] if counts else sys.maxsize  # no count can be had: it is closed


_WHILE_DROPPED: Final = _references_while_dropped()

_OURS: Final = (drive.__code__, _throw.__code__, awaited.__code__)
"""The code of the frames that are hidden."""
