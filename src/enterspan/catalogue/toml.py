"""Strings and keys as TOML."""

import re
from typing import Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def quoted(text: str, *, ascii_only: bool = False) -> str:
    """A basic string."""
    return '"' + "".join([_escaped(character, ascii_only) for character in text]) + '"'


def key_text(name: str, *, ascii_only: bool = False) -> str:
    """A key, bare where TOML allows it."""
    return name if _BARE.fullmatch(name) else quoted(name, ascii_only=ascii_only)


def _escaped(character: str, ascii_only: bool) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable() and (character.isascii() or not ascii_only):
        return character
    point = ord(character)
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
