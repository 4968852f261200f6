"""The benchmark measures what it says, and fails where a span that was made did not arrive."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"

LOSING = """
import sys
sys.path.insert(0, {bench!r})
import pair
from contenders import minimal
count = minimal.Peer.drain
def drain(self):
    count(self)
    self.count -= self.count % 2
minimal.Peer.drain = drain
sys.argv[1:] = ["minimal", "recorded", "--case", "call", "--seconds", "0.01"]
sys.exit(pair.main())
"""


def start(*arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)


def test_a_pair_is_measured_and_its_counts_are_proved():
    """Both contenders' figures, with quartiles in order, and what each sink has counted."""
    told = start(str(BENCH / "pair.py"), "minimal", "recorded", "--case=call", "--seconds=0.01")
    assert told.stderr == ""
    (row,) = json.loads(told.stdout)
    assert (row["peer"], row["mode"], row["case"]) == ("minimal", "recorded", "call")
    assert row["ours_arrived"] > 1000
    assert row["peer_arrived"] > 1000
    for figure in ("own", "wall", "all"):
        for values in row[figure].values():
            assert 0 < values[0] <= values[1] <= values[2]


def test_a_span_that_does_not_arrive_makes_the_run_fail():
    told = start("-c", LOSING.format(bench=str(BENCH)))
    assert told.returncode == 1
    assert told.stdout == ""
    assert "NOT what was made was recorded: minimal, decorated call" in told.stderr


def test_without_a_subscriber_nothing_arrives():
    told = start(str(BENCH / "pair.py"), "closure", "off", "--case=off call", "--seconds=0.01")
    (row,) = json.loads(told.stdout)
    assert (row["ours_arrived"], row["peer_arrived"]) == (0, 0)


@pytest.mark.skipif(find_spec("eliot") is not None, reason="it is installed here")
def test_a_peer_that_is_not_installed_is_skipped_and_said_so():
    told = start(str(BENCH / "run.py"), "--part=pairs", "--peer=eliot")
    assert told.returncode == 0
    assert "!! SKIPPED eliot: not installed: eliot" in told.stdout


def test_a_part_of_it_writes_no_results(tmp_path):
    """Figures of one moment must not replace those of a whole run; a file can be asked for."""
    results = BENCH / "results"
    before = {file: file.read_bytes() for file in results.glob("*")}
    output = tmp_path / "part.json"
    part = (str(BENCH / "run.py"), "--part=pairs", "--peer=closure", "--case=off call", "--brief")
    assert "nothing is written" in start(*part).stdout
    assert start(*part, "--output", str(output)).returncode == 0
    assert {file: file.read_bytes() for file in results.glob("*")} == before
    found = json.loads(output.read_text())
    assert [(row["peer"], row["case"]) for row in found["pairs"]] == [("closure", "off call")]
    assert "imports" not in found


def test_the_page_says_what_the_results_say():
    told = start(str(BENCH / "publish.py"), "--check")
    assert (told.returncode, told.stderr) == (0, "")


def test_two_trees_are_measured_side_by_side():
    """A row for each case that is asked for: the ratio, and each beside the minimal span."""
    source = str(ROOT / "src")
    brief = ("--case=call", "--case=off call", "--processes=1", "--blocks=2")
    told = start(str(BENCH / "before_after.py"), source, source, *brief)
    assert told.stderr == ""
    _, call, off = told.stdout.splitlines()
    ratio = r" +[\d.]+ \([\d.]+ to [\d.]+\)"
    assert re.fullmatch(rf"decorated call +[\d,]+ +[\d,]+{ratio * 3} +minimal(  SLOWER)?", call)
    assert re.fullmatch(rf"off: decorated call +[\d,]+ +[\d,]+{ratio * 3} +closure(  SLOWER)?", off)


def test_a_tree_that_is_not_the_one_that_runs_is_refused(tmp_path):
    told = start(str(BENCH / "before_after.py"), str(tmp_path), str(tmp_path), "--case=call")
    assert told.returncode == 1
    assert told.stdout.count("\n") == 1
