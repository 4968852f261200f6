# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Traces in tests: `capture()` records the spans and events of a block, inline."""

from collections.abc import Callable, Iterator
from enterspan._model.block import Block
from enterspan._model.records import SpanData
from enterspan._tracing import Tracing
from enterspan.events import TailEvent
from types import TracebackType

__all__ = ["Trace", "capture"]

class Trace:
    """The spans and events that a `capture()` recorded, sampled or not."""

    def __init__(self, sweep: Callable[[], None]) -> None: ...

    @property
    def spans(self) -> list[SpanData]:
        """The finished spans, in order of their end."""

    @property
    def events(self) -> list[TailEvent]:
        """The events of all invocations, in the order of their delivery."""

    def find(self, name: str) -> SpanData:
        """Return the span with this name that ended first; LookupError if there is none."""

    def find_all(self, name: str) -> list[SpanData]:
        """Return all spans with this name, in order of their end."""

    def children_of(self, span: SpanData | None) -> list[SpanData]:
        """Return a span's children in order of start; for None, the spans without a parent."""

    def tree(self) -> str:
        """Return the span names as a tree, each indented by two spaces below its parent."""

    def clear(self) -> None:
        """Discard everything recorded so far."""

    def __len__(self) -> int:
        """Return the number of finished spans."""

    def __iter__(self) -> Iterator[SpanData]:
        """Iterate over the finished spans, in order of their end."""

    def __repr__(self) -> str:
        """Show the spans as a tree, with their durations, attributes and failures."""

class capture(Block[Trace]):
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

    def __init__(self, tracing: Tracing | None = None, *, everything: bool = False) -> None: ...

    def __enter__(self) -> Trace:
        """Start recording."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop recording; spans that are still open stay open."""
