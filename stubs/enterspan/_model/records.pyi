# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Finished spans, as immutable records without references to live objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from enterspan._model.ids import SpanContext
from enterspan._model.limits import AttributeValue

@dataclass(frozen=True)
class SpanEvent:
    """An event of a span; its time is in nanoseconds since the epoch."""

    name: str
    timestamp_ns: int
    attributes: Mapping[str, AttributeValue]

@dataclass(frozen=True)
class SpanLink:
    """A link from a span to another one that is not its parent."""

    context: SpanContext
    attributes: Mapping[str, AttributeValue]

@dataclass(frozen=True)
class SpanData:
    """A finished span. Times are nanoseconds since the epoch.

    `status` is `unset`, `ok` or `error`; `outcome` is how it ended (`ok`, `exception`, `canceled`,
    `abandoned`); `scope` is the name of its `Tracing`; `parent_is_remote` means that the parent
    belongs to another process.
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
        """The duration of the span, in nanoseconds."""
