"""Samplers: values that say at the beginning which traces are kept."""

from __future__ import annotations

import copy
import pickle
import random

import pytest

from enterspan import SpanContext
from enterspan.sampling import ALWAYS, NEVER, ByName, ParentBased, TraceIdRatio

LOW = (1 << 64) - 1


def above(flags):
    return SpanContext(7, 9, flags, "", True)


def ask(sampler, trace_id=1, name="main", parent=None):
    return sampler.should_sample(parent, trace_id, name, {})


def test_always_and_never():
    assert ask(ALWAYS) is True
    assert ask(NEVER) is False


@pytest.mark.parametrize(
    "ratio,trace_id,kept",
    [
        (0, 0, False),
        (0.0, 1 << 64, False),
        (1, LOW, True),
        (1.0, (1 << 128) - 1, True),
        # OpenTelemetry's bound: round(ratio * 2**64), and what is below it is kept.
        (0.5, (1 << 63) - 1, True),
        (0.5, 1 << 63, False),
        (0.25, (1 << 62) - 1, True),
        (0.25, 1 << 62, False),
        (0.1, round(0.1 * (1 << 64)) - 1, True),
        (0.1, round(0.1 * (1 << 64)), False),
        (2.0**-64, 0, True),
        (2.0**-64, 1, False),
        # The upper half of an id does not count.
        (0.5, (LOW << 64) | 5, True),
        (0.5, (5 << 64) | LOW, False),
    ],
)
def test_a_ratio_is_a_bound_for_the_lower_half_of_the_trace_id(ratio, trace_id, kept):
    assert ask(TraceIdRatio(ratio), trace_id) is kept


def test_a_ratio_keeps_about_that_part():
    source = random.Random(5)
    ids = [source.getrandbits(128) for _ in range(20_000)]
    assert 1_800 < sum(ask(TraceIdRatio(0.1), i) for i in ids) < 2_200


def test_what_a_lower_ratio_keeps_a_higher_one_keeps():
    source = random.Random(6)
    for _ in range(2_000):
        trace_id = source.getrandbits(128)
        answers = [ask(TraceIdRatio(r), trace_id) for r in (0.01, 0.1, 0.5, 0.9)]
        assert answers == sorted(answers)


def test_a_ratio_does_not_look_at_the_parent():
    assert ask(TraceIdRatio(0), parent=above(1)) is False
    assert ask(TraceIdRatio(1), parent=above(0)) is True


def test_parent_based_follows_the_parent_and_asks_at_the_root():
    sampler = ParentBased(TraceIdRatio(0.5))
    assert ask(sampler, 1) is True
    assert ask(sampler, LOW) is False
    assert ask(sampler, LOW, parent=above(1)) is True
    assert ask(sampler, 1, parent=above(0)) is False
    assert ask(sampler, 1, parent=above(0xFE)) is False


def test_parent_based_can_be_told_otherwise():
    sampler = ParentBased(ALWAYS, sampled=NEVER, unsampled=ALWAYS)
    assert ask(sampler, parent=above(1)) is False
    assert ask(sampler, parent=above(0)) is True


def test_by_name_the_first_pattern_that_fits_decides():
    sampler = ByName(
        {"GET /health": NEVER, "check*": ALWAYS, "checkout": NEVER, "job.[ab]": NEVER},
        default=TraceIdRatio(0),
    )
    assert ask(sampler, name="GET /health") is False
    assert ask(sampler, name="checkout") is True
    assert ask(sampler, name="Checkout") is False
    assert ask(ByName({"job.[ab]": NEVER}), name="job.a") is False
    assert ask(ByName({"job.[ab]": NEVER}), name="job.c") is True
    assert ask(ByName({})) is True


def test_they_are_made_of_one_another():
    sampler = ParentBased(ByName({"report*": TraceIdRatio(1)}, default=TraceIdRatio(0)))
    assert ask(sampler, name="report.daily") is True
    assert ask(sampler, name="other") is False
    assert ask(ByName({"*": ParentBased(NEVER)}), parent=above(1)) is True


VALUES = [
    (ALWAYS, "ALWAYS"),
    (NEVER, "NEVER"),
    (TraceIdRatio(0.25), "TraceIdRatio(0.25)"),
    (ParentBased(TraceIdRatio(0.1)), "ParentBased(TraceIdRatio(0.1))"),
    (
        ParentBased(ALWAYS, sampled=NEVER, unsampled=ALWAYS),
        "ParentBased(ALWAYS, sampled=NEVER, unsampled=ALWAYS)",
    ),
    (ByName({"a*": NEVER}), "ByName({'a*': NEVER})"),
    (ByName({"a": NEVER}, NEVER), "ByName({'a': NEVER}, default=NEVER)"),
]


@pytest.mark.parametrize("sampler,text", VALUES)
def test_they_are_values(sampler, text):
    assert repr(sampler) == text
    assert eval(text) == sampler
    assert pickle.loads(pickle.dumps(sampler)) == sampler
    assert copy.deepcopy(sampler) == sampler
    assert len({sampler, pickle.loads(pickle.dumps(sampler))}) == 1
    for name in type(sampler).__match_args__:
        with pytest.raises(AttributeError):
            setattr(sampler, name, None)


def test_different_ones_are_different():
    assert len({sampler for sampler, _ in VALUES}) == len(VALUES)


def test_rules_are_copied():
    rules = {"a": NEVER}
    sampler = ByName(rules)
    rules["a"] = ALWAYS
    assert ask(sampler, name="a") is False


@pytest.mark.parametrize("ratio", [-0.1, 1.1, 2, float("nan"), float("inf")])
def test_a_ratio_out_of_range_is_refused(ratio):
    with pytest.raises(ValueError, match="from 0"):
        TraceIdRatio(ratio)


@pytest.mark.parametrize("ratio", [None, "0.1", True, [], 1j])
def test_what_is_no_ratio_is_refused(ratio):
    with pytest.raises(TypeError, match="number"):
        TraceIdRatio(ratio)


@pytest.mark.parametrize("sampler", [None, 0.1, "x", TraceIdRatio, lambda *a: True])
def test_what_is_no_sampler_is_refused(sampler):
    for make in (
        lambda: ParentBased(sampler),
        lambda: ParentBased(ALWAYS, sampled=sampler),
        lambda: ParentBased(ALWAYS, unsampled=sampler),
        lambda: ByName({"a": sampler}),
        lambda: ByName({}, default=sampler),
    ):
        with pytest.raises(TypeError, match="must be a sampler"):
            make()


@pytest.mark.parametrize("rules", [None, "a", 7, [("a", NEVER)], {7: NEVER}, (NEVER,), ("ab",)])
def test_what_are_no_rules_is_refused(rules):
    with pytest.raises(TypeError, match="rule"):
        ByName(rules)


def test_a_tracing_takes_them(mine):
    spans = []

    class Collector:
        def export(self, batch):
            spans.extend(batch)

        def shutdown(self):
            pass

    mine.configure(sampler=ParentBased(ByName({"health*": NEVER}, default=TraceIdRatio(1))))
    with mine.add_exporter(Collector(), delay=0.01):
        for name in ("health", "cart"):
            with mine.invocation(name), mine.span("step"):
                pass
            with mine.invocation(name, parent=above(0)):
                pass
        with mine.span("healthy"), mine.span("step"):
            pass
        assert mine.flush(10)
    assert [span.name for span in spans] == ["step", "cart"]
