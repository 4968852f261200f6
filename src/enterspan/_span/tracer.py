"""The internal state of one `Tracing`: its settings, what is current, where spans go.

It is what the hot path asks. Who is subscribed, and how spans are delivered, is known one floor
above (`_pipeline`), which fills in `queue`, `hand_over` and `processor_for`.
"""

from __future__ import annotations

import sys
import weakref

from enterspan._model.diagnostics import warn_once
from enterspan._model.ids import bits_from, random_bits
from enterspan._model.interrupts import is_interrupt
from enterspan._model.threads import RLock
from enterspan._model.values import DEFAULT_LIMITS, Limits
from enterspan._span.context import Current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping
    from typing import Any, Final

    from enterspan._model.failures import ExceptionTypes
    from enterspan._model.ids import SpanContext
    from enterspan._model.protocols import IdGenerator, Sampler

DEFAULT_LATE: Final = 60.0
"""Seconds after the end of an invocation for which late spans stay in its trace."""


class Tracer(Current):
    """What the spans of one Tracing have in common."""

    __slots__ = (
        "__weakref__",
        "ambient",
        "bits",
        "born",
        "bridge",
        "canceled",
        "deferred",
        "easy_count",
        "easy_key",
        "easy_text",
        "enabled",
        "expected",
        "exporting",
        "garbage",
        "generation",
        "hand_over",
        "invocations",
        "is_finalizing",
        "late_ns",
        "limits",
        "name",
        "off",
        "on_garbage",
        "plain",
        "processor_for",
        "queue",
        "queue_mark",
        "recording",
        "resource",
        "sampler",
        "subscribed",
        "threads",
        "wiring",
    )

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        # settings
        self.enabled = True
        self.sampler: Sampler | None = None
        self.bits: Callable[[int], int] = random_bits
        self.resource: Mapping[str, Any] = {}
        self.expected: ExceptionTypes = ()
        self.canceled: ExceptionTypes = ()
        self.late_ns = DEFAULT_LATE * 1e9
        self.use_limits(DEFAULT_LIMITS)
        # what the hot path needs to know of the subscribers
        self.off = True
        self.recording: list[None] = []  # not empty unless it is off: C code can ask it
        self.plain = False  # whether a root needs nothing but a state
        self.subscribed = False
        self.exporting = False
        self.queue: deque[Any] | None = None
        self.queue_mark = 0
        self.hand_over: Callable[[Any], None] = _let_go
        self.processor_for: Callable[..., Any] = _decline
        self.on_garbage: Callable[[], None] = _nothing
        self.bridge: Any = None
        # what is open
        self.ambient: tuple[Any, ...] = ()
        self.invocations: weakref.WeakSet[Any] = weakref.WeakSet()
        self.deferred: list[tuple[Any, BaseException | None, int]] = []
        self.garbage: list[Callable[[], None]] = []
        self.generation = 0  # counts forks
        self.born = 0
        self.wiring = RLock()
        # Here, because the names of a module are gone when the last objects are finalized.
        self.is_finalizing = sys.is_finalizing
        _by_name.setdefault(name, self)

    def __reduce__(self) -> Any:
        """Pickle by name: in another process it is that process's own."""
        return tracer_named, (self.name,)

    # --- settings ---

    def use_limits(self, limits: Limits) -> None:
        """Set the limits, and what the hot path needs to know of them."""
        self.limits = limits
        self.easy_key = limits.easy_key
        self.easy_text = limits.easy_text
        self.easy_count = limits.easy_count

    def use_generator(self, generator: IdGenerator | None) -> None:
        """Set the source of ids."""
        self.bits = random_bits if generator is None else bits_from(generator, self.suppressed)

    def update(self) -> None:
        """Work out the flags that the hot path asks for, after any change."""
        bridged = self.bridge is not None
        self.off = not self.enabled or not (self.subscribed or self.exporting or bridged)
        self.recording[:] = () if self.off else (None,)
        self.plain = (
            self.enabled
            and self.exporting
            and not (self.subscribed or self.ambient or self.sampler is not None or bridged)
        )

    def use_sampler(self, sampler: Sampler | None) -> None:
        """Set the sampler."""
        self.sampler = sampler
        self.update()

    def use_ambient(self, ambient: tuple[Any, ...]) -> None:
        """Set the roots of ambient invocations; the last one counts."""
        self.ambient = ambient
        self.update()

    def use_bridge(self, bridge: Any) -> None:
        """Let a bridge define what is current, or, with None, the variable alone.

        What a bridge has set can be reset at any later time, so its `reset` stays.
        """
        with self.wiring:
            self.bridge = bridge
            if bridge is None:
                self.get, self.set = self.variable.get, self.variable.set
            else:
                # `reset` first: another thread may `set` in between.
                self.reset, self.get, self.set = bridge.reset, bridge.get, bridge.set
            self.update()

    # --- questions ---

    def upstream(self) -> SpanContext | None:
        """Return the parent of spans where none of ours is current; None without a bridge."""
        return None if self.bridge is None else self.bridge.upstream()

    def current_entry(self) -> Any:
        """Return the current entry, or the root of the ambient invocation."""
        entry = self.entry()
        if entry is None and self.ambient:
            return self.ambient[-1]
        return entry

    def is_sampled(
        self, parent: SpanContext | None, trace_id: int, name: str, attributes: Any
    ) -> bool:
        """Ask the sampler; where there is none, or it raises, follow the parent."""
        sampler = self.sampler
        if sampler is not None:
            try:
                return bool(
                    self.suppressed(
                        sampler.should_sample, parent, trace_id, name, dict(attributes or {})
                    )
                )
            except BaseException as error:
                if is_interrupt(error):
                    raise
                warn_once(sampler, "sampler", error)
        return parent is None or parent.trace_flags & 1 == 1

    # --- failures of this package, and the end of the interpreter ---

    def begin_failed(self, failure: BaseException) -> None:
        """Raise what arrived for the program; after an error of ours, the body runs untraced."""
        if not self.is_finalizing():
            if isinstance(failure, RecursionError) or is_interrupt(failure):
                raise failure
            warn_once(self, "recording", failure)

    def end_failed(self, span: Any, moment: int, failure: BaseException) -> None:
        """End a span whose end was interrupted; raise what arrived for the program."""
        if self.is_finalizing():
            return
        self.detach(span)
        state = span._state
        if state.spans.pop(span, self) is None:
            span._end = moment
            if state.dispatch is not None:
                state.dispatch.close(span, state, moment, True)
            elif state.sampled:
                self.hand_over(span)
            state.settle(moment)
        if not isinstance(failure, Exception) or is_interrupt(failure):
            raise failure
        warn_once(self, "recording", failure)

    # --- garbage ---

    def collect(self, end: Callable[[], None]) -> None:
        """Have something ended that has become garbage: finalizers call this.

        The collector runs anywhere, also inside a subscriber that holds a lock of its own. So the
        workers do it, or, for inline tails, this thread, unless a subscriber is running on it.
        """
        if not self.is_finalizing():
            self.garbage.append(end)
            self.on_garbage()

    def sweep(self) -> None:
        """End what has become garbage."""
        while self.garbage:
            try:
                end = self.garbage.pop()
            except IndexError:
                return  # another thread has just taken it
            end()

    def after_fork(self) -> None:
        """Begin anew in a forked child: what is open there belongs to the parent process."""
        self.wiring = RLock()
        self.generation += 1
        self.garbage = []
        self.deferred = []
        self.invocations = weakref.WeakSet()


def _let_go(span: Any) -> None:
    span._attributes = span._details = None


def _decline(*_: Any) -> None:
    return None


def _nothing() -> None:
    return None


_by_name: weakref.WeakValueDictionary[str, Tracer] = weakref.WeakValueDictionary()


def tracer_named(name: str) -> Tracer:
    """Return the tracer of the first Tracing with this name, or a new one."""
    found = _by_name.get(name)
    return Tracer(name) if found is None else found
