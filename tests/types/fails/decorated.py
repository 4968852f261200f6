"""Wrong calls of what is traced are flagged as they would be without the decorator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

from enterspan import traced


@traced
def price(count: int, *, tax: float = 0.0) -> float:
    return count * tax


price("3")  # mypy: incompatible type "str"; expected "int" # pyright: is not assignable to "int"
price()  # mypy: Missing positional argument "count" # pyright: Argument missing for parameter "count"
price(1, vat=0.1)  # mypy: Unexpected keyword argument "vat" # pyright: No parameter named "vat"
price(1).upper()  # mypy: "float" has no attribute "upper" # pyright: Cannot access attribute "upper"


@traced("pay", capture_args=True)
async def pay(amount: int) -> str:
    return str(amount)


pay("1")  # mypy: incompatible type "str"; expected "int" # pyright: is not assignable to "int"
paid: str = pay(1)  # mypy: Incompatible types in assignment # pyright: is not assignable to "str"


@overload
def either(x: int) -> int: ...
@overload
def either(x: str) -> str: ...
@traced
def either(x: int | str) -> int | str:
    return x


either(b"")  # mypy: No overload variant of "either" # pyright: No overloads for "either"


@traced
@dataclass
class Point:
    x: int

    def move(self, by: int) -> int:
        return self.x + by


Point("1")  # mypy: incompatible type "str"; expected "int" # pyright: is not assignable to "int"
Point(1).move("1")  # mypy: incompatible type "str"; expected "int" # pyright: is not assignable
Point(1).mvoe(1)  # mypy: has no attribute "mvoe" # pyright: Cannot access attribute "mvoe"


class Members:
    @property
    @traced
    def size(self) -> int:
        return 1

    @staticmethod
    @traced
    def alone(x: int) -> str:
        return str(x)


wrong: str = Members().size  # mypy: Incompatible types in assignment # pyright: is not assignable
Members().size = 2  # mypy: is read-only # pyright: is not assignable to "property"
Members.alone("1")  # mypy: incompatible type "str"; expected "int" # pyright: is not assignable

traced(3)  # mypy: No overload variant of "traced" # pyright: No overloads for "traced"
traced("a", capture_arg=True)  # mypy: No overload variant # pyright: No overloads for "traced"
traced(capture_args=3)  # mypy: No overload variant # pyright: is not assignable to type "bool | Sequence[str] | Mapping[str, str]"
traced(min_duration="1s")  # mypy: No overload variant # pyright: is not assignable to type "float | None"
