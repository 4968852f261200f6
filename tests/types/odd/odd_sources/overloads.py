"""Overloads, and functions that calls make."""

from __future__ import annotations
from typing import overload, Literal, Any
from functools import (
    singledispatch,
    singledispatchmethod,
    cached_property,
    partial,
    lru_cache,
    cache,
    partialmethod,
)
import functools


@overload
def f(x: int) -> int: ...
@overload
def f(x: str, *, flag: Literal[True] = ...) -> str: ...
def f(x: int | str, *, flag: bool = False) -> int | str:
    return x


class C:
    @overload
    def m(self, x: int) -> int: ...
    @overload
    def m(self, x: str) -> str: ...
    def m(self, x: int | str) -> int | str:
        return x

    @overload
    @classmethod
    def make(cls, x: int) -> C: ...
    @overload
    @classmethod
    def make(cls, x: str) -> C: ...
    @classmethod
    def make(cls, x: int | str) -> C:
        return cls()

    @overload
    @staticmethod
    def st(x: int) -> int: ...
    @overload
    @staticmethod
    def st(x: str) -> str: ...
    @staticmethod
    def st(x: int | str) -> int | str:
        return x

    @cached_property
    def cp(self) -> int:
        return 1

    @functools.cached_property
    def cq(self) -> list[int]:
        return []

    @singledispatchmethod
    def sd(self, arg: object) -> str:
        return ""

    @sd.register
    def _(self, arg: int) -> str:
        return "i"

    @sd.register(str)
    def _s(self, arg: str) -> str:
        return "i"

    @lru_cache(maxsize=None)
    def cached(self, x: int) -> int:
        return x

    def base(self, x: int, y: str = "a") -> str:
        return y

    pm = partialmethod(base, 3)


@singledispatch
def show(x: object) -> str:
    return ""


@show.register
def _(x: int) -> str:
    return "i"


@show.register(list)
def _show_list(x: list[Any]) -> str:
    return ""


def add(a: int, b: int = 2, *, c: str = "") -> int:
    return a


inc = partial(add, 1)
inc2 = functools.partial(add, b=3)


@cache
def cc(x: int) -> int:
    return x


lam = lambda x: x
