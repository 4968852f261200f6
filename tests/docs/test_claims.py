"""What the pages claim of behaviour, beside their examples: each claim is a sentence of a page.

A test names the page and the sentence that it is about, which must stand there; so neither changes
without the other. Claims with tests elsewhere are not repeated here.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import enum
import functools
import inspect
import json
import pickle
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from enterspan import (
    AlarmEventInfo,
    ConnectEventInfo,
    CustomEventInfo,
    EmailEventInfo,
    FetchEventInfo,
    Limits,
    QueueEventInfo,
    RpcEventInfo,
    ScheduledEventInfo,
    TestEventInfo,
    TraceEventInfo,
    Tracing,
    WebSocketEventInfo,
    traced,
    tracing,
)
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail
from enterspan.exporters.otlpjson import OTLPJsonExporter
from enterspan.sampling import TailSampling
from enterspan.testing import capture

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def words(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def claim(page: str, sentence: str) -> Any:
    """Name the sentence that a test is about; it must be on the page."""

    def named(test: Any) -> Any:
        @functools.wraps(test)
        def checked(*args: Any, **kwargs: Any) -> None:
            text = words((DOCS / page).read_text(encoding="utf-8"))
            assert words(sentence) in text, f"{page} no longer says: {sentence}"
            test(*args, **kwargs)

        return checked

    return named


# --- limits.md ------------------------------------------------------------------------------------


@claim("limits.md", "Headers of B3, Jaeger, Datadog, X-Ray or Sentry are neither read nor written.")
def test_only_w3c_headers_are_read_and_written():
    ids = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    for headers in (
        {"b3": f"{ids[0]}-{ids[1]}-1"},
        {"X-B3-TraceId": ids[0], "X-B3-SpanId": ids[1]},
        {"uber-trace-id": f"{ids[0]}:{ids[1]}:0:1"},
        {"x-datadog-trace-id": "1", "x-datadog-parent-id": "2"},
        {"X-Amzn-Trace-Id": f"Root=1-{ids[0][:8]}-{ids[0][8:]};Parent={ids[1]};Sampled=1"},
        {"sentry-trace": f"{ids[0]}-{ids[1]}-1"},
    ):
        assert tracing.extract(headers) is None
    with capture(), tracing.span("call"):
        carrier: dict[str, str] = {}
        tracing.inject(carrier)
    assert set(carrier) == {"traceparent"}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tasks are given a context from 3.11 on")
@claim(
    "limits.md",
    "Two tasks with the same context (`create_task(context=...)`) share the current span.",
)
def test_tasks_in_one_context_share_the_current_span():
    async def work() -> str:
        context = contextvars.copy_context()
        opened = asyncio.Event()

        async def opens() -> None:
            with tracing.span("theirs"):
                opened.set()
                await asyncio.sleep(0)

        async def looks() -> str:
            await opened.wait()
            return tracing.current_span().name

        loop = asyncio.get_running_loop()
        first = loop.create_task(opens(), context=context)
        second = loop.create_task(looks(), context=context)
        await first
        return await second

    with capture():
        assert asyncio.run(work()) == "theirs"


@claim(
    "limits.md",
    "`cpu` of an invocation is the CPU time of the whole process while it ran. Concurrent"
    " invocations count the same time.",
)
def test_cpu_time_is_that_of_the_process():
    def burn() -> None:
        while time.thread_time_ns() < 20_000_000:
            pass

    with capture() as trace, tracing.invocation("outer"):
        with tracing.invocation("inner", new_trace=True):
            thread = threading.Thread(target=burn)
            thread.start()
            thread.join()
    outcomes = [e.event for e in trace.events if e.event.type == "outcome"]
    assert len(outcomes) == 2
    assert min(outcome.cpu_time for outcome in outcomes) >= 20_000_000


@claim("limits.md", "Samplers decide once, at the root;")
def test_a_sampler_is_asked_once():
    asked = []

    class Sampler:
        def should_sample(self, parent, trace_id, name, attributes):
            asked.append(name)
            return True

    mine = Tracing("sampled")
    mine.configure(sampler=Sampler())
    with mine.add_exporter(_Sink()):
        with mine.invocation("request"), mine.span("load"), mine.span("query"):
            pass
    assert asked == ["request"]


class _Sink:
    def export(self, spans):
        pass

    def shutdown(self):
        pass


class _Colour(enum.Enum):
    RED = "red"


class _Thing:
    def __repr__(self):
        return "<a thing>"


@claim(
    "limits.md",
    "A dict, a mixed list, a dataclass, an attrs or pydantic object is recorded as JSON text, a"
    " member of an enum as its value, a date as ISO 8601 has it, and any other object as its"
    " `repr`.",
)
@pytest.mark.parametrize(
    "value,recorded",
    [
        ({"a": 1}, '{"a":1}'),
        ([1, "b"], '[1,"b"]'),
        (_Colour.RED, "red"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (_Thing(), "<a thing>"),
    ],
)
def test_values_are_recorded_as_the_page_says(value, recorded):
    with capture() as trace, tracing.span("a", value=value):
        pass
    shown = trace.find("a").attributes["value"]
    assert shown.replace(": ", ":").replace(", ", ",") == recorded


@claim(
    "limits.md",
    "when it is cut: a string in it is shorter, or a list has fewer items.",
)
def test_json_that_is_cut_stays_json():
    with capture() as trace, tracing.span("a", big={"rows": list(range(10_000))}):
        pass
    attributes = trace.find("a").attributes
    assert len(attributes["big"]) <= Limits().value_bytes
    json.loads(attributes["big"])
    assert "big" in str(attributes["enterspan.cut"])


@claim(
    "limits.md",
    "URLs in attributes are recorded without a password for the host",
)
def test_a_url_has_no_password():
    with capture() as trace, tracing.span("a", said="no answer from https://ann:hunter2@shop"):
        pass
    assert trace.find("a").attributes["said"] == "no answer from https://shop"
    info = FetchEventInfo("GET", "https://ann:hunter2@shop.example/a?token=abc&x=1")
    assert "hunter2" not in info.url
    assert "abc" not in info.url
    assert "x=1" in info.url


@claim(
    "limits.md",
    "If the program has added names, an object with a custom `repr` is recorded by its class.",
)
def test_with_own_secrets_a_repr_is_not_recorded():
    mine = Tracing("own secrets")
    mine.configure(redact=["plan"])
    with capture(mine) as trace, mine.span("a", value=_Thing()):
        pass
    assert "<a thing>" not in trace.find("a").attributes["value"]
    assert "_Thing" in trace.find("a").attributes["value"]


@claim(
    "limits.md",
    "the wrapper has its own code object, as with any decorator;"
    " `inspect.getsource` and `inspect.unwrap` find the original",
)
def test_the_original_of_a_wrapper_is_found():
    def plain():
        return "a line of the original"

    wrapped = traced(plain)
    assert wrapped.__code__ is not plain.__code__
    assert inspect.unwrap(wrapped) is plain
    assert "a line of the original" in inspect.getsource(wrapped)


def _doubled(number):
    return 2 * number


@claim(
    "limits.md",
    "pickles of a `partial` that was made before its function was replaced | an error: the"
    " function's name now refers to the wrapper",
)
def test_a_partial_of_a_replaced_function_can_not_be_pickled():
    held = functools.partial(_doubled, 2)
    with tracing.instrument(_doubled):
        with pytest.raises(pickle.PicklingError):
            pickle.dumps(held)
    assert pickle.loads(pickle.dumps(held))() == 4


class _Adder:
    def __call__(self, left, right):
        return left + right


@claim(
    "limits.md",
    "wrong arguments for a callable object or a bound method | a span that failed; for functions,"
    " nothing is recorded",
)
def test_wrong_arguments():
    @traced
    def add(left, right):
        return left + right

    adder = traced("adder")(_Adder())
    with capture() as trace:
        for callee in (add, adder):
            with pytest.raises(TypeError):
                callee(1)
    assert [(span.name, span.status) for span in trace.spans] == [("adder", "error")]


@claim("limits.md", "`Limits.queue_bytes`, 2,097,152")
def test_the_limits_of_the_tables_are_the_defaults():
    text = (DOCS / "limits.md").read_text(encoding="utf-8")
    said = re.findall(r"`Limits\.(\w+)`,? (?:of )?([\d,]*\d)", text)
    assert {name for name, _ in said} == {
        "name_bytes",
        "value_bytes",
        "span_bytes",
        "tail_value_bytes",
        "event_bytes",
        "queue_bytes",
    }
    for name, number in said:
        assert getattr(Limits(), name) == int(number.replace(",", ""))
    assert (Limits().attributes, Limits().events, Limits().links) == (128, 128, 128)


BOUNDS = {
    "spans that are queued for one exporter": "pipeline/test_bounds_in_bytes.py::"
    "test_what_waits_for_an_exporter",
    "events that are queued for one tail": "pipeline/test_bounds_in_bytes.py::"
    "test_what_waits_for_a_background_tail",
    "what is held back for spans with a `min_duration`": "pipeline/test_bounds_in_bytes.py::"
    "test_what_a_min_duration_holds_back",
    "spans that wait in `TailSampling`": "pipeline/test_bounds_in_bytes.py::"
    "test_what_waits_in_tail_sampling",
    "what `TailSampling` knows": "pipeline/test_bounds_in_bytes.py::"
    "test_what_tail_sampling_knows_takes_less_than_the_page_says",
    "events that wait for the thread that writes": "exporters/test_console_tail.py::"
    "test_large_events_that_a_stream_does_not_take_are_bounded_in_bytes",
    "a name": "model/test_limits.py::test_names_are_cut",
    "a value": "model/test_limits.py::test_a_value_is_cut",
    "a value of a span under a certain name": "model/test_limits.py::"
    "test_an_attribute_may_have_a_limit_of_its_own",
    "a value of a span, as live tails get it": "model/test_limits.py::"
    "test_exporters_get_more_than_live_tails",
    "attributes, events and links of a span": "model/test_limits.py::"
    "test_once_the_total_of_a_span_is_spent_the_rest_is_counted_and_said_once",
    "an exception that leaves a span": "model/test_limits.py::"
    "test_exceptions_without_end_on_one_span_are_bounded",
    "a log message, a stack": "model/test_limits.py::test_an_oversized_log_is_cut_and_says_so",
    "what a generator yields": "forms/test_captured_values.py::"
    "test_what_is_kept_to_be_folded_is_bounded",
    "a text of an event info": "pipeline/test_live_stream.py::test_an_info_is_cut_where_it_is_made",
    "the query of a URL": "model/test_secrets.py::"
    "test_a_query_that_is_too_long_to_search_is_left_out",
    "a `tracestate`": "docs/test_claims.py::test_a_long_tracestate_is_shortened_by_members",
    "descriptions of exceptions": "span/test_state_is_given_back.py::"
    "test_what_is_remembered_of_exceptions_is_bounded",
}
"""The rows of the tables of bounds, by how they begin, and a test that holds each to its bound."""


@claim("limits.md", "Every bound is in bytes of memory")
def test_each_bound_of_the_tables_has_a_test():
    text = (DOCS / "limits.md").read_text(encoding="utf-8")
    part = text[text.index("## Memory") : text.index("## What is recorded")]
    rows = [row.split("|")[1].strip() for row in part.splitlines() if row.startswith("| ")]
    found = [row for row in rows if row not in ("what", "---")]
    names = {row: [name for name in BOUNDS if row.startswith(name)] for row in found}
    assert [row for row in found if not names[row]] == []
    assert len(found) == len(BOUNDS)
    for place in BOUNDS.values():
        file, _, test = place.partition("::")
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f"def {test}(" in source


@claim("limits.md", "`max_bytes`, 67,108,864, and `max_queue`, 65,536 spans")
@claim("limits.md", "`max_bytes`, 33,554,432, and `max_spans`, 20,000")
def test_the_bounds_of_exporters_are_the_defaults():
    given = inspect.signature(Tracing.add_exporter).parameters
    assert [given[name].default for name in ("max_bytes", "max_queue")] == [67_108_864, 65_536]
    given = inspect.signature(TailSampling).parameters
    assert [given[name].default for name in ("max_bytes", "max_spans")] == [33_554_432, 20_000]


@claim("limits.md", "a `tracestate` | 512 characters")
def test_a_long_tracestate_is_shortened_by_members():
    members = [f"vendor{number}=" + "v" * 40 for number in range(30)]
    context = tracing.extract(
        {
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "tracestate": ",".join(members),
        }
    )
    assert context is not None
    assert len(context.trace_state) <= 512
    assert set(context.trace_state.split(",")) < set(members)


# --- how-it-fits-together.md, glossary.md, model.md -----------------------------------------------


@claim(
    "how-it-fits-together.md",
    "`current_span()` returns an open span or the no-op span, never one that has ended.",
)
def test_a_current_span_is_never_one_that_has_ended():
    with capture(), tracing.invocation("job", linger=None):
        with tracing.span("step") as span:
            context = contextvars.copy_context()
        assert not span.is_traced
        seen = context.run(tracing.current_span)
        assert seen is not span
        assert seen.is_traced
    late = context.run(tracing.current_span)
    assert (late.is_traced, late.context.span_id) == (False, 0)


@claim("how-it-fits-together.md", "its subscribers get only its own")
def test_each_tracing_has_subscribers_of_its_own():
    mine, other = Tracing("mine"), Tracing("other")
    with capture(mine) as trace, mine.span("a"), other.span("b"):
        pass
    assert [span.name for span in trace.spans] == ["a"]


@claim(
    "how-it-fits-together.md",
    "A span of `start_span` that is garbage-collected without `end()` is ended as `abandoned`.",
)
def test_a_span_that_is_dropped_is_abandoned():
    with capture() as trace, tracing.invocation("job", linger=None):
        span = tracing.start_span("lost")
        del span
    assert trace.find("lost").outcome == "abandoned"


@claim("glossary.md", "Counts such as `1 failed` count it once.")
def test_an_exception_marks_each_span_and_is_recorded_once():
    with capture() as trace, pytest.raises(ValueError, match="no money"):
        with tracing.span("order"), tracing.span("pay"):
            raise ValueError("no money")
    assert [span.status for span in trace.spans] == ["error", "error"]
    assert [e.span_context.span_id for e in trace.events if e.event.type == "exception"] == [
        f"{trace.find('pay').context.span_id:016x}"
    ]


NOW = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


@claim(
    "model.md",
    "`fetch`, `connect`, `rpc` and `webSocket` are `server`, `queue` and `email` are `consumer`,"
    " and the rest is `internal`.",
)
def test_an_info_decides_the_kind():
    infos = (
        FetchEventInfo("GET", "https://a"),
        ConnectEventInfo(),
        RpcEventInfo("m"),
        WebSocketEventInfo("message"),
        QueueEventInfo("q", 1),
        EmailEventInfo("a", "b", 1),
        ScheduledEventInfo(NOW, "* * * * *"),
        AlarmEventInfo(NOW),
        TraceEventInfo([]),
        TestEventInfo("t"),
        CustomEventInfo("c"),
    )
    with capture() as trace:
        for info in infos:
            with tracing.invocation(info.type, info=info):
                pass
    kinds = {span.name: span.kind for span in trace.spans}
    servers, consumers = {"fetch", "connect", "rpc", "webSocket"}, {"queue", "email"}
    assert kinds == {
        info.type: "server"
        if info.type in servers
        else "consumer"
        if info.type in consumers
        else "internal"
        for info in infos
    }
    page = (DOCS / "model.md").read_text(encoding="utf-8")
    assert [type(i).__name__ for i in infos if f"| `{type(i).__name__}` |" not in page] == []


# --- live-tree.md, view.md, formats.md ------------------------------------------------------------


@claim(
    "live-tree.md",
    "Durations of 100 ms and above are yellow, those below 1 ms are dim. A status from 400 on is"
    " yellow, from 500 on red.",
)
def test_colours_of_durations_and_statuses():
    from enterspan._terminal.screen import DIM, GREEN, PLAIN, RED, YELLOW
    from enterspan._terminal.text import duration_style, status_style

    styles = [duration_style(round(ms * 1_000_000)) for ms in (0.999, 1, 99.9, 100)]
    assert styles == [DIM, PLAIN, PLAIN, YELLOW]
    assert [status_style(s) for s in (399, 400, 499, 500)] == [GREEN, YELLOW, YELLOW, RED]


@claim(
    "live-tree.md",
    "If the encoding of stderr lacks these symbols, they are `/`, `\\`, `-`, `|` and `x`.",
)
def test_signs_of_a_poor_encoding():
    from enterspan._terminal.screen import glyphs_for

    poor = glyphs_for("ascii")
    assert (poor.opening, poor.closing, poor.whole) == ("/", "\\", "-")
    assert (poor.rail, poor.failed) == ("|", "x")


@claim(
    "live-tree.md",
    'A status that a program sets (`set_status("error")`) is not on the stream, and has no symbol;'
    " exporters get it",
)
def test_a_status_that_was_set_is_not_on_the_stream():
    with capture() as trace, tracing.span("order"), tracing.span("pay") as span:
        span.set_status("error", "no money")
    assert trace.find("pay").status == "error"
    assert [e.event.outcome for e in trace.events if e.event.type == "spanClose"] == ["ok"]
    assert "no money" not in json.dumps([event.to_dict() for event in trace.events])


@claim("view.md", "`enterspan view` reads both, also mixed in one file:")
def test_both_forms_in_one_file_are_one_trace(tmp_path, capsys):
    from enterspan.cli import main

    path = tmp_path / "both.jsonl"
    mine = Tracing("both")
    with mine.add_tail(JsonLinesTail(path)), mine.add_exporter(JsonLinesExporter(path)):
        with mine.invocation("GET /x"), mine.span("step") as span:
            span.set_status("error", "as the program says")
        mine.flush(5)
    assert main(["view", str(path), "--summary"]) == 0
    summary = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] + line.rpartition("  ")[2] for line in summary[1:]) == [
        "1GET /x",
        "1step",
    ]
    assert main(["view", str(path)]) == 0
    assert "✗ step  as the program says" in capsys.readouterr().out


# --- production.md, instrument.md -----------------------------------------------------------------


@claim("production.md", "A request of five spans, each with two attributes, takes in a file")
def test_sizes_of_files(tmp_path):
    rows = re.findall(
        r"^\| .*?(?:`(\w+)`\)|`(\.gz)`) \| (\d+) \|$",
        (DOCS / "production.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    said = {name or suffix: int(size) for name, suffix, size in rows}
    mine = Tracing("sizes")
    mine.configure(resource={"service.name": "shop"})
    paths = {name: tmp_path / f"{name.strip('.')}.jsonl" for name in said}
    paths[".gz"] = tmp_path / "spans.jsonl.gz"
    mine.add_exporter(JsonLinesExporter(paths["JsonLinesExporter"]))
    mine.add_exporter(JsonLinesExporter(paths[".gz"]))
    mine.add_exporter(OTLPJsonExporter(paths["OTLPJsonExporter"]))
    mine.add_tail(JsonLinesTail(paths["JsonLinesTail"]))
    for request in range(1000):
        with mine.invocation("GET /orders/{id}"):
            for order in range(4):
                with mine.span("load", order=order, table="orders"):
                    pass
        if request % 100 == 99:
            assert mine.flush(10)  # no queue is full
    assert mine.shutdown(10)
    measured = {name: path.stat().st_size / 5000 for name, path in paths.items()}
    assert measured == pytest.approx(said, rel=0.2)


@claim("production.md", "New files are readable only by their owner.")
def test_new_files_are_the_owners(tmp_path):
    path = tmp_path / "spans.jsonl"
    mine = Tracing("owner")
    with mine.add_exporter(JsonLinesExporter(path)):
        with mine.span("a"):
            pass
        mine.flush(5)
    assert path.stat().st_mode & 0o777 == 0o600


def test_figures_of_the_pages_are_those_of_the_measurements():
    """What production.md and instrument.md say of costs is in the tables of the benchmark."""
    tables = (DOCS.parent / "bench" / "figures.md").read_text(encoding="utf-8")
    production = words((DOCS / "production.md").read_text(encoding="utf-8"))
    instrument = words((DOCS / "instrument.md").read_text(encoding="utf-8"))

    def numbers(row: str, column: int = 1) -> list[float]:
        lines = [line for line in tables.splitlines() if line.startswith(f"| {row} |")]
        cells = [line.split("|")[column + 1].strip().removesuffix(" ns") for line in lines]
        return [float(c.replace(",", "")) for c in cells if re.fullmatch(r"[\d,]+(\.\d+)?", c)]

    low, high = re.findall(r"on the thread that makes it \| ([\d.]+) to ([\d.]+) µs", production)[0]
    calls = [*numbers("decorated call"), *numbers("`with` and one attribute")]
    assert min(calls) / 1000 == pytest.approx(float(low), rel=0.15)
    assert max(calls) / 1000 == pytest.approx(float(high), rel=0.2)
    (queued,) = re.findall(r"queued for an exporter \| (\d+) bytes", production)
    assert float(queued) in numbers("enterspan")
    low, high = re.findall(r"is recorded \| ([\d.]+) to ([\d.]+) µs", instrument)[0]
    recorded = [number / 1000 for number in numbers("instrumented call")]
    assert [float(low), float(high)] == pytest.approx([min(recorded), max(recorded)], abs=0.06)


# --- the glossary, and the command line -----------------------------------------------------------


def test_the_glossary_is_in_order_and_its_words_are_linked():
    """A term that no page leads to is not found by those who meet it."""
    terms = re.findall(r"^### (.+)$", (DOCS / "glossary.md").read_text("utf-8"), re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    guides = [page for page in DOCS.glob("*.md") if page.name not in ("glossary.md", "index.md")]
    linked = {
        anchor
        for page in [*guides, DOCS / "index.md", DOCS / "glossary.md"]
        for anchor in re.findall(r"(?:glossary\.md)?#([\w-]+)\)", page.read_text(encoding="utf-8"))
    }
    own_pages = {"model.md", "compatibility.md", "performance.md", "migrating.md"}
    without = [
        page.name
        for page in guides
        if "glossary.md" not in page.read_text(encoding="utf-8") and page.name not in own_pages
    ]
    assert without == []
    assert {"span", "invocation", "tail", "exporter", "failed", "self-time", "subscriber"} <= linked


COMMANDS = ("run", "view", "diff", "stubs", "catalogue")


def options_of(command: str, capsys: Any) -> set[str]:
    """The long options that a command's help lists."""
    from enterspan.cli import main

    with pytest.raises(SystemExit):
        main([command, "--help"])
    listed = re.findall(r"^  (?:-\w, )?(--[\w-]+)", capsys.readouterr().out, re.MULTILINE)
    return set(listed) - {"--help"}


def test_the_pages_have_every_option_and_no_other(capsys):
    """Each option of a command is on a page; what stands in code behind a command is an option."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("*.md"))
    for command in COMMANDS:
        options = options_of(command, capsys)
        assert options
        assert sorted(option for option in options if f"{option}" not in text) == []
        used = re.findall(rf"enterspan {command} ([^\n`|;&]*)", text)
        # Behind the program's name, options are the program's.
        known = {option for line in used for option in re.findall(r"(?<!\S)(--[\w-]+)", line)}
        assert known <= options


def test_the_navigation_has_the_titles_of_the_pages():
    """What a reader clicks on is what the page is called."""
    listed = re.findall(
        r"^ +- (.+): ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE
    )
    titles = {
        name: (DOCS / name).read_text("utf-8").partition("\n")[0].removeprefix("# ")
        for _, name in listed
    }
    assert {name: title for title, name in listed} == titles
    assert set(titles) == {path.relative_to(DOCS).as_posix() for path in DOCS.glob("**/*.md")}
