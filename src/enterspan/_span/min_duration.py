"""The duration filter: spans with a `min_duration` are left out if they were short and uneventful.

While such a span is open and not yet old enough, it is undecided. What happens in its invocation
meanwhile is held back, and then dispatched in order, as if it had just happened. The children of a
span that is left out become its parent's. A span is kept whatever its duration if it did not end
well, if something was logged or recorded under it, or if its ids have been read, because they may
have been sent elsewhere.
"""

from __future__ import annotations

import threading
from collections import deque

from enterspan._model.clock import now_ns
from enterspan._span.processor import Dispatch, SpanProcessor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

    from enterspan._model.failures import Failure
    from enterspan._span.span import Span

_HELD_MOST: Final = 10_000
"""How many calls are held back; with more, every undecided span is kept."""


class DurationFilter(SpanProcessor):
    """Stands before another processor, or before the exporters alone, and holds calls back."""

    defers = True

    def __init__(
        self,
        state: Any,
        make_inner: Callable[[], SpanProcessor | None],
        root: Span | None = None,
    ) -> None:
        self._state = state
        self._make_inner: Callable[[], SpanProcessor | None] | None = make_inner
        self._inner: SpanProcessor | None = None
        self._is_new = root is not None  # the onset is held back, too
        self._held: deque[tuple[str, Span | None, tuple[Any, ...]]] = deque()
        self._undecided: dict[Span, None] = {} if root is None else {root: None}
        self._left_out = False
        self._lock = threading.RLock()
        self._busy = threading.Lock()

    def on_open(self, span: Span, parent: Span) -> None:
        """Hold it back; the span may be undecided."""
        if span._details is not None and span._details.min_duration:
            with self._lock:
                self._undecided[span] = None
        self._add("on_open", span, parent)

    def on_close(self, span: Span) -> None:
        """Hold it back; if the span was undecided, decide."""
        with self._lock:
            held = self._held
            if held and held[-1][:2] == ("on_open", span) and self._is_left_out(span):
                held.pop()  # the usual case: nothing has happened since it was opened
            else:
                held.append(("on_close", span, (span,)))
                if span in self._undecided:
                    del self._undecided[span]
                    if _is_negligible(span):
                        self._leave_out(span)
        self._go_on()

    def on_return(self, info: Any, moment: int) -> None:
        """Hold it back."""
        self._add("on_return", None, info, moment)

    def on_exception(self, span: Span, failure: Failure, moment: int) -> None:
        """Keep the span."""
        self._keep(span)
        self._add("on_exception", span, failure, moment)

    def on_event(self, span: Span, name: str, attributes: Mapping[str, Any], moment: int) -> None:
        """Keep the span."""
        self._keep(span)
        self._add("on_event", span, name, attributes, moment)

    def on_log(
        self,
        span: Span,
        level: str,
        message: str,
        attributes: Mapping[str, Any],
        truncated: bool,
        moment: int,
    ) -> None:
        """Keep the span."""
        self._keep(span)
        self._add("on_log", span, level, message, attributes, truncated, moment)

    def on_end(self, outcome: str) -> None:
        """Decide everything."""
        with self._lock:
            self._undecided.clear()
        self._add("on_end", None, outcome)

    # --- how it decides ---

    def _keep(self, span: Span) -> None:
        with self._lock:
            self._undecided.pop(span, None)

    def _add(self, method: str, span: Span | None, *arguments: Any) -> None:
        whole = arguments if span is None else (span, *arguments)
        with self._lock:
            self._held.append((method, span, whole))
            if len(self._held) > _HELD_MOST:
                self._undecided.clear()
        self._go_on()

    def _is_left_out(self, span: Span) -> bool:
        """Leave out a span below which there is nothing; False if it is kept."""
        if span not in self._undecided or not _is_negligible(span):
            return False
        del self._undecided[span]
        span._span_id = span._parent_id
        span._attributes = span._details = None
        return True

    def _leave_out(self, span: Span) -> None:
        """Remove a span from what is held back; its children become its parent's."""
        own = span._span_id
        others = [item for item in self._held if item[1] is not span]
        if own == self._state.root_id:
            # An answer alone does not make an invocation worth reporting.
            if not self._is_new or any(item[0] != "on_return" for item in others):
                return  # a trace needs its root
            self._left_out = True
        else:
            for method, child, _ in others:
                if method == "on_open" and child is not None and child._parent_id == own:
                    child._parent_id = span._parent_id
            span._span_id = span._parent_id  # for children that are opened under it later
        self._held = deque(others)
        span._attributes = span._details = None

    def _go_on(self) -> None:
        """Dispatch what is held back if everything is decided; by one thread at a time."""
        while self._is_ready() and self._busy.acquire(blocking=False):
            try:
                while (item := self._next()) is not None:
                    self._dispatch(item[0], item[2])
            finally:
                self._busy.release()

    def _next(self) -> tuple[str, Span | None, tuple[Any, ...]] | None:
        with self._lock:
            return self._held.popleft() if self._is_ready() else None

    def _is_ready(self) -> bool:
        with self._lock:
            if not self._held:
                return False
            moment = now_ns()
            for span in list(self._undecided):
                details = span._details
                least = 0 if details is None else details.min_duration
                if moment - span._start >= least:
                    del self._undecided[span]
            return not self._undecided

    def _dispatch(self, method: str, arguments: tuple[Any, ...]) -> None:
        if self._left_out:
            return
        if self._make_inner is not None:
            make, self._make_inner = self._make_inner, None
            self._inner = make()
        if self._inner is not None:
            getattr(self._inner, method)(*arguments)
        if method == "on_close":
            span = arguments[0]
            if self._state.sampled:
                self._state.tracer.hand_over(span)
            else:
                span._attributes = span._details = None


def _is_negligible(span: Span) -> bool:
    details = span._details
    return (
        details is not None
        and span._end - span._start < details.min_duration
        and details.outcome == "ok"
        and details.status == "unset"
        and not details.events
        and not details.links
    )


def hold_back(tracer: Any, state: Any) -> bool:
    """Put a duration filter before the processor of an invocation; False if it is immediate."""
    with tracer.wiring:
        dispatch = state.dispatch
        if dispatch is None:
            state.dispatch = Dispatch(DurationFilter(state, lambda: None), tracer)
        elif type(dispatch.processor) is not DurationFilter:
            inner = dispatch.processor
            if inner is not None and inner.is_immediate:
                return False
            dispatch.processor = DurationFilter(state, lambda: inner)
            dispatch.defers = True
    return True
