"""Cuts texts to a limit: the result is valid UTF-8, and valid JSON if the text is JSON."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_DEPTH: Final = 32
_ENDS: Final = 34
"""Reserved bytes: a quotation mark, and the ends of this many containers."""
_LITERALS: Final = ("true", "false", "null")
_SPACE: Final = " \t\r\n"
_AFTER_A_SCALAR: Final = ",]}" + _SPACE
_ESCAPE: Final = 6
"""Length of the longest escape, such as backslash, u, 0, 0, e, 9."""


def cut(text: str, limit: int) -> str:
    """Return the text as valid UTF-8 of at most `limit` bytes, never cut inside a character.

    Surrogates that form a pair become their character; a lone one becomes U+FFFD.
    """
    return _begin(text, limit)[0]


def cut_value(text: str, limit: int) -> tuple[str, bool]:
    """Like `cut`; also returns whether the text was longer.

    A JSON object or array stays valid JSON.
    """
    shown, is_cut = _begin(text, limit)
    if is_cut and limit > _ENDS and text[:1] in ("{", "["):
        shown = _json_of(cut(shown, limit - _ENDS)) or shown
    return shown, is_cut


def _begin(text: str, limit: int) -> tuple[str, bool]:
    begun = text[:limit]
    is_cut = len(begun) < len(text)
    if begun.isascii():
        return begun, is_cut
    try:
        raw = begun.encode()
    except UnicodeEncodeError:
        begun = begun.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        raw = begun.encode()
    if len(raw) <= limit:
        return begun, is_cut
    return raw[:limit].decode("utf-8", "ignore"), True


def _json_of(text: str) -> str:  # noqa: C901, PLR0912 - one pass, written out for its speed
    """The longest JSON that the beginning of a text gives with closing characters; else empty."""
    ends: list[str] = []  # closing characters of the open containers
    wanted = "value"
    at = kept = 0
    size = len(text)
    while at < size:
        letter = text[at]
        if letter in _SPACE:
            at += 1
        elif letter == '"' and wanted in ("key", "first key"):
            at = _end_of_string(text, at)
            if not at:
                break
            wanted = ":"
        elif letter == '"' and wanted in ("value", "first value"):
            at = _end_of_string(text, at)
            if not at:
                return _without_half_an_escape(text) + '"' + "".join(reversed(ends))
            wanted, kept = ",", at
        elif letter in "{[" and wanted in ("value", "first value"):
            if len(ends) >= _DEPTH:
                break
            ends.append("}" if letter == "{" else "]")
            wanted = "first key" if letter == "{" else "first value"
            at += 1
            kept = at
        elif ends and letter == ends[-1] and wanted in (",", "first key", "first value"):
            ends.pop()
            at += 1
            kept = at
            wanted = ","
            if not ends:
                return ""  # there is more after a complete value
        elif letter == ":" and wanted == ":":
            at += 1
            wanted = "value"
        elif letter == "," and wanted == ",":
            at += 1
            wanted = "key" if ends[-1] == "}" else "value"
        elif wanted in ("value", "first value"):
            end = at
            while end < size and text[end] not in _AFTER_A_SCALAR:
                end += 1
            if end == size:
                break
            if not _is_scalar(text[at:end]):
                return ""
            at = kept = end
            wanted = ","
        else:
            return ""
    return text[:kept] + "".join(reversed(ends))


def _is_scalar(word: str) -> bool:
    return word in _LITERALS or ((word[:1].isdigit() or word[:1] == "-") and word.isascii())


def _end_of_string(text: str, start: int) -> int:
    """The end of a JSON string that begins at a position; 0 if it does not end."""
    at = start + 1
    while (quote := text.find('"', at)) >= 0:
        before = quote
        while text[before - 1] == "\\":
            before -= 1
        if (quote - before) % 2 == 0:
            return quote + 1
        at = quote + 1
    return 0


def _without_half_an_escape(text: str) -> str:
    """The text without an incomplete escape or surrogate pair at its end."""
    slash = text.rfind("\\", max(len(text) - _ESCAPE, 0))
    if slash < 0:
        return text
    first = slash
    while text[first - 1] == "\\":
        first -= 1
    if (slash - first) % 2:
        return text  # the last of an even number
    length = _ESCAPE if text[slash + 1 : slash + 2] == "u" else 2
    if len(text) - slash < length:
        return _without_half_a_pair(text[:slash])
    return _without_half_a_pair(text)


def _without_half_a_pair(text: str) -> str:
    last = text[-_ESCAPE:]
    return text[:-_ESCAPE] if last[:3].lower() == "\\ud" and last[3:4] in "89abAB" else text
