# Made by `enterspan stubs` from the annotated source: don't edit it.
"""What an attribute value may be, how any object becomes one, and the limits on all of it.

Nothing here raises because of what it was given, and nothing here keeps what it was given: a value
that is not immutable is copied or turned into text at once.
"""

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
"""What an attribute holds; any other value is recorded as its `repr`."""

@dataclass(frozen=True)
class Limits:
    """How much is recorded. What goes over is cut or counted, never raised.

    In bytes of UTF-8: `name_bytes`, a span's, an event's or an attribute's name; `value_bytes`, one
    attribute value; `span_bytes`, all attributes, events and links of one span, of which what
    follows is left out; `event_bytes`, one log message or one stack; `tail_value_bytes`, one
    attribute value of a span as live tails get it, while exporters get all that is recorded.

    `value_bytes_of` has other limits for attributes of spans with certain names, such as prompts.
    What these take does not count for `span_bytes`.

    In bytes of memory: `queue_bytes`, what may wait for one tail, or for decisions about spans with
    a `min_duration`.

    In number: `attributes` of one span, event or link, `events` and `links` of one span.

    Raises:
        TypeError: A limit is no int, or `value_bytes_of` no mapping from names to ints.
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
        """Refuse limits that leave nothing."""
