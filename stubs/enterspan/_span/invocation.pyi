# Made by `enterspan stubs` from the annotated source: don't edit it.
"""One unit of work that somebody asked for: a request, a job, a message, a test.

It is over when its root span has ended, what it was told to wait for has settled, and then none of
its spans is open, or its `linger` has run out; or when it is closed; or when it is garbage.
"""

from collections.abc import Awaitable, Callable
from enterspan._span.span import Span
from enterspan._tracing import Tracing
from enterspan.events import EventInfo, FetchResponseInfo
from typing import Protocol

class _Settles(Protocol):
    """A future of any kind."""

    def add_done_callback(self, fn: Callable[[object], object], /) -> object: ...

class Invocation:
    """One unit of work, from its onset to its outcome."""

    tracing: Tracing
    """The Tracing that made it."""

    name: str
    """What it is called; the root span's first name."""

    info: EventInfo | None
    """What it is about, if it was told."""

    @property
    def id(self) -> str:
        """What names it in every event and every finished span."""

    @property
    def span(self) -> Span:
        """The root span; the no-op span where nothing is recorded."""

    def __repr__(self) -> str:
        """Show the name, the id and the state."""

    def set_return(self, info: FetchResponseInfo | None = None) -> None:
        """Say that the handler has answered; the invocation may live on. Only the first counts."""

    def wait_until(self, awaitable: Awaitable[object] | _Settles) -> None:
        """Hold the outcome back until this has settled; nobody else waits for it.

        If it fails, that is the invocation's outcome, and the exception is reported on its root. A
        coroutine is run as a task of the running event loop (RuntimeError without one); what can't
        be waited for is a TypeError.
        """

    def close(self, outcome: str | None = None) -> None:
        """End it now, with an outcome of your own or the one that it would have had."""
