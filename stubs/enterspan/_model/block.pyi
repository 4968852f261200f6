# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Context managers for both `with` and `async with`."""

import types
from typing import Generic, TypeVar

_T = TypeVar("_T", covariant=True)

class Block(Generic[_T]):
    """A context manager that behaves the same in both forms."""

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
