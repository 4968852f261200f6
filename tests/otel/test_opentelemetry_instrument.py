"""Programs under `opentelemetry-instrument`: the bridge is on only where it was asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "opentelemetry.instrumentation.auto_instrumentation",
    reason="opentelemetry is not installed: nox -s otel",
)

PROGRAM = """
import sqlite3
from enterspan import tracing

with tracing.span("ours"):
    connection = sqlite3.connect(":memory:")
    connection.cursor().execute("SELECT 7").fetchone()
    connection.close()
"""


def installed() -> bool:
    found = entry_points(group="opentelemetry_post_instrument")
    return any(point.name == "enterspan" for point in found)


def run(tmp_path: Path, **variables: str) -> list[dict[str, Any]]:
    """Run the program, and read what the SDK's console exporter printed."""
    command = shutil.which("opentelemetry-instrument", path=str(Path(sys.executable).parent))
    if command is None or not installed():
        pytest.skip("opentelemetry-instrument or this package is not installed: nox -s otel")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "ENTERSPAN_"))}
    done = subprocess.run(
        [command, "--traces_exporter", "console", "--metrics_exporter", "none",
         "--logs_exporter", "none", sys.executable, str(program)],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    spans = []
    text = done.stdout.strip()
    while text:
        span, end = json.JSONDecoder().raw_decode(text)
        spans.append(span)
        text = text[end:].strip()
    return spans


def test_asked_for_the_programs_spans_and_the_instrumentations_are_one_trace(
    tmp_path: Path,
) -> None:
    spans = {span["name"]: span for span in run(tmp_path, ENTERSPAN_OTEL_BRIDGE="true")}
    assert set(spans) == {"ours", "SELECT"}
    assert spans["ours"]["parent_id"] is None
    assert spans["SELECT"]["parent_id"] == spans["ours"]["context"]["span_id"]
    assert spans["SELECT"]["context"]["trace_id"] == spans["ours"]["context"]["trace_id"]


@pytest.mark.parametrize("variables", [{}, {"ENTERSPAN_OTEL_BRIDGE": "0"}])
def test_not_asked_for_it_stays_out_of_the_way(tmp_path: Path, variables: Any) -> None:
    assert [span["name"] for span in run(tmp_path, **variables)] == ["SELECT"]
