"""What four type checkers say of programs that use the installed package.

    python tests/types/check_types.py          with the checkers of this Python's environment

`passes/` must pass, in the syntax of Python 3.10, and `passes312/` in that of 3.12. In `fails/` a
comment says what must be reported on its line, and nothing else may be:

    price("3")  # mypy: expected "int" # pyright: is not assignable

mypy and pyright, both in strict mode, are gates. ty and pyrefly are canaries: what they get wrong
is written down in `known_limits.txt`, and the list must be exact, so that a limit that is gone is
noticed. The programs are copied to a folder of their own, from which no checkout is in sight.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
FOLDERS = {"passes": "3.10", "passes312": "3.12", "fails": "3.10"}
GATES = ("mypy", "pyright")
EXPECTED = re.compile(r"# (mypy|pyright): (.*?)(?= # (?:mypy|pyright): |$)")
OTHERS = ("FORCE_COLOR", "CLICOLOR_FORCE", "MYPYPATH", "PYTHONPATH", "VIRTUAL_ENV")
"""Settings of whoever runs this, which would change what the checkers say."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CONCISE = re.compile(
    r"^ *(?:(?:ERROR|WARN) )?(?P<file>[^:\s]+\.py):(?P<line>\d+):\S* (?P<message>.*)$"
)


class Finding(NamedTuple):
    """What a checker reports: a file below this folder, a line, a message."""

    file: str
    line: int
    message: str


# --- the checkers ---------------------------------------------------------------------------------


def mypy(root: Path, folder: str, version: str) -> list[Finding]:
    """Run mypy in strict mode."""
    options = ["--strict", "--output=json", f"--python-version={version}"]
    cache = ["--cache-dir", str(root / f".mypy-{folder}"), "--python-executable", sys.executable]
    said = run(root, "mypy", "--config-file=", *options, *cache, folder)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    if not lines and "Success" not in said and said.strip():
        sys.exit(f"mypy: {said}")
    found = [line for line in lines if line["severity"] == "error"]
    return [Finding(line["file"], line["line"], line["message"]) for line in found]


def pyright(root: Path, folder: str, version: str) -> list[Finding]:
    """Run pyright in strict mode."""
    config = root / f"{folder}.json"
    settings = {"include": [folder], "typeCheckingMode": "strict", "pythonVersion": version}
    config.write_text(json.dumps(settings))
    said = run(root, "pyright", "--outputjson", "-p", str(config), "--pythonpath", sys.executable)
    found: list[Finding] = []
    for one in json.loads(said)["generalDiagnostics"]:
        file = Path(one["file"]).resolve().relative_to(root).as_posix()
        found.append(Finding(file, one["range"]["start"]["line"] + 1, one["message"]))
    return found


def ty(root: Path, folder: str, version: str) -> list[Finding]:
    """Run ty."""
    options = ["--output-format=concise", f"--python-version={version}", "--python", sys.executable]
    return concise(run(root, "ty", "check", *options, folder))


def pyrefly(root: Path, folder: str, version: str) -> list[Finding]:
    """Run pyrefly."""
    # Without a preset it checks little; unnamed, the settings of the checkout that the environment
    # may lie in would hold for the package.
    (root / "pyrefly.toml").write_text('preset = "default"\nproject-includes = ["**/*.py"]\n')
    options = ["--config=pyrefly.toml", "--output-format=min-text", f"--python-version={version}"]
    interpreter = ["--python-interpreter-path", sys.executable]
    said = concise(run(root, "pyrefly", "check", *options, *interpreter))
    return [finding for finding in said if finding.file.startswith(f"{folder}/")]


CHECKERS: dict[str, Callable[[Path, str, str], list[Finding]]] = {
    "mypy": mypy,
    "pyright": pyright,
    "ty": ty,
    "pyrefly": pyrefly,
}


def run(root: Path, command: str, *options: str) -> str:
    """Run a command of this environment; return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k not in OTHERS}
    done = subprocess.run(
        [str(BIN / command), *options],
        cwd=root,
        env={**environment, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        sys.exit(f"{command} failed with {done.returncode}: {done.stdout}{done.stderr}")
    return COLOUR.sub("", done.stdout)


def concise(said: str) -> list[Finding]:
    """Read one finding a line."""
    found = [match for match in map(CONCISE.match, said.splitlines()) if match]
    return [Finding(m["file"], int(m["line"]), m["message"]) for m in found]


# --- what is expected -----------------------------------------------------------------------------


def expectations(root: Path) -> dict[tuple[str, int], dict[str, str]]:
    """The lines of `fails/` that must be reported, and what each of the gates must say."""
    expected: dict[tuple[str, int], dict[str, str]] = {}
    for path in sorted((root / "fails").glob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            said = {name: text.strip() for name, text in EXPECTED.findall(line)}
            if said:
                expected[f"fails/{path.name}", number] = said
    return expected


def judge(
    checker: str, found: list[Finding], expected: dict[tuple[str, int], dict[str, str]]
) -> list[tuple[str, str, int, str]]:
    """Compare: what is missed, what is objected to, and what is said in other words."""
    said: dict[tuple[str, int], list[str]] = {}
    for finding in found:
        said.setdefault((finding.file, finding.line), []).append(finding.message)
    wrong: list[tuple[str, str, int, str]] = []
    for (file, line), words in expected.items():
        messages = said.pop((file, line), [])
        wanted = words.get(checker, "" if checker not in GATES else None)
        if wanted is None:
            wrong += [("objects", file, line, message) for message in messages]
        elif not messages:
            wrong.append(("misses", file, line, wanted))
        elif not any(wanted in message for message in messages):
            wrong.append(("says", file, line, " / ".join(messages)))
    for (file, line), messages in sorted(said.items()):
        wrong.append(("objects", file, line, messages[0]))
    return wrong


def known_limits() -> set[str]:
    """The lines of the list, without its comments."""
    lines = (HERE / "known_limits.txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def as_limit(checker: str, kind: str, file: str, line: int) -> str:
    """How something that a canary gets wrong is written down: with its line's text."""
    text = (HERE / file).read_text().splitlines()[line - 1]
    return f"{checker} {kind} {file}: {text.partition('  # mypy:')[0].strip()}"


def main() -> int:
    """Run every checker on every folder; return 1 if anything is not as expected."""
    with tempfile.TemporaryDirectory(prefix="enterspan-types-") as folder:
        root = Path(folder).resolve()
        for name in FOLDERS:
            shutil.copytree(HERE / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        expected = expectations(root)
        with ThreadPoolExecutor(2) as pool:
            jobs = {name: pool.submit(findings, name, root) for name in CHECKERS}
            results = {name: judge(name, job.result(), expected) for name, job in jobs.items()}
    return report(results, len(expected))


def findings(checker: str, root: Path) -> list[Finding]:
    """All that a checker reports."""
    check: Any = CHECKERS[checker]
    return [found for name, version in FOLDERS.items() for found in check(root, name, version)]


def report(results: dict[str, list[tuple[str, str, int, str]]], count: int) -> int:
    """Say what is wrong, and which limits have changed."""
    failed = False
    for gate in GATES:
        for kind, file, line, message in results[gate]:
            print(f"{gate} {kind} tests/types/{file}:{line}: {message}")
            failed = True
    limits = known_limits()
    there: set[str] = set()
    for canary in CHECKERS.keys() - set(GATES):
        for kind, file, line, message in results[canary]:
            limit = as_limit(canary, kind, file, line)
            there.add(limit)
            if limit not in limits:
                print(f"new: {limit}\n  tests/types/{file}:{line}: {message}")
    failed |= say_gone(limits - there) or bool(there - limits)
    print(f"{count} mistakes in {len(CHECKERS)} checkers; {len(there)} known limits")
    return 1 if failed else 0


def say_gone(gone: Iterable[str]) -> bool:
    """Say which limits are no more: they are to be taken off the list."""
    for limit in sorted(gone):
        print(f"gone from known_limits.txt: {limit}")
    return bool(gone)


if __name__ == "__main__":
    sys.exit(main())
