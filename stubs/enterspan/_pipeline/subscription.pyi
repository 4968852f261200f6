# Made by `enterspan stubs` from the annotated source: don't edit it.
"""`Subscription`, which `add_tail` and `add_exporter` return, and its `Stats`."""

from dataclasses import dataclass
from enterspan._model.removable import Removable

@dataclass(frozen=True)
class Stats:
    """Counts of the events or spans of a subscription.

    `received` is the sum of the other three and of those that are still queued.
    """

    received: int
    exported: int
    dropped: int
    failed: int

class Subscription(Removable):
    """The subscription of a tail or an exporter; also a block that removes it at its end."""

    @property
    def stats(self) -> Stats:
        """The counts since the subscription began."""

    def remove(self, timeout: float | None = None) -> None:
        """End the subscription; a second call does nothing.

        Args:
            timeout: The maximum number of seconds to wait for a delivery that is in progress.

        Raises:
            TypeError, ValueError: *timeout* is not a number of seconds. Nothing has changed.
        """
