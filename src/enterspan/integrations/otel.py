"""The OpenTelemetry bridge: our spans and those of OpenTelemetry's instrumentations in one trace.

With it installed, each span is backed by one of the user's own tracer provider, whose ids it takes
and which is OpenTelemetry's current span for as long as ours is current. So what a library's
instrumentation records hangs under our spans and ours under its, and all that the provider is set
up to do (sampling, processors, exporters) is done for both. Only the public interface of
`opentelemetry-api` is used; where the provider is an SDK's, the spans of others reach our tails
and exporters as well.
"""

# The optional packages may not be there when types are checked.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false

from __future__ import annotations

import os
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from enterspan._model.clock import ANCHOR, now_ns, wall_ns
from enterspan._model.diagnostics import warn, warn_once
from enterspan._model.failures import Failure
from enterspan._model.ids import SpanContext
from enterspan._model.values import clean_all, clean_text
from enterspan._span.context import QUIET, State, first_alive, look, span_at
from enterspan._span.invocation import kind_of
from enterspan._span.lifeline import new_root
from enterspan._span.scope import begin
from enterspan._span.span import NOOP_SPAN, Rare, Span, end_span, keep_event, put_attributes, rare
from enterspan._span.telling import Telling
from enterspan._tracing import Tracing
from enterspan._tracing import tracing as default_tracing

try:
    from opentelemetry import context as otel_context
    from opentelemetry import trace as otel_trace
except ImportError as error:
    raise ImportError(
        "enterspan.integrations.otel needs OpenTelemetry: pip install 'enterspan[otel]'"
    ) from error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

    from enterspan._span.lifeline import Lifeline
    from enterspan._span.switchboard import Switchboard
    from enterspan.events import Attribute, EventInfo, Log

__all__ = ["ASKED_BY", "OUTCOME", "SCOPE", "Bridge", "install", "install_if_asked"]

ASKED_BY: Final = "ENTERSPAN_OTEL_BRIDGE"
"""The variable by which `opentelemetry-instrument` installs it: `1`, `true`, `yes` or `on`."""

OUTCOME: Final = "enterspan.outcome"
"""The attribute that carries an outcome that OpenTelemetry has no word for."""

SCOPE: Final = "otel.scope.name"
"""The attribute of a span of somebody else's that says whose (OpenTelemetry's own name for it)."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"", "0", "false", "no", "off"})

_installed: weakref.WeakKeyDictionary[Switchboard, Bridge] = weakref.WeakKeyDictionary()


def install(tracing: Tracing = default_tracing, tracer_provider: object = None) -> Bridge:
    """Back the spans of `tracing` with those of an OpenTelemetry tracer provider.

    Without one it is the global provider, also one that is set later. What is returned has
    `remove()`, and is a block at whose end that is done. Invocations that are open already stay as
    they are. Installed a second time, the bridge that is there is returned.

    Raises TypeError for what is no Tracing or no provider, and ValueError where a bridge to another
    provider is installed.
    """
    if not isinstance(tracing, Tracing):
        raise TypeError(f"install takes a Tracing, not {tracing!r}")
    if tracer_provider is not None and (
        isinstance(tracer_provider, type)
        or not callable(getattr(tracer_provider, "get_tracer", None))
    ):
        raise TypeError(
            "tracer_provider must be an OpenTelemetry TracerProvider, or None for the global one,"
            f" not {tracer_provider!r}"
        )
    board = tracing._board
    with board.wiring:
        known = _installed.get(board)
        if known is not None:
            if known.tracer_provider is not tracer_provider:
                raise ValueError(
                    f"{tracing!r} is bridged to another tracer provider: remove() that bridge first"
                )
            return known
        bridge = _installed[board] = Bridge(board, tracer_provider)
        board.use_bridge(bridge)
    return bridge


def install_if_asked() -> None:
    """Install it if ENTERSPAN_OTEL_BRIDGE says so: `opentelemetry-instrument` calls this."""
    asked = os.environ.get(ASKED_BY, "").strip().lower()
    if asked in _YES:
        install()
    elif asked not in _NO:
        warn(f"{ASKED_BY} is {asked!r}, which is none of {', '.join(sorted(_YES))}: it stays off")


class Bridge:
    """A bridge that is installed; also a block, at whose end it is removed."""

    def __init__(self, board: Switchboard, tracer_provider: Any) -> None:  # internal
        self.tracer_provider: object = tracer_provider
        """The provider that was given; None for the global one."""
        self._board = board
        self._tracer = otel_trace.get_tracer(board.name, tracer_provider=tracer_provider)
        self._foreign = _ForeignSpans(self)
        self._here = _Here(board, self._foreign)
        self._own = otel_context.create_key("enterspan-own")
        self._removed = False
        self.get = self._here.get  # internal
        self.set = self._here.set  # internal
        self.reset = self._here.reset  # internal
        self.upstream = self._here.upstream  # internal
        self._foreign.listen()

    def remove(self) -> None:
        """Back no more invocations from here on; a second time does nothing."""
        with self._board.wiring:
            if not self._removed:
                self._removed = True
                _installed.pop(self._board, None)
                self._board.use_bridge(None)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove it."""
        self.remove()

    def __repr__(self) -> str:
        """Show which Tracing is bridged."""
        return f"<Bridge of {self._board.name!r} to OpenTelemetry>"

    # --- what the core calls ---

    def root_opened(  # internal
        self,
        lifeline: Lifeline,
        root: Span,
        parent: SpanContext | None,
        link: SpanContext | None,
        info: EventInfo | None,
        given: tuple[Attribute, ...],
    ) -> None:
        """Back a root: the provider says which ids it has and whether it is sampled."""
        board = self._board
        self._foreign.listen()
        above = _context_under(parent)
        twin = _adopted(root) or self.start(root, above, kind_of(info), link)
        own = twin.get_span_context()
        if _is_new(own, otel_trace.get_current_span(above)):
            lifeline.trace_id = own.trace_id
            lifeline.trace_state = own.trace_state.to_header()
            lifeline.trace_flags = int(own.trace_flags)
            lifeline.root_id = root._span_id = own.span_id
            lifeline.kept = own.trace_flags.sampled
        else:
            twin = None  # no SDK is at work
        inner = board.announce(lifeline, root, parent, info, given)
        if inner is None and not (lifeline.kept and board.exports):
            if twin is None:
                _pass_through(lifeline, root, parent)
                return
            if not twin.is_recording():
                return
        watch = Backing(self, lifeline, inner)
        watch.keep(root, twin or _unrecorded(root.context))
        lifeline.watch = watch

    # --- what its own parts call ---

    def start(  # internal
        self, span: Span, above: Any, kind: str = "internal", link: SpanContext | None = None
    ) -> Any:
        """Start the provider's span for one of ours."""
        if span._more is not None and kind == "internal":
            kind = span._more.kind
        try:
            return self._tracer.start_span(
                span._name,
                context=otel_context.set_value(self._own, True, above),
                kind=otel_trace.SpanKind[kind.upper()],
                attributes=span._attributes,
                links=None if link is None else (otel_trace.Link(_otel_context(link)),),
                start_time=wall_ns(span._start),
            )
        except Exception as error:
            warn_once(self, "tracer provider", error)
            return otel_trace.INVALID_SPAN

    def is_own(self, context: Any) -> bool:  # internal
        """Whether a span that starts in this context is started by us."""
        return otel_context.get_value(self._own, context) is not None

    @property
    def is_removed(self) -> bool:  # internal
        """Whether it has been removed."""
        return self._removed


# --- what is current ------------------------------------------------------------------------------


class _Place:
    """What OpenTelemetry's context carries of ours: an entry, its span there, what was before."""

    __slots__ = ("before", "entry", "is_left", "span")

    def __init__(self, entry: Any, span: Any, before: Any) -> None:
        self.is_left = False
        self.entry = entry
        self.span = span
        self.before = before


class _Change:
    """What undoes a `set`."""

    __slots__ = ("before", "old_value", "own")

    def __init__(self, own: Any, old_value: Any, before: Any) -> None:
        self.own = own
        self.old_value = old_value
        self.before = before


class _Here:
    """Which span is current: OpenTelemetry's context is asked, and kept in step.

    Our own variable is set as well. It tells whether a change is undone where it was made (Python
    refuses it elsewhere, and OpenTelemetry's `detach` would log an error), and it alone holds the
    sign that a listener is at work.
    """

    def __init__(self, board: Switchboard, foreign: _ForeignSpans) -> None:
        variable: Any = board._variable
        self._get_own = variable.get
        self._set_own = variable.set
        self._reset_own = variable.reset
        self._foreign = foreign
        self._key = otel_context.create_key("enterspan-place")

    def get(self) -> Any:
        """The entry that stands for OpenTelemetry's current span, or for the nearest one above."""
        own = self._get_own()
        if own is QUIET:
            return own
        found = self.entry_in(otel_context.get_current())
        return own if found is None and own is not None and _is_older(own) else found

    def entry_in(self, context: Any) -> Any:
        """The same for any context of OpenTelemetry's."""
        place: Any = context.get(self._key)
        span = otel_trace.get_current_span(context)
        if place is not None and place.span is span:
            return place.entry
        shadow = self._foreign.shadow_of(span)
        if shadow is not None:
            return shadow
        if place is None or place.span.get_span_context().trace_id != _trace_id(span):
            return None  # somebody has begun, or continued, another trace
        return place.entry

    def heal(self) -> None:
        """Leave a span of ours that was left already, while somebody's span in it was current.

        When that one is left, OpenTelemetry goes back to what was current before it.
        """
        context = otel_context.get_current()
        place: Any = context.get(self._key)
        if (
            place is None
            or not place.is_left
            or otel_trace.get_current_span(context) is not place.span
        ):
            return
        span = span_at(place.entry)
        if span is not None and span._end:
            otel_context.attach(self._before(context))

    def set(self, entry: Any) -> Any:
        """Make an entry current here, and its span in OpenTelemetry's context."""
        if entry is QUIET:
            return self._set_own(entry)
        context = otel_context.get_current()
        before = self.get()
        change = _Change(self._set_own(entry), before, context)
        otel_context.attach(self._outside(context) if entry is None else self._in(context, entry))
        return change

    def reset(self, token: Any) -> None:
        """Undo a `set`. Raises ValueError where that was made in another context."""
        if type(token) is not _Change:
            self._reset_own(token)
            return
        context = otel_context.get_current()
        place: Any = context.get(self._key)
        if place is not None and otel_trace.get_current_span(context) is not place.span:
            place.is_left = True  # somebody's span in it is current still: see `heal`
        self._reset_own(token.own)
        otel_context.attach(self._alive(token.before))

    def upstream(self) -> SpanContext | None:
        """OpenTelemetry's current span, as a parent."""
        found = otel_trace.get_current_span().get_span_context()
        return _our_context(found) if found.is_valid else None

    def _in(self, context: Any, entry: Any) -> Any:
        span = span_at(entry)
        if span is None or span is NOOP_SPAN or span._lifeline.origin.state is State.UNHEARD:
            twin = otel_trace.get_current_span(context)
        else:
            twin = twin_of(span)
        place = _Place(entry, twin, self._before(context))
        within = otel_trace.set_span_in_context(twin, context)
        return otel_context.set_value(self._key, place, within)

    def _before(self, context: Any) -> Any:
        """What to go back to one day: past the places of spans that have ended, which it'd pin."""
        place: Any = context.get(self._key)
        while place is not None:
            span = span_at(place.entry)
            if span is None or not span._end:
                break
            context = place.before
            place = context.get(self._key)
        return context

    def _alive(self, context: Any) -> Any:
        """The nearest context whose innermost span of ours was not left out of turn."""
        place: Any = context.get(self._key)
        while (
            place is not None
            and first_alive(place.entry) is not place.entry
            and otel_trace.get_current_span(context) is place.span
        ):
            context = place.before
            place = context.get(self._key)
        return context

    def _outside(self, context: Any) -> Any:
        """The nearest context with nothing of ours."""
        place: Any = context.get(self._key)
        while place is not None:
            context = place.before
            place = context.get(self._key)
        return context


def _is_older(entry: Any) -> bool:
    """Whether an entry is of an invocation that began before the bridge, and lives."""
    span = span_at(first_alive(entry))
    if span is None:
        return False
    lifeline = span._lifeline.origin
    return lifeline.state is State.LIVE and type(lifeline.watch) is not Backing


def _context_under(parent: SpanContext | None) -> Any:
    """OpenTelemetry's context, with baggage and all, in which a child of `parent` is to start."""
    context = otel_context.get_current()
    if parent is None:
        return otel_trace.set_span_in_context(otel_trace.INVALID_SPAN, context)
    current = otel_trace.get_current_span(context).get_span_context()
    if current.span_id == parent.span_id and current.trace_id == parent.trace_id:
        return context
    return otel_trace.set_span_in_context(_unrecorded(parent), context)


def _trace_id(span: Any) -> int:
    return int(span.get_span_context().trace_id)


def _is_new(context: Any, parent: Any) -> bool:
    """Whether a provider has made a span: without an SDK it gives back the parent's context."""
    return bool(context.is_valid) and context.span_id != parent.get_span_context().span_id


def _pass_through(lifeline: Lifeline, root: Span, parent: SpanContext | None) -> None:
    """Let a root that nobody records be as good as its parent: nobody will miss it in the trace."""
    if parent is None:
        lifeline.trace_flags = 0
    else:
        root._span_id = lifeline.root_id = parent.span_id
        lifeline.trace_flags = parent.trace_flags


# --- contexts, ours and theirs --------------------------------------------------------------------


def _our_context(context: Any) -> SpanContext:
    state = context.trace_state.to_header()
    return SpanContext(
        context.trace_id, context.span_id, int(context.trace_flags), state, context.is_remote
    )


def _otel_context(context: SpanContext) -> Any:
    state = context.trace_state
    return otel_trace.SpanContext(
        context.trace_id,
        context.span_id,
        context.is_remote,
        otel_trace.TraceFlags(context.trace_flags),
        otel_trace.TraceState.from_header([state]) if state else None,
    )


def _unrecorded(context: SpanContext) -> Any:
    return otel_trace.NonRecordingSpan(_otel_context(context))


def twin_of(span: Span) -> Any:
    """The provider's span behind one of ours; one with its ids where there is none (any more)."""
    watch = span._lifeline.origin.watch
    twin = watch.twins.get(span) if type(watch) is Backing else None
    return _unrecorded(span.context) if twin is None else twin


# --- our spans, with one of the provider's behind each --------------------------------------------


class Adopted(Rare):
    """What is known of a span that somebody else's instrumentation has started."""

    __slots__ = ("twin",)

    def __init__(self, twin: Any) -> None:
        super().__init__()
        self.twin = twin


def _adopted(span: Span) -> Any:
    more = span._more
    return more.twin if type(more) is Adopted else None


class Backing(Telling):
    """Stands between an invocation and its `Watch`, if any, and keeps the provider's spans."""

    __slots__ = ("_bridge", "_given", "_inner", "_lifeline", "generation", "twins")

    def __init__(self, bridge: Bridge, lifeline: Lifeline, inner: Any) -> None:
        super().__init__()
        self._bridge = bridge
        self._lifeline = lifeline
        self._inner = inner
        self.generation = lifeline.board.generation
        self.twins: dict[Span, Any] = {}
        self._given: dict[Span, dict[str, Any]] = {}

    def keep(self, span: Span, twin: Any) -> None:
        """Keep the twin of a span, and the attributes that it was started with."""
        self.twins[span] = twin
        if span._attributes:
            self._given[span] = span._attributes.copy()

    @property
    def is_inherited(self) -> bool:
        """Whether the invocation belongs to the process that this one was forked from."""
        return self.generation != self._lifeline.board.generation

    def opened(self, span: Span, parent: Span) -> None:
        """A span below the root was opened: start its twin, and take over its id."""
        twin = _adopted(span)
        if twin is None:
            above = otel_context.get_current()
            if span_at(self._lifeline.board.get()) is not parent:
                above = otel_trace.set_span_in_context(twin_of(parent), above)
            twin = self._bridge.start(span, above)
            if not _is_new(twin.get_span_context(), otel_trace.get_current_span(above)):
                twin = _unrecorded(span.context)
        span._span_id = twin.get_span_context().span_id
        self.keep(span, twin)
        if self._inner is not None:
            self._inner.opened(span, parent)

    def closed(self, span: Span) -> None:
        """A span has ended, and its twin with it."""
        twin = self.twins.pop(span, None)
        given = self._given.pop(span, _NOTHING)
        if self.is_inherited:
            span._attributes = span._more = None
            return
        if twin is not None and _adopted(span) is None:
            try:
                _finish_twin(span, twin, given)
            except Exception as error:
                warn_once(self._bridge, "tracer provider", error)
        if self._inner is not None:
            self._inner.closed(span)
        else:
            self._lifeline.board.hand_over(span, kept=self._lifeline.kept)

    def returned(self, info: Any, moment: int) -> None:
        """The handler has answered."""
        if self._inner is not None:
            self._inner.returned(info, moment)

    def exception(self, span: Span, failure: Failure, moment: int) -> None:
        """An exception has left a span, or was recorded on it."""
        if self._inner is not None:
            self._inner.exception(span, failure, moment)

    def diagnostic(self, span: Span, channel: str, message: dict[str, Any], moment: int) -> None:
        """Somebody recorded an event on a span."""
        if self._inner is not None:
            self._inner.diagnostic(span, channel, message, moment)

    def logged(self, span: Span, moment: int, line: Log) -> None:
        """Somebody logged under a span."""
        if self._inner is not None:
            self._inner.logged(span, moment, line)

    def finished(self, outcome: str) -> None:
        """The invocation is over."""
        if self._inner is not None:
            self._inner.finished(outcome)


def _finish_twin(span: Span, twin: Any, given: Mapping[str, Any]) -> None:
    """Write on the provider's span what ours has recorded since it was started, and end it."""
    if twin.is_recording():
        theirs = _recorded_on(twin, len(given))
        attributes = span._attributes or _NOTHING
        news = {k: v for k, v in attributes.items() if k not in given or given[k] is not v}
        if news:
            twin.set_attributes(news)
        if getattr(twin, "name", None) != span._name:
            twin.update_name(span._name)
        if span._more is not None:
            _finish_rare(span._more, twin)
        if theirs is not None:
            _take_over(span, *theirs)
    twin.end(end_time=wall_ns(span._end))


def _finish_rare(more: Rare, twin: Any) -> None:
    for event in more.events:
        twin.add_event(event.name, event.attributes, event.timestamp_ns)
    known = len(getattr(twin, "links", ()))
    for link in more.links[known:]:
        twin.add_link(_otel_context(link.context), link.attributes)
    if more.status == "error":
        twin.set_status(otel_trace.Status(otel_trace.StatusCode.ERROR, more.description or None))
    elif more.status == "ok":
        twin.set_status(otel_trace.Status(otel_trace.StatusCode.OK))
    if more.outcome not in ("ok", "exception"):
        twin.set_attribute(OUTCOME, more.outcome)


# --- the spans of others --------------------------------------------------------------------------


def _recorded_on(span: Any, known: int = 0) -> tuple[dict[str, Any], tuple[Any, ...]] | None:
    """The attributes and the events of a provider's span, where it lets itself be read (an SDK's).

    None where there are no events, and no more attributes than are known.
    """
    attributes = getattr(span, "attributes", None) or _NOTHING
    events = getattr(span, "events", None)
    if len(attributes) <= known and not events:
        return None
    return dict(attributes), tuple(events or ())


def _take_over(span: Span, attributes: dict[str, Any], events: tuple[Any, ...]) -> None:
    """Record on our span what others have recorded on the provider's."""
    known = span._attributes or {}
    news = [(key, value) for key, value in attributes.items() if key not in known]
    if news:
        put_attributes(span, news)
    for event in events:
        _take_over_event(span, event)


def _take_over_event(span: Span, event: Any) -> None:
    lifeline = span._lifeline.origin
    limits = lifeline.board.limits
    moment = int(event.timestamp) - ANCHOR
    values = clean_all(event.attributes, {}, limits)
    name = clean_text(event.name, limits.name_bytes)
    keep_event(span, name, moment, values)
    if lifeline.watch is None:
        return
    if name == "exception":
        kind = str(values.get("exception.type", "exception"))
        message = str(values.get("exception.message", ""))
        stack = str(values.get("exception.stacktrace", ""))
        failure = Failure(kind.rpartition(".")[2], kind, message, stack)
        lifeline.watch.exception(span, failure, moment)
    else:
        lifeline.watch.diagnostic(span, name, values, moment)


class _ForeignSpans:
    """A span processor: the spans of others become spans of ours, for our tails and exporters.

    Each has a shadow among ours, with the same ids, from its start to its end.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._hears: Any = None
        self._by_ids: dict[tuple[int, int], Span] = {}
        self._by_span: weakref.WeakKeyDictionary[Any, Span] = weakref.WeakKeyDictionary()

    def listen(self) -> None:
        """Subscribe to the provider, if it is an SDK's; the global one may be set later."""
        if self._hears is not None:
            return
        provider = self._bridge.tracer_provider or otel_trace.get_tracer_provider()
        add = getattr(provider, "add_span_processor", None)
        if callable(add):
            self._hears = provider
            add(self)

    def shadow_of(self, span: Any) -> Span | None:
        """Our span for one that somebody else has started."""
        try:
            return self._by_span.get(span)
        except TypeError:  # it can't be referred to weakly, so it is none of an SDK's
            return None

    # What the SDK calls.

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """A span has started."""
        bridge = self._bridge
        board = bridge._board
        if bridge.is_removed or board.is_quiet or not (board.tails or board.exports):
            return
        context = otel_context.get_current() if parent_context is None else parent_context
        if bridge.is_own(context):
            return
        try:
            shadow = self._begin(span, context)
        except Exception as error:
            warn_once(bridge, "following a foreign span", error)
            return
        if shadow is not None and not shadow._end:
            own = span.get_span_context()
            self._by_ids[own.trace_id, own.span_id] = shadow
            self._by_span[span] = shadow

    def _begin(self, span: Any, context: Any) -> Span | None:
        board = self._bridge._board
        more = Adopted(span)
        more.kind = span.kind.name.lower()
        name = clean_text(span.name, board.limits.name_bytes)
        parent = span_at(first_alive(self._bridge._here.entry_in(context)))
        if parent is not None:
            lifeline = parent._lifeline.origin
            if lifeline.state is State.LIVE and lifeline.open is not None:
                watch = lifeline.watch
                if type(watch) is not Backing or watch.is_inherited:
                    return None  # it began before the bridge did, or in another process
                return begin(board, name, None, more, False, parent)
            if lifeline.state is State.UNSAMPLED:
                return None
        above = span.parent
        given = None if above is None else _our_context(above)
        return new_root(board, name, None, more, given, None)

    def on_end(self, span: Any) -> None:
        """A span has ended: its attributes, its events, and how it went."""
        own = span.get_span_context()
        shadow = self._by_ids.pop((own.trace_id, own.span_id), None)
        try:
            if shadow is not None and not shadow._end:
                self._end(shadow, span)
            if shadow is not None:
                look(self._bridge._board)  # one of ours that was left out of turn may be next
            else:
                self._bridge._here.heal()
        except Exception as error:
            warn_once(self._bridge, "following a foreign span", error)

    def _end(self, shadow: Span, span: Any) -> None:
        board = self._bridge._board
        more = rare(shadow)
        shadow._name = clean_text(span.name, board.limits.name_bytes)
        _take_over(shadow, *(_recorded_on(span) or ({}, ())))
        put_attributes(shadow, ((SCOPE, getattr(span.instrumentation_scope, "name", None)),))
        status = span.status
        more.status = status.status_code.name.lower()
        if more.status == "error":
            more.outcome = "exception"
            more.description = clean_text(status.description or "", board.limits.value_bytes)
        for link in span.links:
            shadow.add_link(_our_context(link.context), link.attributes)
        lifeline = shadow._lifeline.origin
        if shadow._span_id == lifeline.root_id:
            lifeline.outcome = more.outcome
        end_span(shadow, lifeline, now_ns())

    def _on_ending(self, span: Any) -> None:
        """Newer SDKs say this as well."""

    def shutdown(self) -> None:
        """The provider ends."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's name
        """Nothing waits here."""
        return True
