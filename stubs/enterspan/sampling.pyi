# Made by `enterspan stubs` from the annotated source: don't edit it.
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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enterspan._model.ids import SpanContext
from enterspan._model.limits import AttributeValue
from enterspan._model.protocols import Exporter, Sampler
from enterspan._model.records import SpanData
from typing import Final, TypeAlias

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

@dataclass(frozen=True, slots=True)
class Constant:
    """A sampler with a constant answer: `ALWAYS` or `NEVER`."""

    answer: bool

    def __repr__(self) -> str:
        """Show the name."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: _Attributes,
    ) -> bool:
        """Return the answer."""

ALWAYS: Final[Constant]
"""Samples every trace."""

NEVER: Final[Constant]
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

    def __repr__(self) -> str:
        """Show the ratio."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: _Attributes,
    ) -> bool:
        """Return whether the trace id is in the sampled range."""

@dataclass(frozen=True, slots=True)
class ParentBased:
    """Follows the sampled flag of the parent; `root` decides about traces without a parent.

    `sampled` and `unsampled` decide about a parent with and without the flag. By default they
    follow it.

    Raises:
        TypeError: if one of them is not a sampler.
    """

    root: Sampler
    sampled: Sampler = ...
    unsampled: Sampler = ...

    def __post_init__(self) -> None:
        """Check the samplers."""

    def __repr__(self) -> str:
        """Show the samplers that are not the default."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: _Attributes,
    ) -> bool:
        """Return the answer of the sampler for this parent."""

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
    default: Sampler = ...

    def __post_init__(self) -> None:
        """Check the rules, and keep them as pairs, which are hashable."""

    def __repr__(self) -> str:
        """Show the rules."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: _Attributes,
    ) -> bool:
        """Return the answer of the sampler of the first pattern that matches."""

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
        max_spans: int = 20_000,
        max_bytes: int = ...,
    ) -> None: ...

    @property
    def subscription_target(self) -> object:
        """The target of the wrapped exporter."""

    @property
    def stats(self) -> TailSamplingStats:
        """The counts, in spans."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Export the spans of invocations that are kept; the others wait."""

    def shutdown(self) -> None:
        """Export undecided invocations, and shut the wrapped exporter down."""
