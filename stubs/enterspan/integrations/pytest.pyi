# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The pytest plugin: a fixture `trace` that holds what the test records."""

import pytest
from collections.abc import Iterator
from enterspan.testing import Trace

@pytest.fixture
def trace() -> Iterator[Trace]:
    """What the test records with the default Tracing, in all threads, from its beginning."""
