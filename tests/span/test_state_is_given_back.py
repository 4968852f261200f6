"""Captures, ambient invocations, timers and exceptions leave nothing behind, in whatever order."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import threading
import types
from concurrent.futures import Future
from contextvars import Context

import pytest

from enterspan import Limits, Tracing
from enterspan._model.failures import SeenExceptions
from enterspan._span import timers
from enterspan.testing import capture


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def invocation_of_a_thread(tracing):
    found = in_a_thread(tracing.current_invocation)
    return found and found.name


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_captures_and_ambient_invocations_end_in_any_order(mine, order):
    """Each takes back what it has added, and nothing else."""
    mine.add_tail(lambda onset: lambda event: None, delivery="inline")
    with mine.invocation("service", ambient=True):
        blocks = [
            capture(mine),
            mine.invocation("job", ambient=True),
            capture(mine, everything=True),
            mine.invocation("other job", ambient=True),
        ]
        for block in blocks:
            block.__enter__()
        assert invocation_of_a_thread(mine) == "other job"
        for number in order:
            blocks[number].__exit__(None, None, None)
        assert invocation_of_a_thread(mine) == "service"
        assert mine.current_span().name == "service"
    assert invocation_of_a_thread(mine) is None
    assert mine._tracer.ambient == ()


def test_parallel_captures_see_their_own_spans_only(mine):
    both = threading.Barrier(2)

    def test(name):
        with capture(mine) as trace:
            both.wait(20)
            with mine.span(name):
                both.wait(20)
            mine.propagate(lambda: mine.start_span(f"{name} below").end())()
            both.wait(20)
        return [span.name for span in trace.spans]

    seen = {}
    names = ("one", "two")
    threads = [threading.Thread(target=lambda n=n: seen.update({n: test(n)})) for n in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == {name: [name, f"{name} below"] for name in names}


def test_one_capture_may_be_the_block_of_several_tasks_at_once(mine):
    """Each ends its own recording, in any order; from another context, the last one ends."""
    shared = capture(mine)

    async def test(name, steps):
        with shared as trace:
            for _ in range(steps):
                await asyncio.sleep(0)
            with mine.span(name):
                pass
        return [span.name for span in trace.spans]

    async def main():
        return await asyncio.gather(test("short", 1), test("long", 5), test("longer", 9))

    assert asyncio.run(main()) == [["short"], ["long"], ["longer"]]
    with shared as outer, shared as inner:
        mine.start_span("inner").end()
    assert [len(outer), len(inner)] == [1, 1]
    trace = Context().run(shared.__enter__)
    shared.__exit__(None, None, None)
    mine.start_span("after").end()
    assert len(trace) == 0
    assert mine._subscribers.sources == ()


def test_a_capture_records_what_is_propagated_and_no_other_thread(mine):
    def work(name):
        with mine.span(name):
            pass

    with capture(mine) as trace:
        in_a_thread(mine.propagate(lambda: work("propagated")))
        in_a_thread(lambda: Context().run(work, "bare"))
    with capture(mine, everything=True) as everything:
        in_a_thread(lambda: work("bare"))
    assert trace.tree() == "propagated"
    assert everything.tree() == "bare"


def test_a_capture_records_what_begins_under_a_span_from_elsewhere(mine):
    with capture(mine), mine.span("before") as before:
        pass
    with capture(mine) as trace, mine.use_span(before), mine.span("after"):
        pass
    assert trace.tree() == "after"
    assert trace.find("after").parent_span_id == before.context.span_id


def test_everything_must_be_a_bool():
    with pytest.raises(TypeError, match="everything"):
        capture(everything=1)


def test_canceled_timers_leave_the_heap():
    timers.prepare()
    made = [timers.call_later(3600, lambda: None) for _ in range(5_000)]
    clockwork = made[0]._of
    for timer in made:
        timer.cancel()
        timer.cancel()
    left = [timer for timer in clockwork._heap if timer.call is None]
    assert len(left) <= timers._CANCELED_FEW


def test_two_exceptions_are_one_only_if_they_are_the_same_object():
    """However many are made at one address, raised by one line or never raised at all."""
    seen = SeenExceptions()
    found = 0
    for number in range(3_000):
        error = ValueError(number) if number % 2 else KeyError(number)
        found += seen.find(error) is not None
        seen.add(error, "exception", "x")
        assert seen.find(error) is not None
        del error
    assert found == 0


def test_what_is_remembered_of_exceptions_is_bounded():
    """In number, and in characters; the last one is remembered however long it is."""
    seen, errors = SeenExceptions(), [ValueError(number) for number in range(100)]
    for error in errors:
        seen.add(error, "exception", "x")
    assert [error for error in errors if seen.find(error)] == errors[-32:]
    for error in errors:
        seen.add(error, "exception", "x" * 10_000)
    assert [error for error in errors if seen.find(error)] == errors[-3:]
    seen.add(errors[0], "exception", "x" * 100_000)
    assert [error for error in errors if seen.find(error)] == errors[:1]


def test_exceptions_recorded_before_they_are_raised_are_told_apart(mine):
    with capture(mine) as trace, mine.invocation("retries") as invocation:
        for _ in range(500):
            invocation.span.record_exception(ValueError("again"))
    kinds = [event.event.type for event in trace.events]
    assert kinds.count("exception") == 500


def test_many_failures_take_one_place_outside_of_the_budget(mine):
    mine.configure(limits=Limits(span_bytes=20_000, events=10))
    spans = []

    class Keep:
        def export(self, batch):
            spans.extend(batch)

        def shutdown(self):
            pass

    mine.add_exporter(Keep())
    with pytest.raises(OSError), mine.invocation("batch") as invocation:
        for number in range(100):
            future = Future()
            invocation.wait_until(future)
            future.set_exception(ValueError(f"{number}: " + "v" * 900))
        raise OSError("last")
    assert mine.flush(20)
    (span,) = spans
    messages = [event.attributes["exception.message"] for event in span.events]
    assert messages[0].startswith("0: ")
    assert messages[-1] == "last"
    assert len(span.events) == 11
    assert span.dropped_events == 90
    assert "10 events" in span.attributes["enterspan.warning.message"]


def test_counts_of_attributes_and_links_are_limited(mine):
    with capture(mine) as trace, mine.span("s", {f"k{n}": n for n in range(200)}) as span:
        for number in range(200):
            span.set_attribute(f"more {number}", number)
            span.add_link(span.context)
    data = trace.find("s")
    assert len(data.attributes) == 128 + 2
    assert (data.dropped_attributes, len(data.links), data.dropped_links) == (272, 128, 72)


def test_ids_of_the_system(mine):
    mine.configure(id_generator="urandom")
    with capture(mine) as trace:
        for _ in range(100):
            mine.start_span("s").end()
    assert len({span.context.trace_id for span in trace.spans}) == 100
    with pytest.raises(TypeError, match="urandom"):
        mine.configure(id_generator="random")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_restored_snapshot_is_a_new_process(monkeypatch):
    """AWS Lambda SnapStart: what the image had begun is its own, ids and instance are new."""
    from enterspan._pipeline import process

    hooks = types.ModuleType("snapshot_restore_py")
    registered = []
    hooks.register_after_restore = registered.append
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", hooks)
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    monkeypatch.setattr(process._State, "is_told_of_restores", False)
    mine = Tracing("snapshot")
    exported = []

    class Keep:
        def export(self, batch):
            exported.extend(batch)

        def shutdown(self):
            pass

    mine.add_exporter(Keep(), delay=60)
    assert len(registered) == 1
    with mine.span("before"):
        pass
    assert mine.flush(20)
    before = exported[0].resource["service.instance.id"]
    read, write = os.pipe()
    if not (pid := os.fork()):  # what has begun anew ends with this process
        try:
            with mine.span("warm"):
                pass
            assert mine.flush(20)
            with mine.span("of the image"):
                pass
            registered[0]()
            with mine.span("after"):
                pass
            mine.flush(20)
            names = [span.name for span in exported[1:]]
            new = exported[-1].resource["service.instance.id"] != before
            os.write(write, f"{names} {new}".encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    told = os.read(read, 1_000).decode()
    os.close(read)
    assert told == "['warm', 'after'] True"
    assert mine.shutdown(20)


def test_events_of_an_invocation_whose_onset_was_dropped_are_counted():
    mine, gate, begun, seen = Tracing("counted"), threading.Event(), threading.Event(), []
    mine.configure(limits=Limits(queue_bytes=20_000))

    def tail(onset):
        begun.set()
        gate.wait(60)
        return seen.append

    subscription = mine.add_tail(tail)
    with mine.span("warm"):
        pass
    assert begun.wait(20)
    for _ in range(50):
        with mine.invocation("job"), mine.span("child"):
            pass
    dropped = subscription.stats.dropped
    gate.set()
    assert mine.flush(20)
    with mine.invocation("last"):
        pass
    assert mine.flush(20)
    diagnostics = [e.event.diagnostic.count for e in seen if e.event.type == "streamDiagnostic"]
    told = sum(diagnostics)
    stats = subscription.stats
    assert stats.dropped == dropped == told
    assert stats.received == stats.exported + stats.dropped == 3 + 50 * 5 + 3 + len(diagnostics)
    assert mine.shutdown(20)
