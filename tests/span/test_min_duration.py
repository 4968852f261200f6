"""Functions whose short calls are not worth a span."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import time
from typing import TYPE_CHECKING

import pytest

from enterspan import traced, tracing

if TYPE_CHECKING:
    from enterspan.testing import Trace

LONG = 3600.0
"""Seconds that no call here takes."""
SHORT = 1e-9
"""Seconds that every call takes."""


class Kept:
    """An exporter that keeps what it gets."""

    def __init__(self):
        self.spans = []

    def export(self, spans):
        self.spans += spans

    def shutdown(self):
        pass


@traced
def leaf() -> None:
    pass


@traced(min_duration=LONG)
def short(work=None) -> None:
    if work is not None:
        work()


@traced(min_duration=SHORT)
def long(work=None) -> None:
    if work is not None:
        work()


def opened(trace: Trace) -> list[str]:
    return [e.event.name for e in trace.events if e.event.type == "spanOpen"]


def test_a_short_call_leaves_nothing(trace: Trace) -> None:
    """No span, and, where it would have been a root, no invocation either."""
    short()
    assert (trace.spans, trace.events) == ([], [])
    with tracing.invocation("main"):
        short()
    assert trace.tree() == "main"
    assert opened(trace) == []


def test_a_long_call_is_a_span_like_any_other(trace: Trace) -> None:
    with tracing.invocation("main"):
        long(leaf)
    assert trace.tree() == "main\n  long\n    leaf"
    assert [e.event.type for e in trace.events] == [
        "onset", "spanOpen", "spanOpen", "spanClose", "spanClose", "return", "outcome",
    ]  # fmt: skip


def test_the_children_of_a_short_call_hang_on_its_parent(trace: Trace) -> None:
    """Also through several of them, and in the order in which they happened."""
    with tracing.invocation("main"):
        short(lambda: short(leaf))
        long(lambda: short(lambda: long(leaf)))
    assert trace.tree() == "main\n  leaf\n  long\n    long\n      leaf"
    parents = {
        e.event.span_id: e.span_context.span_id for e in trace.events if e.event.type == "spanOpen"
    }
    shown = {f"{s.context.span_id:016x}": f"{s.parent_span_id or 0:016x}" for s in trace.spans}
    assert all(shown[own] == parent for own, parent in parents.items())


def test_a_short_root_with_children_is_kept(trace: Trace) -> None:
    """A trace needs its root."""
    short(leaf)
    assert trace.tree() == "short\n  leaf"


def test_a_child_that_outlives_a_short_call_hangs_on_its_parent(trace: Trace) -> None:
    spans = []
    with tracing.invocation("main", linger=None):
        short(lambda: spans.append(tracing.start_span("later")))
        spans[0].end()
    assert trace.tree() == "main\n  later"


def test_a_short_call_that_fails_is_kept(trace: Trace) -> None:
    def fails() -> None:
        raise ValueError("no")

    with tracing.invocation("main"), pytest.raises(ValueError, match="no"):
        short(fails)
    assert trace.tree() == "main\n  short"
    assert trace.find("short").outcome == "exception"
    assert [e.event.type for e in trace.events][:3] == ["onset", "spanOpen", "exception"]


@pytest.mark.parametrize(
    "happens",
    [
        lambda: tracing.log("info", "something"),
        lambda: tracing.current_span().add_event("something"),
        lambda: tracing.current_span().record_exception(ValueError()),
        lambda: tracing.current_span().set_status("ok"),
        lambda: tracing.inject({}),
        lambda: tracing.current_span().context,
    ],
    ids=["log", "event", "exception", "status", "inject", "context"],
)
def test_a_short_call_in_which_something_happens_is_kept(trace: Trace, happens) -> None:
    """Something was recorded on it, or somebody knows its ids."""
    with tracing.invocation("main"):
        short(happens)
    assert trace.tree() == "main\n  short"


def test_attributes_alone_do_not_keep_a_short_call(trace: Trace) -> None:
    with tracing.invocation("main"):
        short(lambda: tracing.current_span().set_attribute("rows", 3))
    assert trace.tree() == "main"


def test_exporters_alone_get_the_same(mine) -> None:
    """With no tail there is nothing to hold back but the spans."""
    kept = Kept()
    with mine.add_exporter(kept):

        @mine.traced(min_duration=LONG)
        def brief(work):
            work()

        brief(lambda: None)
        with mine.invocation("main"):
            brief(lambda: mine.start_span("child").end())
    names = {span.name: span for span in kept.spans}
    assert sorted(names) == ["child", "main"]
    assert names["child"].parent_span_id == names["main"].context.span_id


def test_nothing_waits_for_a_span_that_has_become_old_enough(trace: Trace) -> None:
    """The next thing that happens is told at once, and what waited before it."""
    seen: list[list[str]] = []

    @traced(min_duration=0.2)
    def slow() -> None:
        leaf()
        time.sleep(0.21)
        seen.append(opened(trace))
        leaf()
        seen.append(opened(trace))

    with tracing.invocation("main"):
        slow()
    assert seen == [[], ["slow", "leaf", "leaf"]]


def test_what_waits_is_bounded(trace: Trace) -> None:
    """With too much of it, the span is kept after all."""
    with tracing.invocation("main"):
        short(lambda: [leaf() for _ in range(6_000)])
    assert len(trace.find_all("leaf")) == 6_000
    assert trace.find("leaf").parent_span_id == trace.find("short").context.span_id


def test_an_invocation_that_ends_meanwhile_keeps_what_it_abandons(trace: Trace) -> None:
    with tracing.invocation("main") as invocation:
        short(lambda: invocation.close("enough"))
    assert trace.find("short").outcome == "abandoned"
    assert trace.events[-1].event.outcome == "enough"


def test_threads_in_one_invocation_do_not_mix(trace: Trace) -> None:
    def work() -> None:
        for _ in range(100):
            short(leaf)
            long(leaf)

    with tracing.invocation("main", linger=None):
        threads = [threading.Thread(target=tracing.propagate(work)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    root = trace.find("main").context.span_id
    longs = {span.context.span_id for span in trace.find_all("long")}
    parents = [span.parent_span_id for span in trace.find_all("leaf")]
    assert len(longs) == 400
    assert len(parents) == 800
    assert {p for p in parents if p not in longs} == {root}
    assert parents.count(root) == 400
    assert [e.sequence for e in trace.events] == list(range(len(trace.events)))


def test_a_callable_that_is_no_function_has_it_too(trace: Trace) -> None:
    brief = traced("brief", min_duration=LONG)(functools.partial(int, "7"))
    with tracing.invocation("main"):
        assert brief() == 7
    assert trace.tree() == "main"


def test_coroutines_and_generators_have_it_too(trace: Trace) -> None:
    @traced(min_duration=LONG)
    def numbers():
        yield 1
        leaf()

    with tracing.invocation("main"):
        assert list(numbers()) == [1]
    assert trace.tree() == "main\n  leaf"


def test_a_min_duration_without_limit_leaves_out_whatever_ends_well(trace: Trace) -> None:
    @traced(min_duration=float("inf"))
    def quick(error: bool) -> None:
        leaf()
        if error:
            raise KeyError

    with tracing.span("root"):
        quick(False)
        with pytest.raises(KeyError):
            quick(True)
    assert trace.tree().count("quick") == 1


def test_what_goes_on_in_a_context_of_short_calls_hangs_on_what_was_kept(mine) -> None:
    """Also where each of several calls around it was left out, the outer ones later."""
    kept = Kept()
    mine.add_exporter(kept)
    headers: dict[str, str] = {}

    @mine.traced(min_duration=10)
    def nested(depth: int) -> contextvars.Context:
        return nested(depth - 1) if depth else contextvars.copy_context()

    def child(name: str) -> None:
        with mine.span(name):
            pass

    with mine.span("root") as root:
        context = nested(3)
        for name in "abc":
            context.run(child, name)
        context.run(mine.inject, headers)
    context.run(child, "late")
    mine.flush()
    ids = {span.name: span.context.span_id for span in kept.spans}
    assert [ids["root"]] * 4 == [s.parent_span_id for s in kept.spans if s.name != "root"]
    assert headers["traceparent"].split("-")[2] == f"{root.context.span_id:016x}"


def test_late_spans_of_an_invocation_that_was_left_out_are_no_orphans(mine) -> None:
    kept = Kept()
    mine.add_exporter(kept)

    @mine.entrypoint(min_duration=10)
    def job() -> contextvars.Context:
        return contextvars.copy_context()

    def late() -> None:
        with mine.span("late"):
            pass

    job().run(late)
    parent = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    mine.entrypoint(min_duration=10, parent=parent)(contextvars.copy_context)().run(late)
    mine.flush()
    assert [span.parent_span_id for span in kept.spans] == [None, 0x2222222222222222]


def test_nothing_is_injected_where_a_trace_was_left_out(mine) -> None:
    kept, headers = Kept(), {}
    mine.add_exporter(kept)
    context = mine.entrypoint(min_duration=10)(contextvars.copy_context)()
    context.run(mine.inject, headers)
    assert headers == {}


def test_a_short_call_that_outlives_a_short_one_hangs_on_what_was_kept(mine) -> None:
    kept, contexts = Kept(), []
    mine.add_exporter(kept)

    @mine.traced(min_duration=10)
    async def child() -> None:
        contexts.append(contextvars.copy_context())
        await asyncio.sleep(0.01)

    @mine.traced(min_duration=10)
    async def parent() -> asyncio.Task[None]:
        task = asyncio.create_task(child())
        await asyncio.sleep(0)
        return task

    def keep() -> None:
        with mine.span("keep"):
            pass

    async def main() -> None:
        with mine.invocation("root"):
            await (await parent())
            for _ in range(3):
                contexts[0].run(keep)

    asyncio.run(main())
    mine.flush()
    root = kept.spans[-1]
    assert [span.parent_span_id for span in kept.spans[:-1]] == [root.context.span_id] * 3
