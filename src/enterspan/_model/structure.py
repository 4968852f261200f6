"""Structured values (containers, dataclasses and the like) as JSON text, within a limit.

The result is JSON even if the limit has cut it: a string in it is shorter, or a container has fewer
items. Values of secrets are replaced. No method of a value is called that its class may have
overridden, except the `repr` of values without structure.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from enterspan._model.classes import dict_of, full_name_of, mro_of, name_of
from enterspan._model.interrupts import is_interrupt
from enterspan._model.secrets import REDACTED

try:
    from _json import encode_basestring
except ImportError:  # this Python lacks the C module
    from json.encoder import py_encode_basestring as encode_basestring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Final, TypeAlias

    from enterspan._model.secrets import Secrets

    Show: TypeAlias = Callable[[Any, int], str]
    """Returns the `repr` of a value, cut to a limit."""

    Fields: TypeAlias = Iterable[tuple[Any, Any]]

_DEPTH: Final = 32
_SLACK: Final = 32
"""Bytes reserved for what is not cut: numbers, and the ends of containers."""
_LEAST: Final = 8
"""An item is only written if this many bytes are left."""
_INT_BITS: Final = 63

_PAIR: Final = 2
_DEEPER: Final = '"..."'
"""Replaces values that are nested too deeply, and containers inside themselves."""

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
"""Classes, including derived ones, whose values are written as text."""

_PLAIN: Final = frozenset({"builtins", "collections", "array"})
"""Modules of classes whose `repr` shows only their contents."""


def text_of(value: Any) -> str | None:
    """The text of a value of one of a few standard classes; None for others."""
    for kind in mro_of(type(value)):
        write = _TEXTS.get(full_name_of(kind))
        if write is not None:
            return write(value)
    return None


def enum_value(value: Any) -> Any:
    """The value of an enum member; any other value unchanged."""
    kind = type(value)
    if ("enum", "Enum") in map(full_name_of, mro_of(kind)):
        return object.__getattribute__(value, "__dict__").get("_value_", value)
    return value


def fields_of(value: Any, most: int) -> Fields | None:
    """The names and values of the first fields of a value; None if it has no fields."""
    kinds = mro_of(type(value))
    if _is_among(dict, kinds):
        return list(islice(dict.items(value), most))
    for kind in kinds:
        own = dict_of(kind)
        if "__dataclass_fields__" in own:
            if not own["__dataclass_params__"].repr and _has_repr(type(value)):
                return None  # it has a `repr` of its own
            fields = own["__dataclass_fields__"].items()
            return _read(value, [name for name, field in fields if _is_field(field)])
        if "__attrs_attrs__" in own:
            # A `repr` that is a function hides the value.
            return _read(value, [f.name for f in own["__attrs_attrs__"] if f.repr is True])
        if "_fields" in own and _is_among(tuple, kinds):
            return list(zip(own["_fields"], tuple.__iter__(value), strict=False))
        read = _READ.get(full_name_of(kind))
        if read is not None:
            return list(islice(read(value), most))
    if _MAPPING in map(full_name_of, kinds) and _has_repr(type(value)):
        return _pairs_of(value, most)
    return None


_MAPPING: Final = ("collections.abc", "Mapping")


def _pairs_of(value: Any, most: int) -> Fields | None:
    """The pairs of a mapping of any class whose `repr` shows them too; None if that fails."""
    try:
        return [(name, value[name]) for name in islice(value, most)]
    except Exception as error:
        if is_interrupt(error):
            raise
        return None


def _is_among(wanted: type, kinds: tuple[type, ...]) -> bool:
    return any(kind is wanted for kind in kinds)  # not `in`, which runs code of metaclasses


def items_in(value: Any, most: int) -> Iterable[Any] | None:
    """The first items of a sequence or a set; None for anything else."""
    for kind in mro_of(type(value)):
        iterate = _ITERATE.get(id(kind))
        if iterate is not None:
            return list(islice(iterate(value), most))
        if full_name_of(kind) == _USER_LIST:
            return list(islice(list.__iter__(_own(value)["data"]), most))
    return None


_USER_LIST: Final = ("collections", "UserList")
_EMPTY: Final[dict[str, Any]] = {}
_VIEWS: Final = (type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items()))
"""The views of a dict."""


_ITERATE: Final[dict[int, Callable[[Any], Iterable[Any]]]] = {
    id(list): list.__iter__,
    id(tuple): tuple.__iter__,
    id(set): set.__iter__,
    id(frozenset): frozenset.__iter__,
    id(range): range.__iter__,
    id(deque): deque.__iter__,
    **{id(view): iter for view in _VIEWS},
}
"""By the id of the class: a metaclass may override hashing."""


def _is_field(field: Any) -> bool:
    return field.repr and field._field_type.name == "_FIELD"  # type: ignore[no-any-return]


def _read(value: Any, names: Iterable[str]) -> Fields:
    found = []
    for name in names:
        try:
            if _is_computed(type(value), name):
                found.append((name, _own(value)[name]))
            else:
                found.append((name, object.__getattribute__(value, name)))
        except (AttributeError, KeyError):
            continue  # deleted, or never set
    return found


def _is_computed(kind: type, name: str) -> bool:
    """Whether reading an attribute runs code of the program: a property or another descriptor."""
    for each in mro_of(kind):
        if name in dict_of(each):
            found = type(dict_of(each)[name])
            is_slot = full_name_of(found) == ("builtins", "member_descriptor")
            return not is_slot and any("__get__" in dict_of(k) for k in mro_of(found))
    return False


def _own(value: Any) -> dict[str, Any]:
    values: dict[str, Any] = object.__getattribute__(value, "__dict__")
    return values


def _pydantic_fields(value: Any) -> Fields:
    declared: dict[str, Any] = {}
    for kind in mro_of(type(value)):
        own = dict_of(kind)
        declared = declared or own.get("__pydantic_fields__") or own.get("__fields__") or {}
    return [(name, item) for name, item in _own(value).items() if _is_shown(declared.get(name))]


def _pairs(value: Any) -> Fields:
    return list(value.items())


_READ: Final[dict[tuple[object, str], Callable[[Any], Fields]]] = {
    ("pydantic.main", "BaseModel"): _pydantic_fields,
    ("pydantic.v1.main", "BaseModel"): _pydantic_fields,
    ("multidict._multidict", "CIMultiDict"): _pairs,
    ("multidict._multidict", "CIMultiDictProxy"): _pairs,
    ("multidict._multidict", "MultiDict"): _pairs,
    ("multidict._multidict", "MultiDictProxy"): _pairs,
    ("builtins", "mappingproxy"): _pairs,
    ("collections", "UserDict"): lambda value: list(_own(value)["data"].items()),
    ("types", "SimpleNamespace"): lambda value: list(_own(value).items()),
    ("argparse", "Namespace"): lambda value: list(_own(value).items()),
}
"""Reads the fields of other standard classes and of classes derived from them."""


def _is_shown(field: Any) -> bool:
    return getattr(getattr(field, "field_info", field), "repr", True) is not False


class Writer:
    """Writes one value as JSON."""

    __slots__ = ("_inside", "_left", "_parts", "_secrets", "_show", "is_cut")

    def __init__(self, limit: int, secrets: Secrets, show: Show) -> None:
        """Prepare to write up to *limit* bytes."""
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
        else:  # JSON has no NaN and no infinities
            self._put_text(repr(number))

    def _put_text(self, text: str) -> None:
        """Write a string, or as much of its beginning as fits."""
        room = max(self._left, 0)
        text = self._secrets.shown(text, room)
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
        most = max(self._left, 0) // 2 + 1  # an item takes at least two bytes
        try:
            fields = fields_of(value, most)
            items = items_in(value, most) if fields is None else None
        except Exception as error:  # the rest is still written
            if is_interrupt(error):
                raise
            self._put_text(f"<{name_of(type(value))} that can't be shown>")
            return
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
        self._left -= 1  # for the end of it
        comma = ""
        for name, item in fields:
            shown = enum_value(name)
            key = _valid(encode_basestring(self._key(shown)[: max(self._left, 0)]))
            if len(key.encode()) + _LEAST > self._left:
                self.is_cut = True
                break
            self._put(f"{comma}{key}: ")
            comma = ", "
            hidden = self._secrets.hides(shown)
            self._write(REDACTED if hidden else without_secret(item, self._secrets))
        self._parts.append("}")

    def _key(self, name: Any) -> str:
        if issubclass(type(name), str):
            return str.__str__(name)
        if name is None or type(name) is bool:
            return {None: "null", True: "true", False: "false"}[name]
        return self._show(name, max(self._left, 1))

    def _write_array(self, items: Iterable[Any]) -> None:
        self._put("[")
        self._left -= 1  # for the end of it
        comma = ""
        for item in items:
            if self._left < _LEAST:
                self.is_cut = True
                break
            self._put(comma)
            comma = ", "
            self._write(without_secret(item, self._secrets, lists=True))
        self._parts.append("]")

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
        """The text for a value without structure: its `repr`, or only its class.

        It is the class if a custom `repr` may show a secret that the program has named.
        """
        kind = type(value)
        module, name = full_name_of(kind)
        if self._secrets.is_extended and module not in _PLAIN and _has_repr(kind):
            return f"<{module}.{name}>"
        return self._show(value, limit)


def without_secret(item: Any, secrets: Secrets, *, lists: bool = False) -> Any:
    """Replace the value of a secret in a pair of a name and a value, as frameworks have headers.

    The pair is a tuple or, in a list of others (*lists*), a list.
    """
    kind = type(item)
    is_pair = (kind is tuple or (lists and kind is list)) and len(item) == _PAIR
    return [item[0], REDACTED] if is_pair and secrets.hides(item[0]) else item


def _has_repr(kind: type) -> bool:
    """Whether a class has a `repr` of its own that says more than its name."""
    for each in mro_of(kind):
        if "__repr__" in dict_of(each):
            return each is not object
    return False


def _valid(text: str) -> str:
    """The text without lone surrogates, which UTF-8 can't encode."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
