"""Traces in tests: `capture()` records the spans and events of a block, inline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enterspan._model.block import Block
from enterspan._pipeline.tail_stream import TailStream
from enterspan._pipeline.tails import TailSubscription
from enterspan._span.context import Boundary
from enterspan._span.finished import record_of
from enterspan._span.processor import SpanProcessor, Tee
from enterspan._tracing import Tracing
from enterspan._tracing import tracing as default_tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import TypeAlias

    from enterspan._model.ids import SpanContext
    from enterspan._model.records import SpanData
    from enterspan._span.invocation import InvocationState
    from enterspan._span.span import Span
    from enterspan.events import Attribute, EventInfo, TailEvent

    _Id: TypeAlias = tuple[int, int | None]

__all__ = ["Trace", "capture"]


class Trace:
    """The spans and events that a `capture()` recorded, sampled or not."""

    def __init__(self, sweep: Callable[[], None]) -> None:
        self._sweep = sweep
        self._spans: list[SpanData] = []
        self._events: list[TailEvent[Any]] = []

    @property
    def spans(self) -> list[SpanData]:
        """The finished spans, in order of their end."""
        self._sweep()  # ends spans that are garbage
        return self._spans

    @property
    def events(self) -> list[TailEvent]:
        """The events of all invocations, in the order of their delivery."""
        self._sweep()
        return self._events

    def find(self, name: str) -> SpanData:
        """Return the span with this name that ended first; LookupError if there is none."""
        for span in self.spans:
            if span.name == name:
                return span
        names = ", ".join(sorted({span.name for span in self.spans})) or "none"
        raise LookupError(f"no span named {name!r} has ended; there are: {names}")

    def find_all(self, name: str) -> list[SpanData]:
        """Return all spans with this name, in order of their end."""
        return [span for span in self.spans if span.name == name]

    def children_of(self, span: SpanData | None) -> list[SpanData]:
        """Return a span's children in order of start; for None, the spans without a parent."""
        return self._families().get(None if span is None else _id(span), [])

    def _families(self) -> dict[_Id | None, list[SpanData]]:
        """The children of each span; under None, the spans whose parent was not recorded."""
        own = {_id(span) for span in self.spans}
        families: dict[_Id | None, list[SpanData]] = {}
        for child in sorted(self.spans, key=lambda s: s.start_ns):
            above = (child.context.trace_id, child.parent_span_id)
            families.setdefault(above if above in own else None, []).append(child)
        return families

    def tree(self) -> str:
        """Return the span names as a tree, each indented by two spaces below its parent."""
        families = self._families()
        lines: list[str] = []
        stack = [(span, 0) for span in reversed(families.get(None, []))]
        while stack:
            span, depth = stack.pop()
            lines.append("  " * depth + span.name)
            stack += [(child, depth + 1) for child in reversed(families.pop(_id(span), []))]
        return "\n".join(lines)

    def clear(self) -> None:
        """Discard everything recorded so far."""
        self.spans.clear()
        self.events.clear()

    def __len__(self) -> int:
        """Return the number of finished spans."""
        return len(self.spans)

    def __iter__(self) -> Iterator[SpanData]:
        """Iterate over the finished spans, in order of their end."""
        return iter(self.spans)

    def __repr__(self) -> str:
        """Show the spans as a tree, with their durations, attributes and failures."""
        from enterspan._view.captured import captured_lines  # needed for display only

        head = f"<Trace of {len(self.spans)} spans, {len(self.events)} events>"
        return "\n".join([head, *captured_lines(self.spans)])

    def _repr_html_(self) -> str:
        """Show the trace in a notebook, as a waterfall without scripts."""
        from enterspan._view.report import cell_html  # needed in notebooks only

        return cell_html(self._families())


def _id(span: SpanData) -> _Id:
    return (span.context.trace_id, span.context.span_id)


class _SpanRecorder(SpanProcessor):
    """Records the spans of one invocation as they end."""

    __slots__ = ("_is_open", "_spans")

    def __init__(self, spans: list[SpanData], is_open: Callable[[], bool]) -> None:
        self._spans = spans
        self._is_open = is_open

    def on_close(self, span: Span) -> None:
        """Record it."""
        if self._is_open():
            self._spans.append(record_of(span))


class _Recording:
    """The state of one `with capture()` block: its subscriptions, and what to restore."""

    tails: tuple[TailSubscription, ...]

    def __init__(self, tracing: Tracing, everything: bool) -> None:
        self.tracer = tracer = tracing._tracer
        self._subscribers = tracing._prepare()
        self._everything = everything
        self._traces: set[int] = set()  # work that continues these traces elsewhere is recorded too
        self.trace = Trace(tracer.sweep)
        self._is_open = True
        self.tails = (TailSubscription(self._subscribers, self._accept, inline=True),)
        # The outer current span is hidden inside.
        self._boundary = Boundary((*tracer.captures(), self))
        tracer.attach(self._boundary)
        if everything:
            tracer.add_ambient(self)
        self._source = self._follow
        self._subscribers.add_source(self._source)

    def see_off(self, subscription: object) -> None:
        """Do nothing: everything is recorded inline."""

    def _accept(self, onset: TailEvent[Any]) -> Callable[[TailEvent[Any]], None]:
        self.trace._events.append(onset)
        return self.trace._events.append

    def _follow(
        self,
        state: InvocationState,
        root: Span,
        parent: SpanContext | None,
        info: EventInfo | None,
        given: tuple[Attribute, ...],
    ) -> SpanProcessor:
        is_ours = self._everything or self in state.captures
        if not is_ours and (parent is None or parent.trace_id not in self._traces):
            return SpanProcessor()  # it counts as subscribed to, but is not recorded
        self._traces.add(state.trace_id)
        stream = TailStream(self, state, root, parent, info, given)
        return Tee((stream, _SpanRecorder(self.trace._spans, lambda: self._is_open)))

    def end(self) -> None:
        self.tracer.sweep()
        self._is_open = False
        for tail in self.tails:
            tail.remove()
        self._subscribers.remove(self._source)
        self.tracer.remove_ambient(self)
        self.tracer.detach(self._boundary)
        self._boundary.captures = ()  # a context may hold the boundary for long
        self.tracer.attached()


class capture(Block[Trace]):  # noqa: N801 - it is used as a block, and reads as one
    """A context manager that records what begins inside it, inline, and gives a `Trace`.

    The outer current span is hidden inside the block, so that a test's own spans are roots.
    It records what begins in the context of the block: in the block itself, in tasks that are
    started in it, in callables that are propagated to threads, and wherever one of its traces is
    continued, such as in a server that got its headers. Other threads, and other tests that run at
    the same time, are not recorded. Blocks may overlap, and end in any order.

    Args:
        tracing: The instance to record; by default `enterspan.tracing`.
        everything: Record everything that begins while the block is open, in any context.

    >>> from enterspan import tracing
    >>> with capture() as trace:
    ...     with tracing.span("load", user_id=7):
    ...         pass
    >>> trace.find("load").attributes["user_id"]
    7
    """

    def __init__(self, tracing: Tracing | None = None, *, everything: bool = False) -> None:
        if not isinstance(everything, bool):
            raise TypeError(f"everything must be True or False, not {everything!r}")
        if tracing is not None and not isinstance(tracing, Tracing):
            raise TypeError(f"tracing must be a Tracing, not {tracing!r}")
        self._tracing = tracing if tracing is not None else default_tracing
        self._everything = everything
        self._open: list[_Recording] = []

    def __enter__(self) -> Trace:
        """Start recording."""
        recording = _Recording(self._tracing, self._everything)
        self._open.append(recording)
        return recording.trace

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop recording; spans that are still open stay open."""
        # One object may be the block of several tasks at once: each ends what it has begun.
        inside = self._tracing._tracer.captures()
        own = [recording for recording in self._open if recording in inside] or self._open
        recording = own[-1]
        self._open.remove(recording)
        recording.end()
