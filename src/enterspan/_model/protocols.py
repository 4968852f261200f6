"""What others may plug in, as types: any object that has these methods fits.

Read by type checkers, and by nobody else unless asked for: `typing` takes longer to import than
the rest of the package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from enterspan._model.ids import SpanContext
    from enterspan._model.records import SpanData
    from enterspan._model.values import AttributeValue
    from enterspan._span.lifeline import Lifeline
    from enterspan._span.span import Span
    from enterspan.events import Attribute, EventInfo


class Exporter(Protocol):
    """What gets finished spans. Both methods are called on a worker thread, one at a time."""

    def export(self, spans: Sequence[SpanData]) -> None:
        """Take a batch of finished spans; what it raises is logged, and the batch has failed."""
        ...

    def shutdown(self) -> None:
        """Let go of everything; nothing is exported after this."""
        ...


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
        ...


class IdGenerator(Protocol):
    """What `configure(id_generator=...)` takes; OpenTelemetry's generators fit."""

    def generate_trace_id(self) -> int:
        """Return a new trace id: 128 bits, not zero."""
        ...

    def generate_span_id(self) -> int:
        """Return a new span id: 64 bits, not zero."""
        ...


class Bridge(Protocol):
    """What backs each span with one of another tracer; with none installed, nothing asks for it.

    `get`, `set` and `reset` take the place of our variable's, so that the other tracer's idea of
    what is current stays in step with ours, by whatever way a span becomes current.
    """

    def get(self) -> Any:
        """Return the entry that is current."""
        ...

    def set(self, entry: Any) -> Any:
        """Make an entry current; return what undoes that, which has an `old_value`."""
        ...

    def reset(self, token: Any) -> None:
        """Undo a `set`, also one of our own variable; ValueError in another context."""
        ...

    def upstream(self) -> SpanContext | None:
        """Return what is current in the other tracer, where no entry of ours is."""
        ...

    def root_opened(
        self,
        lifeline: Lifeline,
        root: Span,
        parent: SpanContext | None,
        link: SpanContext | None,
        info: EventInfo | None,
        given: tuple[Attribute, ...],
    ) -> None:
        """Back a root that nobody knows yet: set its ids, whether it is kept, and the watch.

        It announces the invocation itself, once the ids are known.
        """
        ...
