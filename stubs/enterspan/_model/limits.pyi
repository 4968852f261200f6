# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The types of attribute values, and the limits on what is recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

AttributeValue: TypeAlias = (
    str
    | bool
    | int
    | float
    | Sequence[str]
    | Sequence[bool]
    | Sequence[int]
    | Sequence[float]
)
"""The type of attribute values; any other value is recorded as text."""

@dataclass(frozen=True)
class Limits:
    """Limits on what is recorded. What exceeds them is cut or counted; nothing raises.

    In bytes of UTF-8: `name_bytes`, the name of a span, event or attribute; `value_bytes`, one
    attribute value; `span_bytes`, all attributes, events and links of one span, after which further
    ones are left out; `event_bytes`, one log message or one stack; `tail_value_bytes`, one
    attribute value of a span for live tails, while exporters get the whole recorded value.

    `value_bytes_of` maps names of span attributes, such as prompts, to their own limits. Their
    values don't count towards `span_bytes`.

    In bytes of memory: `queue_bytes`, the queue of one tail, and what is held back for decisions
    about spans with a `min_duration`.

    Counts: `attributes` of one span, event or link, `events` and `links` of one span.

    Raises:
        TypeError: A limit is not an int, or `value_bytes_of` is not a mapping from names to ints.
        ValueError: A limit is below 1.

    >>> from enterspan import Limits, tracing
    >>> tracing.configure(limits=Limits(value_bytes_of={"gen_ai.input.messages": 1_000_000}))
    >>> tracing.configure(limits=None)
    """

    name_bytes: int = 256
    value_bytes: int = 16_384
    span_bytes: int = 65_536
    event_bytes: int = 262_144
    queue_bytes: int = 2_097_152
    attributes: int = 128
    events: int = 128
    links: int = 128
    tail_value_bytes: int = 16_384
    value_bytes_of: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        """Raise TypeError or ValueError for an invalid limit."""
