"""The stand-in for a span of another process: what opens below it belongs to that span.

It is never recorded here: it has ended before it began, and nothing is ever put on its list of open
spans. To whoever opens a span it looks like the span of an invocation that this process has not
begun, and so the new one is the root of an invocation of its own, with the other span as parent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enterspan._span.context import State
from enterspan._span.lifeline import Lifeline
from enterspan._span.span import Span
from enterspan._span.telling import Telling

if TYPE_CHECKING:
    from enterspan._model.ids import SpanContext
    from enterspan._span.switchboard import Switchboard


def remote_span(board: Switchboard, context: SpanContext) -> Span:
    """Make a span that stands for one of another process."""
    lifeline = Lifeline()
    lifeline.board = board
    lifeline.failures = lifeline.late = lifeline.root = lifeline.id_text = None
    lifeline.invocation = None
    lifeline.outcome = "ok"
    lifeline.root_id = context.span_id
    lifeline.trace_id = context.trace_id
    lifeline.trace_flags = context.trace_flags
    lifeline.trace_state = context.trace_state
    lifeline.kept = False
    lifeline.state = State.LIVE
    lifeline.open = {}
    lifeline.watch = _ElsewhereWatch()
    span = Span()
    span._name = "remote"
    span._lifeline = lifeline
    span._span_id = context.span_id
    span._parent_id = span._start = 0
    span._end = 1
    span._attributes = span._more = span._token = span._tail_context = None
    return span


class _ElsewhereWatch(Telling):
    """The listeners of an invocation that lives in another process: out of reach from here."""

    __slots__ = ()
    generation = -1  # of no process: a board counts from 0

    def opened(self, *_: Any) -> None:
        """Nothing is opened here."""

    closed = returned = exception = diagnostic = logged = opened

    def finished(self, outcome: str) -> None:
        """It does not end here either."""
