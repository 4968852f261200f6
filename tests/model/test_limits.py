"""What is too large is cut or counted, and never ends anything."""

from __future__ import annotations

import dataclasses
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enterspan import Limits, Tracing
from enterspan._span.details import Details, _spent_by
from enterspan.testing import capture

WARNING = ("enterspan.warning.type", "enterspan.warning.message")
SMALL = Limits(name_bytes=8, value_bytes=16, span_bytes=400, event_bytes=20, queue_bytes=2000)


def size(text):
    return len(text.encode())


def test_the_defaults_are_those_that_are_promised():
    assert Limits() == Limits(
        name_bytes=256,
        value_bytes=16_384,
        span_bytes=65_536,
        event_bytes=262_144,
        queue_bytes=2_097_152,
    )


def test_limits_are_a_frozen_dataclass():
    assert dataclasses.is_dataclass(Limits)
    assert dataclasses.replace(Limits(), name_bytes=10).name_bytes == 10
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().name_bytes = 3
    assert hash(Limits()) == hash(Limits())


NUMBERS = [f.name for f in dataclasses.fields(Limits) if f.name != "value_bytes_of"]


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize(
    "value,error",
    [(0, ValueError), (-1, ValueError), ("1", TypeError), (1.0, TypeError), (True, TypeError)],
)
def test_a_limit_that_makes_no_sense_is_an_error(field, value, error):
    with pytest.raises(error, match=field):
        Limits(**{field: value})


def test_names_are_cut(mine):
    """Of spans, invocations, attributes and events; on the stream and in records."""
    mine.configure(limits=SMALL)
    long = "n" * 1000
    with capture(mine) as trace, mine.invocation(long, attributes={long: 1}):
        with mine.span(long, {long: 2}) as span:
            span.set_attribute(long + "x", 3).add_event(long, {long: 4})
        with mine.span("x") as renamed:
            renamed.update_name(long)
        mine.traced(long)(lambda: None)()
        mine.enter_span(long, lambda span: None)
        mine.start_span(long).end()
    assert {s.name for s in trace.spans} == {"n" * 8}
    assert {t.event.name for t in trace.events if t.event.type == "spanOpen"} == {"n" * 8, "x"}
    assert trace.spans[0].attributes == {"n" * 8: 3}
    assert trace.spans[0].events[0].name == "n" * 8
    assert trace.spans[0].events[0].attributes == {"n" * 8: 4}
    assert trace.events[0].event.name == "n" * 8
    assert trace.events[0].event.attributes[0].name == "n" * 8


def test_a_value_is_cut(mine):
    mine.configure(limits=SMALL)
    with capture(mine) as trace, mine.span("s", a="x" * 1000) as span:
        span.set_attribute("b", "y" * 1000).set_attribute("c", ["z" * 10] * 10)
        span.set_attribute("d", object()).set_attribute("e", b"x" * 1000)
        span.set_attribute("f", list(range(1000))).set_status("error", "w" * 1000)
    data = trace.spans[0]
    assert data.attributes["a"] == "x" * 16
    assert data.attributes["b"] == "y" * 16
    assert data.attributes["c"] == ("z" * 10, "z" * 6)
    assert data.attributes["d"] == "<object object a"
    assert size(data.attributes["e"]) == 16
    assert len(data.attributes["f"]) <= 16
    assert data.status_description == "w" * 16


@pytest.mark.parametrize("character", ["é", "€", "🙂", "a\u0301"])
@pytest.mark.parametrize("limit", range(1, 12))
def test_a_text_is_never_cut_in_the_middle_of_a_character(mine, character, limit):
    mine.configure(limits=Limits(value_bytes=limit))
    with capture(mine) as trace, mine.span("s", k=character * 20):
        pass
    value = trace.spans[0].attributes["k"]
    assert size(value) <= limit
    assert (character * 20).startswith(value)
    assert "\ufffd" not in value
    assert limit - size(value) < size(character)


def test_once_the_total_of_a_span_is_spent_the_rest_is_counted_and_said_once(mine):
    mine.configure(limits=Limits(span_bytes=1000))
    with capture(mine) as trace, mine.span("s") as span:
        for n in range(100):
            span.set_attribute(f"k{n:02}", "x" * 100)
        span.add_event("e", {"k": "x" * 500})
        span.add_link(span.context, {"k": "x" * 500})
        span.record_exception(ValueError("x" * 500))
    data = trace.spans[0]
    kept = [k for k in data.attributes if k not in WARNING]
    assert kept == [f"k{n:02}" for n in range(9)]
    assert data.dropped_attributes == 91
    assert data.dropped_events == 2
    assert data.dropped_links == 1
    assert (data.events, data.links) == ((), ())
    assert data.attributes[WARNING[0]] == "span_data_limit_exceeded"
    assert "1000 bytes" in data.attributes[WARNING[1]]
    stream = [t.event for t in trace.events if t.event.type == "attributes"]
    assert [a.name for a in stream[0].info] == [*kept, *WARNING]


@pytest.mark.parametrize("form", ["block", "mapping", "start", "invocation", "set"])
def test_attributes_that_a_span_starts_with_count_too(mine, form):
    mine.configure(limits=Limits(span_bytes=1000))
    many = {f"k{n:03}": "x" * 90 for n in range(100)}
    with capture(mine) as trace:
        if form == "block":
            with mine.span("s", **many):
                pass
        elif form == "mapping":
            with mine.span("s", many):
                pass
        elif form == "start":
            mine.start_span("s", many).end()
        elif form == "invocation":
            with mine.invocation("s", attributes=many):
                pass
        else:
            with mine.span("s") as span:
                span.set_attributes(many)
    data = trace.spans[0]
    assert len(data.attributes) == 10 + 2
    assert data.dropped_attributes == 90
    assert data.attributes[WARNING[0]] == "span_data_limit_exceeded"


def test_short_attributes_without_end_are_bounded_too(mine):
    """The quick way is measured as well."""
    mine.configure(limits=Limits(span_bytes=5000))
    with capture(mine) as trace, mine.span("s") as span:
        for n in range(10_000):
            span.set_attribute(f"k{n}", n)
            span.set_attribute("same", n)
    data = trace.spans[0]
    assert 100 < len(data.attributes) < 1000
    assert data.attributes["same"] == 9999
    assert len(data.attributes) - 2 + data.dropped_attributes == 10_001
    assert WARNING[0] in data.attributes


def test_an_attribute_set_again_and_again_spends_once(mine):
    mine.configure(limits=Limits(span_bytes=2000))
    with capture(mine) as trace, mine.span("s") as span:
        for n in range(1000):
            span.set_attribute("k", "é" * (n % 300))
    data = trace.spans[0]
    assert dict(data.attributes) == {"k": "é" * (999 % 300)}
    assert data.dropped_attributes == 0


def test_an_oversized_log_is_cut_and_says_so(mine):
    mine.configure(limits=Limits(event_bytes=20))
    with capture(mine) as trace, mine.span("s"):
        mine.log("info", "x" * 20)
        mine.log("info", "x" * 21)
        mine.log("info", "€" * 10)
        mine.log("info", "🙂" * 5)
    logs = [t.event for t in trace.events if t.event.type == "log"]
    assert [(line.message, line.truncated) for line in logs] == [
        ("x" * 20, False),
        ("x" * 20, True),
        ("€" * 6, True),
        ("🙂" * 5, False),
    ]


def test_nothing_oversized_ends_a_stream(mine):
    huge = "é" * 5_000_000
    with capture(mine) as trace, mine.invocation(huge, attributes={huge: huge}):
        with pytest.raises(ValueError), mine.span(huge, {huge: huge}) as span:
            mine.log(huge, huge, k=huge)
            span.add_event(huge, {huge: huge})
            span.add_link(span.context, {huge: huge})
            span.set_status("error", huge)
            raise ValueError(huge)
    assert trace.events[-1].event.type == "outcome"
    limits = Limits()
    for event in trace.events:
        text = json.dumps(event.to_dict(), ensure_ascii=False)
        assert size(text) < limits.event_bytes + limits.span_bytes + 1000
    for data in trace.spans:
        assert size(data.name) <= limits.name_bytes


def test_new_limits_count_from_the_next_span(mine):
    with capture(mine) as trace:
        mine.configure(limits=Limits(value_bytes=4))
        with mine.span("a", k="123456"):
            pass
        mine.configure(limits=None)
        with mine.span("b", k="123456"):
            pass
    assert [s.attributes["k"] for s in trace.spans] == ["1234", "123456"]


def test_thousands_of_events_on_one_span_are_bounded(mine):
    with capture(mine) as trace, mine.span("s") as span:
        for _ in range(20_000):
            span.add_event("e")
    data = trace.spans[0]
    assert len(data.events) + data.dropped_events == 20_000
    assert len(data.events) < 3000


def test_exceptions_without_end_on_one_span_are_bounded(mine):
    with capture(mine) as trace, mine.span("s") as span:
        for _ in range(300):
            span.record_exception(ValueError("x" * 1000))
    data = trace.spans[0]
    assert len(data.events) + data.dropped_events == 300
    assert len(data.events) < 100


@pytest.mark.parametrize(
    "given,error",
    [
        (3, TypeError),
        ([("a", 3)], TypeError),
        ({1: 3}, TypeError),
        ({"a": "3"}, TypeError),
        ({"a": True}, TypeError),
        ({"a": 0}, ValueError),
    ],
)
def test_limits_of_names_that_make_no_sense_are_an_error(given, error):
    with pytest.raises(error, match="value_bytes_of"):
        Limits(value_bytes_of=given)


def test_limits_with_names_are_values_too():
    """They compare, hash, pickle and repr, and later changes of the mapping don't count."""
    given = {"prompt": 30_000}
    limits = Limits(value_bytes_of=given)
    given["prompt"] = 1
    assert limits == Limits(value_bytes_of={"prompt": 30_000}) != Limits()
    assert hash(limits) == hash(Limits(value_bytes_of={"prompt": 30_000}))
    assert pickle.loads(pickle.dumps(limits)) == limits
    assert dataclasses.replace(limits, name_bytes=9).value_bytes_of == {"prompt": 30_000}
    with pytest.raises(TypeError):
        limits.value_bytes_of["prompt"] = 1


def of_tail(trace, name="s"):
    """The attributes of a span as its tail got them."""
    (opened,) = [e.event.span_id for e in trace.events if getattr(e.event, "name", "") == name]
    return {
        pair.name: pair.value
        for e in trace.events
        if e.event.type == "attributes" and e.span_context.span_id == opened
        for pair in e.event.info
    }


def test_an_attribute_may_have_a_limit_of_its_own(mine):
    """In every form; what it takes does not count for the span's total."""
    mine.configure(limits=Limits(value_bytes_of={"prompt": 200_000, "note": 5, "n": 8}))
    texts = {"prompt": "p" * 150_000, "note": "n" * 10, "other": "o" * 30_000}
    with capture(mine) as trace:
        with mine.span("first", texts):
            pass
        with mine.span("later") as span:
            span.set_attributes(texts)
            span.set_attribute("prompt", "p" * 300_000).set_attribute("n", 7)
            span.set_attributes({f"rest{n}": "r" * 16_000 for n in range(4)})
        with mine.invocation("root", attributes=texts):
            pass
    first, later, root = trace.spans
    assert first.attributes["prompt"] == root.attributes["prompt"] == "p" * 150_000
    assert first.attributes["note"] == later.attributes["note"] == "nnnnn"
    assert first.attributes["other"] == "o" * 16_384
    cut = ("note: 10 characters", "other: 30000 characters")
    assert first.attributes["enterspan.cut"] == root.attributes["enterspan.cut"] == cut
    assert later.attributes["prompt"] == "p" * 200_000
    assert later.attributes["enterspan.cut"] == (*cut, "prompt: 300000 characters")
    assert (later.attributes["n"], later.dropped_attributes) == (7, 1)
    assert [name for name in later.attributes if name.startswith("rest")] == [
        "rest0", "rest1", "rest2",
    ]  # fmt: skip


def test_what_has_a_limit_of_its_own_never_counts_for_the_total(mine):
    """Neither short, as most values are, nor replaced."""
    mine.configure(limits=Limits(span_bytes=1_000, value_bytes_of={"prompt": 10_000}))
    rest = {f"rest{n}": "r" * 240 for n in range(4)}
    with capture(mine) as trace:
        with mine.span("s") as span:
            span.set_attribute("prompt", "p" * 200).set_attribute("first", 1)
            span.set_attributes(rest).set_attribute("prompt", "p" * 9_000)
        with mine.span("e") as span:
            span.set_attribute("prompt", "p" * 200)
            for _ in range(30):
                span.add_event("e")
    one, other = trace.spans
    assert one.attributes == {"prompt": "p" * 9_000, "first": 1, **rest}
    assert (one.dropped_attributes, other.dropped_events) == (0, 0)


def test_events_and_logs_have_no_limits_by_name(mine):
    """They go to live tails at once, whatever exporters keep."""
    mine.configure(limits=Limits(value_bytes_of={"prompt": 30_000}))
    with capture(mine) as trace, mine.span("s") as span:
        span.add_event("e", prompt="p" * 20_000)
    assert len(trace.spans[0].events[0].attributes["prompt"]) == 16_384


@pytest.mark.parametrize(
    "limits",
    [
        Limits(value_bytes_of={"prompt": 100_000, "many": 100_000}),
        Limits(value_bytes=100_000, span_bytes=1_000_000, queue_bytes=10_000_000),
    ],
)
def test_exporters_get_more_than_live_tails(mine, limits):
    """A tail gets `tail_value_bytes` of a value, JSON as JSON, and is told."""
    mine.configure(limits=limits)
    messages = [{"role": "user", "content": "x" * 900}] * 50
    many = ["y" * 1000] * 50
    with capture(mine) as trace, mine.span("s", prompt=messages, many=many, short="z" * 300):
        pass
    whole, shown = trace.spans[0].attributes, of_tail(trace)
    assert json.loads(whole["prompt"]) == messages
    assert (len(whole["many"]), whole["short"], "enterspan.cut" in whole) == (50, "z" * 300, False)
    assert size(shown["prompt"]) <= 16_384
    assert json.loads(shown["prompt"])[:17] == messages[:17]
    assert (len(shown["many"]), shown["short"]) == (17, "z" * 300)
    assert shown["enterspan.cut"] == (
        f"prompt: {len(whole['prompt'])} characters",
        "many: 50 items",
    )


def test_only_what_is_there_is_called_cut(mine):
    """Not what was replaced or left out since, nor a text whose surrogates became a character."""
    mine.configure(limits=Limits(value_bytes=100, span_bytes=300))
    with capture(mine) as trace:
        with mine.span("s", note="n" * 200, other="o" * 300) as span:
            span.set_attribute("note", "short").set_attribute("pair", "\ud83d\ude00")
        with mine.span("t", note="n" * 200) as span:
            span.set_attribute("note", "n" * 400)
        with mine.span("u", note="n" * 200) as span:
            span.set_attribute("note", "short")
        with mine.span("v") as span:
            span.set_attributes({key: key * 150 for key in "abc"})
        with mine.span("w", {"enterspan.cut": ()}) as span:
            span.set_attribute("a", "a" * 150)
    told = {span.name: span.attributes.get("enterspan.cut") for span in trace.spans}
    assert told == {
        "s": ("other: 300 characters",),
        "t": ("note: 400 characters",),
        "u": None,
        "v": ("a: 150 characters", "b: 150 characters"),
        "w": ("a: 150 characters",),
    }
    assert trace.find("s").attributes["pair"] == "\U0001f600"
    assert trace.find("v").dropped_attributes == 1


KEYS = st.sampled_from(["a", "b", "prompt", "enterspan.cut", ""]) | st.text(max_size=9)
SHORT = st.text(max_size=9) | st.integers(0, 400).map("x".__mul__)
VALUES = SHORT | st.integers(-(2**65), 2**65) | st.booleans() | st.floats() | st.none()
VALUES |= st.lists(SHORT, max_size=3)
PAIRS = st.dictionaries(KEYS, VALUES, max_size=6)
STEPS = st.lists(st.tuples(KEYS, VALUES) | PAIRS, max_size=12)
ANY_LIMITS = st.builds(
    Limits,
    name_bytes=st.integers(1, 80),
    value_bytes=st.integers(1, 300),
    span_bytes=st.integers(1, 2_000),
    attributes=st.integers(1, 40),
    value_bytes_of=st.none()
    | st.dictionaries(st.sampled_from(["a", "prompt"]), st.integers(1, 500)),
)


def kept_of(limits, first, steps, *, closely):
    """What a span has of attributes, and has spent; *closely*, each takes the longest way."""
    tracing = Tracing("kept")
    tracing.configure(limits=limits)
    with pytest.MonkeyPatch.context() as patch, capture(tracing):
        if closely:
            tracing._tracer.easy_key = -1
            patch.setattr("enterspan._model.values.easy_size", lambda *_: None)
            patch.setattr("enterspan._span.details.easy_size", lambda *_: None)
            patch.setattr("enterspan._model.values.Bag.put_all", put_each)
        with tracing.span("s", first) as span:
            for step in steps:
                if isinstance(step, dict):
                    span.set_attributes(step)
                else:
                    span.set_attribute(*step)
            details = span._details or Details()
            values = dict(span._attributes or {})
            return (
                list(map(repr, values.items())),
                details.dropped_attributes,
                _spent_by(span, details),
            )


def put_each(bag, pairs, limits):
    for key, value in pairs:
        if value is not None:
            bag.put(key, value, limits)


@given(limits=ANY_LIMITS, first=st.none() | PAIRS, steps=STEPS)
def test_the_short_ways_and_the_long_one_record_the_same(limits, first, steps):
    """The same values in the same order, dropped ones and bytes spent."""
    closely = kept_of(limits, first, steps, closely=True)
    assert kept_of(limits, first, steps, closely=False) == closely


def test_a_tail_is_told_the_first_length_of_what_was_cut_twice(mine):
    mine.configure(limits=Limits(value_bytes_of={"prompt": 1_000}, tail_value_bytes=100))
    with capture(mine) as trace:
        with mine.span("s", prompt="p" * 5_000):
            pass
        with mine.invocation("i", attributes={"prompt": "p" * 5_000}):
            pass
    assert len(trace.spans[0].attributes["prompt"]) == 1_000
    assert of_tail(trace) == {"prompt": "p" * 100, "enterspan.cut": ("prompt: 5000 characters",)}
    for onset in (e.event for e in trace.events if e.event.type == "onset"):
        assert all(size(str(pair.value)) <= 100 for pair in onset.attributes)
