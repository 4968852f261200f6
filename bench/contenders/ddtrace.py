"""ddtrace: a trace filter counts the spans of each finished trace, and keeps it from the agent."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cases import Mode
from contender import Contender, MissingError
from workload import add, add_async, awaits, calls, failing, failures, in_loop, numbers, walks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from workload import Run

# Before the import, which reads them. Nothing listens at that port, and nothing is sent to it.
os.environ.update(
    DD_TRACE_AGENT_URL="http://127.0.0.1:9",
    DD_INSTRUMENTATION_TELEMETRY_ENABLED="false",
    DD_REMOTE_CONFIGURATION_ENABLED="false",
    DD_TRACE_STARTUP_LOGS="false",
)
trace: Any = import_module("ddtrace.trace")


class CountingFilter(trace.TraceFilter):  # type: ignore[misc,unused-ignore]
    """Gets the finished spans of a trace, and lets none through."""

    count = 0

    def process_trace(self, trace: Any) -> None:
        self.count += len(trace)


class Peer(Contender):
    """The one tracer that it has."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is Mode.TAIL:
            raise MissingError("no live listener")
        self.tracer = trace.tracer
        self.sink = CountingFilter()
        self.tracer.configure(trace_processors=[self.sink])
        self.records = mode is Mode.RECORDED
        self.tracer.enabled = self.records

    def forms(self) -> Mapping[str, Run]:
        span, wrap = self.tracer.trace, self.tracer.wrap

        def blocks(count: int) -> None:
            for number in range(count):
                with span("block") as made:
                    made.set_tag("number", number)

        def bare_blocks(count: int) -> None:
            for _ in range(count):
                with span("block"):
                    pass

        async def async_blocks(count: int) -> None:
            for number in range(count):
                with span("block") as made:
                    made.set_tag("number", number)

        return {
            "call": calls(wrap("add")(add)),
            "root call": calls(wrap("add")(add)),
            "block": blocks,
            "root block": blocks,
            "bare block": bare_blocks,
            "await": awaits(wrap("add_async")(add_async)),
            "async block": in_loop(async_blocks),
            "generator": walks(wrap("numbers")(numbers)),
            **failures(failing(wrap("fail"))),
        }

    def parent(self) -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = self.tracer.trace("parent")
        return block

    def arrived(self) -> int:
        return self.sink.count
