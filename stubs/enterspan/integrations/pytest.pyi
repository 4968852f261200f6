# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The pytest plugin: a fixture `trace`, and the spans of the tests that fail (`--enterspan`)."""

import pytest
from collections.abc import Iterator
from enterspan.testing import Trace

@pytest.fixture
def trace() -> Iterator[Trace]:
    """What the test records with the default Tracing, in all threads, from its beginning."""

def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--enterspan`."""

def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Record a test, with its fixtures, if its spans may be asked for."""

def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the spans to the report of a failure, which travels from the workers of xdist as well."""
