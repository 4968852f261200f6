"""The modules of a package, read and not run: what each of them binds, and where from.

`if TYPE_CHECKING:` counts as true. A branch on the version or the platform stays a branch. Of any
other condition, and of `try`, the first branch that binds a name counts.
"""

import ast
import importlib.util
import inspect
import io
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Final, TypeAlias

from enterspan.stubgen.expressions import dotted_name, last_part
from enterspan.stubgen.problems import StubError, place

INTERNAL: Final = "# internal"
"""A comment on the first line of a definition that keeps it out of the stub.

On a line of its own it makes a module private, as a leading underscore does: its stub has only what
public names need. A package passes that on to its modules.
"""
INTERNAL_MODULES: Final = "# internal modules"
"""A comment in a package's `__init__.py` that makes all of its modules private."""

_CHECKING: Final = frozenset({"TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"})

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
Assignment: TypeAlias = ast.Assign | ast.AnnAssign | ast.AugAssign


@dataclass
class Imported:
    """A name that an import binds: a module, or (if `name` is set) a name of it."""

    bound: str
    module: str
    name: str | None
    as_itself: bool
    """Whether it is written `import x as x`, which marks a re-export."""

    @property
    def is_plain(self) -> bool:
        """Whether it is `import a.b`, which binds `a`."""
        return self.name is None and self.bound == self.module.partition(".")[0]

    @property
    def origin(self) -> str:
        """The full name of what the name stands for."""
        if self.name is not None:
            return f"{self.module}.{self.name}"
        return self.bound if self.is_plain else self.module


@dataclass
class Definition:
    """What a module or a class binds to one name; several statements for overloads."""

    bound: str
    nodes: list[ast.stmt]
    doc: str | None = None
    """The string below a variable."""

    @property
    def functions(self) -> list[Function]:
        """The statements, if the definition is a function; else none."""
        return [node for node in self.nodes if isinstance(node, FUNCTIONS)]


@dataclass
class Branch:
    """A condition that checkers evaluate, and what its two branches bind."""

    test: ast.expr
    body: "list[Item]"
    orelse: "list[Item]"


Item: TypeAlias = Imported | Definition | Branch


@dataclass
class Module:
    """One module, as written."""

    name: str
    path: Path
    is_package: bool
    text: str
    tree: ast.Module
    internal: frozenset[int | str]
    """The lines that are marked as internal, and the marks on lines of their own."""
    items: list[Item] = field(default_factory=list[Item])
    stars: list[str] = field(default_factory=list[str])
    """The modules from which it imports everything."""
    exported: list[str] | None = None
    """Its `__all__`."""

    def find(self, name: str) -> list[Imported | Definition]:
        """The bindings of a name: several where it depends on the version."""
        return [item for item in flat(self.items) if item.bound == name]

    def is_internal(self, *nodes: ast.stmt) -> bool:
        """Whether the first line of one of the statements is marked as internal."""
        return any(node.lineno in self.internal for node in nodes)


def flat(items: Iterable[Item]) -> Iterator[Imported | Definition]:
    """All bindings, including those in branches."""
    for item in items:
        if isinstance(item, Branch):
            yield from flat([*item.body, *item.orelse])
        else:
            yield item


# --- finding the files ----------------------------------------------------------------------------


def read_package(name: str) -> dict[str, Module]:
    """Read every module of a package, or a single module; StubError where one can't be read."""
    modules: dict[str, Module] = {}
    problems: list[str] = []
    for module_name, path in _files(name, _origin(name)):
        try:
            modules[module_name] = _read(module_name, path)
        except StubError as error:
            problems += error.lines
    if problems:
        raise StubError(*problems)
    return dict(sorted(modules.items()))


def is_private(name: str, modules: dict[str, Module]) -> bool:
    """Whether users don't import a module: by its name, or by a mark in it or in its package."""
    if any(part.startswith("_") for part in name.split(".")):
        return True
    mark = INTERNAL
    while name in modules:
        if modules[name].internal & {mark, INTERNAL}:
            return True
        name, mark = name.rpartition(".")[0], INTERNAL_MODULES
    return False


def _origin(name: str) -> Path:
    if not all(part.isidentifier() for part in name.split(".")):
        raise StubError(f"{name!r} is no name of a package: write it as in an import statement")
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise StubError(f"can't import {name!r}: {error}") from None
    if spec is None:
        raise StubError(f"can't import {name!r}: there is no such package here")
    if spec.origin is None or not spec.origin.endswith((".py", ".pyi")):
        raise StubError(f"{name!r} has no Python source to read")
    return Path(spec.origin)


def _files(name: str, file: Path) -> Iterator[tuple[str, Path]]:
    """The name of a module and of all modules below it, and their files."""
    yield name, file
    for entry in sorted(file.parent.iterdir()) if file.name == "__init__.py" else ():
        inner = entry if entry.suffix == ".py" else entry / "__init__.py"
        stem = entry.name.removesuffix(".py")
        if stem.isidentifier() and stem not in ("__init__", "__main__") and inner.is_file():
            yield from _files(f"{name}.{stem}", inner)


# --- reading one ----------------------------------------------------------------------------------


def _read(name: str, path: Path) -> Module:
    try:
        with tokenize.open(path) as file:
            text = file.read()
        tree = ast.parse(text)
    except SyntaxError as error:
        version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        where = place(path, error.lineno)
        raise StubError(f"{where}: {version} can't read this: {error.msg}") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StubError(f"{place(path)}: can't be read: {reason}") from None
    module = Module(name, path, path.name == "__init__.py", text, tree, _marks(text))
    module.items = _Collector(module, top=True).collect(tree.body)
    return module


def _marks(text: str) -> frozenset[int | str]:
    """The lines that end in an internal mark, and the marks on lines of their own."""
    if INTERNAL not in text:
        return frozenset()
    found: set[int | str] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        mark = token.string.partition(":")[0]
        if token.type == tokenize.COMMENT and mark in (INTERNAL, INTERNAL_MODULES):
            if token.line[: token.start[1]].strip():
                found.add(token.start[0])
            elif token.start[1] == 0:
                found.add(mark)
    return frozenset(found)


class _Collector:
    """Sorts statements into what they bind, in their order."""

    def __init__(self, module: Module, *, top: bool) -> None:
        self._module = module
        self._top = top
        self._items: list[Item] = []

    def collect(self, body: list[ast.stmt]) -> list[Item]:
        """What the statements of a module or of a class body bind."""
        for statement, below in with_next(body):
            self._add(statement, below)
        return self._items

    def _inner(self, body: list[ast.stmt]) -> list[Item]:
        return _Collector(self._module, top=self._top).collect(body)

    def _add(self, node: ast.stmt, below: ast.stmt | None) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                self._put(Imported(bound, alias.name, None, alias.asname == alias.name))
        elif isinstance(node, ast.ImportFrom):
            self._add_from(node)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            self._add_definition(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            self._add_variable(node, below)
        elif type(node).__name__ == "TypeAlias":  # `type X = ...`, since Python 3.12
            name: str = node.name.id  # type: ignore[attr-defined]
            self._put(Definition(name, [node], text_of(below)))
        elif isinstance(node, ast.If):
            self._add_if(node)
        elif isinstance(node, ast.Try):
            self._add_first(node.body, *[h.body for h in node.handlers], node.orelse)
            self._add_first(node.finalbody)
        elif isinstance(node, ast.With):
            self._add_first(node.body)

    def _put(self, new: Item) -> None:
        """Add a binding, in place of an earlier one of the same name."""
        if isinstance(new, Definition) or (isinstance(new, Imported) and new.name is not None):
            # `import a.b` and `import a.c` both bind `a`, and stay.
            self._items = [i for i in self._items if isinstance(i, Branch) or i.bound != new.bound]
        self._items.append(new)

    def _definition(self, name: str) -> Definition | None:
        found = (i for i in self._items if isinstance(i, Definition) and i.bound == name)
        return next(found, None)

    def _add_from(self, node: ast.ImportFrom) -> None:
        source = _absolute(self._module, node)
        for alias in node.names if source != "__future__" else ():
            if alias.name == "*":
                self._module.stars.append(source)
            else:
                bound = alias.asname or alias.name
                self._put(Imported(bound, source, alias.name, alias.asname == alias.name))

    def _add_definition(self, node: Function | ast.ClassDef) -> None:
        """Add to the overloads or the property that came before, or replace what did."""
        before = self._definition(node.name)
        if before and before.functions and _continues(before.functions[-1], node):
            before.nodes.append(node)
        else:
            self._put(Definition(node.name, [node]))

    def _add_variable(self, node: Assignment, below: ast.stmt | None) -> None:
        targets = [
            name
            for target in targets_of(node)
            for name in (target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target])
        ]
        for name in [target.id for target in targets if isinstance(target, ast.Name)]:
            if name == "__all__" and self._top:
                self._export(node)
            elif not isinstance(node, ast.AugAssign) and not self._decorate(name, node.value):
                self._put(Definition(name, [node], text_of(below)))

    def _export(self, node: Assignment) -> None:
        try:
            names = ast.literal_eval(node.value) if node.value is not None else []
        except ValueError:
            where = place(self._module.path, node.lineno)
            raise StubError(f"{where}: __all__ must be a list of string literals") from None
        before = self._module.exported if isinstance(node, ast.AugAssign) else []
        self._module.exported = [*(before or []), *names]

    def _decorate(self, name: str, value: ast.expr | None) -> bool:
        """`f = decorator(f)` below a definition is `@decorator` above it."""
        if not isinstance(value, ast.Call) or value.keywords:
            return False
        before = self._definition(name) if [*map(dotted_name, value.args)] == [name] else None
        node = before.nodes[-1] if before else None
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            return False
        node.decorator_list.insert(0, value.func)
        return True

    def _add_if(self, node: ast.If) -> None:
        condition = ast.unparse(node.test)
        names = {dotted_name(part) for part in ast.walk(node.test)}
        if condition.removeprefix("not ") in _CHECKING:
            for item in self._inner(node.body if condition in _CHECKING else node.orelse):
                self._put(item)
        elif names & {"sys.version_info", "sys.platform"}:  # checkers evaluate it
            self._items.append(Branch(node.test, self._inner(node.body), self._inner(node.orelse)))
        elif "__name__" not in names:
            self._add_first(node.body, node.orelse)

    def _add_first(self, *bodies: list[ast.stmt]) -> None:
        """Add the names that these bodies bind, each from the first body that binds it."""
        for body in bodies:
            known = {item.bound for item in flat(self._items)}
            for item in self._inner(body):
                if isinstance(item, Branch) or item.bound not in known:
                    self._put(item)


def class_items(module: Module, node: ast.ClassDef) -> list[Item]:
    """What a class body binds."""
    return _Collector(module, top=False).collect(node.body)


def with_next(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, ast.stmt | None]]:
    """Each statement with the one that follows it."""
    return zip_longest(body, body[1:])


def text_of(below: ast.stmt | None) -> str | None:
    """The string below a variable, which documents it."""
    text = getattr(getattr(below, "value", None), "value", None)
    return inspect.cleandoc(text) if isinstance(below, ast.Expr) and isinstance(text, str) else None


def decorator_name(node: ast.expr) -> str:
    """The dotted name of a decorator, called or not; empty where it has none."""
    return dotted_name(node.func if isinstance(node, ast.Call) else node) or ""


def targets_of(node: Assignment) -> list[ast.expr]:
    """What an assignment assigns to."""
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _continues(before: Function, node: Function | ast.ClassDef) -> bool:
    """Whether a function is the next overload, or the next part of a property."""
    if any(last_part(decorator_name(d)) == "overload" for d in before.decorator_list):
        return True
    return any(decorator_name(d).startswith(f"{node.name}.") for d in node.decorator_list)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """The full name of the module that a `from` import names."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    keep = len(parts) - node.level + (1 if module.is_package else 0)
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])
