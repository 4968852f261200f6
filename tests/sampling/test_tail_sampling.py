"""Invocations that are kept for what became of them."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Future

import pytest

from enterspan import Tracing
from enterspan.sampling import TailSampling, TailSamplingStats


class Collector:
    def __init__(self):
        self.spans = []
        self.batches = 0
        self.shut_down = 0

    def export(self, spans):
        self.batches += 1
        self.spans += spans

    def shutdown(self):
        self.shut_down += 1

    @property
    def names(self):
        return [span.name for span in self.spans]


@pytest.fixture
def collector():
    return Collector()


@pytest.fixture
def listen(mine, collector):
    """Add an exporter behind tail sampling; give what stands before it."""

    def add(**options):
        sampling = TailSampling(collector, **options)
        mine.add_exporter(sampling, delay=0.01)
        return sampling

    return add


def work(mine, name="main", fails=False, handled=False):
    try:
        with mine.invocation(name):
            with mine.span("step"):
                pass
            with mine.span("last"):
                if fails:
                    raise ValueError("x")
            if handled:
                mine.span("no").__enter__().set_status("error").end()
    except ValueError:
        pass


def test_what_failed_is_kept_whole_and_the_rest_is_left_out(mine, listen, collector):
    sampling = listen()
    for fails in (False, True, False):
        work(mine, fails=fails)
    assert mine.flush(10)
    assert collector.names == ["step", "last", "main"]
    assert len({span.invocation_id for span in collector.spans}) == 1
    assert sampling.stats == TailSamplingStats(9, 3, 0, 0, 6)


def test_a_span_with_the_status_error_is_a_failure(mine, listen, collector):
    listen()
    work(mine, handled=True)
    assert mine.flush(10)
    assert collector.names == ["step", "last", "no", "main"]


def test_a_cancellation_is_none(mine, listen, collector):
    listen()
    with pytest.raises(KeyboardInterrupt):
        with mine.invocation("main"):
            raise KeyboardInterrupt
    assert mine.flush(10)
    assert collector.spans == []


def test_failures_need_not_be_a_reason(mine, listen, collector):
    listen(failed=False, slower_than=60)
    work(mine, fails=True)
    assert mine.flush(10)
    assert collector.spans == []


def test_what_was_slow_is_kept(mine, listen, collector):
    listen(slower_than=0.05)
    work(mine)
    with mine.invocation("slow"), mine.span("step"):
        time.sleep(0.06)
    assert mine.flush(10)
    assert collector.names == ["step", "slow"]


def test_a_predicate_is_asked_with_the_whole_invocation(mine, listen, collector):
    asked = []

    def keep(spans):
        asked.append([span.name for span in spans])
        return any(span.name == "vip" for span in spans)

    listen(keep=keep)
    work(mine, "plain")
    work(mine, "vip")
    assert mine.flush(10)
    assert asked == [["step", "last", "plain"], ["step", "last", "vip"]]
    assert collector.names == ["step", "last", "vip"]


def test_a_predicate_that_raises_keeps_and_is_warned_about_once(mine, listen, collector, caplog):
    def keep(spans):
        raise RuntimeError("x")

    listen(keep=keep)
    work(mine)
    work(mine)
    assert mine.flush(10)
    assert len(collector.spans) == 6
    assert len(caplog.records) == 1
    assert "is kept" in caplog.text


def test_a_predicate_may_ask_how_things_stand(mine, listen, collector):
    seen = []
    sampling = listen(keep=lambda spans: seen.append(sampling.stats.waiting) or True)
    work(mine)
    assert mine.flush(10)
    assert seen == [3]
    assert len(collector.spans) == 3


def test_an_implicit_invocation_is_one_as_well(mine, listen, collector):
    listen()
    with mine.span("quiet"):
        pass
    with pytest.raises(ValueError):
        with mine.span("loud"), mine.span("step"):
            raise ValueError
    assert mine.flush(10)
    assert collector.names == ["step", "loud"]


def test_spans_that_come_late_follow_their_invocation(mine, listen, collector):
    listen()
    spans = []
    for fails in (True, False):
        try:
            with mine.invocation("main", linger=None):
                spans.append(mine.start_span("late"))
                if fails:
                    raise ValueError
        except ValueError:
            pass
    assert mine.flush(10)
    assert collector.names == ["main"]
    for span in spans:
        span.end()
    assert mine.flush(10)
    assert collector.names == ["main", "late"]


def test_a_late_failure_is_a_reason_while_there_is_room(mine, listen, collector):
    sampling = listen()
    with mine.invocation("main", linger=None):
        late = mine.start_span("late")
    assert mine.flush(10)
    assert collector.names == []
    late.set_status("error").end()
    assert mine.flush(10)
    assert collector.names == ["main", "late"]
    assert sampling.stats == TailSamplingStats(2, 2, 0, 0, 0)


def test_a_late_end_makes_it_slow(mine, listen, collector):
    listen(slower_than=0.05)
    with mine.invocation("main", linger=None):
        late = mine.start_span("late")
    assert mine.flush(10)
    time.sleep(0.06)
    late.end()
    assert mine.flush(10)
    assert collector.names == ["main", "late"]


def test_what_was_left_out_goes_when_room_is_needed(mine, listen, collector, caplog):
    sampling = listen(max_spans=5)
    for _ in range(10):
        work(mine)
    assert mine.flush(10)
    stats = sampling.stats
    assert stats.waiting <= 5
    assert stats.over_limit == 0
    assert stats.received == 30 == stats.left_out + stats.waiting
    work(mine, fails=True)
    assert mine.flush(10)
    assert collector.names == ["step", "last", "main"]
    assert caplog.records == []


def test_a_late_failure_of_what_is_gone_is_kept_alone(mine, listen, collector):
    sampling = listen(max_spans=2)
    with mine.invocation("main", linger=None):
        late = mine.start_span("late")
        quiet = mine.start_span("quiet")
    work(mine)
    work(mine)
    assert mine.flush(10)
    quiet.end()
    late.set_status("error").end()
    assert mine.flush(10)
    assert collector.names == ["late"]
    stats = sampling.stats
    assert stats.received == stats.kept + stats.left_out + stats.over_limit + stats.waiting


def test_what_is_too_big_while_it_is_open_loses_its_oldest_and_says_so(
    mine, listen, collector, caplog
):
    sampling = listen(max_spans=10)
    with pytest.raises(ValueError):
        with mine.invocation("big"):
            for _ in range(25):
                with mine.span("step"):
                    pass
                assert mine.flush(10)
            raise ValueError
    assert mine.flush(10)
    stats = sampling.stats
    assert stats.over_limit == 22
    assert stats.kept == len(collector.spans) == 4
    assert collector.names == ["step"] * 3 + ["big"]
    root = collector.spans[-1]
    assert root.attributes["enterspan.warning.type"] == "tail_sampling_limit_exceeded"
    assert root.attributes["enterspan.warning.message"].startswith("22 spans")
    assert len(caplog.records) == 1
    assert "more than 10 spans" in caplog.text


def test_bytes_are_bounded_as_well(mine, listen, collector):
    sampling = listen(max_bytes=50_000)
    with mine.invocation("big"):
        for _ in range(20):
            with mine.span("step", text="x" * 10_000):
                pass
            assert mine.flush(10)
        assert sampling.stats.waiting <= 5
        assert sampling.stats.over_limit >= 15


def test_the_oldest_goes_first(mine, listen, collector):
    sampling = listen(max_spans=4)
    with mine.invocation("old", linger=None) as old:
        for _ in range(3):
            with mine.span("of old"):
                pass
        assert mine.flush(10)
    with pytest.raises(ValueError):
        with mine.invocation("new", new_trace=True):
            for _ in range(3):
                with mine.span("of new"):
                    pass
            assert mine.flush(10)
            raise ValueError
    assert mine.flush(10)
    assert collector.names == ["of new"] * 3 + ["new"]
    assert "enterspan.warning.type" not in collector.spans[-1].attributes
    assert sampling.stats.received == 8
    assert old.name == "old"


def test_what_is_still_open_at_the_shutdown_is_handed_on(mine, collector):
    sampling = TailSampling(collector)
    subscription = mine.add_exporter(sampling, delay=0.01)
    work(mine)
    with mine.invocation("open"):
        with mine.span("done"):
            pass
        subscription.remove(10)
    assert collector.names == ["done"]
    assert collector.shut_down == 1
    assert sampling.stats == TailSamplingStats(4, 1, 3, 0, 0)


def test_an_exporter_that_fails_is_the_subscriptions_affair(mine, caplog):
    class Broken(Collector):
        def export(self, spans):
            raise OSError("x")

    broken = Broken()
    subscription = mine.add_exporter(TailSampling(broken), delay=0.01)
    work(mine, fails=True)
    assert mine.flush(10)
    assert subscription.stats.failed == 3
    subscription.remove(10)
    assert broken.shut_down == 1


def test_two_of_them_stand_in_a_row(mine, collector):
    inner = TailSampling(collector, failed=False, keep=lambda spans: len(spans) > 2)
    mine.add_exporter(TailSampling(inner), delay=0.01)
    work(mine, fails=True)
    with pytest.raises(ValueError):
        with mine.invocation("short"):
            raise ValueError
    assert mine.flush(10)
    assert collector.names == ["step", "last", "main"]


def test_many_threads_at_once_lose_nothing(mine, listen, collector):
    sampling = listen(max_spans=500)

    def many(seed):
        for n in range(100):
            work(mine, f"{seed}.{n}", fails=n % 10 == 0)

    threads = [threading.Thread(target=many, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mine.flush(30)
    assert len(collector.spans) == 8 * 10 * 3
    stats = sampling.stats
    assert stats.received == 8 * 100 * 3
    assert stats.received == stats.kept + stats.left_out + stats.over_limit + stats.waiting
    assert stats.over_limit == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_begins_with_nothing(script):
    done = script(
        """
        import os
        from enterspan import tracing
        from enterspan.sampling import TailSampling

        class Printer:
            def export(self, spans):
                print(who, [s.name for s in spans], flush=True)

            def shutdown(self):
                print(who, "shutdown", flush=True)

        who = "parent"
        sampling = TailSampling(Printer())
        tracing.add_exporter(sampling, delay=0.01)
        with tracing.invocation("of the parent"):
            with tracing.span("before"):
                pass
            tracing.flush(10)
            if not (pid := os.fork()):
                who = "child"
                assert sampling.stats.received == 0
                try:
                    with tracing.invocation("of the child", new_trace=True):
                        raise ValueError
                except ValueError:
                    pass
                tracing.shutdown(10)
                os._exit(0)
            os.waitpid(pid, 0)
            tracing.current_span().set_status("error")
        tracing.shutdown(10)
        """
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "child ['of the child']",
        "child shutdown",
        "parent ['before', 'of the parent']",
        "parent shutdown",
    ]


@pytest.mark.parametrize(
    "options,error,says",
    [
        ({"failed": 1}, TypeError, "True or False"),
        ({"slower_than": -1}, ValueError, "negative"),
        ({"slower_than": "1s"}, TypeError, "seconds"),
        ({"keep": 7}, TypeError, "function"),
        ({"max_spans": 0}, ValueError, "at least 1"),
        ({"max_spans": 1.5}, TypeError, "int"),
        ({"max_bytes": True}, TypeError, "int"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(collector, options, error, says):
    with pytest.raises(error, match=says):
        TailSampling(collector, **options)


def test_what_is_no_exporter_is_refused():
    with pytest.raises(TypeError, match="export"):
        TailSampling(lambda spans: None)


def test_nothing_of_it_is_loaded_with_the_package(script):
    done = script("import sys, enterspan; print('enterspan.sampling' in sys.modules)")
    assert done.stdout == "False\n"
    assert isinstance(Tracing("x"), Tracing)


def test_an_outcome_of_somebodys_own_is_a_failure(mine, listen, collector):
    listen()
    for outcome in ("ok", "canceled", "exceeded_cpu", None):
        with mine.invocation(str(outcome)) as invocation:
            invocation.close(outcome)
    assert mine.flush(10)
    assert collector.names == ["exceeded_cpu"]


def test_an_awaitable_that_fails_before_the_roots_end_is_a_failure_of_the_root(
    mine, listen, collector
):
    listen()
    with mine.invocation("main") as invocation:
        future = Future()
        invocation.wait_until(future)
        future.set_exception(ValueError("x"))
    with mine.invocation("canceled") as invocation:
        future = Future()
        invocation.wait_until(future)
        future.cancel()
    assert mine.flush(10)
    (span,) = collector.spans
    assert (span.name, span.status, span.status_description) == ("main", "error", "ValueError: x")
    assert span.outcome == "exception"
    assert [event.name for event in span.events] == ["exception"]
