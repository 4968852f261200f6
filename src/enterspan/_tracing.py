"""The facade: one object with everything that a user does.

Each method is a line or two over the parts that do it.
"""

from __future__ import annotations

from _collections_abc import Callable, Mapping
from types import MappingProxyType

from enterspan._forms import enter as _enter
from enterspan._forms.arity import by_arity
from enterspan._forms.traced import check_seconds, instrument_options, options_of, trace
from enterspan._model.clock import now_ns
from enterspan._model.diagnostics import warn_once
from enterspan._model.ids import SpanContext, parse_traceparent
from enterspan._model.values import DEFAULT_LIMITS, Limits, clean_all, clean_text, cut
from enterspan._span.context import State, look, span_at
from enterspan._span.invocation import Invocation, current_invocation
from enterspan._span.scope import InvocationScope, SpanScope, UseScope, begin
from enterspan._span.span import NOOP_SPAN, Span, fresh_attributes, keep_event
from enterspan._span.span import Span as _Span
from enterspan._span.switchboard import Switchboard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping, Sequence
    from os import PathLike
    from types import ModuleType
    from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeAlias, TypeVar, overload

    from enterspan._model.protocols import Exporter, IdGenerator, Sampler
    from enterspan._model.values import AttributeValue
    from enterspan._pipeline.handlers import _Tail
    from enterspan._pipeline.worker import Subscription
    from enterspan._span.span import Rare
    from enterspan.events import EventInfo
    from enterspan.instrument.instrumentation import Instrumentation

    _P = ParamSpec("_P")
    _T = TypeVar("_T")
    _F = TypeVar("_F", bound="Callable[..., object] | property")
    _Attributes: TypeAlias = Mapping[str, AttributeValue | None]
    _Carrier: TypeAlias = Mapping[str, object] | Iterable[tuple[str | bytes, str | bytes]]
    _Parent: TypeAlias = SpanContext | Span | str | _Carrier

_UNSET: Any = object()

_MAX_QUEUE: Final = 65_536
_MAX_BATCH: Final = 512
_DELAY: Final = 1.0


class Tracing:
    """Everything to do with tracing, in one isolated instance: `enterspan.tracing` is the default.

    Each instance has a context of its own: the spans of one never become parents of another's.
    """

    __slots__ = ("__weakref__", "_board", "name")

    Span: TypeAlias = _Span  # of another name: for a checker, a class body may see itself

    def __init__(self, name: str = "default") -> None:
        """Make a new instance; `name`, a str, becomes the scope of its spans."""
        if not isinstance(name, str):
            raise TypeError(f"a Tracing's name must be a str, not {name!r}")
        self.name = name
        """What it is called."""
        self._board = Switchboard(name)

    def __repr__(self) -> str:
        """Show the name."""
        return f"<Tracing {self.name!r}>"

    # --- spans ---

    @by_arity(4)
    def enter_span(
        self,
        name: str,
        callback: Callable[Concatenate[Span, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Call `callback(span, *args, **kwargs)` with a new child of the current span.

        The span is current while the callback runs, and ends when it returns or raises, or, where
        the result is awaitable, when that settles. A future comes back as the same object; a
        coroutine or generator comes back as one, in which the span is current at every step. With
        nobody listening it is the call and nothing else.
        """
        board = self._board
        if board.off:
            return callback(NOOP_SPAN, *args, **kwargs)
        result: _T = _enter.enter(board, _name(name, board), callback, args, kwargs, True)
        return result

    @by_arity(4)
    def start_active_span(
        self,
        name: str,
        callback: Callable[Concatenate[Span, _P], _T],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Do as `enter_span`, save that the caller ends the span, even if the callback raised."""
        board = self._board
        if board.off:
            return callback(NOOP_SPAN, *args, **kwargs)
        result: _T = _enter.enter(board, _name(name, board), callback, args, kwargs, False)
        return result

    def span(
        self, name: str, attributes: _Attributes | None = None, /, **more: AttributeValue | None
    ) -> SpanScope:
        """Return a block, for `with` and `async with`, around which there is a span.

        The block gives the `Span`. Attributes can be given as a mapping, by keyword, or both.
        """
        board = self._board
        if board.off:
            return _NO_SCOPE
        scope = SpanScope()
        scope._board = board
        scope._name = name if type(name) is str else _name(name, board)
        scope._span = scope._more = None
        if attributes is None and (not more or _easy(more, board)):
            scope._attributes = more
        else:
            scope._attributes, scope._more = _clean(attributes, more, board)
        return scope

    def start_span(
        self, name: str, attributes: _Attributes | None = None, /, **more: AttributeValue | None
    ) -> Span:
        """Open a child of the current span that is not made current; the caller ends it."""
        board = self._board
        if board.off:
            return NOOP_SPAN
        values, facts = _clean(attributes, more, board)
        span = begin(board, _name(name, board), values, facts, False)
        return NOOP_SPAN if span is None or span._end else span

    def use_span(self, span: Span, *, end: bool = False) -> UseScope:
        """Return a block in which a span made elsewhere is current; `end=True` then ends it."""
        if not isinstance(span, Span):
            raise TypeError(f"use_span takes a Span, not {span!r}")
        return UseScope(self._board, span, bool(end))

    def current_span(self) -> Span:
        """Return the innermost span here, or the no-op span; never None."""
        board = self._board
        if board.off:
            return NOOP_SPAN
        entry = board.get()
        if entry is not None and entry._lifeline.open is not None:
            found: Span = entry
            return found
        return self._here() or NOOP_SPAN

    def _here(self) -> Span | None:
        board = self._board
        entry = look(board)
        if entry is None:
            entry = board.ambient_root()
        span = span_at(entry)
        if span is None or span is NOOP_SPAN:
            return None
        state = span._lifeline.origin.state
        return None if state is State.UNSAMPLED or state is State.UNHEARD else span

    # --- the decorator ---

    if TYPE_CHECKING:

        @overload
        def traced(self, name: _F, /) -> _F: ...
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

    def traced(
        self,
        name: Any = None,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        capture_args: bool | Sequence[str] = False,
        capture_return: bool = False,
        min_duration: float | None = None,
    ) -> Any:
        """Put a span around each call of a function, a method, a property, a class's methods.

        Bare, or with a name and options. `attributes` are set on each span; `capture_args` records
        all arguments or those that are named; `capture_return` records the result as `return`;
        a span shorter than `min_duration` seconds that did not fail is left out, and its children
        hang on its parent. Returns what it was given, of the same type. Options that make no sense
        are a TypeError or ValueError at once.
        """
        target = None
        if name is not None and not isinstance(name, str):
            if not (callable(name) or hasattr(name, "__get__")):
                raise TypeError(
                    f"traced takes a function, or a name for the span (a str), not {name!r}"
                )
            name, target = None, name
        options = options_of(name, attributes, capture_args, capture_return, min_duration)
        if target is not None:
            return trace(target, self._board, options)
        return lambda target: trace(target, self._board, options)

    # --- functions that somebody else wrote ---

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
        from enterspan.instrument.instrumentation import instrument

        options = instrument_options(min_duration, capture_args, capture_return, redact)
        return instrument(self._board, targets, exclude, options)

    def configure_from_project(self, path: str | PathLike[str] | None = None) -> Instrumentation:
        """Instrument what `[tool.enterspan]` in pyproject.toml says: `instrument`, `exclude`, ...

        The file is `path`, or else the nearest one in this folder or above it: FileNotFoundError
        where there is none, ValueError where it can't be read or has nothing to instrument. The
        keys are the arguments of `instrument`, with hyphens; `min-duration` may be as `"1ms"`.
        """
        from pathlib import Path

        from enterspan.instrument.config import project_file, wishes_of

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
        from enterspan.events import EVENT_INFOS, make_attributes

        check_seconds("linger", linger)
        if info is not None and not isinstance(info, EVENT_INFOS):
            raise TypeError(f"info must be an event info, such as FetchEventInfo, not {info!r}")
        board = self._board
        values, facts = (None, None) if attributes is None else _clean(attributes, {}, board)
        given = make_attributes(values).info if values else ()
        restart = parent is not None
        context = _parent_context(parent)
        made = Invocation(self, _name(name, board), info, linger)
        return InvocationScope(
            board,
            made,
            context,
            ambient=ambient,
            new_trace=new_trace or (restart and context is None),
            unlinked=restart and context is None and not new_trace,
            attributes=values,
            more=facts,
            given=given,
        )

    if TYPE_CHECKING:

        @overload
        def entrypoint(self, name: _F, /) -> _F: ...
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

    def entrypoint(
        self,
        name: Any = None,
        *,
        info: Any = None,
        parent: Any = None,
        linger: float | None = 0.0,
        ambient: bool = False,
        new_trace: bool = False,
        attributes: Any = None,
    ) -> Any:
        """Make each call of a function an invocation: a job, a message, a remote call, an alarm.

        Bare, or with a name (the function's, if none is given) and the options of `invocation`, of
        which `info`, `parent` and `attributes` may also be functions of the call's arguments; if
        one of those raises, that is warned about once and the call goes on without. Works for
        functions, coroutine functions, generators, async generators and methods, and returns what
        it was given, of the same type. What makes no sense is a TypeError or ValueError at once.
        """
        from enterspan._forms.entrypoint import Entry, enter_at

        if name is None or isinstance(name, str):
            entry = Entry(
                self._board, self.invocation, name, info, parent, linger, ambient, new_trace,
                attributes,
            )  # fmt: skip
            return lambda target: enter_at(target, entry)
        return enter_at(name, Entry(self._board, self.invocation))

    def current_invocation(self) -> Invocation | None:
        """Return the invocation that the current span belongs to, while it lives."""
        entry = look(self._board)
        if entry is None:
            entry = self._board.ambient_root()
        return current_invocation(self, span_at(entry))

    # --- who listens ---

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
        from enterspan._pipeline.tails import TailSubscription, check_tail

        check_tail(tail)
        if delivery not in ("background", "inline"):
            raise ValueError(f"delivery must be 'background' or 'inline', not {delivery!r}")
        subscription = TailSubscription(self._board, tail, inline=delivery == "inline")
        self._board.plug_tail(subscription)
        return subscription

    def add_exporter(
        self,
        exporter: Exporter,
        *,
        max_queue: int = _MAX_QUEUE,
        max_batch: int = _MAX_BATCH,
        delay: float = _DELAY,
    ) -> Subscription:
        """Subscribe an exporter of finished spans, which it gets in batches on a worker thread.

        At most `max_queue` spans wait; what comes on top is counted as dropped. A batch has at most
        `max_batch` spans and waits at most `delay` seconds.
        """
        from enterspan._pipeline.batches import ExporterSubscription, check_batching, check_exporter

        check_exporter(exporter)
        check_batching(max_queue, max_batch, delay)
        subscription = ExporterSubscription(self._board, exporter, max_queue, max_batch, delay)
        self._board.plug_exporter(subscription)
        return subscription

    def configure(
        self,
        *,
        sampler: Sampler | None = _UNSET,
        limits: Limits | None = _UNSET,
        id_generator: IdGenerator | None = _UNSET,
        resource: _Attributes | None = _UNSET,
        propagate_threads: bool = _UNSET,
        enabled: bool = _UNSET,
    ) -> None:
        """Change what is passed and nothing else; None goes back to the default.

        TypeError for a value that can't be used, and then nothing has changed.
        """
        _check_settings(sampler, limits, id_generator, resource, propagate_threads, enabled)
        board = self._board
        if sampler is not _UNSET:
            board.use_sampler(sampler)
        if limits is not _UNSET:
            board.use_limits(limits or DEFAULT_LIMITS)
        if id_generator is not _UNSET:
            board.use_generator(id_generator)
        if resource is not _UNSET:
            board.resource = MappingProxyType(clean_all(resource, {}, board.limits))
        if propagate_threads is not _UNSET:
            _set_propagation(board, propagate_threads)
        if enabled is not _UNSET:
            board.enabled = enabled
            board.rewire()

    # --- logs, and contexts that travel ---

    def log(self, level: str, message: str, /, **attributes: AttributeValue | None) -> None:
        """Log a line on the current span: `log` on the stream, an event to exporters.

        `level` is recorded in lower case. A message over the limit is cut and marked `truncated`.
        """
        board = self._board
        if board.off:
            return
        span = self.current_span()
        if span is NOOP_SPAN or span._lifeline.origin.state is not State.LIVE:
            return
        limits = board.limits
        token = board.set(board.mute)  # a `__repr__` that is traced records nothing
        try:
            text = clean_text(message, limits.event_bytes + 4)
            kind = clean_text(level, limits.name_bytes).lower()
            values = clean_all(attributes, {}, limits)
        finally:
            board.restore(token)
        truncated = len(text.encode()) > limits.event_bytes
        text = cut(text, limits.event_bytes)
        lifeline = span._lifeline.origin
        moment = now_ns()
        if not span._end:
            event = {"log.severity": kind, "log.message": cut(text, limits.value_bytes), **values}
            keep_event(span, "log", moment, event)
        if lifeline.watch is not None:
            from enterspan.events import Log, make_attributes

            pairs = make_attributes(values).info if values else ()
            lifeline.watch.logged(span, moment, Log(kind, text, pairs, truncated))

    def propagate(self, fn: Callable[_P, _T]) -> Callable[_P, _T]:
        """Bind the current span to a callable, for a thread or callback with an empty context."""
        if not callable(fn):
            raise TypeError(f"propagate takes a callable, not {fn!r}")
        from enterspan._forms.propagate import bind

        return bind(self._board, fn)

    def inject(self, carrier: MutableMapping[str, str]) -> None:
        """Write the current span's `traceparent` and `tracestate` into a carrier of headers.

        Whatever context the carrier held before is replaced, in any case of its names. The no-op
        span writes nothing; inside an unsampled invocation, its root is written. A carrier that
        can't be written to is warned about, once.
        """
        context = self._context_here()
        if context is None:
            return
        try:
            from enterspan._model.carriers import inject_context

            inject_context(context, carrier)
        except Exception as error:
            warn_once(type(carrier), "carrier", error, "when a trace context was written to it")

    def _context_here(self) -> SpanContext | None:
        """What others are told of the current span, recorded or not."""
        board = self._board
        if board.off:
            return None
        entry = look(board)
        span = span_at(entry) if entry is not None else board.ambient_root()
        if span is None or span is NOOP_SPAN or span._lifeline.origin.state is State.UNHEARD:
            return None
        return span.context

    def extract(self, carrier: _Carrier) -> SpanContext | None:
        """Read a trace context from a carrier by the letter of W3C Trace Context, or None.

        A carrier is a mapping of header names, in any case, to values; pairs of names and values,
        as text or bytes (ASGI); or the environment of a WSGI request.
        """
        from enterspan._model.carriers import extract_context

        return extract_context(carrier)

    # --- the end ---

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver all that is finished; False if that took more than `timeout` seconds (30)."""
        check_seconds("timeout", timeout)
        from enterspan._pipeline.worker import DEFAULT_TIMEOUT

        return self._board.flush(DEFAULT_TIMEOUT if timeout is None else timeout)

    def shutdown(self, timeout: float | None = None) -> bool:
        """Flush, then end every subscription; False if it took more than `timeout` seconds (30)."""
        check_seconds("timeout", timeout)
        from enterspan._pipeline.worker import DEFAULT_TIMEOUT

        return self._board.shutdown(DEFAULT_TIMEOUT if timeout is None else timeout)


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
    if id_generator is not _UNSET and id_generator is not None:
        for method in ("generate_trace_id", "generate_span_id"):
            if not _has(id_generator, method):
                raise wrong("id_generator", f"an object with {method}()", id_generator)
    if resource is not _UNSET and resource is not None and not isinstance(resource, Mapping):
        raise wrong("resource", "a mapping of attributes", resource)
    for name, value in (("propagate_threads", threads), ("enabled", enabled)):
        if value is not _UNSET and type(value) is not bool:
            raise wrong(name, "True or False", value)


def _has(thing: object, method: str) -> bool:
    return not isinstance(thing, type) and callable(getattr(thing, method, None))


def _set_propagation(board: Switchboard, wanted: bool) -> None:
    from enterspan._forms.propagate import propagate_threads

    propagate_threads(board, wanted)


def _name(name: object, board: Switchboard) -> str:
    if type(name) is str:
        return name
    token = board.set(board.mute)
    try:
        return clean_text(name, board.limits.name_bytes)
    finally:
        board.restore(token)


def _easy(values: dict[str, Any], board: Switchboard) -> bool:
    """Whether attributes given by keyword need no cleaning: short ASCII, numbers, and not many."""
    if len(values) > board.easy_count:
        return False
    for key, value in values.items():
        kind = type(value)
        if kind is str:
            if len(value) > board.easy_text or not value.isascii():
                return False
        elif kind is int:
            if not -0x8000_0000_0000_0000 <= value <= 0x7FFF_FFFF_FFFF_FFFF:  # constants are quick
                return False
        elif kind is not bool and kind is not float:
            return False
        if len(key) > board.easy_key or not key.isascii():
            return False
    return True


def _clean(
    attributes: object, more: dict[str, Any], board: Switchboard
) -> tuple[dict[str, Any] | None, Rare | None]:
    if attributes is None and not more:
        return None, None
    token = board.set(board.mute)
    try:
        return fresh_attributes(attributes, more, board.limits)
    finally:
        board.restore(token)


def _parent_context(parent: object) -> SpanContext | None:
    """What a parent given in any of its forms means; None where it can't be read."""
    if isinstance(parent, Span):
        parent = parent.context
    if isinstance(parent, SpanContext):
        return parent if parent.is_valid else None
    if isinstance(parent, str):
        return parse_traceparent(parent)
    if parent is None:
        return None
    from enterspan._model.carriers import extract_context

    return extract_context(parent)


class _NoScope(SpanScope):
    """The block of those to whom nobody listens; there is one, and it can be entered at will."""

    __slots__ = ()

    def __enter__(self) -> Span:
        """Give the no-op span."""
        return NOOP_SPAN

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Do nothing."""

    async def __aenter__(self) -> Span:
        """Give the no-op span."""
        return NOOP_SPAN

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        """Do nothing."""


_NO_SCOPE: SpanScope = _NoScope()

tracing = Tracing()
"""The default instance."""

traced = tracing.traced
"""The default instance's decorator."""
