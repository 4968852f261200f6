"""logfire: on OpenTelemetry's SDK, with its batch processor and an exporter that counts."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cases import Mode
from contender import Contender
from contenders.otel import CountingExporter, CountingProcessor, export
from workload import add, add_async, awaits, calls, failing, failures, in_loop, numbers, walks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from cases import Case
    from workload import Run

os.environ["LOGFIRE_IGNORE_NO_CONFIG"] = "1"  # unconfigured is its off, and no reason to warn
logfire: Any = import_module("logfire")


class Peer(Contender):
    """Arguments are not recorded, as in the other contenders."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        self.records = mode is not Mode.OFF
        self.sink = CountingProcessor() if mode is Mode.TAIL else CountingExporter()
        if mode is Mode.RECORDED:
            self.configure(export.BatchSpanProcessor(self.sink))
        elif mode is Mode.TAIL:
            self.configure(self.sink)

    def configure(self, processor: Any) -> None:
        logfire.configure(
            send_to_logfire=False,
            console=False,
            metrics=False,
            inspect_arguments=False,
            additional_span_processors=[processor],
        )

    def forms(self) -> Mapping[str, Run]:
        span = logfire.span

        def trace(function: Any) -> Any:
            return logfire.instrument(function.__name__, extract_args=False)(function)

        def trace_generator(function: Any) -> Any:
            return logfire.instrument("numbers", extract_args=False, allow_generator=True)(function)

        def blocks(count: int) -> None:
            for number in range(count):
                with span("block", number=number):
                    pass

        def bare_blocks(count: int) -> None:
            for _ in range(count):
                with span("block"):
                    pass

        async def async_blocks(count: int) -> None:
            for number in range(count):
                with span("block", number=number):
                    pass

        return {
            "call": calls(trace(add)),
            "root call": calls(trace(add)),
            "block": blocks,
            "root block": blocks,
            "bare block": bare_blocks,
            "await": awaits(trace(add_async)),
            "async block": in_loop(async_blocks),
            "generator": walks(trace_generator(numbers)),
            **failures(failing(trace)),
        }

    def parent(self) -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = logfire.span("parent")
        return block

    def drain(self) -> None:
        if self.records:
            logfire.force_flush()

    def arrived(self) -> int:
        count: int = self.sink.count
        return count

    def expected(self, case: Case, runs: int, turns: int) -> int:
        spans = super().expected(case, runs, turns)
        return spans if self.mode is Mode.RECORDED else 2 * spans
