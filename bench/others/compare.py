"""Run other packages' tests twice, plain and with all of the package instrumented, and compare.

    python bench/others/compare.py                       those in the table that are installed
    python bench/others/compare.py toolz                 one of them
    python bench/others/compare.py click -- CLICK/tests  one whose tests lie in a folder

A difference is a test that went another way, or that was not there. The exit code is 1 if there is
one, and if nothing was tried: no span was recorded, or more than half of the tests fail both ways.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "watched", "-c", os.devnull]

SUITES = {
    "toolz": ["--pyargs", "toolz"],
    "networkx": ["--pyargs", "networkx.classes", "networkx.algorithms.shortest_paths"],
}
"""What pytest is told to run, for packages that bring their tests along."""

MODULES = {"attrs": ("attr", "attrs")}
"""What a distribution's modules are called, where that is not its name."""

BROKEN = ("failed", "uncollected")
"""The outcomes of a test that did not do its work."""


def main(arguments: list[str]) -> int:
    """Compare what the command line asks for."""
    names, given = arguments, None
    if "--" in arguments:
        at = arguments.index("--")
        names, given = arguments[:at], arguments[at + 1 :]
    if given is not None:
        given = [str(Path(each).resolve()) if Path(each).exists() else each for each in given]
    failed = False
    for name in names or [name for name in SUITES if is_installed(name)]:
        failed = not compare(name, given or SUITES[name]) or failed
    return 1 if failed else 0


def is_installed(name: str) -> bool:
    """Whether a distribution is here."""
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def compare(name: str, suite: list[str]) -> bool:
    """Run one package's tests both ways; False if there is a difference."""
    plain = run(suite, "")
    targets = " ".join(MODULES.get(name, (name,)))
    traced = run(suite, targets)
    one, two = plain["outcomes"], traced["outcomes"]
    different = sorted(test for test in {**one, **two} if one.get(test) != two.get(test))
    broken = sum(one.get(test) in BROKEN and two[test] in BROKEN for test in two)
    print(
        f"{name} {importlib.metadata.version(name)}: {traced['wrapped']} functions wrapped,"
        f" {traced['spans']} spans, {traced['events']} events, {len(one)} tests without and"
        f" {len(two)} with, {broken} fail both ways, {len(different)} differences"
    )
    for test in different:
        print(
            f"  {test}: {one.get(test)} without, {two.get(test)} with", traced["why"].get(test, "")
        )
    return not different and is_tried(len(two), broken, traced["spans"])


def is_tried(tests: int, broken: int, spans: int) -> bool:
    """Whether a run says anything: its tests ran, and what they called was recorded."""
    if not tests:
        print("  not tried: no test ran")
    elif broken * 2 > tests:
        print(f"  not tried: {broken} of {tests} tests fail both ways")
    elif not spans:
        print("  not tried: no span was recorded")
    else:
        return True
    return False


def run(suite: list[str], targets: str) -> dict[str, Any]:
    """Run the tests in a process of their own; what comes of each of them, and more."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "outcomes.json")
        path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        subprocess.run(  # noqa: S603 - our own command line
            [*PYTEST, "--rootdir", folder, *suite],
            env={
                **os.environ,
                "PYTHONPATH": path,
                "OTHERS_OUTPUT": str(output),
                "OTHERS_TARGETS": targets,
            },
            cwd=folder,  # pytest reads the conftest.py of a folder `tests` where it is started
            stdout=subprocess.DEVNULL,
            check=False,
        )
        return json.loads(output.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
