"""Tails and their handlers: in which forms they come, and what becomes of those that misbehave."""

from __future__ import annotations

import functools
import gc
import logging
import threading
import types
import weakref

import pytest

from enterspan._pipeline.subscribers import Subscribers
from enterspan._pipeline.tails import TailSubscription
from enterspan.testing import capture


class Recorder:
    """A handler with every method; it remembers which was called."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda event: self.calls.append((name, event.event.type))


def everything(tracing):
    with tracing.invocation("main", attributes={"r": 1}), tracing.span("s", a=1) as span:
        tracing.log("info", "hello")
        span.add_event("chan")
        span.record_exception(ValueError("x"))


def test_a_callable_handler_gets_every_event_after_the_onset(mine):
    onsets, events = [], []

    def tail(onset):
        onsets.append(onset)
        return events.append

    with mine.add_tail(tail, delivery="inline"):
        everything(mine)
    assert [t.event.type for t in onsets] == ["onset"]
    assert [t.event.type for t in events] == [
        "spanOpen",
        "log",
        "diagnosticChannel",
        "exception",
        "attributes",
        "spanClose",
        "return",
        "attributes",
        "outcome",
    ]


def test_an_object_handler_gets_each_event_by_the_method_of_its_name(mine):
    handler = Recorder()
    with mine.add_tail(lambda onset: handler, delivery="inline"):
        everything(mine)
    assert handler.calls == [
        ("span_open", "spanOpen"),
        ("log", "log"),
        ("diagnostic_channel", "diagnosticChannel"),
        ("exception", "exception"),
        ("attributes", "attributes"),
        ("span_close", "spanClose"),
        ("return_", "return"),
        ("attributes", "attributes"),
        ("outcome", "outcome"),
    ]


def test_a_handler_may_have_any_of_the_methods(mine, caplog):
    seen = []

    class OnlyOutcome:
        def outcome(self, event):
            seen.append(event)

    with mine.add_tail(lambda onset: OnlyOutcome(), delivery="inline"):
        everything(mine)
    assert [t.event.outcome for t in seen] == ["ok"]
    assert caplog.records == []


def test_a_tail_that_declines_gets_no_more_of_that_invocation(mine):
    onsets = []
    with mine.add_tail(onsets.append, delivery="inline") as subscription:
        everything(mine)
        everything(mine)
    assert [t.event.type for t in onsets] == ["onset", "onset"]
    assert subscription.stats.received == 2


@pytest.mark.parametrize("result", [1, "text", object(), [], True])
def test_an_unusable_result_is_warned_about_and_stops_the_stream(mine, caplog, result):
    calls = []

    def tail(onset):
        calls.append(onset)
        return result

    with mine.add_tail(tail, delivery="inline"):
        everything(mine)
    assert len(calls) == 1
    assert [r.name for r in caplog.records] == ["enterspan"]


def test_a_hostile_result_hurts_nobody(mine, caplog):
    class Hostile:
        def __getattribute__(self, name):
            raise RuntimeError(name)

        def __repr__(self):
            raise RuntimeError("repr")

    with capture(mine) as trace, mine.add_tail(lambda onset: Hostile(), delivery="inline"):
        everything(mine)
    assert trace.tree() == "main\n  s"
    assert len(caplog.records) == 1


def test_a_hostile_result_of_a_handler_hurts_nobody(mine, caplog):
    class Hostile:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    with mine.add_tail(lambda onset: lambda event: Hostile(), delivery="inline"):
        everything(mine)


async def coroutine_tail(onset):
    return None


class AsyncCallable:
    async def __call__(self, onset):
        return None


@pytest.mark.parametrize(
    "tail",
    [coroutine_tail, functools.partial(coroutine_tail), AsyncCallable()],
    ids=["function", "partial", "object"],
)
@pytest.mark.parametrize("delivery", ["inline", "background"])
def test_a_coroutine_function_as_a_tail_is_a_type_error(mine, tail, delivery):
    with pytest.raises(TypeError, match="coroutine function"):
        mine.add_tail(tail, delivery=delivery)
    assert mine.current_span().context.trace_id == 0


@pytest.mark.parametrize("tail", [None, 1, "text", Recorder()])
def test_what_cannot_be_called_as_a_tail_is_a_type_error(mine, tail):
    with pytest.raises(TypeError, match="a tail is a callable"):
        mine.add_tail(tail)


@pytest.mark.parametrize("delivery", ["", "now", None, 1, "Inline"])
def test_another_delivery_is_a_value_error(mine, delivery):
    with pytest.raises(ValueError, match="delivery must be"):
        mine.add_tail(lambda onset: None, delivery=delivery)


def test_a_coroutine_function_as_a_handler_is_stopped_and_leaves_no_warning(mine, caplog):
    """Its coroutine is closed: no 'was never awaited'."""

    async def handler(event):
        raise AssertionError

    class Methods:
        async def span_open(self, event):
            raise AssertionError

    with mine.add_tail(lambda onset: handler, delivery="inline"):
        everything(mine)
    with mine.add_tail(lambda onset: Methods(), delivery="inline"):
        everything(mine)
    gc.collect()
    assert len(caplog.records) == 2


def test_a_tail_that_returns_a_coroutine_is_stopped_and_leaves_no_warning(mine, caplog):
    async def work():
        raise AssertionError

    with mine.add_tail(lambda onset: work(), delivery="inline"):
        everything(mine)
    gc.collect()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), GeneratorExit(), MemoryError()])
@pytest.mark.parametrize("delivery", ["inline", "background"])
def test_a_tail_that_raises_is_stopped_for_that_invocation(mine, caplog, error, delivery):
    calls = []

    def tail(onset):
        calls.append(onset)
        raise error

    with capture(mine) as trace:
        with mine.add_tail(tail, delivery=delivery) as subscription:
            everything(mine)
            everything(mine)
            assert mine.flush(10)
        assert subscription.stats.failed == 2
    assert len(calls) == 2
    assert trace.tree() == "main\n  s\nmain\n  s"
    assert [r.name for r in caplog.records] == ["enterspan"]


@pytest.mark.parametrize("delivery", ["inline", "background"])
def test_a_handler_that_raises_is_stopped_for_that_invocation_only(mine, caplog, delivery):
    calls = []

    def handler(event):
        calls.append(event.event.type)
        raise ValueError("x")

    with mine.add_tail(lambda onset: handler, delivery=delivery):
        everything(mine)
        everything(mine)
        assert mine.flush(10)
    assert calls == ["spanOpen", "spanOpen"]
    assert len(caplog.records) == 1


def test_one_tail_does_not_disturb_another(mine, caplog):
    def broken(onset):
        raise ValueError("x")

    with mine.add_tail(broken, delivery="inline"), capture(mine) as trace:
        everything(mine)
    assert trace.events[-1].event.type == "outcome"


def test_tracing_in_a_tail_is_suppressed_in_every_form(mine):
    """A tail that traces sees none of its own spans, and does not recurse."""
    begun = []

    def noise():
        begun.append(1)
        if len(begun) > 200:
            raise AssertionError("a tail is called about what a tail does")
        with mine.span("noise"):
            mine.log("info", "noise")
        with mine.invocation("noise") as invocation:
            assert mine.current_span().context.trace_id == 0
            assert invocation.span.context.trace_id == 0
            with mine.span("deeper noise"):
                pass
        mine.traced(lambda: None)()
        mine.enter_span("noise", lambda span: None)
        mine.start_span("noise").end()
        assert mine.current_span().context.trace_id == 0
        assert mine.current_invocation() is None

    def tail(onset):
        noise()
        return lambda event: noise()

    with mine.add_tail(tail, delivery="inline"), capture(mine) as trace:
        everything(mine)
    assert trace.tree() == "main\n  s"


def test_a_span_that_is_used_in_a_tail_records_nothing_there(mine):
    """Nor does a callable that was bound to one."""
    kept, calls = [], []

    def tail(onset):
        def handler(event):
            calls.append(event.event.type)
            if len(calls) > 200:
                raise AssertionError("endless")
            if kept:
                with mine.use_span(kept[0]), mine.span("noise"):
                    pass
                bound()

        return handler

    def traced_work():
        with mine.span("noise"):
            pass

    with mine.add_tail(tail, delivery="inline"), capture(mine) as trace:
        with mine.invocation("main"), mine.span("s") as span:
            bound = mine.propagate(traced_work)
            kept.append(span)
            with mine.span("t"):
                pass
    assert trace.tree() == "main\n  s\n    t"


def test_a_tail_that_removes_itself_gets_nothing_more(mine):
    seen = []

    def tail(onset):
        def handler(event):
            seen.append(event.event.type)
            subscription.remove()

        return handler

    subscription = mine.add_tail(tail, delivery="inline")
    everything(mine)
    everything(mine)
    assert seen == ["spanOpen"]
    subscription.remove()


def test_a_background_tail_that_removes_itself_gets_nothing_more(mine):
    seen, done = [], threading.Event()

    def tail(onset):
        def handler(event):
            seen.append(event.event.type)
            subscription.remove()
            done.set()

        return handler

    subscription = mine.add_tail(tail)
    everything(mine)
    assert done.wait(10)
    everything(mine)
    mine.flush(5)
    assert seen == ["spanOpen"]


def test_remove_stops_the_delivery_of_a_stream_at_once(mine):
    seen = []

    def tail(onset):
        return seen.append

    with mine.invocation():
        pass
    subscription = mine.add_tail(tail, delivery="inline")
    with mine.invocation():
        subscription.remove()
        with mine.span("s"):
            pass
    assert seen == []


def test_a_new_tail_joins_at_the_next_onset(mine):
    with capture(mine), mine.invocation("before"):
        with capture(mine) as late:
            pass
        seen = []
        with mine.add_tail(lambda onset: seen.append(onset), delivery="inline"):
            with mine.span("s"):
                pass
    assert late.events == []
    assert seen == []


def test_inline_delivery_is_on_the_thread_on_which_things_happen(mine):
    threads = []

    def tail(onset):
        threads.append(threading.get_ident())

    with mine.add_tail(tail, delivery="inline"):
        everything(mine)
    assert threads == [threading.get_ident()]


def test_background_delivery_is_on_one_other_thread_and_in_order(mine):
    threads, events = set(), []

    def tail(onset):
        events.append(onset)

        def handler(event):
            threads.add(threading.get_ident())
            events.append(event)

        return handler

    with mine.add_tail(tail) as subscription:
        for _ in range(50):
            everything(mine)
        assert mine.flush(10)
        assert len(threads) == 1
        assert threading.get_ident() not in threads
        assert [t.sequence for t in events] == list(range(10)) * 50
        assert subscription.stats.dropped == 0
        assert subscription.stats.received == subscription.stats.exported == 500


def test_a_background_tail_is_prompt(mine):
    """An event is there soon, without a flush."""
    seen = threading.Event()
    with mine.add_tail(lambda onset: seen.set()):
        with mine.invocation():
            assert seen.wait(5)


def test_a_hung_background_tail_is_bounded_and_says_what_it_missed(mine, told):
    """Drops are reported once, right before the outcome, and leave no gap in the sequence."""
    import enterspan

    mine.configure(limits=enterspan.Limits(queue_bytes=20_000))
    hang, hung, events = threading.Event(), threading.Event(), []

    def tail(onset):
        events.append(onset)

        def handler(event):
            events.append(event)
            hung.set()
            assert hang.wait(30)

        return handler

    with mine.add_tail(tail) as subscription:
        with mine.invocation("main"):
            with mine.span("first"):
                assert hung.wait(10)
            for n in range(1000):
                with mine.span("s", n=n):
                    pass
        assert subscription.worker.waiting < 200
        dropped = subscription.stats.dropped
        hang.set()
        assert mine.flush(10)
        stats = subscription.stats
    assert dropped > 2500
    assert [t.sequence for t in events] == list(range(len(events)))
    assert told(events)[-2:] == [f"streamDiagnostic {dropped}", "outcome ok"]
    assert [t.event.type for t in events].count("streamDiagnostic") == 1
    assert stats.received == stats.exported + stats.dropped + stats.failed
    # onset, 1,001 opens, 1,001 closes, 1,000 attributes, return, outcome; and the diagnostic
    assert len(events) - 1 + dropped == 1 + 1001 + 1001 + 1000 + 1 + 1


def test_a_hung_tail_is_bounded_over_any_number_of_invocations(mine):
    import enterspan

    mine.configure(limits=enterspan.Limits(queue_bytes=20_000))
    hang = threading.Event()

    def tail(onset):
        assert hang.wait(30)

    with mine.add_tail(tail) as subscription:
        for _ in range(3000):
            with mine.invocation("main", attributes={"big": "x" * 1000}):
                pass
        waiting = subscription.worker.waiting
        hang.set()
    assert waiting < 200


def test_a_hung_tail_does_not_hold_up_the_program_nor_its_neighbours(mine):
    hang = threading.Event()

    def tail(onset):
        assert hang.wait(30)

    events = []

    def healthy(onset):
        events.append(onset)
        return events.append

    with mine.add_tail(tail), mine.add_tail(healthy) as subscription:
        everything(mine)
        assert subscription.flush(__import__("time").monotonic() + 10)
        assert events[-1].event.type == "outcome"
        assert mine.flush(0.1) is False
        hang.set()


def test_a_subscription_can_be_removed_twice_and_is_a_block(mine):
    with mine.add_tail(lambda onset: None) as subscription:
        pass
    subscription.remove()
    assert mine.current_span().context.trace_id == 0


def test_a_tail_that_flushes_does_not_wait_for_itself(mine):
    flushed = []

    def tail(onset):
        mine.flush()  # without a limit: it would wait for ever
        flushed.append(onset)

    with mine.add_tail(tail):
        everything(mine)
        assert mine.flush(30)
    assert len(flushed) == 1


def test_a_removed_tail_is_let_go(mine):
    class Tail:
        def __call__(self, onset):
            return self.handle

        def handle(self, event):
            pass

    for delivery in ("inline", "background"):
        tail = Tail()
        gone = weakref.ref(tail)
        subscription = mine.add_tail(tail, delivery=delivery)
        everything(mine)
        mine.flush(10)
        subscription.remove(10)
        del tail, subscription
        gc.collect()
        assert gone() is None, delivery


def test_the_warning_names_the_logger_and_comes_once(mine, caplog):
    def tail(onset):
        raise ValueError("the reason")

    with caplog.at_level(logging.DEBUG), mine.add_tail(tail, delivery="inline"):
        for _ in range(5):
            everything(mine)
    (record,) = caplog.records
    assert record.name == "enterspan"
    assert record.levelname == "WARNING"
    assert "tail" in record.getMessage()
    assert str(record.exc_info[1]) == "the reason"


def test_what_is_dropped_while_drops_are_reported_does_not_hold_up_the_outcome(mine, monkeypatch):
    """A slow tail, and programs that go on: each look at the count finds events that were lost."""
    monkeypatch.setattr(TailSubscription, "unreported", lambda self, stream: 1)
    seen = []
    with mine.add_tail(lambda onset: seen.append):
        with mine.invocation("main"):
            pass
        assert mine.flush()
    kinds = [event.event.type for event in seen]
    assert kinds == ["return", "streamDiagnostic", "outcome"]
    assert [event.sequence for event in seen] == [1, 2, 3]


def test_a_signal_handler_subscribes_while_the_first_subscriber_is_added(mine, monkeypatch):
    """Both get what follows."""
    seen = []
    made = Subscribers.__init__

    def interrupted(self, tracer):
        monkeypatch.setattr(Subscribers, "__init__", made)
        made(self, tracer)
        mine.add_tail(lambda onset: seen.append("handler"), delivery="inline")

    monkeypatch.setattr(Subscribers, "__init__", interrupted)
    mine.add_tail(lambda onset: seen.append("program"), delivery="inline")
    with mine.span("one"):
        pass
    assert sorted(seen) == ["handler", "program"]


def test_a_handler_may_be_a_method_of_anything(mine):
    """Of what is no Python function, too; a generator function never runs, and is refused."""
    got = []

    class Handler:
        @functools.lru_cache  # noqa: B019 - as programs write it
        def handle(self, event):
            got.append(event.event.type)

        def never(self, event):
            yield event

    handler = Handler()
    mine.add_tail(lambda onset: handler.handle, delivery="inline")
    mine.add_tail(lambda onset: types.MethodType(print, ""), delivery="inline")
    lazy = mine.add_tail(lambda onset: handler.never, delivery="inline")
    with mine.span("x"):
        pass
    assert got == ["return", "outcome"]
    assert lazy.stats.exported == 1
