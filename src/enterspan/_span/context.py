"""Which span is current here: the only ContextVar of a Tracing, and all that goes into it.

What the variable holds is an entry: a span, or a `Bookmark` (a span made elsewhere, or the sign
that nothing is to be recorded here). Every entry has a `_lifeline`, and one look at
`entry._lifeline.open` tells the usual case, a span of a live invocation, from all others; those
are sorted out here, off the hot path.

An entry that was left out of turn, or in another context, may still be what some context holds. It
gets a `Tombstone`, which says what was current before it, and whoever looks finds that instead.
"""

from __future__ import annotations

from enterspan._span.span import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from typing import Any, TypeAlias

    from enterspan._span.lifeline import Lifeline
    from enterspan._span.switchboard import Switchboard


class State:
    """What a lifeline says about the spans that hold it: one of seven."""

    __slots__ = ("word",)

    LIVE: State
    """The invocation is open."""
    OVER: State
    """The invocation has ended; a span opened here starts a new one, linked."""
    UNSAMPLED: State
    """Nobody records this invocation: the no-op span."""
    UNHEARD: State
    """Nobody listened when the invocation began: as if there were none."""
    DEAD: State
    """The entry was left out of turn: look at what was current before it."""
    BOOKMARK: State
    """The entry stands for another span."""
    QUIET: State
    """A listener is at work: nothing is recorded here."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __repr__(self) -> str:
        """Show which one it is."""
        return f"State.{self.word.upper()}"


for _name in State.__annotations__:
    setattr(State, _name, State(_name.lower()))

_DEAD = State.DEAD


class _Sign:
    """The lifeline of an entry that is no span."""

    __slots__ = ("state",)
    open = None
    watch = None

    def __init__(self, state: State) -> None:
        self.state = state


_BOOKMARK = _Sign(State.BOOKMARK)


class Bookmark:
    """An entry that makes a span current that was opened elsewhere."""

    __slots__ = ("_lifeline", "_token", "span")

    def __init__(self, span: Span | None, sign: Any = _BOOKMARK) -> None:
        self._lifeline: Any = sign
        self._token: Token[Any] | None = None
        self.span = span


class Tombstone:
    """The lifeline of an entry that was left out of turn."""

    __slots__ = ("board", "origin", "previous")
    open = None
    state = State.DEAD

    def __init__(self, origin: Any, previous: Entry | None) -> None:
        self.origin: Lifeline = origin
        self.board: Any = getattr(origin, "board", None)
        self.previous = previous

    @property
    def watch(self) -> Any:
        """The listeners of the invocation that the span belongs to."""
        return self.origin.watch


Entry: TypeAlias = Span | Bookmark

QUIET = Bookmark(None, _Sign(State.QUIET))
"""The entry under which nothing is recorded: a listener, or a `__repr__`, is at work."""


def first_alive(entry: Entry | None) -> Entry | None:
    """Follow tombstones to the innermost entry that was not left out of turn."""
    while entry is not None and entry._lifeline.state is _DEAD:
        entry = entry._lifeline.previous  # type: ignore[union-attr]
    return entry


def look(board: Switchboard) -> Entry | None:
    """The entry that counts here; what is dead is put aside for the next look."""
    entry: Entry | None = board.get()
    if entry is None or entry._lifeline.state is not _DEAD:
        return entry
    alive = first_alive(entry)
    board.set(alive)
    return alive


def span_at(entry: Entry | None) -> Span | None:
    """The span that an entry stands for; None for none at all, or where recording is off."""
    return entry.span if type(entry) is Bookmark else entry  # type: ignore[return-value]


def enter(board: Switchboard, entry: Entry) -> None:
    """Make an entry current."""
    entry._token = board.set(entry)


def leave(board: Switchboard, entry: Entry) -> None:
    """Make current what was current before an entry, wherever and in whatever order."""
    token = entry._token
    entry._token = None
    if token is None:
        return
    if board.get() is entry:
        try:
            board.reset(token)
            return
        except (ValueError, RuntimeError, LookupError):
            pass  # the token is of another context than this one
        board.set(_before(token))
    bury(entry, token)


def bury(entry: Entry, token: Token[Any]) -> None:
    """Mark an entry as left, for every context that still holds it."""
    origin = entry._lifeline.origin if isinstance(entry, Span) else None
    entry._lifeline = Tombstone(origin, _before(token))


def _before(token: Token[Any]) -> Entry | None:
    old = token.old_value
    return first_alive(old) if isinstance(old, (Span, Bookmark)) else None
