"""Chrome Trace Event JSON and OTLP JSON: files that other tools open."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import threading
from types import MappingProxyType

import pytest

from enterspan import SpanContext, SpanData, SpanEvent, SpanLink, Tracing, cli
from enterspan._recording.wire import Reader
from enterspan.exporters.chrome import ChromeTraceExporter
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail
from enterspan.exporters.otlpjson import OTLPJsonExporter

EPOCH = 1_700_000_000_000_000_000
MS = 1_000_000


def span(name, span_id, start, end, parent=None, root=1, **changed):
    """A finished span; `start` and `end` in milliseconds."""
    fields = {
        "name": name,
        "context": SpanContext(0xAB, span_id, 1, ""),
        "parent_span_id": parent,
        "start_ns": EPOCH + int(start * MS),
        "end_ns": EPOCH + int(end * MS),
        "attributes": MappingProxyType({}),
        "events": (),
        "links": (),
        "status": "unset",
        "status_description": "",
        "outcome": "ok",
        "invocation_id": f"{root:016x}",
        "kind": "internal",
        "scope": "default",
        "resource": MappingProxyType({"service.name": "shop"}),
        "dropped_attributes": 0,
        "dropped_events": 0,
        "dropped_links": 0,
    }
    return SpanData(**{**fields, **changed})


def chrome(tmp_path, *batches):
    """What the exporter has written, after having checked that it was valid after each batch."""
    path = tmp_path / "trace.json"
    exporter = ChromeTraceExporter(path)
    for batch in batches:
        exporter.export(batch)
        json.loads(path.read_bytes())
    exporter.shutdown()
    return json.loads(path.read_bytes())["traceEvents"]


def drawn(events):
    """Each span below the one that viewers draw it in: `(name, name of the one above)`."""
    found = []
    for row in {(e["pid"], e["tid"]) for e in events if e["ph"] == "X"}:
        on = [e for e in events if e["ph"] == "X" and (e["pid"], e["tid"]) == row]
        on.sort(key=lambda e: (e["ts"], -e["dur"]))
        stack = []
        for event in on:
            while stack and stack[-1]["ts"] + stack[-1]["dur"] <= event["ts"] + 1e-4:
                stack.pop()
            above = stack[-1] if stack else None
            if above is not None:
                assert event["ts"] + event["dur"] <= above["ts"] + above["dur"] + 1e-3, "torn"
            found.append((event["name"], above and above["name"]))
            stack.append(event)
    return sorted(found, key=str)


def tracks(events):
    return {e["name"]: e["tid"] for e in events if e["ph"] == "X"}


# --- chrome: how spans are drawn ------------------------------------------------------------------


def test_children_are_drawn_below_their_parents(tmp_path):
    """One track for what happens one after the other."""
    events = chrome(
        tmp_path,
        [span("b", 3, 2, 3, 2), span("a", 2, 1, 4, 1), span("c", 4, 5, 6, 1), span("r", 1, 0, 9)],
    )
    assert drawn(events) == [("a", "r"), ("b", "a"), ("c", "r"), ("r", None)]
    assert set(tracks(events).values()) == {1}


def test_siblings_that_overlap_are_drawn_side_by_side(tmp_path):
    """A sibling that lies within another one's time is not drawn as its child."""
    events = chrome(
        tmp_path,
        [
            span("inner", 3, 2, 3, 1),
            span("within", 5, 4, 5, 4),
            span("late", 4, 2, 8, 1),
            span("long", 2, 1, 9, 1),
            span("r", 1, 0, 10),
        ],
    )
    assert drawn(events) == [
        ("inner", None),
        ("late", None),
        ("long", "r"),
        ("r", None),
        ("within", "late"),
    ]
    assert len(set(tracks(events).values())) == 3


def test_a_task_that_outlives_its_parent_is_drawn_beside_it(tmp_path):
    """Else the end of the one would lie in the other."""
    events = chrome(tmp_path, [span("r", 1, 0, 5), span("task", 2, 3, 9, 1)])
    assert drawn(events) == [("r", None), ("task", None)]


def test_children_of_earlier_batches_are_drawn_below_a_parent_that_comes_later(tmp_path):
    """A run of hours is exported in pieces."""
    events = chrome(
        tmp_path,
        [span("x", 3, 1, 2, 2)],
        [span("y", 4, 2.5, 3, 2), span("a", 2, 1, 4, 1)],
        [span("b", 5, 5, 6, 1)],
        [span("r", 1, 0, 10)],
    )
    assert drawn(events) == [("a", "r"), ("b", "r"), ("r", None), ("x", "a"), ("y", "a")]


def test_requests_one_after_the_other_share_a_track_and_concurrent_ones_dont(tmp_path):
    """A server of a day has as many tracks as it had requests at a time."""
    batches = [[span("get", 10 * i + 1, 10 * i, 10 * i + 8, root=10 * i + 1)] for i in range(1, 50)]
    events = chrome(tmp_path, *batches)
    assert {e["tid"] for e in events if e["ph"] == "X"} == {1}
    together = [span(f"get{i}", i, 0, 5, root=i) for i in range(1, 4)]
    assert len(set(tracks(chrome(tmp_path, together)).values())) == 3
    names = [e["args"]["name"] for e in events if e["name"] == "thread_name"]
    assert names == ["get"]


def test_many_short_requests_in_one_batch_are_laid_out_in_linear_time(tmp_path, lines_run):
    """What `view` gives at once; two at a time, so on two tracks."""

    def lay_out(count):
        spans = [span("get", i, i, i + 1.5, root=i) for i in range(1, count + 1)]
        events = chrome(tmp_path, spans)
        assert {e["tid"] for e in events if e["ph"] == "X"} == {1, 2}

    assert lines_run(lambda: lay_out(1_000)) < 2.1 * lines_run(lambda: lay_out(500))


@pytest.mark.parametrize("seed", range(25))
def test_whatever_overlaps_nothing_is_drawn_below_a_stranger(tmp_path, seed):
    """Trees of tasks, in batches of any size: above a span is an ancestor, or nothing."""
    dice = random.Random(seed)
    made = [(1, None, 0.0, 1000.0)]
    for number in range(2, 120):
        above = dice.choice(made)
        start = dice.uniform(above[2], above[3])
        end = dice.uniform(start, above[3] + dice.choice([0, 0, 0, 50]))
        made.append((number, above[0], start, end))
    parents = {str(number): parent and str(parent) for number, parent, *_ in made}
    spans = [span(str(n), n, s, e, p) for n, p, s, e in made]
    spans.sort(key=lambda s: s.end_ns)
    size = dice.choice([1, 3, 10, 1000])
    batches = [spans[i : i + size] for i in range(0, len(spans), size)]
    found = drawn(chrome(tmp_path, *batches))
    assert len(found) == len(spans)
    for name, above in found:
        ancestors = set()
        here = parents[name]
        while here:
            ancestors.add(here)
            here = parents[here]
        assert above is None or above in ancestors


def test_asyncio_siblings_of_a_real_program(tmp_path, mine):
    """Three tasks that wait at the same time are on three tracks."""
    path = tmp_path / "t.json"
    mine.add_exporter(ChromeTraceExporter(path))

    async def job(number):
        async with mine.span(f"job {number}"):
            await asyncio.sleep(0.01)
            with mine.span(f"part {number}"):
                pass

    async def main():
        async with mine.invocation("main"):
            await asyncio.gather(*[job(i) for i in range(3)])

    asyncio.run(main())
    mine.shutdown(5)
    events = json.loads(path.read_bytes())["traceEvents"]
    on = tracks(events)
    assert len({on[f"job {i}"] for i in range(3)}) == 3
    assert all(on[f"job {i}"] == on[f"part {i}"] for i in range(3))


# --- chrome: what events say ----------------------------------------------------------------------


def test_an_event_has_all_that_the_format_asks_for(tmp_path):
    """Names, process, track, microseconds, arguments; what happened is an instant on the track."""
    said = SpanEvent("exception", EPOCH + 2 * MS, MappingProxyType({"exception.type": "OSError"}))
    attributes = MappingProxyType({"rows": 12, "tags": ("a", "b")})
    failed = {"status": "error", "status_description": "OSError: no", "outcome": "exception"}
    one = span("load", 1, 0, 3.000001, attributes=attributes, events=(said,), **failed)
    process, labels, track, complete, instant = chrome(tmp_path, [one])
    assert (process["name"], process["args"]) == ("process_name", {"name": "shop"})
    assert labels["args"] == {"labels": labels["args"]["labels"]}
    assert (track["name"], track["args"]) == ("thread_name", {"name": "load"})
    assert {e["pid"] for e in (process, track, complete, instant)} == {os.getpid()}
    assert complete["ph"] == "X"
    assert complete["dur"] == 3000.001
    assert complete["args"] == {
        "rows": 12,
        "tags": ["a", "b"],
        "enterspan.outcome": "exception",
        "enterspan.status": "error",
        "enterspan.status_description": "OSError: no",
    }
    assert complete["traceId"] == f"{0xAB:032x}"
    assert (instant["ph"], instant["s"], instant["tid"]) == ("i", "t", complete["tid"])
    assert instant["ts"] - complete["ts"] == 2000.0


def test_hostile_texts_stay_texts(tmp_path):
    """Quotes, line breaks, brackets, lone surrogates, nan."""
    evil = MappingProxyType({'",\n]}\n': float("nan"), "\ud800": float("inf"), "big": 2**70})
    events = chrome(tmp_path, [span('a",\n]}\n', 1, 0, 1, attributes=evil)], [span("b", 2, 2, 3)])
    assert [e["name"] for e in events if e["ph"] == "X"] == ['a",\n]}\n', "b"]


# --- chrome: the file -----------------------------------------------------------------------------


def test_a_file_that_was_cut_is_mended_by_the_next_batch(tmp_path):
    """Another process was killed while it wrote."""
    path = tmp_path / "trace.json"
    exporter = ChromeTraceExporter(path)
    exporter.export([span("a", 1, 0, 1), span("b", 2, 2, 3, root=2)])
    path.write_bytes(path.read_bytes()[:-40])
    exporter.export([span("c", 3, 4, 5, root=3)])
    names = [e["name"] for e in json.loads(path.read_bytes())["traceEvents"] if e["ph"] == "X"]
    assert names == ["a", "c"]


def test_an_old_file_is_replaced_and_nothing_is_written_for_nothing(tmp_path):
    """As the other exporters do."""
    path = tmp_path / "trace.json"
    ChromeTraceExporter(path).export([])
    assert not path.exists()
    path.write_text("x" * 100_000)
    exporter = ChromeTraceExporter(path)
    exporter.export([span("a", 1, 0, 1)])
    exporter.shutdown()
    assert len(json.loads(path.read_bytes())["traceEvents"]) == 4
    with pytest.raises(ValueError, match="closed"):
        exporter.export([span("b", 2, 0, 1)])


@pytest.mark.parametrize("kind", [ChromeTraceExporter, OTLPJsonExporter])
def test_a_path_that_cant_be_written_is_refused_at_once(tmp_path, kind):
    """One clear error, before anything is recorded."""
    with pytest.raises(IsADirectoryError):
        kind(tmp_path)
    with pytest.raises(FileNotFoundError):
        kind(tmp_path / "none" / "x")
    with pytest.raises(TypeError, match="path must be a path"):
        kind(io.StringIO())


def test_threads_may_export_at_once(tmp_path):
    """The worker does not, but a caller may."""
    path = tmp_path / "trace.json"
    exporter = ChromeTraceExporter(path)
    work = [
        threading.Thread(target=exporter.export, args=([span(f"s{i}", i, 0, 1, root=i)],))
        for i in range(1, 21)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    events = json.loads(path.read_bytes())["traceEvents"]
    assert sum(e["ph"] == "X" for e in events) == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", ["chrome", "otlp"])
def test_parent_and_child_write_to_one_file(tmp_path, script, kind):
    """Each span once, each process of its own."""
    done = script(
        f"""
        import os
        from enterspan import tracing
        from enterspan.exporters.chrome import ChromeTraceExporter
        from enterspan.exporters.otlpjson import OTLPJsonExporter
        make = {{"chrome": ChromeTraceExporter, "otlp": OTLPJsonExporter}}[{kind!r}]
        tracing.add_exporter(make("out"), delay=0.01)
        with tracing.span("before"):
            pass
        children = []
        for number in range(4):
            child = os.fork()
            if not child:
                for i in range(50):
                    with tracing.span("child"):
                        pass
                tracing.shutdown()
                os._exit(0)
            children.append(child)
        for i in range(50):
            with tracing.span("parent"):
                pass
        for child in children:
            os.waitpid(child, 0)
        tracing.shutdown()
        """
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out").read_text(encoding="utf-8")
    if kind == "chrome":
        spans = [e for e in json.loads(text)["traceEvents"] if e["ph"] == "X"]
        assert len({e["pid"] for e in spans}) == 5
    else:
        spans = otlp_spans(text)
    names = [s["name"] for s in spans]
    assert sorted(set(names)) == ["before", "child", "parent"]
    assert (names.count("before"), names.count("child"), names.count("parent")) == (1, 200, 50)


# --- OTLP JSON ------------------------------------------------------------------------------------


def otlp_spans(text):
    return [
        span
        for line in text.splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def test_a_line_is_a_request_as_the_collector_writes_it(tmp_path):
    """Ids are hex, 64-bit numbers texts, enums numbers, names camelCase; and nothing else."""
    path = tmp_path / "out"
    exporter = OTLPJsonExporter(path)
    values = {"s": "x", "b": True, "i": 2**62, "f": 1.5, "n": float("nan"), "l": (1, 2), "e": ()}
    linked = SpanLink(SpanContext(1, 2, 1, "k=v", True), MappingProxyType({"why": "retry"}))
    one = span(
        "load",
        0xC,
        0,
        1,
        0xD,
        context=SpanContext(0xAB, 0xC, 1, "a=b"),
        attributes=MappingProxyType(values),
        events=(SpanEvent("e", EPOCH, MappingProxyType({})),),
        links=(linked,),
        kind="server",
        status="error",
        status_description="no",
        dropped_attributes=3,
        dropped_events=2,
        dropped_links=1,
        parent_is_remote=True,
    )
    exporter.export([one])
    exporter.export([])
    exporter.shutdown()
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]
                },
                "scopeSpans": [
                    {
                        "scope": {"name": "default"},
                        "spans": [
                            {
                                "traceId": f"{0xAB:032x}",
                                "spanId": f"{0xC:016x}",
                                "traceState": "a=b",
                                "parentSpanId": f"{0xD:016x}",
                                "flags": 0x301,
                                "name": "load",
                                "kind": 2,
                                "startTimeUnixNano": str(EPOCH),
                                "endTimeUnixNano": str(EPOCH + MS),
                                "attributes": [
                                    {"key": "s", "value": {"stringValue": "x"}},
                                    {"key": "b", "value": {"boolValue": True}},
                                    {"key": "i", "value": {"intValue": str(2**62)}},
                                    {"key": "f", "value": {"doubleValue": 1.5}},
                                    {"key": "n", "value": {"doubleValue": "NaN"}},
                                    {
                                        "key": "l",
                                        "value": {
                                            "arrayValue": {
                                                "values": [{"intValue": "1"}, {"intValue": "2"}]
                                            }
                                        },
                                    },
                                    {"key": "e", "value": {"arrayValue": {"values": []}}},
                                ],
                                "droppedAttributesCount": 3,
                                "events": [
                                    {"timeUnixNano": str(EPOCH), "name": "e", "attributes": []}
                                ],
                                "droppedEventsCount": 2,
                                "links": [
                                    {
                                        "traceId": f"{1:032x}",
                                        "spanId": f"{2:016x}",
                                        "traceState": "k=v",
                                        "attributes": [
                                            {"key": "why", "value": {"stringValue": "retry"}}
                                        ],
                                        "flags": 0x301,
                                    }
                                ],
                                "droppedLinksCount": 1,
                                "status": {"message": "no", "code": 2},
                            }
                        ],
                    }
                ],
            }
        ]
    }


def test_spans_are_grouped_by_resource_and_scope(tmp_path):
    """Equal resources are one, also when they are other objects."""
    path = tmp_path / "out"
    other = MappingProxyType({"service.name": "bank"})
    same = MappingProxyType({"service.name": "shop"})
    OTLPJsonExporter(path).export(
        [
            span("a", 1, 0, 1),
            span("b", 2, 0, 1, scope="lib"),
            span("c", 3, 0, 1, resource=other),
            span("d", 4, 0, 1, resource=same),
        ]
    )
    found = json.loads(path.read_text(encoding="utf-8"))["resourceSpans"]
    shape = [
        [(s["scope"]["name"], [x["name"] for x in s["spans"]]) for s in r["scopeSpans"]]
        for r in found
    ]
    assert shape == [[("default", ["a", "d"]), ("lib", ["b"])], [("default", ["c"])]]


# --- what was recorded, read back -----------------------------------------------------------------


@pytest.fixture
def recorded(tmp_path):
    """A run, as events, as spans, and as the exporters wrote it."""
    tracing = Tracing("default")
    tracing.configure(resource={"service.name": "shop"})
    tracing.add_tail(JsonLinesTail(tmp_path / "events"), delivery="inline")
    for kind, name in (
        (JsonLinesExporter, "spans"),
        (ChromeTraceExporter, "chrome"),
        (OTLPJsonExporter, "otlp"),
    ):
        tracing.add_exporter(kind(tmp_path / name))
    with tracing.invocation("main"):
        with tracing.span("load", rows=3, tags=["a"]) as load:
            load.add_event("retry", attempt=2)
            tracing.log("warning", "slow", ms=4)
        with pytest.raises(ValueError, match="no money"), tracing.span("pay"):
            raise ValueError("no money")
    tracing.shutdown(5)
    return tmp_path


def run(capsys, *arguments):
    code = cli.main(["view", *[str(a) for a in arguments]])
    out, err = capsys.readouterr()
    return code, out, err


def comparable(spans):
    """Spans to compare; of a root, events tell when its invocation was over, which is later."""
    placed = {"pid", "tid", "ts"}
    ends = {"dur", "endTimeUnixNano"}
    return sorted(
        json.dumps(
            {k: s[k] for k in sorted(s.keys() - (placed | ends if s["name"] == "main" else placed))}
        )
        for s in spans
    )


@pytest.mark.parametrize("source", ["events", "spans"])
def test_chrome_of_a_file_is_what_the_exporter_writes(recorded, source, capsys):
    """The same spans either way."""
    assert run(capsys, recorded / source, "--format", "chrome", "--output", recorded / "x") == (
        0,
        "",
        "",
    )
    mine, exported = (
        [e for e in json.loads((recorded / n).read_bytes())["traceEvents"] if e["ph"] in "Xi"]
        for n in ("x", "chrome")
    )
    assert comparable(mine) == comparable(exported)


def test_otlp_of_a_file_of_spans_is_what_the_exporter_writes(recorded, capsys):
    """To the last field."""
    code, out, err = run(capsys, recorded / "spans", "--format", "otlp")
    assert (code, err) == (0, "")
    assert out == (recorded / "otlp").read_text(encoding="utf-8")


def test_otlp_of_events_has_the_same_spans(recorded, capsys):
    """Events don't tell the resource."""
    code, out, err = run(capsys, recorded / "events", "--format", "otlp")
    assert (code, err) == (0, "")
    assert comparable(otlp_spans(out)) == comparable(
        otlp_spans((recorded / "otlp").read_text(encoding="utf-8"))
    )


def test_what_a_file_says_twice_is_one_span(recorded, capsys):
    """Events and spans of one run in one file: the spans, which say more, count."""
    both = recorded / "both"
    both.write_bytes((recorded / "events").read_bytes() + (recorded / "spans").read_bytes() * 2)
    code, out, _ = run(capsys, both, "--format", "otlp")
    assert code == 0
    assert out == (recorded / "otlp").read_text(encoding="utf-8")


def test_every_field_of_a_span_survives_the_file(tmp_path):
    """Also that the parent is remote, and what is linked to; older files lack them."""
    linked = SpanLink(SpanContext(1, 2, 1, "k=v", True), MappingProxyType({"why": "retry"}))
    one = span("a", 1, 0, 1, 9, parent_is_remote=True, links=(linked,), kind="server")
    two = span("b", 2, 0, 1, scope="lib", status="ok", dropped_links=2)
    exporter = JsonLinesExporter(tmp_path / "f")
    exporter.export([one, two])
    with (tmp_path / "f").open("rb") as file:
        back = list(Reader("f").read(file))
    assert back == [one, two]
    old = [json.loads(line) for line in (tmp_path / "f").read_text().splitlines()]
    assert "parentIsRemote" not in old[1]
    del old[0]["parentIsRemote"], old[0]["links"][0]["isRemote"]
    (tmp_path / "f").write_text("\n".join(json.dumps(line) for line in old))
    with (tmp_path / "f").open("rb") as file:
        assert not next(Reader("f").read(file)).parent_is_remote


def test_a_span_that_the_file_ends_before_is_given_an_end(recorded, capsys):
    """The process was killed: the outcome is unknown, the line that was cut is told."""
    whole = (recorded / "events").read_bytes()
    at = whole.index(b'"channel":"retry"')
    (recorded / "torn").write_bytes(whole[:at])
    code, out, err = run(capsys, recorded / "torn", "--format", "chrome")
    assert code == 0
    assert err == f"enterspan: {recorded / 'torn'}: line 3 is cut off\n"
    spans = [e for e in json.loads(out)["traceEvents"] if e["ph"] == "X"]
    assert [(e["name"], e["args"]["enterspan.outcome"]) for e in spans] == [
        ("main", "unknown"),
        ("load", "unknown"),
    ]


@pytest.mark.parametrize(
    "content, reason",
    [(b"", "is empty"), (b"\n \n", "is empty"), (b"hello\n", "line 1 is not JSON")],
)
def test_what_is_no_trace_is_refused_and_nothing_is_written(tmp_path, capsys, content, reason):
    """One line, exit 2, and the file that was there before is left alone."""
    (tmp_path / "f").write_bytes(content)
    (tmp_path / "out").write_text("precious")
    code, out, err = run(capsys, tmp_path / "f", "--format", "otlp", "--output", tmp_path / "out")
    assert (code, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1
    assert (tmp_path / "out").read_text() == "precious"


def test_an_output_that_cant_be_is_refused(recorded, capsys):
    """The file itself, a folder, a folder that is none, a tree."""
    spans = recorded / "spans"
    before = spans.read_bytes()
    for target in (spans, recorded, recorded / "none" / "x"):
        code, _, err = run(capsys, spans, "--format", "chrome", "--output", target)
        assert (code, err.count("\n")) == (2, 1)
    assert spans.read_bytes() == before
    code, _, err = run(capsys, spans, "--output", recorded / "x")
    assert (code, err) == (2, "enterspan: --output needs --format chrome or --format otlp\n")


@pytest.mark.parametrize(
    "change",
    [
        {"traceId": "xyz"},
        {"traceId": "+" + "0" * 31},
        {"startNs": True},
        {"startNs": 2**70},
        {"links": [1]},
        {"attributes": []},
        {"kind": 3},
        {"events": [{}]},
        {"parentSpanId": 5},
    ],
)
def test_a_line_that_is_no_span_is_passed_over(recorded, capsys, change):
    """And said."""
    first, *rest = (recorded / "spans").read_bytes().splitlines(keepends=True)
    broken = json.dumps({**json.loads(first), **change}).encode() + b"\n"
    (recorded / "f").write_bytes(broken + b"".join(rest))
    code, out, err = run(capsys, recorded / "f", "--format", "otlp")
    assert (code, len(otlp_spans(out))) == (0, 2)
    assert "line 1 is a span without a valid" in err
