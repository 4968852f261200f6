"""JSON of any value; values without a JSON form become strings."""

from collections.abc import Callable, Mapping
from json.encoder import JSONEncoder, encode_basestring
from typing import Any, Final

from enterspan._model.limits import DEFAULT_LIMITS, INT_MAX, INT_MIN
from enterspan._model.values import clean_text, clean_value, safe_repr

_quote: Final[Callable[[str], str]] = encode_basestring
_LIMITS: Final = DEFAULT_LIMITS
DEPTH: Final = 12
"""Values nested deeper are written as their repr; recorded values are not."""


encode: Final = JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
).encode
"""Encode a value of JSON's types. Raises TypeError, ValueError or RecursionError for others."""


def plain_text(text: Any) -> str:
    """A str unchanged; anything else as a str."""
    return text if type(text) is str else clean_text(text, _LIMITS.value_bytes)


def json_text(text: Any) -> str:
    """A string as JSON."""
    return _quote(plain_text(text))


def json_object(mapping: Mapping[Any, Any], depth: int = 0) -> str:
    """A mapping as a JSON object; its keys become strings."""
    parts: list[str] = []
    for key, value in list(mapping.items()):
        if type(value) is str:
            parts.append(f"{json_text(key)}:{_quote(value)}")
        else:
            parts.append(f"{json_text(key)}:{json_value(value, depth)}")
    return "{" + ",".join(parts) + "}"


def json_value(value: Any, depth: int = 0) -> str:
    """Any value as JSON; values without a JSON form become strings."""
    kind: object = type(value)
    if kind is str:
        return _quote(value)
    if kind is int and INT_MIN <= value <= INT_MAX:
        return repr(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return repr(value) if value - value == 0 else _quote(repr(value))
    if value is None:
        return "null"
    if depth < DEPTH:
        if kind is tuple or kind is list:
            return "[" + ",".join([json_value(item, depth + 1) for item in value]) + "]"
        if kind is dict:
            return json_object(value, depth + 1)
        cleaned, _, _ = clean_value(value, _LIMITS.value_bytes)
        return json_value(cleaned, depth + 1)
    return _quote(safe_repr(value, _LIMITS.value_bytes))
