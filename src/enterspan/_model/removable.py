"""Base of what is installed until it is removed, by a call or at the end of a block."""

from __future__ import annotations

from enterspan._model.late import Late

TYPE_CHECKING = False
if not TYPE_CHECKING:
    types = Late("types")
    typing_extensions = Late("typing_extensions")
if TYPE_CHECKING:
    import types

    import typing_extensions


class Removable:
    """Something that `remove()`, or the end of a `with` block, removes."""

    __slots__ = ()

    def remove(self) -> None:
        """Remove it; a second call does nothing."""
        raise NotImplementedError

    def __enter__(self) -> typing_extensions.Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Call `remove()`."""
        self.remove()
