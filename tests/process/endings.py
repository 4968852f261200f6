"""One program for each way in which a process ends, and each output: see `test_endings`.

    python endings.py ENDING OUTPUTS URL-OF-HTTP ADDRESS-OF-GRPC

Each output gets its first and only spans at the end. They are written below the working directory,
or sent to a receiver.
"""

from __future__ import annotations

import asyncio
import atexit
import multiprocessing
import os
import signal
import sys
import threading
from pathlib import Path

from enterspan import tracing
from enterspan.exporters.jsonlines import JsonLinesExporter
from enterspan.sampling import TailSampling

LONG = 3600.0
"""Seconds: no batch is exported before the end."""


class Own:
    """A user's exporter, which writes what is called."""

    def _write(self, text):
        with Path("own.txt").open("a") as file:
            file.write(text + "\n")

    def export(self, spans):
        for span in spans:
            self._write(f"{span.name} {span.outcome}")

    def shutdown(self):
        is_child = os.getpid() != MAIN or multiprocessing.parent_process() is not None
        self._write(f"shutdown {'child' if is_child else 'main'}")


def otel():
    """An OpenTelemetry exporter that writes the names of spans."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    from enterspan.exporters.otel import OTelExporter

    class Names(SpanExporter):
        def export(self, spans):
            with Path("otel.txt").open("a") as file:
                file.writelines(f"{span.name}\n" for span in spans)
            return SpanExportResult.SUCCESS

    return OTelExporter(Names())


def otlp(protocol, endpoint):
    """Our own sender."""
    from enterspan.exporters.otlp import OTLPExporter

    return OTLPExporter(endpoint, protocol=protocol)


def make(output):
    """Make an exporter by its name in the matrix."""
    return {
        "jsonlines": lambda: JsonLinesExporter("jsonlines.txt"),
        "sampling": lambda: TailSampling(
            JsonLinesExporter("sampling.txt"), failed=False, keep=lambda spans: True
        ),
        "own": Own,
        "otel": otel,
        "http": lambda: otlp("http/protobuf", HTTP),
        "grpc": lambda: otlp("grpc", GRPC),
    }[output]()


def subscribe():
    """Add all outputs; a second time in the same process, or in its children, they are the same."""
    for output in OUTPUTS:
        tracing.add_exporter(make(output), delay=LONG, key=output)


def work(who="main"):
    """Finish a span and the root above it."""
    with tracing.span(f"{ENDING} {who}"):
        pass


def kill(number):
    """Send a signal to this process, after a span has finished, and wait for it."""
    work("early")
    os.kill(os.getpid(), number)
    threading.Event().wait(30)


def child():
    """What a child of multiprocessing does: the set-up of the docs, and a span."""
    subscribe()
    work("child")


def start(method):
    """Run a child with one start method."""
    work()
    process = multiprocessing.get_context(method).Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == 0, process.exitcode


class Endings:
    """Each method is a way to end."""

    def normal(self):
        work()

    def sys_exit(self):
        with tracing.span(f"{ENDING} main"):
            sys.exit(3)

    def uncaught_exception(self):
        with tracing.span(f"{ENDING} main"):
            raise ValueError("uncaught")

    def ctrl_c(self):
        with tracing.span(f"{ENDING} main"):
            kill(signal.SIGINT)

    def term_with_a_handler(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        with tracing.span(f"{ENDING} main"):
            kill(signal.SIGTERM)

    def term_without_a_handler(self):
        tracing.flush_on_signal()
        with tracing.span(f"{ENDING} main"):
            kill(signal.SIGTERM)

    def thread_still_running(self):
        def late():
            threading.main_thread().join()
            work("child")

        threading.Thread(target=late).start()
        work()

    def asyncio_run(self):
        async def main():
            async with tracing.span(f"{ENDING} main"):
                await asyncio.sleep(0)
                sys.exit(4)

        asyncio.run(main())

    def atexit_flush(self):
        atexit.register(tracing.flush)
        atexit.register(work, "child")
        work()

    def fork(self):
        work()
        pid = os.fork()
        if not pid:
            work("child")
            sys.exit()
        assert os.waitpid(pid, 0)[1] == 0

    def multiprocessing_fork(self):
        start("fork")

    def multiprocessing_spawn(self):
        start("spawn")

    def multiprocessing_forkserver(self):
        start("forkserver")


ENDING, _outputs, HTTP, GRPC = sys.argv[1:]
OUTPUTS = _outputs.split(",")
MAIN = os.getpid()

if __name__ == "__main__":
    subscribe()
    getattr(Endings(), ENDING)()
