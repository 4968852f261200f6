"""Units of work: where they begin, what is above them, what they are called."""

from __future__ import annotations

import contextvars
import threading

import pytest

from enterspan import FetchResponseInfo, Invocation, SpanContext, Tracing
from enterspan.testing import capture

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
CONTEXT = SpanContext(int(TRACE, 16), int(SPAN, 16), 1)


@pytest.mark.parametrize(
    "parent",
    [
        CONTEXT,
        PARENT,
        {"traceparent": PARENT},
        {"Traceparent": PARENT.encode()},
        {b"TRACEPARENT": PARENT},
        {"traceparent": [PARENT]},
    ],
    ids=["context", "text", "carrier", "bytes value", "bytes name", "list"],
)
def test_a_parent_can_be_given_in_every_form(mine, parent):
    with capture(mine) as trace, mine.invocation(parent=parent) as invocation:
        assert f"{invocation.span.context.trace_id:032x}" == TRACE
    (root,) = trace.spans
    assert f"{root.parent_span_id:016x}" == SPAN
    assert root.links == ()
    assert root.context.trace_flags == 1


def test_a_span_can_be_the_parent(mine):
    with capture(mine) as trace:
        with mine.span("above") as above:
            pass
        with mine.span("elsewhere"), mine.invocation("below", parent=above):
            pass
    below = trace.find("below")
    assert below.context.trace_id == above.context.trace_id
    assert below.parent_span_id == above.context.span_id


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "x",
        PARENT[:-1],
        PARENT + "0",
        PARENT.upper(),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        {},
        {"traceparent": "x"},
        {"traceparent": None},
        {"traceparent": [PARENT, PARENT]},
        {"traceparent": PARENT, "TraceParent": PARENT},
        SpanContext(0, 0),
        SpanContext(0, 5),
        SpanContext(5, 0),
        SpanContext("a", "b"),
        SpanContext(1 << 128, 1),
        SpanContext(1, 1 << 64),
        SpanContext(-1, 1),
        SpanContext(1, 1, None),
    ],
    ids=repr,
)
def test_a_parent_that_cannot_be_read_restarts_the_trace(mine, parent):
    """Also under a current span: the caller said that the parent is elsewhere."""
    with capture(mine) as trace:
        with mine.invocation("plain", parent=parent):
            pass
        with mine.span("current") as current, mine.invocation("under", parent=parent):
            pass
    for name in ("plain", "under"):
        root = trace.find(name)
        assert root.parent_span_id is None
        assert root.links == ()
        assert root.context.trace_id != current.context.trace_id


def test_a_carrier_that_raises_restarts_the_trace(mine):
    class Hostile(dict):
        def __iter__(self):
            raise RuntimeError("iter")

        def __getitem__(self, key):
            raise RuntimeError("item")

    with capture(mine) as trace, mine.invocation(parent=Hostile()):
        pass
    assert trace.spans[0].parent_span_id is None


def test_the_current_span_is_the_parent_of_a_nested_invocation(mine, told):
    with capture(mine) as trace:
        with mine.invocation("outer") as outer, mine.span("s") as span:
            with mine.invocation("inner") as inner:
                assert mine.current_invocation() is inner
                assert mine.current_span() is inner.span
            assert mine.current_invocation() is outer
            assert mine.current_span() is span
    assert trace.tree() == "outer\n  s\n    inner"
    assert outer.id != inner.id
    assert outer.span.context.trace_id == inner.span.context.trace_id
    assert told([t for t in trace.events if t.invocation_id == inner.id])[1:] == [
        "return None",
        "outcome ok",
    ]
    assert [t.sequence for t in trace.events if t.invocation_id == inner.id] == [0, 1, 2]


def test_new_trace_starts_one_that_is_linked_to_the_current_span(mine):
    with capture(mine) as trace:
        with mine.span("current") as current, mine.invocation("fresh", new_trace=True):
            pass
        with mine.invocation("alone", new_trace=True):
            pass
    fresh = trace.find("fresh")
    assert fresh.parent_span_id is None
    assert fresh.context.trace_id != current.context.trace_id
    assert [link.context.span_id for link in fresh.links] == [current.context.span_id]
    assert trace.find("alone").links == ()


def test_new_trace_with_a_parent_is_linked_to_the_parent(mine):
    with capture(mine) as trace, mine.invocation(parent=PARENT, new_trace=True):
        pass
    (root,) = trace.spans
    assert root.parent_span_id is None
    assert [link.context.traceparent for link in root.links] == [PARENT]


@pytest.mark.parametrize("late", [60.0, 0.0])
def test_in_a_context_whose_invocation_is_over_a_new_one_is_a_child_or_linked(mine, late):
    mine.configure(late=late)
    with capture(mine) as trace:
        with mine.invocation("first") as first:
            context = contextvars.copy_context()

        def later():
            with mine.invocation("second"):
                pass
            with mine.span("third"):
                pass

        context.run(later)
    for name in ("second", "third"):
        root = trace.find(name)
        assert (root.context.trace_id == first.span.context.trace_id) is bool(late)
        linked = [link.context.span_id for link in root.links]
        place = root.parent_span_id, linked
        span_id = first.span.context.span_id
        assert place == ((span_id, []) if late else (None, [span_id]))


def test_the_first_name_is_main(mine):
    with capture(mine) as trace, mine.invocation() as invocation:
        assert invocation.name == "main"
    assert trace.spans[0].name == "main"


def test_an_invocation_knows_what_it_is(mine):
    with capture(mine), mine.invocation("work") as invocation:
        assert isinstance(invocation, Invocation)
        assert invocation.tracing is mine
        assert invocation.info is None
        assert invocation.span.name == "work"
        assert invocation.span.is_traced
        assert mine.current_span() is invocation.span
        assert "work" in repr(invocation)
    assert not invocation.span.is_traced


async def test_body(mine):
    async with mine.invocation("async") as invocation:
        assert mine.current_invocation() is invocation


def test_an_async_block_is_the_same(mine, told):
    import asyncio

    with capture(mine) as trace:
        asyncio.run(test_body(mine))
    assert told(trace.events) == ["onset async in nothing", "return None", "outcome ok"]


test_body.__test__ = False


def test_with_nobody_listening_an_invocation_is_a_no_op():
    quiet = Tracing("quiet")
    with quiet.invocation("main") as invocation:
        assert invocation.span is quiet.current_span()
        assert invocation.span.context.trace_id == 0
        invocation.set_return(FetchResponseInfo(200))
        invocation.close("x")
        invocation.span.set_attribute("a", 1)
    with pytest.raises(ValueError, match="x"), quiet.invocation():
        raise ValueError("x")


@pytest.mark.parametrize("linger", [-1, -0.1, float("nan"), 10**400])
def test_a_linger_that_is_no_length_of_time_is_a_value_error(mine, linger):
    with pytest.raises(ValueError, match="linger"):
        mine.invocation(linger=linger)


@pytest.mark.parametrize("linger", ["1", [], True])
def test_a_linger_that_is_no_number_is_a_type_error(mine, linger):
    with pytest.raises(TypeError, match="linger"):
        mine.invocation(linger=linger)


def test_an_unknown_option_is_a_type_error(mine):
    with pytest.raises(TypeError, match="lingr"):
        mine.invocation("main", lingr=3)


def test_current_invocation_is_none_outside(mine):
    assert mine.current_invocation() is None
    with capture(mine):
        assert mine.current_invocation() is None
        with mine.invocation():
            pass
        assert mine.current_invocation() is None


def test_asking_for_an_implicit_invocation_changes_nothing_about_it(mine, told):
    with capture(mine) as trace:
        with mine.span("root"):
            invocation = mine.current_invocation()
            assert invocation.name == "root"
            assert mine.current_invocation() is invocation
            with mine.span("child"):
                assert mine.current_invocation() is invocation
    assert told(trace.events) == [
        "onset root in nothing",
        "spanOpen child in root",
        "spanClose child ok",
        "return None",
        "outcome ok",
    ]
    assert mine.current_invocation() is None


def test_an_implicit_invocation_can_be_answered_and_closed(mine, told):
    with capture(mine) as trace:
        with mine.span("root"):
            invocation = mine.current_invocation()
            invocation.set_return(FetchResponseInfo(204))
            invocation.close("enough")
        invocation.close("again")
    assert told(trace.events) == ["onset root in nothing", "return 204", "outcome enough"]


def test_an_implicit_invocation_waits_for_what_it_is_told_to(mine, told):
    from concurrent.futures import Future

    future = Future()
    with capture(mine) as trace:
        with mine.span("root"):
            mine.current_invocation().wait_until(future)
        assert told(trace.events)[-1] == "return None"
        future.set_exception(ValueError("late"))
    assert told(trace.events)[-2:] == ["exception root ValueError: late", "outcome exception"]


def test_an_ambient_invocation_is_where_bare_threads_belong(mine):
    def work(name):
        with mine.span(name):
            pass
        assert mine.current_span().name == "main"

    def in_thread(name):
        thread = threading.Thread(target=work, args=(name,))
        thread.start()
        thread.join()

    with capture(mine) as trace:
        with mine.invocation("main", ambient=True):
            in_thread("in")
        thread = threading.Thread(target=lambda: mine.span("out").__enter__() and None)
        thread.start()
        thread.join()
    assert trace.find("in").parent_span_id == trace.find("main").context.span_id


def test_a_captured_context_wins_over_an_ambient_invocation(mine):
    with capture(mine) as trace:
        with mine.invocation("own") as own:
            context = contextvars.copy_context()

            def work():
                with mine.span("work"):
                    assert mine.current_invocation() is own

            thread = threading.Thread(target=lambda: contextvars.Context().run(ambient))

            def ambient():
                with mine.invocation("ambient", ambient=True):
                    context.run(work)

            thread.start()
            thread.join()
    assert trace.find("work").parent_span_id == own.span.context.span_id


def test_the_innermost_open_ambient_invocation_counts(mine):
    names = []

    def look():
        thread = threading.Thread(target=lambda: names.append(mine.current_span().name))
        thread.start()
        thread.join()

    with capture(mine):
        with mine.invocation("a", ambient=True):
            with mine.invocation("b", ambient=True):
                look()
            look()
        look()
    assert names == ["b", "a", ""]


def test_ambient_invocations_of_many_threads_do_not_forget_one_another(mine):
    with capture(mine):
        barrier = threading.Barrier(8)

        def work():
            barrier.wait()
            for _ in range(300):
                with mine.invocation(ambient=True):
                    pass

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert mine.current_span().name == ""


def test_two_tracings_are_isolated():
    one, two = Tracing("one"), Tracing("two")
    with capture(one) as first, capture(two) as second:
        with one.span("1"), two.span("2"):
            assert one.current_span().name == "1"
            assert two.current_span().name == "2"
    assert first.tree() == "1"
    assert second.tree() == "2"
    assert [s.scope for s in (*first.spans, *second.spans)] == ["one", "two"]
    assert second.spans[0].parent_span_id is None


def test_a_scope_can_be_used_again(mine, told):
    with capture(mine) as trace:
        scope = mine.invocation("again")
        for _ in range(2):
            with scope, mine.span("s"):
                pass
    assert (
        told(trace.events)
        == [
            "onset again in nothing",
            "spanOpen s in again",
            "spanClose s ok",
            "return None",
            "outcome ok",
        ]
        * 2
    )
