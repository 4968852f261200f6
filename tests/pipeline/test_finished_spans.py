"""What a finished span says."""

from __future__ import annotations

import dataclasses
import os
import pickle
import time
import uuid

import pytest

import enterspan as e
from enterspan.testing import capture


def test_a_finished_span_says_who_it_is_and_where_it_belongs(mine):
    before = time.time_ns()
    with capture(mine) as trace, mine.invocation("main") as invocation, mine.span("s", a=1) as span:
        time.sleep(0.002)
    after = time.time_ns()
    data = trace.find("s")
    root = trace.find("main")
    assert data == e.SpanData(
        name="s",
        context=span.context,
        parent_span_id=root.context.span_id,
        start_ns=data.start_ns,
        end_ns=data.end_ns,
        attributes={"a": 1},
        events=(),
        links=(),
        status="unset",
        status_description="",
        outcome="ok",
        invocation_id=invocation.id,
        kind="internal",
        scope="mine",
        resource=data.resource,
        dropped_attributes=0,
        dropped_events=0,
        dropped_links=0,
    )
    slack = 1_000_000_000
    assert before - slack < root.start_ns <= data.start_ns < data.end_ns <= root.end_ns
    assert root.end_ns < after + slack
    assert data.duration_ns >= 2_000_000
    assert root.parent_span_id is None


def test_a_record_is_immutable_and_can_be_pickled(mine):
    with capture(mine) as trace, mine.span("s", a=[1, 2]) as span:
        span.add_event("e", k="v").add_link(e.SpanContext(1, 2), {"x": 1})
    (data,) = trace.spans
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "x"
    with pytest.raises(TypeError):
        data.attributes["a"] = 2
    with pytest.raises(TypeError):
        data.events[0].attributes["a"] = 2
    with pytest.raises(TypeError):
        data.links[0].attributes["a"] = 2
    assert pickle.loads(pickle.dumps(data)) == data
    assert [f.name for f in dataclasses.fields(data)][:3] == ["name", "context", "parent_span_id"]


@pytest.mark.parametrize(
    "info,kind",
    [
        (None, "internal"),
        (e.FetchEventInfo("GET", "http://x"), "server"),
        (e.ConnectEventInfo(), "server"),
        (e.RpcEventInfo("m"), "server"),
        (e.WebSocketEventInfo("message"), "server"),
        (e.QueueEventInfo("q", 1), "consumer"),
        (e.EmailEventInfo("a", "b", 1), "consumer"),
        (e.TraceEventInfo([]), "internal"),
        (e.TestEventInfo("t"), "internal"),
        (e.CustomEventInfo("c"), "internal"),
    ],
    ids=str,
)
def test_the_kind_comes_from_what_the_invocation_is_about(mine, info, kind):
    with capture(mine) as trace, mine.invocation("main", info=info), mine.span("child"):
        pass
    assert trace.find("main").kind == kind
    assert trace.find("child").kind == "internal"


@pytest.mark.parametrize("kind", ["internal", "server", "client", "producer", "consumer"])
def test_a_kind_can_be_set(mine, kind):
    with capture(mine) as trace, mine.span("s") as span:
        assert span.set_kind(kind) is span
    assert trace.spans[0].kind == kind


@pytest.mark.parametrize("kind", ["", "Server", None, 3, [], "other"])
def test_a_kind_that_there_is_not_is_ignored(mine, kind):
    with capture(mine) as trace, mine.span("s") as span:
        span.set_kind("client").set_kind(kind)
    assert trace.spans[0].kind == "client"


def test_events_keep_their_order_time_and_attributes(mine):
    with capture(mine) as trace, mine.span("s") as span:
        span.add_event("one", {"a": 1}, b=2).add_event("two")
        mine.log("info", "hello", k="v")
        span.record_exception(KeyError("x"), handled=True)
    data = trace.spans[0]
    assert [event.name for event in data.events] == ["one", "two", "log", "exception"]
    assert data.events[0].attributes == {"a": 1, "b": 2}
    assert data.events[2].attributes == {
        "log.severity": "info",
        "log.message": "hello",
        "k": "v",
    }
    attributes = dict(data.events[3].attributes)
    assert "KeyError: 'x'" in attributes.pop("exception.stacktrace")
    assert attributes == {
        "exception.type": "KeyError",
        "exception.message": "'x'",
        "handled": True,
    }
    times = [event.timestamp_ns for event in data.events]
    assert times == sorted(times)
    assert data.start_ns <= times[0] <= times[-1] <= data.end_ns


def test_a_failure_is_an_event_and_an_error_status(mine):
    with capture(mine) as trace, pytest.raises(KeyError), mine.span("outer"), mine.span("inner"):
        raise KeyError("x")
    inner, outer = trace.spans
    assert [event.name for event in inner.events] == ["exception"]
    assert outer.events == ()
    for data in (inner, outer):
        assert data.status == "error"
        assert data.status_description == "KeyError: 'x'"
        assert data.outcome == "exception"


def test_an_exception_of_a_module_has_its_qualified_name(mine):
    class Own(Exception):
        pass

    with capture(mine) as trace, pytest.raises(Own), mine.span("s"):
        raise Own("x")
    assert trace.spans[0].events[0].attributes["exception.type"].endswith(".Own")
    exceptions = [t.event for t in trace.events if t.event.type == "exception"]
    assert [x.name for x in exceptions] == ["Own"]


def test_a_status_of_ones_own_stays(mine):
    with capture(mine) as trace:
        with mine.span("ok") as span:
            span.set_status("ok", "no description for ok")
        with mine.span("error") as span:
            span.set_status("error", "why")
        with pytest.raises(ValueError), mine.span("raised") as span:
            span.set_status("error", "my words")
            raise ValueError("x")
        with mine.span("nonsense") as span:
            span.set_status("fine").set_status(None).set_status(3, 4)
    told = [(s.status, s.status_description) for s in trace.spans]
    assert told == [("ok", ""), ("error", "why"), ("error", "my words"), ("unset", "")]


def test_links_take_contexts_and_spans_and_ignore_the_rest(mine):
    there = e.SpanContext(5, 6, 1, "a=1")
    with capture(mine) as trace, mine.span("other") as other, mine.span("s") as span:
        span.add_link(there, {"k": 1}).add_link(other).add_link(other.context)
        for nonsense in (None, 1, "x", e.SpanContext(0, 0), e.SpanContext("a", "b"), object()):
            span.add_link(nonsense)
    links = trace.find("s").links
    assert [link.context for link in links] == [there, other.context, other.context]
    assert links[0].attributes == {"k": 1}
    assert trace.find("s").dropped_links == 0


def test_a_resource_and_a_scope_are_on_every_span(mine):
    mine.configure(resource={"service.name": "shop", "n": 1, "none": None})
    with capture(mine) as trace, mine.span("s"):
        pass
    resource = dict(trace.spans[0].resource)
    assert resource.pop("process.pid") == os.getpid()
    assert uuid.UUID(resource.pop("service.instance.id")).version == 4
    assert resource == {"service.name": "shop", "n": 1}
    assert trace.spans[0].scope == "mine"


def test_a_renamed_span_has_its_last_name(mine):
    with capture(mine) as trace, mine.span("before") as span:
        span.update_name("after")
        assert span.name == "after"
    assert trace.spans[0].name == "after"


def test_after_the_end_nothing_is_recorded(mine):
    with capture(mine) as trace:
        with mine.span("s") as span:
            pass
        span.set_attribute("a", 1).set_attributes({"b": 2}).add_event("e").set_status("error")
        span.record_exception(ValueError()).add_link(e.SpanContext(1, 1)).set_kind("client")
        span.update_name("x").end()
    assert not span.is_traced
    (data,) = trace.spans
    assert (data.name, data.attributes, data.events, data.links) == ("s", {}, (), ())
    assert data.status == "unset"
    assert len(trace.events) == 3


@pytest.mark.parametrize(
    "value,recorded",
    [
        ("text", "text"),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (["a", "b"], ("a", "b")),
        ((1, 2), (1, 2)),
        ([1, 2.5], (1.0, 2.5)),
        ([True, False], (True, False)),
        ([], ()),
        (range(3), (0, 1, 2)),
        (2**63, str(2**63)),
        (-(2**63), -(2**63)),
        (b"x", "b'x'"),
        ({"a": 1}, '{"a": 1}'),
        ({1}, "[1]"),
        ([1, "a"], '[1, "a"]'),
        (1j, "1j"),
        (Ellipsis, "Ellipsis"),
    ],
    ids=repr,
)
def test_what_becomes_of_a_value(mine, value, recorded):
    with capture(mine) as trace:
        with mine.span("keyword", k=value):
            pass
        with mine.span("mapping", {"k": value}):
            pass
        with mine.span("set") as span:
            span.set_attribute("k", value)
    for data in trace.spans:
        assert data.attributes == {"k": recorded}, data.name
        assert type(data.attributes["k"]) is type(recorded)


def test_none_leaves_an_attribute_unset(mine):
    with capture(mine) as trace, mine.span("s", {"a": None}, b=None, c=1) as span:
        span.set_attribute("c", None).set_attributes({"d": None}, e=None).add_event("x", f=None)
    assert trace.spans[0].attributes == {"c": 1}
    assert trace.spans[0].events[0].attributes == {}


def test_a_value_that_is_changed_later_is_recorded_as_it_was(mine):
    values, mapping = ["a"], {"k": "v"}
    with capture(mine) as trace, mine.span("s", mapping, values=values) as span:
        span.add_event("e", {"values": values})
        values.append("b")
        mapping["later"] = 1
    assert trace.spans[0].attributes == {"k": "v", "values": ("a",)}
    assert trace.spans[0].events[0].attributes == {"values": ("a",)}
