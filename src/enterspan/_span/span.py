"""One operation, open to closed: what a user holds, and what is left of it afterwards.

A span that has ended is a light shell: its name and its ids. What it recorded went to those who
listen, and the shell lets go of it.

The hot path is here, in `_scope` and in `_traced`: fields are filled by stores, facts that few
spans have live in `Rare`, and nothing is computed that nobody asked for. That costs some beauty.
"""

from __future__ import annotations

from enterspan._model import failures as _failures
from enterspan._model.clock import now_ns, wall_ns
from enterspan._model.ids import NO_CONTEXT, SpanContext, make_context
from enterspan._model.values import (
    INT_MAX,
    INT_MIN,
    WARNING_MESSAGE,
    WARNING_TYPE,
    Bag,
    clean_all,
    clean_text,
    items_of,
    size_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token
    from typing import Any, Final

    from typing_extensions import Self

    from enterspan._model.records import SpanEvent, SpanLink
    from enterspan._model.values import AttributeValue, Limits
    from enterspan._span.context import Tombstone
    from enterspan._span.lifeline import Lifeline
    from enterspan.events import TailSpanContext

_KINDS: Final = frozenset({"internal", "server", "client", "producer", "consumer"})
_EVENT_BYTES: Final = 32
"""What an event or a link counts for, beside its texts."""


class Rare:
    """What most spans never have."""

    __slots__ = (
        "description",
        "dropped_attributes",
        "dropped_events",
        "dropped_links",
        "events",
        "floor",
        "kind",
        "links",
        "outcome",
        "parent_is_remote",
        "spent",
        "status",
        "warned",
    )

    def __init__(self) -> None:
        self.events: list[SpanEvent] = []
        self.links: list[SpanLink] = []
        self.status = "unset"
        self.description = ""
        self.outcome = "ok"
        self.kind = "internal"
        self.dropped_attributes = 0
        self.dropped_events = 0
        self.dropped_links = 0
        self.parent_is_remote = False
        self.spent: int | None = None
        self.warned = False
        self.floor = 0


class Span:
    """One operation: it has a name, a place in the tree, a beginning and an end.

    Spans come from a `Tracing`. No method raises because of what it was given, and after the end
    none does anything.
    """

    __slots__ = (
        "__weakref__",
        "_attributes",
        "_end",
        "_lifeline",
        "_more",
        "_name",
        "_parent_id",
        "_span_id",
        "_start",
        "_tail_context",
        "_token",
    )

    # Filled by stores in `_scope`, which is the only maker of spans.
    _name: str
    _lifeline: Lifeline | Tombstone
    _span_id: int
    _parent_id: int
    _start: int  # of the monotonic clock
    _end: int  # 0 while it is open
    _attributes: dict[str, Any] | None
    _more: Rare | None
    _token: Token[Any] | None  # while it is current where it was entered
    _tail_context: TailSpanContext | None

    @property
    def name(self) -> str:
        """What the operation is called."""
        return self._name

    @property
    def context(self) -> SpanContext:
        """The span's identity."""
        lifeline = self._lifeline.origin
        if self._more is not None:
            self._more.floor = 0  # whoever knows its ids may tell somebody: it is kept
        return make_context(
            lifeline.trace_id, self._span_id, lifeline.trace_flags, lifeline.trace_state, False
        )

    @property
    def is_traced(self) -> bool:
        """True while the span is recorded; False once it has ended."""
        return not self._end

    def set_attribute(self, key: str, value: AttributeValue | None) -> Self:
        """Record an attribute; None leaves it unset. A value of another type becomes its repr."""
        if self._end:
            return self
        attributes = self._attributes
        if attributes is None:
            attributes = self._attributes = {}
        board = self._lifeline.board
        # An easy attribute can't cross a limit, so nothing is measured: ASCII, short, not many.
        if self._more is None and type(key) is str and len(key) <= board.easy_key:
            kind = type(value)
            if len(attributes) < board.easy_count and key.isascii():
                if kind is str:
                    if len(value) <= board.easy_text and value.isascii():  # type: ignore[arg-type, union-attr]
                        attributes[key] = value
                        return self
                elif (
                    kind is bool or kind is float or (kind is int and INT_MIN <= value <= INT_MAX)  # type: ignore[operator]
                ):
                    attributes[key] = value
                    return self
        if value is not None:
            put_attributes(self, ((key, value),))
        return self

    def set_attributes(
        self,
        attributes: Mapping[str, AttributeValue | None] | None = None,
        /,
        **more: AttributeValue | None,
    ) -> Self:
        """Record several attributes."""
        if not self._end:
            put_attributes(self, [*items_of(attributes), *more.items()])
        return self

    def add_event(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue | None] | None = None,
        /,
        **more: AttributeValue | None,
    ) -> Self:
        """Record that something happened now.

        Live tails get it at once as a `diagnosticChannel` event, exporters with the span.
        """
        if self._end or self._lifeline.board.is_quiet:
            return self
        lifeline = self._lifeline
        board = lifeline.board
        limits = board.limits
        token = board.set(board.mute)
        try:
            text = clean_text(name, limits.name_bytes)
            message = clean_all(attributes, more, limits)
        finally:
            board.restore(token)
        moment = now_ns()
        keep_event(self, text, moment, message)
        if lifeline.watch is not None:
            lifeline.watch.diagnostic(self, text, message, moment)
        return self

    def record_exception(
        self, exception: BaseException, /, **attributes: AttributeValue | None
    ) -> Self:
        """Record an exception that the program handled, with its traceback."""
        if self._end or self._lifeline.board.is_quiet:
            return self
        lifeline = self._lifeline
        board = lifeline.board
        limits = board.limits
        token = board.set(board.mute)
        try:
            failure = _failures.describe(exception, limits)
            if issubclass(type(exception), BaseException):
                _failures.remember(lifeline.origin, exception)
            extra = clean_all(attributes, {}, limits)
        finally:
            board.restore(token)
        moment = now_ns()
        keep_event(self, "exception", moment, {**_failures.semantic(failure), **extra})
        if lifeline.watch is not None:
            lifeline.watch.exception(self, failure, moment)
        return self

    def set_status(self, status: str, description: str = "") -> Self:
        """Say whether the operation worked: `ok` or `error`; anything else is ignored."""
        if not self._end and type(status) is str and status in ("ok", "error"):
            more = rare(self)
            more.status = status
            text = description if status == "error" else ""
            more.description = self._clean_text(text, self._lifeline.board.limits.value_bytes)
        return self

    def add_link(
        self,
        context: SpanContext,
        attributes: Mapping[str, AttributeValue | None] | None = None,
        /,
    ) -> Self:
        """Relate the span to another one that is not its parent; no SpanContext is ignored."""
        if self._end or self._lifeline.board.is_quiet:
            return self
        if issubclass(type(context), Span):
            context = context.context  # type: ignore[attr-defined]
        if type(context) is not SpanContext or not context.is_valid:
            return self
        board = self._lifeline.board
        token = board.set(board.mute)
        try:
            values = clean_all(attributes, {}, board.limits)
        finally:
            board.restore(token)
        more = rare(self)
        if _spend(self, _EVENT_BYTES + size_of(values)):
            from enterspan._model.records import SpanLink

            more.links.append(SpanLink(context, _closed(values)))
        else:
            more.dropped_links += 1
        return self

    def update_name(self, name: str) -> Self:
        """Give the span another name."""
        if not self._end:
            self._name = self._clean_text(name, self._lifeline.board.limits.name_bytes)
        return self

    def _clean_text(self, text: object, limit: int) -> str:
        """Any object as text; if its `__repr__` is traced, that records nothing."""
        board = self._lifeline.board
        token = board.set(board.mute)
        try:
            return clean_text(text, limit)
        finally:
            board.restore(token)

    def set_kind(self, kind: str) -> Self:
        """Say what the span is in a conversation; anything else than the five kinds is ignored.

        `internal`, `server`, `client`, `producer` or `consumer` (OpenTelemetry's span kinds).
        """
        if not self._end and type(kind) is str and kind in _KINDS:
            rare(self).kind = kind
        return self

    def end(self) -> None:
        """End the span; a second time does nothing."""
        if not self._end:
            end_span(self, self._lifeline.origin, now_ns())

    def __repr__(self) -> str:
        """Show the name, the ids and whether it is open."""
        state = "ended" if self._end else "open"
        return f"<Span {self._name!r} {self.context.traceparent} {state}>"

    def __copy__(self) -> Self:
        """A span has an identity: a copy is itself."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """A span has an identity: a copy is itself."""
        return self

    def __reduce__(self) -> str:
        """Refuse: what travels is `span.context`."""
        raise TypeError("a span can't be pickled; send span.context or tracing.inject() instead")


class _NoopSpan(Span):
    """The span of those to whom nobody listens: there is one, its ids are zero."""

    __slots__ = ()

    @property
    def context(self) -> SpanContext:
        """The identity of nothing."""
        return NO_CONTEXT

    def __repr__(self) -> str:
        """Show that it is the no-op span."""
        return "<Span no-op>"

    def __reduce__(self) -> str:
        """There is one in each process."""
        return "NOOP_SPAN"


def _make_noop() -> Span:
    span: Span = object.__new__(_NoopSpan)
    span._name = ""
    span._span_id = span._parent_id = span._start = 0
    span._end = 1  # as ended as can be: every method returns at its first line
    span._attributes = span._more = span._token = span._tail_context = None
    return span


NOOP_SPAN: Final = _make_noop()


def rare(span: Span) -> Rare:
    """The span's rare facts, made when first needed."""
    more = span._more
    if more is None:
        more = span._more = Rare()
    return more


def put_attributes(span: Span, pairs: Any) -> None:
    """Record attributes with every limit looked at."""
    board = span._lifeline.board
    if board.is_quiet:
        return  # a listener or a `__repr__` is at work: it would have no end
    attributes = span._attributes
    if attributes is None:
        attributes = span._attributes = {}
    limits = board.limits
    more = rare(span)
    bag = Bag(attributes, size_of(attributes) if more.spent is None else more.spent)
    token = board.set(board.mute)  # a `__repr__` that is traced records nothing
    try:
        for key, value in pairs:
            if value is not None:
                bag.put(key, value, limits)
    finally:
        board.restore(token)
    more.spent = bag.spent
    if bag.dropped:
        more.dropped_attributes += bag.dropped
        _warn_limit(attributes, more, limits)


def fresh_attributes(
    attributes: object, more: Mapping[str, Any], limits: Limits
) -> tuple[dict[str, Any], Rare | None]:
    """Clean the attributes that a span will start with."""
    bag = Bag({})
    for source in (attributes, more):
        for key, value in items_of(source):
            if value is not None:
                bag.put(key, value, limits)
    facts = Rare()
    facts.spent = bag.spent
    if bag.dropped:
        facts.dropped_attributes = bag.dropped
        _warn_limit(bag.values, facts, limits)
    return bag.values, facts


def _warn_limit(attributes: dict[str, Any], more: Rare, limits: Limits) -> None:
    if not more.warned:
        more.warned = True
        attributes[WARNING_TYPE] = "span_data_limit_exceeded"
        attributes[WARNING_MESSAGE] = (
            f"the span's data passed {limits.span_bytes} bytes; what followed was left out"
        )


def _spend(span: Span, size: int) -> bool:
    """Take bytes from the span's budget; False, and the warning, where they are not there."""
    more = rare(span)
    attributes = span._attributes
    if attributes is None:
        attributes = span._attributes = {}
    limits = span._lifeline.board.limits
    spent = size_of(attributes) if more.spent is None else more.spent
    if spent + size > limits.span_bytes:
        more.spent = spent
        _warn_limit(attributes, more, limits)
        return False
    more.spent = spent + size
    return True


def keep_event(
    span: Span, name: str, moment: int, attributes: dict[str, Any], *, always: bool = False
) -> None:
    """Keep an event for the exporters, if there is room in the span (`always`: even if not)."""
    if not span._lifeline.origin.kept:
        return
    more = rare(span)
    if always or _spend(span, _EVENT_BYTES + len(name) + size_of(attributes)):
        from enterspan._model.records import SpanEvent

        more.events.append(SpanEvent(name, wall_ns(moment), _closed(attributes)))
    else:
        more.dropped_events += 1


def _closed(attributes: dict[str, Any]) -> Mapping[str, Any]:
    from types import MappingProxyType

    return MappingProxyType(attributes)


owed: list[tuple[Span, int, str]] = []
"""Spans, moments and outcomes of what has ended where there was no stack left to say so."""


def end_span(span: Span, lifeline: Lifeline, moment: int) -> None:
    """Close a span: off the list of open ones, to those who listen, and light from then on.

    Whoever takes it off the list closes it, so that it is closed once, by any number of threads.
    """
    watch = lifeline.watch
    if watch is not None:
        end_watched(span, lifeline, watch, moment)
        return
    opened = lifeline.open
    try:
        del opened[span]  # type: ignore[union-attr]
    except (KeyError, TypeError):
        lifeline.missed(span, moment)
        return
    span._end = moment
    if lifeline.kept:
        board = lifeline.board
        queue = board.queue
        if queue is not None and len(queue) < board.queue_mark:
            queue.append(span)
        else:
            board.hand_over(span)
    if not opened:
        lifeline.emptied()


def end_watched(span: Span, lifeline: Lifeline, watch: Any, moment: int) -> None:
    """Do as `end_span` where somebody is told of it."""
    opened = lifeline.open
    telling = watch.telling
    telling.append(None)
    try:
        try:
            del opened[span]  # type: ignore[union-attr]
        except (KeyError, TypeError):
            lifeline.missed(span, moment)
            return
        span._end = moment
        watch.closed(span)
    finally:
        telling.pop()
        if watch.outcomes:
            watch.conclude()
    if not opened:
        lifeline.emptied()
