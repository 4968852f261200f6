"""What a span records beside its name, ids and times: attributes, events, links, a status.

Most spans have no more than a few short attributes. Everything else is in `Details`, which is
allocated when it is first needed.
"""

from __future__ import annotations

from types import MappingProxyType

from enterspan._model.records import SpanEvent, SpanLink
from enterspan._model.values import (
    CUT,
    WARNING_MESSAGE,
    WARNING_TYPE,
    Bag,
    easy_size,
    items_of,
    size_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final, TypeAlias

    from enterspan._model.failures import ExceptionTypes
    from enterspan._model.ids import SpanContext
    from enterspan._model.secrets import Secrets

    Settings: TypeAlias = tuple[str, ExceptionTypes, int]
    """The kind, the expected exceptions and the shortest duration."""

_EVENT_BYTES: Final = 32
"""What an event or a link counts for, beside its texts."""


class Details:
    """Lazily allocated fields that few spans use."""

    __slots__ = (
        "apart",
        "description",
        "dropped_attributes",
        "dropped_events",
        "dropped_links",
        "events",
        "exception_is_kept",
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
        "whole",
    )

    has_twin = True
    """Whether another tracer's span, while there is a bridge, gets what is recorded of it."""

    def __init__(self) -> None:
        self.events: list[SpanEvent] = []
        self.links: list[SpanLink] = []
        self.status = "unset"
        self.status_is_final = False  # the program has set it
        self.description = ""
        self.outcome = "ok"
        self.kind = "internal"
        self.expected: ExceptionTypes = ()
        self.dropped_attributes = 0
        self.dropped_events = 0
        self.dropped_links = 0
        self.parent_is_remote = False
        self.spent: int | None = None  # bytes; None until they are counted
        self.warned = False
        self.exception_is_kept = False  # one that there was no room for
        self.min_duration = 0  # nanoseconds
        self.apart = 0
        """Bytes of attributes with limits of their own, which count for nothing else."""
        self.whole: dict[str, Any] | None = None
        """With a bridge, values that were cut or dropped: the other tracer has its own limits."""

    @property
    def settings(self) -> Settings:
        """What was asked for when the span was opened."""
        return self.kind, self.expected, self.min_duration


def details_with(settings: Settings) -> Details:
    """Make the details of another span that is opened in the same way."""
    details = Details()
    details.kind, details.expected, details.min_duration = settings
    return details


_proposed: Final[dict[Any, Details]] = {}
"""The details of spans that several threads may be allocating."""


def details_of(span: Any) -> Details:
    """Return the details of a span, allocated if it has none yet.

    Several threads get the same: each sets them before it takes its proposal back, so that a thread
    that proposes later finds them set.
    """
    details: Details | None = span._details
    if details is None:
        try:
            proposed = _proposed.setdefault(span, Details())
            details = span._details
            if details is None:
                details = span._details = proposed
        finally:
            _proposed.pop(span, None)
    return details


def put_easy(span: Any, attributes: dict[str, Any], key: Any, value: Any) -> bool:
    """Record an attribute that needs no cleaning, on a span that has details: the usual case."""
    details: Details | None = span._details
    tracer = span._state.tracer
    if details is None or details.spent is None or tracer.is_suppressed:
        return False
    if tracer.bridge is not None:  # what is whole may be kept for it
        return False
    size = easy_size(attributes, key, value, tracer.limits, details.spent)
    if size is None:
        return False
    details.spent += size
    attributes[key] = value
    return True


def put_attributes(
    span: Any, pairs: Iterable[tuple[Any, Any]], secrets: Secrets | None = None
) -> None:
    """Record attributes, cleaned and within the limits.

    *secrets* are the tracer's own, unless a function names others beside them.
    """
    tracer = span._state.tracer
    if not tracer.is_suppressed:  # else the `__repr__` of a value would record values
        tracer.suppressed(_put, span, pairs, tracer, secrets)


def _put(span: Any, pairs: Iterable[tuple[Any, Any]], tracer: Any, secrets: Secrets | None) -> None:
    attributes = _attributes_of(span)
    details = details_of(span)
    spent = details.spent
    if spent is None:
        spent = _spent_by(span, details)
    whole = None
    if tracer.bridge is not None and details.has_twin:
        whole = {} if details.whole is None else details.whole
    bag = Bag(attributes, spent, secrets or tracer.secrets, is_span=True, whole=whole)
    limits = tracer.limits
    try:
        bag.put_all(pairs, limits)
    finally:
        details.spent = bag.spent
        if bag.apart:
            details.apart += bag.apart
        details.whole = whole or None
        bag.tell()
        _count_dropped(bag, details)


def _spent_by(span: Any, details: Details) -> int:
    """What a span has spent of its budget; easy attributes are counted when it is first asked."""
    if details.spent is not None:
        return details.spent
    attributes = _attributes_of(span)
    own = span._state.tracer.limits.value_bytes_of
    if own is None:
        return size_of(attributes)
    return size_of({name: attributes[name] for name in list(attributes) if name not in own})


def _attributes_of(span: Any) -> dict[str, Any]:
    attributes: dict[str, Any] | None = span._attributes
    if attributes is None:
        attributes = span._attributes = {}
    return attributes


def first_attributes(
    attributes: object, more: Mapping[str, Any], tracer: Any
) -> tuple[dict[str, Any], Details]:
    """Clean the attributes that a span starts with."""
    whole: dict[str, Any] | None = None if tracer.bridge is None else {}
    bag = Bag({}, secrets=tracer.secrets, is_span=True, whole=whole)
    details = Details()
    for source in (attributes, more):
        bag.put_all(items_of(source), tracer.limits)
    details.spent = bag.spent
    details.apart = bag.apart
    details.whole = whole or None
    bag.tell()
    _count_dropped(bag, details)
    return bag.values, details


def constant_attributes(attributes: Mapping[str, Any], tracer: Any) -> dict[str, Any] | None:
    """Clean attributes that many spans start with, which then have no details.

    None if some are cut, dropped or have limits of their own, or leave no room for easy ones.
    """
    values, details = first_attributes(attributes, {}, tracer)
    if details.dropped_attributes or details.apart or CUT in values or details.spent is None:
        return None
    limits = tracer.limits
    return values if details.spent + limits.most_easy_bytes <= limits.span_bytes else None


def _count_dropped(bag: Bag, details: Details) -> None:
    if bag.dropped:
        details.dropped_attributes += bag.dropped
        _warn_limit(bag.values, details, bag.over)


def _warn_limit(attributes: dict[str, Any], details: Details, limit: str) -> None:
    if not details.warned:
        details.warned = True
        attributes[WARNING_TYPE] = "span_data_limit_exceeded"
        attributes[WARNING_MESSAGE] = f"the span's data exceeded {limit}; what followed was dropped"


def _over(span: Any, details: Details, size: int, count: int, most: int, what: str) -> str:
    """Take bytes from the span's budget; where they are not left, name the limit instead."""
    limits = span._state.tracer.limits
    details.spent = spent = _spent_by(span, details)
    if count >= most:
        return f"{most} {what}"
    if spent + size > limits.span_bytes:
        return f"{limits.span_bytes} bytes"
    details.spent = spent + size
    return ""


def keep_event(
    span: Any, name: str, moment: int, attributes: dict[str, Any], *, always: bool = False
) -> None:
    """Record an event for the exporters if the span has room for it.

    There is one place outside of the span's budget, for an exception that has to be kept: the first
    event for which *always* is asked and no room is left.
    """
    state = span._state
    if not state.sampled:
        return
    details = details_of(span)
    size = _EVENT_BYTES + len(name) + size_of(attributes)
    over = _over(span, details, size, len(details.events), state.tracer.limits.events, "events")
    if over:
        if not always or details.exception_is_kept:
            details.dropped_events += 1
            _warn_limit(_attributes_of(span), details, over)
            return
        details.exception_is_kept = True
    details.events.append(SpanEvent(name, state.anchor + moment, MappingProxyType(attributes)))


def keep_link(span: Any, context: SpanContext, attributes: dict[str, Any]) -> None:
    """Record a link if the span has room for it."""
    details = details_of(span)
    size = _EVENT_BYTES + len(context.trace_state) + size_of(attributes)
    most = span._state.tracer.limits.links
    over = _over(span, details, size, len(details.links), most, "links")
    if over:
        details.dropped_links += 1
        _warn_limit(_attributes_of(span), details, over)
    else:
        details.links.append(SpanLink(context, MappingProxyType(attributes)))
