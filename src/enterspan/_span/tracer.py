"""The internal state of one `Tracing`: its settings, what is current, where spans go.

It is what the hot path asks. Who is subscribed, and how spans are delivered, is known one floor
above (`_pipeline`), which fills in `queue`, `hand_over` and `processor_for`.
"""

from __future__ import annotations

import sys
import weakref
from types import MappingProxyType

from enterspan._model.budget import Budget
from enterspan._model.diagnostics import warn_once
from enterspan._model.ids import bits_from, random_bits, system_bits
from enterspan._model.interrupts import is_interrupt
from enterspan._model.resource import default_resource
from enterspan._model.secrets import DEFAULT_SECRETS
from enterspan._model.threads import RLock
from enterspan._model.values import DEFAULT_LIMITS, Limits
from enterspan._span.context import Current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping
    from typing import Any, Final, Literal

    from enterspan._model.failures import ExceptionTypes
    from enterspan._model.ids import SpanContext
    from enterspan._model.protocols import IdGenerator, Sampler

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
DEFAULT_LATE: Final = 60.0
"""Seconds after the end of an invocation for which late spans stay in its trace."""


class Ambient:
    """What contexts fall back to that carry nothing."""

    __slots__ = ("captures", "owner", "root")

    def __init__(self, owner: object, root: Any, captures: tuple[object, ...]) -> None:
        self.owner = owner
        self.root = root
        self.captures = captures


class Tracer(Current):
    """What the spans of one Tracing have in common."""

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
        self.control_flow: tuple[Callable[[BaseException], bool], ...] = ()  # by integrations
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
        self.deliver: Callable[[float], object] = _let_go
        self.processor_for: Callable[..., Any] = _decline
        self.on_garbage: Callable[[], None] = _nothing
        self.bridge: Any = None
        # what is open
        self.ambient: tuple[Ambient, ...] = ()
        self.invocations: weakref.WeakSet[Any] = weakref.WeakSet()
        self.deferred: list[tuple[Any, BaseException | None, int]] = []
        self.garbage: list[Callable[[], None]] = []
        self.held_back = Budget()  # for decisions about spans with a `min_duration`
        self.generation = 0  # counts forks
        self.born = 0
        self.settings_lock = RLock()
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
        shortens = limits.tail_value_bytes < limits.highest_value_bytes
        self.tail_value_bytes = limits.tail_value_bytes if shortens else 0  # 0: as recorded

    def use_resource(self, given: Mapping[str, Any] | None = None) -> None:
        """Set the attributes of this process: the default ones, and those that the program gave."""
        if given is not None:
            self.given_resource = given
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
        """Have an integration say which exceptions of its framework are no failures."""
        if is_control_flow not in self.control_flow:
            self.control_flow = (*self.control_flow, is_control_flow)

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

    def add_ambient(self, owner: object, root: Any = None) -> None:
        """Have contexts that carry nothing fall back to a root; None hides those before it."""
        with self.settings_lock:
            captures = () if root is None else root._state.captures
            self.ambient = (*self.ambient, Ambient(owner, root, captures))
            self.update()

    def remove_ambient(self, owner: Any) -> None:
        """Take back what an owner has added; the others stay, in whatever order they end."""
        if any(item.owner is owner for item in self.ambient):
            with self.settings_lock:
                self.ambient = tuple([item for item in self.ambient if item.owner is not owner])
                self.update()

    def ambient_root(self) -> Any:
        """Return the root that this context falls back to; None if there is none.

        Under a boundary, that is one that began under it; see `testing.capture`.
        """
        here = self.captures()
        for item in reversed(self.ambient):
            if item.root is None:
                return None
            if not item.root._state.is_over and (not here or here[-1] in item.captures):
                return item.root
        return None

    def use_bridge(self, bridge: Any) -> None:
        """Let a bridge define what is current, or, with None, the variable alone.

        What a bridge has set can be reset at any later time, so its `reset` stays.
        """
        with self.settings_lock:
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

    def foreign_span(self) -> Any:
        """Return the current span if it is another tracer's that has none of ours for it."""
        return None if self.bridge is None or self.is_suppressed else self.bridge.foreign_span()

    def current_entry(self) -> Any:
        """Return the current entry, or the root of the ambient invocation."""
        entry = self.entry()
        return self.ambient_root() if entry is None and self.ambient else entry

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
