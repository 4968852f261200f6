# Made by `enterspan stubs` from the annotated source: don't edit it.
"""What `add_tail` and `add_exporter` return: a subscription, its counts, and its end."""

import types
import typing_extensions
from dataclasses import dataclass

@dataclass(frozen=True)
class Stats:
    """What became of what a subscription was given.

    `received` is the sum of the other three and of what waits.
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
        """End the subscription; a second time does nothing.

        Args:
            timeout: Seconds to wait for what is being delivered.
        """

    def __enter__(self) -> typing_extensions.Self:
        """Return itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Remove it."""
