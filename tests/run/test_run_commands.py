"""What `enterspan run` can be given, and what it says where that is nothing."""

from __future__ import annotations

import importlib.util
import os
import re
import stat
import sys
from pathlib import Path

import pytest

from enterspan._run.installed import (
    ForeignError,
    check_runs_here,
    packages_beside,
    packages_of_command,
)

posix = pytest.mark.skipif(os.name != "posix", reason="shebangs")

SHOW = "import sys\nprint(sys.argv, sys.path[0], __name__, sorted(globals()))\nprint(input())"


def test_code_on_the_command_line_runs_as_without_us(folder_of):
    """Its arguments, its names, its search path, stdin."""
    folder = folder_of()
    words = ["-c", SHOW, "a", "-b", "--quiet"]
    plain, done = folder.python(*words, stdin="x\n"), folder.run(*words, stdin="x\n")
    assert (done.returncode, done.stdout) == (0, plain.stdout)
    assert folder.run("-cprint(1)").stdout == "1\n"


def test_standard_input_runs_as_without_us(folder_of):
    """It is read to its end before it runs."""
    folder = folder_of()
    text = SHOW.replace("input()", "sys.stdin.read()") + "\ndef f(): pass\nf()\n"
    plain = folder.python("-", "a", "-b", stdin=text)
    done = folder.run("-", "a", "-b", stdin=text)
    assert (done.returncode, done.stdout) == (0, plain.stdout)
    assert folder.opened == ["-", "f"]


@pytest.mark.parametrize("words", [["-c", "def f():\n    1 / 0\nf()"], ["-"]])
def test_a_failure_in_a_text_is_shown_as_without_us(words, folder_of):
    """With the lines that Python shows of it."""
    folder = folder_of()
    text = "def f():\n    1 / 0\nf()\n"
    plain = folder.python(*words, stdin=text)
    done = folder.run("--quiet", *words, stdin=text)
    assert done.returncode == plain.returncode == 1
    if sys.version_info >= (3, 11):
        assert done.stderr == plain.stderr


@posix
def test_a_pipe_is_read_once(folder_of):
    """A program, or that of a child, that comes through `/dev/stdin`; what is read is gone."""
    folder = folder_of(
        app="""
            import subprocess, sys
            child = [sys.executable, "/dev/stdin", "b"]
            subprocess.run(child, input=b"import sys; print(sys.argv)", check=True)
        """
    )
    done = folder.run("/dev/stdin", "a", stdin="import sys\ndef f(): print(sys.argv)\nf()\n")
    assert (done.returncode, done.stdout) == (0, "['/dev/stdin', 'a']\n")
    assert folder.opened == ["stdin", "f"]
    done = folder.run("app.py")
    assert (done.returncode, done.stdout) == (0, "['/dev/stdin', 'b']\n")


def test_a_module_of_a_namespace_package_runs_as_without_us(folder_of):
    """Wherever in it, and as the program of a child."""
    child = "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'space.a.b'])"
    folder = folder_of(space__a__b="print(__name__, __package__)", app=child)
    for words in (["-m", "space.a.b"], ["app.py"]):
        done = folder.run(*words)
        assert (done.returncode, done.stdout) == (0, "__main__ space.a\n")
        assert "Traceback" not in done.stderr


@posix
def test_an_executable_script_needs_no_suffix(folder_of, tmp_path):
    """It is Python by its first line, or by none."""
    for name, first in (("tool", f"#!{sys.executable}\n"), ("other", "")):
        (tmp_path / name).write_text(f"{first}def f(): print('ran')\nf()\n")
        (tmp_path / name).chmod(0o755)
        folder = folder_of()
        assert folder.run(name).stdout == "ran\n"
        assert folder.opened == [name, "f"]


@posix
@pytest.mark.parametrize("first", [b"#!/bin/sh\n", b"#!/usr/bin/env bash\n", b"\x7fELF\x02"])
def test_what_is_no_python_is_refused(first, folder_of, tmp_path):
    """By its name."""
    (tmp_path / "tool").write_bytes(first)
    done = folder_of().run("tool")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "enterspan: 'tool' is not written in Python\n"


@posix
def test_a_command_is_found_on_the_path(folder_of, tmp_path):
    """As a shell finds it; a folder of that name is no program."""
    folder = folder_of(here__greet____init__="", place="")
    place = tmp_path / "bin"
    place.mkdir()
    (place / "greet").write_text(
        f"#!{sys.executable}\nimport sys\ndef main(): print('hello', sys.argv[1:])\nmain()\n"
    )
    (place / "greet").chmod(0o755)
    (tmp_path / "greet").mkdir()
    path = f"{place}{os.pathsep}{os.environ['PATH']}"
    done = folder.run("greet", "--quiet", "x", PATH=path)
    assert (done.returncode, done.stdout) == (0, "hello ['--quiet', 'x']\n")
    assert folder.opened == ["greet", "main"]


@posix
@pytest.mark.parametrize("form", ["direct", "trampoline"])
def test_a_command_of_another_python_is_refused_and_says_where_it_is_from(form, tmp_path):
    """What is installed there can't be imported here."""
    other = tmp_path / "venv" / "bin" / "python3"
    other.parent.mkdir(parents=True)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    other.symlink_to(sys.executable)
    tool = tmp_path / "tool"
    first = f"#!{other}\n" if form == "direct" else f'#!/bin/sh\n\'\'\'exec\' "{other}" "$0" "$@"\n'
    tool.write_text(first)
    with pytest.raises(
        ForeignError, match=f"belongs to another Python, {other}: install enterspan"
    ):
        check_runs_here(str(tool), "tool")
    tool.write_text(first.replace(str(other), sys.executable))
    check_runs_here(str(tool), "tool")
    tool.write_text("#!/usr/bin/env python3\n")
    check_runs_here(str(tool), "tool")


def test_a_console_script_brings_its_package(folder_of):
    """`enterspan run pytest`: the functions of pytest are the program's own, and the tests'."""
    folder = folder_of(test_shop="def price(): return 1\ndef test_price(): assert price() == 1\n")
    done = folder.run("pytest", "-q", "-p", "no:cacheprovider")
    assert (done.returncode, "1 passed" in done.stdout) == (0, True)
    assert {"test_price", "price"} <= set(folder.opened)
    assert any(name.startswith("Session") or name == "wrap_session" for name in folder.opened)


def test_what_tests_capture_has_no_tree_in_it(folder_of):
    """The tree goes to where standard error led at the beginning."""
    folder = folder_of(
        test_shop="""
            import os, sys
            def work(): print("mine", file=sys.stderr)
            def test_sys(capsys):
                work()
                assert capsys.readouterr().err == "mine\\n"
            def test_fd(capfd):
                work()
                os.write(2, b"raw")
                assert capfd.readouterr().err == "mine\\nraw"
        """
    )
    done = folder.run("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert (done.returncode, "2 passed" in done.stdout) == (0, True)
    assert sorted(re.findall(r"[├╰]─ (test_\w+)", done.stderr)) == ["test_fd", "test_sys"]


def test_the_packages_of_a_program_are_those_that_were_installed_with_it():
    """By what pip has written about them."""
    assert {"pytest", "_pytest"} <= set(packages_of_command("pytest"))
    assert packages_of_command("no-such-command") == ()
    assert packages_beside("_pytest")[0] == "_pytest"
    assert "pytest" in packages_beside("_pytest")
    assert packages_beside("no_such_package") == ("no_such_package",)


def test_a_command_is_not_mistaken_for_a_plugin_of_the_same_name(tmp_path, monkeypatch):
    """Other sections of entry points have other names, such as `pip` in that of virtualenv."""
    for name, text in {
        "a": "[plugins.seed]\ntool = a.seed:Tool\n",
        "b": "[console_scripts]\ntool = b.cli:main\n\n[more]\ntool = b.more:main\n",
    }.items():
        info = tmp_path / "site-packages" / f"{name}-1.dist-info"
        info.mkdir(parents=True)
        (info / "entry_points.txt").write_text(text)
        (info / "RECORD").write_text(f"{name}/cli.py,,\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site-packages")])
    assert packages_of_command("tool") == ("b",)


HINTS = {
    "run progam.py": "can't open 'progam.py': No such file or directory; did you mean program.py?",
    "run program": "can't open 'program': No such file or directory; did you mean program.py?",
    "run deep/progam.py": "can't open 'deep/progam.py': No such file or directory;"
    " did you mean deep/program.py?",
    "run pytset": "can't open 'pytset': No such file or directory; did you mean pytest?",
    "run -m pytset": "no module named 'pytset'; did you mean pytest?",
    "run shlex": "can't open 'shlex': No such file or directory; did you mean -m shlex?",
    "run qqqqqq": "can't open 'qqqqqq': No such file or directory",
    "rum program.py": "there is no command 'rum'; did you mean run? (see enterspan --help)",
    "program.py": "there is no command 'program.py'; did you mean enterspan run program.py?"
    " (see enterspan --help)",
    "qqqqqq": "there is no command 'qqqqqq'; there are run, view, diff, catalogue, stubs"
    " (see enterspan --help)",
    "run --max-spans many program.py": "--max-spans must be a number of spans, not 'many'",
    "run --max-spans 0 program.py": "--max-spans must be a number of spans, not '0'",
    "run --max-size big program.py": "--max-size: 'big' is not a size: write 500k, 100MB or 2g",
    "run --capture-args a-b program.py": "'a-b' is not a parameter's name: write a,b",
}


@pytest.mark.parametrize("line", HINTS)
def test_what_may_have_been_meant_is_said(line, folder_of):
    """In the one line that says what is wrong."""
    folder = folder_of(program="print('ran')", deep__program="")
    done = folder.python("-m", "enterspan", *line.split())
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"enterspan: {HINTS[line]}\n")


EFFECTLESS = {
    "--no-auto --exclude a --min-duration 1s": [
        "--exclude has no effect without --instrument or --auto",
        "--min-duration has no effect without --instrument or --auto",
    ],
    "--no-auto --capture-return": ["--capture-return has no effect without --instrument or --auto"],
    "--redact password": ["--redact has no effect without --capture-args"],
    "--quiet --stacks --ids": [
        "--stacks has no effect with --quiet",
        "--ids has no effect with --quiet",
    ],
    "--no-auto --max-size 1g": ["--max-size has no effect without --output"],
    "--capture-args a --redact b --stacks --ids": [],
}


@pytest.mark.parametrize("line", EFFECTLESS)
def test_options_without_effect_are_named(line, folder_of):
    """The program runs all the same."""
    folder = folder_of(program="print('ran')")
    done = folder.python("-m", "enterspan", "run", *line.split(), "program.py")
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert folder.said(done) == [f"enterspan: {text}" for text in EFFECTLESS[line]]


def test_stacks_and_ids_are_shown_when_asked_for(folder_of):
    """In the live tree."""
    folder = folder_of(program="def f(): raise ValueError('no')\ntry: f()\nexcept ValueError: pass")
    assert "Traceback" not in folder.run("program.py").stderr
    done = folder.run("--stacks", "--ids", "program.py")
    assert "ValueError: no" in done.stderr
    assert 'program.py", line 1, in f' in done.stderr
    [trace] = folder.traces
    assert trace in done.stderr


def test_a_program_that_leaves_by_the_back_door_has_an_end(folder_of):
    """`os._exit`: nothing else is called then."""
    folder = folder_of(app="import os\ndef f(): os._exit(4)\nf()")
    done = folder.run("app.py")
    assert done.returncode == 4
    assert folder.opened == ["app.py", "f"]
    assert folder.events[-1]["event"]["type"] == "outcome"
    assert folder.events[-1]["event"]["outcome"] == "exception"
    assert len(folder.said(done)) == 1


@posix
def test_a_forked_child_leaves_by_it_alone(folder_of):
    """The run is its parent's."""
    folder = folder_of(app="import os\nif not os.fork(): os._exit(0)\nos.wait()\nprint('end')")
    done = folder.run("app.py")
    assert (done.returncode, done.stdout) == (0, "end\n")
    assert [e["event"]["type"] for e in folder.events].count("outcome") == 1


@pytest.mark.skipif(not importlib.util.find_spec("argcomplete"), reason="argcomplete is an extra")
@pytest.mark.parametrize(
    "line, some, none",
    [
        ("enterspan r", {"run"}, {"view"}),
        ("enterspan run --ma", {"--max-spans", "--max-size"}, {"--quiet"}),
        ("enterspan run prog", {"program.py"}, {"--quiet"}),
        ("enterspan run pytes", {"pytest"}, set()),
    ],
)
def test_a_shell_can_complete(line, some, none, folder_of, tmp_path):
    """Commands, options, files, and what is installed."""
    folder = folder_of(program="")
    folder.python(
        "-c", "from enterspan.cli import main; main()",
        _ARGCOMPLETE="1", COMP_LINE=line, COMP_POINT=str(len(line)), COMP_TYPE="9",
        _ARGCOMPLETE_STDOUT_FILENAME=str(tmp_path / "out"), _ARGCOMPLETE_IFS="\n",
    )  # fmt: skip
    found = {each.strip() for each in (tmp_path / "out").read_text().splitlines()}
    assert some <= found
    assert not none & found


def test_nothing_is_said_where_completion_is_not_installed(folder_of):
    """The extra is imported when a shell asks."""
    folder = folder_of(argcomplete="raise ModuleNotFoundError")
    line = "enterspan --version"
    settings = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "PYTHONPATH": str(folder.path)}
    done = folder.python("-m", "enterspan", "--version", **settings)
    assert done.stdout.startswith("enterspan ")


def test_the_script_beside_this_python_is_executable():
    """What the tests above rely on."""
    found = Path(sys.executable).with_name("pytest")
    if not found.exists():
        pytest.skip("pytest has no script here")
    assert found.stat().st_mode & stat.S_IXUSR
