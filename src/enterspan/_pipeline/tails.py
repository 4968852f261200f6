"""Live tails: who is subscribed, and the stream that each of them gets of each invocation.

`TailStream` is the span processor that turns what happens in an invocation into events, and puts
each on the `Stream` of every tail that accepted the invocation. The thread that puts an event on an
inline stream delivers what waits there, unless another one is delivering, which then delivers this
event, too: events stay in order, and no thread waits for a tail that another one has called.
"""

from __future__ import annotations

from _thread import RLock
from collections import deque
from inspect import iscoroutinefunction
from time import process_time_ns
from types import MappingProxyType

from enterspan._model.clock import ANCHOR, now_ns
from enterspan._model.diagnostics import warn_once
from enterspan._model.frozen import twin
from enterspan._model.interrupts import is_interrupt
from enterspan._model.values import cut, safe_repr, size_of
from enterspan._pipeline.subscription import Stats, Subscription
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
    from typing import Any, Final, TypeAlias

    from enterspan._model.failures import Failure
    from enterspan._model.ids import SpanContext
    from enterspan._pipeline.subscribers import Subscribers
    from enterspan._span.invocation import InvocationState
    from enterspan._span.span import Span
    from enterspan.events import Attribute, EventInfo

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
_EVENT_BYTES: Final = 200
"""What an event in a queue counts for, beside its texts."""
_CLOSED_OK: Final = SpanClose("ok")
"""What most spans end with: a frozen value can be shared."""
_TAIL_DELAY: Final = 0.01
"""Seconds for which a background tail gathers events before it looks."""
_SpanOpen, _TailContext, _TailEvent = twin(SpanOpen), twin(TailSpanContext), twin(TailEvent)
_TURN: Final = [None]
_COUNT_TIMEOUT: Final = 0.1
"""Seconds to wait for a count, which a signal handler or a finalizer may have interrupted."""


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
        self, subscribers: Subscribers, tail: Callable[[TailEvent[Onset]], Any], *, inline: bool
    ) -> None:
        self.tracer = subscribers.tracer
        self.tail = tail
        self._lock = RLock()  # a signal handler may come back to it
        self.delivered = 0
        self._dropped = 0
        self._failed = 0
        self._waiting_bytes = 0
        self._taken_bytes = 0
        worker = None
        if not inline:
            tracer = self.tracer
            worker = Worker(
                tracer.suppressed,
                self._deliver_batch,
                "tail",
                _TAIL_DELAY,
                rest=tracer.sweep,
                prompt=True,
            )
        super().__init__(subscribers, worker)

    @property
    def stats(self) -> Stats:
        """Counted in events; `exported` is what was delivered, `failed` what the tail raised on."""
        waiting = self.worker.waiting if self.worker is not None else 0
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

    def has_to_await(self, result: object) -> bool:
        """Whether a handler returned an awaitable, which is never awaited."""
        if not _close_if_awaitable(result):
            return False
        warn_once(self.tail, "tail", TypeError("a handler must not be a coroutine function"))
        return True

    def offer(self, item: Any, size: int, *, always: bool) -> bool:
        """Queue an event for the background, unless too much is waiting."""
        worker = self.worker
        if worker is None or self.removed:
            return True
        held = self._lock.acquire(timeout=_COUNT_TIMEOUT)
        try:
            waiting = self._waiting_bytes - self._taken_bytes
            if not always and waiting + size > self.tracer.limits.queue_bytes:
                self._dropped += 1
                return False
            self._waiting_bytes += size
        finally:
            if held:
                self._lock.release()
        worker.put(item)
        return True

    def _deliver_batch(self, batch: list[Any]) -> None:
        for stream, context, moment, payload, size in batch:
            self._taken_bytes += size
            if not self.removed:
                stream.deliver(context, moment, payload)

    def after_fork(self) -> None:
        """Forget what the parent process has queued: it delivers that itself."""
        self._lock = RLock()
        self._waiting_bytes = self._taken_bytes = 0

    def remove(self, timeout: float | None = None) -> None:
        """Stop delivery at once; a second time does nothing."""
        self.removed = True
        self.subscribers.remove(self)
        if self.worker is not None:
            self.worker.stop(0.0 if timeout is None else timeout)


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
        "_dropped",
        "_exhausted",
        "_get",
        "_handlers",
        "_id",
        "_inline",
        "_last",
        "_over",
        "_queue",
        "_sequence",
        "_set",
        "_turn",
        "to",
    )

    def __init__(self, to: TailSubscription, invocation_id: str) -> None:
        self.to = to
        self._id = invocation_id
        self._handlers: Handlers | None = None
        self._inline: Handlers | None = None  # the same, if they are called inline
        self._sequence = 0
        self._last = 0
        self._dropped = 0
        self._over = False
        self._exhausted: Any = None  # the event for which the stack was too short
        self._queue: deque[Any] = deque()
        # Empty while an event is being delivered. Unlike a lock, it is taken without a call, after
        # which an exception that arrives could leave it taken for good.
        self._turn: list[None] = [None]
        variable = to.tracer.variable
        self._get, self._set = variable.get, variable.set

    def put(self, context: TailSpanContext, moment: int, payload: Any, size: int) -> None:
        """Add an event, and see to its delivery.

        Inline, unless another event is being delivered or waits, it is delivered right here. This
        is the hot path of live tails, and written out: one call for each event and tail.
        """
        handlers = self._inline
        to = self.to
        if handlers is None or self._queue or to.removed:
            self._put_aside(context, moment, payload, size)
            return
        turn = self._turn
        set_, get = self._set, self._get
        before = get()
        try:
            del turn[0]
        except IndexError:  # an event is being delivered
            self._put_aside(context, moment, payload, size)
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
                event.timestamp = ANCHOR + moment
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
            self._work_off()

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
            self._queue.appendleft((context, moment, payload))
            return False
        self.to.has_raised(error)  # raises what interrupts the program
        self.stop()
        return True

    def _put_aside(self, context: TailSpanContext, moment: int, payload: Any, size: int) -> None:
        if self._over or self.to.removed:
            return
        if self.to.worker is None:
            self._queue.append((context, moment, payload))
            self._work_off()
            return
        kind = type(payload)
        if kind is Onset:
            size += 4 * _EVENT_BYTES  # room for what is never dropped
        item = (self, context, moment, payload, size)
        if not self.to.offer(item, size, always=kind in _NEVER_DROPPED):
            if kind is Onset:
                self._over = True
            self._dropped += 1

    def _work_off(self) -> None:
        """Deliver what waits, unless another thread does, which then delivers this, too."""
        turn = self._turn
        while self._queue:
            try:
                del turn[0]
            except IndexError:
                return
            try:
                while self._queue:
                    if not self.deliver(*self._queue.popleft()):
                        return
            finally:
                turn += _TURN

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
        if kind is Outcome and self._dropped:
            dropped, self._dropped = self._dropped, 0
            self.deliver(context, moment, StreamDiagnostic(DroppedEvents(dropped)))
            return self.deliver(context, moment, payload)
        number = self._sequence
        self._sequence = number + 1
        handler = self._handlers[kind]
        to = self.to
        if handler is not None and not to.removed:
            self._last = moment = max(moment, self._last)
            event = TailEvent(self._id, context, ANCHOR + moment, number, payload)
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
        event: Any = TailEvent(self._id, context, ANCHOR + moment, 0, onset)
        self._handlers = handlers = self.to.accept(event)
        self._over = handlers is None
        if self.to.worker is None:
            self._inline = handlers

    def stop(self) -> None:
        """Deliver nothing more."""
        self._over = True
        self._handlers = self._inline = None


class TailStream(SpanProcessor):
    """What happens in one invocation, as events for every tail that has accepted it."""

    __slots__ = (
        "_cpu",
        "_flags",
        "_is_queued",
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
        subscribers: Subscribers,
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
        onset = Onset(f"{root._span_id:016x}", name, info, given)
        above = f"{root._parent_id:016x}" if root._parent_id else None
        self._root_context = TailSpanContext(self._trace, onset.span_id, self._flags)
        root._memo = self._root_context
        context = TailSpanContext(self._trace, above, self._flags)
        streams = [Stream(tail, state.id) for tail in subscribers.tails]
        for stream in streams:
            stream.put(context, root._start, onset, _EVENT_BYTES + len(name))
        self._streams = tuple([stream for stream in streams if not stream.declined])
        self._is_queued = any(stream.to.worker is not None for stream in self._streams)

    @property
    def is_wanted(self) -> bool:
        """Whether any tail has accepted the invocation, or may yet."""
        return bool(self._streams)

    def _put(self, context: TailSpanContext, moment: int, payload: Any, size: int) -> None:
        for stream in self._streams:
            stream.put(context, moment, payload, size)

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
            stream.put(context, span._start, payload, _EVENT_BYTES + len(name))

    def on_close(self, span: Span) -> None:
        """Put the span's `attributes` and its `spanClose`; the root's come at the end."""
        attributes = span._attributes
        if span._span_id == self._root_id:
            if attributes:
                self._root_attributes = make_attributes(attributes)
            return
        details = span._details
        outcome = "ok" if details is None else details.outcome
        context = span._memo or self._context_of(span)
        if attributes:
            size = _EVENT_BYTES + (size_of(attributes) if self._is_queued else 0)
            self._put(context, span._end, make_attributes(attributes), size)
        payload = _CLOSED_OK if outcome == "ok" else SpanClose(outcome)
        for stream in self._streams:
            stream.put(context, span._end, payload, _EVENT_BYTES)

    def on_return(self, info: Any, moment: int) -> None:
        """Put the `return` event."""
        self._put(self._root_context, moment, Return(info), _EVENT_BYTES)

    def on_exception(self, span: Span, failure: Failure, moment: int) -> None:
        """Put an `exception` event."""
        payload = Exception_(failure.name, failure.message, failure.stack)
        size = _EVENT_BYTES + len(failure.message) + len(failure.stack)
        self._put(self._context_of(span), moment, payload, size)

    def on_event(self, span: Span, name: str, attributes: Mapping[str, Any], moment: int) -> None:
        """Put a `diagnosticChannel` event."""
        payload = DiagnosticChannel(name, MappingProxyType(dict(attributes)))
        size = _EVENT_BYTES + len(name) + size_of(attributes)
        self._put(self._context_of(span), moment, payload, size)

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
        size = _EVENT_BYTES + len(message) + 64 * len(pairs)
        payload = Log(level, message, pairs, truncated)
        self._put(self._context_of(span), moment, payload, size)

    def on_end(self, outcome: str) -> None:
        """Put the root's attributes and the `outcome`."""
        moment = now_ns()
        given = self._root_attributes
        if given is not None:
            size = _EVENT_BYTES + sum([len(a.name) + 64 for a in given.info])
            self._put(self._root_context, moment, given, size)
        cpu = max(process_time_ns() - self._cpu, 0)
        self._put(
            self._root_context,
            moment,
            Outcome(outcome, cpu, moment - self._started),
            _EVENT_BYTES,
        )
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
