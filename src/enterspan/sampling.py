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

from __future__ import annotations

import os
import threading
from _collections_abc import Mapping
from collections import OrderedDict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.options import check_seconds
from enterspan._model.diagnostics import warn, warn_once
from enterspan._model.frozen import frozen
from enterspan._model.values import WARNING_MESSAGE, WARNING_TYPE, size_of
from enterspan._pipeline.batches import check_exporter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from enterspan._model.ids import SpanContext
    from enterspan._model.protocols import Exporter, Sampler
    from enterspan._model.records import SpanData, SpanEvent, SpanLink
    from enterspan._model.values import AttributeValue

__all__ = [
    "ALWAYS",
    "NEVER",
    "ByName",
    "ParentBased",
    "TailSampling",
    "TailSamplingStats",
    "TraceIdRatio",
]

# --- at the beginning -----------------------------------------------------------------------------

_RATIO_BITS: Final = 64
"""OpenTelemetry looks at the lower 64 bits of a trace id, for systems that have no more of it."""


@frozen
class Constant:
    """A sampler with one answer: `ALWAYS` and `NEVER` are the two of them."""

    answer: bool

    def __repr__(self) -> str:
        """Show the name."""
        return "ALWAYS" if self.answer else "NEVER"

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Give the answer."""
        return self.answer


ALWAYS: Final = Constant(True)
"""Keeps every trace."""
NEVER: Final = Constant(False)
"""Keeps none; tails see them all the same."""


@frozen
class TraceIdRatio:
    """Keeps a part of all traces, from 0 (none) to 1 (all), chosen by the trace id.

    Whoever asks with the same trace id and the same ratio gets the same answer, also from
    OpenTelemetry's `TraceIdRatioBased`; with a higher ratio, all that a lower one keeps is kept.
    It does not look at the parent: put it into `ParentBased` for whole traces.
    """

    ratio: float

    def __post_init__(self) -> None:
        """Refuse what is no ratio."""
        if isinstance(self.ratio, bool) or not isinstance(self.ratio, (int, float)):
            raise TypeError(f"ratio must be a number from 0 to 1, not {self.ratio!r}")
        if not 0 <= self.ratio <= 1:
            raise ValueError(f"ratio must be from 0 (none) to 1 (all), not {self.ratio!r}")

    def __repr__(self) -> str:
        """Show the ratio."""
        return f"TraceIdRatio({self.ratio!r})"

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Whether the trace id is in the part that is kept."""
        bound = round(self.ratio * (1 << _RATIO_BITS))
        return trace_id & ((1 << _RATIO_BITS) - 1) < bound


@frozen
class ParentBased:
    """Follows the parent where there is one, and asks another sampler where a trace begins.

    `sampled` and `unsampled` are asked about what has a parent with or without the flag; they
    follow it unless they are told otherwise.
    """

    root: Sampler
    sampled: Sampler = ALWAYS
    unsampled: Sampler = NEVER

    def __post_init__(self) -> None:
        """Refuse what is no sampler."""
        for name in ("root", "sampled", "unsampled"):
            _check_sampler(f"ParentBased.{name}", getattr(self, name))

    def __repr__(self) -> str:
        """Show the samplers, those that are the default left out."""
        more = "" if self.sampled == ALWAYS else f", sampled={self.sampled!r}"
        more += "" if self.unsampled == NEVER else f", unsampled={self.unsampled!r}"
        return f"ParentBased({self.root!r}{more})"

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Ask the sampler whose turn it is."""
        if parent is None:
            chosen = self.root
        else:
            chosen = self.sampled if parent.trace_flags & 1 else self.unsampled
        return chosen.should_sample(parent, trace_id, name, attributes)


@frozen
class ByName:
    """Asks a sampler that is chosen by the name with which the invocation begins.

    `rules` maps patterns (`checkout*`, case matters) to samplers; the first that fits decides, and
    `default` where none does. A request that a middleware has taken has, at that moment, the name
    of its method only: for paths, see the middleware's `exclude`.
    """

    rules: Mapping[str, Sampler] | tuple[tuple[str, Sampler], ...]
    default: Sampler = ALWAYS

    def __post_init__(self) -> None:
        """Refuse what are no rules; keep them as pairs, which are hashable."""
        rules: Any = self.rules
        if not isinstance(rules, (Mapping, tuple)):
            raise TypeError(f"rules must map name patterns to samplers, not {rules!r}")
        pairs = tuple(rules.items() if isinstance(rules, Mapping) else rules)
        for pair in pairs:
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
                raise TypeError(f"a rule is a name pattern and a sampler, not {pair!r}")
            _check_sampler(f"the sampler for {pair[0]!r}", pair[1])
        _check_sampler("ByName.default", self.default)
        cls: Any = type(self)
        cls._twin.__dict__["rules"].__set__(self, pairs)

    def __repr__(self) -> str:
        """Show the rules."""
        more = "" if self.default == ALWAYS else f", default={self.default!r}"
        return f"ByName({dict(self.rules)!r}{more})"

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Ask the sampler of the first pattern that fits."""
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
"""How many spans wait for a decision: at 1 kB each, some 20 MB."""
MAX_BYTES: Final = 32 * 1024 * 1024
"""How many bytes of them wait, by their texts."""
_SPAN_BYTES: Final = 500
"""What a span counts for, beside its texts."""
_DECIDED_MOST: Final = 10_000
"""How many decisions are remembered, for spans that come after them."""


@frozen
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


class _Waiting:
    """The spans of one invocation that is not decided, or not kept so far."""

    __slots__ = ("lost", "over", "size", "spans")

    def __init__(self) -> None:
        self.spans: list[SpanData] = []
        self.size = 0
        self.lost = 0
        self.over = False  # its root has ended, and there was no reason to keep it


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

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()  # `keep` may ask for the stats
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        # Whether a span that comes late is handed on: of those that were kept, it is.
        self._decided: OrderedDict[str, bool] = OrderedDict()
        self._spans = self._bytes = 0
        self._received = self._kept = self._left_out = self._over_limit = 0

    @property
    def stats(self) -> TailSamplingStats:
        """Counted in spans."""
        self._look_at_process()
        with self._lock:
            return TailSamplingStats(
                self._received, self._kept, self._left_out, self._over_limit, self._spans
            )

    def export(self, spans: Sequence[SpanData]) -> None:
        """Take finished spans, and hand on those of invocations that are kept."""
        self._look_at_process()
        kept: list[SpanData] = []
        with self._lock:
            for span in spans:
                self._received += 1
                kept += self._take(span)
            self._make_room()
            self._kept += len(kept)
        if kept:
            self._exporter.export(kept)

    def shutdown(self) -> None:
        """Hand on what was still open, and shut the other exporter down."""
        self._look_at_process()
        kept: list[SpanData] = []
        with self._lock:
            for invocation_id in list(self._waiting):
                if self._waiting[invocation_id].over:
                    self._left_out += len(self._release(invocation_id, False))
                else:
                    kept += self._release(invocation_id, True)
            self._kept += len(kept)
        try:
            if kept:
                self._exporter.export(kept)
        finally:
            self._exporter.shutdown()

    def _look_at_process(self) -> None:
        """Begin anew in a forked child: what waits is the parent's, which decides on it itself."""
        if self._pid != os.getpid():
            self._begin()

    # What follows is called with the lock held.

    def _take(self, span: SpanData) -> list[SpanData]:
        """Take a span; return what can be handed on because of it."""
        invocation_id = span.invocation_id
        decision = self._decided.get(invocation_id)
        if decision is True:
            return [span]
        if decision is False and not self._is_reason([span]):
            self._left_out += 1
            return []
        waiting = self._waiting.get(invocation_id)
        if waiting is None:
            waiting = self._waiting[invocation_id] = _Waiting()
        size = _size_of(span)
        waiting.spans.append(span)
        waiting.size += size
        self._spans += 1
        self._bytes += size
        is_root = f"{span.context.span_id:016x}" == invocation_id
        if not is_root and not waiting.over and decision is None:
            return []
        waiting.over = True
        return self._release(invocation_id, True) if self._is_reason(waiting.spans) else []

    def _is_reason(self, spans: list[SpanData]) -> bool:
        if self._failed and any(_has_failed(span) for span in spans):
            return True
        if self._slower_ns is not None:
            lasted = max(span.end_ns for span in spans) - min(span.start_ns for span in spans)
            if lasted >= self._slower_ns:
                return True
        if self._keep is None:
            return False
        try:
            return bool(self._keep(tuple(spans)))
        except Exception as error:
            warn_once(self._keep, "keep", error, "and what it was asked about is kept")
            return True

    def _release(self, invocation_id: str, kept: bool) -> list[SpanData]:
        """Let go of what waits of an invocation, and remember the decision."""
        waiting = self._waiting.pop(invocation_id)
        self._spans -= len(waiting.spans)
        self._bytes -= waiting.size
        self._remember(invocation_id, kept)
        if kept and waiting.lost:
            return _marked(waiting.spans, invocation_id, waiting.lost)
        return waiting.spans

    def _remember(self, invocation_id: str, kept: bool) -> None:
        self._decided[invocation_id] = kept
        self._decided.move_to_end(invocation_id)
        if len(self._decided) > _DECIDED_MOST:
            self._decided.popitem(last=False)

    def _make_room(self) -> None:
        if self._fits():
            return
        for invocation_id in [key for key, waiting in self._waiting.items() if waiting.over]:
            self._left_out += len(self._release(invocation_id, False))
            if self._fits():
                return
        for waiting in self._waiting.values():
            lost = len(waiting.spans)
            if lost:
                self._drop(waiting)
                if self._fits():
                    return

    def _fits(self) -> bool:
        return self._spans <= self._max_spans and self._bytes <= self._max_bytes

    def _drop(self, waiting: _Waiting) -> None:
        """Drop spans that are not decided; what comes later of their invocation is still taken."""
        lost = len(waiting.spans)
        if not self._over_limit:
            warn(
                f"tail sampling: over {self._max_spans} spans or {self._max_bytes} bytes wait for"
                " the end of their invocations; the oldest are dropped, and counted in stats"
            )
        self._over_limit += lost
        self._spans -= lost
        self._bytes -= waiting.size
        waiting.lost += lost
        waiting.size = 0
        waiting.spans = []


def _has_failed(span: SpanData) -> bool:
    """Whether it is an error, or was given an outcome of somebody's own, which is none of ours."""
    return span.status == "error" or span.outcome not in _FINE


_FINE: Final = frozenset({"ok", "canceled", "abandoned", "unknown"})
"""Outcomes that are no failure: the caller went away, or the span was left open."""


def _size_of(span: SpanData) -> int:
    parts: tuple[SpanEvent | SpanLink, ...] = (*span.events, *span.links)
    more = sum([_SPAN_BYTES // 4 + size_of(part.attributes) for part in parts])
    return _SPAN_BYTES + len(span.name) + size_of(span.attributes) + more


def _marked(spans: list[SpanData], invocation_id: str, lost: int) -> list[SpanData]:
    """Say on the root how many spans of its invocation are missing."""
    from dataclasses import replace
    from types import MappingProxyType

    message = f"{lost} spans of this invocation were dropped while it was open: there was no room"
    marks = {WARNING_TYPE: "tail_sampling_limit_exceeded", WARNING_MESSAGE: message}
    marked: list[Any] = list(spans)
    for n, span in enumerate(marked):
        if f"{span.context.span_id:016x}" == invocation_id:
            marked[n] = replace(span, attributes=MappingProxyType({**span.attributes, **marks}))
    return marked
