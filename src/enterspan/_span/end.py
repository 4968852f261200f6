"""Ends a span, whatever form opened it and whatever ends it.

`end_span` detaches the span, records the exception that left it, removes it from its invocation's
open spans, and hands it to the subscribers. The thread that removes it from the open spans ends it,
so that it is ended once.
"""

from __future__ import annotations

from enterspan._model.clock import now_ns
from enterspan._model.failures import SeenExceptions, describe, is_expected, outcome_of, semantic
from enterspan._model.interrupts import is_interrupt
from enterspan._model.weights import is_bare
from enterspan._span.details import allocated, details_of, keep_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from enterspan._model.failures import Failure


def end_span(  # noqa: C901, PLR0912 - the hot path, written out
    span: Any, error: BaseException | None = None, detach: bool = True, moment: int = 0
) -> None:
    """End a span; *error* is the exception that left it, if any.

    With *detach*, what was current before the span is made current. Never raises, except an
    exception that interrupts the program; the span has then ended, too.
    """
    state = span._state
    tracer = state.tracer
    try:
        moment = moment or now_ns()
        if detach:
            # The usual case of `Current.detach`, inlined.
            get = tracer.get  # calling an attribute that is not a method is slower
            if get() is span:
                try:
                    reset = tracer.reset
                    reset(span._token)
                    span._token = None
                except (ValueError, RuntimeError, LookupError, TypeError) as failure:
                    tracer.detach(span)
                    if is_interrupt(failure):
                        raise
            else:
                tracer.detach(span, error is not None)
        if tracer.deferred:
            run_deferred(tracer)
        if error is not None and not span._end:
            try:
                mark(span, error, moment)
            except BaseException:
                details_of(span).outcome = "exception"
                raise
        dispatch = state.dispatch
        if dispatch is not None:
            dispatch.close(span, state, moment)
            return
        spans = state.spans
        try:
            del spans[span]
        except KeyError:
            if not state.claim_unlisted(span):
                return
        span._end = moment
        if state.sampled:
            queue = tracer.queue
            if (
                queue is not None
                and len(queue) < tracer.queue_mark
                and (span._details is None or is_bare(span))
            ):
                queue.append(span)
            else:
                tracer.hand_over(span)
        if not spans:
            state.settle(moment)
    except RecursionError:
        tracer.deferred.append((span, error, moment))
    except BaseException as failure:
        tracer.end_failed(span, moment or now_ns(), failure)


def run_deferred(tracer: Any) -> None:
    """Carry out ends that were deferred because the stack was exhausted, innermost first."""
    with tracer.lock():  # each is carried out by one thread
        deferred, tracer.deferred = tracer.deferred, []
    try:
        while deferred and not tracer.deferred:  # else it was deferred again
            span, error, moment = deferred[0]
            moment = moment or now_ns()
            end_span(span, None if span._end else error, True, moment)
            span._state.settle(moment)
            del deferred[0]
    finally:
        tracer.deferred.extend(deferred)  # those deferred again


def mark(span: Any, error: BaseException, moment: int, *, keep: bool = True) -> None:
    """Set the outcome and status for an exception, and record it unless it was recorded before.

    With *keep*, it is recorded even if the span has no room left.
    """
    state = span._state
    tracer = state.tracer
    details = span._details
    expected = tracer.expected if details is None else (*tracer.expected, *details.expected)
    if expected and is_expected(error, expected):
        return
    if tracer.control_flow and any(test(error) for test in tracer.control_flow):
        return
    known: SeenExceptions | None = state.seen
    seen = None if known is None else known.find(error)
    outcome = outcome_of(error, tracer.canceled) if seen is None else seen.outcome
    if outcome == "ok":
        return
    if span._span_id == state.root_id:
        state.outcome = outcome
    if span._end:  # it may have been exported: only tails can still be told
        if outcome == "exception" and seen is None:
            record(span, error, moment)
        return
    details = details_of(span)
    details.outcome = outcome
    if outcome == "exception":
        description = record(span, error, moment, keep=keep) if seen is None else seen.description
        if not details.status_is_final:
            details.status = "error"
            details.description = description


def record(
    span: Any,
    error: BaseException,
    moment: int,
    attributes: dict[str, Any] | None = None,
    *,
    keep: bool = False,
) -> str:
    """Record an exception as an event of a span; return a one-line description."""
    state = span._state
    tracer = state.tracer
    failure: Failure = tracer.suppressed(describe, error, tracer.limits, tracer.exceptions_by_type)
    seen: SeenExceptions = allocated(state, "seen", SeenExceptions)
    if issubclass(type(error), BaseException):  # the program may record anything
        seen.add(error, "exception", failure.summary)
    try:
        dispatch = state.dispatch
        if dispatch is not None:
            dispatch.call("on_exception", span, failure, moment)
        if not span._end:
            event = semantic(failure)
            if attributes is not None:
                event.update(attributes)
            keep_event(span, "exception", moment, event, always=keep)
    except RecursionError:  # it is recorded where more of the stack is free
        seen.forget(error)
        raise
    return failure.summary
