"""Values that spans don't take, and names that nothing has."""

from __future__ import annotations

import dataclasses

from enterspan import Limits, QueueEventInfo, Span, WebSocketEventInfo, tracing

with tracing.span("load") as span:
    span.set_attribute("user", object())  # mypy: incompatible type "object" # pyright: is not assignable
    span.set_attribute("user", {"a": 1})  # mypy: incompatible type "dict # pyright: is not assignable
    span.set_attribute("mixed", [1, "a"])  # mypy: incompatible type "list # pyright: is not assignable
    span.set_attribute(3, "user")  # mypy: incompatible type "int"; expected "str" # pyright: is not assignable
    span.set_attributes(user={1})  # mypy: incompatible type "set # pyright: is not assignable
    span.set_atribute("user", 1)  # mypy: has no attribute "set_atribute" # pyright: Cannot access attribute
    span.set_attribute("a", 1).ende()  # mypy: has no attribute "ende" # pyright: Cannot access attribute
    span.add_event("e", 3)  # mypy: incompatible type "int" # pyright: is not assignable
    span.record_exception("no")  # mypy: incompatible type "str" # pyright: is not assignable
    span.name = "b"  # mypy: is read-only # pyright: is not assignable to "property"
    span.context.trace_id = 3  # mypy: is read-only # pyright: Attribute "trace_id" is read-only

tracing.log("warn", "m")  # mypy: expected "Literal['debug', 'info', 'warning', 'error', 'critical']" # pyright: is not assignable
tracing.span("a", kind="sever")  # mypy: incompatible type # pyright: is not assignable
tracing.start_span("a").set_status("eror")  # mypy: expected "Literal['ok', 'error']" # pyright: is not assignable
tracing.start_span("a").set_kind("sever")  # mypy: incompatible type # pyright: is not assignable
tracing.instrument("json", exclude=3)  # mypy: incompatible type "int" # pyright: is not assignable
tracing.span("a", ["b"])  # mypy: incompatible type "list[str]" # pyright: is not assignable
tracing.span(3)  # mypy: incompatible type "int"; expected "str" # pyright: is not assignable
tracing.span("a", user=object())  # mypy: incompatible type "object" # pyright: is not assignable
tracing.span("a", "b")  # mypy: incompatible type "str" # pyright: is not assignable
tracing.use_span("a")  # mypy: incompatible type "str" # pyright: is not assignable
tracing.configure(sampler=3)  # mypy: incompatible type "int" # pyright: is not assignable
tracing.configure(limit=Limits())  # mypy: Unexpected keyword argument # pyright: No parameter named
tracing.invocation(info="x")  # mypy: incompatible type "str" # pyright: is not assignable
tracing.invocation(parent=3)  # mypy: incompatible type "int" # pyright: is not assignable
tracing.add_exporter(print)  # mypy: incompatible type # pyright: is incompatible with protocol "Exporter"
maybe: int = tracing.current_invocation().id  # mypy: has no attribute "id" # pyright: is not a known attribute of "None"
QueueEventInfo("jobs", "3")  # mypy: incompatible type "str"; expected "int" # pyright: is not assignable
WebSocketEventInfo("open")  # mypy: incompatible type # pyright: is not assignable
dataclasses.replace(Limits(), name_byte=1)  # mypy: Unexpected keyword argument "name_byte"
limits = Limits(name_bytes="1")  # mypy: incompatible type "str" # pyright: is not assignable
given: str = Span().end()  # mypy: does not return a value # pyright: is not assignable
