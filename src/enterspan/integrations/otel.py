"""The OpenTelemetry bridge: our spans and those of OpenTelemetry's instrumentations in one trace.

While it is installed, each enterspan span has a *twin*: a span of the user's tracer provider, with
the same ids, which is OpenTelemetry's current span while the enterspan span is current. The
provider's configuration (sampling, processors, exporters) applies to it. If the provider is the
SDK's, each foreign span has a *shadow*: an enterspan span with its ids, for tails and exporters.
Only the public interface of `opentelemetry-api` is used.
"""

# The optional packages may not be installed when types are checked.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false

from __future__ import annotations

import os
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from enterspan._model.diagnostics import warn, warn_once
from enterspan._model.failures import Failure
from enterspan._model.interrupts import is_interrupt
from enterspan._model.removable import Removable
from enterspan._model.values import (
    CUT,
    WARNING_MESSAGE,
    WARNING_TYPE,
    clean_all,
    clean_text,
    without_notes,
)
from enterspan._span.begin import begin
from enterspan._span.context import (
    DISABLED,
    ENDED,
    LIVE,
    SUPPRESSED,
    UNSAMPLED,
    Boundary,
    first_attached,
    span_of,
)
from enterspan._span.details import Details, details_of, keep_event, keep_link, put_attributes
from enterspan._span.end import end_span
from enterspan._span.invocation import kind_of, start_root
from enterspan._span.processor import Filter, SpanProcessor
from enterspan._span.span import Span
from enterspan._tracing import Tracing
from enterspan._tracing import tracing as default_tracing

try:
    from opentelemetry import context as otel_context
    from opentelemetry import trace as otel_trace
except ImportError as error:
    raise ImportError(
        "enterspan.integrations.otel needs OpenTelemetry: pip install 'enterspan[otel]'"
    ) from error

from enterspan.integrations._foreign import (
    ForeignDetails,
    Shadow,
    foreign_of,
    foreign_span,
    otel_context_of,
    our_context_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enterspan._model.ids import SpanContext
    from enterspan._span.invocation import InvocationState
    from enterspan._span.tracer import Tracer
    from enterspan.events import Attribute, EventInfo

__all__ = ["ASKED_BY", "OUTCOME", "SCOPE", "Bridge", "install", "install_if_asked"]

ASKED_BY: Final = "ENTERSPAN_OTEL_BRIDGE"
"""The variable that makes `opentelemetry-instrument` install the bridge: `1`, `true`, `yes` or
`on`."""

OUTCOME: Final = "enterspan.outcome"
"""The attribute for outcomes without an OpenTelemetry status."""

SCOPE: Final = "otel.scope.name"
"""The attribute of a foreign span that names its instrumentation, as OpenTelemetry does."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_NO_PROCESSOR: Final = SpanProcessor()

_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"", "0", "false", "no", "off"})

_installed: weakref.WeakKeyDictionary[Tracer, Bridge] = weakref.WeakKeyDictionary()


def install(tracing: Tracing = default_tracing, tracer_provider: object = None) -> Bridge:
    """Connect *tracing* to an OpenTelemetry tracer provider, so that both share their traces.

    Invocations that are already open are not affected.

    Args:
        tracing: The instance to connect.
        tracer_provider: The provider; by default the global one, also if it is set later.

    Returns:
        The bridge, which has `remove()` and is a context manager that removes it. A second call
        returns the same bridge.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: A bridge to another provider is installed.
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
    tracing._prepare()
    tracer = tracing._tracer
    with tracer.settings_lock:
        known = _installed.get(tracer)
        if known is not None:
            if known.tracer_provider is not tracer_provider:
                raise ValueError(
                    f"{tracing!r} is bridged to another tracer provider: remove() that bridge first"
                )
            return known
        bridge = _installed[tracer] = Bridge(tracer, tracer_provider)
        tracer.use_bridge(bridge)
    return bridge


def install_if_asked() -> None:
    """Install the bridge if ENTERSPAN_OTEL_BRIDGE is set; called by `opentelemetry-instrument`."""
    asked = os.environ.get(ASKED_BY, "").strip().lower()
    if asked in _YES:
        install()
    elif asked not in _NO:
        warn(f"{ASKED_BY} is {asked!r}, which is none of {', '.join(sorted(_YES))}: it stays off")


class Bridge(Removable):
    """An installed bridge; also a context manager, which removes it at the end."""

    def __init__(self, tracer: Tracer, tracer_provider: Any) -> None:  # internal
        self.tracer_provider: object = tracer_provider
        """The provider that was given; None for the global one."""
        self._tracer = tracer
        self._otel_tracer = otel_trace.get_tracer(tracer.name, tracer_provider=tracer_provider)
        self._shadows = _Shadows(self, tracer)
        self._current = _BridgedCurrent(tracer, self._shadows)
        self.above = self._current.above  # internal
        self._own = otel_context.create_key("enterspan-own")
        self.is_removed = False  # internal
        self.get = self._current.get  # internal
        self.set = self._current.set  # internal
        self.reset = self._current.reset  # internal
        self._shadows.subscribe()

    def remove(self) -> None:
        """Stop connecting new invocations; a second call does nothing."""
        with self._tracer.settings_lock:
            if not self.is_removed:
                self.is_removed = True
                _installed.pop(self._tracer, None)
                self._tracer.use_bridge(None)

    def __repr__(self) -> str:
        """Show which Tracing is bridged."""
        return f"<Bridge of {self._tracer.name!r} to OpenTelemetry>"

    # --- called by the tracer ---

    def upstream(self) -> SpanContext | None:  # internal
        """Return the context of OpenTelemetry's current span, as a parent."""
        found = otel_trace.get_current_span().get_span_context()
        return our_context_of(found) if found.is_valid else None

    def foreign_span(self) -> Span | None:  # internal
        """Return OpenTelemetry's current span if it has neither a twin nor a shadow."""
        span = self._current.foreign_in(otel_context.get_current())
        return None if span is None else foreign_span(self._tracer, span)

    def processor_for(  # internal
        self,
        state: InvocationState,
        root: Span,
        parent: SpanContext | None,
        link: SpanContext | None,
        info: EventInfo | None,
        given: tuple[Attribute, ...],
    ) -> SpanProcessor | None:
        """Start the twin of a root, adopt its ids and sampling decision, and make the processor."""
        tracer = self._tracer
        self._shadows.subscribe()
        above = _context_under(parent)
        foreign = foreign_of(root)
        twin = self.start_twin(root, above, kind_of(info), link) if foreign is None else foreign
        own = twin.get_span_context()
        is_new = _is_new(own, above)
        if is_new:
            state.trace_id = own.trace_id
            state.trace_state = own.trace_state.to_header()
            state.trace_flags = int(own.trace_flags)
            state.root_id = root._span_id = own.span_id
            state.sampled = own.trace_flags.sampled
        inner = tracer.processor_for(state, root, parent, info, given)
        if inner is None and not (state.sampled and tracer.exporting):
            if not is_new:
                _pass_through(state, root, parent)
                return None
            if not twin.is_recording():
                return None
        processor = TwinProcessor(self, inner or _NO_PROCESSOR)
        if is_new and foreign is None:
            processor.keep(root, twin, 0 if link is None else 1)
        return processor

    # --- called by the parts of the bridge ---

    def start_twin(  # internal
        self, span: Span, above: Any, kind: str = "internal", link: SpanContext | None = None
    ) -> Any:
        """Start the provider's span for an enterspan span; the invalid span if that fails."""
        if span._details is not None and kind == "internal":
            kind = span._details.kind
        try:
            return self._otel_tracer.start_span(
                span._name,
                context=otel_context.set_value(self._own, True, above),
                kind=otel_trace.SpanKind[kind.upper()],
                attributes=_for_provider(span),
                links=None if link is None else (otel_trace.Link(otel_context_of(link)),),
                start_time=span._state.anchor + span._start,
            )
        except Exception as error:
            self.failed("tracer provider", error)
            return otel_trace.INVALID_SPAN

    def is_own(self, context: Any) -> bool:  # internal
        """Return whether a span that starts in this context is a twin."""
        return otel_context.get_value(self._own, context) is not None

    def failed(self, what: str, error: BaseException) -> None:  # internal
        """Re-raise an interruption of the program or a RecursionError; log any other error once."""
        if not isinstance(error, Exception) or type(error) is RecursionError or is_interrupt(error):
            raise error
        warn_once(self, what, error)


# --- the current span -----------------------------------------------------------------------------


class _Attached:
    """The value in OpenTelemetry's context: an entry, its twin, and the previous context."""

    __slots__ = ("before", "entry", "is_detached", "twin")

    def __init__(self, entry: Any, twin: Any, before: Any) -> None:
        self.is_detached = False
        self.entry = entry
        self.twin = twin
        self.before = before


class _Token:
    """Undoes a `set`; it has the used attributes of `contextvars.Token`."""

    __slots__ = ("before", "old_value", "own")
    MISSING = object()

    def __init__(self, own: Any, old_value: Any, before: Any) -> None:
        self.own = own
        self.old_value = old_value
        self.before = before


class _BridgedCurrent:
    """The current span according to OpenTelemetry's context, which is kept in step.

    The tracer's variable is set as well. It shows whether a `set` is undone in the context where it
    was made: in others, OpenTelemetry's `detach` would log an error. And only it is ever set to
    SUPPRESSED.
    """

    def __init__(self, tracer: Tracer, shadows: _Shadows) -> None:
        self._variable = tracer.variable
        self._shadows = shadows
        self._key = otel_context.create_key("enterspan-attached")
        # For bodies that are suspended: their foreign span, unless a shadow is their entry. It is
        # forgotten when the span ends, which a context may have captured.
        self.above: dict[Span, Any] = {}

    def get(self) -> Any:
        """Return the entry of OpenTelemetry's current span, or of its nearest ancestor with one."""
        own = self._variable.get()
        if own is SUPPRESSED:
            return own
        found = self.entry_in(otel_context.get_current())
        return own if found is None and own is not None and _is_older(own) else found

    def entry_in(self, context: Any) -> Any:
        """Return the entry for any OpenTelemetry context."""
        attached: Any = context.get(self._key)
        span = otel_trace.get_current_span(context)
        if attached is not None and attached.twin is span:
            return attached.entry
        shadow = self._shadows.shadow_of(span)
        if shadow is not None:
            return shadow
        if attached is None or _trace_id(attached.twin) != _trace_id(span):
            return None  # another trace was begun, or continued, inside this one
        return attached.entry

    def foreign_in(self, context: Any) -> Any:
        """Return the span of an OpenTelemetry context if it has no enterspan counterpart."""
        attached: Any = context.get(self._key)
        span = otel_trace.get_current_span(context)
        is_ours = attached is not None and attached.twin is span
        return None if is_ours or self._shadows.shadow_of(span) is not None else span

    def heal(self) -> None:
        """Detach an ended enterspan span that OpenTelemetry has restored.

        That happens when a foreign span is detached after the enterspan span around it.
        """
        context = otel_context.get_current()
        attached: Any = context.get(self._key)
        if (
            attached is not None
            and attached.is_detached
            and otel_trace.get_current_span(context) is attached.twin
        ):
            span = span_of(attached.entry)
            if span is not None and span._end:
                otel_context.attach(self._before(context))

    def set(self, entry: Any) -> Any:
        """Make an entry current, and its twin current in OpenTelemetry's context."""
        if entry is SUPPRESSED:
            return self._variable.set(entry)
        context = otel_context.get_current()
        before = self.get()
        token = _Token(self._variable.set(entry), before, context)
        otel_context.attach(self._outside(context) if entry is None else self._in(context, entry))
        return token

    def reset(self, token: Any) -> None:
        """Undo a `set`. Raises ValueError if it was made in another context."""
        if type(token) is not _Token:
            self._variable.reset(token)
            return
        context = otel_context.get_current()
        attached: Any = context.get(self._key)
        if attached is not None:
            span = otel_trace.get_current_span(context)
            if self.above or span is not attached.twin:
                self._note_above(attached, span)
        self._variable.reset(token.own)
        otel_context.attach(self._first_attached(token.before))

    def _note_above(self, attached: _Attached, span: Any) -> None:
        """Note a foreign span that is still current inside a detached entry."""
        entry = attached.entry
        if span is not attached.twin:
            attached.is_detached = True  # see `heal`
            is_suspended = isinstance(entry, Span) and not entry._end
            if is_suspended and self._shadows.shadow_of(span) is None:
                self.above[entry] = span
        elif isinstance(entry, Span):
            self.above.pop(entry, None)

    def _in(self, context: Any, entry: Any) -> Any:
        span = span_of(entry)
        before = self._before(context)
        if type(entry) is Boundary:
            context = self._outside(context)
        if span is None or span._state.phase == DISABLED:
            twin = otel_trace.get_current_span(context)
        else:
            twin = twin_of(span)
        current = twin
        if self.above and span is not None and span is entry:
            current = self.above.get(span, twin)
            if getattr(current, "end_time", None) is not None:  # it ended in another context
                current = twin
        attached = _Attached(entry, twin, before)
        return otel_context.set_value(
            self._key, attached, otel_trace.set_span_in_context(current, context)
        )

    def _before(self, context: Any) -> Any:
        """Return the context to restore later, without spans that have ended, to free them."""
        while (attached := context.get(self._key)) is not None:
            span = span_of(attached.entry)
            if span is None or not span._end:
                break
            context = attached.before
        return context

    def _first_attached(self, context: Any) -> Any:
        """Return the nearest context whose innermost entry was not detached out of order."""
        while (
            (attached := context.get(self._key)) is not None
            and first_attached(attached.entry) is not attached.entry
            and otel_trace.get_current_span(context) is attached.twin
        ):
            context = attached.before
        return context

    def _outside(self, context: Any) -> Any:
        """Return the nearest context without an enterspan entry."""
        while (attached := context.get(self._key)) is not None:
            context = attached.before
        return context


def _is_older(entry: Any) -> bool:
    """Whether an entry belongs to a capture, or an open invocation, older than the bridge."""
    attached = first_attached(entry)
    if type(attached) is Boundary:
        return True
    span = span_of(attached)
    return span is not None and span._state.phase == LIVE and _twins_of(span._state) is None


def _context_under(parent: SpanContext | None) -> Any:
    """Return the OpenTelemetry context, with its baggage, in which to start a child of *parent*."""
    context = otel_context.get_current()
    if parent is None:
        return otel_trace.set_span_in_context(otel_trace.INVALID_SPAN, context)
    current = otel_trace.get_current_span(context).get_span_context()
    if current.span_id == parent.span_id and current.trace_id == parent.trace_id:
        return context
    return otel_trace.set_span_in_context(_unrecorded(parent), context)


def _trace_id(span: Any) -> int:
    return int(span.get_span_context().trace_id)


def _is_new(own: Any, above: Any) -> bool:
    """Whether the provider made a span: without an SDK it returns the parent's context."""
    parent = otel_trace.get_current_span(above).get_span_context()
    return bool(own.is_valid) and own.span_id != parent.span_id


def _pass_through(state: InvocationState, root: Span, parent: SpanContext | None) -> None:
    """Give a root that is not recorded its parent's id, so that the trace has no gap."""
    if parent is None:
        state.trace_flags = 0
    else:
        root._span_id = state.root_id = parent.span_id
        state.trace_flags = parent.trace_flags


def _unrecorded(context: SpanContext) -> Any:
    return otel_trace.NonRecordingSpan(otel_context_of(context))


# --- twins ----------------------------------------------------------------------------------------


def _twins_of(state: InvocationState) -> TwinProcessor | None:
    processor = None if state.dispatch is None else state.dispatch.processor
    return processor if type(processor) is TwinProcessor else None


def twin_of(span: Span) -> Any:
    """Return the twin of a span, or the foreign span, or a new one with its ids."""
    foreign = foreign_of(span)
    if foreign is not None:
        return foreign
    processor = _twins_of(span._state)
    known = None if processor is None else processor.twins.get(span._span_id)
    return _unrecorded(span.context) if known is None else known.span


class _Twin(NamedTuple):
    """The twin of a span, and what it was started with."""

    span: Any
    name: str
    given: Mapping[str, Any]
    """The initial attributes of the enterspan span."""
    shown: Mapping[str, Any]
    """What the twin had of these, within the provider's limits; empty if it is not readable."""
    links: int


class TwinProcessor(Filter):
    """Starts and ends the twins of an invocation's spans, and forwards all calls."""

    __slots__ = ("bridge", "twins")

    is_immediate = True

    def __init__(self, bridge: Bridge, inner: SpanProcessor) -> None:
        super().__init__(inner)
        self.bridge = bridge
        self.twins: dict[int, _Twin] = {}  # by id, so that dropped spans are freed

    def keep(self, span: Span, twin: Any, links: int = 0) -> None:
        """Remember the twin of a span, and what it was started with."""
        given = _for_provider(span)
        shown = _NOTHING
        if given:
            shown = {k: v for k, v in _attributes_of(twin).items() if k in given}
        self.twins[span._span_id] = _Twin(twin, span._name, given, shown, links)

    def on_open(self, span: Span, parent: Span) -> None:
        """Start the twin, and adopt its id, before the inner processor is called."""
        foreign = foreign_of(span)
        if foreign is not None:
            span._span_id = foreign.get_span_context().span_id
        else:
            above = otel_context.get_current()
            if span_of(self.bridge.get()) is not parent:
                above = otel_trace.set_span_in_context(twin_of(parent), above)
            twin = self.bridge.start_twin(span, above)
            own = twin.get_span_context()
            if _is_new(own, above):
                span._span_id = own.span_id
                self.keep(span, twin)
        self.inner.on_open(span, parent)

    def on_close(self, span: Span) -> None:
        """End the twin, then forward the call, even if an exception interrupts the program."""
        known = self.twins.get(span._span_id)
        failure = None
        try:
            if known is not None:
                _end_twin(span, known)
        except RecursionError:
            raise  # the span is ended again where more of the stack is free
        except BaseException as error:
            failure = error
        self.twins.pop(span._span_id, None)
        if self.bridge.above:
            self.bridge.above.pop(span, None)
        if span._details is not None:
            span._details.whole = None
        self.inner.on_close(span)
        if failure is not None:
            self.bridge.failed("tracer provider", failure)


def _end_twin(span: Span, twin: _Twin) -> None:
    """End a twin, with the data that its span has recorded since it was started."""
    try:
        if twin.span.is_recording():
            _synchronize(span, twin)
    except RecursionError:
        raise
    except BaseException:
        twin.span.end(end_time=span._state.anchor + span._end)
        raise
    twin.span.end(end_time=span._state.anchor + span._end)


def _synchronize(span: Span, twin: _Twin) -> None:
    """Write to the twin what its span has, and to the span what was recorded on the twin.

    What both have changed is as the span has it, but for a status: the program has set the twin's,
    and of the span's an exception may be the reason.
    """
    provider = twin.span
    others = _recorded_on(provider, twin.shown)
    links = tuple(getattr(provider, "links", None) or ())[twin.links :]
    _take_status(span, getattr(provider, "status", None))
    attributes = _for_provider(span)
    added = {k: v for k, v in attributes.items() if k not in twin.given or twin.given[k] is not v}
    if added:
        provider.set_attributes(added)
    if span._name == twin.name:
        _take_name(span, getattr(provider, "name", None))
    else:
        provider.update_name(span._name)
    if span._details is not None:
        _write_details(span._details, provider, twin.links)
    if others is not None:
        _take_over(span, *others, twin)
    for link in links:
        values = clean_all(link.attributes, {}, span._state.tracer.limits)
        keep_link(span, our_context_of(link.context), values)


def _take_name(span: Span, name: Any) -> None:
    """Take over the name that was set through OpenTelemetry."""
    if type(name) is str and name != span._name:
        span._name = clean_text(name, span._state.tracer.limits.name_bytes)


def _take_status(span: Span, status: Any) -> None:
    """Take over the status that was set through OpenTelemetry."""
    name = getattr(getattr(status, "status_code", None), "name", None)
    if type(name) is not str or name not in ("OK", "ERROR"):
        return
    details = details_of(span)
    if not details.status_is_final:
        limit = span._state.tracer.limits.value_bytes
        details.status = name.lower()
        details.description = clean_text(status.description or "", limit)


def _for_provider(span: Span) -> Mapping[str, Any]:
    """Attributes for the provider, which has its own limits."""
    attributes = span._attributes or _NOTHING
    details = span._details
    whole = None if details is None else details.whole
    if details is None or whole is None:
        return dict(attributes)
    shown = {**attributes, **whole}
    told = shown.get(CUT)
    if type(told) is tuple:  # it may be a class of the program
        shown[CUT] = tuple(without_notes(told, whole))
        if not shown[CUT]:
            del shown[CUT]
    if not (details.dropped_events or details.dropped_links):
        shown.pop(WARNING_TYPE, None)
        shown.pop(WARNING_MESSAGE, None)
    return shown


def _write_details(details: Details, twin: Any, links: int) -> None:
    for event in details.events:
        twin.add_event(event.name, event.attributes, event.timestamp_ns)
    for link in details.links[links:]:
        twin.add_link(otel_context_of(link.context), link.attributes)
    if details.status == "error":
        twin.set_status(otel_trace.Status(otel_trace.StatusCode.ERROR, details.description or None))
    elif details.status == "ok":
        twin.set_status(otel_trace.Status(otel_trace.StatusCode.OK))
    if details.outcome not in ("ok", "exception"):
        twin.set_attribute(OUTCOME, details.outcome)


def _attributes_of(span: Any) -> Mapping[str, Any]:
    """Return a copy of the attributes of a provider's span if they are readable (an SDK's are)."""
    attributes = getattr(span, "attributes", None)
    if not attributes:
        return _NOTHING
    copy = getattr(attributes, "copy", None)  # faster than `dict`, which takes a lock for each
    return dict(attributes) if copy is None else copy()


def _recorded_on(
    span: Any, known: Mapping[str, Any] = _NOTHING
) -> tuple[Mapping[str, Any], tuple[Any, ...]] | None:
    """Return the attributes and events of a provider's span if they are readable.

    Returns None if there are no events, and only the attributes that are known.
    """
    attributes = _attributes_of(span)
    events = getattr(span, "events", None)
    return None if attributes == known and not events else (attributes, tuple(events or ()))


def _take_over(
    span: Span, attributes: Mapping[str, Any], events: tuple[Any, ...], twin: _Twin | None = None
) -> None:
    """Record on an enterspan span what was recorded through OpenTelemetry.

    On a shadow that is everything, and on other spans what they don't have, or have not changed.
    """
    known = _for_provider(span)
    details = span._details
    added = [
        (key, value)
        for key, value in attributes.items()
        if key not in known or (known[key] != value and _is_theirs(key, value, known, twin))
    ]
    if added:
        put_attributes(span, added)
    written = set(details.written) if type(details) is ForeignDetails else ()
    for event in events:
        if (event.name, event.timestamp) not in written:
            _take_over_event(span, event)


def _is_theirs(key: str, value: Any, known: Mapping[str, Any], twin: _Twin | None) -> bool:
    """Whether an attribute that both have was last set through OpenTelemetry."""
    if twin is None:
        return True  # the span is a shadow
    is_changed_here = key not in twin.given or twin.given[key] is not known[key]
    return not is_changed_here and key in twin.shown and twin.shown[key] != value


def _take_over_event(span: Span, event: Any) -> None:
    state = span._state
    limits = state.tracer.limits
    moment = int(event.timestamp) - state.anchor
    values = clean_all(event.attributes, {}, limits)
    name = clean_text(event.name, limits.name_bytes)
    keep_event(span, name, moment, values)
    if state.dispatch is None:
        return
    if name == "exception":
        kind = str(values.get("exception.type", "exception"))
        message = str(values.get("exception.message", ""))
        stack = str(values.get("exception.stacktrace", ""))
        failure = Failure(kind.rpartition(".")[2], kind, message, stack)
        state.dispatch.call("on_exception", span, failure, moment)
    else:
        state.dispatch.call("on_event", span, name, values, moment)


# --- shadows --------------------------------------------------------------------------------------


class _Shadows:
    """An SDK span processor that makes a shadow for each foreign span."""

    def __init__(self, bridge: Bridge, tracer: Tracer) -> None:
        self._bridge = bridge
        self._tracer = tracer
        self._provider: Any = None
        # Only the foreign span keeps its shadow alive.
        self._by_span: weakref.WeakKeyDictionary[Any, Span] = weakref.WeakKeyDictionary()
        self._by_ids: weakref.WeakValueDictionary[tuple[int, int], Span]
        self._by_ids = weakref.WeakValueDictionary()

    def subscribe(self) -> None:
        """Add this to the provider if it is an SDK's; the global one may be set later."""
        if self._provider is not None:
            return
        provider = self._bridge.tracer_provider or otel_trace.get_tracer_provider()
        add = getattr(provider, "add_span_processor", None)
        if callable(add):
            self._provider = provider
            add(self)

    def shadow_of(self, span: Any) -> Span | None:
        """Return the shadow of a foreign span, if it has one."""
        try:
            return self._by_span.get(span)
        except TypeError:  # not weakly referenceable, so it is not an SDK's
            return None

    # Called by the SDK.

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Begin the shadow of a started span, unless it is a twin."""
        bridge, tracer = self._bridge, self._tracer
        if bridge.is_removed or tracer.is_suppressed or not (tracer.subscribed or tracer.exporting):
            return
        context = otel_context.get_current() if parent_context is None else parent_context
        if bridge.is_own(context):
            return
        try:
            shadow = self._begin(span, context)
            if shadow is not None and not shadow._end:
                if span.start_time is not None:  # it may have been passed by the caller
                    shadow._start = span.start_time - shadow._state.anchor
                own = span.get_span_context()
                self._by_span[span] = self._by_ids[own.trace_id, own.span_id] = shadow
        except Exception as error:
            bridge.failed("following a foreign span", error)

    def _begin(self, span: Any, context: Any) -> Span | None:
        tracer = self._tracer
        details = ForeignDetails(span)
        details.kind = span.kind.name.lower()
        name = clean_text(span.name, tracer.limits.name_bytes)
        above = None if span.parent is None else our_context_of(span.parent)
        parent = span_of(first_attached(self._bridge._current.entry_in(context)))
        late_since = 0
        if parent is not None:
            state: InvocationState = parent._state
            if state.phase == UNSAMPLED:
                return None
            if state.phase == LIVE and state.open is not None:
                if _twins_of(state) is None:
                    return None  # it began before the bridge did
                return begin(tracer, name, None, details, False, parent, Shadow)
            if state.phase == ENDED:
                late_since = state.late_since
        return start_root(tracer, name, None, details, above, late_since=late_since, make=Shadow)

    def on_end(self, span: Any) -> None:
        """End the shadow of a span, with the span's attributes, events and status."""
        own = span.get_span_context()
        shadow = self._by_ids.pop((own.trace_id, own.span_id), None)
        try:
            if shadow is None:
                self._bridge._current.heal()
                return
            if not shadow._end:
                self._end(shadow, span)
            self._tracer.entry()  # detaches a span that was detached out of order
        except Exception as error:
            self._bridge.failed("following a foreign span", error)

    def _end(self, shadow: Span, span: Any) -> None:
        try:
            self._finish(shadow, span)
        finally:
            moment = 0 if span.end_time is None else span.end_time - shadow._state.anchor
            end_span(shadow, None, False, moment)

    def _finish(self, shadow: Span, span: Any) -> None:
        limits = self._tracer.limits
        shadow._name = clean_text(span.name, limits.name_bytes)
        _take_over(shadow, *(_recorded_on(span) or ({}, ())))
        put_attributes(shadow, ((SCOPE, getattr(span.instrumentation_scope, "name", None)),))
        details = details_of(shadow)
        details.status = span.status.status_code.name.lower()
        if details.status == "error":
            details.outcome = "exception"
            details.description = clean_text(span.status.description or "", limits.value_bytes)
        written = list(details.links_written) if type(details) is ForeignDetails else []
        for link in span.links:
            ids = (link.context.trace_id, link.context.span_id)
            if ids in written:
                written.remove(ids)
                continue
            values = clean_all(link.attributes, {}, limits)
            keep_link(shadow, our_context_of(link.context), values)
        state = shadow._state
        if shadow._span_id == state.root_id:
            state.outcome = details.outcome

    def _on_ending(self, span: Any) -> None:
        """Do nothing; newer SDKs call this before the end."""

    def shutdown(self) -> None:
        """Do nothing when the provider shuts down."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's name
        """Return True: nothing is queued here."""
        return True
