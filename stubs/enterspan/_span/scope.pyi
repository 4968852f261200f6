# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The blocks of `Tracing.span` and `Tracing.use_span`, for `with` and `async with`."""

import types
from enterspan._model.block import Block
from enterspan._span.span import Span

class SpanScope(Block[Span]):
    """A span as a block, for `with` and `async with`; both give the `Span`.

    Each time it is entered, it opens another span with the same name and attributes.
    """

    def __enter__(self) -> Span:
        """Open the span and make it current."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """End the span, and restore what was current before."""

    def __call__(self, function: object) -> None:
        """Raise TypeError: it can't be used as a decorator."""

class UseScope(Block[Span]):
    """A block in which an existing span is current."""

    def __enter__(self) -> Span:
        """Make the span current."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Restore what was current before; end the span if requested."""
