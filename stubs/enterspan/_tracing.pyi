# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The facade: `Tracing`, the object that users call.

Its methods delegate to the private packages below.
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
from enterspan._model.limits import AttributeValue, Limits
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
    """The `Tracing` that created it."""

    name: str
    """Its name, which is the initial name of the root span."""

    info: events.EventInfo | None
    """The event info passed to `Tracing.invocation`, if any."""

    @property
    def id(self) -> str:
        """The id that all of its events and finished spans carry."""

    @property
    def span(self) -> Span:
        """The root span; the no-op span if the invocation is not recorded."""

    def __repr__(self) -> str:
        """Show the name, the id and the phase."""

    def set_return(self, info: events.FetchResponseInfo | None = None) -> None:
        """Report that the handler has returned; the invocation may go on. The first call counts.

        Args:
            info: The result, such as a `FetchResponseInfo`.
        """

    def wait_until(self, awaitable: Awaitable[object] | protocols.Settles) -> None:
        """Delay the outcome until *awaitable* has settled. Leaving the block does not wait for it.

        If it fails, the outcome is `exception`, and the exception is reported; the root is marked
        as failed if it is still open.

        Args:
            awaitable: A future of asyncio or `concurrent.futures`, or another awaitable, which is
                run as a task of the running event loop.

        Raises:
            TypeError: It is neither a future nor awaitable.
            RuntimeError: It needs an event loop, and none is running.
        """

    def close(self, outcome: str | None = None) -> None:
        """End the invocation now.

        Args:
            outcome: The outcome to report; by default it is determined as usual.
        """

class InvocationScope(Block[Invocation]):
    """An invocation as a block, for `with` and `async with`; both give the `Invocation`.

    Each time the block is entered, another invocation begins.
    """

    def __enter__(self) -> Invocation:
        """Begin the invocation, and make its root current."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """End the root span; the invocation ends now, or after its `linger`."""

class Tracing:
    """An isolated tracer with its subscribers and settings; `enterspan.tracing` is the default one.

    Each instance has a context variable of its own: spans of one instance never become parents of
    another's.

    Args:
        name: Its name, which is the instrumentation scope of its spans.

    Raises:
        TypeError: `name` is not a str.

    >>> from enterspan import Tracing
    >>> Tracing("billing")
    <Tracing 'billing'>
    """

    Span: TypeAlias = _Span

    name: str
    """The name, which is the scope of its spans."""

    def __init__(self, name: str = "default") -> None: ...

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by name: unpickling gives the other process's instance of that name."""

    def __copy__(self) -> Tracing:
        """Return the same instance: it is one for its name."""

    def __deepcopy__(self, memo: object) -> Tracing:
        """Return the same instance."""

    def __repr__(self) -> str:
        """Show the name."""

    @overload
    def enter_span(self, name: str, callback: Callable[[Span], _T], /) -> _T:
        """Call `callback(span, *args, **kwargs)` with a new child of the current span.

        The span is current while the callback runs, and ends when it returns or raises, or, if the
        result is awaitable, when that settles. A future comes back as the same object; a coroutine
        or generator comes back as one, in which the span is current at every step. Without a
        subscriber, the callback is called and nothing else is done.

        Args:
            name: The name of the span.
            callback: Called with the span and the arguments that follow.
            args: Passed to the callback.
            kwargs: Passed to the callback.

        Returns:
            What the callback returned.

        This is workerd's `enterSpan`.

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
        """Like `enter_span`, but the caller ends the span, also after an exception.

        Args:
            name: The name of the span.
            callback: Called with the span and the arguments that follow.
            args: Passed to the callback.
            kwargs: Passed to the callback.

        Returns:
            What the callback returned.
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
        """Open a child of the current span without making it current; the caller ends it.

        A span that is garbage-collected without `end()` is ended as `abandoned`.

        Args:
            name: The name of the span.
            attributes: Attributes as a mapping.
            kind: The span's kind.
            links: Related spans, or their contexts.
            more: Attributes by keyword.
        """

    def use_span(self, span: Span, *, end: bool = False) -> UseScope:
        """Return a block in which an existing span is current.

        Args:
            span: The span, which entering the block returns.
            end: Whether to end the span with the block.

        Raises:
            TypeError: `span` is not a `Span`.
        """

    def current_span(self) -> Span:
        """Return the innermost open span, or the no-op span; never None, and never an ended span.

        Inside an invocation with no other open span, it is the root.
        """

    @overload
    def traced(self, name: _F, /) -> _F:
        """Open a span around each call of a function, method or property, or of a class's methods.

        Used bare (`@traced`), or with a name and options.

        Args:
            name: The name of the span; by default the function's qualified name.
            attributes: Set on each span; a mapping, or a function of the call's arguments that
                returns one.
            kind: The kind of each span.
            capture_args: Arguments to record: True for all, a list of names, or a mapping from
                names to the attributes that they are recorded as.
            capture_return: Record the result: True records it as `return`, a name as that
                attribute, and a function records what it returns for the result. A mapping
                records several attributes: each value is a function of the result, or True for the
                result itself. For a generator, the function gets the list of yielded items, at most
                65,536 and 8 MiB: `capture_return="".join`. An iterator that is returned is not
                consumed.
            redact: Names of arguments, keys and fields whose values are not recorded, in addition
                to the default secrets (`password`, `token`, ...).
            min_duration: Seconds. A shorter span that did not fail is left out, and its children
                become children of its parent.
            expected: Exception types that are control flow, and not a failure of the span. A dotted
                name (`"openai.RateLimitError"`) works too, and is not imported.

        Returns:
            The decorated object, of the same type.

        Raises:
            TypeError: An option has the wrong type.
            ValueError: An option has an invalid value.

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
        """Make each call of a function an invocation, such as a job, a message or a remote call.

        It accepts the same objects as `traced`, and the options of `invocation`. If a function
        given as an option raises, a warning is logged once, and the call goes on without the
        option.

        Args:
            name: The name of the invocation; by default the function's qualified name.
            info: The event info, or a function of the call's arguments that returns it.
            parent: The parent, or a function of the call's arguments that returns it; see
                `invocation`.
            linger: Seconds to wait for spans that are still open when it ends.
            ambient: Whether contexts without an invocation fall back to it while it is open.
            new_trace: Whether to begin a new trace.
            attributes: As in `traced`.
            expected: As in `traced`.
            flush: Deliver finished spans before the call returns, for at most 5 seconds; for hosts
                that freeze or end the process afterwards, such as AWS Lambda. In a coroutine, this
                blocks the event loop.
            incoming: What to do with the context in `parent`: `"parent"` continues its trace;
                `"link"`, for untrusted callers, begins a new trace with its own sampling decision,
                linked to the caller's; `"ignore"` begins one without a link; or a function of the
                call's arguments that returns one of these.
            kind: As in `traced`.
            capture_args: As in `traced`.
            capture_return: As in `traced`.
            redact: As in `traced`.
            min_duration: As in `traced`.

        Returns:
            The decorated object, of the same type.

        Raises:
            TypeError: An option has the wrong type.
            ValueError: An option has an invalid value.
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
        """Trace functions of code that can't be edited, in modules imported already or later.

        This imports nothing itself.

        Args:
            targets: Patterns (`shop`, `shop:public`, `shop.*`, `shop.cart:total`,
                `shop.cart:Cart.*`), modules, classes or functions.
            exclude: A target, or a list of targets, not to trace.
            min_duration: As in `traced`.
            attributes: As in `traced`.
            kind: As in `traced`.
            capture_args: As in `traced`; not every function needs to have the named parameters.
            capture_return: As in `traced`.
            redact: As in `traced`.
            expected: As in `traced`.

        Returns:
            An `Instrumentation`, which lists what was wrapped and can remove it.

        Raises:
            TypeError: A target or an option has the wrong type.
            ValueError: A pattern or an option is invalid. Nothing has been wrapped.
        """

    def configure_from_project(
        self,
        path: str | os.PathLike[str] | None = None,
    ) -> instrumenting.Instrumentation:
        """Instrument what `[tool.enterspan]` in pyproject.toml names.

        Args:
            path: The file; by default the nearest one in the working directory or above it. The
                table's keys are `instrument` for the targets, and the other arguments of
                `instrument()`, with hyphens; `min-duration` may be a text such as `"1ms"`.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file can't be read, or has nothing to instrument.
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
        """Return a block, for `with` and `async with`, around one unit of work.

        Entering the block gives the `Invocation`.

        Args:
            name: The name of the invocation and of its root span.
            info: What triggered it: a `FetchEventInfo` or another event info.
            parent: A `SpanContext`, a span, a `traceparent` or a carrier; by default the current
                span, if there is one. A parent that can't be read restarts the trace.
            linger: Seconds to wait for spans that are still open when it ends; None for no limit.
            ambient: Whether contexts without an invocation fall back to this one while it is open.
            new_trace: Whether to begin a new trace, linked to the current span.
            attributes: Attributes of the root span.
            expected: Exception types that are not a failure of it.

        Raises:
            TypeError: `info` or `linger` has the wrong type.
            ValueError: `linger` is negative.

        This corresponds to workerd's invocation of a handler.

        >>> from enterspan import tracing
        >>> with tracing.invocation("nightly", linger=5):
        ...     pass
        """

    def current_invocation(self) -> Invocation | None:
        """Return the current span's invocation, or None if there is none or it has ended."""

    def add_tail(
        self,
        tail: handlers._Tail,
        *,
        delivery: typing.Literal["background", "inline"] = "background",
        key: object = None,
    ) -> subscription.Subscription:
        """Subscribe a live tail, which gets the invocations that begin from now on.

        Args:
            tail: Called with the onset event of each invocation; returns a handler for the other
                events, or None to decline.
            delivery: `"inline"` calls it on the thread that causes the event, `"background"` on a
                worker thread.
            key: A tail with an equal key is replaced, with a warning; it still gets the remaining
                events of invocations that it accepted. The default for this package's tails is
                their class and target (a path, a stream); other tails have none.

        Raises:
            TypeError: `tail` can't be a tail.
            ValueError: `delivery` is neither of the two.

        This corresponds to workerd's streaming tail workers.
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
        """Subscribe an exporter, which gets finished spans in batches on a worker thread.

        Args:
            exporter: An object with `export(spans)` and `shutdown()`.
            key: An exporter with an equal key is replaced, with a warning: it exports its queue and
                is shut down. The default for this package's exporters is their class and target (a
                path, an endpoint); other exporters have none. So code that subscribes twice, such
                as a notebook cell, leaves one subscription.
            max_queue: The maximum number of queued spans; further spans are dropped and counted.
            max_batch: The maximum number of spans in a batch.
            delay: The maximum number of seconds that a span waits for its batch.
            max_bytes: The maximum number of bytes of memory for spans that are queued or being
                exported; further spans are dropped and counted.

        Raises:
            TypeError: `exporter` can't be an exporter, or a size has the wrong type.
            ValueError: A size or the delay is out of range.
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
        """Change the given settings, and no others.

        Args:
            sampler: Decides which traces are exported. None restores the default, which follows the
                parent and samples every new trace.
            limits: How much is recorded; None restores the default.
            id_generator: Generates ids. None restores the default, a generator per process, which
                is reseeded in a forked child and after an AWS Lambda snapshot is restored.
                `"urandom"` gets each id from the operating system, at the cost of a system call, so
                that other restored process images (CRIU) don't repeat ids.
            resource: Attributes of the process, in addition to those from the variables
                OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, `process.pid` and
                `service.instance.id`; None removes the added ones.
            propagate_threads: Whether new threads and greenlets, and jobs of thread pools, begin
                with the current span.
            enabled: Whether anything is recorded; None leaves this unchanged.
            expected: Exception types, or their dotted names, that are control flow, and not a
                failure of any span.
            canceled: Exception types that mean cancellation, in addition to those of asyncio,
                `concurrent.futures`, trio, gevent and Twisted.
            redact: Names of secrets, in addition to the default ones (`password`, `token`, ...):
                their values are left out of queries, headers and captured values. Names match in
                any spelling, and as words of longer names.
            exceptions: `"type"` records only the type of an exception, without its message and
                stack, which may contain secrets; `"full"` is the default.
            late: Seconds after the end of an invocation during which spans that are opened in its
                context stay in its trace; `inf` for no limit, 0 for always a new trace.

        Raises:
            TypeError: A value has the wrong type. Nothing has changed.
            ValueError: A value is invalid. Nothing has changed.
        """

    def log(
        self,
        level: protocols.Level,
        message: str,
        /,
        **attributes: AttributeValue | None,
    ) -> None:
        """Log a message on the current span: a `log` event for tails, a span event for exporters.

        Args:
            level: The level; any text is recorded, in lower case.
            message: The message. Over the limit, it is cut and marked `truncated`.
            attributes: Attributes of the log event.
        """

    def propagate(self, fn: _F, *, flush: bool = True) -> _F:
        """Bind the current span to a callable, for a thread or callback with an empty context.

        The result can be pickled: a call in another process belongs to the span, too.

        Args:
            fn: Any callable.
            flush: Whether a call in another process delivers that process's finished spans before
                it returns, for at most a second, because the pool may then end the process. An
                exporter that exceeded the time is not waited for again until it has finished.

        Returns:
            A callable like `fn` in which the span is current.

        Raises:
            TypeError: `fn` is not callable.
        """

    def inject(self, carrier: MutableMapping[str, str]) -> None:
        """Write the current span's `traceparent` and `tracestate` into a carrier of headers.

        A trace context that is in the carrier already is replaced, whatever the case of its names.
        The no-op span writes nothing; in an unsampled invocation, the root is written. A carrier
        that can't be written to causes one warning. The format is W3C Trace Context.

        Args:
            carrier: A mutable mapping.
        """

    def extract(self, carrier: _Carrier) -> SpanContext | None:
        """Read the trace context of a carrier as W3C Trace Context defines it; None if it has none.

        Args:
            carrier: A mapping of header names, in any case, to values; pairs of names and values,
                as str or bytes (ASGI); or a WSGI environment.
        """

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver all finished spans and events.

        Args:
            timeout: The maximum number of seconds to wait; 30 by default.

        Returns:
            False if the timeout was exceeded.
        """

    def flush_on_signal(self, *signals: int, timeout: float = 5.0) -> None:
        """Flush when a signal arrives, before it has its usual effect.

        A handler that is already set is called afterwards. Without one, open spans are ended as
        `abandoned`, the exporters are shut down, and the signal ends the process. An ignored signal
        stays ignored. Call this again after setting another handler.

        Args:
            signals: The signal numbers; by default `signal.SIGTERM`.
            timeout: The maximum number of seconds to wait.

        Raises:
            TypeError: A signal is not an int.
            ValueError: This is not the main thread, or a signal can't be handled.

        >>> from enterspan import tracing
        >>> tracing.flush_on_signal()
        """

    def shutdown(self, timeout: float | None = None) -> bool:
        """Flush, then end every subscription.

        Args:
            timeout: The maximum number of seconds to wait; 30 by default.

        Returns:
            False if the timeout was exceeded.
        """

tracing: Tracing
"""The default instance."""

@overload
def traced(name: _F, /) -> _F:
    """Open a span around each call of a function, method or property, or of a class's methods.

    Used bare (`@traced`), or with a name and options.

    Args:
        name: The name of the span; by default the function's qualified name.
        attributes: Set on each span; a mapping, or a function of the call's arguments that
            returns one.
        kind: The kind of each span.
        capture_args: Arguments to record: True for all, a list of names, or a mapping from
            names to the attributes that they are recorded as.
        capture_return: Record the result: True records it as `return`, a name as that
            attribute, and a function records what it returns for the result. A mapping
            records several attributes: each value is a function of the result, or True for the
            result itself. For a generator, the function gets the list of yielded items, at most
            65,536 and 8 MiB: `capture_return="".join`. An iterator that is returned is not
            consumed.
        redact: Names of arguments, keys and fields whose values are not recorded, in addition
            to the default secrets (`password`, `token`, ...).
        min_duration: Seconds. A shorter span that did not fail is left out, and its children
            become children of its parent.
        expected: Exception types that are control flow, and not a failure of the span. A dotted
            name (`"openai.RateLimitError"`) works too, and is not imported.

    Returns:
        The decorated object, of the same type.

    Raises:
        TypeError: An option has the wrong type.
        ValueError: An option has an invalid value.

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
