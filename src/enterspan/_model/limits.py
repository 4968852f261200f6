"""The types of attribute values, and the limits on what is recorded."""

from __future__ import annotations

from _collections_abc import Mapping, Sequence
from types import MappingProxyType

from enterspan._model.frozen import frozen, twin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

AttributeValue: TypeAlias = (
    str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]
)
"""The type of attribute values; any other value is recorded as text."""

INT_MAX: Final = (1 << 63) - 1
"""OTLP's integers have 64 bits; larger ones are recorded as text."""
INT_MIN: Final = -(1 << 63)

EASY_KEY: Final = 64
"""An ASCII key up to this length is within all limits."""
EASY_TEXT: Final = 256
"""An ASCII text up to this length is within all limits."""
EASY_ATTRIBUTES: Final = 32
"""This many easy attributes are within all limits, and need no weighing: see `weights`."""
EASY_NAME: Final = 256
"""A span name up to this length is not checked against the limits while the span is open."""
LONG_NAME: Final = 1_024
"""A span whose name is longer than so many characters is never taken for a small one."""
NUMBER_BYTES: Final = 8

_WHOLE: Final = 16_777_216
"""Bytes of a value that is kept for another tracer, which has its own limits or none."""


@frozen
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
        for name in type(self).__match_args__:
            if name != "value_bytes_of":
                _check_limit(name, getattr(self, name), " byte" if name.endswith("_bytes") else "")
        given = self.value_bytes_of
        if given is not None:
            if not isinstance(given, Mapping):
                raise TypeError(
                    "Limits.value_bytes_of must be a mapping from names of attributes to bytes, not"
                    f" {given!r}"
                )
            for key, value in given.items():
                if not isinstance(key, str):
                    raise TypeError(f"Limits.value_bytes_of has a key that is no name: {key!r}")
                _check_limit(f"value_bytes_of[{key!r}]", value, " byte")
            twin(Limits).value_bytes_of.__set__(self, MappingProxyType(dict(given)))

    @property
    def lowest_value_bytes(self) -> int:  # internal
        """The lowest limit on a value of any name, for exporters or tails."""
        return min((self.value_bytes, self.tail_value_bytes, *(self.value_bytes_of or {}).values()))

    @property
    def highest_value_bytes(self) -> int:  # internal
        """The highest limit on a value of any name."""
        return max((self.value_bytes, *(self.value_bytes_of or {}).values()))

    @property
    def easy_text(self) -> int:  # internal
        """The length up to which an ASCII text is within all limits."""
        return min(EASY_TEXT, self.lowest_value_bytes)

    @property
    def easy_key(self) -> int:  # internal
        """The length up to which an ASCII key is within all limits."""
        return min(EASY_KEY, self.name_bytes)

    @property
    def easy_count(self) -> int:  # internal
        """How many easy attributes certainly fit into a span."""
        return min(EASY_ATTRIBUTES, self.attributes, self.span_bytes // self._easy_bytes)

    @property
    def most_easy_bytes(self) -> int:  # internal
        """The most bytes that `easy_count` easy attributes count for."""
        return self.easy_count * self._easy_bytes

    @property
    def _easy_bytes(self) -> int:
        return self.easy_text + self.easy_key + NUMBER_BYTES


def _check_limit(name: str, value: object, unit: str) -> None:
    if type(value) is not int:
        raise TypeError(f"Limits.{name} must be an int{unit and ' (bytes)'}, not {value!r}")
    if value < 1:
        raise ValueError(f"Limits.{name} must be at least 1{unit}, not {value}")


def _limits(**changed: int) -> Limits:
    made: Any = object.__new__(twin(Limits))  # by stores: `__init__` is compiled on its first call
    for name, value in {**Limits._defaults, **changed}.items():  # type: ignore[attr-defined]
        setattr(made, name, value)
    made.__class__ = Limits
    return made  # type: ignore[no-any-return]


DEFAULT_LIMITS: Final = _limits()
WHOLE: Final = _limits(
    value_bytes=_WHOLE, span_bytes=1 << 40, attributes=1 << 20, tail_value_bytes=_WHOLE
)
"""The limits on values that are kept for another tracer."""
