"""What is traced: functions that do next to nothing, so that the tracing is what is measured.

And the loops around them. A contender's forms differ in how a function is decorated, or in how a
block is written; the loop that runs them is the same for all.
"""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable
    from typing import TypeAlias

    Run: TypeAlias = Callable[[int], None]
    """Runs a form so many times."""

ITEMS = 10
"""What a generator yields."""
DEPTH = 10
"""How many spans an exception passes through."""

_loop: list[asyncio.AbstractEventLoop] = []


def add(left: int, right: int) -> int:
    return left + right


async def add_async(left: int, right: int) -> int:
    return left + right


def numbers(stop: int) -> Generator[int, None, None]:
    yield from range(stop)


def picked(left: int, right: int) -> int:
    """What is instrumented from outside: no decorator in sight."""
    return left + right


class RefusedError(Exception):
    """What is raised, and passes through the spans."""


def failing(decorate: Callable[[Any], Any]) -> Callable[[int], None]:
    """A decorated function that calls itself some times and then raises."""

    def fail(left: int) -> None:
        if left <= 1:
            raise RefusedError
        decorated(left - 1)

    decorated: Callable[[int], None] = decorate(fail)
    return decorated


# --- loops ----------------------------------------------------------------------------------------


def calls(function: Callable[[int, int], object]) -> Run:
    def run(count: int) -> None:
        for _ in range(count):
            function(1, 2)

    return run


def awaits(function: Callable[[int, int], Awaitable[object]]) -> Run:
    async def body(count: int) -> None:
        for _ in range(count):
            await function(1, 2)

    return in_loop(body)


def walks(function: Callable[[int], Iterable[object]]) -> Run:
    def run(count: int) -> None:
        for _ in range(count):
            for _ in function(ITEMS):
                pass

    return run


def failures(function: Callable[[int], None]) -> dict[str, Run]:
    """Both forms of an exception: through many spans, and through one."""

    def through(depth: int) -> Run:
        def run(count: int) -> None:
            for _ in range(count):
                try:
                    function(depth)
                except RefusedError:
                    pass

        return run

    return {"exception": through(DEPTH), "lone exception": through(1)}


def in_loop(body: Callable[[int], Any]) -> Run:
    """A coroutine function as a loop: run to its end on an event loop that all turns share."""

    def run(count: int) -> None:
        loop().run_until_complete(body(count))

    return run


def loop() -> asyncio.AbstractEventLoop:
    """The event loop, made when it is first needed."""
    if not _loop:
        _loop.append(asyncio.new_event_loop())
    return _loop[0]


def settle() -> None:
    """Before anything is timed: what the imports left behind is not walked again."""
    gc.collect()
    gc.freeze()
