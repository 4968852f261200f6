"""`enterspan run` of programs that are no Python, and of those with modules of any name."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest


@pytest.fixture
def here(folder_of):
    """The folder of the program."""
    return folder_of()


@pytest.mark.parametrize(
    "source", [b"x = (", b"x = '\0'", b"# coding: none\n", b"x = '\xff'"], ids=repr
)
@pytest.mark.parametrize("form", ["script", "-m", "stdin", "child"])
def test_what_is_no_python_ends_as_without_us(form, source, here, tmp_path):
    """Also where each freed object is overwritten."""
    (tmp_path / "bad.py").write_bytes(source)
    here.write(
        starts="import subprocess, sys; sys.exit(subprocess.call([sys.executable, 'bad.py']))"
    )
    words = {"script": ["bad.py"], "-m": ["-m", "bad"], "stdin": ["-"], "child": ["starts.py"]}[
        form
    ]
    done = here.run(*words, stdin="x = (" if form == "stdin" else "", PYTHONMALLOC="debug")
    assert done.returncode == 1
    assert here.events[-1]["event"]["type"] == "outcome"


OWN_MODULES = ["copy", "csv", "email", "queue", "secrets", "json", "wrapt", "statistics"]


@pytest.mark.parametrize("name", OWN_MODULES)
@pytest.mark.parametrize("command", [["-m", "app"], ["app.py"]])
def test_modules_of_a_program_may_have_any_name(command, name, here):
    """Those that it imports are its own, and those that it does not import are not run."""
    here.write(**{
        "other": "print('run')", name: "print('run'); KEY = 5",
        "app": f"""
        import sys
        if sys.argv[1:]:
            import {name}
            print({name}.KEY)
        print('app')
        """,
    })  # fmt: skip
    for arguments, said in ((["yes"], "run\n5\napp\n"), ([], "app\n")):
        done = here.run("--instrument", "app", *command, *arguments)
        assert (done.stdout, done.returncode) == (said, 0), done.stderr


def test_the_summary_is_there_whatever_the_programs_modules_are_called(here):
    here.write(
        statistics="KEY = 5", json="def loads(text): return 5", dataclasses="", heapq="",
        app="""
        import json, time
        def f():
            time.sleep(0.01)
        for _ in range(20):
            f()
        assert json.loads("") == 5
        """,
    )  # fmt: skip
    done = here.run("app.py")
    assert done.returncode == 0
    assert "x 20" in done.stderr


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a frame of the loader is shown")
@pytest.mark.parametrize("source, fails", [("def f(:", "import bad"), ("1 / 0", "import bad")])
def test_an_import_that_fails_shows_the_programs_frames_alone(source, fails, here):
    here.write(bad=source, app=fails)
    done = here.run("app.py")
    files = re.findall(r'File "(.*)", line', done.stderr)
    assert [Path(file).name for file in files[:2]] == ["app.py", "bad.py"]
    assert not any("enterspan" in file or "importlib" in file for file in files)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a frame of the wrapper is shown")
def test_a_call_with_wrong_arguments_shows_the_programs_frames_alone(here):
    here.write(app="def v():\n    pass\n\ndef main():\n    v(1)\n\nmain()\n")
    done = here.run("app.py")
    files = re.findall(r'File "(.*)", line', done.stderr)
    assert {Path(file).name for file in files} == {"app.py"}


def test_a_run_that_is_refused_leaves_no_file(here, tmp_path):
    (tmp_path / "temporary").mkdir()
    here.write(app="")
    done = here.python(
        "-m", "enterspan", "run", "--exclude", "**", "app.py", TMPDIR=str(tmp_path / "temporary")
    )
    assert done.returncode == 2
    assert list((tmp_path / "temporary").iterdir()) == []


def test_options_without_effect_are_reported_where_the_program_traces_itself(here):
    here.write(app="from enterspan import traced\n\n@traced\ndef f():\n    pass\n\nf()\n")
    done = here.run("--min-duration", "1", "--capture-args", "a", "app.py")
    why = "had no effect, as the program imports enterspan: add --auto"
    assert here.said(done) == [f"enterspan: --{o} {why}" for o in ("min-duration", "capture-args")]
    assert here.said(here.run("app.py")) == []
