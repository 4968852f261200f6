"""Structured values as JSON text: containers, dataclasses and the like, as far as a limit reaches.

What is written is JSON, also where the limit has cut it: a text inside ends earlier, or a container
has fewer items. The values of names that are secrets are left out on the way. No method of a value
is called that its class may have overridden for another purpose, apart from the `repr` of what has
no structure.
"""

from __future__ import annotations

from itertools import islice

from enterspan._model.classes import dict_of, full_name_of, mro_of
from enterspan._model.secrets import REDACTED, without_userinfo

try:
    from _json import encode_basestring
except ImportError:  # this Python has no such module in C
    from json.encoder import py_encode_basestring as encode_basestring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Final, TypeAlias

    from enterspan._model.secrets import Secrets

    Show: TypeAlias = Callable[[Any, int], str]
    """Writes the `repr` of a value, as far as a limit reaches."""

    Fields: TypeAlias = Iterable[tuple[Any, Any]]

_DEPTH: Final = 32
_SLACK: Final = 32
"""Bytes that are kept free for what is not cut: numbers, and the ends of containers."""
_LEAST: Final = 8
"""An item is only begun if so many bytes are left."""
_INT_BITS: Final = 63

_PAIR: Final = 2
_DEEPER: Final = '"..."'
"""What stands for a level that is too deep, and for a container inside of itself."""

_TEXTS: Final[dict[tuple[object, str], Callable[[Any], str]]] = {
    ("datetime", "datetime"): lambda value: value.isoformat(),
    ("datetime", "date"): lambda value: value.isoformat(),
    ("datetime", "time"): lambda value: value.isoformat(),
    ("datetime", "timedelta"): str,
    ("decimal", "Decimal"): str,
    ("fractions", "Fraction"): str,
    ("uuid", "UUID"): str,
    ("pathlib", "PurePath"): str,
    ("pathlib._local", "PurePath"): str,
    ("ipaddress", "_IPAddressBase"): str,
}
"""Classes, with those derived from them, whose values are known by a text."""

_PLAIN: Final = frozenset({"builtins", "collections", "array"})
"""Modules of classes whose `repr` shows nothing but what they are made of."""


def text_of(value: Any) -> str | None:
    """The text by which a value of one of a few standard classes is known; None for others."""
    for kind in mro_of(type(value)):
        write = _TEXTS.get(full_name_of(kind))
        if write is not None:
            return write(value)
    return None


def enum_value(value: Any) -> Any:
    """The value of a member of an enum; the value itself if it is none."""
    kind = type(value)
    if ("enum", "Enum") in map(full_name_of, mro_of(kind)):
        return object.__getattribute__(value, "__dict__").get("_value_", value)
    return value


def fields_of(value: Any, most: int) -> Fields | None:
    """The first fields of a value that has some: names and values; None where it has none."""
    kinds = mro_of(type(value))
    if dict in kinds:
        return list(islice(dict.items(value), most))
    for kind in kinds:
        own = dict_of(kind)
        if "__dataclass_fields__" in own:
            names = [
                name for name, field in own["__dataclass_fields__"].items() if _is_field(field)
            ]
            return _read(value, names)
        if "__attrs_attrs__" in own:
            return _read(value, [field.name for field in own["__attrs_attrs__"] if field.repr])
        if full_name_of(kind) == ("pydantic.main", "BaseModel"):
            return _pydantic_fields(value)
        if "_fields" in own and tuple in kinds:
            return list(zip(own["_fields"], tuple.__iter__(value), strict=False))
    return None


def items_in(value: Any, most: int) -> Iterable[Any] | None:
    """The first items of a sequence or a set; None for anything else."""
    for kind in mro_of(type(value)):
        if kind in _ITERATE:
            return list(islice(_ITERATE[kind](value), most))
    return None


_ITERATE: Final[dict[type, Callable[[Any], Iterable[Any]]]] = {
    list: list.__iter__,
    tuple: tuple.__iter__,
    set: set.__iter__,
    frozenset: frozenset.__iter__,
    range: range.__iter__,
}


def _is_field(field: Any) -> bool:
    return field.repr and field._field_type.name == "_FIELD"  # type: ignore[no-any-return]


def _read(value: Any, names: Iterable[str]) -> Fields:
    found = []
    for name in names:
        try:
            found.append((name, object.__getattribute__(value, name)))
        except AttributeError:
            continue  # it was deleted, or never set
    return found


def _pydantic_fields(value: Any) -> Fields:
    declared: dict[str, Any] = {}
    for kind in mro_of(type(value)):
        declared = declared or dict_of(kind).get("__pydantic_fields__") or {}
    values = object.__getattribute__(value, "__dict__")
    return [(name, item) for name, item in values.items() if _is_shown(declared.get(name))]


def _is_shown(field: Any) -> bool:
    return getattr(field, "repr", True) is not False


class Writer:
    """Writes one value as JSON."""

    __slots__ = ("_inside", "_left", "_parts", "_secrets", "_show", "is_cut")

    def __init__(self, limit: int, secrets: Secrets, show: Show) -> None:
        """Write up to *limit* bytes."""
        self._left = limit - _SLACK
        self._secrets = secrets
        self._show = show
        self._parts: list[str] = []
        self._inside: set[int] = set()
        self.is_cut = False

    def text(self, value: Any) -> str:
        """Return the JSON text."""
        self._write(value)
        return "".join(self._parts)

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._left -= len(text) if text.isascii() else len(text.encode())

    def _write(self, value: Any) -> None:
        kind = type(value)
        if kind is str:
            self._put_text(value)
        elif value is None:
            self._put("null")
        elif kind is bool:
            self._put("true" if value else "false")
        elif issubclass(kind, (int, float)):
            self._put_number(value, kind)
        elif issubclass(kind, str):
            self._put_text(str.__str__(value))
        else:
            self._write_structure(value)

    def _put_number(self, value: Any, kind: type) -> None:
        if issubclass(kind, int):
            plain = int.__int__(value)
            is_short = plain.bit_length() <= _INT_BITS
            self._put(repr(plain)) if is_short else self._put_text(self._show(plain, self._left))
            return
        number = float.__float__(value)
        if number - number == 0:
            self._put(repr(number))
        else:  # JSON has no infinities
            self._put_text(repr(number))

    def _put_text(self, text: str) -> None:
        """Write a text, or as much of its beginning as there is room for."""
        text = without_userinfo(text) if "://" in text else text
        room = max(self._left, 0)
        shown = text[:room]
        while True:
            encoded = encode_basestring(shown)
            size = len(encoded) if encoded.isascii() else len(_valid(encoded).encode())
            if size <= room + 2:
                break
            shown = shown[: min(len(shown) - 1, len(shown) * room // size)]
        self.is_cut = self.is_cut or len(shown) < len(text)
        self._put(_valid(encoded))

    def _write_structure(self, value: Any) -> None:
        most = max(self._left, 0) // 2 + 1  # an item takes two bytes at the least
        fields = fields_of(value, most)
        items = items_in(value, most) if fields is None else None
        if fields is None and items is None:
            self._write_leaf(value)
            return
        if id(value) in self._inside or len(self._inside) >= _DEPTH:
            self._put(_DEEPER)
            return
        self._inside.add(id(value))
        try:
            if fields is not None:
                self._write_object(fields)
            elif items is not None:
                self._write_array(items)
        finally:
            self._inside.discard(id(value))

    def _write_object(self, fields: Fields) -> None:
        self._put("{")
        comma = ""
        for name, item in fields:
            key = encode_basestring(self._key(name)[: self._left]) if self._left > 0 else ""
            if len(key) + _LEAST > self._left:
                self.is_cut = True
                break
            self._put(f"{comma}{_valid(key)}: ")
            comma = ", "
            self._write(REDACTED if self._secrets.hides(name) else item)
        self._parts.append("}")

    def _key(self, name: Any) -> str:
        if type(name) is str:
            return name
        if name is None or type(name) is bool:
            return {None: "null", True: "true", False: "false"}[name]
        shown = enum_value(name)
        return shown if type(shown) is str else self._show(shown, max(self._left, 1))

    def _write_array(self, items: Iterable[Any]) -> None:
        self._put("[")
        comma = ""
        for item in items:
            if self._left < _LEAST:
                self.is_cut = True
                break
            self._put(comma)
            comma = ", "
            self._write(self._without_secret(item))
        self._parts.append("]")

    def _without_secret(self, item: Any) -> Any:
        """A name and its value, as many frameworks have headers, without the value of a secret."""
        if type(item) in (tuple, list) and len(item) == _PAIR and self._secrets.hides(item[0]):
            return [item[0], REDACTED]
        return item

    def _write_leaf(self, value: Any) -> None:
        inner = enum_value(value)
        if inner is not value:
            self._write(inner)
            return
        text = text_of(value)
        if text is None:
            text = self.shown(value, max(self._left, 1))
        self._put_text(text)

    def shown(self, value: Any, limit: int) -> str:
        """What is recorded of a value without structure: its `repr`, or the class alone.

        It is the class where a `repr` of its own may show a secret that the program has named.
        """
        kind = type(value)
        module, name = full_name_of(kind)
        if self._secrets.is_extended and module not in _PLAIN and _has_repr(kind):
            return f"<{module}.{name}>"
        return self._show(value, limit)


def _has_repr(kind: type) -> bool:
    """Whether a class has a `repr` of its own, in the sense that it says more than its name."""
    for each in mro_of(kind):
        if "__repr__" in dict_of(each):
            return each is not object
    return False


def _valid(text: str) -> str:
    """The same without lone surrogates, which UTF-8 can't hold."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
