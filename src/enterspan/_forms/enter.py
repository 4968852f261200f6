"""`enter_span` and `start_active_span`: a callback with a span around it.

The callback's result decides when the span ends: at once, when a future settles, or when a
coroutine or a generator has finished.
"""

from __future__ import annotations

from enterspan._forms.results import (
    ASYNC_GENERATOR,
    COROUTINE,
    FUTURE,
    GENERATOR,
    PLAIN,
    kind_of,
    when_settled,
)
from enterspan._model.clock import now_ns
from enterspan._model.late import put_off
from enterspan._span.begin import begin
from enterspan._span.context import Attachment
from enterspan._span.end import end_span, mark
from enterspan._span.span import NOOP_SPAN

TYPE_CHECKING = False
if not TYPE_CHECKING:
    put_off(
        globals(),
        {
            "enterspan._forms.bodies": "as_async_generator",
            "enterspan._forms.awaitables": "proxy_of",
            "enterspan._forms.driver": "Body as_coroutine as_generator is_started",
        },
    )
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from enterspan._forms.awaitables import proxy_of
    from enterspan._forms.bodies import as_async_generator
    from enterspan._forms.driver import Body, End, as_coroutine, as_generator, is_started
    from enterspan._span.span import Span
    from enterspan._span.tracer import Tracer


def enter(
    tracer: Tracer, name: str, callback: Callable[..., Any], args: Any, kwargs: Any, end: End
) -> Any:
    """Call the callback with a new span, which *end* ends."""
    span = begin(tracer, name)
    if span is None:
        return callback(NOOP_SPAN, *args, **kwargs)
    given = NOOP_SPAN if span._end else span  # a root that is not recorded
    try:
        result = callback(given, *args, **kwargs)
        if kind_of(result) is PLAIN:
            end(span, None)
            return result
        return settle(tracer, span, result, end)
    except BaseException as error:
        try:
            end(span, error)
        except RecursionError:  # not even for this call is there stack
            if end is not leave_open:
                tracer.deferred.append((span, error, 0))
            if span._token is not None:
                tracer.reset(span._token)
                span._token = None
        except BaseException:  # one that arrived as it was called
            end(span, error)
            raise
        raise


def leave_open(span: Span, error: BaseException | None = None) -> None:
    """Detach a span that the caller ends, and record the exception that left its callback."""
    span._state.tracer.detach(span)
    if error is not None and not span._end:
        mark(span, error, now_ns())


def settle(tracer: Tracer, span: Span, result: Any, end: End = end_span) -> Any:
    """Detach the span from the caller's context, and end it when the result is complete.

    Returns the result or its replacement: a body of the same kind, or a proxy of an awaitable.
    """
    kind = kind_of(result)
    if kind is PLAIN:
        end(span, None)
        return result
    tracer.detach(span)
    if kind is FUTURE:
        when_settled(result, lambda error: end(span, error))
        return result
    if is_started(result):  # it has a driver already: it was not made by this call
        end(span, None)
        return result
    # Detached out of order, the entry would be skipped; the body still runs under it.
    entry = Attachment(span) if span._detached_to is not None else None
    return _stand_in(kind, Body(tracer, span, end, entry), result)


def carry(tracer: Tracer, entry: Attachment, result: Any, end: End) -> Any:
    """Run the body that a call returned under an entry; other results are returned unchanged."""
    kind = kind_of(result)
    if kind not in (COROUTINE, GENERATOR, ASYNC_GENERATOR):
        return result
    return _stand_in(kind, Body(tracer, None, end, entry), result)


def _stand_in(kind: str, body: Body, result: Any) -> Any:
    """Return the replacement of a returned body: one of the same kind, or a proxy."""
    if kind is COROUTINE:
        return as_coroutine(body, result)
    if kind is GENERATOR:
        return as_generator(body, result)
    return as_async_generator(body, result) if kind is ASYNC_GENERATOR else proxy_of(body, result)
