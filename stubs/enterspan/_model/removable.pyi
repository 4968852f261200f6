# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Base of what is installed until it is removed, by a call or at the end of a block."""

import types
import typing_extensions

class Removable:
    """Something that `remove()`, or the end of a `with` block, removes."""

    def remove(self) -> None:
        """Remove it; a second call does nothing."""

    def __enter__(self) -> typing_extensions.Self:
        """Return itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Call `remove()`."""
