"""The scope of a module while its stub is made: names, decorators, defaults, and unknown types.

The source alone does not always show what a decorator does. Decorators of a `Tracing` keep the
signature, and so do decorators that return the function itself: the value in the imported module
shows which. Modules are imported only when such a value is needed; one that can't be imported has
no values.
"""

import ast
import builtins
import contextlib
import importlib
import inspect
import os
import sys
import types
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any, Final, TypeAlias

from enterspan._forms.wrapper import is_traced
from enterspan._tracing import Tracing
from enterspan.stubgen.expressions import Reader, dotted_name, last_part
from enterspan.stubgen.library import BARE
from enterspan.stubgen.package import (
    FUNCTIONS,
    Definition,
    Function,
    Imported,
    Module,
    callee_name,
)
from enterspan.stubgen.problems import place

_KEPT_MODULES: Final = frozenset(
    {"abc", "builtins", "contextlib", "dataclasses", "enum", "functools", "types", "warnings"}
    | {"typing", "typing_extensions"}
)
"""Modules whose decorators type checkers know."""
_LAZY: Final = getattr(types, "LazyImportType", None)
"""The value of a name of `lazy import` until it is used (3.15, PEP 810)."""
_BUILTIN: Final = frozenset({"classmethod", "property", "staticmethod"})
_PARTS: Final = frozenset({"setter", "deleter", "getter", "register"})
_SAME_TYPE: Final = frozenset({"traced", "propagate", "entrypoint"})
"""The methods of a `Tracing` that return a function of the given type."""
_BY_NAME: Final = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
_OWN_FORMS: Final = frozenset(
    {"enterspan.traced", *[f"enterspan.tracing.{name}" for name in _SAME_TYPE]}
)

STANDS_FOR: Final = {"enterspan._model.frozen.frozen": "dataclasses.dataclass(frozen=True)"}
"""Class decorators of this package, and the standard ones that type checkers see instead."""

MAKES_OVERLOADS: Final = "enterspan._forms.arity.by_arity"

MISSING: Final[Any] = object()
"""The value of a name that is unbound or unknown."""

VARIABLES: Final = ("TypeVar", "ParamSpec", "TypeVarTuple")
"""The functions that make type variables."""
IMPLICIT: Final = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
"""Static and class methods without a decorator."""
INFERRED: Final = frozenset(
    {"bool", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object"}
    | {"set", "str", "tuple"}
)
"""Builtins that the stub may use although the source does not."""
_DROPPED: Final = frozenset({"functools.wraps", MAKES_OVERLOADS})
_PUBLIC_MODULES: Final = {"_collections_abc": "collections.abc", "_thread": "threading"}
"""Private modules, and the public ones from which their names are imported."""


class Project:
    """The state shared by the stubs of one package: its modules, unknown types, failed imports."""

    def __init__(self, modules: dict[str, Module]) -> None:
        self.modules = modules
        self.scopes: dict[str, Scope] = {}
        self.unknown: set[tuple[str, int, str]] = set()
        """Paths, lines, and what has no type there."""
        self.written: dict[ast.ClassDef, frozenset[str]] = {}
        """The names of the members of classes, cached."""
        self.abstract: dict[ast.ClassDef, frozenset[str]] = {}
        """The names of the abstract members of classes."""
        self.ancestors: dict[ast.ClassDef, tuple[Ancestor, ...]] = {}
        """The base classes of classes, and theirs."""
        self.declared: dict[ast.ClassDef, dict[str, ast.expr]] = {}
        """The annotations in classes and their methods, by the names of what is annotated."""
        self.assigned: dict[Function, dict[str, list[ast.expr]]] = {}
        """What functions assign, by the names of what is assigned to."""
        self.failed: dict[str, str] = {}
        """The modules that can't be imported, each with the reason."""

    def load(self, name: str) -> ModuleType | None:
        """Import a module; None if that fails."""
        if name in self.failed:
            return None
        try:
            with _undisturbed():
                return importlib.import_module(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            what = str(error).partition("\n")[0]
            self.failed[name] = type(error).__name__ + (f": {what}" if what else "")
            return None


@contextlib.contextmanager
def _undisturbed() -> Generator[None]:
    """Protect the process during an import: the module's output is discarded."""
    folder, process, streams = Path.cwd(), os.getpid(), (sys.stdout, sys.stderr)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as sys.stdout:
            yield
    finally:
        if os.getpid() != process:  # the module forked: only one process continues
            os._exit(0)
        sys.stdout, sys.stderr = streams
        os.chdir(folder)


class Scope:
    """One module while its stub is made."""

    def __init__(self, module: Module, project: Project) -> None:
        self.module = module
        self.project = project
        self.reader: Reader = Reader(module.text)
        self.reader.arguments_of = self.missing_arguments
        self.declared: dict[str, tuple[str, str]] = {}
        """Names that the stub declares and the source does not: the line, and what it names."""
        self.hidden: dict[str, str] = {}
        """Builtin types that the module hides by a function or a value, and their spelling."""
        self._hide()
        self._defined: dict[ast.ClassDef, dict[str, Definition]] = {}
        """What classes define, by name."""
        project.scopes[module.name] = self

    def _hide(self) -> None:
        items = [item for item in self.module.items if isinstance(item, Definition)]
        names = {item.bound for item in items if item.hides_type and not item.is_deleted}
        self.hidden = {name: f"builtins.{name}" for name in sorted(names & INFERRED)}
        if self.hidden:
            self.borrow_module("builtins")
        self.reader.instead = self.hidden

    def unknown(self, line: int, what: str) -> str:
        """Record that something has no type; return the type for the stub."""
        self.project.unknown.add((place(self.module.path), line, what))
        return self.incomplete()

    def incomplete(self) -> str:
        """The type of unknown values, as typeshed writes it."""
        return self.borrow("_typeshed", "Incomplete")

    def borrow(self, module: str, name: str) -> str:
        """Import a name in the stub, unless the source does; return its spelling there."""
        item = next((i for i in self.imports() if i.origin == f"{module}.{name}"), None)
        if item is None:
            bound = f"_{name}" if self.module.find(name) else name
            item = Imported(bound, module, name, as_itself=False, for_checkers=True)
            self.module.items.append(item)
        self.reader.used.add(item.bound)
        return item.bound

    def named(self, module: str, name: str) -> str:
        """The spelling of a module's name in the stub, imported if needed."""
        for item in self.imports():
            if item.name is None and item.origin == module and not item.is_plain:
                self.reader.used.add(item.bound)
                return f"{item.bound}.{name}"
            if item.name is None and item.module == module:
                self.reader.used.add(module)
                return f"{module}.{name}"
        return self.borrow(module, name)

    def borrow_module(self, module: str) -> None:
        """Import a module in the stub, unless the source does."""
        if not any(item.module == module and item.is_plain for item in self.imports()):
            item = Imported(module, module, None, as_itself=False, for_checkers=True)
            self.module.items.append(item)

    def instead_of(self, name: str) -> str | None:
        """The spelling of a module's name or a builtin that a class member shadows."""
        item = next(iter(self.module.find(name)), None)
        if item is None:
            if not hasattr(builtins, name):
                return None
            self.borrow_module("builtins")
            return f"builtins.{name}"
        other = f"_{name}"
        if isinstance(item, Imported) and not item.is_plain:
            if not self.module.find(other):
                made = Imported(other, item.module, item.name, as_itself=False, for_checkers=True)
                self.module.items.append(made)
        else:
            self.declared[other] = f"{other} = {name}", name
        return other

    def imports(self) -> list[Imported]:
        """The imports that hold in every version."""
        return [item for item in self.module.items if isinstance(item, Imported)]

    def type_parameters(self, node: ast.stmt) -> str:
        """`[T: int, *Ts, **P]` of Python 3.12 and later, as it is written."""
        parameters: list[ast.AST] = getattr(node, "type_params", [])
        return f"[{', '.join(map(self.reader.annotation, parameters))}]" if parameters else ""

    def missing_arguments(self, name: str) -> str:
        """`[Any, Any]` for the name of a generic class with two parameters; else empty."""
        found = self.find(name)
        node = found[1].nodes[-1] if found else None
        if found and isinstance(node, ast.ClassDef):
            text = ", ".join(["{0}"] * found[0].arity(node))
        else:
            text = "" if found else BARE.get(self.origin_of(name), "")
        return f"[{text.format(self.named('typing', 'Any'))}]" if text else ""

    def arity(self, node: ast.ClassDef) -> int:
        """The number of type parameters that need an argument; 0 if one is no plain TypeVar."""
        own = getattr(node, "type_params", [])
        if own:
            are_plain = all(type(parameter).__name__ == "TypeVar" for parameter in own)
            return sum(not _default_of(parameter) for parameter in own) if are_plain else 0
        slices = [base.slice for base in node.bases if isinstance(base, ast.Subscript)]
        names = {dotted_name(part) for given in slices for part in ast.walk(given)} - {None}
        makers = {name: self.variable_maker(name or "") for name in names}
        found = [name for name, maker in makers.items() if maker]
        return len(found) if all(makers[name] == "TypeVar" for name in found) else 0

    def variable_maker(self, name: str) -> str:
        """The function that made a type variable without a default; empty for other names."""
        if self.origin_of(name) in ("typing.AnyStr", "typing_extensions.AnyStr"):
            return "TypeVar"
        found = self.find(name)
        call = found[1].values[0] if found and found[1].values else None
        if not isinstance(call, ast.Call) or "default" in [k.arg for k in call.keywords]:
            return ""
        maker = last_part(callee_name(call))
        return maker if maker in VARIABLES else ""

    # --- values ---

    def value(self, dotted: str) -> Any:
        """The value of a dotted name in the imported module; MISSING if unknown."""
        first, *rest = dotted.split(".")
        module = self.project.load(self.module.name)
        names = vars(module) if module is not None else {}
        found = names.get(first, getattr(builtins, first, MISSING))
        if type(found) is _LAZY:
            found = getattr(module, first)
        for part in rest:
            found = member_of(found, part)
        return found

    def imported_value(self, dotted: str) -> Any:
        """The value of a name from another package, without importing this module."""
        found = next((i for i in self.module.find(dotted.partition(".")[0])), None)
        if not isinstance(found, Imported) or found.module.partition(".")[0] in self._own_roots():
            return MISSING
        names = self.origin_of(dotted).split(".")
        for count in range(len(names) - 1, 0, -1):
            name = ".".join(names[:count])
            module = sys.modules.get(name) or _standard_module(name)
            if module is not None:
                value: Any = module
                for part in names[count:]:
                    value = member_of(value, part)
                return value
        return MISSING

    def is_module(self, dotted: str) -> bool:
        """Whether an imported name is a module, as far as is known without importing it."""
        item = next(iter(self.module.find(dotted.partition(".")[0])), None)
        if not isinstance(item, Imported):
            return False
        origin = self.origin_of(dotted)
        is_imported = item.name is None and item.bound == dotted
        return is_imported or origin in self.project.modules or origin in sys.modules

    def _own_roots(self) -> set[str]:
        return {name.partition(".")[0] for name in self.project.modules}

    def name_of(self, value: type) -> str | None:
        """The spelling of a class in the stub; None if it has no public name."""
        module = _PUBLIC_MODULES.get(value.__module__, value.__module__)
        name = value.__qualname__
        if not all(part.isidentifier() and not part.startswith("_") for part in name.split(".")):
            return None
        first, dot, rest = name.partition(".")
        if module == "builtins":
            return None if self.module.find(name) else self._used(name)
        if module == self.module.name:
            return self._used(name) if self.module.find(first) else None
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = member_of(found, part)
        if found is not value or any(part.startswith("_") for part in module.split(".")):
            return None
        return self.named(module, first) + dot + rest

    def _used(self, name: str) -> str:
        self.reader.used.add(name)
        return name

    # --- names of the package ---

    def find(self, dotted: str, depth: int = 20) -> "Found | None":
        """The definition of a dotted name in this package; for a member, with its class."""
        first, *rest = dotted.split(".")
        item = next(iter(self.module.find(first)), None)
        if isinstance(item, Imported):
            names = [*item.origin.split("."), *rest]
            for count in range(len(names) - 1, 0, -1):
                scope = self.project.scopes.get(".".join(names[:count]))
                if scope is not None:
                    return scope.find(".".join(names[count:]), depth - 1) if depth else None
            return None
        if item is None:
            return None
        return (self, item, None) if not rest else self._find_member(item, rest)

    def _find_member(self, item: Definition, rest: list[str]) -> "Found | None":
        node = item.nodes[-1]
        if not isinstance(node, ast.ClassDef):
            return None
        if node not in self._defined:
            items = [i for i in self.module.members(node) if isinstance(i, Definition)]
            self._defined[node] = {item.bound: item for item in reversed(items)}
        inner = self._defined[node].get(rest[0])
        if inner is None:
            return None
        return (self, inner, node) if len(rest) == 1 else self._find_member(inner, rest[1:])

    def ancestors(self, node: ast.ClassDef) -> "Sequence[Ancestor]":
        """The base classes of a class: those of this package as written, others as they are."""
        known = self.project.ancestors
        if node not in known:
            known[node] = ()  # for a class that inherits from itself
            known[node] = (*dict.fromkeys(self._ancestors(node)),)
        return known[node]

    def _ancestors(self, node: ast.ClassDef) -> "Iterator[Ancestor]":
        for base in node.bases:
            name = dotted_name(base.value if isinstance(base, ast.Subscript) else base)
            found = self.find(name) if name else None
            if found is not None:
                scope, item, _ = found
                inner = item.nodes[-1]
                if isinstance(inner, ast.ClassDef) and inner is not node:
                    yield scope, inner
                    yield from scope.ancestors(inner)
                    continue
            value = self._foreign(name) if name and name != "object" else MISSING
            if last_part(name) == "NamedTuple":
                value = tuple
            value = getattr(value, "__origin__", value)  # `typing.Mapping`
            if isinstance(value, type):
                yield from value.__mro__

    def _foreign(self, name: str) -> Any:
        value = self.imported_value(name)
        if value is MISSING and not self.module.find(name.partition(".")[0]):
            value = getattr(builtins, name, MISSING)
        return self.value(name) if value is MISSING else value

    # --- decorators ---

    def origin_of(self, name: str) -> str:
        """The full name behind a dotted name, resolved through imports."""
        first, dot, rest = name.partition(".")
        item = next(iter(self.module.find(first)), None)
        if item is None:
            return f"builtins.{name}" if name in _BUILTIN else self._starred(first) + dot + rest
        origin = item.origin if isinstance(item, Imported) else f"{self.module.name}.{first}"
        return f"{origin}{dot}{rest}"

    def _starred(self, name: str) -> str:
        """The full name that `from x import *` of the standard library binds to a name."""
        for star in self.module.stars:
            if name in getattr(_standard_module(star), "__all__", ()):
                return f"{star}.{name}"
        return name

    def origins(self, node: Function | ast.ClassDef) -> list[str]:
        """The full names of the decorators of a definition."""
        return [self.origin_of(callee_name(d)) for d in node.decorator_list]

    def kept(self, node: Function | ast.ClassDef, qualified: str) -> list[ast.expr]:
        """The decorators that type checkers need."""
        return [d for d in node.decorator_list if self._is_kept(d, node, qualified)]

    def _is_kept(self, decorator: ast.expr, node: Function | ast.ClassDef, qualified: str) -> bool:
        name = callee_name(decorator)
        origin = self.origin_of(name)
        if origin in _DROPPED:
            return False
        owner, _, part = name.rpartition(".")
        if self._is_known(decorator) or (owner and part in _PARTS):
            return True
        if self.keeps_type(decorator):
            return False
        if isinstance(node, FUNCTIONS):
            if self.is_undecorated(qualified, node):
                return False
            return self.added_by(decorator, node, qualified) is None
        return bool(name) and not self._is_left_alone(name, qualified)

    def is_typed(self, decorator: ast.expr) -> bool:
        """Whether checkers know the type that a decorator returns."""
        found = self.find(callee_name(decorator))
        is_written = found is not None and any(f.returns is not None for f in found[1].functions)
        return is_written or self._is_known(decorator) or self.keeps_type(decorator)

    def _is_known(self, decorator: ast.expr) -> bool:
        origin = self.origin_of(callee_name(decorator))
        return origin in STANDS_FOR or origin.partition(".")[0] in _KEPT_MODULES

    def keeps_type(self, decorator: ast.expr) -> bool:
        """Whether a decorator is one of a `Tracing`."""
        name = callee_name(decorator)
        if not name:
            return False
        if self._is_form(name):
            return True
        value = self.value(name)
        if isinstance(value, MethodType):
            return isinstance(value.__self__, Tracing) and value.__name__ in _SAME_TYPE
        # Bound to another name: `slow = traced(min_duration=1)`.
        return isinstance(value, FunctionType) and value.__module__ == Tracing.__module__

    def _is_form(self, name: str) -> bool:
        """Whether the source shows that a name is `traced`, or the result of calling it."""
        if self.origin_of(name) in _OWN_FORMS:
            return True
        found = self.find(name)
        value = found[1].values[0] if found and len(found[1].values) == 1 else None
        if found and isinstance(value, ast.Call) and callee_name(value) not in ("", name):
            return found[0]._is_form(callee_name(value))
        owner, _, form = name.rpartition(".")
        made = self.find(owner) if owner and form in _SAME_TYPE else None
        call = made[1].values[0] if made and len(made[1].values) == 1 else None
        return bool(made and call) and made[0].origin_of(callee_name(call)) == "enterspan.Tracing"  # type: ignore[index,arg-type]

    def _is_left_alone(self, decorator: str, qualified: str) -> bool:
        """Whether a decorator of this package returned the class, and makes no `__init__`."""
        found = self.find(decorator)
        if found is None or not found[1].functions:
            return False
        scope, item, _ = found
        makes = [d for f in item.functions for d in f.decorator_list]
        if any("dataclass_transform" in scope.origin_of(callee_name(d)) for d in makes):
            return False
        value = self.value(qualified)
        same = isinstance(value, type) and value.__qualname__ == qualified
        return (
            same
            and not hasattr(value, "__dataclass_fields__")
            and not hasattr(value, "__attrs_attrs__")
        )

    def is_undecorated(self, qualified: str, node: Function) -> bool:
        """Whether the value of a name, without wrappers, is the function defined there."""
        value = unwrapped(self.value(qualified))
        if not isinstance(value, FunctionType):
            return False
        code = value.__code__
        first = min([node.lineno, *[d.lineno for d in node.decorator_list]])
        same_file = os.path.realpath(code.co_filename) == os.path.realpath(self.module.path)
        return same_file and first <= code.co_firstlineno <= node.lineno

    def added_by(
        self, decorator: ast.expr, node: Function, qualified: str
    ) -> list[inspect.Parameter] | None:
        """The parameters that a decorator without annotations adds to those of a function.

        Returns None if it has annotations, or does not keep the written parameters.

        With the decorator in the stub, the function would be untyped for checkers.
        """
        if not self.is_untyped(decorator):
            return None
        value = self.value(qualified)
        bound = {"builtins.classmethod", "builtins.staticmethod"} & {*self.origins(node)}
        is_bound = isinstance(value, (classmethod, staticmethod))
        if is_bound != (bool(bound) or ("." in qualified and node.name in IMPLICIT)):
            return None
        value = value.__func__ if is_bound else value
        if not callable(value) or inspect.iscoroutinefunction(value) != isinstance(
            node, ast.AsyncFunctionDef
        ):
            return None
        try:
            running = [*inspect.signature(value).parameters.values()]
        except (TypeError, ValueError):
            return None
        written = _parameters(node)
        added = running[len(written) :]
        kept = [(p.name, p.kind) for p in running[: len(written)]] == written
        is_open = node.args.kwarg is None or any(p.kind is p.VAR_KEYWORD for p in added)
        return added if kept and is_open and all(p.kind in _BY_NAME for p in added) else None

    def is_untyped(self, decorator: ast.expr) -> bool:
        """Whether a decorator of this package has no return type in the source."""
        name = callee_name(decorator)
        found = self.find(name) if name else None
        node = found[1].nodes[-1] if found else None
        if isinstance(node, ast.ClassDef):
            node = next((s for s in node.body if getattr(s, "name", "") == "__new__"), None)
        return isinstance(node, FUNCTIONS) and node.returns is None

    # --- default values ---

    def default(self, node: ast.expr) -> str:
        """A default value as written, or `...` if its text is meaningless elsewhere."""
        name = dotted_name(node)
        if name is None:
            return self.reader.literal(node) or "..."
        first, *rest = name.split(".")
        found = list(self._bindings(self.module, first))
        for module, binding in found if not rest else ():
            if isinstance(binding, (ast.Assign, ast.AnnAssign)) and binding.value is not None:
                return Reader(module.text).literal(binding.value) or "..."
        # Readers of the stub know a builtin, a class, and a name of another package.
        is_public = not any(part.startswith("_") for part in (first, *rest))
        is_bound = bool(self.module.find(first)) or hasattr(builtins, first)
        are_classes = all(isinstance(binding, ast.ClassDef) for _, binding in found)
        shown = is_public and is_bound and are_classes
        return self.reader.annotation(node) if shown else "..."

    def _bindings(self, module: Module, name: str) -> Iterator[tuple[Module, ast.AST]]:
        """The bindings of a name in this package, here or where it is imported from."""
        modules = self.project.modules
        for item in module.find(name):
            if isinstance(item, Definition):
                yield module, item.nodes[-1]
            elif item.module in modules and item.name is None:
                yield module, module.tree
            elif item.module in modules and item.module != module.name:
                yield from self._bindings(modules[item.module], item.name or "")


def _default_of(parameter: ast.AST) -> Any:
    return getattr(parameter, "default_value", None)


def _parameters(node: Function) -> list[tuple[str, Any]]:
    """The names and kinds of parameters other than `**`, in the order of `inspect.signature`."""
    arguments, kinds = node.args, inspect.Parameter
    found: list[tuple[str, Any]] = [(a.arg, kinds.POSITIONAL_ONLY) for a in arguments.posonlyargs]
    found += [(a.arg, kinds.POSITIONAL_OR_KEYWORD) for a in arguments.args]
    found += [(a.arg, kinds.VAR_POSITIONAL) for a in filter(None, [arguments.vararg])]
    return found + [(a.arg, kinds.KEYWORD_ONLY) for a in arguments.kwonlyargs]


def _standard_module(name: str) -> ModuleType | None:
    """A module of the standard library; None if there is none of the name."""
    if name.partition(".")[0] not in sys.stdlib_module_names:
        return None
    try:
        return importlib.import_module(name)
    except Exception:
        return None


def member_of(owner: Any, name: str) -> Any:
    """The unbound member of a class, or an attribute of another object."""
    if isinstance(owner, type) or hasattr(type(owner), "__getattr__"):
        return inspect.getattr_static(owner, name, MISSING)
    try:
        return getattr(owner, name, MISSING)
    except Exception:
        return MISSING


def unwrapped(value: Any) -> Any:
    """The function inside wrappers, a classmethod or a staticmethod."""
    ours = is_traced(value) or type(value).__module__.startswith("enterspan.")
    if not ours and not isinstance(value, (classmethod, staticmethod)):
        return value
    inner = getattr(value, "__wrapped__", MISSING)
    return value if inner is MISSING else unwrapped(inner)


Ancestor: TypeAlias = tuple[Scope, ast.ClassDef] | type
Found: TypeAlias = tuple[Scope, Definition, ast.ClassDef | None]
