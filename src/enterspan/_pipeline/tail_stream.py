"""The span processor that turns what happens in an invocation into events.

Each event is put on the `Stream` of every tail that accepted the invocation.
"""

from __future__ import annotations

from time import process_time_ns
from types import MappingProxyType

from enterspan._model.clock import now_ns
from enterspan._model.excerpt import cut
from enterspan._model.frozen import HAS_GIL, twin
from enterspan._model.values import for_tails
from enterspan._pipeline.tails import Stream
from enterspan._span.processor import SpanProcessor
from enterspan.events import (
    Attributes,
    DiagnosticChannel,
    Exception_,
    Log,
    Onset,
    Outcome,
    Return,
    SpanClose,
    SpanOpen,
    TailSpanContext,
    make_attributes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final, Protocol

    from enterspan._model.failures import Failure
    from enterspan._model.ids import SpanContext
    from enterspan._pipeline.tails import TailSubscription
    from enterspan._span.invocation import InvocationState
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer
    from enterspan.events import Attribute, EventInfo

    class HasTails(Protocol):
        """The owner of the tails that a stream serves."""

        tracer: Tracer
        tails: tuple[TailSubscription, ...]

        def see_off(self, subscription: Any) -> None: ...


_CLOSED_OK: Final = SpanClose("ok")
"""The close of most spans, shared because it is frozen."""
_SpanOpen, _TailContext = twin(SpanOpen), twin(TailSpanContext)


class TailStream(SpanProcessor):
    """Turns the calls for one invocation into events for every tail that accepted it."""

    __slots__ = (
        "_cpu",
        "_flags",
        "_root_attributes",
        "_root_context",
        "_root_id",
        "_started",
        "_streams",
        "_subscribers",
        "_trace",
    )

    def __init__(
        self,
        subscribers: HasTails,
        state: InvocationState,
        root: Span,
        parent: SpanContext | None,
        info: EventInfo | None,
        given: tuple[Attribute, ...],
    ) -> None:
        self._subscribers = subscribers
        self._flags = None if parent is None else parent.trace_flags
        self._trace = f"{state.trace_id:032x}"
        self._root_id = root._span_id
        self._started = root._start
        self._cpu = process_time_ns()
        self._root_attributes: Attributes | None = None
        name = cut(root._name, subscribers.tracer.limits.name_bytes)
        resource = subscribers.tracer.resource
        if given and subscribers.tracer.tail_value_bytes:
            given = self._attributes_of({pair.name: pair.value for pair in given}).info
        onset = Onset(f"{root._span_id:016x}", name, info, given, resource)
        above = f"{root._parent_id:016x}" if root._parent_id else None
        self._root_context = TailSpanContext(self._trace, onset.span_id, self._flags)
        root._memo = self._root_context
        context = TailSpanContext(self._trace, above, self._flags)
        streams = [Stream(tail, state.id, state.anchor) for tail in subscribers.tails]
        for stream in streams:
            stream.put(context, root._start, onset)
        self._streams = tuple([stream for stream in streams if not stream.declined])

    @property
    def is_wanted(self) -> bool:
        """Whether any tail has accepted the invocation, or still may."""
        return bool(self._streams)

    def _put(self, context: TailSpanContext, moment: int, payload: Any) -> None:
        for stream in self._streams:
            stream.put(context, moment, payload)

    def _context_of(self, span: Span) -> TailSpanContext:
        context: TailSpanContext | None = span._memo
        if context is None:
            context = span._memo = self._context(span._span_id)
        return context

    def _context(self, span_id: int) -> TailSpanContext:
        return TailSpanContext(self._trace, f"{span_id:016x}", self._flags)

    def on_open(self, span: Span, parent: Span) -> None:
        """Put a `spanOpen` event."""
        name = span._name
        limit = self._subscribers.tracer.limits.name_bytes
        if len(name) > limit or not name.isascii():
            name = cut(name, limit)
        text = span._span_id.to_bytes(8, "big").hex()
        own: Any
        payload: Any
        if HAS_GIL:  # two values, made by stores: see `frozen`
            own = _TailContext()
            own.trace_id = self._trace
            own.span_id = text
            own.trace_flags = self._flags
            own.__class__ = TailSpanContext
            payload = _SpanOpen()
            payload.span_id = text
            payload.name = name
            payload.__class__ = SpanOpen
        else:
            own = TailSpanContext(self._trace, text, self._flags)
            payload = SpanOpen(text, name)
        span._memo = own
        context = parent._memo or self._context(span._parent_id)
        for stream in self._streams:
            stream.put(context, span._start, payload)

    def on_close(self, span: Span) -> None:
        """Put the span's `attributes` and `spanClose`; the root's attributes come at the end."""
        attributes = span._attributes
        if span._span_id == self._root_id:
            if attributes:
                self._root_attributes = self._attributes_of(attributes)
            return
        details = span._details
        outcome = "ok" if details is None else details.outcome
        context = span._memo or self._context_of(span)
        if attributes:
            self._put(context, span._end, self._attributes_of(attributes))
        payload = _CLOSED_OK if outcome == "ok" else SpanClose(outcome)
        for stream in self._streams:
            stream.put(context, span._end, payload)

    def _attributes_of(self, attributes: Mapping[str, Any]) -> Attributes:
        limit = self._subscribers.tracer.tail_value_bytes
        return make_attributes(for_tails(attributes, limit) if limit else attributes)

    def on_return(self, info: Any, moment: int) -> None:
        """Put the `return` event."""
        self._put(self._root_context, moment, Return(info))

    def on_exception(self, span: Span, failure: Failure, moment: int) -> None:
        """Put an `exception` event."""
        payload = Exception_(failure.name, failure.message, failure.stack)
        self._put(self._context_of(span), moment, payload)

    def on_event(self, span: Span, name: str, attributes: Mapping[str, Any], moment: int) -> None:
        """Put a `diagnosticChannel` event."""
        payload = DiagnosticChannel(name, MappingProxyType(dict(attributes)))
        self._put(self._context_of(span), moment, payload)

    def on_log(
        self,
        span: Span,
        level: str,
        message: str,
        attributes: Mapping[str, Any],
        truncated: bool,
        moment: int,
    ) -> None:
        """Put a `log` event."""
        pairs = make_attributes(attributes).info if attributes else ()
        payload = Log(level, message, pairs, truncated)
        self._put(self._context_of(span), moment, payload)

    def on_end(self, outcome: str) -> None:
        """Put the root's attributes and the `outcome`."""
        moment = now_ns()
        given = self._root_attributes
        if given is not None:
            self._put(self._root_context, moment, given)
        cpu = max(process_time_ns() - self._cpu, 0)
        last = Outcome(outcome, cpu, moment - self._started)
        for stream in self._streams:
            stream.put_last(self._root_context, moment, last)
        for stream in self._streams:
            self._subscribers.see_off(stream.to)
