"""`Subscription`, which `add_tail` and `add_exporter` return, and its `Stats`."""

from __future__ import annotations

from enterspan._model.frozen import frozen
from enterspan._model.removable import Removable
from enterspan._model.values import safe_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from enterspan._pipeline.subscribers import Subscribers
    from enterspan._pipeline.worker import Worker


@frozen
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

    is_late = False  # internal
    """Whether it exceeded its time when it was last waited for."""
    is_inherited = False  # internal
    """Whether it was made before this process was forked."""

    def __init__(  # internal
        self, subscribers: Subscribers, worker: Worker | None, key: object = None
    ) -> None:
        self.subscribers = subscribers  # internal
        self.key = key  # internal
        self.worker = worker  # internal
        self.removed = False  # internal
        if worker is not None:
            worker.start()

    @property
    def shown(self) -> str:  # internal
        """Its description in warnings."""
        return _shown(self.key)

    @property
    def stats(self) -> Stats:
        """The counts since the subscription began."""
        raise NotImplementedError

    def after_fork(self) -> None:  # internal
        """Reset in a forked child."""
        self.is_inherited = True
        self.is_late = False

    def remove(self, timeout: float | None = None) -> None:
        """End the subscription; a second call does nothing.

        Args:
            timeout: The maximum number of seconds to wait for a delivery that is in progress.

        Raises:
            TypeError, ValueError: *timeout* is not a number of seconds. Nothing has changed.
        """
        raise NotImplementedError

    def retire(self, successor: Any) -> None:  # internal
        """Finish what was begun, and accept nothing more: *successor* has replaced it."""
        raise NotImplementedError

    @property
    def is_done(self) -> bool:  # internal
        """Whether nothing is queued or running."""
        return self.worker is None or not self.worker.is_running

    def flush(self, deadline: float) -> bool:  # internal
        """Deliver what is queued; False if that was not done by the deadline (monotonic)."""
        return self.worker is None or self.worker.flush(deadline)

    def hurry(self) -> None:  # internal
        """Start to deliver what is queued."""
        if self.worker is not None:
            self.worker.hurry()


def key_of(subscriber: object, key: object) -> object:
    """The given key; by default the class and target of a subscriber that has a target."""
    if key is not None:
        return key
    kind = type(subscriber)
    if getattr(kind, "subscription_target", None) is None:
        return None
    target: object = subscriber.subscription_target  # type: ignore[attr-defined]
    return None if target is None else (kind, target)


def _shown(key: object) -> str:
    """Describe a key in a warning, without the target, which may contain a password."""
    if isinstance(key, tuple) and key and isinstance(key[0], type):
        return f"{key[0].__qualname__} for the same target"
    return f"a subscriber with the key {safe_repr(key, 100)}"
