"""Live tails: who is subscribed, and the stream that each of them gets of each invocation.

`TailStream` is the span processor that turns what happens in an invocation into events, and puts
each on the `Stream` of every tail that accepted the invocation. The thread that puts an event on an
inline stream delivers what waits there, unless another one is delivering, which then delivers this
event, too: events stay in order, and no thread waits for a tail that another one has called. What
waits is bounded in bytes, and so is how much one thread delivers for others.
"""

from __future__ import annotations

from collections import deque
from inspect import iscoroutinefunction
from time import process_time_ns
from types import MappingProxyType

from enterspan._model.budget import Budget
from enterspan._model.clock import now_ns
from enterspan._model.diagnostics import warn_once
from enterspan._model.excerpt import cut
from enterspan._model.frozen import twin
from enterspan._model.interrupts import is_interrupt
from enterspan._model.threads import RLock
from enterspan._model.values import for_tails, safe_repr
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
from enterspan._span.processor import SpanProcessor
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
    make_attributes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final, Protocol, TypeAlias

    from enterspan._model.failures import Failure
    from enterspan._model.ids import SpanContext
    from enterspan._pipeline.subscribers import Subscribers
    from enterspan._span.invocation import InvocationState
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer
    from enterspan.events import Attribute, EventInfo

    class HasTails(Protocol):
        """Whose tails a stream serves."""

        tracer: Tracer
        tails: tuple[TailSubscription, ...]

        def see_off(self, subscription: Any) -> None: ...

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
"""How the events are weighed of which there are most; the others, by `weight_of_event`."""
_ROOM: Final = 2 * STREAM_EVENT
"""What an onset in a queue counts for, beside itself: room for what is never dropped."""
_SHARE: Final = 1_000
"""How many events of others a thread delivers in a row."""
_CLOSED_OK: Final = SpanClose("ok")
"""What most spans end with: a frozen value can be shared."""
_TAIL_DELAY: Final = 0.01
"""Seconds for which a background tail gathers events before it looks."""
_SpanOpen, _TailContext, _TailEvent = twin(SpanOpen), twin(TailSpanContext), twin(TailEvent)
_TURN: Final = [None]


class TailHandler:
    """The base class of handlers that are objects: each method does nothing unless overridden.

    With `@typing.override` (before Python 3.12 `typing_extensions.override`) above each method, one
    whose name is misspelt is an error to type checkers.
    """

    def span_open(self, event: TailEvent[SpanOpen], /) -> None:
        """A span below the root opens."""

    def attributes(self, event: TailEvent[Attributes], /) -> None:
        """The attributes of a span that closes."""

    def log(self, event: TailEvent[Log], /) -> None:
        """A line was logged."""

    def exception(self, event: TailEvent[Exception_], /) -> None:
        """An exception left a span, or was recorded on it."""

    def diagnostic_channel(self, event: TailEvent[DiagnosticChannel], /) -> None:
        """A span has an event."""

    def span_close(self, event: TailEvent[SpanClose], /) -> None:
        """A span has ended."""

    def return_(self, event: TailEvent[Return], /) -> None:
        """The handler has answered."""

    def stream_diagnostic(self, event: TailEvent[StreamDiagnostic], /) -> None:
        """The stream itself has something to report."""

    def outcome(self, event: TailEvent[Outcome], /) -> None:
        """The invocation has ended; nothing follows."""


class TailSubscription(Subscription):
    """One tail that is subscribed."""

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
        self._lock = RLock()  # a signal handler may come back to it
        self.delivered = 0
        self._dropped = 0
        self._failed = 0
        self._unreported = 0
        self._delivered_of_batch = 0  # they count as waiting until the batch is done
        self.aside = Budget()  # what waits for an inline tail
        self.left: dict[Stream, None] = {}  # streams of an inline tail in which events wait
        self.streams: set[Stream] = set()  # of invocations that were accepted and go on
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
        """Counted in events; `exported` is what was delivered, `failed` what the tail raised on."""
        waiting = self.worker.waiting - self._delivered_of_batch if self.worker is not None else 0
        done = self.delivered + self._failed
        return Stats(done + self._dropped + waiting, self.delivered, self._dropped, self._failed)

    def accept(self, onset: TailEvent[Onset]) -> Handlers | None:
        """Ask the tail about an invocation: its handlers, or None."""
        try:
            return self._handlers(self.tracer.suppressed(self.tail, onset))
        except BaseException as error:
            self.has_raised(error)
            return None

    def _handlers(self, handler: Any) -> Handlers | None:
        self.delivered += 1
        if handler is None:
            return None
        if callable(handler):
            return dict.fromkeys(_METHODS, handler)
        methods = {kind: _method(handler, name) for kind, name in _METHODS.items()}
        if not any(methods.values()):
            _close_if_awaitable(handler)
            shown = safe_repr(handler, 200)
            warn_once(self.tail, "tail", TypeError(f"{shown} can't handle events"))
            return None
        return methods

    def has_raised(self, error: BaseException) -> None:
        """Count and report what the tail has raised; it is stopped for this invocation.

        What arrived for the program, on whose thread an inline tail runs, is raised there.
        """
        if self.worker is None and is_interrupt(error):
            raise error
        self._failed += 1
        warn_once(self.tail, "tail", error, "and is stopped for this invocation")

    def has_lost(self, error: BaseException) -> bool:
        """Whether a handler says that events are lost (`error.lost`), and goes on itself.

        An event that was counted as delivered may turn out to be lost later.
        """
        lost = getattr(error, "lost", None)
        if type(lost) is not int or lost < 1 or not isinstance(error, Exception):
            return False
        self._failed += lost
        self.delivered -= lost - 1
        warn_once(self.tail, "tail", error, "and goes on; what is lost is counted as failed")
        return True

    def has_to_await(self, result: object) -> bool:
        """Whether a handler returned an awaitable, which is never awaited."""
        if not _close_if_awaitable(result):
            return False
        warn_once(self.tail, "tail", TypeError("a handler must not be a coroutine function"))
        return True

    def drop(self, count: int = 1, *, unreported: bool = False) -> None:
        """Count events that are not delivered; those of no stream are reported in the next one."""
        with self._lock:
            self._dropped += count
            if unreported:
                self._unreported += count

    def unreported(self) -> int:
        """Return how many dropped events no stream has reported; from then on, one has."""
        with self._lock:
            count, self._unreported = self._unreported, 0
        return count

    def _deliver_batch(self, batch: list[Any]) -> None:
        for number, (stream, context, moment, payload) in enumerate(batch):
            if self.removed:
                self.drop(len(batch) - number)
                break
            self._delivered_of_batch = number
            stream.deliver(context, moment, payload)
        self._delivered_of_batch = 0

    def flush(self, deadline: float) -> bool:
        """Deliver what waits; False if that took longer than until the deadline (monotonic)."""
        for stream in list(self.left):
            stream.work_off()
        return super().flush(deadline) and self._settle(deadline)

    def _settle(self, deadline: float) -> bool:
        """Have a tail that holds something back write it."""
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
        """Drop what another thread has queued at the moment of the removal."""
        if self.removed and self.worker is not None:
            self.drop(self.worker.queue.clear())

    def after_fork(self) -> None:
        """Forget what the parent process has queued, and counted: it delivers that itself."""
        super().after_fork()
        self._lock = RLock()
        self.aside = Budget()
        self.left = {}
        self.streams.clear()
        self.delivered = self._dropped = self._failed = self._unreported = 0

    def remove(self, timeout: float | None = None) -> None:
        """Stop delivery at once; a second time does nothing."""
        self.removed = True
        self.subscribers.remove(self)
        if self.worker is not None:
            self.worker.stop(0.0 if timeout is None else timeout)
            self.clear_if_removed()

    def retire(self, successor: Any) -> None:  # noqa: ARG002 - exporters need it
        """Get the rest of the invocations that were accepted, and no other."""
        self.subscribers.keep_until_done(self)
        self.is_retired = True
        self.end_if_done()

    def end_if_done(self) -> None:
        """End the subscription of a tail that was replaced, after its last stream."""
        waits = self.left if self.worker is None else self.worker.waiting
        if not waits and not self.streams and not self.removed:
            self.remove()


def _method(handler: object, name: str) -> Callable[[Any], Any] | None:
    if getattr(type(handler), name, None) is getattr(TailHandler, name):
        return None  # it does nothing: it need not be called
    try:
        found = getattr(handler, name, None)
    except Exception as error:
        if is_interrupt(error):
            raise
        return None
    return found if callable(found) else None


def _close_if_awaitable(result: Any) -> bool:
    """Whether a tail returned an awaitable; it is closed, so that Python does not complain."""
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
    """One invocation as one tail gets it."""

    __slots__ = (
        "_anchor",
        "_dropped",
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
        "to",
    )

    def __init__(self, to: TailSubscription, invocation_id: str, anchor: int) -> None:
        self.to = to
        self._anchor = anchor
        self._id = invocation_id
        self._handlers: Handlers | None = None
        self._inline: Handlers | None = None  # the same, if they are called inline
        self._sequence = 0
        self._last = 0
        self._dropped = 0
        self._over = False
        self._lost = False  # its onset was dropped, and with it all the rest
        self._ending = False  # its outcome waits
        self._exhausted: Any = None  # the event for which the stack was too short
        self._queue: Any = deque() if to.worker is None else ()
        # Empty while an event is being delivered. Unlike a lock, it is taken without a call, after
        # which an exception that arrives could leave it taken for good.
        self._turn: list[None] = [None]
        variable = to.tracer.variable
        self._get, self._set = variable.get, variable.set
        to.streams.add(self)

    def put(self, context: TailSpanContext, moment: int, payload: Any) -> None:
        """Add an event, and see to its delivery.

        Inline, unless another event is being delivered or waits, it is delivered right here. This
        is the hot path of live tails, and written out: one call for each event and tail.
        """
        handlers = self._inline
        to = self.to
        if handlers is None or self._queue or to.removed:
            self._put_aside(context, moment, payload)
            return
        turn = self._turn
        set_, get = self._set, self._get
        before = get()
        try:
            del turn[0]
        except IndexError:  # an event is being delivered
            self._put_aside(context, moment, payload)
            return
        try:
            event = _TailEvent()
            event.sequence = number = self._sequence
            self._sequence = number + 1
            handler = handlers[type(payload)]
            if handler is not None:
                if moment < self._last:  # between two threads, it may be
                    moment = self._last
                else:
                    self._last = moment
                event.invocation_id = self._id
                event.span_context = context
                event.timestamp = self._anchor + moment
                event.event = payload
                event.__class__ = TailEvent
                set_(SUPPRESSED)
                result = handler(event)
                to.delivered += 1
                if result is not None and to.has_to_await(result):
                    self.stop()
        except BaseException as error:
            self._has_failed(error, context, moment, payload)
        finally:
            try:
                set_(before)
            finally:
                turn += _TURN  # no call, which might fail at the end of the stack
        if self._queue:
            self.work_off(_SHARE)

    def put_last(self, context: TailSpanContext, moment: int, outcome: Outcome) -> None:
        """Add the outcome; where events were dropped, their number goes out before it."""
        if self._dropped:
            self._put_aside(context, moment, outcome)
        else:
            self.put(context, moment, outcome)

    def _has_failed(
        self, error: BaseException, context: TailSpanContext, moment: int, payload: Any
    ) -> bool:
        """Stop a tail that has raised, but not for what only came through it.

        At the end of the stack the event is put back instead, once, to be delivered where there is
        more of it; False then.
        """
        if isinstance(error, RecursionError) and self._exhausted is not payload:
            self._exhausted = payload
            self._sequence -= 1
            self._queue.appendleft((context, moment, payload, 0))
            return False
        if not self.to.has_lost(error):
            self.to.has_raised(error)  # raises what interrupts the program
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
                to.drop()
                self._dropped += 1
            else:
                self._ending = self._ending or kind is Outcome
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
            to.streams.discard(self)
            to.drop(unreported=True)
        else:
            to.drop()
            self._dropped += 1

    def work_off(self, most: int | None = None) -> None:
        """Deliver what waits, unless another thread does, which then delivers this, too.

        After *most* events the rest is left to the thread of the next event, the end of the
        invocation, or a flush: a thread is not kept from its own work for good.
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
        if left:
            left.pop(self, None)

    @property
    def is_waiting(self) -> bool:
        """Whether events wait to be delivered."""
        return self.to.worker is not None or bool(self._queue)

    @property
    def declined(self) -> bool:
        """Whether this tail wants nothing of the invocation (any more)."""
        return self._over or self.to.removed

    def deliver(self, context: TailSpanContext, moment: int, payload: Any) -> bool:
        """Deliver what has waited; by one thread at a time. False if it was put back."""
        kind = type(payload)
        if self._handlers is None:
            if kind is Onset and not self._over:
                self._begin(context, moment, payload)
            return True
        if kind is Outcome and (dropped := self._dropped + self.to.unreported()):
            self._dropped = 0
            self.deliver(context, moment, StreamDiagnostic(DroppedEvents(dropped)))
            return self.deliver(context, moment, payload)
        number = self._sequence
        self._sequence = number + 1
        handler = self._handlers[kind]
        to = self.to
        if handler is not None and not to.removed:
            self._last = moment = max(moment, self._last)
            event = TailEvent(self._id, context, self._anchor + moment, number, payload)
            try:
                result = to.tracer.suppressed(handler, event)
                to.delivered += 1
                if result is not None and to.has_to_await(result):
                    self.stop()
            except BaseException as error:
                if not self._has_failed(error, context, moment, payload):
                    return False
        if kind is Outcome:
            self.stop()
        return True

    def _begin(self, context: TailSpanContext, moment: int, onset: Onset) -> None:
        self._sequence = 1
        self._last = moment
        event: Any = TailEvent(self._id, context, self._anchor + moment, 0, onset)
        self._handlers = handlers = self.to.accept(event)
        if handlers is None:
            self.stop()
            return
        if self.to.worker is None:
            self._inline = handlers

    def stop(self) -> None:
        """Deliver nothing more."""
        self._over = True
        self._handlers = self._inline = None
        to = self.to
        to.streams.discard(self)
        if to.is_retired:
            to.end_if_done()


class TailStream(SpanProcessor):
    """What happens in one invocation, as events for every tail that has accepted it."""

    __slots__ = (
        "_cpu",
        "_flags",
        "_root_attributes",
        "_root_context",
        "_root_id",
        "_started",
        "_streams",
        "_subscribers",
        "_trace",
    )

    def __init__(
        self,
        subscribers: HasTails,
        state: InvocationState,
        root: Span,
        parent: SpanContext | None,
        info: EventInfo | None,
        given: tuple[Attribute, ...],
    ) -> None:
        self._subscribers = subscribers
        self._flags = None if parent is None else parent.trace_flags
        self._trace = f"{state.trace_id:032x}"
        self._root_id = root._span_id
        self._started = root._start
        self._cpu = process_time_ns()
        self._root_attributes: Attributes | None = None
        name = cut(root._name, subscribers.tracer.limits.name_bytes)
        resource = subscribers.tracer.resource
        if given and subscribers.tracer.tail_value_bytes:
            given = self._attributes_of({pair.name: pair.value for pair in given}).info
        onset = Onset(f"{root._span_id:016x}", name, info, given, resource)
        above = f"{root._parent_id:016x}" if root._parent_id else None
        self._root_context = TailSpanContext(self._trace, onset.span_id, self._flags)
        root._memo = self._root_context
        context = TailSpanContext(self._trace, above, self._flags)
        streams = [Stream(tail, state.id, state.anchor) for tail in subscribers.tails]
        for stream in streams:
            stream.put(context, root._start, onset)
        self._streams = tuple([stream for stream in streams if not stream.declined])

    @property
    def is_wanted(self) -> bool:
        """Whether any tail has accepted the invocation, or may yet."""
        return bool(self._streams)

    def _put(self, context: TailSpanContext, moment: int, payload: Any) -> None:
        for stream in self._streams:
            stream.put(context, moment, payload)

    def _context_of(self, span: Span) -> TailSpanContext:
        context: TailSpanContext | None = span._memo
        if context is None:
            context = span._memo = self._context(span._span_id)
        return context

    def _context(self, span_id: int) -> TailSpanContext:
        return TailSpanContext(self._trace, f"{span_id:016x}", self._flags)

    def on_open(self, span: Span, parent: Span) -> None:
        """Put a `spanOpen` event."""
        name = span._name
        limit = self._subscribers.tracer.limits.name_bytes
        if len(name) > limit or not name.isascii():
            name = cut(name, limit)
        text = span._span_id.to_bytes(8, "big").hex()
        # Two values, made by stores: see `frozen`.
        own: Any = _TailContext()
        own.trace_id = self._trace
        own.span_id = text
        own.trace_flags = self._flags
        own.__class__ = TailSpanContext
        span._memo = own
        payload: Any = _SpanOpen()
        payload.span_id = text
        payload.name = name
        payload.__class__ = SpanOpen
        context = parent._memo or self._context(span._parent_id)
        for stream in self._streams:
            stream.put(context, span._start, payload)

    def on_close(self, span: Span) -> None:
        """Put the span's `attributes` and its `spanClose`; the root's come at the end."""
        attributes = span._attributes
        if span._span_id == self._root_id:
            if attributes:
                self._root_attributes = self._attributes_of(attributes)
            return
        details = span._details
        outcome = "ok" if details is None else details.outcome
        context = span._memo or self._context_of(span)
        if attributes:
            self._put(context, span._end, self._attributes_of(attributes))
        payload = _CLOSED_OK if outcome == "ok" else SpanClose(outcome)
        for stream in self._streams:
            stream.put(context, span._end, payload)

    def _attributes_of(self, attributes: Mapping[str, Any]) -> Attributes:
        limit = self._subscribers.tracer.tail_value_bytes
        return make_attributes(for_tails(attributes, limit) if limit else attributes)

    def on_return(self, info: Any, moment: int) -> None:
        """Put the `return` event."""
        self._put(self._root_context, moment, Return(info))

    def on_exception(self, span: Span, failure: Failure, moment: int) -> None:
        """Put an `exception` event."""
        payload = Exception_(failure.name, failure.message, failure.stack)
        self._put(self._context_of(span), moment, payload)

    def on_event(self, span: Span, name: str, attributes: Mapping[str, Any], moment: int) -> None:
        """Put a `diagnosticChannel` event."""
        payload = DiagnosticChannel(name, MappingProxyType(dict(attributes)))
        self._put(self._context_of(span), moment, payload)

    def on_log(
        self,
        span: Span,
        level: str,
        message: str,
        attributes: Mapping[str, Any],
        truncated: bool,
        moment: int,
    ) -> None:
        """Put a `log` event."""
        pairs = make_attributes(attributes).info if attributes else ()
        payload = Log(level, message, pairs, truncated)
        self._put(self._context_of(span), moment, payload)

    def on_end(self, outcome: str) -> None:
        """Put the root's attributes and the `outcome`."""
        moment = now_ns()
        given = self._root_attributes
        if given is not None:
            self._put(self._root_context, moment, given)
        cpu = max(process_time_ns() - self._cpu, 0)
        last = Outcome(outcome, cpu, moment - self._started)
        for stream in self._streams:
            stream.put_last(self._root_context, moment, last)
        for stream in self._streams:
            if not stream.is_waiting:
                stream.stop()
            self._subscribers.see_off(stream.to)


def check_tail(tail: object) -> None:
    """Refuse what can't be a tail."""
    if not callable(tail):
        raise TypeError(
            f"a tail is a callable that takes the onset event and returns a handler, not {tail!r}"
        )
    if isinstance(tail, type) and not _is_handler_class(tail):
        raise TypeError(f"a tail is an instance: {tail.__qualname__}(...), not the class itself")
    call = type(tail).__call__
    if iscoroutinefunction(tail) or iscoroutinefunction(call):
        raise TypeError("a tail can't be a coroutine function: it is called, and never awaited")


def _is_handler_class(tail: type) -> bool:
    """Whether a class makes handlers: called with the onset, it gives one for each invocation."""
    return any(callable(getattr(tail, name, None)) for name in _METHODS.values())
