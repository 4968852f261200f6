"""An SDK's tracer provider for tests, and what it has exported."""

from __future__ import annotations

from typing import Any


class Provider:
    """An SDK's tracer provider that keeps in memory what was finished."""

    def __init__(self, sampler: Any = None) -> None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(SimpleSpanProcessor(self.memory))
        self.foreign = self.provider.get_tracer("somebody else")

    @property
    def spans(self) -> list[Any]:
        """The finished spans, in order of their end."""
        return list(self.memory.get_finished_spans())

    def find(self, name: str) -> Any:
        """The only span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def tree(self) -> str:
        """The names, indented; and nothing may be an orphan."""
        spans = sorted(self.spans, key=lambda s: s.start_time)
        own = {(s.context.trace_id, s.context.span_id) for s in spans}
        lines: list[str] = []

        def add(parent: Any, depth: int) -> None:
            for span in spans:
                above = span.parent and (span.context.trace_id, span.parent.span_id)
                if above == parent:
                    lines.append("  " * depth + span.name)
                    add((span.context.trace_id, span.context.span_id), depth + 1)

        add(None, 0)
        orphans = [
            s.name
            for s in spans
            if s.parent is not None and s.parent.span_id not in {span_id for _, span_id in own}
        ]
        assert orphans == []
        assert len(lines) == len(spans)
        return "\n".join(lines)
