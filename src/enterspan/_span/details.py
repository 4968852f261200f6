"""What a span records beside its name, ids and times: attributes, events, links, a status.

Most spans have no more than a few short attributes. Everything else is in `Details`, which is
allocated when it is first needed.
"""

from __future__ import annotations

from types import MappingProxyType

from enterspan._model.clock import wall_ns
from enterspan._model.records import SpanEvent, SpanLink
from enterspan._model.values import (
    WARNING_MESSAGE,
    WARNING_TYPE,
    Bag,
    items_of,
    size_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final

    from enterspan._model.ids import SpanContext
    from enterspan._model.values import Limits

_EVENT_BYTES: Final = 32
"""What an event or a link counts for, beside its texts."""


class Details:
    """Lazily allocated fields that few spans use."""

    __slots__ = (
        "description",
        "dropped_attributes",
        "dropped_events",
        "dropped_links",
        "events",
        "expected",
        "kind",
        "links",
        "min_duration",
        "outcome",
        "parent_is_remote",
        "spent",
        "status",
        "status_is_final",
        "warned",
    )

    def __init__(self) -> None:
        self.events: list[SpanEvent] = []
        self.links: list[SpanLink] = []
        self.status = "unset"
        self.status_is_final = False  # the program has set it
        self.description = ""
        self.outcome = "ok"
        self.kind = "internal"
        self.expected: tuple[type[BaseException], ...] = ()
        self.dropped_attributes = 0
        self.dropped_events = 0
        self.dropped_links = 0
        self.parent_is_remote = False
        self.spent: int | None = None  # bytes; None until they are counted
        self.warned = False
        self.min_duration = 0  # nanoseconds


def details_of(span: Any) -> Details:
    """Return the details of a span, allocated if it has none yet."""
    details: Details | None = span._details
    if details is None:
        details = span._details = Details()
    return details


def put_attributes(span: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
    """Record attributes, cleaned and within the limits."""
    tracer = span._state.tracer
    if not tracer.is_suppressed:  # else the `__repr__` of a value would record values
        tracer.suppressed(_put, span, pairs, tracer.limits)


def _put(span: Any, pairs: Iterable[tuple[Any, Any]], limits: Limits) -> None:
    attributes = _attributes_of(span)
    details = details_of(span)
    bag = Bag(attributes, size_of(attributes) if details.spent is None else details.spent)
    try:
        for key, value in pairs:
            if value is not None:
                bag.put(key, value, limits)
    finally:
        details.spent = bag.spent
        _count_dropped(bag, details, limits)


def _attributes_of(span: Any) -> dict[str, Any]:
    attributes: dict[str, Any] | None = span._attributes
    if attributes is None:
        attributes = span._attributes = {}
    return attributes


def first_attributes(
    attributes: object, more: Mapping[str, Any], limits: Limits
) -> tuple[dict[str, Any], Details]:
    """Clean the attributes that a span starts with."""
    bag = Bag({})
    details = Details()
    for source in (attributes, more):
        for key, value in items_of(source):
            if value is not None:
                bag.put(key, value, limits)
    details.spent = bag.spent
    _count_dropped(bag, details, limits)
    return bag.values, details


def _count_dropped(bag: Bag, details: Details, limits: Limits) -> None:
    if bag.dropped:
        details.dropped_attributes += bag.dropped
        _warn_limit(bag.values, details, limits)


def _warn_limit(attributes: dict[str, Any], details: Details, limits: Limits) -> None:
    if not details.warned:
        details.warned = True
        attributes[WARNING_TYPE] = "span_data_limit_exceeded"
        attributes[WARNING_MESSAGE] = (
            f"the span's data exceeded {limits.span_bytes} bytes; what followed was dropped"
        )


def _spend(span: Any, details: Details, size: int) -> bool:
    """Take bytes from the span's budget; False, with the warning, if they are not left."""
    attributes = _attributes_of(span)
    limits = span._state.tracer.limits
    spent = size_of(attributes) if details.spent is None else details.spent
    fits: bool = spent + size <= limits.span_bytes
    details.spent = spent + size if fits else spent
    if not fits:
        _warn_limit(attributes, details, limits)
    return fits


def keep_event(
    span: Any, name: str, moment: int, attributes: dict[str, Any], *, always: bool = False
) -> None:
    """Record an event for the exporters if the span has room for it (*always*: even if not)."""
    if not span._state.sampled:
        return
    details = details_of(span)
    if always or _spend(span, details, _EVENT_BYTES + len(name) + size_of(attributes)):
        details.events.append(SpanEvent(name, wall_ns(moment), MappingProxyType(attributes)))
    else:
        details.dropped_events += 1


def keep_link(span: Any, context: SpanContext, attributes: dict[str, Any]) -> None:
    """Record a link if the span has room for it."""
    details = details_of(span)
    if _spend(span, details, _EVENT_BYTES + size_of(attributes)):
        details.links.append(SpanLink(context, MappingProxyType(attributes)))
    else:
        details.dropped_links += 1
