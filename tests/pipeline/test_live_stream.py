"""What a tail sees of one unit of work, from its onset to its outcome."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timezone

import pytest

import enterspan as e
from enterspan.testing import capture

WHEN = datetime(2026, 11, 22, 12, 30, tzinfo=timezone.utc)


def test_a_stream_tells_everything_in_the_order_in_which_it_happened(mine, told):
    """Every event type, with its parent, and nothing else."""
    with capture(mine) as trace, mine.invocation("main", attributes={"a": 1}) as invocation:
        with mine.span("load", user_id=7) as load:
            mine.log("INFO", "hello", n=1)
            load.add_event("cache.miss", key="k")
            with pytest.raises(KeyError), mine.span("inner"):
                raise KeyError("k")
            load.record_exception(ValueError("handled"))
        invocation.set_return(e.FetchResponseInfo(200))
        mine.log("warning", "late")
    assert told(trace.events) == [
        "onset main in nothing",
        "spanOpen load in main",
        "log load info hello",
        "diagnosticChannel load cache.miss {'key': 'k'}",
        "spanOpen inner in load",
        "exception inner KeyError: 'k'",
        "spanClose inner exception",
        "exception load ValueError: handled",
        "attributes load {'user_id': 7}",
        "spanClose load ok",
        "return 200",
        "log main warning late",
        "attributes main {'a': 1}",
        "outcome ok",
    ]


def test_sequences_have_no_gap_and_time_never_runs_backwards(mine):
    """0 is the onset; timestamps only grow, also when the end closes what was left open."""
    with capture(mine) as trace, mine.invocation():
        for _ in range(5):
            mine.start_span("left open", n=1)
            with mine.span("closed"):
                mine.log("info", "x")
    assert [t.sequence for t in trace.events] == list(range(len(trace.events)))
    times = [t.timestamp for t in trace.events]
    assert times == sorted(times)


def test_every_event_names_its_trace_its_invocation_and_its_span(mine):
    """Ids are fixed-width lower-case hex; an opening event stands on the parent."""
    with capture(mine) as trace, mine.invocation() as invocation, mine.span("child") as child:
        child.set_attribute("k", 1)
    root = f"{invocation.span.context.span_id:016x}"
    leaf = f"{child.context.span_id:016x}"
    assert {t.invocation_id for t in trace.events} == {invocation.id}
    assert {t.span_context.trace_id for t in trace.events} == {f"{child.context.trace_id:032x}"}
    assert [(t.event.type, t.span_context.span_id) for t in trace.events] == [
        ("onset", None),
        ("spanOpen", root),
        ("attributes", leaf),
        ("spanClose", leaf),
        ("return", root),
        ("outcome", root),
    ]
    assert trace.events[0].event.span_id == root
    assert trace.events[1].event.span_id == leaf


def test_trace_flags_are_those_of_upstream_and_none_without(mine):
    with capture(mine) as trace:
        with mine.invocation():
            pass
        with mine.invocation(parent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"):
            pass
    flags = [t.span_context.trace_flags for t in trace.events]
    assert flags == [None, None, None, 1, 1, 1]
    assert trace.events[3].span_context.span_id == "b" * 16
    assert trace.events[3].span_context.trace_id == "a" * 32


def test_the_wire_form_is_camel_case_and_plain_json(mine):
    with capture(mine) as trace, mine.invocation("main", attributes={"k": [1, 2]}) as invocation:
        with mine.span("child", n=1.5):
            mine.log("info", "hello", ok=True)
            mine.current_span().add_event("chan", x="y")
    wire = [t.to_dict() for t in trace.events]
    assert json.loads(json.dumps(wire)) == wire
    assert wire[0] == {
        "invocationId": invocation.id,
        "spanContext": {
            "traceId": trace.events[0].span_context.trace_id,
        },
        "timestamp": trace.events[0].timestamp,
        "sequence": 0,
        "event": {
            "type": "onset",
            "spanId": trace.events[0].event.span_id,
            "name": "main",
            "info": None,
            "attributes": [{"name": "k", "value": [1, 2]}],
            "resource": dict(mine._tracer.resource),
        },
    }
    events = [w["event"] for w in wire]
    assert events[1] == {
        "type": "spanOpen",
        "spanId": trace.events[1].event.span_id,
        "name": "child",
    }
    assert events[2:5] == [
        {
            "type": "log",
            "level": "info",
            "message": "hello",
            "attributes": [{"name": "ok", "value": True}],
            "truncated": False,
        },
        {"type": "diagnosticChannel", "channel": "chan", "message": {"x": "y"}},
        {"type": "attributes", "info": [{"name": "n", "value": 1.5}]},
    ]
    assert events[5:7] == [{"type": "spanClose", "outcome": "ok"}, {"type": "return", "info": None}]
    assert set(events[-1]) == {"type", "outcome", "cpuTime", "wallTime"}


def test_an_outcome_tells_times_in_nanoseconds_and_in_milliseconds_on_the_wire(mine):
    with capture(mine) as trace, mine.invocation():
        sum(range(50_000))
    outcome = trace.events[-1].event
    assert outcome.wall_time > 0
    assert outcome.cpu_time >= 0
    wire = trace.events[-1].to_dict()["event"]
    assert wire["wallTime"] == outcome.wall_time / 1e6
    assert wire["cpuTime"] == outcome.cpu_time / 1e6


INFOS = [
    (
        e.FetchEventInfo("GET", "http://x/", {"A": "b"}),
        {"type": "fetch", "method": "GET", "url": "http://x/"}
        | {"headers": [{"name": "A", "value": "b"}]},
    ),
    (e.ConnectEventInfo(), {"type": "connect"}),
    (e.RpcEventInfo("add"), {"type": "rpc", "method": "add"}),
    (
        e.ScheduledEventInfo(WHEN, "* * * * *"),
        {"type": "scheduled", "scheduledTime": WHEN.isoformat(), "cron": "* * * * *"},
    ),
    (e.AlarmEventInfo(WHEN), {"type": "alarm", "scheduledTime": WHEN.isoformat()}),
    (e.QueueEventInfo("q", 3), {"type": "queue", "queueName": "q", "batchSize": 3}),
    (
        e.EmailEventInfo("a@x", "b@x", 9),
        {"type": "email", "mailFrom": "a@x", "rcptTo": "b@x", "rawSize": 9},
    ),
    (e.TraceEventInfo(["t"]), {"type": "trace", "traces": ["t"]}),
    (
        e.WebSocketEventInfo("close", 1000, True),
        {"type": "webSocket", "kind": "close", "code": 1000, "wasClean": True},
    ),
    (e.TestEventInfo("t"), {"type": "test", "name": "t"}),
    (e.CustomEventInfo("c"), {"type": "custom", "name": "c"}),
]


def test_an_info_is_cut_where_it_is_made():
    """Each text, each header, and all headers together."""
    long, when = "x" * 1_000_000, datetime(2026, 1, 1, tzinfo=timezone.utc)
    infos = [
        e.FetchEventInfo(long, f"https://shop.example/{long}", [(long, long)] * 10),
        e.RpcEventInfo(long),
        e.ScheduledEventInfo(when, long),
        e.QueueEventInfo(long, 1),
        e.EmailEventInfo(long, long, 1),
        e.TestEventInfo(long),
        e.CustomEventInfo(long),
    ]
    for info in infos:
        for name in info.__match_args__:
            value = getattr(info, name)
            if isinstance(value, str):
                assert len(value) == 16_384
    headers = infos[0].headers
    assert {len(text) for pair in headers for text in pair} == {16_384}
    assert len(headers) == 2
    assert len(e.FetchEventInfo("GET", "/", [("a", "b")] * 1_000).headers) == 128


@pytest.mark.parametrize("info,wire", INFOS, ids=[i.type for i, _ in INFOS])
def test_an_info_has_its_wire_name(mine, info, wire):
    with capture(mine) as trace, mine.invocation(info=info) as invocation:
        assert invocation.info is info
    assert trace.events[0].event.info is info
    assert trace.events[0].to_dict()["event"]["info"] == wire


@pytest.mark.parametrize("info", [{"type": "fetch"}, "fetch", e.FetchResponseInfo(1), object()])
def test_an_info_of_another_kind_is_a_type_error(mine, info):
    with pytest.raises(TypeError, match="info must be an event info"):
        mine.invocation(info=info)


def test_a_time_without_a_zone_is_refused():
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    for make in (lambda: e.AlarmEventInfo(naive), lambda: e.ScheduledEventInfo(naive, "")):
        with pytest.raises(ValueError, match="time zone"):
            make()


def test_a_web_socket_has_three_kinds_of_events():
    with pytest.raises(ValueError, match="kind must be"):
        e.WebSocketEventInfo("open")


def test_a_block_that_raised_has_no_return(mine, told):
    with capture(mine) as trace, pytest.raises(ValueError, match="x"), mine.invocation("main"):
        raise ValueError("x")
    assert told(trace.events) == [
        "onset main in nothing",
        "exception main ValueError: x",
        "outcome exception",
    ]


def test_a_return_that_was_given_before_the_failure_stays(mine, told):
    with capture(mine) as trace, pytest.raises(ValueError, match="x"):
        with mine.invocation("main") as invocation:
            invocation.set_return(e.FetchResponseInfo(500))
            invocation.set_return(e.FetchResponseInfo(200))
            raise ValueError("x")
    assert told(trace.events)[1:] == [
        "return 500",
        "exception main ValueError: x",
        "outcome exception",
    ]


def test_an_exception_stands_on_the_innermost_span_that_it_left(mine, told):
    """Once, however many spans it leaves; the outer ones have its outcome."""
    with capture(mine) as trace, pytest.raises(ValueError, match="x"), mine.invocation("main"):
        with mine.span("outer"), mine.span("inner"):
            raise ValueError("x")
    assert told(trace.events)[3:] == [
        "exception inner ValueError: x",
        "spanClose inner exception",
        "spanClose outer exception",
        "outcome exception",
    ]
    stack = trace.events[3].event.stack
    assert stack.startswith("Traceback (most recent call last):")
    assert stack.endswith("ValueError: x")


@pytest.mark.parametrize(
    "error,outcome",
    [
        (ValueError("x"), "exception"),
        (GeneratorExit(), "ok"),
        (StopIteration(1), "ok"),
        (StopAsyncIteration(), "ok"),
        (SystemExit(), "ok"),
        (SystemExit(0), "ok"),
        (SystemExit(None), "ok"),
        (SystemExit(3), "exception"),
        (SystemExit("bad"), "exception"),
        (KeyboardInterrupt(), "canceled"),
        (asyncio.CancelledError(), "canceled"),
        (BaseException("base"), "exception"),
    ],
    ids=repr,
)
def test_what_an_exception_means_for_the_outcome(mine, error, outcome):
    with capture(mine) as trace, pytest.raises(type(error)) as caught:
        with mine.invocation(), mine.span("child"):
            raise error
    assert caught.value is error
    types = [t.event.type for t in trace.events]
    assert ("exception" in types) == (outcome == "exception")
    assert trace.find("child").outcome == outcome
    assert trace.events[-1].event.outcome == outcome
    assert trace.find("child").status == ("error" if outcome == "exception" else "unset")


def test_an_implicit_invocation_sends_its_return_too(mine, told):
    with capture(mine) as trace, mine.span("alone", n=1):
        pass
    assert told(trace.events) == [
        "onset alone in nothing",
        "return None",
        "attributes alone {'n': 1}",
        "outcome ok",
    ]


def test_an_implicit_invocation_whose_root_failed_has_no_return(mine, told):
    with capture(mine) as trace, pytest.raises(ValueError, match="x"), mine.span("alone"):
        raise ValueError("x")
    assert told(trace.events) == [
        "onset alone in nothing",
        "exception alone ValueError: x",
        "outcome exception",
    ]


def test_an_implicit_invocation_waits_for_the_spans_below_its_root(mine, told):
    """It lingers without limit: the outcome is the last span's end."""
    with capture(mine) as trace:
        with mine.span("root"):
            late = mine.start_span("late")
        assert told(trace.events)[-1] == "return None"
        late.end()
    assert told(trace.events) == [
        "onset root in nothing",
        "spanOpen late in root",
        "return None",
        "spanClose late ok",
        "outcome ok",
    ]


def test_what_is_open_at_the_end_is_abandoned_innermost_first(mine, told):
    with capture(mine) as trace, mine.invocation("main"):
        outer = mine.start_span("outer", a=1)
        with mine.use_span(outer):
            inner = mine.start_span("inner", b=2)
    assert not inner.is_traced
    assert told(trace.events) == [
        "onset main in nothing",
        "spanOpen outer in main",
        "spanOpen inner in outer",
        "return None",
        "attributes inner {'b': 2}",
        "spanClose inner abandoned",
        "attributes outer {'a': 1}",
        "spanClose outer abandoned",
        "outcome ok",
    ]
    assert [s.name for s in trace.spans] == ["inner", "outer", "main"]


def test_two_invocations_on_one_loop_keep_what_is_theirs(mine):
    """`fetch` awaits what `alarm` resolves, and what fetch does after the wait is fetch's."""

    async def fetch(ready):
        with mine.invocation("fetch"):
            with mine.span("F1"):
                pass
            with mine.span("F2"):
                await ready
                with mine.span("W2"):
                    pass

    async def alarm(ready):
        with mine.invocation("alarm"), mine.span("A1"):
            ready.set_result(None)

    async def main():
        ready = asyncio.get_running_loop().create_future()
        await asyncio.gather(fetch(ready), alarm(ready))

    with capture(mine) as trace:
        asyncio.run(main())
    opened = {}
    for tail_event in trace.events:
        if tail_event.event.type == "onset":
            opened[tail_event.invocation_id] = [tail_event.event.name]
        if tail_event.event.type == "spanOpen":
            opened[tail_event.invocation_id].append(tail_event.event.name)
    assert sorted(opened.values()) == [["alarm", "A1"], ["fetch", "F1", "F2", "W2"]]
    assert trace.find("W2").parent_span_id == trace.find("F2").context.span_id
    for invocation_id in opened:
        stream = [t for t in trace.events if t.invocation_id == invocation_id]
        assert [t.sequence for t in stream] == list(range(len(stream)))
        assert [t.event.type for t in stream].index("outcome") == len(stream) - 1


def test_events_are_frozen_values_that_can_be_compared_and_pickled(mine):
    import copy
    import dataclasses
    import pickle

    with capture(mine) as trace, mine.invocation(info=e.CustomEventInfo("c")):
        mine.current_span().add_event("chan", x=1)
    for event in trace.events:
        with pytest.raises(AttributeError):
            event.sequence = 9
        with pytest.raises(dataclasses.FrozenInstanceError):
            event.event.whatever = 1
        assert not hasattr(event, "__dict__")
        assert pickle.loads(pickle.dumps(event)) == event
        assert copy.deepcopy(event) == event
        assert dataclasses.is_dataclass(event)
        assert dataclasses.replace(event, sequence=99).sequence == 99
        assert dataclasses.replace(event.event) == event.event
