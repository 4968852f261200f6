"""The recorded data of a span other than name, ids and times: attributes, events, links, status.

Most spans only have a few short attributes. Everything else is in `Details`, which is allocated
when needed.
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
    easy_total,
    items_of,
    size_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Final, TypeAlias

    from enterspan._model.failures import ExceptionTypes
    from enterspan._model.ids import SpanContext
    from enterspan._model.secrets import Secrets

    Settings: TypeAlias = tuple[str, ExceptionTypes, int]
    """The kind, the expected exceptions and the minimum duration."""

_EVENT_BYTES: Final = 32
"""The bytes that an event or a link counts for, in addition to its texts."""


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
    """Whether the data is also recorded on another tracer's span, by a bridge."""

    def __init__(self) -> None:
        self.events: list[SpanEvent] = []
        self.links: list[SpanLink] = []
        self.status = "unset"
        self.status_is_final = False  # set by the program
        self.description = ""
        self.outcome = "ok"
        self.kind = "internal"
        self.expected: ExceptionTypes = ()
        self.dropped_attributes = 0
        self.dropped_events = 0
        self.dropped_links = 0
        self.parent_is_remote = False
        self.spent: int | None = None  # in bytes; None until they are counted
        self.warned = False
        self.exception_is_kept = False  # an event that exceeded the limits
        self.min_duration = 0  # nanoseconds
        self.apart = 0
        """Bytes of attributes with their own limits, which don't count towards the span's."""
        self.whole: dict[str, Any] | None = None
        """With a bridge, uncut values: the other tracer has its own limits."""

    @property
    def settings(self) -> Settings:
        """The settings that the span was opened with."""
        return self.kind, self.expected, self.min_duration


def details_with(settings: Settings) -> Details:
    """Make the details of another span with the same settings."""
    details = Details()
    details.kind, details.expected, details.min_duration = settings
    return details


_proposed: Final[dict[tuple[Any, str], Any]] = {}
"""Values that threads are allocating, by object and attribute."""


def allocated(owner: Any, name: str, make: Callable[[], Any]) -> Any:
    """Return an attribute of an object, allocating it if it is None.

    All threads get the same value: each one sets it before withdrawing its proposal, so that later
    threads find it set.
    """
    value = getattr(owner, name)
    if value is None:
        key = owner, name
        try:
            proposed = _proposed.setdefault(key, make())
            value = getattr(owner, name)
            if value is None:
                setattr(owner, name, proposed)
                value = proposed
        finally:
            _proposed.pop(key, None)
    return value


def details_of(span: Any) -> Details:
    """Return the details of a span, allocating them if it has none."""
    details: Details | None = span._details
    return allocated(span, "_details", Details) if details is None else details


def attributes_of(span: Any) -> dict[str, Any]:
    """Return the attributes of a span, allocating them if it has none."""
    attributes: dict[str, Any] | None = span._attributes
    return allocated(span, "_attributes", dict) if attributes is None else attributes


def put_easy(span: Any, attributes: dict[str, Any], key: Any, value: Any) -> bool:
    """Record an attribute that needs no cleaning on a span with details: the usual case."""
    details: Details | None = span._details
    tracer = span._state.tracer
    if details is None or details.spent is None or tracer.is_suppressed:
        return False
    if tracer.bridge is not None:  # an uncut value may be stored for it
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
    """Clean and record attributes, within the limits.

    *secrets* are the tracer's, unless a function has added names.
    """
    tracer = span._state.tracer
    if not tracer.is_suppressed:  # else the `__repr__` of a value could record spans
        tracer.suppressed(_put, span, pairs, tracer, secrets)


def _put(span: Any, pairs: Iterable[tuple[Any, Any]], tracer: Any, secrets: Secrets | None) -> None:
    attributes = attributes_of(span)
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
        if bag.dropped:
            with tracer.lock():  # other threads may count at the same time
                _count_dropped(bag, details)


def _spent_by(span: Any, details: Details) -> int:
    """The bytes a span has used of its budget; easy attributes are counted on first use."""
    if details.spent is not None:
        return details.spent
    attributes = attributes_of(span)
    own = span._state.tracer.limits.value_bytes_of
    if own is None:
        return size_of(attributes)
    return size_of({name: value for name, value in list(attributes.items()) if name not in own})


def first_attributes(
    attributes: object, more: Mapping[str, Any], tracer: Any
) -> tuple[dict[str, Any], Details]:
    """Clean the attributes that a span starts with, and those that were given as keywords."""
    given = more if attributes is None else attributes
    if type(given) is dict and (given is more or not more):
        values = dict(given)
        size = easy_total(values, tracer.limits)
        if size is not None:
            details = Details()
            details.spent = size
            return values, details
    return tracer.suppressed(_cleaned, attributes, more, tracer)  # type: ignore[no-any-return]


def _cleaned(
    attributes: object, more: Mapping[str, Any], tracer: Any
) -> tuple[dict[str, Any], Details]:
    whole: dict[str, Any] | None = None if tracer.bridge is None else {}
    bag = Bag({}, secrets=tracer.secrets, is_span=True, whole=whole)
    details = Details()
    bag.put_all(items_of(attributes), tracer.limits)
    if more:
        bag.put_all(more.items(), tracer.limits)
    details.spent = bag.spent
    details.apart = bag.apart
    details.whole = whole or None
    bag.tell()
    if bag.dropped:
        _count_dropped(bag, details)
    return bag.values, details


def constant_attributes(attributes: Mapping[str, Any], tracer: Any) -> dict[str, Any] | None:
    """Clean initial attributes that many spans share, so that these need no details.

    Returns None if some are cut, dropped or have their own limits, or leave no room for easy ones.
    """
    values, details = first_attributes(attributes, {}, tracer)
    if details.dropped_attributes or details.apart or CUT in values or details.spent is None:
        return None
    limits = tracer.limits
    return values if details.spent + limits.most_easy_bytes <= limits.span_bytes else None


def _count_dropped(bag: Bag, details: Details) -> None:
    details.dropped_attributes += bag.dropped
    _warn_limit(bag.values, details, bag.over)


def _warn_limit(attributes: dict[str, Any], details: Details, limit: str) -> None:
    if not details.warned:
        details.warned = True
        attributes[WARNING_TYPE] = "span_data_limit_exceeded"
        attributes[WARNING_MESSAGE] = f"the span's data exceeded {limit}; what followed was dropped"


def _over(span: Any, details: Details, size: int, count: int, most: int, what: str) -> str:
    """Take bytes from the span's budget; if it is exhausted, return the name of the limit."""
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
    """Record an event for the exporters, within the limits of the span.

    One exception is kept outside the budget: the first event with *always* that exceeds it.
    """
    state = span._state
    if not state.sampled:
        return
    details = details_of(span)
    size = _EVENT_BYTES + len(name) + size_of(attributes)
    over = _over(span, details, size, len(details.events), state.tracer.limits.events, "events")
    if over:
        if not always or details.exception_is_kept:
            with state.tracer.lock():
                details.dropped_events += 1
            _warn_limit(attributes_of(span), details, over)
            return
        details.exception_is_kept = True
    details.events.append(SpanEvent(name, state.anchor + moment, MappingProxyType(attributes)))


def keep_link(span: Any, context: SpanContext, attributes: dict[str, Any]) -> None:
    """Record a link, within the limits of the span."""
    details = details_of(span)
    size = _EVENT_BYTES + len(context.trace_state) + size_of(attributes)
    most = span._state.tracer.limits.links
    over = _over(span, details, size, len(details.links), most, "links")
    if over:
        with span._state.tracer.lock():
            details.dropped_links += 1
        _warn_limit(attributes_of(span), details, over)
    else:
        details.links.append(SpanLink(context, MappingProxyType(attributes)))
