"""Frozen, slotted values that are cheap to import and to create.

Importing `dataclasses` costs more than the rest of the package together, and a frozen dataclass
calls `object.__setattr__` for each field. A class decorated with `frozen` behaves as a frozen
dataclass (for `dataclasses.fields`, `replace`, `is_dataclass`, pattern matching and type checkers);
what that needs is made on first use.

Each class has a twin, its only base, which has the slots and is not frozen. On the hot path, a twin
is filled by plain stores and then its class is changed, which is several times faster than
`__init__`. Without the GIL, changing an object's class stops all threads; there, values are made by
`__init__`.
"""

from __future__ import annotations

import sys
from types import MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, TypeVar

    from typing_extensions import dataclass_transform

    _T = TypeVar("_T")

    @dataclass_transform(frozen_default=True)
    def frozen(cls: type[_T]) -> type[_T]: ...

else:

    def frozen(cls: Any) -> Any:
        """Make an annotated class a frozen, slotted value."""
        names = tuple(cls.__dict__.get("__annotations__", ()))
        namespace = {k: v for k, v in cls.__dict__.items() if k not in ("__dict__", "__weakref__")}
        defaults = {name: namespace.pop(name) for name in names if name in namespace}
        layout = {"__slots__": names, "__module__": cls.__module__}
        if "__orig_bases__" in namespace:
            layout["__orig_bases__"] = namespace["__orig_bases__"]
        twin = type(cls)("_" + cls.__name__, cls.__bases__, layout)
        namespace.update(
            __slots__=(),
            __match_args__=names,
            __init__=_lazy_init,
            __setattr__=_refuse_set,
            __delattr__=_refuse_delete,
            __eq__=_equal,
            __hash__=_hash,
            __reduce__=_reduce,
            __replace__=_replace,
            __signature__=_Made(_signature),
            __dataclass_params__=_Made(_dataclass_params),
            __dataclass_fields__=_Made(_dataclass_fields),
            _twin=twin,
            _defaults=defaults,
        )
        namespace.setdefault("__repr__", _repr)
        return type(cls)(cls.__name__, (twin,), namespace)


HAS_GIL: Final[bool] = getattr(sys, "_is_gil_enabled", lambda: True)()
"""Whether the GIL is enabled; once enabled, it stays so."""


def twin(cls: type[Any]) -> Any:
    """The base of a frozen class that has its slots and is not frozen, for fast constructors.

    Such constructors are inlined where they are needed: fill the twin, then change its class. Code
    that several threads run does so only if `HAS_GIL`.
    """
    return cls._twin


def _code(lines: list[str]) -> Any:
    # Compiled first: `exec` of a str would clear the state that a KeyboardInterrupt is ending
    # Python.
    return compile("\n".join(lines), "<enterspan>", "exec")


def _values(value: Any) -> tuple[Any, ...]:
    return tuple([getattr(value, name) for name in value.__match_args__])


def _lazy_init(self: Any, *args: Any, **kwargs: Any) -> None:
    cls = type(self)
    while "_twin" not in cls.__dict__:
        cls = cls.__mro__[1]
    make_init(cls)(self, *args, **kwargs)


def make_init(cls: type[Any]) -> Callable[..., None]:
    """Return the `__init__` of a frozen class, which is compiled on its first call."""
    names = cls.__match_args__
    defaults = cls._defaults
    check = getattr(cls, "__post_init__", None)
    params = [f"{n}=_default_{n}" if n in defaults else n for n in names]
    lines = [f"def __init__(self, {', '.join(params)}):"]
    lines += [f" _set_{n}(self, {n})" for n in names]
    lines += [" self.__post_init__()" if check else " pass"]
    scope: dict[str, Any] = {f"_default_{n}": v for n, v in defaults.items()}
    scope.update({f"_set_{n}": cls._twin.__dict__[n].__set__ for n in names})
    exec(_code(lines), scope)  # made from this package's own field names
    init: Callable[..., None] = scope["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = init
    return init


def _signature(cls: type[Any]) -> Any:
    from inspect import signature

    made = signature(make_init(cls))
    return made.replace(parameters=list(made.parameters.values())[1:])


def _refuse_set(_self: Any, name: str, _value: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(_self: Any, name: str) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _equal(self: Any, other: object) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:
    values = _values(self)
    closed = [frozenset(v.items()) if type(v) is MappingProxyType else v for v in values]
    return hash((type(self), *closed))


def _repr(self: Any) -> str:
    fields = ", ".join([_field(name, getattr(self, name)) for name in self.__match_args__])
    return f"{type(self).__qualname__}({fields})"


_ID_DIGITS = {"trace_id": 32, "span_id": 16, "parent_span_id": 16}


def _field(name: str, value: Any) -> str:
    """A field as text that its class accepts; ids in hex, as in logs and headers."""
    if name in _ID_DIGITS and type(value) is int and value >= 0:
        return f"{name}=0x{value:0{_ID_DIGITS[name]}x}"
    return f"{name}={value!r}"


def _reduce(self: Any) -> tuple[Any, ...]:
    # A mapping proxy can't be pickled: it is pickled as a dict and wrapped again.
    values = [dict(v) if type(v) is MappingProxyType else v for v in _values(self)]
    proxies = [i for i, v in enumerate(_values(self)) if type(v) is MappingProxyType]
    return _restore, (type(self), values, proxies)


def _replace(self: Any, /, **changes: Any) -> Any:
    """For `copy.replace` (Python 3.13)."""
    from dataclasses import replace

    return replace(self, **changes)


def _restore(cls: type[Any], values: list[Any], proxies: list[int]) -> Any:
    for index in proxies:
        values[index] = MappingProxyType(values[index])
    made: Any = object.__new__(cls._twin)
    for name, value in zip(cls.__match_args__, values, strict=True):
        setattr(made, name, value)
    made.__class__ = cls
    return made


class _Made:
    """A class attribute that is computed on first access."""

    __slots__ = ("_make", "_name")

    def __init__(self, make: Callable[[type[Any]], Any]) -> None:
        self._make = make

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        made = self._make(owner)
        setattr(owner, self._name, made)
        return made


def _same(value: Any) -> Any:
    return value


def _as_dataclass(cls: type[Any]) -> type[Any]:
    from dataclasses import dataclass, field
    from functools import partial

    annotations = {}
    for base in reversed(cls.__mro__):
        annotations.update(base.__dict__.get("__annotations__", {}))
    annotations = {name: annotations[name] for name in cls.__match_args__}
    body: dict[str, Any] = {"__annotations__": annotations, "__module__": cls.__module__}
    body.update(cls._defaults)
    for name, value in cls._defaults.items():
        if type(value) is MappingProxyType:  # Python 3.11 considers it mutable
            body[name] = field(default_factory=partial(_same, value))
    return dataclass(frozen=True)(type(cls.__name__, (), body))


def _dataclass_fields(cls: type[Any]) -> Any:
    return _as_dataclass(cls).__dataclass_fields__


def _dataclass_params(cls: type[Any]) -> Any:
    return _as_dataclass(cls).__dataclass_params__
