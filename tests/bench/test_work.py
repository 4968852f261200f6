"""A unit of work costs the same where there are more of them: counted, not timed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

import work
from enterspan import Tracing

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] == (3, 12), reason="3.12 does not report each instruction to a tracer"
)


@pytest.mark.parametrize("case", work.CASES, ids=lambda case: case.__name__)
def test_a_unit_costs_the_same_where_there_are_more(case):
    assert max(work.growth(case)) <= work.MOST


def test_a_cost_that_grows_is_noticed(monkeypatch, capsys):
    """Each further tail is asked at each onset: so many more tails, so much more work."""

    def more_and_more_tails(n):
        tracing = Tracing("planted")
        for _ in range(n):
            tracing.add_tail(lambda onset: None, delivery="inline")
            with tracing.span("root"):
                pass

    growth = work.growth
    monkeypatch.setattr(work, "CASES", (more_and_more_tails,))
    monkeypatch.setattr(work, "growth", lambda case: growth(case, (20, 40, 80)))
    assert work.main() == 1
    assert capsys.readouterr().out.startswith("GROWS more and more tails: x1.")
