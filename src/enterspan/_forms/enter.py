"""`enter_span` and `start_active_span`: a callback with a span around it.

What the callback returns decides when the span ends: at once, when a future settles, or when the
body of a coroutine or a generator has run to its end.
"""

from __future__ import annotations

from enterspan._forms.driver import (
    Body,
    as_coroutine,
    as_generator,
    is_started,
)
from enterspan._forms.results import (
    ASYNC_GENERATOR,
    AWAITABLE,
    COROUTINE,
    FUTURE,
    GENERATOR,
    PLAIN,
    kind_of,
    when_settled,
)
from enterspan._forms.wrapper import as_async_generator
from enterspan._model.clock import now_ns
from enterspan._span.begin import begin
from enterspan._span.context import Attachment
from enterspan._span.end import end_span, mark
from enterspan._span.span import NOOP_SPAN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from enterspan._forms.driver import End
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer


def enter(
    tracer: Tracer, name: str, callback: Callable[..., Any], args: Any, kwargs: Any, end: End
) -> Any:
    """Call the callback with a new span; *end* ends it."""
    span = begin(tracer, name)
    if span is None:
        return callback(NOOP_SPAN, *args, **kwargs)
    given = NOOP_SPAN if span._end else span  # ended: the root of what is not recorded
    try:
        result = callback(given, *args, **kwargs)
    except BaseException as error:
        try:
            end(span, error)
        except RecursionError:  # not even for this call is there stack
            if end is not leave_open:
                tracer.deferred.append((span, error, 0))
            if span._token is not None:
                tracer.reset(span._token)
                span._token = None
        raise
    if kind_of(result) is PLAIN:
        end(span, None)
        return result
    return settle(tracer, span, result, end)


def leave_open(span: Span, error: BaseException | None = None) -> None:
    """Detach a span that the caller ends; record what an exception means that left its callback."""
    span._state.tracer.detach(span)
    if error is not None and not span._end:
        mark(span, error, now_ns())


def settle(tracer: Tracer, span: Span, result: Any, end: End = end_span) -> Any:
    """Detach the span from the caller's context, and end it when the result is done with.

    Returns the result, or what stands for it: a body of the same kind, a proxy of an awaitable.
    """
    kind = kind_of(result)
    if kind is PLAIN:
        end(span, None)
        return result
    tracer.detach(span)
    if kind is FUTURE:
        when_settled(result, lambda error: end(span, error))
        return result
    if is_started(result):  # it has a driver already: it is no result of this call
        end(span, None)
        return result
    # Detached out of order, it would be skipped; the body runs under it all the same.
    entry = Attachment(span) if span._detached_to is not None else None
    return _BODIES[kind](Body(tracer, span, end, entry), result)


def carry(tracer: Tracer, entry: Attachment, result: Any, end: End) -> Any:
    """Have the body that a call has returned run under an entry; other results are left alone."""
    kind = kind_of(result)
    if kind not in (COROUTINE, GENERATOR, ASYNC_GENERATOR):
        return result
    return _BODIES[kind](Body(tracer, None, end, entry), result)


def prepare() -> None:
    """Import what a span may need as it ends: while spans are recorded, nothing is imported."""
    from enterspan._forms.awaitables import proxy_of

    _BODIES[AWAITABLE] = proxy_of


def _as_awaitable(body: Body, awaitable: Any) -> Any:
    """Return a proxy of an awaitable, with a span that ends when it was awaited."""
    prepare()
    return _BODIES[AWAITABLE](body, awaitable)


_BODIES: Final[dict[str, Callable[[Body, Any], Any]]] = {
    COROUTINE: as_coroutine,
    GENERATOR: as_generator,
    ASYNC_GENERATOR: as_async_generator,
    AWAITABLE: _as_awaitable,
}
