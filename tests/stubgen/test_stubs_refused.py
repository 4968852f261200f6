"""Stubs that can't be made: one clear line for each reason, exit code 2, and nothing is written."""

import itertools
import os
import sys
import textwrap

import pytest

from enterspan.cli import main

numbers = itertools.count()


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """What `enterspan stubs` says of a package that it refuses; `PKG` stands for its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def ask(source, **modules):
        name = f"refused_{next(numbers)}"
        (tmp_path / name).mkdir()
        for module, text in {"__init__": source, **modules}.items():
            (tmp_path / name / f"{module}.py").write_text(textwrap.dedent(text).lstrip("\n"))
        assert main(["stubs", name, "--output", "out"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert not (tmp_path / "out").exists()
        return err.replace(name, "PKG").splitlines()

    return ask


@pytest.mark.parametrize(
    "source, line",
    [
        ("def f(x) -> int: ...", "1: parameter 'x' of f() has no annotation"),
        ("def f(*xs) -> int: ...", "1: parameter 'xs' of f() has no annotation"),
        ("def f(*, x=1) -> int: ...", "1: parameter 'x' of f() has no annotation"),
        (
            "def f(x: int): ...",
            "1: f() has no return annotation (-> None where it returns nothing)",
        ),
        (
            "class A:\n    @property\n    def x(self): ...",
            "3: A.x() has no return annotation (-> None where it returns nothing)",
        ),
        (
            "class A:\n    @staticmethod\n    def f(x) -> int: ...",
            "3: parameter 'x' of A.f() has no annotation",
        ),
        (
            "class A:\n    def __init__(self, x): ...",
            "2: parameter 'x' of A.__init__() has no annotation",
        ),
        (
            "class A:\n    def __init__(self) -> None:\n        self.x = []",
            "3: 'A.x' has no annotation",
        ),
        ("class A:\n    x = []", "2: 'A.x' has no annotation"),
        ("x = []", "1: 'x' has no annotation"),
        ("import logging\nlogger = logging.getLogger()", "2: 'logger' has no annotation"),
        (
            "from typing import Final\nx: Final = [1][0]",
            "2: 'x' is Final without a type",
        ),
        (
            (
                "from typing import overload\n@overload\ndef f(x: int) -> int: ...\n"
                "@overload\ndef f(x) -> str: ...\ndef f(x): ..."
            ),
            "5: parameter 'x' of f() has no annotation",
        ),
        (
            "from enterspan import traced\n@traced\ndef f(x) -> int: ...",
            "3: parameter 'x' of f() has no annotation",
        ),
        (
            "def f(x: int) -> '_Made': ...\nclass _Made:\n    def g(self): ...",
            "3: _Made.g() has no return annotation (-> None where it returns nothing)",
        ),
        ("__all__ = ['gone']", "1: 'gone' is exported, and nothing that can be read defines it"),
        (
            "__all__ = [name for name in 'ab']",
            "1: __all__ must be a list of string literals",
        ),
    ],
)
def test_what_has_no_type_is_named_with_its_line(refused, source, line):
    assert refused(source) == [f"enterspan: PKG/__init__.py:{line}"]


def test_every_missing_annotation_is_a_line_in_the_order_of_the_files(refused):
    assert refused("def f(x): ...", a="def g(): ...") == [
        (
            "enterspan: PKG/__init__.py:1: f() has no return annotation"
            " (-> None where it returns nothing)"
        ),
        "enterspan: PKG/__init__.py:1: parameter 'x' of f() has no annotation",
        "enterspan: PKG/a.py:1: g() has no return annotation (-> None where it returns nothing)",
    ]


def test_more_than_twenty_are_counted(refused):
    said = refused("".join([f"def f{n}(): ...\n" for n in range(30)]))
    assert len(said) == 21
    assert said[-1] == "enterspan: ... and 10 more"


def test_a_syntax_error_is_named_with_its_line(refused):
    (line,) = refused("x: int = 1", a="x: int = 1\ndef f(:\n    pass\n")
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    assert line.startswith(f"enterspan: PKG/a.py:2: {version} can't read this: ")


def test_a_package_that_fails_when_it_is_imported_is_named_with_the_line_that_failed(refused):
    (line,) = refused("x: int = 1\nraise ValueError('no\\nmore')")
    assert line == "enterspan: PKG/__init__.py:2: can't import PKG: ValueError: no"


def test_a_package_that_imports_what_is_not_there_is_named_with_that_line(refused):
    (line,) = refused("import os\nimport no_such_module_here")
    assert line == (
        "enterspan: PKG/__init__.py:2: can't import PKG:"
        " ModuleNotFoundError: No module named 'no_such_module_here'"
    )


def test_a_package_that_ends_the_process_when_it_is_imported_does_not(refused):
    (line,) = refused("import sys\nsys.exit(3)")
    assert line == "enterspan: PKG/__init__.py:2: can't import PKG: SystemExit: 3"


@pytest.mark.parametrize(
    "name, said",
    [
        ("no_such_package", "can't import 'no_such_package': there is no such package here"),
        ("no-such-name", "'no-such-name' is no name of a package: write it as in an import"),
        ("", "'' is no name of a package: write it as in an import statement"),
        ("no.such.package", "can't import 'no.such.package': No module named 'no'"),
        ("sys", "'sys' has no Python source to read"),
    ],
)
def test_what_is_no_package_is_said_in_one_line(name, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["stubs", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"enterspan: {said}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def fine(tmp_path, monkeypatch):
    """A package of which stubs can be made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"fine_{next(numbers)}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("def f() -> int: ...\n")
    (tmp_path / name / "more.py").write_text("def g() -> int: ...\n")
    return name


def test_a_folder_that_is_a_file_is_refused(fine, tmp_path, capsys):
    (tmp_path / "out").write_text("mine")
    assert main(["stubs", fine, "--output", "out"]) == 2
    assert capsys.readouterr().err == "enterspan: out: can't write stubs there: File exists\n"
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written_is_refused(fine, tmp_path, capsys):
    (tmp_path / "out").mkdir(mode=0o500)
    assert main(["stubs", fine, "--output", "out"]) == 2
    assert "can't write stubs there: Permission denied" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_disk_that_is_full_leaves_the_stubs_as_they_were(fine, tmp_path, monkeypatch, capsys):
    main(["stubs", fine, "--output", "out"])
    (tmp_path / fine / "__init__.py").write_text("def f() -> str: ...\n")
    (tmp_path / fine / "more.py").write_text("def g() -> str: ...\n")
    before = {path: path.read_text() for path in (tmp_path / "out").rglob("*.pyi")}
    opened = []
    whole = type(tmp_path).open

    def open_new(path, mode="r", *args, **kwargs):
        if mode == "xb":
            opened.append(path)
            if len(opened) > 1:
                raise OSError(28, "No space left on device", str(path))
        return whole(path, mode, *args, **kwargs)

    monkeypatch.setattr(type(tmp_path), "open", open_new)
    capsys.readouterr()
    assert main(["stubs", fine, "--output", "out"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert {path: path.read_text() for path in (tmp_path / "out").rglob("*.pyi")} == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == [fine]


def test_a_stub_that_somebody_wrote_by_hand_is_not_overwritten(fine, tmp_path, capsys):
    own = tmp_path / fine / "more.pyi"
    own.write_text("def g() -> float: ...\n")
    assert main(["stubs", fine, "--output", "."]) == 2
    assert capsys.readouterr().err == (
        f"enterspan: {fine}/more.pyi:1: was not made by `enterspan stubs`:"
        " move it away, or choose another folder\n"
    )
    assert own.read_text() == "def g() -> float: ...\n"
    assert not (tmp_path / fine / "__init__.pyi").exists()


def test_a_check_without_stubs_says_which_are_missing(fine, capsys):
    assert main(["stubs", fine, "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"stubs/{fine}/__init__.pyi: is missing",
        f"stubs/{fine}/more.pyi: is missing",
    ]
