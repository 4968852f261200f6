"""A span opened in the context of an invocation that has ended."""

from __future__ import annotations

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
