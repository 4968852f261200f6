# Made by `enterspan stubs` from the annotated source: don't edit it.
"""An instrumentation: what was asked for, what came of it, and the way back."""

from collections.abc import Mapping

class Instrumentation:
    """What `tracing.instrument(...)` has wrapped and will wrap; also a block, which removes it.

    It stays until `remove()`, whether or not there is a reference to this.
    """

    @property
    def wrapped(self) -> tuple[str, ...]:
        """The functions that are traced, as `module:qualified.name`."""

    @property
    def skipped(self) -> Mapping[str, str]:
        """What was picked and left alone, or is also held where it is called unseen, and why.

        What else holds a function is looked for when this is read.
        """

    @property
    def unmatched(self) -> tuple[object, ...]:
        """The targets that picked nothing yet, as they were given."""

    @property
    def seconds(self) -> float:
        """How long it took to wrap all this, in seconds; the modules' own imports don't count."""

    def summary(self) -> str:
        """What it did and what that cost, in one line: `wrapped 3,786 functions in 0.4 s`."""

    def __repr__(self) -> str:
        """Show how much there is."""

    def remove(self) -> None:
        """Put back every original; calls that are under way end as they began. Again: nothing."""

    def __enter__(self) -> Instrumentation:
        """Give this."""

    def __exit__(self, *failure: object) -> None:
        """Remove it."""
