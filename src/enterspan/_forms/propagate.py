"""Spans that cross to where the context does not follow: threads, pools, foreign callbacks.

This module imports wrapt, and is imported when a span is propagated first.
"""

from __future__ import annotations

from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, cast

from wrapt import BaseObjectProxy, FunctionWrapper

from enterspan._forms.callables import (
    Called,
    call_of,
    is_plain_object,
    signature_of,
    without_annotations,
)
from enterspan._forms.driver import no_end
from enterspan._forms.enter import carry
from enterspan._span.context import Attachment, span_of
from enterspan._span.invocation import DISABLED, remote_span
from enterspan._span.span import NOOP_SPAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from enterspan._model.ids import SpanContext
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer


def bind(tracer: Tracer, fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a callable in which the span that is current now is current."""
    span: Span | None = span_of(tracer.entry())
    return fn if span is None else _bound(fn, tracer, span)


def _bound(fn: Any, tracer: Tracer, span: Span) -> Any:
    if issubclass(type(fn), type):
        return BoundClass(fn, tracer, span)
    return (BoundObject if is_plain_object(fn) else Bound)(fn, tracer, span)


class Bound(FunctionWrapper[Any, Any]):
    """A callable with a span that is current in it; in all else the callable itself.

    In another process, to which it travels by pickle, the span's identity is all that arrives: what
    is opened there belongs to that span.
    """

    def __init__(self, wrapped: Any, tracer: Tracer, span: Span) -> None:
        def call(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
            if tracer.is_suppressed:
                return wrapped(*args, **kwargs)  # a subscriber calls it
            attachment = Attachment(span)
            tracer.attach(attachment)
            try:
                result = wrapped(*args, **kwargs)
            finally:
                tracer.detach(attachment)
            return carry(tracer, Attachment(span), result, no_end)

        super().__init__(wrapped, call)
        self._self_tracer = tracer
        self._self_span = span

    def __repr__(self) -> str:
        """Show the callable and the span."""
        return f"<{self.__wrapped__!r} under {self._self_span!r}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Send the callable and the span's identity."""
        span = self._self_span
        if span is NOOP_SPAN or span._state.phase is DISABLED:
            return _unbound, (self.__wrapped__,)
        return _arrive, (self._self_tracer, span.context, self.__wrapped__)

    def __reduce__(self) -> Any:
        """Send the callable and the span's identity."""
        return self.__reduce_ex__(2)

    def __copy__(self) -> Any:
        """Copy the callable; functions are not copied, and neither is this then."""
        return self._around(copy(self.__wrapped__))

    def __deepcopy__(self, memo: Any) -> Any:
        """Copy the callable; functions are not copied, and neither is this then."""
        return self._around(deepcopy(self.__wrapped__, memo))

    def _around(self, copied: Any) -> Any:
        same = copied is self.__wrapped__
        return self if same else _bound(copied, self._self_tracer, self._self_span)


class BoundClass(Bound):
    """The same for a class."""

    @property
    def __signature__(self) -> Any:
        """The signature: `inspect` can't find that of a wrapped class by itself."""
        return signature_of(self)


class BoundObject(BaseObjectProxy[Any]):
    """The same for a callable object that is not bound to an instance, such as a partial.

    Frameworks ask its `__call__` whether it is a coroutine function.
    """

    def __init__(self, wrapped: Any, tracer: Tracer, span: Span) -> None:
        super().__init__(wrapped)
        self._self_tracer = tracer
        self._self_span = span

    __call__ = cast("Any", Called)(
        lambda self: Bound(call_of(self.__wrapped__), self._self_tracer, self._self_span)
    )

    _around = Bound._around
    __signature__ = BoundClass.__signature__
    __repr__ = Bound.__repr__
    __reduce_ex__ = Bound.__reduce_ex__
    __reduce__ = Bound.__reduce__
    __copy__ = Bound.__copy__
    __deepcopy__ = Bound.__deepcopy__


for _kind in (Bound, BoundClass, BoundObject):
    without_annotations(_kind)


def _arrive(tracer: Tracer, context: SpanContext, fn: Callable[..., Any]) -> Any:
    return _bound(fn, tracer, remote_span(tracer, context))


def _unbound(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn
