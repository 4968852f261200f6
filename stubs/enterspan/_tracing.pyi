# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The facade: one object with everything that a user does.

Each method is a line or two over the parts that do it.
"""

import enterspan.instrument.instrumentation as instrumenting
import os
import types
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from enterspan import events
from enterspan._model import protocols
from enterspan._model.block import Block
from enterspan._model.ids import SpanContext
from enterspan._model.values import AttributeValue, Limits
from enterspan._pipeline import handlers, subscription
from enterspan._span.scope import SpanScope, UseScope
from enterspan._span.span import Span
from enterspan._span.span import Span as _Span
from types import ModuleType
from typing import Any, ParamSpec, TypeAlias, TypeVar, overload
from typing_extensions import TypeVarTuple, Unpack

_A1 = TypeVar("_A1")
_A2 = TypeVar("_A2")
_A3 = TypeVar("_A3")
_A4 = TypeVar("_A4")
_A5 = TypeVar("_A5")
_As = TypeVarTuple("_As")

_P = ParamSpec("_P")
_T = TypeVar("_T")
_F = TypeVar("_F", bound="Callable[..., object] | property")
_Attributes: TypeAlias = Mapping[str, object]
_Carrier: TypeAlias = Mapping[str, object] | Iterable[tuple[str | bytes, str | bytes]]
_Parent: TypeAlias = SpanContext | Span | str | _Carrier
_Expected: TypeAlias = type[BaseException] | str | Sequence[type[BaseException] | str]
_Returned: TypeAlias = (
    bool
    | str
    | Callable[[Any], object]
    | Mapping[str, Callable[[Any], object] | bool]
)
_Target: TypeAlias = str | ModuleType | type | Callable[..., object]

class Invocation:
    """One unit of work, from its onset to its outcome. `Tracing.invocation` begins it."""

    tracing: Tracing
    """The Tracing that made it."""

    name: str
    """Its name: the root span's first one."""

    info: events.EventInfo | None
    """The event info that it was given."""

    @property
    def id(self) -> str:
        """The id that every event and every finished span of it carries."""

    @property
    def span(self) -> Span:
        """The root span; the no-op span if the invocation is not recorded."""

    def __repr__(self) -> str:
        """Show the name, the id and the phase."""

    def set_return(self, info: events.FetchResponseInfo | None = None) -> None:
        """Report that the handler has answered; the invocation may live on. The first one counts.

        Args:
            info: What it answered.
        """

    def wait_until(self, awaitable: Awaitable[object] | protocols.Settles) -> None:
        """Hold the outcome back until *awaitable* has settled. Nothing else waits for it.

        If it fails, the outcome is `exception`, and the exception is recorded on the root.

        Args:
            awaitable: A future of asyncio or `concurrent.futures`, or something to await, which is
                run as a task of the running event loop.

        Raises:
            TypeError: It is neither.
            RuntimeError: It has to be awaited, and no event loop is running.
        """

    def close(self, outcome: str | None = None) -> None:
        """End it now.

        Args:
            outcome: An outcome of your own; by default the one that it would have had.
        """

class InvocationScope(Block[Invocation]):
    """An invocation as a block, for `with` and `async with`; both give the `Invocation`.

    Each time it is entered, it begins another invocation.
    """

    def __enter__(self) -> Invocation:
        """Begin the invocation, and make its root current."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """End the root; the invocation ends at once, or when its linger does."""

class Tracing:
    """Everything to do with tracing, in one isolated instance: `enterspan.tracing` is the default.

    Each instance has a context of its own: the spans of one never become parents of another's.

    Args:
        name: What it is called; the scope of its spans.

    Raises:
        TypeError: The name is no str.

    >>> from enterspan import Tracing
    >>> Tracing("billing")
    <Tracing 'billing'>
    """

    Span: TypeAlias = _Span

    name: str
    """What it is called."""

    def __init__(self, name: str = "default") -> None: ...

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by name: in another process it is that process's own."""

    def __repr__(self) -> str:
        """Show the name."""

    @overload
    def enter_span(self, name: str, callback: Callable[[Span], _T], /) -> _T:
        """Call `callback(span, *args, **kwargs)` with a new child of the current span.

        The span is current while the callback runs, and ends when it returns or raises, or, if the
        result is awaitable, when that settles. A future comes back as the same object; a coroutine
        or generator comes back as one, in which the span is current at every step. Without a
        subscriber it is the call and nothing else.

        Args:
            name: The name of the span.
            callback: What is called with the span, and with the arguments that follow.
            args: Passed on.
            kwargs: Passed on.

        Returns:
            What the callback has returned.

        It is `enterSpan` of workerd's user tracing.

        >>> from enterspan import tracing
        >>> tracing.enter_span("add", lambda span, a, b: a + b, 1, b=2)
        3
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
        callback: Callable[[Span, _A1, _A2, _A3, _A4, _A5, Unpack[_As]], _T],
        a1: _A1,
        a2: _A2,
        a3: _A3,
        a4: _A4,
        a5: _A5,
        /,
        *args: Unpack[_As],
    ) -> _T: ...
    @overload
    def enter_span(
        self,
        name: str,
        callback: Callable[typing.Concatenate[Span, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T: ...

    @overload
    def start_active_span(self, name: str, callback: Callable[[Span], _T], /) -> _T:
        """Do as `enter_span`, but leave the span open: the caller ends it, also after an exception.

        Args:
            name: The name of the span.
            callback: What is called with the span, and with the arguments that follow.
            args: Passed on.
            kwargs: Passed on.

        Returns:
            What the callback has returned.
        """
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
        callback: Callable[[Span, _A1, _A2, _A3, _A4, _A5, Unpack[_As]], _T],
        a1: _A1,
        a2: _A2,
        a3: _A3,
        a4: _A4,
        a5: _A5,
        /,
        *args: Unpack[_As],
    ) -> _T: ...
    @overload
    def start_active_span(
        self,
        name: str,
        callback: Callable[typing.Concatenate[Span, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T: ...

    def span(
        self,
        name: str,
        attributes: _Attributes | None = None,
        /,
        *,
        kind: protocols.Kind | None = None,
        links: Iterable[SpanContext | Span] = (),
        **more: AttributeValue | None,
    ) -> SpanScope: ...

    def start_span(
        self,
        name: str,
        attributes: _Attributes | None = None,
        /,
        *,
        kind: protocols.Kind | None = None,
        links: Iterable[SpanContext | Span] = (),
        **more: AttributeValue | None,
    ) -> Span:
        """Open a child of the current span that is not made current; the caller ends it.

        One that is dropped without `end()` is ended as abandoned.

        Args:
            name: The name of the span.
            attributes: Attributes as a mapping.
            kind: The span's kind.
            links: Spans that it is related to, or their contexts.
            more: Attributes by keyword.
        """

    def use_span(self, span: Span, *, end: bool = False) -> UseScope:
        """Return a block in which a span made elsewhere is current.

        Args:
            span: The span. The block gives it.
            end: Whether it ends with the block.

        Raises:
            TypeError: It is no span.
        """

    def current_span(self) -> Span:
        """Return the innermost open span here, or the no-op span; never None, nor an ended span.

        Inside an invocation with no other span open, it is the root.
        """

    @overload
    def traced(self, name: _F, /) -> _F:
        """Put a span around each call of a function, a method, a property, a class's methods.

        Bare, or with a name and options.

        Args:
            name: The name of the span; by default the function's qualified name.
            attributes: Set on each span; a mapping, or a function of the call's arguments that
                returns one.
            kind: The kind of each span.
            capture_args: Record all arguments (True), those that are named, or, with a mapping,
                those that are its keys as the attributes that are its values.
            capture_return: Record the result as `return` (True), as the attribute that is named, or
                what a function makes of it; a mapping names several attributes, each with its
                function, or True for the result itself. Of a generator, a function is given the
                list of what it has yielded, of at most 65,536 items and 8 MiB:
                `capture_return="".join`. A result that is an iterator is the caller's alone.
            redact: Names that are recorded without their values, beside those that are secrets
                anywhere (`password`, `token`, ...): of arguments, and of keys and fields in what is
                captured.
            min_duration: Seconds; a span that is shorter and did not fail is left out, and its
                children become its parent's.
            expected: Exception types that are control flow: they are no failure of the span. A
                dotted name (`"openai.RateLimitError"`) does as well, and imports nothing.

        Returns:
            What it was given, of the same type.

        Raises:
            TypeError: An option is of the wrong type.
            ValueError: It has a value that can't be used.

        >>> from enterspan import traced
        >>> @traced("shop.price", capture_args=["cart"])
        ... def price(cart: list[int]) -> int:
        ...     return sum(cart)
        >>> price([1, 2])
        3
        """
    @overload
    def traced(
        self,
        name: str | None = None,
        *,
        attributes: _Attributes | Callable[..., _Attributes | None] | None = None,
        kind: protocols.Kind | None = None,
        capture_args: bool | Sequence[str] | Mapping[str, str] = False,
        capture_return: _Returned = False,
        redact: Sequence[str] = (),
        min_duration: float | None = None,
        expected: _Expected = (),
    ) -> Callable[[_F], _F]: ...

    @overload
    def entrypoint(self, name: _F, /) -> _F:
        """Make each call of a function an invocation: a job, a message, a remote call, an alarm.

        It takes whatever `traced` takes, and the options of `invocation`. If a function that is
        given as an option raises, that is warned about once, and the call goes on without it.

        Args:
            name: The name of the invocation; by default the function's qualified name.
            info: The event info, or a function of the call's arguments that returns it.
            parent: Whose trace it belongs to, likewise; see `invocation`.
            linger: Seconds to wait for spans that are still open at its end.
            ambient: Whether contexts without an invocation fall back to it while it is open.
            new_trace: Whether it begins a trace of its own.
            attributes: As in `traced`.
            expected: As in `traced`.
            flush: Deliver what is finished before the call returns, for at most 5 seconds; for
                hosts that freeze or end the process after it, such as AWS Lambda. A coroutine
                holds up its event loop meanwhile.
            incoming: What the context in `parent` is worth: "parent"; "link", for callers that are
                not trusted: a trace and a sampling decision of our own, linked to theirs;
                "ignore"; or a function of the call's arguments that returns one of these.
            kind: As in `traced`.
            capture_args: As in `traced`.
            capture_return: As in `traced`.
            redact: As in `traced`.
            min_duration: As in `traced`.

        Returns:
            What it was given, of the same type.

        Raises:
            TypeError: An option is of the wrong type.
            ValueError: It has a value that can't be used.
        """
    @overload
    def entrypoint(
        self,
        name: str | None = None,
        *,
        info: events.EventInfo | Callable[..., events.EventInfo | None] | None = None,
        parent: _Parent | Callable[..., _Parent | None] | None = None,
        linger: float | None = 0.0,
        ambient: bool = False,
        new_trace: bool = False,
        attributes: _Attributes | Callable[..., _Attributes | None] | None = None,
        expected: _Expected = (),
        flush: bool = False,
        incoming: protocols.Incoming | Callable[..., protocols.Incoming] = "parent",
        kind: protocols.Kind | None = None,
        capture_args: bool | Sequence[str] | Mapping[str, str] = False,
        capture_return: _Returned = False,
        redact: Sequence[str] = (),
        min_duration: float | None = None,
    ) -> Callable[[_F], _F]: ...

    def instrument(
        self,
        *targets: _Target,
        exclude: _Target | Iterable[_Target] = (),
        min_duration: float | None = None,
        attributes: _Attributes | Callable[..., _Attributes | None] | None = None,
        kind: protocols.Kind | None = None,
        capture_args: bool | Sequence[str] | Mapping[str, str] = False,
        capture_return: _Returned = False,
        redact: Sequence[str] = (),
        expected: _Expected = (),
    ) -> instrumenting.Instrumentation:
        """Trace functions of code that can't be edited: those loaded already and those to come.

        Nothing is imported.

        Args:
            targets: Patterns (`shop`, `shop:public`, `shop.*`, `shop.cart:total`,
                `shop.cart:Cart.*`), modules, classes or functions.
            exclude: One of these, or a list of them, to be left alone.
            min_duration: As in `traced`.
            attributes: As in `traced`.
            kind: As in `traced`.
            capture_args: As in `traced`; it may name parameters that only some functions have.
            capture_return: As in `traced`.
            redact: As in `traced`.
            expected: As in `traced`.

        Returns:
            What was wrapped and what was not, and the way to undo it.

        Raises:
            TypeError: A target or an option is of the wrong type.
            ValueError: A pattern or an option can't be used. Nothing has been wrapped then.
        """

    def configure_from_project(
        self,
        path: str | os.PathLike[str] | None = None,
    ) -> instrumenting.Instrumentation:
        """Instrument what `[tool.enterspan]` in pyproject.toml names: `instrument`, `exclude`, ...

        Args:
            path: The file; by default the nearest one in this folder or above it. Its keys are the
                arguments of `instrument`, with hyphens; `min-duration` may be as `"1ms"`.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It can't be read, or has nothing to instrument.
        """

    def invocation(
        self,
        name: str = "main",
        *,
        info: events.EventInfo | None = None,
        parent: _Parent | None = None,
        linger: float | None = 0.0,
        ambient: bool = False,
        new_trace: bool = False,
        attributes: _Attributes | None = None,
        expected: _Expected = (),
    ) -> InvocationScope:
        """Return a block, for `with` and `async with`, that is one unit of work.

        The block gives the `Invocation`.

        Args:
            name: Its name, and its root span's.
            info: What it is about: `FetchEventInfo` and the others.
            parent: A context, a span, a `traceparent` or a carrier; by default the current span, if
                there is one. What can't be read restarts the trace.
            linger: Seconds to wait for spans that are still open at its end; None: without limit.
            ambient: While it is open, contexts that carry no invocation fall back to it.
            new_trace: Begin a trace, linked to the current span.
            attributes: Attributes of the root span.
            expected: Exception types that are no failure of it.

        Raises:
            TypeError: The info or the linger is of the wrong type.
            ValueError: The linger is negative.

        It is workerd's invocation of a handler.

        >>> from enterspan import tracing
        >>> with tracing.invocation("nightly", linger=5):
        ...     pass
        """

    def current_invocation(self) -> Invocation | None:
        """Return the invocation that the current span belongs to, while it lives."""

    def add_tail(
        self,
        tail: handlers._Tail,
        *,
        delivery: typing.Literal["background", "inline"] = "background",
        key: object = None,
    ) -> subscription.Subscription:
        """Subscribe a live tail, from the next onset on.

        Args:
            tail: Called with the onset event of each invocation, it returns a handler for the rest,
                or None to decline.
            delivery: `"inline"` calls it on the thread on which things happen, `"background"` on
                one of its own.
            key: A tail that is subscribed with an equal key is replaced, with a warning: it gets
                the rest of the invocations that it has accepted. By default the class and target
                (a path, a stream) of this package's tails; others have none.

        Raises:
            TypeError: It can't be a tail.
            ValueError: The delivery is neither of the two.

        It is workerd's streaming tail worker.
        """

    def add_exporter(
        self,
        exporter: protocols.Exporter,
        *,
        key: object = None,
        max_queue: int = 65_536,
        max_batch: int = 512,
        delay: float = 1.0,
        max_bytes: int = ...,
    ) -> subscription.Subscription:
        """Subscribe an exporter of finished spans, which it gets in batches on a worker thread.

        Args:
            exporter: An object with `export(spans)` and `shutdown()`.
            key: An exporter that is subscribed with an equal key is replaced, with a warning: it
                delivers what waits and is shut down. By default the class and target (a path, an
                endpoint) of this package's exporters; others have none. So set-up that runs twice,
                in a cell or in each thread, is one.
            max_queue: Spans that may wait; what exceeds it is counted as dropped.
            max_batch: Spans in a batch, at most.
            delay: Seconds that a batch waits, at most.
            max_bytes: Bytes of memory that spans may take while they wait and while they are being
                exported; likewise.

        Raises:
            TypeError: It can't be an exporter, or a size is of the wrong type.
            ValueError: A size or the delay can't be used.
        """

    def configure(
        self,
        *,
        sampler: protocols.Sampler | None = ...,
        limits: Limits | None = ...,
        id_generator: protocols.IdGenerator | typing.Literal["urandom"] | None = ...,
        resource: _Attributes | None = ...,
        propagate_threads: bool | None = None,
        enabled: bool | None = None,
        expected: _Expected | None = None,
        canceled: _Expected | None = None,
        redact: Sequence[str] | None = None,
        exceptions: typing.Literal["full", "type"] | None = None,
        late: float | None = None,
    ) -> None:
        """Change what is passed and nothing else.

        Args:
            sampler: Decides which traces exporters get; None: the default, which follows the
                parent and samples every trace of its own.
            limits: How much is recorded; None: the default.
            id_generator: Makes ids; None: the default, a generator of this process's own, which is
                seeded anew in a forked child and after a Lambda snapshot is restored. `"urandom"`
                asks the operating system for each id, so that other images of a process that are
                restored (CRIU) don't repeat them; it costs a system call.
            resource: Attributes of the process, beside `service.name` and others from the variables
                OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, `process.pid` and
                `service.instance.id`; None: none beside these.
            propagate_threads: Whether new threads and greenlets, and jobs of their pools, begin
                with the current span.
            enabled: Whether anything is recorded; None leaves it.
            expected: Exception types, or dotted names of such, that are control flow everywhere: no
                failure of any span.
            canceled: Exception types that mean cancellation, beside those of asyncio, concurrent
                futures, trio, gevent and Twisted.
            redact: Names of secrets, beside those that are known (`password`, `token`, ...): their
                values are left out of queries, headers, and what is captured. Any spelling of a
                name counts, and words of longer names.
            exceptions: `"type"` records of an exception its type alone, without its message and its
                stack, which may hold anything; `"full"` is the default.
            late: Seconds after the end of an invocation for which spans that are opened in its
                context stay in its trace; `inf`: without limit, 0: they begin one of their own.

        Raises:
            TypeError: A value can't be used. Nothing has changed then.
            ValueError: Likewise.
        """

    def log(
        self,
        level: protocols.Level,
        message: str,
        /,
        **attributes: AttributeValue | None,
    ) -> None:
        """Log a line on the current span: `log` on the stream, an event to exporters.

        Args:
            level: One of Python's, in lower case; any other text is recorded too, in lower case.
            message: Cut if it is over the limit, and marked `truncated`.
            attributes: Attributes of the line.
        """

    def propagate(self, fn: _F, *, flush: bool = True) -> _F:
        """Bind the current span to a callable, for a thread or callback with an empty context.

        It may be pickled: a call in another process belongs to the span, too.

        Args:
            fn: Any callable.
            flush: Whether a call in another process delivers what is finished there before it
                returns, for at most a second: a pool that has the result may end the process. An
                exporter that was not done in time is not waited for again until it is.

        Returns:
            The same to everything that asks, in which the span is current.

        Raises:
            TypeError: It can't be called.
        """

    def inject(self, carrier: MutableMapping[str, str]) -> None:
        """Write the current span's `traceparent` and `tracestate` into a carrier of headers.

        Whatever context the carrier held before is replaced, in any case of its names. The no-op
        span writes nothing; inside an unsampled invocation, its root is written. A carrier that
        can't be written to is warned about, once. The format is W3C Trace Context.

        Args:
            carrier: A mutable mapping.
        """

    def extract(self, carrier: _Carrier) -> SpanContext | None:
        """Read a trace context from a carrier by the letter of W3C Trace Context, or None.

        Args:
            carrier: A mapping of header names, in any case, to values; pairs of names and values,
                as text or bytes (ASGI); or the environment of a WSGI request.
        """

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver all that is finished.

        Args:
            timeout: Seconds that it may take; 30 by default.

        Returns:
            False if it took longer.
        """

    def flush_on_signal(self, *signals: int, timeout: float = 5.0) -> None:
        """Deliver all that is finished when a signal arrives, then do what was done without this.

        A handler that is there is called afterwards. Where there is none, what is open is ended as
        `abandoned`, the exporters are shut down, and the process ends by the signal. An ignored
        signal stays ignored. It must be called again if a handler is set later.

        Args:
            signals: Their numbers; by default `signal.SIGTERM`.
            timeout: Seconds that it may take.

        Raises:
            TypeError: A signal is no int.
            ValueError: This is not the main thread, or a signal can't be handled.

        >>> from enterspan import tracing
        >>> tracing.flush_on_signal()
        """

    def shutdown(self, timeout: float | None = None) -> bool:
        """Flush, then end every subscription.

        Args:
            timeout: Seconds that it may take; 30 by default.

        Returns:
            False if it took longer.
        """

tracing: Tracing
"""The default instance."""

@overload
def traced(name: _F, /) -> _F:
    """Put a span around each call of a function, a method, a property, a class's methods.

    Bare, or with a name and options.

    Args:
        name: The name of the span; by default the function's qualified name.
        attributes: Set on each span; a mapping, or a function of the call's arguments that
            returns one.
        kind: The kind of each span.
        capture_args: Record all arguments (True), those that are named, or, with a mapping,
            those that are its keys as the attributes that are its values.
        capture_return: Record the result as `return` (True), as the attribute that is named, or
            what a function makes of it; a mapping names several attributes, each with its
            function, or True for the result itself. Of a generator, a function is given the
            list of what it has yielded, of at most 65,536 items and 8 MiB:
            `capture_return="".join`. A result that is an iterator is the caller's alone.
        redact: Names that are recorded without their values, beside those that are secrets
            anywhere (`password`, `token`, ...): of arguments, and of keys and fields in what is
            captured.
        min_duration: Seconds; a span that is shorter and did not fail is left out, and its
            children become its parent's.
        expected: Exception types that are control flow: they are no failure of the span. A
            dotted name (`"openai.RateLimitError"`) does as well, and imports nothing.

    Returns:
        What it was given, of the same type.

    Raises:
        TypeError: An option is of the wrong type.
        ValueError: It has a value that can't be used.

    >>> from enterspan import traced
    >>> @traced("shop.price", capture_args=["cart"])
    ... def price(cart: list[int]) -> int:
    ...     return sum(cart)
    >>> price([1, 2])
    3
    """
@overload
def traced(
    name: str | None = None,
    *,
    attributes: _Attributes | Callable[..., _Attributes | None] | None = None,
    kind: protocols.Kind | None = None,
    capture_args: bool | Sequence[str] | Mapping[str, str] = False,
    capture_return: _Returned = False,
    redact: Sequence[str] = (),
    min_duration: float | None = None,
    expected: _Expected = (),
) -> Callable[[_F], _F]: ...
