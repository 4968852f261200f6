"""How OpenTelemetry is used, with an SDK or without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workload import add, add_async, awaits, calls, failing, failures, in_loop, walks

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from workload import Run


def forms_of(tracer: Any) -> Mapping[str, Run]:
    """The forms of a tracer.

    It has no `async with` and no decorator for generators: the block of a coroutine and the body
    of a generator hold its `with`.
    """
    block = tracer.start_as_current_span

    def blocks(count: int) -> None:
        for number in range(count):
            with block("block", attributes={"number": number}):
                pass

    def bare_blocks(count: int) -> None:
        for _ in range(count):
            with block("block"):
                pass

    async def async_blocks(count: int) -> None:
        for number in range(count):
            with block("block", attributes={"number": number}):
                pass

    def numbers(stop: int) -> Generator[int, None, None]:
        with block("numbers"):
            yield from range(stop)

    return {
        "call": calls(block("add")(add)),
        "root call": calls(block("add")(add)),
        "block": blocks,
        "root block": blocks,
        "bare block": bare_blocks,
        "await": awaits(block("add_async")(add_async)),
        "async block": in_loop(async_blocks),
        "generator": walks(numbers),
        **failures(failing(block("fail"))),
    }
