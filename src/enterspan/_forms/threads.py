"""`configure(propagate_threads=True)`: new threads and pool jobs begin with the current span."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import ThreadPoolExecutor

from enterspan._forms.propagate import bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from enterspan._span.tracer import Tracer

_lock = threading.Lock()
_tracers: tuple[Tracer, ...] = ()
_originals: dict[str, Any] = {}


def propagate_threads(tracer: Tracer, wanted: bool) -> None:
    """Let new threads and pool jobs begin with the span that is current where they are made."""
    global _tracers  # noqa: PLW0603 - one patch serves all of them
    with _lock:
        _tracers = tuple([t for t in _tracers if t is not tracer])
        if wanted:
            _tracers = (*_tracers, tracer)
        if _tracers and not _originals:
            _patch()
        elif not _tracers and _originals:
            _unpatch()


def _patch() -> None:
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
        return _with_nothing_current(submit, self, bound, *args, **kwargs)

    threading.Thread.start = start_with_span  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = submit_with_span  # type: ignore[method-assign]
    _originals.update(our_start=start_with_span, our_submit=submit_with_span)


def _with_nothing_current(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    tokens = [(tracer, tracer.set(None)) for tracer in _tracers]
    try:
        return function(*args, **kwargs)
    finally:
        for tracer, token in tokens:
            tracer.undo(token)


def _unpatch() -> None:
    if threading.Thread.start is _originals["our_start"]:
        threading.Thread.start = _originals["start"]  # type: ignore[method-assign]
    if ThreadPoolExecutor.submit is _originals["our_submit"]:
        ThreadPoolExecutor.submit = _originals["submit"]  # type: ignore[method-assign]
    _originals.clear()


def _bind_all(fn: Any) -> Any:
    for tracer in _tracers:
        if not tracer.off:
            fn = bind(tracer, fn)
    return fn
