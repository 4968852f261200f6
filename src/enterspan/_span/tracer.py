"""The internal state of one `Tracing`: its settings, the current entry, its subscribers.

The hot path reads it. Subscription and delivery are one layer above, in `_pipeline`, which sets
`queue`, `hand_over` and `processor_for`.
"""

from __future__ import annotations

import sys
import weakref
from types import MappingProxyType

from enterspan._model.budget import Budget
from enterspan._model.diagnostics import warn_once
from enterspan._model.ids import bits_from, random_bits, system_bits
from enterspan._model.interrupts import is_interrupt
from enterspan._model.late import put_off
from enterspan._model.limits import DEFAULT_LIMITS, Limits
from enterspan._model.secrets import DEFAULT_SECRETS
from enterspan._model.threads import RLock
from enterspan._span.context import Current

TYPE_CHECKING = False
if not TYPE_CHECKING:
    put_off(globals(), {"enterspan._model.resource": "default_resource"})
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping
    from typing import Any, Final, Literal

    from enterspan._model.failures import ExceptionTypes
    from enterspan._model.ids import SpanContext
    from enterspan._model.protocols import IdGenerator, Sampler
    from enterspan._model.resource import default_resource
    from enterspan._model.threads import Lock

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
DEFAULT_LATE: Final = 60.0
"""Seconds after the end of an invocation for which late spans stay in its trace."""


class Ambient:
    """The invocation that empty contexts fall back to."""

    __slots__ = ("captures", "owner", "root")

    def __init__(self, owner: object, root: Any, captures: tuple[object, ...]) -> None:
        self.owner = owner
        self.root = root
        self.captures = captures


class Tracer(Current):
    """The state shared by all spans of one `Tracing`."""

    __slots__ = (
        "__weakref__",
        "ambient",
        "bits",
        "born",
        "bridge",
        "canceled",
        "control_flow",
        "deferred",
        "deliver",
        "easy_count",
        "easy_key",
        "easy_text",
        "enabled",
        "exceptions_by_type",
        "expected",
        "exporting",
        "garbage",
        "generation",
        "given_resource",
        "hand_over",
        "held_back",
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
        "secrets",
        "settings_lock",
        "subscribed",
        "tail_value_bytes",
        "threads",
    )

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
        # settings
        self.enabled = True
        self.sampler: Sampler | None = None
        self.bits: Callable[[int], int] = random_bits
        self.resource: Mapping[str, Any] = _NOTHING
        self.given_resource: Mapping[str, Any] = _NOTHING
        self.expected: ExceptionTypes = ()
        self.canceled: ExceptionTypes = ()
        self.exceptions_by_type = False
        self.secrets = DEFAULT_SECRETS
        self.control_flow: tuple[Callable[[BaseException], bool], ...] = ()  # set by integrations
        self.late_ns = DEFAULT_LATE * 1e9
        self.use_limits(DEFAULT_LIMITS)
        # what the hot path needs to know about the subscribers
        self.off = True
        self.recording: list[None] = []  # not empty unless tracing is off: C code can test it
        self.plain = False  # whether a root needs only an invocation state
        self.subscribed = False
        self.exporting = False
        self.queue: deque[Any] | None = None
        self.queue_mark = 0
        self.hand_over: Callable[[Any], None] = _let_go
        self.deliver: Callable[[float], object] = _decline
        self.processor_for: Callable[..., Any] = _decline
        self.on_garbage: Callable[[], None] = _nothing
        self.bridge: Any = None
        # open spans and invocations
        self.ambient: tuple[Ambient, ...] = ()
        self.invocations: weakref.WeakSet[Any] = weakref.WeakSet()
        self.deferred: list[tuple[Any, BaseException | None, int]] = []
        self.garbage: list[Callable[[], None]] = []
        self.held_back = Budget()  # for decisions about spans with a `min_duration`
        self.generation = 0  # counts forks
        self.born = 0
        self.settings_lock = RLock()
        # Kept here because module globals are gone when the last objects are finalized.
        self.is_finalizing = sys.is_finalizing
        _by_name.setdefault(name, self)

    def __reduce__(self) -> Any:
        """Pickle by name: unpickling gives the other process's tracer of that name."""
        return tracer_named, (self.name,)

    # --- settings ---

    def use_limits(self, limits: Limits) -> None:
        """Set the limits, and the values that the hot path derives from them."""
        self.limits = limits
        self.easy_key = limits.easy_key
        self.easy_text = limits.easy_text
        self.easy_count = limits.easy_count
        shortens = limits.tail_value_bytes < limits.highest_value_bytes
        self.tail_value_bytes = limits.tail_value_bytes if shortens else 0  # 0: as recorded

    def give_resource(self, given: Mapping[str, Any]) -> None:
        """Set the program's resource attributes, for this process and its children."""
        with self.settings_lock:
            self.given_resource = given
            if self.resource:
                self.use_resource()

    def use_resource(self) -> None:
        """Set the resource of this process: the default attributes, and the program's."""
        self.resource = MappingProxyType({**default_resource(), **self.given_resource})

    def use_generator(self, generator: IdGenerator | Literal["urandom"] | None) -> None:
        """Set the source of ids."""
        if generator is None:
            self.bits = random_bits
        elif generator == "urandom":
            self.bits = system_bits
        else:
            self.bits = bits_from(generator, self.suppressed)

    def expect(self, is_control_flow: Callable[[BaseException], bool]) -> None:
        """Add an integration's predicate for exceptions that are not failures."""
        if is_control_flow not in self.control_flow:
            self.control_flow = (*self.control_flow, is_control_flow)

    def update(self) -> None:
        """Recompute the flags that the hot path reads, after any change."""
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

    def add_ambient(self, owner: object, root: Any = None) -> None:
        """Make empty contexts fall back to a root; None hides the earlier ones."""
        with self.lock():
            captures = () if root is None else root._state.captures
            self.ambient = (*self.ambient, Ambient(owner, root, captures))
            self.update()

    def remove_ambient(self, owner: Any) -> None:
        """Remove an owner's ambient entry; the others stay, in whatever order they end."""
        if any(item.owner is owner for item in self.ambient):
            with self.lock():
                self.ambient = tuple([item for item in self.ambient if item.owner is not owner])
                self.update()

    def ambient_root(self) -> Any:
        """Return the root that an empty context falls back to; None if there is none.

        Under a boundary, only roots that began under it count; see `testing.capture`.
        """
        here = self.captures()
        for item in reversed(self.ambient):
            if item.root is None:
                return None
            if not item.root._state.is_over and (not here or here[-1] in item.captures):
                return item.root
        return None

    def use_bridge(self, bridge: Any) -> None:
        """Let a bridge define what is current; with None, the context variable alone does.

        A bridge's `set` may be reset at any later time, so its `reset` stays.
        """
        with self.settings_lock:
            self.bridge = bridge
            if bridge is None:
                self.get, self.set = self.variable.get, self.variable.set
            else:
                # `reset` first: another thread may `set` in between.
                self.reset, self.get, self.set = bridge.reset, bridge.get, bridge.set
            self.update()

    # --- queries ---

    def upstream(self) -> SpanContext | None:
        """Return the bridge's parent for spans, if no span of this tracer is current."""
        return None if self.bridge is None else self.bridge.upstream()

    def foreign_span(self) -> Any:
        """Return the current span if it is another tracer's, without a counterpart here."""
        return None if self.bridge is None or self.is_suppressed else self.bridge.foreign_span()

    def current_entry(self) -> Any:
        """Return the current entry, or the root of the ambient invocation."""
        entry = self.entry()
        return self.ambient_root() if entry is None and self.ambient else entry

    def is_sampled(
        self, parent: SpanContext | None, trace_id: int, name: str, attributes: Any
    ) -> bool:
        """Ask the sampler; without one, or if it raises, follow the parent."""
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

    # --- internal errors, and interpreter shutdown ---

    def begin_failed(self, failure: BaseException) -> None:
        """Re-raise an interruption of the program; after an internal error, run untraced."""
        if not self.is_finalizing():
            if isinstance(failure, RecursionError) or is_interrupt(failure):
                raise failure
            warn_once(self, "recording", failure)

    def end_failed(self, span: Any, moment: int, failure: BaseException) -> None:
        """End a span whose end was interrupted; re-raise an interruption of the program."""
        if self.is_finalizing():
            return
        self.detach(span)
        state = span._state
        if state.spans.pop(span, self) is None:
            span._end = moment
            dispatch = state.dispatch
            if dispatch is not None:
                dispatch.close(span, state, moment, True)
            elif state.sampled:
                self.hand_over(span)
            state.settle(moment)
        if not isinstance(failure, Exception) or is_interrupt(failure):
            raise failure
        warn_once(self, "recording", failure)

    def lock(self) -> Lock:
        """Return the lock; at shutdown a dummy, as a stopped thread may hold the lock."""
        lock = self.settings_lock
        return type(lock)() if self.is_finalizing() else lock

    # --- garbage ---

    def collect(self, end: Callable[[], None]) -> None:
        """Have a garbage-collected object ended; called by finalizers.

        The collector runs anywhere, also inside a subscriber that holds a lock. So the workers end
        it, or, for inline tails, this thread, unless it is running a subscriber.
        """
        if not self.is_finalizing():
            self.garbage.append(end)
            self.on_garbage()

    def sweep(self) -> None:
        """End what was garbage-collected."""
        while self.garbage:
            try:
                end = self.garbage.pop()
            except IndexError:
                return  # another thread has just removed it
            end()

    def after_fork(self) -> None:
        """Reset in a forked child: open spans belong to the parent process."""
        self.settings_lock = RLock()
        self.generation += 1
        self.garbage = []
        self.held_back = Budget()
        if self.resource is not _NOTHING:
            self.use_resource()
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
