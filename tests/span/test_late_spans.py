"""A span opened in the context of an invocation that has ended."""

from __future__ import annotations

import contextvars
from typing import Any

import pytest

from enterspan._span import invocation
from enterspan.testing import capture


@pytest.mark.parametrize(
    "late,stays",
    [(60.0, [True, True, False, False]), (float("inf"), [True] * 4), (0, [False] * 4)],
)
def test_a_chain_of_late_ones_is_measured_from_the_first_end(
    late: float, stays: list[bool], mine: Any, monkeypatch: Any
) -> None:
    """Each is 25 seconds later than the one before; one that left the trace is linked."""
    ahead = 0
    real = invocation.now_ns
    monkeypatch.setattr(invocation, "now_ns", lambda: real() + ahead)
    mine.configure(late=late)
    with capture(mine) as trace:
        with mine.span("first") as first:
            pass
        before, found = first, []
        for number in range(4):
            ahead += 25_000_000_000
            with mine.use_span(before):
                assert not mine.current_span().is_traced
                with mine.span(f"late {number}") as span:
                    pass
            found.append(span.context.trace_id == before.context.trace_id)
            data = trace.find(f"late {number}")
            assert len(data.links) == (not found[-1])
            assert (data.parent_span_id == before.context.span_id) is found[-1]
            if span.context.trace_id == first.context.trace_id:
                before = span
            elif number == 2:
                found.append(False)
                break
    assert found == stays


def test_a_late_invocation_begins_its_own_chain(mine: Any) -> None:
    """One that left the trace has late spans of its own, which stay in it."""
    mine.configure(late=0)
    with capture(mine) as trace:
        with mine.invocation("first"):
            context = contextvars.copy_context()
        mine.configure(late=60.0)
        first = context.run(mine._tracer.get)
        first._state.late_since = 1  # long ago

        def job() -> None:
            with mine.invocation("job"):
                inside = contextvars.copy_context()
            inside.run(lambda: mine.span("late").__enter__().end())

        context.run(job)
    late, own = trace.find("late"), trace.find("job")
    assert own.context.trace_id != trace.find("first").context.trace_id
    assert late.parent_span_id == own.context.span_id


def test_a_log_under_a_span_that_has_ended_is_on_the_current_span(mine: Any) -> None:
    with capture(mine) as trace, mine.span("root"):
        with mine.span("a"):
            context = contextvars.copy_context()
        assert context.run(mine.current_span).name == "root"
        context.run(mine.log, "error", "said")
    assert [(span.name, len(span.events)) for span in trace.spans] == [("a", 0), ("root", 1)]
    log = next(event for event in trace.events if event.event.type == "log")
    assert int(log.span_context.span_id, 16) == trace.find("root").context.span_id
