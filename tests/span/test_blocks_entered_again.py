"""A block that is entered again begins anew: of the first time, it has the settings alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from enterspan.testing import capture

if TYPE_CHECKING:
    from enterspan import Tracing


@pytest.mark.parametrize("attributes", [None, {"long": "x" * 300}])
def test_a_span_keeps_its_kind(mine: Tracing, attributes: dict[str, Any] | None) -> None:
    """And no event, status or attribute of another one."""
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
    first, *others = [span.attributes for span in trace.spans]
    assert first == {**(attributes or {}), "n": 0}
    assert others == [{"n": 1}, {"n": 2}]


def test_an_invocation_keeps_what_it_expects(mine: Tracing) -> None:
    """The attributes are the first one's, for exporters and for live tails."""
    with capture(mine) as trace:
        block = mine.invocation("i", attributes={"a": 1}, expected=KeyError)
        for number in range(3):
            with pytest.raises(KeyError), block as invocation:
                invocation.span.set_attribute("n", number)
                raise KeyError
    assert [span.attributes for span in trace.spans] == [{"a": 1, "n": 0}, {"n": 1}, {"n": 2}]
    assert [span.outcome for span in trace.spans] == ["ok"] * 3
    onsets = [event.event for event in trace.events if event.event.type == "onset"]
    assert [[pair.name for pair in onset.attributes] for onset in onsets] == [["a"], [], []]
