"""`enterspan diff`: what is new, gone, slower, faster and failing between two recordings."""

from __future__ import annotations

import json
import random

import pytest
from trace_lines import event, hex_id, span

from enterspan import cli
from enterspan._recording.assemble import Assembler, roots_of
from enterspan._recording.profile import Profile
from enterspan._recording.wire import parse
from enterspan._view.tree import self_ns


def recording(query=5, failed=0, more=(), count=20):
    """Requests of 30 ms: a query, a rendering that may fail, and more spans of a millisecond."""
    lines = []
    for n in range(count):
        root, start = f"r{n}", n * 100
        outcome = {"outcome": "exception"} if n < failed else {}
        lines.append(span("query", f"q{n}", root, start, start + query, root))
        lines.append(span("render", f"x{n}", root, start + 20, start + 22, root, **outcome))
        lines += [span(m, f"m{n}", root, start + 25, start + 26, root) for m in more]
        lines.append(span("GET /", root, None, start, start + 30, root))
    return lines


@pytest.fixture
def diff(tmp_path, capsys, monkeypatch):
    """Compare two lists of lines; give the code, the output and the complaints."""
    monkeypatch.chdir(tmp_path)

    def run(before, after, *options):
        for name, lines in (("before", before), ("after", after)):
            text = "".join([json.dumps(line) + "\n" for line in lines])
            (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
        code = cli.main(["diff", "before.jsonl", "after.jsonl", *options])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


def changes(lines):
    return {line.split()[-1]: line.split()[0] for line in lines[1:] if "the same" not in line}


def test_each_name_is_said_to_be_what_it_became(diff):
    code, out, err = diff(recording(more=["old"]), recording(15, 2, more=["made"]))
    assert changes(out) == {"render": "failing", "query": "slower", "made": "new", "old": "gone"}
    assert out[-1] == "1 name the same"
    (query,) = [line for line in out if line.endswith("query")]
    assert "100 ms → 300 ms" in query
    assert "5.00 ms → 15.0 ms" in query
    assert (code, err) == (1, [])


def test_what_is_faster_new_or_gone_is_no_reason_to_fail(diff):
    code, out, _ = diff(recording(10, more=["old"]), recording(5, more=["made"]))
    assert changes(out) == {"query": "faster", "made": "new", "old": "gone"}
    assert code == 0


def test_the_same_twice_is_the_same(diff):
    assert diff(recording(), recording()) == (0, ["3 names the same"], [])
    assert len(diff(recording(), recording(), "--full")[1]) == 4


@pytest.mark.parametrize(
    "options, code",
    [
        ([], 1),
        (["--threshold", "40"], 1),
        (["--threshold", "41%"], 0),
        (["--min-change", "2ms"], 1),
        (["--min-change", "2.1ms"], 0),
    ],
)
def test_the_threshold_is_in_percent_and_small_changes_are_none(diff, options, code):
    assert diff(recording(5), recording(7), *options)[0] == code


def test_one_slow_request_of_many_is_seen_in_the_p95_of_none_and_two_are(diff):
    """Nearest rank: of 20 spans, the 95th percentile is the second longest."""
    slow = span("query", "extra", None, 0, 500)
    assert diff(recording(), [*recording(), slow])[0] == 0
    slow = [span("query", f"extra {n}", None, 0, 500) for n in range(2)]
    assert diff(recording(), [*recording(), *slow])[0] == 1


def test_paths_are_listed_for_names_that_are_in_several_places(diff):
    elsewhere = [span("query", f"e{n}", None, n, n + 1) for n in range(20)]
    _, out, _ = diff([*recording(5), *elsewhere], [*recording(15), *elsewhere])
    assert any(line.startswith("slower") and line.endswith("GET / > query") for line in out)
    assert not any(line.endswith("> render") for line in out)


def test_json_has_every_figure(diff):
    code, out, _ = diff(recording(5), recording(15, 1), "--format", "json")
    found = json.loads("\n".join(out))
    assert (code, found["worse"], found["thresholdPercent"]) == (1, True, 20)
    rows = {row["name"]: row for row in found["names"]}
    assert rows["query"] == {
        "name": "query",
        "change": "slower",
        "before": {"count": 20, "failed": 0, "totalNs": 100_000_000, "selfNs": 100_000_000,
                   "p50Ns": 5_000_000, "p95Ns": 5_000_000},
        "after": {"count": 20, "failed": 0, "totalNs": 300_000_000, "selfNs": 300_000_000,
                  "p50Ns": 15_000_000, "p95Ns": 15_000_000},
    }  # fmt: skip
    assert rows["GET /"]["after"]["selfNs"] == 20 * 13_000_000
    assert rows["render"]["change"] == "failing"
    assert {tuple(row["path"]) for row in found["paths"]} == {
        ("GET /",),
        ("GET /", "query"),
        ("GET /", "render"),
    }


def test_the_page_shows_hostile_names_as_text(diff, tmp_path):
    name = "<script>alert(1)</script>&{style}"
    code, out, err = diff(recording(), recording(more=[name]), "--html", "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;{style}" in page
    assert "<script" not in page
    assert (code, out, err) == (0, [], [])


@pytest.mark.parametrize(
    "options",
    [
        ["--threshold", "many"],
        ["--threshold", "-1"],
        ["--threshold", "nan"],
        ["--min-change", "soon"],
        ["--html", "p.html", "--format", "json"],
        ["--html", "nowhere/p.html"],
    ],
)
def test_what_makes_no_sense_is_one_line(diff, options):
    code, out, err = diff(recording(), recording(), *options)
    assert (code, out, len(err)) == (2, [], 1)


def test_a_file_that_cant_be_read_is_an_error(diff):
    code, out, err = diff(recording(), [])
    assert (code, out, err) == (2, [], ["enterspan: after.jsonl is empty"])


def test_events_and_finished_spans_are_compared_alike(diff):
    events = [
        event("onset", None, 0, "r0", spanId=hex_id("r0"), name="GET /", info=None, attributes=[]),
        event("spanOpen", "r0", 0, "r0", spanId=hex_id("q0"), name="query"),
        event("spanClose", "q0", 5, "r0", outcome="ok"),
        event("spanOpen", "r0", 20, "r0", spanId=hex_id("x0"), name="render"),
        event("spanClose", "x0", 22, "r0", outcome="ok"),
        event("outcome", "r0", 30, "r0", outcome="ok", cpuTime=1, wallTime=30),
    ]
    assert diff(events, recording(count=1))[:2] == (0, ["3 names the same"])


def test_what_has_not_ended_is_said(diff):
    events = [
        event("onset", None, 0, "z", spanId=hex_id("z"), name="GET /", info=None, attributes=[]),
    ]
    code, out, err = diff(recording(), [*recording(), *events])
    assert (
        err == ["enterspan: after.jsonl: 1 span had not ended, and can't be counted"] or code == 0
    )
    assert out == ["3 names the same"]


# --- profiles -------------------------------------------------------------------------------------


def test_a_profile_says_what_the_tree_says(random_spans):
    """Self times by name, whatever overlaps and outlives."""
    spans = random_spans
    profile = Profile()
    for each in reversed(list(spans.values())):  # children were made after their parents
        profile.add(each)
    profile.finish()
    roots = roots_of(spans)
    expected, waiting = {}, list(roots)
    while waiting:
        each = waiting.pop()
        expected[each.name] = expected.get(each.name, 0) + self_ns(each)
        waiting += each.children
    assert {name: figures.self_ns for name, figures in profile.names().items()} == expected


@pytest.fixture(params=range(5))
def random_spans(request):
    chance, assembler, open_spans = random.Random(request.param), Assembler(), [(None, 0, 1000)]
    for n in range(60):
        parent, start, end = chance.choice(open_spans)
        first = chance.uniform(start, end)
        last = chance.uniform(first, end)
        line = span(f"name {chance.randrange(5)}", f"s{n}", parent, first, last)
        assembler.add(parse(json.dumps(line).encode() + b"\n"))
        open_spans.append((f"s{n}", first, last))
    return assembler.spans


def test_a_deep_chain_is_profiled_in_linear_time():
    spans = [span("step", f"s{n}", f"s{n - 1}" if n else None, n, 20_000 - n) for n in range(5_000)]
    assembler, profile = Assembler(), Profile()
    for line in reversed(spans):
        profile.add(assembler.add(parse(json.dumps(line).encode() + b"\n")))
    profile.finish()
    assert profile.names()["step"].durations.count == 5_000
    assert max(len(path) for path, _ in profile.paths()) == 100


@pytest.mark.parametrize("name", ["before.jsonl", "after.jsonl"])
def test_a_recording_is_not_overwritten_with_the_page(diff, tmp_path, name):
    code, out, err = diff(recording(), recording(), "--html", name)
    assert (code, out) == (2, [])
    assert err == [f"enterspan: can't write {name!r}: it is the trace itself"]
    assert cli.main(["view", str(tmp_path / name)]) == 0
