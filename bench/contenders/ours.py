"""enterspan."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import workload
from cases import Mode
from contender import Contender
from enterspan import Tracing
from workload import add, add_async, awaits, calls, failing, failures, in_loop, numbers, walks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from cases import Case
    from enterspan import Onset, SpanData, TailEvent
    from workload import Run

STREAM_ENDS = 3
"""An invocation's own events: its onset, its return and its outcome."""


class CountingExporter:
    """Counts finished spans and keeps nothing."""

    def __init__(self) -> None:
        self.count = 0

    def export(self, spans: Sequence[SpanData]) -> None:
        self.count += len(spans)

    def shutdown(self) -> None:
        pass


class CountingTail:
    """Counts live events and keeps nothing."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, onset: TailEvent[Onset]) -> Callable[[TailEvent[Any]], None]:
        del onset
        self.count += 1
        return self.handle

    def handle(self, event: TailEvent[Any]) -> None:
        del event
        self.count += 1


class Peer(Contender):
    """A Tracing of its own, under an invocation."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        self.tracing = Tracing("bench")
        self.records = mode is not Mode.OFF
        self.exporter = CountingExporter()
        self.tail = CountingTail()
        if mode is Mode.RECORDED:
            self.tracing.add_exporter(self.exporter)
        elif mode is Mode.TAIL:
            self.tracing.add_tail(self.tail, delivery="inline")

    def forms(self) -> Mapping[str, Run]:
        span, traced = self.tracing.span, self.tracing.traced

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
                async with span("block", number=number):
                    pass

        @cache
        def instrument() -> Run:
            self.tracing.instrument("workload:picked")
            return calls(workload.picked)

        def instrumented(count: int) -> None:
            instrument()(count)

        return {
            "call": calls(traced(add)),
            "root call": calls(traced(add)),
            "entrypoint": calls(self.tracing.entrypoint(add)),
            "block": blocks,
            "root block": blocks,
            "bare block": bare_blocks,
            "await": awaits(traced(add_async)),
            "async block": in_loop(async_blocks),
            "generator": walks(traced(numbers)),
            **failures(failing(traced)),
            "instrumented": instrumented,
        }

    def parent(self) -> AbstractContextManager[Any]:
        return self.tracing.invocation("parent")

    def drain(self) -> None:
        self.tracing.flush()

    def arrived(self) -> int:
        return self.tail.count if self.mode is Mode.TAIL else self.exporter.count

    def expected(self, case: Case, runs: int, turns: int) -> int:
        if self.mode is Mode.TAIL:  # a span's opening and close, and its attributes as one event
            return runs * (3 if case.attributed else 2) + turns * STREAM_ENDS
        return super().expected(case, runs, turns)
