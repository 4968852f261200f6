"""`enterspan stubs` of what has no annotation: inferred as a checker does it, or `Incomplete`."""

import ast
import itertools
import re
import subprocess
import sys
import textwrap

import pytest

from enterspan.cli import main

numbers = itertools.count()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package, each time one of another name, and give that name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(source="", **modules):
        name = f"inferred_{next(numbers)}"
        for module, text in {"__init__": source, **modules}.items():
            path = tmp_path / name / f"{module.replace('.', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).replace("PKG", name), encoding="utf-8")
        return name

    return write


@pytest.fixture
def stubs(package, tmp_path, capsys):
    """The stub of a package of one module, what is said on stderr, and the exit code."""

    def make(source, *options):
        name = package(source)
        code = main(["stubs", name, "--output", "out", *options])
        text = (tmp_path / "out" / name / "__init__.pyi").read_text(encoding="utf-8")
        ast.parse(text)
        return text, capsys.readouterr().err.replace(name, "PKG"), code

    return make


@pytest.fixture
def is_valid(tmp_path, tmp_path_factory):
    """Have mypy check a stub; fail with its report if it finds an error."""
    pytest.importorskip("mypy", reason="mypy is not installed: nox -s stubs")
    cache = tmp_path_factory.getbasetemp() / "mypy"

    def check(text):
        path = tmp_path / "checked.pyi"
        path.write_text(text, encoding="utf-8")
        # A process of its own: mypy raises the recursion limit.
        command = [sys.executable, "-m", "mypy", "--config-file=", "--strict"]
        command += [f"--cache-dir={cache}", str(path)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return True

    return check


@pytest.mark.parametrize(
    "source, line",
    [
        ("x = 3", "x: int = 3"),
        ("x = -1.5", "x: float = -1.5"),
        ("x = f'{1}'", "x: str"),
        ("x = ['a', 'b']", "x: list[str]"),
        ("x = {'a': 1}", "x: dict[str, int]"),
        ("x = {1, 'a'}", "x: set[int | str]"),
        ("x = 1, 'a'", "x: tuple[int, str]"),
        ("x = {'a': [1]}", "x: dict[str, list[int]]"),
        ("x = frozenset({'a'})", "x: frozenset[str]"),
        ("x = 64 * 1024", "x: int"),
        ("x = 3 / 2", "x: float"),
        ("x = 'a' + 'b' % ()", "x: str"),
        ("x = 'a,b'.split(',')", "x: list[str]"),
        ("x = not 3", "x: bool"),
        ("x = 'a' in 'abc'", "x: bool"),
        ("x = 1 if len('a') else 'b'", "x: int | str"),
        ("x = None or 3", "x: int"),
        ("x = [str(n) for n in range(3)]", "x: list[str]"),
        ("x = sorted(['b'])", "x: list[str]"),
        ("import logging\nx = logging.getLogger('a')", "x: logging.Logger"),
        ("from logging import getLogger\nx = getLogger('a')", "x: Logger"),
        ("import threading\nx = threading.Lock()", "x: threading.Lock"),
        ("import re\nx = re.compile('a')", "x: re.Pattern[str]"),
        ("import os\nx = os.environ.get('A')", "x: str | None"),
        pytest.param(
            "from pathlib import Path\nx = Path('a') / 'b'",
            "x: Path",
            marks=pytest.mark.skipif(
                sys.version_info < (3, 11), reason="a Path is not inferred there"
            ),
        ),
        ("import decimal\nx = decimal.Decimal(1)", "x: decimal.Decimal"),
        ("from typing import Final\nx: Final = [str(1)]", "x: Final[list[str]]"),
        ("def f() -> 'list[int]': ...\nx = f()", "x: list[int]"),
        ("class A:\n    @classmethod\n    def of(cls) -> 'A': ...\nx = A.of()", "x: A"),
        ("class A:\n    n: int = 1\nx = A().n", "x: int"),
        ("y: str = ''\nx = y", "x: str"),
        ("x, y = len('a'), 'a'", "x: int"),
        ("x, *y = [1, 2]", "x: int"),
        ("x, y = range(2)", "x: int"),
        ("for x in range(3): pass", "x: int"),
        ("if (x := 3): pass", "x: int = 3"),
        ("x = None\nif True:\n    x = 'a'", "x: str | None"),
        ("from math import sqrt\nx = sqrt", "x = sqrt"),
        ("def f() -> int: ...\nx = f", "x = f"),
        ("x = list[int] | None", "x = list[int] | None"),
    ],
)
def test_what_a_checker_infers_is_in_the_stub_and_nothing_is_said(stubs, source, line):
    text, said, code = stubs(source, "--strict")
    assert line in text.splitlines()
    assert (said, code) == ("", 0)


@pytest.mark.parametrize(
    "body, line",
    [
        ("self.x = url", "x: str"),
        ("self.x = url if base is None else base + url", "x: str"),
        ("self.x = base or url", "x: str"),
        ("self.x = len(url)", "x: int"),
        ("self.x, self.y = 1, 'b'", "x: int"),
        ("self.x = options", "x: dict[str, int]"),
        ("self.x = names", "x: tuple[str, ...]"),
        ("n = len(url)\n        self.x = n + 1", "x: int"),
        ("self.x = None\n        self.x = url", "x: str | None"),
        ("self.x = []\n        self.x = [url]", "x: list[str]"),
        ("self.x = self.size()", "x: int"),
        ("self.x = [] if base is None else [base]", "x: list[str]"),
    ],
)
def test_attributes_have_the_type_of_all_that_is_assigned(stubs, body, line):
    text, said, code = stubs(
        "class A:\n"
        "    def __init__(\n"
        "        self, url: str, base: str | None = None, *names: str, **options: int\n"
        "    ) -> None:\n"
        f"        {body}\n"
        "    def size(self) -> int: ...\n",
        "--strict",
    )
    assert f"    {line}" in text.splitlines()
    assert (said, code) == ("", 0)


@pytest.mark.parametrize(
    "source, line, said",
    [
        ("def f(x) -> int: ...", "def f(x: Incomplete) -> int: ...", "parameter 'x' of f()"),
        ("def f(*, x=1) -> int: ...", "def f(*, x: Incomplete = 1) -> int: ...", "parameter 'x'"),
        ("def f(*xs) -> int: ...", "def f(*xs: Incomplete) -> int: ...", "parameter 'xs' of f()"),
        ("def f(x: int): yield x", "def f(x: int) -> Incomplete: ...", "f() has no return"),
        ("x = []", "x: list[Incomplete]", "'x' has no annotation"),
        ("x = None", "x: Incomplete | None", "'x' has no annotation"),
        ("x = dict()", "x: dict[Incomplete, Incomplete]", "'x' has no annotation"),
        ("x = __import__('os').environ", "x: Incomplete", "'x' has no annotation"),
        ("class A:\n    x = []", "    x: list[Incomplete]", "'A.x' has no annotation"),
        (
            "class A:\n    def __init__(self, x) -> None:\n        self.x = x",
            "    x: Incomplete",
            "'A.x' has no annotation",
        ),
    ],
)
def test_what_is_not_known_is_incomplete_and_listed_with_its_line(stubs, source, line, said):
    text, err, code = stubs(source)
    assert line in text.splitlines()
    assert "from _typeshed import Incomplete" in text
    assert said in err
    assert f"PKG/__init__.py:{source[: source.rindex('x')].count(chr(10)) + 1}: " in err or err
    assert code == 0


def test_strict_says_so_with_its_exit_code_and_writes_all_the_same(stubs):
    _, err, code = stubs("x = []\ndef f(y): return y", "--strict")
    assert code == 1
    assert err.splitlines() == [
        "enterspan: PKG/__init__.py:1: 'x' has no annotation",
        (
            "enterspan: PKG/__init__.py:2: f() has no return annotation"
            " (-> None where it returns nothing)"
        ),
        "enterspan: PKG/__init__.py:2: parameter 'y' of f() has no annotation",
        "enterspan: 3 types are not known: the stubs say Incomplete",
    ]


@pytest.mark.parametrize(
    "body, kind",
    [
        ("print(1)", "None"),
        ("return 1", "int"),
        ("if print():\n        return 'a'", "str | None"),
        ("if print():\n        return 'a'\n    return 'b'", "str"),
        ("while True:\n        return 1", "int"),
        ("raise ValueError", "Incomplete"),
        ("return unknown()", "Incomplete"),
    ],
)
def test_a_missing_return_annotation_is_read_off_the_body(stubs, body, kind):
    text, _, _ = stubs(f"unknown = print\ndef f():\n    {body}\n")
    assert f"def f() -> {kind}: ..." in text.splitlines()


def test_a_method_that_returns_its_object_returns_self(stubs):
    """A subclass returns its own; a metaclass can't say so, and another name is another object."""
    text, _, _ = stubs(
        """
        class Query:
            def where(self, n: int): return self
            def other(self, n: int):
                self = Query()
                return self
            def typed(self: "Query"): return self
            def open(self): return self
            def __class_getitem__(cls, item): return cls
        class Meta(type):
            def register(cls): return cls
        class Other(Query):
            def open(self) -> Query: ...
        """
    )
    for method in ("typed", "open", "__class_getitem__"):
        (line,) = [each for each in text.splitlines() if f"def {method}(" in each][:1]
        assert "Self" not in line
    assert "    def where(self, n: int) -> Self: ..." in text.splitlines()
    assert "    def other(self, n: int) -> Incomplete: ..." in text.splitlines()
    assert "    def register(cls) -> Incomplete: ..." in text.splitlines()


def test_attributes_of_other_classes_are_what_their_constructors_set(package, tmp_path):
    name = package(
        "",
        config="""
        class Base:
            def __init__(self, port: int) -> None:
                self.port = port
        class Config(Base):
            def __init__(self, app: "Base", port: int) -> None:
                super().__init__(port)
                self.app = app
                self.names = ["a"]
        """,
        server="""
        from .config import Config
        class Server:
            def __init__(self, config: Config) -> None:
                self.port = config.port
                self.app = config.app
                self.config = config
                self.names = self.config.names
        """,
    )
    assert main(["stubs", name, "--output", "out"]) == 0
    text = (tmp_path / "out" / name / "server.pyi").read_text()
    for line in ("    port: int", "    app: Base", "    names: list[str]"):
        assert line in text.splitlines()
    assert f"from {name}.config import Base" in text


def test_a_method_without_annotations_contradicts_no_base(stubs):
    text, _, _ = stubs(
        """
        class Base:
            def size(self) -> int: ...
        class Other(Base):
            def size(self):
                return None
        """
    )
    assert text.splitlines()[-1] == "    def size(self) -> Incomplete: ..."


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "a = b = 1",
        "(a, [b, *_c]) = 1, [2, 3]",
        "for a, b in [(1, 2)]: pass",
        "with __import__('contextlib').nullcontext((1, 2)) as (a, b): pass",
        "match (1, 2):\n    case (a, b): pass",
        "match [1, 2]:\n    case [a, *b]: pass",
        "try:\n    a = 1\nexcept Exception:\n    pass\nelse:\n    b = 2",
        "if a := 1:\n    b = 2",
        "while True:\n    a = 1\n    b = 2\n    break",
        "if len('a'):\n    def a() -> int: ...\nelse:\n    def a() -> str: ...\nclass b: ...",
        "a: int\nb: int\na, b = 1, 2",
        "a = 1\ndel a\nb = a = 2",
    ],
)
def test_every_way_to_bind_a_name_is_in_the_stub(stubs, statement):
    text, _, _ = stubs(statement)
    bound = {
        getattr(node, "name", None) or getattr(getattr(node, "target", None), "id", None)
        for node in ast.parse(text).body
    }
    assert {"a", "b"} <= bound


@pytest.mark.parametrize(
    "statements, names",
    [
        ("__all__ = ['a']\n__all__ += ['b']", ["a", "b"]),
        ("__all__ = ['a']\n__all__.append('b')", ["a", "b"]),
        ("__all__ = ['a']\n__all__.extend(('b',))", ["a", "b"]),
        ("__all__ = ['a'] + ['b']", ["a", "b"]),
        ("__all__ = ('a', 'b')", ("a", "b")),
        ("__all__: list[str] = [*('a',), 'b']", ["a", "b"]),
        ("__all__ = [n for n in ('a', 'b')]", ["a", "b"]),
        ("__all__ = sorted({'a', 'b'})", ["a", "b"]),
        ("__all__ = ['b', 'a']\n__all__.remove('b')", ["a"]),
        ("__all__ = tuple(n for n in 'ab')", ("a", "b")),
        ("__all__ = []\ndef put(n): __all__.append(n)\nput('a')", ["a"]),
        ("__all__ = ['b']\ndef put(n): __all__.append(n)\nput('a')", ["b", "a"]),
        ("from PKG import sub\n__all__ = ['a']\n__all__ += sub.__all__", ["a", "c"]),
        ("from PKG import sub\n__all__ = ['a', *sub.__all__]", ["a", "c"]),
        ("import PKG.sub as s\n__all__ = list(s.__all__) + ['a']", ["c", "a"]),
    ],
)
def test_all_is_what_it_is_when_the_program_runs(package, tmp_path, statements, names):
    star = "from PKG.sub import *\na = 1\nb = 2\n"
    name = package(star + statements, sub="__all__ = ['c']\nc = d = 3")
    assert main(["stubs", name, "--output", "out"]) == 0
    text = (tmp_path / "out" / name / "__init__.pyi").read_text()
    (exported,) = [n for n in ast.parse(text).body if isinstance(n, ast.Assign)]
    assert ast.literal_eval(exported.value) == names
    bound = {t for n in names for t in (f"{n}: int", f"import {n} as {n}")}
    assert sum(any(b in line for b in bound) for line in text.splitlines()) == len(names)


def test_an_import_with_a_fallback_is_passed_on(stubs):
    text, _, _ = stubs(
        """
        try:
            import json as loads
        except ImportError:
            loads = None
        try:
            from functools import cache
        except ImportError:
            cache = None
        import os as hidden
        """
    )
    assert "import json as _loads" in text
    assert "loads = _loads" in text
    assert "from functools import cache as cache" in text
    assert "hidden" not in text


def test_in_a_typed_package_only_marked_imports_are_passed_on(package, tmp_path):
    name = package(a="from PKG.b import x\nfrom PKG.b import y as y", b="x = y = 1")
    assert main(["stubs", name, "--output", "one"]) == 0
    (tmp_path / name / "py.typed").touch()
    assert main(["stubs", name, "--output", "two"]) == 0
    text = [(tmp_path / folder / name / "a.pyi").read_text() for folder in ("one", "two")]
    assert ["import x as x" in t or "x as x, y as y" in t for t in text] == [True, False]
    assert all("y as y" in t for t in text)


def test_a_submodule_that_a_dotted_name_goes_through_is_in_its_package(package, tmp_path):
    name = package(
        "from .shop import f as f",
        shop="import PKG\ndef f(x: 'PKG._core.till.Till') -> int: ...",
        **{"_core.__init__": "", "_core.till": "class Till: ..."},
    )
    assert main(["stubs", name, "--output", "out"]) == 0
    folder = tmp_path / "out" / name
    assert f"from {name} import _core as _core" in (folder / "__init__.pyi").read_text()
    assert f"from {name}._core import till as till" in (folder / "_core/__init__.pyi").read_text()


def test_members_are_found_however_they_are_bound(stubs):
    text, _, _ = stubs(
        """
        class A:
            X = Y = 0
            B, C = range(2)
            def f(self) -> int: ...
            g = f
            @staticmethod
            def _s(x: int) -> int: ...
            s = staticmethod(_s)
            def _get(self) -> str: ...
            def _set(self, value: str) -> None: ...
            p = property(_get, _set)
            def _del(self) -> None: ...
            q = property(fget=lambda self: 1, fdel=_del)
            r = property(print)
            t = staticmethod(lambda x: 1)
            __hash__ = None
        """
    )
    for line in (
        "    X: int = 0",
        "    Y: int = 0",
        "    B: int",
        "    C: int",
        "    g = f",
        "    def s(x: int) -> int: ...",
        "    def p(self) -> str: ...",
        "    @p.setter",
        "    def q(self) -> int: ...",
        "    @q.deleter",
        "    def r(self) -> Incomplete: ...",
        "    def t(x: Incomplete) -> int: ...",
        "    __hash__: ClassVar[None]  # type: ignore[assignment]",
    ):
        assert line in text.splitlines()


# --- what is valid for checkers -------------------------------------------------------------------


def test_a_member_named_like_a_type_hides_it_from_nothing(stubs):
    text, said, _ = stubs(
        """
        import decimal
        class Field:
            def __init__(self, type: type[str], list: "list[int] | None" = None) -> None:
                self.type = type
                self.list = list
                self.decimal = decimal.Decimal(1)
            def make(self, kind: type[int], one: decimal.Decimal) -> "list[str]": ...
        """
    )
    assert said == ""
    for line in (
        "    type: builtins.type[str]",
        "    list: builtins.list[int] | None",
        "    decimal: _decimal.Decimal",
        (
            "    def make(self, kind: builtins.type[int], one: _decimal.Decimal)"
            " -> builtins.list[str]: ..."
        ),
        "_decimal = decimal",
    ):
        assert line in text.splitlines()


def test_a_function_named_like_a_type_hides_it_from_nothing(stubs, is_valid):
    """The types that are inferred are the builtin ones, and so are those in annotations."""
    text, _, _ = stubs(
        """
        int = 3
        def names(x: str): return x.split()
        def pairs(*args: str, **kw: str): return args, kw
        def parts(x: "list[str]") -> None: ...  # type: ignore[valid-type]
        class Api:
            def list(self) -> str: return ""
            def all(self, **kw: str): return kw
            def parts(self, x: str):
                self.parts = x.split()
                return x.split()
        def list(x: str) -> str: return x
        def dict(x: str) -> str: return x
        def bytes(f: Api) -> Api: return f
        v = "a".split()
        n = len("a")
        @bytes
        class B: ...
        """
    )
    for line in (
        "import builtins",
        "def names(x: str) -> builtins.list[str]: ...",
        "def pairs(*args: str, **kw: str) -> tuple[tuple[str, ...], builtins.dict[str, str]]: ...",
        "    def all(self, **kw: str) -> builtins.dict[str, str]: ...",
        "    def parts(self, x: str) -> builtins.list[str]: ...",
        "v: builtins.list[str]",
        "n: builtins.int",
        "int: builtins.int = 3",
    ):
        assert line in text.splitlines()
    assert is_valid(text)


def test_the_members_of_an_enumeration_are_values(stubs):
    text, _, _ = stubs(
        """
        import enum
        class Permission(enum.Flag):
            READ = 1
            WRITE = 1 << 1
            ALL = READ | WRITE
            NONE = ALL & ~ALL
            @property
            def label(self) -> str: ...
        class Kind(str, enum.Enum):
            A = "a"
            B = A.upper()
        class Code(enum.IntEnum):
            def __new__(cls, value: int, phrase: str) -> "Code": ...
            OK = 200, "OK"
        class Plain(enum.Enum):
            A = enum.auto()
        """
    )
    found = {line.strip() for line in text.splitlines() if " = " in line}
    assert found == {
        "READ = 1",
        "WRITE = 2",
        "ALL = 3",
        "NONE = 0",
        'A = "a"',
        "B = ...",
        "OK = ...",
        "A = 1",
    }


def test_fields_keep_what_their_constructor_needs(stubs):
    text, _, _ = stubs(
        """
        from dataclasses import dataclass, field
        from typing import cast
        def _now() -> float: ...
        @dataclass
        class Line:
            a: int = field(default=1, repr=False)
            b: list[int] = field(default_factory=list, metadata={"x": object()})
            c: float = field(default_factory=_now)
            d: float = field(default_factory=lambda: 1.0, kw_only=True)
            e: int = field(init=False)
            f: int = cast(int, _now())
        """
    )
    assert text.splitlines()[-6:] == [
        "    a: int = field(default=1, repr=False)",
        "    b: list[int] = field(default_factory=list)",
        "    c: float = field(default_factory=_any_default)",
        "    d: float = field(default_factory=_any_default, kw_only=True)",
        "    e: int = field(init=False)",
        "    f: int = ...",
    ]
    assert "_any_default: Any" in text.splitlines()


def test_a_converter_says_what_the_constructor_takes(stubs):
    """mypy reads it off a function; it takes neither a variable nor a lambda."""
    text, _, _ = stubs(
        """
        from attrs import define, field
        def _read(value: str) -> int: ...
        @define
        class Line:
            a: int = field(default=1, converter=_read)
            b: int = field(default=1, converter=lambda x: x)
            c: int = field(default=1, converter=int)
        """
    )
    assert text.splitlines()[-3:] == [
        "    a: int = field(default=1, converter=_read)",
        "    b: int = field(default=1, converter=_any_converter)",
        "    c: int = field(default=1, converter=int)",
    ]
    assert "def _read(value: str) -> int: ..." in text.splitlines()
    assert "def _any_converter(value: Any) -> Any: ..." in text.splitlines()


def test_a_name_of_the_package_that_is_not_imported_is(package, tmp_path):
    """mypy is told to ignore it in the source, and rejects it in the stub."""
    name = package(
        "from .shop import f as f", shop="def f(x: 'PKG.Till') -> int: ...  # type: ignore"
    )
    assert main(["stubs", name, "--output", "out"]) == 0
    assert f"import {name}" in (tmp_path / "out" / name / "shop.pyi").read_text().splitlines()


def test_an_excuse_is_kept_where_the_stub_needs_it_and_nowhere_else(stubs):
    text, _, _ = stubs(
        """
        class Base:
            name: int = 1
            def price(self, n: int) -> int: ...
        class Other(Base):
            name: str = ""  # type: ignore[assignment]
            own: int = "x"  # type: ignore[assignment]
            def price(  # type: ignore[override]
                self, n: str
            ) -> int: ...
            def size(self) -> int:  # type: ignore[return]
                ...
        """
    )
    assert text.splitlines()[-4:] == [
        '    name: str = ""  # type: ignore[assignment]',
        "    own: int = ...",
        "    def price(self, n: str) -> int: ...  # type: ignore[override]",
        "    def size(self) -> int: ...",
    ]


def test_an_excuse_for_an_operator_that_differs_from_its_partner_is_kept(stubs, is_valid):
    """mypy compares `__iadd__` with `__add__`, and `__radd__` with that of other classes."""
    text, _, _ = stubs(
        """
        class A:
            def __add__(self, o: int) -> "A": return self
            def __iadd__(self, o: str) -> "A": return self  # type: ignore[misc]
            def add(self, o: int) -> "A": return self  # type: ignore[misc]
        class B(A):
            def __isub__(self, o: int) -> "A": return self  # type: ignore[misc]
            def __sub__(self, o: int) -> "A": return self
        class C:
            def __radd__(self, o: A) -> str: return ""  # type: ignore[misc]
        class D:
            def __add__(self, o: "E") -> int: return 1
        class E:
            def __radd__(self, o: D) -> str: return ""  # type: ignore[misc]
        """
    )
    found = [line.partition("(")[0].split()[-1] for line in text.splitlines() if "ignore" in line]
    assert found == ["__iadd__", "__isub__", "__radd__", "__radd__"]
    assert is_valid(text)


def test_a_default_that_is_excused_on_the_line_of_the_def_is_left_out(stubs, is_valid):
    """None stays where the type can be widened, and so does a value that has the type."""
    text, _, _ = stubs(
        """
        class A: ...
        class Base:
            def get(self, key: str) -> int: ...
        class Other(Base):
            def get(self, key: A, c: A = None) -> int: ...  # type: ignore[override, assignment]
        def f(c: int = None) -> int: return 1  # type: ignore[assignment]
        def g(c: A = None, n: int = 3) -> int: return 1  # type: ignore[assignment]
        def h(c: "A" = None, n: int = "x") -> int: return 1  # type: ignore
        def i(c: str = "a") -> int: return 1  # type: ignore
        def j(
            c: int = None,  # type: ignore[assignment]
            d: A = None,  # type: ignore[assignment]
        ) -> int: return 1
        """
    )
    assert [line.strip() for line in text.splitlines() if "def" in line][1:] == [
        "def get(self, key: A, c: A = ...) -> int: ...  # type: ignore[override]",
        "def f(c: int | None = None) -> int: ...",
        "def g(c: A = ..., n: int = 3) -> int: ...",
        "def h(c: A = ..., n: int = ...) -> int: ...",
        'def i(c: str = "a") -> int: ...',
        "def j(c: int | None = None, d: A = ...) -> int: ...",
    ]
    assert is_valid(text)


def test_a_value_that_is_excused_is_left_out(stubs):
    """In a stub it would be an error, and it says nothing of the type."""
    text, _, _ = stubs(
        """
        from dataclasses import dataclass
        class Answer:
            status: int = None  # type: ignore[assignment]
        @dataclass
        class Line:
            rank: int = None  # type: ignore[assignment]
        """
    )
    assert "    status: int" in text.splitlines()
    assert "    rank: int = ..." in text.splitlines()


def test_an_attribute_may_be_narrower_than_the_one_that_a_base_only_sets(stubs):
    """In the stub of the base it has a type, which pyright compares."""
    text, _, _ = stubs(
        """
        class A: ...
        class B(A): ...
        class Base:
            def __init__(self, a: A, b: A) -> None:
                self.a = a
                self.b: A = b
        class Other(Base):
            def __init__(self, a: B) -> None:
                self.a: B = a
                self.b: B = a
        """
    )
    assert text.splitlines()[-3:-1] == [
        "    a: B  # type: ignore[mutable-override, unused-ignore]",
        "    b: B",
    ]


def test_a_generic_class_without_arguments_has_any_for_each(stubs):
    """So do checkers understand it; strict ones reject what is left to be understood."""
    text, _, _ = stubs(
        """
        import typing as t
        from collections.abc import Callable, Mapping
        T = t.TypeVar("T")
        class Box(t.Generic[T]): ...
        class Table(dict): ...
        class Meta(type): ...
        def f(a: list, b: "t.Dict[str, Box]", c: Callable, *d: tuple) -> t.Optional[Mapping]: ...
        class Cart:
            def __init__(self, items: list, kind: type = dict) -> None:
                self.items = items
        """
    )
    for line in (
        "class Table(dict[t.Any, t.Any]): ...",
        "class Meta(type): ...",
        "    a: list[t.Any],",
        "    b: t.Dict[str, Box[t.Any]],",
        "    c: Callable[..., t.Any],",
        "    *d: tuple[t.Any, ...],",
        ") -> t.Optional[Mapping[t.Any, t.Any]]: ...",
        "    items: list[t.Any]",
        "    def __init__(self, items: list[t.Any], kind: type = dict) -> None: ...",
    ):
        assert line in text.splitlines()


def test_a_member_is_not_taken_for_what_an_annotation_is_marked_with(stubs):
    text, _, _ = stubs(
        """
        from typing import Annotated
        def note(text: str) -> str: ...
        class Shop:
            note: bool = False
            def price(self, x: Annotated[int, note("old")]) -> int: ...
        """
    )
    assert text.splitlines()[-1] == (
        '    def price(self, x: Annotated[int, _note("old")]) -> int: ...'
    )


def test_an_excuse_that_may_be_needed_is_kept_with_one_for_where_it_is_not(stubs):
    """Checkers know more members of `object` and of other packages than there are at run time."""
    text, _, _ = stubs(
        """
        from http.client import IncompleteRead
        class Lookup: ...
        class Own:
            __repr__ = Lookup()
            __str__ = print  # type: ignore[assignment]
            def __eq__(self, other: "Own") -> bool: ...  # type: ignore[override]
            def __init__(self, x: int = None) -> None: ...  # type: ignore
            def __reduce__(self) -> int: ...  # type: ignore
        class Other(IncompleteRead):
            partial: int  # type: ignore[assignment]
            def __init__(self) -> None:
                self.expected: str = ""  # type: ignore[assignment]
        """
    )
    excused = [line.strip() for line in text.splitlines() if "ignore" in line]
    usual = "assignment, misc, override, unused-ignore"
    assert excused == [
        "__repr__: Lookup  # type: ignore[assignment, unused-ignore]",
        "__str__ = print  # type: ignore[assignment, unused-ignore]",
        "def __eq__(self, other: Own) -> bool: ...  # type: ignore[override, unused-ignore]",
        f"def __reduce__(self) -> int: ...  # type: ignore[{usual}]",
        "partial: int  # type: ignore[assignment, unused-ignore]",
        "expected: str  # type: ignore[assignment, unused-ignore]",
    ]


def test_a_class_with_abstract_members_says_that_it_is_abstract(stubs):
    text, _, _ = stubs(
        """
        import abc
        class Base(abc.ABC):
            @abc.abstractmethod
            def go(self) -> int: ...
        class Half(Base): ...
        class Said(Base, abc.ABC): ...
        class Whole(Base):
            def go(self) -> int: ...
        """
    )
    assert "class Half(Base, metaclass=ABCMeta): ..." in text
    assert "class Said(Base, abc.ABC, metaclass=ABCMeta): ..." in text
    assert "class Whole(Base):" in text


def test_a_type_variable_of_a_function_is_in_no_attribute(stubs):
    text, _, _ = stubs(
        """
        from collections.abc import Callable
        from typing import Generic, ParamSpec, TypeVar
        P = ParamSpec("P")
        T = TypeVar("T")
        U = TypeVar("U")
        class Task(Generic[T]):
            def __init__(
                self, value: T, fn: Callable[P, U], *args: P.args, **kwargs: P.kwargs
            ) -> None:
                self.value = value
                self.fn = fn
                self.args = args
                self.kwargs = kwargs
            class Cell:
                def __init__(self, content: T) -> None:
                    self.content: list[T] = [content]
        """
    )
    for line in (
        "        content: list[Incomplete]",
        "    value: T",
        "    fn: Callable[..., Incomplete]",
        "    args: tuple[object, ...]",
        "    kwargs: dict[str, object]",
    ):
        assert line in text.splitlines()


def test_what_a_branch_imports_is_there_for_what_needs_it(stubs):
    text, _, _ = stubs(
        """
        import sys
        if sys.version_info >= (3, 11):
            from typing import Self
        else:
            from typing_extensions import Self
        class A:
            def go(self) -> Self: ...
        """
    )
    assert "    from typing import Self" in text.splitlines()


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the syntax is of Python 3.13")
def test_defaults_of_type_parameters_are_written_as_they_were(stubs):
    text, said, _ = stubs(
        """
        type Pair[T = int] = tuple[T, T]
        class Box[T: object = str, *Ts = *tuple[int, ...], **P = [int]]:
            def __init__(self, value: T) -> None:
                self.value = value
        x = Box("a")
        """
    )
    for line in (
        "type Pair[T = int] = tuple[T, T]",
        "class Box[T: object = str, *Ts = *tuple[int, ...], **P = [int]]:",
        "    value: T",
    ):
        assert line in text.splitlines()


# --- what is imported -----------------------------------------------------------------------------


def test_what_the_source_says_needs_no_import(package, tmp_path, capsys):
    name = package(
        "raise SystemExit('imported')\ndef f(n: int) -> int: ...\nx = [1]\nclass A: ...",
        parts="""
        print("imported")
        import enterspan
        from enterspan import Tracing, traced, tracing
        _slow = traced(min_duration=1)
        mine = Tracing("mine")
        @traced
        def a() -> int: ...
        @tracing.traced("b")
        def b() -> int: ...
        @_slow
        def c() -> int: ...
        @mine.traced
        def d() -> int: ...
        @enterspan.traced
        @property
        def e() -> int: ...
        """,
    )
    assert main(["stubs", name, "--output", "out", "--strict"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "imported" not in out
    assert name not in sys.modules
    text = (tmp_path / "out" / name / "parts.pyi").read_text()
    assert "traced" not in text
    assert "slow" not in text


def test_a_decorator_that_can_not_be_imported_is_kept_and_the_rest_is_rendered(
    package, tmp_path, capsys
):
    name = package(
        "def f(n: int) -> int: ...",
        contrib="import no_such_library as lib\n@lib.route('/')\ndef view(n: int) -> int: ...\n",
    )
    assert main(["stubs", name, "--output", "out"]) == 0
    text = (tmp_path / "out" / name / "contrib.pyi").read_text()
    assert text.splitlines()[-2:] == ['@lib.route("/")', "def view(n: int) -> int: ..."]
    assert capsys.readouterr().err == (
        f"enterspan: can't import {name}.contrib: ModuleNotFoundError:"
        " No module named 'no_such_library'\n"
    )


def test_tests_and_what_is_run_have_no_stubs(package, tmp_path):
    loud = "raise SystemExit('imported')\nx = print()\n"
    name = package(
        "",
        **dict.fromkeys(
            ("__main__", "conftest", "tests.__init__", "tests.test_a", "test_b", "test.test_c"),
            loud,
        ),
        **{"test.__init__": loud, "testing": "def f() -> int: ..."},
    )
    assert main(["stubs", name, "--output", "out"]) == 0
    found = sorted(
        p.relative_to(tmp_path / "out" / name).as_posix() for p in (tmp_path / "out").rglob("*.pyi")
    )
    assert found == ["__init__.pyi", "testing.pyi"]


def test_a_module_that_can_not_be_read_is_named_and_left_out(package, tmp_path, capsys):
    name = package("x: int = 1", broken="def f(:\n")
    assert main(["stubs", name, "--output", "out"]) == 0
    assert f"{name}/broken.py:1: Python 3." in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out" / name).iterdir()] == ["__init__.pyi"]


def test_a_stub_beside_a_module_is_what_checkers_see(package, tmp_path):
    name = package("from PKG import fast\ndef f(x): ...", fast="def g(x): ...")
    own = "from typing import Any\ndef g(x: Any) -> int: ...\n"
    (tmp_path / name / "fast.pyi").write_text(own)
    assert main(["stubs", name, "--output", "out"]) == 0
    assert (tmp_path / "out" / name / "fast.pyi").read_text().partition("\n")[2] == own


# --- what a name is bound to ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "source, line",
    [
        ("import functools as ft\ndef f() -> int: ...\nx = ft.partial(f, 1)", "x: ft.partial[int]"),
        (
            "from functools import partial\nx = partial(dict[str, int])",
            "x: partial[dict[str, int]]",
        ),
        ("x = lambda: 'a'", "def x() -> str: ..."),
        ("x = frozendict({'a': 1})", "x: frozendict[str, int]"),
        ("x = frozendict(a=1)", "x: frozendict[str, int]"),
        ("x = sentinel('x')", 'x = sentinel("x")'),
        ("from typing import Final\nx: Final = sentinel('x')", 'x: Final = sentinel("x")'),
        ("from enum import Enum\nclass E(Enum):\n    A = 1\nx = E.A", "x: E"),
        (
            "import typing as t, enum\nclass E(enum.Enum):\n    A = 1\nx: t.Final = E.A",
            "x: t.Final = E.A",
        ),
    ],
)
def test_what_a_call_or_a_member_gives(stubs, source, line):
    text, _, _ = stubs(source)
    assert line in text.splitlines()


def test_a_property_is_not_called_through_its_class(stubs, is_valid):
    """In another class it is a property again."""
    text, said, _ = stubs(
        """
        import functools
        class A:
            @property
            def size(self) -> int: return 1
            @functools.cached_property
            def name(self) -> str: return ""
        class B:
            size = A.size
            def __init__(self) -> None: self.kept = A.size
        def made(): return A.size
        size = A.size
        name = A.name
        own = A().size
        """
    )
    assert said == ""
    for line in (
        "    size: int",
        "    kept: property",
        "def made() -> property: ...",
        "size: property",
        "name: functools.cached_property[str]",
        "own: int",
    ):
        assert line in text.splitlines()
    assert is_valid(text)


def test_a_call_of_a_decorator_is_a_decorated_function(stubs):
    """`b = cache(a)` is what `@cache` above a function of that name would be."""
    text, said, _ = stubs(
        """
        from functools import lru_cache
        from typing import TypeVar
        F = TypeVar("F")
        def retry(function: F) -> F: return function
        def untyped(function): return [function]
        def _load(n: int) -> str: ...
        load = lru_cache(maxsize=3)(_load)
        again = retry(_load)
        other = untyped(_load)
        """
    )
    assert text.splitlines()[-5:] == [
        "@lru_cache(maxsize=3)",
        "def load(n: int) -> str: ...",
        "",
        "def again(n: int) -> str: ...",
        "other: Incomplete",
    ]
    assert "'other' has no annotation" in said


BOX = """
from functools import cache
from typing import Generic, TypeVar
from typing_extensions import Self
from enterspan import traced
T = TypeVar("T")
class Box(Generic[T]):
    def __init__(self, v: T) -> None: ...
    def get(self) -> "list[T]": ...
    def put(self, v: T) -> None: ...
    def me(self) -> Self: ...
    def size(self, n: int = 3) -> int: ...
    @classmethod
    def make(cls, v: T) -> Self: ...
class Plain:
    def me(self, others: "list[Self]") -> Self: ...
    def size(self, unit: str = "Self") -> int: ...
    @classmethod
    def make(cls, n: int) -> Self: ...
    @staticmethod
    def read() -> int: ...
_box = Box(1)
"""
"""A generic class and a plain one, whose methods get other names."""


NAMED_AGAIN = [
    ("x = _box.get", "x = _box.get"),
    ("x = _box.put", "x = _box.put"),
    ("x = _box.me", "x = _box.me"),
    ("x = _box.make", "x = _box.make"),
    ("x = _box.size", "def x(n: int = 3) -> int: ..."),
    ("x = Box.make", "x = Box.make"),
    ("x = Plain.make", "x = Plain.make"),
    ("x = Box(1).get", "x: Incomplete"),
    ("x = Plain().me", "def x(others: list[Plain]) -> Plain: ..."),
    ("x = traced(Plain.make)", "x = Plain.make"),
    ("x = traced(Plain.read)", "x = Plain.read"),
    ("x = traced(Box.me)", "x = Box.me"),
    ("x = cache(Plain.make)", "x = cache(Plain.make)"),
    ("class Y:\n    x = staticmethod(Box.make)", "    def x(v: T) -> Box[T]: ..."),
    ("class Y:\n    x = staticmethod(Box.get)", "    def x(self: Box[T]) -> list[T]: ..."),
    ("class Y:\n    x = staticmethod(Plain.make)", "    def x(n: int) -> Plain: ..."),
    (
        "class Y:\n    x = staticmethod(Plain.size)",
        '    def x(self: Plain, unit: str = "Self") -> int: ...',
    ),
    ("class Y:\n    x = staticmethod(Plain.read)", "    def x() -> int: ..."),
]
"""What is bound to another name, and the line of the stub for it."""


@pytest.mark.parametrize("source, line", NAMED_AGAIN)
def test_another_name_of_a_method_means_the_same_outside_of_its_class(stubs, source, line):
    text, _, _ = stubs(f"{BOX}{source}\n")
    assert line in text.splitlines()


def test_other_names_of_methods_are_valid(stubs, is_valid):
    every = [source for source, _ in NAMED_AGAIN]
    named = [re.sub(r"\b[xY]\b", rf"\g<0>{n}", source) for n, source in enumerate(every)]
    text, _, _ = stubs(BOX + "\n".join(named) + "\n")
    assert is_valid(text)


def test_a_call_of_another_packages_typed_function_is_written_down(stubs, tmp_path):
    """Checkers know what it gives; what it is given must mean something there."""
    (tmp_path / "typed_neighbour.py").write_text(
        "from typing import Any\ndef make(*a: Any) -> Any: ...\ndef untyped(*a): ...\n"
    )
    text, _, _ = stubs(
        """
        import typed_neighbour as other
        _hidden = object()
        x = other.make(int, "a")
        y = other.make(_hidden)
        z = other.untyped(1)
        """
    )
    assert text.splitlines()[-3:] == [
        'x = other.make(int, "a")',
        "y: Incomplete",
        "z: Incomplete",
    ]


def test_a_decorator_that_makes_a_function_untyped_is_excused(stubs):
    text, _, _ = stubs(
        """
        def deco(f): return lambda *a: f(*a)
        @deco
        def price(x: int) -> int: ...
        """
    )
    assert "@deco  # type: ignore[untyped-decorator, unused-ignore]" in text.splitlines()


def test_a_base_of_enumerations_is_excused_for_its_missing_members(stubs):
    text, _, _ = stubs(
        """
        import enum
        class Base(enum.Enum):
            def label(self) -> str: ...
        class Kind(Base):
            A = 1
        """
    )
    assert "class Base(enum.Enum):  # type: ignore[misc, unused-ignore]" in text.splitlines()
    assert "class Kind(Base):" in text.splitlines()


def test_a_call_of_a_function_with_type_variables_is_written_down(stubs):
    """What it returns depends on what it is given."""
    text, _, _ = stubs(
        """
        from collections.abc import Callable
        from typing import TypeVar
        T = TypeVar("T")
        def _waits(function: Callable[..., T]) -> Callable[..., list[T]]: ...
        class Shop:
            price = _waits(int.bit_length)
        """
    )
    assert text.splitlines()[-1] == "    price = _waits(int.bit_length)"


def test_the_same_name_again_is_what_it_was(stubs):
    """`str = str` makes a builtin importable from the module."""
    text, said, _ = stubs(
        """
        from os.path import join
        str = str
        join = join
        def f(x: str) -> str: ...
        class Shop:
            f = f
        """
    )
    assert not said
    assert "str = builtins.str" in text
    assert "join = join" not in text
    assert [line.strip() for line in text.splitlines() if " f = " in line] == ["f = _f"]
    assert "_f = f" in text


# --- classes --------------------------------------------------------------------------------------


def test_a_function_in_place_of_an_inherited_member_is_there(stubs):
    """So is a module; any other value has the type that the base says."""
    text, _, _ = stubs(
        """
        import json
        class Base:
            module = json
            limit = 3
            def clear(self) -> None: ...
            def keep(self) -> None: ...
        class Closed(Base):
            module = json
            limit = 4
            def _refuse(self, *args: object) -> None: ...
            clear = _refuse
            keep = _refuse
            del _refuse
        """
    )
    assert [*filter(None, text.partition("class Closed(Base):")[2].splitlines())] == [
        "    module = json",
        "    def clear(self, *args: object) -> None: ...",
        "    def keep(self, *args: object) -> None: ...",
    ]


def test_private_members_of_an_enumeration_are_members(stubs):
    """A checker rejects one without any, and counts them all."""
    text, _, _ = stubs("import enum\nclass Unset(enum.Enum):\n    _only = 0\n    _ignore_ = []\n")
    assert text.splitlines()[-2:] == ["class Unset(enum.Enum):", "    _only = 0"]


def test_what_a_method_sets_is_no_parameter_of_a_generated_constructor(stubs):
    text, _, _ = stubs(
        """
        import dataclasses
        from dataclasses import dataclass
        @dataclass
        class A:
            x: int
            def set(self) -> None: self.late = "a"
        @dataclasses.dataclass(frozen=True)
        class Written:
            x: int
            def __init__(self) -> None: self.late = "a"
        @dataclass
        class B:
            x: int
        class C(B):
            def set(self) -> None: self.late = "a"
        """
    )
    found = [line.strip() for line in text.splitlines() if "late" in line]
    assert found == ["late: str = field(init=False)", "late: str", "late: str"]


def test_what_is_no_member_of_an_enumeration_is_none_in_the_stub(stubs):
    text, _, _ = stubs(
        """
        from enum import Enum
        class A(Enum):
            _ignore_ = ["gone"]
            _value_: int
            gone = 1
            x = 2
            shout = lambda self: "a"
            def label(self) -> str: ...
            short = label
        """
    )
    assert text.splitlines()[-6:] == [
        "class A(Enum):",
        "    _value_: int",
        "    x = 2",
        "    def shout(self) -> str: ...",
        "    def label(self) -> str: ...",
        "    short = label",
    ]


def test_a_call_of_an_enumeration_looks_a_member_up(stubs):
    """Its `__new__` makes members; once they are made, a call takes a value."""
    text, _, _ = stubs(
        """
        from enum import IntEnum
        class Code(IntEnum):
            def __new__(cls, value: int, phrase: str) -> "Code": ...
            OK = 200, "OK"
        """
    )
    assert text.splitlines()[-2:] == [
        "    OK = ...",
        "    def __new__(cls, value: object) -> Code: ...",
    ]


def test_a_member_that_stands_for_an_abstract_one_is_there(stubs):
    text, _, _ = stubs(
        """
        from abc import ABC, abstractmethod
        class A(ABC):
            other: int = 1
            @property
            @abstractmethod
            def size(self) -> int: ...
        class B(A):
            size = 3
            other = 4
        """
    )
    assert text.splitlines()[-2:] == ["class B(A):", "    size: int = 3"]


def test_the_private_keys_of_a_typed_dictionary_are_keys_below_it_too(stubs):
    text, _, _ = stubs(
        """
        from typing import TypedDict
        class A(TypedDict):
            x: int
        class B(A):
            _y: int
        """
    )
    assert text.splitlines()[-1] == "    _y: int"


def test_a_decorator_means_what_it_means_outside_of_the_class(stubs):
    """A member of its name hides it from the rest of the stub; in the source it comes later."""
    text, _, _ = stubs(
        """
        from functools import cache
        class A:
            @cache
            def load(self) -> int: ...
            def set(self) -> None: self.cache = 1
            @property
            def property(self) -> int: ...
        """
    )
    assert [line.strip() for line in text.splitlines() if "@" in line] == [
        "@_cache",
        "@builtins.property",
    ]


def test_an_excuse_stands_where_it_stood(stubs):
    """That of a decorator, of an overload, of an import; one for a default value is not needed.

    pyright reports an overload at the last one, mypy at the first.
    """
    text, _, _ = stubs(
        """
        from typing import overload
        from socket import (  # type: ignore[attr-defined]
            AF_INET,
            AF_NEVER,
        )
        from json import loads  # type: ignore
        def deco(f): ...
        class A:
            def get(self, key: int) -> int: ...
            @property
            def size(self) -> int: ...
        class B(A):
            @overload  # type: ignore[override]
            def get(self, key: str) -> str: ...
            @overload
            def get(self, key: bytes) -> bytes: ...
            def get(self, key): ...
            @property  # type: ignore[override]
            def size(self) -> str: ...
        @deco  # type: ignore[untyped-decorator]
        def f(x: AF_INET, y: AF_NEVER, z: loads) -> int: ...
        def g(
            x: int,
            y: str = 1,  # type: ignore[assignment]
        ) -> int: ...
        def h(x, y):  # type: ignore
            ...
        """
    )
    found = [line.strip() for line in text.splitlines() if "ignore" in line or "def g(" in line]
    codes = "attr-defined, import-not-found, import-untyped, unused-ignore"
    assert found == [
        f"from json import loads  # type: ignore[{codes}]",
        "from socket import AF_INET, AF_NEVER  # type: ignore[attr-defined, unused-ignore]",
        "@overload  # type: ignore[override]",
        "def get(self, key: bytes) -> bytes: ...  # type: ignore[override, unused-ignore]",
        "@property  # type: ignore[override]",
        "@deco  # type: ignore[untyped-decorator, unused-ignore]",
        "def g(x: int, y: str = ...) -> int: ...",
    ]


def test_a_chain_of_classes_is_followed_once(package, monkeypatch):
    """Each class of a chain asks what its bases have; what they are is found out once."""
    from enterspan.stubgen.scope import Scope
    from enterspan.stubgen.surface import render_package

    asked = []
    find = Scope._ancestors
    monkeypatch.setattr(Scope, "_ancestors", lambda s, node: asked.append(node) or find(s, node))
    chain = [f"class C{i}(C{i - 1}):\n    def f(self): return {i}\n" for i in range(1, 30)]
    render_package(package("class C0:\n    def f(self): return 0\n" + "".join(chain)))
    assert len(asked) == 30


def test_objects_without_a_hash_have_none_in_the_stub(stubs):
    """Some checkers complain, whatever the base has; what is inherited is not repeated."""
    text, _, _ = stubs(
        """
        from collections.abc import Mapping
        class A:
            __hash__ = None
        class B(A):
            __hash__ = None
        class C(dict[str, int]):
            __hash__ = None
        class D(Mapping[str, int]):
            __hash__ = object.__hash__
        """
    )
    assert [line for line in text.splitlines() if "__hash__" in line or "class" in line] == [
        "class A:",
        "    __hash__: ClassVar[None]  # type: ignore[assignment]",
        "class B(A):",
        "    __hash__: ClassVar[None]  # type: ignore[assignment, unused-ignore]",
        "class C(dict[str, int]):",
        "    __hash__: ClassVar[None]  # type: ignore[assignment, unused-ignore]",
        "class D(Mapping[str, int], metaclass=ABCMeta): ...",
    ]
