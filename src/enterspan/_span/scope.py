"""Blocks, for `with` and `async with`: a span, a span made elsewhere, an invocation."""

from __future__ import annotations

from enterspan._model.block import Block
from enterspan._model.clock import now_ns
from enterspan._model.late import Late
from enterspan._span.begin import begin, place_of_new
from enterspan._span.context import SUPPRESSED, Attachment
from enterspan._span.details import details_of, details_with
from enterspan._span.end import end_span, mark
from enterspan._span.invocation import (
    LIVE,
    Asked,
    RootSpan,
    kind_of,
    start_root,
)
from enterspan._span.span import NOOP_SPAN, Span

TYPE_CHECKING = False
if not TYPE_CHECKING:
    types = Late("types")
if TYPE_CHECKING:
    import types
    from collections.abc import Sequence
    from typing import Any

    from enterspan._model.ids import SpanContext
    from enterspan._span.details import Details
    from enterspan._span.invocation import Facade, Given
    from enterspan._span.tracer import Tracer
    from enterspan.events import EventInfo


class SpanScope(Block[Span]):
    """A span as a block, for `with` and `async with`; both give the `Span`.

    Entered again, it opens another span of the same name; the attributes are the first one's.
    """

    __slots__ = ("_attributes", "_details", "_links", "_name", "_span", "_tracer")

    # Filled by stores in `Tracing.span`.
    _attributes: dict[str, Any] | None
    _details: Any  # None, those of the span, or the settings of more of them
    _links: Sequence[Any]
    _name: str
    _span: Any  # None, the span that is open, or a list of them if it was entered inside itself
    _tracer: Tracer

    def __enter__(self) -> Span:
        """Open the span and make it current."""
        attributes = self._attributes
        details = self._details
        if attributes is not None:
            self._attributes = None
        if details is not None:
            if type(details) is tuple:
                details = details_with(details)
            self._details = details.settings
        span = begin(self._tracer, self._name, attributes, details)
        if self._span is None:
            self._span = span
        else:
            self._span = [*(self._span if type(self._span) is list else [self._span]), span]
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
        """End the span, and make current what was before it."""
        span = self._span
        if type(span) is list:
            span = self._span.pop()
            self._span = self._span or None
        else:
            self._span = None
        if span is not None:
            if error is None and kind is not None:
                error = kind()
            try:
                end_span(span, error)
            except BaseException:  # one that arrived as it was called
                end_span(span, error)
                raise

    def __call__(self, function: object) -> None:
        """Refuse to be a decorator."""
        raise TypeError(
            "a span is a block, and no decorator: `with tracing.span(...):`, or `@traced(...)` on"
            f" {getattr(function, '__qualname__', function)!r}"
        )


class NoopScope(SpanScope):
    """The block used while tracing is disabled; there is one, and it can be entered at will."""

    __slots__ = ()

    def __enter__(self) -> Span:
        """Give the no-op span."""
        return NOOP_SPAN

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Do nothing."""


class UseScope(Block[Span]):
    """A block in which a span made elsewhere is current."""

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
        """Make current what was before it; end the span if that was asked for."""
        if self._attachments:
            self._tracer.detach(self._attachments.pop())
        span = self._span
        if span._end:
            return
        if error is not None:
            mark(span, error, now_ns())
        if self._end:
            span.end()


class InvocationStart:
    """What is needed to begin an invocation."""

    __slots__ = (
        "ambient",
        "attributes",
        "details",
        "facade",
        "given",
        "info",
        "linger",
        "name",
        "new_trace",
        "parent",
        "tracer",
        "unlinked",
    )

    def __init__(
        self,
        tracer: Tracer,
        facade: Facade,
        name: str,
        *,
        info: EventInfo | None = None,
        parent: SpanContext | None = None,
        linger: float | None = 0.0,
        ambient: bool = False,
        new_trace: bool = False,
        unlinked: bool = False,
        attributes: dict[str, Any] | None = None,
        details: Details | None = None,
        given: Given = tuple,
    ) -> None:
        self.tracer = tracer
        self.facade = facade
        self.name = name
        self.info = info
        self.parent = parent
        self.linger = linger
        self.ambient = ambient
        self.new_trace = new_trace
        self.unlinked = unlinked  # a parent was given that can't be read: it restarts the trace
        self.attributes = attributes
        self.details: Any = details  # or, once it has begun, the settings of more of them
        self.given = given  # makes the attributes as the stream has them

    def begin(self, current: bool = True) -> Span:
        """Begin it, make its root current, and return the root."""
        tracer = self.tracer
        parent, link, late_since = None, None, 0
        if not self.unlinked:
            parent, link, late_since = place_of_new(tracer, self.parent, self.new_trace)
        attributes, self.attributes = self.attributes, None
        given, self.given = self.given, tuple
        details = self.details
        if details is not None:
            if type(details) is tuple:
                details = details_with(details)
            self.details = details.settings
        root = start_root(
            tracer,
            self.name,
            attributes,
            details,
            parent,
            link,
            late_since,
            self.info,
            given,
            Asked(self.linger),
            RootSpan,
        )
        state = root._state
        if tracer.get() is SUPPRESSED:
            return root
        state.handle = self.facade._hold(self.name, self.info, root)
        kind = kind_of(self.info)
        asked_for = "internal" if details is None else details.kind
        if state.phase is LIVE and kind != "internal" and asked_for == "internal":
            details_of(root).kind = kind
        if current:
            tracer.attach(root)
        if self.ambient:
            tracer.add_ambient(root, root)
        return root
