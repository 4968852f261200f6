"""The end of a stream, and those who are still telling it something.

A span is taken off the list of open ones, and then its close is told; in between, another thread
may find the list empty and end the invocation. The outcome is last all the same: it is held back
while anybody is telling something, and whoever is the last of them tells it. Nobody waits for a
lock.
"""

from __future__ import annotations


class Telling:
    """What is told of one invocation, and its outcome after that."""

    __slots__ = ("_outcomes", "_telling")

    def __init__(self) -> None:
        self._telling: dict[object, None] = {}
        self._outcomes: list[str] = []

    def begin_telling(self) -> object:
        """Hold the outcome back, until `end_telling` is called with what this returns."""
        key = object()
        self._telling[key] = None
        return key

    def end_telling(self, key: object) -> None:
        """Hold the outcome back no longer."""
        del self._telling[key]
        if self._outcomes:
            self._conclude()

    def conclude(self, outcome: str) -> None:
        """Tell the outcome, now or as soon as nobody is telling anything."""
        self._outcomes.append(outcome)
        self._conclude()

    def _conclude(self) -> None:
        if not self._telling:
            try:
                outcome = self._outcomes.pop()
            except IndexError:
                return  # another thread has just taken it
            self.finished(outcome)

    def finished(self, outcome: str) -> None:
        """The invocation is over: nothing comes after this."""
        raise NotImplementedError
