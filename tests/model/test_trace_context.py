"""W3C Trace Context, by the letter: https://www.w3.org/TR/trace-context/."""

from __future__ import annotations

import pytest

from enterspan import SpanContext, Tracing
from enterspan.testing import capture

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def read(value, state=None):
    carrier = {"traceparent": value}
    if state is not None:
        carrier["tracestate"] = state
    return Tracing("w3c").extract(carrier)


def test_a_traceparent_is_read():
    assert read(PARENT) == SpanContext(int(TRACE, 16), int(SPAN, 16), 1, "", True)
    assert read(PARENT).is_remote
    assert read(PARENT).traceparent == PARENT


@pytest.mark.parametrize("flags", ["00", "01", "02", "03", "ff", "a0"])
def test_flags_are_carried_verbatim(flags):
    value = f"00-{TRACE}-{SPAN}-{flags}"
    assert read(value).trace_flags == int(flags, 16)
    assert read(value).traceparent == value


@pytest.mark.parametrize(
    "value",
    [
        f"01-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01",
        f"fe-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
        f"cc-{TRACE}-{SPAN}-01-",
        f"  {PARENT}\t",
    ],
)
def test_what_is_read_as_version_00(value):
    """A version above 00 may have more after its flags, behind a dash."""
    assert read(value).traceparent == PARENT


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-x",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01.",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"cc-{TRACE}-{SPAN}-011",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN.upper()}-01",
        f"0A-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"0-{TRACE}-{SPAN}-01",
        f".0-{TRACE}-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE[:-1]}\u0661-{SPAN}-01",
        f"00-{TRACE[:-2]}_1-{SPAN}-01",
        f"00-+{TRACE[1:]}-{SPAN}-01",
        f"00- {TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-\uff10\uff11",
        f"{PARENT}\n",
        f"\x00{PARENT}",
        "x" * 1_000_000,
        None,
        7,
        b"\xff",
        [],
        [PARENT, PARENT],
        ["x"],
        pytest.param(object(), id="object"),
    ],
    ids=lambda v: repr(v)[:60],
)
def test_what_must_be_ignored(value):
    assert read(value) is None


@pytest.mark.parametrize(
    "carrier", [None, 1, "x", b"x", [], object(), {}, {"traceparen": PARENT}, [1], [("a",)]]
)
def test_a_carrier_without_a_parent_gives_none(carrier):
    assert Tracing("w3c").extract(carrier) is None


def test_names_are_read_in_any_case_and_as_bytes():
    for name in ("Traceparent", "TRACEPARENT", b"traceparent", b"TraceParent"):
        assert Tracing("w3c").extract({name: PARENT}).traceparent == PARENT
    assert Tracing("w3c").extract({b"traceparent": PARENT.encode()}).traceparent == PARENT


@pytest.mark.parametrize(
    "given,state",
    [
        ("a=1", "a=1"),
        ("a=1,b=2", "a=1,b=2"),
        (" a=1 \t,\t b=2 ", "a=1,b=2"),
        ("a=1,,b=2,", "a=1,b=2"),
        (["a=1", "b=2"], "a=1,b=2"),
        ("", ""),
        (",", ""),
        ("a= b c", "a= b c"),
        ("1a@b=x", "1a@b=x"),
        ("1a=x", "1a=x"),
        ("a_-*/9=x", "a_-*/9=x"),
        ("a=" + "x" * 256, "a=" + "x" * 256),
        (",".join(f"k{n}=v" for n in range(32)), ",".join(f"k{n}=v" for n in range(32))),
        ("fw529a3039@dt=FfkD/9,congo=x!", "fw529a3039@dt=FfkD/9,congo=x!"),
    ],
)
def test_a_tracestate_is_read(given, state):
    assert read(PARENT, given).trace_state == state


@pytest.mark.parametrize(
    "given",
    [
        "a",
        "a=",
        "=1",
        "A=1",
        "a b=1",
        "a=1,a=2",
        "a=b=c",
        "a=\x7f",
        "a=é",
        "a=\n",
        "é=1",
        "a@B=1",
        "a@1b=1",
        "@a=1",
        "a@=1",
        "a@b@c=1",
        "a" * 257 + "=1",
        "a" * 242 + "@b=1",
        "a@" + "b" * 15 + "=1",
        "a=" + "x" * 257,
        ",".join(f"k{n}=v" for n in range(33)),
        None,
        7,
    ],
    ids=lambda v: repr(v)[:40],
)
def test_a_tracestate_that_is_invalid_is_dropped_and_the_parent_kept(given):
    context = read(PARENT, given if given is not None else [None])
    assert context.traceparent == PARENT
    assert context.trace_state == ""


def test_a_tracestate_that_is_too_long_loses_whole_members():
    """Those over 128 characters first, then from the end."""
    long = "long=" + "x" * 200
    shorts = [f"k{n:02}={'v' * 20}" for n in range(20)]
    state = read(PARENT, ",".join([shorts[0], long, *shorts[1:]])).trace_state
    assert len(state) <= 512
    assert long not in state
    assert state.split(",") == shorts[: len(state.split(","))]
    assert len(state) + len(shorts[0]) + 1 > 512


def test_inject_writes_what_extract_reads(mine):
    with capture(mine), mine.invocation(parent={"traceparent": PARENT, "tracestate": "a=1,b=2"}):
        with mine.span("s") as span:
            carrier = {"other": "kept"}
            assert mine.inject(carrier) is None
    assert carrier == {
        "other": "kept",
        "traceparent": span.context.traceparent,
        "tracestate": "a=1,b=2",
    }
    read_back = mine.extract(carrier)
    assert read_back.span_id == span.context.span_id
    assert read_back.trace_id == int(TRACE, 16)
    assert read_back.trace_state == "a=1,b=2"


def test_inject_without_a_tracestate_writes_none(mine):
    carrier = {}
    with capture(mine), mine.span("s"):
        mine.inject(carrier)
    assert list(carrier) == ["traceparent"]


def test_the_no_op_span_injects_nothing(mine):
    carrier = {}
    mine.inject(carrier)
    with mine.span("nobody listens"):
        mine.inject(carrier)
    with capture(mine):
        mine.inject(carrier)
    assert carrier == {}


def test_inject_inside_a_listener_writes_nothing(mine):
    carrier = {}
    with mine.add_tail(lambda onset: mine.inject(carrier), delivery="inline"), mine.span("s"):
        pass
    assert carrier == {}


def test_a_state_that_was_given_by_hand_travels_with_every_child(mine):
    with capture(mine) as trace:
        with mine.invocation(parent=SpanContext(5, 6, 1, "v=1")), mine.span("child"):
            pass
    assert {s.context.trace_state for s in trace.spans} == {"v=1"}
    assert {s.context.is_remote for s in trace.spans} == {False}
