"""The stubs of enterspan itself: committed, up to date, and what API.md promises is in them."""

import ast
from pathlib import Path

import pytest

import enterspan
from enterspan.cli import main
from enterspan.stubgen.surface import render_package

ROOT = Path(__file__).resolve().parents[2]
STUBS = ROOT / "stubs" / "enterspan"

pytestmark = pytest.mark.skipif(not STUBS.is_dir(), reason="the stubs are in the checkout only")


def nodes_of(module):
    return ast.parse((STUBS / module).read_text()).body


def class_of(module, name):
    found = [n for n in nodes_of(module) if isinstance(n, ast.ClassDef) and n.name == name]
    assert len(found) == 1
    return found[0]


def test_the_committed_stubs_are_what_the_source_says(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    code = main(["stubs", "enterspan", "--check"])
    assert (capsys.readouterr(), code) == (("", ""), 0)


def test_drift_is_noticed(tmp_path, monkeypatch, capsys):
    for name, text in render_package("enterspan").texts.items():
        (tmp_path / "stubs" / name).parent.mkdir(parents=True, exist_ok=True)
        changed = text.replace("linger: float | None = 0.0", "linger: float = 0.0")
        (tmp_path / "stubs" / name).write_text(changed)
    monkeypatch.chdir(tmp_path)
    assert main(["stubs", "enterspan", "--check"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "stubs/enterspan/_tracing.pyi: is not what the source says"
    assert "  +        linger: float | None = 0.0," in out.splitlines()
    assert err == "enterspan: the stubs are out of date: run `enterspan stubs enterspan`\n"


def test_enter_span_is_a_method_of_tracing_and_nothing_else():
    places = {
        (path.name, getattr(owner, "name", "the module"))
        for path in STUBS.rglob("*.pyi")
        for owner in ast.walk(ast.parse(path.read_text()))
        for node in getattr(owner, "body", ())
        if getattr(node, "name", None) == "enter_span"
    }
    assert places == {("_tracing.pyi", "Tracing")}


@pytest.mark.parametrize("name", ["enter_span", "start_active_span"])
def test_there_is_an_overload_for_each_number_of_arguments(name):
    body = class_of("_tracing.pyi", "Tracing").body
    overloads = [node for node in body if getattr(node, "name", None) == name]
    counts = [len(node.args.posonlyargs) - 3 for node in overloads]
    assert counts == [0, 1, 2, 3, 4, 5, 0]
    assert [node.args.vararg is not None for node in overloads] == [False] * 5 + [True] * 2
    assert [ast.get_docstring(node) is None for node in overloads] == [False] + [True] * 6


def test_every_public_name_is_in_the_stub():
    given_on = {
        alias.asname
        for node in nodes_of("__init__.pyi")
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(enterspan.__all__) <= given_on


def test_every_public_name_is_there():
    for name in enterspan.__all__:
        assert getattr(enterspan, name) is not None
    assert dir(enterspan) == sorted(enterspan.__all__)


def test_any_stands_there_where_there_is_no_better_word():
    """Integrations aside, which take the objects of a framework."""
    found = [
        path.name
        for path in STUBS.rglob("*.pyi")
        if path.parent.name != "integrations"
        for node in ast.walk(ast.parse(path.read_text()))
        if "Any" in {getattr(node, "id", None), getattr(node, "attr", None)}
    ]
    assert sorted(found) == ["_tracing.pyi"] * 2 + ["events.pyi"]  # of results, and of the wire


def test_no_private_member_is_in_a_class():
    for path in STUBS.rglob("*.pyi"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                names = [getattr(member, "name", "") for member in node.body]
                names += [m.target.id for m in node.body if isinstance(m, ast.AnnAssign)]
                assert [n for n in names if n.startswith("_") and not n.startswith("__")] == []
