"""A `tracestate` in a context that a program has made itself, as a header that is sent on."""

from __future__ import annotations

import pytest

from enterspan import SpanContext, Tracing


def sent(mine: Tracing, state: str) -> dict[str, str]:
    """The headers of a call inside an invocation with such a parent."""
    carrier: dict[str, str] = {}
    mine.add_tail(lambda onset: lambda event: None)
    with mine.invocation("job", parent=SpanContext(5, 6, 1, state)), mine.span("call"):
        mine.inject(carrier)
    return carrier


@pytest.mark.parametrize(
    "state", ["x=1\r\nSet-Cookie: a=b", "x=1\nY: 2", "x=1\x00", "x=\x85y", "x=1\x7f", "x=é"]
)
def test_what_can_not_stand_in_a_header_is_not_sent(mine: Tracing, state: str) -> None:
    """RFC 9110, 5.5: no control character; the `traceparent` goes on without it."""
    headers = sent(mine, state)
    assert headers.keys() == {"traceparent"}
    assert f"{5:032x}" in headers["traceparent"]


@pytest.mark.parametrize("state", ["a=1", "rojo=00f0,congo=t61r", "tenant@vendor=x y"])
def test_a_good_one_is_sent_as_it_is(mine: Tracing, state: str) -> None:
    """Not a character of it is changed."""
    assert sent(mine, state)["tracestate"] == state
