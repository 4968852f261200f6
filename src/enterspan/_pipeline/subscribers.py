"""Everything that is subscribed to one Tracing: tails, recorders and exporters.

It tells the tracer below what the hot path has to know, gives each invocation its processor, and
hands finished spans to the exporters.
"""

from __future__ import annotations

from time import monotonic

from enterspan._model import diagnostics, failures
from enterspan._pipeline import hosts, process
from enterspan._span import collector, timers
from enterspan._span.context import SUPPRESSED
from enterspan._span.end import run_deferred
from enterspan._span.finished import record_of
from enterspan._span.processor import Tee

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol

    from enterspan._model.ids import SpanContext
    from enterspan._model.records import SpanData
    from enterspan._span.invocation import InvocationState
    from enterspan._span.processor import ProcessorSource, SpanProcessor
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer
    from enterspan.events import Attribute, EventInfo

    class Subscribed(Protocol):
        """A subscription, as this module uses it."""

        worker: Any
        is_late: bool

        @property
        def is_done(self) -> bool: ...
        def hurry(self) -> None: ...
        def flush(self, deadline: float) -> bool: ...
        def remove(self, timeout: float | None = None) -> None: ...
        def after_fork(self) -> None: ...

    class ExporterSubscribed(Subscribed, Protocol):
        """The subscription of an exporter."""

        mark: int

        def offer(self, item: Span | SpanData) -> None: ...


EXIT_TIMEOUT: Final = 5.0
"""Seconds for which a subscriber may hold up the end of the process."""


def prepare() -> None:
    """Import and make what recording needs.

    Where a span begins or ends, or the process forks or ends, it would be too late.
    """
    diagnostics.prepare()
    failures.prepare()
    timers.prepare()
    collector.guard()
    process.register_end()
    hosts.register()


class Subscribers:
    """The subscribers of one Tracing."""

    __slots__ = (
        "__weakref__",
        "_born",
        "_closed",
        "exporters",
        "make_stream",
        "sources",
        "tails",
        "tracer",
    )

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.tails: tuple[Any, ...] = ()
        self.sources: tuple[ProcessorSource, ...] = ()
        self.exporters: tuple[ExporterSubscribed, ...] = ()
        self.make_stream: Callable[..., Any] | None = None
        self._closed = False  # the process is ending: nothing waits in a queue any more
        self._born = 0  # when this process was forked
        tracer.hand_over = self.hand_over
        tracer.processor_for = self.processor_for
        tracer.on_garbage = self.on_garbage
        process.track(self)

    @property
    def born(self) -> int:
        """The moment at which this process was forked; what began before it is the parent's."""
        return self._born

    # --- who is subscribed ---

    def add_tail(self, tail: Any, make_stream: Callable[..., Any]) -> None:
        """Subscribe a tail; `make_stream` makes the processor that serves all tails."""
        self.make_stream = make_stream
        self._change(lambda: setattr(self, "tails", (*self.tails, tail)))

    def add_source(self, source: ProcessorSource) -> None:
        """Subscribe a source of processors, which is asked at each invocation."""
        self._change(lambda: setattr(self, "sources", (*self.sources, source)))

    def add_exporter(self, exporter: ExporterSubscribed) -> None:
        """Subscribe an exporter."""
        self._change(lambda: setattr(self, "exporters", (*self.exporters, exporter)))

    def _change(self, change: Callable[[], None]) -> None:
        prepare()
        from threading import main_thread

        with self.tracer.wiring:
            change()
            self._closed = self._closed or not main_thread().is_alive()
            self.update()

    def remove(self, subscriber: object) -> None:
        """Take a tail, a source or an exporter out."""
        with self.tracer.wiring:
            self.tails = tuple([s for s in self.tails if s is not subscriber])
            self.sources = tuple([s for s in self.sources if s is not subscriber])
            self.exporters = tuple([s for s in self.exporters if s is not subscriber])
            self.update()

    def update(self) -> None:
        """Tell the tracer what the hot path has to know."""
        tracer = self.tracer
        tracer.subscribed = bool(self.tails or self.sources)
        tracer.exporting = bool(self.exporters)
        tracer.queue, tracer.queue_mark = None, 0
        if len(self.exporters) == 1 and not self._closed:
            (exporter,) = self.exporters
            if exporter.worker.is_running:
                tracer.queue_mark = exporter.mark
                tracer.queue = exporter.worker.queue.intake
        tracer.update()

    # --- what the tracer calls ---

    def processor_for(
        self,
        state: InvocationState,
        root: Span,
        parent: SpanContext | None,
        info: EventInfo | None,
        given: tuple[Attribute, ...],
    ) -> SpanProcessor | None:
        """Make the processor of an invocation; None if neither a tail nor a recorder wants it."""
        if self.tracer.garbage:
            self.tracer.sweep()
        found: list[SpanProcessor] = []
        if self.tails and self.make_stream is not None:
            stream = self.make_stream(self, state, root, parent, info, given)
            if stream.is_wanted:
                found.append(stream)
        for source in self.sources:
            processor = source(state, root, parent, info, given)
            if processor is not None:
                found.append(processor)
        if len(found) > 1:
            return Tee(found)
        return found[0] if found else None

    def hand_over(self, span: Span) -> None:
        """Give a finished, sampled span to the exporters."""
        exporters = self.exporters
        if len(exporters) == 1:
            exporters[0].offer(span)
            if self._closed:
                self.see_off(exporters[0])
            elif self.tracer.queue is None:
                self.update()  # after a fork, the worker runs again from here on
            return
        record = record_of(span) if exporters and span._start > self._born else None
        span._attributes = span._details = None
        if record is not None:
            for exporter in exporters:
                exporter.offer(record)
                if self._closed:
                    self.see_off(exporter)

    def see_off(self, subscription: Subscribed) -> None:
        """Deliver at once, while the process ends; a subscriber that hangs is waited for once."""
        tracer = self.tracer
        if self._closed and not (
            subscription.is_late or tracer.is_suppressed or tracer.is_finalizing()
        ):
            subscription.is_late = not subscription.flush(monotonic() + EXIT_TIMEOUT)

    def on_garbage(self) -> None:
        """Wake the workers, which end what has become garbage; inline tails have none."""
        if self._closed:
            self.tracer.garbage.clear()
            return
        inline = bool(self.sources)
        for tail in self.tails:
            if tail.worker is None:
                inline = True
            else:
                tail.worker.ring()
        for exporter in self.exporters:
            exporter.worker.ring()
        if inline and self.tracer.get() is not SUPPRESSED:
            self.tracer.sweep()

    # --- the end ---

    def flush(self, timeout: float) -> bool:
        """Deliver everything that is finished; False if it took longer."""
        run_deferred(self.tracer)
        self.tracer.sweep()
        deadline = monotonic() + timeout
        subscriptions = (*self.tails, *self.exporters)
        for subscription in subscriptions:
            subscription.hurry()  # so that one that hangs takes no other's time
        for subscription in subscriptions:
            subscription.is_late = not subscription.flush(deadline)
        return not any(subscription.is_late for subscription in subscriptions)

    def shutdown(self, timeout: float) -> bool:
        """Deliver everything that is finished and end all subscriptions."""
        deadline = monotonic() + timeout
        done = self.flush(timeout)
        for subscription in (*self.tails, *self.exporters):
            subscription.remove(max(0.0, deadline - monotonic()))
            done = done and subscription.is_done
        return done

    def end_process(self) -> None:
        """End what is open, deliver what is finished, and from here on deliver at once."""
        invocations = getattr(self.tracer.invocations, "data", ())
        for reference in list(invocations):  # at once: other threads may add some
            state = reference()
            if state is not None:
                state.finish()
        self._closed = True
        self.tracer.queue = None
        self.flush(EXIT_TIMEOUT)

    # --- forks ---

    def after_fork_in_parent(self) -> None:
        """Have the next span start the worker that was paused."""
        self.tracer.queue = None

    def after_fork_in_child(self, moment: int) -> None:
        """Begin anew: what is open here belongs to the parent process."""
        self.tracer.after_fork()
        self.tracer.queue = None
        self._born = moment
        self._closed = False
        for subscription in (*self.tails, *self.exporters):
            subscription.after_fork()
