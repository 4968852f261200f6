"""`enterspan view FILE --html REPORT`: the file that comes of it, and when none does."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import stat
from array import array
from html.parser import HTMLParser
from pathlib import Path

import pytest

from enterspan import cli
from enterspan._recording.assemble import Recording, read_recording
from enterspan._view import report as _report
from enterspan._view.output import replaced_file
from enterspan._view.report import write_html
from enterspan._view.report.data import BLOCK, ReportData
from enterspan._view.report.page import page_pieces

HOSTILE = "</script><img src=x onerror=alert(1)>"
BASE = 1_700_000_000_000_000_000


def line(name="work", number=1, parent=None, **changed):
    wire = {
        "type": "span",
        "name": name,
        "traceId": "ab" * 16,
        "spanId": f"{number:016x}",
        "parentSpanId": parent and f"{parent:016x}",
        "startNs": BASE + number,
        "endNs": BASE + 1000,
        "attributes": {},
        "events": [],
        "outcome": "ok",
        "invocationId": f"{1:016x}",
    }
    return {**wire, **changed}


def traces(*lines):
    text = b"".join(json.dumps(each).encode() + b"\n" for each in lines)
    return read_recording(io.BytesIO(text), "t.jsonl")


class Elements(HTMLParser):
    """The elements of a page, and what is inside of its scripts and style sheets."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.contents = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.lasttag in ("script", "style") and data.strip():
            self.contents.append((self.lasttag, data))


def page_html(recording, title="trace"):
    """The whole page, as a text."""
    with ReportData() as data:
        for span in recording.spans():
            data.add(span)
        return "".join(page_pieces(data.pieces(), title))


COLUMNS = {"name": "I", "up": "i", "start": "d", "took": "d", "outcome": "H", "failed": "B"}


def data_of(page):
    """What the page's script reads, with its columns as lists and all details in `more`."""
    parts = re.findall(
        r'<script type="application/json" id="[^"]+">(.*?)</script>', page, re.DOTALL
    )
    data, *blocks = map(json.loads, parts)
    for name, kind in COLUMNS.items():
        column = array(kind)
        column.frombytes(base64.b64decode(data[name]))
        data[name] = list(column)
    return {**data, "more": {key: more for block in blocks for key, more in block.items()}}


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A recorded trace in the current folder, which holds nothing else."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("t.jsonl").write_text(json.dumps(line()) + "\n", encoding="utf-8")
    return tmp_path


# --- the command ----------------------------------------------------------------------------------


def test_a_report_is_written_and_nothing_else(recorded, capsys):
    assert cli.main(["view", "t.jsonl", "--html", "report.html"]) == 0
    assert capsys.readouterr() == ("", "")
    assert sorted(p.name for p in recorded.iterdir()) == ["report.html", "t.jsonl"]
    assert data_of((recorded / "report.html").read_text(encoding="utf-8"))["names"] == ["work"]


@pytest.mark.parametrize(
    "target,reason",
    [
        ("folder", "it is a folder"),
        (".", "it is a folder"),
        ("", "it is a folder"),
        ("nowhere/report.html", "its folder does not exist"),
        ("t.jsonl/report.html", "its folder does not exist"),
        ("t.jsonl", "it is the trace itself"),
        ("./folder/../t.jsonl", "it is the trace itself"),
    ],
)
def test_a_target_that_cannot_be_written_is_one_line(recorded, capsys, target, reason):
    (recorded / "folder").mkdir()
    before = (recorded / "t.jsonl").read_bytes()
    assert cli.main(["view", "t.jsonl", "--html", target]) == 2
    assert capsys.readouterr() == ("", f"enterspan: can't write {target!r}: {reason}\n")
    assert sorted(p.name for p in recorded.iterdir()) == ["folder", "t.jsonl"]
    assert (recorded / "t.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    "content,reason", [(b"", "t.jsonl is empty"), (b"hello\n", "t.jsonl is not a trace file")]
)
def test_what_is_no_trace_leaves_an_old_report_alone(recorded, capsys, content, reason):
    (recorded / "t.jsonl").write_bytes(content)
    (recorded / "report.html").write_text("old", encoding="utf-8")
    assert cli.main(["view", "t.jsonl", "--html", "report.html"]) == 2
    assert capsys.readouterr().err.startswith(f"enterspan: {reason}")
    assert (recorded / "report.html").read_text(encoding="utf-8") == "old"


def test_a_torn_line_is_said_and_the_rest_reported(recorded, capsys):
    with (recorded / "t.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"type": "sp')
    assert cli.main(["view", "t.jsonl", "--html", "report.html"]) == 0
    assert capsys.readouterr().err == "enterspan: t.jsonl: line 2 is cut off\n"
    assert data_of((recorded / "report.html").read_text(encoding="utf-8"))["unread"] == 1


# --- the file -------------------------------------------------------------------------------------


def replace(target, data):
    with replaced_file(target) as file:
        file.write(data)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    target = tmp_path / "report.html"
    target.write_bytes(b"old")

    def full(self, _):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        replace(target, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("report.html", b"old")]


@pytest.mark.skipif(os.name == "nt", reason="permissions and links of POSIX")
def test_a_file_keeps_its_permissions_and_a_link_its_target(tmp_path):
    real, link = tmp_path / "real.html", tmp_path / "link.html"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    replace(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="a device of POSIX")
def test_a_device_is_written_to_and_stays_one():
    replace("/dev/null", b"new")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


# --- the page -------------------------------------------------------------------------------------


def test_the_page_has_one_script_and_asks_for_nothing(tmp_path):
    page = page_html(traces(line()))
    found = Elements(page)
    assert [tag for tag, _ in found.tags if tag in ("script", "style", "link")] == [
        "link",
        "style",
        "script",
        "script",
        "script",
    ]
    sources = [a.get("src") or a.get("href") for _, a in found.tags]
    assert [source for source in sources if source] == ["data:,"]
    assert not any(name.startswith("on") or name == "style" for _, a in found.tags for name in a)
    assert "http://" not in page
    assert "https://" not in page
    assert write_html(traces(line()), tmp_path / "r.html") == 1
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == page_html(traces(line()))


def test_the_policy_allows_the_script_and_the_style_by_their_hashes_alone():
    found = Elements(page_html(traces(line())))
    (policy,) = [
        a["content"] for _, a in found.tags if a.get("http-equiv") == "Content-Security-Policy"
    ]
    style, *_, script = found.contents
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("script-src") == hash_of(script[1])
    assert rules.pop("style-src") == hash_of(style[1])
    assert rules == {"img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}


def hash_of(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_script_puts_texts_on_the_page_as_text_only():
    script = Elements(page_html(traces(line()))).contents[-1][1]
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch"):
        assert way not in script


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "<!--<script>",
        "</SCRIPT >",
        "\u2028\u2029",
        "\ud800",
        "\ud83d\ude00",
        "\x00\x1b[2J",
        "$data $$ ${title}",
        "__proto__",
        'a"b\\c',
        "",
    ],
)
def test_any_text_anywhere_stays_data(text):
    note = {"name": text, "timestampNs": BASE, "attributes": {text: text}}
    link = {"traceId": "c" * 32, "spanId": "d" * 16, "attributes": {text: text}}
    wire = line(text, attributes={text: [text]}, events=[note], links=[link], kind=text)
    page = page_html(traces(wire), title=text)
    plain = Elements(page_html(traces(line())))
    assert [tag for tag, _ in Elements(page).tags] == [tag for tag, _ in plain.tags]
    page.encode("utf-8", "replace")
    data = data_of(page)
    expected = json.loads(json.dumps(text))
    assert data["names"] == [expected]
    assert data["more"]["0"]["a"] == [expected, [expected]]
    for block in re.findall(r'json" id="[^"]+">(.*?)</script>', page, re.DOTALL):
        assert not re.search("[<\u2028\u2029\ud800-\udfff]", block)


def test_values_that_javascript_cannot_hold_go_as_text():
    wire = line(attributes={"n": 2**60, "f": float("nan"), "i": float("inf"), "m": None, "ok": 1.5})
    data = data_of(page_html(traces(wire)))
    pairs = data["more"]["0"]["a"]
    assert dict(zip(pairs[::2], pairs[1::2], strict=True)) == {
        "n": str(2**60),
        "f": "nan",
        "i": "inf",
        "m": None,
        "ok": 1.5,
    }


def test_columns_say_each_name_once_and_parents_first():
    lines = [line("a", 1), line("b", 2, 1), line("b", 3, 2), line("a", 4, 1)]
    data = data_of(page_html(traces(*lines)))
    assert data["names"] == ["a", "b"]
    assert data["name"] == [0, 1, 1, 0]
    assert data["up"] == [-1, 0, 1, 0]
    assert data["start"] == [0, 1, 2, 3]
    assert data["took"] == [999, 998, 997, 996]
    assert data["base"] == [(BASE + 1) // 10**6, (BASE + 1) % 10**6]
    assert data["more"] == {"0": {"r": f"{1:016x}"}}


def test_stack_log_and_links_are_in_the_report():
    failure = {"exception.type": "m.E", "exception.message": "no", "exception.stacktrace": "at 7"}
    log = {"log.severity": "info", "log.message": "hi", "n": 1}
    events = [
        {"name": "log", "timestampNs": BASE + 5, "attributes": log},
        {"name": "exception", "timestampNs": BASE + 6, "attributes": failure},
    ]
    links = [{"traceId": "c" * 32, "spanId": "d" * 16, "attributes": {"why": 1}}]
    more = data_of(page_html(traces(line(events=events, links=links, kind="server"))))["more"]["0"]
    assert more["n"] == [
        ["log", 4, "info", "hi", ["n", 1], ""],
        ["exception", 5, "E", "no", [], "at 7"],
    ]
    assert more["l"] == [["c" * 32, "d" * 16, ["why", 1]]]
    assert more["k"] == "server"


def test_a_trace_of_thousands_of_levels_is_reported():
    deep = [line(f"{n}", n, n - 1 or None) for n in range(1, 20_001)]
    assert data_of(page_html(traces(*deep)))["up"] == list(range(-1, 19_999))


def test_no_span_at_all_is_a_page_too():
    assert data_of(page_html(Recording(())))["up"] == []


def test_details_are_in_blocks_and_belong_to_their_spans():
    """Whatever the order of the lines."""
    count = BLOCK + 90
    lines = [line(f"{n}", n, attributes={"n": n}) for n in range(count, 0, -1)]
    data = data_of(page_html(traces(*lines)))
    assert [data["names"][name] for name in data["name"]] == [f"{n}" for n in range(1, count + 1)]
    assert [data["more"][str(at)]["a"] for at in range(count)] == [
        ["n", n] for n in range(1, count + 1)
    ]


def test_equal_span_ids_of_different_traces_are_different_spans():
    other = "cd" * 16
    lines = [
        line("a", 1),
        line("b", 2, 1),
        line("c", 1, traceId=other, startNs=BASE + 5),
        line("d", 2, 1, traceId=other, startNs=BASE + 6),
    ]
    data = data_of(page_html(traces(*lines)))
    assert [data["names"][name] for name in data["name"]] == ["a", "b", "c", "d"]
    assert data["up"] == [-1, 0, -1, 2]


@pytest.mark.parametrize("parents", [{1: 2, 2: 1}, {1: 1}, {1: 2, 2: 3, 3: 2, 4: 3}])
def test_spans_that_are_each_others_parents_are_reported_once(parents):
    lines = [line(f"s{n}", n, parents.get(n)) for n in range(1, 5)]
    data = data_of(page_html(traces(*lines)))
    assert sorted(data["name"]) == [0, 1, 2, 3]
    assert all(up < span for span, up in enumerate(data["up"]))


def test_the_package_gives_what_it_names():
    assert all(hasattr(_report, name) for name in _report.__all__)
