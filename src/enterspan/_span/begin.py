"""The one way in which a span begins, whatever form opens it."""

from __future__ import annotations

from enterspan._model.clock import now_ns
from enterspan._span.context import SUPPRESSED, span_of
from enterspan._span.end import end_span
from enterspan._span.invocation import (
    ENDED,
    LIVE,
    REMOTE,
    UNSAMPLED,
    start_plain_root,
    start_root,
)
from enterspan._span.min_duration import hold_back
from enterspan._span.span import Span, StartedSpan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from enterspan._model.ids import SpanContext
    from enterspan._span.details import Details
    from enterspan._span.invocation import InvocationState
    from enterspan._span.tracer import Tracer


def begin(  # noqa: C901, PLR0912 - the hot path, written out
    tracer: Tracer,
    name: str,
    attributes: dict[str, Any] | None = None,
    details: Details | None = None,
    current: bool = True,
    parent: Any = None,
    make: type[Span] = Span,
) -> Span | None:
    """Open a child of the current span and make it current; None if nothing is recorded.

    The attributes and details are the span's own from here on, and clean. With a *parent*, a span
    of a live invocation, the child is its.
    """
    try:
        if parent is None:
            get = tracer.get  # a call of an attribute takes longer where it is no method
            parent = get()
            if parent is None:
                if details is None and tracer.plain and make is Span:
                    root = start_plain_root(tracer, name, attributes)
                    root._token = tracer.set(root) if current else None
                    return root
                return _begin_elsewhere(tracer, name, attributes, details, current, make)
            state = parent._state
            opened = state.open
            if opened is None or parent._detached_to is not None:
                return _begin_elsewhere(tracer, name, attributes, details, current, make)
        else:
            state = parent._state
            opened = state.open
            if opened is None:  # another thread has ended it a moment ago
                return _begin_root(
                    tracer, name, attributes, details, current, parent.context, make=make
                )
        if details is not None and details.min_duration and not hold_back(tracer, state):
            details.min_duration = 0  # what another tracer has begun can't be left out
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
            opened[span] = None  # complete by now: another thread may end the invocation
        elif dispatch.generation != tracer.generation:  # it is of the parent process
            return _begin_root(
                tracer, name, attributes, details, current, parent.context, make=make
            )
        elif not dispatch.open(span, parent, state):
            return None
        if current:
            try:
                set_ = tracer.set
                span._token = set_(span)
            except BaseException:  # it arrived when the span was set: the caller does not get it
                if tracer.get() is span:
                    tracer.set(parent)
                end_span(span, None, False)
                raise
        elif issubclass(make, StartedSpan):
            state.list_started(span)
        return span
    except Exception as failure:
        tracer.begin_failed(failure)
        return None


def _begin_elsewhere(
    tracer: Tracer,
    name: str,
    attributes: dict[str, Any] | None,
    details: Details | None,
    current: bool,
    make: type[Span],
) -> Span | None:
    """Open a span where the current entry is not simply a span of a live invocation."""
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
        root._token = tracer.set(root)
    return root


def place_of_new(
    tracer: Tracer, given: SpanContext | None, new_trace: bool
) -> tuple[SpanContext | None, SpanContext | None, int]:
    """Where an invocation belongs: its parent, what it is linked to, and since when it is late."""
    parent, link, late_since = given, None, 0
    if given is None:
        parent, link, late_since = _above(tracer)
    if new_trace:
        return None, parent or link, 0
    return parent, link, late_since


def _above(tracer: Tracer) -> tuple[SpanContext | None, SpanContext | None, int]:
    """What the current span is to a new invocation: its parent, or a link."""
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
        return parent, link, state.late_since
    return None, None, 0
