"""`SpanProcessor`, the interface of observers of an invocation's spans, and their dispatch.

Everything that observes open spans implements `SpanProcessor`: the stream of the live tails, the
recorder of `enterspan.testing`, the duration filter, the bridge to OpenTelemetry. Exporters do not:
finished spans go to their queue directly, as a fast path.
"""

from __future__ import annotations

from enterspan._model.clock import now_ns
from enterspan._span.details import details_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    from enterspan._model.failures import Failure
    from enterspan._model.ids import SpanContext
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer
    from enterspan.events import Attribute, EventInfo

    ProcessorSource: TypeAlias = Callable[
        [Any, Span, SpanContext | None, EventInfo | None, tuple[Attribute, ...]],
        "SpanProcessor | None",
    ]
    """Called once per invocation, with its state, its root, the root's parent, the info and the
    given attributes. Returns a processor, or None to decline."""


class SpanProcessor:
    """Observes the spans of one invocation. Each method does nothing unless it is overridden.

    Methods are called on the thread that causes the call, concurrently from several threads, in the
    program's context, and must not raise or block. The root's beginning is not reported: the
    processor is created for it. A span is opened before it is closed, and closed exactly once;
    `on_end` is called once, after everything else.
    """

    __slots__ = ()

    defers = False
    """Whether it calls `Tracer.hand_over` itself for each closed span, after deciding about it."""
    is_immediate = False
    """Whether it must see each span before the program does, so that no calls are held back."""

    def on_open(self, span: Span, parent: Span) -> None:
        """A span below the root opens. It has its ids and is not yet current."""

    def on_close(self, span: Span) -> None:
        """A span or the root has ended. Its attributes are final, and kept until this returns."""

    def on_event(self, span: Span, name: str, attributes: Mapping[str, Any], moment: int) -> None:
        """An event was added to a span."""

    def on_exception(self, span: Span, failure: Failure, moment: int) -> None:
        """An exception was recorded on a span, or left it unrecorded."""

    def on_log(
        self,
        span: Span,
        level: str,
        message: str,
        attributes: Mapping[str, Any],
        truncated: bool,
        moment: int,
    ) -> None:
        """A message was logged on a span."""

    def on_return(self, info: Any, moment: int) -> None:
        """The handler has returned. Called at most once."""

    def on_end(self, outcome: str) -> None:
        """The invocation and all of its spans have ended."""


class Filter(SpanProcessor):
    """Forwards every call to another processor; a base class for those that change some calls."""

    __slots__ = ("inner",)

    def __init__(self, inner: SpanProcessor) -> None:
        self.inner = inner

    def on_open(self, span: Span, parent: Span) -> None:
        """Forward the call."""
        self.inner.on_open(span, parent)

    def on_close(self, span: Span) -> None:
        """Forward the call."""
        self.inner.on_close(span)

    def on_event(self, span: Span, name: str, attributes: Mapping[str, Any], moment: int) -> None:
        """Forward the call."""
        self.inner.on_event(span, name, attributes, moment)

    def on_exception(self, span: Span, failure: Failure, moment: int) -> None:
        """Forward the call."""
        self.inner.on_exception(span, failure, moment)

    def on_log(
        self,
        span: Span,
        level: str,
        message: str,
        attributes: Mapping[str, Any],
        truncated: bool,
        moment: int,
    ) -> None:
        """Forward the call."""
        self.inner.on_log(span, level, message, attributes, truncated, moment)

    def on_return(self, info: Any, moment: int) -> None:
        """Forward the call."""
        self.inner.on_return(info, moment)

    def on_end(self, outcome: str) -> None:
        """Forward the call."""
        self.inner.on_end(outcome)


class Tee(SpanProcessor):
    """Forwards every call to several processors, in order."""

    __slots__ = ("processors",)

    def __init__(self, processors: Sequence[SpanProcessor]) -> None:
        self.processors = tuple(processors)

    def on_open(self, span: Span, parent: Span) -> None:
        """Forward the call."""
        for processor in self.processors:
            processor.on_open(span, parent)

    def on_close(self, span: Span) -> None:
        """Forward the call."""
        for processor in self.processors:
            processor.on_close(span)

    def on_event(self, span: Span, name: str, attributes: Mapping[str, Any], moment: int) -> None:
        """Forward the call."""
        for processor in self.processors:
            processor.on_event(span, name, attributes, moment)

    def on_exception(self, span: Span, failure: Failure, moment: int) -> None:
        """Forward the call."""
        for processor in self.processors:
            processor.on_exception(span, failure, moment)

    def on_log(
        self,
        span: Span,
        level: str,
        message: str,
        attributes: Mapping[str, Any],
        truncated: bool,
        moment: int,
    ) -> None:
        """Forward the call."""
        for processor in self.processors:
            processor.on_log(span, level, message, attributes, truncated, moment)

    def on_return(self, info: Any, moment: int) -> None:
        """Forward the call."""
        for processor in self.processors:
            processor.on_return(info, moment)

    def on_end(self, outcome: str) -> None:
        """Forward the call."""
        for processor in self.processors:
            processor.on_end(outcome)


class Dispatch:
    """Calls the processor of one invocation, and `on_end` after every other call.

    A span is removed from the open spans, and then its close is dispatched; in between, another
    thread may end the invocation. So `on_end` is held back while other calls are running, and the
    last of these makes it. No thread waits for another: `busy` has a key for each running call, and
    `outcomes` the outcome that is held back. Both change by atomic operations of a dict and a list.
    """

    __slots__ = (
        "busy",
        "defers",
        "generation",
        "outcomes",
        "processor",
        "tracer",
        "unanswered",
        "unfinished",
        "unreported",
    )

    def __init__(self, processor: SpanProcessor, tracer: Tracer) -> None:
        self.processor: SpanProcessor | None = processor  # None once the outcome is known
        self.tracer = tracer
        self.generation = tracer.generation
        self.defers = processor.defers
        self.busy: dict[object, None] = {}
        self.outcomes: list[tuple[SpanProcessor, str]] = []
        self.unanswered = [True]  # emptied by the one thread whose return counts
        self.unfinished = [True]  # emptied by the one thread that ends the invocation
        self.unreported = [True]  # emptied by the one thread that reports the outcome

    @property
    def is_inherited(self) -> bool:
        """Whether the invocation belongs to the parent of this forked process."""
        return self.generation != self.tracer.generation

    def open(self, span: Span, parent: Span, state: Any) -> bool:
        """Add a span to the open ones and dispatch that; False if it can't be recorded."""
        busy = self.busy
        spans = state.spans
        processor = None
        try:
            busy[span] = None
            processor = self.processor
            if processor is None:
                return False
            processor.on_open(span, parent)
            if span._is_held_weakly:
                state.list_started(span)
            else:
                spans[span] = None
            if state.open is None and state.claim(span):
                # Another thread has ended the invocation in the meantime, without this span.
                details_of(span).outcome = "abandoned"
                self.close(span, state, now_ns(), True, processor)
        except RecursionError:  # the stack is exhausted: no call succeeds
            try:
                del spans[span]
            except KeyError:
                pass  # it was not added yet
            return False
        except BaseException:  # an interruption: the caller gets no span to end
            if state.claim(span):
                self.close(span, state, now_ns(), True, processor)
            raise
        finally:
            try:
                del busy[span]
            except KeyError:
                pass
            if self.outcomes:
                self._report()
        return True

    def close(  # noqa: C901, PLR0912 - the hot path of live tails, written out
        self,
        span: Span,
        state: Any,
        moment: int,
        claimed: bool = False,
        processor: SpanProcessor | None = None,
    ) -> None:
        """Remove a span from the open ones, unless it was *claimed*, and dispatch its close.

        A caller that was running when the outcome was set passes its *processor*.
        """
        busy = self.busy
        spans = state.spans
        key = object()  # several threads may try to end it
        try:
            busy[key] = None
            processor = processor or self.processor
            if not claimed:
                try:
                    del spans[span]
                except KeyError:
                    if not state.claim_unlisted(span):
                        return
            span._end = moment
            tracer = self.tracer
            if self.generation != tracer.generation:
                span._attributes = span._details = None  # the parent process reports it
            elif processor is None:
                self._hand_over(span, state)
            else:
                if span._span_id == state.root_id and span._answers:
                    self._root_closes(processor, span, moment)
                try:
                    processor.on_close(span)
                except RecursionError:  # it is ended again where more of the stack is free
                    span._end = 0
                    spans[span] = None
                    raise
                except BaseException:  # an interruption
                    self._hand_over(span, state)
                    raise
                self._hand_over(span, state)
        finally:
            try:
                del busy[key]
            except KeyError:
                pass
            if self.outcomes:
                self._report()
        if not spans and not claimed:
            state.settle(moment)

    def _hand_over(self, span: Span, state: Any) -> None:
        span._memo = None
        if self.defers:
            return
        if self.tracer.exporting and state.sampled:
            self.tracer.hand_over(span)
        else:
            span._attributes = span._details = None

    def _root_closes(self, processor: SpanProcessor, root: Span, moment: int) -> None:
        """The end of a root without an explicit invocation counts as its return."""
        details = root._details
        if (details is None or details.outcome == "ok") and self._is_first_answer():
            processor.on_return(None, moment)

    def answer(self, info: Any, moment: int) -> None:
        """Dispatch that the handler has returned; the first call counts."""
        if self._is_first_answer():
            self.call("on_return", info, moment)

    def _is_first_answer(self) -> bool:
        try:
            return self.unanswered.pop()
        except IndexError:
            return False

    def is_first_to_finish(self) -> bool:
        """Whether this thread is the one that ends the invocation."""
        try:
            return self.unfinished.pop()
        except IndexError:
            return False

    def call(self, name: str, *args: Any) -> None:
        """Call another method of the processor, unless the outcome is set already."""
        key = object()
        busy = self.busy
        try:
            busy[key] = None
            processor = self.processor
            if processor is not None and not self.is_inherited:
                getattr(processor, name)(*args)
        finally:
            try:
                del busy[key]
            except KeyError:
                pass
            if self.outcomes:
                self._report()

    def end(self, outcome: str) -> None:
        """Report the outcome, now or when no other call is running."""
        try:
            self.unreported.pop()
        except IndexError:
            return  # another thread ends it
        processor, self.processor = self.processor, None
        if processor is not None and not self.is_inherited:
            self.outcomes.append((processor, outcome))
            self._report()

    def _report(self) -> None:
        if self.busy:
            return
        try:
            processor, outcome = self.outcomes.pop()
        except IndexError:
            return  # another thread has just taken it
        processor.on_end(outcome)
