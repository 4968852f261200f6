"""Set-up that runs twice is one: a subscriber with the key of another one replaces it."""

from __future__ import annotations

import io
import json
import threading

import pytest

from enterspan.exporters.chrome import ChromeTraceExporter
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesExporter, JsonLinesTail
from enterspan.exporters.otlpjson import OTLPJsonExporter
from enterspan.sampling import TailSampling


class Names:
    def __init__(self):
        self.names = []
        self.shutdowns = 0

    def export(self, spans):
        self.names += [span.name for span in spans]

    def shutdown(self):
        self.shutdowns += 1


def span(tracing, name):
    with tracing.span(name):
        pass


def test_an_exporter_with_the_same_key_replaces_the_first_one(mine, caplog):
    """The first one delivers what waits, and is shut down; each span is exported once."""
    first, second = Names(), Names()
    mine.add_exporter(first, key="mine", delay=3600)
    span(mine, "before")
    mine.add_exporter(second, key="mine", delay=3600)
    span(mine, "after")
    assert mine.flush(10)
    assert (first.names, first.shutdowns) == (["before"], 1)
    assert (second.names, second.shutdowns) == (["after"], 0)
    (record,) = caplog.records
    assert record.name == "enterspan"
    assert "the key 'mine' was added again and replaces the first one" in record.message


def test_exporters_of_a_users_own_have_no_key(mine, caplog):
    """Two are two, also if it is the same object."""
    names = Names()
    mine.add_exporter(names)
    mine.add_exporter(names)
    span(mine, "s")
    assert mine.flush(10)
    assert names.names == ["s", "s"]
    assert not caplog.records


def test_the_same_exporter_under_the_same_key_is_not_shut_down(mine):
    names = Names()
    for name in ("a", "b"):
        mine.add_exporter(names, key=1)
        span(mine, name)
    assert mine.flush(10)
    assert (names.names, names.shutdowns) == (["a", "b"], 0)


@pytest.mark.parametrize(
    "make",
    [
        JsonLinesExporter,
        OTLPJsonExporter,
        ChromeTraceExporter,
        lambda path: TailSampling(JsonLinesExporter(path)),
    ],
)
def test_exporters_of_one_file_are_one_and_of_two_files_two(mine, tmp_path, make):
    """Under any name of the file; a key of its own makes another subscription."""
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for path in (tmp_path / "a", str(tmp_path / "a"), tmp_path / "link"):
        mine.add_exporter(make(path))
    assert len(mine._subscribers.exporters) == 1
    mine.add_exporter(make(tmp_path / "b"))
    mine.add_exporter(make(tmp_path / "a"), key="another")
    assert len(mine._subscribers.exporters) == 3


def test_another_class_is_another_subscription(mine, tmp_path):
    mine.add_exporter(JsonLinesExporter(tmp_path / "a"))
    mine.add_exporter(OTLPJsonExporter(tmp_path / "a"))
    assert len(mine._subscribers.exporters) == 2


def test_streams_are_told_apart(mine):
    one, two = io.StringIO(), io.StringIO()
    for stream in (one, two, one):
        mine.add_exporter(JsonLinesExporter(stream))
        mine.add_tail(ConsoleTail(stream), delivery="inline")
    assert len(mine._subscribers.exporters) == 2
    assert len(mine._subscribers.tails) == 2


def test_set_up_in_each_of_several_threads_is_one(mine, tmp_path):
    """All at the same time, while spans end: each is in the file once."""
    path = tmp_path / "t.jsonl"
    ready = threading.Barrier(6)

    def listen(number):
        ready.wait()
        for at in range(20):
            mine.add_exporter(JsonLinesExporter(path))
            span(mine, f"{number}.{at}")

    threads = [threading.Thread(target=listen, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mine.flush(20)
    names = [json.loads(line)["name"] for line in path.read_text().splitlines()]
    assert sorted(names) == sorted(f"{n}.{at}" for n in range(6) for at in range(20))


@pytest.mark.parametrize("delivery", ["inline", "background"])
def test_a_tail_that_is_replaced_gets_the_rest_of_what_it_accepted(mine, delivery):
    """The new one gets the invocations that begin from then on."""
    told = []

    def tail(name):
        def begin(onset):
            told.append((name, onset.event.name, "onset"))
            return lambda event: told.append((name, onset.event.name, event.event.type))

        return begin

    first = mine.add_tail(tail("first"), delivery=delivery, key="k")
    with mine.invocation("one"):
        mine.add_tail(tail("second"), delivery=delivery, key="k")
        with mine.invocation("two", new_trace=True):
            pass
        mine.log("info", "still")
    assert mine.flush(10)
    assert [t for t in told if t[1] == "one"] == [
        ("first", "one", kind) for kind in ("onset", "log", "return", "outcome")
    ]
    assert [t for t in told if t[1] == "two"] == [
        ("second", "two", kind) for kind in ("onset", "return", "outcome")
    ]
    if first.worker is not None:
        first.worker.stop(10)
    assert first.removed
    assert first not in mine._subscribers.retired


def test_tails_of_one_file_are_one(mine, tmp_path, caplog):
    for _ in range(2):
        mine.add_tail(JsonLinesTail(tmp_path / "a"), delivery="inline")
    with mine.invocation("main"):
        pass
    assert len((tmp_path / "a").read_text().splitlines()) == 3
    (record,) = caplog.records
    assert record.message.startswith("JsonLinesTail for the same target was added again")


def test_a_subscription_that_was_inherited_by_a_fork_is_replaced_silently(script, tmp_path):
    """The set-up of a pool's workers is right under fork and spawn."""
    done = script(
        """
        import multiprocessing, sys
        from enterspan import tracing
        from enterspan.exporters.jsonlines import JsonLinesExporter

        def listen():
            tracing.add_exporter(JsonLinesExporter("spans.jsonl"))

        def work(n):
            with tracing.span("work"):
                return n

        if __name__ == "__main__":
            listen()
            for method in ("fork", "spawn", "forkserver"):
                with tracing.span("all"):
                    job = tracing.propagate(work)
                    with multiprocessing.get_context(method).Pool(2, listen) as pool:
                        assert pool.map(job, range(10)) == list(range(10))
        """,
        "-W",
        "ignore::DeprecationWarning",
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    assert sorted(line["name"] for line in lines) == ["all"] * 3 + ["work"] * 30
    roots = {line["spanId"] for line in lines if line["name"] == "all"}
    assert {line["parentSpanId"] for line in lines if line["name"] == "work"} == roots


def test_an_exporter_that_both_are_around_is_not_shut_down(mine):
    """As of a cell that is run again; what the first one has not decided yet is exported."""
    inner = Names()
    mine.add_exporter(TailSampling(inner, keep=lambda spans: True), key="mine")
    span(mine, "before")
    mine.add_exporter(TailSampling(inner, keep=lambda spans: True), key="mine")
    span(mine, "after")
    assert mine.shutdown(10)
    assert inner.names == ["before", "after"]
    assert inner.shutdowns == 1
