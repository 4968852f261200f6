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


def test_a_syntax_error_in_the_package_itself_is_named_with_its_line(refused):
    (line,) = refused("x: int = 1\ndef f(:\n    pass\n")
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    assert line.startswith(f"enterspan: PKG/__init__.py:2: {version} can't read this: ")


@pytest.mark.parametrize(
    "name, said",
    [
        ("no_such_package", "can't import 'no_such_package': there is no such package here"),
        ("no-such-name", "'no-such-name' is not a package's name: write it as in an import"),
        ("", "'' is not a package's name: write it as in an import statement"),
        ("no.such.package", "can't import 'no.such.package': there is no such package here"),
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


def test_without_a_package_it_says_what_is_missing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(["stubs", "--output", "out"])
    assert exit_.value.code == 2
    assert "PACKAGE" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_says_what_is_imported(capsys):
    with pytest.raises(SystemExit):
        main(["stubs", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "A module of the package is imported only if" in shown
    assert "__main__ are neither imported nor rendered" in shown


def test_a_catalogue_of_the_project_is_left_alone(fine, tmp_path):
    table = '[tool.enterspan.catalogue]\noutput = "spans.py"\n'
    (tmp_path / "pyproject.toml").write_text(table + "spans.a.attributes.x = 'int'\n")
    assert main(["stubs", fine, "--output", "out"]) == 0
    assert not (tmp_path / "spans.py").exists()


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
    whole = os.open

    def open_new(path, flags, *args, **kwargs):
        if flags & os.O_EXCL:
            opened.append(path)
            if len(opened) > 1:
                raise OSError(28, "No space left on device", str(path))
        return whole(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", open_new)
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
