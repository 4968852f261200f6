"""Begins spans and invocations, whatever form opens them."""

from __future__ import annotations

from enterspan._model.clock import now_ns
from enterspan._span.context import ENDED, LIVE, REMOTE, SUPPRESSED, UNSAMPLED, span_of
from enterspan._span.details import details_of, details_with
from enterspan._span.end import end_span
from enterspan._span.invocation import Asked, RootSpan, kind_of, start_plain_root, start_root
from enterspan._span.min_duration import hold_back
from enterspan._span.span import Span, StartedSpan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from enterspan._model.ids import SpanContext
    from enterspan._span.details import Details
    from enterspan._span.invocation import Facade, Given, InvocationState
    from enterspan._span.tracer import Tracer
    from enterspan.events import EventInfo


def begin(  # noqa: C901, PLR0912, PLR0915 - the hot path, written out
    tracer: Tracer,
    name: str,
    attributes: dict[str, Any] | None = None,
    details: Details | None = None,
    current: bool = True,
    parent: Any = None,
    make: type[Span] = Span,
) -> Span | None:
    """Open a child of the current span and make it current; None if nothing is recorded.

    The attributes and details are clean, and owned by the span from here on. With a *parent*, a
    span of an open invocation, the span becomes its child.
    """
    try:
        if parent is None:
            get = tracer.get  # a call of an attribute takes longer where it is no method
            parent = get()
            if parent is None:
                if details is None and tracer.plain and make is Span:
                    root = start_plain_root(tracer, name, attributes)
                    root._token = None
                    if current:
                        try:
                            root._token = tracer.set(root)
                        except BaseException:
                            _take_back(tracer, root, None)
                            raise
                    return root
                return _begin_elsewhere(tracer, name, attributes, details, current, make)
            state = parent._state
            opened = state.open
            if opened is None or parent._detached_to is not None:
                return _begin_elsewhere(tracer, name, attributes, details, current, make)
        else:
            state = parent._state
            opened = state.open
            if opened is None:  # another thread has just ended it
                return _begin_root(
                    tracer, name, attributes, details, current, parent.context, make=make
                )
        if details is not None and details.min_duration and not hold_back(tracer, state):
            details.min_duration = 0  # a span of two tracers can't be left out
        span = make()
        span._name = name
        span._state = state
        bits = tracer.bits
        span._span_id = bits(64)
        span._parent_id = parent._span_id
        span._attributes = attributes
        span._details = details
        span._end = 0
        span._detached_to = span._memo = span._token = None
        span._start = now_ns()
        dispatch = state.dispatch
        if dispatch is None:
            if state.open is None:  # another thread has ended the invocation in the meantime
                return _begin_elsewhere(tracer, name, attributes, details, current, make)
            opened[span] = None  # complete now: another thread may end the invocation
        elif dispatch.generation != tracer.generation:  # it belongs to the parent process
            return _begin_root(
                tracer, name, attributes, details, current, parent.context, make=make
            )
        elif not dispatch.open(span, parent, state):
            if state.open is None:  # likewise
                return _begin_elsewhere(tracer, name, attributes, details, current, make)
            return None
        if current:
            try:
                set_ = tracer.set
                span._token = set_(span)
            except BaseException:
                _take_back(tracer, span, parent)
                raise
        elif issubclass(make, StartedSpan):
            state.move_started(span)
        return span
    except Exception as failure:
        tracer.begin_failed(failure)
        return None


def _take_back(tracer: Tracer, span: Span, before: Any) -> None:
    """End a span that was interrupted as it was made current, and restore *before*."""
    if tracer.get() is span:
        tracer.set(before)
    end_span(span, None, False)


def _begin_elsewhere(
    tracer: Tracer,
    name: str,
    attributes: dict[str, Any] | None,
    details: Details | None,
    current: bool,
    make: type[Span],
) -> Span | None:
    """Open a span if the current entry is not just a span of an open invocation."""
    entry = tracer.entry()
    if entry is None:
        above = tracer.upstream()
        if above is None and tracer.ambient:
            entry = tracer.ambient_root()
        if entry is None:
            return _begin_root(tracer, name, attributes, details, current, above, make=make)
    if entry is SUPPRESSED:
        return None
    span = span_of(entry)
    state: InvocationState = span._state
    parent = link = None
    if state.phase is LIVE and state.open is not None:
        return begin(tracer, name, attributes, details, current, span, make)
    if state.phase is UNSAMPLED:
        return None
    if state.phase is ENDED:
        parent, link = state.place_of_late(span)
    elif state.phase is REMOTE:
        parent = span.context
    late_since = 0 if parent is None else state.late_since
    return _begin_root(tracer, name, attributes, details, current, parent, link, late_since, make)


def _begin_root(
    tracer: Tracer,
    name: str,
    attributes: dict[str, Any] | None,
    details: Details | None,
    current: bool,
    parent: SpanContext | None,
    link: SpanContext | None = None,
    late_since: int = 0,
    make: type[Span] = Span,
) -> Span:
    root = start_root(tracer, name, attributes, details, parent, link, late_since, make=make)
    if current:
        try:
            tracer.attach(root)
        except BaseException:  # the caller does not get it
            end_span(root, None, False)
            raise
    return root


def place_of_new(
    tracer: Tracer, given: SpanContext | None, new_trace: bool
) -> tuple[SpanContext | None, SpanContext | None, int]:
    """Return an invocation's parent, its link, and when the chain of late invocations began."""
    parent, link, late_since = given, None, 0
    if given is None:
        parent, link, late_since = _above(tracer)
    if new_trace:
        return None, parent or link, 0
    return parent, link, late_since


def _above(tracer: Tracer) -> tuple[SpanContext | None, SpanContext | None, int]:
    """Return the current span as the parent or the link of a new invocation."""
    entry = tracer.entry()
    if entry is None and (upstream := tracer.upstream()) is not None:
        return upstream, None, 0
    span = span_of(entry if entry is not None else tracer.current_entry())
    if span is None:
        return None, None, 0
    state: InvocationState = span._state
    if state.phase in (LIVE, UNSAMPLED, REMOTE):
        return span.context, None, 0
    if state.phase is ENDED:
        parent, link = state.place_of_late(span)
        return parent, link, 0 if parent is None else state.late_since
    return None, None, 0


class InvocationStart:
    """The arguments to begin an invocation."""

    __slots__ = (
        "ambient",
        "attributes",
        "details",
        "facade",
        "given",
        "info",
        "linger",
        "name",
        "new_trace",
        "parent",
        "tracer",
        "unlinked",
    )

    def __init__(
        self,
        tracer: Tracer,
        facade: Facade,
        name: str,
        *,
        info: EventInfo | None = None,
        parent: SpanContext | None = None,
        linger: float | None = 0.0,
        ambient: bool = False,
        new_trace: bool = False,
        unlinked: bool = False,
        attributes: dict[str, Any] | None = None,
        details: Details | None = None,
        given: Given = tuple,
    ) -> None:
        self.tracer = tracer
        self.facade = facade
        self.name = name
        self.info = info
        self.parent = parent
        self.linger = linger
        self.ambient = ambient
        self.new_trace = new_trace
        self.unlinked = unlinked  # an unreadable parent restarts the trace
        self.attributes = attributes
        self.details: Any = details  # or, after the first begin, settings to make more of them
        self.given = given  # makes the attributes for the stream

    def begin(self, current: bool = True) -> Span:
        """Begin the invocation, make its root current, and return the root."""
        tracer = self.tracer
        parent, link, late_since = None, None, 0
        if not self.unlinked:
            parent, link, late_since = place_of_new(tracer, self.parent, self.new_trace)
        attributes = None if self.attributes is None else self.attributes.copy()
        details = self.details
        if details is not None:
            if type(details) is tuple:
                details = details_with(details)
            self.details = details.settings
        root = start_root(
            tracer,
            self.name,
            attributes,
            details,
            parent,
            link,
            late_since,
            self.info,
            self.given,
            Asked(self.linger, () if details is None else details.expected),
            RootSpan,
        )
        state = root._state
        if tracer.get() is SUPPRESSED:
            return root
        state.handle = self.facade._hold(self.name, self.info, root)
        kind = kind_of(self.info)
        asked_for = "internal" if details is None else details.kind
        if state.phase is LIVE and kind != "internal" and asked_for == "internal":
            details_of(root).kind = kind
        if current:
            tracer.attach(root)
        if self.ambient:
            tracer.add_ambient(root, root)
        return root
