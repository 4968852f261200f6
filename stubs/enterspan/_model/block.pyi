# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Blocks for `with` that serve for `async with` as well."""

import types
from typing import Generic, TypeVar

_T = TypeVar("_T", covariant=True)

class Block(Generic[_T]):
    """A block that gives the same to `as` in both forms."""

    def __enter__(self) -> _T:
        """Enter the block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Leave the block."""

    async def __aenter__(self) -> _T:
        """Enter the block."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Leave the block."""
