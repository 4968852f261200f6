"""A comparison of other packages' tests is refused where it tried nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

COMPARE = Path(__file__).resolve().parents[2] / "bench/others/compare.py"


@pytest.fixture
def compare():
    """The tool, which lies outside of the package."""
    spec = importlib.util.spec_from_file_location("compare", COMPARE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "tests, broken, spans, said",
    [
        (4, 0, 1, ""),
        (4, 2, 1, ""),
        (4, 3, 1, "  not tried: 3 of 4 tests fail both ways\n"),
        (4, 0, 0, "  not tried: no span was recorded\n"),
        (0, 0, 1, "  not tried: no test ran\n"),
    ],
)
def test_only_tests_that_ran_and_recorded_spans_count(compare, capsys, tests, broken, spans, said):
    assert compare.is_tried(tests, broken, spans) is (not said)
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    "plain, traced, same, said",
    [
        ({"a": "passed", "b": "failed"}, {"a": "passed", "b": "failed"}, True, "1 fail both ways"),
        ({"a": "passed"}, {"a": "failed"}, False, "a: passed without, failed with because"),
        ({"a": "passed", "b": "passed"}, {"a": "passed"}, False, "b: passed without, None with"),
        ({"a": "failed"}, {"a": "failed"}, False, "not tried: 1 of 1 tests fail both ways"),
        ({"a": "uncollected"}, {"a": "uncollected"}, False, "not tried: 1 of 1 tests"),
    ],
)
def test_a_test_is_held_against_itself(compare, monkeypatch, capsys, plain, traced, same, said):
    def run(_suite, targets):
        found = {"outcomes": traced if targets else plain, "why": {"a": "because"}}
        return {**found, "wrapped": 1, "spans": 1, "events": 1}

    monkeypatch.setattr(compare, "run", run)
    assert compare.compare("pytest", []) is same
    assert said in capsys.readouterr().out
