"""`enterspan stubs` of packages that others wrote: every public name that runs is in a stub."""

import ast
import importlib
import importlib.util
from types import ModuleType

import pytest

from enterspan.cli import main
from enterspan.stubgen.surface import render_package

PACKAGES = ["pluggy", "packaging", "iniconfig", "json", "html", "wsgiref", "argparse"]
PACKAGES += ["concurrent.futures", "dataclasses", "importlib.metadata", "sqlite3"]


def public_names(module):
    """What others may import: `__all__`, or what the module defines without an underscore."""
    if hasattr(module, "__all__"):
        return set(module.__all__)
    tree = ast.parse(importlib.util.find_spec(module.__name__).loader.get_source(module.__name__))
    imports = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
    imported = {(a.asname or a.name).partition(".")[0] for n in imports for a in n.names}
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name not in imported
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", module.__name__) in (module.__name__, None)
    }


def names_of(stub):
    """The names that a stub binds; None where it passes on all of another module."""
    found = set()
    for node in ast.walk(ast.parse(stub)):
        found |= {
            alias.asname or alias.name
            for alias in getattr(node, "names", ())
            if not isinstance(alias, str)
        }
        found |= {getattr(node, "name", None), getattr(getattr(node, "target", None), "id", None)}
        found |= {getattr(target, "id", None) for target in getattr(node, "targets", ())}
    return None if "*" in found else found


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_stub(package):
    stubs = render_package(package).texts
    assert stubs
    for path, text in stubs.items():
        ast.parse(text)
        name = path.removesuffix(".pyi").removesuffix("/__init__").replace("/", ".")
        if any(part.startswith("_") for part in name.split(".")):
            continue  # a private module: what the others need of it
        module = importlib.import_module(name)
        there = names_of(text)
        missing = set() if there is None else public_names(module) - there
        assert not missing, f"{name}: {missing}"


def test_stubs_of_a_package_without_annotations_are_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["stubs", "html", "--output", "out"]) == 0
    out, err = capsys.readouterr()
    assert "3 stubs of html in out" in out
    assert "has no return annotation" in err
