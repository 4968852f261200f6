"""Each gate can fail: in a copy of the checkout, with a fault planted, its own commands do.

The sessions of `noxfile.py` start this after their check, and say which commands that was.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
NOT_COPIED = (".git", ".nox", "__pycache__", ".hypothesis", ".pytest_cache", ".coverage*")


class Fault(NamedTuple):
    """A gate, the fault's name, what is appended to files, and what is then printed."""

    gate: str
    name: str
    files: dict[str, str]
    said: str
    fails: str = ""
    """What is in each command that must fail, and in no other; all of them by default."""


CLOCK = "src/enterspan/_model/clock.py"
FAULTS = (
    Fault(
        "lint",
        "an import that nothing uses",
        {"src/enterspan/planted.py": "import os\n"},
        "F401",
        "ruff check",
    ),
    Fault(
        "lint", "a line that is not formatted", {"check.py": "x  =  1\n"}, "check.py", "ruff format"
    ),
    Fault("types", "a wrong type", {"examples/shop/report.py": "x: int = ''\n"}, "report.py"),
    Fault(
        "layers",
        "an upward import for type checkers",
        {
            CLOCK: "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from enterspan import cli\n"
        },
        "enterspan._model.clock -> enterspan.cli",
    ),
    Fault(
        "layers",
        "an upward import inside a function",
        {CLOCK: "def planted():\n    from enterspan._tracing import Tracing\n"},
        "enterspan._model.clock -> enterspan._tracing",
    ),
    Fault(
        "layers",
        "a circle inside a folder",
        {
            CLOCK: "def planted():\n    from enterspan._model import planted\n",
            "src/enterspan/_model/planted.py": "from enterspan._model import clock\n",
        },
        "No cycles are allowed in enterspan._model.",
    ),
    Fault(
        "layers",
        "a circle of a package and its module",
        {
            "src/enterspan/catalogue/errors.py": "def planted():\n"
            "    from enterspan import catalogue\n"
        },
        "enterspan.catalogue.errors",
        "test_layers",
    ),
    Fault(
        "layers",
        "a folder without a floor",
        {"src/enterspan/planted/__init__.py": ""},
        "planted",
        "lint-imports",
    ),
    Fault(
        "layers",
        "an exporter that knows another",
        {"src/enterspan/exporters/chrome.py": "from enterspan.exporters import otlp\n"},
        "enterspan.exporters.chrome -> enterspan.exporters.otlp",
        "lint-imports",
    ),
    Fault(
        "docs",
        "a broken link",
        {"docs/index.md": "\n[nowhere](nowhere.md)\n"},
        "'nowhere.md'",
        "mkdocs",
    ),
    Fault(
        "docs",
        "a broken anchor",
        {"docs/index.md": "\n[x](tutorial.md#not-there)\n"},
        "not-there",
        "mkdocs",
    ),
    Fault(
        "docs",
        "an example that prints something else",
        {"docs/index.md": "\n```python\nprint(1)\n```\n\n```text\n2\n```\n"},
        "test_an_example_runs_and_prints_what_the_page_says[index.md",
        "pytest",
    ),
    Fault(
        "docs",
        "a table that is out of date",
        {"tests/frameworks/test_aiohttp.py": "import falcon\n"},
        "compatibility.md is out of date",
        "compatibility.py",
    ),
    Fault(
        "package",
        "a command that does not start",
        {"src/enterspan/_run/command.py": "raise ImportError('planted')\n"},
        "planted",
        "enterspan run",
    ),
    Fault(
        "stubs",
        "a stub of what is not in the source",
        {"stubs/enterspan/sampling.pyi": "def planted() -> None: ...\n"},
        "sampling.pyi",
    ),
    # The commands measure `enterspan --help`, which runs little of the package.
    Fault("coverage", "code that was not run", {}, "less than fail-under=95", "report"),
    Fault(
        "oldest",
        "a test that only warns",
        {
            "tests/test_check.py": "import warnings\n\n\n"
            "def test_planted():\n    warnings.warn('planted')\n"
        },
        "UserWarning: planted",
    ),
    Fault(
        "oldest",
        "a test that is expected to fail, and does not",
        {
            "tests/test_check.py": "import pytest\n\n\n@pytest.mark.xfail\n"
            "def test_planted():\n    pass\n"
        },
        "XPASS(strict)",
    ),
)
GATE = os.environ.get("ENTERSPAN_GATE", "")
COMMANDS: list[list[str]] = json.loads(os.environ.get("ENTERSPAN_GATE_COMMANDS", "[]"))


@pytest.fixture
def copy():
    """A copy of the checkout; not below it, where tools would read the checkout's settings."""
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, "copy")
        shutil.copytree(ROOT, copied, ignore=shutil.ignore_patterns(*NOT_COPIED))
        yield copied


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=fault.name) for fault in FAULTS if fault.gate == GATE]
)
def test_a_planted_fault_is_found(copy, fault):
    """The commands that look for it exit with an error and name it; the others go on passing."""
    for name, text in fault.files.items():
        place = copy / name
        place.parent.mkdir(exist_ok=True)
        with place.open("a") as file:
            file.write(text)
    said, failed = "", []
    for command in COMMANDS:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        said += done.stdout + done.stderr
        if done.returncode:
            failed.append(command)
    assert fault.said in said
    assert failed == [command for command in COMMANDS if fault.fails in " ".join(command)]
