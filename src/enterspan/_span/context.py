"""The current span: one context variable per `Tracing`, and all code that changes it.

The variable holds an *entry*: a span, an `Attachment` (a span opened elsewhere), a `Boundary`
(hides outer entries), or `SUPPRESSED`. A context may still hold an entry that was detached out of
order, or in another context. Such an entry remembers what was current before it, and
`Current.entry` returns that instead.
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
        """The values that the variable may hold."""

        _detached_to: Any
        _token: Any
        _end: int


LIVE: Final = "live"
ENDED: Final = "ended"
UNSAMPLED: Final = "unsampled"
"""Neither a tail nor an exporter records the invocation."""
DISABLED: Final = "disabled"
"""There was no subscriber when it began: treated as no invocation."""
REMOTE: Final = "remote"
"""It is in another process; spans that are opened under it are roots in this one."""

NOTHING: Final = object()
"""The value of `_detached_to` if nothing was current before."""


class _NoState:
    """The invocation state of an entry that is not a span: nothing can be opened in it."""

    __slots__ = ()
    open = None


class Attachment:
    """An entry that makes an existing span current."""

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

    It counts as detached once the invocation of its span has ended: a worker that was started by
    the first request also serves later ones.
    """

    __slots__ = ("_detached",)

    @property
    def _detached_to(self) -> Any:
        if self._detached is None and self.span._state.phase is ENDED:
            return NOTHING
        return self._detached

    @_detached_to.setter
    def _detached_to(self, entry: Any) -> None:
        self._detached = entry


SUPPRESSED: Final = Attachment(None)
"""The entry under which nothing is recorded: a subscriber, or a `__repr__`, is running."""


class Boundary(Attachment):
    """An entry that hides all outer entries: nothing is current under it.

    What begins under it is recorded by its captures, and by those around them.
    """

    __slots__ = ("captures",)

    def __init__(self, captures: tuple[object, ...]) -> None:
        super().__init__(None)
        self.captures = captures

    @property
    def _end(self) -> int:
        """Always zero: it has no span."""
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

    A bridge to another tracer replaces `get`, `set` and `reset`, to keep both tracers' current
    spans in step.
    """

    __slots__ = ("get", "reset", "set", "variable")

    def __init__(self, name: str) -> None:
        # One variable per `Tracing`: spans of one are never parents of another's.
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

        Detached entries are skipped, and removed from this context.
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
        """Return the captures that record this context, the innermost one last."""
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
            entry = _before(entry._token)  # a span opened elsewhere was made current here
        return found

    def attach(self, entry: Any) -> None:
        """Make *entry* current."""
        before = self.get()
        try:
            entry._token = self.set(entry)
        except BaseException:  # interrupted after the entry was set
            if self.get() is entry:
                self.set(before)
            raise

    def detach(self, entry: Any, unwinding: bool = False) -> None:
        """Restore what was current before *entry*, in any context and any order.

        Open entries that were attached after it stay current: they may belong to a block around a
        generator that is being left. Ended entries above it, such as spans that their invocation
        abandoned, are detached with it. While an exception is *unwinding* the stack through a plain
        function, open ones are detached as well, because nothing in there is running.
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
                pass  # attached in another context: what is current here is left alone
            entry._detached_to = _before(token) or NOTHING
        else:
            entry._detached_to = _before(token) or NOTHING
        entry._token = None

    def take_attached(self, entries: list[Any]) -> Any:
        """Remove and return the innermost of some entries that is attached in this context.

        One block may be open in several tasks or threads. If none of them is attached here, or the
        last one was not recorded, it is the last one that was not recorded, or else the last one.
        """
        if not entries:
            return None
        entry = None if entries[-1] is None else self.get()
        while entry is not None:
            if entry in entries:
                entries.remove(entry)
                return entry
            entry = None if entry._token is None else _before(entry._token)
        if None in entries:
            entries.remove(None)
            return None
        return entries.pop()

    def undo(self, token: Any, entry: Any = None) -> None:
        """Undo a `set`, in any context; raises nothing but RecursionError."""
        try:
            self.reset(token)
        except RecursionError:  # RecursionError is a RuntimeError; nothing was undone
            raise
        except (LookupError, RuntimeError):
            return  # it was reset in between, or is undone already
        except ValueError:  # set in another context
            before = None
            if entry is not None:
                before = _before(token)
                entry._detached_to = before or NOTHING
            self.set(before)

    def suppressed(self, function: Callable[..., _T], *args: Any) -> _T:
        """Call *function* with tracing suppressed.

        An exception may interrupt between any two instructions. So the variable is set inside
        `try`, and a single call of a C function undoes it.
        """
        variable = self.variable
        set_, before = variable.set, variable.get()
        try:
            set_(SUPPRESSED)
            return function(*args)
        finally:
            set_(before)


def _is_over_down_to(entry: Any, current: Any, unwound: bool) -> bool:
    """Whether *entry* is below *current*, and all entries above it have ended or are *unwound*."""
    while current is not None and current is not entry:
        if current._token is None or not (unwound or current._end):
            return False
        current = _before(current._token)
    return current is entry


_GENERATORS: Final = 0x20 | 0x80 | 0x200
"""The code flags of generators, coroutines and async generators."""


def _is_called_by_generator() -> bool:
    """Whether the code that leaves a block belongs to a generator or a coroutine."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    return bool(frame.f_code.co_flags & _GENERATORS)
