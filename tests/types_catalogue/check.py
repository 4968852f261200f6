"""Check a catalogue with four type checkers and stubtest, as its user would, one run of each.

    python tests/types_catalogue/check.py            those that are installed beside this Python
    python tests/types_catalogue/check.py --verbose  with what they say

In `right.py`, in the generated module and in its stub no checker may find anything; in `wrong.py`
each must find something on every line that is marked `# wrong`, and nothing on any other. mypy,
pyright and stubtest, which compares the stub with the module that runs, are gates: the exit code is
1 if they fail or are missing. ty and pyrefly are canaries, which only report.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from enterspan.catalogue import generate

HERE = Path(__file__).resolve().parent
SOURCES = ("right.py", "wrong.py")
GATES = ("mypy", "pyright")
PYTHON_VERSION = "3.10"
MANY = 600
LARGEST_PART = 0.5
SPAN = """
[spans."area.operation {0}"]
attributes.cart_id = "str"
attributes.total = "float"
attributes.currency = ["eur", "usd"]
"""
PLACE = re.compile(r"(?:^|[\s/\\])(\w+\.pyi?):(\d+):")


def main() -> int:
    """Run every checker, and say how it went."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in (*SOURCES, "catalogue.toml"):
            shutil.copy(HERE / name, project)
        generate(project / "catalogue.toml")
        (project / "pyrightconfig.json").write_text(json.dumps(pyright_settings()))
        results = [check(name, command, project) for name, command in commands().items()]
        results += [check_quiet(command, project) for command in quiet_commands(project)]
        results.append(check_growth(project))
    return 0 if all(results) else 1


def pyright_settings() -> dict[str, object]:
    """pyright in its strict mode; a path is added for a package that is not installed."""
    return {
        "typeCheckingMode": "strict",
        "pythonVersion": PYTHON_VERSION,
        "extraPaths": search_path(),
    }


def search_path() -> list[str]:
    """Where this Python was told to look for packages."""
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def commands() -> dict[str, list[str]]:
    """The checkers' commands: strict, and with no settings but these."""
    python, files = sys.executable, ["spans.pyi", *SOURCES]
    paths = search_path()
    return {
        "mypy": [
            *[
                "mypy",
                "--config-file=",
                "--strict",
                "--no-error-summary",
                "--cache-dir",
                os.devnull,
            ],
            *["--python-executable", python, "--python-version", PYTHON_VERSION, *files],
        ],
        "pyright": ["pyright", "--pythonpath", python],
        "ty": [
            *["ty", "check", "--python", python, "--python-version", PYTHON_VERSION],
            *["--output-format", "concise", "--no-progress", "."],
            *[word for path in paths for word in ("--extra-search-path", path)],
        ],
        "pyrefly": [
            *["pyrefly", "check", "--python-interpreter-path", python],
            *["--python-version", PYTHON_VERSION, "--output-format", "min-text"],
            *["--search-path", ".", *[word for path in paths for word in ("--search-path", path)]],
            *files,
        ],
    }


def quiet_commands(project: Path) -> list[list[str]]:
    """What must find nothing: stubtest, and mypy of the stub without its `ignore-errors`."""
    (project / "strict").mkdir()
    without_its_option(project / "spans.pyi", project / "strict" / "spans.pyi")
    strict = [*commands()["mypy"][:-3], "strict/spans.pyi"]
    return [strict, ["mypy.stubtest", "spans"]]


def check_quiet(command: list[str], project: Path) -> bool:
    """Run a command that is to find nothing; print what it does find."""
    path = os.pathsep.join([str(project), *search_path()])
    environment = {**os.environ, "MYPYPATH": path, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"{command[-1]}: {'nothing' if done.returncode == 0 else 'WRONG'}")
    print(done.stdout + done.stderr if done.returncode else "", end="")
    return done.returncode == 0


def check_growth(project: Path) -> bool:
    """Whether mypy compares no pairs of spans, which takes most of its time where there are many.

    CPU time of a catalogue's stub, beside that of the same one with the pairs compared.
    """
    folder = project / "many"
    folder.mkdir()
    spans = "".join([SPAN.format(number) for number in range(MANY)])
    (folder / "catalogue.toml").write_text(f'output = "spans.py"\nnames = true\n{spans}')
    generate(folder / "catalogue.toml")
    own = cpu_of_mypy(folder)
    without_its_option(folder / "spans.pyi", folder / "spans.pyi")
    part = own / cpu_of_mypy(folder)
    is_right = part < LARGEST_PART
    print(f"mypy, {MANY} spans: {part:.2f} of what all pairs take{'' if is_right else ': WRONG'}")
    return is_right


def cpu_of_mypy(folder: Path) -> float:
    """Seconds of CPU time that mypy takes for a folder's stub."""
    command = [sys.executable, "-m", *commands()["mypy"][:-3], "spans.pyi"]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(search_path())}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime


def without_its_option(stub: Path, other: Path) -> None:
    """Write a stub that mypy is to check; its overrides are narrower by intent."""
    text = stub.read_text(encoding="utf-8")
    text = text.replace("# mypy: ignore-errors", '# mypy: disable-error-code="override"', 1)
    other.write_text(text, encoding="utf-8")


def check(name: str, command: list[str], project: Path) -> bool:
    """Run a checker; True unless it is a gate, and missing or wrong."""
    is_gate = name in GATES
    folder = Path(sys.executable).parent
    program = shutil.which(name, path=f"{folder}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        print(f"!! {name}: MISSING, so nothing was checked with it")
        return not is_gate
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(search_path())}
    done = subprocess.run(
        [program, *command[1:]],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if "--verbose" in sys.argv:
        print(said)
    found = {(match[1], int(match[2])) for match in PLACE.finditer(errors_in(said))}
    expected = marked()
    for file, line in sorted(expected - found):
        print(f"{name} does not see {file}:{line}: {text_of(file, line, project)}")
    for file, line in sorted(found - expected):
        print(f"{name} complains of {file}:{line}: {text_of(file, line, project)}")
    right = found == expected
    print(
        f"{name}: {len(found & expected)} of {len(expected)} mistakes{'' if right else ': WRONG'}"
    )
    return right or not is_gate


def errors_in(said: str) -> str:
    """What a checker said, without notes on errors."""
    return "\n".join([line for line in said.splitlines() if ": note: " not in line])


def marked() -> set[tuple[str, int]]:
    """The lines on which something is to be found."""
    lines = (HERE / "wrong.py").read_text(encoding="utf-8").splitlines()
    return {("wrong.py", at) for at, line in enumerate(lines, 1) if "  # wrong: " in line}


def text_of(file: str, line: int, project: Path) -> str:
    """A line of the project."""
    lines = (project / file).read_text(encoding="utf-8").splitlines()
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


if __name__ == "__main__":
    sys.exit(main())
