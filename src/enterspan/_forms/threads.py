"""`configure(propagate_threads=True)`: new threads, greenlets and pool jobs inherit the span.

They begin with the span that is current where they are started or submitted. In a thread or a
greenlet that outlives the invocation of its span, such as a pool's worker, the span is no longer
current.
"""

from __future__ import annotations

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context

from wrapt import register_post_import_hook

from enterspan._forms.propagate import bind
from enterspan._span.context import Boundary, ThreadAttachment, span_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, TypeAlias

    from enterspan._span.context import Attachment
    from enterspan._span.tracer import Tracer

    Make: TypeAlias = Callable[[Any], Any]
    """Makes the replacement of a method from the original."""

_lock = threading.Lock()
_tracers: tuple[Tracer, ...] = ()
_patches: Final[list[tuple[Any, str, Any, Any]]] = []
"""The patches: the owner, the name, the original, and the replacement."""
_MISSING: Final = object()
_waited_for: Final[set[str]] = set()


def propagate_threads(tracer: Tracer, wanted: bool) -> None:
    """Make new threads and pool jobs begin with the span that is current where they are created."""
    global _tracers  # noqa: PLW0603 - one patch serves all of them
    with _lock:
        _tracers = tuple([t for t in _tracers if t is not tracer])
        if wanted:
            _tracers = (*_tracers, tracer)
        if _tracers and not _patches:
            _patch()
        elif not _tracers and _patches:
            _unpatch()


def _patch() -> None:
    for name, patch in _MODULES.items():
        module = sys.modules.get(name)
        if module is not None:
            patch(module)
        elif name not in _waited_for:
            _waited_for.add(name)
            register_post_import_hook(_arrived, name)


def _arrived(module: Any) -> None:
    """Patch a module that is imported later; import hooks can't be removed."""
    with _lock:
        if _tracers:
            _MODULES[module.__name__](module)


def _replace(owner: Any, name: str, make: Make) -> None:
    original = getattr(owner, name)
    ours = functools.wraps(original)(make(original))
    _patches.append((owner, name, vars(owner).get(name, _MISSING), ours))
    setattr(owner, name, ours)


def _unpatch() -> None:
    while _patches:
        owner, name, original, ours = _patches.pop()
        if vars(owner).get(name) is not ours:
            continue  # another package has replaced it since then
        if original is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, original)


# --- the span where something is started ---------------------------------------------------


def _bind_all(fn: Any) -> Any:
    for tracer in _tracers:
        if not tracer.off:
            fn = bind(tracer, fn)
    return fn


def _entries() -> list[tuple[Tracer, Attachment]]:
    """The current spans or captures, which a thread that is started here begins with."""
    found = [(tracer, _entry_for(tracer.attached())) for tracer in _tracers if not tracer.off]
    return [(tracer, entry) for tracer, entry in found if entry is not None]


def _entry_for(entry: Any) -> Attachment | None:
    if type(entry) is Boundary:
        return Boundary(entry.captures)
    span = span_of(entry)
    return None if span is None else ThreadAttachment(span)


def _captures() -> list[tuple[Tracer, Attachment]]:
    """The captures for a thread that is started here without a current span."""
    found = [(tracer, tracer.captures()) for tracer in _tracers if not tracer.off]
    return [(tracer, Boundary(captures)) for tracer, captures in found if captures]


def _run_under(entries: list[tuple[Tracer, Attachment]], run: Callable[[], None]) -> None:
    attached = [
        (tracer, entry)
        for tracer, entry in entries
        if type(entry) is not Boundary or tracer.get() is None
    ]
    for tracer, entry in attached:
        tracer.attach(entry)
    try:
        run()
    finally:
        for tracer, entry in reversed(attached):
            tracer.detach(entry)


def _give_context(greenlet: Any) -> None:
    """Make a greenlet that has not begun start with these spans, unless it has a context."""
    entries = _entries()
    if entries and greenlet.gr_context is None:
        context = Context()
        for tracer, entry in entries:
            context.run(tracer.set, entry)
        greenlet.gr_context = context


def _with_nothing_current(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    tokens = [(tracer, tracer.set(None)) for tracer in _tracers]
    try:
        return function(*args, **kwargs)
    finally:
        for tracer, token in tokens:
            tracer.undo(token)


# --- threads --------------------------------------------------------------------------------------


def _starting(start: Any) -> Any:
    def start_with_span(self: Any) -> None:
        # A context that the program has chosen takes precedence (Python 3.14).
        is_chosen = getattr(self, "_context", None) is not None
        entries = _captures() if is_chosen else _entries()
        if not entries or self._started.is_set():
            start(self)
            return
        run, own = self.run, self.__dict__.get("run")

        def put_back() -> None:
            if own is None:
                self.__dict__.pop("run", None)
            else:
                self.__dict__["run"] = own

        def run_once() -> None:
            put_back()
            _run_under(entries, run)

        self.run = run_once
        try:
            start(self)
        except BaseException:
            put_back()
            raise

    return start_with_span


# --- pools ----------------------------------------------------------------------------------------


def _submitting(position: int = 1) -> Make:
    """Wrap a pool's method that takes a function; the threads that it starts inherit no span."""

    def make(submit: Any) -> Any:
        def submit_with_span(*args: Any, **kwargs: Any) -> Any:
            if len(args) > position and not _crosses_interpreters(args[0]):
                bound = _bind_all(args[position])
                args = (*args[:position], bound, *args[position + 1 :])
            elif "func" in kwargs:
                kwargs["func"] = _bind_all(kwargs["func"])
            return _with_nothing_current(submit, *args, **kwargs)

        return submit_with_span

    return make


def _crosses_interpreters(pool: Any) -> bool:
    """Whether a pool runs its jobs in other interpreters, which can't share a span."""
    return any(kind.__module__ == "concurrent.futures.interpreter" for kind in type(pool).__mro__)


def _starting_pool(start: Any) -> Any:
    """Wrap a pool's method that starts threads."""

    def start_with_nothing(*args: Any, **kwargs: Any) -> Any:
        return _with_nothing_current(start, *args, **kwargs)

    return start_with_nothing


def _patch_threading(_module: Any) -> None:
    _replace(threading.Thread, "start", _starting)


def _patch_futures(_module: Any) -> None:
    _replace(ThreadPoolExecutor, "submit", _submitting())


def _patch_multiprocessing(module: Any) -> None:
    pool = module.ThreadPool
    _replace(pool, "__init__", _starting_pool)
    for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
        _replace(pool, name, _submitting())


def _patch_twisted(module: Any) -> None:
    pool = module.ThreadPool
    _replace(pool, "callInThreadWithCallback", _submitting(position=2))
    for name in ("start", "adjustPoolsize"):
        _replace(pool, name, _starting_pool)


# --- greenlets ------------------------------------------------------------------------------------


def _patch_gevent(module: Any) -> None:
    module.Greenlet.add_spawn_callback(_spawned)


def _spawned(greenlet: Any) -> None:
    """Called by gevent where a greenlet is started; once removed, it finds no tracer."""
    _give_context(greenlet)


def _patch_gevent_pool(module: Any) -> None:
    _replace(module.ThreadPool, "spawn", _submitting())


def _patch_eventlet(module: Any) -> None:
    def making(init: Any) -> Any:
        def make_with_span(self: Any, *args: Any, **kwargs: Any) -> None:
            init(self, *args, **kwargs)
            _give_context(self)

        return make_with_span

    def spawning(spawn_n: Any) -> Any:
        def spawn_with_span(*args: Any, **kwargs: Any) -> Any:
            timer, greenlet = spawn_n(*args, **kwargs)
            _give_context(greenlet)
            return timer, greenlet

        return spawn_with_span

    _replace(module.GreenThread, "__init__", making)
    _replace(module, "_spawn_n", spawning)


_MODULES: Final[dict[str, Callable[[Any], None]]] = {
    "threading": _patch_threading,
    "concurrent.futures.thread": _patch_futures,
    "multiprocessing.pool": _patch_multiprocessing,
    "twisted.python.threadpool": _patch_twisted,
    "gevent.greenlet": _patch_gevent,
    "gevent._gevent_cgreenlet": _patch_gevent,  # the name of the former once it is imported
    "gevent.threadpool": _patch_gevent_pool,
    "eventlet.greenthread": _patch_eventlet,
}
"""The patch of each module, applied once it is imported."""
