"""Spans that cross to where the context does not follow: threads, pools, foreign callbacks."""

from __future__ import annotations

import functools
import threading
from types import AsyncGeneratorType, CoroutineType, GeneratorType, MethodType

from enterspan._forms.driver import Inside, as_async_generator, as_coroutine, as_generator
from enterspan._span.context import QUIET, Bookmark, State, enter, leave, look, span_at
from enterspan._span.remote import remote_span
from enterspan._span.span import NOOP_SPAN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from typing_extensions import Self

    from enterspan._model.ids import SpanContext
    from enterspan._span.span import Span
    from enterspan._span.switchboard import Switchboard


def bind(board: Switchboard, fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a callable in which the span that is current now is current."""
    span = span_at(look(board))
    return fn if span is None else Bound(board, span, fn)


class Bound:
    """A callable with a span that is current in it; in all else the callable itself.

    In another process, to which it travels by pickle, the span's identity is all that arrives: what
    is opened there belongs to that span.
    """

    __wrapped__: Any

    def __init__(self, board: Switchboard, span: Span, fn: Callable[..., Any]) -> None:
        try:
            functools.update_wrapper(self, fn)
        except Exception:  # a callable whose attributes can't be read
            self.__wrapped__ = fn
        # Set last: a callable that is bound already has attributes of these names, too.
        self._board = board
        self._span = span
        self._fn = fn

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        board = self._board
        fn = self._fn
        if board.get() is QUIET:
            return fn(*args, **kwargs)  # a listener calls it
        entry = Bookmark(self._span)
        enter(board, entry)
        try:
            result = fn(*args, **kwargs)
        finally:
            leave(board, entry)
        return _carry(board, self._span, result)

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        """Be a method, as a function would be."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        """Show the callable and the span."""
        return f"<{self._fn!r} under {self._span!r}>"

    def __copy__(self) -> Self:
        """Functions are not copied, and neither is this."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Functions are not copied, and neither is this."""
        return self

    def __reduce__(self) -> Any:
        """Send the callable and the span's identity."""
        context = self._span.context
        if self._span is NOOP_SPAN or self._span._lifeline.origin.state is State.UNHEARD:
            return _unbound, (self._fn,)  # nobody has heard of it
        return _arrive, (self._board, context, self._fn)


def _arrive(board: Switchboard, context: SpanContext, fn: Callable[..., Any]) -> Bound:
    return Bound(board, remote_span(board, context), fn)


def _unbound(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn


def _carry(board: Switchboard, span: Span, result: Any) -> Any:
    """A body that runs later runs under the same span."""
    kind = type(result)
    if kind is CoroutineType:
        return as_coroutine(Inside(board, None, Bookmark(span)), result)
    if kind is GeneratorType:
        return as_generator(Inside(board, None, Bookmark(span)), result)
    if kind is AsyncGeneratorType:
        return as_async_generator(Inside(board, None, Bookmark(span)), result)
    return result


_lock = threading.Lock()
_boards: tuple[Switchboard, ...] = ()
_originals: dict[str, Any] = {}


def propagate_threads(board: Switchboard, wanted: bool) -> None:
    """Let new threads and pool jobs begin with the span that is current where they are made."""
    global _boards  # noqa: PLW0603 - one patch serves all of them
    with _lock:
        _boards = tuple([b for b in _boards if b is not board])
        if wanted:
            _boards = (*_boards, board)
        if _boards and not _originals:
            _patch()
        elif not _boards and _originals:
            _unpatch()


def _patch() -> None:
    from concurrent.futures import ThreadPoolExecutor

    start = threading.Thread.start
    submit: Any = ThreadPoolExecutor.submit
    _originals.update(start=start, submit=submit)

    @functools.wraps(start)
    def start_with_span(self: threading.Thread) -> None:
        run = self.run
        bound = _bind_all(run)
        if bound is run or self._started.is_set():  # type: ignore[attr-defined]
            start(self)
            return

        own = self.__dict__.get("run")

        def put_back() -> None:
            if own is None:
                self.__dict__.pop("run", None)
            else:
                self.__dict__["run"] = own

        def run_once() -> None:
            put_back()
            bound()

        self.run = run_once  # type: ignore[method-assign]
        try:
            start(self)
        except BaseException:
            put_back()
            raise

    @functools.wraps(submit)
    def submit_with_span(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        bound = _bind_all(fn)
        # It may start a thread of the pool, which is no one job's: that begins with nothing.
        tokens = [(board, board.set(None)) for board in _boards]
        try:
            return submit(self, bound, *args, **kwargs)
        finally:
            for board, token in tokens:
                board.restore(token)

    threading.Thread.start = start_with_span  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = submit_with_span  # type: ignore[method-assign]
    _originals.update(our_start=start_with_span, our_submit=submit_with_span)


def _unpatch() -> None:
    from concurrent.futures import ThreadPoolExecutor

    if threading.Thread.start is _originals["our_start"]:
        threading.Thread.start = _originals["start"]  # type: ignore[method-assign]
    if ThreadPoolExecutor.submit is _originals["our_submit"]:
        ThreadPoolExecutor.submit = _originals["submit"]  # type: ignore[method-assign]
    _originals.clear()


def _bind_all(fn: Any) -> Any:
    for board in _boards:
        if not board.off:
            fn = bind(board, fn)
    return fn
