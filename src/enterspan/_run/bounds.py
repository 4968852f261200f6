"""How much a run may record: a number of spans, and the size of the file that they go to."""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enterspan.events import Onset, TailEvent

MAX_SPANS: Final = 50_000
"""Unless told otherwise, a process records no more spans; `view` shows as many without trouble."""
MAX_BYTES: Final = 100_000_000
"""Unless told otherwise, a file gets no larger, however many processes write to it."""

_EVERY: Final = 100
"""So many spans are recorded before the size of the file is looked at again."""
_NAMED: Final = 3


class Bounds:
    """A tail that hands on what others are to get, until it is enough.

    What has been opened is closed then, and nothing is opened any more.
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
        """Which bound was reached, as the option that sets it."""
        self.begins: Callable[[], object] = int
        """Called when an invocation begins."""
        self._tails = tails
        self._most = most
        self._path = path
        self._max_bytes = max_bytes
        self._stop = stop

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Begin an invocation; None once it is enough."""
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
            handler(event)

    def settle(self, deadline: float) -> bool:
        """Have the tails write what they hold back; False if that took too long."""
        found = [tail.settle(deadline) for tail in self._tails if hasattr(tail, "settle")]
        return all(found)

    def _takes(self, name: str) -> bool:
        """Whether one more span is recorded."""
        if self.reached is not None:
            return False
        if self.spans >= self._most:
            self._reach(f"--max-spans {self._most}")
            return False
        self.spans += 1
        self.names[name] += 1
        if not self.spans % _EVERY and self._size() >= self._max_bytes:
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
        """What to say of it, if it was reached."""
        if self.reached is None:
            return None
        return full_text(self.reached, self.spans, self.names)


def full_text(reached: str, spans: int, names: Counter[str]) -> str:
    """What to say of a bound that was reached, and of what has filled it."""
    most = ", ".join([f"{count:,} of {name}" for name, count in names.most_common(_NAMED)])
    return (
        f"recording stopped after {spans:,} spans ({reached}): {most};"
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
    """A size as the option takes it."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if not size % factor:
            return f"{size // factor}{unit}"
    return str(size)
