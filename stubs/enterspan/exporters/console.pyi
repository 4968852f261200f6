# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The live tree on a terminal.

Each span has a line when it opens and a line, with its duration and its attributes, when it closes;
what happens in between is written between the two. Where more than one thing is going on at once
the lines say which is which: invocations get a number and a colour, spans of one name that are open
side by side get `#2`, `#3`, and a line that does not belong to the span above it says whose it is.
"""

from collections.abc import Callable
from enterspan.events import Onset, TailEvent
from typing import TextIO

class ConsoleTail:
    """A live tail that draws each invocation as a tree of lines.

    `stream` is where the lines go, by default what `sys.stderr` is when a line is written. `color`
    and `width` (columns, at least 20) are found out unless they are given: colours where the stream
    is a terminal and the environment does not object (NO_COLOR, FORCE_COLOR, TERM=dumb), the width
    of the terminal, and 100 columns where there is none. `stacks` shows the whole traceback of a
    failure, `ids` the ids of traces and spans.

    A stream that breaks is not written to any more; the program never learns of it.

    Raises TypeError or ValueError for a width that is none.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        color: bool | None = None,
        width: int | None = None,
        stacks: bool = False,
        ids: bool = False,
    ) -> None: ...

    def __call__(self, event: TailEvent[Onset]) -> Callable[[TailEvent], None]:
        """Begin to draw an invocation; what is returned draws the rest of it."""
