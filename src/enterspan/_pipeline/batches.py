"""The subscription of an exporter: a bounded queue, a worker, and counts."""

from __future__ import annotations

from inspect import iscoroutinefunction
from time import sleep

from enterspan._model.clock import check_seconds
from enterspan._model.diagnostics import warn_once
from enterspan._model.threads import RLock
from enterspan._model.weights import BARE, is_bare, weight_of_record, weight_of_span
from enterspan._pipeline.process import EXIT_TIMEOUT
from enterspan._pipeline.subscription import Stats, Subscription, key_of
from enterspan._pipeline.worker import Worker
from enterspan._span.finished import record_of
from enterspan._span.span import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from enterspan._model.protocols import Exporter
    from enterspan._model.records import SpanData
    from enterspan._pipeline.subscribers import Subscribers

_UNWEIGHED_PART: Final = 4
"""The part of its bytes that a queue may hold unweighed: each span counts as a large one."""
_LAST_WORD: Final = 1.0
"""Seconds for an exporter to return after `give_up()`."""


class ExporterSubscription(Subscription):
    """The subscription of one exporter."""

    worker: Worker

    def __init__(
        self,
        subscribers: Subscribers,
        exporter: Exporter,
        max_queue: int,
        max_batch: int,
        delay: float,
        max_bytes: int,
        key: object = None,
    ) -> None:
        self.tracer = tracer = subscribers.tracer
        self.exporter = exporter
        self.max_queue = max_queue
        self.max_bytes = max_bytes
        self._unweighed = max(1, max_bytes // (_UNWEIGHED_PART * BARE))
        self._full = min(max_batch, max_queue)
        """The number of spans that wakes the worker."""
        self.mark = min(self._full, self._unweighed)
        self._crowded = max(self._full, max_queue * 3 // 4)
        self._count_lock = RLock()
        self._exported = 0
        self._dropped = 0
        self._failed = 0
        self._is_shut_down = False
        self._is_over = False
        self._is_used = False
        self._successor: ExporterSubscription | None = None
        self._predecessor: ExporterSubscription | None = None
        self._drain: Callable[[], object] | None = None
        worker = Worker(
            tracer.suppressed,
            self._export,
            "exporter",
            delay,
            batch=max_batch,
            bare=BARE,
            rest=self._rest,
            finish=self._shut_down,
        )
        super().__init__(subscribers, worker, key_of(exporter, key))

    @property
    def stats(self) -> Stats:
        """Counts of spans."""
        if self._is_over:
            self._drop_what_waits()  # a thread may have queued a span late
        with self._count_lock:
            done = self._exported + self._dropped + self._failed
            return Stats(done + self.worker.waiting, self._exported, self._dropped, self._failed)

    def offer(self, item: Span | SpanData) -> None:
        """Queue a finished span, or count it as dropped."""
        worker = self.worker
        queue = worker.queue
        if self.removed or self.tracer.is_finalizing():
            self._refuse(item)
            return
        is_small = isinstance(item, Span) and is_bare(item)
        is_quiet = self._take_in(item) if is_small else self._weigh_in(item)
        if is_quiet and worker.is_running:
            return
        worker.wake()
        # It is awake until the queue is empty: meanwhile, the hot path appends directly.
        if self.tracer.queue is queue.intake:
            self.tracer.queue_mark = min(self._unweighed, self.max_queue - queue.weighed)
        if len(queue) >= self._crowded:
            # Thousands of spans are queued. If the worker waits for the GIL, this lets it run;
            # otherwise this takes no time.
            sleep(0)

    def _take_in(self, span: Any) -> bool:
        """Queue a span that is known to be small; return whether the worker need not be woken."""
        queue = self.worker.queue
        queue.intake.append(span)
        waiting = len(queue.intake)
        fits = waiting + queue.weighed <= self.max_queue
        if waiting >= self._unweighed or not fits:
            self._drop(queue.admit(weight_of_span, self.max_bytes, self.max_queue))
            if self.tracer.queue is queue.intake:
                self.tracer.queue_mark = max(1, min(self.mark, self._full - queue.weighed))
        elif self.tracer.queue is queue.intake and self.tracer.queue_mark < self.mark:
            self.tracer.queue_mark = self.mark  # it was full
        return fits and len(queue) < self._full

    def _weigh_in(self, item: Any) -> bool:
        """Queue a span of any size; return whether the worker need not be woken."""
        queue = self.worker.queue
        self._drop(queue.admit(weight_of_span, self.max_bytes, self.max_queue))
        weigh = weight_of_span if isinstance(item, Span) else weight_of_record
        fits = queue.weighed < self.max_queue
        if not fits or not queue.put(item, weigh(item), self.max_bytes):
            self._drop([item])
            return False
        return len(queue) < self._full

    def _refuse(self, item: Span | SpanData) -> None:
        if self._successor is not None:
            self._successor.offer(item)
        else:
            self._drop([item])

    def _drop(self, items: list[Any]) -> None:
        if items:
            with self._count_lock:
                self._dropped += len(items)
            for item in items:
                _let_go(item)

    def _rest(self) -> None:
        """Called when the queue is empty: the next full batch wakes the worker again."""
        self.is_late = False
        self.tracer.sweep()
        if self.tracer.queue is self.worker.queue.intake:
            self.tracer.queue_mark = self.mark

    def _export(self, batch: list[Any]) -> None:
        born = self.subscribers.born
        records: list[SpanData] = []
        for item in batch:
            if type(item) is not Span and not isinstance(item, Span):
                records.append(item)
                continue
            if item._start > born:  # spans opened before a fork belong to the parent
                try:
                    records.append(record_of(item))
                except Exception as error:
                    warn_once(self.tracer, "recording", error)
                    with self._count_lock:
                        self._failed += 1
            _let_go(item)
        if not records:
            return
        self._is_used = True
        try:
            self.exporter.export(records)
        except BaseException as error:
            warn_once(self.exporter, "exporter", error, "and its spans count as failed")
            lost = getattr(error, "lost", None)  # an exporter may say how many it could not send
            failed = lost if type(lost) is int and 0 <= lost <= len(records) else len(records)
            with self._count_lock:
                self._failed += failed
                self._exported += len(records) - failed
            if self.worker.is_interrupted(error):
                raise
        else:
            with self._count_lock:
                self._exported += len(records)

    def _shut_down(self) -> None:
        if self.is_inherited and not self._is_used:
            return  # its open connection belongs to the parent
        with self._count_lock:
            if self._is_shut_down:
                return
            self._is_shut_down = True
        try:
            self.exporter.shutdown()
        except BaseException as error:
            if self.worker.is_interrupted(error):
                raise
            warn_once(self.exporter, "exporter", error)

    def _give_up(self) -> None:
        """The time is up: tell the exporter, if it has `give_up()`."""
        give_up = getattr(self.exporter, "give_up", None)
        if callable(give_up):
            try:
                give_up()
            except Exception as error:
                warn_once(self.exporter, "exporter", error)
            self.worker.stop(_LAST_WORD)

    def after_fork(self) -> None:
        """Reset the counts, which are the parent's."""
        super().after_fork()
        self._is_used = False
        self._count_lock = RLock()
        self._exported = self._dropped = self._failed = 0

    def remove(self, timeout: float | None = None) -> None:
        """Flush, shut the exporter down and release it; a second call does nothing."""
        check_seconds("timeout", timeout)
        if not self.removed:
            self.subscribers.remove(self)
            self.end(EXIT_TIMEOUT if timeout is None else timeout)

    def retire(self, successor: ExporterSubscription) -> None:
        """Flush, and shut the exporter down unless the successor has the same one."""
        if _innermost(successor.exporter) is _innermost(self.exporter):
            self._is_shut_down = True
            self._drain = getattr(self.exporter, "drain", None)
        self._successor, self._predecessor = successor, None
        successor._predecessor = self
        self.end(EXIT_TIMEOUT)

    def flush(self, deadline: float) -> bool:
        """Deliver what is queued; False if that was not done by the deadline (monotonic)."""
        replaced = self._predecessor
        if replaced is not None and replaced.removed:  # a thread may have queued a span late
            replaced.worker.hand_on(self.offer)
        return super().flush(deadline)

    def end(self, timeout: float) -> None:
        """Flush and shut the exporter down; later spans are dropped."""
        if self.removed:
            return
        self.removed = True
        if not self.worker.stop(timeout):
            self._give_up()
        if self._drain is not None:
            self.tracer.suppressed(self._drain)
        if self._successor is not None:
            self.worker.hand_on(self._successor.offer)
        self._drop_what_waits()
        self._is_over = True

    def _drop_what_waits(self) -> None:
        left = self.worker.queue.clear()
        with self._count_lock:
            self._dropped += left


def _innermost(exporter: Any) -> Any:
    """The exporter inside wrapping exporters; several of these may share it."""
    while (inner := getattr(exporter, "inner_exporter", None)) is not None:
        exporter = inner
    return exporter


def _let_go(item: Any) -> None:
    if isinstance(item, Span):
        item._attributes = item._details = None


def check_exporter(exporter: Any) -> None:
    """Raise TypeError for an object that can't be an exporter."""
    for name in ("export", "shutdown"):
        method = getattr(exporter, name, None)
        if isinstance(exporter, type) or not callable(method):
            raise TypeError(
                "an exporter is an object with the methods export(spans) and shutdown(),"
                f" not {exporter!r}"
            )
        if iscoroutinefunction(method):
            raise TypeError(f"{name} can't be a coroutine function: it runs on a worker thread")


def check_batching(max_queue: object, max_batch: object, delay: object, max_bytes: object) -> None:
    """Raise TypeError or ValueError for invalid sizes and times."""
    sizes = (("max_queue", max_queue, "span"), ("max_batch", max_batch, "span"))
    for name, value, unit in (*sizes, ("max_bytes", max_bytes, "byte")):
        if type(value) is not int:
            raise TypeError(f"{name} must be an int ({unit}s), not {value!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1 {unit}, not {value}")
    if type(delay) not in (int, float):
        raise TypeError(f"delay must be a number of seconds, not {delay!r}")
    if not 0 < delay < 86_400:  # type: ignore[operator]
        raise ValueError(f"delay must be above 0 and at most a day (in seconds), not {delay}")
