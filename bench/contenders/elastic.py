"""elastic-apm: its transport is one that counts the transactions and spans it is handed."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cases import Mode
from contender import Contender, MissingError
from workload import add, add_async, awaits, calls, failing, failures, in_loop

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from contextlib import AbstractContextManager

    from workload import Run

elasticapm: Any = import_module("elasticapm")
base: Any = import_module("elasticapm.transport.base").Transport


class CountingTransport(base):  # type: ignore[misc,unused-ignore]
    """Counts. It has no thread, and nothing waits in it."""

    count = 0

    def queue(self, event_type: str, data: Any, flush: bool = False) -> None:
        del data, flush
        if event_type in ("span", "transaction"):
            CountingTransport.count += 1

    def start_thread(self, pid: int | None = None) -> None:
        pass

    def close(self) -> None:
        pass

    def flush(self) -> None:
        pass


class Peer(Contender):
    """A client that instruments nothing. A span can't be a root; a transaction is."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is Mode.TAIL:
            raise MissingError("no live listener")
        self.records = mode is Mode.RECORDED
        self.client = elasticapm.Client(
            service_name="bench",
            transport_class="contenders.elastic.CountingTransport",
            enabled=self.records,
            instrument=False,
            central_config=False,
            cloud_provider=False,
            metrics_interval="0s",
            transaction_max_spans=1_000_000,
            span_compression_enabled=False,
        )

    def forms(self) -> Mapping[str, Run]:
        span, async_span = elasticapm.capture_span, elasticapm.async_capture_span

        def blocks(count: int) -> None:
            for number in range(count):
                with span("block", labels={"number": number}):
                    pass

        def root_blocks(count: int) -> None:
            for number in range(count):
                with self.parent():
                    elasticapm.label(number=number)

        def bare_blocks(count: int) -> None:
            for _ in range(count):
                with span("block"):
                    pass

        async def async_blocks(count: int) -> None:
            for number in range(count):
                async with async_span("block", labels={"number": number}):
                    pass

        return {
            "call": calls(span()(add)),
            "block": blocks,
            "root block": root_blocks,
            "bare block": bare_blocks,
            "await": awaits(async_span()(add_async)),
            "async block": in_loop(async_blocks),
            **failures(failing(span())),
        }

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        self.client.begin_transaction("bench")
        try:
            yield
        finally:
            self.client.end_transaction("parent", "ok")

    def parent(self) -> AbstractContextManager[Any]:
        return self.transaction()

    def arrived(self) -> int:
        return CountingTransport.count
