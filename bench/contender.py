"""What a contender is: a tracing library, set up so that it records to a sink which counts.

Each lives in a file of its own under `contenders/`, imports what it measures itself, and has a
class named `Peer`. Packages are imported with `import_module`, since a type checker's verdict must
not depend on which peers are installed beside it.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from cases import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from cases import Case
    from workload import Run


class MissingError(Exception):
    """Something that this contender does not have."""


class Contender:
    """One library in one mode."""

    records = False
    """Whether what it makes arrives at a sink, to be counted there."""

    def __init__(self, mode: Mode) -> None:
        """Set the library up; raise `MissingError` if it has no such mode."""
        self.mode = mode

    def forms(self) -> Mapping[str, Run]:
        """The forms that it has, by the name that a `Case` calls them."""
        raise NotImplementedError

    def parent(self) -> AbstractContextManager[Any]:
        """A span that is the parent of all that is made in a turn."""
        return nullcontext()

    def drain(self) -> None:
        """Deliver all that waits; not part of what the caller is said to pay."""

    def arrived(self) -> int:
        """What the sink has counted so far."""
        return 0

    def expected(self, case: Case, runs: int, turns: int) -> int:
        """What the sink must have counted after so many runs of a case, in so many turns."""
        return runs * case.spans + turns * case.nested


class Idle(Contender):
    """What records nothing, and is there to be compared with."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is Mode.TAIL:
            raise MissingError("it records nothing, so there is nothing to listen to")
