"""`check.py` fails where it should, and its last line is pytest's."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PASSED = "==== 7 passed in 1.00s ====\n"


@pytest.fixture
def check():
    """The program, which lies outside of the package."""
    spec = importlib.util.spec_from_file_location("check", ROOT / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def result(check):
    def make(name, code, log=PASSED, why=""):
        group, _, python = name.partition("-")
        return check.Result(check.Session(name, group, python or None), code, 1.0, log, why)

    return make


@pytest.mark.parametrize("in_ci, code", [(False, 0), (True, 1)])
def test_a_python_that_is_missing_is_reported_and_fails_in_ci(
    check, result, monkeypatch, capsys, in_ci, code
):
    monkeypatch.setattr(check, "IN_CI", in_ci)
    missing = result("tests-3.10", None, "", "there is no python3.10 on this machine")
    assert check.report([missing, result("tests-3.12", 0)], 2.0) == code
    said = capsys.readouterr().out
    assert "!! tests-3.10 did NOT run: there is no python3.10 on this machine" in said
    assert ("!! FAILED: tests-3.10" in said) is bool(code)


def test_a_session_without_a_python_may_be_skipped_in_ci(check, result, monkeypatch):
    monkeypatch.setattr(check, "IN_CI", True)
    assert (
        check.report([result("browser", None, "", "no chromium"), result("tests-3.12", 0)], 1) == 0
    )


@pytest.mark.parametrize("log, code", [(PASSED, 1), ("no tests ran in 0.01s", 0)])
def test_a_failed_session_fails_and_so_do_tests_that_did_not_run(check, result, log, code):
    assert check.report([result("tests-3.12", code, log)], 1.0) == 1


def test_the_closing_lines_come_last(check, result, capsys):
    check.report([result("coverage", 0, PASSED + "nox > done\n"), result("lint", 0, "")], 1.0)
    assert capsys.readouterr().out.endswith(PASSED)


def test_tests_that_failed_are_named_at_the_end(check, result, capsys):
    line = "FAILED tests/test_a.py::test_b[1] - assert 1 == 2"
    log = f"{line}\n=== 1 failed in 1.00s ===\n"
    again = result("coverage", 0, log + PASSED)
    assert check.report([result("docs", 1, log), again], 1.0) == 1
    told = f"!! FAILED: docs\n!! docs: {line}\n!! coverage: {line} (passed the second time)\n"
    said = capsys.readouterr().out
    assert said.endswith(f"{told}coverage:\n=== 1 failed in 1.00s ===\n{PASSED}")
    assert check.report([again], 1.0) == 0


@pytest.mark.parametrize("code", [0, 1])
def test_the_tests_at_hand_end_with_their_closing_line(check, capsys, code):
    """What nox prints after it comes before it; the exit code is that of the tests."""
    program = f"print('one'); print({PASSED.strip()!r}); print('nox > after'); exit({code})"
    assert check.run_here([sys.executable, "-c", program], None) == code
    assert capsys.readouterr().out == f"one\nnox > after\n{PASSED}"


def test_the_rest_is_all_but_what_the_tests_at_hand_have_done(check, monkeypatch):
    own = f"tests-{sys.version_info.major}.{sys.version_info.minor}"
    names = ["here", own, "tests-3.99", "coverage", "docs"]
    sessions = [check.Session(name, name.partition("-")[0], None) for name in names]
    monkeypatch.setattr(check, "find_sessions", lambda *_: sessions)
    monkeypatch.setattr(check, "run_all", lambda nox, sessions, *_: sessions)
    assert [s.name for s in check.run_rest([], {})] == ["tests-3.99", "coverage", "docs"]


@pytest.mark.parametrize(
    "in_ci, asked, locked",
    [
        (False, "", False),
        (True, "", True),
        (True, "newest", False),
        (False, "locked", True),
    ],
)
def test_ci_installs_locked_versions_unless_it_asks_for_the_newest(
    check, monkeypatch, in_ci, asked, locked
):
    monkeypatch.setattr(check, "IN_CI", in_ci)
    monkeypatch.setenv("ENTERSPAN_REQUIREMENTS", asked)
    assert check.are_locked() is locked


def test_a_misspelt_choice_of_requirements_is_refused(check, monkeypatch):
    monkeypatch.setenv("ENTERSPAN_REQUIREMENTS", "latest")
    with pytest.raises(SystemExit, match="must be 'locked' or 'newest', not 'latest'"):
        check.are_locked()


def test_every_lock_pins_each_package_with_hashes_and_names_no_index():
    """What CI installs is what the lock files say, wherever it comes from."""
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert locks
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        packages = text.replace("\\\n", "").splitlines()
        packages = [line for line in packages if not line.startswith("#")]
        assert packages
        assert all("==" in line and "--hash=sha256:" in line for line in packages)
        assert "://" not in text
