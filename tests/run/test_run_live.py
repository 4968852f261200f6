"""What is drawn while a program runs, and what is left to the summary at its end."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from types import SimpleNamespace

import pytest

from enterspan._run.live import FREE_INSTALLED, LiveSelection

MS, SECOND = 1_000_000, 1_000_000_000
POSIX = os.name == "posix"


class Drawn:
    """A tail that notes what it gets."""

    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.take(event)
        return self.take

    def take(self, event):
        name = event.event.name if event.event.type in ("onset", "spanOpen") else None
        self.events.append((event.event.type, name or event.span_context.span_id))


class Program:
    """Sends events of spans, each of which is known by its name, as a program would."""

    def __init__(self, kinds, free):
        self.drawn = Drawn()
        self.selection = LiveSelection(self.drawn, kinds.get, 0, free)
        self._take = None

    def open(self, name, parent, time):
        kind = "onset" if parent is None else "spanOpen"
        self._send(kind, parent, time, name=name, span_id=name)

    def close(self, name, time, kind="spanClose"):
        self._send(kind, name, time)

    def call(self, name, parent, begin, end):
        self.open(name, parent, begin)
        self.close(name, end)

    def _send(self, kind, owner, time, **fields):
        event = SimpleNamespace(type=kind, **fields)
        event = SimpleNamespace(
            event=event, span_context=SimpleNamespace(span_id=owner), timestamp=time
        )
        if kind == "onset":
            self._take = self.selection(event)
        else:
            self._take(event)

    @property
    def opened(self):
        return [name for kind, name in self.drawn.events if kind in ("onset", "spanOpen")]


def test_the_first_spans_are_drawn_at_once_and_then_those_that_take_long():
    """In their order, each with its end; what was left out is counted."""
    program = Program(dict.fromkeys("abcdef", True), free=2)
    program.open("run", None, 0)
    for number, name in enumerate("abcde"):
        program.call(name, "run", number * MS, number * MS + 1)
    program.call("f", "run", 10 * MS, 110 * MS)
    program.close("run", 120 * MS, "outcome")
    assert program.drawn.events == [
        ("onset", "run"),
        ("spanOpen", "a"), ("spanClose", "a"),
        ("spanOpen", "b"), ("spanClose", "b"),
        ("spanOpen", "f"), ("spanClose", "f"),
        ("outcome", "run"),
    ]  # fmt: skip
    assert program.selection.left_out == 3


def test_one_more_is_drawn_each_second():
    """A server that is asked now and then shows what it does."""
    program = Program(dict.fromkeys("abc", True), free=0)
    program.open("run", None, 0)
    program.call("a", "run", 10, 20)
    program.call("b", "run", SECOND, SECOND + 10)
    program.call("c", "run", SECOND + 20, SECOND + 30)
    assert program.opened == ["run", "b"]


def test_one_function_does_not_take_the_place_of_all_others():
    """Its first calls are drawn."""
    program = Program({"a": True, "b": True}, free=30)
    program.open("run", None, 0)
    for number in range(20):
        program.call("a", "run", number, number)
    program.call("b", "run", 50, 51)
    assert program.opened == ["run", *["a"] * 10, "b"]


def test_a_span_that_is_still_open_is_drawn_when_it_has_lasted_long_enough():
    """With what is around it, before what happens then."""
    program = Program({"a": True, "b": True, "c": True}, free=0)
    program.open("run", None, 0)
    program.open("a", "run", 1)
    program.open("b", "a", 2)
    program.call("c", "b", 200 * MS, 200 * MS + 1)
    assert program.opened == ["run", "a", "b"]


def test_what_was_asked_for_is_drawn_at_once_inside_of_what_was_not():
    """Spans that the user has named or marked, below functions that are traced automatically."""
    program = Program({"run": False, "main": False}, free=FREE_INSTALLED)
    program.open("run", None, 0)
    program.open("main", "run", 1)
    assert program.opened == []
    program.open("marked", "main", 2)
    assert program.opened == ["run", "main", "marked"]


def test_an_installed_program_is_drawn_only_where_it_takes_very_long():
    """Nothing of it, its name included, if it ends before."""
    program = Program({"tool": False, "main": False}, free=FREE_INSTALLED)
    program.open("tool", None, 0)
    program.call("main", "tool", 1, SECOND)
    program.close("tool", SECOND, "outcome")
    assert program.drawn.events == []
    assert program.selection.left_out == 2


MANY = """
    def work(n):
        return n
    def job(n):
        return [work(i) for i in range(3)]
    def main():
        for n in range(60):
            job(n)
    main()
"""


def test_the_summary_at_the_end_has_the_whole_run(folder_of):
    """Folded; and a line says what it leaves out, and where all of it is."""
    folder = folder_of(app=MANY)
    done = folder.run("app.py")
    summary = [line for line in done.stderr.splitlines() if re.search("[├╰]─ ", line)]
    assert len(summary) == 3
    assert "main" in summary[0]
    assert re.search(r"job {2}x \d+, ", summary[1])
    assert re.search(r"work {2}x \d+, ", summary[2])
    assert len(done.stderr.splitlines()) < 100
    first = folder.said(done)[0]
    assert first.startswith("enterspan: the tree shows spans of at least ")
    assert first.endswith("events.jsonl")


def test_a_program_that_was_drawn_as_a_whole_has_no_summary(folder_of):
    """It would be the same again."""
    folder = folder_of(app="def f(): pass\nf()")
    done = folder.run("app.py")
    assert not re.search("[├╰]─ ", done.stderr)


@pytest.mark.parametrize("options", [["--min-duration", "0"], ["--no-auto"], ["--quiet"]])
def test_there_is_no_summary_where_it_is_not_asked_for(options, folder_of):
    """Who says how long a span must last gets these, as they happen."""
    folder = folder_of(app=MANY)
    done = folder.run(*options, "app.py")
    assert not re.search("[├╰]─ ", done.stderr)


def test_without_an_output_the_summary_leaves_no_file(folder_of, tmp_path):
    """The file that it is read from is removed."""
    folder = folder_of(app=MANY)
    (tmp_path / "temporary").mkdir()
    done = folder.python("-m", "enterspan", "run", "app.py", TMPDIR=str(tmp_path / "temporary"))
    assert "--output FILE" in folder.said(done)[0]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_where_no_file_can_be_made_all_is_drawn_at_once(monkeypatch):
    """There is nothing that a summary could be read from."""
    from enterspan._run import command

    def refused(*_):
        raise OSError("no room")

    monkeypatch.setattr(tempfile, "mkstemp", refused)
    options = SimpleNamespace(output=None, quiet=False)
    wishes = SimpleNamespace(min_duration=None)
    assert command._output(options, wishes, auto=True) == (None, False)


def test_what_is_no_plain_file_is_not_read_again(tmp_path):
    """A pipe, a terminal."""
    from enterspan._run import command

    wishes = SimpleNamespace(min_duration=None)
    for path, is_read in ((os.devnull, False), (str(tmp_path / "new"), True)):
        options = SimpleNamespace(output=path, quiet=False)
        assert command._output(options, wishes, auto=True) == (path, is_read)


def test_the_summary_needs_no_module_of_the_programs_folder(folder_of):
    """One that has the name of a standard library's is the program's alone."""
    names = ["heapq", "array", "fnmatch", "dataclasses", "gzip", "bisect"]
    bad = dict.fromkeys(names, "raise RuntimeError('imported')")
    folder = folder_of(sub__app=MANY, **{f"sub__{name}": text for name, text in bad.items()})
    done = folder.run("sub/app.py")
    assert "the tree shows spans of at least" in folder.said(done)[0]


def test_a_summary_that_can_not_be_made_is_reported(folder_of):
    """The file may have been removed by then."""
    folder = folder_of(
        app=MANY + "    import os; os.unlink('events.jsonl'); os.mkdir('events.jsonl')"
    )
    done = folder.python("-m", "enterspan", "run", "--output", "events.jsonl", "app.py")
    assert done.returncode == 0
    assert folder.said(done)[0].startswith(
        "enterspan: the tree of the whole run can't be shown: IsADirectoryError"
    )


@pytest.mark.skipif(not POSIX, reason="exec")
def test_a_program_that_replaces_itself_has_one_summary(folder_of, tmp_path):
    """What it has become shows it."""
    again = "    import os, sys\n    if len(sys.argv) == 1:\n"
    again += "        os.execv(sys.executable, [sys.executable, 'app.py', 'again'])\n"
    folder = folder_of(app=MANY + again)
    (tmp_path / "temporary").mkdir()
    done = folder.python("-m", "enterspan", "run", "app.py", TMPDIR=str(tmp_path / "temporary"))
    assert len(re.findall("^ +app.py {2}unfinished", done.stderr, re.MULTILINE)) == 1
    assert len(re.findall("[├╰]─ app.py {2}ok", done.stderr)) == 1
    assert done.stderr.count("the tree shows spans of at least") == 1
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.skipif(not POSIX, reason="signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_program_that_ends_itself_by_a_signal_ends_its_tree(name, folder_of):
    """As servers do that have shut down; the process ends by the signal."""
    folder = folder_of(
        app=f"""
            import signal
            def leave():
                signal.raise_signal(signal.{name})
            signal.signal(signal.{name}, signal.SIG_DFL)
            leave()
        """
    )
    done = folder.run("app.py")
    assert done.returncode == -getattr(signal, name)
    assert re.search(r"leave {2}abandoned\n", done.stderr)
    assert re.search(r"app.py {2}canceled", done.stderr)
    assert folder.events[-1]["event"]["outcome"] == "canceled"


def test_a_signal_that_the_program_raises_and_handles_ends_nothing(folder_of):
    """Nor does one that means nothing."""
    folder = folder_of(
        app="""
            import signal
            signal.signal(signal.SIGTERM, lambda *_: print("handled"))
            signal.raise_signal(signal.SIGTERM)
            try:
                signal.raise_signal(12345)
            except (OSError, ValueError):
                print("none")
        """
    )
    done = folder.run("app.py")
    assert (done.returncode, done.stdout) == (0, "handled\nnone\n")
    assert folder.events[-1]["event"]["outcome"] == "ok"
