"""The limits of a recording: the number of spans, and the size of the file."""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from enterspan.exporters._files import NotWrittenError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enterspan.events import Onset, TailEvent

MAX_SPANS: Final = 50_000
"""The default maximum number of spans of a process, which `view` can easily show."""
MAX_BYTES: Final = 100_000_000
"""The default maximum size of a file, for all processes that write to it."""

_EVERY: Final = 100
"""The size of the file is checked after this many spans, ..."""
_SMALL: Final = 1_000_000
"""... or after each, if it may have at most so many bytes."""
_NAMED: Final = 3


class Bounds:
    """A tail that forwards events to others until a limit is reached.

    Then open spans are closed, and no more are opened.
    """

    def __init__(
        self,
        tails: Sequence[Any],
        most: int,
        path: str | None,
        max_bytes: int,
        stop: Callable[[], object],
    ) -> None:
        self.spans = 0
        self.names: Counter[str] = Counter()
        self.reached: str | None = None
        """The limit that was reached, as its option."""
        self.lost = 0
        """The number of events that the file lacks, because it can't be written, ..."""
        self.lost_by = ""
        """... and the reason."""
        self.begins: Callable[[], object] = int
        """Called when an invocation begins."""
        self._tails = tails
        self._most = most
        self._path = path
        self._max_bytes = max_bytes
        self._every = 1 if max_bytes <= _SMALL else _EVERY
        self._stop = stop

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Begin an invocation; None after a limit was reached."""
        self.begins()
        if not self._takes(event.event.name):
            return None
        found = [handler for tail in self._tails if (handler := tail(event)) is not None]
        return partial(self._hand_on, found, set())

    def _hand_on(
        self, handlers: list[Callable[[Any], None]], refused: set[str | None], event: TailEvent[Any]
    ) -> None:
        kind = event.event.type
        if kind == "spanOpen":
            if not self._takes(event.event.name):
                refused.add(event.event.span_id)
                return
        elif refused and event.span_context.span_id in refused:
            if kind == "spanClose":
                refused.discard(event.span_context.span_id)
            return
        for handler in handlers:
            try:
                handler(event)
            except NotWrittenError as error:  # the tree is still drawn
                self.lost += error.lost
                cause = error.__cause__
                self.lost_by = self.lost_by or getattr(cause, "strerror", None) or str(error)

    def settle(self, deadline: float) -> bool:
        """Make the tails write what they hold back; False if that took too long."""
        found = [tail.settle(deadline) for tail in self._tails if hasattr(tail, "settle")]
        return all(found)

    def _takes(self, name: str) -> bool:
        """Whether another span may be recorded."""
        if self.reached is not None:
            return False
        if self.spans >= self._most:
            self._reach(f"--max-spans {self._most}")
            return False
        self.spans += 1
        self.names[name] += 1
        if not self.spans % self._every and self._size() >= self._max_bytes:
            self._reach(f"--max-size {size_text(self._max_bytes)}")
        return True

    def _size(self) -> int:
        try:
            return 0 if self._path is None else os.stat(self._path).st_size
        except OSError:
            return 0

    def _reach(self, bound: str) -> None:
        self.reached = bound
        self._stop()

    @property
    def problem(self) -> str | None:
        """The message about the limit, if it was reached."""
        if self.reached is None:
            return None
        return full_text(self.reached, self.spans, self.names)


def lost_text(lost: int, why: str) -> list[str]:
    """The message about a file that could not be written."""
    return [f"{lost:,} events could not be written to the file: {why}"] if lost else []


def full_text(reached: str, spans: int, names: Counter[str]) -> str:
    """The message about a limit that was reached, with the most frequent spans."""
    most = ", ".join([f"{count:,} of {name}" for name, count in names.most_common(_NAMED)])
    return (
        f"recording stopped after {spans:,} span{'' if spans == 1 else 's'} ({reached}): {most};"
        " leave these out with --exclude or --min-duration, or raise the limit"
    )


_UNITS: Final = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def bytes_of(text: str) -> int:
    """Read a size such as `500k`, `100MB` or `2g`; a bare number is bytes.

    Raises ValueError for anything else.
    """
    number = text.strip().lower().removesuffix("b")
    unit = number[-1:] if number[-1:] in ("k", "m", "g") else ""
    digits = number.removesuffix(unit).strip()
    if not digits.isdecimal() or not int(digits):
        raise ValueError(f"{text!r} is not a size: write 500k, 100MB or 2g")
    return int(digits) * _UNITS[unit]


def size_text(size: int) -> str:
    """A size in the option's format."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if not size % factor:
            return f"{size // factor}{unit}"
    return str(size)
