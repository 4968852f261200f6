"""What `add_tail` and `add_exporter` return: a subscription, its counts, and its end."""

from __future__ import annotations

from enterspan._model.frozen import frozen
from enterspan._model.late import Late
from enterspan._model.values import safe_repr

TYPE_CHECKING = False
if not TYPE_CHECKING:
    types = Late("types")
    typing_extensions = Late("typing_extensions")
if TYPE_CHECKING:
    import types
    from typing import Any

    import typing_extensions

    from enterspan._pipeline.subscribers import Subscribers
    from enterspan._pipeline.worker import Worker


@frozen
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

    is_late = False  # internal
    """Whether it was not done in time when it was last waited for."""
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
        """What it is called in a warning."""
        return _shown(self.key)

    @property
    def stats(self) -> Stats:
        """Counts since the subscription."""
        raise NotImplementedError

    def after_fork(self) -> None:  # internal
        """Begin anew in a forked child."""
        self.is_inherited = True
        self.is_late = False

    def remove(self, timeout: float | None = None) -> None:
        """End the subscription; a second time does nothing.

        Args:
            timeout: Seconds to wait for what is being delivered.
        """
        raise NotImplementedError

    def retire(self, successor: Any) -> None:  # internal
        """End what was begun, and nothing more: *successor* has replaced it."""
        raise NotImplementedError

    @property
    def is_done(self) -> bool:  # internal
        """Whether nothing waits and nothing runs any more."""
        return self.worker is None or not self.worker.is_running

    def flush(self, deadline: float) -> bool:  # internal
        """Deliver what waits; False if that took longer than until the deadline (monotonic)."""
        return self.worker is None or self.worker.flush(deadline)

    def hurry(self) -> None:  # internal
        """Begin to deliver what waits."""
        if self.worker is not None:
            self.worker.hurry()

    def __enter__(self) -> typing_extensions.Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Remove it."""
        self.remove()


def key_of(subscriber: object, key: object) -> object:
    """The key that was given; by default the class and target of a subscriber that has one."""
    if key is not None:
        return key
    kind = type(subscriber)
    if getattr(kind, "subscription_target", None) is None:
        return None
    target: object = subscriber.subscription_target  # type: ignore[attr-defined]
    return None if target is None else (kind, target)


def _shown(key: object) -> str:
    """A key for a warning; a target may be an address with a password."""
    if isinstance(key, tuple) and key and isinstance(key[0], type):
        return f"{key[0].__qualname__} for the same target"
    return f"a subscriber with the key {safe_repr(key, 100)}"
