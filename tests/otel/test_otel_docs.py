"""docs/opentelemetry.md says what is so: its Python examples are run, each by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http", reason="opentelemetry is not installed: nox -s otel"
)

PAGE = Path(__file__).parent.parent.parent / "docs" / "opentelemetry.md"
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?",
    PAGE.read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_each_example_does_what_the_page_says(number: int, sink: Any) -> None:
    source, prints = EXAMPLES[number]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", source],
        env={**kept, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.port}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == prints
    assert [span.name for span in sink.spans] == (["checkout"] if number == 0 else [])
