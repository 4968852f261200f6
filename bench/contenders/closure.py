"""The least that a decorator and a block can do: `*args, **kwargs`, and `nullcontext`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from contender import Idle
from workload import add, add_async, awaits, calls, failing, failures, in_loop, numbers, walks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workload import Run


def closure(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def blocks(count: int) -> None:
    for _ in range(count):
        with nullcontext():
            pass


async def async_blocks(count: int) -> None:
    for _ in range(count):
        async with nullcontext():
            pass


class Peer(Idle):
    """The same in every mode."""

    def forms(self) -> Mapping[str, Run]:
        return {
            "call": calls(closure(add)),
            "root call": calls(closure(add)),
            "block": blocks,
            "bare block": blocks,
            "await": awaits(closure(add_async)),
            "async block": in_loop(async_blocks),
            "generator": walks(closure(numbers)),
            **failures(failing(closure)),
        }
