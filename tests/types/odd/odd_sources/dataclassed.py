"""Dataclasses."""

from __future__ import annotations
import dataclasses
import dataclasses as dc
from dataclasses import dataclass, field, InitVar, KW_ONLY
from typing import ClassVar, Any, Generic, TypeVar, dataclass_transform, Callable
from collections import defaultdict

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class A:
    x: int
    y: str = "a"
    z: list[int] = field(default_factory=list)
    _p: int = field(default=3, repr=False)
    c: ClassVar[int] = 3
    c2: ClassVar = 4


@dataclass
class B:
    a: int
    i: InitVar[int]
    j: InitVar[str] = "x"
    _: KW_ONLY
    k: dict[str, Any] = field(default_factory=lambda: {"a": 1})
    m: int = dataclasses.field(init=False)
    n: int = dc.field(default=3, kw_only=False, metadata={"a": 1})

    def __post_init__(self, i: int, j: str) -> None:
        self.m = 1
        self.late = "x"


@dataclass(eq=False, unsafe_hash=False)
class C(B, Generic[T]):
    t: T | None = None
    type: str = "x"
    list: "list[int]" = field(default_factory=lambda: [1])


@dataclass(init=False)
class D:
    x: int

    def __init__(self, y: str) -> None:
        self.x = 1


@dataclass(match_args=False, repr=False)
class E(D):
    __slots__ = ("x",)


@dataclass_transform(field_specifiers=(dataclasses.field,))
def model(cls: type[T]) -> type[T]:
    return dataclass(cls)


@model
class M:
    a: int
    b: str = field(default="x")


@dataclass_transform(kw_only_default=True)
class Base:
    def __init_subclass__(cls) -> None:
        dataclass(kw_only=True)(cls)


class Sub(Base):
    x: int
    _y: str = "a"


Made = dataclasses.make_dataclass("Made", ["a", ("b", int)])


@dataclass
class G[K, V]:
    k: K
    v: V
    f: Callable[[K], V] | None = None
    dd: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    hashed: int = field(default_factory=int, hash=True, compare=False)


@dataclass
class Prop:
    x: int

    @property
    def double(self) -> int:
        return self.x

    def replace(self, **kw: Any) -> Prop:
        return dataclasses.replace(self, **kw)
