# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The thread behind a subscription: it takes what waits in a queue and hands it on, in batches.

Everything that calls into a listener in the background runs here, so a listener that is slow, hangs
or raises hurts nobody else. A forked child has no threads: its workers begin anew, with an empty
queue, when it first has something for them.
"""

from dataclasses import dataclass
from types import TracebackType
from typing_extensions import Self

@dataclass(frozen=True)
class Stats:
    """What became of what a subscription was given.

    `received` is the sum of the rest and of what waits.
    """

    received: int
    exported: int
    dropped: int
    failed: int

class Subscription:
    """A tail or an exporter that is subscribed; also a block, at whose end it is removed."""

    @property
    def stats(self) -> Stats:
        """Counts since the subscription."""

    def remove(self, timeout: float | None = None) -> None:
        """End the subscription; a second time does nothing."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove it."""
