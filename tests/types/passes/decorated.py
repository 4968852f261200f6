"""What is traced keeps its type, whatever kind of thing it is."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from typing_extensions import Self, assert_type

from enterspan import Tracing, traced, tracing

T = TypeVar("T")
mine = Tracing("mine")


@traced
def plain(x: int, *, y: str = "") -> float:
    return x / len(y)


@traced("named", capture_args=["x"], attributes={"a": 1}, min_duration=0.1)
def named(x: int) -> str:
    return str(x)


@traced()
def called(x: int) -> str:
    return str(x)


@mine.traced(capture_return=True)
async def awaited(x: int) -> str:
    return str(x)


@traced
def generated(n: int) -> Generator[int, str, bytes]:
    yield n
    return b""


@traced
async def streamed(n: int) -> AsyncIterator[int]:
    yield n


assert_type(plain(1, y="a"), float)
assert_type(named(1), str)
assert_type(called(1), str)
coroutine: Coroutine[Any, Any, str] = awaited(1)
assert_type(generated(1), Generator[int, str, bytes])
assert_type(streamed(1), AsyncIterator[int])


@overload
def either(x: int) -> int: ...
@overload
def either(x: str) -> str: ...
@traced
def either(x: int | str) -> int | str:
    return x


assert_type(either(1), int)
assert_type(either("a"), str)


@traced
def first(xs: list[T]) -> T:
    return xs[0]


assert_type(first([1]), int)
assert_type(first(["a"]), str)


@functools.cache
@traced
def cached_outside(x: int) -> str:
    return str(x)


@traced
@functools.lru_cache(maxsize=8)
def cached_inside(x: int) -> str:
    return str(x)


assert_type(cached_outside(1), str)
assert_type(cached_inside(1), str)
cached_outside.cache_clear()
cached_inside.cache_clear()


@contextmanager
@traced
def opened(path: str) -> Generator[int]:
    yield len(path)


@traced
@contextmanager
def opened_inside(path: str) -> Generator[int]:
    yield len(path)


@asynccontextmanager
@traced
async def opened_later(path: str) -> AsyncGenerator[int]:
    yield len(path)


with opened("a") as number:
    assert_type(number, int)
with opened_inside("a") as number_inside:
    assert_type(number_inside, int)
manager: AbstractContextManager[int] = opened("a")
manager_later: AbstractAsyncContextManager[int] = opened_later("a")


@traced
class Shop(Generic[T]):
    def __init__(self, thing: T) -> None:
        self.thing = thing

    def sell(self) -> T:
        return self.thing

    @classmethod
    def make(cls, thing: T) -> Self:
        return cls(thing)


class Market(Shop[int]):
    def sell(self) -> int:
        return super().sell() + 1


assert_type(Shop(1), Shop[int])
assert_type(Shop(1).sell(), int)
assert_type(Market.make(1), Market)
assert_type(Market(1).sell(), int)


@traced("point")
@dataclass
class Point:
    x: int
    y: int = 0

    def length(self) -> float:
        return float(self.x)


assert_type(Point(1).y, int)
assert_type(Point(1, y=2).length(), float)


class Members:
    @traced
    def method(self, x: int) -> str:
        return str(x)

    @classmethod
    @traced
    def of_class(cls, x: int) -> Self:
        return cls()

    @traced
    @classmethod
    def of_class_inside(cls, x: int) -> Self:
        return cls()

    @staticmethod
    @traced
    def alone(x: int) -> str:
        return str(x)

    @traced
    @staticmethod
    def alone_inside(x: int) -> str:
        return str(x)

    @property
    @traced
    def size(self) -> int:
        return 1

    @size.setter
    @traced
    def size(self, value: int) -> None: ...

    @functools.cached_property
    @traced
    def slow(self) -> int:
        return 1

    @traced
    async def later(self) -> int:
        return 1

    @traced
    def chained(self) -> Self:
        return self


members = Members()
assert_type(members.method(1), str)
assert_type(Members.of_class(1), Members)
assert_type(Members.of_class_inside(1), Members)
assert_type(Members.alone(1), str)
assert_type(members.alone_inside(1), str)
assert_type(members.size, int)
members.size = 2
assert_type(members.slow, int)
assert_type(members.chained().chained(), Members)


async def use() -> None:
    assert_type(await awaited(1), str)
    assert_type(await members.later(), int)
    async with opened_later("a") as later:
        assert_type(later, int)
    async for item in streamed(1):
        assert_type(item, int)


def apply(function: Callable[[int], str]) -> str:
    return function(1)


apply(named)
apply(traced(called))
apply(tracing.traced("as a call")(called))
bound: Callable[[int], str] = tracing.propagate(named)
