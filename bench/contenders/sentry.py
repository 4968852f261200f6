"""sentry-sdk: its transport is one that counts the spans of each transaction it is handed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cases import Mode
from contender import Contender, MissingError
from workload import add, add_async, awaits, calls, failing, failures, in_loop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from workload import Run

sentry: Any = import_module("sentry_sdk")
base: Any = import_module("sentry_sdk.transport").Transport


class CountingTransport(base):  # type: ignore[misc,unused-ignore]
    """Counts; a transaction is a span too."""

    count = 0

    def capture_envelope(self, envelope: Any) -> None:
        event = envelope.get_transaction_event()
        if event is not None:
            self.count += 1 + len(event["spans"])


class Peer(Contender):
    """Initialised for `recorded` alone. A span can't be a root; a transaction is."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is Mode.TAIL:
            raise MissingError("no live listener")
        self.records = mode is Mode.RECORDED
        self.sink = CountingTransport()
        if self.records:
            sentry.init(
                dsn="http://nobody@127.0.0.1:9/1",
                transport=self.sink,
                traces_sample_rate=1.0,
                auto_enabling_integrations=False,
            )

    def forms(self) -> Mapping[str, Run]:
        span, trace = sentry.start_span, sentry.trace

        def blocks(count: int) -> None:
            for number in range(count):
                with span(op="block", name="block") as made:
                    made.set_data("number", number)

        def root_blocks(count: int) -> None:
            for number in range(count):
                with sentry.start_transaction(name="block") as made:
                    made.set_data("number", number)

        def bare_blocks(count: int) -> None:
            for _ in range(count):
                with span(op="block", name="block"):
                    pass

        async def async_blocks(count: int) -> None:
            for number in range(count):
                with span(op="block", name="block") as made:
                    made.set_data("number", number)

        return {
            "call": calls(trace(add)),
            "block": blocks,
            "root block": root_blocks,
            "bare block": bare_blocks,
            "await": awaits(trace(add_async)),
            "async block": in_loop(async_blocks),
            **failures(failing(trace)),
        }

    def parent(self) -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = sentry.start_transaction(name="parent")
        return block

    def drain(self) -> None:
        if self.records:
            sentry.flush()

    def arrived(self) -> int:
        return self.sink.count
