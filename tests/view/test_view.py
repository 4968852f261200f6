"""`enterspan view`: recorded traces, read back and drawn."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from trace_lines import at, event, hex_id, span

from enterspan import Tracing, cli
from enterspan._recording.assemble import read_recording
from enterspan._terminal.screen import UNICODE, Screen
from enterspan._view.notes import notes_of
from enterspan._view.tree import tree_lines
from enterspan.events import FetchEventInfo, FetchResponseInfo
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail


def onset(name="main", span_id="r", parent=None, time=0, info=None, attributes=()):
    fields = {"spanId": hex_id(span_id), "name": name, "info": info, "attributes": list(attributes)}
    return event("onset", parent, time, invocation=span_id, **fields)


def outcome(word="ok", span_id="r", time=1):
    fields = {"outcome": word, "cpuTime": 1.5, "wallTime": 1.0}
    return event("outcome", span_id, time, invocation=span_id, **fields)


def text_of(*lines):
    return b"".join([json.dumps(line).encode() + b"\n" for line in lines])


def read(*lines):
    return read_recording(io.BytesIO(text_of(*lines)), "t.jsonl")


def drawn(*lines, width=100):
    return list(tree_lines(read(*lines), Screen(width, UNICODE, False, None)))


def art(picture):
    """The lines of a picture in this file: a bar at the left keeps their first columns."""
    return [line.strip()[1:] for line in picture.strip().splitlines()]


# --- what is drawn --------------------------------------------------------------------------------


def test_events_become_a_tree():
    """Spans with durations and attributes, logs where they happened, the failure in its place."""
    lines = [
        onset("shop", info={"type": "fetch", "method": "GET", "url": "/cart"}),
        event("spanOpen", "r", 1, spanId=hex_id("a"), name="load"),
        event("spanOpen", "a", 1, spanId=hex_id("b"), name="sqlite"),
        event("attributes", "b", 3, info=[{"name": "rows", "value": 12}]),
        event("spanClose", "b", 3, outcome="ok"),
        event("log", "a", 4, level="warning", message="slow", attributes=[], truncated=False),
        event("spanClose", "a", 5, outcome="ok"),
        event("spanOpen", "r", 6, spanId=hex_id("c"), name="pay"),
        event("diagnosticChannel", "c", 7, channel="retry", message={"attempt": 2}),
        event("spanOpen", "c", 8, spanId=hex_id("d"), name="charge"),
        event("exception", "d", 9, name="Declined", message="no money", stack="..."),
        event("spanClose", "d", 9, outcome="exception"),
        event("spanClose", "c", 9, outcome="exception"),
        event("exception", "r", 10, name="OSError", message="", stack=""),
        event("spanOpen", "r", 11, spanId=hex_id("e"), name="notify"),
        event("spanClose", "e", 12, outcome="canceled"),
        event("return", "r", 12, info={"type": "fetch", "statusCode": 402}),
        event("attributes", "r", 12, info=[{"name": "u", "value": 7}]),
        event("streamDiagnostic", "r", 12, diagnostic={"type": "droppedEvents", "count": 1}),
        outcome(time=12.5),
    ]
    assert drawn(*lines) == art("""
        | 12.5 ms  shop  fetch GET /cart  ok  402  self 4.50 ms, 6 spans, 1 failed, cpu 1.50 ms  u=7
        | 4.00 ms  ├─ load  self 2.00 ms
        | 2.00 ms  │  ╰─ sqlite  rows=12
        | warning  │     slow
        | 3.00 ms  ├─ ✗ pay  self 2.00 ms
        |   event  │  │  retry  attempt=2
        | 1.00 ms  │  ╰─ ✗ charge  Declined: no money
        |   error  │  OSError
        | 1.00 ms  ╰─ notify  canceled
        | dropped     1 event could not be delivered
    """)


def test_finished_spans_become_a_tree():
    """The same from spans, which come in order of their end."""
    failed = {"exception.type": "shop.Declined", "exception.message": "no money", "card": 4242}
    lines = [
        span("sqlite", "b", "a", 1, 3, attributes={"rows": 12}),
        span("load", "a", "i", 1, 5, events=[
            {"name": "retry", "timestampNs": at(2), "attributes": {"attempt": 2}},
        ]),
        span("charge", "d", "i", 6, 9, outcome="exception", events=[
            {"name": "exception", "timestampNs": at(9), "attributes": failed},
        ]),
        span("main", "i", None, 0, 10, attributes={"user": 7}),
    ]  # fmt: skip
    assert drawn(*lines) == art("""
        | 10.0 ms  main  ok  self 3.00 ms, 4 spans, 1 failed  user=7
        | 4.00 ms  ├─ load  self 2.00 ms
        | 2.00 ms  │  ╰─ sqlite  rows=12
        |   event  │     retry  attempt=2
        | 3.00 ms  ╰─ ✗ charge  Declined: no money  card=4242
    """)


def test_a_span_that_was_written_twice_is_drawn_once():
    """A span's own line counts; the events add the end and the outcome of the invocation."""
    failed = {"exception.type": "shop.ValueError", "exception.message": "of the line"}
    lines = [
        onset(),
        event("spanOpen", "r", 1, spanId=hex_id("a"), name="opened"),
        event("exception", "a", 2, name="ValueError", message="of the event", stack=""),
        event("attributes", "a", 2, info=[{"name": "of", "value": "the event"}]),
        event("spanClose", "a", 2.5, outcome="exception"),
        span("work", "a", "r", 1, 2, "r", outcome="exception", attributes={"of": "the_line"},
             events=[{"name": "exception", "timestampNs": at(2), "attributes": failed}]),
        span("main", "r", None, 0, 2, "r", attributes={"n": 1}),
        outcome("canceled", time=3),
    ]  # fmt: skip
    tree = art("""
        | 3.00 ms  main  canceled  self 2.00 ms, 2 spans, 1 failed, cpu 1.50 ms  n=1
        | 1.00 ms  ╰─ ✗ work  ValueError: of the line  of=the_line
    """)
    assert drawn(*lines) == tree
    assert drawn(*reversed(lines)) == tree


def test_events_of_a_span_that_the_file_does_not_open_are_skipped():
    """A file that was cut at its beginning: its children are roots."""
    lines = [
        event("log", "r", 1, level="info", message="lost", attributes=[]),
        event("spanOpen", "r", 1, spanId=hex_id("a"), name="work"),
        event("spanClose", "a", 2, outcome="ok"),
        event("spanClose", "b", 2, outcome="ok"),
        outcome(time=3),
    ]
    assert drawn(*lines) == [" 1.00 ms  work"]


def test_what_did_not_end_is_called_unfinished():
    """The file of a process that was killed says so."""
    lines = [onset(), event("spanOpen", "r", 1, spanId=hex_id("a"), name="work")]
    assert drawn(*lines) == art("""
        |          main  unfinished  2 spans
        |          ╰─ work  unfinished
    """)


def test_several_invocations_stand_in_order_of_their_onset():
    """Whatever the order in the file; trees of several lines have air around them."""
    lines = [
        span("third", "3", None, 30, 31, "3"),
        span("below", "2b", "2", 21, 22, "2"),
        span("second", "2", None, 20, 23, "2"),
        span("first", "1", None, 10, 11, "1"),
        span("zeroth", "0", None, 9, 11, "0"),
    ]
    assert drawn(*lines) == [
        " 2.00 ms  zeroth  ok",
        " 1.00 ms  first  ok",
        "",
        " 3.00 ms  second  ok  self 2.00 ms, 2 spans",
        " 1.00 ms  ╰─ below",
        "",
        " 1.00 ms  third  ok",
    ]


def test_an_invocation_inside_another_is_drawn_inside_it():
    """A parent that is in the file is a parent, whichever process wrote it."""
    lines = [onset("client"), onset("server", "s", "r", 1), outcome(span_id="s", time=2), outcome()]
    assert drawn(*lines) == art("""
        | 1.00 ms  client  ok  self 1.00 ms, cpu 1.50 ms
        | 1.00 ms  ╰─ server  ok  cpu 1.50 ms
    """)


def test_orphans_are_roots():
    """A span whose parent is not in the file is shown all the same."""
    assert drawn(span("child", "c", "nowhere")) == [" 1.00 ms  child"]


@pytest.mark.parametrize("ids", ["aa", "ab ba", "ab bc ca da"])
def test_spans_that_are_each_others_parents_are_drawn_once(ids):
    """A file that makes no sense still ends."""
    pairs = ids.split()
    lines = [span(i + p, i, p, start=n) for n, (i, p) in enumerate(pairs)]
    names = [re.search(r"[nm]s [ │]+(?:[╰├]─ )?(\w+)", line)[1] for line in drawn(*lines) if line]
    assert sorted(names) == sorted(pairs)


def test_a_failure_is_on_its_spans_line_only_if_it_ended_it():
    """An exception that was handled, or came before the last child, has a line of its own."""
    lines = [
        onset(),
        event("exception", "r", 1, name="Handled", message="early", stack=""),
        event("spanOpen", "r", 2, spanId=hex_id("a"), name="work"),
        event("exception", "a", 3, name="ValueError", message="bad", stack=""),
        event("spanClose", "a", 3, outcome="exception"),
        outcome("exception", time=4),
    ]
    assert drawn(*lines) == art("""
        | 4.00 ms  ✗ main  exception  self 3.00 ms, 2 spans, 1 failed, cpu 1.50 ms
        |   error  │  Handled: early
        | 1.00 ms  ╰─ ✗ work  ValueError: bad
    """)


def test_deep_trees_are_drawn_without_recursion():
    """Ten thousand levels fit on a screen of 60 columns."""
    deep = [span(f"s{n}", str(n), str(n - 1) if n else None, n, 10_000) for n in range(10_000)]
    lines = drawn(*deep, width=60)
    assert len(lines) == 10_000
    assert max(map(len, lines)) <= 60
    assert lines[-1].endswith("+9991╰─ s9999")


def test_no_line_is_wider_than_the_screen_and_no_escape_gets_through():
    """As on the live tree."""
    evil = "a\x1b[2J\n\u202e\ud800" * 20
    events = [{"name": evil, "timestampNs": at(0), "attributes": {evil: evil}}]
    lines = drawn(span(evil, "a", attributes={evil: [evil]}, outcome=evil, events=events), width=50)
    assert len(lines) == 2
    assert all(len(line) <= 50 and line.isprintable() for line in lines)


def test_what_is_recorded_is_what_is_drawn(tmp_path):
    """From a program through both kinds of file to one and the same tree."""
    mine = Tracing("view")
    mine.add_tail(JsonLinesTail(tmp_path / "events"), delivery="inline")
    mine.add_exporter(JsonLinesExporter(tmp_path / "spans"))
    with mine.invocation("GET /", info=FetchEventInfo("GET", "/")) as invocation:
        with mine.span("query", rows=3) as query:
            query.add_event("cached", age=1.5)
            mine.log("warning", "stale", seconds=90)
        with pytest.raises(ValueError, match="bad"), mine.span("parse"):
            raise ValueError("bad")
        invocation.set_return(FetchResponseInfo(200))
    assert mine.shutdown(10)
    trees = []
    for name in ("events", "spans"):
        with (tmp_path / name).open("rb") as file:
            traces = read_recording(file, name)
        assert traces.problem_count == 0
        assert [note.label for note in notes_of(traces.roots[0].children[0])] == ["", "warning"]
        lines = tree_lines(traces, Screen(100, UNICODE, False, None))
        trees.append([line[8:] for line in lines])
    assert trees[0][0].startswith("  GET /  fetch  ok  200  self ")
    assert ", 3 spans, 1 failed, cpu " in trees[0][0]
    assert trees[1][0].startswith("  GET /  ok  self ")
    assert trees[1][0].endswith(", 3 spans, 1 failed")
    assert trees[0][1:] == trees[1][1:]
    assert trees[0][1:] == art("""
        |  ├─ query  rows=3
        |  │     cached  age=1.5
        |  │     stale  seconds=90
        |  ╰─ ✗ parse  ValueError: bad
    """)


# --- what can't be read ---------------------------------------------------------------------------


def problems(text):
    traces = read_recording(io.BytesIO(text), "t.jsonl")
    return [(problem.line, problem.reason) for problem in traces.problems]


GOOD = text_of(onset(), outcome())


def test_a_last_line_that_was_cut_off_is_reported():
    """A process that was killed leaves one; the rest is shown."""
    assert problems(GOOD + b'{"invocationId": "r", "spa') == [(3, "cut off")]


def test_a_last_line_without_a_newline_is_fine():
    """If it is whole."""
    assert problems(GOOD.rstrip(b"\n")) == []


BAD = {
    b"hello": "not JSON",
    b"\xff\xfe": "not UTF-8",
    b"[1]": "neither an event nor a span",
    b"{}": "neither an event nor a span",
    b'{"event": 7}': "neither an event nor a span",
    b"[" * 100_000: "nested too deeply",
    b'{"event": {}}': "an event without a valid 'spanContext'",
    text_of({**onset(), "timestamp": "now"}).strip(): "an event without a valid 'timestamp'",
    text_of({**onset(), "timestamp": True}).strip(): "an event without a valid 'timestamp'",
    text_of(event("novelty", "r")).strip(): "an event of the unknown type 'novelty'",
    text_of(onset(attributes=["x"])).strip(): "an event without a valid 'attributes'",
    text_of(span("x", "a", events={})).strip(): "a span without a valid 'events'",
    text_of(span(7, "a")).strip(): "a span without a valid 'name'",
    b"1" * 5_000: "neither an event nor a span",
}


@pytest.mark.parametrize("line", BAD, ids=lambda line: line[:20].decode("latin-1"))
def test_a_bad_line_is_reported_with_its_number(line):
    """What comes before and after it is read."""
    found = problems(GOOD + line + b"\n" + GOOD)
    reason = found[0][1]
    assert found == [(3, reason)]
    if line.startswith(b"1" * 5_000):  # newer Pythons refuse such numbers
        assert reason in ("not JSON", "neither an event nor a span")
    else:
        assert reason == BAD[line]


def test_blank_lines_carriage_returns_and_a_byte_order_mark_are_fine():
    """What editors and shells do to a file."""
    assert problems(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\n \n") == []


def test_of_many_bad_lines_the_first_are_told():
    """The others are counted."""
    traces = read_recording(io.BytesIO(GOOD + b"x\n" * 100), "t.jsonl")
    assert (len(traces.problems), traces.problem_count) == (10, 100)


def test_a_line_of_any_length_is_read_in_bounded_memory():
    """A line too long for a trace is passed over, not loaded."""

    class Endless(io.RawIOBase):
        left = 200

        def readable(self):
            return True

        def readinto(self, buffer):
            if not self.left:
                return 0
            self.left -= 1
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    file = io.BufferedReader(Endless(), 1 << 20)
    tracemalloc.start()
    with pytest.raises(ValueError, match="line 1 is longer than 16,777,216 bytes"):
        read_recording(file, "t.jsonl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * (1 << 20)


@pytest.mark.parametrize(
    "text, reason",
    [
        (b"", "t.jsonl is empty"),
        (b"\n \n", "t.jsonl is empty"),
        (b"%PDF-1.7\n\x00", "t.jsonl is not a trace file: line 1 is not JSON"),
        (b'{"a": 1}\n', "t.jsonl is not a trace file: line 1 is neither an event nor a span"),
        (b'{"eve', "t.jsonl is not a trace file: line 1 is cut off"),
    ],
)
def test_a_file_that_holds_no_trace_is_refused(text, reason):
    """With the reason."""
    with pytest.raises(ValueError, match=f"^{reason}$"):
        read_recording(io.BytesIO(text), "t.jsonl")


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def recorded(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(GOOD)
    return path


def test_the_tree_goes_to_stdout_and_problems_to_stderr(recorded, capsys):
    """The exit code is 0 if there was anything to show."""
    recorded.write_bytes(GOOD + b"oops\n" * 12 + b'{"torn')
    assert cli.main(["view", str(recorded)]) == 0
    said = capsys.readouterr()
    assert said.out == " 1.00 ms  main  ok  cpu 1.50 ms\n"
    assert said.err.splitlines() == [
        *[f"enterspan: {recorded}: line {n} is not JSON" for n in range(3, 13)],
        f"enterspan: {recorded}: 3 more lines could not be read",
    ]


def test_a_file_without_a_trace_is_refused_in_one_line(recorded, capsys):
    """With exit code 2."""
    recorded.write_bytes(b"")
    assert cli.main(["view", str(recorded)]) == 2
    assert capsys.readouterr().err == f"enterspan: {recorded} is empty\n"


def view(path, **options):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "enterspan", "view", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def test_a_trace_can_come_through_a_pipe():
    """`-` is stdin."""
    process = view("-", stdin=subprocess.PIPE)
    assert process.communicate(GOOD)[0] == b" 1.00 ms  main  ok  cpu 1.50 ms" + os.linesep.encode()
    process = view("-", stdin=subprocess.PIPE)
    assert process.communicate(b"")[1].strip() == b"enterspan: stdin is empty"


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_a_reader_that_has_seen_enough_gets_no_complaint(recorded):
    """`enterspan view | head` is quiet."""
    lines = [span(f"span {n}", str(n), None, n, n + 1, str(n)) for n in range(20_000)]
    recorded.write_bytes(text_of(*lines))
    process = view(recorded)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="a disk that is full")
def test_a_full_disk_is_said(recorded):
    """In one line, with exit code 2."""
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "enterspan", "view", str(recorded)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.stderr == "enterspan: can't write: No space left on device\n"
    assert result.returncode == 2
