"""The filter: which spans of a file are asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate
from typing import TYPE_CHECKING, Final

from enterspan._recording.assemble import Recording, Stream, ids_with_lines, roots_of
from enterspan._recording.wire import Reader
from enterspan.instrument.config import seconds_of

if TYPE_CHECKING:
    from typing import BinaryIO

    from enterspan._recording.assemble import Key, RecordedSpan
    from enterspan._recording.wire import Lines

_SET: Final = re.compile(r"\[!?\]?[^\]]*\]")
"""A set of characters in a glob; a bracket that is left without these was not closed."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a span must be like, all of it.

    `name` is a pattern that its whole name matches, `min_duration_ns` what it takes at least;
    `errors` asks for spans that failed.
    """

    name: re.Pattern[str] | None = None
    min_duration_ns: int = 0
    errors: bool = False

    @property
    def takes_all(self) -> bool:
        """Whether nothing is left out."""
        return self.name is None and not self.min_duration_ns and not self.errors

    def takes(self, span: RecordedSpan) -> bool:
        """Whether a span is asked for; one that has not ended has no duration yet."""
        if self.errors and not span.failed:
            return False
        if self.min_duration_ns and (span.duration_ns or 0) < self.min_duration_ns:
            return False
        return self.name is None or self.name.match(span.name) is not None


def read_filtered(file: BinaryIO, lines: Lines, name: str, wanted: Filter) -> Recording:
    """Read the spans of a file that are asked for, with the spans around them.

    `lines` is the file as it is to be read. Kept are these spans, and those that are open. Raises
    ValueError, with `name` in its text, for a file that is empty or holds no trace.
    """
    reader, kept = Reader(name), _Kept()
    for span in Stream(ids_with_lines(file)).spans(reader.read(lines)):
        kept.offer(span, asked_for=wanted.takes(span))
    roots = roots_of(kept.spans)
    return Recording(roots, tuple(reader.problems), reader.problem_count, is_whole=False)


class _Kept:
    """The spans that are asked for, and those around them.

    In events a span is open around its children: what is around a kept one is kept as it is, and
    completed later. The line of a finished span comes after those of its children, which then have
    left its id in `_around`.
    """

    def __init__(self) -> None:
        self.spans: dict[Key, RecordedSpan] = {}
        self._around: set[Key] = set()

    def offer(self, span: RecordedSpan, *, asked_for: bool) -> None:
        """Keep a span that is asked for, or is around one that is kept."""
        if not (asked_for or span.key in self._around or span.key in self.spans):
            return
        self._around.discard(span.key)
        self.spans[span.key] = outermost = span
        while (parent := outermost.parent) is not None and parent.key not in self.spans:
            self.spans[parent.key] = outermost = parent
        if parent is None and outermost.parent_id is not None:
            key = (outermost.trace_id, outermost.parent_id)
            if key not in self.spans:
                self._around.add(key)


def glob_of(text: str) -> re.Pattern[str]:
    """Read a glob for names: `*`, `?`, `[abc]` and `[!abc]`, upper and lower case apart.

    Raises ValueError for one that can't match what was meant.
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
