"""`enterspan view` on files of many traces, and on many files: one is found."""

from __future__ import annotations

import gzip
import io
import json
import sys

import pytest
from trace_lines import at, event, hex_id, span

from enterspan import cli
from enterspan._terminal.text import clock_text


def trace_id(number):
    return f"{number:08x}" + "0" * 24


def request(number, took=1.0, name="GET /orders/{id}", **changed):
    """A trace of two spans, the inner one three quarters as long."""
    inner, root = f"i{number}", f"r{number}"
    start = number * 10
    return [
        span("query", inner, root, start, start + took * 0.75, root, traceId=trace_id(number)),
        span(name, root, None, start, start + took, root, traceId=trace_id(number), **changed),
    ]


def failing(number, message="no money", **changed):
    failure = {
        "name": "exception",
        "timestampNs": at(number * 10 + 1),
        "attributes": {
            "exception.type": "shop.Declined",
            "exception.message": message,
            "exception.stacktrace": "Traceback:\n  line 7",
        },
    }
    return request(number, outcome="exception", events=[failure], **changed)


def text_of(lines):
    return "".join([json.dumps(line) + "\n" for line in lines])


@pytest.fixture
def view(tmp_path, capsys, monkeypatch):
    """Run the command in a folder with files of lines; give its code, output and complaints."""
    monkeypatch.chdir(tmp_path)

    def run(files, *options):
        for name, lines in files.items():
            data = text_of(lines).encode()
            (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        try:
            code = cli.main(["view", *files, *options])
        except SystemExit as error:
            code = error.code
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


def flat(traces):
    return [line for trace in traces for line in trace]


# --- folding --------------------------------------------------------------------------------------


def test_invocations_of_one_shape_are_one_line_with_the_slowest_one(view):
    lines = flat([request(n, took=n / 100) for n in range(1, 101)])
    code, out, err = view({"t.jsonl": lines})
    assert out == [
        " 50.5 ms  GET /orders/{id}  x 100, p50 500 µs, p95 950 µs, slowest 1.00 ms in 00000064",
        " 37.9 ms  ╰─ query  x 100, 37.9 ms total, longest 750 µs",
    ]
    assert (code, err) == (0, [])
    found = view({"t.jsonl": lines}, "--trace", "00000064")[1]
    assert found == [
        " 1.00 ms  GET /orders/{id}  ok  self 250 µs, 2 spans",
        "  750 µs  ╰─ query",
    ]


def test_equal_failures_are_one_line_and_other_ones_are_not(view):
    lines = flat([failing(n) for n in range(9)] + [failing(9, "other"), request(10)])
    out = [line for line in view({"t.jsonl": lines}, "--errors")[1] if line]
    assert out[0].partition("x 9")[0] == " 9.00 ms  ✗ GET /orders/{id}  "
    assert out[0].endswith("in 00000008  Declined: no money")
    assert out[1].endswith("00000009  Declined: other")
    assert len(out) == 2
    stacks = view({"t.jsonl": lines}, "--errors", "--stacks")[1]
    assert [line.strip() for line in stacks].count("line 7") == 2


def test_equal_failures_inside_one_invocation_are_one_line(view):
    """Failed attempts of one job, with their children."""
    failure = {"exception.type": "OSError", "exception.message": "gone"}
    events = [{"name": "exception", "timestampNs": at(1), "attributes": failure}]
    tries = [
        span("try", f"t{n}", "r", n, n + 1, "r", outcome="exception", events=events)
        for n in range(6)
    ]
    out = view({"t.jsonl": [*tries, span("job", "r", None, 0, 9, "r")]})[1]
    assert out[0] == " 9.00 ms  job  ok  self 3.00 ms, 7 spans, 6 failed"
    assert out[1:] == [
        " 6.00 ms  ╰─ ✗ try  x 6, 6.00 ms total, longest 1.00 ms  OSError: gone",
    ]


def test_what_has_not_ended_keeps_its_line(view):
    onsets = [
        event("onset", None, n, f"r{n}", spanId=hex_id(f"r{n}"), name="job", info=None,
              attributes=[])
        for n in range(7)
    ]  # fmt: skip
    out = view({"t.jsonl": onsets})[1]
    assert len(out) == 7
    assert all("unfinished" in line for line in out)


def test_logs_of_folded_invocations_are_counted(view):
    log = {"name": "log", "timestampNs": at(1), "attributes": {"log.message": "hello"}}
    out = view({"t.jsonl": flat([request(n, events=[log]) for n in range(5)])})[1]
    assert "5 events" in out[0]
    assert not any("hello" in line for line in out)
    out = view({"t.jsonl": flat([request(n, events=[log]) for n in range(5)])}, "--unfold")[1]
    assert sum("hello" in line for line in out) == 5


def test_invocations_of_different_names_ends_and_services_are_apart(view):
    lines = flat(
        [request(n) for n in range(5)]
        + [request(n, name="POST /orders") for n in range(5, 10)]
        + [request(n, outcome="canceled") for n in range(10, 15)]
        + [request(n, resource={"service.name": "stock"}) for n in range(15, 20)]
    )
    out = [line for line in view({"t.jsonl": lines})[1] if "p50" in line]
    assert [line[10:].partition("  x")[0] for line in out] == [
        "GET /orders/{id}",
        "POST /orders",
        "GET /orders/{id}",
        "[stock] GET /orders/{id}",
    ]
    assert "canceled" in out[2]


# --- how much is shown ----------------------------------------------------------------------------


def test_a_tree_of_a_hundred_thousand_lines_is_not_printed_unasked(view):
    lines = [
        span(f"name {n}", f"s{n}", None, n, n + 1, f"s{n}", traceId=trace_id(n))
        for n in range(11_000)
    ]
    _, out, err = view({"t.jsonl": lines})
    assert len(out) == 10_000
    assert len(err) == 1
    assert "--full" in err[0]
    assert len(view({"t.jsonl": lines}, "--full")[1]) == 11_000


def test_a_limit_is_a_number_of_trees_and_says_what_is_left_out(view):
    lines = flat([request(n, name=f"name {n}") for n in range(4)])
    _, out, err = view({"t.jsonl": lines}, "--limit", "2")
    assert [line for line in out if "query" in line] == ["  750 µs  ╰─ query"] * 2
    assert err == ["enterspan: 2 more trees left out by --limit"]
    _, out, err = view({"t.jsonl": lines}, "--summary", "--limit", "1")
    assert len(out) == 2
    assert err == ["enterspan: 4 more names left out by --limit"]


def test_in_a_pipe_no_value_is_cut_and_on_a_terminal_with_full_neither(view, monkeypatch):
    text = "select " + ", ".join(f"column_{n}" for n in range(40))
    files = {"t.jsonl": request(1, attributes={"statement": text, "tags": list(range(50))})}
    (root, *_) = view(files)[1]
    assert text in root
    assert "48, 49]" in root

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    def on_a_terminal(*options):
        with monkeypatch.context() as changed:
            changed.setattr(sys, "stdout", Terminal())
            changed.setenv("NO_COLOR", "1")
            changed.setenv("COLUMNS", "80")
            cli.main(["view", "t.jsonl", *options])
            return sys.stdout.getvalue()

    assert text not in on_a_terminal()
    assert max(map(len, on_a_terminal().splitlines())) <= 80
    assert text in on_a_terminal("--full")
    assert text in on_a_terminal("--full", "--slowest", "1")


def test_ids_are_whole_when_asked_for(view):
    files = {"t.jsonl": request(1)}
    tree = view(files, "--ids")[1]
    assert f"{trace_id(1)} {hex_id('r1')}" in tree[0]
    assert hex_id("i1") in tree[1]
    assert f"{trace_id(1)} {hex_id('r1')}" in view(files, "--slowest", "1", "--ids")[1][0]


# --- choices --------------------------------------------------------------------------------------


def test_a_trace_is_found_by_the_beginning_of_its_id_in_every_form(view):
    files = {"t.jsonl": flat([request(n) for n in range(1, 30)])}
    for form in (["--summary"], ["--slowest", "9"], ["--format", "otlp"], ["--format", "chrome"]):
        assert (
            view(files, *form, "--trace", "00000007")[1]
            == view({"one.jsonl": request(7)}, *form)[1]
        )
    for given in ("0000000B", f"00-{trace_id(11)}-00f067aa0ba902b7-01"):
        assert view(files, "--trace", given)[1] == view({"one.jsonl": request(11)})[1]


def test_a_beginning_of_several_ids_shows_them_all_and_says_so(view):
    _, out, err = view({"t.jsonl": flat([request(n) for n in range(1, 4)])}, "--trace", "0000000")
    assert len([line for line in out if "GET" in line]) == 3
    assert err == ["enterspan: --trace 0000000: 3 trace ids begin with it"]


def test_an_unknown_id_is_one_line(view):
    code, out, err = view({"t.jsonl": request(1)}, "--trace", "ff")
    assert (code, out) == (2, [])
    assert err == ["enterspan: --trace ff: no trace id begins with it"]


@pytest.mark.parametrize("given", ["", "xyz", "0" * 33, "-1"])
def test_what_is_no_id_is_refused(view, given):
    code, out, err = view({"t.jsonl": request(1)}, f"--trace={given}")
    assert (code, out, len(err)) == (2, [], 1)


@pytest.mark.parametrize(
    "where, found",
    [
        ("order.id=7", ["7"]),
        ("paid=true", ["7"]),
        ("paid=True", ["7"]),
        ("price=1.5", ["8"]),
        ("who=Ann", ["7"]),
        ("who=ann", []),
        ("who=An", []),
        ("expression=a=b", ["8"]),
        ("service.name=shop", ["7"]),
        ("service=shop", ["7"]),
        ("exception.message=no money", ["9"]),
        ("outcome=exception", ["9"]),
        ("kind=server", ["8"]),
    ],
)
@pytest.mark.parametrize("form", [["--slowest", "9"], []])
def test_a_value_is_matched_exactly(view, where, found, form):
    lines = [
        *request(
            7,
            attributes={"order.id": 7, "paid": True, "who": "Ann"},
            resource={"service.name": "shop"},
        ),
        *request(8, attributes={"price": 1.5, "expression": "a=b"}, kind="server"),
        *failing(9),
    ]
    code, out, err = view({"t.jsonl": lines}, "--where", where, *form)
    ids = sorted({n for line in out for n in "789" if f"0000000{n}" in line})
    assert ids == found
    assert code == 0
    assert err == ([] if found else ["enterspan: no span matches"])


def test_conditions_add_up_and_one_without_a_value_is_refused(view):
    lines = [*request(1, attributes={"a": 1, "b": 2}), *request(2, attributes={"a": 1})]
    both = view({"t.jsonl": lines}, "--where", "a=1", "--where", "b=2", "--slowest", "9")[1]
    assert len(both) == 1
    code, _, err = view({"t.jsonl": lines}, "--where", "a")
    assert (code, err) == (2, ["enterspan: --where 'a' is not KEY=VALUE, such as order.id=1001"])


def test_a_list_says_when_where_and_in_which_service(view):
    lines = request(5, resource={"service.name": "shop", "process.pid": 7})
    assert view({"t.jsonl": lines}, "--slowest", "1")[1] == [
        f" 1.00 ms  {clock_text(at(50))}  00000005  shop  GET /orders/{{id}}"
    ]


# --- several files --------------------------------------------------------------------------------


def two_services():
    """A request of a shop that asks its stock, each in a file of its own."""
    one = trace_id(1)
    shop = [
        span("ask", "a", "r", 1, 9, "r", traceId=one, resource={"service.name": "shop"}),
        span("order", "r", None, 0, 10, "r", traceId=one, resource={"service.name": "shop"}),
    ]
    stock = [
        span("reserve", "s", "a", 2, 8, "s", traceId=one, resource={"service.name": "stock"},
             parentIsRemote=True),
    ]  # fmt: skip
    return shop, stock


@pytest.mark.parametrize("turn", [1, -1])
def test_files_of_two_services_are_one_tree_whatever_their_order(view, turn):
    shop, stock = two_services()
    files = dict([("shop.jsonl", shop), ("stock.jsonl.gz", stock)][::turn])
    assert view(files)[1] == [
        " 10.0 ms  [shop] order  ok  self 2.00 ms, 2 spans",
        " 8.00 ms  ╰─ ask  self 2.00 ms",
        " 6.00 ms     ╰─ [stock] reserve  ok",
    ]
    slowest = view(files, "--slowest", "3")[1][-1]
    assert slowest.endswith("stock  reserve  in order > ask")
    named = view(files, "--name", "reserve")[1]
    assert len(named) == 3
    assert "[shop] order" in named[0]
    assert "╰─ ask" in named[1]
    assert "   ╰─ [stock] reserve" in named[2]


def test_processes_of_one_service_are_told_apart(view):
    lines = [
        span("work", "a", "r", 1, 2, "r", resource={"service.name": "w", "process.pid": 8}),
        span("main", "r", None, 0, 3, "r", resource={"service.name": "w", "process.pid": 7}),
    ]
    out = view({"t.jsonl": lines})[1]
    assert "[w 7] main" in out[0]
    assert "[w 8] work" in out[1]


def test_a_rotated_file_and_its_successor_are_one_whatever_their_order(view):
    lines = [
        event("onset", None, 0, spanId=hex_id("r"), name="main", info=None, attributes=[]),
        event("spanOpen", "r", 1, spanId=hex_id("a"), name="work"),
        event("spanClose", "a", 5, outcome="ok"),
        event("outcome", "r", 6, outcome="ok", cpuTime=1, wallTime=6),
    ]
    whole = view({"t.jsonl": lines}, "--summary")[1]
    assert view({"t.jsonl": lines[2:], "t.jsonl.1": lines[:2]}, "--summary")[1] == whole


def test_a_file_named_twice_is_read_once(view, tmp_path):
    whole = view({"t.jsonl": request(1)}, "--summary")[1]
    assert view({"t.jsonl": request(1)}, "./t.jsonl", "--summary")[1] == whole


def test_of_several_files_those_that_can_be_read_are_shown(view):
    code, out, err = view({"t.jsonl": request(1), "empty.jsonl": []}, "missing.jsonl")
    assert len(out) == 2
    assert code == 2
    assert err == [
        "enterspan: can't read 'missing.jsonl': No such file or directory",
        "enterspan: empty.jsonl is empty",
    ]
    code, out, err = view({"empty.jsonl": []}, "missing.jsonl")
    assert (code, out, len(err)) == (2, [], 2)


def test_one_file_follows_and_several_do_not(view):
    files = {"a.jsonl": request(1), "b.jsonl": request(2)}
    assert view(files, "--follow")[0] == 2
    code, _, err = view({"a.jsonl.gz": request(1)}, "--follow")
    assert (code, len(err)) == (2, 1)


def test_a_compressed_file_that_is_still_empty_is_not_followed(view, tmp_path):
    """Its name says what it will be."""
    (tmp_path / "new.jsonl.gz").touch()
    code, _, err = view({}, "--follow", str(tmp_path / "new.jsonl.gz"))
    assert code == 2
    assert err[0].startswith("enterspan: --follow reads files as they grow")


# --- gzip -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [[], ["--summary"], ["--slowest", "3"], ["--format", "chrome"]])
def test_a_compressed_file_is_shown_as_the_file_itself(view, form):
    lines = flat([request(n) for n in range(9)])
    assert view({"t.jsonl.gz": lines}, *form) == view({"t.jsonl": lines}, *form)


@pytest.mark.parametrize("form", [[], ["--summary"], ["--slowest", "3"]])
@pytest.mark.parametrize("damage", ["cut", "bits"])
def test_of_a_damaged_file_the_beginning_is_shown(view, tmp_path, form, damage):
    lines = flat([request(n, name=f"name {n}" + "x" * 200) for n in range(400)])
    view({"t.jsonl.gz": lines})
    data = bytearray((tmp_path / "t.jsonl.gz").read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[len(data) // 2] ^= 0xFF
    (tmp_path / "t.jsonl.gz").write_bytes(data)
    code, out, err = view({}, "t.jsonl.gz", *form)
    assert code == 2
    assert out
    assert "name 0" in "\n".join(out) or form == ["--slowest", "3"]
    assert "t.jsonl.gz" in err[-1]


def test_a_process_that_was_killed_leaves_several_members(view, tmp_path):
    first, second = (text_of(request(n)).encode() for n in (1, 2))
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(first) + gzip.compress(second))
    assert len(view({}, "t.jsonl.gz")[1]) == 5
