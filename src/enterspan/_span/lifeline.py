"""What the spans of one invocation have in common: its ids, and the way to those who listen.

Spans hold the lifeline, and a context that captured a span holds it with it. So it is emptied when
the invocation is over: from then on it is a few numbers. An invocation that a span began by itself
is no more than this; one that somebody asked for has an `Invocation` beside it.
"""

from __future__ import annotations

from enterspan._model.clock import now_ns
from enterspan._span.context import QUIET, State
from enterspan._span.span import NOOP_SPAN, Span, rare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from enterspan._model.ids import SpanContext
    from enterspan._span.span import Rare
    from enterspan._span.switchboard import Switchboard
    from enterspan.events import Attribute, EventInfo

_LIVE, _OVER, _UNHEARD = State.LIVE, State.OVER, State.UNHEARD


class Lifeline:
    """The shared life of an invocation's spans."""

    __slots__ = (
        "__weakref__",
        "alive",
        "board",
        "failures",
        "id_text",
        "invocation",
        "kept",
        "late",
        "open",
        "outcome",
        "root",
        "root_id",
        "state",
        "trace_flags",
        "trace_id",
        "trace_state",
        "watch",
    )

    # Filled by stores in `new_root`, the only maker of lifelines.
    alive: bool  # deleted by whoever ends the invocation: of many, one succeeds
    board: Switchboard
    failures: list[object] | None
    id_text: str | None  # made when first asked for
    invocation: Any  # the Invocation that somebody asked for, while it lives
    kept: bool  # sampled: exporters get the spans
    late: dict[Span, None] | None  # opened while another thread ended the invocation
    open: dict[Span, None] | None  # in order of their opening; None once nothing can be opened
    outcome: str
    root: Span | None  # while it lives
    root_id: int
    state: State
    trace_flags: int
    trace_id: int
    trace_state: str
    watch: Any  # the Watch of the tails that listen, if any does

    @property
    def origin(self) -> Lifeline:
        """Itself; a tombstone's is the lifeline it stands on."""
        return self

    @property
    def id(self) -> str:
        """The invocation's id: its root span's, which no other invocation has."""
        if self.id_text is None:
            self.id_text = f"{self.root_id:016x}"
        return self.id_text

    def emptied(self) -> None:
        """No span is open any more."""
        if self.invocation is not None:
            self.invocation.settle()
        elif self.watch is not None:
            self.finish()
        else:
            # What `finish` does where nobody has to be told anything: the usual case, in short.
            # Two threads may be here at once, and then do the same.
            opened = self.open
            if opened is not None:
                self.state = _OVER
                self.late = opened
                self.open = self.root = self.failures = None

    def missed(self, span: Span, moment: int) -> None:
        """End a span that is not on the list: it has ended, or it was opened a moment too late."""
        if self.state is State.UNSAMPLED:
            self.state = State.OVER  # only its root can end here: nobody else was ever recorded
            return
        late = self.late
        try:
            del late[span]  # type: ignore[union-attr]
        except (KeyError, TypeError):
            return
        span._end = moment
        if self.kept:
            self.board.hand_over(span)

    def finish(self, outcome: str | None = None) -> None:
        """End the invocation: abandon what is open, say the outcome, and let go of everything."""
        try:
            del self.alive
        except AttributeError:
            return
        moment = now_ns()
        opened = self.open
        self.state = State.OVER
        if outcome is not None:
            self.outcome = outcome
        root = self.root
        if opened and root in opened:
            self.outcome = self.outcome if outcome is not None else "abandoned"
        self.close_below(root, moment)
        self.late, self.open = opened, None
        if root is not None and opened and opened.pop(root, self) is None:
            self._abandon(root, moment, self.outcome)
        self.close_below(None, moment)
        watch, self.watch = self.watch, None
        self.invocation = self.failures = self.root = None
        if watch is not None:
            watch.conclude(self.outcome)

    def abandon(self) -> None:
        """End the invocation because nobody can any more."""
        self.finish()

    def close_below(self, root: Span | None, moment: int) -> None:
        """Abandon all spans that are open, innermost first, save the root."""
        opened = self.open if self.open is not None else self.late
        for span in reversed(list(opened or ())):
            if span is not root and opened is not None and opened.pop(span, self) is None:
                self._abandon(span, moment, "abandoned")

    def _abandon(self, span: Span, moment: int, outcome: str) -> None:
        rare(span).outcome = outcome
        span._end = moment
        if self.watch is not None:
            self.watch.closed(span)
        elif self.kept:
            self.board.hand_over(span)

    def __del__(self) -> None:
        """An invocation that nobody can end any more is over."""
        if hasattr(self, "alive") and self.state is _LIVE:
            self.board.collect(self.finish)


def new_root(
    board: Switchboard,
    name: str,
    attributes: dict[str, Any] | None,
    more: Rare | None,
    parent: SpanContext | None,
    link: SpanContext | None,
    info: EventInfo | None = None,
    given: tuple[Attribute, ...] = (),
    invocation: Any = None,
    make: type[Span] = Span,
) -> Span:
    """Begin an invocation: its lifeline and its root span, which is not yet current.

    Where nobody wants it, the root has ended before it began, and its lifeline says so.
    """
    lifeline = Lifeline()
    lifeline.board = board
    lifeline.failures = lifeline.late = lifeline.open = lifeline.id_text = None
    lifeline.state = _UNHEARD
    lifeline.watch = None
    lifeline.outcome = "ok"
    lifeline.invocation = invocation
    root = make()
    root._name = name
    root._lifeline = lifeline
    root._attributes = attributes
    root._more = more
    root._token = root._tail_context = None
    bits = board.bits
    lifeline.root_id = root._span_id = bits(64)
    sampler = board.sampler
    if parent is None:
        lifeline.trace_id = bits(128)
        lifeline.trace_state = ""
        root._parent_id = 0
        sampled = sampler is None or board.ask_sampler(None, lifeline.trace_id, name, attributes)
        lifeline.trace_flags = 1 if sampled else 0
    else:
        lifeline.trace_id = parent.trace_id
        lifeline.trace_state = parent.trace_state
        root._parent_id = parent.span_id
        if sampler is None:
            sampled = parent.trace_flags & 1 == 1
        else:
            sampled = board.ask_sampler(parent, parent.trace_id, name, attributes)
        lifeline.trace_flags = parent.trace_flags & ~1 | sampled
    lifeline.kept = sampled
    lifeline.root = root
    if board.off or (invocation is not None and board.get() is QUIET):
        return _unrecorded(root, lifeline, State.UNHEARD)
    root._end = 0
    root._start = now_ns()
    lifeline.open = {root: None}
    lifeline.state = _LIVE
    _announce(board, lifeline, root, parent, link, info, given)
    if lifeline.watch is None and not (lifeline.kept and board.exports):
        return _unrecorded(root, lifeline, State.UNSAMPLED)
    lifeline.alive = True
    if lifeline.watch is not None and invocation is None:
        board.invocations.add(lifeline)  # a stream has an outcome, whatever becomes of its spans
    if link is not None:
        root.add_link(link)
    if parent is not None and parent.is_remote:
        rare(root).parent_is_remote = True
    return root


def _announce(
    board: Switchboard,
    lifeline: Lifeline,
    root: Span,
    parent: SpanContext | None,
    link: SpanContext | None,
    info: EventInfo | None,
    given: tuple[Attribute, ...],
) -> None:
    """Tell whoever wants to know of an invocation that begins."""
    more = root._more
    if board.bridge is not None:
        board.bridge.root_opened(lifeline, root, parent, link, info, given)
    elif more is not None and more.floor and (board.tails or (lifeline.kept and board.exports)):
        from enterspan._span.min_duration import Hold

        lifeline.watch = Hold(
            lifeline, None, lambda: board.announce(lifeline, root, parent, info, given)
        )
        lifeline.watch.undecided(root)
    elif board.tails:
        lifeline.watch = board.announce(lifeline, root, parent, info, given)


def plain_root(board: Switchboard, name: str, attributes: dict[str, Any] | None) -> Span:
    """Do as `new_root` where a new trace begins and only exporters listen: the usual case."""
    lifeline = Lifeline()
    root = Span()
    bits = board.bits
    lifeline.board = board
    lifeline.failures = lifeline.late = lifeline.id_text = None
    lifeline.watch = lifeline.invocation = None
    lifeline.outcome = "ok"
    lifeline.root_id = root._span_id = bits(64)
    lifeline.trace_id = bits(128)
    lifeline.trace_state = ""
    lifeline.trace_flags = 1
    lifeline.alive = lifeline.kept = True
    lifeline.root = root
    root._name = name
    root._lifeline = lifeline
    root._attributes = attributes
    root._parent_id = root._end = 0
    root._more = root._tail_context = None
    lifeline.open = {root: None}
    lifeline.state = _LIVE
    root._start = now_ns()
    return root


def _unrecorded(root: Span, lifeline: Lifeline, state: State) -> Span:
    lifeline.open = lifeline.root = None
    lifeline.state = state
    root._start = 0
    root._end = 1
    root._attributes = root._more = None
    return root


def visible(span: Span) -> Span:
    """The span as users see it: the no-op span where nothing is recorded."""
    return span if span._start else NOOP_SPAN
