"""What something that waits takes of the process's memory, in bytes: the one measure of all queues.

Texts, numbers and tuples count as what Python takes for them (a text that is not ASCII takes up to
four bytes a character, whatever it takes as UTF-8). Everything else is an overhead for each kind of
thing, measured with tracemalloc: the measure is what is taken, within a factor of two. What several
things share, such as a key that is a literal, counts for each of them.
"""

from __future__ import annotations

from sys import getsizeof
from types import MappingProxyType

from enterspan._model.classes import dict_of, mro_of
from enterspan._model.limits import LONG_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

SPAN: Final = 420
"""A span that has ended, with its share of the state of its invocation."""
RECORD: Final = 560
"""A `SpanData`, with its context and its numbers."""
DETAILS: Final = 300
"""What a span has beside short attributes."""
EVENT: Final = 180
"""An event of a span, without its attributes."""
LINK: Final = 300
"""A link of a span, without its attributes and its trace state."""
STREAM_EVENT: Final = 340
"""An event in a tail's queue, with where it belongs and its place there."""
OPENING: Final = 460
"""A `SpanOpen` there, without its name."""
CLOSING: Final = 390
"""A `SpanClose` there."""
LOG: Final = 480
"""A `Log` or a `DiagnosticChannel` there, without its texts and attributes."""
INVOCATION: Final = 2_000
"""An `Onset` there, with the state of an invocation and its streams, without texts."""
HELD_CALL: Final = 260
"""A call that is held back for a decision about a span, without what it is about."""
BARE: Final = 20_480
"""A span with at most 32 attributes, short ones or few bytes in all, a few bare events, no link."""
_BARE_ATTRIBUTES: Final = 32
_BARE_BYTES: Final = 1_280
"""Of all attributes; in memory, a text takes up to four times its UTF-8."""
_BARE_DESCRIPTION: Final = 512
"""Characters."""
_BARE_EVENTS: Final = 4
_BARE_NAME: Final = 64
"""Characters of the name of an event without attributes."""

_PAIR: Final = 80
_FROZEN: Final = 56
_PROXY: Final = 56
_SMALL_DICT: Final = 232
_SMALL_DICT_ITEMS: Final = 5
_DICT_ITEM: Final = 60
_DEPTH: Final = 12
"""How deep the info of an invocation is looked into."""
_FLAT: Final = frozenset({str, int, float, bool, bytes, type(None)})


def weight_of_attributes(values: Mapping[str, Any]) -> int:
    """Weigh attributes: the mapping, its names and its values."""
    if not values:
        return 0
    held = list(values.values())  # at once: another thread may add to them
    count = len(held)
    total = _SMALL_DICT if count <= _SMALL_DICT_ITEMS else _DICT_ITEM * count
    total += sum(map(getsizeof, list(values))) + sum(map(getsizeof, held))
    for value in held:
        if type(value) is tuple:
            total += _weight_of_items(value)
    return total


def _weight_of_items(values: tuple[Any, ...]) -> int:
    """Weigh the items of a sequence, which are all of one type."""
    if values and type(values[0]) is bool:
        return 0  # there are two of them
    return sum(map(getsizeof, values))


def _dict(items: int) -> int:
    return _SMALL_DICT if items <= _SMALL_DICT_ITEMS else _DICT_ITEM * items


def weight_of_span(span: Any) -> int:
    """Weigh a span that has ended: all that it keeps until it is exported."""
    total = SPAN + getsizeof(span._name)
    if span._attributes:
        total += weight_of_attributes(span._attributes)
    details = span._details
    if details is not None:
        total += DETAILS + getsizeof(details.description)
        total += _parts(details.events, details.links)
    return total


def is_bare(span: Any) -> bool:
    """Whether a span that has ended weighs at most `BARE`, by what is known of it already."""
    if len(span._name) > LONG_NAME:
        return False
    details = span._details
    if details is None:
        return True
    if details.links or details.whole or len(details.description) > _BARE_DESCRIPTION:
        return False
    if details.events:
        events = list(details.events)
        if len(events) > _BARE_EVENTS:
            return False
        for event in events:
            if event.attributes or len(event.name) > _BARE_NAME:
                return False
    spent = details.spent
    if spent is None:  # nothing but easy attributes
        return True
    values = list((span._attributes or {}).values())  # at once: another thread may add to them
    if spent + details.apart > _BARE_BYTES or len(values) > _BARE_ATTRIBUTES:
        return False
    return tuple not in map(type, values)  # empty texts count for nothing, and take some bytes


def weight_of_record(record: Any) -> int:
    """Weigh a `SpanData`."""
    total = RECORD + getsizeof(record.name) + getsizeof(record.status_description)
    if record.attributes:
        total += weight_of_attributes(record.attributes)
    if record.context.trace_state:
        total += getsizeof(record.context.trace_state)
    return total + _parts(record.events, record.links)


def _parts(events: Any, links: Any) -> int:
    total = 0
    for event in events:
        total += EVENT + getsizeof(event.name) + weight_of_attributes(event.attributes)
    for link in links:
        total += LINK + getsizeof(link.context.trace_state) + weight_of_attributes(link.attributes)
    return total


def weight_of_opening(payload: Any) -> int:
    """Weigh a `SpanOpen` in a tail's queue."""
    return OPENING + getsizeof(payload.name)


def weight_of_closing(_payload: Any) -> int:
    """Weigh a `SpanClose` in a tail's queue."""
    return CLOSING


def weight_of_pairs(info: Any) -> int:
    """Weigh attributes as the stream has them."""
    total = 0
    for pair in info:
        value = pair.value
        total += _PAIR + getsizeof(pair.name) + getsizeof(value)
        if type(value) is tuple:
            total += _weight_of_items(value)
    return total


def weight_of_all_attributes(payload: Any) -> int:
    """Weigh an `Attributes` in a tail's queue."""
    return STREAM_EVENT + weight_of_pairs(payload.info)


def weight_of_log(payload: Any) -> int:
    """Weigh a `Log` in a tail's queue."""
    return LOG + getsizeof(payload.message) + weight_of_pairs(payload.attributes)


def weight_of_diagnostic(payload: Any) -> int:
    """Weigh a `DiagnosticChannel` in a tail's queue."""
    return LOG + getsizeof(payload.channel) + weight_of_attributes(payload.message)


def weight_of_onset(payload: Any) -> int:
    """Weigh an `Onset` in a tail's queue, with its invocation."""
    pairs = weight_of_pairs(payload.attributes)
    return INVOCATION + getsizeof(payload.name) + weight_of(payload.info) + pairs


def weight_of_event(payload: Any) -> int:
    """Weigh anything that happened in an invocation, as an event in a tail's queue."""
    return STREAM_EVENT + weight_of(payload)


def weight_of(value: Any, depth: int = 0) -> int:
    """Weigh any value of this package; of what users made, what it holds in builtin containers."""
    kind = type(value)
    if type(kind) is not type or depth > _DEPTH:  # no metaclass is asked
        return object.__sizeof__(value)
    if kind in _FLAT:
        return getsizeof(value)
    if kind is tuple or kind is list:
        return getsizeof(value) + sum([weight_of(item, depth + 1) for item in list(value)])
    if kind is dict or kind is MappingProxyType:
        pairs = list(value.items())
        parts = [weight_of(k, depth + 1) + weight_of(v, depth + 1) for k, v in pairs]
        return _PROXY + _dict(len(pairs)) + sum(parts)
    for base in mro_of(kind):
        if "_twin" in dict_of(base):  # it is one of the frozen values
            names = dict_of(base)["__match_args__"]
            return _FROZEN + sum([weight_of(getattr(value, n), depth + 1) for n in names])
    return object.__sizeof__(value)
