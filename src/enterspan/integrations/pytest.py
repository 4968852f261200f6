"""The pytest plugin: a fixture `trace`, and the spans of failed tests (`--enterspan`)."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import pytest

from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan.testing import Trace

_SECTION = "spans"
_recorded: pytest.StashKey[Trace] = pytest.StashKey()


@pytest.fixture
def trace() -> Iterator[Trace]:
    """The `Trace` of the test: everything that the default `Tracing` records, in all threads."""
    with capture(everything=True) as recorded:
        yield recorded


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--enterspan`."""
    parser.getgroup("enterspan").addoption(
        "--enterspan",
        action="store_true",
        help="show the tree of spans, with logs and exceptions, of each test that fails",
    )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Record a test, with its fixtures, if its spans may be shown."""
    if not item.config.getoption("--enterspan"):
        yield
        return
    from enterspan.integrations.logging import LogHandler

    root, handler = logging.getLogger(), LogHandler()
    with capture(everything=True) as recorded:
        item.stash[_recorded] = recorded
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)
            del item.stash[_recorded]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the spans to the report of a failure, which xdist's workers also send."""
    outcome: Any = yield
    report = outcome.get_result()
    recorded = item.stash.get(_recorded, None)
    if recorded is not None and report.failed:
        tree = _tree(recorded)
        if tree:
            report.sections.append((_SECTION, tree))


def _tree(recorded: Trace) -> str:
    """Draw the recorded events as a live tree."""
    from enterspan.exporters.console import ConsoleTail

    lines = io.StringIO()
    console = ConsoleTail(lines, color=False)
    handlers: dict[str, Any] = {}
    event: Any
    for event in recorded.events:
        draw = handlers.get(event.invocation_id)
        if draw is None:
            handlers[event.invocation_id] = console(event)
        else:
            draw(event)
    console.flush()
    return lines.getvalue().rstrip("\n")
