"""Type parameters as Python 3.12 writes them."""

from collections.abc import AsyncIterator, Callable
from typing import Self, assert_type

from enterspan import Span, traced, tracing

type Pair[T] = tuple[T, T]


@traced
def first[T](xs: list[T]) -> T:
    return xs[0]


@traced("swap", capture_args=True)
def swap[A, B](a: A, b: B) -> tuple[B, A]:
    return b, a


@traced
async def stream[T: (int, str)](item: T) -> AsyncIterator[T]:
    yield item


@traced
def pair[T](x: T) -> Pair[T]:
    return x, x


@traced
def decorate[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    return function


@traced
class Box[T]:
    def __init__(self, thing: T) -> None:
        self.thing = thing

    def map[R](self, function: Callable[[T], R]) -> "Box[R]":
        return Box(function(self.thing))

    @traced
    def same(self) -> Self:
        return self


class IntBox(Box[int]):
    pass


@decorate
def wrapped(x: int, *, y: str) -> bytes:
    return b""


assert_type(first([1]), int)
assert_type(swap(1, "a"), tuple[str, int])
assert_type(stream(1), AsyncIterator[int])
assert_type(pair("a"), tuple[str, str])
assert_type(Box(1).map(str), Box[str])
assert_type(IntBox(1).same(), IntBox)
assert_type(wrapped(1, y="a"), bytes)


def generic[T](span: Span, x: T) -> list[T]:
    return [x]


assert_type(tracing.enter_span("a", generic, 1), list[int])
