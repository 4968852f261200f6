"""Selects the spans of a program's own functions that are drawn while it runs.

The first few are drawn as they happen, and a few more each second; after that, long ones. Of an
installed program, which may do much before it runs the user's code, only very long ones are drawn.
The others are in the summary at the end.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan.events import Onset, TailEvent

FREE: Final = 30
"""How many spans are drawn whatever their duration, ..."""
FREE_IN_CHILDREN: Final = 10
"""... in each child process, ..."""
FREE_INSTALLED: Final = -5
"""... in an installed program, ..."""
_FREE_EACH: Final = 10
"""... and one more each second; but at most this many of each name, and as many per second."""
_SECOND: Final = 1_000_000_000
_LONG: Final = _SECOND // 10
"""After that, shorter spans are not drawn, ..."""
_VERY_LONG: Final = 5 * _SECOND
"""... or this, for an installed program, ..."""
_DRAWN_FOR: Final = 3_000
"""... or spans shorter than this part of the run so far, times the number of drawn spans."""


class LiveSelection:
    """A tail that forwards the events to draw.

    Args:
        tail: The tail that draws.
        kind_of: Classifies a span by its name: False for an installed program, True for other code
            that is traced automatically, None for neither.
        began: The start of the run, in nanoseconds since the epoch.
        free: How many spans are drawn at first whatever their duration.
    """

    def __init__(
        self, tail: Any, kind_of: Callable[[str], bool | None], began: int, free: int
    ) -> None:
        self.left_out = 0
        """The number of spans that were not drawn."""
        self._tail = tail
        self._kind_of = kind_of
        self._began = began
        self._free = free
        self._drawn = 0
        self._of: Counter[str] = Counter()

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
        """Begin an invocation, whose root is treated like any other span."""
        return _Selected(self, self._tail, event).take

    def settle(self, deadline: float) -> bool:
        """Write held lines."""
        done: bool = self._tail.settle(deadline)
        return done

    def least_ns(self, name: str, now: int) -> int:
        """The minimum duration of a span to be drawn."""
        is_own = self._kind_of(name)
        if is_own is None:
            return 0
        elapsed = max(now - self._began, 0)
        seconds = elapsed // _SECOND
        if (
            is_own
            and self._drawn < self._free + seconds
            and self._of[name] < _FREE_EACH * (1 + seconds)
        ):
            return 0
        return max(_LONG if is_own else _VERY_LONG, elapsed * self._drawn // _DRAWN_FOR)

    def draws(self, name: str) -> None:
        """Count a span that is drawn."""
        if self._kind_of(name) is not None:
            self._drawn += 1
            self._of[name] += 1


class _Selected:
    """One invocation: its open spans that are still too short to be drawn."""

    def __init__(self, selection: LiveSelection, tail: Any, onset: TailEvent[Onset]) -> None:
        self._selection = selection
        self._tail = tail
        self._draw: Any = None
        self._held: dict[str | None, tuple[TailEvent[Any], int]] = {}
        self._open(onset)

    def take(self, event: TailEvent[Any]) -> None:
        """Forward an event, with held openings if needed, or nothing."""
        now, kind = event.timestamp, event.event.type
        for span_id, (opening, least) in list(self._held.items()):
            if now - opening.timestamp < least:
                break  # spans opened later are shorter
            self._release(span_id)
        if kind == "spanOpen":
            self._open(event)
            return
        span_id = event.span_context.span_id
        held = self._held.get(span_id)
        if held is not None:
            opening, least = held
            if now - opening.timestamp < least:
                if kind in ("spanClose", "outcome"):
                    self._leave_out(span_id)
                return
            self._release(span_id)
        if self._draw is not None:
            self._draw(event)
        if kind == "outcome":
            self._selection.left_out += len(self._held)
            self._held.clear()

    def _open(self, event: TailEvent[Any]) -> None:
        opened = event.event
        least = self._selection.least_ns(opened.name, event.timestamp)
        self._held[opened.span_id] = event, least
        if not least:
            self._release(opened.span_id)

    def _release(self, span_id: str | None) -> None:
        """Draw the opening of a span, after those of its ancestors, from the root on."""
        if self._draw is None:
            root = next(iter(self._held), None)
            if root is not None:
                opening, _ = self._held.pop(root)
                self._selection.draws(opening.event.name)
                self._draw = self._tail(opening)
        around: list[TailEvent[Any]] = []
        found = self._held.pop(span_id, None)
        while found is not None:
            around.append(found[0])
            found = self._held.pop(found[0].span_context.span_id, None)
        draw: Any = self._draw
        for opening in reversed(around):
            self._selection.draws(opening.event.name)
            draw(opening)

    def _leave_out(self, span_id: str | None) -> None:
        if self._held.pop(span_id, None) is not None:
            self._selection.left_out += 1
