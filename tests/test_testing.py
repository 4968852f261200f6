"""What users test their own traces with."""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context
from functools import partial

import pytest

from enterspan import Tracing, traced, tracing
from enterspan.testing import Trace, capture


def test_capture_records_the_default_tracing(told):
    with capture() as trace:
        with tracing.span("load", user_id=7):
            with tracing.span("row"):
                pass
        traced("save")(lambda: None)()
    assert isinstance(trace, Trace)
    assert [s.name for s in trace.spans] == ["row", "load", "save"]
    assert trace.find("load").attributes == {"user_id": 7}
    assert trace.tree() == "load\n  row\nsave"
    assert told(trace.events)[:2] == ["onset load in nothing", "spanOpen row in load"]


def test_find_says_what_there_is(mine):
    with capture(mine) as trace, mine.span("a"), mine.span("b"):
        pass
    with pytest.raises(LookupError, match="no span named 'c' has ended; there are: a, b"):
        trace.find("c")
    with capture(mine) as empty, pytest.raises(LookupError, match="there are: none"):
        empty.find("x")


def test_find_gives_the_first_and_find_all_each(mine):
    with capture(mine) as trace:
        for n in range(3):
            with mine.span("s", n=n):
                pass
    assert trace.find("s").attributes["n"] == 0
    assert [s.attributes["n"] for s in trace.find_all("s")] == [0, 1, 2]
    assert trace.find_all("t") == []


def test_children_are_in_order_of_their_start(mine):
    with capture(mine) as trace, mine.span("root"):
        first, second = mine.start_span("first"), mine.start_span("second")
        second.end()
        first.end()
    root = trace.find("root")
    assert [s.name for s in trace.children_of(root)] == ["first", "second"]
    assert trace.children_of(None) == [root]
    assert trace.tree() == "root\n  first\n  second"


def test_a_capture_records_unsampled_invocations_too(mine):
    with capture(mine) as trace, mine.invocation(parent="00-" + "a" * 32 + "-" + "b" * 16 + "-00"):
        pass
    assert trace.tree() == "main"


def test_what_is_current_outside_is_out_of_sight(mine):
    with capture(mine) as outer, mine.invocation("outer", ambient=True), mine.span("around"):
        with capture(mine) as inner:
            assert mine.current_span().context.trace_id == 0
            assert mine.current_invocation() is None
            with mine.span("root"):
                pass
        assert mine.current_span().name == "around"
    assert inner.tree() == "root"
    assert inner.spans[0].parent_span_id is None
    assert outer.tree() == "outer\n  around\nroot"


def test_captures_can_be_nested(mine):
    with capture(mine) as outer:
        with mine.span("1"):
            pass
        with capture(mine) as inner, mine.span("2"):
            pass
    assert outer.tree() == "1\n2"
    assert inner.tree() == "2"


def test_a_capture_can_be_cleared(mine):
    with capture(mine) as trace:
        with mine.span("1"):
            pass
        trace.clear()
        assert trace.events == trace.spans == []
        with mine.span("2"):
            pass
    assert trace.tree() == "2"
    assert "1 spans" in repr(trace)


def test_a_trace_shows_itself_as_a_tree_and_has_a_length(mine):
    with capture(mine) as trace:
        with mine.invocation("main"):
            with mine.span("load", rows=3):
                pass
            with pytest.raises(ValueError, match="no"), mine.span("bad"):
                raise ValueError("no")
    lines = repr(trace).splitlines()
    assert lines[0] == f"<Trace of 3 spans, {len(trace.events)} events>"
    assert [line[10:].split("  ")[0] for line in lines[1:]] == ["main", "├─ load", "╰─ ✗ bad"]
    assert lines[2].endswith("rows=3")
    assert lines[3].endswith("ValueError: no")
    assert len(trace) == 3
    assert [span.name for span in trace] == ["load", "bad", "main"]


def test_of_a_large_trace_the_beginning_is_shown(mine):
    with capture(mine) as trace:
        for n in range(300):
            with mine.span(f"span {n}"):
                pass
    lines = repr(trace).splitlines()
    assert len(lines) == 202
    assert lines[-1] == "..."


def test_after_the_block_nothing_is_recorded(mine):
    with capture(mine) as trace:
        open_one = mine.start_span("open")
    open_one.end()
    with mine.span("after") as span:
        assert not span.is_traced
    assert trace.spans == []


def test_a_capture_records_what_other_threads_and_tasks_do(mine):
    async def work(n):
        with mine.span(f"task {n}"):
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(*[work(n) for n in range(3)])

    def in_thread():
        with mine.span("thread"):
            pass

    with capture(mine) as trace:
        asyncio.run(main())
        thread = threading.Thread(target=mine.propagate(in_thread))
        thread.start()
        thread.join()
    assert sorted(s.name for s in trace.spans) == ["task 0", "task 1", "task 2", "thread"]


def test_an_async_block_is_the_same(mine):
    async def main():
        async with capture(mine) as trace, mine.span("s"):
            pass
        return trace

    assert asyncio.run(main()).tree() == "s"


def test_a_capture_left_in_another_context_hurts_nobody(mine):
    import contextvars

    scope = capture(mine, everything=True)
    trace = contextvars.Context().run(scope.__enter__)
    with mine.span("s"):
        pass
    scope.__exit__(None, None, None)
    assert trace.tree() == "s"
    assert mine.current_span().context.trace_id == 0


def test_an_exception_passes_through(mine):
    with pytest.raises(ValueError, match="x"), capture(mine):
        raise ValueError("x")


def test_a_trace_of_thousands_of_levels_has_a_tree(mine):
    with capture(mine) as trace:
        spans = []
        for n in range(3000):
            with mine.use_span(spans[-1]) if spans else mine.invocation("root", linger=None):
                spans.append(mine.start_span(f"{n}"))
        for span in reversed(spans):
            span.end()
    assert len(trace.tree().splitlines()) == 3001


def test_the_fixture_gives_each_test_a_trace_of_its_own(pytester):
    pytester.makepyfile(
        """
        from enterspan import tracing

        def work():
            with tracing.span("work", n=1):
                pass

        def test_one(trace):
            work()
            assert trace.find("work").attributes == {"n": 1}
            assert trace.tree() == "work"

        def test_two(trace):
            assert trace.spans == []
            work()
            assert len(trace.spans) == 1

        def test_three():
            with tracing.span("nobody listens") as span:
                assert not span.is_traced
        """
    )
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)


def test_the_fixture_is_listed_with_what_it_does(pytester):
    result = pytester.runpytest_subprocess("--fixtures", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["trace*", "*that the default `Tracing` records*"])


def test_what_goes_on_with_a_trace_of_the_block_in_another_thread_is_recorded(
    mine: Tracing,
) -> None:
    """A server in a thread of its own, for one, that has got the headers."""

    def serve(headers: dict[str, str]) -> None:
        with mine.invocation("served", parent=headers), mine.span("inside"):
            pass

    def other() -> None:
        with mine.invocation("other"):
            pass

    with capture(mine) as trace:
        with mine.span("client"):
            headers: dict[str, str] = {}
            mine.inject(headers)
        runs = [partial(Context().run, serve, headers), partial(Context().run, other)]
        threads = [threading.Thread(target=run) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert trace.tree() == "client\n  served\n    inside"
