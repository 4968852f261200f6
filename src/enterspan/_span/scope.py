"""The blocks of `Tracing.span` and `Tracing.use_span`, for `with` and `async with`."""

from __future__ import annotations

from enterspan._model.block import Block, exception_of
from enterspan._model.clock import now_ns
from enterspan._model.late import Late, put_off
from enterspan._span.context import Attachment
from enterspan._span.span import NOOP_SPAN, Span

TYPE_CHECKING = False
if not TYPE_CHECKING:
    types = Late("types")
    put_off(
        globals(),
        {
            "enterspan._span.begin": "begin",
            "enterspan._span.details": "details_with",
            "enterspan._span.end": "end_span mark",
        },
    )
if TYPE_CHECKING:
    import types
    from collections.abc import Sequence
    from typing import Any

    from enterspan._span.begin import begin
    from enterspan._span.details import details_with
    from enterspan._span.end import end_span, mark
    from enterspan._span.tracer import Tracer


class SpanScope(Block[Span]):
    """A span as a block, for `with` and `async with`; both give the `Span`.

    Each time it is entered, it opens another span with the same name and attributes.
    """

    __slots__ = ("_attributes", "_details", "_links", "_name", "_span", "_tracer")

    # Set by stores in `Tracing.span`.
    _attributes: dict[str, Any] | None
    _details: Any  # None, the span's details, or settings to make more of them
    _links: Sequence[Any]
    _name: str
    _span: Any  # None, the open span, or a list of them once several were open
    _tracer: Tracer

    def __enter__(self) -> Span:
        """Open the span and make it current."""
        attributes = self._attributes
        details = self._details
        if attributes is not None:
            attributes = attributes.copy()  # the span's own
        if details is not None:
            if type(details) is tuple:
                details = details_with(details)
            self._details = details.settings
        span = begin(self._tracer, self._name, attributes, details)
        held = self._span
        if held is None:
            self._span = span
        elif type(held) is list:
            held.append(span)
        else:
            self._span = [held, span]
        if span is None or span._end:
            return NOOP_SPAN
        for link in self._links:
            span.add_link(link)
        return span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """End the span, and restore what was current before."""
        span = self._span
        if type(span) is list:
            span = self._tracer.take_attached(span)
        else:
            self._span = None
        if span is not None:
            if error is None and kind is not None:
                error = exception_of(kind, error)
            try:
                end_span(span, error)
            except BaseException:  # interrupted as the call began
                end_span(span, error)
                raise

    def __call__(self, function: object) -> None:
        """Raise TypeError: it can't be used as a decorator."""
        raise TypeError(
            "a span is a block, not a decorator: `with tracing.span(...):`, or `@traced(...)` on"
            f" {getattr(function, '__qualname__', function)!r}"
        )


class NoopScope(SpanScope):
    """The block used while nothing is recorded; a reusable singleton."""

    __slots__ = ()

    def __enter__(self) -> Span:
        """Return the no-op span."""
        return NOOP_SPAN

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Do nothing."""


class UseScope(Block[Span]):
    """A block in which an existing span is current."""

    __slots__ = ("_attachments", "_end", "_span", "_tracer")

    def __init__(self, tracer: Tracer, span: Span, end: bool) -> None:  # internal
        self._tracer = tracer
        self._span = span
        self._end = end
        self._attachments: list[Attachment] = []

    def __enter__(self) -> Span:
        """Make the span current."""
        attachment = Attachment(self._span)
        self._attachments.append(attachment)
        if self._span is not NOOP_SPAN and not self._tracer.is_suppressed:
            self._tracer.attach(attachment)
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        """Restore what was current before; end the span if requested."""
        if self._attachments:
            attachment = self._attachments[-1]
            try:
                others = len(self._attachments) > 1
                take = self._tracer.take_attached
                attachment = take(self._attachments) if others else self._attachments.pop()
                self._tracer.detach(attachment)
            except BaseException:  # one that arrived as either was called
                self._tracer.detach(attachment)
                self._leave(kind, error)
                raise
        self._leave(kind, error)

    def _leave(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        span = self._span
        if span._end:
            return
        error = exception_of(kind, error)
        if error is not None:
            mark(span, error, now_ns())
        if self._end:
            span.end()
