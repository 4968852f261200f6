"""The stream is whole where another thread, or a tail, acts between two steps of ours."""

from __future__ import annotations

from typing import Any

from enterspan import events
from enterspan.testing import capture


def kinds(found: list[Any]) -> list[str]:
    return [event.event.type for event in found]


def whole(found: list[Any]) -> None:
    """Every span is closed once, the outcome is last and alone, and no number is missing."""
    types = kinds(found)
    assert types.count("spanOpen") == types.count("spanClose")
    assert types.index("outcome") == len(types) - 1
    assert [event.sequence for event in found] == list(range(len(found)))


def test_a_close_under_way_when_the_invocation_is_closed_comes_before_the_outcome(
    mine: Any,
) -> None:
    """The tail itself closes the invocation while a spanClose is being dispatched."""
    found: list[Any] = []
    invocation: list[Any] = []

    def handle(event: Any) -> None:
        found.append(event)
        if event.event.type == "attributes":
            invocation[0].close("early")

    mine.add_tail(lambda onset: found.append(onset) or handle, delivery="inline")
    with mine.invocation("job") as job:
        invocation.append(job)
        with mine.span("work", a=1):
            pass
    whole(found)
    assert kinds(found) == ["onset", "spanOpen", "attributes", "spanClose", "outcome"]
    assert found[-1].event.outcome == "early"


def test_a_span_that_is_opening_when_the_invocation_is_closed_is_closed(mine: Any) -> None:
    """The invocation is closed while a spanOpen is being dispatched."""
    found: list[Any] = []
    invocation: list[Any] = []

    def handle(event: Any) -> None:
        found.append(event)
        if event.event.type == "spanOpen":
            invocation[0].close()

    mine.add_tail(lambda onset: found.append(onset) or handle, delivery="inline")
    with mine.invocation("job") as job:
        invocation.append(job)
        with mine.span("work") as span:
            assert not span.is_traced
    whole(found)
    assert kinds(found) == ["onset", "spanOpen", "spanClose", "outcome"]
    assert found[2].event.outcome == "abandoned"


def test_events_at_an_end_that_is_under_way_come_before_the_outcome(mine: Any) -> None:
    """An exception, a log and an event of the root, recorded while a child is abandoned."""
    found: list[Any] = []

    def handle(event: Any) -> None:
        found.append(event)

    mine.add_tail(lambda onset: found.append(onset) or handle, delivery="inline")
    with mine.invocation("job") as job:
        child = mine.start_span("child")
        job.span.record_exception(ValueError("no")).add_event("event")
        mine.log("info", "logged")
        job.set_return(events.FetchResponseInfo(200))
    child.add_event("too late").end()
    whole(found)
    assert kinds(found)[-2:] == ["spanClose", "outcome"]


def test_an_unsampled_invocation_ends(mine: Any) -> None:
    """What is opened in its context later is an invocation of its own, which is sampled anew."""

    class First:
        asked = 0

        def should_sample(self, *args: Any) -> bool:
            First.asked += 1
            return First.asked > 1

    class Kept:
        names: tuple[str, ...] = ()

        def export(self, spans: Any) -> None:
            Kept.names += tuple(span.name for span in spans)

        def shutdown(self) -> None:
            pass

    mine.configure(sampler=First())
    mine.add_exporter(Kept())
    import contextvars

    with mine.span("unsampled"):
        context = contextvars.copy_context()

    def later() -> None:
        with mine.span("later"):
            pass

    context.run(later)
    mine.flush(5)
    assert Kept.names == ("later",)


def test_a_dropped_span_and_a_moved_stack_are_put_right(mine: Any) -> None:
    """Of the first nothing is kept; the second leaves no span current once all are closed."""
    import contextlib
    import gc

    with capture(mine) as trace:
        with mine.span("long"):
            for _ in range(20):
                mine.start_span("dropped")
            gc.collect()
            dropped = [span.outcome for span in trace.spans if span.name == "dropped"]
            with contextlib.ExitStack() as stack:
                stack.enter_context(mine.span("moved"))
                moved = stack.pop_all()
        moved.close()
        assert not mine.current_span().is_traced
    assert dropped == ["abandoned"] * 20
    whole(trace.events)
