"""OTLP over http, end to end: our spans and exporter beside OpenTelemetry's; and the bridge.

    python bench/otlp.py                  about a minute
    python bench/otlp.py --rounds 3       shorter, and less sure
    python bench/otlp.py --check          exit with 1 if ours costs more than half

Both send the same traces, in batches of the same size, to the same receiver: a process of its own
on this machine, which counts what arrives. A figure is CPU time of the whole process, its worker
thread included, per span; they take turns, and the median over all rounds counts. The receiver's
counts prove that every span of both has arrived.

It needs the extras `otlp` and `otel`.
"""

# The optional packages may not be there when types are checked.
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from time import process_time_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SPANS = 4
"""How many spans a trace has."""
TRACES = 1_500
"""How many traces a turn sends."""
QUEUE = 65_536
BATCH = 512
MOST = 1 / 2
"""What ours may cost, as a part of what OpenTelemetry's costs; on a quiet machine it is less."""


# --- the receiver, in a process of its own --------------------------------------------------------


class Receiver(BaseHTTPRequestHandler):
    """Counts the spans of each scope; GET gives the count of one."""

    protocol_version = "HTTP/1.1"
    counts: dict[str, int] = {}  # noqa: RUF012 - there is one receiver

    def do_POST(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        body = self.rfile.read(int(self.headers["Content-Length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                name = scope.scope.name
                self.counts[name] = self.counts.get(name, 0) + len(scope.spans)
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(str(self.counts.get(self.path[1:], 0)).encode())

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


def receive() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    print(server.server_address[1], flush=True)
    server.serve_forever()


class Sink:
    """The receiver, as the contenders see it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - this very file
            [sys.executable, __file__, "--receive"], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.base = f"http://127.0.0.1:{self.process.stdout.readline().strip()}"
        self.url = f"{self.base}/v1/traces"

    def count(self, scope: str) -> int:
        with urllib.request.urlopen(f"{self.base}/{scope}") as answer:  # noqa: S310 - our own
            return int(answer.read())

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


# --- the contenders: each sends `count` traces, and returns when they have arrived ----------------


def ours(sink: Sink) -> Callable[[int], None]:
    from enterspan import Tracing
    from enterspan.exporters.otlp import OTLPExporter

    tracing = Tracing("ours")
    tracing.configure(resource={"service.name": "bench"})
    tracing.add_exporter(OTLPExporter(sink.url), max_queue=QUEUE, max_batch=BATCH)

    def run(count: int) -> None:
        for number in range(count):
            with tracing.span("request", {"http.request.method": "GET", "http.route": "/cart"}):
                with tracing.span("load", user_id=number) as span:
                    span.set_attribute("rows", 12)
                with tracing.span("price", items=3):
                    pass
                with tracing.span("render") as span:
                    span.add_event("cached", {"hit": True})
        tracing.flush()

    return run


def theirs(sink: Sink) -> Callable[[int], None]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
    exporter = OTLPSpanExporter(sink.url)
    provider.add_span_processor(
        BatchSpanProcessor(exporter, max_queue_size=QUEUE, max_export_batch_size=BATCH)
    )
    start = provider.get_tracer("theirs").start_as_current_span

    def run(count: int) -> None:
        for number in range(count):
            method = {"http.request.method": "GET", "http.route": "/cart"}
            with start("request", attributes=method):
                with start("load", attributes={"user_id": number}) as span:
                    span.set_attribute("rows", 12)
                with start("price", attributes={"items": 3}):
                    pass
                with start("render") as span:
                    span.add_event("cached", {"hit": True})
        provider.force_flush()

    return run


def bare() -> Callable[[int], None]:
    """A span of the SDK's, with a processor that does nothing."""
    start = _provider().get_tracer("bare").start_as_current_span

    def run(count: int) -> None:
        for number in range(count * SPANS):
            with start("load", attributes={"user_id": number}) as span:
                span.set_attribute("rows", 12)

    return run


def bridged() -> Callable[[int], None]:
    """The same span, opened as one of ours, with the bridge."""
    from enterspan import Tracing
    from enterspan.integrations.otel import install

    tracing = Tracing("bridged")
    install(tracing, _provider())

    def run(count: int) -> None:
        for number in range(count * SPANS):
            with tracing.span("load", user_id=number) as span:
                span.set_attribute("rows", 12)

    return run


def _provider() -> Any:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    provider = TracerProvider()
    provider.add_span_processor(SpanProcessor())
    return provider


# --- measuring ------------------------------------------------------------------------------------


def measure(contenders: dict[str, Callable[[int], None]], rounds: int) -> dict[str, float]:
    """The median CPU time of each, in microseconds a span."""
    turns: dict[str, list[float]] = {name: [] for name in contenders}
    for run in contenders.values():
        run(TRACES // 10)
    for _ in range(rounds):
        for name, run in contenders.items():
            gc.collect()
            start = process_time_ns()
            run(TRACES)
            turns[name].append((process_time_ns() - start) / 1e3 / (TRACES * SPANS))
    return {name: median(values) for name, values in turns.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="OTLP end to end, beside OpenTelemetry's SDK.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true", help="fail where ours costs over half")
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        receive()
    sink = Sink()
    try:
        sent = (options.rounds * TRACES + TRACES // 10) * SPANS
        cost = measure({"ours": ours(sink), "theirs": theirs(sink)}, options.rounds)
        for name in cost:
            assert sink.count(name) == sent, f"{sink.count(name)} of {sent} spans of {name} arrived"
    finally:
        sink.close()
    part = cost["ours"] / cost["theirs"]
    print(f"OTLP over http, end to end, CPU a span ({sent:,} spans of each arrived)")
    print(f"  OpenTelemetry's SDK and exporter  {cost['theirs']:6.1f} us")
    print(f"  enterspan and OTLPExporter        {cost['ours']:6.1f} us   {part:.2f} of that")
    cost = measure({"bare": bare(), "bridged": bridged()}, options.rounds)
    print("The bridge, CPU a span with two attributes, nothing exported")
    print(f"  a bare span of the SDK            {cost['bare']:6.1f} us")
    print(
        f"  one of ours, backed by it         {cost['bridged']:6.1f} us"
        f"   {cost['bridged'] / cost['bare']:.2f} times"
    )
    if options.check and part > MOST:
        print(f"ours must cost at most {MOST:.2f} of theirs")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
