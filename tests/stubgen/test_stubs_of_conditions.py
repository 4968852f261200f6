"""`enterspan stubs` of what depends on a condition: what checkers evaluate stays a condition."""

import ast
import textwrap

import pytest

from enterspan.stubgen.comments import parsed
from enterspan.stubgen.conditions import holds
from enterspan.stubgen.surface import render_package


@pytest.fixture
def stubs(tmp_path, monkeypatch, request):
    """The lines of the stubs of a package, by module; without the header and empty lines."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"conditional_{abs(hash(request.node.nodeid))}"

    def make(source="", **modules):
        for module, text in {"__init__": source, **modules}.items():
            path = tmp_path / name / module
            path = path if path.suffix else path.with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        texts = render_package(name).texts
        for text in texts.values():
            ast.parse(text)
        return {
            path.removeprefix(f"{name}/").removesuffix(".pyi"): [
                line.replace(name, "PKG") for line in text.splitlines()[1:] if line
            ]
            for path, text in texts.items()
        }

    return make


@pytest.mark.parametrize(
    "test, expected",
    [
        ("TYPE_CHECKING", True),
        ("typing_extensions.TYPE_CHECKING", True),
        ("not TYPE_CHECKING", False),
        ("TYPE_CHECKING or x", True),
        ("not TYPE_CHECKING and x", False),
        ("TYPE_CHECKING and True", True),
        ("TYPE_CHECKING and x", None),
        ("0", False),
        ("x", None),
    ],
)
def test_what_checkers_know_of_a_condition(test, expected):
    assert holds(ast.parse(test, mode="eval").body) is expected


def test_what_checkers_see_is_in_the_stub_however_it_is_asked_for(stubs):
    text = stubs(
        """
        import typing as ty, os
        if ty.TYPE_CHECKING:
            a: int
        else:
            a = "x"
        if not ty.TYPE_CHECKING and os.name:
            b = 1
        else:
            b = "x"
        """
    )
    assert text["__init__"] == ["a: int", 'b: str = "x"']


def test_a_name_of_a_condition_is_the_condition(stubs):
    text = stubs(
        """
        import sys
        _NEW = sys.version_info >= (3, 12)
        if not _NEW:
            def old() -> int: ...
        """
    )
    assert text["__init__"] == [
        "import sys",
        "if not sys.version_info >= (3, 12):",
        "    def old() -> int: ...",
    ]


def test_a_condition_of_another_module_is_written_down(stubs):
    """Of an imported name, checkers would not know that it stands for a version."""
    text = stubs(
        """
        from ._compat import NEW as _NEW
        if _NEW:
            def new() -> int: ...
        else:
            def old() -> int: ...
        """,
        _compat="import sys\nNEW = sys.version_info >= (3, 12)\n",
    )
    assert text["__init__"] == [
        "import sys",
        "if sys.version_info >= (3, 12):",
        "    def new() -> int: ...",
        "else:",
        "    def old() -> int: ...",
    ]


def test_what_a_branch_adds_to_all_stays_in_it(stubs):
    """The names of both branches are public, each where it is bound."""
    text = stubs(
        """
        import sys
        __all__ = ["one"]
        one = 1
        if sys.version_info >= (3, 12):
            two = 2
            __all__ += ["two"]
        else:
            three = 3
            __all__.append("three")
        """
    )
    assert text["__init__"] == [
        "import sys",
        '__all__ = ["one"]',
        "one: int = 1",
        "if sys.version_info >= (3, 12):",
        "    two: int = 2",
        '    __all__ += ["two"]',
        "else:",
        "    three: int = 3",
        '    __all__ += ["three"]',
    ]


def test_what_follows_an_assertion_of_the_platform_holds_where_that_does(stubs):
    text = stubs(
        """
        import sys
        assert sys.platform == "win32"
        def f() -> int: ...
        """
    )
    assert text["__init__"] == [
        "import sys",
        'if sys.platform == "win32":',
        "    def f() -> int: ...",
    ]


def test_a_star_in_a_branch_is_what_it_imports_there(stubs):
    text = stubs(
        """
        import sys
        if sys.platform == "win32":
            from .windows import *
        else:
            from json import *
        """,
        windows="a: int = 1\nb: int = 2\n",
    )
    assert text["__init__"] == [
        "import sys",
        'if sys.platform == "win32":',
        "    from PKG.windows import a as a",
        "    from PKG.windows import b as b",
        "else:",
        "    from json import *",
    ]


def test_an_implementation_of_overloads_in_a_branch_is_for_the_others(stubs):
    """A stub has no implementation, and the other versions have nothing else."""
    text = stubs(
        """
        import sys
        from typing import overload
        if sys.version_info >= (3, 12):
            @overload
            def f(x: int) -> int: ...
            @overload
            def f(x: str) -> str: ...
        def f(x: int | str) -> int | str: ...
        """
    )
    assert text["__init__"][2:] == [
        "if sys.version_info >= (3, 12):",
        "    @overload",
        "    def f(x: int) -> int: ...",
        "    @overload",
        "    def f(x: str) -> str: ...",
        "else:",
        "    def f(x: int | str) -> int | str: ...",
    ]


def test_a_star_imports_what_is_in_a_branch_in_that_branch(stubs):
    text = stubs(
        "from .windows import *\n",
        windows="""
        import sys
        from typing import TYPE_CHECKING
        a: int = 1
        if sys.version_info >= (3, 12):
            b: int = 1
        assert not TYPE_CHECKING or sys.platform == "win32"
        c: int = 1
        """,
    )
    assert text["__init__"] == [
        "import sys",
        "from PKG.windows import a as a",
        "if sys.version_info >= (3, 12):",
        "    from PKG.windows import b as b",
        'if sys.platform == "win32":',
        "    from PKG.windows import c as c",
    ]


@pytest.mark.parametrize("indent", ["", "    "])
def test_a_star_of_a_module_without_all_passes_its_imports_on_from_where_they_are(stubs, indent):
    """They are no re-exports, and can be imported from nowhere else."""
    head = "import sys\nif sys.platform != 'win32':\n" if indent else ""
    text = stubs(
        f"{head}{indent}from .core import *\n"
        "def f(x: decimal.Decimal, y: collections.abc.Sized, z: Old) -> Thing: ...\n",
        core="import collections.abc, decimal\nfrom .other import Older as Old\nclass Thing: ...\n",
        other="class Older: ...\n",
    )["__init__"]
    assert f"{indent}import decimal" in text
    assert f"{indent}import collections.abc" in text
    assert f"{indent}from PKG.other import Older as Old" in text
    assert f"{indent}from PKG.core import Thing as Thing" in text
    assert not [line for line in text if "PKG.core import" in line and "Thing" not in line]


def test_what_follows_a_successful_import_wins_over_what_stands_in_for_it(stubs):
    text = stubs(
        """
        try:
            import json
        except ImportError:
            def load() -> None: ...
        else:
            def load() -> int: ...
        """
    )
    assert text["__init__"] == ["def load() -> int: ..."]


def test_a_name_that_is_deleted_is_in_what_was_made_of_it(stubs):
    """It is no name of the stub; an import of it can still be needed."""
    text = stubs(
        """
        import sys
        from typing import NoReturn
        def helper() -> None: ...
        if sys.platform == "linux":
            def f() -> int: ...
        class Fixed:
            def _fail(self, *args: object) -> NoReturn: ...
            add = remove = _fail
            del _fail
        again = 1
        del sys, helper, again
        again = 2
        """
    )
    assert text["__init__"] == [
        "import sys",
        "from typing import NoReturn",
        'if sys.platform == "linux":',
        "    def f() -> int: ...",
        "class Fixed:",
        "    def add(self, *args: object) -> NoReturn: ...",
        "    def remove(self, *args: object) -> NoReturn: ...",
        "again: int = 2",
    ]


def test_a_module_that_is_a_stub_alone_is_a_module(stubs):
    """A stub that this command made is one only while its module is there."""
    made = "# Made by `enterspan stubs` from the annotated source: don't edit it.\nx: int\n"
    text = stubs(
        "from .there import x as x", **{"there.pyi": "x: int\n", "gone.pyi": made, "a.b.pyi": ""}
    )
    assert text == {"__init__": ["from PKG.there import x as x"], "there": ["x: int"]}


# --- types in comments ----------------------------------------------------------------------------


def test_types_in_comments_are_annotations(stubs):
    text = stubs(
        """
        names = []  # type: list[str]
        a = b = None  # type: int
        def f(a, b=1):  # type: (int, int) -> str
            ...
        class A:
            def g(self, a, *args, **more):
                # type: (int, *str, **bytes) -> None
                self.x = a  # type: float
            def h(self,
                  a,  # type: int,
                  ):
                # type: (...) -> int
                ...
            async def i(self):  # type: () -> None
                ...
        """
    )
    assert text["__init__"] == [
        "from _typeshed import Incomplete",
        "names: list[str] = []",
        "a: Incomplete | None",
        "b: Incomplete | None",
        "def f(a: int, b: int = 1) -> str: ...",
        "class A:",
        "    x: float",
        "    def g(self, a: int, *args: str, **more: bytes) -> None: ...",
        "    def h(self, a: int) -> int: ...",
        "    async def i(self) -> None: ...",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "def f(): ...  # type: of a fruit",
        "print(1)  # type: x",
        "x = 1  # type: ignore",
        "x = []  # type: list of names",
    ],
)
def test_a_comment_that_only_looks_like_a_type_changes_nothing(source):
    assert ast.dump(parsed(source)) == ast.dump(ast.parse(source))


def test_a_named_condition_that_asks_for_another_one_is_spelled_out(stubs):
    text = stubs(
        compat="""
        import sys
        NEW = sys.version_info >= (3, 12)
        BOTH = NEW and sys.platform == "linux"
        """,
        used="""
        from .compat import BOTH
        if BOTH:
            value = 1
        else:
            value = ""
        """,
    )
    assert 'if sys.version_info >= (3, 12) and sys.platform == "linux":' in text["used"]


def test_a_module_that_is_nested_too_deeply_is_left_out(tmp_path, monkeypatch):
    """Each `elif` is one level below the one before it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "with_a_long_chain"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "good.py").write_text("x = 1\n", encoding="utf-8")
    chain = "".join([f"elif sys.platform == '{n}': x = {n}\n" for n in range(900)])
    (package / "long.py").write_text(f"import sys\n{chain[2:]}", encoding="utf-8")
    made = render_package(package.name)
    assert f"{package.name}/good.pyi" in made.texts
    assert [line.split(": ", 1)[1] for line in made.unread] == [
        "can't be read: it is nested too deeply"
    ]


def test_a_name_that_is_assigned_again_is_no_condition(stubs):
    text = stubs(
        compat="""
        import sys
        NEW = sys.version_info >= (3, 12)
        NEW = bool(NEW)
        """,
        used="""
        from .compat import NEW
        if NEW:
            value = 1
        else:
            value = ""
        """,
    )
    assert not [line for line in text["used"] if "sys.version_info" in line]
