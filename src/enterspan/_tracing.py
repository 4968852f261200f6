"""The facade: `Tracing`, the object that users call.

Its methods delegate to the private packages below.
"""

from __future__ import annotations

import weakref
from types import ModuleType

from enterspan._forms.arity import by_arity
from enterspan._model.block import Block, exception_of
from enterspan._model.clock import check_seconds, now_ns
from enterspan._model.diagnostics import warn_keyword, warn_misuse, warn_once
from enterspan._model.ids import SpanContext
from enterspan._model.interrupts import is_interrupt
from enterspan._model.late import Late, put_off
from enterspan._model.limits import DEFAULT_LIMITS, EASY_NAME, AttributeValue, Limits
from enterspan._model.secrets import DEFAULT_SECRETS
from enterspan._pipeline import process as _process
from enterspan._span.context import DISABLED, LIVE, REMOTE, span_of
from enterspan._span.scope import NoopScope, SpanScope, UseScope
from enterspan._span.span import KINDS, NOOP_SPAN, Span, StartedSpan
from enterspan._span.span import Span as _Span
from enterspan._span.tracer import Tracer

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from _collections_abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence

    typing = Late("typing")
    os = Late("os")
    types = Late("types")
    events = Late("enterspan.events")
    handlers = Late("enterspan._pipeline.handlers")
    protocols = Late("enterspan._model.protocols")
    subscription = Late("enterspan._pipeline.subscription")
    instrumenting = Late("enterspan.instrument.instrumentation")
    put_off(
        globals(),
        {
            "enterspan._forms.enter": "enter leave_open",
            "enterspan._forms.entrypoint": "check_info invocation_start",
            "enterspan._forms.options": "Options exception_types labels_of names_of redacted_names",
            "enterspan._forms.propagate": "bind",
            "enterspan._forms.traced": "trace",
            "enterspan._model.carriers": "extract_context inject_context",
            "enterspan._model.excerpt": "cut",
            "enterspan._model.values": "clean_all clean_text",
            "enterspan._pipeline.subscribers": "Subscribers prepare",
            "enterspan._span.begin": "begin",
            "enterspan._span.details": "Details first_attributes",
            "enterspan._span.end": "end_span",
            "enterspan._span.invocation": "exit_root",
        },
    )
    _P = Late("typing", "ParamSpec", "_P")
    _T = Late("typing", "TypeVar", "_T")
    _F = Late("typing", "TypeVar", "_F")
    _Attributes = Mapping[str, object]
    _Carrier = Mapping[str, object] | Iterable[tuple[str | bytes, str | bytes]]
    _Parent = SpanContext | Span | str | _Carrier
    _Expected = type[BaseException] | str | Sequence[type[BaseException] | str]
    _Returned = bool | str | Callable[..., object] | Mapping[str, Callable[..., object] | bool]
    _Target = str | ModuleType | type | Callable[..., object]
if TYPE_CHECKING:
    import os
    import types
    import typing
    from collections.abc import (
        Awaitable,
        Callable,
        Iterable,
        Mapping,
        MutableMapping,
        Sequence,
    )
    from typing import Any, Final, ParamSpec, TypeAlias, TypeVar, overload

    import enterspan.instrument.instrumentation as instrumenting
    from enterspan import events
    from enterspan._forms.enter import enter, leave_open
    from enterspan._forms.entrypoint import check_info, invocation_start
    from enterspan._forms.options import (
        Options,
        exception_types,
        labels_of,
        names_of,
        redacted_names,
    )
    from enterspan._forms.propagate import bind
    from enterspan._forms.traced import trace
    from enterspan._model import protocols
    from enterspan._model.carriers import extract_context, inject_context
    from enterspan._model.excerpt import cut
    from enterspan._model.values import clean_all, clean_text
    from enterspan._pipeline import handlers, subscription
    from enterspan._pipeline.subscribers import Subscribers, prepare
    from enterspan._span.begin import InvocationStart, begin
    from enterspan._span.details import Details, first_attributes
    from enterspan._span.end import end_span
    from enterspan._span.invocation import exit_root

    _P = ParamSpec("_P")
    _T = TypeVar("_T")
    _F = TypeVar("_F", bound="Callable[..., object] | property")
    # Not AttributeValue: mypy infers `dict[str, object]` for a variable with mixed values.
    _Attributes: TypeAlias = Mapping[str, object]
    _Carrier: TypeAlias = Mapping[str, object] | Iterable[tuple[str | bytes, str | bytes]]
    _Parent: TypeAlias = SpanContext | Span | str | _Carrier
    _Expected: TypeAlias = type[BaseException] | str | Sequence[type[BaseException] | str]
    _Returned: TypeAlias = (
        bool | str | Callable[[Any], object] | Mapping[str, Callable[[Any], object] | bool]
    )
    _Target: TypeAlias = str | ModuleType | type | Callable[..., object]

_UNSET: Any = object()

_MAX_QUEUE: Final = 65_536
_MAX_BATCH: Final = 512
_DELAY: Final = 1.0
_MAX_BYTES: Final = 64 * 1024 * 1024
_TIMEOUT: Final = 30.0
"""The default timeout of `flush` and `shutdown`, in seconds."""
_OUTCOME_BYTES: Final = 256


class Invocation:
    """One unit of work, from its onset to its outcome. `Tracing.invocation` begins it."""

    __slots__ = ("__weakref__", "_root", "_state", "info", "name", "tracing")

    def __init__(  # internal
        self, tracing: Tracing, name: str, info: events.EventInfo | None, root: Span
    ) -> None:
        self.tracing: Tracing = tracing
        """The `Tracing` that created it."""
        self.name: str = name
        """Its name, which is the initial name of the root span."""
        self.info: events.EventInfo | None = info
        """The event info passed to `Tracing.invocation`, if any."""
        self._root = root
        self._state = root._state

    @property
    def id(self) -> str:
        """The id that all of its events and finished spans carry."""
        found: str = self._state.id
        return found

    @property
    def span(self) -> Span:
        """The root span; the no-op span if the invocation is not recorded."""
        return self._root if self._root._start else NOOP_SPAN

    def __repr__(self) -> str:
        """Show the name, the id and the phase."""
        return f"<Invocation {self.name!r} {self.id} {self._state.phase}>"

    def set_return(self, info: events.FetchResponseInfo | None = None) -> None:
        """Report that the handler has returned; the invocation may go on. The first call counts.

        Args:
            info: The result, such as a `FetchResponseInfo`.
        """
        dispatch = self._state.dispatch
        if dispatch is not None:
            dispatch.answer(info, now_ns())

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
        future: Any = awaitable
        if not hasattr(future, "add_done_callback"):
            if not hasattr(future, "__await__"):
                raise TypeError(f"wait_until takes an awaitable or a future, not {awaitable!r}")
            from asyncio import ensure_future, get_running_loop

            future = ensure_future(future, loop=get_running_loop())
        self._state.wait_for(future)

    def close(self, outcome: str | None = None) -> None:
        """End the invocation now.

        Args:
            outcome: The outcome to report; by default it is determined as usual.
        """
        is_given = outcome is not None and self._state.phase is not DISABLED
        text = clean_text(outcome, _OUTCOME_BYTES) if is_given else None
        self._state.finish(text or self._state.outcome)


class InvocationScope(Block[Invocation]):
    """An invocation as a block, for `with` and `async with`; both give the `Invocation`.

    Each time the block is entered, another invocation begins.
    """

    __slots__ = ("_open", "_start")

    def __init__(self, start: InvocationStart) -> None:  # internal
        self._start = start
        self._open: list[Span] = []

    def __enter__(self) -> Invocation:
        """Begin the invocation, and make its root current."""
        start = self._start
        root = start.begin()
        try:
            self._open.append(root)
        except BaseException:  # it arrived when the block was all but entered
            exit_root(root)
            raise
        held: Invocation | None = root._state.handle
        return start.facade._hold(start.name, start.info, root) if held is None else held

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """End the root span; the invocation ends now, or after its `linger`."""
        if self._open:
            root = self._open[-1]
            try:
                others = len(self._open) > 1
                take = self._start.tracer.take_attached
                root = take(self._open) if others else self._open.pop()
                exit_root(root, exception_of(kind, error))
            except BaseException:  # one that arrived as either was called
                exit_root(root, error)
                raise


class _NoopInvocation(InvocationScope):
    """The invocation given during interpreter shutdown if there is no subscriber."""

    __slots__ = ("_given",)

    def __init__(self, given: Invocation) -> None:
        self._given = given

    def __enter__(self) -> Invocation:
        """Return an invocation that records nothing."""
        return self._given

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Do nothing."""


_by_name: weakref.WeakValueDictionary[str, Tracing] = weakref.WeakValueDictionary()


def _tracing_named(name: str) -> Tracing:
    return _by_name.get(name) or Tracing(name)


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

    __slots__ = ("__weakref__", "_subscribers", "_tracer", "name")

    Span: TypeAlias = _Span  # under another name: for type checkers, a class body may see itself

    def __init__(self, name: str = "default") -> None:
        if not isinstance(name, str):
            raise TypeError(f"a Tracing's name must be a str, not {name!r}")
        self.name = name
        """The name, which is the scope of its spans."""
        self._tracer = Tracer(name)
        self._subscribers: Subscribers | None = None
        _process.renew_in_children(self._tracer)
        _by_name.setdefault(name, self)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by name: unpickling gives the other process's instance of that name."""
        return _tracing_named, (self.name,)

    def __copy__(self) -> Tracing:
        """Return the same instance: it is one for its name."""
        return self

    def __deepcopy__(self, memo: object) -> Tracing:
        """Return the same instance."""
        return self

    def _prepare(self) -> Subscribers:
        """Import and create what recording needs, and return the subscribers."""
        if self._subscribers is None:
            prepare()  # the imports may need the lock
            made = Subscribers(self._tracer)
            with self._tracer.settings_lock:
                # No call in between: a signal handler may get here, too.
                if self._subscribers is None:
                    self._subscribers = made
                self._subscribers.connect()
        return self._subscribers

    def __repr__(self) -> str:
        """Show the name."""
        return f"<Tracing {self.name!r}>"

    # --- spans ---

    @by_arity(4)
    def enter_span(
        self,
        name: str,
        callback: Callable[typing.Concatenate[Span, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
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
        tracer = self._tracer
        if tracer.off:
            return callback(NOOP_SPAN, *args, **kwargs)
        result: _T = enter(tracer, _text(name, tracer), callback, args, kwargs, end_span)
        return result

    @by_arity(4)
    def start_active_span(
        self,
        name: str,
        callback: Callable[typing.Concatenate[Span, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Like `enter_span`, but the caller ends the span, also after an exception.

        Args:
            name: The name of the span.
            callback: Called with the span and the arguments that follow.
            args: Passed to the callback.
            kwargs: Passed to the callback.

        Returns:
            What the callback returned.
        """
        tracer = self._tracer
        if tracer.off:
            return callback(NOOP_SPAN, *args, **kwargs)
        result: _T = enter(tracer, _text(name, tracer), callback, args, kwargs, leave_open)
        return result

    if TYPE_CHECKING:

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

    else:
        # Two keywords with defaults would make each call a tenth slower: they are taken out of
        # `more`.
        def span(
            self, name: str, attributes: _Attributes | None = None, /, **more: typing.Any
        ) -> SpanScope:
            """Return a block, for `with` and `async with`, that opens a span and ends it.

            Entering the block gives the `Span`.

            Args:
                name: The name of the span.
                attributes: Attributes as a mapping, for names that are not identifiers.
                more: Attributes by keyword. Two keywords are not attributes: `kind`, the span's
                    kind (an unknown one is ignored with a warning), and `links`, related spans or
                    their contexts.

            >>> from enterspan import tracing
            >>> with tracing.span("load", user_id=7) as span:
            ...     pass
            """
            tracer = self._tracer
            if tracer.off:
                return _NO_SCOPE
            scope = SpanScope()
            scope._tracer = tracer
            if type(name) is not str or len(name) > EASY_NAME:
                name = _text(name, tracer)
            scope._name = name
            scope._span = scope._details = None
            scope._links = ()
            if attributes is None and (not more or _is_easy(more, tracer)):
                scope._attributes = more
                return scope
            kind, links = more.pop("kind", None), more.pop("links", None)
            scope._attributes, scope._details = _clean(attributes, more, tracer)
            if kind is not None:
                scope._details = _with_kind(scope._details, kind)
            if links is not None:
                scope._links = _links_of(links)
            return scope

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
        tracer = self._tracer
        if tracer.off:
            return NOOP_SPAN
        values, details = _clean(attributes, more, tracer)
        if kind is not None:
            details = _with_kind(details, kind)
        span = begin(tracer, _text(name, tracer), values, details, False, make=StartedSpan)
        if span is None or span._end:
            return NOOP_SPAN
        for link in _links_of(links):
            span.add_link(link)
        return span

    def use_span(self, span: Span, *, end: bool = False) -> UseScope:
        """Return a block in which an existing span is current.

        Args:
            span: The span, which entering the block returns.
            end: Whether to end the span with the block.

        Raises:
            TypeError: `span` is not a `Span`.
        """
        if not isinstance(span, Span):
            raise TypeError(f"use_span takes a Span, not {span!r}")
        return UseScope(self._tracer, span, bool(end))

    def current_span(self) -> Span:
        """Return the innermost open span, or the no-op span; never None, and never an ended span.

        Inside an invocation with no other open span, it is the root.
        """
        tracer = self._tracer
        if tracer.off:
            return NOOP_SPAN
        if tracer.bridge is not None:
            foreign: Span | None = tracer.foreign_span()
            if foreign is not None:
                return foreign
        entry = tracer.get()
        if (
            entry is not None
            and not entry._end
            and entry._detached_to is None
            and entry._state.open is not None
        ):
            return entry  # type: ignore[no-any-return]
        span = span_of(tracer.current_entry())
        if span is None or span is NOOP_SPAN:
            return NOOP_SPAN
        return span._state.innermost(span) or NOOP_SPAN

    # --- the decorators ---

    if TYPE_CHECKING:

        @overload
        def traced(self, name: _F, /) -> _F: ...
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

    def traced(
        self,
        name: typing.Any = None,
        *,
        attributes: typing.Any = None,
        kind: typing.Any = None,
        capture_args: bool | Sequence[str] | Mapping[str, str] = False,
        capture_return: _Returned = False,
        redact: Sequence[str] = (),
        min_duration: float | None = None,
        expected: typing.Any = (),
    ) -> typing.Any:
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
        target, name = _target_of("traced", name)
        options = Options(
            name,
            attributes,
            kind,
            names_of("capture_args", capture_args),
            capture_return,
            redacted_names(redact),
            min_duration,
            exception_types("expected", expected),
            labels_of(capture_args),
        )
        if target is not None:
            return trace(target, self._tracer, options)
        return lambda target: trace(target, self._tracer, options)

    if TYPE_CHECKING:

        @overload
        def entrypoint(self, name: _F, /) -> _F: ...
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

    def entrypoint(
        self,
        name: typing.Any = None,
        *,
        info: typing.Any = None,
        parent: typing.Any = None,
        linger: float | None = 0.0,
        ambient: bool = False,
        new_trace: bool = False,
        attributes: typing.Any = None,
        expected: typing.Any = (),
        flush: bool = False,
        incoming: typing.Any = "parent",
        kind: typing.Any = None,
        capture_args: bool | Sequence[str] | Mapping[str, str] = False,
        capture_return: _Returned = False,
        redact: Sequence[str] = (),
        min_duration: float | None = None,
    ) -> typing.Any:
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
        from enterspan._forms.entrypoint import Entry

        target, name = _target_of("entrypoint", name)
        options = Options(
            name,
            attributes,
            kind,
            names_of("capture_args", capture_args),
            capture_return,
            redacted_names(redact),
            min_duration,
            exception_types("expected", expected),
            labels_of(capture_args),
            Entry(self, info, parent, linger, ambient, new_trace, incoming, flush),
        )
        if target is not None:
            return trace(target, self._tracer, options)
        return lambda target: trace(target, self._tracer, options)

    # --- functions of other packages ---

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
        from enterspan.instrument.instrumentation import instrument

        options = Options(
            None,
            attributes,
            kind,
            names_of("capture_args", capture_args),
            capture_return,
            redacted_names(redact),
            min_duration,
            exception_types("expected", expected),
            labels_of(capture_args),
        )
        return instrument(self._tracer, targets, exclude, options)

    def configure_from_project(
        self, path: str | os.PathLike[str] | None = None
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
        from pathlib import Path

        from enterspan._model.toml import project_file
        from enterspan.instrument.config import wishes_of

        file = project_file(Path.cwd()) if path is None else Path(path)
        if file is None or not file.is_file():
            raise FileNotFoundError(f"there is no {file or 'pyproject.toml here or above'}")
        wishes = wishes_of(file)
        if not wishes.instrument:
            raise ValueError(f"{file} has no 'instrument' in [tool.enterspan]")
        return self.instrument(*wishes.instrument, **wishes.options)

    # --- invocations ---

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
        check_seconds("linger", linger)
        if _is_too_late(self._tracer):
            return _NoopInvocation(Invocation(self, name, info, NOOP_SPAN))
        check_info(info)
        details = None
        if expected:
            details = Details()
            details.expected = exception_types("expected", expected)
        tracer = self._tracer
        start = invocation_start(
            tracer,
            self,
            _text(name, tracer),
            info,
            parent,
            linger,
            ambient=ambient,
            new_trace=new_trace,
            attributes=attributes,
            details=details,
        )
        return InvocationScope(start)

    def current_invocation(self) -> Invocation | None:
        """Return the current span's invocation, or None if there is none or it has ended."""
        span = span_of(self._tracer.current_entry())
        if span is None or span is NOOP_SPAN:
            return None
        state = span._state
        if state.handle is None and state.phase is LIVE and state.root is not None:
            state.handle = self._hold(state.root._name, None, state.root)
        held: Invocation | None = state.handle
        return held

    def _hold(self, name: str, info: events.EventInfo | None, root: Span) -> Invocation:
        """Make the user's `Invocation` object."""
        return Invocation(self, name, info, root)

    # --- subscribers ---

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
        from enterspan._pipeline.tail_stream import TailStream
        from enterspan._pipeline.tails import TailSubscription, check_tail

        check_tail(tail)
        if delivery not in ("background", "inline"):
            raise ValueError(f"delivery must be 'background' or 'inline', not {delivery!r}")
        subscribers = self._prepare()
        made = TailSubscription(subscribers, tail, inline=delivery == "inline", key=key)
        subscribers.add_tail(made, TailStream)
        return made

    def add_exporter(
        self,
        exporter: protocols.Exporter,
        *,
        key: object = None,
        max_queue: int = _MAX_QUEUE,
        max_batch: int = _MAX_BATCH,
        delay: float = _DELAY,
        max_bytes: int = _MAX_BYTES,
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
        from enterspan._pipeline.batches import (
            ExporterSubscription,
            check_batching,
            check_exporter,
        )

        check_exporter(exporter)
        check_batching(max_queue, max_batch, delay, max_bytes)
        subscribers = self._prepare()
        made = ExporterSubscription(
            subscribers, exporter, max_queue, max_batch, delay, max_bytes, key
        )
        subscribers.add_exporter(made)
        return made

    def configure(  # noqa: C901, PLR0912 - it is a list of settings
        self,
        *,
        sampler: protocols.Sampler | None = _UNSET,
        limits: Limits | None = _UNSET,
        id_generator: protocols.IdGenerator | typing.Literal["urandom"] | None = _UNSET,
        resource: _Attributes | None = _UNSET,
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
        _check_settings(sampler, limits, id_generator, resource, propagate_threads, enabled)
        check_seconds("late", late)
        kinds = None if expected is None else exception_types("expected", expected)
        cancellations = None if canceled is None else exception_types("canceled", canceled)
        secrets = None if redact is None else DEFAULT_SECRETS.with_names(redacted_names(redact))
        if exceptions not in (None, "full", "type"):
            raise ValueError(f"exceptions must be 'full' or 'type', not {exceptions!r}")
        tracer = self._tracer
        if sampler is not _UNSET:
            tracer.use_sampler(sampler)
        if limits is not _UNSET:
            tracer.use_limits(limits or DEFAULT_LIMITS)
            if self._subscribers is not None:
                self._subscribers.update()
        if id_generator is not _UNSET:
            tracer.use_generator(id_generator)
        if resource is not _UNSET:
            tracer.give_resource(clean_all(resource, {}, tracer.limits))
        if propagate_threads is not None:
            from enterspan._forms.threads import propagate_threads as propagate

            propagate(tracer, propagate_threads)
        if kinds is not None:
            tracer.expected = kinds
        if cancellations is not None:
            tracer.canceled = cancellations
        if secrets is not None:
            tracer.secrets = secrets
        if exceptions is not None:
            tracer.exceptions_by_type = exceptions == "type"
        if late is not None:
            tracer.late_ns = late * 1e9
        if enabled is not None:
            tracer.enabled = enabled
            tracer.update()

    # --- logs and propagation ---

    def log(
        self, level: protocols.Level, message: str, /, **attributes: AttributeValue | None
    ) -> None:
        """Log a message on the current span: a `log` event for tails, a span event for exporters.

        Args:
            level: The level; any text is recorded, in lower case.
            message: The message. Over the limit, it is cut and marked `truncated`.
            attributes: Attributes of the log event.
        """
        tracer = self._tracer
        if tracer.off:
            return
        span = tracer.foreign_span() or span_of(tracer.current_entry())
        if span is None or span._state.phase not in (LIVE, REMOTE):
            return
        if span._state.phase is LIVE:  # the span of a captured context may have ended
            span = span._state.innermost(span) or span
        limits = tracer.limits
        text = tracer.suppressed(clean_text, message, limits.event_bytes + 4)
        kind = tracer.suppressed(clean_text, level, limits.name_bytes).lower()
        values = tracer.suppressed(clean_all, attributes, {}, limits, tracer.secrets)
        truncated = len(text.encode()) > limits.event_bytes
        text = cut(text, limits.event_bytes)
        span._add_log(kind, text, values, truncated, now_ns())

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
        if not callable(fn):
            raise TypeError(f"propagate takes a callable, not {fn!r}")
        if not isinstance(flush, bool):
            raise TypeError(f"flush must be True or False, not {flush!r}")
        if _is_too_late(self._tracer):
            return fn
        return bind(self._tracer, fn, flush=flush)  # type: ignore[return-value]

    def inject(self, carrier: MutableMapping[str, str]) -> None:
        """Write the current span's `traceparent` and `tracestate` into a carrier of headers.

        A trace context that is in the carrier already is replaced, whatever the case of its names.
        The no-op span writes nothing; in an unsampled invocation, the root is written. A carrier
        that can't be written to causes one warning. The format is W3C Trace Context.

        Args:
            carrier: A mutable mapping.
        """
        context = self._context_here()
        if context is None:
            return
        try:
            inject_context(context, carrier)
        except Exception as error:
            if is_interrupt(error):
                raise
            warn_once(type(carrier), "carrier", error, "when a trace context was written to it")

    def _context_here(self) -> SpanContext | None:
        """The context of the current span to propagate, recorded or not."""
        tracer = self._tracer
        if tracer.off:
            return None
        foreign: Span | None = tracer.foreign_span()
        if foreign is not None:
            return foreign.context
        entry = tracer.current_entry()
        if entry is None:
            return tracer.upstream()
        span = span_of(entry)
        if span is None or span is NOOP_SPAN or span._state.phase is DISABLED:
            return None
        context: SpanContext = span.context
        return context if context.span_id else None  # else its trace was left out

    def extract(self, carrier: _Carrier) -> SpanContext | None:
        """Read the trace context of a carrier as W3C Trace Context defines it; None if it has none.

        Args:
            carrier: A mapping of header names, in any case, to values; pairs of names and values,
                as str or bytes (ASGI); or a WSGI environment.
        """
        return None if _is_too_late(self._tracer) else extract_context(carrier)

    # --- flush and shutdown ---

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver all finished spans and events.

        Args:
            timeout: The maximum number of seconds to wait; 30 by default.

        Returns:
            False if the timeout was exceeded.
        """
        check_seconds("timeout", timeout)
        if self._subscribers is None:
            return True
        return self._subscribers.flush(_TIMEOUT if timeout is None else timeout)

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
        check_seconds("timeout", timeout)
        from enterspan._pipeline.signals import flush_on

        flush_on(self._prepare(), signals, timeout)

    def shutdown(self, timeout: float | None = None) -> bool:
        """Flush, then end every subscription.

        Args:
            timeout: The maximum number of seconds to wait; 30 by default.

        Returns:
            False if the timeout was exceeded.
        """
        check_seconds("timeout", timeout)
        if self._subscribers is None:
            return True
        return self._subscribers.shutdown(_TIMEOUT if timeout is None else timeout)


def _is_too_late(tracer: Tracer) -> bool:
    """Whether the interpreter is shutting down without a subscriber: imports fail then."""
    return tracer.off and tracer.is_finalizing()


def _target_of(decorator: str, name: Any) -> tuple[Any, str | None]:
    """Split a decorator's argument into the decorated object (or None) and the name (or None)."""
    if name is None or isinstance(name, str):
        return None, name
    if not (callable(name) or hasattr(name, "__get__")):
        raise TypeError(
            f"{decorator} takes a function, or a name for the span (a str), not {name!r}"
        )
    return name, None


def _check_settings(
    sampler: Any, limits: Any, id_generator: Any, resource: Any, threads: Any, enabled: Any
) -> None:
    """Raise TypeError for an invalid setting."""

    def wrong(name: str, what: str, value: object) -> TypeError:
        return TypeError(f"{name} must be {what}, not {value!r}")

    if sampler is not _UNSET and sampler is not None and not _has(sampler, "should_sample"):
        raise wrong("sampler", "an object with should_sample()", sampler)
    if limits is not _UNSET and limits is not None and not isinstance(limits, Limits):
        raise wrong("limits", "a Limits", limits)
    if id_generator is not _UNSET and not _makes_ids(id_generator):
        methods = "generate_trace_id() and generate_span_id()"
        raise wrong("id_generator", f"'urandom' or an object with {methods}", id_generator)
    if resource is not _UNSET and resource is not None and not isinstance(resource, Mapping):
        raise wrong("resource", "a mapping of attributes", resource)
    for name, value in (("propagate_threads", threads), ("enabled", enabled)):
        if value is not None and type(value) is not bool:
            raise wrong(name, "True or False", value)


def _makes_ids(given: Any) -> bool:
    if given is None or (type(given) is str and given == "urandom"):
        return True
    return _has(given, "generate_trace_id") and _has(given, "generate_span_id")


def _has(thing: object, method: str) -> bool:
    return not isinstance(thing, type) and callable(getattr(thing, method, None))


def _text(name: object, tracer: Tracer) -> str:
    if type(name) is str and len(name) <= EASY_NAME:
        return name
    return tracer.suppressed(clean_text, name, tracer.limits.name_bytes)


_KEYWORDS: Final = ("attributes", "parent")
"""Keywords that are recorded as attributes here, and are parameters of other tracers."""
_RESERVED: Final = frozenset({*_KEYWORDS, "kind", "links"})


def _is_easy(values: dict[str, Any], tracer: Tracer) -> bool:
    """Whether attributes given by keyword need no cleaning: few, and short ASCII or numbers."""
    if len(values) > tracer.easy_count:
        return False
    for key, value in values.items():
        kind = type(value)
        if kind is str:
            if len(value) > tracer.easy_text or not value.isascii():
                return False
            if "@" in value and "://" in value:  # a URL may have a password
                return False
        elif kind is int:
            if not -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:  # constants are faster
                return False
        elif kind is not bool and kind is not float:
            return False
        if len(key) > tracer.easy_key or not key.isascii() or key in _RESERVED:
            return False
    return True


def _clean(
    attributes: object, more: dict[str, Any], tracer: Tracer
) -> tuple[dict[str, Any] | None, Details | None]:
    if attributes is None and not more:
        return None, None
    for name in _KEYWORDS:
        if name in more:
            warn_keyword(tracer, name, _HINTS[name])
    return first_attributes(attributes, more, tracer)


_HINTS: Final = {
    "attributes": "a mapping of attributes is the second argument",
    "parent": "a parent is given to `tracing.invocation`",
}


def _with_kind(details: Details | None, kind: Any) -> Details:
    details = details or Details()
    if type(kind) is str and kind in KINDS:
        details.kind = kind
    elif kind is not None:
        warn_misuse("kind", kind, f"one of {', '.join(map(repr, KINDS))}")
    return details


_LINKS_MOST: Final = 65_536
"""How many links are taken from what was given: it may be without end."""


def _links_of(given: Any) -> tuple[Any, ...]:
    """What was given as links, up to where iterating over it fails."""
    if type(given) is tuple:
        return given
    links: list[Any] = []
    steps = None
    try:
        steps = iter(given)
        for _, link in zip(range(_LINKS_MOST), steps, strict=False):
            links.append(link)
    except BaseException as error:
        if is_interrupt(error):
            raise
        if steps is None:
            warn_misuse("links", given, "an iterable of spans or of their contexts")
        else:
            warn_once(given, "links=", error, "and the rest is left out")
    return tuple(links)


_NO_SCOPE: SpanScope = NoopScope()

tracing = Tracing()
"""The default instance."""

traced = tracing.traced
"""The default instance's decorator `traced`."""
