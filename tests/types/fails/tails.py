"""Tails and handlers that would be refused, or never be told anything."""

from __future__ import annotations

from typing_extensions import override

from enterspan import Onset, SpanOpen, TailEvent, TailHandler, tracing


def wrong_event(onset: str) -> None: ...


def wrong_result(onset: TailEvent[Onset]) -> int:
    return 3


class WrongMethod:
    def span_opened(self, event: TailEvent[SpanOpen]) -> None: ...


class WrongEvent:
    def span_open(self, event: TailEvent[Onset]) -> None: ...


class Misspelt(TailHandler):
    @override
    def span_opened(self, event: TailEvent[SpanOpen]) -> None: ...  # mypy: but no base method was found # pyright: no base method


def gives_wrong_method(onset: TailEvent[Onset]) -> WrongMethod:
    return WrongMethod()


def gives_wrong_event(onset: TailEvent[Onset]) -> WrongEvent:
    return WrongEvent()


async def later(onset: TailEvent[Onset]) -> None: ...


tracing.add_tail(wrong_event)  # mypy: incompatible type # pyright: is not assignable
tracing.add_tail(wrong_result)  # mypy: incompatible type # pyright: is not assignable
tracing.add_tail(gives_wrong_method)  # mypy: incompatible type # pyright: is not assignable
tracing.add_tail(gives_wrong_event)  # mypy: incompatible type # pyright: is not assignable
tracing.add_tail(later)  # mypy: incompatible type # pyright: is not assignable
tracing.add_tail(3)  # mypy: incompatible type # pyright: is not assignable
tracing.add_tail(lambda onset: None, delivery="later")  # mypy: incompatible type # pyright: is not assignable


def narrow(event: TailEvent) -> str:
    if event.event.type == "spanOpened":  # mypy: Non-overlapping equality check # pyright: Condition will always evaluate to False
        return ""
    if event.event.type == "spanOpen":
        return event.event.level  # mypy: "SpanOpen" has no attribute "level" # pyright: Cannot access attribute "level"
    return event.event.type
