"""Reads the modules of a package without running them: the bindings of each.

`if TYPE_CHECKING:` counts as true. A branch on the version or the platform stays a branch. For any
other condition, and for `try`, the first branch that binds a name is used.
"""

import ast
import importlib.util
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Final, TypeAlias

from enterspan.stubgen.comments import parsed
from enterspan.stubgen.conditions import (
    evaluated_names,
    holds,
    is_evaluated,
    is_for_checkers,
    names_in,
    spelled,
    undecided,
)
from enterspan.stubgen.expressions import dotted_name, last_part
from enterspan.stubgen.problems import StubError, place

_VALUES: Final = (ast.Constant, ast.JoinedStr, ast.UnaryOp, ast.Dict, ast.List, ast.Set, ast.Tuple)
"""Expressions that are not types."""
INTERNAL: Final = "# internal"
"""A comment on the first line of a definition that keeps it out of the stub.

On a line of its own it makes a module private, like a leading underscore: its stub only has what
public names need. It also applies to the modules of a package.
"""
INTERNAL_MODULES: Final = "# internal modules"
"""A comment in a package's `__init__.py` that makes all of its modules private."""

HEADER: Final = "# Made by `enterspan stubs` from the annotated source: don't edit it."
"""The first line of every stub; a file that begins otherwise was written by hand."""

_IGNORE: Final = re.compile(r"#\s*type:\s*ignore(?:\[([^\]]*)\])?")
_OF_IMPORTS: Final = frozenset(
    {"*", "attr-defined", "import", "import-not-found", "import-untyped"}
)
"""mypy's error codes for an import that its stub shares with the source."""
_RUN: Final = ("__main__", "conftest")
"""The names of modules that are not imported."""
_BESIDE: Final = ("build", "dist", "doc", "docs")
"""The names of plain folders that may lie in a namespace package, and are no part of it."""
_TOO_DEEP: Final = "can't be read: it is nested too deeply"

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
    has_fallback: bool = False
    """Whether the name is bound to something else if the import fails."""
    for_checkers: bool = False
    """Whether it is below `if TYPE_CHECKING`: the running module does not have the name."""
    ignored: frozenset[str] = frozenset()
    """What `# type: ignore` on the first line of its statement names."""
    statement: int = 0
    """The first line of its statement."""
    is_deleted: bool = False
    """Whether `del` removes the name again."""

    @property
    def is_plain(self) -> bool:
        """Whether it is `import a.b`, which binds `a`."""
        return self.name is None and self.bound == self.module.partition(".")[0]

    @property
    def origin(self) -> str:
        """The full name of the imported object."""
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
    values: "list[ast.expr | None]" = field(default_factory=list["ast.expr | None"])
    """The values of a variable, in order; None for a value without an expression."""
    is_deleted: bool = False
    """Whether `del` removes the name again, after other names were made from it."""

    @property
    def is_variable(self) -> bool:
        """Whether it is neither a function nor a class."""
        return not isinstance(self.nodes[-1], (*FUNCTIONS, ast.ClassDef))

    @property
    def functions(self) -> list[Function]:
        """The statements, if the definition is a function; else none."""
        return [node for node in self.nodes if isinstance(node, FUNCTIONS)]

    @property
    def is_declared(self) -> bool:
        """Whether it is a variable with an annotation, and no alias of a type."""
        node = self.nodes[-1]
        is_alias = last_part(dotted_name(getattr(node, "annotation", node))) == "TypeAlias"
        return isinstance(node, ast.AnnAssign) and not is_alias

    @property
    def hides_type(self) -> bool:
        """Whether its name is not a type, so that a type of that name is hidden."""
        is_value = bool(self.values) and isinstance(self.values[0], _VALUES)
        return bool(self.functions) or self.is_declared or is_value


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
    ignores: dict[int, str] = field(default_factory=dict[int, str])
    """The `# type: ignore` comments, by their lines."""
    items: list[Item] = field(default_factory=list[Item])
    stars: list[str] = field(default_factory=list[str])
    """The modules from which it imports everything."""
    conditions: dict[str, ast.expr] = field(default_factory=dict[str, ast.expr])
    """The conditions that checkers evaluate and that have a name here."""
    exports: list[ast.expr | None] = field(default_factory=list["ast.expr | None"])
    """The parts of its `__all__`; None if only the running module has it."""
    exported: list[str] | None = None
    """Its `__all__`, if the source determines it."""
    stub: str | None = None
    """The text of a hand-written stub beside it."""
    is_private: bool = False
    """Whether it is private, by its name or by a mark in it or in its package."""
    _classes: list[ast.ClassDef] | None = None
    _members: "dict[ast.ClassDef, list[Item]]" = field(
        default_factory=dict["ast.ClassDef", "list[Item]"]
    )
    _found: "tuple[int, dict[str, list[Imported | Definition]]]" = field(
        default_factory=lambda: (-1, {})
    )

    @property
    def classes(self) -> list[ast.ClassDef]:
        """All classes in it, nested ones as well."""
        if self._classes is None:
            self._classes = [n for n in ast.walk(self.tree) if isinstance(n, ast.ClassDef)]
        return self._classes

    def find(self, name: str) -> list[Imported | Definition]:
        """The bindings of a name: several where it depends on the version."""
        if self._found[0] != len(self.items):  # items are added only
            index: dict[str, list[Imported | Definition]] = {}
            for item in flat(self.items):
                index.setdefault(item.bound, []).append(item)
            self._found = len(self.items), index
        return self._found[1].get(name, [])

    def reindex(self) -> None:
        """Find names in branches that have changed as well."""
        self._found = -1, {}

    def members(self, node: ast.ClassDef) -> "list[Item]":
        """The bindings in the body of a class."""
        if node not in self._members:
            self._members[node] = items_of(self, node.body)
        return self._members[node]

    def ignored(self, *lines: int) -> set[str]:
        """The codes that `# type: ignore` on one of the lines names; `*` where it names none."""
        codes = [self.ignores[line] for line in lines if line in self.ignores]
        return {code.strip() or "*" for text in codes for code in text.split(",")}

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


def read_package(name: str) -> tuple[dict[str, Module], list[str]]:
    """Read every module of a package, or a single module.

    Return the modules by name, and a line for each that can't be read. Raises StubError if the
    package itself can't be read.
    """
    modules: dict[str, Module] = {}
    unread: list[str] = []
    found = _origin(name)
    is_file = any(place.is_file() for place in found)
    files = [*(_files(name, found[0]) if is_file else _inside(name, found, is_namespace=True))]
    while files:
        for module_name, path in files:
            try:
                modules[module_name] = _read(module_name, path)
            except StubError as error:
                if module_name == name:
                    raise
                unread += error.lines
        files = [*_imported_files(modules)]
    if not modules and not unread:
        raise StubError(f"{name!r} has no Python source to read")
    for module_name, module in [*modules.items()]:
        module.conditions = _conditions(module, modules)
        try:
            module.items = items_of(module, module.tree.body)
        except RecursionError:  # hundreds of `elif`, say
            if module_name == name:
                raise StubError(f"{place(module.path)}: {_TOO_DEEP}") from None
            unread.append(f"{place(module.path)}: {_TOO_DEEP}")
            del modules[module_name]
            continue
        module.is_private = _is_private(module_name, modules)
    for module in modules.values():
        module.exported = _exported(module, modules, ())
    return dict(sorted(modules.items())), [*dict.fromkeys(unread)]


def _imported_files(modules: dict[str, Module]) -> Iterator[tuple[str, Path]]:
    """The files not read so far from which modules import.

    They are in folders without an `__init__.py`, or named as tests are.
    """
    folders = {m.name: m.path.parent for m in modules.values() if m.is_package}
    seen = {*modules, *[name.rpartition(".")[0] for name in modules]}
    for parts in [name.split(".") for m in [*modules.values()] for name in _imported_names(m)]:
        for count in range(1, len(parts)):
            package, name = ".".join(parts[:count]), ".".join(parts[: count + 1])
            if package not in folders or name in seen or parts[count] in _RUN:
                continue
            seen.add(name)
            place = folders[package] / parts[count]
            if place.with_suffix(".py").is_file():
                yield name, place.with_suffix(".py")
            elif place.is_dir() and not (place / "__init__.py").exists():
                folders[name] = place
                yield from _inside(name, [place])


def _imported_names(module: Module) -> Iterator[str]:
    """The full names of what a module imports, in functions as well."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            yield from [f"{_absolute(module, node)}.{alias.name}" for alias in node.names]


def _conditions(module: Module, modules: dict[str, Module]) -> dict[str, ast.expr]:
    """The names in a module of conditions that checkers evaluate, its own and imported ones."""
    found: dict[str, ast.expr] = {}
    for node in module.tree.body:
        other = modules.get(_absolute(module, node)) if isinstance(node, ast.ImportFrom) else None
        known = evaluated_names(other.tree.body) if other is not None else {}
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if alias.name in known:
                found[alias.asname or alias.name] = known[alias.name]
    return found | evaluated_names(module.tree.body)


def _exported(
    module: Module, modules: dict[str, Module], above: tuple[str, ...]
) -> list[str] | None:
    """The names in `__all__`; None without one, or if the source does not determine them."""
    if not module.exports or module.name in above:
        return None
    names: list[str] = []
    for part in module.exports:
        more = names_of(part, module, modules, (*above, module.name))
        if more is None:
            return None
        names += [name for name in more if name not in names]
    return names


def names_of(
    node: ast.expr | None, module: Module, modules: dict[str, Module], above: tuple[str, ...] = ()
) -> list[str] | None:
    """The strings in a list, in a sum of lists, or in the `__all__` of another module."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        parts: list[ast.expr] = node.elts
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Starred):
        parts = [node.value]
    elif isinstance(node, ast.Call) and dotted_name(node.func) in ("list", "tuple"):
        parts = node.args
    else:
        owner, _, last = (dotted_name(node or ast.Pass()) or "").rpartition(".")
        other = _module_named(owner, module, modules) if last == "__all__" and owner else None
        return _exported(other, modules, above) if other else None
    found = [names_of(part, module, modules, above) for part in parts]
    return None if None in found else [name for names in found for name in names or ()]


def _module_named(dotted: str, module: Module, modules: dict[str, Module]) -> Module | None:
    first, dot, rest = dotted.partition(".")
    origins = [item.origin for item in module.find(first) if isinstance(item, Imported)]
    return modules.get(f"{origins[0]}{dot}{rest}") if origins else None


def _is_private(name: str, modules: dict[str, Module]) -> bool:
    if any(part.startswith("_") for part in name.split(".")):
        return True
    mark = INTERNAL
    while name in modules:
        if modules[name].internal & {mark, INTERNAL}:
            return True
        name, mark = name.rpartition(".")[0], INTERNAL_MODULES
    return False


def _origin(name: str) -> list[Path]:
    """The file of a module, or the folders of a namespace package."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise StubError(f"{name!r} is not a package's name: write it as in an import statement")
    root, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(root)
        if rest and spec is not None:
            # Not `find_spec(name)`: that imports the packages above it.
            found = _below(spec.submodule_search_locations or (), rest)
            if found is not None:
                return [found]
            spec = importlib.util.find_spec(name)
    except (Exception, SystemExit) as error:
        raise StubError(f"can't import {name!r}: {error}") from None
    if spec is None:
        raise StubError(f"can't import {name!r}: there is no such package here")
    if spec.origin is None and spec.submodule_search_locations:
        return [p for p in map(Path, spec.submodule_search_locations) if p.is_dir()]
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise StubError(f"{name!r} has no Python source to read")
    if not Path(spec.origin).is_file():
        raise StubError(f"{name!r} is in an archive: unpack it to have stubs of it")
    return [Path(spec.origin)]


def _below(folders: Iterable[str], parts: list[str]) -> Path | None:
    for folder in folders:
        place = Path(folder, *parts)
        for file in (place / "__init__.py", place.with_name(place.name + ".py")):
            if file.is_file():
                return file
    return None


def _files(name: str, file: Path, above: tuple[Path, ...] = ()) -> Iterator[tuple[str, Path]]:
    """The name of a module and of all modules below it, and their files."""
    yield name, file
    if file.name == "__init__.py":
        yield from _inside(name, [file.parent], above)


def _inside(
    name: str, folders: list[Path], above: tuple[Path, ...] = (), *, is_namespace: bool = False
) -> Iterator[tuple[str, Path]]:
    """All modules in the folders of a package, and their files.

    Folders without an `__init__.py` are part of a namespace package. In any other package, they
    may be anything.
    """
    above = (*above, *[folder.resolve() for folder in folders])
    for entry in [entry for folder in folders for entry in sorted(folder.iterdir())]:
        if entry.is_symlink() and entry.resolve() in above:
            continue  # the package, or an enclosing one, again
        is_stub = entry.suffix == ".pyi" and not entry.with_suffix(".py").exists()
        inner = entry if entry.suffix == ".py" or is_stub else entry / "__init__.py"
        stem = entry.name.removesuffix(".pyi").removesuffix(".py")
        if is_stub and _stub_beside(entry) is None:
            continue  # made by this command, for a module that no longer exists
        if stem.isidentifier() and stem != "__init__" and inner.is_file() and not _is_run(entry):
            yield from _files(f"{name}.{stem}", inner, above)
        elif is_namespace and entry.is_dir() and _is_part(entry):
            yield from _inside(f"{name}.{stem}", [entry], above, is_namespace=True)


def _is_part(folder: Path) -> bool:
    """Whether a plain folder in a namespace package is part of it."""
    name = folder.name
    return name.isidentifier() and name not in _BESIDE and not _is_run(folder)


def _is_run(entry: Path) -> bool:
    """Whether a file or folder is run by a test runner or `python -m`, and not imported."""
    stem = entry.name.removesuffix(".py")
    if stem == "test":  # the tests of a package, or its helpers for others' tests
        return entry.is_dir() and any(entry.glob("test_*.py"))
    return stem in (*_RUN, "tests") or stem.startswith("test_")


# --- reading one ----------------------------------------------------------------------------------


def _read(name: str, path: Path) -> Module:
    try:
        with tokenize.open(path) as file:
            text = file.read()
        tree = parsed(text)
    except SyntaxError as error:
        version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        where = place(path, error.lineno)
        raise StubError(f"{where}: {version} can't read this: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise StubError(f"{place(path)}: {_TOO_DEEP}") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StubError(f"{place(path)}: can't be read: {reason}") from None
    module = Module(name, path, path.name == "__init__.py", text, tree, _marks(text))
    module.ignores = _ignores(text)
    module.stub = _stub_beside(path)
    return module


def read_text(module: Module, text: str) -> Module:
    """The module for another source text, such as that of its stub."""
    other = Module(module.name, module.path, module.is_package, text, ast.parse(text), frozenset())
    other.items = items_of(other, other.tree.body)
    return other


def _stub_beside(path: Path) -> str | None:
    try:
        text = path.with_suffix(".pyi").read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None
    return None if text.startswith(HEADER) else text.replace("\r\n", "\n")


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


def _ignores(text: str) -> dict[int, str]:
    if "type: ignore" not in text and "type:ignore" not in text:
        return {}
    comments = tokenize.generate_tokens(io.StringIO(text).readline)
    found = {t.start[0]: _IGNORE.search(t.string) for t in comments if t.type == tokenize.COMMENT}
    return {line: match[1] or "" for line, match in found.items() if match}


class _Collector:
    """Collects the bindings of statements, in order."""

    def __init__(self, module: Module, *, is_branch: bool = False) -> None:
        self._module = module
        self._is_branch = is_branch
        """Whether the statements are not for every version or platform."""
        self._items: list[Item] = []
        self._bound: set[str] = set()
        """The names that are or were among the items: there is no need to look for others."""

    def collect(self, body: list[ast.stmt]) -> list[Item]:
        """Collect the bindings of statements."""
        for number, (statement, below) in enumerate(with_next(body), 1):
            if isinstance(statement, ast.Assert) and is_evaluated(statement.test):
                rest = _Collector(self._module, is_branch=True).collect(body[number:])
                self._items.append(Branch(undecided(statement.test), rest, []))
                break
            self._add(statement, below)
        return self._items

    def _add(self, node: ast.stmt, below: ast.stmt | None) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                same = alias.asname == alias.name
                self._put(self._ignored(node, Imported(bound, alias.name, None, same)))
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
        else:
            self._add_block(node)
        for name, value in _bound_inside(node):
            self._put_variable(Definition(name, [node], None, [value]))

    def _add_block(self, node: ast.stmt) -> None:
        """Add a compound statement, or one that adds no name by itself."""
        if isinstance(node, ast.Delete):
            gone = {dotted_name(target) for target in node.targets}
            for item in flat(self._items):
                item.is_deleted |= item.bound in gone
        elif isinstance(node, ast.Expr):
            self._extend_exports(node.value)
        elif isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
            self._add_first(node.body, node.orelse, *[h.body for h in node.handlers])  # type: ignore[attr-defined]
            self._add_first(node.finalbody)  # type: ignore[attr-defined]
        else:
            for name in _held(node):
                self._put_variable(Definition(name, [node], None, [None]))
            cases = getattr(node, "cases", ())
            bodies = [getattr(node, "body", []), getattr(node, "orelse", [])]
            self._add_first(*[case.body for case in cases], *bodies)

    def _put(self, new: Item) -> None:
        """Add a binding, replacing an earlier one of the same name."""
        is_import = isinstance(new, Imported) and new.name is None
        # `import a.b` and `import a.c` both bind `a`, and stay.
        if not isinstance(new, Branch) and not is_import and new.bound in self._bound:
            self._items = [i for i in self._items if isinstance(i, Branch) or i.bound != new.bound]
        self._items.append(new)
        if not isinstance(new, Branch):
            self._bound.add(new.bound)

    def _definition(self, name: str) -> Definition | None:
        found = (i for i in self._items if isinstance(i, Definition) and i.bound == name)
        item = next(found, None) if name in self._bound else None
        return None if item is None or item.is_deleted else item

    def _add_from(self, node: ast.ImportFrom) -> None:
        source = _absolute(self._module, node)
        for alias in node.names if source != "__future__" else ():
            if alias.name == "*" and self._is_branch:
                self._items.append(Imported("*", source, "*", as_itself=False))
            elif alias.name == "*":
                self._module.stars.append(source)
            else:
                bound = alias.asname or alias.name
                same = alias.asname == alias.name
                self._put(self._ignored(node, Imported(bound, source, alias.name, same)))

    def _ignored(self, node: ast.stmt, item: Imported) -> Imported:
        codes = self._module.ignored(node.lineno) & _OF_IMPORTS
        # Where other packages are installed, or have stubs, there is nothing to ignore.
        item.ignored = frozenset({*codes, "unused-ignore"} if codes else codes)
        item.statement = node.lineno
        return item

    def _add_definition(self, node: Function | ast.ClassDef) -> None:
        """Add to the preceding overloads or property, or replace the previous definition."""
        before = self._definition(node.name)
        if before and before.functions and _continues(before.functions[-1], node):
            before.nodes.append(node)
        elif True not in [_implements(item, node) for item in self._items]:
            self._put(Definition(node.name, [node]))

    def _add_variable(self, node: Assignment, below: ast.stmt | None) -> None:
        for target in targets_of(node):
            for name, value in pairs(target, node.value):
                if name == "__all__":
                    self._add_exports(node.value, is_all=not is_more(node))
                elif not isinstance(node, ast.AugAssign) and not self._decorate(name, value):
                    self._put_variable(Definition(name, [node], text_of(below), [value]))

    def _add_exports(self, value: ast.expr | None, *, is_all: bool) -> None:
        if self._is_branch:
            self._items.append(Definition("__all__", [ast.Pass()], None, [value]))
        elif is_all:
            self._module.exports.clear()
        self._module.exports.append(value)

    def _extend_exports(self, node: ast.expr) -> None:
        """`__all__.extend(...)` and the like."""
        callee = callee_name(node)
        if isinstance(node, ast.Call) and callee.startswith("__all__."):
            known = callee in ("__all__.extend", "__all__.append") and len(node.args) == 1
            self._add_exports(node.args[0] if known else None, is_all=False)

    def _put_variable(self, new: Definition) -> None:
        """Add a variable, or one more value of a variable without an annotation."""
        if "." in new.bound:  # an attribute of something else
            return
        value = new.values[0] if new.values else None
        if isinstance(value, ast.Name) and value.id == new.bound in self._bound:
            return  # the same again, with a comment for readers
        before = self._definition(new.bound)
        if before is None or not before.is_variable or isinstance(new.nodes[-1], ast.AnnAssign):
            self._put(new)
        elif not isinstance(before.nodes[-1], ast.AnnAssign):
            before.values += new.values

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
        if "__name__" in names_in(node.test):
            return
        test = spelled(node.test, self._module.conditions)
        holding = holds(test)
        if holding is not None:
            seen, other = (node.body, node.orelse) if holding else (node.orelse, node.body)
            running = other if is_for_checkers(test) else seen
            self._put_seen(items_of(self._module, seen), items_of(self._module, running))
        elif is_evaluated(test):
            bodies = (node.body, node.orelse)
            branches = [_Collector(self._module, is_branch=True).collect(b) for b in bodies]
            self._items.append(Branch(undecided(test), *branches))
        else:
            self._add_first(*self._bodies(node))

    def _bodies(self, node: ast.If) -> Iterator[list[ast.stmt]]:
        """The body of an `if`, and of each `elif` below it that no checker evaluates."""
        yield node.body
        while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            test = node.orelse[0].test
            if is_for_checkers(test) or is_evaluated(test) or "__name__" in names_in(test):
                break
            node = node.orelse[0]
            for name, value in _bound_inside(node):
                self._put_variable(Definition(name, [node], None, [value]))
            yield node.body
        yield node.orelse

    def _put_seen(self, seen: list[Item], running: list[Item]) -> None:
        """Add what checkers see; names that exist only at run time are hidden intentionally."""
        bound = {item.bound for item in flat(running)}
        for item in seen:
            if isinstance(item, Imported):
                item.for_checkers = item.bound not in bound
            if isinstance(item, Definition) and item.is_variable:
                self._put_variable(item)
            else:
                self._put(item)

    def _add_first(self, *bodies: list[ast.stmt]) -> None:
        """Add the names that these bodies bind, each from the first body that binds it."""
        for body in bodies:
            known = {item.bound for item in flat(self._items)}
            for item in items_of(self._module, body):
                if isinstance(item, Branch) or item.bound not in known:
                    self._put(item)
                else:
                    self._add_other(item)

    def _add_other(self, item: Imported | Definition) -> None:
        """Add a binding for when the first body does not bind the name."""
        for first in self._items:
            if isinstance(first, Imported) and first.bound == item.bound:
                first.has_fallback = True
        before = self._definition(item.bound)
        is_variable = before is not None and before.is_variable
        if is_variable and isinstance(item, Definition) and item.is_variable:
            self._put_variable(item)


def items_of(module: Module, body: list[ast.stmt]) -> list[Item]:
    """What the statements of a module or of a class body bind."""
    return _Collector(module).collect(body)


def with_next(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, ast.stmt | None]]:
    """Each statement with the one that follows it."""
    return zip_longest(body, body[1:])


def text_of(below: ast.stmt | None) -> str | None:
    """The string below a variable, which documents it."""
    text = getattr(getattr(below, "value", None), "value", None)
    return inspect.cleandoc(text) if isinstance(below, ast.Expr) and isinstance(text, str) else None


def callee_name(node: ast.expr) -> str:
    """The dotted name of a decorator or another function, called or not; empty if it has none."""
    return dotted_name(node.func if isinstance(node, ast.Call) else node) or ""


def targets_of(node: Assignment) -> list[ast.expr]:
    """The targets of an assignment."""
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def is_more(node: Assignment) -> bool:
    """Whether it extends the existing binding."""
    return isinstance(node, ast.AugAssign)


def pairs(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    """The dotted names in a target, each with its value, if that is one expression."""
    dotted = dotted_name(target)
    if dotted is not None:
        yield dotted, value
    elif isinstance(target, ast.Starred):
        yield from pairs(target.value, None)
    elif isinstance(target, (ast.Tuple, ast.List)):
        given: list[ast.expr] = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        fits = len(given) == len(target.elts)
        plain = fits and not any(isinstance(e, ast.Starred) for e in (*given, *target.elts))
        starred = any(isinstance(e, ast.Starred) for e in target.elts)
        parts: list[ast.expr | None] = [*given] if plain else [None] * len(target.elts)
        if value is not None and not given and not starred:
            parts = [ast.Subscript(value, ast.Constant(n)) for n in range(len(target.elts))]
        for part, one in zip(target.elts, parts, strict=True):
            yield from pairs(part, one)


def _bound_inside(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """The names that `:=` binds in a statement, but not in those inside it."""
    heads = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        heads = []
    for head in heads:
        for part in ast.walk(head):
            if isinstance(part, ast.NamedExpr):
                yield part.target.id, part.value


def _held(node: ast.stmt) -> Iterator[str]:
    """The names that `for`, `with` and `match` bind."""
    targets: list[ast.expr | None] = []
    if isinstance(node, (ast.With, ast.AsyncWith)):
        targets = [item.optional_vars for item in node.items]
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        targets = [node.target]
    elif isinstance(node, ast.Match):
        for case in node.cases:
            yield from _captured(case.pattern)
    for target in targets:
        if target is not None:
            yield from [name for name, _ in pairs(target, None)]


def _captured(pattern: ast.pattern) -> Iterator[str]:
    """The names that a pattern binds."""
    for part in ast.walk(pattern):
        if isinstance(part, (ast.MatchAs, ast.MatchStar)) and part.name:
            yield part.name
        elif isinstance(part, ast.MatchMapping) and part.rest:
            yield part.rest


def _implements(item: Item, node: Function | ast.ClassDef) -> bool:
    """Whether a function implements the overloads in a branch: it is added where there are none."""
    if not isinstance(item, Branch):
        return False
    found: list[bool] = []
    for items in (item.body, item.orelse):
        own = [i for i in items if isinstance(i, Definition) and i.bound == node.name]
        is_overloaded = bool(own and own[-1].functions) and _is_overload(own[-1].functions[-1])
        found.append(is_overloaded or True in [_implements(inner, node) for inner in items])
    for items, is_overloaded in zip((item.body, item.orelse), found, strict=True):
        if any(found) and not is_overloaded:
            items.append(Definition(node.name, [node]))
    return any(found)


def _is_overload(node: Function) -> bool:
    return any(last_part(callee_name(d)) == "overload" for d in node.decorator_list)


def _continues(before: Function, node: Function | ast.ClassDef) -> bool:
    """Whether a function is the next overload, or the next part of a property."""
    if _is_overload(before):
        return True
    return any(callee_name(d).startswith(f"{node.name}.") for d in node.decorator_list)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """The full name of the module that a `from` import names."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    keep = len(parts) - node.level + (1 if module.is_package else 0)
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])
