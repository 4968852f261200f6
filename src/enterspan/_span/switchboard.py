"""One Tracing's wiring: what the hot path asks, and who is plugged in.

Does anyone listen? Where is the current span? Where do finished spans go?
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from _thread import RLock
from contextvars import ContextVar
from time import monotonic

from enterspan._model.clock import now_ns
from enterspan._model.diagnostics import warn_once
from enterspan._model.ids import bits_from, random_bits
from enterspan._model.values import DEFAULT_LIMITS, Limits
from enterspan._span.context import QUIET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping
    from typing import Any

    from enterspan._model.ids import SpanContext
    from enterspan._model.protocols import Bridge, IdGenerator, Sampler
    from enterspan._model.records import SpanData
    from enterspan._pipeline.batches import ExporterSubscription
    from enterspan._pipeline.tails import TailSubscription, Watch
    from enterspan._pipeline.worker import Subscription
    from enterspan._span.context import Entry
    from enterspan._span.lifeline import Lifeline
    from enterspan._span.span import Span
    from enterspan.events import Attribute, EventInfo


class Switchboard:
    """The wiring of one Tracing."""

    __slots__ = (
        "__weakref__",
        "_closed",
        "_variable",
        "ambient",
        "bits",
        "born",
        "bridge",
        "easy_count",
        "easy_key",
        "easy_text",
        "enabled",
        "exports",
        "garbage",
        "generation",
        "get",
        "invocations",
        "limits",
        "mute",
        "name",
        "off",
        "plain",
        "queue",
        "queue_mark",
        "reset",
        "resource",
        "sampler",
        "set",
        "tails",
        "threads",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        # The variable is of this one alone, so one library's spans never parent another's.
        variable: ContextVar[Entry | None] = ContextVar(f"enterspan.{name}", default=None)
        self._variable = variable
        self.get: Callable[[], Any] = variable.get
        self.set: Callable[[Any], Any] = variable.set
        self.reset: Callable[[Any], None] = variable.reset
        self.mute = QUIET
        self.off = True
        self.plain = False  # whether a root needs nothing but a lifeline
        self.enabled = True
        self.bridge: Bridge | None = None  # backs spans with those of another tracer
        self.tails: tuple[TailSubscription, ...] = ()
        self.exports: tuple[ExporterSubscription, ...] = ()
        self.queue: deque[Any] | None = None
        self.queue_mark = 0
        self.sampler: Sampler | None = None
        self.bits: Callable[[int], int] = random_bits
        self.resource: Mapping[str, Any] = {}
        self.ambient: tuple[Span, ...] = ()
        self.invocations: weakref.WeakSet[Any] = weakref.WeakSet()
        self.generation = 0
        self.born = 0
        self.threads: Any = None
        self.garbage: list[Callable[[], None]] = []
        self._closed = False
        self.use_limits(DEFAULT_LIMITS)
        _boards.add(self)
        _by_name.setdefault(name, self)

    @property
    def wiring(self) -> RLock:
        """The lock for changes of who listens to what."""
        return _wiring

    def use_limits(self, limits: Limits) -> None:
        """Take over limits, and what the hot path needs to know of them."""
        self.limits = limits
        self.easy_key = limits.easy_key
        self.easy_text = limits.easy_text
        self.easy_count = limits.easy_count

    def use_generator(self, generator: IdGenerator | None) -> None:
        """Take over the source of ids."""
        self.bits = random_bits if generator is None else bits_from(generator)

    def __reduce__(self) -> Any:
        """Pickle by name: in another process it is that process's own."""
        return board_named, (self.name,)

    @property
    def is_quiet(self) -> bool:
        """Whether a listener, or a `__repr__` for it, is at work here: then nothing is recorded."""
        return self.get() is QUIET

    def restore(self, token: Any) -> None:
        """Undo a `set`, whatever has become of the context since; never raises."""
        try:
            self.reset(token)
        except LookupError:
            return  # what ran in between has unset it already
        except (ValueError, RuntimeError):
            self.set(None)  # this is another context: leave nothing of ours in it

    # --- who is plugged in ---

    def rewire(self) -> None:
        """Work out what the hot path needs to know of who listens."""
        bridged = self.bridge is not None
        self.off = not self.enabled or not (self.tails or self.exports or bridged)
        exports = self.exports
        alone = len(exports) == 1 and exports[0].worker.is_running and not self._closed
        self.queue_mark = exports[0].mark if alone else 0
        self.queue = exports[0].worker.queue if alone else None
        self.plain = (
            self.enabled
            and bool(exports)
            and not (self.tails or self.ambient or self.sampler is not None or bridged)
        )

    def fall_back_to(self, ambient: tuple[Span, ...]) -> None:
        """Set the roots of ambient invocations; the last one counts."""
        self.ambient = ambient
        self.rewire()

    def use_sampler(self, sampler: Sampler | None) -> None:
        """Take over a sampler."""
        self.sampler = sampler
        self.rewire()

    def use_bridge(self, bridge: Bridge | None) -> None:
        """Let a bridge say what is current here, or nobody but our own variable any more.

        What a bridge has set can be reset at any time later, so its `reset` stays.
        """
        with self.wiring:
            self.bridge = bridge
            if bridge is None:
                self.get, self.set = self._variable.get, self._variable.set
            else:
                self.get, self.set, self.reset = bridge.get, bridge.set, bridge.reset
            self.rewire()

    def upstream(self) -> SpanContext | None:
        """What a span is to be a child of where none of ours is current; None without a bridge."""
        return None if self.bridge is None else self.bridge.upstream()

    def plug_tail(self, subscription: TailSubscription) -> None:
        """Subscribe a tail."""
        with self.wiring:
            self.tails = (*self.tails, subscription)
            self._closed = self._closed or _is_ending()
            self.rewire()
        _guard()
        _at_process_end()

    def plug_exporter(self, subscription: ExporterSubscription) -> None:
        """Subscribe an exporter."""
        with self.wiring:
            self.exports = (*self.exports, subscription)
            self._closed = self._closed or _is_ending()
            self.rewire()
        _guard()
        _at_process_end()

    def unsubscribe(self, subscription: Subscription) -> None:
        """Take a tail or an exporter out."""
        with self.wiring:
            self.tails = tuple([s for s in self.tails if s is not subscription])
            self.exports = tuple([s for s in self.exports if s is not subscription])
            self.rewire()

    # --- spans on their way out ---

    def hand_over(
        self, span: Span, collectors: tuple[Callable[[SpanData], None], ...] = (), kept: bool = True
    ) -> None:
        """Give a finished span to everybody who gets spans, and make it light."""
        exports = self.exports if kept else ()
        if len(exports) == 1 and not collectors:
            export = exports[0]
            export.offer(span)
            if self.queue is None and not self._closed:
                self.rewire()  # after a fork, the worker runs again from here on
            elif self._closed:
                self.see_off(export)
            return
        if not exports and not collectors:
            span._attributes = span._more = None
            return
        from enterspan._model.records import record_of

        record = record_of(span)
        span._attributes = span._more = None
        if span._start > self.born:
            for collect in collectors:
                collect(record)
            for export in exports:
                export.offer(record)
                if self._closed:
                    self.see_off(export)

    # --- invocations ---

    def announce(
        self,
        lifeline: Lifeline,
        root: Span,
        parent: SpanContext | None,
        info: EventInfo | None,
        given: tuple[Attribute, ...],
    ) -> Watch | None:
        """Tell the tails about a new invocation; None where none of them wants it."""
        if not self.tails:
            return None
        if self.garbage:
            self.sweep()
        from enterspan._pipeline.tails import Watch

        flags = None if parent is None else parent.trace_flags
        watch = Watch(lifeline, root, flags, info, given, self.tails)
        return watch if watch.is_heard else None

    def ask_sampler(
        self, parent: SpanContext | None, trace_id: int, name: str, attributes: Any
    ) -> bool:
        """Ask the sampler; where it raises, follow the parent."""
        sampler = self.sampler
        if sampler is not None:
            token = self.set(QUIET)
            try:
                return bool(sampler.should_sample(parent, trace_id, name, dict(attributes or {})))
            except Exception as error:
                warn_once(sampler, "sampler", error)
            finally:
                self.restore(token)
        return parent is None or parent.trace_flags & 1 == 1

    def ambient_root(self) -> Span | None:
        """The root that contexts without an invocation fall back to."""
        return self.ambient[-1] if self.ambient else None

    def collect(self, end: Callable[[], None]) -> None:
        """Have something ended that has become garbage: call this from a finalizer.

        The collector runs anywhere, also inside a tail that holds a lock of its own. So it is left
        to the workers, unless a tail is told inline; and that waits while one is at work here.
        """
        if self._closed or sys.is_finalizing():
            return
        self.garbage.append(end)
        inline = False
        for subscription in self.tails:
            if subscription.worker is None:
                inline = True
            else:
                subscription.worker.ring()
        if inline and self.get() is not QUIET:
            self.sweep()

    def sweep(self) -> None:
        """End what has become garbage."""
        while self.garbage:
            try:
                end = self.garbage.pop()
            except IndexError:
                return  # another thread has just taken it
            end()

    # --- the end ---

    def flush(self, timeout: float) -> bool:
        """Deliver everything that is finished; False if it took longer."""
        self.sweep()
        deadline = monotonic() + timeout
        listeners = (*self.tails, *self.exports)
        for listener in listeners:
            listener.hurry()  # so that one that hangs takes nobody else's time
        for listener in listeners:
            listener.is_late = not listener.flush(deadline)
        return not any(listener.is_late for listener in listeners)

    def shutdown(self, timeout: float) -> bool:
        """Deliver everything that is finished and end all subscriptions."""
        deadline = monotonic() + timeout
        done = self.flush(timeout)
        for subscription in (*self.tails, *self.exports):
            subscription.remove(max(0.0, deadline - monotonic()))
            done = done and subscription.is_done
        return done

    def end_process(self) -> None:
        """End what is open, deliver what is finished, and from here on deliver at once."""
        for reference in list(getattr(self.invocations, "data", ())):  # at once: threads may add
            invocation = reference()
            if invocation is not None:
                invocation.abandon()
        self._closed = True
        self.queue = None
        from enterspan._pipeline.worker import EXIT_TIMEOUT

        self.flush(EXIT_TIMEOUT)

    @property
    def is_closed(self) -> bool:
        """Whether the process is ending: nothing may wait in a queue any more."""
        return self._closed

    def see_off(self, listener: Subscription) -> None:
        """Deliver at once, while the process ends; a listener that hangs is waited for once."""
        if listener.is_late or self.is_quiet:
            return
        from enterspan._pipeline.worker import EXIT_TIMEOUT

        listener.is_late = not listener.flush(monotonic() + EXIT_TIMEOUT)

    def after_fork(self) -> None:
        """What is open here belongs to the parent; what comes is this process's own."""
        self.generation += 1
        self.born = now_ns()
        self.queue = None
        self._closed = False
        self.garbage = []
        self.invocations = weakref.WeakSet()
        for subscription in (*self.tails, *self.exports):
            subscription.after_fork()


_boards: weakref.WeakSet[Switchboard] = weakref.WeakSet()
_wiring = RLock()
_by_name: weakref.WeakValueDictionary[str, Switchboard] = weakref.WeakValueDictionary()


def board_named(name: str) -> Switchboard:
    """The wiring of the first Tracing with this name, or, where there is none, a new one."""
    found = _by_name.get(name)
    return Switchboard(name) if found is None else found


_registered: set[str] = set()


def _guard() -> None:
    from enterspan._span.collector import guard

    guard()


def _is_ending() -> bool:
    """Whether it may be too late for anything to be called at the process's end."""
    import threading

    return not threading.main_thread().is_alive()


def _end_process() -> None:
    for board in list(_boards):
        board.end_process()


def _after_fork_in_parent() -> None:
    for board in list(_boards):
        board.queue = None  # the next span starts the worker that was paused


def _after_fork_in_child() -> None:
    global _wiring  # noqa: PLW0603 - another thread may have held it when the process was forked
    _wiring = RLock()
    for board in list(_boards):
        board.after_fork()


def _before_fork() -> None:
    _at_process_end()


def _at_process_end() -> None:
    """See to it that the end of the process delivers what is finished.

    multiprocessing's children end without atexit: they have finalizers of their own.
    """
    if "atexit" not in _registered:
        _registered.add("atexit")
        atexit.register(_end_process)
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and "multiprocessing" not in _registered:
        _registered.add("multiprocessing")
        util.register_after_fork(_at_process_end, _in_multiprocessing_child)


def _in_multiprocessing_child(_: object) -> None:
    util: Any = sys.modules["multiprocessing.util"]
    util.Finalize(None, _end_process, exitpriority=0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
