# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Trace and span ids, and how they travel: W3C Trace Context (`traceparent`, `tracestate`).

https://www.w3.org/TR/trace-context/ is the source of every rule here.
"""

from dataclasses import dataclass

@dataclass(frozen=True)
class SpanContext:
    """The identity of a span: all of it that leaves the process, and all that a context pins.

    `trace_id` has 128 bits and `span_id` 64; zero means none. `trace_flags` are the eight bits of
    W3C Trace Context, `trace_state` the text of its `tracestate` header. `is_remote` is True for a
    context that was extracted from a carrier.
    """

    trace_id: int
    span_id: int
    trace_flags: int = 0
    trace_state: str = ""
    is_remote: bool = False

    @property
    def traceparent(self) -> str:
        """The W3C header value, version 00."""

    @property
    def is_valid(self) -> bool:
        """Whether both ids are set, and all of it is what W3C Trace Context asks for."""
