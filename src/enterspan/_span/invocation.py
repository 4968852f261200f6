"""One unit of work: a request, a job, a message, a test, or a span opened without one.

It ends when its root span has ended, its `wait_until` futures have settled, and then no span is
open or its `linger` has elapsed; or when it is closed or garbage-collected.

Its spans reference the `InvocationState`, and so does every context that captured one of them. So
the state is emptied when the invocation ends. The user's `Invocation` object is made by the facade.
"""

from __future__ import annotations

import sys
import weakref

from enterspan._model.clock import now_ns, wall_ns
from enterspan._model.failures import is_expected
from enterspan._model.late import Late
from enterspan._span.context import DISABLED, ENDED, LIVE, REMOTE, SUPPRESSED, UNSAMPLED
from enterspan._span.details import Details, allocated, details_of
from enterspan._span.end import end_span, mark
from enterspan._span.min_duration import DurationFilter
from enterspan._span.processor import Dispatch, SpanProcessor
from enterspan._span.span import Span, StartedSpan
from enterspan._span.timers import call_later

TYPE_CHECKING = False
if not TYPE_CHECKING:
    typing = Late("typing")
    events = Late("enterspan.events")
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Literal, Protocol, TypeAlias

    from enterspan._model.failures import ExceptionTypes
    from enterspan._model.ids import SpanContext
    from enterspan._span.timers import Timer
    from enterspan._span.tracer import Tracer
    from enterspan.events import Attribute, EventInfo

    Given: TypeAlias = Callable[[], tuple[Attribute, ...]]
    """Makes the given attributes of a root for the stream."""
    Phase: TypeAlias = Literal["live", "ended", "unsampled", "disabled", "remote"]

    class Facade(Protocol):
        """The part of `Tracing` that makes `Invocation` objects."""

        def _hold(self, name: str, info: EventInfo | None, root: Span) -> Any: ...
        def flush(self, timeout: float | None = None) -> bool: ...


_KINDS: Final = {
    "fetch": "server",
    "connect": "server",
    "rpc": "server",
    "webSocket": "server",
    "queue": "consumer",
    "email": "consumer",
}


def kind_of(info: EventInfo | None) -> str:
    """Return the kind of the root span of an invocation with this info."""
    return _KINDS.get(getattr(info, "type", ""), "internal")


class Asked:
    """What keeps an explicit invocation open."""

    __slots__ = ("expected", "linger", "timer", "waits")

    def __init__(self, linger: float | None, expected: ExceptionTypes = ()) -> None:
        self.linger = linger
        self.expected = expected  # kept here: a root that has ended has no details any more
        self.timer: Timer | None = None
        self.waits: dict[_Wait, None] = {}


def _without_limit() -> Asked:
    return Asked(None)


class InvocationState:
    """The state that the spans of an invocation share."""

    __slots__ = (
        "__weakref__",
        "anchor",
        "asked",
        "captures",
        "dispatch",
        "handle",
        "id_text",
        "late_since",
        "open",
        "outcome",
        "phase",
        "root",
        "root_id",
        "sampled",
        "seen",
        "spans",
        "started",
        "trace_flags",
        "trace_id",
        "trace_state",
        "tracer",
    )

    # Set by stores in the functions below, which make all states.
    anchor: int  # added to the monotonic counter: nanoseconds since the epoch
    asked: Asked | None  # None for a span opened without an invocation
    captures: tuple[object, ...]  # the captures that it began in, if any
    dispatch: Dispatch | None  # None if only exporters record it
    handle: Any  # the user's `Invocation`, while it exists
    id_text: str | None  # made on first use
    late_since: int  # when the first invocation of a chain of late ones ended
    open: dict[Span, None] | None  # `spans`; None once nothing can be opened
    outcome: str
    phase: Phase
    root: Span | None  # while it is open
    root_id: int
    sampled: bool  # whether it is exported
    seen: Any  # the recorded exceptions, if any
    spans: dict[Span, None]  # the open spans, in order of their opening
    started: dict[int, weakref.ref[Span]] | None  # those from `start_span`, by address
    trace_flags: int
    trace_id: int
    trace_state: str
    tracer: Tracer

    @property
    def id(self) -> str:
        """The invocation's id: its root span's id."""
        if self.id_text is None:
            self.id_text = f"{self.root_id:016x}"
        return self.id_text

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.phase is ENDED

    @property
    def is_inherited(self) -> bool:
        """Whether it belongs to the parent of this forked process."""
        return self.dispatch is not None and self.dispatch.is_inherited

    # --- its spans ---

    def innermost(self, span: Span) -> Span | None:
        """Return the innermost open span among a span, its parent and the root."""
        if not span._end:
            return span
        if self.phase is not LIVE:
            return None
        for other in list(self.spans):
            if other._span_id == span._parent_id:
                return other
        root = self.root
        return None if root is None or root._end else root

    def move_started(self, span: Span) -> None:
        """Reference an open span weakly from now on, unless it has ended in the meantime."""
        if self.spans.pop(span, self) is None:
            self.list_started(span)

    def list_started(self, span: Span) -> None:
        """Add an open span by a weak reference: the caller owns it."""
        started: dict[int, weakref.ref[Span]] = allocated(self, "started", dict)
        started[id(span)] = weakref.ref(span)

    def claim_unlisted(self, span: Span) -> bool:
        """Remove an open span that is not in `spans`; False if it has ended already."""
        started = self.started
        if started and started.pop(id(span), None) is not None:
            return True
        if self.phase is UNSAMPLED:
            self.phase = ENDED  # only its root can end here: no other span was recorded
        return False

    def drop(self, span: Span) -> None:
        """End a span that was garbage-collected."""
        details_of(span).outcome = "abandoned"
        end_span(span)

    def abandon_below(self, root: Span | None, moment: int) -> None:
        """End all open spans except the root, innermost first."""
        spans, started = list(self.spans), self.started
        if not spans and not started:
            return
        if started:
            spans += [span for ref in list(started.values()) if (span := ref()) is not None]
            spans.sort(key=_start_of)
        for span in reversed(spans):
            if span is not root and self.claim(span):
                self._abandon(span, moment, "abandoned")

    def claim(self, span: Span) -> bool:
        """Remove a span from the open ones; False if it has ended already."""
        return self.spans.pop(span, self) is None or self.claim_unlisted(span)

    def _abandon(self, span: Span, moment: int, outcome: str) -> None:
        details_of(span).outcome = outcome
        dispatch = self.dispatch
        if dispatch is not None:
            dispatch.close(span, self, moment, True)
            return
        span._end = moment
        if self.sampled:
            self.tracer.hand_over(span)

    # --- its end ---

    def settle(self, moment: int) -> None:
        """End the invocation if nothing keeps it open."""
        if self.phase is not LIVE:
            return
        asked = self.asked
        if asked is None:
            if self.spans or self.started:
                return
            if self.dispatch is not None:
                self.finish()
                return
            # The usual case of `finish`: nothing to report.
            self.phase = ENDED
            self.late_since = self.late_since or moment
            self.open = self.root = self.seen = self.handle = None
            return
        root = self.root
        if root is None or not root._end or asked.waits:
            return
        if asked.linger == 0 or not (self.spans or self.started):
            self.finish()
        elif asked.linger is not None and asked.timer is None:
            asked.timer = call_later(asked.linger, self._expire)

    def _expire(self) -> None:
        asked = self.asked
        if asked is not None:
            asked.timer = None
            if not asked.waits:
                self.finish()

    def finish(self, outcome: str | None = None) -> None:
        """End the invocation: abandon open spans, report the outcome, release everything."""
        if self.phase is not LIVE:
            if self.phase is UNSAMPLED:
                self.phase = ENDED
            self._release()
            return
        dispatch = self.dispatch
        if dispatch is not None and not dispatch.is_first_to_finish():
            return  # another thread ends it
        moment = now_ns()
        self.phase = ENDED
        self.late_since = self.late_since or moment
        self.open = None
        root = self.root
        if outcome is not None:
            self.outcome = outcome
        elif root is not None and not root._end:
            self.outcome = "abandoned"
        try:
            self.abandon_below(root, moment)
            if root is not None and not root._end and self.claim(root):
                self._abandon(root, moment, self.outcome)
            self.abandon_below(None, moment)
        finally:
            dispatch, self.dispatch = self.dispatch, None  # added in the meantime, if any
            self._release()
            if dispatch is not None:
                dispatch.end(self.outcome)

    def _release(self) -> None:
        asked, self.asked = self.asked, None
        if asked is not None:
            for wait in list(asked.waits):
                wait.state = None
            timer = asked.timer
            if timer is not None:
                timer.cancel()
        self.root = self.seen = self.handle = None

    def __del__(self) -> None:
        """End an invocation that was garbage-collected."""
        if getattr(self, "phase", None) is LIVE:
            self.tracer.collect(self.finish)

    # --- what it waits for ---

    def wait_for(self, future: Any) -> None:
        """Delay the outcome until a future has settled."""
        if self.phase is LIVE:
            asked: Asked = allocated(self, "asked", _without_limit)
            wait = _Wait(self)
            asked.waits[wait] = None
            try:
                future.add_done_callback(wait)
            except BaseException:  # the event loop of a settled future may be closed
                asked.waits.pop(wait, None)
                raise

    def settled(self, wait: _Wait, future: Any) -> None:
        """Note that a future that the invocation waits for has settled."""
        asked = self.asked
        if asked is None or asked.waits.pop(wait, self) is self:
            return
        error = failure_of(future)
        moment = now_ns()
        root = self.root
        if error is not None and root is not None and not is_expected(error, asked.expected):
            outcome = self.outcome
            mark(root, error, moment, keep=outcome == "ok")
            if outcome != "ok":
                self.outcome = outcome  # the first failure wins
        self.settle(moment)

    def place_of_late(self, span: Span) -> tuple[SpanContext | None, SpanContext | None]:
        """The parent and the link of a span that is opened under a span of an ended invocation.

        For `late` seconds it is a child; after that it is linked.
        """
        context = span.context
        if not context.span_id:  # its trace was left out: it was shorter than its `min_duration`
            return None, None
        if now_ns() - self.late_since < self.tracer.late_ns:
            return context, None
        return None, context


def _start_of(span: Span) -> int:
    return span._start


class _Wait:
    """The callback of a future; a future that never settles keeps no invocation alive."""

    __slots__ = ("state",)

    def __init__(self, state: InvocationState) -> None:
        self.state: InvocationState | None = state

    def __call__(self, future: Any) -> None:
        """Report the future as settled, if the invocation is still open."""
        state, self.state = self.state, None
        if state is not None:
            state.settled(self, future)


def failure_of(future: Any) -> BaseException | None:
    """Return the exception of a done future; asyncio will still log it as never retrieved."""
    if future.cancelled():
        module = sys.modules.get("asyncio") or sys.modules["concurrent.futures"]
        return module.CancelledError()  # type: ignore[no-any-return]
    missing = object()
    error = getattr(future, "_exception", missing)
    if error is missing:
        error = future.exception()
    return error if isinstance(error, BaseException) else None


class RootSpan(Span):
    """The root of an explicit invocation."""

    __slots__ = ()
    _answers = False

    def end(self) -> None:
        """End the span, and the invocation if nothing keeps it open; a second call does nothing."""
        if not self._end:
            _end_root(self, None, now_ns())


def _end_root(root: Span, error: BaseException | None, moment: int) -> None:
    """End a root; with `linger=0` and nothing to wait for, spans below it are ended first."""
    state: InvocationState = root._state
    asked = state.asked
    try:
        if error is not None and not root._end:
            mark(root, error, moment)
        if asked is not None and asked.linger == 0 and not asked.waits:
            state.abandon_below(root, moment)
    finally:
        end_span(root, None, False, moment)
        state.settle(moment)


def exit_root(root: Span, error: BaseException | None = None) -> None:
    """Leave an invocation's block or body: restore what was current before, and end the root."""
    state: InvocationState = root._state
    tracer = state.tracer
    moment = now_ns()
    try:
        if tracer.ambient:
            tracer.remove_ambient(root)
        if tracer.get() is root:
            tracer.detach(root)
        if error is None and state.dispatch is not None:
            state.dispatch.answer(None, moment)
    finally:
        if state.phase is LIVE:
            _end_root(root, error, moment)
        else:
            state.finish()
        tracer.detach(root, error is not None)  # including the entries above it, which have ended


# --- the beginning --------------------------------------------------------------------------------


def start_root(
    tracer: Tracer,
    name: str,
    attributes: dict[str, Any] | None,
    details: Details | None,
    parent: SpanContext | None,
    link: SpanContext | None = None,
    late_since: int = 0,
    info: EventInfo | None = None,
    given: Given = tuple,
    asked: Asked | None = None,
    make: type[Span] = Span,
) -> Span:
    """Begin an invocation: create its state and its root span, which is not yet current.

    If it is not recorded, the root is marked as ended, and its state says why.
    """
    bits = tracer.bits
    state = InvocationState()
    state.tracer = tracer
    state.seen = state.started = state.id_text = state.dispatch = state.handle = None
    state.late_since = late_since
    state.outcome = "ok"
    state.captures = tracer.captures()
    state.asked = asked
    root = make()
    root._name = name
    root._state = state
    root._attributes = attributes
    root._details = details
    root._token = root._detached_to = root._memo = None
    state.root_id = root._span_id = bits(64)
    if parent is None:
        state.trace_id = bits(128)
        state.trace_state = ""
        root._parent_id = 0
        flags = 0
    else:
        state.trace_id = parent.trace_id
        state.trace_state = parent.trace_state
        root._parent_id = parent.span_id
        flags = parent.trace_flags & ~1
    state.sampled = tracer.is_sampled(parent, state.trace_id, name, attributes)
    state.trace_flags = flags | state.sampled
    state.root = root
    state.spans = {}
    if tracer.off or (asked is not None and tracer.get() is SUPPRESSED):
        return _unrecorded(root, state, DISABLED)
    root._end = 0
    root._start = moment = now_ns()
    state.anchor = wall_ns() - moment
    state.open = state.spans
    state.spans[root] = None
    state.phase = LIVE
    processor = _processor_of(tracer, state, root, parent, link, info, given)
    if processor is not None:
        state.dispatch = Dispatch(processor, tracer)
        tracer.invocations.add(state)  # a stream always has an outcome
    elif not (state.sampled and tracer.exporting):
        return _unrecorded(root, state, UNSAMPLED)
    elif asked is not None:
        tracer.invocations.add(state)
    if link is not None:
        root.add_link(link)
    if parent is not None and parent.is_remote:
        details_of(root).parent_is_remote = True
    if issubclass(make, StartedSpan):
        state.move_started(root)
    return root


def _processor_of(
    tracer: Tracer,
    state: InvocationState,
    root: Span,
    parent: SpanContext | None,
    link: SpanContext | None,
    info: EventInfo | None,
    given: Given,
) -> SpanProcessor | None:
    """Make the processor of an invocation; None if only exporters record it, or nothing does."""
    if tracer.bridge is not None:
        return tracer.bridge.processor_for(state, root, parent, link, info, given())  # type: ignore[no-any-return]
    details = root._details
    if details is not None and details.min_duration and not tracer.off:
        pairs = given()
        return DurationFilter(
            state, lambda: tracer.processor_for(state, root, parent, info, pairs), root
        )
    if not tracer.subscribed:
        tracer.sweep()
        return None
    return tracer.processor_for(state, root, parent, info, given())  # type: ignore[no-any-return]


def start_plain_root(tracer: Tracer, name: str, attributes: dict[str, Any] | None) -> Span:
    """`start_root` for the usual case: a new trace that only exporters record."""
    state = InvocationState()
    root = Span()
    bits = tracer.bits
    state.tracer = tracer
    state.seen = state.started = state.id_text = None
    state.dispatch = state.handle = state.asked = None
    state.captures = ()
    state.late_since = 0
    state.outcome = "ok"
    state.root_id = root._span_id = bits(64)
    state.trace_id = bits(128)
    state.trace_state = ""
    state.trace_flags = 1
    state.sampled = True
    state.root = root
    root._name = name
    root._state = state
    root._attributes = attributes
    root._parent_id = root._end = 0
    root._details = root._detached_to = root._memo = None
    state.open = state.spans = {root: None}
    state.phase = LIVE
    root._start = moment = now_ns()
    state.anchor = wall_ns() - moment
    return root


def _unrecorded(root: Span, state: InvocationState, phase: Phase) -> Span:
    state.open = state.root = None
    state.anchor = 0
    state.spans.clear()
    state.phase = phase
    root._start = 0
    root._end = 1
    root._attributes = root._details = None
    return root


def remote_span(tracer: Tracer, context: SpanContext, make: type[Span] = Span) -> Any:
    """Make a placeholder for a span of another process: spans opened under it are its children.

    It is marked as ended, and is recorded in its own process only.
    """
    state = InvocationState()
    state.tracer = tracer
    state.seen = state.started = state.id_text = state.dispatch = state.handle = None
    state.asked = state.root = state.open = None
    state.late_since = state.anchor = 0
    state.captures = ()
    state.outcome = "ok"
    state.sampled = False
    state.root_id = context.span_id
    state.trace_id = context.trace_id
    state.trace_flags = context.trace_flags
    state.trace_state = context.trace_state
    state.spans = {}
    state.phase = REMOTE
    span = make()
    span._name = "remote"
    span._state = state
    span._span_id = context.span_id
    span._parent_id = span._start = 0
    span._end = 1
    span._attributes = span._details = span._token = span._detached_to = span._memo = None
    return span
