"""Finished spans, as immutable records with no link to anything alive."""

from __future__ import annotations

from types import MappingProxyType

from enterspan._model.clock import ANCHOR
from enterspan._model.frozen import frozen, twin
from enterspan._model.ids import make_context
from enterspan._model.values import cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from enterspan._model.ids import SpanContext
    from enterspan._model.values import AttributeValue
    from enterspan._span.span import Span

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


@frozen
class SpanEvent:
    """Something that happened at one moment of a span (nanoseconds since the epoch)."""

    name: str
    timestamp_ns: int
    attributes: Mapping[str, AttributeValue]


@frozen
class SpanLink:
    """A relation of a span to another one that is not its parent."""

    context: SpanContext
    attributes: Mapping[str, AttributeValue]


@frozen
class SpanData:
    """A finished span. Times are nanoseconds since the epoch.

    `status` is `unset`, `ok` or `error`; `outcome` is how it ended (`ok`, `exception`, `canceled`,
    `abandoned`); `scope` is the name of the Tracing that made it; `parent_is_remote` says that the
    parent is of another process.
    """

    name: str
    context: SpanContext
    parent_span_id: int | None
    start_ns: int
    end_ns: int
    attributes: Mapping[str, AttributeValue]
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]
    status: str
    status_description: str
    outcome: str
    invocation_id: str
    kind: str
    scope: str
    resource: Mapping[str, AttributeValue]
    dropped_attributes: int
    dropped_events: int
    dropped_links: int
    parent_is_remote: bool = False

    @property
    def duration_ns(self) -> int:
        """How long the span was open, in nanoseconds."""
        return self.end_ns - self.start_ns


_new: Any = object.__new__
_SpanData = twin(SpanData)


def record_of(span: Span) -> SpanData:
    """Build the record of a span that has ended. Made where it is needed, not where it ended."""
    lifeline = span._lifeline.origin
    board = lifeline.board
    attributes = span._attributes
    name = span._name
    made: Any = _new(_SpanData)
    limit = board.limits.name_bytes
    made.name = name if len(name) <= limit and name.isascii() else cut(name, limit)
    made.context = make_context(
        lifeline.trace_id, span._span_id, lifeline.trace_flags, lifeline.trace_state, False
    )
    made.parent_span_id = span._parent_id or None
    made.start_ns = ANCHOR + span._start
    made.end_ns = ANCHOR + span._end
    made.attributes = MappingProxyType(attributes) if attributes else _EMPTY
    made.invocation_id = lifeline.id_text or lifeline.id
    made.scope = board.name
    made.resource = board.resource
    more = span._more
    if more is None:
        made.events = made.links = ()
        made.status = "unset"
        made.status_description = ""
        made.outcome = "ok"
        made.kind = "internal"
        made.dropped_attributes = made.dropped_events = made.dropped_links = 0
        made.parent_is_remote = False
    else:
        made.events = tuple(more.events)
        made.links = tuple(more.links)
        made.status = more.status
        made.status_description = more.description
        made.outcome = more.outcome
        made.kind = more.kind
        made.dropped_attributes = more.dropped_attributes
        made.dropped_events = more.dropped_events
        made.dropped_links = more.dropped_links
        made.parent_is_remote = more.parent_is_remote
    made.__class__ = SpanData
    return made  # type: ignore[no-any-return]
