"""Other packages' tests are run as they are meant to be, and what tried nothing is refused."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

OTHERS = Path(__file__).resolve().parents[2] / "bench/others"


@pytest.fixture
def compare(monkeypatch):
    """The tool, which lies outside of the package."""
    monkeypatch.syspath_prepend(str(OTHERS))
    yield importlib.import_module("compare")
    for name in ("compare", "suites"):
        del sys.modules[name]


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
    def run(_trial, targets):
        found = {"outcomes": traced if targets else plain, "why": {"a": "because"}}
        return {**found, "wrapped": 1, "spans": 1, "events": 1}

    monkeypatch.setattr(compare, "run", run)
    assert compare.compare(compare.here("pytest", [])) is same
    assert said in capsys.readouterr().out


UNITTESTS = """
import unittest
import shop

class Tests(unittest.TestCase):
    def test_right(self):
        self.assertEqual(shop.total(1), 2)

    def test_wrong(self):
        self.assertEqual(shop.total(1), 3)

    @unittest.skip("it is late")
    def test_skipped(self):
        pass

unittest.main()
"""


@pytest.mark.parametrize("script", ["tests/run.py", ""])
def test_the_source_of_a_package_is_tried_where_it_lies(
    compare, monkeypatch, tmp_path, capsys, script
):
    """With pytest, or with a script of its own that uses unittest."""
    home = tmp_path / "shop-1.0"
    source = home / "source/shop"
    (source / "tests").mkdir(parents=True)
    (source / "shop.py").write_text("def total(n): return n + 1\n")
    (source / "tests/run.py").write_text(UNITTESTS)
    tests = UNITTESTS.replace("import shop", "from pathlib import Path; import shop").replace(
        "unittest.main()", "def test_place(): assert Path('tests/test_shop.py').exists()"
    )
    (source / "tests/test_shop.py").write_text(tests)
    (home / "ready").touch()
    suite = compare.Suite("1.0", "" if script else "tests", script=script)
    monkeypatch.setitem(compare.SUITES, "shop", suite)
    monkeypatch.setenv("PYTHONPATH", str(source))
    monkeypatch.setattr(compare, "python_in", lambda _: sys.executable)
    assert compare.main(["--into", str(tmp_path), "shop"]) == 0
    count = 3 if script else 4
    assert capsys.readouterr().out == (
        "shop 1.0: 1 functions wrapped, 2 spans, 4 events,"
        f" {count} tests without and {count} with, 1 fail both ways, 0 differences\n"
    )
