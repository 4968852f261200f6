# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Trace and span ids, and their propagation by W3C Trace Context (`traceparent`, `tracestate`).

All rules here are from https://www.w3.org/TR/trace-context/.
"""

from dataclasses import dataclass

@dataclass(frozen=True)
class SpanContext:
    """The identity of a span, which is propagated to other processes.

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
        """Whether both ids are set, and all fields are valid for W3C Trace Context."""
