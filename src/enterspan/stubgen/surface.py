"""The public names of a package, the names that those need, and the stubs of both.

Public is what `__all__` names. Without it, public is what a module that is not private defines
without a leading underscore, and what it re-exports: `from x import y as y`, or in an
`__init__.py` any name of the package itself. What a public signature names has a stub as well,
whether it is public or not.
"""

import ast
import builtins
from collections.abc import Iterator
from typing import Final

from enterspan.stubgen.classes import Definitions, is_public
from enterspan.stubgen.expressions import docstring_lines, quoted, spaced
from enterspan.stubgen.functions import WIDTH
from enterspan.stubgen.package import (
    Branch,
    Definition,
    Imported,
    Item,
    Module,
    flat,
    is_private,
    read_package,
)
from enterspan.stubgen.problems import StubError, place
from enterspan.stubgen.running import Running
from enterspan.stubgen.scope import Scope

HEADER: Final = "# Made by `enterspan stubs` from the annotated source: don't edit it."
"""The first line of every stub; a file that begins otherwise was written by hand."""

_PUBLIC_NAMES: Final = {"_collections_abc": "collections.abc"}
"""Private modules that are imported because that is quick, and their public names."""


def render_package(name: str) -> dict[str, str]:
    """The stubs of a package, by their relative paths with slashes.

    Raises StubError where they can't be made.
    """
    modules = read_package(name)
    surface = _Surface(modules, Running(name, modules))
    surface.grow()
    above = name.count(".")
    return {_path(modules[module], above): text for module, text in sorted(surface.texts())}


def _path(module: Module, above: int) -> str:
    path = "/".join(module.name.split(".")[above:])
    return f"{path}/__init__.pyi" if module.is_package else f"{path}.pyi"


class _Surface:
    """The names that are needed of each module, found by following what definitions name."""

    def __init__(self, modules: dict[str, Module], running: Running) -> None:
        self._modules = modules
        self._stubs = {name: _Stub(module, modules, running) for name, module in modules.items()}
        self._needed: dict[str, set[str]] = {}
        self._waiting: list[tuple[str, str]] = []
        self._problems: dict[tuple[str, int, str], str] = {}

    def grow(self) -> None:
        """Find all needed names; StubError with every problem of their definitions."""
        for name, module in self._modules.items():
            if not is_private(name, self._modules):
                self._open(name)
                for public in self._public(module):
                    self._need(name, public)
        while self._waiting:
            self._follow(*self._waiting.pop())
        if self._problems:
            raise StubError(*[self._problems[key] for key in sorted(self._problems)])

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each module of which a name is needed, and its stub."""
        for name, needed in self._needed.items():
            yield name, self._stubs[name].text(needed)

    # --- what is public ---

    def _public(self, module: Module) -> list[str]:
        if module.exported is not None:
            return module.exported
        return [i.bound for i in flat(module.items) if self._is_public(module, i)]

    def _is_public(self, module: Module, item: Imported | Definition) -> bool:
        if not is_public(item.bound):
            return False
        if isinstance(item, Definition):
            return not module.is_internal(*item.nodes)
        own = item.module in self._modules or f"{item.module}.{item.name}" in self._modules
        return item.as_itself or (module.is_package and own and item.name is not None)

    # --- what is needed ---

    def _open(self, name: str) -> None:
        """Make a stub of a module, and of the packages that it is in."""
        while name in self._modules:
            self._needed.setdefault(name, set())
            name = name.rpartition(".")[0]

    def _need(self, name: str, wanted: str) -> None:
        self._open(name)
        if wanted not in self._needed[name]:
            self._needed[name].add(wanted)
            self._waiting.append((name, wanted))

    def _follow(self, name: str, wanted: str) -> None:
        """Need what the definitions of a needed name need."""
        module = self._modules[name]
        stub = self._stubs[name]
        items = module.find(wanted)
        if not items and not self._from_elsewhere(module, wanted):
            what = f"{wanted!r} is exported, and nothing that can be read defines it"
            self._problems[name, 0, wanted] = f"{place(module.path, 1)}: {what}"
        for item in items:
            if isinstance(item, Imported):
                self._reach(item, wanted)
                continue
            for used in stub.used(item):
                self._resolve(module, used)
            for problem, line in stub.scope.problems.items():
                self._problems[str(module.path), line, problem] = problem

    def _from_elsewhere(self, module: Module, wanted: str) -> bool:
        """Whether a name is a submodule, or comes from `from x import *`."""
        if f"{module.name}.{wanted}" in self._modules:
            self._open(f"{module.name}.{wanted}")
            return True
        for star in module.stars:
            source = self._modules.get(star)
            if source is None:
                return True  # of another package: the stub imports everything as well
            if wanted in self._public(source):
                self._need(star, wanted)
                return True
        return False

    def _resolve(self, module: Module, used: str) -> None:
        """Need what a name in a definition stands for."""
        first = used.partition(".")[0]
        items = module.find(first)
        if not items and module.stars and not hasattr(builtins, first):
            self._from_elsewhere(module, first)
        for item in items:
            if isinstance(item, Imported):
                self._reach(item, used)
            else:
                self._need(module.name, first)

    def _reach(self, item: Imported, used: str) -> None:
        """Need what an imported name stands for, where that is a part of the package."""
        rest = used.partition(".")[2]
        full = item.module
        if item.name is None and item.bound == full.partition(".")[0]:  # `import a.b` binds `a`
            self._open(full)
            full = item.bound
        elif item.name is not None and f"{full}.{item.name}" in self._modules:
            full = f"{full}.{item.name}"
        elif item.name is not None:
            if full in self._modules:
                self._need(full, item.name)
            return
        while rest and f"{full}.{rest.partition('.')[0]}" in self._modules:
            first, _, rest = rest.partition(".")
            full = f"{full}.{first}"
        if full in self._modules:
            self._open(full)
            if rest:
                self._need(full, rest.partition(".")[0])


class _Stub:
    """The stub of one module, with the needed names only."""

    def __init__(self, module: Module, modules: dict[str, Module], running: Running) -> None:
        self.scope: Scope = Scope(module, modules, running)
        self._module = module
        self._modules = modules
        self._definitions = Definitions(self.scope)

    def used(self, item: Definition) -> set[str]:
        """The names in a definition."""
        self.scope.reader.used = set()
        self._block(item, "", {item.bound})
        return self.scope.reader.used

    def text(self, needed: set[str]) -> str:
        """The stub as text."""
        self.scope.reader.used = set()
        body = spaced([self._block(item, "", needed) for item in self._module.items])
        parts = [
            self._imports(needed),
            [] if self._module.exported is None else _export_lines(self._module.exported),
            sorted(self.scope.declared),
            body,
        ]
        lines = [HEADER, *docstring_lines(ast.get_docstring(self._module.tree), "")]
        for part in parts:
            lines += ["", *part] if part else []
        return "\n".join(lines) + "\n"

    def _block(self, item: Item, indent: str, needed: set[str]) -> list[str]:
        if isinstance(item, Branch):
            inner = indent + "    "
            body = [line for i in item.body for line in self._block(i, inner, needed)]
            orelse = [line for i in item.orelse for line in self._block(i, inner, needed)]
            return self.scope.reader.branch(item.test, body, orelse, indent)
        if isinstance(item, Imported):
            # Imports stand at the top; those in a branch stay there.
            return [indent + line for line in self._import(item, needed)] if indent else []
        if item.bound not in needed:
            return []
        return self._definitions.render(item, "", indent, fields=False)

    # --- imports ---

    def _imports(self, needed: set[str]) -> list[str]:
        """The imports that the stub needs or re-exports: plain ones first, sorted."""
        imported = [item for item in self._module.items if isinstance(item, Imported)]
        found = [line for item in imported for line in self._import(item, needed)]
        found += [f"from {module} import {name}" for module, name in self.scope.borrowed]
        found += [f"from {star} import *" for star in self._module.stars if self._is_star(star)]
        lines: set[str] = set()
        grouped: dict[str, set[str]] = {}
        for line in found:
            head, _, name = line.partition(" import ")
            if name.isidentifier():
                grouped.setdefault(head, set()).add(name)
            else:
                lines.add(line)
        lines.update(_joined(head, sorted(names)) for head, names in grouped.items())
        return sorted(lines, key=lambda line: (line.startswith("from"), line))

    def _is_star(self, star: str) -> bool:
        return star not in self._modules or self._module.exported is None

    def _import(self, item: Imported, needed: set[str]) -> list[str]:
        given_on = item.bound in needed
        used = {name.partition(".")[0] for name in self.scope.reader.used}
        if not given_on and item.bound not in used:
            return []
        source = _PUBLIC_NAMES.get(item.module, item.module)
        if item.name is None:
            same = item.bound == item.module.partition(".")[0]
            return [f"import {source}" if same else f"import {source} as {item.bound}"]
        renamed = f" as {item.bound}" if given_on or item.name != item.bound else ""
        return [f"from {source} import {item.name}{renamed}"]


def _joined(head: str, names: list[str]) -> str:
    line = f"{head} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{head} import (", *[f"    {name}," for name in names], ")"])


def _export_lines(names: list[str]) -> list[str]:
    line = f"__all__ = [{', '.join(map(quoted, names))}]"
    if len(line) <= WIDTH:
        return [line]
    return ["__all__ = [", *[f"    {quoted(name)}," for name in names], "]"]
