"""Recognizes secrets by the names of parameters, headers, arguments and keys inside values.

A name is split into words where letters change case and at non-letters, so `X-Api-Key`, `apiKey`
and `api_key` are the same name, `user_password` names a secret, and `author` does not.
"""

from __future__ import annotations

from sys import maxsize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

REDACTED: Final = "[redacted]"
"""Recorded in place of a secret."""

_NAMES: Final = frozenset(
    (
        "accesskey", "accesstokens", "apikey", "apikeys", "auth", "authentication",
        "authorization", "bearer", "cardnumber", "cookie", "cookies", "credential",
        "credentials", "creditcard", "creds", "csrf", "cvc", "cvv", "encryptionkey",
        "jsessionid", "jwt", "masterkey", "oauth", "otp", "passcode", "passphrase",
        "passphrases", "passwd", "password", "passwords", "phpsessid", "pin", "privatekey",
        "pwd", "secret", "secretkey", "secrets", "sessid", "session", "sessionid", "sid", "sig",
        "signature", "signingkey", "ssn", "token", "totp", "xsrf",
    )
)  # fmt: skip
_LAST_WORDS: Final = frozenset({"pass"})
"""Words that mean a secret at the end of a name only: `db_pass`, and not `pass_rate`."""
_ENDINGS: Final = ("apikey", "passwd", "password", "privatekey", "secret", "signature", "token")
"""Endings of compound words: `accesstoken`."""
_MEASURES: Final = frozenset({"count", "counts", "length", "limit", "size", "type", "usage"})
"""Last words of names that are about a secret, and are none: `token_count`."""

_IN_QUERIES: Final = frozenset({"code", "key", "sig"})
"""Parameters of a query that are secrets, beside those that are it anywhere: of signed URLs, and of
OAuth's redirect."""
_IN_QUERY: Final = "REDACTED"
_LONGEST_QUERY: Final = 65_536
"""A longer query is left out as a whole: the time to search it is part of the program's call."""
_SEPARATORS: Final = "?&;"
_RUN: Final = 3
"""How many words a name in the list may consist of in another spelling."""
_REMEMBERED: Final = 1024
_REMEMBERED_LENGTH: Final = 64
_LOOKED_AT: Final = 4096
"""How much of the end of a name is examined; a client may send a name of any length."""


class Secrets:
    """Tells by its name whether a value is a secret."""

    __slots__ = ("_known", "_names", "is_extended")

    def __init__(self, names: Iterable[str] = (), more_than: Iterable[str] = _NAMES) -> None:
        """Take the names of secrets: a list, which is the default one, and others."""
        added = {"".join(_words(name)) for name in names} - {""}
        self._names = frozenset(more_than) | added
        self._known: dict[str, bool] = {}
        self.is_extended = bool(added)
        """Whether the program has added names: then a `repr` may also contain a secret."""

    def with_names(self, names: Iterable[str]) -> Secrets:
        """Return a copy with more names; itself if there are none."""
        names = tuple(names)
        return Secrets(names, self._names) if names else self

    def hides(self, name: object) -> bool:
        """Whether a name, percent-encoded or not, names a secret."""
        if type(name) is bytes:
            name = name.decode("latin-1")
        elif issubclass(type(name), str):
            text: Any = name
            name = str.__str__(text)
        if type(name) is not str:
            return False
        known = self._known.get(name)
        if known is None:
            known = self._is_secret(_words(_decoded(name[-_LOOKED_AT:])))
            if len(name) <= _REMEMBERED_LENGTH and len(self._known) < _REMEMBERED:
                self._known[name] = known
        return known

    def clean_query(self, query: str) -> str:
        """Return the query of a URL with the values of secrets replaced."""
        if len(query) > _LONGEST_QUERY:
            return _IN_QUERY
        if "?" not in query and ";" not in query:  # as in most
            return "&".join(map(self._clean_parameter, query.split("&")))
        shown: list[str] = []
        start = 0
        for at, letter in enumerate(query):
            if letter in _SEPARATORS:
                shown += (self._clean_parameter(query[start:at]), letter)
                start = at + 1
        shown.append(self._clean_parameter(query[start:]))
        return "".join(shown)

    def _clean_parameter(self, text: str) -> str:
        name, equals, _ = text.partition("=")
        is_secret = equals and (name.lower() in _IN_QUERIES or self.hides(name))
        return f"{name}={_IN_QUERY}" if is_secret else text

    def clean_url(self, url: str) -> str:
        """Return a URL without userinfo and without secrets in its query."""
        whole, hash_sign, fragment = without_userinfo(url).partition("#")
        place, mark, query = whole.partition("?")
        return f"{place}{mark}{self.clean_query(query)}{hash_sign}{self.clean_query(fragment)}"

    def shown(self, text: str, most: int = maxsize) -> str:
        """Return a text as it is recorded: a URL cleaned; those in other texts, without userinfo.

        Of another text, what follows the first *most* characters is not searched.
        """
        if "://" not in text:
            return text
        is_url = _is_scheme(text.partition("://")[0]) and len(text.split(None, 1)) == 1
        return self.clean_url(text) if is_url else without_userinfo(text, most)

    def clean_headers(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return headers with the values of secrets replaced, also of those in URLs."""
        shown: list[tuple[str, str]] = []
        for name, value in pairs:
            if self.hides(name):
                shown.append((name, REDACTED))
            else:
                shown.append((name, self.shown(value) if type(value) is str else value))
        return shown

    def _is_secret(self, words: list[str]) -> bool:
        if not words or words[-1] in _MEASURES:
            return False
        names = self._names
        if words[-1] in _LAST_WORDS or "".join(words) in names:
            return True
        for first in range(len(words)):
            run = ""
            for word in words[first : first + _RUN]:
                run += word
                if run in names:
                    return True
        return any(word.endswith(_ENDINGS) for word in words)


def _words(name: str) -> list[str]:
    """The words of a name, case-folded; in one pass, because a client may have chosen the name."""
    words: list[str] = []
    start = 0  # belongs to this word, or to the next one
    for at, letter in enumerate(name):
        before = name[at - 1] if at > start else ""
        if not letter.isalpha():
            words.append(name[start:at])
            start = at + 1
        elif before and letter.isupper() and not before.isupper():  # apiKey
            words.append(name[start:at])
            start = at
        elif at - start > 1 and letter.islower() and before.isupper():  # APIKey
            words.append(name[start : at - 1])
            start = at - 1
    words.append(name[start:])
    return [word.casefold() for word in words if word]


def _decoded(name: str) -> str:
    """Decode percent-encoded ASCII characters."""
    first, *rest = name.split("%")
    for part in rest:
        digits = part[:2]
        try:
            first += chr(int(digits, 16)) + part[2:] if len(digits) == 2 else "%" + part
        except ValueError:
            first += "%" + part
    return first


def without_userinfo(text: str, most: int = maxsize) -> str:
    """Return a text with the userinfo of each URL removed, or at least of those in its beginning.

    What follows the first *most* characters of the result is not searched.
    """
    if "@" not in text or "://" not in text:
        return text
    shown: list[str] = []
    start = removed = 0
    at = text.find("://")
    while at >= 0 and at - removed <= most:
        following = text.find("://", at + 3)
        end = following if following >= 0 else len(text)
        begins = not shown and start == 0 and _is_scheme(text[:at])
        userinfo, sign, _ = _authority(text[at + 3 : end], begins).rpartition("@")
        if sign and text[at - 1 : at].isalnum():
            shown.append(text[start : at + 3])
            start = at + 3 + len(userinfo) + 1
            removed += len(userinfo) + 1
        at = following
    shown.append(text[start:])
    return "".join(shown)


_ENDS: Final = "\"'<>\\`{}()"
"""Characters that end a URL inside a text: quotes and brackets around it."""


def _authority(text: str, begins: bool) -> str:
    """The authority of a URL at the beginning of a text.

    Args:
        text: what follows `://`.
        begins: whether the URL begins the value: then a password may contain any character.
    """
    for letter in "/?#":
        text = text.partition(letter)[0]
    words = text[:1].split() and text.split(None, 1)
    if not words:
        return ""
    if begins and ":" in words[0]:
        return text
    word = words[0]
    for letter in _ENDS:
        word = word.partition(letter)[0]
    head = word.partition(",")[0]
    return word if ":" in head else head


_SIGNS: Final = dict.fromkeys(map(ord, "+-.:_"))
"""What a scheme may have beside letters and digits; a colon in `jdbc:postgresql`."""


def _is_scheme(text: str) -> bool:
    return text.lstrip().translate(_SIGNS).isalnum()


DEFAULT_SECRETS: Final = Secrets()
