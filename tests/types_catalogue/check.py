"""Check a catalogue with four type checkers, as its user would, one run of each.

    python tests/types_catalogue/check.py            those that are installed beside this Python
    python tests/types_catalogue/check.py --verbose  with what they say

In `right.py` and in the generated module no checker may find anything; in `wrong.py` each must
find something on every line that is marked `# wrong`, and nothing on any other. mypy and pyright
are gates: the exit code is 1 if they fail or are missing. ty and pyrefly are canaries, which only
report.
"""

from __future__ import annotations

import json
import os
import re
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
PLACE = re.compile(r"(?:^|[\s/\\])(\w+\.py):(\d+):")


def main() -> int:
    """Run every checker, and say how it went."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in (*SOURCES, "catalogue.toml"):
            shutil.copy(HERE / name, project)
        generate(project / "catalogue.toml")
        (project / "pyrightconfig.json").write_text(json.dumps(pyright_settings()))
        results = [check(name, command, project) for name, command in commands().items()]
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
    python, files = sys.executable, ["spans.py", *SOURCES]
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
