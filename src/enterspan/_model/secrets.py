"""Which names are those of secrets: of parameters, headers, arguments, and keys inside of values.

A name is split into words where letters change their case and at everything that is no letter, so
`X-Api-Key`, `apiKey` and `api_key` are one name, `user_password` has a secret in it, and `author`
has none.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

REDACTED: Final = "[redacted]"
"""What is recorded in the place of a secret."""

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
"""Words that are a secret's at the end of a name: `db_pass`, and not `pass_rate`."""
_ENDINGS: Final = ("apikey", "passwd", "password", "privatekey", "secret", "signature", "token")
"""Endings of words that are written as one: `accesstoken`."""
_MEASURES: Final = frozenset({"count", "counts", "length", "limit", "size", "type", "usage"})
"""Last words of names that say something about a secret: `token_count`."""

_IN_QUERIES: Final = frozenset({"code", "key", "sig"})
"""Parameters of a query that are secrets, beside those that are it anywhere: of signed URLs, and of
OAuth's redirect."""
_IN_QUERY: Final = "REDACTED"
_SEPARATORS: Final = "?&;"
_LESS_USUAL: Final = "?;"
"""Separators that few queries have."""
_RUN: Final = 3
"""How many words one name in the list may have in another spelling."""
_REMEMBERED: Final = 1024
_REMEMBERED_LENGTH: Final = 64
_LOOKED_AT: Final = 4096
"""So much of the end of a name is looked at; a client may send any name."""


class Secrets:
    """Tells by a name whether what it names is a secret."""

    __slots__ = ("_known", "_names", "is_extended")

    def __init__(self, names: Iterable[str] = (), more_than: Iterable[str] = _NAMES) -> None:
        """Know the names of a list, which is the default one, and others."""
        added = {"".join(_words(name)) for name in names} - {""}
        self._names = frozenset(more_than) | added
        self._known: dict[str, bool] = {}
        self.is_extended = bool(added)
        """Whether the program names secrets of its own: then a `repr` may have one in it, too."""

    def with_names(self, names: Iterable[str]) -> Secrets:
        """Return the same with more names; itself if there are none."""
        names = tuple(names)
        return Secrets(names, self._names) if names else self

    def hides(self, name: object) -> bool:
        """Whether a name, percent-encoded or not, is one of a secret."""
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
        """Return the query of a URL without the values of secrets."""
        if not any(map(query.__contains__, _LESS_USUAL)):
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
        """Return a URL without the name and the password for its host, and without secrets."""
        whole, hash_sign, fragment = without_userinfo(url).partition("#")
        place, mark, query = whole.partition("?")
        return f"{place}{mark}{self.clean_query(query)}{hash_sign}{self.clean_query(fragment)}"

    def clean_headers(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return headers without the values of secrets."""
        return [(name, REDACTED if self.hides(name) else value) for name, value in pairs]

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
    """The words of a name, case-folded; one pass, because a client may have chosen the name."""
    words: list[str] = []
    start = 0  # of the word that goes on, or of the next one
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
    """Undo percent-encoding, as far as it spells ASCII."""
    first, *rest = name.split("%")
    for part in rest:
        digits = part[:2]
        try:
            first += chr(int(digits, 16)) + part[2:] if len(digits) == 2 else "%" + part
        except ValueError:
            first += "%" + part
    return first


def without_userinfo(url: str) -> str:
    """Return a URL without the name and the password in front of its host; any other text as is."""
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest or not scheme.replace("+", "").isalnum():
        return url
    end = min([at for at in map(rest.find, "/?#") if at >= 0], default=len(rest))
    host = rest[:end].rpartition("@")[2]
    return f"{scheme}://{host}{rest[end:]}"


DEFAULT_SECRETS: Final = Secrets()
