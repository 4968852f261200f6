"""Decorators."""

from __future__ import annotations
from collections.abc import (
    Callable,
    Coroutine,
    AsyncIterator,
    Iterator,
    Generator,
    AsyncGenerator,
    Awaitable,
)
from contextlib import contextmanager, asynccontextmanager, AbstractContextManager
from functools import wraps
from typing import (
    ParamSpec,
    TypeVar,
    Concatenate,
    Any,
    Protocol,
    TypeGuard,
    TypeIs,
    Never,
    NoReturn,
    LiteralString,
    final,
    override,
    no_type_check,
)
from warnings import deprecated

P = ParamSpec("P")
R = TypeVar("R")


def retry(times: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def deco(f: Callable[P, R]) -> Callable[P, R]:
        @wraps(f)
        def inner(*a: P.args, **k: P.kwargs) -> R:
            return f(*a, **k)

        return inner

    return deco


def with_req(f: Callable[Concatenate[int, P], R]) -> Callable[P, R]:
    def inner(*a: P.args, **k: P.kwargs) -> R:
        return f(1, *a, **k)

    return inner


def asyncify(f: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    async def inner(*a: P.args, **k: P.kwargs) -> R:
        return f(*a, **k)

    return inner


def untyped(f):
    return f  # type: ignore


@retry(3)
def a(x: int, y: str = "q") -> int:
    return x


@with_req
def b(req: int, x: str) -> str:
    return x


@asyncify
def c(x: int) -> int:
    return x


@contextmanager
def cm(x: int) -> Iterator[str]:
    yield ""


@asynccontextmanager
async def acm(x: int) -> AsyncIterator[str]:
    yield ""


@deprecated("no")
def dep() -> int:
    return 1


@untyped
def unt(x: int) -> int:
    return x


async def agen() -> AsyncGenerator[int, None]:
    yield 1


async def aiter_() -> AsyncIterator[int]:
    yield 1


def gen() -> Generator[int, str, bool]:
    x = yield 1
    return True


def guard(x: object) -> TypeGuard[int]:
    return True


def tis(x: object) -> TypeIs[int]:
    return True


def never() -> Never:
    raise ValueError


def default(x=1, y="a", *args: Any, z=None, **kw: Any):
    return x


class Deco:
    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f

    def __call__(self, x: int) -> int:
        return x


@Deco
def decod(x: int) -> int:
    return x


def classdec(cls: type[R]) -> type[R]:
    return cls


def register(name: str) -> Callable[[type[R]], type[R]]:
    return lambda c: c


@classdec
@final
class CD:
    @retry(2)
    def m(self, x: int) -> int:
        return x

    @classmethod
    @contextmanager
    def ctx(cls) -> Iterator[CD]:
        yield cls()

    @staticmethod
    @retry(1)
    def st(x: int) -> int:
        return x

    @deprecated("x")
    def old(self) -> int:
        return 1

    def __aiter__(self) -> AsyncIterator[int]:
        return self.ag()

    async def ag(self) -> AsyncIterator[int]:
        yield 1

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __getattr__(self, name: str) -> Any:
        return 1


@register("x")
class Reg: ...


def posonly(a: int, /, b: int, *, c: int) -> None: ...
def _helper(x: int) -> int:
    return x


pub = retry(2)(_helper)


class CallProto(Protocol):
    def __call__(self, x: int, *, y: str = ...) -> int: ...


class Attrs(Protocol):
    x: int
    _y: str

    @property
    def ro(self) -> int: ...


def returns_proto() -> CallProto:
    raise NotImplementedError
