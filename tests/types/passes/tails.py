"""A tail is a callable; what it gives back is a callable, an object with methods, or None."""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import assert_type

from enterspan import (
    Log,
    Onset,
    Outcome,
    SpanClose,
    SpanOpen,
    StreamDiagnostic,
    Subscription,
    TailEvent,
    tracing,
)
from enterspan.events import Event, EventInfo
from enterspan.exporters.console import ConsoleTail
from enterspan.exporters.jsonlines import JsonLinesTail
from enterspan.testing import Trace, capture


def show(event: TailEvent) -> None:
    print(event.to_dict())


def tail(onset: TailEvent[Onset]) -> Callable[[TailEvent], None] | None:
    assert_type(onset.event, Onset)
    assert_type(onset.event.info, EventInfo | None)
    return show if onset.event.name == "main" else None


def declining(onset: TailEvent[Onset]) -> None:
    return None


class Story:
    """Two methods: nothing else is told."""

    def __init__(self, onset: TailEvent[Onset]) -> None:
        self.name = onset.event.name

    def span_open(self, event: TailEvent[SpanOpen]) -> None:
        print(event.event.name, event.span_context.span_id)

    def outcome(self, event: TailEvent[Outcome]) -> None:
        print(event.event.outcome, event.event.wall_time)


class Logs:
    def log(self, event: TailEvent[Log]) -> None:
        print(event.event.message)


def logs(onset: TailEvent[Onset]) -> Logs | None:
    return Logs() if onset.event.name == "main" else None


assert_type(tracing.add_tail(tail), Subscription)
tracing.add_tail(declining, delivery="inline")
tracing.add_tail(Story)
tracing.add_tail(logs)
tracing.add_tail(lambda onset: show)
tracing.add_tail(lambda onset: None)
tracing.add_tail(ConsoleTail())
tracing.add_tail(JsonLinesTail("trace.jsonl"))


def narrow(tail_event: TailEvent) -> str:
    event = tail_event.event
    if event.type == "onset":
        assert_type(event, Onset)
        return event.name
    if event.type == "spanOpen":
        assert_type(event, SpanOpen)
        return event.name
    if event.type == "log":
        return event.message
    if event.type == "spanClose":
        assert_type(event, SpanClose)
        return event.outcome
    if event.type == "outcome":
        return event.outcome
    if event.type == "attributes":
        return ", ".join([attribute.name for attribute in event.info])
    if event.type == "exception":
        return event.stack
    if event.type == "diagnosticChannel":
        return event.channel
    if event.type == "return":
        return str(event.info.status_code if event.info is not None else 0)
    assert_type(event, StreamDiagnostic)
    return str(event.diagnostic.count)


def matched(event: Event) -> str:
    if isinstance(event, Onset):
        return event.name
    if isinstance(event, Log):
        return event.level
    return event.type


with capture() as trace:
    assert_type(trace, Trace)
    assert_type(trace.events[0].event.type == "onset", bool)
    assert_type(trace.find("a").duration_ns, int)
    assert_type(trace.tree(), str)
