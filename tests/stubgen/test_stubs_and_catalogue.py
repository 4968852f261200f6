"""`enterspan stubs` in a project that declares its spans: the catalogue's module comes with it."""

from __future__ import annotations

import sys

import pytest

from enterspan.cli import main

if sys.version_info < (3, 11):
    pytest.importorskip("tomli")

CATALOGUE = """
[tool.enterspan.catalogue]
output = "spans.py"

[tool.enterspan.catalogue.spans."checkout.pay".attributes]
cart_id = "str"
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "pyproject.toml").write_text(CATALOGUE, encoding="utf-8")
    return tmp_path


def test_without_a_package_the_catalogue_alone_is_generated(project, capsys):
    assert main(["stubs", "--check"]) == 1
    assert "run `enterspan stubs`" in capsys.readouterr().err
    assert main(["stubs"]) == 0
    assert sorted(path.name for path in project.iterdir()) == ["pyproject.toml", "spans.py"]
    assert main(["stubs", "--check"]) == 0
    assert "checkout_pay" in (project / "spans.py").read_text(encoding="utf-8")


def test_with_a_package_both_are(project, capsys):
    (project / "till.py").write_text("def pay(total: int) -> str: ...\n", encoding="utf-8")
    assert main(["stubs", "till", "--output", "typings"]) == 0
    assert (project / "spans.py").exists()
    assert (project / "typings" / "till.pyi").exists()
    (project / "spans.py").unlink()
    assert main(["stubs", "till", "--output", "typings", "--check"]) == 1
    assert not (project / "spans.py").exists()


def test_a_catalogue_can_be_named(project, capsys):
    (project / "pyproject.toml").unlink()
    (project / "spans.toml").write_text(
        'output = "made.py"\n[spans.load.attributes]\nrows = "int"\n', encoding="utf-8"
    )
    assert main(["stubs", "--catalogue", "spans.toml"]) == 0
    assert (project / "made.py").exists()


def test_a_catalogue_that_makes_no_sense_is_one_line(project, capsys):
    (project / "pyproject.toml").write_text(CATALOGUE.replace('"str"', '"strr"'), encoding="utf-8")
    assert main(["stubs"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pyproject.toml:6: " in line
    assert "strr" in line
    assert not (project / "spans.py").exists()
