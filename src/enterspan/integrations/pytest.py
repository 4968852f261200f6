"""The pytest plugin: a fixture `trace` that holds what the test records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enterspan.testing import capture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enterspan.testing import Trace


@pytest.fixture
def trace() -> Iterator[Trace]:
    """What the test records with the default Tracing, in all threads, from its beginning."""
    with capture(everything=True) as recorded:
        yield recorded
