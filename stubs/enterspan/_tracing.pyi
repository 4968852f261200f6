# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The facade: one object with everything that a user does.

Each method is a line or two over the parts that do it.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from enterspan._model.ids import SpanContext
from enterspan._model.protocols import Exporter, IdGenerator, Sampler
from enterspan._model.values import AttributeValue, Limits
from enterspan._pipeline.handlers import _Tail
from enterspan._pipeline.worker import Subscription
from enterspan._span.invocation import Invocation
from enterspan._span.scope import InvocationScope, SpanScope, UseScope
from enterspan._span.span import Span
from enterspan._span.span import Span as _Span
from enterspan.events import EventInfo
from enterspan.instrument import Instrumentation
from os import PathLike
from types import ModuleType
from typing import Concatenate, Literal, ParamSpec, TypeAlias, TypeVar, overload

_A1 = TypeVar("_A1")
_A2 = TypeVar("_A2")
_A3 = TypeVar("_A3")
_A4 = TypeVar("_A4")

_P = ParamSpec("_P")
_T = TypeVar("_T")
_F = TypeVar("_F", bound="Callable[..., object] | property")
_Attributes: TypeAlias = Mapping[str, AttributeValue | None]
_Carrier: TypeAlias = Mapping[str, object] | Iterable[tuple[str | bytes, str | bytes]]
_Parent: TypeAlias = SpanContext | Span | str | _Carrier

class Tracing:
    """Everything to do with tracing, in one isolated instance: `enterspan.tracing` is the default.

    Each instance has a context of its own: the spans of one never become parents of another's.
    """

    Span: TypeAlias = _Span

    name: str
    """What it is called."""

    def __init__(self, name: str = "default") -> None:
        """Make a new instance; `name`, a str, becomes the scope of its spans."""

    def __repr__(self) -> str:
        """Show the name."""

    @overload
    def enter_span(self, name: str, callback: Callable[[Span], _T], /) -> _T:
        """Call `callback(span, *args, **kwargs)` with a new child of the current span.

        The span is current while the callback runs, and ends when it returns or raises, or, where
        the result is awaitable, when that settles. A future comes back as the same object; a
        coroutine or generator comes back as one, in which the span is current at every step. With
        nobody listening it is the call and nothing else.
        """
    @overload
    def enter_span(self, name: str, callback: Callable[[Span, _A1], _T], a1: _A1, /) -> _T: ...
    @overload
    def enter_span(
        self,
        name: str,
        callback: Callable[[Span, _A1, _A2], _T],
        a1: _A1,
        a2: _A2,
        /,
    ) -> _T: ...
    @overload
    def enter_span(
        self,
        name: str,
        callback: Callable[[Span, _A1, _A2, _A3], _T],
        a1: _A1,
        a2: _A2,
        a3: _A3,
        /,
    ) -> _T: ...
    @overload
    def enter_span(
        self,
        name: str,
        callback: Callable[[Span, _A1, _A2, _A3, _A4], _T],
        a1: _A1,
        a2: _A2,
        a3: _A3,
        a4: _A4,
        /,
    ) -> _T: ...
    @overload
    def enter_span(
        self,
        name: str,
        callback: Callable[Concatenate[Span, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T: ...

    @overload
    def start_active_span(self, name: str, callback: Callable[[Span], _T], /) -> _T:
        """Do as `enter_span`, save that the caller ends the span, even if the callback raised."""
    @overload
    def start_active_span(
        self,
        name: str,
        callback: Callable[[Span, _A1], _T],
        a1: _A1,
        /,
    ) -> _T: ...
    @overload
    def start_active_span(
        self,
        name: str,
        callback: Callable[[Span, _A1, _A2], _T],
        a1: _A1,
        a2: _A2,
        /,
    ) -> _T: ...
    @overload
    def start_active_span(
        self,
        name: str,
        callback: Callable[[Span, _A1, _A2, _A3], _T],
        a1: _A1,
        a2: _A2,
        a3: _A3,
        /,
    ) -> _T: ...
    @overload
    def start_active_span(
        self,
        name: str,
        callback: Callable[[Span, _A1, _A2, _A3, _A4], _T],
        a1: _A1,
        a2: _A2,
        a3: _A3,
        a4: _A4,
        /,
    ) -> _T: ...
    @overload
    def start_active_span(
        self,
        name: str,
        callback: Callable[Concatenate[Span, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T: ...

    def span(
        self,
        name: str,
        attributes: _Attributes | None = None,
        /,
        **more: AttributeValue | None,
    ) -> SpanScope:
        """Return a block, for `with` and `async with`, around which there is a span.

        The block gives the `Span`. Attributes can be given as a mapping, by keyword, or both.
        """

    def start_span(
        self,
        name: str,
        attributes: _Attributes | None = None,
        /,
        **more: AttributeValue | None,
    ) -> Span:
        """Open a child of the current span that is not made current; the caller ends it."""

    def use_span(self, span: Span, *, end: bool = False) -> UseScope:
        """Return a block in which a span made elsewhere is current; `end=True` then ends it."""

    def current_span(self) -> Span:
        """Return the innermost span here, or the no-op span; never None."""

    @overload
    def traced(self, name: _F, /) -> _F:
        """Put a span around each call of a function, a method, a property, a class's methods.

        Bare, or with a name and options. `attributes` are set on each span; `capture_args` records
        all arguments or those that are named; `capture_return` records the result as `return`;
        a span shorter than `min_duration` seconds that did not fail is left out, and its children
        hang on its parent. Returns what it was given, of the same type. Options that make no sense
        are a TypeError or ValueError at once.
        """
    @overload
    def traced(
        self,
        name: str | None = None,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        capture_args: bool | Sequence[str] = False,
        capture_return: bool = False,
        min_duration: float | None = None,
    ) -> Callable[[_F], _F]: ...

    def instrument(
        self,
        *targets: str | ModuleType | type | Callable[..., object],
        exclude: object = (),
        min_duration: float | None = None,
        capture_args: bool | Sequence[str] = False,
        capture_return: bool = False,
        redact: Sequence[str] = (),
    ) -> Instrumentation:
        """Trace functions that somebody else wrote: those loaded already and those to come.

        A target is a pattern (`shop`, `shop.*`, `shop.cart:total`, `shop.cart:Cart.*`), a module, a
        class or a function; so is what to `exclude`, one or a list. The other options are those of
        `traced`, where `capture_args` may name parameters that only some functions have; arguments
        whose names are in `redact` are recorded without their values. Nothing is imported. The
        `Instrumentation` says what was wrapped and what not, and takes it back. What can't be
        read is a TypeError or ValueError, and then nothing has been wrapped.
        """

    def configure_from_project(self, path: str | PathLike[str] | None = None) -> Instrumentation:
        """Instrument what `[tool.enterspan]` in pyproject.toml says: `instrument`, `exclude`, ...

        The file is `path`, or else the nearest one in this folder or above it: FileNotFoundError
        where there is none, ValueError where it can't be read or has nothing to instrument. The
        keys are the arguments of `instrument`, with hyphens; `min-duration` may be as `"1ms"`.
        """

    def invocation(
        self,
        name: str = "main",
        *,
        info: EventInfo | None = None,
        parent: _Parent | None = None,
        linger: float | None = 0.0,
        ambient: bool = False,
        new_trace: bool = False,
        attributes: _Attributes | None = None,
    ) -> InvocationScope:
        """Return a block, for `with` and `async with`, that is one unit of work.

        The block gives the `Invocation`. `parent` may be a context, a span, a `traceparent` or a
        carrier; None means the current span, or a new trace. `linger` is how many seconds it waits
        for spans that are still open at its end (None: without limit). With `ambient=True`, what
        carries no invocation of its own falls back to it while it is open.
        """

    @overload
    def entrypoint(self, name: _F, /) -> _F:
        """Make each call of a function an invocation: a job, a message, a remote call, an alarm.

        Bare, or with a name (the function's, if none is given) and the options of `invocation`, of
        which `info`, `parent` and `attributes` may also be functions of the call's arguments; if
        one of those raises, that is warned about once and the call goes on without. Works for
        functions, coroutine functions, generators, async generators and methods, and returns what
        it was given, of the same type. What makes no sense is a TypeError or ValueError at once.
        """
    @overload
    def entrypoint(
        self,
        name: str | None = None,
        *,
        info: EventInfo | Callable[..., EventInfo | None] | None = None,
        parent: _Parent | Callable[..., _Parent | None] | None = None,
        linger: float | None = 0.0,
        ambient: bool = False,
        new_trace: bool = False,
        attributes: _Attributes | Callable[..., _Attributes | None] | None = None,
    ) -> Callable[[_F], _F]: ...

    def current_invocation(self) -> Invocation | None:
        """Return the invocation that the current span belongs to, while it lives."""

    def add_tail(
        self,
        tail: _Tail,
        *,
        delivery: Literal["background", "inline"] = "background",
    ) -> Subscription:
        """Subscribe a live tail, from the next onset on.

        `inline` calls it on the thread on which things happen, `background` on one of its own.
        TypeError for what can't be a tail, ValueError for another delivery.
        """

    def add_exporter(
        self,
        exporter: Exporter,
        *,
        max_queue: int = 65_536,
        max_batch: int = 512,
        delay: float = 1.0,
    ) -> Subscription:
        """Subscribe an exporter of finished spans, which it gets in batches on a worker thread.

        At most `max_queue` spans wait; what comes on top is counted as dropped. A batch has at most
        `max_batch` spans and waits at most `delay` seconds.
        """

    def configure(
        self,
        *,
        sampler: Sampler | None = ...,
        limits: Limits | None = ...,
        id_generator: IdGenerator | None = ...,
        resource: _Attributes | None = ...,
        propagate_threads: bool = ...,
        enabled: bool = ...,
    ) -> None:
        """Change what is passed and nothing else; None goes back to the default.

        TypeError for a value that can't be used, and then nothing has changed.
        """

    def log(self, level: str, message: str, /, **attributes: AttributeValue | None) -> None:
        """Log a line on the current span: `log` on the stream, an event to exporters.

        `level` is recorded in lower case. A message over the limit is cut and marked `truncated`.
        """

    def propagate(self, fn: Callable[_P, _T]) -> Callable[_P, _T]:
        """Bind the current span to a callable, for a thread or callback with an empty context."""

    def inject(self, carrier: MutableMapping[str, str]) -> None:
        """Write the current span's `traceparent` and `tracestate` into a carrier of headers.

        Whatever context the carrier held before is replaced, in any case of its names. The no-op
        span writes nothing; inside an unsampled invocation, its root is written. A carrier that
        can't be written to is warned about, once.
        """

    def extract(self, carrier: _Carrier) -> SpanContext | None:
        """Read a trace context from a carrier by the letter of W3C Trace Context, or None.

        A carrier is a mapping of header names, in any case, to values; pairs of names and values,
        as text or bytes (ASGI); or the environment of a WSGI request.
        """

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver all that is finished; False if that took more than `timeout` seconds (30)."""

    def shutdown(self, timeout: float | None = None) -> bool:
        """Flush, then end every subscription; False if it took more than `timeout` seconds (30)."""

tracing: Tracing
"""The default instance."""

@overload
def traced(name: _F, /) -> _F:
    """Put a span around each call of a function, a method, a property, a class's methods.

    Bare, or with a name and options. `attributes` are set on each span; `capture_args` records
    all arguments or those that are named; `capture_return` records the result as `return`;
    a span shorter than `min_duration` seconds that did not fail is left out, and its children
    hang on its parent. Returns what it was given, of the same type. Options that make no sense
    are a TypeError or ValueError at once.
    """
@overload
def traced(
    name: str | None = None,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    capture_args: bool | Sequence[str] = False,
    capture_return: bool = False,
    min_duration: float | None = None,
) -> Callable[[_F], _F]: ...
