"""The subscribers of one `Tracing`: tails, recorders and exporters.

Sets the flags of the tracer that the hot path reads, makes the processor of each invocation, and
hands finished spans to the exporters.
"""

from __future__ import annotations

from time import monotonic

from enterspan._model import diagnostics, late, resource
from enterspan._model.limits import LONG_NAME
from enterspan._model.threads import members
from enterspan._pipeline import hosts, process
from enterspan._span import collector, timers
from enterspan._span.context import LIVE, SUPPRESSED, span_of
from enterspan._span.end import run_deferred
from enterspan._span.finished import record_of
from enterspan._span.processor import Tee

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from enterspan._model.ids import SpanContext
    from enterspan._model.records import SpanData
    from enterspan._span.invocation import InvocationState
    from enterspan._span.processor import ProcessorSource, SpanProcessor
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer
    from enterspan.events import Attribute, EventInfo

    class Subscribed(Protocol):
        """The part of a subscription that this module uses."""

        worker: Any
        key: object
        is_late: bool
        is_inherited: bool

        @property
        def is_done(self) -> bool: ...
        @property
        def shown(self) -> str: ...
        def hurry(self) -> None: ...
        def flush(self, deadline: float) -> bool: ...
        def remove(self, timeout: float | None = None) -> None: ...
        def retire(self, successor: Any) -> None: ...
        def after_fork(self) -> None: ...

    class ExporterSubscribed(Subscribed, Protocol):
        """The subscription of an exporter."""

        mark: int

        def offer(self, item: Span | SpanData) -> None: ...
        def end(self, timeout: float) -> None: ...


process.at_fork(in_child=resource.renew)
process.at_fork(in_child=timers.after_fork_in_child)


def prepare() -> None:
    """Import and create what recording needs.

    Later, where a span begins or ends, or the process forks or ends, nothing may be imported.
    """
    late.bind()
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
        "retired",
        "sources",
        "tails",
        "tracer",
    )

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.tails: tuple[Any, ...] = ()
        self.sources: tuple[ProcessorSource, ...] = ()
        self.exporters: tuple[ExporterSubscribed, ...] = ()
        self.retired: tuple[Any, ...] = ()  # replaced tails, until their streams end
        self.make_stream: Callable[..., Any] | None = None
        self._closed = False  # the process is ending: nothing is queued any more
        self._born = 0  # when this process was forked

    def connect(self) -> None:
        """Connect this to the tracer and to the end of the process; idempotent."""
        tracer = self.tracer
        tracer.hand_over = self.hand_over
        tracer.deliver = self.flush_patiently_once
        tracer.processor_for = self.processor_for
        tracer.on_garbage = self.on_garbage
        process.track(self)

    @property
    def born(self) -> int:
        """When this process was forked; what began earlier belongs to the parent."""
        return self._born

    # --- subscriptions ---

    def add_tail(self, tail: Any, make_stream: Callable[..., Any]) -> None:
        """Subscribe a tail; `make_stream` makes the processor that serves all tails."""
        self.make_stream = make_stream
        self._add("tails", tail)

    def add_source(self, source: ProcessorSource) -> None:
        """Subscribe a source of processors, which is called for each invocation."""
        self._change(lambda: setattr(self, "sources", (*self.sources, source)))

    def add_exporter(self, exporter: ExporterSubscribed) -> None:
        """Subscribe an exporter."""
        self._add("exporters", exporter)

    def _add(self, kind: str, new: Subscribed) -> None:
        """Subscribe, and retire subscriptions with the same key."""
        replaced: list[Subscribed] = []

        def add() -> None:
            present = getattr(self, kind)
            if new.key is not None:
                replaced.extend([old for old in present if old.key == new.key])
            setattr(self, kind, (*[old for old in present if old not in replaced], new))

        self._change(add)
        for old in replaced:
            if not old.is_inherited:  # a forked worker that subscribes again replaces silently
                diagnostics.warn(
                    f"{new.shown} was added again and replaces the first one; to have both, give"
                    " them different values of key="
                )
            old.retire(new)

    def _change(self, change: Callable[[], None]) -> None:
        prepare()
        from threading import main_thread

        with self.tracer.settings_lock:
            if not self.tracer.resource:
                self.tracer.use_resource()
            change()
            self._closed = self._closed or not main_thread().is_alive()
            self.update()

    def remove(self, subscriber: object) -> None:
        """Remove a tail, a source or an exporter."""
        with self.tracer.settings_lock:
            self.tails = tuple([s for s in self.tails if s is not subscriber])
            self.sources = tuple([s for s in self.sources if s is not subscriber])
            self.exporters = tuple([s for s in self.exporters if s is not subscriber])
            self.retired = tuple([s for s in self.retired if s is not subscriber])
            self.update()

    def keep_until_done(self, tail: Any) -> None:
        """Include a replaced tail in flushes until its last stream has ended."""
        with self.tracer.settings_lock:
            self.retired = (*self.retired, tail)

    def update(self) -> None:
        """Update the tracer's flags for the hot path."""
        with self.tracer.settings_lock:
            self._update(self.tracer)

    def _update(self, tracer: Tracer) -> None:
        tracer.subscribed = bool(self.tails or self.sources)
        tracer.exporting = bool(self.exporters)
        tracer.queue, tracer.queue_mark = None, 0
        if len(self.exporters) == 1 and not self._closed:
            (exporter,) = self.exporters
            # The hot path takes a span without details for a small one: it does not look at names.
            if exporter.worker.is_running and tracer.limits.name_bytes <= LONG_NAME:
                tracer.queue_mark = exporter.mark
                tracer.queue = exporter.worker.queue.intake
        tracer.update()

    # --- called by the tracer ---

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
        """Hand a finished, sampled span to the exporters."""
        if span._details is not None:
            span._details.whole = None  # of an invocation older than the bridge
        exporters = self.exporters
        if len(exporters) == 1:
            exporters[0].offer(span)
            if self._closed:
                self.see_off(exporters[0])
            elif self.tracer.queue is None:
                self.update()  # after a fork, this restarts the worker
            return
        record = record_of(span) if exporters and span._start > self._born else None
        span._attributes = span._details = None
        if record is not None:
            for exporter in exporters:
                exporter.offer(record)
                if self._closed:
                    self.see_off(exporter)

    def see_off(self, subscription: Subscribed) -> None:
        """Deliver at once while the process ends; a hanging subscriber is waited for once."""
        tracer = self.tracer
        if not self._closed or tracer.is_suppressed or tracer.is_finalizing():
            return
        if not subscription.is_late:
            subscription.is_late = not subscription.flush(monotonic() + process.EXIT_TIMEOUT)

    def on_garbage(self) -> None:
        """Wake the workers, which end garbage-collected spans; inline tails have no worker."""
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

    # --- flush and shutdown ---

    @property
    def _all(self) -> tuple[Subscribed, ...]:
        return (*self.tails, *self.retired, *self.exporters)

    def flush(self, timeout: float) -> bool:
        """Deliver all finished spans and events; False if the timeout was exceeded."""
        self._end_what_is_over()
        return self._flush(self._all, timeout)

    def flush_patiently_once(self, timeout: float) -> bool:
        """Like `flush`, but a subscriber that exceeds its time is not waited for again."""
        self._end_what_is_over()
        return self._flush([each for each in self._all if not each.is_late], timeout)

    def _end_what_is_over(self) -> None:
        run_deferred(self.tracer)
        self.tracer.sweep()

    @staticmethod
    def _flush(subscriptions: Sequence[Subscribed], timeout: float) -> bool:
        deadline = monotonic() + timeout
        for subscription in subscriptions:
            subscription.hurry()  # so that a hanging one does not use up the others' time
        for subscription in subscriptions:
            subscription.is_late = not subscription.flush(deadline)
        return not any(subscription.is_late for subscription in subscriptions)

    def shutdown(self, timeout: float) -> bool:
        """Flush, and end all subscriptions."""
        deadline = monotonic() + timeout
        done = self.flush(timeout)
        for subscription in self._all:
            subscription.remove(max(0.0, deadline - monotonic()))
            done = done and subscription.is_done
        return done

    def flush_at_exit(self, timeout: float) -> None:
        """Flush; running threads may still finish more spans."""
        if not self._closed:
            self.flush_patiently_once(timeout)

    def end_process(self, timeout: float) -> None:
        """End open spans and flush; from here on, deliver at once."""
        current = span_of(self.tracer.get())  # in a signal handler, the interrupted code's
        for state in members(self.tracer.invocations):
            state.finish()
        if current is not None and current._state.phase is LIVE:
            current._state.finish()
        self._closed = True
        self.tracer.queue = None
        self.flush_patiently_once(timeout)

    def shut_down_at_exit(self, timeout: float) -> None:
        """Shut the exporters down; they stay subscribed, to count later spans as dropped."""
        deadline = monotonic() + timeout
        for exporter in self.exporters:
            late = exporter.is_late and not exporter.is_done
            exporter.end(0.0 if late else max(0.0, deadline - monotonic()))

    # --- forks ---

    def after_fork_in_parent(self) -> None:
        """Make the next span restart the paused worker."""
        self.tracer.queue = None

    def after_fork_in_child(self, moment: int) -> None:
        """Reset: open spans belong to the parent process."""
        self.tracer.queue = None
        self._born = moment
        self._closed = False
        self.retired = ()  # their streams belong to the parent
        for subscription in self._all:
            subscription.after_fork()
