"""The Python processes that a program starts are recorded with it: one file, one trace."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from enterspan._run.recording import Settings
from enterspan._run.starts import SITE, is_replaced, program_at
from enterspan.instrument.config import Wishes

POSIX = os.name == "posix"
posix = pytest.mark.skipif(not POSIX, reason="children are replaced by exec")

WORK = "def load(n):\n    return n\n"
POOL = """
    import multiprocessing, sys
    from concurrent.futures import ProcessPoolExecutor
    import work
    def helper(n):
        return work.load(n)
    def job(n):
        return helper(n)
    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            print(list(pool.map(job, [1, 2])))
"""
METHODS = ["spawn", *(["fork", "forkserver"] if sys.platform == "linux" else [])]


@pytest.mark.parametrize("method", METHODS)
def test_what_a_pool_does_is_recorded(method, folder_of):
    """The functions of the program itself too, which the children import again."""
    folder = folder_of(app=POOL, work=WORK)
    done = folder.run("app.py", method)
    assert (done.returncode, done.stdout) == (0, "[1, 2]\n")
    assert folder.opened == ["app.py", *["job", "helper", "load"] * 2]
    assert len(folder.traces) == 1
    [root] = [e for e in folder.events if e["event"].get("name") == "app.py"]
    jobs = [e for e in folder.events if e["event"].get("name") == "job"]
    assert {e["spanContext"]["spanId"] for e in jobs} == {root["event"]["spanId"]}


CHILD = """
    import json, sys, work
    def inner():
        return work.load(sys.argv[1:])
    if __name__ == "__main__":
        print(json.dumps([inner(), sys.argv[0], sys.path[0], __name__, __file__]))
"""
FORMS = {"a script": ["child.py", "a", "-b"], "a module": ["-m", "child", "a", "-b"]}


@posix
@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_ends_itself_by_a_signal_ends_its_spans(method, folder_of):
    """As those of uvicorn do, that have shut down."""
    folder = folder_of(
        app=f"""
            import multiprocessing, signal
            def serve():
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.raise_signal(signal.SIGTERM)
            if __name__ == "__main__":
                worker = multiprocessing.get_context({method!r}).Process(target=serve)
                worker.start()
                worker.join()
                print(worker.exitcode)
        """
    )
    done = folder.run("app.py")
    assert (done.returncode, done.stdout) == (0, "-15\n")
    kinds = Counter(event["event"]["type"] for event in folder.events)
    assert kinds["onset"] == kinds["outcome"] == 2
    outcomes = [e["event"]["outcome"] for e in folder.events if e["event"]["type"] == "outcome"]
    assert sorted(outcomes) == ["abandoned", "ok"]


@posix
@pytest.mark.parametrize("form", FORMS)
def test_a_script_and_a_module_have_spans_of_their_own(form, folder_of):
    """They run as without us, and their functions are seen."""
    start = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, *{FORMS[form]!r}], check=True)"
    )
    folder = folder_of(app=start, child=CHILD, work=WORK)
    plain = folder.python("app.py")
    done = folder.run("app.py")
    assert (done.returncode, done.stdout) == (0, plain.stdout)
    name = "child" if "-m" in FORMS[form] else "child.py"
    assert folder.opened == ["app.py", name, "inner", "load"]
    assert len(folder.traces) == 1


def test_code_on_the_command_line_records_what_it_calls(folder_of):
    """Below the span of the run."""
    start = (
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import work; work.load(1)'])"
    )
    folder = folder_of(app=start, work=WORK)
    folder.run("app.py")
    assert folder.opened == ["app.py", "load"]
    assert len(folder.traces) == 1


def test_a_child_of_a_child_is_recorded_below_it(folder_of):
    """However deep."""
    script = "import subprocess, sys\nsubprocess.run([sys.executable, {!r}])"
    folder = folder_of(
        app=script.format("one.py"), one=script.format("two.py"), two=WORK + "load(1)"
    )
    folder.run("app.py")
    opened = [e for e in folder.events if e["event"]["type"] in ("onset", "spanOpen")]
    assert folder.opened == ["app.py", "one.py", "two.py", "load"]
    for parent, child in pairwise(opened):
        assert child["spanContext"]["spanId"] == parent["event"]["spanId"]


def test_a_run_that_the_program_starts_is_a_run_of_its_own(folder_of):
    """It writes to its own file; nothing of it is in this one but the program that started it."""
    folder = folder_of(
        app="""
            import subprocess, sys
            words = ["-m", "enterspan", "run", "--output", "inner.jsonl", "child.py"]
            done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
            print(done.returncode, "replaces" in done.stderr, "load" in done.stderr)
        """,
        child=WORK + "load(1)",
    )
    done = folder.run("app.py")
    assert done.stdout == "0 False True\n"
    assert folder.opened == ["app.py"]
    inner = [json.loads(line) for line in (folder.path / "inner.jsonl").read_text().splitlines()]
    names = [e["event"]["name"] for e in inner if e["event"]["type"] in ("onset", "spanOpen")]
    assert names == ["child.py", "load"]


def test_what_the_program_reads_of_a_child_has_no_tree_in_it(folder_of):
    """Only where the child writes to the terminal of the run."""
    folder = folder_of(
        app="""
            import subprocess, sys
            done = subprocess.run([sys.executable, "child.py"], capture_output=True, text=True)
            print(done)
        """,
        child=WORK + "load(1)",
    )
    done = folder.run("app.py")
    assert "stdout='', stderr=''" in done.stdout
    assert folder.opened == ["app.py", "child.py", "load"]


def test_a_child_that_fails_fails_as_without_us(folder_of):
    """Its traceback, its exit code, and what Python says where there is no such file."""
    folder = folder_of(
        app="""
            import subprocess, sys
            for words in (
                ["child.py"], ["none.py"], ["-m", "none"], ["-m", "child"], ["-Wx", "child.py"]
            ):
                done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
                print(done.returncode, done.stdout, done.stderr.partition("File")[2] or done.stderr)
        """,
        child="import sys\nprint(sys.argv)\n1 / 0",
    )
    plain, done = folder.python("app.py"), folder.run("app.py")
    if sys.version_info >= (3, 11):
        last = [line for line in plain.stdout.splitlines() if "runpy" not in line]
        assert [line for line in done.stdout.splitlines() if "runpy" not in line][:3] == last[:3]
    assert done.stdout.count("ZeroDivisionError") == plain.stdout.count("ZeroDivisionError") == 3
    assert "No module named none" in done.stdout
    assert "can't open file" in done.stdout


def test_the_environment_has_what_is_documented_and_no_more(folder_of):
    """Two variables, and a folder in front of PYTHONPATH; `sys.path` is as it was."""
    show = "import json, os, sys\nprint(json.dumps([dict(os.environ), sys.path]))"
    start = "import subprocess, sys\nsubprocess.run([sys.executable, 'show.py'])"
    folder = folder_of(show=show, app=start)
    for program in ("show.py", "app.py"):
        (before, path), (after, path_after) = [
            json.loads(done.stdout) for done in (folder.python(program), folder.run(program))
        ]
        assert path_after == path
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        assert changed == {"ENTERSPAN_RUN", "PYTHONPATH", "TRACEPARENT"}
        kept = before.get("PYTHONPATH")
        assert after["PYTHONPATH"].partition(os.pathsep)[2] == (kept or "")


def test_without_children_the_environment_is_untouched(folder_of):
    """And they are not recorded."""
    start = "import os, subprocess, sys\nsubprocess.run([sys.executable, 'child.py'])\n"
    folder = folder_of(app=start + "print(sorted(os.environ))", child=WORK + "load(1)")
    plain, done = folder.python("app.py"), folder.run("--no-children", "app.py")
    assert done.stdout == plain.stdout
    assert folder.opened == ["app.py"]


def test_a_sitecustomize_of_the_user_is_imported_as_before(folder_of):
    """Once, under its name; and its failure is what it was."""
    folder = folder_of(
        app="import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'])",
        child="import sitecustomize; print(sitecustomize.mine)",
        extra__sitecustomize="mine = 'mine'\nprint('custom', flush=True)",
    )
    path = f"extra{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    plain = folder.python("app.py", PYTHONPATH=path)
    done = folder.run("app.py", PYTHONPATH=path)
    assert plain.stdout == "custom\ncustom\nmine\n"
    assert done.stdout.count("mine") == 1
    assert set(done.stdout.split()) == {"custom", "mine"}


def test_a_child_of_python_2_can_read_our_sitecustomize():
    """Which has no annotations; it says nothing, and removes its folder from the search path."""
    tree = ast.parse((Path(SITE) / "sitecustomize.py").read_text())
    only_3 = (ast.FunctionDef, ast.AnnAssign, ast.JoinedStr, ast.NamedExpr, ast.Nonlocal)
    assert not [node for node in ast.walk(tree) if isinstance(node, only_3)]
    for python in filter(None, map(shutil.which, ("python2.7", "python2"))):
        done = subprocess.run(
            [python, "-c", "import sys; print(sys.argv[1] in sys.path)", SITE],
            env={**os.environ, "PYTHONPATH": SITE, "ENTERSPAN_RUN": "{}"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:  # it is more than a name
            assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_pattern_matches_if_it_does_in_any_process(folder_of):
    """Only what matched nowhere is reported."""
    folder = folder_of(
        app="import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'])",
        child="import work\nwork.load(1)",
        work=WORK,
    )
    done = folder.run("--instrument", "work", "--instrument", "nowhere", "app.py")
    assert folder.opened == ["app.py", "child.py", "load"]
    assert folder.said(done) == [
        "enterspan: --instrument 'nowhere' matched nothing: no module nowhere was imported"
    ]


def test_the_context_of_the_caller_is_the_parent(folder_of):
    """A run that something else has started belongs to its trace."""
    folder = folder_of(app="")
    given = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    folder.run("app.py", TRACEPARENT=given)
    assert folder.traces == {given.split("-")[1]}
    assert folder.events[0]["spanContext"]["spanId"] == given.split("-")[2]


def test_nothing_is_left_behind(folder_of, tmp_path):
    """The notes of the children are removed when they have been read."""
    (tmp_path / "tmp").mkdir()
    folder = folder_of(
        app="import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'])",
        child=WORK + "load(1)",
    )
    folder.run("app.py", TMPDIR=str(tmp_path / "tmp"))
    assert folder.opened == ["app.py", "child.py", "load"]
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "words, program",
    [
        (["python", "a.py", "-c"], ["a.py", "-c"]),
        (["python", "-W", "error", "-Xdev", "-u", "a.py"], ["a.py"]),
        (["python", "-m", "mod", "x"], ["-m", "mod", "x"]),
        (["python", "-mmod"], ["-mmod"]),
        (["python", "-c", "pass"], ["-c", "pass"]),
        (["python", "-"], ["-"]),
        (["python", "-u"], []),
    ],
)
def test_the_program_is_found_behind_the_options_of_python(words, program):
    """As Python reads its command line."""
    assert words[program_at(words) :] == program


@pytest.mark.parametrize(
    "words, replaced",
    [
        (["python3", __file__], True),
        (["python3", "-m", "shop"], True),
        (["python3", "-mshop"], True),
        (["python3", "-m", "joblib.externals.loky.backend.popen_loky_posix"], False),
        (["python3", "-c", "pass"], False),
        (["python3", "-"], False),
        (["python3", "no/such/file.py"], False),
        (["python3"], False),
        (["uwsgi", __file__], False),
    ],
)
def test_children_that_run_a_script_or_a_module_are_started_anew(words, replaced):
    """Workers of pools, and what is no Python, are not."""
    assert is_replaced(words, program_at(words)) is replaced


def test_settings_travel_as_text():
    """They come out as they went in."""
    wishes = Wishes(("a", "b"), ("c",), 0.5, ("x",), True, ("y",), "--instrument")
    settings = Settings(wishes, True, True, "/o", True, True, True, 5, 6, ("p",), (1, 2), "/n", 7)
    assert Settings.from_text(settings.to_text()) == settings
    assert Settings.from_text(Settings().to_text()) == Settings()
