"""One unit of work that somebody asked for: a request, a job, a message, a test.

It is over when its root span has ended, what it was told to wait for has settled, and then none of
its spans is open, or its `linger` has run out; or when it is closed; or when it is garbage.
"""

from __future__ import annotations

import sys

from enterspan._model import failures as _failures
from enterspan._model.clock import now_ns
from enterspan._model.values import clean_text
from enterspan._span.context import State
from enterspan._span.lifeline import new_root, visible
from enterspan._span.span import NOOP_SPAN, Span, end_span, keep_event, rare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, Protocol

    from enterspan._model.ids import SpanContext
    from enterspan._span.lifeline import Lifeline
    from enterspan._span.span import Rare
    from enterspan._span.switchboard import Switchboard
    from enterspan._span.timers import Timer
    from enterspan._tracing import Tracing
    from enterspan.events import Attribute, EventInfo, FetchResponseInfo

    class _Settles(Protocol):
        """A future of any kind."""

        def add_done_callback(self, fn: Callable[[object], object], /) -> object: ...


_KINDS = {
    "fetch": "server",
    "connect": "server",
    "rpc": "server",
    "webSocket": "server",
    "queue": "consumer",
    "email": "consumer",
}


def kind_of(info: EventInfo | None) -> str:
    """The kind of the root span of an invocation that is about this."""
    return _KINDS.get(getattr(info, "type", ""), "internal")


class RootSpan(Span):
    """The root of an invocation that somebody asked for: its end says so to the invocation."""

    __slots__ = ()

    def end(self) -> None:
        """End the span; a second time does nothing."""
        if not self._end:
            end_root(self, self._lifeline.origin, now_ns())


def end_root(root: Span, lifeline: Lifeline, moment: int) -> None:
    """End the root, and with it, if nothing holds it up, the invocation."""
    invocation = lifeline.invocation
    if invocation is None:
        end_span(root, lifeline, moment)
    else:
        invocation.end_root(root, moment)


class Invocation:
    """One unit of work, from its onset to its outcome."""

    __slots__ = (
        "__weakref__",
        "_lifeline",
        "_linger",
        "_returned",
        "_root",
        "_timer",
        "_waits",
        "info",
        "name",
        "tracing",
    )

    def __init__(  # internal
        self, tracing: Tracing, name: str, info: EventInfo | None, linger: float | None
    ) -> None:
        self.tracing = tracing
        """The Tracing that made it."""
        self.name = name
        """What it is called; the root span's first name."""
        self.info = info
        """What it is about, if it was told."""
        self._linger = linger
        self._returned = False
        self._timer: Timer | None = None
        self._waits: dict[_Wait, None] = {}
        self._root: Span
        self._lifeline: Lifeline

    @property
    def id(self) -> str:
        """What names it in every event and every finished span."""
        return self._lifeline.id

    @property
    def span(self) -> Span:
        """The root span; the no-op span where nothing is recorded."""
        return visible(self._root)

    def __repr__(self) -> str:
        """Show the name, the id and the state."""
        return f"<Invocation {self.name!r} {self.id} {self._lifeline.state.word}>"

    def begin(  # internal
        self,
        board: Switchboard,
        attributes: dict[str, Any] | None,
        more: Rare | None,
        parent: SpanContext | None,
        link: SpanContext | None,
        given: tuple[Attribute, ...],
    ) -> Span:
        """Open the root span."""
        kind = kind_of(self.info)
        root = new_root(
            board, self.name, attributes, more, parent, link, self.info, given, self, RootSpan
        )
        self._root = root
        self._returned = False
        self._lifeline = root._lifeline.origin
        if self._lifeline.state is State.LIVE:
            if kind != "internal":
                rare(root).kind = kind
            board.invocations.add(self)
        else:
            self._lifeline.invocation = self
        return root

    def adopt(self, lifeline: Lifeline, root: Span) -> Invocation:  # internal
        """Become the invocation that a span began by itself."""
        self._lifeline = lifeline
        self._root = root
        lifeline.invocation = self
        return self

    # --- the end ---

    def set_return(self, info: FetchResponseInfo | None = None) -> None:
        """Say that the handler has answered; the invocation may live on. Only the first counts."""
        watch = self._lifeline.watch
        if not self._returned:
            self._returned = True
            if watch is not None:
                watch.returned(info, now_ns())

    def wait_until(self, awaitable: Awaitable[object] | _Settles) -> None:
        """Hold the outcome back until this has settled; nobody else waits for it.

        If it fails, that is the invocation's outcome, and the exception is reported on its root. A
        coroutine is run as a task of the running event loop (RuntimeError without one); what can't
        be waited for is a TypeError.
        """
        future: Any = awaitable
        if not hasattr(future, "add_done_callback"):
            if not hasattr(future, "__await__"):
                raise TypeError(f"wait_until takes an awaitable or a future, not {awaitable!r}")
            from asyncio import ensure_future, get_running_loop

            future = ensure_future(awaitable, loop=get_running_loop())  # type: ignore[arg-type]
        if self._lifeline.state is not State.LIVE:
            return
        wait = _Wait(self)
        self._waits[wait] = None
        future.add_done_callback(wait)

    def settled(self, wait: _Wait, future: Any) -> None:  # internal
        """What it was told to wait for has settled."""
        if self._waits.pop(wait, self) is self:
            return
        error = failure_of(future)
        if error is not None:
            self._failed_late(error)
        self.settle()

    def _failed_late(self, error: BaseException) -> None:
        lifeline = self._lifeline
        outcome = _failures.outcome_of(error)
        if outcome == "ok" or lifeline.state is not State.LIVE:
            return
        if lifeline.outcome == "ok":
            lifeline.outcome = outcome
            if not self._root._end:
                rare(self._root).outcome = outcome
        if outcome != "exception":
            return
        if not self._root._end and (more := rare(self._root)).status != "error":
            more.status = "error"
            more.description = _failures.summary(error, lifeline.board.limits)
        if not _failures.is_remembered(lifeline, error, self._root._start):
            report(self._root, lifeline, error, now_ns())

    def end_root(self, root: Span, moment: int) -> None:  # internal
        """The root is at its end; with `linger=0` and nothing to wait for, so is all below it."""
        lifeline = self._lifeline
        if self._linger == 0 and not self._waits:
            lifeline.close_below(root, moment)
        end_span(root, lifeline, moment)
        self.settle()

    def settle(self) -> None:  # internal
        """See whether it is over."""
        lifeline = self._lifeline
        if not self._root._end or self._waits or lifeline.state is not State.LIVE:
            return
        if not lifeline.open or self._linger == 0:
            self._finish(None)
        elif self._linger is not None and self._timer is None:
            from enterspan._span.timers import call_later

            self._timer = call_later(self._linger, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if not self._waits:
            self._finish(None)

    def abandon(self) -> None:  # internal
        """End it because nobody can any more."""
        self._finish(None)

    def _finish(self, outcome: str | None) -> None:
        for wait in list(self._waits):
            wait.invocation = None
        self._waits.clear()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        lifeline = self._lifeline
        if lifeline.state is State.LIVE:
            lifeline.finish(outcome)
        else:
            if lifeline.state is State.UNSAMPLED:
                lifeline.state = State.OVER
            lifeline.invocation = None

    def close(self, outcome: str | None = None) -> None:
        """End it now, with an outcome of your own or the one that it would have had."""
        text = None if outcome is None else clean_text(outcome, 256)
        self._finish(text or self._lifeline.outcome)


class _Wait:
    """What a future calls when it has settled; one that never does holds no invocation."""

    __slots__ = ("invocation",)

    def __init__(self, invocation: Invocation) -> None:
        self.invocation: Invocation | None = invocation

    def __call__(self, future: Any) -> None:
        """Tell the invocation, if it is still open."""
        invocation, self.invocation = self.invocation, None
        if invocation is not None:
            invocation.settled(self, future)


def report(span: Span, lifeline: Lifeline, error: BaseException, moment: int) -> None:
    """Put an exception on a span as an event of a moment.

    It is remembered last: where the stack is too short for all of this, an outer span will do it.
    """
    failure = _failures.describe(error, lifeline.board.limits)
    if lifeline.watch is not None:
        lifeline.watch.exception(span, failure, moment)
    if not span._end:
        keep_event(span, "exception", moment, _failures.semantic(failure), always=True)
    _failures.remember(lifeline, error)


def failure_of(future: Any) -> BaseException | None:
    """The exception of a future that is done, without telling asyncio that somebody saw it."""
    try:
        if future.cancelled():
            module = sys.modules.get("asyncio") or sys.modules["concurrent.futures"]
            return module.CancelledError()  # type: ignore[no-any-return]
        missing = object()
        error = getattr(future, "_exception", missing)
        if error is missing:
            error = future.exception()
        return error if isinstance(error, BaseException) else None
    except Exception:
        return None


def current_invocation(tracing: Tracing, span: Span | None) -> Invocation | None:
    """The invocation of the current span, while it lives."""
    if span is None or span is NOOP_SPAN:
        return None
    lifeline = span._lifeline.origin
    found: Invocation | None = lifeline.invocation
    if found is not None or lifeline.state is not State.LIVE:
        return found
    root = lifeline.root
    if root is None:
        return None
    return Invocation(tracing, root._name, None, None).adopt(lifeline, root)
