"""The `SpanData` of a span that has ended, for exporters."""

from __future__ import annotations

from operator import attrgetter
from types import MappingProxyType

from enterspan._model.excerpt import cut
from enterspan._model.frozen import HAS_GIL, twin
from enterspan._model.ids import make_context
from enterspan._model.records import SpanData

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

    from enterspan._span.span import Span

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
_new: Any = object.__new__
_SpanData = twin(SpanData)
_fields_of: Callable[[Any], tuple[Any, ...]] = attrgetter(*SpanData.__match_args__)


def record_of(span: Span) -> SpanData:
    """Build the `SpanData` of an ended span; called on a worker, not where the span ended."""
    state = span._state
    tracer = state.tracer
    attributes = span._attributes
    name = span._name
    made: Any = _new(_SpanData)
    limit = tracer.limits.name_bytes
    made.name = name if len(name) <= limit and name.isascii() else cut(name, limit)
    made.context = make_context(
        state.trace_id, span._span_id, state.trace_flags, state.trace_state, False
    )
    made.parent_span_id = span._parent_id or None
    made.start_ns = state.anchor + span._start
    made.end_ns = state.anchor + span._end
    made.attributes = MappingProxyType(attributes) if attributes else _EMPTY
    made.invocation_id = state.id_text or state.id
    made.scope = tracer.name
    made.resource = tracer.resource
    details = span._details
    if details is None:
        made.events = made.links = ()
        made.status = "unset"
        made.status_description = ""
        made.outcome = "ok"
        made.kind = "internal"
        made.dropped_attributes = made.dropped_events = made.dropped_links = 0
        made.parent_is_remote = False
    else:
        made.events = tuple(details.events)
        made.links = tuple(details.links)
        made.status = details.status
        made.status_description = details.description
        made.outcome = details.outcome
        made.kind = details.kind
        made.dropped_attributes = details.dropped_attributes
        made.dropped_events = details.dropped_events
        made.dropped_links = details.dropped_links
        made.parent_is_remote = details.parent_is_remote
    if not HAS_GIL:
        return SpanData(*_fields_of(made))
    made.__class__ = SpanData
    return made  # type: ignore[no-any-return]
