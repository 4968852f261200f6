"""Finds the public names of a package and the names that they need, and renders the stubs.

Public is what `__all__` names. Without it, public is what a module that is not private defines
without a leading underscore, and what it re-exports: `from x import y as y`, or in an `__init__.py`
any name of the package itself. Names in public signatures are included as well, public or not.
"""

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from enterspan.stubgen.conditions import movable
from enterspan.stubgen.definitions import branch_lines, definition_lines, is_public
from enterspan.stubgen.expressions import WIDTH, docstring, dotted_name, quoted, spaced, wrapped
from enterspan.stubgen.functions import ignore_comment
from enterspan.stubgen.package import (
    FUNCTIONS,
    HEADER,
    Branch,
    Definition,
    Imported,
    Item,
    Module,
    callee_name,
    flat,
    names_of,
    read_package,
    read_text,
)
from enterspan.stubgen.place import Within
from enterspan.stubgen.scope import MISSING, Project, Scope

_USUAL: Final = ("attr-defined", "import-not-found", "import-untyped")
"""What a comment without codes usually ignores on the line of an import."""
_PUBLIC_NAMES: Final = {"_collections_abc": "collections.abc"}
"""Private modules that are imported because that is quick, and their public names."""


@dataclass(frozen=True)
class Rendered:
    """The stubs of a package."""

    texts: dict[str, str]
    """By their relative paths, with slashes."""
    unknown: list[str]
    """Messages for names without a known type."""
    unread: list[str]
    """Messages for modules that can't be read and have no stub."""
    failed: list[str]
    """Messages for modules that can't be imported."""


def render_package(name: str) -> Rendered:
    """Render the stubs of a package. Raises StubError if there is no such package."""
    modules, unread = read_package(name)
    project = Project(modules)
    surface = _Surface(project)
    surface.grow()
    stubs: dict[str, str] = {}
    for module, text in sorted(surface.texts()):
        path = module.replace(".", "/")
        stubs[f"{path}/__init__.pyi" if modules[module].is_package else f"{path}.pyi"] = text
    unknown = [f"{where}:{line}: {what}" for where, line, what in sorted(project.unknown)]
    failed = [f"can't import {name}: {why}" for name, why in sorted(project.failed.items())]
    return Rendered(stubs, unknown, unread, failed)


class _Surface:
    """The needed names of each module, found by following references."""

    def __init__(self, project: Project) -> None:
        self._modules = project.modules
        self._stubs = {name: _Stub(module, project) for name, module in self._modules.items()}
        self._needed: dict[str, set[str]] = {}
        self._waiting: list[tuple[str, str]] = []
        root = next(iter(self._modules.values()))
        self._is_typed = root.path.with_name("py.typed").is_file()
        """Whether the package is typed (`py.typed`) for checkers."""

    def grow(self) -> None:
        """Find all needed names."""
        for name, module in self._modules.items():
            if module.exports and (module.exported is None or _is_extended(module)):
                module.exported = self._stubs[name].running_exports()
        for module in self._modules.values():
            self._expand_stars(module, ())
        for name, module in self._modules.items():
            if not module.is_private:
                self._open(name)
                for public in self._public(module):
                    self._need(name, public)
        while self._waiting:
            self._follow(*self._waiting.pop())

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each module of which a name is needed, and its stub."""
        for name, needed in self._needed.items():
            module = self._modules[name]
            yield (
                name,
                self._stubs[name].text(needed)
                if module.stub is None
                else f"{HEADER}\n{module.stub}",
            )

    def _expand_stars(self, module: Module, above: tuple[str, ...]) -> None:
        """Name what `from x import *` of this package imports."""
        if module.name in above:
            return
        for star in [star for star in module.stars if star in self._modules]:
            source = self._modules[star]
            self._expand_stars(source, (*above, module.name))
            if not source.stars:  # else it passes on names of another package, too
                module.stars.remove(star)
            names = [name for name in self._starred(source) if not module.find(name)]
            module.items += _passed_on(source, names)
        for item in module.items:
            if isinstance(item, Branch):
                self._expand_branch(item, (*above, module.name))
        module.reindex()

    def _expand_branch(self, branch: Branch, above: tuple[str, ...]) -> None:
        """Name what the stars in a branch import."""
        for items in (branch.body, branch.orelse):
            for item in [*items]:
                if isinstance(item, Branch):
                    self._expand_branch(item, above)
                elif isinstance(item, Imported) and item.name == "*":
                    source = self._modules.get(item.module)
                    if source is not None:
                        self._expand_stars(source, above)
                        names = self._starred(source)
                        items.remove(item)
                        items.extend(_passed_on(source, names))

    def _starred(self, module: Module) -> list[str]:
        """The names that a star imports from a module."""
        if module.exported is not None:
            return module.exported
        items = [item for item in flat(module.items) if not item.is_deleted]
        return [item.bound for item in items if not item.bound.startswith("_")]

    def _public(self, module: Module) -> list[str]:
        if module.exported is not None:
            return module.exported
        items = [item for item in flat(module.items) if is_public(item.bound)]
        return [item.bound for item in items if self._is_own(module, item)]

    def _is_own(self, module: Module, item: Imported | Definition) -> bool:
        """Whether a module defines a name, or re-exports it."""
        if item.is_deleted:
            return False
        if isinstance(item, Definition):
            return not module.is_internal(*item.nodes)
        if item.as_itself or item.has_fallback:
            return True
        own = item.module in self._modules or f"{item.module}.{item.name}" in self._modules
        # A typed package re-exports what its `__init__` imports, or `as` marks; in others, every
        # import of the package's own names can be used by others.
        passes_on = module.is_package or not (self._is_typed or item.for_checkers)
        return own and passes_on and item.name is not None

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
        """Add the names that the definitions of a needed name need."""
        module = self._modules[name]
        if module.stub is not None:
            self._follow_stub(module)
            return
        items = module.find(wanted)
        if not items and not self._from_elsewhere(module, wanted):
            module.items.append(Definition(wanted, [ast.Pass(lineno=1)], None, [None]))
            items = module.find(wanted)
        for item in items:
            if isinstance(item, Imported):
                self._reach(item, wanted)
            else:
                for used in self._stubs[name].used(item):
                    self._resolve(module, used)

    def _follow_stub(self, module: Module) -> None:
        """Add the names that a hand-written stub imports."""
        read = read_text(module, module.stub or "")
        for item in flat(read.items):
            if isinstance(item, Imported):
                self._reach(item, item.bound)

    def _from_elsewhere(self, module: Module, wanted: str) -> bool:
        """Whether a name is a submodule, or comes from `from x import *`."""
        if f"{module.name}.{wanted}" in self._modules:
            self._open(f"{module.name}.{wanted}")
            return True
        if any(name.startswith(f"{module.name}.{wanted}.") for name in self._modules):
            return True  # a folder without an `__init__.py`
        return bool(module.stars)  # of another package: the stub imports everything as well

    def _resolve(self, module: Module, used: str) -> None:
        """Add the name behind a name in a definition."""
        first = used.partition(".")[0]
        items = module.find(first)
        if not items and module.stars and not hasattr(builtins, first):
            self._from_elsewhere(module, first)
        if not items and first in self._modules and not hasattr(builtins, first):
            # The annotation is never evaluated, and its line has a `type: ignore`.
            module.items.append(Imported(first, first, None, as_itself=False, for_checkers=True))
            items = module.find(first)
        for item in items:
            if isinstance(item, Imported):
                self._reach(item, used)
            else:
                self._need(module.name, first)

    def _reach(self, item: Imported, used: str) -> None:
        """Add the name behind an imported name, if it is part of the package."""
        self._open(item.module if item.name is None else "")
        module, rest = item.origin + used[len(item.bound) :], ""
        while module and module not in self._modules:
            module, _, rest = module.rpartition(".")
        self._open(module)
        self._bind_submodules(item.origin, used[len(item.bound) :], item.module)
        if module and rest:
            self._need(module, rest)

    def _bind_submodules(self, name: str, rest: str, imported: str) -> None:
        """Import the submodules that a dotted name goes through in the stubs of their packages."""
        for part in rest.split(".")[1:]:
            package, name = self._modules.get(name), f"{name}.{part}"
            if package is None or name not in self._modules:
                return
            if f"{imported}.".startswith(f"{name}."):
                continue  # `import a.b` binds it
            if not package.find(part):
                package.items.append(Imported(part, package.name, part, as_itself=True))
            self._need(package.name, part)


class _Stub(Scope):
    """The stub of one module, with the needed names only."""

    def running_exports(self) -> list[str] | None:
        """The `__all__` of the imported module."""
        found = self.value("__all__")
        if found is MISSING or not isinstance(found, (list, tuple)):
            return None
        return [str(name) for name in found]

    def used(self, item: Definition) -> set[str]:
        """The names in a definition."""
        self.reader.used = set()
        self._block(item, Within(), {item.bound})
        return self.reader.used | {self.declared[n][1] for n in self._used_declared()}

    def _used_declared(self) -> list[str]:
        return sorted(self.declared.keys() & {n.partition(".")[0] for n in self.reader.used})

    def text(self, needed: set[str]) -> str:
        """The stub as text."""
        self.reader.used = set()
        body: list[str] = []
        for _ in range(2):  # an import in a branch stands above what needs it
            body = spaced([self._block(i, Within(), needed) for i in [*self.module.items]])
        declared = [self.declared[name][0] for name in self._used_declared()]
        self.reader.used |= {self.declared[name][1] for name in self._used_declared()}
        # Of a private module, the stub has what is needed.
        is_whole = needed.issuperset(self.module.exported or ())
        exported = self.module.exported if is_whole else None
        varying = {name for i in self.module.find("__all__") for name in self._exported_by(i)}
        aliases = [
            f"{item.bound} = _{item.bound}"
            for item in self.imports()
            if self._is_renamed(item, needed)
        ]
        parts = [
            self._imports(needed),
            _exports(self.module, [n for n in exported if n not in varying]) if exported else [],
            declared + aliases,
            body,
        ]
        lines = [HEADER, *docstring(ast.get_docstring(self.module.tree), "")]
        for part in filter(None, parts):
            lines += ["", *part]
        return "\n".join(lines) + "\n"

    def _block(self, item: Item, within: Within, needed: set[str]) -> list[str]:
        if isinstance(item, Branch):
            return branch_lines(self, item, within, lambda i, w: self._block(i, w, needed))
        if isinstance(item, Imported):
            # Imports stand at the top; those in a branch stay there.
            line = self._import(item, needed) if within.indent else ""
            ignore = ignore_comment({*item.ignored}, _USUAL)
            return [f"{within.indent}{line}  {ignore}".rstrip()] if line else []
        if item.bound == "__all__":
            names = self._exported_by(item)
            if not names or not needed.issuperset(self.module.exported or ()):
                return []
            return wrapped("__all__ += [", [*map(quoted, names)], "]", within.indent)
        return definition_lines(self, item, within) if item.bound in needed else []

    def _exported_by(self, item: Imported | Definition) -> list[str]:
        """What a branch adds to `__all__`."""
        value = item.values[0] if isinstance(item, Definition) else None
        return names_of(value, self.module, self.project.modules) or []

    # --- imports ---

    def _imports(self, needed: set[str]) -> list[str]:
        """The imports that the stub needs or re-exports: plain ones first, sorted."""
        stars = self.module.stars
        found = {
            (
                self._import(i, needed),
                i.statement * bool(i.ignored),
                ignore_comment({*i.ignored}, _USUAL),
            )
            for i in self.imports()
        }
        lines = {f"from {star} import *" for star in stars}
        grouped: defaultdict[tuple[str, int, str], list[str]] = defaultdict(list)
        for line, statement, ignore in sorted(found):
            head, _, name = line.partition(" import ")
            if name.isidentifier() or (name and ignore):
                grouped[head, statement, ignore].append(name)
            elif line:
                lines.add(f"{line}  {ignore}".rstrip())
        for (head, _, ignore), names in grouped.items():
            line = f"{head} import {', '.join(names)}"
            many = [f"{head} import (  {ignore}".rstrip(), *[f"    {name}," for name in names], ")"]
            is_short = len(line) <= WIDTH
            lines.add(f"{line}  {ignore}".rstrip() if is_short else "\n".join(many))
        return sorted(lines, key=lambda line: (line.startswith("from"), line))

    def _import(self, item: Imported, needed: set[str]) -> str:
        """The statement, if it is needed; else an empty string."""
        is_public_name = item.bound in needed or item.name == "*"
        used = {name.partition(".")[0] for name in self.reader.used}
        if not is_public_name and item.bound not in used:
            return ""
        source = _PUBLIC_NAMES.get(item.module, item.module)
        if item.name is None:
            mark = "_" if self._is_renamed(item, needed) else ""
            return f"import {source}" if item.is_plain else f"import {source} as {mark}{item.bound}"
        is_kept = item.name == "*" or (item.name == item.bound and not is_public_name)
        renamed = "" if is_kept else f" as {item.bound}"
        return f"from {source} import {item.name}{renamed}"

    def _is_renamed(self, item: Imported, needed: set[str]) -> bool:
        """Whether it is `import a.b as c`, with a public `c`: no import re-exports that."""
        other = item.name is None and not item.is_plain and not item.as_itself
        return other and item.bound in needed and item.bound not in (self.module.exported or ())


def _passed_on(source: Module, names: list[str]) -> list[Item]:
    """What binds the names that a star imports, in the branches in which its module does."""
    always = {item.bound for item in source.items if not isinstance(item, Branch)}
    varying = {item.bound for item in flat(source.items)} - always
    made = [each for name in names if name not in varying for each in _bound_by(source, name)]
    return [*made, *_in_branches(source, source.items, varying & {*names})]


def _in_branches(source: Module, items: list[Item], names: set[str]) -> list[Item]:
    """The branches of a module, with imports of those of the names that they bind."""
    made: list[Item] = []
    for item in items:
        if isinstance(item, Branch):
            body, orelse = (_in_branches(source, i, names) for i in (item.body, item.orelse))
            made += [Branch(movable(item.test), body, orelse)] if body or orelse else []
        elif item.bound in names:
            made += _bound_by(source, item.bound)
    return made


def _bound_by(source: Module, name: str) -> list[Item]:
    """What binds a name that a star imports: without `__all__`, an import is no re-export."""
    items = [item for item in source.find(name) if isinstance(item, Imported)]
    if items and source.exported is None and not any(item.as_itself for item in items):
        return [replace(item) for item in items]
    return [Imported(name, source.name, name, as_itself=True)]


def _is_extended(module: Module) -> bool:
    """Whether functions, such as a decorator, may add names to `__all__`."""
    if module.exported == []:
        return True
    functions = [node for node in ast.walk(module.tree) if isinstance(node, FUNCTIONS)]
    methods = ("append", "extend", "insert")
    return any(
        isinstance(part, ast.Attribute)
        and part.attr in methods
        and dotted_name(part.value) == "__all__"
        for node in functions
        for part in ast.walk(node)
    )


def _exports(module: Module, names: list[str]) -> list[str]:
    """`__all__`, as a list or a tuple."""
    parts = [part or ast.List([]) for part in module.exports]
    is_tuple = all(isinstance(p, ast.Tuple) or callee_name(p) == "tuple" for p in parts)
    ends = "()" if is_tuple else "[]"
    kind = "" if names else ": list[str]"  # the rest stands in branches
    return wrapped(
        f"__all__{kind} = {ends[0]}",
        [*map(quoted, names), *([""] if is_tuple and len(names) == 1 else [])],
        ends[1],
    )
