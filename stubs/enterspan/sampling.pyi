# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Which traces are kept: samplers that decide at the beginning, and one that decides at the end.

At the beginning, `Tracing.configure(sampler=...)` takes a sampler. These are values: frozen,
comparable, picklable, and made of one another.

>>> from enterspan import tracing
>>> from enterspan.sampling import ALWAYS, NEVER, ByName, ParentBased, TraceIdRatio
>>> ByName({"GET /health": NEVER, "checkout*": ALWAYS}, default=ParentBased(TraceIdRatio(0.1)))
ByName({'GET /health': NEVER, 'checkout*': ALWAYS}, default=ParentBased(TraceIdRatio(0.1)))

At the end, `TailSampling` stands before an exporter and lets through the invocations that failed,
were slow, or are wanted for another reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enterspan._ids import SpanContext
from enterspan._protocols import Exporter, Sampler
from enterspan._records import SpanData
from enterspan._values import AttributeValue
from typing import Final

__all__ = [
    "ALWAYS",
    "NEVER",
    "ByName",
    "ParentBased",
    "TailSampling",
    "TailSamplingStats",
    "TraceIdRatio",
]

@dataclass(frozen=True)
class Constant:
    """A sampler with one answer: `ALWAYS` and `NEVER` are the two of them."""

    answer: bool

    def __repr__(self) -> str:
        """Show the name."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Give the answer."""

ALWAYS: Final[Constant]
"""Keeps every trace."""

NEVER: Final[Constant]
"""Keeps none; tails see them all the same."""

@dataclass(frozen=True)
class TraceIdRatio:
    """Keeps a part of all traces, from 0 (none) to 1 (all), chosen by the trace id.

    Whoever asks with the same trace id and the same ratio gets the same answer, also from
    OpenTelemetry's `TraceIdRatioBased`; with a higher ratio, all that a lower one keeps is kept.
    It does not look at the parent: put it into `ParentBased` for whole traces.
    """

    ratio: float

    def __repr__(self) -> str:
        """Show the ratio."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Whether the trace id is in the part that is kept."""

@dataclass(frozen=True)
class ParentBased:
    """Follows the parent where there is one, and asks another sampler where a trace begins.

    `sampled` and `unsampled` are asked about what has a parent with or without the flag; they
    follow it unless they are told otherwise.
    """

    root: Sampler
    sampled: Sampler = ...
    unsampled: Sampler = ...

    def __repr__(self) -> str:
        """Show the samplers, those that are the default left out."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Ask the sampler whose turn it is."""

@dataclass(frozen=True)
class ByName:
    """Asks a sampler that is chosen by the name with which the invocation begins.

    `rules` maps patterns (`checkout*`, case matters) to samplers; the first that fits decides, and
    `default` where none does. A request that a middleware has taken has, at that moment, the name
    of its method only: for paths, see the middleware's `exclude`.
    """

    rules: Mapping[str, Sampler] | tuple[tuple[str, Sampler], ...]
    default: Sampler = ...

    def __repr__(self) -> str:
        """Show the rules."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Ask the sampler of the first pattern that fits."""

@dataclass(frozen=True)
class TailSamplingStats:
    """What became of the spans that a `TailSampling` was given.

    `received` is the sum of `kept`, `left_out`, `over_limit` and `waiting`. What is `over_limit`
    was dropped undecided, because there was no room for it.
    """

    received: int
    kept: int
    left_out: int
    over_limit: int
    waiting: int

class TailSampling:
    """An exporter that hands on to another one the invocations worth keeping, whole.

    An invocation is kept if anything in it failed or was closed with an outcome of your own
    (`failed=True`), if it took `slower_than` seconds
    or more (None: that is no reason), or if `keep(spans)` says so, which is asked with all spans of
    it, in order of their end. It is decided when the root has ended. What is not kept then waits on
    for as long as there is room, and is kept after all if a span that ends later is a reason to; a
    span that ends after its invocation was kept is handed on at once.

    At most `max_spans` spans of `max_bytes` bytes wait. Above that, what was not kept goes first,
    the oldest before the others, and then the oldest that is not decided: it is dropped, counted in
    `stats.over_limit`, said once to the logger `enterspan`, and, should the invocation be kept in
    the end, said on its root (`enterspan.warning.type`: `tail_sampling_limit_exceeded`).

    What is not decided at the shutdown is handed on: it was open when the process ended. Flush with
    `Tracing.flush`, count with `stats`.

    TypeError or ValueError for arguments that make no sense.
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
    def stats(self) -> TailSamplingStats:
        """Counted in spans."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Take finished spans, and hand on those of invocations that are kept."""

    def shutdown(self) -> None:
        """Hand on what was still open, and shut the other exporter down."""
