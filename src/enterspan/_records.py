"""Finished spans, as immutable records with no link to anything alive."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from enterspan._clock import ANCHOR
from enterspan._frozen import frozen, maker
from enterspan._ids import make_context
from enterspan._values import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enterspan._ids import SpanContext
    from enterspan._span import Span
    from enterspan._values import AttributeValue

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


make_event: Callable[[str, int, Mapping[str, Any]], SpanEvent] = maker(SpanEvent)
make_link: Callable[[SpanContext, Mapping[str, Any]], SpanLink] = maker(SpanLink)
_make: Callable[..., SpanData] = maker(SpanData)


def record_of(span: Span) -> SpanData:
    """Build the record of a span that has ended. Made where it is needed, not where it ended."""
    lifeline = span._lifeline.origin
    board = lifeline.board
    attributes = span._attributes
    context = make_context(
        lifeline.trace_id, span._span_id, lifeline.trace_flags, lifeline.trace_state, False
    )
    more = span._more
    if more is None:
        return _make(
            cut(span._name, board.limits.name_bytes), context, span._parent_id or None,
            ANCHOR + span._start, ANCHOR + span._end,
            MappingProxyType(attributes) if attributes else _EMPTY, (), (), "unset", "", "ok",
            lifeline.id, "internal", board.name, board.resource, 0, 0, 0, False,
        )  # fmt: skip
    return _make(
        cut(span._name, board.limits.name_bytes), context, span._parent_id or None,
        ANCHOR + span._start, ANCHOR + span._end,
        MappingProxyType(attributes) if attributes else _EMPTY,
        tuple(more.events), tuple(more.links), more.status, more.description, more.outcome,
        lifeline.id, more.kind, board.name, board.resource,
        more.dropped_attributes, more.dropped_events, more.dropped_links, more.parent_is_remote,
    )  # fmt: skip
