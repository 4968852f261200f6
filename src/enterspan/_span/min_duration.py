"""Spans with a `min_duration`: left out when they were short and nothing happened in them.

While it is open and not yet old enough, nobody knows whether such a span will be kept. So what
happens in its invocation waits until that is decided, and is then told in order, as if it had just
happened. The children of a span that is left out hang on its parent. A span is kept whatever its
duration if it did not end well, if something was logged or recorded under it, or if its ids have
been read, for whoever read them may have told somebody.
"""

from __future__ import annotations

import threading
from collections import deque

from enterspan._model.clock import now_ns
from enterspan._span.telling import Telling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from enterspan._model.failures import Failure
    from enterspan._pipeline.tails import Watch
    from enterspan._span.lifeline import Lifeline
    from enterspan._span.span import Span
    from enterspan.events import Log

_WAITING_MOST: Final = 10_000
"""How many events wait for a decision; with more, everything undecided is kept."""


class Hold(Telling):
    """Stands before a `Watch`, or where there is none, and keeps things until all is decided."""

    def __init__(
        self, lifeline: Lifeline, watch: Watch | None, announce: Callable[[], Watch | None] | None
    ) -> None:
        super().__init__()
        self._lifeline = lifeline
        self._watch = watch
        self._announce = announce
        self.generation = lifeline.board.generation
        self._waiting: deque[tuple[str, Span | None, tuple[Any, ...]]] = deque()
        self._undecided: dict[Span, None] = {}
        self._void = False
        self._lock = threading.RLock()
        self._busy = threading.Lock()

    @property
    def is_inherited(self) -> bool:
        """Whether the invocation belongs to the process that this one was forked from."""
        return self.generation != self._lifeline.board.generation

    def undecided(self, span: Span) -> None:
        """Wait for this span."""
        with self._lock:
            self._undecided[span] = None

    # What a Watch is told.

    def opened(self, span: Span, parent: Span) -> None:
        """A span below the root was opened."""
        if span._more is not None and span._more.floor:
            self.undecided(span)
        self._add("opened", span, parent)

    def closed(self, span: Span) -> None:
        """A span has ended: if it is one of those, that decides."""
        with self._lock:
            self._waiting.append(("closed", span, (span,)))
            if span in self._undecided:
                del self._undecided[span]
                if _is_negligible(span):
                    self._leave_out(span)
        self._go_on()

    def returned(self, info: Any, moment: int) -> None:
        """The handler has answered."""
        self._add("returned", None, info, moment)

    def exception(self, span: Span, failure: Failure, moment: int) -> None:
        """An exception has left a span, or was recorded on it."""
        self._keep(span)
        self._add("exception", span, failure, moment)

    def diagnostic(self, span: Span, channel: str, message: dict[str, Any], moment: int) -> None:
        """Somebody recorded an event on a span."""
        self._keep(span)
        self._add("diagnostic", span, channel, message, moment)

    def logged(self, span: Span, moment: int, line: Log) -> None:
        """Somebody logged under a span."""
        self._keep(span)
        self._add("logged", span, moment, line)

    def finished(self, outcome: str) -> None:
        """The invocation is over."""
        with self._lock:
            self._undecided.clear()
        self._add("finished", None, outcome)

    # How it decides.

    def _keep(self, span: Span) -> None:
        with self._lock:
            self._undecided.pop(span, None)

    def _add(self, what: str, span: Span | None, *arguments: Any) -> None:
        whole = arguments if span is None else (span, *arguments)
        with self._lock:
            self._waiting.append((what, span, whole))
            if len(self._waiting) > _WAITING_MOST:
                self._undecided.clear()
        self._go_on()

    def _leave_out(self, span: Span) -> None:
        """Take a span out of what waits; its children become its parent's."""
        own = span._span_id
        others = [item for item in self._waiting if item[1] is not span]
        if own == self._lifeline.root_id:
            if others or self._announce is None:
                return  # a trace needs its root
            self._void = True
        else:
            for what, child, _ in others:
                if what == "opened" and child is not None and child._parent_id == own:
                    child._parent_id = span._parent_id
            span._span_id = span._parent_id  # for children that are opened under it later
        self._waiting = deque(others)
        span._attributes = span._more = None

    def _go_on(self) -> None:
        """Tell what waits, if all is decided; by one thread at a time."""
        while self._is_ready() and self._busy.acquire(blocking=False):
            try:
                while (item := self._next()) is not None:
                    self._tell(item[0], item[2])
            finally:
                self._busy.release()

    def _next(self) -> tuple[str, Span | None, tuple[Any, ...]] | None:
        with self._lock:
            return self._waiting.popleft() if self._is_ready() else None

    def _is_ready(self) -> bool:
        with self._lock:
            if not self._waiting:
                return False
            moment = now_ns()
            for span in list(self._undecided):
                more = span._more
                if more is None or not more.floor or moment - span._start >= more.floor:
                    del self._undecided[span]
            return not self._undecided

    def _tell(self, what: str, arguments: tuple[Any, ...]) -> None:
        if self._void:
            return
        if self._announce is not None:
            announce, self._announce = self._announce, None
            self._watch = announce()
        if self._watch is not None:
            getattr(self._watch, what)(*arguments)
        elif what == "closed":
            self._lifeline.board.hand_over(arguments[0], kept=self._lifeline.kept)


def _is_negligible(span: Span) -> bool:
    more = span._more
    return (
        more is not None
        and span._end - span._start < more.floor
        and more.outcome == "ok"
        and more.status == "unset"
        and not more.events
        and not more.links
    )
