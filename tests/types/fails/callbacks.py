"""A callback's arguments are checked against the callback."""

from __future__ import annotations

import enterspan
from enterspan import Span, tracing


def load(span: Span, user: int, name: str = "") -> str:
    return name * user


def spanless() -> int:
    return 1


tracing.enter_span("a", load, "1")  # mypy: incompatible type "Callable[[Span, int, str], str]" # pyright: No overloads for
tracing.enter_span("a", load)  # mypy: incompatible type "Callable[[Span, int, str], str]" # pyright: No overloads for
tracing.enter_span("a", load, 1, 2)  # mypy: incompatible type "Callable[[Span, int, str], str]" # pyright: No overloads for
tracing.enter_span("a", load, 1, naem="b")  # mypy: Unexpected keyword argument "naem" # pyright: No parameter named "naem"
tracing.enter_span("a", load, 1, "b", 3)  # mypy: incompatible type "Callable[[Span, int, str], str]" # pyright: No overloads for
tracing.enter_span("a", spanless)  # mypy: incompatible type "Callable[[], int]" # pyright: No overloads for
tracing.enter_span("a", 3)  # mypy: No overload variant # pyright: No overloads for
tracing.enter_span(load, "a", 1)  # mypy: No overload variant # pyright: No overloads for
tracing.enter_span(name="a", callback=load)  # mypy: No overload variant # pyright: No overloads for
tracing.start_active_span("a", load, "1")  # mypy: incompatible type "Callable[[Span, int, str], str]" # pyright: No overloads for
loaded: int = tracing.enter_span("a", load, 1)  # mypy: Incompatible types in assignment # pyright: is not assignable to "int"
enterspan.enter_span("a", load, 1)  # mypy: Module has no attribute "enter_span" # pyright: "enter_span" is not a known attribute
