"""eliot: a destination counts the messages that end an action."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cases import Mode
from contender import Contender, MissingError
from workload import add, calls, failing, failures, in_loop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from workload import Run

eliot: Any = import_module("eliot")


class Peer(Contender):
    """An action is its span. It is never off: messages without a destination are kept."""

    records = True

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is not Mode.RECORDED:
            raise MissingError("it is never off, and its listeners are its exporters")
        self.count = 0
        eliot.add_destinations(self.take)

    def take(self, message: Mapping[str, Any]) -> None:
        if message.get("action_status") in ("succeeded", "failed"):
            self.count += 1

    def forms(self) -> Mapping[str, Run]:
        action = eliot.start_action

        def trace(function: Any) -> Any:
            return eliot.log_call(include_args=[], include_result=False)(function)

        def blocks(count: int) -> None:
            for number in range(count):
                with action(action_type="block", number=number):
                    pass

        async def async_blocks(count: int) -> None:
            for number in range(count):
                with action(action_type="block", number=number):
                    pass

        return {
            "call": calls(trace(add)),
            "root call": calls(trace(add)),
            "block": blocks,
            "root block": blocks,
            "async block": in_loop(async_blocks),
            **failures(failing(trace)),
        }

    def parent(self) -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = eliot.start_action(action_type="parent")
        return block

    def arrived(self) -> int:
        return self.count
