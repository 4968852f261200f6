"""`enterspan stubs` of modules that are large, untyped, or disturb the process."""

import ast
import itertools
import os
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from enterspan.cli import main
from enterspan.stubgen.surface import render_package

numbers = itertools.count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module, each time one of another name, and give that name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(source):
        name = f"odd_{next(numbers)}"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        return name

    return write


@pytest.fixture
def lines(module):
    """The lines of a module's stub, without indentation."""

    def render(source):
        name = module(source)
        (text,) = render_package(name).texts.values()
        ast.parse(text)
        return [line.strip() for line in text.splitlines()]

    return render


# --- what the process is after an import ----------------------------------------------------------

OPEN_QUESTION = """
def _kept(function): return function
@_kept
def f() -> int: return 1
"""
"""What a module has to be imported for."""


def test_a_module_that_changes_the_folder_moves_no_stubs(module, tmp_path, capsys):
    """Stubs are written below the folder that the command was called in."""
    name = module(f"import os\nos.chdir('/')\n{OPEN_QUESTION}")
    assert main(["stubs", name, "--output", "out"]) == 0
    assert (tmp_path / "out" / f"{name}.pyi").is_file()
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize("statement", ["print('noise')", "sys.stdout.close()", "sys.stdout = None"])
def test_what_a_module_does_to_the_output_is_not_seen(module, capsys, statement):
    """stdout has the lines of the command and no others."""
    name = module(f"import sys\n{statement}\n{OPEN_QUESTION}")
    assert main(["stubs", name, "--output", "out"]) == 0
    assert capsys.readouterr().out == f"1 stub of {name} in out, 1 of them changed\n"


def test_any_exception_of_a_module_is_a_line(module, capsys):
    """An exception that is no `Exception` ends the import, not the command."""
    name = module(f"class Stop(BaseException): ...\nraise Stop('enough')\n{OPEN_QUESTION}")
    assert main(["stubs", name, "--output", "out"]) == 0
    assert f"can't import {name}: Stop: enough" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_module_that_forks_is_rendered_once(module, tmp_path):
    """The child ends at the end of the import."""
    import subprocess

    name = module(f"import os\nif os.fork(): os.wait()\n{OPEN_QUESTION}")
    command = [sys.executable, "-m", "enterspan", "stubs", name, "--output", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"1 stub of {name} in out, 1 of them changed\n"


# --- where stubs lie ------------------------------------------------------------------------------


def test_a_part_of_a_package_has_its_stub_where_checkers_look(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["stubs", "concurrent.futures.thread", "--output", "out"]) == 0
    assert [*(tmp_path / "out").rglob("*.pyi")] == [
        tmp_path / "out" / "concurrent" / "futures" / "thread.pyi"
    ]


def test_a_namespace_package_is_all_that_is_in_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"odd_{next(numbers)}"
    (tmp_path / name / "inner").mkdir(parents=True)
    (tmp_path / name / "inner" / "__init__.py").write_text("x: int = 1\n")
    (tmp_path / name / "alone.py").write_text("y: int = 1\n")
    assert main(["stubs", name, "--output", "out"]) == 0
    found = {path.relative_to(tmp_path / "out" / name) for path in tmp_path.rglob("*.pyi")}
    assert found == {Path("inner/__init__.pyi"), Path("alone.pyi")}


def test_a_folder_without_an_init_is_a_package_where_one_imports_from_it(
    tmp_path, monkeypatch, capsys
):
    """It is a package of its own kind; any other is no business of the import system."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"odd_{next(numbers)}"
    files = {
        "__init__": "from .inner.deep import x as x\nfrom . import tests",
        "inner/deep": "x: int = 1",
        "templates/script": "y: int = 1",
        "tests": "z: int = 1",
        "test_x": "",
    }
    for file, text in files.items():
        path = tmp_path / name / f"{file}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert main(["stubs", name, "--output", "out"]) == 0
    found = {str(path.relative_to(tmp_path / "out" / name)) for path in tmp_path.rglob("*.pyi")}
    assert found == {"__init__.pyi", "inner/deep.pyi", "tests.pyi"}
    assert "Incomplete" not in (tmp_path / "out" / name / "__init__.pyi").read_text()


def test_a_namespace_package_has_folders_in_folders(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"odd_{next(numbers)}"
    (tmp_path / name / "one" / "two").mkdir(parents=True)
    (tmp_path / name / "one" / "two" / "__init__.py").write_text("x: int = 1\n")
    assert [*render_package(name).texts] == [f"{name}/one/two/__init__.pyi"]


def test_a_package_in_an_archive_is_refused_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = f"odd_{next(numbers)}"
    with zipfile.ZipFile("odd.zip", "w") as archive:
        archive.writestr(f"{name}.py", "x: int = 1")
    monkeypatch.syspath_prepend(str(tmp_path / "odd.zip"))
    assert main(["stubs", name]) == 2
    said = capsys.readouterr().err
    assert said == f"enterspan: {name!r} is in an archive: unpack it to have stubs of it\n"


def test_strict_fails_for_a_module_that_can_not_be_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"odd_{next(numbers)}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("x: int = 1\n")
    (tmp_path / name / "bad.py").write_text("def f(\n")
    codes = [main(["stubs", name, *more]) for more in ([], ["--strict"], ["--check", "--strict"])]
    assert codes == [0, 1, 1]


# --- size -----------------------------------------------------------------------------------------

GROWING = {
    "attributes": lambda n: (
        "class A:\n    def __init__(self):\n"
        + "".join(f"        self.a{i} = {i}\n" for i in range(n))
        + "".join(f"    def m{i}(self): return self.a{i}\n" for i in range(n))
    ),
    "calls": lambda n: (
        "class A:\n" + "".join(f"    def m{i}(self): return self.m{i - 1}()\n" for i in range(1, n))
    ),
    "members": lambda n: (
        "from enum import Enum, auto\nclass A(Enum):\n"
        + "".join(f"    M{i} = auto()\n" for i in range(n))
    ),
}


def calls_for(name):
    """How many Python calls a module's stub takes."""
    count = 0

    def called(_frame, event, _argument):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        render_package(name)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("kind", GROWING)
def test_a_module_of_twice_the_size_takes_twice_the_work(module, kind):
    """A class with hundreds of members is no reason to wait."""
    small, large = (module(GROWING[kind](n)) for n in (60, 120))
    assert calls_for(large) < 2.5 * calls_for(small)


def test_a_name_that_is_bound_by_itself_again_and_again_is_not_followed_for_ever(
    lines, monkeypatch
):
    """Each value names the others: the number of ways is exponential."""
    from enterspan.stubgen.inference import Inference

    counted = itertools.count()
    original = Inference.of

    def of(self, *arguments):
        next(counted)
        return original(self, *arguments)

    monkeypatch.setattr(Inference, "of", of)
    body = "\n".join(["    y = y.more()"] * 8)
    found = lines(f"def f(x):\n    y = x\n{body}\n    return y\n")
    assert "def f(x: Incomplete) -> Incomplete: ..." in found
    assert next(counted) < 10_000


def test_a_name_of_a_variable_that_is_deleted_has_its_type(lines):
    assert "kept: Incomplete" in lines("gone = print('x') or [][:]\nkept = gone\ndel gone\n")


def test_a_long_chain_of_elif_is_read(lines):
    source = "import os\nx = len(os.environ)\nif x == 0: a = 0\n"
    assert "a: int" in lines(source + "".join(f"elif x == {i}: a = {i}\n" for i in range(400)))


# --- types ----------------------------------------------------------------------------------------


def test_an_enumeration_made_by_a_call_is_a_class(lines):
    """`Enum("Color", ...)` declares a type, as `namedtuple` does."""
    found = lines('from enum import Enum, IntFlag\nA = Enum("A", "X Y")\nB = IntFlag("B", ["X"])\n')
    assert 'A = Enum("A", "X Y")' in found
    assert 'B = IntFlag("B", ["X"])' in found


def test_the_values_of_auto_are_those_that_run(module):
    """Also behind a private member; where the version matters, no value is written."""
    name = module(
        """
        from enum import Enum, Flag, auto
        class Plain(Enum):
            A = auto()
            _B = auto()
            C = 7
            D = auto()
        class Bits(Flag):
            A = auto()
            B = auto()
            ALL = A | B
            C = auto()
        class Mixed(Enum):
            A = "a"
            B = auto()
        class Named(Enum):
            def _generate_next_value_(name, start, count, last_values): return name
            A = auto()
        """
    )
    (text,) = render_package(name).texts.values()
    said = {
        node.name: [ast.unparse(s) for s in node.body if isinstance(s, ast.Assign)]
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef)
    }
    assert said == {
        "Plain": ["A = 1", "_B = 2", "C = 7", "D = 8"],
        "Bits": ["A = 1", "B = 2", "ALL = 3", "C = 4"],
        "Mixed": ["A = 'a'", "B = auto()"],
        "Named": ["A = auto()"],
    }


def test_overloads_of_an_abstract_method_are_abstract(lines):
    found = lines(
        """
        from abc import ABC, abstractmethod
        from typing import overload
        class A(ABC):
            @overload
            def f(self, x: int) -> int: ...
            @overload
            def f(self, x: str) -> str: ...
            @abstractmethod
            def f(self, x: int | str) -> int | str: ...
        """
    )
    assert found.count("@overload") == found.count("@abstractmethod") == 2


def test_subclasses_can_call_the_post_init_of_a_dataclass(lines):
    found = lines(
        """
        from dataclasses import InitVar, dataclass
        @dataclass
        class A:
            x: InitVar[int]
            def __post_init__(self, x): ...
        """
    )
    assert any(line.startswith("def __post_init__(self, x: ") for line in found)


@pytest.mark.parametrize(
    "head",
    [
        "from dataclasses import dataclass\n@dataclass\nclass A:",
        "import attrs\n@attrs.define\nclass A:",
        "from typing import dataclass_transform as made\n@made()\nclass B: pass\nclass A(B):",
    ],
    ids=["dataclass", "attrs", "transformed"],
)
def test_a_variable_without_annotation_is_no_field(lines, head):
    """What has one in the stub would be a parameter of `__init__` that there is not."""
    if sys.version_info < (3, 11):
        head = head.replace("from typing", "from typing_extensions")
    found = lines(f"{head}\n    x: int\n    LIMIT = 5\n    TABLE = {{'a': 1}}\n")
    assert found[-3:] == [
        "x: int",
        "LIMIT: ClassVar[int] = 5",
        "TABLE: ClassVar[dict[str, int]]",
    ]


def test_a_named_tuple_has_the_members_of_a_tuple(lines):
    """What contradicts them keeps its comment."""
    found = lines(
        """
        from typing import NamedTuple
        class Item(NamedTuple):
            rank: int
            def __lt__(  # type: ignore[override]
                self, other: "Item"
            ) -> bool: ...
        """
    )
    assert found[-2:] == [
        "rank: int",
        "def __lt__(self, other: Item) -> bool: ...  # type: ignore[override]",
    ]


def test_a_variable_of_a_named_tuple_is_no_field(lines):
    """For checkers every variable in its body is one: the others are in a subclass."""
    found = lines(
        """
        from typing import Generic, NamedTuple, TypeVar
        T = TypeVar("T")
        class Item(NamedTuple, Generic[T]):
            "A thing."
            rank: T
            "its place"
            LIMIT = 5
            _private = 6
            def get(self) -> T: ...
        """
    )
    assert [*filter(None, found[found.index("class _ItemFields(NamedTuple, Generic[T]):") :])] == [
        "class _ItemFields(NamedTuple, Generic[T]):",
        "rank: T",
        '"""its place"""',
        "class Item(_ItemFields[T]):",
        '"""A thing."""',
        "LIMIT: int = 5",
        "def get(self) -> T: ...",
    ]


@pytest.mark.parametrize("how", ["metaclass=Meta", "Base"])
def test_private_fields_of_transformed_classes_are_kept(lines, how):
    """Their `__init__` takes them, as that of a dataclass does."""
    found = lines(
        f"""
        from typing_extensions import dataclass_transform
        @dataclass_transform()
        class Meta(type): ...
        @dataclass_transform()
        class Base: ...
        class A({how}):
            _secret: int
        """
    )
    assert "_secret: int" in found


def test_a_plain_member_named_like_a_builtin_hides_it_from_nothing(lines):
    found = lines(
        """
        class A:
            bool = 1
            ready = True
            def str(self): return b""
            def __repr__(self): return "A"
            def is_set(self): return True
        """
    )
    for line in (
        "bool: int = 1",
        "ready: builtins.bool = True",
        "def __repr__(self) -> builtins.str: ...",
        "def is_set(self) -> builtins.bool: ...",
    ):
        assert line in found


def test_an_exit_that_returns_false_swallows_nothing(lines):
    """With `bool`, checkers think that the statements after `with` are reached."""
    found = lines("class A:\n    def __exit__(self, *error: object): return False\n")
    assert "def __exit__(self, *error: object) -> Literal[False]: ..." in found


@pytest.mark.parametrize(
    "call, kind",
    [
        ("operator.itemgetter(1)", "operator.itemgetter[Incomplete]"),
        ("itertools.count()", "itertools.count[Incomplete]"),
        ("reversed([1])", "Incomplete"),
        ("weakref.finalize(len, print)", "weakref.finalize[..., Incomplete]"),
    ],
)
def test_generic_classes_of_the_library_have_their_arguments(lines, call, kind):
    assert f"x: {kind}" in lines(f"import itertools, operator, weakref\nx = {call}\n")


def test_names_from_a_star_of_the_library_need_no_import(lines, capsys):
    found = lines('from typing import *\nT = TypeVar("T")\nA = Union[int, str]\nraise OSError\n')
    assert 'T = TypeVar("T")' in found
    assert "A = Union[int, str]" in found


def test_a_decorator_without_annotations_leaves_the_parameters(module):
    """Kept, it would leave nothing; its result may be anything, and what it adds is there."""
    name = module(
        """
        import functools, inspect
        def same(function):
            @functools.wraps(function)
            def run(*args, **kwargs): return str(function(*args, **kwargs))
            return run
        def other(function):
            def run(x): return function(x, x)
            return run
        def more(function):
            @functools.wraps(function)
            def run(*args, backend=None, **kwargs): return function(*args, **kwargs)
            old = inspect.signature(function)
            new = inspect.Parameter("backend", inspect.Parameter.KEYWORD_ONLY, default=None)
            run.__signature__ = old.replace(parameters=[*old.parameters.values(), new])
            return run
        @same
        def a(x: int, y: str = "") -> int: return x
        @other
        def b(x: int, y: int) -> int: return x
        @more
        def c(x: int) -> int: return x
        class K:
            @same
            @staticmethod
            def s(x: int) -> int: return x
            @staticmethod
            @same
            def t(x: int) -> int: return x
        """
    )
    made = render_package(name)
    (text,) = made.texts.values()
    found = [line.strip() for line in text.splitlines()]
    assert 'def a(x: int, y: str = "") -> Incomplete: ...' in found
    before = found[found.index("def b(x: int, y: int) -> int: ...") - 1]
    assert before == "@other  # type: ignore[untyped-decorator, unused-ignore]"
    assert "def c(x: int, *, backend: Incomplete = None) -> Incomplete: ..." in found
    # A function above a staticmethod is none.
    assert len([line for line in found if line.startswith("@same")]) == 1
    assert "def t(x: int) -> Incomplete: ..." in found
    assert any(
        line.endswith("the decorator 'same' of a() has no annotation") for line in made.unknown
    )


def test_an_override_that_checkers_skip_in_the_source_is_excused(lines):
    """Without annotations nobody compares it with its base; those of the stub would be."""
    found = lines(
        """
        class A:
            def get(self, u, default=None): return u
            def put(self, u): return u
            def run(self, x): return x
        class B(A):
            def get(self, u, key=None, default=None): return u
            def put(self, u, v): return u
            def run(self, y, z=None): return y
        """
    )
    excused = [line for line in found if line.endswith("# type: ignore[override, unused-ignore]")]
    assert [line.partition("(")[0] for line in excused] == ["def get", "def put"]


def test_an_override_of_a_method_of_the_library_is_excused(lines):
    """Its signature depends on the version, and is not known for all."""
    found = lines(
        """
        class Table(dict):
            def setdefault(self, key): ...
            def pop(self, *args, **kwargs): ...
            def update(self, other: "Table") -> None: ...
            def more(self, key): ...
            def __getitem__(self, key): ...
        """
    )
    excused = [line for line in found if line.endswith("# type: ignore[override, unused-ignore]")]
    assert [line.partition("(")[0] for line in excused] == ["def setdefault"]


def test_the_first_parameter_of_a_class_method_is_cls(lines):
    """stubtest stops at any other name."""
    found = lines("class A:\n    @classmethod\n    def make(A, x: int) -> int: return x\n")
    assert "def make(cls, x: int) -> int: ..." in found
