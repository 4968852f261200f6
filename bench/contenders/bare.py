"""Nothing: the functions as they are, and the loops around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contender import Idle
from workload import add, add_async, awaits, calls, failing, failures, numbers, walks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workload import Run


class Peer(Idle):
    """The same in every mode."""

    def forms(self) -> Mapping[str, Run]:
        return {
            "call": calls(add),
            "root call": calls(add),
            "await": awaits(add_async),
            "generator": walks(numbers),
            **failures(failing(lambda function: function)),
        }
