"""The facade: one object with everything that a user does.

Each method is a line or two over the parts that do it.
"""

from __future__ import annotations

import weakref
from types import ModuleType

from enterspan._forms import enter as _enter
from enterspan._forms.arity import by_arity
from enterspan._forms.options import (
    KINDS,
    Options,
    check_seconds,
    exception_types,
    labels_of,
    names_of,
    redacted_names,
)
from enterspan._forms.traced import trace
from enterspan._model.block import Block
from enterspan._model.carriers import extract_context, inject_context
from enterspan._model.clock import now_ns
from enterspan._model.diagnostics import warn_keyword, warn_misuse, warn_once
from enterspan._model.excerpt import cut
from enterspan._model.ids import SpanContext
from enterspan._model.interrupts import is_interrupt
from enterspan._model.late import Late
from enterspan._model.secrets import DEFAULT_SECRETS
from enterspan._model.values import (
    DEFAULT_LIMITS,
    EASY_NAME,
    AttributeValue,
    Limits,
    clean_all,
    clean_text,
)
from enterspan._pipeline.subscribers import Subscribers
from enterspan._span.begin import begin
from enterspan._span.context import span_of
from enterspan._span.details import Details, first_attributes
from enterspan._span.end import end_span
from enterspan._span.invocation import DISABLED, LIVE, REMOTE, exit_root
from enterspan._span.scope import InvocationStart, NoopScope, SpanScope, UseScope
from enterspan._span.span import NOOP_SPAN, Span, StartedSpan
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
    from collections.abc import (  # noqa: TC004 - at run time they are those above
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
    from enterspan._model import protocols
    from enterspan._pipeline import handlers, subscription

    _P = ParamSpec("_P")
    _T = TypeVar("_T")
    _F = TypeVar("_F", bound="Callable[..., object] | property")
    # Not AttributeValue: mypy takes a dict of texts and numbers in a variable for one of objects.
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
        """The Tracing that made it."""
        self.name: str = name
        """Its name: the root span's first one."""
        self.info: events.EventInfo | None = info
        """The event info that it was given."""
        self._root = root
        self._state = root._state

    @property
    def id(self) -> str:
        """The id that every event and every finished span of it carries."""
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
        """Report that the handler has answered; the invocation may live on. The first one counts.

        Args:
            info: What it answered.
        """
        dispatch = self._state.dispatch
        if dispatch is not None:
            dispatch.answer(info, now_ns())

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
        future: Any = awaitable
        if not hasattr(future, "add_done_callback"):
            if not hasattr(future, "__await__"):
                raise TypeError(f"wait_until takes an awaitable or a future, not {awaitable!r}")
            from asyncio import ensure_future, get_running_loop

            future = ensure_future(future, loop=get_running_loop())
        self._state.wait_for(future)

    def close(self, outcome: str | None = None) -> None:
        """End it now.

        Args:
            outcome: An outcome of your own; by default the one that it would have had.
        """
        text = None if outcome is None else clean_text(outcome, _OUTCOME_BYTES)
        self._state.finish(text or self._state.outcome)


class InvocationScope(Block[Invocation]):
    """An invocation as a block, for `with` and `async with`; both give the `Invocation`.

    Each time it is entered, it begins another invocation.
    """

    __slots__ = ("_open", "_start")

    def __init__(self, start: InvocationStart) -> None:  # internal
        self._start = start
        self._open: list[Span] = []

    def __enter__(self) -> Invocation:
        """Begin the invocation, and make its root current."""
        start = self._start
        root = start.begin()
        self._open.append(root)
        held: Invocation | None = root._state.handle
        return start.facade._hold(start.name, start.info, root) if held is None else held

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """End the root; the invocation ends at once, or when its linger does."""
        if self._open:
            root = self._open.pop()
            exit_root(root, error if error is not None or kind is None else kind())


_by_name: weakref.WeakValueDictionary[str, Tracing] = weakref.WeakValueDictionary()


def _prepare() -> None:
    """Import what recording needs: while spans are recorded, nothing is imported.

    A child that is forked while another thread imports a module would wait for that thread.
    """
    import enterspan._forms.entrypoint  # pyright: ignore[reportUnusedImport]
    import enterspan._forms.propagate  # pyright: ignore[reportUnusedImport]
    import enterspan.events  # noqa: F401 # pyright: ignore[reportUnusedImport]

    _enter.prepare()


def _tracing_named(name: str) -> Tracing:
    return _by_name.get(name) or Tracing(name)


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

    __slots__ = ("__weakref__", "_subscribers", "_tracer", "name")

    Span: TypeAlias = _Span  # of another name: for a checker, a class body may see itself

    def __init__(self, name: str = "default") -> None:
        if not isinstance(name, str):
            raise TypeError(f"a Tracing's name must be a str, not {name!r}")
        self.name = name
        """What it is called."""
        self._tracer = Tracer(name)
        self._subscribers = Subscribers(self._tracer)
        _by_name.setdefault(name, self)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by name: in another process it is that process's own."""
        return _tracing_named, (self.name,)

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
        tracer = self._tracer
        if tracer.off:
            return callback(NOOP_SPAN, *args, **kwargs)
        result: _T = _enter.enter(tracer, _text(name, tracer), callback, args, kwargs, end_span)
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
        """Do as `enter_span`, but leave the span open: the caller ends it, also after an exception.

        Args:
            name: The name of the span.
            callback: What is called with the span, and with the arguments that follow.
            args: Passed on.
            kwargs: Passed on.

        Returns:
            What the callback has returned.
        """
        tracer = self._tracer
        if tracer.off:
            return callback(NOOP_SPAN, *args, **kwargs)
        result: _T = _enter.enter(
            tracer, _text(name, tracer), callback, args, kwargs, _enter.leave_open
        )
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
        # Two keywords with defaults would cost each call a tenth: they are taken out of the rest.
        def span(
            self, name: str, attributes: _Attributes | None = None, /, **more: typing.Any
        ) -> SpanScope:
            """Return a block, for `with` and `async with`, around which there is a span.

            The block gives the `Span`.

            Args:
                name: The name of the span.
                attributes: Attributes as a mapping, for names that are no identifiers.
                more: Attributes by keyword. Two are no attributes: `kind` is the span's kind (one
                    that is none is ignored, with a warning), and `links` are spans that it is
                    related to, or their contexts.

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
                scope._links = tuple(links)
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
        """Open a child of the current span that is not made current; the caller ends it.

        One that is dropped without `end()` is ended as abandoned.

        Args:
            name: The name of the span.
            attributes: Attributes as a mapping.
            kind: The span's kind.
            links: Spans that it is related to, or their contexts.
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
        for link in links:
            span.add_link(link)  # type: ignore[arg-type]
        return span

    def use_span(self, span: Span, *, end: bool = False) -> UseScope:
        """Return a block in which a span made elsewhere is current.

        Args:
            span: The span. The block gives it.
            end: Whether it ends with the block.

        Raises:
            TypeError: It is no span.
        """
        if not isinstance(span, Span):
            raise TypeError(f"use_span takes a Span, not {span!r}")
        return UseScope(self._tracer, span, bool(end))

    def current_span(self) -> Span:
        """Return the innermost open span here, or the no-op span; never None, nor an ended span.

        Inside an invocation with no other span open, it is the root.
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
        """Instrument what `[tool.enterspan]` in pyproject.toml names: `instrument`, `exclude`, ...

        Args:
            path: The file; by default the nearest one in this folder or above it. Its keys are the
                arguments of `instrument`, with hyphens; `min-duration` may be as `"1ms"`.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It can't be read, or has nothing to instrument.
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
        from enterspan._forms.entrypoint import invocation_start
        from enterspan.events import EVENT_INFOS

        check_seconds("linger", linger)
        if info is not None and not isinstance(info, EVENT_INFOS):
            raise TypeError(f"info must be an event info, such as FetchEventInfo, not {info!r}")
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
        """Return the invocation that the current span belongs to, while it lives."""
        span = span_of(self._tracer.current_entry())
        if span is None or span is NOOP_SPAN:
            return None
        state = span._state
        if state.handle is None and state.phase is LIVE and state.root is not None:
            state.handle = self._hold(state.root._name, None, state.root)
        held: Invocation | None = state.handle
        return held

    def _hold(self, name: str, info: events.EventInfo | None, root: Span) -> Invocation:
        """Make what a user holds of an invocation."""
        return Invocation(self, name, info, root)

    # --- subscribers ---

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
        from enterspan._pipeline.tails import TailStream, TailSubscription, check_tail

        check_tail(tail)
        _prepare()
        if delivery not in ("background", "inline"):
            raise ValueError(f"delivery must be 'background' or 'inline', not {delivery!r}")
        made = TailSubscription(self._subscribers, tail, inline=delivery == "inline", key=key)
        self._subscribers.add_tail(made, TailStream)
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
        from enterspan._pipeline.batches import (
            ExporterSubscription,
            check_batching,
            check_exporter,
        )

        check_exporter(exporter)
        _prepare()
        check_batching(max_queue, max_batch, delay, max_bytes)
        made = ExporterSubscription(
            self._subscribers, exporter, max_queue, max_batch, delay, max_bytes, key
        )
        self._subscribers.add_exporter(made)
        return made

    def configure(  # noqa: C901 - it is a list of settings
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
        if id_generator is not _UNSET:
            tracer.use_generator(id_generator)
        if resource is not _UNSET:
            tracer.use_resource(clean_all(resource, {}, tracer.limits))
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

    # --- logs, and contexts that travel ---

    def log(
        self, level: protocols.Level, message: str, /, **attributes: AttributeValue | None
    ) -> None:
        """Log a line on the current span: `log` on the stream, an event to exporters.

        Args:
            level: One of Python's, in lower case; any other text is recorded too, in lower case.
            message: Cut if it is over the limit, and marked `truncated`.
            attributes: Attributes of the line.
        """
        tracer = self._tracer
        if tracer.off:
            return
        span = tracer.foreign_span() or span_of(tracer.current_entry())
        if span is None or span._state.phase not in (LIVE, REMOTE):
            return
        limits = tracer.limits
        text = tracer.suppressed(clean_text, message, limits.event_bytes + 4)
        kind = tracer.suppressed(clean_text, level, limits.name_bytes).lower()
        values = tracer.suppressed(clean_all, attributes, {}, limits, tracer.secrets)
        truncated = len(text.encode()) > limits.event_bytes
        text = cut(text, limits.event_bytes)
        span._add_log(kind, text, values, truncated, now_ns())

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
        if not callable(fn):
            raise TypeError(f"propagate takes a callable, not {fn!r}")
        from enterspan._forms.propagate import bind

        return bind(self._tracer, fn, flush=flush)  # type: ignore[return-value]

    def inject(self, carrier: MutableMapping[str, str]) -> None:
        """Write the current span's `traceparent` and `tracestate` into a carrier of headers.

        Whatever context the carrier held before is replaced, in any case of its names. The no-op
        span writes nothing; inside an unsampled invocation, its root is written. A carrier that
        can't be written to is warned about, once. The format is W3C Trace Context.

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
        """The identity of the current span that is sent to others, recorded or not."""
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
        return span.context  # type: ignore[no-any-return]

    def extract(self, carrier: _Carrier) -> SpanContext | None:
        """Read a trace context from a carrier by the letter of W3C Trace Context, or None.

        Args:
            carrier: A mapping of header names, in any case, to values; pairs of names and values,
                as text or bytes (ASGI); or the environment of a WSGI request.
        """
        return extract_context(carrier)

    # --- the end ---

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver all that is finished.

        Args:
            timeout: Seconds that it may take; 30 by default.

        Returns:
            False if it took longer.
        """
        check_seconds("timeout", timeout)
        return self._subscribers.flush(_TIMEOUT if timeout is None else timeout)

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
        check_seconds("timeout", timeout)
        from enterspan._pipeline.signals import flush_on

        flush_on(self._subscribers, signals, timeout)

    def shutdown(self, timeout: float | None = None) -> bool:
        """Flush, then end every subscription.

        Args:
            timeout: Seconds that it may take; 30 by default.

        Returns:
            False if it took longer.
        """
        check_seconds("timeout", timeout)
        return self._subscribers.shutdown(_TIMEOUT if timeout is None else timeout)


def _target_of(decorator: str, name: Any) -> tuple[Any, str | None]:
    """Tell a bare decorator's target from a name: the target or None, the name or None."""
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
    """TypeError for a setting that can't be used."""

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
"""Keywords that are attributes, and that other tracers have as parameters."""
_RESERVED: Final = frozenset({*_KEYWORDS, "kind", "links"})


def _is_easy(values: dict[str, Any], tracer: Tracer) -> bool:
    """Whether attributes given by keyword need no cleaning: short ASCII, numbers, and not many."""
    if len(values) > tracer.easy_count:
        return False
    for key, value in values.items():
        kind = type(value)
        if kind is str:
            if len(value) > tracer.easy_text or not value.isascii():
                return False
        elif kind is int:
            if not -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:  # constants are quick
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
    return tracer.suppressed(first_attributes, attributes, more, tracer)


_HINTS: Final = {
    "attributes": "a mapping of attributes is the second argument",
    "parent": "a parent is given to `tracing.invocation`",
}


def _with_kind(details: Details | None, kind: Any) -> Details:
    details = details or Details()
    if kind in KINDS:
        details.kind = kind
    elif kind is not None:
        warn_misuse("kind", kind, f"one of {', '.join(map(repr, KINDS))}")
    return details


_NO_SCOPE: SpanScope = NoopScope()

tracing = Tracing()
"""The default instance."""

traced = tracing.traced
"""The default instance's decorator."""
