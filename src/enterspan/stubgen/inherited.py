"""What a class inherits: from bases in the package by source, from others at run time."""

import ast
from collections.abc import Iterator
from typing import Final

from enterspan.stubgen.expressions import dotted_name, last_part
from enterspan.stubgen.package import Definition, Function, flat, pairs, targets_of
from enterspan.stubgen.scope import Scope


def is_inherited(scope: Scope, node: ast.ClassDef, name: str) -> bool:
    """Whether a base class, other than `object`, has a member of the name."""
    return declares(scope, node, name, abstract=False)


OF_OBJECT: Final = frozenset(
    f"__{name}__"
    for name in [
        *("class", "delattr", "dir", "eq", "format", "getattribute", "getstate", "hash", "ne"),
        *("reduce", "reduce_ex", "repr", "setattr", "sizeof", "str"),
    ]
)
"""The members of `object` that checkers compare with what overrides them."""


def may_be_inherited(scope: Scope, node: ast.ClassDef, name: str) -> bool:
    """Whether checkers may know a member of the name: of `object`, or set by another package."""
    others = [a for a in scope.ancestors(node) if isinstance(a, type) and a is not object]
    return name in OF_OBJECT or any(a.__module__ not in ("abc", "typing") for a in others)


def is_overridden(scope: Scope, node: ast.ClassDef, name: str) -> bool:
    """Whether a class in the package that inherits from this one has a member of the name."""
    for other in scope.project.scopes.values():
        for each in other.module.classes:
            above = [a[1] for a in other.ancestors(each) if not isinstance(a, type)]
            if node in above and _writes(other, each, name, abstract=False):
                return True
    return False


def declares(scope: Scope, node: ast.ClassDef, name: str, *, abstract: bool) -> bool:
    """Whether a base class has such a member, or one that is abstract."""
    for ancestor in scope.ancestors(node):
        if isinstance(ancestor, type):
            if ancestor is not object and _has(ancestor, name, abstract):
                return True
        elif _writes(ancestor[0], ancestor[1], name, abstract=abstract):
            return True
    return False


def _has(owner: type, name: str, abstract: bool) -> bool:
    if abstract:
        return name in getattr(owner, "__abstractmethods__", ())
    # Only the names: the annotations may refer to missing names.
    annotations = vars(owner).get("__annotations__")
    if annotations is None and "__annotate_func__" in vars(owner):  # since Python 3.14
        from annotationlib import Format, get_annotations  # type: ignore[import-not-found]

        annotations = get_annotations(owner, format=Format.FORWARDREF)
    known = annotations if isinstance(annotations, dict) else {}
    return name in vars(owner) or name in known


def _writes(scope: Scope, node: ast.ClassDef, name: str, *, abstract: bool) -> bool:
    if abstract:
        return name in abstract_members(scope, node)
    known = scope.project.written
    if node not in known:
        bound = [item.bound for item in flat(scope.module.members(node))]
        known[node] = frozenset([*bound, *_attributes(node)])
    return name in known[node]


def overridden(scope: Scope, node: ast.ClassDef, name: str) -> Iterator[Function]:
    """The methods of base classes in this package that a method overrides."""
    for owner, base in _written(scope, node):
        if not _writes(owner, base, name, abstract=False):
            continue
        items = flat(owner.module.members(base))
        found = [i for i in items if isinstance(i, Definition) and i.bound == name]
        # A decorator may change the signature.
        yield from [f for i in found for f in i.functions if not f.decorator_list]


def overrides_others(scope: Scope, node: ast.ClassDef, name: str) -> bool:
    """Whether a class of another package has a member of the name, which may be of any kind."""
    others = [a for a in scope.ancestors(node) if isinstance(a, type) and a is not object]
    return any(name in vars(other) for other in others)


def may_implement(scope: Scope, node: ast.ClassDef, method: Function) -> bool:
    """Whether a method overrides one of another package that its stub may have as abstract.

    typeshed has abstract methods that only raise NotImplementedError at run time. An override
    without a return annotation is of use only for those.
    """
    others = [a for a in scope.ancestors(node) if isinstance(a, type) and a is not object]
    found = [vars(other)[method.name] for other in others if method.name in vars(other)]
    return any(method.returns is not None or _is_unfinished(member) for member in found)


def _is_unfinished(member: object) -> bool:
    code = getattr(member, "__code__", None)
    return "NotImplementedError" in getattr(code, "co_names", ())


def breaks(node: Function, base: Function) -> bool:
    """Whether the method rejects a call that a base's method accepts, apart from types."""
    own = _formals(node)
    needed = {name for name, _, is_required in own if is_required}
    for name, position, is_required in _formals(base):
        named = next((formal for formal in own if formal[0] == name), None)
        placed = next((f for f in own if f[1] is not None and f[1] == position), None)
        if named is None and node.args.kwarg is not None:
            return position is not None  # mypy takes the name from `**`
        found = named or placed
        if found is None:
            if position is not None and node.args.vararg is not None:
                continue
            return True
        if (position is not None and found[1] != position) or (found[2] and not is_required):
            return True
        needed.discard(found[0])
    lost = [
        getattr(base.args, kind) and not getattr(node.args, kind) for kind in ("vararg", "kwarg")
    ]
    return bool(needed) or any(lost)


def arguments_of(node: Function) -> list[ast.arg]:
    """The parameters with a name of their own."""
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _formals(node: Function) -> list[tuple[str, int | None, bool]]:
    """The parameters after the first: name, position, and whether they are required."""
    placed = [*node.args.posonlyargs, *node.args.args]
    required = len(placed) - len(node.args.defaults)
    found: list[tuple[str, int | None, bool]] = [
        (argument.arg, place, place < required) for place, argument in enumerate(placed)
    ]
    by_name = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return [*found[1:], *[(a.arg, None, default is None) for a, default in by_name]]


def is_transformed(scope: Scope, node: ast.ClassDef) -> bool:
    """Whether a base class or a metaclass has checkers see an `__init__` made from the fields."""
    for owner, written in [(scope, node), *_written(scope, node)]:
        for keyword in written.keywords:
            found = (
                owner.find(dotted_name(keyword.value) or "") if keyword.arg == "metaclass" else None
            )
            meta = found[1].nodes[-1] if found else None
            if found and isinstance(meta, ast.ClassDef) and _transforms(found[0], meta):
                return True
    return any(
        hasattr(ancestor, "__dataclass_transform__")
        or hasattr(type(ancestor), "__dataclass_transform__")
        if isinstance(ancestor, type)
        else _transforms(*ancestor)
        for ancestor in scope.ancestors(node)
    )


def has_hash(scope: Scope, node: ast.ClassDef) -> bool:
    """Whether the objects of a class's bases have a hash."""
    for ancestor in scope.ancestors(node):
        if isinstance(ancestor, type):
            # For classes other than builtins, the stubs of the library don't show that they have
            # none.
            if ancestor is not object and ancestor.__module__ == "builtins":
                return ancestor.__hash__ is not None
            continue
        found = [i for i in flat(ancestor[0].module.members(ancestor[1])) if i.bound == "__hash__"]
        if found:
            return isinstance(found[-1], Definition) and not found[-1].is_variable
    return True


def is_typed_dict(scope: Scope, node: ast.ClassDef) -> bool:
    """Whether a class is a dictionary with the fields that it names."""
    owners = [node, *[owner for _, owner in _written(scope, node)]]
    return any(last_part(dotted_name(base)) == "TypedDict" for o in owners for base in o.bases)


def _written(scope: Scope, node: ast.ClassDef) -> Iterator[tuple[Scope, ast.ClassDef]]:
    for ancestor in scope.ancestors(node):
        if not isinstance(ancestor, type):
            yield ancestor


def _transforms(scope: Scope, node: ast.ClassDef) -> bool:
    return any(last_part(origin) == "dataclass_transform" for origin in scope.origins(node))


def abstract_members(scope: Scope, node: ast.ClassDef) -> frozenset[str]:
    """The names of the abstract members that a class defines."""
    known = scope.project.abstract
    if node not in known:
        items = [i for i in flat(scope.module.members(node)) if isinstance(i, Definition)]
        known[node] = frozenset(
            item.bound
            for item in items
            if any("abstract" in ast.dump(d) for f in item.functions for d in f.decorator_list)
        )
    return known[node]


def leaves_abstract(scope: Scope, node: ast.ClassDef) -> bool:
    """Whether a class has abstract members, its own or those of its bases."""
    decided: set[str] = set()
    for ancestor in [(scope, node), *scope.ancestors(node)]:
        if isinstance(ancestor, type):
            abstract = set(getattr(ancestor, "__abstractmethods__", ()))
            names = set(vars(ancestor))
        else:
            names = {item.bound for item in flat(ancestor[0].module.members(ancestor[1]))}
            abstract = {*abstract_members(*ancestor)}
        if abstract - decided:
            return True
        decided |= names
    return False


def _attributes(node: ast.ClassDef) -> Iterator[str]:
    """The names that methods set on their first parameter."""
    for method in node.body:
        if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = next(iter((*method.args.posonlyargs, *method.args.args)), None)
            for part in ast.walk(method):
                if first is not None and isinstance(part, (ast.Assign, ast.AnnAssign)):
                    found = [p for t in targets_of(part) for p in pairs(t, None)]
                    owners = [dotted.rpartition(".") for dotted, _ in found]
                    yield from [name for owner, _, name in owners if owner == first.arg]
