"""Type parameters."""

from collections.abc import Callable, Awaitable, Sequence
from typing import overload, Protocol, Self, ClassVar, TypeVar, Generic

__all__ = [
    "Box",
    "Pair",
    "first",
    "Alias",
    "deco",
    "Rec",
    "Tup",
    "call",
    "Fn",
    "Sub",
    "Bound",
    "Proto",
    "Old",
]

type Alias[T] = list[T] | dict[str, T]
type Rec = dict[str, Rec] | int
type Fn[**P, R] = Callable[P, Awaitable[R]]


class Box[T: (int, str)]:
    item: T

    def __init__(self, item: T) -> None:
        self.item = item

    def map[U: (int, str)](self, fn: Callable[[T], U]) -> "Box[U]":
        return Box(fn(self.item))


class Pair[A, B]:
    def __init__(self, a: A, b: B) -> None:
        self.a = a
        self._b = b
        self.both = (a, b)

    @property
    def b(self) -> B:
        return self._b


class Tup[*Ts]:
    def __init__(self, *args: *Ts) -> None:
        self.args = args


class Sub(Pair[int, "str"]):
    made: ClassVar[list[Self]] = []


class Bound[T: Sequence[int]]:
    def get(self, x: T) -> T:
        return x


class Proto[T](Protocol):
    def m(self) -> T: ...


def first[T](items: Sequence[T]) -> T:
    return items[0]


def call[*Ts, R](f: Callable[[*Ts], R], *args: *Ts) -> R:
    return f(*args)


def deco[**P, R](f: Callable[P, R]) -> Callable[P, list[R]]:
    def inner(*args: P.args, **kwargs: P.kwargs) -> list[R]:
        return [f(*args, **kwargs)]

    return inner


T = TypeVar("T", bound="Old[int]")
K = TypeVar("K")


class Old(Generic[K]):
    def me(self: T) -> T:
        return self
