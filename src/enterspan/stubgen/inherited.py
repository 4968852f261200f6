"""What a class has from its bases: those of the package as written, others as they are."""

import ast
from collections.abc import Iterator

from enterspan.stubgen.package import Definition, flat, items_of, pairs, targets_of
from enterspan.stubgen.scope import Scope


def is_inherited(scope: Scope, node: ast.ClassDef, name: str) -> bool:
    """Whether a base class, other than `object`, has a member of the name."""
    return declares(scope, node, name, abstract=False)


def declares(scope: Scope, node: ast.ClassDef, name: str, *, abstract: bool) -> bool:
    """Whether a base class has such a member, or one that is abstract."""
    for ancestor in scope.ancestors(node):
        if isinstance(ancestor, type):
            if ancestor is not object and _has(ancestor, name, abstract):
                return True
        elif _writes(ancestor[0], ancestor[1], name, abstract):
            return True
    return False


def _has(owner: type, name: str, abstract: bool) -> bool:
    if abstract:
        return name in getattr(owner, "__abstractmethods__", ())
    # Of the names alone: the annotations themselves may name what is not there.
    annotations = vars(owner).get("__annotations__")
    if annotations is None and "__annotate_func__" in vars(owner):  # since Python 3.14
        from annotationlib import Format, get_annotations  # type: ignore[import-not-found]

        annotations = get_annotations(owner, format=Format.FORWARDREF)
    known = annotations if isinstance(annotations, dict) else {}
    return name in vars(owner) or name in known


def _writes(scope: Scope, node: ast.ClassDef, name: str, abstract: bool) -> bool:
    if abstract:
        items = list(flat(items_of(scope.module, node.body)))
        found = [i for i in items if isinstance(i, Definition) and i.bound == name]
        return any(
            "abstract" in ast.dump(d) for i in found for f in i.functions for d in f.decorator_list
        )
    known = scope.project.written
    if node not in known:
        bound = [item.bound for item in flat(items_of(scope.module, node.body))]
        known[node] = frozenset([*bound, *_attributes(node)])
    return name in known[node]


def leaves_abstract(scope: Scope, node: ast.ClassDef) -> bool:
    """Whether a class has abstract members, its own or those of its bases."""
    decided: set[str] = set()
    for ancestor in [(scope, node), *scope.ancestors(node)]:
        if isinstance(ancestor, type):
            abstract = set(getattr(ancestor, "__abstractmethods__", ()))
            names = set(vars(ancestor))
        else:
            names = {item.bound for item in flat(items_of(ancestor[0].module, ancestor[1].body))}
            abstract = {name for name in names - decided if _writes(*ancestor, name, True)}
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
