"""Recorded runs: a catalogue is drafted from one, or one is held against a catalogue."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tracemalloc

import pytest

from enterspan import Tracing, cli
from enterspan._recording.wire import Reader
from enterspan.catalogue.comparison import Comparison
from enterspan.catalogue.declarations import read_catalogue
from enterspan.catalogue.draft import Draft
from enterspan.catalogue.kinds import Kind, merged, parse_names, recorded_kind
from enterspan.catalogue.recorded import usages
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail


def line_of(name, number=0, invocation="i", **attributes):
    """A finished span."""
    wire = {
        "type": "span",
        "name": name,
        "traceId": "ab" * 16,
        "spanId": f"{number:016x}",
        "parentSpanId": None,
        "startNs": 1,
        "endNs": 2,
        "attributes": attributes,
        "events": [],
        "outcome": "ok",
        "invocationId": invocation,
    }
    return json.dumps(wire)


def event(kind, span_id, **fields):
    """A live event."""
    context = {"traceId": "ab" * 16, "spanId": span_id.rjust(16, "0"), "traceFlags": None}
    wire = {"invocationId": "e" * 16, "spanContext": context, "timestamp": 1, "sequence": 0}
    return json.dumps({**wire, "event": {"type": kind, **fields}})


def opened(name, span_id):
    return event("spanOpen", "e", spanId=span_id.rjust(16, "0"), name=name)


def attributes(span_id, **values):
    info = [{"name": name, "value": value} for name, value in values.items()]
    return event("attributes", span_id, info=info)


def closed(span_id):
    return event("spanClose", span_id, outcome="ok")


def spans_in(*lines):
    file = io.BytesIO("".join([line + "\n" for line in lines]).encode())
    return [
        (usage.name, usage.attributes, usage.line, usage.is_whole)
        for usage in usages(file, Reader("t"))
    ]


@pytest.fixture
def file_of(tmp_path):
    def write(*lines, name="t.jsonl"):
        path = tmp_path / name
        path.write_text("".join([line + "\n" for line in lines]), encoding="utf-8")
        return path

    return write


@pytest.fixture
def catalogue(tmp_path):
    def write(text):
        path = tmp_path / "c.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# --- the spans of a file --------------------------------------------------------------------------


def test_spans_come_when_they_end():
    """Events and finished spans, each with its line; what never ends comes last."""
    assert spans_in(
        opened("a", "1"),
        opened("b", "2"),
        opened("never", "3"),
        attributes("2", x=1),
        closed("2"),
        line_of("finished", 9, y=2),
        attributes("1", z=None),
        closed("1"),
        closed("7"),
        attributes("8", q=1),
    ) == [
        ("b", {"x": 1}, 5, True),
        ("finished", {"y": 2}, 6, True),
        ("a", {}, 8, True),
        ("never", {}, 10, False),
    ]


def test_a_span_that_lost_attributes_is_not_whole():
    """Its limit was reached; what the library says of it is no attribute of the program's."""
    warning = {"enterspan.warning.type": "span_data_limit_exceeded"}
    assert spans_in(line_of("a", 1, x=1, **warning)) == [("a", {"x": 1}, 1, False)]


def test_a_million_spans_need_no_more_memory_than_a_few():
    """In live events, with logs, and some that never end properly."""

    class Endless(io.RawIOBase):
        """Spans without end, as far as memory goes."""

        def __init__(self, count):
            self.left, self.at = b"", 0
            self.count = count

        def readable(self):
            return True

        def seekable(self):
            return True

        def seek(self, offset, whence=io.SEEK_SET):
            assert (offset, whence) in ((0, io.SEEK_SET), (0, io.SEEK_CUR))
            if whence == io.SEEK_SET:
                self.left, self.at = b"", 0
            return 0

        def readinto(self, buffer):
            while len(self.left) < len(buffer) and self.at < self.count:
                n = f"{self.at:x}"
                log = event("log", "e", message="x", level="info", attributes=[])
                lines = [opened("work", n), attributes(n, x=1), log, closed(n), line_of("w", 5)]
                self.left += "".join([line + "\n" for line in lines]).encode()
                self.at += 1
            size = min(len(buffer), len(self.left))
            buffer[:size], self.left = self.left[:size], self.left[size:]
            return size

    def peak(count):
        file = io.BufferedReader(Endless(count))
        draft = Draft()
        tracemalloc.start()
        draft.add_all(usages(file, Reader("t")))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(4_000)  # what Python itself keeps of freed objects
    assert peak(4_000) < peak(400) + 500_000  # they are a megabyte and more of text


# --- a draft --------------------------------------------------------------------------------------


def test_a_draft_says_what_was_seen(file_of, capsys):
    """Sorted; types merged; an attribute is required if every span had it."""
    path = file_of(
        line_of("pay", 1, total=3, tags=["a"], status="ok", who="me"),
        line_of("pay", 2, total=1.5, tags=[], status=3),
        opened("never", "3"),
        line_of("GET /", 4, **{"http.method": "GET", "class": True, "a-b": 1, "a.b": 2}),
        line_of("2fa", 5),
        line_of("str", 6),
    )
    assert cli.main(["catalogue", str(path)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert (
        said.out
        == """\
# Drafted from a recording. An attribute that every span had is required.

[spans.2fa]
method = "span_2fa"

[spans."GET /"]
attributes.a-b = "int"
attributes."a.b" = { type = "int", parameter = "a_b_2" }
attributes.class = "bool"
attributes."http.method" = "str"

[spans.never]

[spans.pay]
attributes.status = "str | int"
attributes.tags = "list[str]"
attributes.total = "float"
attributes.who = { type = "str", required = false }

[spans.str]
method = "str_"
"""
    )


def test_what_is_recorded_fits_its_own_draft(tmp_path, capsys):
    """Events, spans, or both of one run: the same draft, and nothing outside it."""
    mine = Tracing("drafted")
    mine.add_tail(JsonLinesTail(tmp_path / "events"), delivery="inline")
    mine.add_exporter(JsonLinesExporter(tmp_path / "spans"))
    with mine.invocation("main", attributes={"version": "1"}):
        for number in range(3):
            with mine.span("work", n=number, big=2**70 + number, ratio=[1, 0.5]) as span:
                span.set_attribute("odd", object())
                if number:
                    span.set_attribute("late", float("nan"))
                mine.log("info", "hello", more=1)
                with mine.span("within é\n", values=(True, False), nothing=None):
                    pass
    assert mine.shutdown(10)
    both = (tmp_path / "events").read_bytes() + (tmp_path / "spans").read_bytes()
    (tmp_path / "both").write_bytes(both)
    drafts = []
    for name in ("events", "spans", "both"):
        assert cli.main(["catalogue", str(tmp_path / name)]) == 0
        drafts.append(capsys.readouterr().out)
    assert drafts[0] == drafts[1] == drafts[2]
    (tmp_path / "c.toml").write_text(drafts[0], encoding="utf-8")
    for name in ("events", "spans", "both"):
        command = ["catalogue", "--check", str(tmp_path / name)]
        assert cli.main([*command, "--catalogue", str(tmp_path / "c.toml")]) == 0
        assert capsys.readouterr() == ("", "")


def test_a_draft_is_in_ascii_where_the_output_is(file_of):
    """And means the same."""
    path = file_of(line_of("größe \U0001f600", 1, ä="x"))
    command = [sys.executable, "-m", "enterspan", "catalogue", str(path)]
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, env=env, check=True)
    out = done.stdout.replace(b"\r\n", b"\n").decode("ascii")
    assert '[spans."gr\\u00f6\\u00dfe \\U0001f600"]\nattributes."\\u00e4" = "str"\n' in out


def test_half_characters_are_replaced(file_of, capsys):
    """TOML can't have them."""
    assert cli.main(["catalogue", str(file_of(line_of("a\ud800", 1)))]) == 0
    assert '[spans."a\ufffd"]' in capsys.readouterr().out


def test_names_with_ids_in_them_do_not_fill_the_memory(file_of, capsys, monkeypatch):
    """The first of them are drafted, the others counted."""
    monkeypatch.setattr("enterspan.catalogue.draft.MOST_NAMES", 3)
    path = file_of(*[line_of(f"user {n}", n, **{f"a{m}": 1 for m in range(5)}) for n in range(9)])
    assert cli.main(["catalogue", str(path)]) == 0
    said = capsys.readouterr()
    assert said.out.count("[spans.") == 3
    assert said.out.count("attributes.") == 9
    assert "6 spans have more than 3 names, and are left out: are there ids" in said.err


@pytest.mark.parametrize(
    "values, kind",
    [
        (["a"], "str"),
        ([1, True], "bool | int"),
        ([1, 1.5], "float"),
        (["nan"], "str"),
        (["nan", 1.5], "float"),
        (["inf", "x"], "str"),
        ([[]], "list[str]"),
        ([[], [1]], "list[int]"),
        ([[1], [1.5], ["nan"]], "list[float]"),
        ([["a"], "a"], "str | list[str]"),
        ([[True]], "list[bool]"),
    ],
)
def test_types_that_were_recorded(values, kind):
    """One type for all that was seen, and it fits all of it."""
    found = merged([recorded_kind(value) for value in values])
    assert found == kind
    assert all(Kind(parse_names(found)).fits(value) for value in values)


@pytest.mark.parametrize("value", [None, {"a": 1}, [1, "a"], [[1]], [None], [True, 1]])
def test_what_is_no_attributes_type_is_left_out(value):
    """Another program may have written it."""
    assert recorded_kind(value) is None


# --- a check --------------------------------------------------------------------------------------

PAY = """
allow = ["main", "GET *"]
[spans.pay]
attributes.cart_id = "str"
attributes.total = { type = "float", required = false }
attributes.currency = { values = ["eur", "usd"], required = false }
[spans.debug]
extra = true
attributes.level = "int"
"""


def test_what_is_outside_the_catalogue_is_reported(file_of, catalogue, capsys):
    """Each kind once, with its count, the line of the first, and what it was; exit code 1."""
    path = file_of(
        line_of("pay", 1, cart_id="c1", total=3),
        line_of("pya", 2),
        line_of("pay", 3, totl=3),
        line_of("pay", 4, cart_id="c2", total="a" * 100, currency="gbp"),
        line_of("pya", 5),
        line_of("main", 6),
        line_of("GET /", 7),
        line_of("debug", 8, level=True, other="fine"),
        opened("pay", "9"),
    )
    command = ["catalogue", str(path), "--check", "--catalogue", str(catalogue(PAY))]
    hint = " (did you mean 'total'?)"
    assert cli.main(command) == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines() == [
        f"{path}:8: attribute 'level' of span 'debug' is not int: True (once)",
        f"{path}:3: attribute 'cart_id' of span 'pay' is required and missing (once)",
        f"{path}:4: attribute 'currency' of span 'pay' is not 'eur' | 'usd': 'gbp' (once)",
        f"{path}:4: attribute 'total' of span 'pay' is not float: '{'a' * 56}... (once)",
        f"{path}:3: attribute 'totl' of span 'pay' is not in the catalogue{hint}: 3 (once)",
        f"{path}:2: span 'pya' is not in the catalogue (did you mean 'pay'?) (2 times)",
    ]


def test_a_run_that_kept_to_it_is_silent(file_of, catalogue, capsys):
    """With exit code 0; the catalogue is found in pyproject.toml as well."""
    path = file_of(line_of("pay", 1, cart_id="c1", total="nan", currency="usd"))
    assert cli.main(["catalogue", "--check", str(path), "--catalogue", str(catalogue(PAY))]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_catalogue_is_looked_for_in_pyproject(file_of, tmp_path, monkeypatch, capsys):
    """From the current folder upward."""
    (tmp_path / "pyproject.toml").write_text("[tool.enterspan.catalogue.spans.pay]\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert cli.main(["catalogue", "--check", str(file_of(line_of("pay", 1)))]) == 0
    assert cli.main(["catalogue", "--check", str(file_of(line_of("pey", 1)))]) == 1


def test_findings_have_a_limit(catalogue, monkeypatch):
    """As many as anybody would read."""
    monkeypatch.setattr("enterspan.catalogue.comparison.MOST_FINDINGS", 2)
    comparison = Comparison(read_catalogue(catalogue(PAY)))
    lines = "".join([line_of(f"s{n}", n) + "\n" for n in range(5)])
    comparison.add_all(usages(io.BytesIO(lines.encode()), Reader("t")))
    assert (len(comparison.findings()), comparison.left_out) == (2, 3)


FITS = [
    ("int", 3, True),
    ("int", True, False),
    ("int", "9223372036854775808", True),
    ("int", "9223372036854775807", False),
    ("int", "-" + "9" * 5_000, True),
    ("int", "three", False),
    ("float", 3, True),
    ("float", "-inf", True),
    ("float", "x", False),
    ("float", True, False),
    ("bool", 1, False),
    ("bool", False, True),
    ("str", "", True),
    ("str", 1, False),
    ("list[int]", [1, 2], True),
    ("list[int]", [1, "a"], False),
    ("list[int]", [], True),
    ("list[float]", [1, 2.5, "nan"], True),
    ("list[str]", "a", False),
    ("int | list[int]", [1], True),
    ("int", {"a": 1}, False),
]


@pytest.mark.parametrize("names, value, fits", FITS)
def test_values_and_types(names, value, fits):
    """As they were recorded: a bool is no int, an int is a float, big numbers are texts."""
    assert Kind(parse_names(names)).fits(value) is fits


def test_values_that_are_equal_are_not_the_same():
    """True is 1 to Python."""
    assert Kind(("int",), (1,)).fits(1)
    assert not Kind(("int",), (1,)).fits(True)
    assert Kind(("list[str]",), ("a", "b")).fits(["a", "a"])
    assert not Kind(("list[str]",), ("a", "b")).fits(["a", "c"])
    assert not Kind(("list[str]",), ("a", "b")).fits("a")


# --- files that can't be read ---------------------------------------------------------------------


@pytest.mark.parametrize("option", [[], ["--check"]])
@pytest.mark.parametrize(
    "text, message",
    [
        (b"", "is empty"),
        (b"hello\n", "is not a trace file: line 1 is not JSON"),
        (b'{"a": 1}\n', "is not a trace file: line 1 is neither an event nor a span"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path, catalogue, capsys, option, text, message):
    """In one line, with exit code 2, and nothing on stdout."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(text)
    named = ["--catalogue", str(catalogue(PAY))] if option else []
    assert cli.main(["catalogue", str(path), *option, *named]) == 2
    assert capsys.readouterr() == ("", f"enterspan: {path} {message}\n")


def test_a_file_that_is_not_there(tmp_path, capsys):
    """Its name and the reason."""
    assert cli.main(["catalogue", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == (
        f"enterspan: can't read '{tmp_path / 'none'}': No such file or directory\n"
    )


def test_a_last_line_that_was_cut_off_is_told(file_of, capsys):
    """And the rest is used."""
    path = file_of(line_of("a", 1))
    path.write_text(path.read_text() + '{"type": "sp', encoding="utf-8")
    assert cli.main(["catalogue", str(path)]) == 0
    said = capsys.readouterr()
    assert "[spans.a]" in said.out
    assert said.err == f"enterspan: {path}: line 2 is cut off\n"


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "nothing to do: name the FILE of a recorded trace, or pass --generate"),
        (["--check"], "nothing to do: name the FILE of a recorded trace, or pass --generate"),
        (["t", "--generate"], "--generate takes no FILE"),
        (["t", "--output", "x.py"], "--output needs --generate"),
        (["t", "--catalogue", "c.toml"], "--catalogue needs --check or --generate"),
    ],
)
def test_options_that_make_no_sense_together(capsys, words, message):
    """One line, exit code 2."""
    assert cli.main(["catalogue", *words]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_a_pipe_that_is_closed_early_is_no_error(file_of):
    """`enterspan catalogue t.jsonl | head -1`."""
    path = file_of(*[line_of(f"span {n}", n) for n in range(9_000)])
    command = [sys.executable, "-m", "enterspan", "catalogue", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()
