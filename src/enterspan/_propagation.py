"""Spans that cross to where the context does not follow: threads, pools, foreign callbacks."""

from __future__ import annotations

import functools
import threading
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any

from enterspan._context import QUIET, Bookmark, enter, leave, look, span_at
from enterspan._generators import Inside, as_async_generator, as_coroutine, as_generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan._span import Span
    from enterspan._switchboard import Switchboard


def bind(board: Switchboard, fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a callable in which the span that is current now is current."""
    span = span_at(look(board))
    if span is None:
        return fn

    def bound(*args: Any, **kwargs: Any) -> Any:
        if board.get() is QUIET:
            return fn(*args, **kwargs)  # a listener calls it
        entry = Bookmark(span)
        enter(board, entry)
        try:
            result = fn(*args, **kwargs)
        finally:
            leave(board, entry)
        return _carry(board, span, result)

    try:
        return functools.update_wrapper(bound, fn)
    except Exception:  # a callable whose attributes can't be read
        return bound


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
