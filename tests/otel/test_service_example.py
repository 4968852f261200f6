"""The example of a service and its client, through OpenTelemetry, to a receiver: one trace."""

from __future__ import annotations

import base64
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

for package in ("opentelemetry.instrumentation.sqlite3", "starlette", "uvicorn", "httpx"):
    pytest.importorskip(package, reason=f"{package} is not installed: nox -s otel")

from conftest import free_port  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = Path(__file__).parents[2] / "examples" / "service"
LINE = re.compile(r"(.*) trace=(\w{32}) span=(\w{16})")


class Arrived(NamedTuple):
    """A span as the receiver has it."""

    service: str
    scope: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]


def hexadecimal(text: str) -> str:
    return base64.b64decode(text).hex()


def mapping(pairs: Any) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in pairs}


def arrived(receiver: Any) -> list[Arrived]:
    """All spans, in order of their beginning."""
    found = [
        (int(span["start_time_unix_nano"]), resource, scope, span)
        for request in receiver.traces()
        for resource in request["resource_spans"]
        for scope in resource["scope_spans"]
        for span in scope["spans"]
    ]
    return [
        Arrived(
            mapping(resource["resource"]["attributes"])["service.name"],
            scope["scope"]["name"],
            span["name"],
            span["kind"].removeprefix("SPAN_KIND_"),
            hexadecimal(span["trace_id"]),
            hexadecimal(span["span_id"]),
            hexadecimal(span.get("parent_span_id", "")),
            mapping(span.get("attributes", ())),
            [
                (event["name"], mapping(event.get("attributes", ())))
                for event in span.get("events", ())
            ],
        )
        for _, resource, scope, span in sorted(found, key=lambda one: one[0])
    ]


def tree(spans: list[Arrived], parent: str = "", depth: int = 0) -> list[str]:
    """A line for each span below a parent."""
    lines: list[str] = []
    for span in spans:
        if span.parent_id == parent:
            lines.append(f"{'  ' * depth}{span.service}: {span.name}")
            lines += tree(spans, span.span_id, depth + 1)
    return lines


def start(*command: str, service: str, receiver: Any, log: Path) -> subprocess.Popen[bytes]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    url = f"http://127.0.0.1:{receiver.http_port}"
    environment = {**kept, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SERVICE_NAME": service}
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, *command], env=environment, stderr=stream, stdout=stream
        )


def test_one_trace_shows_the_request_the_database_and_the_logs(
    receiver: Any, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    port = free_port()
    served, asked = tmp_path / "service.txt", tmp_path / "client.txt"
    uvicorn = ("-m", "uvicorn", "--app-dir", str(EXAMPLE), "service:app", "--port", str(port))
    service = start(
        *uvicorn, "--log-level", "warning", service="shop", receiver=receiver, log=served
    )
    try:
        eventually(lambda: service.poll() is not None or is_open(port))
        program = str(EXAMPLE / "client.py")
        url = f"http://127.0.0.1:{port}"
        client = start(program, url, service="shopper", receiver=receiver, log=asked)
        assert client.wait(30) == 0, asked.read_text()
    finally:
        service.terminate()
        service.wait(20)

    spans = arrived(receiver)
    assert tree(spans) == [
        "shopper: shopping",
        "  shopper: order",
        "    shop: POST /orders/{sku}",
        "      shop: price",
        "        shop: SELECT",
        "  shopper: order",
        "    shop: POST /orders/{sku}",
        "      shop: price",
        "        shop: SELECT",
    ]
    assert len(spans) == 9, "and nothing else, in this trace or in another one"
    assert len({span.trace_id for span in spans}) == 1

    queries = [span for span in spans if span.name == "SELECT"]
    assert {span.scope for span in queries} == {"opentelemetry.instrumentation.sqlite3"}
    assert {span.attributes["db.system"] for span in queries} == {"sqlite"}
    kinds = {(span.name, span.kind) for span in spans if span.kind != "INTERNAL"}
    assert kinds == {("SELECT", "CLIENT"), ("POST /orders/{sku}", "SERVER")}

    lines = LINE.findall(served.read_text()) + LINE.findall(asked.read_text())
    logged = [
        (values["log.message"], span.trace_id, span.span_id)
        for span in spans
        for name, values in span.events
        if name == "log"
    ]
    assert sorted(lines) == sorted(logged), "a log line names the span that has it"
    assert sorted(message for message, _, _ in lines) == [
        "asked for 1 of unicorn: 404",
        "asked for 2 of tea: 201",
        "nobody sells unicorn",
        "sold tea for 1280 cents",
    ]


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
