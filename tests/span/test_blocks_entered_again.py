"""A block that is entered again begins anew, with what it was given and nothing of before."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from enterspan.testing import capture

if TYPE_CHECKING:
    from enterspan import Tracing


@pytest.mark.parametrize("attributes", [None, {"long": "x" * 300}])
def test_a_span_keeps_its_kind(mine: Tracing, attributes: dict[str, Any] | None) -> None:
    """And its attributes, but no event, status or attribute of another one."""
    with capture(mine) as trace:
        block = mine.span("s", attributes, kind="client")
        for number in range(3):
            with block as span:
                span.add_event(f"event {number}").set_attribute("n", number)
                if number == 1:
                    span.set_status("error", "late")
    assert [[event.name for event in span.events] for span in trace.spans] == [
        ["event 0"],
        ["event 1"],
        ["event 2"],
    ]
    assert [span.status for span in trace.spans] == ["unset", "error", "unset"]
    assert [span.kind for span in trace.spans] == ["client"] * 3
    given = attributes or {}
    assert [span.attributes for span in trace.spans] == [{**given, "n": n} for n in range(3)]


def test_an_invocation_keeps_what_it_expects(mine: Tracing) -> None:
    """And its attributes, for exporters and for live tails."""
    with capture(mine) as trace:
        block = mine.invocation("i", attributes={"a": 1}, expected=KeyError)
        for number in range(3):
            with pytest.raises(KeyError), block as invocation:
                invocation.span.set_attribute("n", number)
                raise KeyError
    assert [span.attributes for span in trace.spans] == [{"a": 1, "n": n} for n in range(3)]
    assert [span.outcome for span in trace.spans] == ["ok"] * 3
    onsets = [event.event for event in trace.events if event.event.type == "onset"]
    assert [[pair.name for pair in onset.attributes] for onset in onsets] == [["a"]] * 3


@pytest.mark.parametrize("form", ["span", "invocation"])
def test_a_block_of_several_tasks_at_once_ends_what_each_began(mine: Tracing, form: str) -> None:
    async def use(block: Any, name: str, seconds: float) -> None:
        async with block:
            await asyncio.sleep(seconds)
            with mine.span(f"work {name}"):
                pass

    async def both() -> None:
        block = getattr(mine, form)("job")
        await asyncio.gather(use(block, "a", 0.001), use(block, "b", 0.02))

    with capture(mine) as trace:
        asyncio.run(both())
    assert trace.tree().splitlines() == ["job", "  work a", "job", "  work b"]
    assert [span.outcome for span in trace.spans] == ["ok"] * 4


@pytest.mark.parametrize("form", ["span", "invocation", "use_span"])
def test_a_block_of_several_threads_at_once_ends_what_each_began(mine: Tracing, form: str) -> None:
    with capture(mine, everything=True) as trace:
        used = mine.start_span("job")
        block: Any = mine.use_span(used) if form == "use_span" else getattr(mine, form)("job")
        first, second = threading.Event(), threading.Event()

        def use() -> None:
            with block:
                second.set()
                first.wait(10)
                with mine.span("in the thread"):
                    pass
            assert not mine.current_span().is_traced

        thread = threading.Thread(target=use)
        with block:
            thread.start()
            second.wait(10)
            with mine.span("here"):
                pass
        assert not mine.current_span().is_traced
        first.set()
        thread.join()
        used.end()
    expected = ["job", "  here", "  in the thread"]
    if form != "use_span":
        expected = ["job", "job", "  here", "job", "  in the thread"]
    assert trace.tree().splitlines() == expected


def test_a_block_entered_in_itself_while_nothing_is_recorded_ends_the_outer_one_last(
    mine: Tracing,
) -> None:
    with capture(mine) as trace:
        block = mine.span("s")
        with block as outer:
            mine._tracer.suppressed(block.__enter__)
            block.__exit__(None, None, None)
            assert outer.is_traced
    assert [span.name for span in trace.spans] == ["s"]
