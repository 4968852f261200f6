"""What waits takes less than twice the memory that is its limit, whatever it is made of."""

from __future__ import annotations

import contextvars
import gc
import threading
import tracemalloc

import pytest

from enterspan import (
    CustomEventInfo,
    EmailEventInfo,
    FetchEventInfo,
    Limits,
    SpanContext,
    Tracing,
)
from enterspan.sampling import TailSampling

LIMIT = 128 * 1024
SPAN = 4_096
"""What the open span around it all may record."""


def held_by(step, large):
    """Call *step* so often that it would not fit; return what is held, in bytes, and how often."""
    times = 60 if large else 1_500
    step(-1)  # what is cached once, such as lines of source, is no part of it
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(times):
            step(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0], times + 1
    finally:
        tracemalloc.stop()


class Nothing:
    """An exporter that does nothing."""

    def export(self, spans):
        pass

    def shutdown(self):
        pass


class Stuck:
    """An exporter that hangs, or a tail that does."""

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.count = 0

    def wait(self):
        self.begun.set()
        self.go_on.wait(60)

    def export(self, spans):
        self.wait()
        self.count += len(spans)

    def shutdown(self):
        pass

    def __call__(self, onset):
        self.wait()
        return self.handle

    def handle(self, event):
        self.count += 1


def nothing(span, i):
    pass


def one_attribute(span, i):
    span.set_attribute("n", i)


def short_attributes(span, i):
    for k in range(32):
        span.set_attribute(f"key {i} {k}", f"value {i} {k}")


def long_attributes(span, i):
    for k in "abcd":
        span.set_attribute(k, f"{i}" + "v" * 12_000)


def wide_characters(span, i):
    span.set_attribute("text", f"{i}" + "a" * 8_000 + "\U0001f600")


def sequences(span, i):
    span.set_attribute("k", [i * 1000 + n for n in range(900)])
    span.set_attribute("t", [f"{i} {n}" for n in range(90)])


def failures(span, i):
    span.record_exception(ValueError(f"INSERT {i} " + "x" * 12_000))


def events(span, i):
    for k in range(200):
        span.add_event("row", number=i * 200 + k)


def links(span, i):
    for k in range(200):
        span.add_link(SpanContext(i + 1, k + 1, 1, f"vendor={i}x{k}"), {"n": k})


def tracestates(span, i):
    span.add_link(SpanContext(i + 1, 1, 1, f"vendor={i}" + "x" * 100_000))


def descriptions(span, i):
    span.set_status("error", f"{i}" + "d" * 100_000)


def names(span, i):
    span.update_name(f"{i}" + "n" * 100_000)


SMALL = (nothing, one_attribute, tracestates, names)
SHAPES = [
    nothing,
    one_attribute,
    short_attributes,
    long_attributes,
    wide_characters,
    sequences,
    failures,
    events,
    links,
    tracestates,
    descriptions,
    names,
]


@pytest.mark.parametrize("fill", SHAPES, ids=lambda fill: fill.__name__)
@pytest.mark.parametrize("exporters", [1, 2], ids=["alone", "beside another"])
def test_what_waits_for_an_exporter(fill, exporters):
    mine, stuck = Tracing("exporter"), [Stuck() for _ in range(exporters)]
    subscriptions = [mine.add_exporter(one, max_bytes=LIMIT, delay=0.01) for one in stuck]
    mine.span("warm").__enter__().end()
    assert all(one.begun.wait(20) for one in stuck)

    def step(i):
        with mine.span("query") as span:
            fill(span, i)

    held, made = held_by(step, fill not in SMALL)
    dropped = [subscription.stats.dropped for subscription in subscriptions]
    for one in stuck:
        one.go_on.set()
    assert mine.flush(20)
    assert held < 2 * LIMIT * exporters
    assert all(dropped)
    for subscription in subscriptions:
        stats = subscription.stats
        assert stats.exported + stats.dropped == stats.received == made + 1
    assert mine.shutdown(20)


def logs(mine, i):
    mine.log("info", f"{i}" + "m" * 3_000, body=f"{i}" + "a" * 3_000)


def log_of_numbers(mine, i):
    mine.log("info", "rows", rows=[i * 100 + k for k in range(300)])


def spans(mine, i):
    with mine.span("query", statement=f"SELECT {i}" + "c, " * 700):
        pass


def empty_spans(mine, i):
    with mine.span("q"):
        pass


def failed_spans(mine, i):
    with pytest.raises(ValueError), mine.span("q"):
        raise ValueError(f"{i}" + "x" * 5_000)


def diagnostics(mine, i):
    mine.current_span().add_event("e", {f"key {i} {k}": k for k in range(20)})


def requests(mine, i):
    url, cookies = f"https://shop.example/{i}?" + "q" * 50_000, f"{i}" + "c" * 90_000
    with mine.invocation(info=FetchEventInfo("GET", url, [("cookie", cookies)] * 300)):
        pass


def invocations(mine, i):
    with mine.invocation("job", attributes={"n": i}):
        pass


def mails(mine, i):
    info = EmailEventInfo(f"{i}" + "a" * 50_000, f"{i}" + "b" * 50_000, 3)
    with mine.invocation("job", info=info):
        pass


def custom(mine, i):
    with mine.invocation("job", info=CustomEventInfo(f"{i}" + "\U0001f600" * 50_000)):
        pass


QUICK = (empty_spans, invocations)
STREAMS = [
    logs,
    log_of_numbers,
    spans,
    empty_spans,
    failed_spans,
    diagnostics,
    requests,
    invocations,
    mails,
    custom,
]


@pytest.mark.parametrize("happens", STREAMS, ids=lambda happens: happens.__name__)
def test_what_waits_for_a_background_tail(happens):
    mine, stuck = Tracing("background"), Stuck()
    mine.configure(limits=Limits(queue_bytes=LIMIT, span_bytes=SPAN))
    subscription = mine.add_tail(stuck)
    mine.span("warm").__enter__().end()
    assert stuck.begun.wait(20)
    with mine.invocation("main"):
        held, _ = held_by(lambda i: happens(mine, i), happens not in QUICK)
    dropped = subscription.stats.dropped
    stuck.go_on.set()
    assert mine.shutdown(20)
    assert held < 2 * LIMIT
    assert dropped


@pytest.mark.parametrize("happens", STREAMS[:6], ids=lambda happens: happens.__name__)
def test_what_waits_for_an_inline_tail_that_another_thread_has_called(happens):
    mine, begun, go_on = Tracing("inline"), threading.Event(), threading.Event()
    mine.configure(limits=Limits(queue_bytes=LIMIT, span_bytes=SPAN))
    seen = []

    def handle(event):
        seen.append(event)
        if event.event.type == "log" and event.event.message == "wait":
            begun.set()
            go_on.wait(60)

    subscription = mine.add_tail(lambda onset: handle, delivery="inline")
    with mine.invocation("main"):
        slow = threading.Thread(target=mine.propagate(lambda: mine.log("info", "wait")))
        slow.start()
        assert begun.wait(20)
        held, _ = held_by(lambda i: happens(mine, i), happens not in QUICK)
        dropped = subscription.stats.dropped
        go_on.set()
        slow.join(20)
    assert held < 2 * LIMIT
    assert dropped
    assert seen[-1].event.type == "outcome"
    assert seen[-2].event.diagnostic.count == dropped
    assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))


def test_a_thread_does_not_deliver_for_others_without_end():
    """It leaves when it has delivered its share; the rest comes with a flush, or the next event."""
    mine, begun, go_on, seen = Tracing("share"), threading.Event(), threading.Event(), []

    def handle(event):
        seen.append(event.event)
        if event.event.type == "log" and event.event.message == "first":
            begun.set()
            go_on.wait(60)

    subscription = mine.add_tail(lambda onset: handle, delivery="inline")
    with mine.invocation("main"):
        first = threading.Thread(target=mine.propagate(lambda: mine.log("info", "first")))
        first.start()
        assert begun.wait(20)
        for _ in range(1_500):
            mine.log("info", "other")
        go_on.set()
        first.join(20)
        assert len(seen) == 1_001
        assert mine.flush(20)
        assert len(seen) == 1_501
    assert seen[-1].type == "outcome"
    assert subscription.stats.dropped == 0


@pytest.mark.parametrize("fill", SHAPES, ids=lambda fill: fill.__name__)
def test_what_a_min_duration_holds_back(fill):
    mine = Tracing("held back")
    mine.configure(limits=Limits(queue_bytes=LIMIT))
    mine.add_tail(lambda onset: lambda event: None, delivery="inline")

    def step(i):
        with mine.span("query") as span:
            fill(span, i)

    found = []
    mine.traced(min_duration=1000)(lambda: found.append(held_by(step, fill not in SMALL)))()
    assert found[0][0] < 2 * LIMIT


@pytest.mark.parametrize("fill", SHAPES, ids=lambda fill: fill.__name__)
def test_what_waits_in_tail_sampling(fill):
    mine, sampling = Tracing("sampled"), TailSampling(Nothing(), max_bytes=LIMIT, failed=False)
    mine.add_exporter(sampling, delay=0.01)
    with mine.invocation("main"):

        def step(i):
            with mine.span("query") as span:
                fill(span, i)
            if i % 50 == 0 or fill not in SMALL:  # what waits for the worker is no part of it
                mine.flush(20)

        held, _ = held_by(step, fill not in SMALL)
    assert mine.shutdown(20)
    assert held < 2 * LIMIT
    assert sampling.stats.over_limit


def test_what_tail_sampling_knows_of_invocations_that_never_end(monkeypatch):
    """One entry for each, and no more than some thousands of them."""
    monkeypatch.setattr("enterspan.sampling._UNDECIDED_MOST", 20)
    mine, sampling = Tracing("never ends"), TailSampling(Nothing(), max_spans=5)
    mine.add_exporter(sampling)
    open_ones = []
    for _ in range(200):
        open_ones.append(mine.invocation("open"))
        contextvars.Context().run(lambda: open_ones[-1].__enter__() and mine.start_span("x").end())
    assert mine.flush(20)
    assert sampling.stats.over_limit == 195
    assert len(sampling._emptied) == 20


def test_what_tail_sampling_knows_takes_less_than_the_page_says():
    """Decisions, and invocations of which no span waits: of each kind as many as it keeps."""
    mine, sampling = Tracing("known"), TailSampling(Nothing(), max_spans=1)
    mine.add_exporter(sampling)
    contexts = [contextvars.Context() for _ in range(10_100)]
    for context in contexts:
        context.run(lambda: mine.invocation("open").__enter__())
    tracemalloc.start()
    for number, context in enumerate(contexts):
        context.run(lambda: mine.start_span("inside").end())
        contextvars.Context().run(lambda: mine.start_span("alone").end())
        if number % 500 == 0:
            assert mine.flush(20)
    assert mine.flush(20)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(sampling._emptied) == len(sampling._decided) == 10_000
    assert held < 8_388_608
