"""The queue of a worker, first in, first out, bounded in bytes."""

from __future__ import annotations

from collections import deque

from enterspan._model.budget import Budget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class BoundedQueue:
    """A queue of items with their weights, and an intake of items not weighed yet.

    The hot path appends to the intake directly, as long as it is short. Items count until their
    delivery is done, also with an exporter that hangs.
    """

    __slots__ = ("_budget", "_in_hand_bytes", "_items", "_moving", "in_hand", "intake")

    def __init__(self) -> None:
        self.intake: deque[Any] = deque()
        self.in_hand = 0
        """The number of items being delivered."""
        self._in_hand_bytes = 0
        self._items: deque[tuple[Any, int]] = deque()
        self._moving = 0  # how many are being moved from the intake
        self._budget = Budget()

    def __len__(self) -> int:
        """The number of queued items; none that was queued before the call is missed."""
        # Read in the order in which items move, so that none is missed.
        return len(self.intake) + self._moving + len(self._items)

    @property
    def bytes(self) -> int:
        """The bytes held, without the intake."""
        return self._budget.held

    @property
    def weighed(self) -> int:
        """The number of queued items outside the intake."""
        return len(self._items)

    def put(self, item: Any, weight: int, limit: int, *, always: bool = False) -> bool:
        """Queue an item; False where that would be over the limit of bytes, unless *always*."""
        if not self._budget.take(weight, limit, always=always):
            return False
        self._items.append((item, weight))
        return True

    def admit(self, weigh: Callable[[Any], int], limit: int, most: int) -> list[Any]:
        """Move the intake to the queue; return the items that exceed a limit."""
        intake, items, budget = self.intake, self._items, self._budget
        left_out: list[Any] = []
        locked = budget.acquire()  # once for all of them: `Budget.take`, inlined
        try:
            while intake:
                self._moving = 1
                try:
                    item = intake.popleft()
                except IndexError:
                    break  # another thread has just removed it
                weight = weigh(item)
                held = budget.held
                if len(items) < most and (held <= 0 or held + weight <= limit):
                    budget.held = held + weight
                    items.append((item, weight))
                else:
                    left_out.append(item)
        finally:
            self._moving = 0
            budget.release(locked)
        return left_out

    def take(self, most: int, bare: int = 0) -> list[Any]:
        """Take a batch for delivery; an item that was not weighed counts as *bare* bytes."""
        batch: list[Any] = []
        items, intake, weight = self._items, self.intake, 0
        while items and len(batch) < most:
            self.in_hand = len(batch) + 1
            try:
                item, size = items.popleft()
            except IndexError:
                break  # the subscription was removed, and its queue with it
            weight += size
            batch.append(item)
        unweighed = 0
        while intake and len(batch) < most:
            self.in_hand = len(batch) + 1
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
        """Release the batch that was taken."""
        weight, self._in_hand_bytes = self._in_hand_bytes, 0
        self.in_hand = 0
        self._budget.give(weight)

    def clear(self) -> int:
        """Clear the queue; return how many items it had."""
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
