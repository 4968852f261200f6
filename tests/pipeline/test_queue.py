"""The queue of an exporter: what was weighed, and what was not."""

from __future__ import annotations

from enterspan._pipeline.queues import BoundedQueue


def test_a_batch_has_what_was_weighed_and_what_came_after_it():
    """A span with a link and one without it go to the receiver together, in their order."""
    queue = BoundedQueue()
    queue.put("weighed", 100, 1_000)
    queue.intake.extend(["first", "second", "third"])
    assert queue.take(3, bare=10) == ["weighed", "first", "second"]
    assert (queue.in_hand, queue.bytes) == (3, 120)
    queue.release()
    assert (queue.in_hand, queue.bytes) == (0, 0)
    assert queue.take(3, bare=10) == ["third"]
    assert queue.bytes == 10
