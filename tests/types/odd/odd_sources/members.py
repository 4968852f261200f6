"""Members of classes."""

from __future__ import annotations
from typing import Any, Generic, TypeVar, overload, Callable, ClassVar, Final
from abc import ABC, abstractmethod, ABCMeta

T = TypeVar("T")


class Desc(Generic[T]):
    def __init__(self, v: T) -> None:
        self.v = v

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, obj: None, owner: type) -> Desc[T]: ...
    @overload
    def __get__(self, obj: object, owner: type) -> T: ...
    def __get__(self, obj: object | None, owner: type) -> T | Desc[T]:
        return self.v

    def __set__(self, obj: object, value: T) -> None:
        self.v = value


class P:
    d = Desc(3)
    e: Desc[str] = Desc("")

    @property
    def a(self) -> int:
        return 1

    @a.setter
    def a(self, v: int) -> None: ...
    @a.deleter
    def a(self) -> None: ...
    @property
    def b(self) -> str:
        return ""

    @b.setter
    def b(self, v: str | int) -> None: ...
    def _gc(self) -> int:
        return 1

    def _sc(self, v: int) -> None: ...
    def _dc(self) -> None: ...

    c = property(_gc, _sc, _dc, "doc")

    @staticmethod
    def s() -> int:
        return 1

    s2 = s

    @classmethod
    def k(cls) -> P:
        return cls()

    k2 = k

    def __len__(self) -> int:
        return 0

    size = __len__
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, o: object) -> bool:
        return True

    lam = lambda self: 1


class A(ABC):
    @property
    @abstractmethod
    def p(self) -> int: ...
    @p.setter
    @abstractmethod
    def p(self, v: int) -> None: ...
    @classmethod
    @abstractmethod
    def cm(cls) -> A: ...
    @abstractmethod
    def _hidden(self) -> int: ...


class B(A):
    @property
    def p(self) -> int:
        return 1

    @p.setter
    def p(self, v: int) -> None: ...

    @classmethod
    def cm(cls) -> B:
        return cls()

    def _hidden(self) -> int:
        return 1


class Meta(type):
    registry: ClassVar[dict[str, type]] = {}

    def __new__(mcs, name: str, bases: tuple[type, ...], ns: dict[str, Any], **kw: Any) -> Meta:
        return super().__new__(mcs, name, bases, ns)

    def __call__(cls, *args: Any, **kw: Any) -> Any:
        return super().__call__(*args, **kw)

    def __iter__(cls) -> Any:
        return iter(())

    @property
    def prop(cls) -> int:
        return 1


class WithMeta(metaclass=Meta):
    x = 1


class KW(WithMeta, flag=True): ...


class Sub:
    def __init_subclass__(cls, *, tag: str = "", **kw: Any) -> None:
        super().__init_subclass__(**kw)


class SubSub(Sub, tag="x"): ...


class Slots:
    __slots__ = ("a", "_b", "c")
    a: int

    def __init__(self) -> None:
        self.a = 1
        self._b = 2
        self.c = "x"


class Slots2(Slots):
    __slots__ = ()


class Slots3:
    __slots__ = {"z": "doc of z"}

    def __init__(self, z: int) -> None:
        self.z = z


class Shadow:
    type: str
    id = 3
    list = [1, 2]

    def set(self, x: "set[int]") -> None: ...
    def get(self) -> "dict[str, int]":
        return {}

    def dict(self) -> "dict[str, int]":
        return {}

    @property
    def property(self) -> str:
        return ""


class Const:
    A: Final = 3
    B: Final[int] = 4
    C: ClassVar = "x"
    D: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        self.E: Final = "x"
        self.F: Final[list[int]] = []
