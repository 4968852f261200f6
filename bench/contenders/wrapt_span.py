"""A wrapper of wrapt that does nothing, around a function that is traced by us.

That sum is what an instrumented call is measured by: the wrapper and a span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cases import Mode
from contender import MissingError
from contenders import ours
from contenders.wrapt_noop import wrap
from workload import add, calls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workload import Run


class Peer(ours.Peer):
    """Records as we do, with a Tracing of its own."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is not Mode.RECORDED:
            raise MissingError("without a subscriber it is the wrapper alone")

    def forms(self) -> Mapping[str, Run]:
        return {"instrumented": calls(wrap(self.tracing.traced(add)))}
