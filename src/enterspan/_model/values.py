"""What an attribute value may be, how any object becomes one, and the limits on all of it.

Nothing here raises because of what it was given, and nothing here keeps what it was given: a value
that is not immutable is copied or turned into text at once.
"""

from __future__ import annotations

from _collections_abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from enterspan._model.classes import name_of
from enterspan._model.excerpt import cut, cut_value
from enterspan._model.frozen import frozen, twin
from enterspan._model.interrupts import is_interrupt
from enterspan._model.secrets import DEFAULT_SECRETS, Secrets, without_userinfo
from enterspan._model.structure import (
    Writer,
    enum_value,
    fields_of,
    items_in,
    text_of,
    without_secret,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

AttributeValue: TypeAlias = (
    str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]
)
"""What an attribute holds; any other value is recorded as its `repr`."""

INT_MAX: Final = (1 << 63) - 1
"""OTLP's integers have 64 bits; a larger one is recorded as text."""
INT_MIN: Final = -(1 << 63)

EASY_KEY: Final = 64
"""An ASCII key up to this length needs no look at the limits."""
EASY_TEXT: Final = 256
"""An ASCII text up to this length needs no look at the limits."""
_INT_AND_FLOAT: Final = {id(int), id(float)}
_SEQUENCES: Final = {*_INT_AND_FLOAT, id(bool), id(str)}
"""The classes of which a sequence stays one, by their ids."""
EASY_ATTRIBUTES: Final = 32
"""So many easy attributes need no look at the limits, nor at what a span weighs: see `weights`."""
EASY_NAME: Final = 256
"""A name of a span up to this length needs no look at the limits while the span is open."""
_REPR_DEPTH: Final = 12
_NUMBER_BYTES: Final = 8
_PAIRS: Final = 10_000
"""How many pairs of a mapping are looked at: one that makes them up may have no end."""

_WHOLE: Final = 16_777_216
"""Bytes of a value that is kept for others, who have limits of their own or none."""

CUT: Final = "enterspan.cut"
"""The attribute that names the values that were cut."""
_TOLD: Final = 8
"""How many of them it names."""
WARNING_TYPE: Final = "enterspan.warning.type"
WARNING_MESSAGE: Final = "enterspan.warning.message"


@frozen
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
        """How long an ASCII text may be without a look at the limits."""
        return min(EASY_TEXT, self.lowest_value_bytes)

    @property
    def easy_key(self) -> int:  # internal
        """How long an ASCII key may be without a look at the limits."""
        return min(EASY_KEY, self.name_bytes)

    @property
    def easy_count(self) -> int:  # internal
        """How many easy attributes fit into a span for certain."""
        return min(EASY_ATTRIBUTES, self.attributes, self.span_bytes // self._easy_bytes)

    @property
    def most_easy_bytes(self) -> int:  # internal
        """How many bytes so many easy attributes count for at most."""
        return self.easy_count * self._easy_bytes

    @property
    def _easy_bytes(self) -> int:
        return self.easy_text + self.easy_key + _NUMBER_BYTES


def _check_limit(name: str, value: object, unit: str) -> None:
    if type(value) is not int:
        raise TypeError(f"Limits.{name} must be an int{unit and ' (bytes)'}, not {value!r}")
    if value < 1:
        raise ValueError(f"Limits.{name} must be at least 1{unit}, not {value}")


def _limits(**changed: int) -> Limits:
    made: Any = object.__new__(twin(Limits))  # by stores: `__init__` is compiled when first called
    for name, value in {**Limits._defaults, **changed}.items():  # type: ignore[attr-defined]
        setattr(made, name, value)
    made.__class__ = Limits
    return made  # type: ignore[no-any-return]


DEFAULT_LIMITS: Final = _limits()
WHOLE: Final = _limits(
    value_bytes=_WHOLE, span_bytes=1 << 40, attributes=1 << 20, tail_value_bytes=_WHOLE
)
"""The limits on what is kept for others."""


def clean_text(value: object, limit: int) -> str:
    """Turn anything that should be text into valid text of at most `limit` bytes."""
    if type(value) is str:
        return cut(value, limit)
    if issubclass(type(value), str):
        exact: Any = value
        return cut(str.__str__(exact), limit)
    return safe_repr(value, limit)


def safe_str(value: object, limit: int) -> str:
    """`str(value)`, cut; where that fails, a text that says so."""
    try:
        return clean_text(str(value), limit)
    except BaseException as error:
        return _not_shown(value, limit, error)


def safe_repr(value: object, limit: int) -> str:
    """`repr(value)`, cut; builtin containers are written only as far as the limit reaches."""
    parts: list[str] = []
    try:
        _write(value, parts, limit, 0)
    except BaseException as error:
        return _not_shown(value, limit, error)
    return cut("".join(parts), limit)


def _not_shown(value: object, limit: int, error: BaseException) -> str:
    """Return what is recorded of a value that raises; raise what merely arrived in the meantime."""
    if is_interrupt(error):
        raise error
    return cut(f"<{_type_name(value)} that can't be shown>", limit)


def _type_name(value: object) -> str:
    return name_of(type(value))


_BRACKETS: Final[dict[int, tuple[str, str]]] = {
    id(list): ("[", "]"),
    id(tuple): ("(", ")"),
    id(set): ("{", "}"),
    id(frozenset): ("frozenset({", "})"),
    id(dict): ("{", "}"),
}
"""By the id of a class: a metaclass may hash in a way of its own."""


def _write(value: Any, parts: list[str], budget: int, depth: int) -> int:
    """Append the repr of a value piece by piece; return what is left of the budget."""
    kind = type(value)
    brackets = _BRACKETS.get(id(kind))
    if brackets is None:
        text = _leaf(value, kind, budget)
        parts.append(text)
        return budget - len(text)
    if not value and (kind is set or kind is frozenset):
        parts.append(kind.__name__ + "()")
        return budget - len(parts[-1])
    if depth >= _REPR_DEPTH:
        parts.append("...")
        return budget - 3
    opening, closing = brackets
    if kind is tuple and len(value) == 1:
        closing = ",)"
    parts.append(opening)
    budget -= len(opening) + len(closing)
    first = True
    for item in list(value.items()) if kind is dict else value:
        if not first:
            parts.append(", ")
        first = False
        if kind is dict:
            budget = _write(item[0], parts, budget, depth + 1)
            parts.append(": ")
            budget = _write(item[1], parts, budget - 2, depth + 1)
        else:
            budget = _write(item, parts, budget, depth + 1)
        budget -= 2
        if budget <= 0:
            break
    parts.append(closing)
    return budget


def _leaf(value: Any, kind: type, budget: int) -> str:
    if kind is str or kind is bytes or kind is bytearray:
        return repr(value[: max(budget, 0)])
    if kind is int and not INT_MIN <= value <= INT_MAX:
        return _big_int(value)
    text = repr(value)
    return str.__str__(text)[: max(budget, 0)]


def _big_int(value: int) -> str:
    try:
        return repr(value)
    except ValueError:  # more digits than sys.get_int_max_str_digits() allows
        return f"<int of {value.bit_length()} bits>"


def clean_value(value: Any, limit: int, secrets: Secrets = DEFAULT_SECRETS) -> tuple[Any, int, str]:
    """Turn any object into an attribute value.

    Says also how many bytes it counts for, and, where it was cut, how long it had been.
    """
    kind = type(value)
    if issubclass(kind, str):
        whole = value if kind is str else str.__str__(value)
        text, is_cut = cut_value(whole, limit)
        return text, _size(text), f"{len(whole)} characters" if is_cut else ""
    if kind is bool or kind is float:
        return value, _NUMBER_BYTES, ""
    if issubclass(kind, int):
        plain = int.__int__(value)
        if INT_MIN <= plain <= INT_MAX:
            return plain, _NUMBER_BYTES, ""
        text = cut(_big_int(plain), limit)
        return text, len(text), ""
    if issubclass(kind, float):
        return float.__float__(value), _NUMBER_BYTES, ""
    if kind is tuple:
        value = without_secret(value, secrets)
        kind = type(value)
    if kind is list or kind is tuple or kind is range:  # not `in`: a class's `==` may be anything
        found = _clean_sequence(value, limit)
        if found is not None:
            return found
    inner = enum_value(value)
    if inner is not value:
        return clean_value(inner, limit, secrets)
    text, note = _shown(value, limit, secrets)
    return text, _size(text), note


def _shown(value: Any, limit: int, secrets: Secrets) -> tuple[str, str]:
    """The text for a value that is none of OpenTelemetry's: JSON where it has structure."""
    try:
        known = text_of(value)
        if known is not None:
            return cut(known, limit), ""
        writer = Writer(limit, secrets, safe_repr)
        if fields_of(value, 0) is None and items_in(value, 0) is None:
            return cut(writer.shown(value, limit), limit), ""
        text = writer.text(value)
    except BaseException as error:
        return _not_shown(value, limit, error), ""
    return cut(text, limit), f"over {limit} bytes" if writer.is_cut else ""


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _clean_sequence(values: Sequence[Any], limit: int) -> tuple[tuple[Any, ...], int, str] | None:
    """A tuple of strings, of bools, of ints or of floats; None where it is a mixture."""
    kinds = set(map(id, map(type, values[:limit])))  # no metaclass is asked
    if kinds == _INT_AND_FLOAT:
        try:
            values = [float(item) for item in values[:limit]]
        except OverflowError:
            return None
        kinds = {id(float)}
    if not kinds:
        return (), 0, ""
    if len(kinds) != 1 or not kinds <= _SEQUENCES:
        return None
    if kinds != {id(str)}:
        return _clean_numbers(values, kinds == {id(int)}, limit)
    cleaned: list[Any] = []
    left = limit
    is_cut = False
    for item in values:
        if len(item) <= left and item.isascii() and "://" not in item:  # the usual case
            cleaned.append(item)
            left -= len(item) or 1
            continue
        value, size, note = clean_value(without_userinfo(item), limit)
        is_cut = is_cut or bool(note) or size > left
        if size > left:
            if left:
                cleaned.append(cut(value, left))
            break
        cleaned.append(value)
        left -= max(size, 1)
    note = f"{len(values)} items" if is_cut else ""
    return tuple(cleaned), limit - left, note


def _clean_numbers(
    values: Sequence[Any], are_ints: bool, limit: int
) -> tuple[tuple[Any, ...], int, str] | None:
    most = limit // _NUMBER_BYTES
    numbers = tuple(values[:most])
    if are_ints and numbers and not (INT_MIN <= min(numbers) <= max(numbers) <= INT_MAX):
        return None  # an integer that OTLP can't hold makes the whole a text
    note = ""
    if values[most : most + 1]:
        try:
            note = f"{len(values)} items"
        except OverflowError:  # a range of more
            note = f"over {most} items"
    return numbers, _NUMBER_BYTES * len(numbers), note


def items_of(attributes: object) -> Iterable[tuple[Any, Any]]:
    """The pairs of anything that was given as attributes; nothing where it is no mapping."""
    pairs: list[tuple[Any, Any]] = []
    try:
        if type(attributes) is dict:
            return list(attributes.items())
        if isinstance(attributes, Mapping):
            for key in attributes:
                pairs.append((key, attributes[key]))
                if len(pairs) >= _PAIRS:
                    break
    except BaseException as error:
        if is_interrupt(error):
            raise
    return pairs


def easy_size(
    values: Mapping[str, Any], key: Any, value: Any, limits: Limits, spent: int
) -> int | None:
    """What an attribute counts for that needs no cleaning and is within the limits.

    None where it takes a closer look, where names may have limits of their own, or where there is
    an attribute of that name.
    """
    kind = type(value)
    if type(key) is not str or key in values or len(values) >= limits.attributes:
        return None
    if limits.value_bytes_of is not None:
        return None
    if kind is str:
        size = len(value)
        if size > limits.value_bytes or not value.isascii():
            return None
    elif kind is bool or kind is float or (kind is int and INT_MIN <= value <= INT_MAX):
        size = _NUMBER_BYTES
    else:
        return None
    size += len(key)
    if len(key) > limits.name_bytes or not key.isascii() or spent + size > limits.span_bytes:
        return None
    return size


class Bag:
    """Attributes that are being cleaned, within a budget of bytes."""

    __slots__ = (
        "_cut",
        "_is_span",
        "_secrets",
        "apart",
        "dropped",
        "over",
        "spent",
        "values",
        "whole",
    )

    def __init__(
        self,
        values: dict[str, Any],
        spent: int = 0,
        secrets: Secrets = DEFAULT_SECRETS,
        *,
        is_span: bool = False,
        whole: dict[str, Any] | None = None,
    ) -> None:
        self.values = values
        self.spent = spent
        self.apart = 0  # bytes of those with limits of their own, which count for nothing else
        self.dropped = 0
        self.over = ""  # the limit that was reached first
        self.whole = whole
        """Where what was cut or dropped is kept for others, who have limits of their own."""
        self._cut: list[str] = []
        self._is_span = is_span  # some of its attributes have limits of their own
        self._secrets = secrets

    def put(self, key: object, value: Any, limits: Limits) -> None:
        """Add one attribute, cleaned; count it as dropped where the budget is spent."""
        if self.whole is None:
            easy = easy_size(self.values, key, value, limits, self.spent)
        else:
            easy = None
        if easy is not None:
            self.spent += easy
            self.values[key] = value  # type: ignore[index]
            return
        name = clean_text(key, limits.name_bytes)
        own = limits.value_bytes_of if self._is_span else None
        limit = None if own is None else own.get(name)
        cleaned, size, note = clean_value(value, limit or limits.value_bytes, self._secrets)
        if limit is None:
            size += _size(name)
        else:
            self.apart += size
            size = 0
        values = self.values
        is_known = name in values
        freed = size_of({name: values[name]}) if is_known and limit is None else 0
        is_one_more = not is_known and len(values) >= limits.attributes
        is_over = is_one_more or (size and self.spent - freed + size > limits.span_bytes)
        if self.whole is not None:
            if note or is_over:
                self.whole[name] = clean_value(value, WHOLE.value_bytes, self._secrets)[0]
            else:
                self.whole.pop(name, None)
        if is_over:
            self.dropped += 1
            self.over = self.over or (
                f"{limits.attributes} attributes" if is_one_more else f"{limits.span_bytes} bytes"
            )
            return
        if is_known and (self._cut or CUT in values):
            self._forget_cut(name)
        if note and len(self._cut) < _TOLD:
            self._cut.append(f"{name[:EASY_KEY]}: {note}")
        self.spent += size - freed
        values[name] = cleaned

    def put_all(self, pairs: Iterable[tuple[Any, Any]], limits: Limits) -> None:
        """Add attributes; None leaves one unset."""
        values = self.values
        most_name, most_text = limits.name_bytes, limits.value_bytes
        most, most_bytes = limits.attributes, limits.span_bytes
        if limits.value_bytes_of is not None or self.whole is not None:
            most = 0  # each takes a closer look
        for key, value in pairs:
            # Most are short texts: what `put` does with these, written out.
            if type(value) is str and type(key) is str and key not in values:
                name_size, size = len(key), len(value)
                spent = self.spent + name_size + size
                if (
                    spent <= most_bytes
                    and size <= most_text
                    and name_size <= most_name
                    and len(values) < most
                    and value.isascii()
                    and key.isascii()
                ):
                    self.spent = spent
                    values[key] = value
                    continue
            if value is not None:
                self.put(key, value, limits)

    def _forget_cut(self, name: str) -> None:
        """A value is replaced: that it was cut is not true any more."""
        self._cut = without_notes(self._cut, (name,))
        told = self.values.get(CUT)
        if type(told) is tuple and name != CUT:
            left = without_notes(told, (name,))
            if left:
                self.values[CUT] = tuple(left)
            else:
                self.values.pop(CUT, None)

    def tell(self) -> None:
        """Record which values were cut, and how long they had been; it costs no budget."""
        if self._cut:
            known = self.values.get(CUT, ())
            told = known if type(known) is tuple and all(type(one) is str for one in known) else ()
            self.values[CUT] = (*told, *self._cut)[:_TOLD]
            self._cut = []


def without_notes(told: Iterable[Any], names: Iterable[str]) -> list[Any]:
    """The notes of `enterspan.cut`, without those of some values."""
    labels = tuple([f"{name[:EASY_KEY]}: " for name in names])
    return [note for note in told if type(note) is not str or not note.startswith(labels)]


def for_tails(values: Mapping[str, Any], limit: int) -> Mapping[str, Any]:
    """Attributes of a span, cleaned and perhaps long, as live tails get them."""
    shown = dict(values)
    notes: list[str] = []
    told: tuple[str, ...] = shown.get(CUT, ()) if type(shown.get(CUT, ())) is tuple else ()
    for name, value in values.items():
        note = ""
        if type(value) is str:
            shown[name], is_cut = cut_value(value, limit)
            note = f"{len(value)} characters" if is_cut else ""
        elif type(value) is tuple and name != CUT:
            found = _clean_sequence(value, limit)
            if found is not None:
                shown[name], _, note = found
        label = f"{name[:EASY_KEY]}: "
        if note and not any(one.startswith(label) for one in told):
            notes.append(label + note)
    if notes:
        shown[CUT] = (*told, *notes)[:_TOLD]
    return shown


def size_of(values: Mapping[str, Any]) -> int:
    """How many bytes cleaned attributes count for."""
    total = 0
    for name, value in list(values.items()):  # another thread may add to them
        total += _size(name)
        if type(value) is str:
            total += _size(value)
        elif type(value) is tuple:
            is_text = value and type(value[0]) is str  # all of it is of one kind
            total += sum(map(_size, value)) if is_text else _NUMBER_BYTES * len(value)
        else:
            total += _NUMBER_BYTES
    return total


def clean_all(
    attributes: object,
    more: Mapping[str, Any],
    limits: Limits,
    secrets: Secrets = DEFAULT_SECRETS,
) -> dict[str, Any]:
    """Clean the attributes of something that is no span (an event, a link, a log)."""
    bag = Bag({}, secrets=secrets)
    for source in (attributes, more):
        bag.put_all(items_of(source), limits)
    bag.tell()
    return bag.values
