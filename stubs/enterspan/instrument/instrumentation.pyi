# Made by `enterspan stubs` from the annotated source: don't edit it.
"""`Instrumentation`: its targets, its results, and its removal."""

from collections.abc import Mapping
from enterspan._model.removable import Removable

class Instrumentation(Removable):
    """The result of `tracing.instrument(...)`; also a context manager, which removes it.

    It stays active until `remove()`, even without a reference to this object.
    """

    @property
    def wrapped(self) -> tuple[str, ...]:
        """The functions that are traced, as `module:qualified.name`."""

    @property
    def skipped(self) -> Mapping[str, str]:
        """What was not wrapped, or is also referenced where it can't be replaced, and why.

        Other references are searched for when this is read.
        """

    @property
    def unmatched(self) -> tuple[object, ...]:
        """The targets that have picked nothing yet, as given."""

    @property
    def seconds(self) -> float:
        """How long wrapping took, in seconds, without the imports of the modules."""

    def summary(self) -> str:
        """The number of functions and the time: `wrapped 3,786 functions in 0.4 s`."""

    def __repr__(self) -> str:
        """Show the number of functions."""

    def remove(self) -> None:
        """Restore every original; running calls are not affected. A second call does nothing."""
