"""What goes over the wire: our encoding is OpenTelemetry's, and what it leaves out besides."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest

pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http", reason="opentelemetry is not installed: nox -s otel"
)

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as official
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource

from enterspan import SpanContext, SpanData, SpanEvent, SpanLink
from enterspan.exporters._protobuf import encode_resource, encode_spans, varint
from enterspan.exporters.otel import readable
from enterspan.exporters.otlpjson import otlp_line

text = st.text(max_size=200).map(lambda s: s.encode("utf-8", "ignore").decode())
integers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False)
values = st.one_of(
    text,
    st.booleans(),
    integers,
    floats,
    st.lists(text, max_size=4).map(tuple),
    st.lists(integers, max_size=4).map(tuple),
    st.lists(st.booleans(), max_size=4).map(tuple),
    st.lists(floats, max_size=4).map(tuple),
)
attributes = st.dictionaries(text, values, max_size=5).map(MappingProxyType)
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
    text,
    contexts,
    st.none() | st.integers(1, 2**64 - 1),
    moments,
    moments,
    attributes,
    st.lists(st.builds(SpanEvent, text, moments, attributes), max_size=3).map(tuple),
    st.lists(st.builds(SpanLink, contexts, attributes), max_size=3).map(tuple),
    st.sampled_from(["unset", "ok", "error"]),
    text,
    st.just("ok"),
    st.just("0" * 16),
    st.sampled_from(["internal", "server", "client", "producer", "consumer"]),
    st.sampled_from(["one", "two", ""]),
    st.just({}),
    counts,
    counts,
    counts,
    st.booleans(),
)


def without_what_it_leaves_out(request: Any) -> Any:
    """OpenTelemetry's encoder sends no trace flags, and no trace state of links."""
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                span.flags &= ~0xFF
                for link in span.links:
                    link.flags &= ~0xFF
                    link.trace_state = ""
    return request


@settings(max_examples=60, deadline=None)
@given(st.lists(spans, max_size=6))
def test_the_encoding_is_opentelemetrys(batch: list[SpanData]) -> None:
    resource = Resource.create()
    encoded = encode_resource(resource.attributes, resource.schema_url)
    ours = encode_spans([(encoded, batch)] if batch else [])
    theirs = official([readable(span, resource) for span in batch])
    for span, made in zip(batch, theirs_in_order(theirs, batch), strict=True):
        if span.status == "unset":
            made.ClearField("status")
        elif span.status == "ok":
            made.status.message = span.status_description
    assert without_what_it_leaves_out(ExportTraceServiceRequest.FromString(ours)) == theirs


def theirs_in_order(request: Any, batch: list[SpanData]) -> list[Any]:
    """The spans of a request in the order of the batch that it was made of."""
    queues: dict[str, Any] = {
        scope.scope.name: iter(scope.spans)
        for resource in request.resource_spans
        for scope in resource.scope_spans
    }
    return [next(queues[span.scope]) for span in batch]


@given(st.integers(0, 2**64 - 1))
def test_a_varint_is_the_one_of_the_official_package(number: int) -> None:
    from google.protobuf.internal.encoder import _EncodeVarint

    parts: list[bytes] = []
    _EncodeVarint(parts.append, number)
    assert varint(number) == b"".join(parts)


def test_an_empty_batch_is_an_empty_request() -> None:
    assert encode_spans([]) == b""


def test_flags_and_the_trace_state_of_links_arrive() -> None:
    span = SpanData(
        "x", SpanContext(1, 2, 1, "a=b"), 3, 4, 5, {}, (),
        (SpanLink(SpanContext(6, 7, 3, "c=d", True), {}),),
        "unset", "", "ok", "", "internal", "mine", {}, 0, 0, 0, True,
    )  # fmt: skip
    made = ExportTraceServiceRequest.FromString(encode_spans([(b"", [span])]))
    (found,) = made.resource_spans[0].scope_spans[0].spans
    assert found.flags == 0x301
    assert found.links[0].flags == 0x303
    assert (found.trace_state, found.links[0].trace_state) == ("a=b", "c=d")


def test_attributes_made_by_others_are_never_a_reason_to_fail() -> None:
    odd = {"big": 2**70, "none": None, "bytes": b"\xff", "lone": "\ud800", "list": [1, "a", None]}
    span = SpanData(
        "x\ud800", SpanContext(1, 2, 1), None, 4, 5, odd, (), (),
        "strange", "", "ok", "", "stranger", "mine", {}, 2**40, -1, 0,
    )  # fmt: skip
    made = ExportTraceServiceRequest.FromString(encode_spans([(b"", [span])]))
    (found,) = made.resource_spans[0].scope_spans[0].spans
    assert [pair.key for pair in found.attributes] == list(odd)
    assert found.kind == 1


def test_a_resource_is_encoded_with_its_schema() -> None:
    made = Resource({"service.name": "shop", "n": 1}, "https://example.org/schema")
    encoded = encode_resource(made.attributes, made.schema_url)
    request = ExportTraceServiceRequest.FromString(
        b"\x0a" + bytes([len(encoded)]) + encoded,
    )
    (found,) = request.resource_spans
    assert found.schema_url == "https://example.org/schema"
    assert {
        a.key: a.value.string_value or a.value.int_value for a in found.resource.attributes
    } == {
        "service.name": "shop",
        "n": 1,
    }


@pytest.mark.parametrize("moment,sent", [(-1, 0), (2**70, 2**64 - 1)])
def test_a_time_that_otlp_does_not_have_is_the_nearest_that_it_has(moment: int, sent: int) -> None:
    """A mistaken time costs no other span of the batch anything."""
    span = SpanData(
        "x", SpanContext(1, 2), None, moment, moment, {}, (SpanEvent("e", moment, {}),), (),
        "unset", "", "ok", "", "internal", "mine", {}, 0, 0, 0,
    )  # fmt: skip
    made = ExportTraceServiceRequest.FromString(encode_spans([(b"", [span])]))
    (found,) = made.resource_spans[0].scope_spans[0].spans
    assert found.start_time_unix_nano == found.end_time_unix_nano == sent
    assert found.events[0].time_unix_nano == sent
    wire = json.loads(otlp_line([span]))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert wire["startTimeUnixNano"] == wire["events"][0]["timeUnixNano"] == str(sent)
