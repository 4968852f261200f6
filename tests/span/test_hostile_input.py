"""Whatever a program hands in: never a raise, never a changed result, bounded, and valid JSON."""

from __future__ import annotations

import json
import math
import sys
import threading
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import enterspan as e
from enterspan import SpanContext, Tracing, tracing
from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan import Span

mine = Tracing("hostile")
LIMITS = e.Limits()


class Boom(RuntimeError):
    """What hostile objects raise."""


def boom(*args, **kwargs):
    raise Boom("hostile")


class HostileMeta(type):
    """A class that can't be compared, hashed, named or asked."""

    __eq__ = __ne__ = __hash__ = __call__ = __repr__ = __instancecheck__ = boom
    __subclasscheck__ = __bool__ = __len__ = __iter__ = boom

    def __getattribute__(cls, name):
        if name in ("__mro__", "__dict__", "__class__"):
            return super().__getattribute__(name)
        raise Boom(name)


def hostile_class():
    return HostileMeta.__new__(HostileMeta, "HostileClass", (), {})


def hostile_of_hostile_class():
    return object.__new__(hostile_class())


def make(name, *bases, **methods):
    return type(name, bases, {"__hash__": object.__hash__, **methods})


def base_boom(*args):
    raise SystemExit("hostile")


def recurse(self):
    return repr(self)


def cyclic_list():
    made = []
    made.append(made)
    return made


def cyclic_dict():
    made = {}
    made["self"] = made
    return made


def deep_list():
    made = []
    for _ in range(100_000):
        made = [made]
    return made


class AllHostile:
    __repr__ = __str__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = boom
    __getattribute__ = __int__ = __float__ = __index__ = __format__ = __bytes__ = boom


HOSTILE = {
    "repr raises": lambda: make("A", __repr__=boom)(),
    "repr exits": lambda: make("A", __repr__=base_boom)(),
    "repr gives no text": lambda: make("A", __repr__=lambda self: 7)(),
    "repr recurses": lambda: make("A", __repr__=recurse)(),
    "repr is huge": lambda: make("A", __repr__=lambda self: "x" * 100_000_000)(),
    "repr is surrogates": lambda: make("A", __repr__=lambda self: "\ud800\udfff\udc00")(),
    "everything raises": AllHostile,
    "class raises": lambda: make("A", __class__=property(boom))(),
    "class lies": lambda: make("A", __class__=property(lambda self: str))(),
    "hash and eq raise": lambda: make("A", __eq__=boom, __hash__=boom)(),
    "bool raises": lambda: make("A", __bool__=boom)(),
    "hostile class": hostile_of_hostile_class,
    "hostile class itself": hostile_class,
    "text that lies": lambda: make("A", str, __str__=boom, __repr__=boom, encode=boom)("text"),
    "text that can't be measured": lambda: make("A", str, __len__=boom, __getitem__=boom)("x"),
    "text that can't be compared": lambda: make("A", str, __eq__=boom, __hash__=boom)("x"),
    "int that lies": lambda: make("A", int, __int__=boom, __repr__=boom, __lt__=boom)(7),
    "int that can't be compared": lambda: make("A", int, __le__=boom, __ge__=boom)(2**70),
    "float that lies": lambda: make("A", float, __float__=boom, __repr__=boom, __eq__=boom)(1.5),
    "list that lies": lambda: make("A", list, __iter__=boom, __len__=boom, __repr__=boom)([1]),
    "tuple that lies": lambda: make("A", tuple, __iter__=boom, __getitem__=boom)((1,)),
    "dict that lies": lambda: make("A", dict, items=boom, __iter__=boom, __repr__=boom)(a=1),
    "cyclic list": cyclic_list,
    "cyclic dict": cyclic_dict,
    "deep list": deep_list,
    "list of hostile": lambda: [hostile_of_hostile_class(), AllHostile()],
    "dict of hostile": lambda: {1: AllHostile(), 2: hostile_of_hostile_class()},
    "huge int": lambda: 10**5000,
    "huge negative int": lambda: -(1 << 1_000_000),
    "nan": lambda: math.nan,
    "infinity": lambda: -math.inf,
    "list of nan": lambda: [math.nan, math.inf, -0.0],
    "surrogate": lambda: "\ud800",
    "surrogates": lambda: "a\udfffb\ud83d\ude00\udc80" * 1000,
    "nul": lambda: "a\x00b",
    "huge text": lambda: "é" * 10_000_000,
    "huge bytes": lambda: b"\xff" * 10_000_000,
    "huge list": lambda: list(range(1_000_000)),
    "huge list of texts": lambda: ["x" * 1000] * 100_000,
    "list of big ints": lambda: [1, 2**64],
    "range without end": lambda: range(10**30),
    "big range": lambda: range(2**64, 2**64 + 3),
    "exception": lambda: ValueError(AllHostile()),
    "memoryview": lambda: memoryview(b"x"),
    "class": lambda: AllHostile,
    "module": lambda: sys,
    "lock": threading.Lock,
    "none": lambda: None,
}


def check(trace):
    """All that was recorded is valid, and no larger than the limits."""
    for event in trace.events:
        wire = event.to_dict()
        text = json.dumps(wire, ensure_ascii=False, allow_nan=False).encode()
        assert json.loads(text) == wire
        assert len(text) < 2_000_000
    for data in trace.spans:
        data.name.encode()
        assert len(data.name.encode()) <= LIMITS.name_bytes
        sets = [data.attributes, *[x.attributes for x in (*data.events, *data.links)]]
        for attributes in sets:
            for key, value in attributes.items():
                assert type(key) is str
                key.encode()
                assert type(value) in (str, bool, int, float, tuple)
                for item in value if type(value) is tuple else (value,):
                    assert type(item) in (str, bool, int, float)
                    if type(item) is str:
                        item.encode()
                        assert len(item.encode()) <= LIMITS.value_bytes
                    if type(item) is int:
                        assert -(2**63) <= item < 2**63
    if trace.events:
        assert trace.events[-1].event.type == "outcome"


def record_everywhere(thing):
    """Put a thing wherever something can be put; none of it may raise."""
    with mine.invocation(thing, attributes={"k": thing}) as invocation:
        with mine.span(thing, {"k": thing}, k2=thing) as span:
            assert span.set_attribute("k", thing) is span
            assert span.set_attribute(thing, thing) is span
            assert span.set_attributes({"k": thing}, k3=thing) is span
            assert span.set_attributes(thing) is span
            assert span.add_event(thing, {"k": thing}, k2=thing) is span
            assert span.add_event("e", thing) is span
            assert span.record_exception(thing, k=thing) is span
            assert span.set_status(thing, thing) is span
            assert span.set_status("error", thing) is span
            assert span.add_link(thing, thing) is span
            assert span.add_link(span.context, {"k": thing}) is span
            assert span.update_name(thing) is span
            assert span.set_kind(thing) is span
            mine.log(thing, thing, k=thing)
        mine.start_span(thing, thing).end()
        assert mine.enter_span(thing, lambda span: [thing])[0] is thing
        invocation.set_return(e.FetchResponseInfo(thing))
        invocation.close(thing)


@pytest.mark.parametrize("make_one", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_object_can_be_put_anywhere(make_one):
    thing = make_one()
    with capture(mine) as trace:
        record_everywhere(thing)
    check(trace)
    assert mine.current_span().context.trace_id == 0


def test_a_value_that_raises_says_so():
    with capture(mine) as trace, mine.span("s", a=AllHostile(), b=hostile_of_hostile_class()):
        pass
    assert trace.spans[0].attributes["a"] == "<AllHostile that can't be shown>"
    assert "HostileClass object" in trace.spans[0].attributes["b"]  # its class was not asked


def test_an_iterator_is_never_consumed():
    numbers = iter([1, 2, 3])
    lazy = (n for n in [1, 2, 3])
    with capture(mine) as trace, mine.span("s", a=numbers, b=lazy) as span:
        span.set_attribute("c", numbers).add_event("e", {"k": lazy}).set_attributes(lazy)
        mine.log("info", lazy, k=numbers)
    assert list(numbers) == list(lazy) == [1, 2, 3]
    check(trace)


class Mapping(dict):
    """A mapping that raises after some pairs, or has no end."""

    def __init__(self, good, end):
        super().__init__()
        self.good = good
        self.end = end

    def keys(self):
        return iter(self)

    def items(self):
        return ((key, 1) for key in self)

    def __getitem__(self, key):
        return 1

    def __iter__(self):
        yield from self.good
        if self.end is not None:
            raise self.end
        while True:
            yield object()


@pytest.mark.parametrize("end", [Boom("x"), SystemExit(3), None], ids=repr)
def test_a_mapping_that_raises_or_never_ends_gives_what_it_can(end):
    mapping = Mapping(["a", "b"], end)
    with capture(mine) as trace:
        with mine.span("s", mapping) as span:
            span.set_attributes(mapping).add_event("e", mapping).add_link(span.context, mapping)
        with mine.invocation(attributes=mapping):
            pass
    check(trace)
    for data in trace.spans:
        assert data.attributes["a"] == data.attributes["b"] == 1
    events = trace.find("s").events
    assert all(event.attributes["b"] == 1 for event in events)
    assert len(events) == 1, "attributes without end are cut, and leave room for the event"


def test_an_exception_with_everything_hostile_comes_out_as_it_was():
    class Hostile(Exception):
        __str__ = __repr__ = __eq__ = __hash__ = __bool__ = boom

        @property
        def __class__(self):
            raise Boom("class")

    for error in (Hostile("x"), make("B", BaseException, __str__=boom, __class__=property(boom))()):
        with capture(mine) as trace:
            caught = None
            try:
                with mine.invocation(), mine.span("outer"), mine.span("inner"):
                    raise error
            except BaseException as raised:
                caught = raised
            assert caught is error
            assert caught.__cause__ is caught.__context__ is None
        check(trace)
        assert [s.outcome for s in trace.spans] == ["exception"] * 3
        assert [t.event.type for t in trace.events].count("exception") == 1


def test_an_exception_of_a_hostile_class_comes_out_as_it_was():
    class Meta(type):
        __eq__ = __hash__ = boom

        @property
        def __module__(cls):
            raise Boom("module")

        @property
        def __name__(cls):
            raise Boom("name")

    error = Meta("Odd", (Exception,), {})("x")
    with capture(mine) as trace:
        caught = None
        try:
            with mine.span("s"):
                raise error
        except Exception as raised:
            caught = raised
        assert caught is error
    check(trace)
    assert trace.spans[0].outcome == "exception"


@pytest.mark.parametrize(
    "make_info",
    [
        lambda: e.FetchEventInfo("\ud800", "\udfff", [("\ud800", AllHostile())]),
        lambda: e.RpcEventInfo(AllHostile()),
        lambda: e.QueueEventInfo("q", 10**5000),
        lambda: e.QueueEventInfo("q", math.nan),
        lambda: e.EmailEventInfo(b"\xff", ["\ud800"], {"\ud800": {1: "\ud800"}}),
        lambda: e.TraceEventInfo([AllHostile(), cyclic_list(), cyclic_dict(), deep_list()]),
        lambda: e.TraceEventInfo(hostile_of_hostile_class()),
        lambda: e.TestEventInfo("x" * 1000 + "\ud800"),
        lambda: e.CustomEventInfo(hostile_class()),
    ],
)
def test_an_info_of_anything_is_valid_json(make_info):
    with capture(mine) as trace, mine.invocation(info=make_info()) as invocation:
        invocation.set_return(e.FetchResponseInfo(AllHostile()))
    check(trace)


def test_any_return_info_is_valid_json():
    for thing in (None, 1, "\ud800", AllHostile(), hostile_of_hostile_class(), object()):
        with capture(mine) as trace, mine.invocation() as invocation:
            invocation.set_return(thing)
        check(trace)


names = st.one_of(
    st.text(st.characters(codec=None), max_size=20),
    st.text(alphabet="\ud800\udfff\x00é🙂a", max_size=400),
    st.integers(),
    st.none(),
    st.binary(max_size=5),
    st.floats(),
)
leaves = st.one_of(names, st.booleans(), st.complex_numbers())
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=4),
        st.sets(st.integers(), max_size=4),
    ),
    max_leaves=20,
)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("set"), names, values),
        st.tuples(st.just("event"), names, st.dictionaries(st.text(max_size=5), values)),
        st.tuples(st.just("log"), names, values),
        st.tuples(st.just("status"), names, values),
        st.tuples(st.just("exception"), values, values),
        st.tuples(st.just("link"), st.integers(-5, 1 << 130), st.integers(-5, 1 << 70)),
        st.tuples(st.just("name"), values, values),
        st.tuples(st.just("open"), values, values),
        st.tuples(st.just("close"), values, values),
        st.tuples(st.just("limits"), st.integers(1, 256), st.integers(1, 300)),
    ),
    max_size=25,
)


def act(what, one, two, open_ones):  # noqa: C901 - one line for each thing to do
    span = open_ones[-1]
    if what == "set":
        span.set_attribute(one, two)
    elif what == "event":
        span.add_event(one, two)
    elif what == "log":
        mine.log(one, two, k=two)
    elif what == "status":
        span.set_status("error", two)
    elif what == "exception":
        span.record_exception(ValueError(one), k=two)
    elif what == "link":
        span.add_link(SpanContext(one, two), {"k": one})
    elif what == "name":
        span.update_name(one)
    elif what == "open":
        with mine.use_span(span):
            open_ones.append(mine.start_span(one, {"k": two}))
    elif what == "close" and len(open_ones) > 1:
        open_ones.pop().end()
    elif what == "limits":
        mine.configure(limits=e.Limits(name_bytes=one, value_bytes=two, span_bytes=one * 10))


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(name=values, attributes=st.dictionaries(names, values, max_size=5), steps=actions)
def test_whatever_is_recorded_is_valid_and_bounded(name, attributes, steps):
    with capture(mine) as trace:
        try:
            with mine.invocation("root"), mine.span(name, attributes) as span:
                open_ones = [span]
                for what, one, two in steps:
                    act(what, one, two, open_ones)
        finally:
            mine.configure(limits=None)
    check(trace)
    assert [t.sequence for t in trace.events] == list(range(len(trace.events)))
    opened = [t.event.span_id for t in trace.events if t.event.type in ("onset", "spanOpen")]
    assert sorted(opened) == sorted(f"{s.context.span_id:016x}" for s in trace.spans)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.characters(codec=None)), st.integers(1, 30))
def test_any_text_is_cut_to_valid_text_that_it_begins_with(text, limit):
    mine.configure(limits=e.Limits(value_bytes=limit))
    try:
        with capture(mine) as trace, mine.span("s", k=text):
            pass
    finally:
        mine.configure(limits=None)
    value = trace.spans[0].attributes["k"]
    assert len(value.encode()) <= limit
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert whole.startswith(value)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(names, st.one_of(names, st.lists(names, max_size=3)), max_size=4))
def test_any_carrier_gives_a_valid_context_or_none(carrier):
    context = mine.extract(carrier)
    assert context is None or context.is_valid


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.text(alphabet="0123456789abcdefgA-", min_size=0, max_size=60),
    st.text(alphabet="ab1=,@ \t*", max_size=40),
)
def test_any_header_gives_a_valid_context_or_none(parent, state):
    context = mine.extract({"traceparent": parent, "tracestate": state})
    assert context is None or context.is_valid


@pytest.mark.parametrize("thing", [None, 1, "x", object()], ids=lambda t: "thing")
def test_what_is_no_span_can_not_be_used_and_says_so(thing):
    with pytest.raises(TypeError, match="use_span takes a Span"):
        mine.use_span(thing)


def test_a_repr_that_traces_records_nothing_and_ends():
    class Traces:
        def __repr__(self):
            with mine.span("noise"):
                span.set_attribute("a", self)
                span.set_attribute("b", self)
                span.add_event(self)
                span.add_event("x", {"y": self})
            return "traces"

        __str__ = __repr__

    class Error(Exception):
        def __str__(self):
            return repr(Traces())

    with capture(mine) as trace, pytest.raises(Error), mine.span("s") as span:
        span.set_attribute("k", Traces())
        span.add_event(Traces())
        with pytest.raises(Error), mine.span("inner"):
            raise Error
        raise Error
    assert trace.tree() == "s\n  inner"
    assert trace.find("s").attributes == {"k": "traces"}
    check(trace)


def test_a_repr_that_ends_the_span_hurts_nobody():
    class Ends:
        def __repr__(self):
            span.end()
            return "ends"

    with capture(mine) as trace, mine.span("s") as span:
        span.set_attribute("k", Ends()).set_attribute("later", 1)
    check(trace)
    assert len(trace.spans) == 1


def test_one_span_of_many_threads_takes_attributes_from_all():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    errors = []

    def work(n):
        try:
            for i in range(300):
                span.set_attribute(f"{n}-{i % 10}", "é" * 20)
                span.add_event("e", {"k": "é" * i})
                span.set_attribute(f"easy{n}", i)
        except BaseException as error:
            errors.append(error)

    try:
        with capture(mine) as trace, mine.span("s") as span:
            threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    assert errors == []
    check(trace)


class _NoText(str):
    """A text that can't be compared."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError


def _open_a_block(**options: Any) -> None:
    with tracing.span("work", **options):
        pass


@pytest.mark.parametrize(
    "open_one",
    [_open_a_block, lambda **options: tracing.start_span("work", **options).end()],
    ids=["span", "start_span"],
)
@pytest.mark.parametrize(
    "options",
    [{"links": 3}, {"links": object()}, {"links": [3, None]}, {"kind": 3}, {"kind": _NoText("x")}],
    ids=["links=3", "links=object", "links=[3, None]", "kind=3", "kind=text"],
)
def test_a_kind_or_links_of_anything_are_ignored(open_one: Any, options: dict[str, Any]) -> None:
    """Whether anything subscribes or not, the span is opened."""
    open_one(**options)
    with capture() as trace:
        open_one(**options)
    (span,) = trace.spans
    assert (span.links, span.kind) == ((), "internal")


def test_links_without_end_are_cut() -> None:
    """What was given is never taken whole without a limit."""
    with capture() as trace, tracing.span("one") as one, tracing.span("work", links=repeat(one)):
        pass
    work = trace.find("work")
    assert len(work.links) == 128
    assert work.dropped_links > 0


def test_links_that_fail_are_taken_up_to_there(caplog: pytest.LogCaptureFixture) -> None:
    def links(one: Span) -> Iterator[Span]:
        yield one
        raise LookupError("no more")

    with capture() as trace, tracing.span("one") as one, tracing.span("work", links=links(one)):
        pass
    assert len(trace.find("work").links) == 1
    assert "links raised LookupError and the rest is left out" in caplog.text
