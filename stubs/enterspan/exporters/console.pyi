# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The live tree on a terminal."""

from collections.abc import Callable
from enterspan.events import Onset, TailEvent
from typing import TextIO

class ConsoleTail:
    """A live tail that draws each invocation as a tree of lines.

    Args:
        stream: Where the lines go; by default what `sys.stderr` is when something happens.
        color: Whether to use colours. By default they are used where the stream is a terminal and
            the environment does not object (NO_COLOR, FORCE_COLOR, TERM=dumb).
        width: Columns of a line, at least 20. By default the width of the terminal, and 100 where
            there is none.
        stacks: Show the whole traceback of a failure.
        ids: Show the ids of traces and spans.
        hold: Seconds for which the line of an opening is held back, unless there is another one to
            write: a span that ends sooner, with nothing in between, is one line. What the program
            itself writes in that time stands above it; `flush()` and the end of a process write it,
            and a process that is killed has not. With 0 each line is written at once.

    Events that a full disk does not take are counted (`Subscription.stats.failed`), and the next
    ones are tried; so are those for which there is no room, where a stream takes nothing for some
    time. A stream that is closed or broken is not written to any more. The program is not affected.

    Raises:
        TypeError: `width` is not an int, or `hold` not a number.
        ValueError: `width` is less than 20, or `hold` is not from 0 to 60.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        color: bool | None = None,
        width: int | None = None,
        stacks: bool = False,
        ids: bool = False,
        hold: float = 0.02,
    ) -> None: ...

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None]:
        """Begin to draw an invocation; what is returned draws the rest of it."""

    @property
    def subscription_target(self) -> object:
        """The stream: a second tail for it replaces the first one."""

    def flush(self) -> None:
        """Write what is held back."""
