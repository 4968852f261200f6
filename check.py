"""Run the tests on this Python, or every check of the project on every Python that it supports.

    python3 check.py                the tests, on this Python
    python3 check.py --rest         all other checks, and the tests on the other Pythons
    python3 check.py --all          the one, and then the other
    python3 check.py tests docs     these sessions
    python3 check.py tests-3.12     one session; what follows `--` goes to it
    python3 check.py --list         list the sessions

It needs Python 3.10 or later with pip, and nothing else: nox, which runs the sessions that
`noxfile.py` describes, is installed into `.nox/check`. Several sessions run two at a
time. A missing Python is skipped and reported. The exit code is 1 if anything failed.

With CI=true a missing Python is a failure, and sessions install the versions and files that are
locked in `requirements/`. ENTERSPAN_REQUIREMENTS=newest installs the newest versions there, and
ENTERSPAN_REQUIREMENTS=locked the locked ones anywhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
NOX_HOME = ROOT / ".nox"
LOGS = NOX_HOME / "logs"
LANES = 2
"""How many sessions run at a time."""
IN_CI = os.environ.get("CI", "").lower() == "true"
HERE = "here"
"""The session that runs the tests on the Python at hand."""
TESTS = ("coverage", "tests")
"""The groups of sessions that run the whole suite."""
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
LOCK_HINT = " as requirements/nox.txt names it; to go on without: ENTERSPAN_REQUIREMENTS=newest"
CLOSING_LINE = re.compile(r"^=+ .*\b\d+ (passed|failed|error|skipped)\b.* in .*=+$", re.MULTILINE)

FAILING_LINE = re.compile(r"^(?:FAILED|ERROR) \S+::.*$", re.MULTILINE)
"""What pytest's summary says of a test."""
SKIPPING_LINE = re.compile(r"^nox > Session \S+ skipped: (.*?)\.?$", re.MULTILINE)
"""What nox prints where a session skipped itself; it counts as a success there."""


class Session(NamedTuple):
    """One session of the noxfile: `tests-3.12` is of the group `tests`."""

    name: str
    group: str
    python: str | None


class Result(NamedTuple):
    """How a session went; `code` is None where it was skipped."""

    session: Session
    code: int | None
    seconds: float
    log: str
    why: str = ""

    @property
    def word(self) -> str:
        """The result in one word."""
        if self.code is None:
            return "SKIPPED"
        return "ok" if self.code == 0 else "FAILED"

    @property
    def is_refused(self) -> bool:
        """Whether it was skipped for want of a Python where all must be there."""
        missing = self.code is None and self.session.python is not None
        return missing and IN_CI


def main() -> int:
    """Run what the command line asks for."""
    asked, posargs = split(sys.argv[1:])
    if "-h" in asked or "--help" in asked:
        print(__doc__)
        return 0
    nox = install_nox()
    environment = {**os.environ, "PATH": search_path(), "PYTHONUNBUFFERED": "1"}
    environment["ENTERSPAN_REQUIREMENTS"] = "locked" if are_locked() else "newest"
    # The tests start hundreds of processes; each would compile the standard library where the
    # installation of a Python did not.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if "--list" in asked:
        return subprocess.call([*nox, "--list"], env=environment)
    if not asked or asked == ["--all"]:
        code = run_here([*nox, "--session", HERE, "--", *posargs], environment)
        return code if not asked else run_rest(nox, environment) or code
    if asked == ["--rest"]:
        return run_rest(nox, environment)
    sessions = find_sessions(nox, asked, environment)
    if len(sessions) == 1 and is_here(sessions[0], environment):
        command = [*nox, "--session", sessions[0].name, "--", *posargs]
        return subprocess.call(command, env=environment)
    return run_all(nox, sessions, posargs, environment)


def run_here(command: list[str], environment: dict[str, str]) -> int:
    """Run a session in sight, and print pytest's closing lines last: two if some ran again."""
    closing: list[str] = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if CLOSING_LINE.match(line):
                closing.append(line)
            else:
                print(line, end="", flush=True)
    print("".join(closing), end="", flush=True)
    return process.returncode


def run_rest(nox: list[str], environment: dict[str, str]) -> int:
    """Run all sessions but `here`, and the one that would run the same tests again."""
    done = (HERE, f"tests-{sys.version_info.major}.{sys.version_info.minor}")
    sessions = find_sessions(nox, [], environment)
    rest = [session for session in sessions if session.name not in done]
    return run_all(nox, rest, [], environment)


def run_all(
    nox: list[str], sessions: list[Session], posargs: list[str], environment: dict[str, str]
) -> int:
    """Run sessions, some at a time, and report on them."""
    start = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(LANES) as lanes:
        jobs = [lanes.submit(run, nox, session, posargs, environment) for session in sessions]
        results = [job.result() for job in jobs]
    return report(results, time.monotonic() - start)


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Divide a command line at its `--`."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def install_nox() -> list[str]:
    """Have a nox in an environment of its own; return the command that starts it."""
    home = NOX_HOME / "check"
    python = home / SCRIPTS / "python"
    stamp = home / "installed.txt"
    lock = ROOT / "requirements" / "nox.txt"
    is_locked = are_locked()
    what = ["--require-hashes", "-r", str(lock)] if is_locked else ["nox"]
    state = f"{sys.version}\n{lock.read_text() if is_locked else what}"
    if not stamp.exists() or stamp.read_text() != state:
        say(f"installing nox into {home.relative_to(ROOT)}")
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        code = subprocess.call([str(python), "-m", "pip", "install", "--quiet", *what])
        if code:
            sys.exit(f"can't install nox{LOCK_HINT if is_locked else ''}")
        stamp.write_text(state)
    return [str(python), "-m", "nox", "--noxfile", str(ROOT / "noxfile.py")]


def are_locked() -> bool:
    """Whether the locked versions are installed: in CI, unless the environment says otherwise."""
    asked = os.environ.get("ENTERSPAN_REQUIREMENTS", "")
    if asked not in {"", "locked", "newest"}:
        sys.exit(f"ENTERSPAN_REQUIREMENTS must be 'locked' or 'newest', not {asked!r}")
    return asked == "locked" or (not asked and IN_CI)


def search_path() -> str:
    """PATH, with the Pythons in front that pyenv has but does not show."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = sorted(pyenv.glob("versions/3.*/bin"), reverse=True)
    return os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])


def find_sessions(nox: list[str], asked: list[str], environment: dict[str, str]) -> list[Session]:
    """Ask nox which sessions are meant; those that take longest come first."""
    command = [*nox, "--list", "--json", *(["--session", *asked] if asked else [])]
    listing = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=False, text=True
    )
    if listing.returncode:
        sys.exit(listing.returncode)  # nox has said why
    sessions = [Session(s["session"], s["name"], s["python"]) for s in json.loads(listing.stdout)]
    return sorted(sessions, key=lambda session: session.group not in TESTS)


def is_here(session: Session, environment: dict[str, str]) -> bool:
    """Whether the Python that a session needs is on this machine, and starts."""
    if session.python is None:
        return True
    python = shutil.which(f"python{session.python}", path=environment["PATH"])
    if python is None:
        return False
    quiet = subprocess.DEVNULL
    return subprocess.call([python, "-c", ""], env=environment, stdout=quiet, stderr=quiet) == 0


def run(
    nox: list[str], session: Session, posargs: list[str], environment: dict[str, str]
) -> Result:
    """Run one session, its output kept in a file, and shown where it failed."""
    if not is_here(session, environment):
        why = f"there is no python{session.python} on this machine"
        say(f"{session.name}: SKIPPED, {why}")
        return Result(session, None, 0.0, "", why)
    say(f"{session.name} ...")
    start = time.monotonic()
    log = LOGS / f"{session.name}.txt"
    with log.open("wb") as file:
        code = subprocess.call(
            [*nox, "--session", session.name, "--", *posargs],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    result = Result(session, code, time.monotonic() - start, log.read_text(errors="replace"))
    if code == 0 and (skipped := SKIPPING_LINE.search(result.log)):
        result = result._replace(code=None, why=skipped[1])
    said = f"{session.name}: {result.word} after {result.seconds:.0f} s"
    say(said if code == 0 else f"{said}\n{result.log}\n{said}")
    return result


def report(results: list[Result], seconds: float) -> int:
    """Print how it went; pytest's own closing lines come last."""
    say(f"\n{'session':19}{'result':9}time")
    for result in results:
        say(f"{result.session.name:19}{result.word:9}{result.seconds:4.0f} s")
    say(f"{'all':28}{seconds:4.0f} s")
    for result in results:
        if result.code is None:
            say(f"!! {result.session.name} did NOT run: {result.why}")
    failed = [result.session.name for result in results if result.code or result.is_refused]
    tests = [result for result in results if result.session.group in TESTS]
    ran = [result for result in tests if CLOSING_LINE.search(result.log)]
    if tests and not ran:
        failed.append("tests (none ran)")
    if failed:
        say(f"!! FAILED: {', '.join(failed)}")
    for result in results:
        for line in FAILING_LINE.findall(result.log):
            so = "" if result.code else " (passed the second time)"
            say(f"!! {result.session.name}: {line}{so}")
    for result in ran:
        say(f"{result.session.name}:")
        say("\n".join([match[0] for match in CLOSING_LINE.finditer(result.log)]))
    return 1 if failed else 0


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


if __name__ == "__main__":
    if sys.version_info < (3, 10):
        sys.exit("check.py needs Python 3.10 or later; this is " + sys.version.split()[0])
    os.chdir(ROOT)
    sys.exit(main())
