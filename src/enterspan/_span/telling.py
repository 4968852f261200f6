"""The end of a stream, and those who are still telling it something.

A span is taken off the list of open ones, and then its close is told; in between, another thread
may find the list empty and end the invocation. The outcome is last all the same: it is held back
while anybody is telling something, and whoever is the last of them tells it. Nobody waits for a
lock.
"""

from __future__ import annotations


class Telling:
    """What is told of one invocation, and its outcome after that.

    Whoever tells something does so between `telling.append(None)` and `telling.pop()`, and then
    calls `conclude` if there are `outcomes`. A list is a count that no thread can miscount.
    """

    __slots__ = ("outcomes", "telling")

    def __init__(self) -> None:
        self.telling: list[None] = []
        self.outcomes: list[str] = []

    def conclude(self, *outcomes: str) -> None:
        """Tell the outcome, now or as soon as nobody is telling anything."""
        self.outcomes.extend(outcomes)
        if not self.telling:
            try:
                outcome = self.outcomes.pop()
            except IndexError:
                return  # another thread has just taken it
            self.finished(outcome)

    def finished(self, outcome: str) -> None:
        """The invocation is over: nothing comes after this."""
        raise NotImplementedError
