"""What a call returns is not asked anything, and neither is its type."""

from __future__ import annotations

from typing import Any

import pytest

from enterspan.testing import capture


class Asked(BaseException):
    """A result was asked something."""


class Meta(type):
    def __getattr__(cls, name: str) -> Any:
        raise Asked(name)

    def __eq__(cls, other: object) -> bool:
        raise Asked("==")

    def __hash__(cls) -> int:
        raise Asked("hash")

    @property
    def __mro__(cls) -> Any:
        raise Asked("mro")


def hostile() -> Any:
    class Hostile(metaclass=Meta):
        def __getattribute__(self, name: str) -> Any:
            raise Asked(name)

    return Hostile()


class Own:  # its own idea of a callback
    def add_done_callback(self, callback: object) -> None:
        raise Asked("add_done_callback")


@pytest.mark.parametrize("make", [hostile, Own])
def test_the_result_comes_back_unasked(make: Any, mine: Any) -> None:
    """A metaclass that raises, and a callback of its own that is no future's."""
    result = make()
    with capture(mine) as trace:
        called = mine.traced("call")(lambda: result)() is result
        entered = mine.enter_span("callback", lambda span: result) is result
        began = mine.entrypoint("entry")(lambda: result)() is result
    assert (called, entered, began) == (True, True, True)
    assert [(span.name, span.outcome) for span in trace.spans] == [
        ("call", "ok"),
        ("callback", "ok"),
        ("entry", "ok"),
    ]
