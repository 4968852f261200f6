"""Classes of attrs."""

from __future__ import annotations
import attr, attrs
from attrs import define, field, frozen, Factory, validators
from typing import ClassVar


@define
class A:
    x: int
    y: str = "a"
    z: list[int] = field(factory=list)
    _p: int = field(default=3, alias="pp")
    w: int = field(default=1, converter=int, validator=validators.instance_of(int))
    c: ClassVar[int] = 1


@frozen(kw_only=True)
class B:
    q: dict[str, int] = Factory(dict)


@attr.s(auto_attribs=True, slots=True)
class C:
    x: int = attr.ib(default=1)
    y: str = attr.ib(factory=str)


@attr.s
class D:
    x: int = attr.ib()
    y = attr.ib(type=int, default=3)


@attrs.define(slots=False)
class E:
    a: int
    b: int = attrs.field(init=False)

    @b.default
    def _b_default(self) -> int:
        return 1

    def __attrs_post_init__(self) -> None:
        self.late = 1
