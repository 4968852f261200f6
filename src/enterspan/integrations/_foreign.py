"""Spans that stand for OpenTelemetry's: what is recorded on one is recorded on both.

A `Shadow` stands for a foreign span while there is a subscriber, and is recorded. A `Foreign` is
made on demand without one.
"""

# The optional packages may not be installed when types are checked.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false

from __future__ import annotations

import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as otel_trace

from enterspan._model.clock import now_ns, wall_ns
from enterspan._model.diagnostics import warn_once
from enterspan._model.failures import describe, semantic
from enterspan._model.ids import SpanContext
from enterspan._model.interrupts import is_interrupt
from enterspan._model.limits import WHOLE
from enterspan._model.values import Bag, clean_all, items_of
from enterspan._span.details import Details, put_attributes
from enterspan._span.invocation import remote_span
from enterspan._span.span import STATUSES, Span, StartedSpan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Self

    from enterspan._model.limits import AttributeValue
    from enterspan._span.tracer import Tracer


_WRITTEN: Final = 4_096
"""How many events and links written on both a span remembers; OpenTelemetry keeps 128 by
default."""


class ForeignDetails(Details):
    """The details of a span that stands for a foreign one, with what was written on both."""

    __slots__ = ("foreign", "links_written", "written")

    has_twin = False

    def __init__(self, foreign: Any) -> None:
        super().__init__()
        self.foreign = weakref.ref(foreign)  # weak: it is freed with its shadow if it is dropped
        self.written: deque[tuple[str, int]] = deque(maxlen=_WRITTEN)
        """The latest events that were written on both: names and times."""
        self.links_written: deque[tuple[int, int]] = deque(maxlen=_WRITTEN)
        """The ids of the latest links that were written on both."""


def foreign_of(span: Span) -> Any:
    """Return the foreign span that a span stands for, if it stands for one."""
    details = span._details
    return details.foreign() if type(details) is ForeignDetails else None


class _Through(Span):
    """Records on the foreign span, too."""

    __slots__ = ()

    def set_attribute(self, key: str, value: AttributeValue | None) -> Self:
        self._set_attributes(((key, value),))
        return self

    def set_attributes(
        self,
        attributes: Mapping[str, object] | None = None,
        /,
        **more: AttributeValue | None,
    ) -> Self:
        self._set_attributes([*items_of(attributes), *more.items()])
        return self

    def _set_attributes(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        tracer = self._state.tracer
        if self._end or tracer.is_suppressed:
            return
        pairs = list(pairs)
        put_attributes(self, pairs)
        self._write("set_attributes", tracer.suppressed(_cleaned, pairs, tracer))

    def _add_event(self, name: str, values: dict[str, Any], moment: int) -> None:
        super()._add_event(name, values, moment)
        self._write_event(name, values, moment)

    def _add_log(
        self, level: str, message: str, values: dict[str, Any], truncated: bool, moment: int
    ) -> None:
        super()._add_log(level, message, values, truncated, moment)
        event = self._log_event(level, message, values)
        self._write_event("log", event, moment)

    def record_exception(
        self, exception: BaseException, /, **attributes: AttributeValue | None
    ) -> Self:
        tracer = self._state.tracer
        if self._end or tracer.is_suppressed:
            return self
        moment = now_ns()
        more = tracer.suppressed(clean_all, attributes, {}, tracer.limits, tracer.secrets)
        self._record_exception(exception, moment, more)
        failure = tracer.suppressed(describe, exception, tracer.limits, tracer.exceptions_by_type)
        self._write_event("exception", {**semantic(failure), **more}, moment)
        return self

    def _write_event(self, name: str, values: Mapping[str, Any], moment: int) -> None:
        details: Any = self._details
        time = self._state.anchor + moment
        details.written.append((name, time))
        self._write("add_event", name, values, time)

    def set_status(self, status: Any, description: str = "") -> Self:
        super().set_status(status, description)
        if not self._end and type(status) is str and status in STATUSES:
            code = otel_trace.StatusCode[status.upper()]
            text = self._details.description if status == "error" and self._details else ""
            self._write("set_status", otel_trace.Status(code, text or None))
        return self

    def add_link(
        self,
        context: SpanContext,
        attributes: Mapping[str, object] | None = None,
        /,
    ) -> Self:
        details: Any = self._details
        known = len(details.links)
        super().add_link(context, attributes)
        for link in details.links[known:]:
            details.links_written.append((link.context.trace_id, link.context.span_id))
            self._write("add_link", otel_context_of(link.context), link.attributes)
        return self

    def update_name(self, name: str) -> Self:
        super().update_name(name)
        if not self._end:
            self._write("update_name", self._name)
        return self

    def end(self) -> None:
        """End the foreign span, which ends this one."""
        foreign = foreign_of(self)
        if foreign is None:
            super().end()  # it was dropped
        elif not self._end and foreign.is_recording():
            self._write("end")

    def _write(self, method: str, *args: Any) -> None:
        foreign = foreign_of(self)
        if foreign is None:
            return
        try:
            getattr(foreign, method)(*args)
        except Exception as error:
            if type(error) is RecursionError or is_interrupt(error):
                raise
            warn_once(self._state.tracer, "tracer provider", error)


class Shadow(_Through, StartedSpan):
    """A span with the ids of a foreign one, for tails and exporters."""

    __slots__ = ()


class Foreign(_Through):
    """A foreign span that no subscriber follows."""

    __slots__ = ()


def foreign_span(tracer: Tracer, span: Any) -> Foreign | None:
    """Return the span for a current foreign span; None for a remote one."""
    context = span.get_span_context()
    if not context.is_valid or context.is_remote:
        return None
    made: Foreign = remote_span(tracer, our_context_of(context), Foreign)
    made._name = str(getattr(span, "name", ""))
    made._details = ForeignDetails(span)
    made._end = 0 if span.is_recording() else 1
    made._state.anchor = wall_ns() - now_ns()
    return made


def _cleaned(pairs: Iterable[tuple[Any, Any]], tracer: Tracer) -> dict[str, Any]:
    """Attributes for the provider, which has its own limits."""
    bag = Bag({}, secrets=tracer.secrets)
    for key, value in pairs:
        if value is not None:
            bag.put(key, value, WHOLE)
    return bag.values


# --- span contexts -----------------------------------------------------------


def our_context_of(context: Any) -> SpanContext:
    """Convert an OpenTelemetry span context to a `SpanContext`."""
    state = context.trace_state.to_header()
    return SpanContext(
        context.trace_id, context.span_id, int(context.trace_flags), state, context.is_remote
    )


def otel_context_of(context: SpanContext) -> Any:
    """Convert a `SpanContext` to an OpenTelemetry span context."""
    state = context.trace_state
    return otel_trace.SpanContext(
        context.trace_id,
        context.span_id,
        context.is_remote,
        otel_trace.TraceFlags(context.trace_flags),
        otel_trace.TraceState.from_header([state]) if state else None,
    )
