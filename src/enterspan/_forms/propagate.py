"""`propagate`: carries the span to where the context does not follow, such as threads and pools.

This module imports wrapt, and is itself imported on first use.
"""

from __future__ import annotations

import os
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from wrapt import BaseObjectProxy, FunctionWrapper

from enterspan._forms.callables import (
    Called,
    call_of,
    is_plain_object,
    signature_of,
    without_annotations,
)
from enterspan._forms.enter import carry
from enterspan._forms.loop import no_end
from enterspan._model.diagnostics import warn_lost
from enterspan._span.context import DISABLED, REMOTE, Attachment, Boundary, span_of
from enterspan._span.invocation import remote_span
from enterspan._span.span import NOOP_SPAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan._model.ids import SpanContext
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer


_ARRIVAL_TIMEOUT: Final = 1.0
"""Seconds for which a call from another process waits for the flush of its spans."""
_here: Final = os.urandom(8)
"""With the process id, identifies this process among those of all machines."""


class Binding(NamedTuple):
    """The binding of a callable."""

    tracer: Tracer
    span: Span | Boundary
    flush: bool
    """Whether calls from another process flush."""
    arrived: bool = False
    """Whether it came from another process."""


def bind(tracer: Tracer, fn: Callable[..., Any], *, flush: bool = True) -> Callable[..., Any]:
    """Bind the current span to a callable."""
    entry = tracer.attached()
    span = entry if type(entry) is Boundary else span_of(entry)
    return fn if span is None else _bound(fn, Binding(tracer, span, flush))


def _entry_of(span: Span | Boundary) -> Attachment:
    """Return an entry that makes a span current; None for no span."""
    return Boundary(span.captures) if type(span) is Boundary else Attachment(span)


def _bound(fn: Any, binding: Binding) -> Any:
    if issubclass(type(fn), type):
        return BoundClass(fn, binding)
    return (BoundObject if is_plain_object(fn) else Bound)(fn, binding)


class Bound(FunctionWrapper[Any, Any]):
    """A proxy of a callable in which a span is current.

    Unpickled in another process, it has only the span's context: spans that are opened there are
    children of that span. A call flushes there before it returns, because a pool may end the
    process once it has the result.
    """

    def __init__(self, wrapped: Any, binding: Binding) -> None:
        tracer, span, flush, arrived = binding
        end = no_end
        if flush and arrived:

            def end(_span: Any, _error: BaseException | None = None) -> None:
                tracer.deliver(_ARRIVAL_TIMEOUT)

        def call(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
            if tracer.is_suppressed:
                return wrapped(*args, **kwargs)  # called by a subscriber
            attachment = _entry_of(span)
            tracer.attach(attachment)
            result = body = None
            try:
                result = wrapped(*args, **kwargs)
                body = carry(tracer, _entry_of(span), result, end)
            finally:
                try:
                    tracer.detach(attachment)
                except BaseException:  # one that arrived as it was called
                    tracer.detach(attachment)
                    raise
                if tracer.off:  # checked again: the call may have subscribed
                    _warn_if_lost(tracer, span)
                if body is result:  # a body that has begun flushes when it ends
                    end(span)
            return body

        super().__init__(wrapped, call)
        self._self_bound = binding

    def __repr__(self) -> str:
        """Show the callable and the span."""
        return f"<{self.__wrapped__!r} under {self._self_bound.span!r}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle the callable and the span's context."""
        tracer, flush = self._self_bound.tracer, self._self_bound.flush
        span: Any = self._self_bound.span
        if type(span) is Boundary or span is NOOP_SPAN or span._state.phase is DISABLED:
            return _unbound, (self.__wrapped__,)
        sender = (os.getpid(), _here)
        return _arrive, (tracer, span.context, self.__wrapped__, flush, sender)

    def __reduce__(self) -> Any:
        """Pickle the callable and the span's context."""
        return self.__reduce_ex__(2)

    def __copy__(self) -> Any:
        """Copy the callable; a function is not copied, and then this is not either."""
        return self._around(copy(self.__wrapped__))

    def __deepcopy__(self, memo: Any) -> Any:
        """Copy the callable; a function is not copied, and then this is not either."""
        return self._around(deepcopy(self.__wrapped__, memo))

    def _around(self, copied: Any) -> Any:
        same = copied is self.__wrapped__
        return self if same else _bound(copied, self._self_bound)


class BoundClass(Bound):
    """The proxy of a class."""

    @property
    def __signature__(self) -> Any:
        """The signature, which `inspect` can't find for a wrapped class."""
        return signature_of(self)


class BoundObject(BaseObjectProxy[Any]):
    """The proxy of a callable object that is not bound to an instance, such as a partial.

    Frameworks inspect its `__call__` to see whether it is a coroutine function.
    """

    def __init__(self, wrapped: Any, binding: Binding) -> None:
        super().__init__(wrapped)
        self._self_bound = binding

    __call__ = cast("Any", Called)(lambda self: Bound(call_of(self.__wrapped__), self._self_bound))

    _around = Bound._around
    __signature__ = BoundClass.__signature__
    __repr__ = Bound.__repr__
    __reduce_ex__ = Bound.__reduce_ex__
    __reduce__ = Bound.__reduce__
    __copy__ = Bound.__copy__
    __deepcopy__ = Bound.__deepcopy__


for _kind in (Bound, BoundClass, BoundObject):
    without_annotations(_kind)


def _arrive(
    tracer: Tracer,
    context: SpanContext,
    fn: Callable[..., Any],
    flush: bool,
    sender: tuple[int, bytes],
) -> Any:
    arrived = sender != (os.getpid(), _here)
    return _bound(fn, Binding(tracer, remote_span(tracer, context), flush, arrived))


def _warn_if_lost(tracer: Tracer, span: Span | Boundary) -> None:
    """Warn once that a call from a process with a subscriber ran in one without."""
    if tracer.off and tracer.enabled and getattr(span._state, "phase", None) is REMOTE:
        warn_lost(
            tracer,
            f"a propagated function has run in process {os.getpid()}, where nothing subscribes to"
            f" the Tracing {tracer.name!r}: its spans are lost. Subscribe there too, such as in the"
            " initializer of the pool; a process that is spawned or comes from a fork server"
            " inherits no subscriber",
        )


def _unbound(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn
