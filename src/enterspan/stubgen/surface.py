"""The public names of a package, the names that those need, and the stubs of both.

Public is what `__all__` names. Without it, public is what a module that is not private defines
without a leading underscore, and what it re-exports: `from x import y as y`, or in an
`__init__.py` any name of the package itself. What a public signature names has a stub as well,
whether it is public or not.
"""

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from enterspan.stubgen.classes import branch_lines, definition_lines, is_public
from enterspan.stubgen.expressions import WIDTH, docstring_lines, quoted, spaced, wrapped
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
from enterspan.stubgen.running import load
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
    load(name, modules)
    surface = _Surface(modules)
    surface.grow()
    above = name.count(".")
    return {_path(modules[module], above): text for module, text in sorted(surface.texts())}


def _path(module: Module, above: int) -> str:
    path = "/".join(module.name.split(".")[above:])
    return f"{path}/__init__.pyi" if module.is_package else f"{path}.pyi"


class _Surface:
    """The names that are needed of each module, found by following what definitions name."""

    def __init__(self, modules: dict[str, Module]) -> None:
        self._modules = modules
        self._problems: set[tuple[str, int, str]] = set()
        self._stubs = {n: _Stub(m, modules, self._problems) for n, m in modules.items()}
        self._needed: dict[str, set[str]] = {}
        self._waiting: list[tuple[str, str]] = []

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
            problems = sorted(self._problems)
            raise StubError(*[f"{place(path, line)}: {what}" for path, line, what in problems])

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each module of which a name is needed, and its stub."""
        for name, needed in self._needed.items():
            yield name, self._stubs[name].text(needed)

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
        items = module.find(wanted)
        if not items and not self._from_elsewhere(module, wanted):
            what = f"{wanted!r} is exported, and nothing that can be read defines it"
            self._problems.add((str(module.path), 1, what))
        for item in items:
            if isinstance(item, Imported):
                self._reach(item, wanted)
            else:
                for used in self._stubs[name].used(item):
                    self._resolve(module, used)

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
        self._open(item.module if item.name is None else "")
        module, rest = item.origin + used[len(item.bound) :], ""
        while module and module not in self._modules:
            module, _, rest = module.rpartition(".")
        self._open(module)
        if module and rest:
            self._need(module, rest)


class _Stub(Scope):
    """The stub of one module, with the needed names only."""

    def used(self, item: Definition) -> set[str]:
        """The names in a definition."""
        self.reader.used = set()
        self._block(item, "", {item.bound})
        return self.reader.used

    def text(self, needed: set[str]) -> str:
        """The stub as text."""
        self.reader.used = set()
        body = spaced([self._block(item, "", needed) for item in self.module.items])
        exported = self.module.exported
        parts = [
            self._imports(needed),
            [] if exported is None else wrapped("__all__ = [", [*map(quoted, exported)], "]"),
            sorted(self.declared),
            body,
        ]
        lines = [HEADER, *docstring_lines(ast.get_docstring(self.module.tree), "")]
        for part in filter(None, parts):
            lines += ["", *part]
        return "\n".join(lines) + "\n"

    def _block(self, item: Item, indent: str, needed: set[str]) -> list[str]:
        if isinstance(item, Branch):
            return branch_lines(self, item, indent, lambda i, inner: self._block(i, inner, needed))
        if isinstance(item, Imported):
            # Imports stand at the top; those in a branch stay there.
            line = self._import(item, needed) if indent else ""
            return [indent + line] if line else []
        if item.bound not in needed:
            return []
        return definition_lines(self, item, "", indent, fields=False)

    # --- imports ---

    def _imports(self, needed: set[str]) -> list[str]:
        """The imports that the stub needs or re-exports: plain ones first, sorted."""
        exported, stars = self.module.exported, self.module.stars
        items = [item for item in self.module.items if isinstance(item, Imported)]
        found = {self._import(item, needed) for item in items} | self.borrowed
        found |= {f"from {s} import *" for s in stars if s not in self.modules or exported is None}
        lines: set[str] = set()
        grouped: defaultdict[str, list[str]] = defaultdict(list)
        for line in sorted(found - {""}):
            head, _, name = line.partition(" import ")
            if name.isidentifier():
                grouped[head].append(name)
            else:
                lines.add(line)
        for head, names in grouped.items():
            line = f"{head} import {', '.join(names)}"
            many = wrapped(f"{head} import (", names, ")")
            lines.add(line if len(line) <= WIDTH else "\n".join(many))
        return sorted(lines, key=lambda line: (line.startswith("from"), line))

    def _import(self, item: Imported, needed: set[str]) -> str:
        """The statement, if it is needed; else an empty string."""
        is_public_name = item.bound in needed
        used = {name.partition(".")[0] for name in self.reader.used}
        if not is_public_name and item.bound not in used:
            return ""
        source = _PUBLIC_NAMES.get(item.module, item.module)
        if item.name is None:
            return f"import {source}" if item.is_plain else f"import {source} as {item.bound}"
        renamed = f" as {item.bound}" if is_public_name or item.name != item.bound else ""
        return f"from {source} import {item.name}{renamed}"
