"""The least span that is one: written by hand, for speed alone, and without any care.

Ids, a parent from a context variable, two readings of the clock, an attribute, the error, a queue.
No limits, no lifetime, no healing, no exporter that is protected from anything.
"""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from random import getrandbits
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from cases import Mode
from contender import Contender, MissingError
from workload import add, add_async, awaits, calls, failing, failures, in_loop, walks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractContextManager
    from contextvars import Token

    from typing_extensions import Self

    from workload import Run

current: ContextVar[MinimalSpan | None] = ContextVar("minimal", default=None)
finished: deque[MinimalSpan] = deque()


class MinimalSpan:
    """A block."""

    __slots__ = (
        "attributes", "end", "error", "name", "parent_id", "span_id", "start", "token", "trace_id"
    )  # fmt: skip

    token: Token[MinimalSpan | None]
    start: int
    end: int
    error: BaseException | None

    def __init__(self, name: str, **attributes: object) -> None:
        self.name = name
        self.attributes = attributes
        self.span_id = getrandbits(64)
        parent = current.get()
        if parent is None:
            self.trace_id = getrandbits(128)
            self.parent_id = 0
        else:
            self.trace_id = parent.trace_id
            self.parent_id = parent.span_id

    def __enter__(self) -> Self:
        self.token = current.set(self)
        self.start = perf_counter_ns()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.end = perf_counter_ns()
        self.error = error
        current.reset(self.token)
        finished.append(self)


def decorate(function: Any) -> Callable[..., Any]:
    name = function.__qualname__

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with MinimalSpan(name):
            return function(*args, **kwargs)

    return wrapper


def decorate_async(function: Any) -> Callable[..., Any]:
    name = function.__qualname__

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with MinimalSpan(name):
            return await function(*args, **kwargs)

    return wrapper


def blocks(count: int) -> None:
    for number in range(count):
        with MinimalSpan("block", number=number):
            pass


async def async_blocks(count: int) -> None:
    for number in range(count):
        with MinimalSpan("block", number=number):
            pass


def numbers(stop: int) -> Generator[int, None, None]:
    with MinimalSpan("numbers"):
        yield from range(stop)


class Peer(Contender):
    """Draining is counting."""

    records = True

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is not Mode.RECORDED:
            raise MissingError("it always records, and has no subscribers")
        self.count = 0

    def forms(self) -> Mapping[str, Run]:
        return {
            "call": calls(decorate(add)),
            "root call": calls(decorate(add)),
            "entrypoint": calls(decorate(add)),
            "block": blocks,
            "root block": blocks,
            "await": awaits(decorate_async(add_async)),
            "async block": in_loop(async_blocks),
            "generator": walks(numbers),
            **failures(failing(decorate)),
        }

    def parent(self) -> AbstractContextManager[Any]:
        return MinimalSpan("parent")

    def drain(self) -> None:
        self.count += len(finished)
        finished.clear()

    def arrived(self) -> int:
        return self.count
