"""What of a package is public, what that needs of the rest, and the stubs that come of it.

Public is what `__all__` names; without one, what has no underscore and is defined in a module
without one, and what an import gives on: `from x import y as y`, or any of the package's own names
in an `__init__.py`. A signature may name more, private or not; that is kept, and nothing else.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Final

from enterspan.stubgen.classes import Classes, is_public
from enterspan.stubgen.expressions import docstring_lines, quoted, spaced
from enterspan.stubgen.functions import WIDTH, Functions
from enterspan.stubgen.package import (
    FUNCTIONS,
    Branch,
    Definition,
    Imported,
    Module,
    flat,
    read_package,
)
from enterspan.stubgen.problems import StubError, place
from enterspan.stubgen.running import Running
from enterspan.stubgen.scope import Scope
from enterspan.stubgen.variables import Variables

if TYPE_CHECKING:
    from enterspan.stubgen.package import Function, Item

HEADER: Final = "# Made by `enterspan stubs` from the annotated source: don't edit it."
"""The first line of every stub: a file that does not begin with it is somebody's own."""

_PUBLIC_NAMES: Final = {"_collections_abc": "collections.abc"}
"""Modules that are imported because they are quick, and what everybody else calls them."""


def render_package(name: str) -> dict[str, str]:
    """The stubs of a package: relative paths, with slashes, and texts. StubError if it can't be."""
    modules = read_package(name)
    running = Running(name, modules)
    surface = _Surface(modules, running)
    surface.grow()
    parts = name.split(".")
    above = len(parts) - 1
    return {_path(modules[module], above): text for module, text in sorted(surface.texts().items())}


def _path(module: Module, above: int) -> str:
    parts = module.name.split(".")[above:]
    return "/".join(
        [*parts, "__init__.pyi"] if module.is_package else [*parts[:-1], parts[-1] + ".pyi"]
    )


class _Surface:
    """The names that are needed of each module, growing until no signature names another."""

    def __init__(self, modules: dict[str, Module], running: Running) -> None:
        self._modules = modules
        self._stubs = {name: _Stub(module, modules, running) for name, module in modules.items()}
        self._needed: dict[str, set[str]] = {}
        self._waiting: list[tuple[str, str]] = []
        self._problems: dict[tuple[str, int, str], str] = {}

    def grow(self) -> None:
        """Find all that is needed; StubError with everything that is wrong on the way."""
        for name, module in self._modules.items():
            if not any(part.startswith("_") for part in name.split(".")):
                self._open(name)
                for public in self._public(module):
                    self._need(name, public)
        while self._waiting:
            name, wanted = self._waiting.pop()
            self._follow(name, wanted)
        if self._problems:
            raise StubError(*[self._problems[key] for key in sorted(self._problems)])

    def texts(self) -> dict[str, str]:
        """The stub of each module of which anything is needed."""
        return {n: self._stubs[n].text(needed) for n, needed in self._needed.items()}

    # --- what is public ---

    def _public(self, module: Module) -> list[str]:
        if module.exported is not None:
            return list(module.exported)
        names: list[str] = []
        for item in flat(module.items):
            if isinstance(item, Definition):
                marked = any(node.lineno in module.internal for node in item.nodes)
                shown = is_public(item.bound) and not marked
            else:
                shown = is_public(item.bound) and self._is_given_on(module, item)
            if shown:
                names.append(item.bound)
        return names

    def _is_given_on(self, module: Module, item: Imported) -> bool:
        if item.as_itself:
            return True
        own = item.module in self._modules or f"{item.module}.{item.name}" in self._modules
        return module.is_package and own and item.name is not None

    # --- what is needed ---

    def _open(self, name: str) -> None:
        """There is to be a stub of a module, and of the packages that it is in."""
        parts = name.split(".")
        for at in range(1, len(parts) + 1):
            above = ".".join(parts[:at])
            if above in self._modules:
                self._needed.setdefault(above, set())

    def _need(self, name: str, wanted: str) -> None:
        self._open(name)
        if wanted not in self._needed[name]:
            self._needed[name].add(wanted)
            self._waiting.append((name, wanted))

    def _follow(self, name: str, wanted: str) -> None:
        module = self._modules[name]
        items = module.find(wanted)
        if not items and not self._from_elsewhere(module, wanted):
            what = f"{wanted!r} is exported, and nothing that can be read defines it"
            self._problems[name, 0, wanted] = f"{place(module.path, 1)}: {what}"
        for item in items:
            if isinstance(item, Imported):
                self._reach(item, wanted)
                continue
            stub = self._stubs[name]
            for used in stub.used(item):
                self._resolve(module, used)
            for problem, line in stub.scope.problems.items():
                self._problems[str(module.path), line, problem] = problem

    def _from_elsewhere(self, module: Module, wanted: str) -> bool:
        """Whether a name is a submodule, or comes with `from x import *`."""
        if f"{module.name}.{wanted}" in self._modules:
            self._open(f"{module.name}.{wanted}")
            return True
        for star in module.stars:
            source = self._modules.get(star)
            if source is None:
                return True  # of another package: its stub imports everything as well
            if wanted in self._public(source):
                self._need(star, wanted)
                return True
        return False

    def _resolve(self, module: Module, dotted: str) -> None:
        first = dotted.partition(".")[0]
        items = module.find(first)
        for item in items:
            if isinstance(item, Imported):
                self._reach(item, dotted)
            else:
                self._need(module.name, first)
        if not items and module.stars and not hasattr(builtins, first):
            self._from_elsewhere(module, first)

    def _reach(self, item: Imported, dotted: str) -> None:
        """Need what an import of a module of this package leads to."""
        _, _, rest = dotted.partition(".")
        if item.name is not None:
            full = f"{item.module}.{item.name}"
            if full not in self._modules:
                if item.module in self._modules:
                    self._need(item.module, item.name)
                return
        else:
            bare = item.bound == item.module.partition(".")[0]
            full = item.bound if bare else item.module
            if bare and item.module in self._modules:
                self._open(item.module)
        while rest:
            first, _, more = rest.partition(".")
            if f"{full}.{first}" not in self._modules:
                break
            full, rest = f"{full}.{first}", more
        if full in self._modules:
            self._open(full)
            if rest:
                self._need(full, rest.partition(".")[0])


class _Stub:
    """The stub of one module, of which only what is needed is rendered."""

    def __init__(self, module: Module, modules: dict[str, Module], running: Running) -> None:
        self.scope: Scope = Scope(module, modules, running)
        self._module = module
        self._modules = modules
        self._functions = Functions(self.scope)
        self._variables = Variables(self.scope, self._functions)
        self._classes = Classes(self.scope, self._functions, self._variables)

    def used(self, item: Definition) -> set[str]:
        """The names that a definition names."""
        self.scope.reader.used = set()
        self._definition(item, "")
        return self.scope.reader.used

    def _definition(self, item: Definition, indent: str) -> list[str]:
        node = item.nodes[-1]
        if isinstance(node, FUNCTIONS):
            nodes: list[Function] = [n for n in item.nodes if isinstance(n, FUNCTIONS)]
            return self._functions.render(nodes, "", indent)
        if isinstance(node, ast.ClassDef):
            return self._classes.render(node, "", indent)
        return self._variables.render(item, "", indent, fields=False)

    # --- the whole text ---

    def text(self, needed: set[str]) -> str:
        """The stub, with a newline at its end."""
        self.scope.reader.used = set()
        blocks = [self._block(item, "", needed) for item in self._module.items]
        body = spaced([block for block in blocks if block])
        doc = ast.get_docstring(self._module.tree)
        lines = [HEADER, *(docstring_lines(doc, "") if doc else [])]
        imports = self._imports(needed)
        if imports:
            lines += ["", *imports]
        if self._module.exported is not None:
            lines += ["", *_export_lines(self._module.exported)]
        if self.scope.declared:
            lines += ["", *sorted(self.scope.declared)]
        if body:
            lines += ["", *body]
        return "\n".join(lines) + "\n"

    def _block(self, item: Item, indent: str, needed: set[str]) -> list[str]:
        if isinstance(item, Branch):
            return self._branch(item, indent, needed)
        if isinstance(item, Imported):
            # At the top, with the others; one in a branch stays where it is.
            return [indent + line for line in self._import(item, needed)] if indent else []
        return self._definition(item, indent) if item.bound in needed else []

    def _branch(self, item: Branch, indent: str, needed: set[str]) -> list[str]:
        inner = indent + "    "
        body = [line for i in item.body for line in self._block(i, inner, needed)]
        orelse = [line for i in item.orelse for line in self._block(i, inner, needed)]
        if not body and not orelse:
            return []
        test = self.scope.reader.value(item.test)
        lines = [f"{indent}if {test}:", *(body or [f"{inner}pass"])]
        return [*lines, f"{indent}else:", *orelse] if orelse else lines

    # --- imports ---

    def _imports(self, needed: set[str]) -> list[str]:
        """The imports that the rest of the stub, or its reader, needs: plain ones, then others."""
        lines: set[str] = set()
        grouped: dict[str, set[str]] = {}
        for item in self._module.items:
            if not isinstance(item, Imported):
                continue
            for line in self._import(item, needed):
                head, joint, names = line.partition(" import ")
                if joint and " as " not in names:
                    grouped.setdefault(head, set()).add(names)
                else:
                    lines.add(line)
        for module, name in self.scope.borrowed:
            grouped.setdefault(f"from {module}", set()).add(name)
        lines.update(_joined(head, sorted(names)) for head, names in grouped.items())
        stars = [f"from {star} import *" for star in self._module.stars if self._is_star(star)]
        return sorted([*lines, *stars], key=lambda line: (line.startswith("from"), line))

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
        if given_on or item.name != item.bound:
            return [f"from {source} import {item.name} as {item.bound}"]
        return [f"from {source} import {item.name}"]


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
