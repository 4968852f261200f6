"""Run other packages' tests twice, plain and with all of the package instrumented, and compare.

    python bench/others/compare.py                       those that are installed with their tests
    python bench/others/compare.py toolz                 one of them
    python bench/others/compare.py --into FOLDER click   any of suites.py, installed into FOLDER
    python bench/others/compare.py click -- CLICK/tests  one whose tests lie in a folder

With `--into` a package gets a virtual environment in the folder, with what its tests need, and its
source is fetched; what is there already is used again. What the tests print is shown with
OTHERS_SHOW=1.

A difference is a test that went another way, or that was not there. The exit code is 1 if there is
one, and if nothing was tried: no span was recorded, or more than half of the tests fail both ways.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suites import INSTALLED, SDIST, SUITES, Suite

HERE = Path(__file__).resolve().parent

BROKEN = ("failed", "uncollected")
"""The outcomes of a test that did not do its work."""


@dataclass(frozen=True)
class Trial:
    """What is run: with which Python, where, and what is instrumented."""

    name: str
    version: str
    targets: str
    command: tuple[str, ...]
    folder: Path | None = None
    """Where it is run; in an empty one if that is None."""


def main(arguments: list[str]) -> int:
    """Compare what the command line asks for."""
    given: list[str] = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, given = arguments[:at], arguments[at + 1 :]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="install what is needed there")
    parser.add_argument("names", nargs="*", metavar="NAME")
    asked = parser.parse_args(arguments)
    if asked.into is not None:
        trials = (prepared(name, asked.into.resolve(), given) for name in asked.names or SUITES)
    else:
        trials = (here(name, given) for name in asked.names or [*filter(brings_tests, SUITES)])
    same = [compare(trial) for trial in trials]
    return 0 if all(same) else 1


def brings_tests(name: str) -> bool:
    """Whether a package is installed here, and its tests with it."""
    return SUITES[name].source is INSTALLED and bool(installed_version(name))


def installed_version(name: str) -> str:
    """The version of a distribution; empty if it is not here."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


# --- what is run ----------------------------------------------------------------------------------


def here(name: str, given: list[str]) -> Trial:
    """The tests of a package that is installed here."""
    suite = SUITES.get(name, Suite("", ""))
    tests = [str(Path(each).resolve()) if Path(each).exists() else each for each in given]
    tests = tests or suite.tests.split()
    command = (*pytest(sys.executable), "-c", os.devnull, "--rootdir", ".", *tests)
    return Trial(name, installed_version(name), suite.targets or name, command)


def prepared(name: str, into: Path, given: list[str]) -> Trial:
    """The tests of a package of the table, with its environment and its source in a folder."""
    suite = SUITES[name]
    home = into / f"{name}-{suite.version}"
    python = python_in(home)
    if not (home / "ready").exists():
        say(sys.executable, "-m", "venv", str(home))
        enterspan = str(HERE.parent.parent)
        pip = [python, "-m", "pip", "-q"]
        wanted = [f"{name}=={suite.version}", "pytest>=8.4", *suite.needs.split()]
        say(*pip, "install", "-e", enterspan, *wanted)
        fetch(pip, name, suite, home / "source")
        (home / "ready").touch()
    tests = given or suite.tests.split()
    targets = suite.targets or name
    if suite.source is INSTALLED:
        command = (*pytest(python), "-c", os.devnull, "--rootdir", ".", *tests)
        return Trial(name, suite.version, targets, command)
    (source,) = (home / "source").iterdir()
    if suite.script:
        command = (python, str(HERE / "watched_unittest.py"), suite.script, *tests)
    else:
        command = (*pytest(python), *tests)
    return Trial(name, suite.version, targets, command, source)


def python_in(home: Path) -> str:
    """The Python of a virtual environment."""
    return str(home / ("Scripts" if os.name == "nt" else "bin") / "python")


def pytest(python: str) -> tuple[str, ...]:
    """Pytest with the plugin that notes the outcomes."""
    return (python, "-m", "pytest", "-q", "-p", "watched")


def fetch(pip: list[str], name: str, suite: Suite, folder: Path) -> None:
    """Get the source that the tests are in: the only thing in a folder."""
    folder.mkdir(exist_ok=True)
    if suite.source is SDIST:
        with tempfile.TemporaryDirectory() as down:
            what = ["--no-binary", name, "--no-deps", f"{name}=={suite.version}"]
            say(*pip, "download", "-d", down, *what)
            (archive,) = Path(down).iterdir()
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
    elif suite.source is not INSTALLED:
        branch = ["--depth", "1", "--branch", suite.tag]
        say("git", "clone", "-q", *branch, suite.source, str(folder / name))


def say(*command: str) -> None:
    """Run a command, and show it."""
    print("+", *command, flush=True)
    subprocess.run(command, check=True)  # noqa: S603 - our own command lines


# --- what comes of it -----------------------------------------------------------------------------


def compare(trial: Trial) -> bool:
    """Run one package's tests both ways; False if there is a difference."""
    plain = run(trial, "")
    traced = run(trial, trial.targets)
    one, two = plain["outcomes"], traced["outcomes"]
    different = sorted(test for test in {**one, **two} if one.get(test) != two.get(test))
    broken = sum(one.get(test) in BROKEN and two[test] in BROKEN for test in two)
    print(
        f"{trial.name} {trial.version}: {traced['wrapped']} functions wrapped,"
        f" {traced['spans']} spans, {traced['events']} events, {len(one)} tests without and"
        f" {len(two)} with, {broken} fail both ways, {len(different)} differences"
    )
    for test in different:
        why = {**plain["why"], **traced["why"]}.get(test, "")
        print(f"  {test}: {one.get(test)} without, {two.get(test)} with", why, flush=True)
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


def run(trial: Trial, targets: str) -> dict[str, Any]:
    """Run the tests in a process of their own; what comes of each of them, and more."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "outcomes.json")
        path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        subprocess.run(  # noqa: S603 - our own command line
            trial.command,
            env={
                **os.environ,
                "PYTHONPATH": path,
                "PYTHONHASHSEED": "0",  # the tests' names may have a set in them
                "OTHERS_OUTPUT": str(output),
                "OTHERS_TARGETS": targets,
            },
            # Pytest reads the conftest.py of a folder `tests` where it is started.
            cwd=trial.folder or folder,
            stdout=None if os.environ.get("OTHERS_SHOW") else subprocess.DEVNULL,
            check=False,
        )
        if not output.exists():
            return {"outcomes": {}, "why": {}, "wrapped": 0, "spans": 0, "events": 0}
        return json.loads(output.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
