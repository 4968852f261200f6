"""A pytest plugin: notes how each test went, with a package instrumented or without.

OTHERS_OUTPUT   the file for the outcomes, as JSON
OTHERS_TARGETS  what to instrument, with spaces between; empty: nothing
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enterspan import tracing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from enterspan import SpanData, TailEvent


_TIME = re.compile(r"\b\d\d:\d\d:\d\d\b")


class Counting:
    """Listens as an exporter and as a tail, so that all of a span is made."""

    def __init__(self) -> None:
        self.spans = 0
        self.events = 0

    def export(self, spans: Sequence[SpanData]) -> None:
        """Count spans."""
        self.spans += len(spans)

    def shutdown(self) -> None:
        """Nothing to do."""

    def tail(self, _: TailEvent[Any]) -> Any:
        """Count events."""
        return self.count

    def count(self, _: TailEvent[Any]) -> None:
        """Count one event."""
        self.events += 1


class Outcomes:
    """How each test went."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.why: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the call, or what else went wrong."""
        outcome: str = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = f"x{outcome}"
        if report.when == "call" or outcome != "passed":
            self.note(report.nodeid, outcome, report.longreprtext)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self.note(report.nodeid, "uncollected", report.longreprtext)

    def note(self, test: str, outcome: str, why: str) -> None:
        """Note one test; the time of day in a name is another one in each run."""
        test = _TIME.sub("time", test)
        self.outcomes[test] = outcome
        if outcome in {"failed", "uncollected"}:
            self.why[test] = why


_counting = Counting()
_targets = os.environ.get("OTHERS_TARGETS", "").split()
if _targets:
    tracing.add_exporter(_counting)
    tracing.add_tail(_counting.tail, delivery="inline")
    _instrumentation = tracing.instrument(
        *_targets, exclude=os.environ.get("OTHERS_EXCLUDE", "").split()
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch the tests."""
    watched = Outcomes()
    config.pluginmanager.register(watched)
    config.add_cleanup(lambda: write(watched))


def write(watched: Outcomes) -> None:
    """Write the outcomes, and what was recorded."""
    tracing.flush(30)
    found: dict[str, Any] = {"outcomes": watched.outcomes, "why": watched.why}
    if _targets:
        found["wrapped"] = len(_instrumentation.wrapped)
        found["skipped"] = dict(_instrumentation.skipped)
        found["spans"] = _counting.spans
        found["events"] = _counting.events
    Path(os.environ["OTHERS_OUTPUT"]).write_text(json.dumps(found), encoding="utf-8")
