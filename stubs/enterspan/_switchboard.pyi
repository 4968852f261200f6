# Made by `enterspan stubs` from the annotated source: don't edit it.
"""One Tracing's wiring: what the hot path asks, and who is plugged in.

Does anyone listen? Where is the current span? Where do finished spans go?
"""

from collections.abc import Mapping
from enterspan._ids import SpanContext
from enterspan._values import AttributeValue
from typing import Protocol

class Sampler(Protocol):
    """Decides, at the root of each invocation, whether exporters get its spans."""

    def should_sample(
        self,
        parent: SpanContext | None,
        trace_id: int,
        name: str,
        attributes: Mapping[str, AttributeValue],
    ) -> bool:
        """Return True to keep the spans."""
