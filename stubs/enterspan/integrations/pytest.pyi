# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The pytest plugin: a fixture `trace`, and the spans of failed tests (`--enterspan`)."""

import pytest
from collections.abc import Iterator
from enterspan.testing import Trace

@pytest.fixture
def trace() -> Iterator[Trace]:
    """The `Trace` of the test: everything that the default `Tracing` records, in all threads."""

def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--enterspan`."""

def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Record a test, with its fixtures, if its spans may be shown."""

def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the spans to the report of a failure, which xdist's workers also send."""
