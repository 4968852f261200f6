"""TOML files: where a key is, and what is reported of a file that can't be read."""

from __future__ import annotations

import sys

import pytest

if sys.version_info < (3, 11):
    pytest.importorskip("tomli")

from enterspan._model import toml
from enterspan._model.toml import TomlError, project_file, read_toml


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "c.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_the_line_of_a_key_is_found_in_any_layout(write):
    """Strings and comments that look like keys, arrays of tables, quoted and dotted keys."""
    document = read_toml(write('''\
# [spans.a]
title = """
[spans.a]
b = 1 \\""" still
"""
other = \'\'\'
x = 'y\'\'\'\'
[ spans . "a.b" ]  # here
"c\\u0064" . e = { f = [1, [2, {g = 3}], # ]
  4], h = "}" }
when = 1979-05-27 07:32:00
[[list]]
k = 1
[[list]]
k = 2
[list.sub]
m = 3
[last]
'''))  # fmt: skip
    lines = {
        ("title",): 2,
        ("other",): 6,
        ("spans", "a.b"): 8,
        ("spans", "a.b", "cd"): 9,
        ("spans", "a.b", "cd", "e", "f", 0): 9,
        ("spans", "a.b", "cd", "e", "f", 1, 1, "g"): 9,
        ("spans", "a.b", "cd", "e", "f", 2): 10,
        ("spans", "a.b", "cd", "e", "h"): 10,
        ("spans", "a.b", "when"): 11,
        ("list", 0, "k"): 13,
        ("list", 1, "k"): 15,
        ("list", 1, "sub", "m"): 17,
        ("last",): 18,
        ("last", "not", "there"): 18,
        ("nowhere",): None,
    }
    assert {key: document.line(key) for key in lines} == lines


def test_a_long_file_is_read_a_few_times_only(write, monkeypatch):
    """The lines are bisected: the cost of an error message does not grow with the square."""
    document = read_toml(write("".join([f"[t.k{n}]\nv = {n}\n" for n in range(1000)])))
    reads = []
    loads = document._loads
    monkeypatch.setattr(document, "_loads", lambda text: reads.append(text) or loads(text))
    assert document.line(("t", "k700", "v")) == 1402
    assert len(reads) <= 12


def test_a_string_of_many_lines_is_where_it_begins(write):
    """Also if it is the last value, and none of its lines ends a statement."""
    document = read_toml(write('a = 1\nb = """\n' + "x = 1\n" * 50 + '"""\n\nc = 3\n'))
    assert [document.line((key,)) for key in "abc"] == [1, 2, 55]


@pytest.mark.parametrize(
    "data, line, message",
    [
        (b"a = 1\nb = str\n", 2, "not TOML: Invalid value"),
        (b"a = 1\n\nb = [\n", 3, "not TOML: "),
        (b"a = 1\n# \xff", 2, "not UTF-8"),
        (b"a = " + b"[" * 100_000, None, "nested too deeply"),
    ],
)
def test_what_can_not_be_read_is_reported_with_its_line(write, data, line, message):
    """In the error class that the caller asks for."""

    class OwnError(TomlError):
        pass

    path = write(data)
    with pytest.raises(OwnError) as caught:
        read_toml(path, OwnError)
    assert caught.value.line == line
    assert caught.value.message.startswith(message)
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")


def test_a_missing_reader_is_reported_with_what_to_install(write, monkeypatch):
    """Python 3.10 has none in its standard library."""

    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(toml, "import_module", missing)
    with pytest.raises(TomlError, match=r"pip install 'enterspan\[toml\]'"):
        read_toml(write(""))


def test_the_project_file_is_the_nearest_one(tmp_path):
    """In a folder or above it."""
    (tmp_path / "a" / "b" / "pyproject.toml").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("")
    assert project_file(tmp_path / "a" / "b") == tmp_path / "pyproject.toml"
