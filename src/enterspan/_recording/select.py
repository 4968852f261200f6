"""Which spans of a file are asked for."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Final

from enterspan._model.frozen import frozen
from enterspan.instrument.config import seconds_of

if TYPE_CHECKING:
    from enterspan._recording.traces import SpanNode

_SET: Final = re.compile(r"\[!?\]?[^\]]*\]")
"""A set of characters in a glob; a bracket that is left without these was not closed."""


@frozen
class Selection:
    """What a span must be like, all of it.

    `name` is a pattern that its whole name matches, `min_duration_ns` what it takes at least;
    `errors` asks for those that failed.
    """

    name: re.Pattern[str] | None = None
    min_duration_ns: int = 0
    errors: bool = False

    @property
    def takes_all(self) -> bool:
        """Whether nothing is left out."""
        return self.name is None and not self.min_duration_ns and not self.errors

    def takes(self, span: SpanNode) -> bool:
        """Whether a span is asked for; one that has not ended has no duration yet."""
        if self.errors and not span.failed:
            return False
        if self.min_duration_ns and (span.duration_ns or 0) < self.min_duration_ns:
            return False
        return self.name is None or self.name.match(span.name) is not None


def glob_of(text: str) -> re.Pattern[str]:
    """Read a glob for names: `*`, `?`, `[abc]` and `[!abc]`, upper and lower case apart.

    Raises ValueError for one that can't match anything that was meant.
    """
    if not text:
        raise ValueError("--name '' matches no name: write a name, or a glob such as 'load*'")
    if "[" in _SET.sub("", text):
        raise ValueError(f"--name {text!r} has a [ without its ]: write [[] for a bracket")
    return re.compile(translate(text))


def nanoseconds_of(text: str) -> int:
    """Read a duration such as `1ms`, `0.5s` or `250us`; a bare number is seconds.

    Raises ValueError for anything else.
    """
    seconds = seconds_of(text)
    if seconds > 1e9:
        raise ValueError(f"{text!r} is too long a duration: that is over 30 years")
    return round(seconds * 1e9)
