"""Blocks give spans and invocations; methods chain; attributes take what they say."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime, timezone

from typing_extensions import assert_type

import enterspan
from enterspan import (
    AttributeValue,
    CustomEventInfo,
    FetchEventInfo,
    FetchResponseInfo,
    Invocation,
    Limits,
    ScheduledEventInfo,
    Span,
    SpanContext,
    Subscription,
    Tracing,
    tracing,
)

assert_type(tracing, Tracing)
assert_type(enterspan.__version__, str)

values: Mapping[str, AttributeValue | None] = {"a": 1, "b": None}
ints: dict[str, int] = {"a": 1}

with tracing.span("load", user_id=7) as span:
    assert_type(span, Span)
    assert_type(span.set_attribute("rows", 12), Span)
    span.set_attribute("a", True).set_attribute("b", 1.5).set_attribute("c", None).end()
    span.set_attributes(values).set_attributes(ints, more=[1, 2]).set_attributes(x=("a", "b"))
    span.add_event("e").add_event("e", {"a": 1}).add_event("e", a=[True])
    span.record_exception(ValueError(), note="a").set_status("ok").set_kind("server")
    span.add_link(span.context).add_link(span.context, {"a": 1}).update_name("b")
    assert_type(span.end(), None)
    assert_type(span.is_traced, bool)
    assert_type(span.context, SpanContext)
    assert_type(span.context.traceparent, str)

with tracing.span("load", {"http.method": "GET"}, status=200):
    pass
with tracing.span("load", ints), tracing.span("b", values):
    pass

nested: Tracing.Span = tracing.start_span("a", x=1)
assert_type(nested, Span)
with tracing.use_span(nested, end=True) as used:
    assert_type(used, Span)
assert_type(tracing.current_span(), Span)
assert_type(tracing.current_invocation(), Invocation | None)

with tracing.invocation("job", info=CustomEventInfo("x"), linger=None, ambient=True) as ctx:
    assert_type(ctx, Invocation)
    assert_type(ctx.span, Span)
    assert_type(ctx.tracing, Tracing)
    ctx.set_return(FetchResponseInfo(200))
    future: Future[int] = Future()
    ctx.wait_until(future)
    ctx.close("done")


async def use() -> None:
    async with tracing.span("fetch") as span:
        assert_type(span, Span)
    async with tracing.invocation(parent={"traceparent": "..."}) as ctx:
        assert_type(ctx, Invocation)
        ctx.wait_until(asyncio.sleep(0, 1))
        ctx.wait_until(asyncio.create_task(asyncio.sleep(0, 1)))
        ctx.wait_until(asyncio.get_running_loop().create_future())


def swallows_nothing() -> int:
    """A block that might swallow an exception would make this a missing return."""
    with tracing.span("a"):
        return 1


def swallows_nothing_else() -> int:
    with tracing.invocation(), tracing.use_span(nested):
        return 1


tracing.invocation(parent=nested)
tracing.invocation(parent=nested.context)
tracing.invocation(parent="00-...", new_trace=True)
tracing.invocation(info=FetchEventInfo("GET", "/", {"a": "b"}))
tracing.invocation(info=FetchEventInfo("GET", "/", [("a", "b")]))
tracing.invocation(info=ScheduledEventInfo(datetime.now(timezone.utc), "* * * * *"))

carrier: dict[str, str] = {}
assert_type(tracing.inject(carrier), None)
assert_type(tracing.extract(carrier), SpanContext | None)
assert_type(tracing.flush(), bool)
assert_type(tracing.shutdown(1), bool)
tracing.log("info", "hello", user=1)

# What a checker infers of a dict in a variable is wider than its values are.
held = {"a": 1, "b": "x"}
lists = {"a": [1], "b": "x", "c": None}
tracing.span("a", held)
tracing.span("a", lists, kind="client", links=[nested, nested.context])
tracing.start_span("a", held).set_attributes(held).add_event("e", held).add_link(
    nested.context, held
).end()
tracing.invocation(attributes=held)
tracing.traced("a", attributes=held)
tracing.traced("a", attributes=lambda: {"user": "x", "n": 1})
tracing.entrypoint("a", attributes=held)
tracing.instrument("json", exclude="json.tool", attributes=held).remove()
tracing.instrument("json", exclude=["json.tool", dataclasses]).remove()
tracing.configure(limits=Limits(name_bytes=10), enabled=False, resource={"service.name": "a"})
tracing.configure(sampler=None, id_generator=None)
assert_type(dataclasses.replace(Limits(), name_bytes=1), Limits)
assert_type(Limits().name_bytes, int)


class Spans:
    def export(self, spans: object) -> None: ...
    def shutdown(self) -> None: ...


with tracing.add_exporter(Spans(), max_queue=1) as subscription:
    assert_type(subscription, Subscription)
    assert_type(subscription.stats.dropped, int)


class Half:
    def should_sample(
        self, parent: SpanContext | None, trace_id: int, name: str, attributes: object
    ) -> bool:
        return trace_id % 2 == 0


tracing.configure(sampler=Half())
