"""`enterspan run`: what is seen of the program, and what is said where it can't be run."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
import textwrap
from importlib.machinery import ModuleSpec

import pytest

from enterspan import __version__, cli
from enterspan._run.command import split
from enterspan._run.program import _load_spec

OUTPUT = "trace.jsonl"


def enterspan(*arguments, cwd, **environ):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "enterspan", *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def run(tmp_path):
    """Run the text of a program with a live tree, and give what was said and what was written."""

    def run(source, *arguments, options=()):
        (tmp_path / "program.py").write_text(textwrap.dedent(source))
        result = enterspan(
            "run", "--output", OUTPUT, *options, "program.py", *arguments, cwd=tmp_path
        )
        written = tmp_path / OUTPUT
        lines = written.read_text().splitlines() if written.exists() else []
        return result, [json.loads(line) for line in lines]

    return run


def shapes(events):
    """Each event as its type and its name, or its outcome."""
    found = []
    for line in events:
        event = line["event"]
        found.append((event["type"], event.get("name") or event.get("outcome") or ""))
    return found


def test_a_program_is_shown_as_it_runs(run, folded):
    """A plain program with two spans: the tree on stderr, its own output on stdout."""
    result, _ = run("""
        from enterspan import traced, tracing

        @traced
        def add(a, b):
            return a + b

        with tracing.span("sum", numbers=2):
            print(add(1, 2))
    """)
    assert (result.returncode, result.stdout) == (0, "3\n")
    assert [line[12:].split("  cpu")[0] for line in folded(result.stderr.splitlines())] == [
        "╭ program.py",
        "│ ╭ sum",
        "│ │ ─ add",
        "│ ╰ sum  numbers=2",
        result.stderr.splitlines()[-1][12:].split("  cpu")[0],
    ]
    assert re.fullmatch(
        r"[ \d.]{5} (µs|ms|s )    ╰ program\.py  ok  3 spans, cpu .*",
        result.stderr.splitlines()[-1],
    )


def test_the_output_has_every_event(run):
    """--output writes one event a line, from the onset of the program to its outcome."""
    result, events = run("""
        from enterspan import tracing
        with tracing.span("step", n=1):
            tracing.log("info", "going")
    """)
    assert result.returncode == 0
    assert shapes(events) == [
        ("onset", "program.py"),
        ("spanOpen", "step"),
        ("log", ""),
        ("attributes", ""),
        ("spanClose", "ok"),
        ("return", ""),
        ("outcome", "ok"),
    ]
    assert events[0]["event"]["info"] == {"type": "custom", "name": "program.py"}


def test_quiet_shows_nothing_and_writes_all_the_same(run):
    """--quiet is about stderr only."""
    result, events = run("import enterspan", options=["--quiet"])
    assert (result.stdout, result.stderr) == ("", "")
    assert shapes(events)[-1] == ("outcome", "ok")


def test_a_program_without_a_span_is_an_invocation(run):
    """It begins, and it is over."""
    result, _ = run("")
    assert re.search(r"[╰─] program\.py  ok  cpu .*\n$", result.stderr)
    assert len(result.stderr.splitlines()) <= 2


@pytest.mark.parametrize(
    "end, outcome, code",
    [
        ("1 / 0", "exception", 1),
        ("import sys; sys.exit(0)", "ok", 0),
        ("import sys; sys.exit(3)", "exception", 3),
        ("raise KeyboardInterrupt", "canceled", -2 if os.name == "posix" else 0xC000013A),
    ],
)
def test_the_outcome_is_how_the_program_ended(end, outcome, code, run):
    """An exception, an exit code and an interrupt are told apart."""
    result, events = run(end)
    assert result.returncode == code
    assert shapes(events)[-1] == ("outcome", outcome)


def test_the_stack_of_a_failure_begins_in_the_program(run):
    """No frame of ours, neither on stderr nor in the file."""
    result, events = run("def f():\n    1 / 0\nf()\n", options=("--no-auto",))
    stack = next(e["event"]["stack"] for e in events if e["event"]["type"] == "exception")
    assert [line.split(", ")[-1] for line in stack.splitlines() if "File" in line] == [
        "in <module>",
        "in f",
    ]
    assert "enterspan" not in result.stderr


def test_threads_that_outlive_the_program_are_part_of_it(run):
    """Python waits for them, and so does the outcome."""
    result, events = run("""
        import threading, time
        from enterspan import tracing

        def work():
            time.sleep(0.2)
            with tracing.span("late"):
                pass

        threading.Thread(target=work).start()
    """)
    assert result.returncode == 0
    assert shapes(events) == [
        ("onset", "program.py"),
        ("spanOpen", "late"),
        ("spanClose", "ok"),
        ("return", ""),
        ("outcome", "ok"),
    ]


def test_exit_handlers_are_part_of_the_program(run):
    """What they trace comes before the outcome, also after a failure."""
    _, events = run("""
        import atexit
        from enterspan import traced
        atexit.register(traced("goodbye")(print), "bye")
        1 / 0
    """)
    assert shapes(events) == [
        ("onset", "program.py"),
        ("spanOpen", "goodbye"),
        ("spanClose", "ok"),
        ("exception", "ZeroDivisionError"),
        ("outcome", "exception"),
    ]


def test_daemons_are_abandoned(run):
    """A span that is open in a daemon thread is closed as abandoned."""
    _, events = run("""
        import threading, time
        from enterspan import tracing

        opened = threading.Event()

        def work():
            with tracing.span("for ever"):
                opened.set()
                time.sleep(60)

        threading.Thread(target=work, daemon=True).start()
        opened.wait()
    """)
    assert ("spanClose", "abandoned") in shapes(events)
    assert shapes(events)[-1] == ("outcome", "ok")


def test_threads_and_pools_find_the_program(run):
    """Contexts that start empty fall back to the invocation of the program."""
    _, events = run("""
        from concurrent.futures import ThreadPoolExecutor
        from enterspan import traced
        with ThreadPoolExecutor(1) as pool:
            pool.submit(traced("pooled")(lambda: 1)).result()
    """)
    onset, opened = events[0], events[1]
    assert opened["event"]["name"] == "pooled"
    assert opened["spanContext"]["spanId"] == onset["event"]["spanId"]
    assert len({event["invocationId"] for event in events}) == 1


def test_an_exporter_of_the_program_gets_the_root(run):
    """The program's span is finished before exporters are."""
    result, _ = run("""
        from enterspan import tracing

        class Names:
            def export(self, spans):
                print([span.name for span in spans])
            def shutdown(self):
                pass

        tracing.add_exporter(Names(), delay=60)
        with tracing.span("step"):
            pass
    """)
    assert result.stdout == "['step']\n['program.py']\n"  # flushed at the end, and once more


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_forked_child_leaves_the_invocation_to_its_parent(run):
    """One outcome, however many processes come to their end."""
    _, events = run("""
        import os
        if child := os.fork():
            os.waitpid(child, 0)
    """)
    assert shapes(events).count(("outcome", "ok")) == 1
    assert len(events) == 3


def test_the_program_has_its_name(tmp_path):
    """A module by its dotted name, a folder by its own, wherever it is run from."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__main__.py").write_text("")
    named = re.compile(r"^.{12}[╭─] (\S+)")
    for words, name in ((["-m", "shop"], "shop"), (["shop/"], "shop"), (["./shop/."], "shop")):
        result = enterspan("run", *words, cwd=tmp_path)
        assert named.search(result.stderr.splitlines()[0])[1] == name
    assert named.search(enterspan("run", ".", cwd=tmp_path / "shop").stderr)[1] == "shop"


def test_the_folder_of_a_program_does_not_shadow_ours(tmp_path):
    """A program may have modules with the names of those that we use, and gets its own."""
    (tmp_path / "program.py").write_text("import json; print(json.mine)")
    for name in ("json", "pathlib", "argparse", "weakref", "unicodedata", "threading"):
        (tmp_path / f"{name}.py").write_text("mine = 1")
    script = tmp_path / "bin" / "enterspan"
    script.parent.mkdir()
    script.write_text("import sys\nfrom enterspan.cli import main\nsys.exit(main())\n")
    result = subprocess.run(
        [sys.executable, str(script), "run", "--output", "t", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "1\n"
    assert "╰ program.py  ok" in result.stderr.splitlines()[-1]


# --- what can't be done ---------------------------------------------------------------------------

REFUSED = {
    "run nope.py": "can't open 'nope.py': No such file or directory",
    "run": "nothing to run: name a COMMAND or a SCRIPT, or -m and a MODULE",
    "run --quiet": "nothing to run: name a COMMAND or a SCRIPT, or -m and a MODULE",
    "run -m": "nothing to run: -m is followed by a MODULE",
    "run -c": "nothing to run: -c is followed by some CODE",
    "run -m nope": "no module named 'nope'",
    "run -m nope.part": "no module named 'nope.part'",
    "run -m plain.part": "no module named 'plain.part'",
    "run -m broken.part": "can't find module 'broken.part': ZeroDivisionError: division by zero",
    "run -m bare": "no module named 'bare.__main__': 'bare' is a package without one",
    "run -m sys": "module 'sys' is not written in Python",
    "run bare": "can't find a __main__ module in 'bare'",
    "run --output no/t.jsonl plain.py": "can't write 'no/t.jsonl': its folder does not exist",
    "run --output bare plain.py": "can't write 'bare': it is a folder",
    "run --output": "argument --output: expected one argument (see enterspan run --help)",
    "run --out t plain.py": "unrecognized arguments: --out (see enterspan run --help)",
    "": "the following arguments are required: COMMAND (see enterspan --help)",
    "view": "the following arguments are required: FILE (see enterspan view --help)",
    "view nope.jsonl": "can't read 'nope.jsonl': No such file or directory",
    "view bare": "can't read 'bare': Is a directory",
}


@pytest.fixture
def folder(tmp_path):
    """A module that runs, a package without a main module, and one that can't be imported."""
    (tmp_path / "plain.py").write_text("print('ran')")
    for name, text in (("bare", ""), ("broken", "1 / 0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    return tmp_path


@pytest.mark.parametrize("line", REFUSED)
def test_what_can_not_be_done_is_said_in_one_line(line, folder):
    """Nothing runs, and the exit code is 2."""
    result = enterspan(*line.split(), cwd=folder)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"enterspan: {REFUSED[line]}\n"


def test_a_script_that_may_not_be_read_is_refused(folder, monkeypatch, capsys):
    """Permissions are named as the reason."""

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(io, "open_code", refuse)
    monkeypatch.chdir(folder)
    assert cli.main(["run", "plain.py"]) == 2
    assert capsys.readouterr().err == "enterspan: can't open 'plain.py': Permission denied\n"


def test_a_module_that_its_package_hides_is_the_packages_affair(folder):
    """It was there to be found; that importing its package takes it away is the program's error."""
    (folder / "hiding").mkdir()
    (folder / "hiding" / "__init__.py").write_text("__path__ = []")
    (folder / "hiding" / "part.py").write_text("")
    result = enterspan("run", "--quiet", "-m", "hiding.part", cwd=folder)
    assert result.returncode == 1
    assert result.stderr == "ModuleNotFoundError: No module named 'hiding.part'\n"


def test_a_loader_without_code_is_an_import_error():
    """As Python says it."""

    class Empty:
        def get_code(self, name):
            return None

    with pytest.raises(ImportError, match="No code object available for x"):
        _load_spec(ModuleSpec("x", Empty()))


def test_the_version_and_the_help_can_be_asked_for(folder):
    """Both on stdout, with exit code 0."""
    assert enterspan("--version", cwd=folder).stdout == f"enterspan {__version__}\n"
    for words in (["--help"], ["run", "--help"], ["view", "--help"]):
        result = enterspan(*words, cwd=folder)
        assert result.returncode == 0
        assert result.stdout.startswith("usage: enterspan")


@pytest.mark.parametrize(
    "line, own, program",
    [
        ("run s.py", ["run"], ["s.py"]),
        ("run --quiet s.py --quiet", ["run", "--quiet"], ["s.py", "--quiet"]),
        ("run --output -m s.py", ["run", "--output", "-m"], ["s.py"]),
        ("run --output=x s.py -m y", ["run", "--output=x"], ["s.py", "-m", "y"]),
        ("run -m x -m y", ["run"], ["-m", "x", "-m", "y"]),
        ("run -mx -- y", ["run"], ["-m", "x", "--", "y"]),
        ("run -- s.py -- y", ["run"], ["s.py", "--", "y"]),
        ("run - x", ["run"], ["-", "x"]),
        ("run --quiet", ["run", "--quiet"], []),
    ],
)
def test_options_after_the_program_belong_to_it(line, own, program):
    """The first word that is no option of ours ends ours."""
    assert split(line.split()) == (own, program)


def test_a_command_without_stderr_still_refuses(monkeypatch):
    """A process without a stderr has nobody to tell, and the same exit code."""
    monkeypatch.setattr(sys, "stderr", None)
    assert cli.main(["view", "/no/such/file"]) == 2


def test_main_returns_the_exit_code(monkeypatch, capsys):
    """For those who call it in their own process."""
    monkeypatch.setattr(sys, "argv", ["enterspan", "view", "/no/such/file"])
    assert cli.main() == 2
    assert isinstance(sys.stderr, io.TextIOBase)
    assert capsys.readouterr().err.startswith("enterspan: can't read")


def test_the_program_is_not_overwritten(run, tmp_path):
    result, _ = run("print('hi')", options=("--output", "program.py"))
    assert result.returncode == 2
    assert result.stderr == "enterspan: can't write 'program.py': it is the program itself\n"
    assert (tmp_path / "program.py").read_text() == "print('hi')"
