"""What waits for a worker: a queue that is bounded in bytes, first in, first out."""

from __future__ import annotations

from collections import deque

from enterspan._model.budget import Budget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class BoundedQueue:
    """Items with their weights, and in front of them an intake, whose items are not weighed yet.

    The hot path appends to the intake by itself, as long as that is short. What is being delivered
    counts until it has been: an exporter that hangs holds it.
    """

    __slots__ = ("_budget", "_in_hand_bytes", "_items", "in_hand", "intake")

    def __init__(self) -> None:
        self.intake: deque[Any] = deque()
        self.in_hand = 0
        """How many items are being delivered."""
        self._in_hand_bytes = 0
        self._items: deque[tuple[Any, int]] = deque()
        self._budget = Budget()

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._items) + len(self.intake)

    @property
    def bytes(self) -> int:
        """What is held, without the intake."""
        return self._budget.held

    @property
    def weighed(self) -> int:
        """How many items wait outside of the intake."""
        return len(self._items)

    def put(self, item: Any, weight: int, limit: int, *, always: bool = False) -> bool:
        """Queue an item; False where that would be over the limit of bytes, unless *always*."""
        if not self._budget.take(weight, limit, always=always):
            return False
        self._items.append((item, weight))
        return True

    def admit(self, weigh: Callable[[Any], int], limit: int, most: int) -> list[Any]:
        """Empty the intake into the queue; return what does not fit, in bytes or in number."""
        intake, items, budget = self.intake, self._items, self._budget
        left_out: list[Any] = []
        locked = budget.acquire()  # once for all of them: what `Budget.take` does, written out
        try:
            while intake:
                try:
                    item = intake.popleft()
                except IndexError:
                    break  # another thread has just taken it
                weight = weigh(item)
                held = budget.held
                if len(items) < most and (held <= 0 or held + weight <= limit):
                    budget.held = held + weight
                    items.append((item, weight))
                else:
                    left_out.append(item)
        finally:
            budget.release(locked)
        return left_out

    def take(self, most: int, bare: int = 0) -> list[Any]:
        """Take a batch in hand; an item that was not weighed counts as *bare* bytes."""
        batch: list[Any] = []
        items, intake, weight = self._items, self.intake, 0
        while items and len(batch) < most:
            try:
                item, size = items.popleft()
            except IndexError:
                break  # the subscription was removed, and what waited with it
            weight += size
            batch.append(item)
            self.in_hand = len(batch)
        unweighed = 0
        while intake and len(batch) < most:
            try:
                batch.append(intake.popleft())
            except IndexError:
                break  # another thread has just weighed it
            unweighed += 1
            self.in_hand = len(batch)
        if unweighed:
            self._budget.take(bare * unweighed, 0, always=True)
            weight += bare * unweighed
        self._in_hand_bytes = weight
        return batch

    def release(self) -> None:
        """Let go of the batch that was taken."""
        weight, self._in_hand_bytes = self._in_hand_bytes, 0
        self.in_hand = 0
        self._budget.give(weight)

    def clear(self) -> int:
        """Let go of what waits; return how many items that were."""
        count = 0
        while self._items or self.intake:
            try:
                if self._items:
                    self._budget.give(self._items.popleft()[1])
                else:
                    self.intake.popleft()
            except IndexError:
                break
            count += 1
        return count
