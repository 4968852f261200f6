# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The live tree on a terminal."""

from collections.abc import Callable
from enterspan.events import Onset, TailEvent
from typing import TextIO

class ConsoleTail:
    """A live tail that draws each invocation as a tree of lines.

    Args:
        stream: The output stream; by default the `sys.stderr` of the moment.
        color: Whether to use colours. By default they are used if the stream is a terminal, unless
            the environment says otherwise (NO_COLOR, FORCE_COLOR, TERM=dumb).
        width: Columns of a line, at least 20. By default the width of the terminal, or 100 without
            one.
        stacks: Show the tracebacks of failures.
        ids: Show the ids of traces and spans.
        hold: Seconds for which a span's opening line is held back, unless another line is written:
            a span that ends sooner, with nothing in between, is one line. The program's own output
            in that time appears above it. `flush()` and the end of the process write it; a process
            that is killed does not. With 0, each line is written at once.

    Events that can't be written, because the disk is full or the stream accepts no output for some
    time, are counted (`Subscription.stats.failed`), and the next ones are tried. A stream that is
    closed or broken is not written to again. The program is not affected.

    Raises:
        TypeError: `stream` is no stream, `width` is not an int, or `hold` not a number.
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
        """Draw the onset of an invocation, and return the handler for the other events."""

    @property
    def subscription_target(self) -> object:
        """The stream: a second tail for it replaces the first one."""

    def flush(self) -> None:
        """Write held lines."""
