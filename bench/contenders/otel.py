"""OpenTelemetry SDK: its batch processor, with an exporter that counts and keeps nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cases import Mode
from contender import Contender, MissingError
from contenders.otel_forms import forms_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from cases import Case
    from workload import Run

sdk: Any = import_module("opentelemetry.sdk.trace")
export: Any = import_module("opentelemetry.sdk.trace.export")


class CountingExporter(export.SpanExporter):  # type: ignore[misc,unused-ignore]
    """Counts finished spans."""

    count = 0

    def export(self, spans: Sequence[Any]) -> Any:
        self.count += len(spans)
        return export.SpanExportResult.SUCCESS


class CountingProcessor(sdk.SpanProcessor):  # type: ignore[misc,unused-ignore]
    """Counts each start and each end, on the thread on which they happen."""

    count = 0

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        del span, parent_context
        self.count += 1

    def on_end(self, span: Any) -> None:
        del span
        self.count += 1


class Peer(Contender):
    """A provider of its own. It has no off of its own: that is `otel_api`."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        if mode is Mode.OFF:
            raise MissingError("the SDK is not off: see the API alone")
        self.records = True
        self.provider = sdk.TracerProvider()
        self.sink = CountingExporter() if mode is Mode.RECORDED else CountingProcessor()
        if mode is Mode.RECORDED:
            self.provider.add_span_processor(export.BatchSpanProcessor(self.sink))
        else:
            self.provider.add_span_processor(self.sink)
        self.tracer = self.provider.get_tracer("bench")

    def forms(self) -> Mapping[str, Run]:
        return forms_of(self.tracer)

    def parent(self) -> AbstractContextManager[Any]:
        block: AbstractContextManager[Any] = self.tracer.start_as_current_span("parent")
        return block

    def drain(self) -> None:
        self.provider.force_flush()

    def arrived(self) -> int:
        count: int = self.sink.count
        return count

    def expected(self, case: Case, runs: int, turns: int) -> int:
        spans = super().expected(case, runs, turns)
        return spans if self.mode is Mode.RECORDED else 2 * spans
