"""OTLP JSON: what is written is what OpenTelemetry's own messages read."""

from __future__ import annotations

import base64
import json
from types import MappingProxyType

import pytest

pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
    reason="opentelemetry-proto is not installed: nox -s otel",
)

from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enterspan import SpanContext, SpanData, SpanEvent, SpanLink
from enterspan.exporters._protobuf import encode_resource, encode_spans
from enterspan.exporters.otlpjson import otlp_line

text = st.text(max_size=50).map(lambda s: s.encode("utf-8", "ignore").decode())
integers = st.integers(-(2**63), 2**63 - 1)
scalars = st.one_of(text, st.booleans(), integers, st.floats(allow_nan=False))
values = st.one_of(scalars, st.lists(text, max_size=3).map(tuple), st.lists(integers).map(tuple))
attributes = st.dictionaries(text, values, max_size=4).map(MappingProxyType)
moments = st.integers(0, 2**63)
counts = st.integers(0, 2**31)
contexts = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.integers(0, 255),
    st.sampled_from(["", "a=b", "a=b,c=d"]),
    st.booleans(),
)
spans = st.builds(
    SpanData,
    name=text,
    context=contexts,
    parent_span_id=st.one_of(st.none(), st.integers(1, 2**64 - 1)),
    start_ns=moments,
    end_ns=moments,
    attributes=attributes,
    events=st.lists(st.builds(SpanEvent, text, moments, attributes), max_size=2).map(tuple),
    links=st.lists(st.builds(SpanLink, contexts, attributes), max_size=2).map(tuple),
    status=st.sampled_from(["unset", "ok", "error"]),
    status_description=text,
    outcome=st.just("ok"),
    invocation_id=st.just("1"),
    kind=st.sampled_from(["internal", "server", "client", "producer", "consumer"]),
    scope=st.sampled_from(["default", "lib"]),
    resource=st.just(MappingProxyType({"service.name": "shop"})),
    dropped_attributes=counts,
    dropped_events=counts,
    dropped_links=counts,
    parent_is_remote=st.booleans(),
)

IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def with_plain_ids(value):
    """OTLP's JSON has ids in hex, where the mapping of protocol buffers has base64."""
    if isinstance(value, list):
        return [with_plain_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode() if key in IDS else with_plain_ids(item)
        for key, item in value.items()
    }


@settings(deadline=None)
@given(st.lists(spans, min_size=1, max_size=4))
def test_it_reads_as_the_same_request_that_is_sent(batch):
    """Field by field what OTLPExporter sends; a field that is unknown would be refused."""
    line = otlp_line(batch)
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    read = json_format.ParseDict(with_plain_ids(json.loads(line)), ExportTraceServiceRequest())
    head = encode_resource(batch[0].resource, "")
    sent = ExportTraceServiceRequest.FromString(encode_spans([(head, batch)]))
    assert read == sent


def test_numbers_that_json_has_no_form_for_are_read():
    """NaN and the infinities are texts in the mapping of protocol buffers."""
    values = MappingProxyType({"n": float("nan"), "p": float("inf"), "m": float("-inf")})
    one = SpanData(
        "x",
        SpanContext(1, 2, 1, ""),
        None,
        1,
        2,
        values,
        (),
        (),
        "unset",
        "",
        "ok",
        "2",
        "internal",
        "s",
        values,
        0,
        0,
        0,
    )
    wire = with_plain_ids(json.loads(otlp_line([one])))
    read = json_format.ParseDict(wire, ExportTraceServiceRequest())
    found = [pair.value.double_value for pair in read.resource_spans[0].resource.attributes]
    assert found[0] != found[0]
    assert found[1:] == [float("inf"), float("-inf")]
