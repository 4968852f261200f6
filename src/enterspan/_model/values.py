"""Converts any object to an attribute value, within the limits.

Nothing here raises because of a value, and nothing keeps a reference to one: mutable values are
copied or converted to text at once.
"""

from __future__ import annotations

from _collections_abc import Iterable, Mapping, Sequence
from itertools import repeat
from operator import is_

from enterspan._model.classes import name_of
from enterspan._model.diagnostics import warn_misuse
from enterspan._model.excerpt import cut, cut_value
from enterspan._model.interrupts import is_interrupt
from enterspan._model.limits import (
    EASY_KEY,
    INT_MAX,
    INT_MIN,
    NUMBER_BYTES,
    WHOLE,
)
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
    from typing import Any, Final

    from enterspan._model.limits import Limits

_INT_AND_FLOAT: Final = {id(int), id(float)}
_SEQUENCES: Final = {*_INT_AND_FLOAT, id(bool), id(str)}
"""The ids of the classes whose values stay sequences."""
_STR: Final = repeat(str)
_REPR_DEPTH: Final = 12
_PAIRS: Final = 10_000
"""How many pairs of a mapping are read: one that generates them may be endless."""

CUT: Final = "enterspan.cut"
"""The attribute that lists the values that were cut."""
_TOLD: Final = 8
"""How many values it lists."""
WARNING_TYPE: Final = "enterspan.warning.type"
WARNING_MESSAGE: Final = "enterspan.warning.message"


def clean_text(value: object, limit: int) -> str:
    """Convert any object to valid text of at most `limit` bytes."""
    if type(value) is str:
        return cut(value, limit)
    if issubclass(type(value), str):
        exact: Any = value
        return cut(str.__str__(exact), limit)
    return safe_repr(value, limit)


def safe_str(value: object, limit: int) -> str:
    """`str(value)`, cut; if that raises, a text that says so."""
    try:
        return clean_text(str(value), limit)
    except BaseException as error:
        return _not_shown(value, limit, error)


def safe_repr(value: object, limit: int) -> str:
    """`repr(value)`, cut; builtin containers are only written up to the limit."""
    parts: list[str] = []
    try:
        _write(value, parts, limit, 0)
    except BaseException as error:
        return _not_shown(value, limit, error)
    return cut("".join(parts), limit)


def _not_shown(value: object, limit: int, error: BaseException) -> str:
    """Return the text for a value that raised; raise an exception that interrupts the program."""
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
    """Append the repr of a value piece by piece; return the remaining budget."""
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
    """Convert any object to an attribute value.

    Also returns the number of bytes that it counts for and, if it was cut, its original length.
    """
    kind = type(value)
    if issubclass(kind, str):
        whole = without_userinfo(value if kind is str else str.__str__(value), limit)
        text, is_cut = cut_value(whole, limit)
        return text, _size(text), f"{len(whole)} characters" if is_cut else ""
    if kind is bool or kind is float:
        return value, NUMBER_BYTES, ""
    if issubclass(kind, int):
        plain = int.__int__(value)
        if INT_MIN <= plain <= INT_MAX:
            return plain, NUMBER_BYTES, ""
        text = cut(_big_int(plain), limit)
        return text, len(text), ""
    if issubclass(kind, float):
        return float.__float__(value), NUMBER_BYTES, ""
    if kind is tuple:
        value = without_secret(value, secrets)
        kind = type(value)
    if kind is list or kind is tuple or kind is range:  # not `in`, which may call a class's `==`
        found = _clean_sequence(value, limit, secrets)
        if found is not None:
            return found
    inner = enum_value(value)
    if inner is not value:
        return clean_value(inner, limit, secrets)
    text, note = _shown(value, limit, secrets)
    return text, _size(text), note


def _shown(value: Any, limit: int, secrets: Secrets) -> tuple[str, str]:
    """The text for a value of a type that OpenTelemetry lacks: JSON if it has structure."""
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


def _clean_sequence(
    values: Sequence[Any], limit: int, secrets: Secrets
) -> tuple[tuple[Any, ...], int, str] | None:
    """A tuple of strings, of bools, of ints or of floats; None for a mixture."""
    kinds = set(map(id, map(type, values[:limit])))  # no code of a metaclass runs
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
        value, size, note = clean_value(secrets.shown(item, limit), limit)
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
    most = limit // NUMBER_BYTES
    numbers = tuple(values[:most])
    if are_ints and numbers and not (INT_MIN <= min(numbers) <= max(numbers) <= INT_MAX):
        return None  # with an integer that OTLP can't hold, all of it becomes text
    note = ""
    if values[most : most + 1]:
        try:
            note = f"{len(values)} items"
        except OverflowError:  # a range of more
            note = f"over {most} items"
    return numbers, NUMBER_BYTES * len(numbers), note


def items_of(attributes: object) -> Iterable[tuple[Any, Any]]:
    """The pairs of a mapping that was given as attributes; none for other values."""
    pairs: list[tuple[Any, Any]] = []
    try:
        if type(attributes) is dict:
            return list(attributes.items())
        if isinstance(attributes, Mapping):
            for key in attributes:
                pairs.append((key, attributes[key]))
                if len(pairs) >= _PAIRS:
                    break
        elif attributes is not None:
            warn_misuse("attributes", attributes, "a mapping", "none is recorded")
    except BaseException as error:
        if is_interrupt(error):
            raise
    return pairs


def easy_size(
    values: Mapping[str, Any], key: Any, value: Any, limits: Limits, spent: int
) -> int | None:
    """The size of an attribute that needs no cleaning and is within the limits.

    Returns None if it needs cleaning, if names have their own limits, or if the attribute exists
    already.
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
        if "@" in value and "://" in value:
            return None  # a URL may have a password
    elif kind is bool or kind is float or (kind is int and INT_MIN <= value <= INT_MAX):
        size = NUMBER_BYTES
    else:
        return None
    size += len(key)
    if len(key) > limits.name_bytes or not key.isascii() or spent + size > limits.span_bytes:
        return None
    return size


def easy_total(values: dict[Any, Any], limits: Limits) -> int | None:
    """The size of attributes that are all strings or integers and need no cleaning; else None.

    Much as `easy_size`, for all of them together, with few steps for each.
    """
    if len(values) > limits.attributes or limits.value_bytes_of is not None:
        return None
    texts = list(values.values())
    are_texts = list(map(is_, map(type, texts), _STR))  # by identity: `==` may be a program's own
    total = 0
    while False in are_texts:
        at = are_texts.index(False)
        del are_texts[at]
        number = texts.pop(at)
        if type(number) is not int or not INT_MIN <= number <= INT_MAX:
            return None
        total += NUMBER_BYTES
    if not all(map(is_, map(type, values), _STR)):
        return None
    # No text is longer than all of them together.
    if sum(map(len, values)) > limits.name_bytes or sum(map(len, texts)) > limits.value_bytes:
        return None
    names, whole = "".join(values), "".join(texts)
    if not names.isascii() or not whole.isascii():
        return None
    if "@" in whole and "://" in whole:
        return None  # a URL may have a password
    total += len(names) + len(whole)
    return None if total > limits.span_bytes else total


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
        self.apart = 0  # bytes of values with their own limits, which don't count for the span
        self.dropped = 0
        self.over = ""  # the limit that was reached first
        self.whole = whole
        """Keeps what was cut or dropped for another tracer, which has its own limits."""
        self._cut: list[str] = []
        self._is_span = is_span  # some of its attributes have limits of their own
        self._secrets = secrets

    def put(self, key: object, value: Any, limits: Limits) -> None:
        """Clean and add one attribute; count it as dropped if the budget is spent."""
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
        most_name, most_text, most_bytes = limits.name_bytes, limits.value_bytes, limits.span_bytes
        left = limits.attributes - len(values)
        if limits.value_bytes_of is not None or self.whole is not None:
            left = 0  # each one needs a check
        for key, value in pairs:
            if value is None:
                continue
            # Most are short texts: `put` for these, inlined.
            if left > 0 and type(value) is str and type(key) is str and key not in values:
                size = len(value)
                spent = self.spent + len(key) + size
                if (
                    spent <= most_bytes
                    and size <= most_text
                    and value.isascii()
                    and ("@" not in value or "://" not in value)
                    and len(key) <= most_name
                    and key.isascii()
                ):
                    self.spent = spent
                    values[key] = value
                    left -= 1
                    continue
            self.put(key, value, limits)
            left = min(left, limits.attributes - len(values))

    def _forget_cut(self, name: str) -> None:
        """Forget that a value was cut: it is replaced."""
        self._cut = without_notes(self._cut, (name,))
        told = self.values.get(CUT)
        if type(told) is tuple and name != CUT:
            left = without_notes(told, (name,))
            if left:
                self.values[CUT] = tuple(left)
            else:
                self.values.pop(CUT, None)

    def tell(self) -> None:
        """Record which values were cut, and their original lengths, outside the budget."""
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
    """The attributes of a span for live tails, whose values are cut further."""
    shown = dict(values)
    notes: list[str] = []
    told: tuple[str, ...] = shown.get(CUT, ()) if type(shown.get(CUT, ())) is tuple else ()
    for name, value in list(shown.items()):  # another thread may add values
        note = ""
        if type(value) is str:
            shown[name], is_cut = cut_value(value, limit)
            note = f"{len(value)} characters" if is_cut else ""
        elif type(value) is tuple and name != CUT:
            found = _clean_sequence(value, limit, DEFAULT_SECRETS)
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
    for name, value in list(values.items()):  # another thread may add values
        total += _size(name)
        if type(value) is str:
            total += _size(value)
        elif type(value) is tuple:
            is_text = value and type(value[0]) is str  # all items have one type
            total += sum(map(_size, value)) if is_text else NUMBER_BYTES * len(value)
        else:
            total += NUMBER_BYTES
    return total


def clean_all(
    attributes: object,
    more: Mapping[str, Any],
    limits: Limits,
    secrets: Secrets = DEFAULT_SECRETS,
) -> dict[str, Any]:
    """Clean the attributes of an event, a link or a log."""
    bag = Bag({}, secrets=secrets)
    for source in (attributes, more):
        bag.put_all(items_of(source), limits)
    bag.tell()
    return bag.values
