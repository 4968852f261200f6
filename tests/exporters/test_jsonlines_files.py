"""JSON lines: every line is valid, whatever was put in; and where the lines go."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import subprocess
import sys
import threading
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enterspan import (
    Attribute,
    Attributes,
    Limits,
    Onset,
    Outcome,
    SpanContext,
    SpanData,
    SpanEvent,
    SpanLink,
    TailEvent,
    TailSpanContext,
)
from enterspan._model.values import clean_all
from enterspan._recording.wire import parse
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail, span_line

RESOURCE = MappingProxyType({"service.name": "shop"})


def span(name="work", attributes=None, **changed):
    fields = {
        "name": name,
        "context": SpanContext(0xAB, 0xCD, 1, "a=b"),
        "parent_span_id": None,
        "start_ns": 1_700_000_000_000_000_000,
        "end_ns": 1_700_000_000_000_000_005,
        "attributes": MappingProxyType(attributes or {}),
        "events": (),
        "links": (),
        "status": "unset",
        "status_description": "",
        "outcome": "ok",
        "invocation_id": "00000000000000cd",
        "kind": "internal",
        "scope": "default",
        "resource": RESOURCE,
        "dropped_attributes": 0,
        "dropped_events": 0,
        "dropped_links": 0,
    }
    return SpanData(**{**fields, **changed})


def event(payload, span_id="00000000000000cd"):
    return TailEvent("00000000000000cd", TailSpanContext("ab" * 16, span_id, None), 1, 0, payload)


def onset(name="main", **attributes):
    pairs = tuple(Attribute(key, value) for key, value in attributes.items())
    return event(Onset("00000000000000cd", name, None, pairs), None)


END = event(Outcome("ok", 1_500_000, 2_500_000))


def strict(line):
    """Read a line as a strict parser does: UTF-8, no NaN, no lone surrogates."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    value = json.loads(line.decode("utf-8"), parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def exported(*spans):
    raw = io.BytesIO()
    JsonLinesExporter(raw).export(spans)
    return [strict(line) for line in raw.getvalue().splitlines()]


# --- what a line says -----------------------------------------------------------------------------


def test_a_span_is_one_object_with_all_of_its_fields():
    """Keys in camelCase, ids as hex of fixed width, times in nanoseconds."""
    made = span(
        attributes={"rows": 12, "ok": True, "ratio": 0.5, "names": ("a", "b"), "city": "Zürich"},
        parent_span_id=0xEF,
        events=(SpanEvent("retry", 7, MappingProxyType({"attempt": 2})),),
        links=(SpanLink(SpanContext(1, 2, 0, "x=y"), MappingProxyType({"why": "cause"})),),
        status="error",
        status_description="bad",
        outcome="exception",
        kind="client",
        dropped_attributes=1,
        dropped_events=2,
        dropped_links=3,
    )
    assert exported(made) == [
        {
            "type": "span",
            "name": "work",
            "traceId": "000000000000000000000000000000ab",
            "spanId": "00000000000000cd",
            "parentSpanId": "00000000000000ef",
            "traceFlags": 1,
            "traceState": "a=b",
            "startNs": 1_700_000_000_000_000_000,
            "endNs": 1_700_000_000_000_000_005,
            "kind": "client",
            "attributes": {
                "rows": 12,
                "ok": True,
                "ratio": 0.5,
                "names": ["a", "b"],
                "city": "Zürich",
            },
            "events": [{"name": "retry", "timestampNs": 7, "attributes": {"attempt": 2}}],
            "links": [
                {
                    "traceId": "00000000000000000000000000000001",
                    "spanId": "0000000000000002",
                    "traceFlags": 0,
                    "traceState": "x=y",
                    "attributes": {"why": "cause"},
                }
            ],
            "status": "error",
            "statusDescription": "bad",
            "outcome": "exception",
            "invocationId": "00000000000000cd",
            "scope": "default",
            "resource": {"service.name": "shop"},
            "droppedAttributes": 1,
            "droppedEvents": 2,
            "droppedLinks": 3,
        }
    ]


def test_fields_that_are_empty_are_left_out():
    """They are a third of the bytes; what reads the file gives them their defaults."""
    made = span(
        events=(SpanEvent("e", 7, MappingProxyType({})),),
        links=(SpanLink(SpanContext(1, 2, 0, ""), MappingProxyType({})),),
    )
    bare = span(resource=MappingProxyType({}))
    assert exported(bare) == [
        {
            "type": "span",
            "name": "work",
            "traceId": "000000000000000000000000000000ab",
            "spanId": "00000000000000cd",
            "traceFlags": 1,
            "traceState": "a=b",
            "startNs": 1_700_000_000_000_000_000,
            "endNs": 1_700_000_000_000_000_005,
            "kind": "internal",
            "status": "unset",
            "outcome": "ok",
            "invocationId": "00000000000000cd",
            "scope": "default",
        }
    ]
    (line,) = exported(made)
    assert line["events"] == [{"name": "e", "timestampNs": 7}]
    assert line["links"] == [
        {"traceId": f"{1:032x}", "spanId": f"{2:016x}", "traceFlags": 0},
    ]
    for each in (made, bare):
        assert parse(span_line(each).encode()) == each


def test_resources_are_not_mixed_up():
    """The text of a resource is kept for the next span, if that has the same one."""
    first, second = MappingProxyType({"n": 1}), MappingProxyType({"n": 2})
    lines = exported(*[span(resource=r) for r in (first, first, second, first)])
    assert [line["resource"]["n"] for line in lines] == [1, 1, 2, 1]


def test_an_event_is_its_wire_form():
    """One line an event: `to_dict()` as JSON."""
    raw = io.BytesIO()
    tail = JsonLinesTail(raw)
    begin = onset("main", user=7, city="Zürich")
    handler = tail(begin)
    assert handler is not None
    handler(END)
    assert [strict(x) for x in raw.getvalue().splitlines()] == [begin.to_dict(), END.to_dict()]


def test_an_event_that_was_made_by_hand_is_valid_too():
    """A number that no integer of 64 bits holds, or that can't even be printed, becomes text."""
    raw = io.BytesIO()
    JsonLinesTail(raw)(onset(huge=1 << 99_999))
    attributes = strict(raw.getvalue())["event"]["attributes"]
    assert attributes == [{"name": "huge", "value": "<int of 100000 bits>"}]


class Hostile:
    def __repr__(self):
        raise RuntimeError("no")


class Text(str):
    __slots__ = ()


loop: list[object] = []
loop.append(loop)

STRANGE = {
    "a lone surrogate": ("\ud800", "\ufffd"),
    "a pair of surrogates": ("\ud83d\udc4d", "👍"),
    "a null": ("\0", "\0"),
    "a newline": ("a\nb\u2028c", "a\nb\u2028c"),
    "quotes": ('"\\', '"\\'),
    "nan": (float("nan"), "nan"),
    "infinity": (float("-inf"), "-inf"),
    "a huge integer": (1 << 70, str(1 << 70)),
    "an integer that can't be printed": (1 << 99_999, "<int of 100000 bits>"),
    "the largest integer": ((1 << 63) - 1, (1 << 63) - 1),
    "None": (None, None),
    "bytes": (b"x", "b'x'"),
    "a set": ({1}, "[1]"),
    "a dict": ({1: (True, None), "b": {"c": 1.5}}, {"1": [True, None], "b": {"c": 1.5}}),
    "a text of another class": (Text("x"), "x"),
    "an object that can't be shown": (Hostile(), "<Hostile that can't be shown>"),
    "numbers that are none": ((1.0, float("nan")), [1.0, "nan"]),
}


@pytest.mark.parametrize("name", STRANGE)
def test_any_value_becomes_valid_json(name):
    """Values were cleaned before they came here; if not, the line is valid all the same."""
    value, written = STRANGE[name]
    assert exported(span(attributes={"key": value}))[0]["attributes"] == {"key": written}


def test_any_key_and_any_name_becomes_text():
    """Also where the core would have let none of them through."""
    made = span(name="\udcff\0", attributes={3: 1, "\ud800": 2, Text("t"): 3}, scope=None)
    line = exported(made)[0]
    assert (line["name"], line["scope"]) == ("\ufffd\0", "None")
    assert line["attributes"] == {"3": 1, "\ufffd": 2, "t": 3}


def test_a_value_that_contains_itself_comes_to_an_end():
    """Nesting is followed only so far."""
    assert "[[[" in json.dumps(exported(span(attributes={"loop": loop}))[0])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@given(st.text(st.characters()), st.dictionaries(st.text(st.characters()), JSON))
def test_every_line_is_valid_whatever_is_in_it(name, attributes):
    """Spans and events, for a strict parser, and one line each."""
    assert len(exported(span(name, attributes))) == 1
    raw = io.BytesIO()
    values = clean_all(attributes, {}, Limits())
    pairs = tuple(Attribute(key, value) for key, value in values.items())
    JsonLinesTail(raw)(event(Attributes(pairs)))
    assert [type(strict(line)) for line in raw.getvalue().splitlines()] == [dict]


# --- where the lines go ---------------------------------------------------------------------------


def lines_of(path):
    return [strict(line)["name"] for line in path.read_bytes().splitlines()]


def test_a_file_is_emptied_once_by_mode_w(tmp_path):
    """When it is configured, whether or not there will be something to write."""
    path = tmp_path / "t.jsonl"
    path.write_text("old\n")
    exporter = JsonLinesExporter(path, mode="w")
    assert path.read_text() == ""
    exporter.export([span("a"), span("b")])
    exporter.export([span("c")])
    exporter.shutdown()
    assert lines_of(path) == ["a", "b", "c"]


def test_a_file_is_made_when_there_is_something_to_write(tmp_path):
    """An exporter that never gets a span leaves nothing behind."""
    for mode in ("a", "w"):
        JsonLinesExporter(tmp_path / "t.jsonl", mode=mode).export([])
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_appended_to(tmp_path):
    """A line that another process left unfinished stays a line of its own."""
    path = tmp_path / "t.jsonl"
    for name in ("a", "b"):
        exporter = JsonLinesExporter(str(path))
        exporter.export([span(name)])
        exporter.shutdown()
        with path.open("a") as file:
            file.write('{"torn')
    names = [line[:7] for line in path.read_text().splitlines()]
    assert names == ['{"type"', '{"torn', '{"type"', '{"torn']


def test_a_file_stays_where_it_was_meant_to_be(tmp_path, monkeypatch):
    """A program that changes its folder does not take the file with it."""
    monkeypatch.chdir(tmp_path)
    exporter = JsonLinesExporter("t.jsonl")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    exporter.export([span("a")])
    assert lines_of(tmp_path / "t.jsonl") == ["a"]


def test_an_open_stream_stays_open(tmp_path):
    """Text or bytes, buffered or not: what was exported has been written."""
    path = tmp_path / "t.jsonl"
    for mode in ("wb", "w"):
        with path.open(mode) as stream:
            exporter = JsonLinesExporter(stream)
            exporter.export([span("Zürich")])
            assert lines_of(path) == ["Zürich"]
            exporter.shutdown()
            assert not stream.closed
    with path.open("wb", buffering=0) as raw:
        JsonLinesExporter(raw).export([span("raw")])
    assert lines_of(path) == ["raw"]


def test_a_text_stream_of_any_encoding_gets_valid_json(tmp_path):
    """What it could not write, or would write as no UTF-8, is escaped."""
    path = tmp_path / "t.jsonl"
    with path.open("w", encoding="latin-1") as stream:
        JsonLinesExporter(stream).export([span("Zürich 👍 \ud800")])
        JsonLinesExporter(stream).export([span("plain")])
    assert path.read_bytes().isascii()
    assert lines_of(path) == ["Zürich 👍 \ufffd", "plain"]


class Stingy(io.RawIOBase):
    """A raw stream that takes a few bytes at a time."""

    def __init__(self):
        self.taken = b""

    def writable(self):
        return True

    def write(self, data):
        self.taken += bytes(data[:10])
        return len(data[:10])


def test_a_stream_that_takes_a_little_at_a_time_gets_all():
    """A raw stream may stop short of what it was given."""
    stream = Stingy()
    JsonLinesExporter(stream).export([span("a")])
    assert strict(stream.taken)["name"] == "a"


@pytest.mark.parametrize("make", [JsonLinesTail, JsonLinesExporter])
def test_what_can_not_be_written_is_refused_at_once(make, tmp_path):
    """A folder that is not there, a folder in place of a file, no path at all."""
    with pytest.raises(FileNotFoundError, match=r"its folder does not exist: '.*t.jsonl'"):
        make(tmp_path / "missing" / "t.jsonl")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        make(tmp_path)
    with pytest.raises(TypeError, match="path must be a path or an open stream, not 7"):
        make(7)
    with pytest.raises(ValueError, match="mode must be 'w' or 'a', not 'r'"):
        make(tmp_path / "t.jsonl", mode="r")


@pytest.mark.parametrize("place, reason", [("t.jsonl", "the file"), ("new.jsonl", "its folder")])
def test_what_may_not_be_written_is_refused_at_once(place, reason, tmp_path, monkeypatch):
    """Permissions are looked at before anything is traced."""
    (tmp_path / "t.jsonl").touch()
    monkeypatch.setattr(os, "access", lambda path, how: False)
    with pytest.raises(PermissionError, match=f"{reason} is not writable"):
        JsonLinesExporter(tmp_path / place)


def test_nothing_is_exported_after_the_shutdown(tmp_path):
    """A second shutdown does nothing; an export is an error, which the caller counts."""
    exporter = JsonLinesExporter(tmp_path / "t.jsonl")
    exporter.export([span("a")])
    exporter.shutdown()
    exporter.shutdown()
    with pytest.raises(ValueError, match="was closed"):
        exporter.export([span("b")])
    assert lines_of(tmp_path / "t.jsonl") == ["a"]
    stream = io.BytesIO()
    exporter = JsonLinesExporter(stream)
    exporter.shutdown()
    with pytest.raises(ValueError, match="was closed"):
        exporter.export([span("b")])


def full(after):
    """A replacement of os.write that fails when so many bytes have been written."""
    real = os.write
    left = [after]

    def write(fd, data):
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(fd, data[: left[0]])
        left[0] -= written
        return written

    return write


def test_of_a_batch_that_a_full_disk_cuts_the_whole_lines_stay(tmp_path, monkeypatch):
    """The others are counted as lost, and what follows begins a new line."""
    exporter = JsonLinesExporter(tmp_path / "t.jsonl")
    exporter.export([span("a")])
    size = (tmp_path / "t.jsonl").stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full(size + 30))
        with pytest.raises(OSError, match=r"No space left.*t.jsonl") as caught:
            exporter.export([span("b"), span("c"), span("d")])
    assert caught.value.lost == 2
    exporter.export([span("e")])
    assert lines_of(tmp_path / "t.jsonl") == ["a", "b", "e"]


def test_a_line_that_can_not_be_cut_off_is_ended(tmp_path, monkeypatch):
    """Another process may have written behind it."""
    exporter = JsonLinesExporter(tmp_path / "t.jsonl")
    exporter.export([span("a")])
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full(30))
        patch.setattr(os, "ftruncate", full(0))
        with pytest.raises(OSError, match="No space left"):
            exporter.export([span("b")])
    exporter.export([span("c")])
    first, torn, last = (tmp_path / "t.jsonl").read_bytes().splitlines()
    assert (strict(first)["name"], len(torn), strict(last)["name"]) == ("a", 30, "c")


def test_a_write_may_take_several_goes(tmp_path, monkeypatch):
    """What the system took only in part is continued."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
    JsonLinesExporter(tmp_path / "t.jsonl").export([span("a"), span("b")])
    assert lines_of(tmp_path / "t.jsonl") == ["a", "b"]


@pytest.mark.parametrize("delivery", ["inline", "background"])
def test_a_tail_counts_what_a_full_disk_does_not_take_and_goes_on(
    tmp_path, monkeypatch, caplog, mine, delivery
):
    """It is logged once; the onset is written with the first event for which there is room."""
    path = tmp_path / "t.jsonl"
    tail = mine.add_tail(JsonLinesTail(path), delivery=delivery)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full(0))
        with caplog.at_level(logging.WARNING, "enterspan"):
            with mine.invocation("lost"):
                mine.log("info", "lost")
            outer = mine.invocation("kept")
            outer.__enter__()
            mine.log("info", "lost")
            assert mine.flush(10)
    mine.log("info", "there is room")
    outer.__exit__(None, None, None)
    assert mine.flush(10)
    events = [strict(line)["event"] for line in path.read_bytes().splitlines()]
    assert [e.get("name") or e.get("message") or e["type"] for e in events] == [
        "kept",
        "there is room",
        "return",
        "outcome",
    ]
    assert tail.stats.failed == 5  # onset, log, return, outcome; log
    assert tail.stats.exported == 4
    assert tail.stats.received == 9
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text


def test_a_tail_can_be_closed(tmp_path):
    """It declines the next invocation; an event that comes all the same is lost."""
    tail = JsonLinesTail(tmp_path / "t.jsonl")
    handler = tail(onset())
    assert handler is not None
    tail.close()
    assert tail(onset()) is None
    with pytest.raises(OSError, match="was closed") as caught:
        handler(END)
    assert caught.value.lost == 1
    assert len((tmp_path / "t.jsonl").read_bytes().splitlines()) == 1


def test_threads_do_not_tear_each_others_lines(tmp_path):
    """Every line of every thread is there, whole."""
    raw = tmp_path / "t.jsonl"
    tail = JsonLinesTail(raw)
    ready = threading.Barrier(8)

    def work():
        ready.wait()
        for _ in range(100):
            tail(onset("x" * 500))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(strict(x)["event"]["name"]) for x in raw.read_bytes().splitlines()] == [500] * 800


@pytest.mark.skipif(os.name != "posix", reason="file descriptors")
def test_a_descriptor_that_the_program_took_is_not_written_to(tmp_path):
    """A daemon closes every descriptor; what it opens next must not get our lines."""
    exporter = JsonLinesExporter(tmp_path / "t.jsonl")
    exporter.export([span("a")])
    mine = exporter._place._fd
    precious = os.open(tmp_path / "precious", os.O_WRONLY | os.O_CREAT)
    os.dup2(precious, mine)
    os.close(precious)
    exporter.export([span("b")])
    os.close(exporter._place._fd)
    exporter.export([span("c")])
    exporter.shutdown()
    os.close(mine)
    assert (tmp_path / "precious").read_bytes() == b""
    assert lines_of(tmp_path / "t.jsonl") == ["a", "b", "c"]


FORKING = """
import os, sys
from enterspan import tracing
from enterspan._recording.wire import parse
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail, span_line

target = sys.argv[1]
if sys.argv[2] == "stream":
    target = open(target, "wb")
tracing.add_tail(JsonLinesTail(target), delivery="inline")
if sys.argv[3] == "opened":
    with tracing.span("before"):
        pass
for name in ("one", "two"):
    child = os.fork()
    if not child:
        with tracing.span(name):
            pass
        sys.exit()
    os.waitpid(child, 0)
with tracing.span("after"):
    pass
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize("opened", ["opened", "unopened"])
@pytest.mark.parametrize("kind", ["path", "stream"])
def test_forked_children_add_their_lines_and_repeat_none(kind, opened, tmp_path):
    """Nobody replaces the file of another, and nothing is written twice."""
    path = tmp_path / "t.jsonl"
    program = [sys.executable, "-W", "ignore", "-c", FORKING, str(path), kind, opened]
    subprocess.run(program, check=True, timeout=30)
    onsets = [strict(line)["event"] for line in path.read_bytes().splitlines()]
    names = [event["name"] for event in onsets if event["type"] == "onset"]
    assert names == ["before"] * (opened == "opened") + ["one", "two", "after"]
    assert [event["type"] for event in onsets].count("outcome") == len(names)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_fork_is_not_disturbed_by_a_file_that_can_not_be_opened(tmp_path):
    """Its first write fails; when the folder is there again, it is opened."""
    (tmp_path / "folder").mkdir()
    exporter = JsonLinesExporter(tmp_path / "folder" / "t.jsonl")
    (tmp_path / "folder").rmdir()
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(FileNotFoundError):
        exporter.export([span("a")])
    (tmp_path / "folder").mkdir()
    exporter.export([span("b")])
    assert lines_of(tmp_path / "folder" / "t.jsonl") == ["b"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_named_pipe_can_be_written_to(tmp_path):
    """It has no end to be looked at."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    exporter = JsonLinesExporter(tmp_path / "pipe", mode="a")
    exporter.export([span("a")])
    assert strict(os.read(reader, 10_000))["name"] == "a"
    exporter.shutdown()
    os.close(reader)
