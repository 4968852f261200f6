"""What the tests with OpenTelemetry need: a provider, a bridge, receivers of OTLP.

Each file of tests is skipped where the packages are not installed. `nox -s otel` installs them,
and there nothing may be skipped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from otel_provider import Provider  # type: ignore[import-not-found]

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from enterspan import Tracing

REQUIRED = os.environ.get("ENTERSPAN_TEST_OTEL") == "required"
"""Whether all of these tests must run: a skip is then a failure."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    """Where all must run, a test that is skipped has failed."""
    outcome: Any = yield
    report = outcome.get_result()
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but ENTERSPAN_TEST_OTEL=required: {report.longrepr}"


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: Any) -> Iterator[None]:
    """And so has a file that is skipped."""
    outcome: Any = yield
    report = outcome.get_result()
    if REQUIRED and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, but ENTERSPAN_TEST_OTEL=required: {report.longrepr}"


@pytest.fixture
def sdk() -> Iterator[Provider]:
    """An SDK, not the global one."""
    made = Provider()
    yield made
    made.provider.shutdown()


@pytest.fixture
def bridged(mine: Tracing, sdk: Provider) -> Iterator[Tracing]:
    """A Tracing whose spans are backed by that SDK's."""
    from enterspan.integrations.otel import install

    with install(mine, sdk.provider):
        yield mine


@pytest.fixture(autouse=True)
def nothing_is_left_current() -> Iterator[None]:
    """No test may leave anything in OpenTelemetry's context."""
    yield
    if "opentelemetry.trace" in sys.modules:
        from opentelemetry import context, trace

        assert trace.get_current_span() is trace.INVALID_SPAN
        assert dict(context.get_current()) == {}


# --- receivers ------------------------------------------------------------------------------------


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sink:
    """A receiver of OTLP over http in this process, which can be told to fail."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.answers = threading.Event()
        """Cleared, it takes what comes and does not answer."""
        self.answers.set()
        self.most = 64 * 1024 * 1024
        """How many bytes it takes at a time."""
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.answers.wait(60)
                status = sink.statuses.pop(0) if sink.statuses else 200
                if len(body) > sink.most:
                    status = 413
                if self.path != "/v1/traces":
                    status = 404
                if status == 200:
                    sink.take(body, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                pass  # a client that was told to go does

        self.server = Server(("127.0.0.1", port), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/v1/traces"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        """Keep a request, decoded by the official messages."""
        import gzip
        import zlib

        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
            ExportTraceServiceRequest,
        )

        unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress}
        encoding = headers.get("Content-Encoding", "")
        body = unpack[encoding](body) if encoding in unpack else body
        self.headers.append({name.lower(): value for name, value in headers.items()})
        self.requests.append(ExportTraceServiceRequest.FromString(body))

    @property
    def spans(self) -> list[Any]:
        """All spans that have arrived."""
        return spans_of(self.requests)

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()


def spans_of(requests: list[Any]) -> list[Any]:
    """The spans of requests, as protocol buffers."""
    return [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A receiver over http in this process."""
    made = Sink()
    yield made
    made.close()


class GrpcSink:
    """A receiver of OTLP over gRPC in this process."""

    def __init__(self, port: int = 0, tls: Any = None) -> None:
        from concurrent.futures import ThreadPoolExecutor

        import grpc
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services

        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self.codes: list[Any] = []
        self.said = "told to"
        self.trailing: tuple[tuple[str, Any], ...] = ()
        sink = self

        class Service(services.TraceServiceServicer):
            def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
                context.set_trailing_metadata(sink.trailing)
                if sink.codes:
                    context.abort(sink.codes.pop(0), sink.said)
                sink.requests.append(request)
                sink.metadata.append(dict(context.invocation_metadata()))
                return messages.ExportTraceServiceResponse()

        self.server = grpc.server(ThreadPoolExecutor(2))
        services.add_TraceServiceServicer_to_server(Service(), self.server)
        address = f"127.0.0.1:{port}"
        if tls is None:
            self.port = self.server.add_insecure_port(address)
        else:
            self.port = self.server.add_secure_port(address, tls)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.server.start()

    @property
    def spans(self) -> list[Any]:
        """All spans that have arrived."""
        return spans_of(self.requests)

    def close(self) -> None:
        """Stop listening."""
        self.server.stop(0).wait()


@pytest.fixture
def grpc_sink() -> Iterator[GrpcSink]:
    """A receiver over gRPC in this process."""
    pytest.importorskip("grpc", reason="grpc is not installed: nox -s otel")
    made = GrpcSink()
    yield made
    made.close()


class Receiver:
    """A receiver that somebody else wrote, in a process of its own: ddapm-test-agent."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._log = folder / "receiver.txt"
        self.http_port, self.grpc_port, self.agent_port = free_port(), free_port(), free_port()
        self.http = f"http://127.0.0.1:{self.http_port}/v1/traces"
        self.grpc = f"http://127.0.0.1:{self.grpc_port}"
        self.start()

    def start(self) -> None:
        """Start it, on the same ports as before, and wait until it answers."""
        ports = {
            "--port": self.agent_port,
            "--otlp-http-port": self.http_port,
            "--otlp-grpc-port": self.grpc_port,
        }
        options = [str(part) for pair in ports.items() for part in pair]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, *options, "--web-ui-port", "0"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._log.parent,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.grpc_port), 0.2),
            ):
                self.traces()
                return
            time.sleep(0.1)
        raise AssertionError(f"the receiver did not start:\n{self._log.read_text()}")

    def traces(self) -> list[Any]:
        """All requests that it has taken since it started, as JSON has them."""
        import json

        url = f"http://127.0.0.1:{self.http_port}/test/session/traces"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return list(json.loads(answer.read()))

    def names(self) -> list[str]:
        """The names of all spans that it has taken since it started."""
        return [
            span["name"]
            for request in self.traces()
            for resource in request["resource_spans"]
            for scope in resource["scope_spans"]
            for span in scope["spans"]
        ]

    def stop(self) -> None:
        """Kill it; what it has taken is forgotten."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """The receiver's process; it is in a virtual environment of its own."""
    program = os.environ.get("ENTERSPAN_TEST_RECEIVER") or shutil.which("ddapm-test-agent")
    if not program:
        pytest.skip("ddapm-test-agent is not installed: nox -s otel installs and starts it")
    made = Receiver(program, tmp_path)
    yield made
    made.stop()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until something is so."""

    def wait(condition: Callable[[], bool], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.02)

    return wait
