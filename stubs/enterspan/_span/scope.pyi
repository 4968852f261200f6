# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Blocks, for `with` and `async with`: a span, a span made elsewhere, an invocation."""

import types
from enterspan._model.block import Block
from enterspan._span.span import Span

class SpanScope(Block[Span]):
    """A span as a block, for `with` and `async with`; both give the `Span`.

    Entered again, it opens another span of the same name; the attributes are the first one's.
    """

    def __enter__(self) -> Span:
        """Open the span and make it current."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """End the span, and make current what was before it."""

    def __call__(self, function: object) -> None:
        """Refuse to be a decorator."""

class UseScope(Block[Span]):
    """A block in which a span made elsewhere is current."""

    def __enter__(self) -> Span:
        """Make the span current."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Make current what was before it; end the span if that was asked for."""
