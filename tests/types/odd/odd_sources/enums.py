"""Enumerations."""

import enum
from enum import Enum, IntEnum, Flag, IntFlag, StrEnum, auto, member, nonmember, unique
from typing import Literal, Final


class Color(Enum):
    RED = auto()
    GREEN = "g"
    BLUE = (1, 2)
    _private = 4
    alias = RED

    @property
    def pretty(self) -> str:
        return self.name

    @classmethod
    def default(cls) -> "Color":
        return cls.RED


@unique
class N(IntEnum):
    A = 1
    B = A + 1
    C = auto()


class F(Flag):
    R = auto()
    W = auto()
    RW = R | W


class IF(IntFlag):
    X = 1
    Y = 2
    Z = X | Y


class S(StrEnum):
    ONE = auto()
    TWO = "two"


class Planet(Enum):
    EARTH = (5.9, 6.3)

    def __init__(self, mass: float, radius: float) -> None:
        self.mass = mass
        self.radius = radius


class Coord(bytes, Enum):
    PX = (0, "P.X")
    PY = (1, "P.Y")
    label: str

    def __new__(cls, value: int, label: str) -> "Coord":
        obj = bytes.__new__(cls, [value])
        obj._value_ = value
        obj.label = label
        return obj


Functional = Enum("Functional", "a b c")
Functional2 = IntEnum("Functional2", ["x", "y"])
Functional3 = enum.Enum("Functional3", {"q": 1, "w": "2"})


class Ignored(Enum):
    _ignore_ = ["tmp"]
    tmp = 3
    z = 4


class Lambdas(Enum):
    one = 1

    def call(self) -> int:
        return 1


class Missing(Enum):
    a = 1

    @classmethod
    def _missing_(cls, value: object) -> "Missing":
        return cls.a


LC = Literal[Color.RED, Color.GREEN]


def f(x: Literal[Color.RED] = Color.RED, *, n: N = N.A) -> LC:
    return Color.RED


DEFAULT: Final = Color.RED
CONST: Final[Literal["a", "b"]] = "a"


class Sentinel(Enum):
    token = 0


_unset: Final = Sentinel.token


def g(x: int | Literal[Sentinel.token] = _unset) -> None: ...


class Weekday(Enum):
    MON = 1
    TUE = 2
    WEEKEND = frozenset({6, 7})

    def __str__(self) -> str:
        return ""

    __repr__ = __str__


class Ann(Enum):
    _value_: int
    x = 1
    y = 2


class DC(Enum):
    A = lambda: 3
    B = [1, 2]

    @staticmethod
    def st() -> int:
        return 1
