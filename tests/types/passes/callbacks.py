"""enter_span and start_active_span give back what the callback gives."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar, overload

from typing_extensions import assert_type

from enterspan import Span, tracing

T = TypeVar("T")


def none(span: Span) -> int:
    return 1


def one(span: Span, x: int) -> str:
    return str(x)


def two(span: Span, x: int, y: str) -> bytes:
    return b""


def three(span: Span, x: int, y: str, z: bytes) -> float:
    return 1.0


def four(span: Span, x: int, y: str, z: bytes, w: float) -> complex:
    return 1j


def five(span: Span, a: int, b: int, c: int, d: int, e: str) -> bool:
    return True


def with_default(span: Span, x: int = 0, *, y: str = "") -> str:
    return y


def with_name(span: Span, name: str, callback: int) -> str:
    return name


def generic(span: Span, x: T) -> list[T]:
    return [x]


def rest(span: Span, /, *xs: int, **ys: str) -> int:
    return len(xs) + len(ys)


async def later(span: Span, x: int) -> str:
    return str(x)


def items(span: Span, n: int) -> Iterator[int]:
    yield n


@overload
def either(span: Span, x: int) -> int: ...
@overload
def either(span: Span, x: str) -> str: ...
def either(span: Span, x: int | str) -> int | str:
    return x


assert_type(tracing.enter_span("a", none), int)
assert_type(tracing.enter_span("a", one, 1), str)
assert_type(tracing.enter_span("a", two, 1, "b"), bytes)
assert_type(tracing.enter_span("a", three, 1, "b", b""), float)
assert_type(tracing.enter_span("a", four, 1, "b", b"", 1.0), complex)
assert_type(tracing.enter_span("a", five, 1, 2, 3, 4, "e"), bool)
assert_type(tracing.enter_span("a", one, x=1), str)
assert_type(tracing.enter_span("a", with_default), str)
assert_type(tracing.enter_span("a", with_default, 1), str)
assert_type(tracing.enter_span("a", with_default, 1, y="b"), str)
assert_type(tracing.enter_span("a", with_name, name="b", callback=1), str)
assert_type(tracing.enter_span("a", rest, 1, 2, y="b"), int)
assert_type(tracing.enter_span("a", generic, 1), list[int])
assert_type(tracing.enter_span("a", either, "b"), str)
coroutine: Coroutine[Any, Any, str] = tracing.enter_span("a", later, 1)
assert_type(tracing.enter_span("a", items, 1), Iterator[int])
assert_type(tracing.enter_span("a", lambda span: span.name), str)
assert_type(tracing.enter_span("a", lambda span, x: x + 1, 2), int)
assert_type(tracing.enter_span("a", lambda s, a, b, c, d, e: e, 1, 2, 3, 4, "x"), str)
assert_type(tracing.enter_span("a", lambda s, a, b, c, d, e, f: f, 1, 2, 3, 4, "x", b""), bytes)

assert_type(tracing.start_active_span("a", none), int)
assert_type(tracing.start_active_span("a", four, 1, "b", b"", 1.0), complex)
assert_type(tracing.start_active_span("a", one, x=1), str)
assert_type(tracing.start_active_span("a", lambda span: span), Span)


class Worker:
    def work(self, span: Span, x: int) -> str:
        return str(x)


assert_type(tracing.enter_span("a", Worker().work, 1), str)


async def use() -> None:
    assert_type(await tracing.enter_span("a", later, 1), str)
    task = tracing.enter_span("a", lambda span: asyncio.create_task(later(span, 1)))
    assert_type(task, asyncio.Task[str])
