"""aws-xray-sdk: its emitter is one that counts the segments it is handed, and what is in them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cases import Mode
from contender import Contender, MissingError
from workload import add, calls, failing, failures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from workload import Run

core: Any = import_module("aws_xray_sdk.core")
sdk: Any = import_module("aws_xray_sdk")


class CountingEmitter:
    """Counts a segment or subsegment and all below it that is still attached to it."""

    count = 0

    def send_entity(self, entity: Any) -> None:
        self.count += 1
        for child in entity.subsegments:
            self.send_entity(child)


class Peer(Contender):
    """The synchronous recorder. A subsegment can't be a root; a segment is."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is Mode.TAIL:
            raise MissingError("no live listener")
        self.records = mode is Mode.RECORDED
        self.recorder = core.xray_recorder
        self.sink = CountingEmitter()
        if self.records:
            self.recorder.configure(service="bench", sampling=False, emitter=self.sink)
        else:
            sdk.global_sdk_config.set_sdk_enabled(False)

    def forms(self) -> Mapping[str, Run]:
        segment, subsegment = self.recorder.in_segment, self.recorder.in_subsegment

        def trace(function: Any) -> Any:
            return self.recorder.capture(function.__name__)(function)

        def blocks(count: int) -> None:
            for number in range(count):
                with subsegment("block") as made:
                    made.put_annotation("number", number)

        def root_blocks(count: int) -> None:
            for number in range(count):
                with segment("block") as made:
                    made.put_annotation("number", number)

        def bare_blocks(count: int) -> None:
            for _ in range(count):
                with subsegment("block"):
                    pass

        return {
            "call": calls(trace(add)),
            "block": blocks,
            "root block": root_blocks,
            "bare block": bare_blocks,
            **failures(failing(trace)),
        }

    def parent(self) -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = self.recorder.in_segment("parent")
        return block

    def arrived(self) -> int:
        return self.sink.count
