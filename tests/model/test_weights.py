"""A weight is what the thing takes, and what is queued without being weighed weighs no more."""

from __future__ import annotations

import gc
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enterspan import CustomEventInfo, FetchEventInfo, Limits, SpanContext, Tracing
from enterspan._model.limits import EASY_ATTRIBUTES, EASY_KEY, EASY_NAME, EASY_TEXT, LONG_NAME
from enterspan._model.weights import BARE, is_bare, weight_of_record, weight_of_span
from enterspan._span.finished import record_of

TEXTS = st.text(max_size=2_000) | st.integers(0, 2_000).map(lambda n: "a" * n + "\U0001f375")
VALUES = TEXTS | st.integers() | st.floats() | st.booleans() | st.lists(TEXTS, max_size=3)
LINK = SpanContext(1, 2, 1, "", True)


class Exporter:
    """An exporter that does nothing."""

    def export(self, spans):
        pass

    def shutdown(self):
        pass


class Kept:
    """A span's weight, taken while it has all of it."""

    def __init__(self, tracing):
        self.tracing = tracing

    def weigh(self, work):
        span = self.tracing.start_span("x" * 252 + "\U0001f375")
        work(span)
        return is_bare(span), weight_of_span(span)


@pytest.fixture(scope="module")
def kept():
    tracing = Tracing("weighed")
    with tracing.add_exporter(Exporter()):
        yield Kept(tracing)


@given(
    attributes=st.dictionaries(st.text(max_size=100), VALUES, max_size=40),
    events=st.lists(st.text(max_size=300), max_size=6),
    description=TEXTS,
)
def test_what_is_called_bare_weighs_no_more_than_that(kept, attributes, events, description):
    def work(span):
        span.set_kind("server").set_attributes(attributes).set_status("error", description)
        for name in events:
            span.add_event(name)

    is_called_bare, weight = kept.weigh(work)
    assert weight <= BARE or not is_called_bare


@pytest.mark.parametrize(
    "work,expected",
    [
        (lambda span: span, True),
        (lambda span: span.set_kind("server"), True),
        (lambda span: span.set_kind("server").set_attribute("a", "b" * 1_000), True),
        (lambda span: span.set_kind("server").set_attribute("a", "b" * 2_000), False),
        (lambda span: span.set_kind("server").set_attribute("a", [""] * 1_000), False),
        (lambda span: span.set_status("error", "x" * 513), False),
        (lambda span: span.add_event("answered"), True),
        (lambda span: span.add_event("answered", n=1), False),
        (lambda span: [span.add_event("answered") for _ in range(5)], False),
        (lambda span: span.add_link(LINK), False),
    ],
)
def test_a_request_as_usual_is_bare_and_what_may_be_large_is_not(kept, work, expected):
    assert kept.weigh(work)[0] is expected


@pytest.mark.parametrize("later", [Limits(value_bytes_of={"prompt": 1_000_000}), Limits()])
@pytest.mark.parametrize("size, expected", [(1_000, True), (2_000, False), (600_000, False)])
def test_what_counts_for_no_total_weighs_as_well(size, expected, later):
    """Values with limits of their own: what was recorded counts, whatever the limits are by now."""
    tracing = Tracing("own")
    tracing.configure(limits=Limits(value_bytes_of={"prompt": 1_000_000}))
    with tracing.add_exporter(Exporter()):
        first = tracing.start_span("first", prompt="p" * size)
        set_later = tracing.start_span("later").set_kind("client")
        set_later.set_attribute("prompt", "p" * size)
        tracing.configure(limits=later)
        for span in (first, set_later):
            assert is_bare(span) is expected
            assert weight_of_span(span) <= BARE or not expected


def test_the_largest_spans_that_nothing_is_asked_of_are_bare(kept):
    """The hot path queues spans without details as they are: easy attributes, and a long name."""

    def easy(span):
        for n in range(EASY_ATTRIBUTES):
            span.set_attribute(f"{n:02}".ljust(EASY_KEY, "k"), f"{n:02}".ljust(EASY_TEXT, "v"))
        assert span._details is None

    is_called_bare, weight = kept.weigh(easy)
    assert is_called_bare
    assert weight <= BARE - 4 * (LONG_NAME - EASY_NAME)


@pytest.mark.parametrize("way", ["start_span", "span", "update_name"])
def test_no_span_with_a_long_name_is_queued_unweighed(way):
    """Where the limits let names be long, and however the span came to its name."""
    mine, begun, go_on = Tracing("long names"), threading.Event(), threading.Event()

    class Stuck(Exporter):
        def export(self, spans):
            begun.set()
            go_on.wait(60)

    limit = 4_194_304
    subscription = mine.add_exporter(Stuck(), max_bytes=limit, delay=0.01)
    mine.configure(limits=Limits(name_bytes=1_048_576))
    mine.start_span("warm").end()
    assert begun.wait(20)

    def step(number):
        name = f"{number}".ljust(1_000_000, "n")
        if way == "start_span":
            mine.start_span(name).end()
        elif way == "span":
            with mine.span(name):
                pass
        else:
            mine.start_span("short").update_name(name).end()

    held = taken(step, 60)[0]
    assert subscription.stats.dropped > 50
    go_on.set()
    assert mine.shutdown(20)
    assert limit / 4 < held < limit


def taken(make, times):
    """The bytes that are held after so many calls of *make*, and what it returned."""
    kept_here = [None] * times
    make(-1)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(times):
            kept_here[number] = make(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0], kept_here
    finally:
        tracemalloc.stop()


CHARACTERS = {"ascii": "a", "latin-1": "\xe9", "bmp": "\u4e2d", "astral": "\U0001f375"}


def text(number, character, length):
    return f"{number:07}" + character * length


SHAPES = {
    "nothing": lambda span, i: None,
    "int": lambda span, i: span.set_attribute("k", 1_000_000 + i),
    "float": lambda span, i: span.set_attribute("k", i + 0.5),
    "bool": lambda span, i: span.set_attribute("k", True),
    "ints": lambda span, i: span.set_attribute("k", [i * 100 + n + 1_000 for n in range(100)]),
    "floats": lambda span, i: span.set_attribute("k", [i + n / 128 for n in range(100)]),
    "texts": lambda span, i: span.set_attribute("k", [f"{i} {n}" for n in range(100)]),
    "many": lambda span, i: [span.set_attribute(f"k{n}", i * 1000 + n) for n in range(100)],
    "event": lambda span, i: span.add_event("e"),
    "events": lambda span, i: [span.add_event("e") for _ in range(100)],
    "events with": lambda span, i: [span.add_event(f"{i} {n}", n=i + 999) for n in range(100)],
    "links": lambda span, i: [span.add_link(context_of(i, n, "")) for n in range(100)],
    "links with": lambda span, i: [
        span.add_link(context_of(i, n, f"vendor={i}x{n}"), {"n": i + 999}) for n in range(100)
    ],
    "exception": lambda span, i: span.record_exception(ValueError(f"{i}")),
    "description": lambda span, i: span.set_status("error", text(i, "d", 3_000)),
    **{
        f"{what} in {kind}": lambda span, i, put=put, c=character: put(span, i, c)
        for kind, character in CHARACTERS.items()
        for what, put in {
            "a value": lambda span, i, c: span.set_attribute("k", text(i, c, 5_000)),
            "a short value": lambda span, i, c: span.set_attribute("k", text(i, c, 50)),
            "a key": lambda span, i, c: span.set_attribute(text(i, c, 500), 1),
            "a name": lambda span, i, c: span.update_name(text(i, c, 500)),
            "a list": lambda span, i, c: span.set_attribute(
                "k", [text(i * 100 + n, c, 50) for n in range(50)]
            ),
        }.items()
    },
}


def context_of(i, n, state):
    return SpanContext((i + 2) << 70, (n + 1) << 40, 1, state, True)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_span_and_its_record_weigh_what_they_take(shape):
    """Between a half and one and a quarter of the weight, whatever is on it."""
    mine = Tracing("calibrated")
    mine.configure(limits=Limits(name_bytes=2_048, span_bytes=1_048_576, value_bytes=65_536))
    with mine.add_exporter(Exporter()), mine.invocation("main"):

        def span(number):
            made = mine.start_span("q")
            SHAPES[shape](made, number)
            return made

        def record(number):
            made = span(number)
            found = record_of(made)
            made.end()
            if number == 99:
                mine.flush(10)
            return found

        held, spans = taken(span, 100)
        assert 0.5 < held / sum(map(weight_of_span, spans)) < 1.25
        held, records = taken(record, 100)
        assert 0.5 < held / sum(map(weight_of_record, records)) < 1.25


EVENTS = {
    "span": lambda mine, i: mine.start_span("q").end(),
    "named": lambda mine, i: mine.start_span(text(i, "n", 200)).end(),
    "exception": lambda mine, i: mine.current_span().record_exception(ValueError(f"{i}")),
    "diagnostic": lambda mine, i: mine.current_span().add_event("e", {f"k{i}": i + 999}),
    "ints": lambda mine, i: mine.log("info", "rows", n=[i * 100 + k for k in range(300)]),
    "request": lambda mine, i: request(mine, i),
    "invocation": lambda mine, i: invocation(mine),
    "info": lambda mine, i: invocation(mine, info=CustomEventInfo(text(i, "i", 9_000))),
    **{
        f"log in {kind}": lambda mine, i, c=character: mine.log(
            "info", text(i, c, 500), body=text(i, c, 500)
        )
        for kind, character in CHARACTERS.items()
    },
}


def request(mine, i):
    headers = [(f"x-{n}", text(i * 100 + n, "v", 50)) for n in range(20)]
    info = FetchEventInfo("GET", f"https://shop.example/{i}", headers)
    invocation(mine, info=info)


def invocation(mine, **options):
    with mine.invocation("job", **options):
        pass


@pytest.mark.parametrize("kind", EVENTS)
def test_what_waits_for_a_tail_weighs_what_it_takes(kind):
    """Onsets with their infos, openings, attributes, logs, and what ends."""
    mine, begun, go_on = Tracing("calibrated"), threading.Event(), threading.Event()

    def tail(onset):
        begun.set()
        go_on.wait(60)

    mine.configure(limits=Limits(queue_bytes=1 << 30, span_bytes=1))
    subscription = mine.add_tail(tail)
    mine.start_span("warm").end()
    assert begun.wait(20)
    queue = subscription.worker.queue
    with mine.invocation("main"):
        EVENTS[kind](mine, -2)
        before = queue.bytes
        held = taken(lambda i: EVENTS[kind](mine, i), 100)[0]
        weight = (queue.bytes - before) * 100 / 101
    go_on.set()
    assert mine.shutdown(20)
    assert 0.4 < held / weight < 1.25
