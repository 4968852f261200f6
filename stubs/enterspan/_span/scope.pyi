# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The one lifecycle of a span: `begin`, and then `finish` or `fail`.

Every way to open a span is these three: a block calls them from `__enter__` and `__exit__`, a
decorated function around its body, `enter_span` around a callback. What they do in the usual case
(a parent in a live invocation, left in order) is written out for speed; the rest is in functions of
its own.
"""

from enterspan._span.invocation import Invocation
from enterspan._span.span import Span
from types import TracebackType

class SpanScope:
    """A span as a block, for `with` and `async with`; both give the `Span`.

    Entered again, it opens another span of the same name; the attributes are the first one's.
    """

    def __enter__(self) -> Span:
        """Open the span and make it current."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the span, and make current what was before it."""

    async def __aenter__(self) -> Span:
        """Open the span and make it current."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the span, and make current what was before it."""

class UseScope:
    """A block in which a span made elsewhere is current."""

    def __enter__(self) -> Span:
        """Make the span current."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make current what was before it; end the span if that was asked for."""

    async def __aenter__(self) -> Span:
        """Make the span current."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make current what was before it; end the span if that was asked for."""

class InvocationScope:
    """An invocation as a block, for `with` and `async with`; both give the `Invocation`."""

    def __enter__(self) -> Invocation:
        """Begin the invocation, and make its root current."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the root; the invocation is over at once, or when its linger is."""

    async def __aenter__(self) -> Invocation:
        """Begin the invocation, and make its root current."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the root; the invocation is over at once, or when its linger is."""
