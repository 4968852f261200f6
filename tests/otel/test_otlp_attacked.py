"""Receivers that answer with garbage or not at all, and spans that nobody should have made."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http", reason="opentelemetry is not installed: nox -s otel"
)

from conftest import GrpcSink, Sink, free_port, spans_of  # type: ignore[attr-defined]

from enterspan import SpanContext, SpanData
from enterspan.exporters.otlp import ExportError, OTLPExporter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from enterspan import Tracing


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of whoever runs the tests are not the tests'."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


class Rude:
    """A receiver that takes a request and answers with anything."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.asked = 0
        self.open: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1/traces"
        self.listener.settimeout(0.02)
        self.closed = False
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while not self.closed:
            with contextlib.suppress(OSError):
                client, _ = self.listener.accept()
                self.open.append(client)
                client.settimeout(1)
                client.recv(100_000)
                self.asked += 1
                if self.answer is not None:  # else nothing more is ever said
                    client.sendall(self.answer)
                    client.close()

    def close(self) -> None:
        self.closed = True
        self.thread.join()
        self.listener.close()
        for client in self.open:
            client.close()


@contextlib.contextmanager
def rude(answer: bytes | None) -> Iterator[Rude]:
    made = Rude(answer)
    try:
        yield made
    finally:
        made.close()


def counts(subscription: Any) -> tuple[int, int]:
    """How many spans were received, and what became of them."""
    stats = subscription.stats
    return stats.received, stats.exported + stats.dropped + stats.failed


ANSWERS = [
    b"",
    b"\x00\xff\xfe garbage \r\n\r\n",
    b"HTTP/1.1 banana\r\n\r\n",
    b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 Later\r\nRetry-After: banana\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 500 \xff\xfe\r\nContent-Length: 3\r\n\r\n\xff\xfe\x00",
    b"HTTP/1.1 429 Slow\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n",
]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_any_answer_is_counted_and_said_and_hurts_nobody(
    answer: bytes, mine: Tracing, caplog: Any
) -> None:
    with rude(answer) as receiver:
        subscription = mine.add_exporter(OTLPExporter(receiver.url, timeout=1), delay=0.01)
        for _ in range(10):
            with mine.span("span"):
                pass
        mine.flush(1)
        assert receiver.asked
        subscription.remove(1)
    assert counts(subscription) == (10, 10)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) <= 2
    assert all(record.name == "enterspan" for record in caplog.records)


def test_a_receiver_that_hangs_holds_up_no_shutdown(mine: Tracing, caplog: Any) -> None:
    with rude(None) as receiver:
        subscription = mine.add_exporter(OTLPExporter(receiver.url, timeout=60), delay=0.01)
        with mine.span("span"):
            pass
        deadline = time.monotonic() + 10
        while not receiver.asked:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not mine.flush(0.2)
        mine.shutdown(0.5)
        # It has not waited for the request, which is still out.
        assert any(thread.name == "enterspan-exporter" for thread in threading.enumerate())
        assert subscription.stats.exported == 0
    deadline = time.monotonic() + 10
    while any(thread.name == "enterspan-exporter" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


TEXTS = ["\ud800", "\x00", "\udcff" * 1_000, "\U0010ffff", "a" * 10_000_000, "\u202e\r\n"]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_any_text_arrives_in_every_place(text: str, mine: Tracing, sink: Sink, caplog: Any) -> None:
    mine.configure(resource={"shop": text})
    subscription = mine.add_exporter(OTLPExporter(sink.url))
    with mine.span(text, {text: text, "list": [text, text]}) as span:
        span.add_event(text, {text: text}).set_status("error", text)
        span.add_link(span.context, {text: text}).record_exception(ValueError(text))
    assert mine.flush(20)
    assert subscription.stats.exported == 1
    (arrived,) = sink.spans
    assert len(arrived.attributes) >= 2  # and a warning, of what was over the limits
    assert caplog.records == []


NUMBERS = [2**63, -(2**63) - 1, 2**64, 10**400, float("inf"), float("-inf"), float("nan"), True]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: str(n)[:20])
def test_any_number_arrives(number: float, mine: Tracing, sink: Sink, caplog: Any) -> None:
    subscription = mine.add_exporter(OTLPExporter(sink.url))
    with mine.span("span", {"one": number, "many": [number, number]}):
        pass
    assert mine.flush(20)
    assert subscription.stats.exported == 1
    assert [pair.key for pair in sink.spans[0].attributes] == ["one", "many"]
    assert caplog.records == []


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An answer over http."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_spans_that_the_receiver_rejects_are_not_sent_again(mine: Tracing, caplog: Any) -> None:
    """OTLP, "Partial Success": the answer is a success and has the number of rejected spans."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    partial = ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 2
    partial.partial_success.error_message = "too old"
    with rude(reply("200 OK", partial.SerializeToString())) as receiver:
        subscription = mine.add_exporter(OTLPExporter(receiver.url), delay=30)
        for _ in range(3):
            with mine.span("span"):
                pass
        assert mine.flush(10)
        assert receiver.asked == 1
        subscription.remove(1)
    stats = subscription.stats
    assert (stats.exported, stats.failed) == (1, 2)
    assert "did not take 2 of 3 spans: too old" in caplog.text


@pytest.mark.parametrize("status", ["300 Multiple Choices", "302 Found", "304 Not Modified"])
def test_a_redirection_is_no_success_and_is_not_followed(status: str, mine: Tracing) -> None:
    with rude(reply(status, b"", "Location: http://127.0.0.1:1/")) as receiver:
        subscription = mine.add_exporter(OTLPExporter(receiver.url), delay=30)
        with mine.span("span"):
            pass
        assert mine.flush(10)
        assert receiver.asked == 1
        subscription.remove(1)
    assert (subscription.stats.exported, subscription.stats.failed) == (0, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Please log in</html>",
        b"\n\x05hello",  # an ExportTracePartialSuccess that is cut off
        b"\n\x03\n\x01x",  # a number of rejected spans that is a text
        b"\x0a",
        b"\xff" * 100_000,
        b"[]",
        b'{"partialSuccess": 7}',
    ],
)
def test_a_success_with_a_body_that_can_not_be_read_is_none(body: bytes, mine: Tracing) -> None:
    """A proxy's page of log-in has the status 200; the receiver has not got the spans."""
    with rude(reply("200 OK", body)) as receiver:
        subscription = mine.add_exporter(OTLPExporter(receiver.url), delay=30)
        with mine.span("span"):
            pass
        assert mine.flush(10)
        assert receiver.asked == 1
        subscription.remove(1)
    assert (subscription.stats.exported, subscription.stats.failed) == (0, 1)


@pytest.mark.parametrize(
    "status,body",
    [
        ("200 OK", b""),
        ("202 Accepted", b""),
        ("204 No Content", b""),
        ("200 OK", b"{}"),
        ("200 OK", b' {"partialSuccess": {}}'),
        ("200 OK", b"\n\x00"),
        ("200 OK", b"\n\x0b\x08" + b"\xff" * 9 + b"\x01"),  # -1 rejected spans
        ("200 OK", b"\x7a\x01x"),  # a field of a later version
    ],
)
def test_a_success_with_an_empty_or_readable_body_is_one(
    status: str, body: bytes, mine: Tracing, caplog: Any
) -> None:
    with rude(reply(status, body)) as receiver:
        subscription = mine.add_exporter(OTLPExporter(receiver.url), delay=30)
        with mine.span("span"):
            pass
        assert mine.flush(10)
        subscription.remove(1)
    assert subscription.stats.exported == 1
    assert caplog.records == []


@pytest.mark.parametrize(
    "body,exported,said",
    [
        (
            b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "old"}}',
            1,
            "2 of 3 spans: old",
        ),
        (b'{"partialSuccess": {"rejectedSpans": 7}}', 0, "3 of 3 spans: rejected"),
        (b"\n\x07\x12\x05tired", 3, "which says: tired"),
    ],
)
def test_a_partial_success_is_counted_and_its_words_are_logged(
    body: bytes, exported: int, said: str, mine: Tracing, caplog: Any
) -> None:
    """With no spans rejected, the words are a warning of the receiver's."""
    with rude(reply("200 OK", body)) as receiver:
        subscription = mine.add_exporter(OTLPExporter(receiver.url), delay=30)
        for _ in range(2):
            for _ in range(3):
                with mine.span("span"):
                    pass
            assert mine.flush(10)
        subscription.remove(1)
    stats = subscription.stats
    assert (stats.exported, stats.failed) == (2 * exported, 6 - 2 * exported)
    assert len(caplog.records) == 1
    assert said in caplog.text


@pytest.mark.parametrize(
    "body,said",
    [
        (b"\x08\x10\x12\x07no key!", "HTTP 403 No: no key!"),
        (b"quota\r\nreached", "HTTP 403 No: quota reached"),
        (b"<html>", "HTTP 403 No"),
        (b"\x00\x01", "HTTP 403 No"),
        (b"x" * 100_000, "HTTP 403 No: " + "x" * 300 + "..."),
    ],
)
def test_the_receivers_words_are_part_of_the_error(body: bytes, said: str) -> None:
    with rude(reply("403 No", body)) as receiver:
        exporter = OTLPExporter(receiver.url)
        with pytest.raises(ExportError) as caught:
            exporter.export([])
        exporter.shutdown()
    assert str(caught.value).endswith(f": {said}")


def test_one_span_that_can_not_be_encoded_costs_one_span(
    mine: Tracing, sink: Sink, caplog: Any
) -> None:
    good = SpanData(
        "good", SpanContext(1, 2), None, 1, 2, {}, (), (),
        "unset", "", "ok", "", "internal", "mine", {}, 0, 0, 0,
    )  # fmt: skip
    bad = SpanData(
        "bad", SpanContext(1 << 200, 2), None, 1, 2, {}, (), (),
        "unset", "", "ok", "", "internal", "mine", {}, 0, 0, 0,
    )  # fmt: skip
    exporter = OTLPExporter(sink.url)
    with pytest.raises(ExportError, match=r"can't be sent 1 of 3 spans: .*error") as caught:
        exporter.export([good, bad, good])
    assert caught.value.lost == 1
    assert [span.name for span in sink.spans] == ["good", "good"]
    with pytest.raises(ExportError):
        exporter.export([bad])
    assert len(sink.requests) == 1, "there was nothing to send"
    exporter.shutdown()


def test_a_batch_holds_up_the_queue_for_a_stated_time(mine: Tracing, caplog: Any) -> None:
    """A receiver that stays down costs one batch after another, and not the whole queue."""
    url = f"http://127.0.0.1:{free_port()}/v1/traces"
    subscription = mine.add_exporter(OTLPExporter(url, retry_for=0.2), max_batch=10, delay=0.01)
    for _ in range(30):
        with mine.span("span"):
            pass
    assert mine.flush(20)
    assert (subscription.stats.exported, subscription.stats.failed) == (0, 30)


def test_a_receiver_that_asks_for_more_than_that_is_left_alone_by_the_next_batch_too() -> None:
    with rude(reply("503 Later", b"", "Retry-After: 60")) as receiver:
        exporter = OTLPExporter(receiver.url, retry_for=0.1)
        for _ in range(3):
            with pytest.raises(ExportError, match="not reached in time"):
                exporter.export([])
        assert receiver.asked == 1
        exporter.shutdown()


def pauses_of(exporter: OTLPExporter, times: int) -> list[float]:
    """The pauses before the next attempts, none of which is waited for."""
    waited: list[float] = []

    class Patience(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            waited.append(timeout)
            if len(waited) == times:
                self.set()
            return self.is_set()

    exporter._given_up = Patience()
    span = SpanData(
        "x", SpanContext(1, 2), None, 1, 2, {}, (), (),
        "unset", "", "ok", "", "internal", "mine", {}, 0, 0, 0,
    )  # fmt: skip
    with pytest.raises(ExportError, match="not reached in time"):
        exporter.export([span])
    exporter.shutdown()
    return waited


def test_pauses_grow_to_a_limit_and_are_not_the_same_for_all() -> None:
    """Exporters that failed together don't come back together."""
    url = f"http://127.0.0.1:{free_port()}"
    first, second = pauses_of(OTLPExporter(url), 8), pauses_of(OTLPExporter(url), 8)
    for number, pause in enumerate(first):
        assert 0.8 * min(2**number, 30) <= pause <= 1.2 * min(2**number, 30)
    assert first != second


@pytest.mark.parametrize(
    "asked,low,high",
    [
        ("60", 60, 60),
        ("0", 0.8, 1.2),
        ("banana", 0.8, 1.2),
        ("99999999999", 21_600, 21_600),
        ("date", 80, 91),
    ],
)
def test_a_receiver_is_left_alone_as_long_as_it_asks(asked: str, low: float, high: float) -> None:
    """Seconds or a date; what can't be read, or is no time at all, is the usual pause."""
    if asked == "date":
        asked = formatdate(time.time() + 90, usegmt=True)
    with rude(reply("503 Later", b"", f"Retry-After: {asked}")) as receiver:
        (pause,) = pauses_of(OTLPExporter(receiver.url, retry_for=100_000), 1)
        assert receiver.asked == 1
    assert low - 0.5 <= pause <= high


@pytest.mark.parametrize("seconds,pause", [(7, 7), (10**9, 21_600), (None, None)])
def test_a_grpc_receiver_without_room_is_tried_again_if_it_gives_a_delay(
    seconds: int | None, pause: int | None, grpc_sink: GrpcSink
) -> None:
    """OTLP, "Failures": RESOURCE_EXHAUSTED is retryable only with a RetryInfo."""
    from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
    from google.rpc.status_pb2 import Status

    if seconds is not None:
        status = Status(code=8)
        status.details.add().Pack(ErrorInfo(reason="quota"))
        info = RetryInfo()
        info.retry_delay.seconds = seconds
        status.details.add().Pack(info)
        grpc_sink.trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    import grpc

    grpc_sink.codes = [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2
    exporter = OTLPExporter(grpc_sink.url, protocol="grpc", retry_for=100_000)
    if seconds is None:
        with pytest.raises(ExportError, match="did not take 0 of 0 spans: RESOURCE_EXHAUSTED"):
            exporter.export([])
        exporter.shutdown()
    else:
        assert pauses_of(exporter, 1) == [pytest.approx(pause, abs=0.5)]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_the_first_export_imports_nothing_and_starts_nothing(
    protocol: Any, request: Any, tmp_path: Path
) -> None:
    """It may be at the end of the process, where neither can be done."""
    receiver = request.getfixturevalue("sink" if protocol != "grpc" else "grpc_sink")
    program = tmp_path / "program.py"
    program.write_text(
        "import builtins, sys, threading\n"
        "from enterspan import tracing\n"
        "from enterspan.exporters.otlp import OTLPExporter\n"
        "tracing.add_exporter(OTLPExporter(sys.argv[1], protocol=sys.argv[2]), delay=30)\n"
        "with tracing.span('only'): pass\n"
        "before, threads = set(sys.modules), set(threading.enumerate())\n"
        "assert tracing.flush(20)\n"
        "print(sorted(set(sys.modules) - before), set(threading.enumerate()) - threads)\n"
    )
    done = subprocess.run(
        [sys.executable, program, receiver.url, protocol],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[] set()\n"
    assert len(receiver.spans) == 1


def test_a_batch_that_is_too_large_for_grpc_does_not_block_those_after_it(
    mine: Tracing, grpc_sink: GrpcSink, caplog: Any
) -> None:
    """A receiver takes 4 MiB at a time, unless somebody has told it otherwise."""
    subscription = mine.add_exporter(
        OTLPExporter(grpc_sink.url, protocol="grpc"), max_batch=512, delay=0.01
    )
    for number in range(512):
        with mine.span(f"large {number}", {"text": "x" * 16_000}):
            pass
    with mine.span("small"):
        pass
    assert mine.flush(30)
    assert counts(subscription) == (513, 513)
    assert sorted(span.name for span in grpc_sink.spans) == sorted(
        ["small", *[f"large {n}" for n in range(512)]]
    )


@pytest.mark.parametrize(
    "words",
    [
        "SERVER: Received message larger than max (5000 vs. 2000)",
        "grpc: received message larger than max (5000 vs. 2000)",
        "gRPC message exceeds maximum size 2000: 5000",
        "Received message exceeds the maximum configured message size.",
    ],
)
def test_what_a_grpc_receiver_calls_too_large_is_sent_in_parts(
    words: str, grpc_sink: GrpcSink
) -> None:
    import grpc

    exporter = OTLPExporter(grpc_sink.url, protocol="grpc")
    span = SpanData(
        "x", SpanContext(1, 2), None, 1, 2, {}, (), (),
        "unset", "", "ok", "", "internal", "mine", {}, 0, 0, 0,
    )  # fmt: skip
    grpc_sink.said = words
    grpc_sink.codes = [grpc.StatusCode.RESOURCE_EXHAUSTED]
    exporter.export([span] * 5)
    assert [len(spans_of([request])) for request in grpc_sink.requests] == [2, 3]
    exporter.shutdown()


def test_a_batch_that_is_too_large_for_http_is_sent_in_parts(mine: Tracing, sink: Sink) -> None:
    sink.most = 1_000_000
    subscription = mine.add_exporter(OTLPExporter(sink.url), max_batch=512, delay=0.01)
    for number in range(512):
        with mine.span(f"large {number}", {"text": "x" * 16_000}):
            pass
    assert mine.flush(30)
    assert subscription.stats.exported == 512
    assert sorted(span.name for span in sink.spans) == sorted(f"large {n}" for n in range(512))


def test_one_span_that_is_too_large_is_the_only_one_that_fails(mine: Tracing, sink: Sink) -> None:
    sink.most = 10_000
    subscription = mine.add_exporter(OTLPExporter(sink.url), delay=0.01)
    for number in range(20):
        with mine.span(f"span {number}", {"text": "x" * (15_000 if number == 7 else 10)}):
            pass
    assert mine.flush(30)
    stats = subscription.stats
    assert (stats.received, stats.exported, stats.dropped, stats.failed) == (20, 19, 0, 1)
    assert len(sink.spans) == 19


def test_workers_forked_while_the_receiver_is_down_deliver_when_it_is_back(mine: Tracing) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1/traces"
    mine.add_exporter(OTLPExporter(url, timeout=1), delay=0.01)
    with mine.span("parent"):
        pass
    assert not mine.flush(0.3)
    child = os.fork()
    if not child:
        status = 1
        try:
            with mine.span("child"):
                pass
            status = 0 if mine.flush(30) else 2
        finally:
            os._exit(status)
    sink = Sink(port)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert mine.flush(30)
        assert sorted(span.name for span in sink.spans) == ["child", "parent"]
    finally:
        sink.close()
