"""Live tails: who is subscribed, and the stream that each of them gets of each invocation.

An invocation has a `Watch` while some tail listens to it. The watch turns what happens into events,
and puts each on the `Stream` of every tail that took the invocation. Whoever puts an event on an
inline stream delivers what waits there, unless somebody is at it already, who then delivers this
one too: so events stay in order, and no thread ever waits for a tail that another one is in.
"""

from __future__ import annotations

from _thread import RLock, allocate_lock
from collections import deque
from time import process_time_ns
from types import MappingProxyType

from enterspan._model.clock import ANCHOR, now_ns
from enterspan._model.diagnostics import warn_once
from enterspan._model.values import cut, safe_repr, size_of
from enterspan._pipeline.worker import Stats, Subscription, Worker
from enterspan._span.context import QUIET
from enterspan._span.span import Span
from enterspan._span.telling import Telling
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
    make_attributes,
    make_span_open,
    make_tail_context,
    make_tail_event,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

    from enterspan._model.failures import Failure
    from enterspan._model.records import SpanData
    from enterspan._span.lifeline import Lifeline
    from enterspan._span.switchboard import Switchboard
    from enterspan.events import Attribute, TailEvent, TailSpanContext

    _Handlers = Mapping[type, Callable[[Any], Any] | None]
    """The handlers of the kinds of events."""

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
_EVENT_BYTES: Final = 200
"""What an event in a queue counts for, beside its texts."""
_CLOSED_WELL: Final = SpanClose("ok")
"""What most spans end with: a frozen value can be shared."""
_TAIL_DELAY: Final = 0.01
"""Seconds for which a background tail gathers events before it looks."""


class TailSubscription(Subscription):
    """One tail that is subscribed."""

    def __init__(
        self,
        board: Switchboard,
        tail: Callable[[TailEvent[Onset]], Any],
        *,
        inline: bool,
        collect: Callable[[SpanData], None] | None = None,
    ) -> None:
        self.board = board
        self.tail = tail
        self.collect = collect
        self.removed = False
        self._lock = RLock()  # a signal handler may come back to it
        self.delivered = 0
        self._dropped = 0
        self._failed = 0
        self._waiting_bytes = 0
        self._taken_bytes = 0
        self.worker: Worker | None = None
        if not inline:
            self.worker = Worker(board, self._deliver_batch, "tail", _TAIL_DELAY, prompt=True)
            self.worker.start()

    @property
    def background(self) -> Worker | None:
        """The thread that delivers, if that isn't done inline."""
        return self.worker

    @property
    def stats(self) -> Stats:
        """Counted in events; `exported` is what was delivered, `failed` what the tail raised on."""
        waiting = self.worker.waiting if self.worker is not None else 0
        done = self.delivered + self._failed
        return Stats(done + self._dropped + waiting, self.delivered, self._dropped, self._failed)

    def accept(self, onset: TailEvent[Onset]) -> _Handlers | None:
        """Ask the tail about an invocation: its handlers, or None."""
        token = self.board.set(QUIET)
        try:
            return self._handlers(self.tail(onset))
        except BaseException as error:
            self.has_raised(error)
            return None
        finally:
            self.board.restore(token)

    def _handlers(self, handler: Any) -> _Handlers | None:
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
        """Count and tell what the tail has raised; it is stopped for this invocation."""
        if isinstance(error, KeyboardInterrupt) and self.worker is None:
            raise error  # it is meant for the program, on whose thread this is
        self._failed += 1
        warn_once(self.tail, "tail", error, "and is stopped for this invocation")

    def has_to_await(self, result: object) -> bool:
        """Whether a handler returned what would have to be awaited: nobody will."""
        if not _close_if_awaitable(result):
            return False
        warn_once(self.tail, "tail", TypeError("a handler must not be a coroutine function"))
        return True

    def offer(self, item: Any, size: int, *, always: bool) -> bool:
        """Queue an event for the background, unless too much is waiting."""
        worker = self.worker
        if worker is None or self.removed:
            return True
        with self._lock_or_not():
            waiting = self._waiting_bytes - self._taken_bytes
            if not always and waiting + size > self.board.limits.queue_bytes:
                self._dropped += 1
                return False
            self._waiting_bytes += size
        worker.put(item)
        return True

    def _lock_or_not(self) -> _Guard:
        return _Guard(self._lock)

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
        self.board.unsubscribe(self)
        if self.worker is not None:
            self.worker.stop(0.0 if timeout is None else timeout)


class _Guard:
    """A lock that is never waited for long: the collector may call anything anywhere."""

    __slots__ = ("_held", "_lock")

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._held = self._lock.acquire(timeout=0.1)

    def __exit__(self, *exc: object) -> None:
        if self._held:
            self._lock.release()


def _method(handler: object, name: str) -> Callable[[Any], Any] | None:
    try:
        found = getattr(handler, name, None)
    except Exception:
        return None
    return found if callable(found) else None


def _close_if_awaitable(result: Any) -> bool:
    """Whether a tail gave something to be awaited; nobody will, so it is closed."""
    try:
        if not hasattr(result, "__await__"):
            return False
        if hasattr(result, "close"):
            result.close()
    except Exception:
        return False
    return True


class Stream:
    """One invocation as one tail gets it."""

    __slots__ = (
        "_acquire",
        "_dropped",
        "_handlers",
        "_id",
        "_inline",
        "_last",
        "_over",
        "_queue",
        "_release",
        "_sequence",
        "to",
    )

    def __init__(self, to: TailSubscription, invocation_id: str) -> None:
        self.to = to
        self._id = invocation_id
        self._handlers: _Handlers | None = None
        self._inline: _Handlers | None = None  # the same, if they are called inline
        self._sequence = 0
        self._last = 0
        self._dropped = 0
        self._over = False
        self._queue: deque[Any] = deque()
        busy = allocate_lock()
        self._acquire = busy.acquire
        self._release = busy.release

    def put(self, context: TailSpanContext, moment: int, payload: Any, size: int) -> None:
        """Add an event, and see to it that it is delivered.

        Inline, if nobody is at it and nothing waits, which is the usual case, it is delivered here.
        """
        handlers = self._inline
        if handlers is None or self._queue or not self._acquire(False):
            self._put_aside(context, moment, payload, size)
            return
        try:
            kind = type(payload)
            if handlers[kind] is not None:
                self._deliver(handlers[kind], context, moment, payload)
            else:
                self._sequence += 1
            if kind is Outcome:
                self._stop()
        finally:
            self._release()
        if self._queue:
            self._work_off()

    def _put_aside(self, context: TailSpanContext, moment: int, payload: Any, size: int) -> None:
        if self._over or self.to.removed:
            return
        if self.to.worker is None:
            self._queue.append((context, moment, payload))
            self._work_off()
            return
        kind = type(payload)
        if kind is Onset:
            size += 2 * _EVENT_BYTES  # room for the outcome, which must not be dropped
        item = (self, context, moment, payload, size)
        if not self.to.offer(item, size, always=kind is Outcome):
            if kind is Onset:
                self._over = True
            self._dropped += 1

    def _work_off(self) -> None:
        """Deliver what waits, unless another thread is at it, which then delivers this too."""
        while self._queue and self._acquire(False):
            try:
                while self._queue:
                    self.deliver(*self._queue.popleft())
            finally:
                self._release()

    @property
    def declined(self) -> bool:
        """Whether this tail wants nothing of the invocation (any more)."""
        return self._over or self.to.removed

    def deliver(self, context: TailSpanContext, moment: int, payload: Any) -> None:
        """Hand what has waited to the tail; by one thread at a time."""
        kind = type(payload)
        if self._handlers is None:
            if kind is Onset and not self._over:
                self._begin(make_tail_event(self._id, context, ANCHOR + moment, 0, payload))
                self._last = moment
            return
        if kind is Outcome and self._dropped:
            dropped, self._dropped = self._dropped, 0
            self.deliver(context, moment, StreamDiagnostic(DroppedEvents(dropped)))
            self.deliver(context, moment, payload)
            return
        handler = self._handlers[kind]
        if handler is not None:
            self._deliver(handler, context, moment, payload)
        else:
            self._sequence += 1
        if kind is Outcome:
            self._stop()

    def _begin(self, onset: TailEvent[Onset]) -> None:
        self._sequence = 1
        self._handlers = handlers = self.to.accept(onset)
        self._over = handlers is None
        if self.to.worker is None:
            self._inline = handlers

    def _deliver(self, handler: Any, context: TailSpanContext, moment: int, payload: Any) -> None:
        """Make the event, and call the handler with tracing off."""
        to = self.to
        if to.removed:
            return
        # A moment is taken before its event is queued; between two threads that may be too early.
        if moment < self._last:
            moment = self._last
        else:
            self._last = moment
        number = self._sequence
        self._sequence = number + 1
        event = make_tail_event(self._id, context, ANCHOR + moment, number, payload)
        board = to.board
        token = board.set(QUIET)
        try:
            result = handler(event)
            to.delivered += 1
            if result is not None and to.has_to_await(result):
                self._stop()
        except BaseException as error:
            self._stop()
            to.has_raised(error)
        finally:
            try:
                board.reset(token)
            except (LookupError, ValueError, RuntimeError):
                board.restore(token)

    def _stop(self) -> None:
        self._over = True
        self._handlers = self._inline = None


class Watch(Telling):
    """What happens in one invocation, told to every tail that listens to it."""

    __slots__ = (
        "_board",
        "_collectors",
        "_cpu",
        "_flags",
        "_is_queued",
        "_lifeline",
        "_returned",
        "_root_attributes",
        "_root_context",
        "_started",
        "_streams",
        "_trace",
        "generation",
    )

    def __init__(
        self,
        lifeline: Lifeline,
        root: Span,
        upstream_flags: int | None,
        info: Any,
        given: tuple[Attribute, ...],
        subscriptions: tuple[TailSubscription, ...],
    ) -> None:
        super().__init__()
        self._lifeline = lifeline
        self._board = lifeline.board
        self.generation = lifeline.board.generation
        self._flags = upstream_flags
        self._trace = f"{lifeline.trace_id:032x}"
        self._started = root._start
        self._cpu = process_time_ns()
        self._returned = False
        self._root_attributes: Attributes | None = None
        limits = lifeline.board.limits
        name = cut(root._name, limits.name_bytes)
        onset = Onset(f"{root._span_id:016x}", name, info, given)
        parent = f"{root._parent_id:016x}" if root._parent_id else None
        above = make_tail_context(self._trace, parent, upstream_flags)
        self._root_context = make_tail_context(self._trace, onset.span_id, upstream_flags)
        root._tail_context = self._root_context
        size = _EVENT_BYTES + len(name)
        streams = []
        for subscription in subscriptions:
            stream = Stream(subscription, lifeline.id)
            stream.put(above, root._start, onset, size)
            if not stream.declined:
                streams.append(stream)
        self._streams = tuple(streams)
        self._collectors = tuple([s.to.collect for s in streams if s.to.collect is not None])
        self._is_queued = any(s.to.worker is not None for s in streams)

    @property
    def is_heard(self) -> bool:
        """Whether any tail has taken the invocation, or may yet."""
        return bool(self._streams)

    def _say(self, context: TailSpanContext, moment: int, payload: Any, size: int) -> None:
        for stream in self._streams:
            stream.put(context, moment, payload, size)

    def _context_of(self, span: Span) -> TailSpanContext:
        context = span._tail_context
        if context is None:
            context = span._tail_context = self._context(span._span_id)
        return context

    def _context(self, span_id: int) -> TailSpanContext:
        return make_tail_context(self._trace, f"{span_id:016x}", self._flags)

    @property
    def is_inherited(self) -> bool:
        """Whether the invocation belongs to the process that this one was forked from."""
        return self.generation != self._board.generation

    def opened(self, span: Span, parent: Span) -> None:
        """A span below the root was opened."""
        name = span._name
        limit = self._board.limits.name_bytes
        if len(name) > limit or not name.isascii():
            name = cut(name, limit)
        text = "%016x" % span._span_id  # noqa: UP031 - faster
        span._tail_context = make_tail_context(self._trace, text, self._flags)
        above = parent._tail_context or self._context(span._parent_id)
        payload = make_span_open(text, name)
        for stream in self._streams:
            stream.put(above, span._start, payload, _EVENT_BYTES + len(name))

    def closed(self, span: Span) -> None:
        """A span has ended: its attributes, its close, and the record for the exporters."""
        board = self._board
        if self.generation != board.generation:
            span._attributes = span._more = None
            return
        attributes = span._attributes
        outcome = span._more.outcome if span._more is not None else "ok"
        if span._span_id == self._lifeline.root_id:
            if attributes:
                self._root_attributes = make_attributes(attributes)
            self._root_closed(span, outcome)
        else:
            context = span._tail_context or self._context_of(span)
            if attributes:
                size = _EVENT_BYTES + (size_of(attributes) if self._is_queued else 0)
                self._say(context, span._end, make_attributes(attributes), size)
            payload = _CLOSED_WELL if outcome == "ok" else SpanClose(outcome)
            for stream in self._streams:
                stream.put(context, span._end, payload, _EVENT_BYTES)
        if self._collectors or board.exports:
            board.hand_over(span, self._collectors, kept=self._lifeline.kept)
        else:
            span._attributes = span._more = None
        span._tail_context = None

    def _root_closed(self, root: Span, outcome: str) -> None:
        if outcome == "ok" and type(root) is Span:  # nobody asked for it, so nobody answers
            self.returned(None, root._end)

    def returned(self, info: Any, moment: int) -> None:
        """The handler has answered; only the first answer counts."""
        if not self._returned and not self.is_inherited:
            self._returned = True
            self._say(self._root_context, moment, Return(info), _EVENT_BYTES)

    def exception(self, span: Span, failure: Failure, moment: int) -> None:
        """An exception has left a span, or was recorded on it."""
        if not self.is_inherited:
            payload = Exception_(failure.name, failure.message, failure.stack)
            size = _EVENT_BYTES + len(failure.message) + len(failure.stack)
            self._say(self._context_of(span), moment, payload, size)

    def diagnostic(self, span: Span, channel: str, message: dict[str, Any], moment: int) -> None:
        """Somebody recorded an event on a span."""
        if not self.is_inherited:
            payload = DiagnosticChannel(channel, MappingProxyType(message))
            size = _EVENT_BYTES + len(channel) + size_of(message)
            self._say(self._context_of(span), moment, payload, size)

    def logged(self, span: Span, moment: int, line: Log) -> None:
        """Somebody logged under a span."""
        if not self.is_inherited:
            size = _EVENT_BYTES + len(line.message) + 64 * len(line.attributes)
            self._say(self._context_of(span), moment, line, size)

    def finished(self, outcome: str) -> None:
        """The invocation is over: nothing comes after this."""
        if self.is_inherited:
            return
        moment = now_ns()
        given = self._root_attributes
        if given is not None:
            size = _EVENT_BYTES + sum([len(a.name) + 64 for a in given.info])
            self._say(self._root_context, moment, given, size)
        wall = moment - self._started
        payload = Outcome(outcome, max(process_time_ns() - self._cpu, 0), wall)
        self._say(self._root_context, moment, payload, _EVENT_BYTES)
        if self._lifeline.board.is_closed:
            for stream in self._streams:
                self._lifeline.board.see_off(stream.to)


def check_tail(tail: object) -> None:
    """Refuse what can't be a tail."""
    from inspect import iscoroutinefunction

    if not callable(tail):
        raise TypeError(
            f"a tail is a callable that takes the onset event and returns a handler, not {tail!r}"
        )
    if iscoroutinefunction(tail) or iscoroutinefunction(getattr(type(tail), "__call__", None)):  # noqa: B004 - of an object that is called
        raise TypeError("a tail can't be a coroutine function: it is called, and never awaited")
