"""The modules of a package, read and not run: what each of them binds, and where from.

`if TYPE_CHECKING:` is always true here; a branch on the version or the platform stays a branch; of
any other condition, and of `try`, that counts which binds a name first.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import os
import sys
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from enterspan.stubgen.expressions import dotted_name
from enterspan.stubgen.problems import StubError, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

INTERNAL: Final = "# internal"
"""A comment on the first line of a definition that keeps it out of the stub, whatever its name."""

_SKIPPED: Final = frozenset({"__main__", "__pycache__"})

Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Imported:
    """A name that an import binds: a module, or (if `name` is set) a name of it."""

    bound: str
    module: str
    name: str | None
    as_itself: bool
    """Whether it says `import x as x`: the sign of a re-export."""
    line: int


@dataclass
class Definition:
    """What a module or a class binds to one name; several statements if they belong together."""

    bound: str
    nodes: list[ast.stmt]
    doc: str | None = None
    """The text below a variable."""

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.nodes[0].lineno


@dataclass
class Branch:
    """A condition that checkers know about, and what is bound where it holds and where not."""

    test: ast.expr
    body: list[Item]
    orelse: list[Item]


Item: TypeAlias = "Imported | Definition | Branch"


@dataclass
class Module:
    """One module, as its source says."""

    name: str
    path: Path
    is_package: bool
    text: str
    tree: ast.Module
    items: list[Item] = field(default_factory=list[Item])
    stars: list[str] = field(default_factory=list[str])
    """The modules of which it imports everything."""
    exported: list[str] | None = None
    """Its `__all__`."""
    internal: frozenset[int] = frozenset()
    """The lines that are marked as internal."""

    def find(self, name: str) -> list[Imported | Definition]:
        """What is bound to a name: several where it depends on the version."""
        return [item for item in flat(self.items) if item.bound == name]


def flat(items: Iterable[Item]) -> Iterator[Imported | Definition]:
    """All bindings, also those in branches."""
    for item in items:
        if isinstance(item, Branch):
            yield from flat(item.body)
            yield from flat(item.orelse)
        else:
            yield item


# --- finding the files ----------------------------------------------------------------------------


def read_package(name: str) -> dict[str, Module]:
    """Read every module of a package, or of a lone module; StubError where one can't be read."""
    origin = _origin(name)
    modules: dict[str, Module] = {}
    problems: list[str] = []
    for module_name, path, is_package in _files(name, origin):
        try:
            modules[module_name] = _read(module_name, path, is_package)
        except StubError as error:
            problems += error.lines
    if problems:
        raise StubError(*problems)
    return {key: modules[key] for key in sorted(modules) if not _is_internal(key, modules)}


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


def _files(name: str, origin: Path) -> Iterator[tuple[str, Path, bool]]:
    if origin.name != "__init__.py":
        yield name, origin, False
        return
    yield name, origin, True
    folders = [(name, origin.parent)]
    while folders:
        package, folder = folders.pop()
        for entry in sorted(folder.iterdir()):
            stem = entry.stem if entry.suffix == ".py" else entry.name
            if not stem.isidentifier() or stem in _SKIPPED or stem == "__init__":
                continue
            if entry.suffix == ".py":
                yield f"{package}.{stem}", entry, False
            elif (entry / "__init__.py").is_file():
                yield f"{package}.{stem}", entry / "__init__.py", True
                folders.append((f"{package}.{stem}", entry))


def _is_internal(name: str, modules: dict[str, Module]) -> bool:
    """Whether a module, or a package that it is in, says that it is internal."""
    parts = name.split(".")
    above = (modules.get(".".join(parts[: i + 1])) for i in range(len(parts)))
    return any(m is not None and 0 in m.internal for m in above)


# --- reading one ----------------------------------------------------------------------------------


def _read(name: str, path: Path, is_package: bool) -> Module:
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
    module = Module(name, path, is_package, text, tree, internal=_internal_lines(text))
    module.items = _Collector(module).collect(tree.body)
    return module


def _internal_lines(text: str) -> frozenset[int]:
    """The lines with the mark; 0 stands for the module, whose mark is a line of its own."""
    if INTERNAL not in text:
        return frozenset()
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and _is_mark(token.string):
            own_line = not token.line[: token.start[1]].strip()
            if not own_line:
                lines.add(token.start[0])
            elif token.start[1] == 0:
                lines.add(0)
    return frozenset(lines)


def _is_mark(comment: str) -> bool:
    return comment == INTERNAL or comment.startswith(INTERNAL + ":")


class _Collector:
    """Sorts the statements of a module or of a class body into what they bind."""

    def __init__(self, module: Module, *, top: bool = True) -> None:
        self._module = module
        self._top = top

    def collect(self, body: list[ast.stmt]) -> list[Item]:
        """What these statements bind, in their order."""
        items: list[Item] = []
        for at, statement in enumerate(body):
            self._add(items, statement, body[at + 1] if at + 1 < len(body) else None)
        return items

    def _add(self, items: list[Item], node: ast.stmt, below: ast.stmt | None) -> None:
        if isinstance(node, ast.Import):
            items += [_plain_import(alias, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            self._add_from(items, node)
        elif isinstance(node, FUNCTIONS):
            _add_function(items, node)
        elif isinstance(node, ast.ClassDef):
            _put(items, Definition(node.name, [node]))
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            self._add_variable(items, node, below)
        elif type(node).__name__ == "TypeAlias":  # `type X = ...`, from Python 3.12 on
            alias: str = node.name.id  # type: ignore[attr-defined]
            _put(items, Definition(alias, [node], _text_of(below)))
        elif isinstance(node, ast.If):
            self._add_if(items, node)
        elif isinstance(node, ast.Try):
            self._add_first(items, [node.body, *[h.body for h in node.handlers], node.orelse])
            self._add_first(items, [node.finalbody])
        elif isinstance(node, ast.With):
            self._add_first(items, [node.body])

    def _add_from(self, items: list[Item], node: ast.ImportFrom) -> None:
        source = absolute(self._module, node)
        if source == "__future__":
            return
        for alias in node.names:
            if alias.name == "*":
                self._module.stars.append(source)
                continue
            bound = alias.asname or alias.name
            as_itself = alias.asname == alias.name
            _put(items, Imported(bound, source, alias.name, as_itself, node.lineno))

    def _add_variable(
        self,
        items: list[Item],
        node: ast.Assign | ast.AnnAssign | ast.AugAssign,
        below: ast.stmt | None,
    ) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            names = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
            for name in names:
                if isinstance(name, ast.Name):
                    self._add_name(items, name.id, node, below)

    def _add_name(
        self,
        items: list[Item],
        name: str,
        node: ast.Assign | ast.AnnAssign | ast.AugAssign,
        below: ast.stmt | None,
    ) -> None:
        if name == "__all__" and self._top:
            self._export(node)
        elif isinstance(node, ast.AugAssign) or (
            isinstance(node, ast.Assign) and _decorate(items, name, node.value)
        ):
            return
        else:
            _put(items, Definition(name, [node], _text_of(below)))

    def _export(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> None:
        try:
            names = ast.literal_eval(node.value) if node.value is not None else []
        except ValueError:
            where = place(self._module.path, node.lineno)
            raise StubError(f"{where}: __all__ must be a list of texts, written out") from None
        before = self._module.exported if isinstance(node, ast.AugAssign) else []
        self._module.exported = [*(before or []), *names]

    def _add_if(self, items: list[Item], node: ast.If) -> None:
        known = _type_checking(node.test)
        if known is not None:
            items_there = self.collect(node.body if known else node.orelse)
            for item in items_there:
                _put(items, item)
        elif _is_kept(node.test):
            items.append(Branch(node.test, self.collect(node.body), self.collect(node.orelse)))
        elif not _is_main(node.test):
            self._add_first(items, [node.body, node.orelse])

    def _add_first(self, items: list[Item], bodies: list[list[ast.stmt]]) -> None:
        """Add what these bodies bind, each name as the first of them does that binds it."""
        for body in bodies:
            known = {item.bound for item in flat(items)}
            for item in self.collect(body):
                if isinstance(item, Branch) or item.bound not in known:
                    _put(items, item)


def class_items(module: Module, node: ast.ClassDef) -> list[Item]:
    """What a class body binds."""
    return _Collector(module, top=False).collect(node.body)


def _put(items: list[Item], new: Item) -> None:
    """Add a binding, in place of an earlier one of the same name."""
    if isinstance(new, Imported) and new.name is None:
        pass  # `import a.b` and `import a.c` both bind `a`
    elif not isinstance(new, Branch):
        items[:] = [old for old in items if isinstance(old, Branch) or old.bound != new.bound]
    items.append(new)


def _plain_import(alias: ast.alias, line: int) -> Imported:
    if alias.asname is None:
        root = alias.name.partition(".")[0]
        return Imported(root, alias.name, None, False, line)
    return Imported(alias.asname, alias.name, None, alias.asname == alias.name, line)


def _add_function(items: list[Item], node: Function) -> None:
    """Overloads belong together, and so do the parts of a property; else the last one counts."""
    for item in items:
        if isinstance(item, Definition) and item.bound == node.name:
            if isinstance(item.nodes[-1], FUNCTIONS) and _goes_on(item.nodes[-1], node):
                item.nodes.append(node)
                return
            break
    _put(items, Definition(node.name, [node]))


def _goes_on(before: Function, node: Function) -> bool:
    if any(decorator_name(d).rpartition(".")[2] == "overload" for d in before.decorator_list):
        return True
    return any(decorator_name(d).startswith(f"{node.name}.") for d in node.decorator_list)


def decorator_name(node: ast.expr) -> str:
    """The dotted name at the head of a decorator; empty where it has none."""
    return dotted_name(node.func if isinstance(node, ast.Call) else node) or ""


def _decorate(items: list[Item], name: str, value: ast.expr) -> bool:
    """`f = decorator(f)` below a definition is `@decorator` above it."""
    if not isinstance(value, ast.Call) or value.keywords or len(value.args) != 1:
        return False
    argument = value.args[0]
    if not isinstance(argument, ast.Name) or argument.id != name:
        return False
    for item in items:
        if isinstance(item, Definition) and item.bound == name:
            node = item.nodes[-1]
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                node.decorator_list.insert(0, value.func)
                return True
    return False


def _text_of(below: ast.stmt | None) -> str | None:
    """The text below a variable, which documents it."""
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
        text = below.value.value
        if isinstance(text, str):
            lines = text.expandtabs().strip().split("\n")
            return "\n".join([lines[0], *[line.strip() for line in lines[1:]]])
    return None


def absolute(module: Module, node: ast.ImportFrom) -> str:
    """The full name of the module that a `from` import names."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    keep = len(parts) - node.level + (1 if module.is_package else 0)
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])


def _type_checking(test: ast.expr) -> bool | None:
    """Whether a condition is that of type checkers (True), its contrary (False), or another."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _type_checking(test.operand)
        return None if inner is None else not inner
    name = dotted_name(test)
    return True if name in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING") else None


def _is_kept(test: ast.expr) -> bool:
    """Whether checkers can tell if a condition holds: it asks for the version or the platform."""
    names = {dotted_name(node) for node in ast.walk(test) if isinstance(node, ast.Attribute)}
    return bool(names & {"sys.version_info", "sys.platform"})


def _is_main(test: ast.expr) -> bool:
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(test))


def search_here() -> None:
    """Let packages of the working directory be found, as `python -m` does."""
    here = os.getcwd()  # noqa: PTH109
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
