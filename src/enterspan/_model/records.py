"""Finished spans, as immutable records with no link to anything alive."""

from __future__ import annotations

from enterspan._model.frozen import frozen
from enterspan._model.ids import SpanContext
from enterspan._model.values import AttributeValue

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from _collections_abc import Mapping
if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class SpanEvent:
    """Something that happened at one moment of a span, in nanoseconds since the epoch."""

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
