"""A context that has changed between a `set` and its `reset`.

The garbage collector may run in the middle of either, and what it finalises may set and reset too.
"""

from __future__ import annotations

import contextvars

from enterspan import Tracing
from enterspan.testing import capture


def test_a_token_of_another_context_leaves_nothing_behind() -> None:
    """Not the entry that was set there, and not what was before it there."""
    mine = Tracing("mine")
    with capture(mine), mine.span("outer"):
        token = contextvars.copy_context().run(mine._tracer.set, None)
        mine._tracer.undo(token)
        assert mine.current_span().name == ""


def test_a_token_that_was_used_is_no_error() -> None:
    mine = Tracing("mine")
    token = mine._tracer.set(None)
    mine._tracer.undo(token)
    mine._tracer.undo(token)
    assert mine.current_span().name == ""


def test_a_variable_that_is_unset_already_is_no_error() -> None:
    """Python says so with a LookupError, which was seen once in millions of spans."""
    mine = Tracing("mine")

    def reset(token: object) -> None:
        raise LookupError(token)

    @mine.traced
    def numbers():
        yield 1
        yield 2

    with capture(mine, everything=True) as trace:
        token = mine._tracer.set(None)
        usual, mine._tracer.reset = mine._tracer.reset, reset
        mine._tracer.undo(token)
        seen = list(numbers())
        mine._tracer.reset = usual
    assert seen == [1, 2]
    assert trace.tree() == "numbers"
