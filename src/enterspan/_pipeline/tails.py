"""Live tails: their subscriptions, and the stream of each invocation that each tail gets.

The thread that puts an event on an inline stream delivers the queued events, unless another thread
is delivering, which then delivers this event, too: events stay in order, and no thread waits for a
tail that another one has called. The queue is bounded in bytes, and the number of events that a
thread delivers for others is limited.
"""

from __future__ import annotations

from collections import deque
from inspect import (
    CO_ASYNC_GENERATOR,
    CO_GENERATOR,
    isasyncgenfunction,
    iscoroutinefunction,
    isgeneratorfunction,
)
from types import FunctionType, MethodType

from enterspan._model.budget import Budget
from enterspan._model.clock import check_seconds
from enterspan._model.diagnostics import warn_once
from enterspan._model.frozen import HAS_GIL, twin
from enterspan._model.interrupts import is_interrupt
from enterspan._model.threads import RLock
from enterspan._model.values import safe_repr
from enterspan._model.weights import (
    STREAM_EVENT,
    weight_of_all_attributes,
    weight_of_closing,
    weight_of_diagnostic,
    weight_of_event,
    weight_of_log,
    weight_of_onset,
    weight_of_opening,
)
from enterspan._pipeline.subscription import Stats, Subscription, key_of
from enterspan._pipeline.worker import Worker
from enterspan._span.context import SUPPRESSED
from enterspan.events import (
    Attributes,
    DiagnosticChannel,
    DroppedEvents,
    Exception_,
    Log,
    Onset,
    Outcome,
    Return,
    SpanClose,
    SpanOpen,
    StreamDiagnostic,
    TailEvent,
    TailSpanContext,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final, TypeAlias

    from enterspan._pipeline.subscribers import Subscribers

    Handlers: TypeAlias = Mapping[type, Callable[[Any], Any] | None]
    """The handlers by kind of event."""

_METHODS: Final = {
    SpanOpen: "span_open",
    Attributes: "attributes",
    Log: "log",
    Exception_: "exception",
    DiagnosticChannel: "diagnostic_channel",
    SpanClose: "span_close",
    Return: "return_",
    StreamDiagnostic: "stream_diagnostic",
    Outcome: "outcome",
}
_NEVER_DROPPED: Final = (Return, Outcome)
_WEIGHED: Final[Mapping[type, Callable[[Any], int]]] = {
    Onset: weight_of_onset,
    SpanOpen: weight_of_opening,
    SpanClose: weight_of_closing,
    Attributes: weight_of_all_attributes,
    Log: weight_of_log,
    DiagnosticChannel: weight_of_diagnostic,
}
"""The weighing functions of the most frequent events; others use `weight_of_event`."""
_ROOM: Final = 2 * STREAM_EVENT
"""Added to the weight of a queued onset: room for the events that are never dropped."""
_SHARE: Final = 1_000
"""How many events of other threads a thread delivers in a row."""
_TAIL_DELAY: Final = 0.01
"""Seconds for which events for a background tail are collected before delivery."""
_TailEvent = twin(TailEvent)
_TURN: Final = [None]
_LAZY: Final = (iscoroutinefunction, isasyncgenfunction, isgeneratorfunction)
"""Functions whose body does not run when they are called."""
_GENERATORS: Final = CO_GENERATOR | CO_ASYNC_GENERATOR


class TailHandler:
    """The base class of handlers that are objects: each method does nothing unless overridden.

    Decorate each method with `@typing.override` (`typing_extensions.override` before Python 3.12)
    to make a misspelt name an error in type checkers.
    """

    def span_open(self, event: TailEvent[SpanOpen], /) -> None:
        """A span below the root opens."""

    def attributes(self, event: TailEvent[Attributes], /) -> None:
        """The attributes of a span, right before it closes."""

    def log(self, event: TailEvent[Log], /) -> None:
        """A message was logged."""

    def exception(self, event: TailEvent[Exception_], /) -> None:
        """An exception left a span, or was recorded on it."""

    def diagnostic_channel(self, event: TailEvent[DiagnosticChannel], /) -> None:
        """An event was added to a span."""

    def span_close(self, event: TailEvent[SpanClose], /) -> None:
        """A span has ended."""

    def return_(self, event: TailEvent[Return], /) -> None:
        """The handler has returned."""

    def stream_diagnostic(self, event: TailEvent[StreamDiagnostic], /) -> None:
        """A report about the stream itself, such as dropped events."""

    def outcome(self, event: TailEvent[Outcome], /) -> None:
        """The invocation has ended; nothing follows."""


class TailSubscription(Subscription):
    """The subscription of one tail."""

    def __init__(
        self,
        subscribers: Subscribers,
        tail: Callable[[TailEvent[Onset]], Any],
        *,
        inline: bool,
        key: object = None,
    ) -> None:
        self.tracer = subscribers.tracer
        self.tail = tail
        self._lock = RLock()  # reentrant for signal handlers
        self._delivered = 0  # by ended streams; open ones have their own counts
        self._dropped = 0
        self._failed = 0
        self._unreported = 0
        self._delivered_of_batch = 0  # they count as waiting until the batch is delivered
        self.aside = Budget()  # queued for an inline tail
        self.left: dict[Stream, None] = {}  # streams of an inline tail with queued events
        self.streams: set[Stream] = set()  # of accepted invocations that are still open
        self.is_retired = False
        worker = None
        if not inline:
            worker = Worker(
                self.tracer.suppressed,
                self._deliver_batch,
                "tail",
                _TAIL_DELAY,
                rest=self._rest,
                prompt=True,
            )
        super().__init__(subscribers, worker, key_of(tail, key))

    @property
    def stats(self) -> Stats:
        """Counts of events: `exported` were delivered, for `failed` ones the tail raised."""
        waiting = self.worker.waiting - self._delivered_of_batch if self.worker is not None else 0
        with self._lock:
            delivered = self._delivered + sum([each.delivered for each in list(self.streams)])
            dropped, failed = self._dropped, self._failed
        return Stats(delivered + dropped + failed + waiting, delivered, dropped, failed)

    def accept(self, onset: TailEvent[Onset], stream: Stream) -> Handlers | None:
        """Call the tail with an onset; return its handlers, or None if it declines."""
        try:
            handler = self.tracer.suppressed(self.tail, onset)
            stream.delivered += 1
            return self._handlers(handler)
        except BaseException as error:
            self.has_raised(error)
            return None

    def _handlers(self, handler: Any) -> Handlers | None:
        if handler is None:
            return None
        # Without a call of a Python function: the stack may be nearly exhausted.
        function = handler.__func__ if type(handler) is MethodType else handler
        is_lazy = type(function) is FunctionType and function.__code__.co_flags & _GENERATORS
        if callable(handler) and not is_lazy:
            return dict.fromkeys(_METHODS, handler)
        methods = {kind: _method(handler, name) for kind, name in _METHODS.items()}
        if not any(methods.values()):
            _close_if_awaitable(handler)
            shown = safe_repr(handler, 200)
            warn_once(self.tail, "tail", TypeError(f"{shown} can't handle events"))
            return None
        return methods

    def has_raised(self, error: BaseException) -> None:
        """Count and report an exception of the tail, which is stopped for this invocation.

        An exception that interrupts the program is re-raised: an inline tail runs on its thread.
        """
        if self.worker is None and is_interrupt(error):
            raise error
        with self._lock:
            self._failed += 1
        warn_once(self.tail, "tail", error, "and is stopped for this invocation")

    def has_lost(self, error: BaseException) -> bool:
        """Whether a handler reports lost events (`error.lost`) and continues.

        Events that were counted as delivered may turn out to be lost later.
        """
        lost = getattr(error, "lost", None)
        if type(lost) is not int or lost < 1 or not isinstance(error, Exception):
            return False
        with self._lock:
            self._failed += lost
            self._delivered -= lost - 1
        warn_once(self.tail, "tail", error, "and goes on; what is lost is counted as failed")
        return True

    def has_to_await(self, result: object) -> bool:
        """Whether a handler returned an awaitable, which is never awaited."""
        if not _close_if_awaitable(result):
            return False
        warn_once(self.tail, "tail", TypeError("a handler must not be a coroutine function"))
        return True

    def drop(self, count: int = 1, *, unreported: bool = False, of: Stream | None = None) -> None:
        """Count dropped events; those without a stream are reported in the next one."""
        with self._lock:
            self._dropped += count
            if unreported:
                self._unreported += count
            if of is not None:
                of.dropped += count

    def unreported(self, stream: Stream) -> int:
        """Return, and mark as reported, the number of dropped events to report in a stream."""
        with self._lock:
            count, self._unreported = self._unreported + stream.dropped, 0
            stream.dropped = 0
        return count

    def let_go(self, stream: Stream) -> None:
        """Take over the counts of a stream that has ended."""
        with self._lock:
            self._delivered += stream.delivered
            stream.delivered = 0
            self.streams.discard(stream)

    def _deliver_batch(self, batch: list[Any]) -> None:
        for number, (stream, context, moment, payload) in enumerate(batch):
            if self.removed:
                self.drop(len(batch) - number)
                break
            self._delivered_of_batch = number
            stream.deliver(context, moment, payload)
        self._delivered_of_batch = 0

    def flush(self, deadline: float) -> bool:
        """Deliver what is queued; False if that was not done by the deadline (monotonic)."""
        for stream in list(self.left):
            stream.work_off()
        return super().flush(deadline) and self._settle(deadline)

    def _settle(self, deadline: float) -> bool:
        """Make a tail write what it holds back."""
        settle = getattr(type(self.tail), "settle", None)
        try:
            return settle is None or bool(self.tracer.suppressed(settle, self.tail, deadline))
        except Exception as error:
            warn_once(self.tail, "tail", error)
            return True

    def _rest(self) -> None:
        self.is_late = False
        self.tracer.sweep()
        if self.is_retired:
            self.end_if_done()

    def clear_if_removed(self) -> None:
        """Drop what another thread queued during the removal."""
        if self.removed and self.worker is not None:
            self.drop(self.worker.queue.clear())

    def after_fork(self) -> None:
        """Discard the parent process's queue and counts: it delivers them itself."""
        super().after_fork()
        self._lock = RLock()
        self.aside = Budget()
        self.left = {}
        self.streams.clear()
        self._delivered = self._dropped = self._failed = self._unreported = 0

    def remove(self, timeout: float | None = None) -> None:
        """Stop delivery at once; a second call does nothing."""
        check_seconds("timeout", timeout)
        self.removed = True
        self.subscribers.remove(self)
        if self.worker is not None:
            self.worker.stop(0.0 if timeout is None else timeout)
            self.clear_if_removed()

    def retire(self, successor: Any) -> None:  # noqa: ARG002 - exporters need it
        """Accept no further invocations; the accepted ones are delivered to their end."""
        self.subscribers.keep_until_done(self)
        self.is_retired = True
        self.end_if_done()

    def end_if_done(self) -> None:
        """End the subscription of a replaced tail, after its last stream."""
        waits = self.left if self.worker is None else self.worker.waiting
        if not waits and not self.streams and not self.removed:
            self.remove()


def _method(handler: object, name: str) -> Callable[[Any], Any] | None:
    if getattr(type(handler), name, None) is getattr(TailHandler, name):
        return None  # not overridden: it need not be called
    try:
        found = getattr(handler, name, None)
    except Exception as error:
        if is_interrupt(error):
            raise
        return None
    return found if callable(found) else None


def _close_if_awaitable(result: Any) -> bool:
    """Whether a tail returned an awaitable; it is closed, which avoids Python's warning."""
    try:
        if not hasattr(result, "__await__"):
            return False
        if hasattr(result, "close"):
            result.close()
    except Exception as error:
        if is_interrupt(error):
            raise
        return False
    return True


class Stream:
    """The events of one invocation for one tail."""

    __slots__ = (
        "_anchor",
        "_ending",
        "_exhausted",
        "_get",
        "_handlers",
        "_id",
        "_inline",
        "_last",
        "_lost",
        "_over",
        "_queue",
        "_sequence",
        "_set",
        "_turn",
        "delivered",
        "dropped",
        "to",
    )

    def __init__(self, to: TailSubscription, invocation_id: str, anchor: int) -> None:
        self.to = to
        self._anchor = anchor
        self._id = invocation_id
        self._handlers: Handlers | None = None
        self._inline: Handlers | None = None  # the same handlers, if they are called inline
        self._sequence = 0
        self._last = 0
        self.delivered = 0
        self.dropped = 0
        self._over = False
        self._lost = False  # its onset was dropped, and so is the rest
        self._ending = False  # its outcome is queued
        self._exhausted: Any = None  # the event for which the stack was exhausted
        self._queue: Any = deque() if to.worker is None else ()
        # Empty while an event is being delivered. Unlike a lock, it is taken without a call, after
        # which an interruption could leave it taken forever.
        self._turn: list[None] = [None]
        variable = to.tracer.variable
        self._get, self._set = variable.get, variable.set
        to.streams.add(self)

    def put(  # noqa: C901, PLR0912, PLR0915 - the hot path of live tails, written out
        self, context: TailSpanContext, moment: int, payload: Any
    ) -> None:
        """Add an event, and deliver it or have it delivered.

        Inline, it is delivered here unless another event is being delivered or queued. This is the
        hot path of live tails, with everything inlined: one call per event and tail.
        """
        handlers = self._inline
        to = self.to
        if handlers is None or self._queue or to.removed:
            self._put_aside(context, moment, payload)
            return
        turn = self._turn
        set_, get = self._set, self._get
        before = get()
        number = 0
        event: Any
        try:
            del turn[0]
        except IndexError:  # an event is being delivered
            self._put_aside(context, moment, payload)
            return
        try:
            number = self._sequence
            if moment < self._last:  # noqa: PLR1730 - between two threads, it may be
                moment = self._last
            # Fails here if the stack is exhausted.
            if HAS_GIL:
                event = _TailEvent()
            else:
                event = TailEvent(self._id, context, self._anchor + moment, number, payload)
            self._sequence = number + 1
            kind = type(payload)
            handler = None if self._over else handlers[kind]
            if handler is not None:
                self._last = moment
                if HAS_GIL:
                    event.sequence = number
                    event.invocation_id = self._id
                    event.span_context = context
                    event.timestamp = self._anchor + moment
                    event.event = payload
                    event.__class__ = TailEvent
                set_(SUPPRESSED)
                result = handler(event)
                self.delivered += 1
                if result is not None and to.has_to_await(result):
                    self.stop()
            if kind is Outcome:
                self._over = True  # no call, as below; `put_last` does the rest
        except BaseException as error:
            if not self._has_failed(error, context, moment, payload):
                self._sequence = number
        finally:
            try:
                set_(before)
            finally:
                turn += _TURN  # no call, which might fail with an exhausted stack
        if self._queue:
            self.work_off(_SHARE)

    def put_last(self, context: TailSpanContext, moment: int, outcome: Outcome) -> None:
        """Add the outcome, and before it the number of dropped events, if any.

        The thread that delivers it ends the stream.
        """
        if self.dropped:
            self._put_aside(context, moment, outcome)
        else:
            self.put(context, moment, outcome)
        if (self._over or self.to.removed) and self._inline is not None:
            turn = self._turn
            try:
                del turn[0]
            except IndexError:
                return  # an event is being delivered
            try:
                self.stop()
            finally:
                turn += _TURN

    def _has_failed(
        self, error: BaseException, context: TailSpanContext, moment: int, payload: Any
    ) -> bool:
        """Stop a tail that has raised, unless the exception only passed through it.

        If the stack is exhausted, the event is put back instead, once, to be delivered later;
        returns False then.
        """
        if isinstance(error, RecursionError) and self._exhausted is not payload:
            self._exhausted = payload
            self._queue.appendleft((context, moment, payload, 0))
            return False
        if not self.to.has_lost(error):
            self.to.has_raised(error)  # re-raises an interruption of the program
            self.stop()
        return True

    def _put_aside(self, context: TailSpanContext, moment: int, payload: Any) -> None:
        to = self.to
        if self._over or to.removed:
            return
        if self._lost:
            to.drop(unreported=True)
            return
        kind = type(payload)
        always = kind in _NEVER_DROPPED
        weight = _WEIGHED.get(kind, weight_of_event)(payload)
        limit = to.tracer.limits.queue_bytes
        if to.worker is None:
            # The onset of a stream is delivered here, on this thread.
            if not to.aside.take(weight, limit, always=always or kind is Onset):
                to.drop(of=self)
            else:
                if kind is Outcome:
                    self._ending = True
                self._queue.append((context, moment, payload, weight))
            self.work_off(_SHARE)
            return
        if kind is Onset:
            weight += _ROOM
        if to.worker.put((self, context, moment, payload), weight, limit, always=always):
            to.clear_if_removed()
            return
        if kind is Onset:
            self._lost = True
            to.let_go(self)
            to.drop(unreported=True)
        else:
            to.drop(of=self)

    def work_off(self, most: int | None = None) -> None:
        """Deliver queued events, unless another thread is doing so, which then delivers all.

        After *most* events the rest is left to the thread of the next event, the end of the
        invocation, or a flush, so that a thread gets back to its own work.
        """
        turn = self._turn
        queue = self._queue
        left = self.to.left
        while queue:
            try:
                del turn[0]
            except IndexError:
                return
            try:
                while queue:
                    if most is not None and most <= 0 and not self._ending:
                        left[self] = None
                        return
                    context, moment, payload, weight = queue.popleft()
                    if weight:
                        self.to.aside.give(weight)
                    if not self.deliver(context, moment, payload):
                        return
                    if most is not None:
                        most -= 1
            finally:
                turn += _TURN
        if left and left.pop(self, self) is None and queue:
            left[self] = None  # another thread has queued some in the meantime

    @property
    def declined(self) -> bool:
        """Whether this tail gets no (further) events of the invocation."""
        return self._over or self.to.removed

    def deliver(self, context: TailSpanContext, moment: int, payload: Any) -> bool:
        """Deliver queued events, one thread at a time; False if one was put back."""
        kind = type(payload)
        if self._handlers is None:
            if kind is Onset and not self._over:
                self._begin(context, moment, payload)
            return True
        # Events dropped after this check are reported in the next stream.
        dropped = self.to.unreported(self) if kind is Outcome else 0
        if dropped and not self._hand_over(
            context, moment, StreamDiagnostic(DroppedEvents(dropped))
        ):
            self._queue.insert(1, (context, moment, payload, 0))  # after the one that was put back
            return False
        return self._hand_over(context, moment, payload)

    def _hand_over(self, context: TailSpanContext, moment: int, payload: Any) -> bool:
        """Call the handler for one event; False if it was put back."""
        handlers = self._handlers
        if handlers is None:  # the handler for the dropped events has failed
            return True
        kind = type(payload)
        number = self._sequence
        handler = handlers[kind]
        to = self.to
        if handler is not None and not to.removed:
            self._last = moment = max(moment, self._last)
            try:
                event = TailEvent(self._id, context, self._anchor + moment, number, payload)
                self._sequence = number + 1
                result = to.tracer.suppressed(handler, event)
                self.delivered += 1
                if result is not None and to.has_to_await(result):
                    self.stop()
            except BaseException as error:
                if not self._has_failed(error, context, moment, payload):
                    self._sequence = number
                    return False
        else:
            self._sequence = number + 1
        if kind is Outcome:
            self.stop()
        return True

    def _begin(self, context: TailSpanContext, moment: int, onset: Onset) -> None:
        self._sequence = 1
        self._last = moment
        event: Any = TailEvent(self._id, context, self._anchor + moment, 0, onset)
        self._handlers = handlers = self.to.accept(event, self)
        if handlers is None:
            self.stop()
            return
        if self.to.worker is None:
            self._inline = handlers

    def stop(self) -> None:
        """Stop delivering."""
        self._over = True
        self._handlers = self._inline = None
        to = self.to
        to.let_go(self)
        if to.is_retired:
            to.end_if_done()


def check_tail(tail: object) -> None:
    """Raise TypeError for an object that can't be a tail."""
    if not callable(tail):
        raise TypeError(
            f"a tail is a callable that takes the onset event and returns a handler, not {tail!r}"
        )
    if isinstance(tail, type) and not _is_handler_class(tail):
        raise TypeError(f"a tail is an instance: {tail.__qualname__}(...), not the class itself")
    call = type(tail).__call__
    if any(is_lazy(each) for is_lazy in _LAZY for each in (tail, call)):
        raise TypeError(
            "a tail can't be a coroutine function or a generator function: it is called, and what"
            " that returns is the handler"
        )


def _is_handler_class(tail: type) -> bool:
    """Whether a class can be a tail: called with the onset, it makes a handler."""
    return any(callable(getattr(tail, name, None)) for name in _METHODS.values())
