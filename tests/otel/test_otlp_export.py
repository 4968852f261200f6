"""Finished spans over OTLP: what arrives, and what happens where nothing does."""

from __future__ import annotations

import base64
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http", reason="opentelemetry is not installed: nox -s otel"
)

from conftest import GrpcSink, Sink, free_port  # type: ignore[attr-defined]

from enterspan import SpanContext, Tracing
from enterspan.exporters.otel import OTelExporter
from enterspan.exporters.otlp import ExportError, OTLPExporter

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of whoever runs the tests are not the tests'."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def record(tracing: Tracing, count: int, name: str = "span") -> None:
    for number in range(count):
        with tracing.span(f"{name} {number}"):
            pass


def warnings_in(caplog: Any) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


# --- what arrives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_span_arrives_whole(protocol: Any, mine: Tracing, request: Any) -> None:
    sink = request.getfixturevalue("sink" if protocol != "grpc" else "grpc_sink")
    mine.configure(resource={"service.name": "shop", "shards": [1, 2]})
    subscription = mine.add_exporter(OTLPExporter(sink.url, protocol=protocol))
    upstream = SpanContext(0xABC << 64, 0xDEF, 1, "vendor=1", True)
    other = SpanContext(1 << 64, 2, 1, "a=b", True)
    with mine.invocation("request", parent=upstream):
        with mine.span("work", text="x", yes=True, whole=-3, part=1.5, many=["a", "b"]) as span:
            span.add_event("something", n=1).add_link(other, {"why": "because"})
            span.set_kind("client").set_status("error", "no luck")
    assert mine.flush(20)
    (sent,) = sink.requests
    (resource,) = sent.resource_spans
    named = {pair.key: pair.value for pair in resource.resource.attributes}
    assert named["service.name"].string_value == "shop"
    assert [v.int_value for v in named["shards"].array_value.values] == [1, 2]
    assert named["telemetry.sdk.language"].string_value == "python"
    (scope,) = resource.scope_spans
    assert scope.scope.name == "mine"
    work, root = scope.spans
    assert (work.name, root.name) == ("work", "request")
    assert root.trace_id.hex() == f"{0xABC << 64:032x}"
    assert root.parent_span_id.hex() == f"{0xDEF:016x}"
    assert root.trace_state == work.trace_state == "vendor=1"
    assert root.flags == 0x301, "sampled, and its parent is remote"
    assert work.flags == 0x101, "sampled, and its parent is not"
    assert work.parent_span_id == root.span_id
    assert (work.kind, root.kind) == (3, 1)
    assert root.start_time_unix_nano <= work.start_time_unix_nano <= work.end_time_unix_nano
    assert abs(work.end_time_unix_nano / 1e9 - time.time()) < 60
    values = {pair.key: pair.value for pair in work.attributes}
    assert values["text"].string_value == "x"
    assert values["yes"].bool_value is True
    assert values["whole"].int_value == -3
    assert values["part"].double_value == 1.5
    assert [v.string_value for v in values["many"].array_value.values] == ["a", "b"]
    (event,) = work.events
    assert (event.name, event.attributes[0].value.int_value) == ("something", 1)
    (link,) = work.links
    assert (link.span_id.hex(), link.trace_state) == (f"{2:016x}", "a=b")
    assert (work.status.code, work.status.message) == (2, "no luck")
    assert subscription.stats == type(subscription.stats)(2, 2, 0, 0)


def test_dropped_counts_arrive(mine: Tracing, sink: Sink) -> None:
    from enterspan import Limits

    mine.configure(limits=Limits(span_bytes=2_000))
    mine.add_exporter(OTLPExporter(sink.url))
    with mine.span("big") as span:
        for number in range(40):
            span.set_attribute(f"key{number}", "v" * 100)
            span.add_event("event", text="v" * 100)
            span.add_link(SpanContext(1, 2), {"text": "v" * 100})
    assert mine.flush(20)
    (found,) = sink.spans
    assert found.dropped_attributes_count > 0
    assert found.dropped_events_count > 0
    assert found.dropped_links_count > 0


def test_each_tracing_is_a_scope_and_each_resource_a_group(sink: Sink) -> None:
    exporter = OTLPExporter(sink.url)
    kept: list[Any] = []

    class Keep:
        def export(self, spans: Any) -> None:
            kept.extend(spans)

        def shutdown(self) -> None:
            pass

    for name, service in (("one", "a"), ("two", "a"), ("three", "b")):
        tracing = Tracing(name)
        tracing.configure(resource={"service.name": service})
        with tracing.add_exporter(Keep()):
            record(tracing, 1)
    exporter.export(kept)
    exporter.shutdown()
    (sent,) = sink.requests
    assert [[s.scope.name for s in r.scope_spans] for r in sent.resource_spans] == [
        ["one"],
        ["two"],
        ["three"],
    ]


def test_thousands_of_spans_arrive_once_each(mine: Tracing, sink: Sink) -> None:
    mine.add_exporter(OTLPExporter(sink.url))
    record(mine, 5_000)
    assert mine.flush(30)
    assert sorted(s.name for s in sink.spans) == sorted(f"span {n}" for n in range(5_000))


# --- what the variables say -----------------------------------------------------------------------


def test_with_no_arguments_the_variables_decide(
    mine: Tracing, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{sink.port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=seven,x-key=a%20b")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from the variable")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "zone=eu,shade=green")
    mine.configure(resource={"shade": "blue"})
    mine.add_exporter(OTLPExporter())
    record(mine, 1)
    assert mine.flush(20)
    assert sink.headers[0]["x-tenant"] == "seven"
    assert sink.headers[0]["x-key"] == "a b"
    assert sink.headers[0]["content-encoding"] == "gzip"
    (resource,) = sink.requests[0].resource_spans
    named = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert named["service.name"] == "from the variable"
    assert (named["zone"], named["shade"]) == ("eu", "blue")


@pytest.mark.parametrize(
    "given,endpoint",
    [
        ("http://shop:4318", "http://shop:4318/v1/traces"),
        ("http://shop:4318/", "http://shop:4318/v1/traces"),
        ("http://shop/otlp?api-key=7/8", "http://shop/otlp/v1/traces?api-key=7/8"),
        ("http://shop?api-key=7", "http://shop/v1/traces?api-key=7"),
    ],
)
def test_the_path_is_added_to_that_of_the_endpoint(
    given: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", given)
    protocol, found, _ = OTLPExporter().subscription_target  # type: ignore[misc]
    assert (protocol, found) == ("http/protobuf", endpoint)


def test_the_protocol_comes_from_its_variables(
    mine: Tracing, grpc_sink: GrpcSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", grpc_sink.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-tenant=seven")
    mine.add_exporter(OTLPExporter())
    record(mine, 3)
    assert mine.flush(20)
    assert len(grpc_sink.spans) == 3
    assert grpc_sink.metadata[0]["x-tenant"] == "seven"


def test_what_is_given_goes_before_the_variables(
    mine: Tracing, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    exporter = OTLPExporter(
        sink.url,
        protocol="http/protobuf",
        headers={"X-Given": "yes"},
        timeout=5,
        compression="deflate",
    )
    mine.add_exporter(exporter)
    record(mine, 1)
    assert mine.flush(20)
    assert sink.headers[0]["x-given"] == "yes"
    assert sink.headers[0]["content-encoding"] == "deflate"


@pytest.mark.parametrize(
    "options,error,says",
    [
        ({"protocol": "http"}, ValueError, "'http/protobuf' or 'grpc'"),
        ({"endpoint": 7}, TypeError, "endpoint"),
        ({"endpoint": ""}, TypeError, "endpoint"),
        ({"endpoint": "localhost:4318"}, ValueError, "http://"),
        ({"headers": "a=b"}, TypeError, "headers"),
        ({"timeout": "10"}, TypeError, "timeout"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"timeout": float("nan")}, ValueError, "timeout"),
        ({"compression": "zip"}, ValueError, "gzip"),
        ({"retries": 3}, TypeError, "retries"),
        ({"retry_for": 0}, ValueError, "retry_for"),
        ({"retry_for": float("inf")}, ValueError, "retry_for"),
        ({"endpoint": "http://"}, ValueError, "no host"),
        ({"endpoint": "http://host:port"}, ValueError, "not a URL"),
        ({"endpoint": "http://host:70000"}, ValueError, "not a URL"),
        ({"endpoint": "http://[::1"}, ValueError, "not a URL"),
        ({"endpoint": "http://ho st"}, ValueError, "no spaces"),
        ({"endpoint": "ftp://host"}, ValueError, "http://"),
        ({"headers": {"a b": "c"}}, ValueError, "'a b'"),
        ({"headers": {"a": "b\nc"}}, ValueError, "'a'"),
        ({"headers": {"a": 7}}, TypeError, "'a' must be a str, not a int"),
        ({"headers": {7: "a"}}, TypeError, "name of a header"),
        ({"protocol": "grpc", "headers": {"grpc-x": "a"}}, ValueError, "grpc-x"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(
    options: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        OTLPExporter(**options)


@pytest.mark.parametrize("value", ["http/json", "GRPC", "nonsense"])
def test_a_protocol_that_is_none_is_refused_with_its_variables_name(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", value)
    with pytest.raises(ValueError, match=f"OTEL_EXPORTER_OTLP_PROTOCOL.*{value}"):
        OTLPExporter()


@pytest.mark.parametrize(
    "package,program,extra",
    [
        ("urllib3", "from enterspan.exporters.otlp import OTLPExporter; OTLPExporter()", "otlp"),
        (
            "grpc",
            "from enterspan.exporters.otlp import OTLPExporter; OTLPExporter(protocol='grpc')",
            "otlp-grpc",
        ),
        ("opentelemetry", "import enterspan.integrations.otel", "otel"),
    ],
)
def test_a_missing_extra_says_what_to_install(package: str, program: str, extra: str) -> None:
    hide = (
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {package!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide + program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"pip install 'enterspan[{extra}]'" in done.stderr.splitlines()[-1]


def test_enterspan_alone_imports_no_opentelemetry() -> None:
    program = "import sys, enterspan; print([m for m in sys.modules if 'opentelemetry' in m])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


PEM = str(Path(__file__).with_name("localhost.pem"))
"""A certificate for this machine, signed by itself, with its key; for a hundred years."""


@pytest.fixture(params=["http/protobuf", "grpc"])
def secure(request: Any) -> Iterator[Any]:
    """A receiver over TLS that asks its clients for their certificates."""
    if request.param == "grpc":
        import grpc

        pem = Path(PEM).read_bytes()
        made = GrpcSink(tls=grpc.ssl_server_credentials([(pem, pem)], pem, True))
    else:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=PEM)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(PEM)
        made = Sink(tls=context)
    yield request.param, made
    made.close()


@pytest.mark.parametrize("by", ["arguments", "variables"])
def test_certificates_are_checked_and_sent(
    by: str, secure: Any, mine: Tracing, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol, sink = secure
    options = dict.fromkeys(["certificate_file", "client_key_file", "client_certificate_file"], PEM)
    if by == "variables":
        for name in options:
            variable = f"OTEL_EXPORTER_OTLP_{name.removesuffix('_file').upper()}"
            monkeypatch.setenv(variable, PEM)
        options = {}
    mine.add_exporter(OTLPExporter(sink.url, protocol=protocol, **options))
    record(mine, 2)
    assert mine.flush(20)
    assert len(sink.spans) == 2


def test_a_receiver_with_an_unknown_certificate_gets_nothing(secure: Any, mine: Tracing) -> None:
    protocol, sink = secure
    exporter = OTLPExporter(
        sink.url, protocol=protocol, client_key_file=PEM, client_certificate_file=PEM
    )
    subscription = mine.add_exporter(exporter, delay=0.01)
    record(mine, 1)
    assert not mine.flush(1)
    subscription.remove(0.1)
    assert sink.spans == []


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("option", ["certificate_file", "client_certificate_file"])
def test_a_certificate_that_can_not_be_used_is_refused_at_once(
    option: str, protocol: Any, tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nnone\n")
    with pytest.raises(FileNotFoundError, match=r"/nowhere\.pem"):
        OTLPExporter("https://localhost", protocol=protocol, **{option: "/nowhere.pem"})
    with pytest.raises(ValueError, match=r"garbage\.pem"):
        OTLPExporter("https://localhost", protocol=protocol, **{option: garbage})


def test_a_client_key_that_can_not_be_used_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="client_certificate_file"):
        OTLPExporter("https://localhost", client_key_file=PEM)
    other, locked = (Path(PEM).with_name(f"{name}_key.pem") for name in ("other", "locked"))
    with pytest.raises(ValueError, match=r"other_key\.pem is not its private key"):
        OTLPExporter("https://localhost", client_certificate_file=PEM, client_key_file=other)
    with pytest.raises(ValueError, match="encrypted"):
        OTLPExporter("https://localhost", client_certificate_file=PEM, client_key_file=locked)


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint": "http://anna:hunter22@PLACE/v1/traces?api-key=hunter22#hunter22"},
        {"endpoint": "http://anna:hunter%322@PLACE/v1/traces"},
        {"headers": {"authorization": "Bearer hunter22"}},
        {"headers": {"x-key": "hunter22"}},
    ],
)
def test_secrets_are_in_no_repr_and_no_error(options: Any, mine: Tracing, caplog: Any) -> None:
    """Also where the receiver repeats them."""
    receiver = Echo()
    endpoint = options.get("endpoint", "http://PLACE/v1/traces").replace("PLACE", receiver.place)
    exporter = OTLPExporter(**{**options, "endpoint": endpoint})
    subscription = mine.add_exporter(exporter)
    record(mine, 1)
    assert mine.flush(20)
    receiver.join()
    assert "hunter22" in receiver.got, "it is sent"
    assert subscription.stats.failed == 1
    assert "***" in caplog.text
    assert "hunter22" not in f"{exporter!r}{subscription!r}{caplog.text}"
    assert receiver.place in repr(exporter)


@pytest.mark.parametrize(
    "options",
    [
        {"headers": "authorization=hunter22"},
        {"headers": {"x-key": "hunter22\n"}},
        {"headers": {"x-key": b"hunter22"}},
        {"endpoint": "anna:hunter22@host"},
        {"endpoint": "ftp://anna:hunter22@host/"},
        {"endpoint": "http://anna:hunter22@host:port/"},
        {"endpoint": "http://host:1/ ?key=hunter22"},
        {"endpoint": b"http://anna:hunter22@host"},
    ],
)
def test_secrets_are_in_no_error_at_configuration(options: Any) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        OTLPExporter(**options)
    assert "hunter22" not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_proxys_password_is_in_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "gopher://who:hunter22@[")
    with pytest.raises(ValueError, match="http_proxy") as caught:
        OTLPExporter("http://collector.invalid")
    assert "hunter22" not in str(caught.value)


def test_a_user_and_a_password_in_the_endpoint_are_sent(mine: Tracing, sink: Sink) -> None:
    mine.add_exporter(OTLPExporter(sink.url.replace("//", "//anna:p%40ss@")))
    record(mine, 1)
    assert mine.flush(20)
    assert sink.headers[0]["authorization"] == "Basic YW5uYTpwQHNz"
    assert "@" not in sink.headers[0]["host"]


class Echo:
    """A receiver that refuses, and repeats what it got."""

    def __init__(self) -> None:
        self.got = ""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with client:
            head = client.recv(100_000).split(b"\r\n\r\n")[0].decode()
            login = base64.b64decode(head.partition("Basic ")[2].split("\r\n")[0]).decode()
            self.got = f"no: {head} {login}"
            body = self.got.encode()
            lines = ["HTTP/1.1 401 No", f"Content-Length: {len(body)}", "", ""]
            client.sendall("\r\n".join(lines).encode() + body)

    def join(self) -> None:
        """Wait for the end of its only request."""
        self._thread.join(20)
        self._listener.close()


@pytest.mark.parametrize("insecure", [True, "true"])
def test_a_grpc_endpoint_without_a_scheme_is_secure_unless_told_otherwise(
    insecure: Any, mine: Tracing, grpc_sink: GrpcSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"127.0.0.1:{grpc_sink.port}"
    with pytest.raises(ExportError, match="UNAVAILABLE"):
        exporter = OTLPExporter(address, protocol="grpc", timeout=2)
        threading.Timer(0.5, exporter.give_up).start()
        exporter.export([])
    given = insecure if insecure is True else None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "" if given else insecure)
    mine.add_exporter(OTLPExporter(address, protocol="grpc", insecure=given))
    record(mine, 1)
    assert mine.flush(20)
    assert len(grpc_sink.spans) == 1


def test_a_proxy_is_used_as_the_variables_say(
    mine: Tracing, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://who:secret@127.0.0.1:{free_port()}")
    direct = OTLPExporter("http://collector.invalid/v1/traces", timeout=1)
    threading.Timer(0.3, direct.give_up).start()
    with pytest.raises(ExportError, match="proxy"):
        direct.export([])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    mine.add_exporter(OTLPExporter(sink.url))
    record(mine, 1)
    assert mine.flush(20)
    assert len(sink.spans) == 1


@pytest.mark.parametrize("variable", ["TIMEOUT", "COMPRESSION"])
def test_a_variable_that_makes_no_sense_is_refused_with_its_name(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{variable}", "nonsense")
    with pytest.raises(ValueError, match=f"OTEL_EXPORTER_OTLP_{variable} must be .*nonsense"):
        OTLPExporter()


def test_a_header_without_a_value_is_left_out_and_not_shown(
    mine: Tracing, sink: Sink, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "secret-token, a=b,,A=c")
    mine.add_exporter(OTLPExporter(sink.url, headers={"D": "e"}))
    record(mine, 1)
    assert mine.flush(20)
    assert (sink.headers[0]["a"], sink.headers[0]["d"]) == ("c", "e")
    (said,) = warnings_in(caplog)
    assert "OTEL_EXPORTER_OTLP_HEADERS" in said
    assert "secret" not in said


# --- where nothing arrives ------------------------------------------------------------------------


def test_a_receiver_that_is_down_at_first_gets_everything(
    mine: Tracing, caplog: Any, eventually: Any
) -> None:
    port = free_port()
    subscription = mine.add_exporter(
        OTLPExporter(f"http://127.0.0.1:{port}/v1/traces", timeout=1), delay=0.05
    )
    record(mine, 2_000)
    assert not mine.flush(0.5)
    stats = subscription.stats
    assert (stats.exported, stats.dropped, stats.failed) == (0, 0, 0)
    sink = Sink(port)
    try:
        assert mine.flush(30)
        assert sorted(s.name for s in sink.spans) == sorted(f"span {n}" for n in range(2_000))
        assert subscription.stats == type(subscription.stats)(2_000, 2_000, 0, 0)
    finally:
        sink.close()
    (said,) = warnings_in(caplog)
    assert f"127.0.0.1:{port}" in said
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in said


def test_what_the_queue_can_not_hold_is_counted_as_dropped(mine: Tracing, caplog: Any) -> None:
    port = free_port()
    subscription = mine.add_exporter(
        OTLPExporter(f"http://127.0.0.1:{port}/v1/traces", timeout=1),
        max_queue=100,
        max_batch=10,
        delay=0.01,
    )
    record(mine, 1_000)  # it does not wait for the receiver, which is not there yet
    stats = subscription.stats
    assert stats.received == 1_000
    assert 880 <= stats.dropped <= 900
    sink = Sink(port)
    try:
        assert mine.flush(30)
        stats = subscription.stats
        assert stats.exported == len(sink.spans) == 1_000 - stats.dropped
        assert stats.failed == 0
    finally:
        sink.close()


def test_at_the_end_what_was_never_delivered_is_counted_and_nobody_waits(
    mine: Tracing, caplog: Any
) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1/traces"
    subscription = mine.add_exporter(OTLPExporter(url, timeout=1_000), max_batch=10, delay=0.01)
    record(mine, 100)
    subscription.remove(0.5)
    stats = subscription.stats
    assert (stats.received, stats.exported) == (100, 0)
    assert stats.failed + stats.dropped == 100
    assert len(warnings_in(caplog)) == 2, "that nobody answered, and that spans were lost"
    deadline = time.monotonic() + 5
    while any(t.name == "enterspan-exporter" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500])
def test_what_the_receiver_refuses_has_failed_and_is_said_once(
    status: int, mine: Tracing, sink: Sink, caplog: Any
) -> None:
    sink.statuses = [status] * 3
    subscription = mine.add_exporter(OTLPExporter(sink.url))
    for _ in range(3):
        record(mine, 1)
        assert mine.flush(10)
    record(mine, 1, "taken")
    assert mine.flush(10)
    assert subscription.stats == type(subscription.stats)(4, 1, 0, 3)
    assert [s.name for s in sink.spans] == ["taken 0"]
    (said,) = warnings_in(caplog)
    assert "ExportError" in said
    assert str(status) in caplog.text


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int, mine: Tracing, sink: Sink, caplog: Any) -> None:
    sink.statuses = [status]
    subscription = mine.add_exporter(OTLPExporter(sink.url))
    record(mine, 5)
    assert mine.flush(30)
    assert len(sink.spans) == 5
    assert subscription.stats == type(subscription.stats)(5, 5, 0, 0)
    assert len(warnings_in(caplog)) == 1


def test_a_short_timeout_is_no_reason_to_lose_spans(mine: Tracing, sink: Sink) -> None:
    sink.statuses = [503, 503]
    subscription = mine.add_exporter(OTLPExporter(sink.url, timeout=0.2))
    record(mine, 5)
    assert mine.flush(30)
    assert subscription.stats == type(subscription.stats)(5, 5, 0, 0)


def test_grpc_tells_what_may_pass_from_what_may_not(
    mine: Tracing, grpc_sink: GrpcSink, caplog: Any
) -> None:
    import grpc

    grpc_sink.codes = [grpc.StatusCode.UNAVAILABLE]
    subscription = mine.add_exporter(OTLPExporter(grpc_sink.url, protocol="grpc"))
    record(mine, 2)
    assert mine.flush(30)
    assert subscription.stats == type(subscription.stats)(2, 2, 0, 0)
    grpc_sink.codes = [grpc.StatusCode.INVALID_ARGUMENT]
    record(mine, 2)
    assert mine.flush(30)
    assert subscription.stats == type(subscription.stats)(4, 2, 0, 2)
    assert len(warnings_in(caplog)) == 2


def test_grpc_waits_for_a_receiver_that_is_down(mine: Tracing, caplog: Any) -> None:
    pytest.importorskip("grpc", reason="grpc is not installed: nox -s otel")
    port = free_port()
    exporter = OTLPExporter(f"http://127.0.0.1:{port}", protocol="grpc", timeout=1)
    subscription = mine.add_exporter(exporter, delay=0.05)
    record(mine, 50)
    assert not mine.flush(0.5)
    sink = GrpcSink(port)
    try:
        assert mine.flush(30)
        assert len(sink.spans) == 50
        assert subscription.stats == type(subscription.stats)(50, 50, 0, 0)
    finally:
        sink.close()
    assert len(warnings_in(caplog)) == 1


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_the_wrong_protocol_is_said_once_and_hurts_nobody(
    protocol: Any, mine: Tracing, request: Any, caplog: Any
) -> None:
    other = request.getfixturevalue("grpc_sink" if protocol != "grpc" else "sink")
    path = "/v1/traces" if protocol != "grpc" else ""
    exporter = OTLPExporter(f"http://127.0.0.1:{other.port}{path}", protocol=protocol, timeout=1)
    subscription = mine.add_exporter(exporter)
    record(mine, 5)
    mine.flush(2.5)
    record(mine, 5)
    subscription.remove(0.5)
    assert other.spans == []
    assert subscription.stats.received == 10
    assert subscription.stats.exported == 0
    said = warnings_in(caplog)
    assert "protocol" in said[0]
    assert len(said) <= 2


def test_a_slow_receiver_slows_nobody_and_loses_nothing(mine: Tracing, sink: Sink) -> None:
    sink.answers.clear()
    subscription = mine.add_exporter(OTLPExporter(sink.url), max_batch=100, delay=0.01)
    record(mine, 1_000)
    assert sink.spans == []
    sink.answers.set()
    assert mine.flush(30)
    assert len(sink.spans) == 1_000
    assert subscription.stats == type(subscription.stats)(1_000, 1_000, 0, 0)


def test_what_opentelemetry_logs_for_others_is_left_alone(
    mine: Tracing, sink: Sink, caplog: Any
) -> None:
    """The user's own SDK may use the same exporter; what that says is not hushed."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    mine.add_exporter(OTLPExporter(sink.url))
    sink.statuses = [404]
    theirs = OTLPSpanExporter(sink.url)
    theirs.export([])
    theirs.shutdown()
    assert "404" in warnings_in(caplog)[0]


def test_logging_switched_off_is_no_reason_to_lose_spans(mine: Tracing, sink: Sink) -> None:
    sink.statuses = [503]
    subscription = mine.add_exporter(OTLPExporter(sink.url, timeout=0.2))
    logging.disable(logging.CRITICAL)
    try:
        record(mine, 5)
        assert mine.flush(20)
    finally:
        logging.disable(logging.NOTSET)
    assert subscription.stats == type(subscription.stats)(5, 5, 0, 0)


# --- side effects ---------------------------------------------------------------------------------


def test_an_export_is_traced_by_nobody(mine: Tracing, sdk: Any, sink: Sink) -> None:
    pytest.importorskip("opentelemetry.instrumentation.requests", reason="nox -s otel")
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor

    instrumentors = (RequestsInstrumentor(), URLLib3Instrumentor())
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=sdk.provider)
    try:
        mine.add_exporter(OTLPExporter(sink.url))
        record(mine, 3)
        assert mine.flush(20)
        mine.shutdown(5)
    finally:
        for instrumentor in instrumentors:
            instrumentor.uninstrument()
    assert len(sink.spans) == 3
    assert sdk.spans == []


def test_a_forked_child_sends_on_a_connection_of_its_own(mine: Tracing, sink: Sink) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    mine.add_exporter(OTLPExporter(sink.url))
    record(mine, 1, "before")
    assert mine.flush(20)
    child = os.fork()
    if not child:
        record(mine, 1, "child")
        os._exit(0 if mine.flush(20) else 1)
    assert os.waitpid(child, 0)[1] == 0
    record(mine, 1, "parent")
    assert mine.flush(20)
    assert sorted(s.name for s in sink.spans) == ["before 0", "child 0", "parent 0"]


def test_shutdown_twice_is_quiet(sink: Sink, caplog: Any) -> None:
    exporter = OTLPExporter(sink.url)
    exporter.shutdown()
    exporter.shutdown()
    exporter.give_up()
    assert warnings_in(caplog) == []


# --- any other exporter ---------------------------------------------------------------------------


def test_any_span_exporter_gets_readable_spans(mine: Tracing) -> None:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.trace import SpanKind, StatusCode

    memory = InMemorySpanExporter()
    mine.configure(resource={"service.name": "shop"})
    subscription = mine.add_exporter(OTelExporter(memory))
    upstream = SpanContext(0xABC << 64, 0xDEF, 1, "vendor=1", True)
    with mine.invocation("request", parent=upstream):
        with mine.span("work", rows=3) as span:
            span.add_event("something", n=1).add_link(upstream, {"why": "because"})
            span.set_kind("client").set_status("error", "no luck")
    assert mine.flush(20)
    work, root = memory.get_finished_spans()
    assert isinstance(work, ReadableSpan)
    assert (work.name, dict(work.attributes), work.kind) == ("work", {"rows": 3}, SpanKind.CLIENT)
    assert (work.status.status_code, work.status.description) == (StatusCode.ERROR, "no luck")
    assert [(e.name, dict(e.attributes)) for e in work.events] == [("something", {"n": 1})]
    assert [(li.context.span_id, li.context.is_remote) for li in work.links] == [(0xDEF, True)]
    assert work.parent.span_id == root.context.span_id
    assert (work.parent.is_remote, root.parent.is_remote) == (False, True)
    assert root.context.trace_state.to_header() == "vendor=1"
    assert root.resource.attributes["service.name"] == "shop"
    assert root.instrumentation_scope.name == "mine"
    assert '"name": "work"' in work.to_json()
    assert subscription.stats.exported == 2


def test_a_refusal_counts_as_failed(mine: Tracing, caplog: Any) -> None:
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Refuses(SpanExporter):
        def export(self, spans: Any) -> Any:
            return SpanExportResult.FAILURE

        def shutdown(self) -> None:
            raise RuntimeError("not even that")

    subscription = mine.add_exporter(OTelExporter(Refuses()))
    record(mine, 3)
    assert mine.flush(10)
    subscription.remove()
    assert subscription.stats == type(subscription.stats)(3, 0, 0, 3)
    assert "Refuses returned FAILURE" in caplog.text


def test_what_is_no_span_exporter_is_refused() -> None:
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    for wrong in (None, object(), ConsoleSpanExporter, "http://localhost"):
        with pytest.raises(TypeError, match="SpanExporter"):
            OTelExporter(wrong)


# --- a receiver that somebody else wrote ----------------------------------------------------------


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_real_receiver_understands_it(protocol: Any, mine: Tracing, receiver: Any) -> None:
    url = receiver.grpc if protocol == "grpc" else receiver.http
    mine.configure(resource={"service.name": "shop"})
    mine.add_exporter(OTLPExporter(url, protocol=protocol))
    with mine.span("outer", user_id=7), mine.span("inner"):
        pass
    assert mine.flush(20)
    (sent,) = receiver.traces()
    (resource,) = sent["resource_spans"]
    pairs = {a["key"]: a["value"] for a in resource["resource"]["attributes"]}
    assert pairs["service.name"] == {"string_value": "shop"}
    inner, outer = resource["scope_spans"][0]["spans"]
    assert (outer["name"], inner["name"]) == ("outer", "inner")
    assert inner["parent_span_id"] == outer["span_id"]
    assert outer["attributes"] == [{"key": "user_id", "value": {"int_value": "7"}}]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_real_receiver_restarted_in_the_middle_gets_everything(
    protocol: Any, mine: Tracing, receiver: Any, caplog: Any
) -> None:
    url = receiver.grpc if protocol == "grpc" else receiver.http
    subscription = mine.add_exporter(OTLPExporter(url, protocol=protocol), delay=0.05)
    record(mine, 600, "before")
    assert mine.flush(20)
    assert len(receiver.names()) == 600
    receiver.stop()
    record(mine, 600, "meanwhile")
    assert not mine.flush(1)
    receiver.start()
    record(mine, 600, "after")
    assert mine.flush(30)
    expected = [f"{when} {n}" for when in ("meanwhile", "after") for n in range(600)]
    assert sorted(receiver.names()) == sorted(expected)
    assert subscription.stats == type(subscription.stats)(1_800, 1_800, 0, 0)
    assert len(warnings_in(caplog)) == 1
