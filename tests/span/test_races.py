"""Two threads, and a step of one between two steps of the other: made to happen, not waited for."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import Future

from enterspan._model.threads import members
from enterspan._pipeline import worker as module
from enterspan._pipeline.queues import BoundedQueue
from enterspan._pipeline.worker import Worker
from enterspan._span import details
from enterspan._span.invocation import Asked
from enterspan._span.min_duration import hold_back
from enterspan._span.processor import Filter
from enterspan.testing import capture


def in_thread(function):
    """Run something in another thread, now."""
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


class Canceled:
    """A timer."""

    def cancel(self):
        pass


def kinds(events):
    return [event.event.type for event in events]


def inline(tracing):
    """The events of a tail, and a way to have something done when one of a type comes."""
    events, hooks = [], {}

    def handle(event):
        events.append(event)
        hook = hooks.pop(event.event.type, None)
        if hook is not None:
            hook()

    def tail(onset):
        events.append(onset)
        return handle

    tracing.add_tail(tail, delivery="inline")
    return events, hooks


def test_two_threads_that_end_one_span_do_not_let_the_outcome_go_before_its_close(mine):
    """The one that comes second must not say that the first has done."""
    events, hooks = inline(mine)
    with mine.invocation("job", linger=None) as job:
        span = mine.start_span("work", a=1)

        def meanwhile():
            # The span has been claimed by now, and its close is under way.
            in_thread(lambda: job._state.dispatch.close(span, job._state, 1))
            in_thread(job.close)

        hooks["attributes"] = meanwhile
        span.end()
    assert kinds(events) == ["onset", "spanOpen", "attributes", "spanClose", "outcome"]


def test_a_started_span_is_closed_by_an_invocation_that_ends_while_it_opens(mine):
    """At no moment is it open and on no list."""
    events, _ = inline(mine)
    with mine.invocation("job") as job:
        state = job._state

        class Ends(Filter):
            __slots__ = ()

            def on_open(self, span, parent):
                super().on_open(span, parent)
                in_thread(job.close)

        state.dispatch.processor = Ends(state.dispatch.processor)
        span = mine.start_span("work")
        assert not span.is_traced
    assert kinds(events) == ["onset", "spanOpen", "spanClose", "outcome"]


def test_a_span_that_begins_while_its_invocation_ends_begins_one_of_its_own(mine, monkeypatch):
    """It is a child in the same trace, of an invocation that each tail gets."""
    events, _ = inline(mine)
    with mine.invocation("job") as job:
        state = job._state
        dispatch = state.dispatch
        generation = iter([lambda: job.close()])

        class Generation(int):
            """The generation is compared between the look at the invocation and the opening."""

            def __ne__(self, other):
                for close in generation:
                    in_thread(close)
                return False

            __hash__ = None

        dispatch.generation = Generation(dispatch.generation)
        monkeypatch.setattr(type(dispatch), "is_inherited", False)
        with mine.span("late") as span:
            assert span.is_traced
            assert span._state is not state
            assert span.context.trace_id == job.span.context.trace_id
    assert kinds(events) == ["onset", "outcome", "onset", "return", "outcome"]


def test_a_filter_that_comes_as_the_outcome_is_reported_stays_out(mine):
    """What it would hold back would be later than the outcome."""
    events, _ = inline(mine)
    with mine.invocation("job") as job:
        state = job._state
        dispatch = state.dispatch
        job.close()
        state.dispatch = dispatch  # as a thread has read it before

        inner = events[0]
        dispatch.processor = Filter(inner)
        assert hold_back(mine._tracer, state)
        assert dispatch.processor is None
        state.dispatch = None
    assert kinds(events) == ["onset", "outcome"]


def made_between(monkeypatch, step):
    """Have a step done between the look for something and its allocation."""
    original = details._proposed

    class Proposed(dict):
        def setdefault(self, key, value):
            monkeypatch.setattr(details, "_proposed", original)
            in_thread(step)
            return super().setdefault(key, value)

    monkeypatch.setattr(details, "_proposed", Proposed())


def test_first_attributes_of_two_threads_are_both_kept(mine, monkeypatch):

    def shared(span):
        made_between(monkeypatch, lambda: span.set_attribute("a", 1))
        span.set_attribute("b", 2)

    with capture(mine) as trace:
        mine.enter_span("shared", shared)
    assert trace.find("shared").attributes == {"a": 1, "b": 2}


def test_first_events_of_two_threads_are_both_kept(mine, monkeypatch):

    with capture(mine) as trace, mine.span("shared") as span:
        made_between(monkeypatch, lambda: span.add_event("a"))
        span.add_event("b")
    assert sorted(event.name for event in trace.find("shared").events) == ["a", "b"]


def test_first_started_spans_of_two_threads_are_both_listed(mine, monkeypatch):
    events, _ = inline(mine)
    with mine.invocation("job"):
        other = []
        start = mine.propagate(lambda: other.append(mine.start_span("a")))
        made_between(monkeypatch, start)
        own = mine.start_span("b")
        own.end()
        other[0].end()
    assert kinds(events) == [
        *("onset", "spanOpen", "spanOpen", "spanClose", "spanClose"),
        *("return", "outcome"),
    ]


def test_an_invocation_waits_for_what_two_threads_have_told_it_first(mine, monkeypatch):
    events, _ = inline(mine)
    one, two = Future(), Future()
    with mine.span("root"):
        invocation = mine.current_invocation()
        made_between(monkeypatch, lambda: invocation.wait_until(one))
        invocation.wait_until(two)
    two.set_result(None)
    assert "outcome" not in kinds(events)
    one.set_result(None)
    assert kinds(events)[-1] == "outcome"


def test_a_timer_that_expires_while_its_invocation_ends_takes_no_outcome_with_it(mine):
    """The timers' thread takes it away between two looks at it."""
    events, _ = inline(mine)

    class Expiring(Asked):
        """Its timer is there at the first look, and gone at the next."""

        __slots__ = ("_looks",)

        @property
        def timer(self):
            self._looks = getattr(self, "_looks", 0) + 1
            return Canceled() if self._looks == 1 else None

        @timer.setter
        def timer(self, timer):
            pass

    with mine.invocation("job") as job:
        asked = job._state.asked = Expiring(5)
        asked._looks = 0
        job.close()
    assert kinds(events)[-1] == "outcome"


def test_what_another_thread_moves_within_a_queue_is_never_missing():
    """A flush counts what it waits for; an item on its way was not counted."""
    queue, seen = BoundedQueue(), []
    for _ in range(3):
        queue.intake.append(object())

    def weigh(_item):
        seen.append(len(queue))
        return 1

    assert queue.admit(weigh, 100, 100) == []
    assert seen == [3, 3, 3]
    assert len(queue) == 3


class Nothing:
    def export(self, spans):
        pass

    def shutdown(self):
        pass


def test_a_thread_that_another_one_is_about_to_start_is_not_started_again():
    """A fork in between finds no thread that has ended."""
    delivered = []
    worker = Worker(
        lambda function, *args: function(*args), delivered.extend, "test", 0.01, rest=lambda: None
    )
    started = []

    class Slow:
        """A thread that is about to start when the process has forked."""

        def __init__(self, thread):
            self._thread = thread

        def start(self):
            started.append(self)
            worker.pause()
            worker.resume()
            worker.wake()
            self._thread.start()

        def __getattr__(self, name):
            return getattr(self._thread, name)

    make = module.Thread
    module.Thread = lambda *args, **options: Slow(make(*args, **options))
    try:
        worker.start()
        worker.put("item", 1, 100)
        worker.wake()
        assert worker.stop(10)
    finally:
        module.Thread = make
    assert len(started) == 1
    assert delivered == ["item"]


def test_members_of_a_set_to_which_another_thread_adds():
    class Thing:
        pass

    things, kept = weakref.WeakSet(), [Thing() for _ in range(3)]
    for thing in kept:
        things.add(thing)
    for _ in members(things):
        kept.append(Thing())
        things.add(kept[-1])
    assert len(members(things)) == 6


def test_a_span_that_comes_too_late_for_a_removed_exporter_is_counted(mine):
    """A thread has read the queue before, and appends to it afterwards."""
    subscription = mine.add_exporter(Nothing())
    with mine.span("s") as span:
        pass
    queue = subscription.worker.queue.intake
    subscription.remove()
    queue.append(span)
    stats = subscription.stats
    assert (stats.received, stats.exported, stats.dropped) == (2, 1, 1)


def test_at_the_end_nobody_waits_for_a_thread_that_was_stopped_with_the_lock(mine, monkeypatch):
    """The interpreter stops daemon threads wherever they are."""
    subscription = mine.add_exporter(Nothing())
    tracer = mine._tracer

    def more():
        with mine.span("late") as span:
            for number in range(300):
                span.set_attribute(f"key {number}", [1])
                span.add_event("event")
                span.add_link(span)
        assert span._details is None or span._details.dropped_links

    with tracer.settings_lock:
        monkeypatch.setattr(tracer, "is_finalizing", lambda: True)
        in_thread(more)
    assert subscription.stats.exported == 0
