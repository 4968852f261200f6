"""docs/compatibility.md says what is so: its tables are those that its script writes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| `")
]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TOML is read from Python 3.11 on")
def test_the_tables_are_those_that_the_script_writes() -> None:
    """Pythons, requirements and tests; the versions that were tried are taken from the page."""
    done = subprocess.run(
        [sys.executable, "docs/compatibility.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_package_was_tried() -> None:
    """A version stands where the script found one, and names of tests where there are any."""
    assert len(ROWS) > 30
    assert [row for row in ROWS if not re.match(r"\d+\.\d+", row[2])] == []
    assert [row for row in ROWS if row[-1] == ""] == []


def test_every_integration_is_in_the_tables() -> None:
    """A module of `enterspan.integrations` that nobody is told of is of no use."""
    modules = {path.stem for path in (ROOT / "src/enterspan/integrations").glob("[a-z]*.py")}
    on_other_pages = {"logging", "otel", "pytest", "wsgi"}
    assert on_other_pages < modules
    named = set(re.findall(r"integrations\.(\w+)", PAGE))
    assert modules - on_other_pages <= named
