"""`enterspan view --follow`: a file that is still being written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from enterspan import Tracing
from enterspan._terminal.text import clock_text
from enterspan.exporters.jsonlines import JsonLinesTail

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and renamed open files")

BEGIN = 1_700_000_000_000_000_000
TRACE = "ab" * 16


def hex_id(text):
    """A span id for a short name."""
    return text and f"{int.from_bytes(text.encode(), 'big'):016x}"


def event(kind, span_id, invocation="r", time_ms=0, **fields):
    """A live event's line."""
    wire = {
        "invocationId": hex_id(invocation),
        "spanContext": {"traceId": TRACE, "spanId": hex_id(span_id), "traceFlags": None},
        "timestamp": BEGIN + time_ms * 1_000_000,
        "sequence": 0,
        "event": {"type": kind, **fields},
    }
    return json.dumps(wire) + "\n"


def onset(name, root="r"):
    return event("onset", None, root, spanId=hex_id(root), name=name, info=None, attributes=[])


def outcome(root="r"):
    return event("outcome", root, root, 5, outcome="ok", cpuTime=1.5, wallTime=5.0)


def span(name, span_id, parent=None, **changed):
    wire = {
        "type": "span",
        "name": name,
        "traceId": TRACE,
        "spanId": hex_id(span_id),
        "parentSpanId": hex_id(parent),
        "startNs": BEGIN,
        "endNs": BEGIN + 1_000_000,
        "attributes": {},
        "events": [],
        "outcome": "ok",
        "invocationId": hex_id(changed.pop("invocation", "i")),
    }
    return json.dumps({**wire, **changed}) + "\n"


OPENED = "            ╭ {}"
CLOSED = " 5.00 ms    ╰ {}  ok  cpu 1.50 ms"
WHOLE = " 5.00 ms    ─ {}  ok  cpu 1.50 ms"


class Follower:
    """The command, following a file in a process of its own."""

    def __init__(self, path, *options, stdin=None):
        command = [sys.executable, "-W", "error", "-m", "enterspan", "view", str(path), "--follow"]
        self.process = subprocess.Popen(
            [*command, *options],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        # Whoever waits for a line that never comes gets an empty one.
        self.watchdog = threading.Timer(60, self.process.kill)
        self.watchdog.start()

    def line(self):
        """The next line that it shows; waits for it."""
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        """Press Ctrl-C; give the code, what was still shown, and the complaints."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def follow():
    started = []

    def begin(path, *options, **more):
        started.append(Follower(path, *options, **more))
        return started[-1]

    yield begin
    for follower in started:
        follower.watchdog.cancel()
        follower.process.kill()
        follower.process.communicate()


def append(path, text):
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_events_are_drawn_as_they_come(tmp_path, follow):
    """A span is seen when it opens, long before it ends."""
    path = tmp_path / "t.jsonl"
    mine = Tracing("followed")
    mine.add_tail(JsonLinesTail(path), delivery="inline")
    with mine.invocation("shop"):
        watcher = follow(path)
        assert watcher.line() == OPENED.format("shop")
        with mine.span("load", rows=3):
            assert watcher.line() == "            │ ╭ load"
        assert watcher.line().endswith("    │ ╰ load  rows=3")
    assert "╰ shop  ok  2 spans, cpu" in watcher.line()
    assert watcher.end() == (0, "", "")
    assert mine.shutdown(5)


def test_a_line_is_read_when_it_is_whole(tmp_path, follow):
    path = tmp_path / "t.jsonl"
    path.write_text(onset("main"), encoding="utf-8")
    watcher = follow(path)
    assert watcher.line() == OPENED.format("main")
    append(path, outcome()[:40])
    time.sleep(0.4)
    append(path, outcome()[40:])
    assert watcher.line() == CLOSED.format("main")
    append(path, "torn")
    time.sleep(0.4)
    assert watcher.end() == (0, "", "")


def test_a_file_that_is_emptied_is_read_from_its_beginning(tmp_path, follow):
    path = tmp_path / "t.jsonl"
    path.write_text(onset("first") + outcome(), encoding="utf-8")
    watcher = follow(path)
    assert watcher.line() == WHOLE.format("first")
    path.write_text(onset("2nd", "s"), encoding="utf-8")
    assert watcher.line() == OPENED.format("2nd")
    append(path, outcome("s"))
    assert watcher.line() == CLOSED.format("2nd")
    assert watcher.end() == (0, "", "")


def test_a_file_that_is_rotated_is_read_to_its_end_and_then_the_next(tmp_path, follow):
    path = tmp_path / "t.jsonl"
    path.write_text(onset("first"), encoding="utf-8")
    watcher = follow(path)
    assert watcher.line() == OPENED.format("first")
    path.rename(tmp_path / "t.jsonl.1")
    append(tmp_path / "t.jsonl.1", outcome())
    assert watcher.line() == CLOSED.format("first")
    path.write_text(onset("second", "s") + outcome("s"), encoding="utf-8")
    assert watcher.line() == WHOLE.format("second")
    assert watcher.end() == (0, "", "")


def test_a_file_that_begins_in_the_middle_of_an_invocation_is_drawn(tmp_path, follow):
    path = tmp_path / "t.jsonl"
    path.write_text(
        event("spanOpen", "r", spanId=hex_id("a"), name="work") + outcome(), encoding="utf-8"
    )
    watcher = follow(path)
    lines = [watcher.line(), watcher.line(), watcher.line()]
    assert lines[:2] == [OPENED.format("?"), "            │ ╭ work"]
    assert "╰ ?  ok  2 spans" in lines[2]
    assert watcher.end() == (0, "", "")


def test_finished_spans_are_drawn_when_their_invocation_is_complete(tmp_path, follow):
    path = tmp_path / "t.jsonl"
    path.write_text(span("load", "a", "i") + span("other", "z", "o", invocation="o"), "utf-8")
    watcher = follow(path)
    append(path, span("main", "i"))
    assert watcher.line() == " 1.00 ms  main  ok  self 0 ns, 2 spans"
    assert watcher.line() == " 1.00 ms  ╰─ load"
    code, out, err = watcher.end()
    assert (code, out, err) == (0, " 1.00 ms  other\n", "")


def test_of_both_forms_each_span_is_shown_once(tmp_path, follow):
    """The line of a span that was drawn live is skipped; one that only has a line is drawn."""
    path = tmp_path / "t.jsonl"
    path.write_text(onset("main", "i"), "utf-8")
    watcher = follow(path)
    append(path, event("spanOpen", "i", "i", spanId=hex_id("a"), name="seen"))
    append(path, event("spanClose", "a", "i", 5, outcome="ok"))
    append(path, span("seen", "a", "i") + span("late", "b", "i") + span("main", "i") + outcome("i"))
    lines = [watcher.line() for _ in range(4)]
    assert [line.split()[-1] for line in lines[:3]] == ["main", "seen", "late"]
    assert lines[3] == " 5.00 ms    ╰ main  ok  2 spans, cpu 1.50 ms"
    assert watcher.end() == (0, "", "")


def test_what_is_asked_for_is_a_line_when_it_has_ended(tmp_path, follow):
    path = tmp_path / "t.jsonl"
    path.write_text(
        onset("main") + event("spanOpen", "r", spanId=hex_id("a"), name="work"), "utf-8"
    )
    watcher = follow(path, "--errors")
    append(path, event("exception", "a", name="ValueError", message="bad", stack=""))
    append(path, event("spanClose", "a", time_ms=3, outcome="exception") + outcome())
    assert watcher.line().split("  ", 3)[1:] == [
        clock_text(BEGIN),
        "abababab",
        "✗ work  ValueError: bad  in main",
    ]
    assert watcher.end() == (0, "", "")


def test_a_pipe_is_followed_to_its_end(tmp_path, follow):
    watcher = follow("-", stdin=subprocess.PIPE)
    watcher.process.stdin.write(onset("main"))
    watcher.process.stdin.flush()
    assert watcher.line() == OPENED.format("main")
    out, err = watcher.process.communicate(outcome() + "oops\n", timeout=60)
    assert out == CLOSED.format("main") + "\n"
    assert err == "enterspan: stdin: line 3 is not JSON\n"
    assert watcher.process.returncode == 0


def test_an_empty_file_may_still_be_written(tmp_path, follow):
    path = tmp_path / "t.jsonl"
    path.touch()
    watcher = follow(path)
    append(path, onset("main"))
    assert watcher.line() == OPENED.format("main")
    assert watcher.end() == (0, "", "")


def test_what_is_no_trace_file_is_refused(tmp_path, follow):
    path = tmp_path / "t.txt"
    path.write_text("hello\n" * 20, encoding="utf-8")
    watcher = follow(path)
    out, err = watcher.process.communicate(timeout=60)
    assert (out, err) == ("", f"enterspan: {path} is not a trace file: line 1 is not JSON\n")
    assert watcher.process.returncode == 2


def test_a_file_that_is_not_there_is_refused(tmp_path, follow):
    watcher = follow(Path("nowhere.jsonl"))
    err = watcher.process.communicate(timeout=60)[1]
    assert err == "enterspan: can't read 'nowhere.jsonl': No such file or directory\n"
    assert watcher.process.returncode == 2


def test_a_reader_that_has_seen_enough_ends_it(tmp_path, follow):
    path = tmp_path / "t.jsonl"
    path.write_text(onset("main"), encoding="utf-8")
    watcher = follow(path)
    watcher.line()
    watcher.process.stdout.close()
    append(path, outcome())
    assert watcher.process.wait(60) == 0
    assert watcher.process.stderr.read() == ""
    watcher.process.stdout = None
