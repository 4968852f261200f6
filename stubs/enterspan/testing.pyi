# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Traces as test results: `capture()` records what is done in a block, at once and in order."""

from collections.abc import Callable, Iterator
from enterspan._model.block import Block
from enterspan._model.records import SpanData
from enterspan._tracing import Tracing
from enterspan.events import TailEvent
from types import TracebackType

__all__ = ["Trace", "capture"]

class Trace:
    """What was recorded, sampled or not."""

    def __init__(self, sweep: Callable[[], None]) -> None: ...

    @property
    def spans(self) -> list[SpanData]:
        """The finished spans, in order of their end."""

    @property
    def events(self) -> list[TailEvent]:
        """The events of all invocations, in the order in which they came."""

    def find(self, name: str) -> SpanData:
        """Return the first span to have ended that has this name; LookupError if there is none."""

    def find_all(self, name: str) -> list[SpanData]:
        """Return all spans with this name, in order of their end."""

    def children_of(self, span: SpanData | None) -> list[SpanData]:
        """Return a span's children in order of their start; None gives those without a parent."""

    def tree(self) -> str:
        """Return the names, each indented by two spaces below its parent."""

    def clear(self) -> None:
        """Forget what was recorded so far."""

    def __len__(self) -> int:
        """Return how many spans have ended."""

    def __iter__(self) -> Iterator[SpanData]:
        """Iterate over the finished spans, in order of their end."""

    def __repr__(self) -> str:
        """Show the spans as a tree, with their durations, attributes and failures."""

class capture(Block[Trace]):
    """A block that records what begins in it, inline, and gives the `Trace`.

    What is current outside is out of sight inside, so that a test sees its own spans and no others
    as roots. What begins in the context of the block is recorded: there, in the tasks that are
    started in it, in what is propagated from it to threads, and what goes on with one of its traces
    elsewhere: a server or a worker that has got its headers. Other threads and other tests that
    run at the same time are not. Blocks may overlap, and end in any order.

    Args:
        tracing: The instance whose spans are recorded; the default one unless given.
        everything: Record whatever begins while the block is open, in whatever context.

    >>> from enterspan import tracing
    >>> with capture() as trace:
    ...     with tracing.span("load", user_id=7):
    ...         pass
    >>> trace.find("load").attributes["user_id"]
    7
    """

    def __init__(self, tracing: Tracing | None = None, *, everything: bool = False) -> None: ...

    def __enter__(self) -> Trace:
        """Begin to record."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it; what is still open is left alone."""
