"""The duration filter: leaves out spans with a `min_duration` that were short and uneventful.

While such a span is open and younger than that, it is undecided. Calls about its invocation are
held back, and dispatched in order after the decision. The children of a span that is left out
become children of its parent. A span is kept, whatever its duration, if its outcome is not `ok`, if
something was logged or recorded under it, or if its ids were read, because they may have been
propagated.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from heapq import heapify, heappop, heappush

from enterspan._model.clock import now_ns
from enterspan._model.threads import RLock, allocate_lock
from enterspan._model.weights import HELD_CALL, weight_of, weight_of_span
from enterspan._span.processor import Dispatch, SpanProcessor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

    from enterspan._model.failures import Failure
    from enterspan._span.span import Span

_FEW: Final = 16
"""How many decided spans may stay in the heap of due times."""


class _Held:
    """A call that is held back."""

    __slots__ = ("arguments", "method", "span", "weight")

    def __init__(
        self, method: str, span: Span | None, arguments: tuple[Any, ...], weight: int
    ) -> None:
        self.method = method
        self.span = span
        self.arguments = arguments
        self.weight = weight


class _Due:
    """The time from which on a span is old enough to be kept."""

    __slots__ = ("moment", "span")

    def __init__(self, span: Span, moment: int) -> None:
        self.span = span
        self.moment = moment

    def __lt__(self, other: _Due) -> bool:
        """The earlier one comes first."""
        return self.moment < other.moment


class DurationFilter(SpanProcessor):
    """Holds back calls to another processor, or spans for exporters only."""

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
        self._is_new = root is not None  # including the onset
        self._held: OrderedDict[_Held, None] = OrderedDict()
        self._of: dict[Span, list[_Held]] = {}  # the held calls of each undecided span
        self._parents: set[int] = set()  # the ids under which spans are held back
        self._moved: dict[int, int] = {}  # ids of left-out spans, and of their parents
        self._undecided: dict[Span, None] = {}
        # By the id of an undecided span, the left-out spans that have taken it, if still in use.
        self._taken: dict[int, weakref.WeakSet[Span]] = {}
        self._due: list[_Due] = []
        self._left_out = False
        self._lock = RLock()
        self._busy = allocate_lock()
        if root is not None:
            self._defer(root)

    def on_open(self, span: Span, parent: Span) -> None:
        """Hold the call back; the span may be undecided."""
        with self._lock:
            if span._details is not None and span._details.min_duration:
                self._defer(span)
            self._parents.add(span._parent_id)
        self._add("on_open", span, 0, parent)  # an open span is in use by the program

    def on_close(self, span: Span) -> None:
        """Hold the call back; if the span was undecided, decide."""
        with self._lock:
            own = span._span_id
            is_short = span in self._undecided and _is_negligible(span)
            is_left_out = is_short and self._leave_out(span)
            self._settle(span, own)
            if not is_left_out:
                self._hold("on_close", span, (span,), weight_of_span(span))
        self._go_on()

    def on_return(self, info: Any, moment: int) -> None:
        """Hold the call back."""
        self._add("on_return", None, weight_of(info), info, moment)

    def on_exception(self, span: Span, failure: Failure, moment: int) -> None:
        """Keep the span."""
        self._keep(span)
        self._add("on_exception", span, weight_of(failure), failure, moment)

    def on_event(self, span: Span, name: str, attributes: Mapping[str, Any], moment: int) -> None:
        """Keep the span."""
        self._keep(span)
        weight = weight_of(name) + weight_of(attributes)
        self._add("on_event", span, weight, name, attributes, moment)

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
        weight = weight_of(message) + weight_of(attributes)
        self._add("on_log", span, weight, level, message, attributes, truncated, moment)

    def on_end(self, outcome: str) -> None:
        """Decide about all spans."""
        with self._lock:
            self._keep_all()
        self._add("on_end", None, 0, outcome)

    # --- decisions ---

    def _defer(self, span: Span) -> None:
        self._undecided[span] = None
        self._taken[span._span_id] = weakref.WeakSet()
        heappush(self._due, _Due(span, span._start + span._details.min_duration))  # type: ignore[union-attr]

    def _settle(self, span: Span, own: int) -> None:
        """Mark a span as decided; *own* is the id that it had until then."""
        self._undecided.pop(span, None)
        self._of.pop(span, None)
        self._taken.pop(own, None)
        if len(self._due) > 2 * len(self._undecided) + _FEW:
            self._due = [due for due in self._due if due.span in self._undecided]
            heapify(self._due)

    def _keep(self, span: Span) -> None:
        with self._lock:
            if span in self._undecided:
                self._settle(span, span._span_id)

    def _keep_all(self) -> None:
        self._undecided.clear()
        self._due.clear()
        self._of.clear()
        self._taken.clear()

    def _add(self, method: str, span: Span | None, weight: int, *arguments: Any) -> None:
        with self._lock:
            self._hold(method, span, arguments if span is None else (span, *arguments), weight)
        self._go_on()

    def _hold(
        self, method: str, span: Span | None, arguments: tuple[Any, ...], weight: int
    ) -> None:
        """Hold a call back; above the limit of bytes, every undecided span is kept."""
        tracer = self._state.tracer
        weight += HELD_CALL
        if not tracer.held_back.take(weight, tracer.limits.queue_bytes):
            weight = 0
            self._keep_all()
        held = _Held(method, span, arguments, weight)
        self._held[held] = None
        if span is not None and span in self._undecided:
            self._of.setdefault(span, []).append(held)

    def _leave_out(self, span: Span) -> bool:
        """Remove a span's held calls; its children become children of its parent."""
        own = span._span_id
        parent = self._parent_of(span)  # its own may have been left out before
        if own == self._state.root_id:
            # A return alone is no reason to keep an invocation.
            if not self._is_new or any(item.method != "on_return" for item in self._held):
                return False  # a trace needs its root
            self._left_out = True
        elif own in self._parents:
            self._moved[own] = parent
        # For what is opened later in a context that holds it, or a span that was left out below it.
        below = self._taken.pop(own, ())
        for one in (span, *below):
            one._span_id = parent
        if parent in self._taken:
            self._taken[parent].update((span, *below))
        for held in self._of.get(span, ()):
            if self._held.pop(held, held) is None:
                self._state.tracer.held_back.give(held.weight)
        span._attributes = span._details = None
        return True

    def _go_on(self) -> None:
        """Dispatch the held calls once all spans are decided; one thread at a time."""
        while self._is_ready() and self._busy.acquire(blocking=False):
            try:
                while (held := self._next()) is not None:
                    if held.weight:
                        self._state.tracer.held_back.give(held.weight)
                    self._dispatch(held.method, held.arguments)
            finally:
                self._busy.release()

    def _next(self) -> _Held | None:
        with self._lock:
            if not self._is_ready():
                return None
            held, _ = self._held.popitem(last=False)
            if held.method == "on_open" and held.span is not None and self._moved:
                held.span._parent_id = self._parent_of(held.span)
            if not self._held:
                self._parents.clear()
                self._moved.clear()
            return held

    def _parent_of(self, span: Span) -> int:
        """Return the id of the nearest parent of a span that was not left out."""
        passed: list[int] = []
        found = span._parent_id
        while found in self._moved:
            passed.append(found)
            found = self._moved[found]
        for own in passed:  # a shortcut for the next lookup
            self._moved[own] = found
        return found

    def _is_ready(self) -> bool:
        with self._lock:
            if not self._held:
                return False
            if self._undecided:
                moment = now_ns()
                due = self._due
                while due and (due[0].moment <= moment or due[0].span not in self._undecided):
                    passed = heappop(due).span
                    self._settle(passed, passed._span_id)
                    due = self._due
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
    """Wrap the processor of an invocation in a duration filter; False if it is immediate."""
    with tracer.lock():
        dispatch = state.dispatch
        if dispatch is None:
            state.dispatch = Dispatch(DurationFilter(state, lambda: None), tracer)
        elif type(dispatch.processor) is not DurationFilter:
            inner = dispatch.processor
            if inner is not None and inner.is_immediate:
                return False
            dispatch.processor = DurationFilter(state, lambda: inner)
            dispatch.defers = True
            if not dispatch.unreported:
                dispatch.processor = None  # another thread has reported the outcome in the meantime
    return True
