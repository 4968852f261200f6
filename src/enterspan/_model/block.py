"""Context managers for both `with` and `async with`."""

from __future__ import annotations

from types import GenericAlias

from enterspan._model.classes import mro_of, name_of
from enterspan._model.interrupts import is_interrupt
from enterspan._model.late import Late

TYPE_CHECKING = False
if not TYPE_CHECKING:
    types = Late("types")
    _T = Late("typing", "TypeVar", "_T")

    class Generic:
        """Replaces `typing.Generic`: importing typing takes longer than the whole package."""

        __slots__ = ()

        def __class_getitem__(cls, item: object) -> object:
            """Return the class itself as a base, and an alias for annotations."""
            return cls if cls.__bases__ == (object,) else GenericAlias(cls, item)


if TYPE_CHECKING:
    import types
    from typing import Any, Generic, TypeVar  # noqa: TC004 - at run time it is that above

    _T = TypeVar("_T", covariant=True)


def exception_of(
    kind: type[BaseException] | None, error: BaseException | None
) -> BaseException | None:
    """The exception that leaves a block, made if a caller of `__exit__` gives its class alone.

    Its constructor may need arguments, so it is not called.
    """
    if error is not None or kind is None:
        return error
    base: Any
    for base in mro_of(kind):  # its `__new__` may need some, too
        try:
            made = base.__new__(kind)
        except Exception as failure:
            if is_interrupt(failure):
                raise
        else:
            if issubclass(type(made), BaseException):
                return made  # type: ignore[no-any-return]
    return Exception(name_of(kind))


class Block(Generic[_T]):
    """A context manager that behaves the same in both forms."""

    __slots__ = ()

    def __enter__(self) -> _T:
        """Enter the block."""
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Leave the block."""
        raise NotImplementedError

    async def __aenter__(self) -> _T:
        """Enter the block."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Leave the block."""
        self.__exit__(kind, error, traceback)
