"""Settings: each changes what it says, and what can't be used changes nothing."""

from __future__ import annotations

import threading

import pytest

from enterspan import Limits, Tracing
from enterspan.testing import capture


class Sampler:
    def should_sample(self, parent, trace_id, name, attributes):
        return True


class Ids:
    """A generator that counts."""

    def __init__(self, trace_ids=None, span_ids=None):
        self.count = 0
        self.trace_ids = trace_ids
        self.span_ids = span_ids

    def generate_trace_id(self):
        self.count += 1
        return self.count if self.trace_ids is None else self.trace_ids

    def generate_span_id(self):
        self.count += 1
        return self.count if self.span_ids is None else self.span_ids


OF_PROCESS = ("service.instance.id", "process.pid")


def settings(tracing):
    board = tracing._tracer
    given = dict(board.given_resource)
    return (board.sampler, board.limits, board.bits, given, board.enabled)


@pytest.mark.parametrize(
    "option,values",
    [
        ("sampler", [1, "x", object(), Sampler, lambda: True]),
        ("limits", [1, {"name_bytes": 1}, Limits]),
        (
            "id_generator",
            [1, "random", Ids, object(), type("Half", (), {"generate_span_id": print})()],
        ),
        ("resource", [1, "x", [("a", 1)]]),
        ("propagate_threads", [1, "yes"]),
        ("enabled", [1, "no"]),
        ("expected", [1, "x", [ValueError, 3], int]),
        ("canceled", [1, "x", object()]),
        ("late", ["1", True, [60]]),
    ],
)
def test_a_value_that_cannot_be_used_is_a_type_error_and_nothing_has_changed(mine, option, values):
    good = {"sampler": Sampler(), "limits": Limits(name_bytes=9), "resource": {"a": 1}}
    before = settings(mine)
    start = threading.Thread.start
    for value in values:
        with pytest.raises(TypeError, match=option):
            mine.configure(**{**good, option: value})
        assert settings(mine) == before
        assert threading.Thread.start is start


def test_an_unknown_setting_is_a_type_error(mine):
    with pytest.raises(TypeError):
        mine.configure(sampling=1)
    with pytest.raises(TypeError):
        mine.configure(Sampler())


def test_only_what_is_passed_changes(mine):
    sampler, limits = Sampler(), Limits(name_bytes=9)
    mine.configure(sampler=sampler, limits=limits, resource={"a": 1})
    mine.configure(resource={"b": 2})
    mine.configure()
    assert settings(mine)[:2] == (sampler, limits)
    assert settings(mine)[3] == {"b": 2}


def test_none_goes_back_to_the_default(mine):
    before = settings(mine)
    mine.configure(sampler=Sampler(), limits=Limits(name_bytes=9), id_generator=Ids())
    mine.configure(resource={"a": 1})
    mine.configure(sampler=None, limits=None, id_generator=None, resource=None)
    assert settings(mine) == before


def test_an_id_generator_is_asked_for_every_id(mine):
    mine.configure(id_generator=Ids())
    with capture(mine) as trace, mine.span("a"), mine.span("b"):
        pass
    ids = [(s.context.trace_id, s.context.span_id) for s in trace.spans]
    assert ids == [(2, 3), (2, 1)]


@pytest.mark.parametrize("bad", [0, -1, 1 << 128, "x", None, 1.5, True], ids=repr)
def test_an_id_that_cannot_be_used_is_replaced(mine, bad):
    mine.configure(id_generator=Ids(bad, bad))
    with capture(mine) as trace, mine.span("a"), mine.span("b"):
        pass
    contexts = [s.context for s in trace.spans]
    assert all(c.is_valid for c in contexts)
    assert len({c.span_id for c in contexts}) == 2


def test_an_id_generator_that_raises_is_warned_about_and_replaced(mine, caplog):
    class Broken(Ids):
        def generate_span_id(self):
            raise ValueError("x")

    mine.configure(id_generator=Broken())
    with capture(mine) as trace, mine.span("a"), mine.span("b"):
        pass
    assert all(s.context.is_valid for s in trace.spans)
    assert len(caplog.records) == 1


def test_ids_differ_and_random_seed_does_not_matter(mine):
    import random

    seen = set()
    with capture(mine) as trace:
        for _ in range(100):
            random.seed(1)
            with mine.span("s"):
                pass
    for data in trace.spans:
        assert data.context.is_valid
        seen |= {data.context.trace_id, data.context.span_id}
    assert len(seen) == 200


def test_with_tracing_disabled_nothing_is_recorded(mine):
    with capture(mine) as trace:
        mine.configure(enabled=False)
        with mine.span("off") as span, mine.invocation("off"):
            assert not span.is_traced
            mine.log("info", "x")
        mine.configure(enabled=True)
        with mine.span("on"):
            pass
    assert trace.tree() == "on"


def test_switching_off_in_the_middle_of_a_span_hurts_nobody(mine):
    with capture(mine) as trace, mine.span("outer"):
        with mine.span("inner"):
            mine.configure(enabled=False)
            with mine.span("off"):
                assert not mine.current_span().is_traced
        mine.configure(enabled=True)
        assert mine.current_span().name == "outer"
    assert trace.tree() == "outer\n  inner"


def test_a_resource_is_cleaned_as_attributes_are(mine):
    class Hostile:
        def __repr__(self):
            raise RuntimeError

    mine.configure(resource={"k": Hostile(), 3: ["a"], "\ud800": "\ud800"})
    with capture(mine) as trace, mine.span("s"):
        pass
    resource = trace.spans[0].resource
    assert {name: value for name, value in resource.items() if name not in OF_PROCESS} == {
        "k": "<Hostile that can't be shown>",
        "3": ("a",),
        "\ufffd": "\ufffd",
    }


@pytest.mark.parametrize("name", [None, 1, b"x"])
def test_a_name_of_a_tracing_is_text(name):
    with pytest.raises(TypeError, match="name"):
        Tracing(name)
