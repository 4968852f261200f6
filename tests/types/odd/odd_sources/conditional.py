"""What is there in some versions, or where something is installed."""

from __future__ import annotations
import sys
import os
from typing import TYPE_CHECKING, Any

try:
    import json

    HAS_JSON = True
except ImportError:
    json = None  # type: ignore[assignment]
    HAS_JSON = False
try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib  # type: ignore
try:
    from typing import override
except ImportError:

    def override(f: Any) -> Any:
        return f


if TYPE_CHECKING:
    from decimal import Decimal
    from .enums import Color

    Alias = int

    class OnlyTyped:
        x: int
else:
    Alias = int
if sys.platform == "win32":

    def win() -> int:
        return 1

    PATHSEP = "w"
elif sys.platform == "darwin":

    def mac() -> int:
        return 1

    PATHSEP = "m"
else:

    def lin() -> int:
        return 1

    PATHSEP = "l"
if sys.version_info >= (3, 12):

    class V:
        def new(self) -> int:
            return 1
else:

    class V:
        def old(self) -> int:
            return 1


if sys.version_info < (3, 11):
    from typing_extensions import Self
else:
    from typing import Self
if os.name == "nt":

    def which() -> int:
        return 1
else:

    def which() -> int:
        return 2


if os.environ.get("X"):
    FLAG = 1
else:
    FLAG = 2
if hasattr(os, "fork"):

    def forky() -> int:
        return 1


class K:
    if sys.version_info >= (3, 12):

        def a(self) -> int:
            return 1
    else:

        def b(self) -> int:
            return 1

    if TYPE_CHECKING:
        typed: int

        def only(self) -> int: ...
    else:

        def only(self):
            return 1

        typed = 3
    try:
        import json as _j

        def viatry(self) -> int:
            return 1
    except ImportError:

        def viatry(self) -> int:
            return 2

    def me(self) -> Self:
        return self

    def dec(self, d: Decimal, c: Color) -> OnlyTyped:
        raise NotImplementedError


import typing as ty
import typing_extensions

if ty.TYPE_CHECKING:
    seen1: int = 1
else:
    seen1 = 2
if typing_extensions.TYPE_CHECKING and True:
    seen2: int
else:
    seen2 = 1
if not TYPE_CHECKING and os.name:
    seen3 = "y"
else:
    seen3 = "x"
PY312 = sys.version_info >= (3, 12)
if PY312:

    def newer(x: int) -> int:
        return 1
else:

    def newer() -> int:
        return 1


if False:

    def never() -> int:
        return 1


def __getattr__(name: str) -> Any:
    raise AttributeError(name)


def __dir__() -> list[str]:
    return []


for _i in range(3):
    pass
for looped in range(3):
    pass
with open(os.devnull) as handle:
    pass
if (walrus := 3) > 2:
    pass
a, (b, *c) = 1, (2, 3, 4)
x = y = 3
x, y = y, x
lst: list[int] = []
lst.append(1)
(d) = 3
e: int
e = 4
del lst
match a:
    case int():
        matched = "i"
    case _:
        matched = "o"
old = []  # type: list[int]


def oldf(a, b=1):  # type: (int, int) -> str
    return ""


class OldStyle(object):
    attr = None  # type: list[str] | None

    def __init__(self, x, *args, **kw):
        # type: (int, *str, **bytes) -> None
        self.x = x  # type: int
        self.z = []  # type: list[dict[str, int]]

    def longer(
        self,
        a,  # type: int
        b=None,  # type: str | None
    ):
        # type: (...) -> int
        return a

    async def co(self):  # type: () -> None
        pass
