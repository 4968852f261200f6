"""What a trace context can be read from and written to."""

from __future__ import annotations

import email.message
import itertools
import types
from wsgiref.headers import Headers
from wsgiref.util import setup_testing_defaults

import pytest

from enterspan import Tracing
from enterspan.testing import capture

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def read(carrier):
    """The trace id and the state of a carrier; None where there is none."""
    context = Tracing("carriers").extract(carrier)
    return context and (f"{context.trace_id:032x}", context.trace_state)


def environ(**more):
    made = {}
    setup_testing_defaults(made)
    return {**made, **more}


def message(*pairs):
    made = email.message.Message()
    for name, value in pairs:
        made[name] = value
    return made


class KeysOnly:
    """A mapping that has no items."""

    def __init__(self, values):
        self.values = values

    def keys(self):
        return self.values.keys()

    def __contains__(self, key):
        return key in self.values

    def __getitem__(self, key):
        return self.values[key]


class Text(str):
    """A text of a class of its own, as template engines have them."""

    __slots__ = ()

    def strip(self, *args):
        raise RuntimeError("strip")


PAIRS = [("Host", "x"), ("TraceParent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]
BYTES = [(name.lower().encode(), value.encode()) for name, value in PAIRS]


@pytest.mark.parametrize(
    "carrier",
    [
        dict(PAIRS) | {"tracestate": "a=1,b=2"},
        dict(PAIRS) | {"tracestate": ["a=1", "b=2"]},
        types.MappingProxyType(dict(PAIRS) | {"tracestate": ("a=1", "b=2")}),
        PAIRS,
        tuple(PAIRS),
        iter(PAIRS),
        (pair for pair in PAIRS),
        [list(pair) for pair in PAIRS],
        BYTES,
        dict(BYTES) | {b"tracestate": b"a=1,b=2"},
        [(bytearray(name), bytearray(value)) for name, value in BYTES],
        Headers(list(PAIRS)),
        message(*PAIRS),
        environ(HTTP_TRACEPARENT=PARENT, HTTP_TRACESTATE="a=1,b=2"),
        KeysOnly({"traceparent": PARENT, "tracestate": "a=1,b=2"}),
        {Text("traceparent"): Text(PARENT), "tracestate": Text("a=1,b=2")},
        {"TRACEPARENT": PARENT, "TRACESTATE": "a=1,b=2", "PATH": "/bin"},
    ],
    ids=lambda c: type(c).__name__,
)
def test_a_carrier_is_read(carrier):
    assert read(carrier) == (TRACE, "a=1,b=2")


@pytest.mark.parametrize(
    "carrier",
    [
        [*PAIRS, ("traceparent", PARENT)],
        message(("traceparent", PARENT), ("TraceParent", PARENT)),
        Headers([("traceparent", PARENT), ("traceparent", PARENT)]),
        environ(traceparent=PARENT),  # no header, but a variable of the process
        {"HTTP_TRACEPARENT": PARENT},  # a header of that name is another one
        environ(HTTP_TRACEPARENT=f"{PARENT},{PARENT}"),
        PARENT,
        PARENT.encode(),
        bytearray(PARENT.encode()),
        [PARENT],
        [("traceparent",)],
        [("traceparent", PARENT, "more")],
        [None],
        7,
        True,
        object(),
        Exception,
    ],
    ids=lambda c: type(c).__name__,
)
def test_a_carrier_that_says_nothing_of_a_trace(carrier):
    assert read(carrier) is None


def test_a_carrier_without_an_end_is_left_after_a_while():
    assert read((f"x-{n}", "y") for n in itertools.count()) is None


@pytest.mark.parametrize("method", ["items", "keys", "__iter__", "__contains__", "__getitem__"])
def test_a_carrier_that_raises_is_no_carrier(method):
    def fail(self, *args):
        raise RuntimeError(method)

    kind = type("Hostile", (dict,), {method: fail})
    assert read(kind(traceparent=PARENT)) in (None, (TRACE, ""))
    with Tracing("x").invocation(parent=kind(traceparent=PARENT)):
        pass


def test_the_parent_of_an_invocation_may_be_any_of_them(mine):
    for carrier in (dict(PAIRS), PAIRS, BYTES, environ(HTTP_TRACEPARENT=PARENT), Text(PARENT)):
        with capture(mine) as trace, mine.invocation(parent=carrier):
            pass
        assert f"{trace.spans[0].context.trace_id:032x}" == TRACE


def test_a_context_that_was_there_is_replaced_in_any_case(mine):
    """Two headers would be none to whoever reads them."""
    carriers = [
        {"TraceParent": "old", "TRACESTATE": "old=1", "traceparent": "older", "Host": "x"},
        message(("Host", "x"), ("Traceparent", "old"), ("traceparent", "o"), ("tracestate", "o=1")),
        Headers([("Host", "x"), ("TraceParent", "old"), ("Tracestate", "o=1")]),
    ]
    with capture(mine), mine.span("s") as span:
        for carrier in carriers:
            mine.inject(carrier)
            left = dict(carrier.items())
            assert left == {"Host": "x", "traceparent": span.context.traceparent}


def test_whatever_can_be_written_to_will_do(mine):
    class Setter:
        def __init__(self):
            self.written = {}

        def __setitem__(self, key, value):
            self.written[key] = value

    carrier = Setter()
    with capture(mine), mine.span("s") as span:
        mine.inject(carrier)
    assert carrier.written == {"traceparent": span.context.traceparent}


def test_a_carrier_that_cannot_be_written_to_is_warned_about_once(mine, caplog):
    class ReadOnly(dict):
        def __setitem__(self, key, value):
            raise RuntimeError("read only")

    with capture(mine), mine.span("s"):
        for _ in range(3):
            mine.inject(ReadOnly())
    (record,) = caplog.records
    assert record.getMessage().endswith(
        "ReadOnly raised RuntimeError when a trace context was written to it"
    )


@pytest.mark.parametrize("carrier", [None, 7, "x", (), frozenset(), object()])
def test_what_is_no_carrier_hurts_nobody(mine, carrier):
    with capture(mine), mine.span("s"):
        assert mine.inject(carrier) is None
