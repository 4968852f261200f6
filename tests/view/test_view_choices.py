"""`enterspan view` asked for some of a file: choices, lists, a table, and what it refuses."""

from __future__ import annotations

import io
import json
import stat
import sys
import types

import pytest
from trace_lines import at, event, hex_id, span

from enterspan import cli
from enterspan._recording.profile import Durations
from enterspan._terminal.text import clock_text


def opened(span_id, name, parent, time):
    return event("spanOpen", parent, time, spanId=hex_id(span_id), name=name)


def closed(span_id, time, outcome="ok"):
    return event("spanClose", span_id, time, outcome=outcome)


ONSET = event("onset", None, 0, spanId=hex_id("r"), name="main", info=None, attributes=[])
OUTCOME = event("outcome", "r", 20, outcome="ok", cpuTime=1.5, wallTime=20.0)

AS_EVENTS = [
    ONSET,
    opened("a", "load", "r", 1),
    opened("b", "read", "a", 2),
    closed("b", 4),
    opened("c", "parse", "a", 5),
    event("exception", "c", 7, name="ValueError", message="bad", stack=""),
    closed("c", 7, "exception"),
    closed("a", 9),
    opened("d", "store", "r", 10),
    closed("d", 18),
    OUTCOME,
]
AS_SPANS = [
    span("read", "b", "a", 2, 4, "r"),
    span("parse", "c", "a", 5, 7, "r", outcome="exception", events=[
        {"name": "exception", "timestampNs": at(7),
         "attributes": {"exception.type": "ValueError", "exception.message": "bad"}},
    ]),
    span("load", "a", "r", 1, 9, "r"),
    span("store", "d", "r", 10, 18, "r"),
    span("main", "r", None, 0, 20, "r"),
]  # fmt: skip
FORMS = pytest.mark.parametrize("lines", [AS_EVENTS, AS_SPANS], ids=["events", "spans"])


@pytest.fixture
def view(tmp_path, capsys):
    """Run the command on lines, and give its code, its output and its complaints."""

    def run(lines, *options):
        path = tmp_path / "t.jsonl"
        path.write_text("".join([json.dumps(line) + "\n" for line in lines]), encoding="utf-8")
        try:
            code = cli.main(["view", str(path), *options])
        except SystemExit as error:
            code = error.code
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.replace(str(path), "FILE").splitlines()

    return run


# --- choices --------------------------------------------------------------------------------------


def words(lines):
    """The tree without the invocation's figures, which only events have."""
    return [line[10:].partition("  ok")[0] for line in lines]


@FORMS
def test_errors_are_shown_with_what_they_are_in_and_nothing_else(view, lines):
    code, out, err = view(lines, "--errors")
    assert words(out) == ["main", "╰─ load", "   ╰─ ✗ parse  ValueError: bad"]
    assert (code, err) == (0, [])


@FORMS
def test_a_name_is_a_glob_for_the_whole_name(view, lines):
    assert words(view(lines, "--name", "r*")[1]) == ["main", "╰─ load", "   ╰─ read"]
    assert words(view(lines, "--name", "[ps]?*e")[1]) == [
        "main",
        "├─ load",
        "│  ╰─ ✗ parse  ValueError: bad",
        "╰─ store",
    ]
    assert view(lines, "--name", "ea")[1] == []
    assert view(lines, "--name", "READ")[1] == []


@FORMS
@pytest.mark.parametrize("shortest", ["8ms", "8000us", "8000000ns", "0.008s", "0.008"])
def test_a_duration_chooses_what_took_as_long_or_longer(view, lines, shortest):
    assert words(view(lines, "--min-duration", shortest)[1]) == ["main", "├─ load", "╰─ store"]


@FORMS
def test_choices_add_up(view, lines):
    assert view(lines, "--errors", "--name", "read")[1] == []
    assert view(lines, "--errors", "--min-duration", "3ms")[1] == []


def test_a_status_that_says_error_is_a_failure(view):
    bad = span("pay", "a", status="error", statusDescription="no money")
    assert view([bad, span("ok", "b")], "--errors")[1] == [
        f" 1.00 ms  ✗ pay  {clock_text(at(0))}  abababab  no money"
    ]


def test_a_task_that_outlived_the_span_it_was_started_in_is_shown_in_it(view):
    lines = [
        ONSET,
        opened("a", "handler", "r", 1),
        opened("b", "task", "a", 2),
        closed("a", 3),
        closed("b", 9, "exception"),
        OUTCOME,
    ]
    assert words(view(lines, "--errors")[1]) == ["main", "╰─ handler", "   ╰─ ✗ task"]


# --- lists ----------------------------------------------------------------------------------------


@FORMS
def test_the_slowest_come_first_with_their_place(view, lines):
    code, out, err = view(lines, "--slowest", "4")
    assert out == [
        f" 20.0 ms  {clock_text(at(0))}  abababab  main",
        f" 8.00 ms  {clock_text(at(1))}  abababab  load  in main",
        f" 8.00 ms  {clock_text(at(10))}  abababab  store  in main",
        f" 2.00 ms  {clock_text(at(2))}  abababab  read  in main > load",
    ]
    assert (code, err) == (0, [])


@FORMS
def test_the_slowest_of_those_that_failed(view, lines):
    assert view(lines, "--slowest", "9", "--errors")[1] == [
        f" 2.00 ms  {clock_text(at(5))}  abababab  ✗ parse  ValueError: bad  in main > load"
    ]


def test_of_many_spans_only_the_slowest_are_kept_and_each_knows_its_place(view):
    """The parents' lines come last, when thousands of candidates have come and gone."""
    lines = [span(f"s{n}", f"c{n}", f"p{n}", 0, n + 1, "i") for n in range(3_000)]
    lines += [span(f"around {n}", f"p{n}", None, 0, 1, "i") for n in range(3_000)]
    assert view(lines, "--slowest", "2")[1] == [
        f" 3.00 s   {clock_text(at(0))}  abababab  s2999  in around 2999",
        f" 3.00 s   {clock_text(at(0))}  abababab  s2998  in around 2998",
    ]


# --- the table ------------------------------------------------------------------------------------


@FORMS
def test_the_summary_is_sorted_by_total(view, lines):
    code, out, err = view(lines, "--summary")
    assert out == [
        "count    total      p50      p95      max  name",
        "    1  20.0 ms  20.0 ms  20.0 ms  20.0 ms  main",
        "    1  8.00 ms  8.00 ms  8.00 ms  8.00 ms  load",
        "    1  8.00 ms  8.00 ms  8.00 ms  8.00 ms  store",
        "    1  2.00 ms  2.00 ms  2.00 ms  2.00 ms  parse",
        "    1  2.00 ms  2.00 ms  2.00 ms  2.00 ms  read",
    ]
    assert (code, err) == (0, [])


@pytest.mark.parametrize("lines", [AS_EVENTS + AS_SPANS, AS_SPANS + AS_EVENTS])
def test_what_a_file_says_in_both_forms_is_counted_once(view, lines):
    assert view(lines, "--summary")[1] == view(AS_EVENTS, "--summary")[1]
    assert view(lines, "--slowest", "9")[1] == view(AS_EVENTS, "--slowest", "9")[1]


MIXED = [
    *AS_EVENTS[:4],
    *AS_EVENTS[-1:],
    *AS_SPANS[:1],
    span("late", "e", "a", 5, 7, "r", status="error", statusDescription="no"),
    *AS_SPANS[2:3],
    *AS_SPANS[4:],
]
"""Events that were lost on the way, and lines: main and read have both, load and late a line."""


def test_one_file_gives_one_answer_in_every_form(view):
    """Four spans, one of them failed, whoever reads it."""
    names = ["late", "load", "main", "read"]
    tree = view(MIXED, "--unfold")[1]
    assert words(tree) == ["main", "╰─ load  self 4.00 ms", "   ├─ read", "   ╰─ ✗ late  no"]
    assert sorted(line.split()[-1] for line in view(MIXED, "--summary")[1][1:]) == names
    filtered = words(view(MIXED, "--name", "*", "--unfold")[1])
    assert filtered == ["main", "╰─ load", "   ├─ read", "   ╰─ ✗ late  no"]
    assert words(view(MIXED, "--errors")[1]) == ["main", "╰─ load", "   ╰─ ✗ late  no"]
    slowest = view(MIXED, "--slowest", "9")[1]
    assert [line.partition("abababab  ")[2] for line in slowest] == [
        "main",
        "load  in main",
        "read  in main > load",
        "✗ late  in main > load",
    ]
    chrome = json.loads("\n".join(view(MIXED, "--format", "chrome")[1]))["traceEvents"]
    assert sorted(e["name"] for e in chrome if e["ph"] == "X") == names
    (otlp,) = view(MIXED, "--format", "otlp")[1]
    spans = json.loads(otlp)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert sorted(s["name"] for s in spans) == names


def test_what_did_not_end_is_not_counted_and_said(view):
    code, out, err = view(AS_EVENTS[:6], "--summary")
    assert [line.split()[-1] for line in out] == ["name", "read"]
    assert err == ["enterspan: FILE: 3 spans had not ended, and can't be counted"]
    assert code == 0


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 100, 999])
def test_percentiles_are_those_of_the_nearest_rank_in_three_digits(count):
    durations = Durations()
    for n in range(count):
        durations.add((n + 1) * 1_000_000)
    assert durations.percentile_ns(50) == -(-count // 2) * 1_000_000
    assert durations.percentile_ns(95) == -(-count * 95 // 100) * 1_000_000
    assert durations.longest_ns == count * 1_000_000


def test_a_summary_takes_no_more_memory_for_more_spans():
    durations = Durations()
    for n in range(100_000):
        durations.add(n * 7_919)
    assert len(durations._counts) < 900 * 9
    assert durations.percentile_ns(50) == pytest.approx(50_000 * 7_919, rel=0.005)


# --- folding --------------------------------------------------------------------------------------


def test_repeated_siblings_are_one_line_and_so_is_what_is_below_them(view):
    lines = [span("main", "i", None, 0, 250)]
    for n in range(240):
        lines.append(span("query", f"q{n}", "i", n, n + 1, attributes={"table": "t", "row": n}))
        lines.append(span("parse", f"p{n}", f"q{n}", n, n + 0.5))
    code, out, err = view(lines)
    assert out == [
        "  250 ms  main  ok  self 10.0 ms, 481 spans",
        "  240 ms  ╰─ query  x 240, 240 ms total, longest 1.00 ms, self 120 ms  table=t",
        "  120 ms     ╰─ parse  x 240, 120 ms total, longest 500 µs",
    ]
    assert len(view(lines, "--unfold")[1]) == 481


def test_siblings_that_run_at_once_take_together_as_long_as_the_clock_says(view):
    lines = [span("get", f"{n}", "i", 0, 10) for n in range(6)] + [span("main", "i", None, 0, 20)]
    assert view(lines)[1] == [
        " 20.0 ms  main  ok  self 10.0 ms, 7 spans",
        " 10.0 ms  ╰─ get  x 6, 60.0 ms total, longest 10.0 ms",
    ]


def test_what_failed_or_has_something_to_say_is_not_folded(view):
    lines = [span("get", f"{n}", "i", n, n + 1) for n in range(8)] + [span("main", "i", None, 0, 9)]
    lines[3]["outcome"] = "exception"
    lines[5]["events"] = [{"name": "retry", "timestampNs": at(5), "attributes": {}}]
    assert view(lines)[1] == [
        " 9.00 ms  main  ok  self 1.00 ms, 9 spans, 1 failed",
        " 6.00 ms  ├─ get  x 6, 6.00 ms total, longest 1.00 ms",
        " 1.00 ms  ├─ ✗ get",
        " 1.00 ms  ╰─ get",
        "   event        retry",
    ]


def test_four_siblings_are_four_lines(view):
    lines = [span("get", f"{n}", "i", n, n + 1) for n in range(4)] + [span("main", "i", None, 0, 4)]
    assert len(view(lines)[1]) == 5


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, complaint",
    [
        ("--slowest -1", "argument --slowest: '-1' is not a number of spans: write 1 or more"),
        ("--slowest 0", "argument --slowest: '0' is not a number of spans: write 1 or more"),
        ("--slowest 1e3", "argument --slowest: '1e3' is not a number of spans: write 1 or more"),
        ("--slowest ²", "argument --slowest: '²' is not a number of spans: write 1 or more"),
        ("--name [a", "--name '[a' has a [ without its ]: write [[] for a bracket"),
        ("--name=", "--name '' matches no name: write a name, or a glob such as 'load*'"),
        ("--min-duration soon", "'soon' is not a duration: write 250us, 1ms, 0.5s, or seconds"),
        ("--min-duration=-1s", "'-1s' is not a duration: write 250us, 1ms, 0.5s, or seconds"),
        ("--min-duration=nan", "'nan' is not a duration: write 250us, 1ms, 0.5s, or seconds"),
        ("--format pdf", "argument --format: invalid choice: 'pdf'"),
        (
            "--follow --summary",
            "--summary needs the whole file: it can't be combined with --follow",
        ),
        ("--follow --html x", "--html needs the whole file: it can't be combined with --follow"),
        ("--slowest 3 --summary", "--slowest and --summary are two forms of output: choose one"),
        ("--html x --format otlp", "--html and --format otlp are two forms of output: choose one"),
    ],
)
def test_a_bad_option_is_one_line(view, options, complaint):
    code, out, err = view(AS_EVENTS, *options.split(" "))
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith(f"enterspan: {complaint}")


@pytest.mark.parametrize("form", [[], ["--summary"], ["--slowest", "3"], ["--errors"]])
@pytest.mark.parametrize(
    "lines, complaint", [([], "is empty"), ([7], "is not a trace file: line 1 is neither an event")]
)
def test_a_file_without_a_trace_is_refused_in_every_form(view, form, lines, complaint):
    code, out, err = view(lines, *form)
    assert (code, out, len(err)) == (2, [], 1)
    assert err[0].startswith(f"enterspan: FILE {complaint}")


@pytest.mark.parametrize("number", ["Infinity", "NaN", "1e400", "1" + "0" * 400])
def test_numbers_that_are_no_times_are_a_bad_line(view, tmp_path, capsys, number):
    path = tmp_path / "n.jsonl"
    line = json.dumps(span("x", "a")).replace(str(at(0)), number)
    path.write_text(line + "\n" + json.dumps(OUTCOME).replace("1.5", number), encoding="utf-8")
    assert cli.main(["view", str(path)]) == 2
    assert "without a valid 'startNs'" in capsys.readouterr().err


# --- other forms ----------------------------------------------------------------------------------


def test_a_page_gets_the_spans_that_were_chosen(view, monkeypatch):
    """What makes it is imported only when it is asked for."""
    given = []
    report = types.ModuleType("report")
    report.write_html = lambda spans, target, **_: given.append((list(spans), target))
    monkeypatch.setitem(sys.modules, "enterspan._view.report", report)
    assert view(AS_EVENTS, "--html", "out.html", "--errors")[0] == 0
    [(spans, target)] = given
    assert target == "out.html"
    assert sorted(span.name for span in spans) == ["load", "main", "parse"]


def test_another_format_takes_the_whole_file(view):
    """Filters are refused; lines that could not be read are reported."""
    code, out, err = view([*AS_EVENTS, 7], "--format", "chrome")
    names = [e["name"] for e in json.loads("\n".join(out))["traceEvents"] if e["ph"] == "X"]
    assert sorted(names) == ["load", "main", "parse", "read", "store"]
    assert (code, err) == (0, ["enterspan: FILE: line 12 is neither an event nor a span"])
    code, out, err = view(AS_EVENTS, "--format", "otlp", "--errors")
    assert (code, out, len(err)) == (2, [], 1)
    assert "can't be combined with --format otlp" in err[0]


@pytest.mark.parametrize("form", [[], ["--summary"], ["--slowest", "2"], ["--format", "otlp"]])
def test_a_closed_stdout_is_one_line(view, monkeypatch, form):
    """As of a program that cron starts."""
    monkeypatch.setattr(sys, "stdout", None)
    code, out, err = view(AS_EVENTS, *form)
    assert (code, out, err) == (2, [], ["enterspan: can't write: stdout is closed"])


def test_a_file_in_another_format_is_replaced_as_a_whole(view, tmp_path):
    """What can't be converted leaves the old file; one that is private stays so."""
    target = tmp_path / "out"
    target.write_text("old", encoding="utf-8")
    target.chmod(0o600)
    assert view([7], "--format", "otlp", "--output", str(target))[0] == 2
    assert target.read_text(encoding="utf-8") == "old"
    assert view(AS_EVENTS, "--format", "otlp", "--output", str(target))[0] == 0
    assert len(target.read_text(encoding="utf-8").splitlines()) == 1
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "t.jsonl"]


def test_a_page_that_cant_be_written_is_said(view, monkeypatch):
    def refuse(traces, target, **_):
        raise PermissionError(13, "Permission denied")

    report = types.ModuleType("report")
    report.write_html = refuse
    monkeypatch.setitem(sys.modules, "enterspan._view.report", report)
    code, out, err = view(AS_EVENTS, "--html", "out.html")
    assert (code, out, err) == (2, [], ["enterspan: can't write 'out.html': Permission denied"])


# --- progress -------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def drawn_bars(monkeypatch):
    """What a bar was told, in place of rich; no file is too short for one."""
    told = []

    class Bar:
        def __init__(self, *columns, console, transient):
            told.append(console)

        def add_task(self, text, total, completed):
            told.append(total)
            return 1

        def start(self):
            told.append("start")

        def update(self, task, completed):
            told.append(completed)

        def stop(self):
            told.append("stop")

    names = ("TextColumn", "BarColumn", "DownloadColumn", "TimeRemainingColumn")
    progress = types.ModuleType("rich.progress")
    vars(progress).update(dict.fromkeys(names, lambda *_: None), Progress=Bar)
    console = types.ModuleType("rich.console")
    console.Console = lambda stderr: "stderr" if stderr else "stdout"
    monkeypatch.setitem(sys.modules, "rich", types.ModuleType("rich"))
    monkeypatch.setitem(sys.modules, "rich.progress", progress)
    monkeypatch.setitem(sys.modules, "rich.console", console)
    monkeypatch.setattr("enterspan._view.terminal._PATIENCE", 0.0)
    monkeypatch.setattr("enterspan._view.terminal._LINES", 4)
    return told


def test_a_long_file_has_a_bar_on_a_terminal(view, tmp_path, monkeypatch, drawn_bars):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert view(AS_EVENTS, "--summary")[0] == 0
    size = (tmp_path / "t.jsonl").stat().st_size
    assert drawn_bars[:3] == ["stderr", size, "start"]
    assert drawn_bars[-1] == "stop"
    assert 0 < drawn_bars[-2] <= size


def test_there_is_no_bar_where_nobody_looks(view, drawn_bars):
    assert view(AS_EVENTS, "--summary")[0] == 0
    assert drawn_bars == []


def test_there_is_no_bar_for_a_short_file(view, monkeypatch, drawn_bars):
    monkeypatch.setattr("enterspan._view.terminal._PATIENCE", 60.0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert view(AS_EVENTS)[0] == 0
    assert drawn_bars == []


def test_without_rich_there_is_no_bar_and_no_complaint(view, monkeypatch, drawn_bars):
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    assert view(AS_EVENTS)[0] == 0
    assert drawn_bars == []
    assert stderr.getvalue() == ""
