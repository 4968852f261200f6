"""The examples of `docs/` that need a framework."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from test_docs_pages import examples, run


@pytest.mark.filterwarnings("default")  # Celery's own
@pytest.mark.parametrize("source,prints", examples(foreign=True))
def test_an_example_runs_and_prints_what_it_says(source, prints, capsys):
    run(source, prints, capsys)
