"""How much is recorded at most, and what is said when that is reached."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from enterspan._run.bounds import Bounds, bytes_of, full_text, size_text

MANY = "def f(): g()\ndef g(): pass\nfor _ in range(50): f()\n"


def test_no_more_spans_than_the_limit_are_written(folder_of):
    """What is open is closed, the outcome comes, and what filled it is named."""
    folder = folder_of(app=MANY)
    done = folder.run("--max-spans", "10", "app.py")
    assert done.returncode == 0
    assert len(folder.opened) == 10
    kinds = Counter(event["event"]["type"] for event in folder.events)
    assert kinds["spanClose"] == kinds["spanOpen"] == 9
    assert folder.events[-1]["event"]["type"] == "outcome"
    [line] = [line for line in folder.said(done) if "stopped" in line]
    assert line == (
        "enterspan: recording stopped after 10 spans (--max-spans 10): 5 of f, 4 of g,"
        " 1 of app.py; leave these out with --exclude or --min-duration, or raise the limit"
    )


def test_the_spans_of_the_program_itself_count_as_well(folder_of):
    """Whatever opens them."""
    folder = folder_of(
        app="from enterspan import tracing\nfor _ in range(50):\n    with tracing.span('s'): pass"
    )
    done = folder.run("--max-spans", "7", "app.py")
    assert len(folder.opened) == 7
    assert "6 of s" in folder.said(done)[-1]


def test_a_file_gets_no_larger_than_it_may(folder_of, tmp_path):
    """But for what is open."""
    folder = folder_of(
        app="def f(n): pass\nfor n in range(2_000): f(n)\n",
    )
    done = folder.run("--max-size", "100k", "--instrument", "app", "app.py")
    assert 90_000 < (tmp_path / "events.jsonl").stat().st_size < 200_000
    assert "--max-size 100kB" in folder.said(done)[-1]


FULL = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    def first(): pass
    def second(): pass
    first()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    second()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process")
@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("is_child", [False, True])
def test_a_disk_that_is_full_is_reported_and_the_tree_goes_on(is_child, folder_of):
    """In one line at the end, with the number of lost events."""
    start = "import subprocess, sys\nsubprocess.run([sys.executable, 'app.py'])"
    folder = folder_of(app=FULL, start=start)
    done = folder.run("start.py" if is_child else "app.py")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "╰ second" in done.stderr
    assert folder.opened[-1] == "first"
    if not is_child:  # that can't write down what it lost, either
        [line] = [line for line in folder.said(done) if "could not" in line]
        assert line.endswith("events could not be written to the file: File too large")


def test_a_child_that_reaches_a_limit_is_told(folder_of):
    """Each process has its own number of spans."""
    folder = folder_of(
        app="import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'])", child=MANY
    )
    done = folder.run("--max-spans", "10", "app.py")
    assert len(folder.opened) == 11
    assert folder.said(done)[-1].startswith(
        "enterspan: in child processes, recording stopped after 10 spans (--max-spans 10)"
    )


@pytest.mark.parametrize(
    "text, size",
    [("5", 5), ("5b", 5), ("500k", 500_000), ("100MB", 100_000_000), (" 2 g", 2_000_000_000)],
)
def test_sizes_are_read(text, size):
    """With a unit or without."""
    assert bytes_of(text) == size
    assert bytes_of(size_text(size)) == size


@pytest.mark.parametrize("text", ["", "k", "0", "-1", "1.5m", "1t", "one"])
def test_what_is_no_size_is_refused(text):
    """With what would be one."""
    with pytest.raises(ValueError, match="is not a size: write 500k, 100MB or 2g"):
        bytes_of(text)


def test_a_bound_declines_what_begins_later():
    """No tail is asked any more."""
    stopped = []
    bounds = Bounds([lambda event: None], 0, None, 1, lambda: stopped.append(1))
    bounds.begins = lambda: None

    class Event:
        class event:  # noqa: N801
            name = "n"

    assert bounds(Event) is None
    assert stopped == [1]
    assert bounds.problem == full_text("--max-spans 0", 0, Counter())
