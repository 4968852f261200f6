"""Samplers: which traces are exported, decided when they begin or when they end.

`Tracing.configure(sampler=...)` takes a sampler, which decides when an invocation begins. Samplers
are values: frozen, comparable, picklable, and composed of one another.

>>> from enterspan import tracing
>>> from enterspan.sampling import ALWAYS, NEVER, ByName, ParentBased, TraceIdRatio
>>> ByName({"GET /health": NEVER, "checkout*": ALWAYS}, default=ParentBased(TraceIdRatio(0.1)))
ByName({'GET /health': NEVER, 'checkout*': ALWAYS}, default=ParentBased(TraceIdRatio(0.1)))

`TailSampling` wraps an exporter and decides when an invocation has ended: it exports those that
failed, were slow, or are selected by a function.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from enterspan._model.clock import check_seconds
from enterspan._model.diagnostics import warn, warn_once
from enterspan._model.ids import SpanContext
from enterspan._model.limits import AttributeValue
from enterspan._model.protocols import Exporter, Sampler
from enterspan._model.records import SpanData
from enterspan._model.threads import RLock
from enterspan._model.values import WARNING_MESSAGE, WARNING_TYPE
from enterspan._model.weights import weight_of_record
from enterspan._pipeline.batches import check_exporter
from enterspan._pipeline.subscription import key_of

__all__ = [
    "ALWAYS",
    "NEVER",
    "ByName",
    "ParentBased",
    "TailSampling",
    "TailSamplingStats",
    "TraceIdRatio",
]

_Attributes: TypeAlias = Mapping[str, AttributeValue]

# --- at the beginning -----------------------------------------------------------------------------

_RATIO_BITS: Final = 64
"""OpenTelemetry compares the lower 64 bits of a trace id, because some systems have only these."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A sampler with a constant answer: `ALWAYS` or `NEVER`."""

    answer: bool

    def __repr__(self) -> str:
        """Show the name."""
        return "ALWAYS" if self.answer else "NEVER"

    def should_sample(
        self, parent: SpanContext | None, trace_id: int, name: str, attributes: _Attributes
    ) -> bool:
        """Return the answer."""
        return self.answer


ALWAYS: Final = Constant(True)
"""Samples every trace."""
NEVER: Final = Constant(False)
"""Samples no trace; tails get the events of all."""


@dataclass(frozen=True, slots=True)
class TraceIdRatio:
    """Samples a ratio of all traces, from 0 (none) to 1 (all), by the trace id.

    The answer depends on the trace id and the ratio only, and is the same as that of
    OpenTelemetry's `TraceIdRatioBased`. A higher ratio samples all traces that a lower one does.
    The parent is ignored: use it inside `ParentBased` to sample whole traces.

    Raises:
        TypeError: if `ratio` is not a number.
        ValueError: if `ratio` is not from 0 to 1.
    """

    ratio: float

    def __post_init__(self) -> None:
        """Check the ratio."""
        if isinstance(self.ratio, bool) or not isinstance(self.ratio, (int, float)):
            raise TypeError(f"ratio must be a number from 0 to 1, not {self.ratio!r}")
        if not 0 <= self.ratio <= 1:
            raise ValueError(f"ratio must be from 0 (none) to 1 (all), not {self.ratio!r}")

    def __repr__(self) -> str:
        """Show the ratio."""
        return f"TraceIdRatio({self.ratio!r})"

    def should_sample(
        self, parent: SpanContext | None, trace_id: int, name: str, attributes: _Attributes
    ) -> bool:
        """Return whether the trace id is in the sampled range."""
        bound = round(self.ratio * (1 << _RATIO_BITS))
        return trace_id & ((1 << _RATIO_BITS) - 1) < bound


@dataclass(frozen=True, slots=True)
class ParentBased:
    """Follows the sampled flag of the parent; `root` decides about traces without a parent.

    `sampled` and `unsampled` decide about a parent with and without the flag. By default they
    follow it.

    Raises:
        TypeError: if one of them is not a sampler.
    """

    root: Sampler
    sampled: Sampler = ALWAYS
    unsampled: Sampler = NEVER

    def __post_init__(self) -> None:
        """Check the samplers."""
        for name in ("root", "sampled", "unsampled"):
            _check_sampler(f"ParentBased.{name}", getattr(self, name))

    def __repr__(self) -> str:
        """Show the samplers that are not the default."""
        more = "" if self.sampled == ALWAYS else f", sampled={self.sampled!r}"
        more += "" if self.unsampled == NEVER else f", unsampled={self.unsampled!r}"
        return f"ParentBased({self.root!r}{more})"

    def should_sample(
        self, parent: SpanContext | None, trace_id: int, name: str, attributes: _Attributes
    ) -> bool:
        """Return the answer of the sampler for this parent."""
        if parent is None:
            chosen = self.root
        else:
            chosen = self.sampled if parent.trace_flags & 1 else self.unsampled
        return chosen.should_sample(parent, trace_id, name, attributes)


@dataclass(frozen=True, slots=True)
class ByName:
    """Chooses a sampler by the name that the invocation has when it begins.

    `rules` maps patterns (`checkout*`, case-sensitive) to samplers. The first pattern that matches
    decides, or `default` if none does. The name of a request is its method only when a middleware
    begins its invocation: for paths, see `exclude` of the middleware.

    Raises:
        TypeError: if `rules` is not a mapping from patterns to samplers.
    """

    rules: Mapping[str, Sampler] | tuple[tuple[str, Sampler], ...]
    default: Sampler = ALWAYS

    def __post_init__(self) -> None:
        """Check the rules, and keep them as pairs, which are hashable."""
        rules: Any = self.rules
        if not isinstance(rules, (Mapping, tuple)):
            raise TypeError(f"rules must map name patterns to samplers, not {rules!r}")
        pairs = tuple(rules.items() if isinstance(rules, Mapping) else rules)
        for pair in pairs:
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
                raise TypeError(f"a rule is a name pattern and a sampler, not {pair!r}")
            _check_sampler(f"the sampler for {pair[0]!r}", pair[1])
        _check_sampler("ByName.default", self.default)
        object.__setattr__(self, "rules", pairs)

    def __repr__(self) -> str:
        """Show the rules."""
        more = "" if self.default == ALWAYS else f", default={self.default!r}"
        return f"ByName({dict(self.rules)!r}{more})"

    def should_sample(
        self, parent: SpanContext | None, trace_id: int, name: str, attributes: _Attributes
    ) -> bool:
        """Return the answer of the sampler of the first pattern that matches."""
        rules: Any = self.rules
        for pattern, sampler in rules:
            if fnmatchcase(name, pattern):
                return bool(sampler.should_sample(parent, trace_id, name, attributes))
        return self.default.should_sample(parent, trace_id, name, attributes)


def _check_sampler(name: str, sampler: object) -> None:
    if isinstance(sampler, type) or not callable(getattr(sampler, "should_sample", None)):
        raise TypeError(f"{name} must be a sampler, such as TraceIdRatio(0.1), not {sampler!r}")


# --- at the end -----------------------------------------------------------------------------------

MAX_SPANS: Final = 20_000
"""How many spans may wait for a decision: about 20 MB at 1 kB each."""
MAX_BYTES: Final = 32 * 1024 * 1024
"""How many bytes of memory they may take."""
_DECIDED_MOST: Final = 10_000
"""How many decisions are kept, for spans that end after them."""
_UNDECIDED_MOST: Final = 10_000
"""How many undecided invocations without waiting spans are remembered."""
_ENTRY_BYTES: Final = 700
"""The bytes that an invocation counts for, in addition to its spans."""


@dataclass(frozen=True, slots=True)
class TailSamplingStats:
    """Counts of the spans that a `TailSampling` was given.

    `received` is the sum of `kept`, `left_out`, `over_limit` and `waiting`. Spans `over_limit` were
    dropped before a decision, because the limits were reached.
    """

    received: int
    kept: int
    left_out: int
    over_limit: int
    waiting: int


class _Waiting:
    """The spans of one invocation that is undecided, or is not kept so far."""

    __slots__ = ("begin", "end", "failed", "lost", "over", "size", "spans", "unread")

    def __init__(self) -> None:
        self.spans: list[SpanData] = []
        self.size = _ENTRY_BYTES
        self.lost = 0
        self.over = False  # its root has ended, without a reason to keep it
        self.failed = False
        self.begin = self.end = 0
        self.unread = False  # whether spans came since the last decision

    def add(self, span: SpanData, size: int) -> None:
        """Add a span, and note whether it is a reason to keep the invocation."""
        self.begin = min(self.begin, span.start_ns) if self.end else span.start_ns
        self.end = max(self.end, span.end_ns)
        self.failed = self.failed or _has_failed(span)
        self.spans.append(span)
        self.size += size
        self.unread = True


class TailSampling:
    """An exporter that passes selected invocations, each as a whole, to another exporter.

    The decision about an invocation is made when its root has ended. Spans of an invocation that is
    not kept wait while there is room: if a span that ends later is a reason to keep it, all are
    exported. Spans that end after their invocation was kept are exported at once.

    When more than `max_spans` spans or `max_bytes` bytes wait, spans of invocations that were not
    kept are dropped first, the oldest before the others, and then those of the oldest undecided
    ones. These are counted in `stats.over_limit` and reported once to the logger `enterspan`. If
    their invocation is kept later, its root span has `enterspan.warning.type` =
    `tail_sampling_limit_exceeded`.

    Undecided invocations are exported at shutdown: they were open when the process ended.

    Args:
        exporter: the exporter of the invocations that are kept.
        failed: keep an invocation if a span in it has failed, or was closed with an outcome that
            is not one of enterspan's.
        slower_than: keep an invocation that took at least this many seconds; None for no limit.
        keep: called with all spans of an invocation, in order of their end; keep it if this returns
            a true value.
        max_spans: how many spans may wait for a decision.
        max_bytes: how many bytes of spans may wait for a decision.

    Raises:
        TypeError, ValueError: for an invalid argument.
    """

    def __init__(
        self,
        exporter: Exporter,
        *,
        failed: bool = True,
        slower_than: float | None = None,
        keep: Callable[[Sequence[SpanData]], bool] | None = None,
        max_spans: int = MAX_SPANS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        check_exporter(exporter)
        if not isinstance(failed, bool):
            raise TypeError(f"failed must be True or False, not {failed!r}")
        check_seconds("slower_than", slower_than)
        if keep is not None and not callable(keep):
            raise TypeError(f"keep must be a function of an invocation's spans, not {keep!r}")
        for name, value in (("max_spans", max_spans), ("max_bytes", max_bytes)):
            if type(value) is not int:
                raise TypeError(f"{name} must be an int, not {value!r}")
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self._exporter = exporter
        self._failed = failed
        self._slower_ns = None if slower_than is None else slower_than * 1e9
        self._keep = keep
        self._max_spans = max_spans
        self._max_bytes = max_bytes
        self._begin()

    @property
    def subscription_target(self) -> object:
        """The target of the wrapped exporter."""
        return key_of(self._exporter, None)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = RLock()  # `keep` may read `stats`
        # By invocation, the oldest first: those that are over, those that are open, and the open
        # ones of which all spans were dropped.
        self._over: OrderedDict[str, _Waiting] = OrderedDict()
        self._open: OrderedDict[str, _Waiting] = OrderedDict()
        self._emptied: OrderedDict[str, _Waiting] = OrderedDict()
        # Whether the invocation was kept: late spans of those that were are exported.
        self._decided: OrderedDict[str, bool] = OrderedDict()
        self._spans = self._bytes = 0
        self._kept = self._left_out = self._over_limit = 0

    @property
    def stats(self) -> TailSamplingStats:
        """The counts, in spans."""
        self._look_at_process()
        with self._lock:
            counts = (self._kept, self._left_out, self._over_limit, self._spans)
        return TailSamplingStats(sum(counts), *counts)

    def export(self, spans: Sequence[SpanData]) -> None:
        """Export the spans of invocations that are kept; the others wait."""
        self._look_at_process()
        with self._lock:
            kept = self._take_all(spans)
            self._make_room()
        if kept:
            self._exporter.export(kept)

    @property
    def inner_exporter(self) -> object:  # internal
        """The wrapped exporter."""
        return self._exporter

    def drain(self) -> None:  # internal
        """Export undecided invocations."""
        self._look_at_process()
        with self._lock:
            kept = []
            for key in [*self._over, *self._open, *self._emptied]:
                kept += self._release(key, key not in self._over)
        if kept:
            self._exporter.export(kept)

    def shutdown(self) -> None:
        """Export undecided invocations, and shut the wrapped exporter down."""
        try:
            self.drain()
        finally:
            self._exporter.shutdown()

    def _look_at_process(self) -> None:
        """Start empty in a forked child: the waiting spans are the parent's."""
        if self._pid != os.getpid():
            self._begin()

    # The methods below are called with the lock held.

    def _take_all(self, spans: Sequence[SpanData]) -> list[SpanData]:
        """Add spans; return those to export now."""
        ready: list[SpanData] = []
        touched: dict[str, None] = {}
        for span in spans:
            invocation_id = span.invocation_id
            decision = self._decided.get(invocation_id)
            if decision or (decision is False and not self._is_reason_alone(span)):
                ready += self._counted([span], decision)
                continue
            waiting = self._waiting_of(invocation_id)
            size = weight_of_record(span)
            waiting.add(span, size)
            self._spans += 1
            self._bytes += size
            if _is_root(span) and not waiting.over:
                waiting.over = True
                self._over[invocation_id] = self._open.pop(invocation_id)
            if waiting.over:
                touched[invocation_id] = None
                if self._is_reason(waiting, asked=False):
                    ready += self._release(invocation_id, kept=True)
        for invocation_id in touched:
            late = self._over.get(invocation_id)
            if late is not None and self._is_reason(late, asked=True):
                ready += self._release(invocation_id, kept=True)
        return ready

    def _waiting_of(self, invocation_id: str) -> _Waiting:
        """Return the waiting spans of an invocation, creating the entry if needed."""
        waiting = self._over.get(invocation_id) or self._open.get(invocation_id)
        if waiting is None:
            waiting = self._emptied.pop(invocation_id, None) or _Waiting()
            waiting.size = _ENTRY_BYTES
            self._bytes += _ENTRY_BYTES
            waiting.over = self._decided.get(invocation_id) is False
            (self._over if waiting.over else self._open)[invocation_id] = waiting
        return waiting

    def _counted(self, spans: list[SpanData], kept: bool) -> list[SpanData]:
        """Count spans; return those to export."""
        if kept:
            self._kept += len(spans)
            return spans
        self._left_out += len(spans)
        return []

    def _is_reason_alone(self, span: SpanData) -> bool:
        """Whether to keep a late span of an invocation without waiting spans."""
        alone = _Waiting()
        alone.add(span, 0)
        return self._is_reason(alone, asked=True)

    def _is_reason(self, waiting: _Waiting, *, asked: bool) -> bool:
        """Whether to keep an invocation; with *asked*, the user's function is also called."""
        if self._failed and waiting.failed:
            return True
        if self._slower_ns is not None and waiting.end - waiting.begin >= self._slower_ns:
            return True
        if self._keep is None or not asked or not waiting.unread:
            return False
        waiting.unread = False
        try:
            return bool(self._keep(tuple(waiting.spans)))
        except Exception as error:
            warn_once(self._keep, "keep", error, "and the invocation is kept")
            return True

    def _release(self, invocation_id: str, kept: bool) -> list[SpanData]:
        """Decide about an invocation; return the spans to export now."""
        waiting = self._over.pop(invocation_id, None) or self._open.pop(invocation_id, None)
        if waiting is None:
            waiting = self._emptied.pop(invocation_id)
        self._decided[invocation_id] = kept
        self._decided.move_to_end(invocation_id)
        if len(self._decided) > _DECIDED_MOST:
            self._decided.popitem(last=False)
        spans = self._counted(self._empty(waiting), kept)
        return _marked(spans, waiting.lost) if waiting.lost else spans

    def _empty(self, waiting: _Waiting) -> list[SpanData]:
        """Remove and return the waiting spans of an invocation."""
        spans, waiting.spans = waiting.spans, []
        self._spans -= len(spans)
        self._bytes -= waiting.size
        waiting.size = 0
        return spans

    def _make_room(self) -> None:
        """Drop spans over the limits, the oldest of ended invocations first."""
        while not self._fits() and self._over:
            self._release(next(iter(self._over)), False)
        while not self._fits() and self._open:
            self._drop(*self._open.popitem(last=False))

    def _fits(self) -> bool:
        return self._spans <= self._max_spans and self._bytes <= self._max_bytes

    def _drop(self, invocation_id: str, waiting: _Waiting) -> None:
        """Drop undecided spans; later spans of their invocation are still taken."""
        if not self._over_limit:
            warn(
                f"tail sampling: more than {self._max_spans} spans or {self._max_bytes} bytes wait"
                " for the end of their invocations; the oldest are dropped and counted in stats"
            )
        lost = len(self._empty(waiting))
        self._over_limit += lost
        waiting.lost += lost
        self._emptied[invocation_id] = waiting
        if len(self._emptied) > _UNDECIDED_MOST:
            self._emptied.popitem(last=False)


def _is_root(span: SpanData) -> bool:
    return f"{span.context.span_id:016x}" == span.invocation_id


def _has_failed(span: SpanData) -> bool:
    """Whether a span is an error, or was closed with an outcome that is not one of enterspan's."""
    return span.status == "error" or span.outcome not in _FINE


_FINE: Final = frozenset({"ok", "canceled", "abandoned", "unknown"})
"""Outcomes that are not a failure, although some are not `ok`."""


def _marked(spans: list[SpanData], lost: int) -> list[SpanData]:
    """Record on the root span how many spans of its invocation are missing."""
    message = f"{lost} spans of this invocation were dropped while it was open: no room"
    marks = {WARNING_TYPE: "tail_sampling_limit_exceeded", WARNING_MESSAGE: message}
    return [
        replace(span, attributes=MappingProxyType({**span.attributes, **marks}))
        if _is_root(span)
        else span
        for span in spans
    ]
