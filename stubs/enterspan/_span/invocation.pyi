# Made by `enterspan stubs` from the annotated source: don't edit it.
"""One unit of work: a request, a job, a message, a test; or what a single span began by itself.

It is over when its root span has ended, what it was told to wait for has settled, and then none of
its spans is open, or its `linger` has run out; or when it is closed; or when it is garbage.

Its spans hold the `InvocationState`, and a context that captured a span holds it with it. So it is
emptied when the invocation is over: from then on it is a few numbers. `Invocation` is what a user
holds of it.
"""

import enterspan.events as events
import typing
from collections.abc import Awaitable
from enterspan._span.span import Span

class Invocation:
    """One unit of work, from its onset to its outcome. `Tracing.invocation` makes it."""

    tracing: typing.Any
    """The Tracing that made it."""

    name: str
    """Its name: the root span's first one."""

    info: events.EventInfo | None
    """The event info that it was given."""

    @property
    def id(self) -> str:
        """The id that every event and every finished span of it carries."""

    @property
    def span(self) -> Span:
        """The root span; the no-op span if the invocation is not recorded."""

    def __repr__(self) -> str:
        """Show the name, the id and the phase."""

    def set_return(self, info: events.FetchResponseInfo | None = None) -> None:
        """Report that the handler has answered; the invocation may live on. The first one counts.

        Args:
            info: What it answered.
        """

    def wait_until(self, awaitable: Awaitable[object] | typing.Any) -> None:
        """Hold the outcome back until *awaitable* has settled. Nothing else waits for it.

        If it fails, the outcome is `exception`, and the exception is recorded on the root.

        Args:
            awaitable: A future of asyncio or `concurrent.futures`, or something to await, which is
                run as a task of the running event loop.

        Raises:
            TypeError: It is neither.
            RuntimeError: It has to be awaited, and no event loop is running.
        """

    def close(self, outcome: str | None = None) -> None:
        """End it now.

        Args:
            outcome: An outcome of your own; by default the one that it would have had.
        """
