"""Whose limits hold: those of the provider for its spans, and ours for ours. And which outcomes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry is not installed: nox -s otel")

from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from enterspan import Limits
from enterspan.exporters.otel import OTelExporter
from enterspan.integrations.otel import install
from enterspan.testing import capture

if TYPE_CHECKING:
    from enterspan import Tracing

MESSAGES = [{"role": "user", "content": "x" * 500}] * 400


class Stopped:
    """An exporter that keeps what it is given."""

    def __init__(self, seen: list[Any]) -> None:
        self.export = seen.extend

    def shutdown(self) -> None:
        pass


def provider_with(limits: SpanLimits) -> tuple[TracerProvider, InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(span_limits=limits)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return provider, memory


@pytest.mark.parametrize("form", ["started with", "set later", "of an invocation"])
def test_the_provider_gets_what_ours_cut(bridged: Tracing, sdk: Any, form: str) -> None:
    """Long values, and values over the span's total."""
    given: dict[str, Any] = {"prompt": MESSAGES, "name": "n" * 20_000, "token": "t"}
    given |= {f"part{n}": "p" * 15_000 for n in range(6)}
    with capture(bridged) as trace:
        if form == "of an invocation":
            with bridged.invocation("s", attributes=given):
                pass
        elif form == "started with":
            with bridged.span("s", given):
                pass
        else:
            with bridged.span("s") as span:
                span.set_attributes(given)
    (ours,) = trace.spans
    assert ours.dropped_attributes > 0
    assert ours.attributes["enterspan.cut"] == (
        "prompt: over 16384 bytes",
        "name: 20000 characters",
    )
    theirs = sdk.find("s").attributes
    assert json.loads(theirs["prompt"]) == MESSAGES
    assert theirs["name"] == "n" * 20_000
    assert all(theirs[f"part{n}"] == "p" * 15_000 for n in range(6))
    assert not [name for name in theirs if name.startswith("enterspan.")]


def test_the_provider_counts_for_itself(mine: Tracing) -> None:
    """Attributes that we drop are its own to keep or to drop."""
    provider, memory = provider_with(SpanLimits(max_span_attributes=140))
    with install(mine, provider), capture(mine) as trace, mine.span("s") as span:
        for n in range(150):
            span.set_attribute(f"a{n}", n)
    (theirs,) = memory.get_finished_spans()
    assert (len(theirs.attributes), theirs.dropped_attributes) == (140, 10)
    assert trace.spans[0].dropped_attributes == 22
    provider.shutdown()


def test_a_value_that_is_set_again_is_the_last_one(bridged: Tracing, sdk: Any) -> None:
    with capture(bridged), bridged.span("s", note="a" * 20_000) as span:
        span.set_attribute("note", "short")
        span.set_attribute("other", "b" * 20_000).set_attribute("other", "c" * 30_000)
    theirs = sdk.find("s").attributes
    assert (theirs["note"], theirs["other"]) == ("short", "c" * 30_000)


def test_the_providers_limits_are_obeyed(mine: Tracing) -> None:
    """Also where they are lower than ours."""
    limits = SpanLimits(max_span_attribute_length=100, max_span_attributes=2)
    provider, memory = provider_with(limits)
    with install(mine, provider), capture(mine) as trace, mine.span("s", a="a" * 300) as span:
        span.set_attributes({"b": "b" * 300, "c": 1})
    (theirs,) = memory.get_finished_spans()
    assert dict(theirs.attributes) == {"b": "b" * 100, "c": 1}
    assert dict(trace.spans[0].attributes) == {"a": "a" * 300, "b": "b" * 300, "c": 1}
    provider.shutdown()


def test_secrets_are_left_out_of_what_the_provider_gets_whole(bridged: Tracing, sdk: Any) -> None:
    prompt = [{"password": "hunter2", "text": "x" * 20_000}]
    with capture(bridged), bridged.span("s", {"prompt": prompt}):
        pass
    assert json.loads(sdk.find("s").attributes["prompt"])[0]["password"] == "[redacted]"


@pytest.mark.parametrize("own", [5, "abc", (1, 2), ("x: 1", "y"), ()])
def test_the_provider_gets_what_the_program_calls_cut(bridged: Tracing, sdk: Any, own: Any) -> None:
    """An attribute of that name may be anything, and so may the names of what we cut."""
    given: dict[str, Any] = {"enterspan.cut": own, "long: " + "n" * 90: "v" * 20_000}
    with capture(bridged), bridged.span("s", given):
        pass
    theirs = dict(sdk.find("s").attributes)
    kept = theirs.pop("enterspan.cut", None)
    assert kept == (own if own == ("x: 1", "y") else None)
    assert theirs == {"long: " + "n" * 90: "v" * 20_000}


def test_what_is_kept_for_a_bridge_does_not_wait_for_an_exporter(sdk: Any, mine: Tracing) -> None:
    """Nor of an invocation that is older than the bridge: it has no span of the provider's."""
    seen: list[Any] = []
    with capture(mine), mine.add_exporter(Stopped(seen)) as exporter:
        with mine.invocation("old"), install(mine, tracer_provider=sdk.provider):
            with mine.span("s", note="a" * 20_000) as span:
                details = span._details
                assert details is not None
                assert details.whole == {"note": "a" * 20_000}
            assert details.whole is None
        assert exporter.stats.dropped == 0


def test_without_a_bridge_nothing_is_kept_twice(mine: Tracing) -> None:
    with capture(mine), mine.span("s", note="a" * 20_000) as span:
        span.set_attribute("note", "b" * 20_000)
        assert span._details is not None
        assert span._details.whole is None


def test_what_is_kept_for_the_provider_goes_with_the_span(bridged: Tracing) -> None:
    with capture(bridged), bridged.span("s", note="a" * 20_000) as span:
        details = span._details
        assert details is not None
        assert details.whole == {"note": "a" * 20_000}
    assert details.whole is None


def test_their_spans_are_ours_within_our_limits(bridged: Tracing, sdk: Any) -> None:
    """And what is written on them through ours is theirs whole."""
    bridged.configure(limits=Limits(value_bytes_of={"prompt": 30_000}))
    with capture(bridged) as trace, sdk.foreign.start_as_current_span("theirs") as span:
        span.set_attribute("prompt", "p" * 40_000)
        span.set_attribute("note", "n" * 40_000)
        ours = bridged.current_span().set_attribute("ours", "o" * 40_000)
        assert ours._details is not None
        assert ours._details.whole is None
    assert {name: len(value) for name, value in sdk.find("theirs").attributes.items()} == {
        "prompt": 40_000, "note": 40_000, "ours": 40_000,
    }  # fmt: skip
    shadow = trace.find("theirs").attributes
    assert [len(shadow[name]) for name in ("prompt", "note", "ours")] == [30_000, 16_384, 16_384]


def test_an_outcome_travels_through_a_span_exporter(mine: Tracing) -> None:
    """As over OTLP and by the bridge: what OpenTelemetry's status can't say is an attribute."""
    memory = InMemorySpanExporter()

    async def canceled() -> None:
        with mine.span("canceled"):
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(canceled())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with mine.add_exporter(OTelExporter(memory)):
        asyncio.run(main())
        with mine.invocation("outer"):
            mine.start_span("left open")
        with mine.invocation("closed") as invocation:
            invocation.close("throttled")
        with pytest.raises(ValueError), mine.span("failed"):
            raise ValueError
        assert mine.flush(10)
    outcomes = {
        span.name: span.attributes.get("enterspan.outcome") for span in memory.get_finished_spans()
    }
    assert outcomes == {
        "canceled": "canceled",
        "left open": "abandoned",
        "outer": None,
        "closed": "throttled",
        "failed": None,
    }
