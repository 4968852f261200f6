"""Blocks for `with` that serve for `async with` as well."""

from __future__ import annotations

from types import GenericAlias

from enterspan._model.late import Late

TYPE_CHECKING = False
if not TYPE_CHECKING:
    types = Late("types")
    _T = Late("typing", "TypeVar", "_T")

    class Generic:
        """`typing.Generic` without typing, which takes longer to import than all the rest."""

        __slots__ = ()

        def __class_getitem__(cls, item: object) -> object:
            """Return the class itself as a base, and an alias for annotations."""
            return cls if cls.__bases__ == (object,) else GenericAlias(cls, item)


if TYPE_CHECKING:
    import types
    from typing import Generic, TypeVar  # noqa: TC004 - at run time it is that above

    _T = TypeVar("_T", covariant=True)


class Block(Generic[_T]):
    """A block that gives the same to `as` in both forms."""

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
