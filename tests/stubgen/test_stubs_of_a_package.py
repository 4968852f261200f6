"""`enterspan stubs` of a traced package: type checkers see it as it is written."""

import ast
import itertools
import os
import subprocess
import sys
import textwrap

import pytest

from enterspan.cli import main
from enterspan.stubgen.surface import HEADER

numbers = itertools.count()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package, each time one of another name, and give that name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(source="", **modules):
        name = f"stubbed_{next(numbers)}"
        folder = tmp_path / name
        folder.mkdir()
        texts = {"__init__": source, **modules}
        for module, text in texts.items():
            path = folder / f"{module.replace('.', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text).replace("PKG", name), encoding="utf-8")
        return name

    return write


@pytest.fixture
def stub(package, tmp_path):
    """The stub of a package of one module, without the first line, as text."""

    def make(source):
        name = package(source)
        assert main(["stubs", name, "--output", "out"]) == 0
        text = (tmp_path / "out" / name / "__init__.pyi").read_text(encoding="utf-8")
        ast.parse(text)
        header, _, rest = text.partition("\n")
        assert header == HEADER
        return rest.strip("\n")

    return make


def lines(text):
    return textwrap.dedent(text).strip("\n")


# --- what is traced -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "decorator",
    [
        "@traced",
        "@traced()",
        "@traced('a name', capture_args=['x'])",
        "@tracing.traced",
        "@tracing.traced('a name')",
        "@mine.traced(capture_return=True)",
        "@enterspan.traced",
        "@_slow",
        "@tracing.propagate",
        "@traced\n@_gives_back",
        "@_gives_back\n@traced",
    ],
)
def test_a_traced_function_is_what_it_was_without_the_decorator(stub, decorator):
    text = stub(
        "import enterspan\n"
        "from enterspan import Tracing, traced, tracing\n"
        "mine: Tracing = Tracing('mine')\n"
        "_slow = traced(min_duration=1)\n"
        "def _gives_back(function):\n    return function\n"
        f"{decorator}\n"
        "def price(x: int, *, y: str = 'a') -> float:\n    return 1.0\n"
    )
    assert text == lines(
        """
        from enterspan import Tracing

        mine: Tracing
        def price(x: int, *, y: str = "a") -> float: ...
        """
    )


@pytest.mark.parametrize(
    "written, shown",
    [
        ("async def f() -> int: ...", "async def f() -> int: ..."),
        (
            "def f() -> collections.abc.Iterator[int]:\n    yield 1",
            "def f() -> collections.abc.Iterator[int]: ...",
        ),
        # Without a body nothing says that it is a generator: `async def` would be a coroutine.
        (
            "async def f() -> collections.abc.AsyncIterator[int]:\n    yield 1",
            "def f() -> collections.abc.AsyncIterator[int]: ...",
        ),
        (
            (
                "async def f() -> collections.abc.AsyncIterator[int]:\n"
                "    def inner():\n        yield 1\n    return inner()"
            ),
            "async def f() -> collections.abc.AsyncIterator[int]: ...",
        ),
    ],
)
def test_every_kind_of_function_stays_of_its_kind(stub, written, shown):
    text = stub(f"import collections.abc\nfrom enterspan import traced\n@traced\n{written}\n")
    assert text.splitlines()[-1] == shown


@pytest.mark.parametrize(
    "decorator",
    ["functools.cache", "functools.lru_cache(maxsize=8)", "contextlib.contextmanager"],
)
@pytest.mark.parametrize("order", ["outside", "inside"])
def test_a_decorator_that_changes_the_type_is_kept(stub, decorator, order):
    stack = ["@traced", f"@{decorator}"]
    stack = stack if order == "inside" else stack[::-1]
    text = stub(
        "import contextlib, functools\nfrom collections.abc import Generator\n"
        "from enterspan import traced\n"
        + "\n".join(stack)
        + "\ndef f(x: int) -> Generator[int, None, None]:\n    yield x\n"
    )
    assert text.splitlines()[-2:] == [
        f"@{decorator}",
        "def f(x: int) -> Generator[int, None, None]: ...",
    ]


def test_a_decorator_of_the_package_that_changes_the_type_is_kept_with_what_it_needs(stub):
    text = stub(
        """
        from collections.abc import Callable
        from typing import ParamSpec, TypeVar
        from enterspan import traced
        _P = ParamSpec("_P")
        _R = TypeVar("_R")
        _unused = TypeVar("_unused")

        def _listed(function: Callable[_P, _R]) -> Callable[_P, list[_R]]:
            def inner(*args: _P.args, **kwargs: _P.kwargs) -> list[_R]:
                return [function(*args, **kwargs)]
            return inner

        @_listed
        @traced
        def f(x: int) -> str:
            return ""
        """
    )
    assert text == lines(
        """
        from collections.abc import Callable
        from typing import ParamSpec, TypeVar

        _P = ParamSpec("_P")
        _R = TypeVar("_R")
        def _listed(function: Callable[_P, _R]) -> Callable[_P, list[_R]]: ...

        @_listed
        def f(x: int) -> str: ...
        """
    )


def test_what_is_traced_by_a_call_is_the_function_that_was_given(stub):
    text = stub(
        '''
        from enterspan import traced, tracing

        def _half(x: float, /) -> float:
            """Take half of it."""
            return x / 2

        half = traced("half")(_half)
        same = tracing.traced(_half)

        def late(x: int) -> int:
            return x

        late = traced(late)
        '''
    )
    assert text == lines(
        '''
        def half(x: float, /) -> float:
            """Take half of it."""

        def same(x: float, /) -> float:
            """Take half of it."""

        def late(x: int) -> int: ...
        '''
    )


def test_a_bound_method_of_another_package_keeps_the_name_that_it_is_bound_to(stub):
    """Its signature is not in this package's source."""
    text = stub(
        """
        import logging
        _logger: logging.Logger = logging.getLogger("shop")
        warn = _logger.warning
        """
    )
    assert text == lines(
        """
        import logging

        _logger: logging.Logger
        warn = _logger.warning
        """
    )


def test_a_number_below_a_form_feed_is_written_as_it_is(stub):
    """A form feed ends no line."""
    text = stub("x: int = 1\n\x0c\ndef f(y: int = 65_536) -> int: ...\n")
    assert text == "x: int = 1\ndef f(y: int = 65_536) -> int: ..."


def test_overloads_are_kept_and_the_implementation_is_not(stub):
    text = stub(
        '''
        from typing import overload
        from enterspan import traced
        @overload
        def f(x: int) -> int: ...
        @overload
        def f(x: str = ...) -> str: ...
        @traced
        def f(x=None):
            """One or the other."""
            return x
        '''
    )
    assert text == lines(
        '''
        from typing import overload

        @overload
        def f(x: int) -> int:
            """One or the other."""
        @overload
        def f(x: str = ...) -> str: ...
        '''
    )


def test_a_traced_class_has_its_members_and_no_private_ones(stub):
    text = stub(
        '''
        import functools
        from enterspan import traced
        from typing_extensions import Self

        @traced("shop")
        class Shop:
            """Sells."""

            _cache: dict[str, int] = {}
            open: bool = True

            def __init__(self, name: str, seats: "int | None" = None) -> None:
                self.name = name
                """What it is called."""
                self.seats: int = seats or 1
                self._till = 0
                self.count = 3

            @property
            @traced
            def size(self) -> int:
                return 1

            @size.setter
            def size(self, value: int) -> None: ...

            @traced
            @classmethod
            def make(cls, *names: str) -> Self: ...

            @staticmethod
            @traced
            def alone(**more: float) -> None: ...

            @functools.cached_property
            @traced
            def slow(self) -> int: ...

            async def sell(self) -> None: ...

            def _count(self): ...

            def __len__(self) -> int:
                return 0
        '''
    )
    assert text == lines(
        '''
        import functools
        from typing_extensions import Self

        class Shop:
            """Sells."""

            open: bool = True

            name: str
            """What it is called."""

            seats: int
            count: int
            def __init__(self, name: str, seats: int | None = None) -> None: ...

            @property
            def size(self) -> int: ...
            @size.setter
            def size(self, value: int) -> None: ...

            @classmethod
            def make(cls, *names: str) -> Self: ...

            @staticmethod
            def alone(**more: float) -> None: ...

            @functools.cached_property
            def slow(self) -> int: ...

            async def sell(self) -> None: ...
            def __len__(self) -> int: ...
        '''
    )


# --- what is public -------------------------------------------------------------------------------


def test_a_private_field_of_a_dataclass_is_kept_because_init_takes_it(stub):
    text = stub(
        """
        from dataclasses import dataclass, field
        @dataclass
        class Line:
            name: str
            _count: int = 0
            tags: list[str] = field(default_factory=list, repr=False)
        """
    )
    assert "    _count: int = 0" in text
    assert "    tags: list[str] = field(default_factory=list, repr=False)" in text


def test_what_makes_a_class_concrete_is_kept_and_so_is_what_makes_it_abstract(stub):
    text = stub(
        """
        import abc
        class Base(abc.ABC):
            @abc.abstractmethod
            def _do(self) -> int: ...
            def _helps(self): ...
        class Done(Base):
            def _do(self) -> int:
                return 1
        """
    )
    assert text.count("def _do(self) -> int: ...") == 2
    assert "_helps" not in text


def test_a_private_method_that_typeshed_has_as_abstract_is_implemented(stub):
    """At run time the base raises NotImplementedError and is not abstract."""
    text = stub(
        """
        import argparse
        import codecs
        class Encoder(codecs.BufferedIncrementalEncoder):
            def _buffer_encode(self, input: str, errors: str, final: bool) -> tuple[bytes, int]:
                return b"", 0
            def _helps(self) -> None: ...
        class Decoder(codecs.BufferedIncrementalDecoder):
            def _buffer_decode(self, input, errors, final):
                return "", 0
        class Formatter(argparse.HelpFormatter):
            def _split_lines(self, text, width):
                return [text]
        """
    )
    found = [line.partition("(")[0].strip() for line in text.splitlines() if "def " in line]
    assert found == ["def _buffer_encode", "def _buffer_decode"]
    assert "class Formatter(argparse.HelpFormatter): ..." in text.splitlines()


def test_a_protocol_is_all_of_its_members(stub):
    text = stub(
        """
        from typing import Protocol
        class Goes(Protocol):
            _speed: int
            def _go(self) -> None: ...
        """
    )
    assert "_speed: int" in text
    assert "def _go(self) -> None: ..." in text


def test_private_types_that_a_signature_names_are_kept_and_others_are_not(stub):
    text = stub(
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from collections.abc import Mapping, Sequence
            from typing import TypeAlias
            _Price: TypeAlias = "int | _Free"
            _Other: TypeAlias = Sequence[int]

        class _Free:
            value: int = 0

        class _Unneeded: ...

        def price() -> "_Price":
            return 1
        """
    )
    assert text == lines(
        """
        from typing import TypeAlias

        _Price: TypeAlias = int | _Free

        class _Free:
            value: int = 0

        def price() -> _Price: ...
        """
    )


def test_a_package_gives_on_what_its_init_imports_of_its_own(package, tmp_path):
    name = package(
        """
        import os
        from PKG._inner import price, _secret
        from ._inner import Cart as Basket
        from . import tools
        """,
        _inner="""
        def price() -> int: ...
        def _secret() -> int: ...
        def unneeded(x): ...
        class Cart: ...
        """,
        tools="def tool() -> int: ...",
    )
    assert main(["stubs", name, "--output", "out"]) == 0
    out = tmp_path / "out" / name
    assert sorted(path.name for path in out.iterdir()) == [
        "__init__.pyi",
        "_inner.pyi",
        "tools.pyi",
    ]
    assert (out / "__init__.pyi").read_text().splitlines()[2:] == [
        f"from {name} import tools as tools",
        f"from {name}._inner import Cart as Basket",
        f"from {name}._inner import price as price",
    ]
    inner = (out / "_inner.pyi").read_text()
    assert inner.splitlines()[2:] == ["def price() -> int: ...", "class Cart: ..."]


def test_all_says_what_is_public(stub):
    text = stub(
        """
        __all__ = ["_kept"]
        __all__ += ["shown"]
        def _kept() -> int: ...
        def shown() -> int: ...
        def hidden(x): ...
        """
    )
    assert text == lines(
        """
        __all__ = ["_kept", "shown"]

        def _kept() -> int: ...
        def shown() -> int: ...
        """
    )


def test_what_is_marked_as_internal_is_left_out(stub):
    text = stub(
        """
        def shown() -> int: ...
        def hidden(x):  # internal: for the tests
            ...
        class Shop:
            def __init__(self, board):  # internal
                self.board = board  # internal
            def sell(self) -> int: ...
        """
    )
    assert text == lines(
        """
        def shown() -> int: ...

        class Shop:
            def sell(self) -> int: ...
        """
    )


def test_branches_on_the_version_and_the_platform_are_kept(stub):
    text = stub(
        """
        import sys
        if sys.version_info >= (3, 12):
            from typing import override as marked
            def new() -> int: ...
        elif sys.platform == "win32":
            def new() -> str: ...
        else:
            def new() -> bytes: ...
        try:
            import tomllib
            def read() -> int: ...
        except ImportError:
            def read() -> str: ...
        if __name__ == "__main__":
            def run(x): ...
        """
    )
    assert text == lines(
        """
        import sys

        if sys.version_info >= (3, 12):
            def new() -> int: ...
        elif sys.platform == "win32":
            def new() -> str: ...
        else:
            def new() -> bytes: ...

        def read() -> int: ...
        """
    )


# --- private modules ------------------------------------------------------------------------------


def stubs_below(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8").splitlines()[2:]
        for path in sorted(folder.rglob("*.pyi"))
    }


def test_names_of_private_packages_are_re_exported_and_their_stubs_have_nothing_else(
    package, tmp_path
):
    name = package(
        """
        from typing import TYPE_CHECKING
        from PKG._model.cart import Cart as Cart
        if TYPE_CHECKING:
            from PKG._model.ids import CartId as CartId
        __all__ = ["Cart", "CartId"]
        """,
        shop="from PKG._model.cart import Cart\ndef sell(cart: Cart) -> int: ...",
        **{
            "_model.__init__": "x = []",
            "_model.cart": """
            from PKG._model.ids import CartId
            from PKG._model.unneeded import anything
            class Cart:
                id: CartId
            def helper(x): ...
            """,
            "_model.ids": "class CartId(int): ...\nx = []",
            "_model.unneeded": "def anything(x): ...",
        },
    )
    assert main(["stubs", name, "--output", "out"]) == 0
    assert stubs_below(tmp_path / "out" / name) == {
        "__init__.pyi": [
            f"from {name}._model.cart import Cart as Cart",
            f"from {name}._model.ids import CartId as CartId",
            "",
            '__all__ = ["Cart", "CartId"]',
        ],
        "_model/__init__.pyi": [],
        "_model/cart.pyi": [
            f"from {name}._model.ids import CartId",
            "",
            "class Cart:",
            "    id: CartId",
        ],
        "_model/ids.pyi": ["class CartId(int): ..."],
        "shop.pyi": [
            f"from {name}._model.cart import Cart as Cart",
            "",
            "def sell(cart: Cart) -> int: ...",
        ],
    }


@pytest.mark.parametrize("place", ["module", "package", "modules"])
def test_a_module_that_is_marked_as_internal_is_private_whatever_its_name(package, tmp_path, place):
    name = package(
        "from PKG.inside import Cart as Cart\n__all__ = ['Cart']",
        **{
            "inside.__init__": "from PKG.inside.cart import Cart as Cart\n__all__ = ['Cart']"
            + {"module": "", "package": "\n# internal: why", "modules": "\n# internal modules"}[
                place
            ],
            "inside.cart": ("# internal\n" if place == "module" else "")
            + "class Cart: ...\ndef helper(x): ...",
            "inside.other": "" if place == "module" else "def other(x): ...",
        },
    )
    assert main(["stubs", name, "--output", "out"]) == 0
    found = stubs_below(tmp_path / "out" / name)
    assert found["inside/cart.pyi"] == ["class Cart: ..."]
    assert ("inside/other.pyi" in found) == (place == "module")
    assert found["inside/__init__.pyi"][0] == f"from {name}.inside.cart import Cart as Cart"
    assert len(found) == (4 if place == "module" else 3)


def test_a_mark_below_a_definition_is_none_of_the_module(package, tmp_path, capsys):
    name = package("", shop="def sell(x):\n    # internal\n    ...")
    assert main(["stubs", name, "--output", "out"]) == 0
    assert "parameter 'x' of sell() has no annotation" in capsys.readouterr().err


# --- how it is written ----------------------------------------------------------------------------


def test_defaults_are_kept_where_they_say_something(stub):
    text = stub(
        """
        from enum import Enum
        _MOST = 1_000
        class Color(Enum):
            RED = 1
        def f(
            a: int = -1, b: int = _MOST, c: str = 'it"s', d: tuple[int, ...] = (1,),
            e: object = object(), f: Color = Color.RED, g: type = int, h: object = _MOST + 1,
            i: bytes = b"x", j: dict[str, int] = {"a": 1}, k: float = 1e3, l: str = "a\\n" "b",
        ) -> None: ...
        """
    )
    assert text.splitlines()[-14:-1] == [
        "def f(",
        "    a: int = -1,",
        "    b: int = 1_000,",
        '    c: str = "it\\"s",',
        "    d: tuple[int, ...] = (1,),",
        "    e: object = ...,",
        "    f: Color = Color.RED,",
        "    g: type = int,",
        "    h: object = ...,",
        "    i: bytes = b'x',",
        '    j: dict[str, int] = {"a": 1},',
        "    k: float = 1e3,",
        '    l: str = "a\\nb",',
    ]


@pytest.mark.parametrize(
    "doc",
    [
        '"a" and "b"',
        "back\\slash",
        'three """ quotes',
        "two\n\nparagraphs\n  indented",
        "ä",
        "\0\udc80",
    ],
)
def test_a_docstring_comes_out_as_it_went_in(stub, doc):
    text = stub(f"def f() -> None:\n    {doc!r}\n")
    function = ast.parse(text).body[-1]
    assert ast.get_docstring(function) == doc


def test_annotations_are_written_plainly_and_literals_stay_texts(stub):
    text = stub(
        """
        from typing import Annotated, Literal, Optional, Callable
        def f(
            a: "list['Later']", b: Literal["x", 'y'], c: Annotated["Later", "a note"],
            d: Optional["Later"], e: "Callable[..., Later] | None", f: Callable[[], None],
        ) -> "Later": ...
        class Later: ...
        """
    )
    assert text.splitlines()[2:10] == [
        "def f(",
        "    a: list[Later],",
        '    b: Literal["x", "y"],',
        '    c: Annotated[Later, "a note"],',
        "    d: Optional[Later],",
        "    e: Callable[..., Later] | None,",
        "    f: Callable[[], None],",
        ") -> Later: ...",
    ]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of Python 3.12")
def test_type_parameters_are_written_as_they_were(stub):
    text = stub(
        """
        from collections.abc import Callable
        from enterspan import traced
        type Pair[T] = tuple[T, T]
        @traced
        def first[T: (int, str)](xs: list[T]) -> Pair[T]: ...
        @traced
        class Box[T: "Base", *Ts, **P]:
            def go[R](self, f: Callable[P, R]) -> "Box[T, *Ts, P]": ...
        class Base: ...
        """
    )
    assert text == lines(
        """
        from collections.abc import Callable

        type Pair[T] = tuple[T, T]
        def first[T: (int, str)](xs: list[T]) -> Pair[T]: ...

        class Box[T: Base, *Ts, **P]:
            def go[R](self, f: Callable[P, R]) -> Box[T, *Ts, P]: ...

        class Base: ...
        """
    )


# --- on disk --------------------------------------------------------------------------------------


def test_a_second_run_changes_nothing_and_says_so(package, tmp_path, capsys):
    name = package("def f() -> int: ...")
    main(["stubs", name, "--output", "out"])
    before = (tmp_path / "out" / name / "__init__.pyi").stat()
    capsys.readouterr()
    assert main(["stubs", name, "--output", "out"]) == 0
    assert capsys.readouterr().out == f"1 stub of {name} in out, 0 of them changed\n"
    after = (tmp_path / "out" / name / "__init__.pyi").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_check_is_silent_where_the_stubs_are_up_to_date(package, capsys):
    name = package("def f() -> int: ...")
    main(["stubs", name, "--output", "out"])
    capsys.readouterr()
    assert main(["stubs", name, "--output", "out", "--check"]) == 0
    assert capsys.readouterr() == ("", "")


def test_check_names_each_file_that_drifted_and_shows_how(package, tmp_path, capsys):
    name = package("def f() -> int: ...", a="x: int = 1", b="y: int = 1")
    main(["stubs", name, "--output", "out"])
    (tmp_path / name / "__init__.py").write_text("def f() -> str: ...\n")
    (tmp_path / name / "a.py").unlink()
    (tmp_path / "out" / name / "b.pyi").unlink()
    capsys.readouterr()
    assert main(["stubs", name, "--output", "out", "--check"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"out/{name}/__init__.pyi: is not what the source says",
        f"  --- out/{name}/__init__.pyi",
        "  +++ the source",
        "  @@ -2,2 +2,2 @@",
        "   ",
        "  -def f() -> int: ...",
        "  +def f() -> str: ...",
        f"out/{name}/b.pyi: is missing",
        f"out/{name}/a.pyi: belongs to no module any more",
    ]
    assert err == (
        f"enterspan: the stubs are out of date: run `enterspan stubs {name} --output out`\n"
    )


def test_a_stub_of_a_module_that_is_gone_is_removed_and_a_handwritten_one_is_not(
    package, tmp_path, capsys
):
    name = package("def f() -> int: ...", gone="x: int = 1")
    main(["stubs", name, "--output", "out"])
    (tmp_path / name / "gone.py").unlink()
    own = tmp_path / "out" / name / "own.pyi"
    own.write_text("x: int\n")
    capsys.readouterr()
    assert main(["stubs", name, "--output", "out"]) == 0
    assert f"removed out/{name}/gone.pyi\n" in capsys.readouterr().out
    assert not (tmp_path / "out" / name / "gone.pyi").exists()
    assert own.read_text() == "x: int\n"


def test_nothing_but_stubs_is_left_in_the_folder(package, tmp_path):
    name = package("def f() -> int: ...")
    main(["stubs", name, "--output", "out"])
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*"))
    assert found == [name, f"{name}/__init__.pyi"]


def test_a_lone_module_has_a_stub_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lone_module.py").write_text("def f() -> int: ...\n")
    assert main(["stubs", "lone_module", "--output", "out"]) == 0
    assert (tmp_path / "out" / "lone_module.pyi").read_text().endswith("def f() -> int: ...\n")


def test_the_bytes_are_the_same_in_another_folder_and_with_another_hash_seed(package, tmp_path):
    name = package(
        """
        from enterspan import traced, tracing, Tracing, Span, SpanContext
        from collections.abc import Callable, Mapping, Sequence, Iterator
        @traced
        def f(a: Span, b: SpanContext, c: Tracing, d: Callable[[int], Mapping[str, int]]) -> (
            Sequence[Iterator[int]]
        ): ...
        """
    )
    texts = set()
    for seed, folder in (("1", "one"), ("2", "two")):
        (tmp_path / folder).mkdir()
        subprocess.run(
            [sys.executable, "-m", "enterspan", "stubs", name, "--output", "out"],
            cwd=tmp_path / folder,
            env={
                **os.environ,
                "PYTHONHASHSEED": seed,
                "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}",
            },
            check=True,
        )
        texts.add((tmp_path / folder / "out" / name / "__init__.pyi").read_bytes())
    assert len(texts) == 1


def test_a_link_to_the_package_itself_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "looped").mkdir()
    (tmp_path / "looped" / "__init__.py").write_text("x = 1\n")
    (tmp_path / "looped" / "again").symlink_to(".", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["stubs", "looped", "--output", "out"]) == 0
    stubs = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "out").rglob("*.pyi")]
    assert stubs == ["out/looped/__init__.pyi"]
