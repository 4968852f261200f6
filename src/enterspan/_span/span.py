"""`Span`: one operation, from its beginning to its end.

A span that has ended keeps its name and its ids; its data went to the subscribers.

The hot path is here, in `begin`, in `end` and in the compiled wrapper of `_forms`: fields are set
by plain stores, rarely used ones are in `Details`, and nothing is computed before it is needed.
"""

from __future__ import annotations

from enterspan._model.clock import now_ns
from enterspan._model.diagnostics import warn_misuse
from enterspan._model.ids import NO_CONTEXT, SpanContext, bounded, make_context
from enterspan._model.late import Late, put_off
from enterspan._model.limits import INT_MAX, INT_MIN, AttributeValue
from enterspan._span.context import DISABLED

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from _collections_abc import Mapping

    protocols = Late("enterspan._model.protocols")
    typing = Late("typing")
    typing_extensions = Late("typing_extensions")
    put_off(
        globals(),
        {
            "enterspan._model.excerpt": "cut",
            "enterspan._model.values": "clean_all clean_text items_of",
            "enterspan._span.details": (
                "attributes_of details_of keep_event keep_link put_attributes put_easy"
            ),
            "enterspan._span.end": "end_span record",
        },
    )
if TYPE_CHECKING:
    import typing
    from collections.abc import Mapping
    from contextvars import Token
    from typing import Any, Final

    import typing_extensions

    from enterspan._model import protocols
    from enterspan._model.excerpt import cut
    from enterspan._model.values import clean_all, clean_text, items_of
    from enterspan._span.details import (
        Details,
        attributes_of,
        details_of,
        keep_event,
        keep_link,
        put_attributes,
        put_easy,
    )
    from enterspan._span.end import end_span, record

KINDS: Final = ("internal", "server", "client", "producer", "consumer")
STATUSES: Final = ("ok", "error")


class Span:
    """One operation: a name, a parent, a beginning and an end.

    Spans are made by a `Tracing`. No method raises because of its arguments, and after the end of
    the span its methods do nothing.

    >>> from enterspan import tracing
    >>> from enterspan.testing import capture
    >>> with capture() as trace, tracing.span("load") as span:
    ...     span.set_attribute("rows", 12).set_status("ok")
    <Span 'load' ...>
    """

    __slots__ = (
        "__weakref__",
        "_attributes",
        "_detached_to",
        "_details",
        "_end",
        "_memo",
        "_name",
        "_parent_id",
        "_span_id",
        "_start",
        "_state",
        "_token",
    )

    _answers = True  # for a root: its end is the return of its invocation
    _is_held_weakly = False

    # Set by stores in `begin` and in `invocation`, which make all spans.
    _name: str
    _state: Any  # the state of its invocation
    _span_id: int
    _parent_id: int
    _start: int  # by the monotonic clock
    _end: int  # 0 while it is open
    _attributes: dict[str, Any] | None
    _details: Details | None
    _token: Token[Any] | None  # set while it is current where it was attached
    _detached_to: Any  # set when it was detached out of order: see `context`
    _memo: Any  # for the processor: what the tail stream keeps for an open span

    @property
    def name(self) -> str:
        """The name of the operation."""
        return self._name

    @property
    def context(self) -> SpanContext:
        """The span's identity."""
        state = self._state
        if self._details is not None:
            self._details.min_duration = 0  # its ids may have been propagated: it is kept
        return make_context(
            state.trace_id, self._span_id, state.trace_flags, state.trace_state, False
        )

    @property
    def is_traced(self) -> bool:
        """True while the span is recorded; False once it has ended."""
        return not self._end

    def set_attribute(self, key: str, value: AttributeValue | None) -> typing_extensions.Self:
        """Record an attribute.

        Args:
            key: Its name.
            value: A str, number or bool, or a sequence of one of these. None leaves it unset, and
                any other value is recorded as text.

        Returns:
            The span.
        """
        if self._end:
            return self
        attributes = self._attributes
        if attributes is None:
            attributes = attributes_of(self)
        tracer = self._state.tracer
        # A few short ASCII attributes are within all limits: nothing is measured.
        if self._details is None and type(key) is str and len(key) <= tracer.easy_key:
            kind = type(value)
            if len(attributes) < tracer.easy_count and key.isascii():
                if kind is str:
                    text: Any = value
                    if (
                        len(text) <= tracer.easy_text
                        and text.isascii()
                        and ("@" not in text or "://" not in text)  # a URL may have a password
                    ):
                        attributes[key] = text
                        return self
                elif (
                    kind is bool or kind is float or (kind is int and INT_MIN <= value <= INT_MAX)  # type: ignore[operator]
                ):
                    attributes[key] = value
                    return self
        if value is not None and not put_easy(self, attributes, key, value):
            put_attributes(self, ((key, value),))
        return self

    def set_attributes(
        self,
        attributes: Mapping[str, object] | None = None,
        /,
        **more: AttributeValue | None,
    ) -> typing_extensions.Self:
        """Record several attributes, given as a mapping, by keyword, or both."""
        if not self._end:
            put_attributes(self, [*items_of(attributes), *more.items()])
        return self

    def add_event(
        self,
        name: str,
        attributes: Mapping[str, object] | None = None,
        /,
        **more: AttributeValue | None,
    ) -> typing_extensions.Self:
        """Record an event that happens now.

        Live tails get it immediately, as a `diagnosticChannel` event; exporters with the span.
        """
        state = self._state
        tracer = state.tracer
        if self._end or tracer.is_suppressed:
            return self
        limits = tracer.limits
        text = tracer.suppressed(clean_text, name, limits.name_bytes)
        values = tracer.suppressed(clean_all, attributes, more, limits, tracer.secrets)
        self._add_event(text, values, now_ns())
        return self

    def _add_event(self, name: str, values: dict[str, Any], moment: int) -> None:
        keep_event(self, name, moment, values)
        dispatch = self._state.dispatch
        if dispatch is not None:
            dispatch.call("on_event", self, name, values, moment)

    def _add_log(
        self, level: str, message: str, values: dict[str, Any], truncated: bool, moment: int
    ) -> None:
        if not self._end:
            keep_event(self, "log", moment, self._log_event(level, message, values))
        dispatch = self._state.dispatch
        if dispatch is not None:
            dispatch.call("on_log", self, level, message, values, truncated, moment)

    def _log_event(self, level: str, message: str, values: dict[str, Any]) -> dict[str, Any]:
        text = cut(message, self._state.tracer.limits.value_bytes)
        return {"log.severity": level, "log.message": text, **values}

    def record_exception(
        self, exception: BaseException, /, **attributes: AttributeValue | None
    ) -> typing_extensions.Self:
        """Record an exception that the program handled, with its traceback."""
        tracer = self._state.tracer
        if not self._end and not tracer.is_suppressed:
            more = tracer.suppressed(clean_all, attributes, {}, tracer.limits, tracer.secrets)
            self._record_exception(exception, now_ns(), more)
        return self

    def _record_exception(
        self, exception: BaseException, moment: int, attributes: dict[str, Any]
    ) -> None:
        record(self, exception, moment, attributes)

    def set_status(
        self, status: typing.Literal["ok", "error"], description: str = ""
    ) -> typing_extensions.Self:
        """Set the status. A later exception does not change it, and `ok` is final.

        Args:
            status: `"ok"` or `"error"`. Anything else is ignored, with one warning.
            description: What went wrong, for `"error"`.

        Returns:
            The span.

        The rule is that of OpenTelemetry's specification (Set Status).
        """
        if self._end:
            return self
        given: object = status  # whatever its type says
        if type(given) is not str or given not in STATUSES:
            warn_misuse("set_status", given, "'ok' or 'error'")
            return self
        details = details_of(self)
        if details.status_is_final and details.status == "ok":
            return self
        text = description if status == "error" else ""
        details.description = self._clean_text(text, self._state.tracer.limits.value_bytes)
        details.status = status
        details.status_is_final = True
        return self

    def add_link(
        self,
        context: SpanContext,
        attributes: Mapping[str, object] | None = None,
        /,
    ) -> typing_extensions.Self:
        """Add a link to another span; anything but a context or a span is ignored."""
        tracer = self._state.tracer
        if self._end or tracer.is_suppressed:
            return self
        if issubclass(type(context), Span):
            context = context.context  # type: ignore[attr-defined]
        if type(context) is SpanContext and context.is_valid:
            values = tracer.suppressed(clean_all, attributes, {}, tracer.limits, tracer.secrets)
            keep_link(self, bounded(context), values)
        return self

    def update_name(self, name: str) -> typing_extensions.Self:
        """Change the name of the span."""
        if not self._end:
            self._name = self._clean_text(name, self._state.tracer.limits.name_bytes)
        return self

    def _clean_text(self, text: object, limit: int) -> str:
        """Convert any object to text; a traced `__repr__` records nothing."""
        if type(text) is str:
            return clean_text(text, limit)
        return self._state.tracer.suppressed(clean_text, text, limit)  # type: ignore[no-any-return]

    def set_kind(self, kind: protocols.Kind) -> typing_extensions.Self:
        """Set the kind of the span: one of OpenTelemetry's span kinds.

        Args:
            kind: `"internal"`, `"server"`, `"client"`, `"producer"` or `"consumer"`. Anything else
                is ignored, with one warning.

        Returns:
            The span.
        """
        if self._end:
            return self
        given: object = kind  # whatever its type says
        if type(given) is not str or given not in KINDS:
            warn_misuse("set_kind", given, f"one of {', '.join(map(repr, KINDS))}")
            return self
        details_of(self).kind = kind
        return self

    def end(self) -> None:
        """End the span; a second call does nothing."""
        if not self._end:
            end_span(self, None, False)

    def __repr__(self) -> str:
        """Show the name, the ids and whether it is open."""
        state = "ended" if self._end else "open"
        return f"<Span {self._name!r} {self.context.traceparent} {state}>"

    def __copy__(self) -> typing_extensions.Self:
        """Return itself: a span can't be copied."""
        return self

    def __deepcopy__(self, memo: object) -> typing_extensions.Self:
        """Return itself: a span can't be copied."""
        return self

    def __reduce__(self) -> str:
        """Raise TypeError: a span can't be pickled."""
        raise TypeError("a span can't be pickled; send span.context or tracing.inject() instead")


class StartedSpan(Span):
    """A span from `start_span`, which the caller may drop without ending it.

    Its invocation references it weakly, so that a dropped span is freed and ended.
    """

    __slots__ = ()
    _is_held_weakly = True

    def __del__(self) -> None:
        """End it as `abandoned`, on a thread that may do so."""
        if not getattr(self, "_end", 1):  # an exception may have interrupted its creation
            state = self._state
            state.tracer.collect(lambda: state.drop(self))


class _NoopSpan(Span):
    """The no-op span, a singleton with zero ids, used while nothing is recorded."""

    __slots__ = ()

    @property
    def context(self) -> SpanContext:
        """The invalid context."""
        return NO_CONTEXT

    def __repr__(self) -> str:
        """Return `<no-op span>` or the like."""
        return "<Span no-op>"

    def __reduce__(self) -> str:
        """Pickle as the singleton of the process."""
        return "NOOP_SPAN"


def _make_noop() -> Span:
    span: Span = object.__new__(_NoopSpan)
    span._name = ""
    span._span_id = span._parent_id = span._start = 0
    span._end = 1  # ended, so that every method returns at its first line
    span._attributes = span._details = span._token = span._detached_to = span._memo = None
    span._state = _NO_STATE
    return span


class _NoState:
    """The invocation state of the no-op span."""

    __slots__ = ()
    tracer = dispatch = open = handle = None
    id = outcome = ""
    phase = DISABLED

    def finish(self, _outcome: str) -> None:
        """Do nothing: there is no invocation."""

    wait_for = finish


_NO_STATE = _NoState()
NOOP_SPAN: Final = _make_noop()
