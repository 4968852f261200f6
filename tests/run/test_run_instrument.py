"""`enterspan run --instrument`, `--list`, and the table of a pyproject.toml."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from enterspan._run.recording import Notes, Recording, Settings
from enterspan.instrument.config import seconds_of
from enterspan.testing import capture

if TYPE_CHECKING:
    from enterspan import Tracing

KIOSK = Path(__file__).resolve().parents[2] / "examples" / "kiosk" / "kiosk.py"
PRINTED = "paper, gum: 2.80\ncomic: 4.50\nsorry, no caviar\n7.30 in the till\n"

HAS_TOML = any(importlib.util.find_spec(name) for name in ("tomllib", "tomli"))
toml = pytest.mark.skipif(not HAS_TOML, reason="tomli is an extra before Python 3.11")


@pytest.fixture
def command(tmp_path: Path) -> Any:
    """Run `enterspan` in an empty folder."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "enterspan", *words],
            cwd=tmp_path,
            env={**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )

    return run


def names(text: str) -> list[str]:
    """The spans of a live tree, in order of their start."""
    first = [re.search("[╭─] (.+?)(  |$)", line) for line in text.splitlines()]
    return [found[1].strip() for found in first if found is not None]


def test_a_program_that_knows_nothing_of_us_shows_its_calls(command: Any) -> None:
    """Its output is its own, the failure stands where it happened."""
    done = command("run", "--instrument", "till", "--instrument", "stock", str(KIOSK))
    assert (done.returncode, done.stdout) == (0, PRINTED)
    assert names(done.stderr)[:5] == ["kiosk.py", "Till.serve", "Till.total", "price", "price"]
    assert done.stderr.count("SoldOutError: caviar") == 1
    assert "matched nothing" not in done.stderr


def test_without_instrument_nothing_of_it_is_imported(command: Any, tmp_path: Path) -> None:
    """Neither wrapt nor inspect."""
    (tmp_path / "look.py").write_text("import sys; print('wrapt' in sys.modules)")
    assert command("run", "--quiet", "--no-auto", "look.py").stdout == "False\n"


def test_exclude_and_min_duration_leave_out(command: Any) -> None:
    """Functions by name, spans by time."""
    done = command("run", "--instrument", "till", "--exclude", "till:Till.total", str(KIOSK))
    assert names(done.stderr) == ["kiosk.py", *["Till.serve"] * 3]
    done = command("run", "--instrument", "till", "--min-duration", "10s", str(KIOSK))
    assert "✗ Till.total" in done.stderr  # it failed once: that is kept
    assert names(done.stderr).count("Till.serve") == 0


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_pattern_that_matched_nothing_is_told_at_the_end(command: Any, quiet: Any) -> None:
    """With a hint at why."""
    done = command(
        "run", *quiet, "--instrument", "till", "--instrument", "tills.*",
        "--instrument", "till:sum", str(KIOSK),
    )  # fmt: skip
    assert done.stdout == PRINTED
    told = [line for line in done.stderr.splitlines() if line.startswith("enterspan:")]
    assert told == [
        "enterspan: --instrument 'tills.*' matched nothing: no module tills.* was imported",
        "enterspan: --instrument 'till:sum' matched nothing: till has no such function of its own",
    ]


def test_list_shows_what_would_be_wrapped_and_runs_nothing(command: Any) -> None:
    """And what not, with the reasons."""
    done = command(
        "run", "--list", "--instrument", "till", "--instrument", "stock", "--instrument", "no.such",
        "--exclude", "till:Till.total", str(KIOSK),
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "stock:price",
        "till:Till.serve",
        "not till:Till.total: excluded by till:Till.total",
        "2 would be wrapped, 1 not",
    ]
    assert done.stderr.splitlines() == [
        "enterspan: --instrument 'no.such' matched nothing: no module no.such was imported"
    ]
    assert done.returncode == 0


def test_list_finds_nothing_of_a_program_that_it_does_not_run(command: Any, tmp_path: Path) -> None:
    """`__main__` is the program that runs; the reason says what to name instead."""
    (tmp_path / "app.py").write_text("def f(): pass\n")
    done = command("run", "--list", "--instrument", "__main__", "app.py")
    assert done.stdout.splitlines() == ["0 would be wrapped, 0 not"]
    assert done.stderr == (
        "enterspan: --instrument '__main__' matched nothing: --list does not run the program; "
        "name its module, such as app for app.py\n"
    )
    named = command("run", "--list", "--instrument", "app", "app.py")
    assert named.stdout.splitlines() == ["app:f", "1 would be wrapped, 0 not"]


def test_list_says_what_a_run_does(command: Any, tmp_path: Path) -> None:
    """Of what is traced already, too."""
    (tmp_path / "done.py").write_text(
        "from enterspan import traced\n@traced\ndef f(): pass\ndef g(): pass\n"
    )
    done = command("run", "--list", "--instrument", "done")
    assert done.stdout.splitlines() == [
        "done:g", "not done:f: it is traced already", "1 would be wrapped, 1 not",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "seconds, quiet, said", [(0.4, False, True), (0.4, True, False), (0.01, False, False)]
)
def test_a_run_says_what_wrapping_has_cost(
    modules: Any, mine: Tracing, seconds: float, quiet: bool, said: bool
) -> None:
    """Where it takes noticeable time, and unless it is to be quiet."""
    modules(costly="def f(): pass\ndef g(): pass\n")
    recording = Recording(Settings(quiet=True))
    with mine.instrument("costly") as recording.named:
        recording.named._seconds = seconds
        recording.settings = Settings(quiet=quiet)
        assert recording.report(Notes(None), 0) == ["wrapped 2 functions in 0.4 s"] * said


def test_list_says_what_is_not_public(command: Any, tmp_path: Path) -> None:
    """`package:public`, on the command line and in a project."""
    package = tmp_path / "kit"
    package.mkdir()
    (package / "__init__.py").write_text("from kit._own import shown\n")
    (package / "_own.py").write_text("def shown(): pass\ndef kept(): pass\n")
    listed = "kit._own:shown\nnot kit._own:kept: it is not public\n1 would be wrapped, 1 not\n"
    done = command("run", "--list", "--instrument", "kit:public")
    assert (done.stdout, done.stderr, done.returncode) == (listed, "", 0)
    if HAS_TOML:
        (tmp_path / "pyproject.toml").write_text('[tool.enterspan]\ninstrument = ["kit:public"]\n')
        assert command("run", "--list").stdout == listed


def test_list_imports_the_modules_of_a_package(command: Any, tmp_path: Path) -> None:
    """All below it, save `__main__`; one that can't be imported is told."""
    package = tmp_path / "pack" / "sub"
    package.mkdir(parents=True)
    for place in (package, package.parent):
        (place / "__init__.py").touch()
    (package / "mod.py").write_text("def f(): pass")
    (package / "bad.py").write_text("1 / 0")
    (package / "__main__.py").write_text("print('ran')")
    done = command("run", "--list", "--instrument", "pack.*")
    assert done.stdout.splitlines() == ["pack.sub.mod:f", "1 would be wrapped, 0 not"]
    assert done.stderr.splitlines() == [
        "enterspan: can't import pack.sub.bad: ZeroDivisionError: division by zero"
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["--instrument", "a b", "x.py"],
        ["--instrument", "", "x.py"],
        ["--instrument", "a", "--exclude", "a..b", "x.py"],
        ["--instrument", "a", "--min-duration", "soon", "x.py"],
        ["--list"],
        ["--list", "--instrument", "a:", "x.py"],
    ],
)
def test_what_can_not_be_done_is_said_before_anything_runs(command: Any, words: Any) -> None:
    """Exit code 2, and no traceback."""
    done = command("run", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("enterspan: ")
    assert "Traceback" not in done.stderr


SCRIPT = '''
"""What it is."""
from __future__ import annotations
import functools, pickle

def keep(function):
    @functools.wraps(function)
    def inner(*given):
        return function(*given)
    return inner

@keep
def price(name): return len(name)

if True:
    class Till:
        def total(self): return price("gum") + super().__hash__() * 0
        class Drawer:
            def open(self): return "open"

for number in range(2):
    def looped(): return number

async def later(): return 1

def main():
    print(__doc__, Till().total(), Till.Drawer().open(), looped())
    print(pickle.loads(pickle.dumps(price)) is price, __file__)

if __name__ == "__main__":
    main()
    raise SystemExit(3)
'''


@pytest.mark.parametrize("pattern", ["__main__", "app", "app:*", "__main__:*"])
@pytest.mark.parametrize("words", [["app.py"], ["-m", "app"]])
def test_the_programs_own_functions_are_picked(
    command: Any, tmp_path: Path, pattern: str, words: list[str]
) -> None:
    """As `__main__`, or by the name that the module has for others; else nothing is different."""
    (tmp_path / "app.py").write_text(SCRIPT)
    plain = command("run", *words)
    done = command("run", "--instrument", pattern, *words)
    assert (done.returncode, done.stdout) == (3, plain.stdout)
    assert done.stdout == f"What it is. 3 open 1\nTrue {tmp_path / 'app.py'}\n"
    assert names(done.stderr)[1:] == [
        "keep", "main", "Till.total", "price", "Till.Drawer.open", "looped",
    ]  # fmt: skip
    assert "matched nothing" not in done.stderr


def test_one_function_of_the_program_is_picked_and_others_excluded(
    command: Any, tmp_path: Path
) -> None:
    """By their names."""
    (tmp_path / "app.py").write_text(SCRIPT)
    done = command("run", "--instrument", "__main__:Till", "app.py")
    assert names(done.stderr)[1:] == ["Till.total", "Till.Drawer.open"]
    done = command("run", "--instrument", "app", "--exclude", "__main__:Till", "app.py")
    assert names(done.stderr)[1:] == ["keep", "main", "price", "looped"]


def test_a_programs_traceback_is_its_own_with_its_functions_picked(
    command: Any, tmp_path: Path
) -> None:
    """Lines and frames, at every place where it may fail."""
    for source in (
        "def f(): return 1 / 0\ndef main():\n    f()\nmain()\n",
        "def f(): pass\n\n1 / 0\n",
        "def f(): pass\n\ndef g(:\n",
        "class A:\n    def m(self): return A.n\nA().m()\n",
    ):
        (tmp_path / "app.py").write_text(source)
        plain = command("run", "--quiet", "app.py")
        done = command("run", "--quiet", "--instrument", "__main__", "app.py")
        assert "Error" in plain.stderr
        if sys.version_info >= (3, 11):
            told = done.stderr.partition("enterspan: ")[0]  # that nothing was matched
            assert (done.returncode, told) == (plain.returncode, plain.stderr)


def test_a_package_is_run_with_its_own_functions_picked(command: Any, tmp_path: Path) -> None:
    """Also by a pattern for all that lies below it; and a zip archive."""
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("def f(): return 1\nf()\n")
    for pattern in ("__main__", "pack.*", "pack.__main__"):
        done = command("run", "--instrument", pattern, "-m", "pack")
        assert names(done.stderr)[1:] == ["f"], pattern
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", "import inner\ndef f(): return inner.g()\nf()\n")
        archive.writestr("inner.py", "def g(): return 1\n")
    done = command("run", "--instrument", "__main__", "--instrument", "inner", "app.zip")
    assert names(done.stderr)[1:] == ["f", "g"]


def test_what_the_program_does_not_define_is_told(command: Any, tmp_path: Path) -> None:
    """Where a pattern for it matched nothing."""
    (tmp_path / "app.py").write_text("def f(): pass\n")
    done = command("run", "--quiet", "--instrument", "__main__:g", "app.py")
    assert done.stderr == (
        "enterspan: --instrument '__main__:g' matched nothing:"
        " the program itself has no such function, or did not run\n"
    )


TABLE = """
[tool.enterspan]
instrument = ["till", "stock"]
exclude = ["till:Till.total"]
min-duration = "1us"
"""


@toml
def test_a_project_says_what_is_instrumented(command: Any, tmp_path: Path) -> None:
    """The command line replaces what it gives itself."""
    (tmp_path / "pyproject.toml").write_text(TABLE)
    done = command("run", str(KIOSK))
    assert set(names(done.stderr)) == {"kiosk.py", "Till.serve", "price"}
    done = command("run", "--instrument", "stock", str(KIOSK))
    assert set(names(done.stderr)) == {"kiosk.py", "price"}
    assert command("run", "--list", str(KIOSK)).stdout.splitlines()[-1] == (
        "2 would be wrapped, 1 not"
    )


BROKEN = {
    "[tool.enterspan": "can't read",
    "[tool.enterspan]\ninstrumnet = 'a'": "there are capture-args",
    "[tool.enterspan]\ninstrument = 3": "must be a list",
    "[tool.enterspan]\nmin-duration = 'soon'": "not a duration",
    "[tool.enterspan]\nmin-duration = true": "must be a duration",
    "[tool.enterspan]\ncapture-return = 'yes'": "true or false",
    "[tool]\nenterspan = 3": "must be a table",
}


@toml
@pytest.mark.parametrize("text", BROKEN)
def test_a_project_that_can_not_be_read_is_refused(command: Any, tmp_path: Path, text: str) -> None:
    """In one line that says what to do."""
    (tmp_path / "pyproject.toml").write_text(text)
    done = command("run", str(KIOSK))
    assert (done.returncode, done.stdout) == (2, "")
    assert BROKEN[text] in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_project_without_our_table_is_no_matter(command: Any, tmp_path: Path) -> None:
    """Even one that can't be read: it is none of our business."""
    (tmp_path / "pyproject.toml").write_text("[tool.other\n")
    assert command("run", "--quiet", str(KIOSK)).stdout == PRINTED


@pytest.mark.skipif(HAS_TOML, reason="here it can be read")
def test_without_tomli_it_is_said_what_to_install(command: Any, tmp_path: Path) -> None:
    """Only where there is a table for us."""
    (tmp_path / "pyproject.toml").write_text(TABLE)
    assert "pip install 'enterspan[toml]'" in command("run", str(KIOSK)).stderr


@toml
def test_a_tracing_is_configured_from_a_project(
    modules: Any, mine: Tracing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a path, and from the nearest file above the folder that one is in."""
    module = modules(configured="def f(x): return x")
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.enterspan]\ninstrument = 'configured'\ncapture-args = true\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    for found in (mine.configure_from_project(), mine.configure_from_project(str(file))):
        with found, capture(mine) as trace:
            module.f(3)
        assert dict(trace.find("f").attributes) == {"x": 3}
    with pytest.raises(FileNotFoundError):
        mine.configure_from_project(below / "pyproject.toml")
    file.write_text("[tool.other]\n")
    with pytest.raises(ValueError, match="'instrument'"):
        mine.configure_from_project()


@pytest.mark.parametrize(
    "text, seconds",
    [("1ms", 1e-3), ("0.5s", 0.5), ("250us", 250e-6), ("3", 3.0), (".5", 0.5), ("1m", 60.0),
     ("10 ns", 1e-8), ("2µs", 2e-6)],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "ms", "-1ms", "1h", "1 2", "nan", "inf", "1e9"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds_of(text)
