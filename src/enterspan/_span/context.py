"""What is current: one context variable for each Tracing, and everything that changes it.

The variable holds an *entry*: a span, an `Attachment` (a span that was opened elsewhere), a
`Boundary` (nothing), or `SUPPRESSED`. An entry that is detached out of order, or in another
context, may still be what some context holds. It remembers what was current before it, and
`Current.entry` finds that instead.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from typing import Any, Final, Protocol, TypeVar

    _T = TypeVar("_T")

    class Entry(Protocol):
        """What the variable may hold."""

        _detached_to: Any
        _token: Any
        _end: int


NOTHING: Final = object()
"""What `_detached_to` holds where nothing was current before."""


class _NoState:
    """The invocation state of an entry that is no span: nothing can be opened in it."""

    __slots__ = ()
    open = None


class Attachment:
    """An entry that makes a span current that was opened elsewhere."""

    __slots__ = ("_detached_to", "_token", "span")
    _state = _NoState()

    def __init__(self, span: Any) -> None:
        self._detached_to: Any = None
        self._token: Token[Any] | None = None
        self.span = span

    @property
    def _end(self) -> int:
        """Nonzero once the span has ended, or if there is none."""
        return 1 if self.span is None else self.span._end


class ThreadAttachment(Attachment):
    """The entry with which a thread or a greenlet begins.

    It counts as detached once the invocation of its span is over: a worker that is started by the
    first request serves all later ones.
    """

    __slots__ = ("_detached",)

    @property
    def _detached_to(self) -> Any:
        if self._detached is None and self.span._state.phase == "ended":
            return NOTHING
        return self._detached

    @_detached_to.setter
    def _detached_to(self, entry: Any) -> None:
        self._detached = entry


SUPPRESSED: Final = Attachment(None)
"""The entry under which nothing is recorded: a subscriber, or a `__repr__`, is running."""


class Boundary(Attachment):
    """An entry under which nothing is current: what lies before it is out of sight.

    What begins under it belongs to the captures that have set it, and those around them.
    """

    __slots__ = ("captures",)

    def __init__(self, captures: tuple[object, ...]) -> None:
        super().__init__(None)
        self.captures = captures

    @property
    def _end(self) -> int:
        """Zero: it has no span that could end."""
        return 0


_ATTACHMENTS: Final = frozenset({Attachment, ThreadAttachment, Boundary})


def first_attached(entry: Any) -> Any:
    """Return the innermost entry at or before *entry* that was not detached out of order."""
    while entry is not None and entry._detached_to is not None:
        entry = entry._detached_to
        if entry is NOTHING:
            return None
    return entry


def span_of(entry: Any) -> Any:
    """Return the span that an entry stands for; None for no entry, and while suppressed."""
    kind = type(entry)
    return entry.span if kind in _ATTACHMENTS else entry


def _before(token: Token[Any]) -> Any:
    old = token.old_value
    return None if old is token.MISSING else first_attached(old)


class Current:
    """The context variable of one Tracing, and how entries are attached and detached.

    A bridge to another tracer replaces `get`, `set` and `reset`, to keep that tracer's idea of what
    is current in step with this one.
    """

    __slots__ = ("get", "reset", "set", "variable")

    def __init__(self, name: str) -> None:
        # A variable of its own: the spans of one Tracing never parent another's.
        variable: ContextVar[Any] = ContextVar(f"enterspan.{name}", default=None)
        self.variable = variable
        self.get: Callable[[], Any] = variable.get
        self.set: Callable[[Any], Any] = variable.set
        self.reset: Callable[[Any], None] = variable.reset

    @property
    def is_suppressed(self) -> bool:
        """Whether nothing is recorded in this context."""
        return self.variable.get() is SUPPRESSED

    def entry(self) -> Any:
        """Return the current entry, None under a boundary.

        Detached entries are skipped, and forgotten by this context.
        """
        entry = self.attached()
        return None if type(entry) is Boundary else entry

    def attached(self) -> Any:
        """Return the current entry, or boundary."""
        entry = self.get()
        if entry is None or entry._detached_to is None:
            return entry
        attached = first_attached(entry)
        self.set(attached)
        return attached

    def captures(self) -> tuple[object, ...]:
        """Return the captures that this context belongs to, the innermost one last."""
        found: tuple[object, ...] = ()
        entry = first_attached(self.get())
        while entry is not None:
            if type(entry) is Boundary:
                return (*found, *entry.captures)
            span = span_of(entry)
            if span is not None:
                found = (*found, *span._state.captures)
            if type(entry) is not Attachment or entry._token is None:
                break
            entry = _before(entry._token)  # a span from elsewhere was made current here
        return found

    def attach(self, entry: Any) -> None:
        """Make *entry* current."""
        before = self.get()
        try:
            entry._token = self.set(entry)
        except BaseException:  # it arrived when the entry was set
            if self.get() is entry:
                self.set(before)
            raise

    def detach(self, entry: Any, unwinding: bool = False) -> None:
        """Make current what was current before *entry*, wherever and in whatever order.

        What was attached after it stays current while it is open: it may be a block around the
        generator that is left. Entries above it that have ended, such as spans that their
        invocation has abandoned, are detached with it; while an exception is *unwinding* the stack
        through a plain function, so are those that are open, because nothing in there is running.
        """
        token = entry._token
        if token is None:
            return
        current = self.get()
        if current is entry:
            self.undo(token, entry)
        elif current is SUPPRESSED or _is_over_down_to(
            entry, current, unwinding and not _is_called_by_generator()
        ):
            try:
                self.reset(token)
            except (ValueError, RuntimeError, LookupError):
                pass  # of another context: what is current here is not ours to change
            entry._detached_to = _before(token) or NOTHING
        else:
            entry._detached_to = _before(token) or NOTHING
        entry._token = None

    def undo(self, token: Any, entry: Any = None) -> None:
        """Undo a `set`, in whatever context this is; raises RecursionError and nothing else."""
        try:
            self.reset(token)
        except RecursionError:  # a RuntimeError, too; nothing was undone
            raise
        except (LookupError, RuntimeError):
            return  # it was unset in between, or is undone already
        except ValueError:  # set in another context
            before = None
            if entry is not None:
                before = _before(token)
                entry._detached_to = before or NOTHING
            self.set(before)

    def suppressed(self, function: Callable[..., _T], *args: Any) -> _T:
        """Call *function* with nothing recorded.

        An exception may arrive between any two instructions. So the variable is set inside of
        `try`, and one call that is written in C undoes it.
        """
        variable = self.variable
        set_, before = variable.set, variable.get()
        try:
            set_(SUPPRESSED)
            return function(*args)
        finally:
            set_(before)


def _is_over_down_to(entry: Any, current: Any, unwound: bool) -> bool:
    """Whether *entry* lies below *current*, and all above it has ended, or is *unwound*."""
    while current is not None and current is not entry:
        if current._token is None or not (unwound or current._end):
            return False
        current = _before(current._token)
    return current is entry


_GENERATORS: Final = 0x20 | 0x80 | 0x200
"""The code flags of generators, coroutines and async generators."""


def _is_called_by_generator() -> bool:
    """Whether the code that leaves a block is the body of a generator or a coroutine."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    return bool(frame.f_code.co_flags & _GENERATORS)
