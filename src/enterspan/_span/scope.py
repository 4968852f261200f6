"""The one lifecycle of a span: `begin`, and then `finish` or `fail`.

Every way to open a span is these three: a block calls them from `__enter__` and `__exit__`, a
decorated function around its body, `enter_span` around a callback. What they do in the usual case
(a parent in a live invocation, left in order) is written out for speed; the rest is in functions of
its own.
"""

from __future__ import annotations

from enterspan._model import failures as _failures
from enterspan._model.clock import now_ns
from enterspan._span.context import QUIET, Bookmark, State, enter, leave, look, span_at
from enterspan._span.invocation import Invocation, end_root, report
from enterspan._span.lifeline import new_root, plain_root
from enterspan._span.span import NOOP_SPAN, Rare, Span, end_span, end_watched, owed, rare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from enterspan._model.ids import SpanContext
    from enterspan._span.context import Entry
    from enterspan._span.lifeline import Lifeline
    from enterspan._span.switchboard import Switchboard
    from enterspan.events import Attribute


def begin(
    board: Switchboard,
    name: str,
    attributes: dict[str, Any] | None,
    more: Rare | None = None,
    current: bool = True,
    parent: Any = None,
) -> Span | None:
    """Open a child of the current span, and make it current; None where nothing is recorded.

    The attributes are the span's own from here on, and clean. With a `parent`, which is a span of a
    live invocation, the child is its.
    """
    if parent is None:
        parent = board.get()
        if parent is None or (opened := parent._lifeline.open) is None:
            if parent is None and more is None and board.plain:
                root = plain_root(board, name, attributes)
                root._token = board.set(root) if current else None
                return root
            return _begin_elsewhere(board, name, attributes, more, current)
        lifeline = parent._lifeline
    else:
        lifeline = parent._lifeline.origin
        opened = lifeline.open
        if opened is None:  # another thread has ended it a moment ago
            return _begin_root(board, name, attributes, more, current, None, parent.context)
    watch = lifeline.watch
    if watch is not None and watch.generation != board.generation:
        return _begin_root(board, name, attributes, more, current, parent.context, None)
    span = Span()
    span._name = name
    span._lifeline = lifeline
    span._span_id = board.bits(64)
    span._parent_id = parent._span_id
    span._attributes = attributes
    span._more = more
    span._end = 0
    span._tail_context = None
    span._start = now_ns()
    if watch is None:
        opened[span] = None  # whole by now: another thread may end the invocation, and this with it
    elif not _open_watched(span, parent, lifeline, opened, watch):
        return None
    span._token = board.set(span) if current else None
    return span


def _open_watched(
    span: Span, parent: Span, lifeline: Lifeline, opened: dict[Span, None], watch: Any
) -> bool:
    """Tell of a span that is opened, and put it on the list; False where that can't be."""
    span._token = None
    telling = watch.telling
    telling.append(None)
    try:
        watch.opened(span, parent)
        opened[span] = None
        if lifeline.open is not opened and opened.pop(span, watch) is None:
            # Another thread has ended the invocation since, and did not find this one.
            rare(span).outcome = "abandoned"
            span._end = now_ns()
            watch.closed(span)
    except RecursionError:  # the stack is at its end: as if nobody listened
        opened.pop(span, None)
        return False
    finally:
        telling.pop()
        if watch.outcomes:
            watch.conclude()
    return True


def begin_with_floor(
    board: Switchboard, name: str, attributes: Any, more: Rare, current: bool = True
) -> Span | None:
    """Do as `begin` for a span with a `min_duration`: its invocation holds back until it is old."""
    if board.bridge is not None:
        more.floor = 0  # what another tracer has begun can't be left out
        return begin(board, name, attributes, more, current)
    from enterspan._span.min_duration import Hold

    entry = look(board)
    span = span_at(entry) if entry is not None else board.ambient_root()
    lifeline = span._lifeline.origin if span is not None else None
    if lifeline is not None and lifeline.state is State.LIVE:
        with board.wiring:
            if type(lifeline.watch) is not Hold:
                lifeline.watch = Hold(lifeline, lifeline.watch, None)
    return begin(board, name, attributes, more, current)


def _begin_elsewhere(
    board: Switchboard, name: str, attributes: Any, more: Rare | None, current: bool
) -> Span | None:
    """Open a span where the current entry is not simply a span of a live invocation."""
    entry: Entry | None = look(board)
    if entry is None:
        above = board.upstream()
        if above is not None or not board.ambient:
            return _begin_root(board, name, attributes, more, current, above, None)
        entry = board.ambient_root()
    if entry is not None and entry._lifeline.state is State.QUIET:
        return None
    span = span_at(entry)
    link = None
    if span is not None:
        lifeline = span._lifeline.origin
        state = lifeline.state
        if state is State.LIVE and lifeline.open is not None:
            return begin(board, name, attributes, more, current, span)
        if state is State.UNSAMPLED:
            return None
        if state is State.OVER:
            link = span.context
    return _begin_root(board, name, attributes, more, current, None, link)


def _begin_root(
    board: Switchboard,
    name: str,
    attributes: Any,
    more: Rare | None,
    current: bool,
    parent: SpanContext | None,
    link: SpanContext | None,
) -> Span:
    root = new_root(board, name, attributes, more, parent, link)
    if current:
        root._token = board.set(root)
    return root


def finish(span: Span) -> None:
    """End a span that is current, and make current what was before it."""
    moment = now_ns()
    lifeline: Any = span._lifeline
    opened = lifeline.open
    board = lifeline.board
    try:
        if board.get() is span:
            try:
                board.reset(span._token)
                span._token = None
            except (ValueError, RuntimeError, LookupError, TypeError):
                leave(board, span)
        else:
            leave(board, span)
        if opened is None or span._end:
            _finish_late(span, lifeline.origin, moment)
            return
        # From here on this is `end_span`, written out: a call less.
        watch = lifeline.watch
        if watch is not None:
            end_watched(span, lifeline, watch, moment)
            return
        try:
            del opened[span]
        except KeyError:
            lifeline.missed(span, moment)
            return
        span._end = moment
        if lifeline.kept:
            queue = board.queue
            if queue is not None and len(queue) < board.queue_mark:
                queue.append(span)
            else:
                board.hand_over(span)
        if not opened:
            lifeline.emptied()
    except RecursionError:
        owed.append((span, moment, "ok"))


def _finish_late(span: Span, lifeline: Lifeline, moment: int) -> None:
    """End a span that was left out of turn, or that nobody records."""
    if not span._end:
        end_span(span, lifeline, moment)
    elif lifeline.state is State.UNSAMPLED:
        lifeline.missed(span, moment)


def fail(span: Span, exception: BaseException) -> None:
    """End a span that an exception leaves, and make current what was before it."""
    moment = now_ns()
    try:
        lifeline = span._lifeline.origin
        leave(lifeline.board, span)
        if span._end:
            lifeline.missed(span, moment)
        else:
            try:
                mark(span, lifeline, exception, moment)
            except Exception:
                rare(span).outcome = "exception"  # too deep in the stack to say more
            end_span(span, lifeline, moment)
        if owed:
            pay()
    except RecursionError:
        owed.append((span, moment, "exception"))


def pay() -> None:
    """End the spans that could not be ended where they should: the stack was at its end there."""
    while owed:
        span, moment, outcome = debt = owed.pop()
        try:
            lifeline = span._lifeline.origin
            leave(lifeline.board, span)
            if outcome != "ok" and span._more is None:
                rare(span).outcome = outcome
            if not span._end:
                end_span(span, lifeline, moment)
            elif span._tail_context is not None and lifeline.watch is not None:
                lifeline.watch.closed(span)
        except RecursionError:
            owed.append(debt)
            return


def mark(span: Span, lifeline: Lifeline, exception: BaseException, moment: int) -> None:
    """Say on a span what an exception that left it means, and record it if nobody has yet."""
    board = lifeline.board
    token = board.set(board.mute)  # a `__str__` that is traced records nothing
    try:
        _mark(span, lifeline, exception, moment)
    except Exception:
        rare(span).outcome = "exception"  # nothing more can be said of it
        if span._span_id == lifeline.root_id:
            lifeline.outcome = "exception"
    finally:
        board.restore(token)


def _mark(span: Span, lifeline: Lifeline, exception: BaseException, moment: int) -> None:
    outcome = _failures.outcome_of(exception)
    if outcome == "ok":
        return
    more = rare(span)
    more.outcome = outcome
    if span._span_id == lifeline.root_id:
        lifeline.outcome = outcome
    if outcome != "exception":
        return
    if more.status != "error":
        more.status = "error"
        more.description = _failures.summary(exception, lifeline.board.limits)
    if not _failures.is_remembered(lifeline, exception, span._start):
        report(span, lifeline, exception, moment)


class SpanScope:
    """A span as a block, for `with` and `async with`; both give the `Span`.

    Entered again, it opens another span of the same name; the attributes are the first one's.
    """

    __slots__ = ("_attributes", "_board", "_more", "_name", "_span")

    # Filled by stores in `Tracing.span`.
    _attributes: dict[str, Any] | None
    _board: Switchboard
    _more: Rare | None
    _name: str
    _span: Any  # None, the span that is open, or a list of them if it was entered inside itself

    def __enter__(self) -> Span:
        """Open the span and make it current."""
        attributes = self._attributes
        more = self._more
        if attributes is not None:
            self._attributes = self._more = None
        span = begin(self._board, self._name, attributes, more)
        if self._span is None:
            self._span = span
        else:
            self._span = [*(self._span if type(self._span) is list else [self._span]), span]
        if span is None or span._end:
            return NOOP_SPAN
        return span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the span, and make current what was before it."""
        span = self._span
        if type(span) is list:
            span = self._span.pop()
            self._span = self._span or None
        else:
            self._span = None
        if span is None:
            return
        if kind is None:
            finish(span)
        else:
            fail(span, error if error is not None else kind())

    async def __aenter__(self) -> Span:
        """Open the span and make it current."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the span, and make current what was before it."""
        self.__exit__(kind, error, traceback)


class UseScope:
    """A block in which a span made elsewhere is current."""

    __slots__ = ("_board", "_end", "_entries", "_span")

    def __init__(self, board: Switchboard, span: Span, end: bool) -> None:  # internal
        self._board = board
        self._span = span
        self._end = end
        self._entries: list[Bookmark] = []

    def __enter__(self) -> Span:
        """Make the span current."""
        entry = Bookmark(self._span)
        self._entries.append(entry)
        if self._span is not NOOP_SPAN and self._board.get() is not QUIET:
            enter(self._board, entry)
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make current what was before it; end the span if that was asked for."""
        if self._entries:
            leave(self._board, self._entries.pop())
        span = self._span
        if span._end:
            return
        if error is not None:
            mark(span, span._lifeline.origin, error, now_ns())
        if self._end:
            span.end()

    async def __aenter__(self) -> Span:
        """Make the span current."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make current what was before it; end the span if that was asked for."""
        self.__exit__(kind, error, traceback)


class InvocationScope:
    """An invocation as a block, for `with` and `async with`; both give the `Invocation`."""

    __slots__ = (
        "_ambient",
        "_attributes",
        "_board",
        "_given",
        "_invocation",
        "_link",
        "_more",
        "_new_trace",
        "_parent",
        "_unlinked",
    )

    def __init__(  # internal
        self,
        board: Switchboard,
        invocation: Invocation,
        parent: SpanContext | None,
        *,
        ambient: bool,
        new_trace: bool,
        unlinked: bool,
        attributes: dict[str, Any] | None,
        more: Rare | None,
        given: tuple[Attribute, ...],
    ) -> None:
        self._board = board
        self._invocation = invocation
        self._parent = parent
        self._ambient = ambient
        self._new_trace = new_trace
        self._unlinked = unlinked
        self._attributes = attributes
        self._more = more
        self._given = given

    def __enter__(self) -> Invocation:
        """Begin the invocation, and make its root current."""
        board = self._board
        parent, link = self._place()
        quiet = board.get() is QUIET
        root = self._invocation.begin(
            board, self._attributes, self._more, parent, link, self._given
        )
        if quiet:
            return self._invocation  # a listener is at work, and stays out of sight
        enter(board, root)
        if self._ambient:
            with board.wiring:
                board.fall_back_to((*board.ambient, root))
        return self._invocation

    def _place(self) -> tuple[SpanContext | None, SpanContext | None]:
        """Where the new invocation belongs: the context of its parent, and one to be linked to."""
        given = self._parent
        above, over = (given, None) if given is not None else self._above()
        if not self._new_trace:
            return above, over
        if self._unlinked:
            return None, None
        return None, over if above is None else above

    def _above(self) -> tuple[SpanContext | None, SpanContext | None]:
        """What the current span is to the new invocation: its parent, or, if over, a link."""
        board = self._board
        entry = look(board)
        if entry is None and (upstream := board.upstream()) is not None:
            return upstream, None
        span = span_at(entry) if entry is not None else board.ambient_root()
        if span is None:
            return None, None
        lifeline = span._lifeline.origin
        if lifeline.state is State.LIVE:
            return span.context, None
        if lifeline.state is State.UNSAMPLED:
            return span.context, None
        if lifeline.state is State.OVER:
            return None, span.context
        return None, None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the root; the invocation is over at once, or when its linger is."""
        moment = now_ns()
        board = self._board
        root = self._invocation._root
        lifeline = root._lifeline.origin
        if self._ambient:
            with board.wiring:
                board.fall_back_to(tuple([r for r in board.ambient if r is not root]))
        leave(board, root)
        if error is None:
            self._invocation.set_return()
        if lifeline.state is not State.LIVE:
            self._invocation.abandon()
            return
        if error is not None:
            try:
                mark(root, lifeline, error, moment)
            except Exception:
                rare(root).outcome = lifeline.outcome = "exception"
        end_root(root, lifeline, moment)

    async def __aenter__(self) -> Invocation:
        """Begin the invocation, and make its root current."""
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the root; the invocation is over at once, or when its linger is."""
        self.__exit__(kind, error, traceback)
