"""`pytest --enterspan` shows the spans of the tests that fail."""

from __future__ import annotations

import pytest

TESTS = """
import logging

import pytest

from enterspan import traced, tracing


@traced
def pay(cents):
    logging.getLogger("shop").warning("slow card")
    with tracing.span("charge card"):
        if cents > 500:
            raise ValueError("declined")


def test_passes():
    pay(100)


def test_fails():
    pay(501)


def test_sees_its_own(trace):
    pay(100)
    assert trace.tree() == "other"


@pytest.fixture
def broken():
    pay(502)


def test_is_not_set_up(broken):
    pass


def test_has_no_spans():
    assert not tracing.current_span().is_traced
    assert 0
"""


def run(pytester: pytest.Pytester, *options: str) -> list[str]:
    """Run the tests, and return what is printed."""
    pytester.makepyfile(test_shop=TESTS)
    done = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *options)
    done.assert_outcomes(passed=1, failed=3, errors=1)
    return done.outlines


def test_the_tree_of_each_failing_test_is_shown(pytester: pytest.Pytester) -> None:
    lines = run(pytester, "--enterspan")
    starts = [at for at, line in enumerate(lines) if line.strip("- ") == "spans"]
    assert len(starts) == 3  # the one without spans has no section
    trees = ["\n".join(lines[at + 1 : at + 7]) for at in starts]
    for tree, failed in zip(trees, (True, True, False), strict=True):  # errors come first
        assert "╭ pay" in tree
        assert "slow card" in tree
        assert "charge card" in tree
        assert ("ValueError: declined" in tree) is failed


def test_without_the_option_nothing_is_shown(pytester: pytest.Pytester) -> None:
    assert not any("charge card" in line and "╭" in line for line in run(pytester))


def test_the_workers_of_xdist_send_it(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    lines = run(pytester, "--enterspan", "-n", "2")
    assert sum(line.strip("- ") == "spans" for line in lines) == 3
