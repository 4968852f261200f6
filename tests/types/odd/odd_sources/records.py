"""Typed dictionaries, named tuples, aliases."""

from __future__ import annotations
from typing import (
    TypedDict,
    NotRequired,
    Required,
    ReadOnly,
    NamedTuple,
    NewType,
    Annotated,
    Any,
    Generic,
    TypeVar,
    Literal,
    Unpack,
)
from collections import namedtuple
import typing as t
import typing_extensions as te


class Movie(TypedDict, total=False):
    name: Required[str]
    year: int
    tags: ReadOnly[list[str]]


class Movie2(Movie):
    _private: int
    extra: NotRequired[str]


class G[T](TypedDict):
    x: T


Fn = TypedDict("Fn", {"in": int, "class": NotRequired[str]})
Fn2 = TypedDict("Fn2", {"a": "int", "b": ReadOnly[str]}, total=False)


class Closed(te.TypedDict, closed=True):
    x: int


class Point(NamedTuple):
    x: int
    y: int = 0
    """the y"""

    def norm(self) -> float:
        return 0.0

    @property
    def neg(self) -> Point:
        return self


class GP[T](NamedTuple):
    x: T


NT = NamedTuple("NT", [("a", int), ("b", "str")])
NU = namedtuple("NU", "a b c", defaults=(1, None))
NV = namedtuple("NV", ["a", "b"], rename=False)


class Ext(namedtuple("Ext", ["p", "q"])):
    __slots__ = ()

    def total(self) -> int:
        return 1


class Ext2(NamedTuple("Ext2", [("p", int), ("q", str)])):
    def total(self) -> int:
        return self.p


UserId = NewType("UserId", int)
Name: t.TypeAlias = "str | Movie"
Pos = Annotated[int, "positive", {"a": 1}]


def kw(**kwargs: Unpack[Movie]) -> UserId:
    return UserId(1)


def an(x: Annotated[str, "doc's"], y: Literal["a", 'b"c', b"x", 3, True, None] = "a") -> Name:
    return ""


EMPTY: Movie = {"name": ""}
pt = Point(1)
ps = [Point(1), Point(2)]
