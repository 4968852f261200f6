"""`enterspan stubs` of what has no annotation: inferred as a checker does it, or `Incomplete`."""

import ast
import itertools
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
        ("__all__ = ('a', 'b')", ["a", "b"]),
        ("__all__: list[str] = [*('a',), 'b']", ["a", "b"]),
        ("__all__ = [n for n in ('a', 'b')]", ["a", "b"]),
        ("__all__ = sorted({'a', 'b'})", ["a", "b"]),
        ("__all__ = ['b', 'a']\n__all__.remove('b')", ["a"]),
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
    assert ast.literal_eval(exported.value) == type(ast.literal_eval(exported.value))(names)
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
            q = property(fget=lambda self: 1)
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
        "    q: Incomplete",
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
        def _now() -> float: ...
        @dataclass
        class Line:
            a: int = field(default=1, repr=False)
            b: list[int] = field(default_factory=list, metadata={"x": object()})
            c: float = field(default_factory=_now)
            d: float = field(default_factory=lambda: 1.0, kw_only=True)
            e: int = field(init=False)
        """
    )
    assert text.splitlines()[-5:] == [
        "    a: int = field(default=1, repr=False)",
        "    b: list[int] = field(default_factory=list)",
        "    c: float = field(default_factory=_default)",
        "    d: float = field(default_factory=_default, kw_only=True)",
        "    e: int = field(init=False)",
    ]
    assert "_default: Any" in text.splitlines()


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
    assert (
        text.splitlines()[-5:]
        == [
            '    name: str = ""  # type: ignore[assignment]',
            '    own: int = "x"',
            "",
            "    def price(self, n: str) -> int: ...  # type: ignore[override]",
            "    def size(self) -> int: ...",
        ]
        or "# type: ignore[return]" not in text
    )


def test_a_class_with_abstract_members_says_that_it_is_abstract(stubs):
    text, _, _ = stubs(
        """
        import abc
        class Base(abc.ABC):
            @abc.abstractmethod
            def go(self) -> int: ...
        class Half(Base): ...
        class Whole(Base):
            def go(self) -> int: ...
        """
    )
    assert "class Half(Base, metaclass=ABCMeta): ..." in text
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
        """
    )
    for line in (
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
