"""Definitions in a stub: functions, variables and classes.

A class has its bases, its public members, and the attributes that methods set. A private member is
left out unless type checkers need it: a field that `__init__` takes, a member of a protocol, an
abstract method, a class that a public signature names.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from enterspan.stubgen.enumerations import enum_base, makes_values, numbers
from enterspan.stubgen.expressions import docstring, dotted_name, last_part, spaced
from enterspan.stubgen.functions import decorator_lines, function_lines, ignore_comment
from enterspan.stubgen.inference import Inference
from enterspan.stubgen.inherited import declares, is_inherited, is_transformed, leaves_abstract
from enterspan.stubgen.kinds import is_incomplete, members, union
from enterspan.stubgen.package import (
    FUNCTIONS,
    Branch,
    Definition,
    Function,
    Imported,
    Item,
    callee_name,
    pairs,
    targets_of,
    text_of,
    with_next,
)
from enterspan.stubgen.place import Within, place_of
from enterspan.stubgen.scope import Scope
from enterspan.stubgen.variables import listed, variable_lines

_PLAIN_DECORATORS: Final = frozenset(
    {"final", "runtime_checkable", "type_check_only", "deprecated", "unique", "total_ordering"}
)
"""Class decorators that make no `__init__` from the fields."""
_WHOLE: Final = frozenset({"Protocol", "NamedTuple", "TypedDict"})
"""Bases of classes whose private members belong to their interface."""
_VALUES: Final = (ast.Constant, ast.JoinedStr, ast.UnaryOp, ast.Dict, ast.List, ast.Set, ast.Tuple)
"""Expressions that are no types: what is bound to one hides a type of the same name."""
_INFERRED: Final = frozenset(
    {"bool", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object"}
    | {"set", "str", "tuple"}
)
"""Builtins that the stub may name where the source does not."""
_IMPLEMENTING: Final = frozenset({"__test__", "__slots__", "__doc__"})


def definition_lines(scope: Scope, item: Definition, within: Within) -> list[str]:
    """A function, a class or a variable."""
    node = item.nodes[-1]
    if item.functions:
        return function_lines(scope, item.functions, within)
    if isinstance(node, ast.ClassDef):
        return _class_lines(scope, node, within)
    return variable_lines(scope, item, within)


def branch_lines(
    scope: Scope, item: Branch, within: Within, lines_of: Callable[[Item, Within], list[str]]
) -> list[str]:
    """An `if` statement around what `lines_of` gives; no lines where that is nothing."""
    inner = replace(within, indent=within.indent + "    ", varies=True)
    body = [line for i in item.body for line in lines_of(i, inner)]
    orelse = [line for i in item.orelse for line in lines_of(i, inner)]
    if not body and not orelse:
        return []
    head = f"{within.indent}if {scope.reader.value(item.test)}:"
    lines = [head, *(body or [f"{inner.indent}pass"])]
    return [*lines, f"{within.indent}else:", *orelse] if orelse else lines


def _class_lines(scope: Scope, node: ast.ClassDef, within: Within) -> list[str]:
    inner = within.indent + "    "
    bases = [scope.reader.value(base) for base in node.bases if dotted_name(base) != "object"]
    bases += [f"{k.arg}={scope.reader.value(k.value)}" for k in node.keywords if k.arg]
    head = f"{within.indent}class {node.name}{scope.type_parameters(node)}"
    plain = {last_part(base.partition("[")[0]) for base in bases}
    has_metaclass = any(k.arg == "metaclass" for k in node.keywords)
    is_said = has_metaclass or plain & {"ABC", "Protocol"}
    if not is_said and leaves_abstract(scope, node):  # checkers want it said in a stub
        bases.append(f"metaclass={scope.borrow('abc', 'ABCMeta')}")
    head += f"({', '.join(bases)}):" if bases else ":"
    lines_of_head = range(node.lineno, max(node.body[0].lineno, node.lineno + 1))
    codes = (
        scope.module.ignored(*lines_of_head) & {"*", "misc", "type-arg"} if node.bases else set()
    )
    doc = docstring(ast.get_docstring(node), inner)
    members = _Members(scope, node, within.qualified(node.name), inner).render()
    if not doc and not members:
        head += " ..."
    head += f"  {ignore_comment(codes)}" if codes else ""
    blank = [""] if doc and members else []
    return [*decorator_lines(scope, node, within), head, *doc, *blank, *members]


class _Members:
    """Renders the members of one class."""

    def __init__(self, scope: Scope, node: ast.ClassDef, qualified: str, indent: str) -> None:
        self._scope = scope
        self._node = node
        generic = [b.value if isinstance(b, ast.Subscript) else b for b in node.bases]
        names = [dotted_name(base) or "" for base in node.bases]
        self._whole = any(last_part(dotted_name(base)) in _WHOLE for base in generic)
        decorators = [scope.origin_of(callee_name(d)) for d in scope.kept(node, qualified)]
        makes_init = not _PLAIN_DECORATORS.issuperset(map(last_part, decorators))
        fields = makes_init or bool(node.keywords) or any(name != "object" for name in names)
        self._within = Within(qualified, indent, fields, node)
        self._private_fields = self._whole or makes_init
        self._enum = enum_base(scope, node)
        self._makes_values = self._enum and makes_values(scope, node)
        self._is_mixed = self._enum and is_inherited(scope, node, "__add__")
        """Whether its members are numbers or texts as well, and not what they are assigned."""
        self._items = scope.module.members(node)
        self._own = [item for item in self._items if isinstance(item, Definition)]
        self._constants = numbers(scope, node, self._own) if self._enum else {}
        """The values of the members of an enumeration that are integers."""
        self._named: set[str] = set()
        """Private members that a public one names."""
        self._instead = self._shadows()

    @cached_property
    def _is_transformed(self) -> bool:
        return is_transformed(self._scope, self._node)

    def render(self) -> list[str]:
        """All members, repeated until every private one that is named is among them."""
        reader = self._scope.reader
        outside = reader.used
        private = {item.bound for item in self._own if item.bound.startswith("_")}
        while True:
            reader.used = set()
            lines = self._all()
            used = private & {name.partition(".")[0] for name in reader.used}
            if used <= self._named:
                break
            self._named |= used
        reader.used = outside | reader.used
        return lines

    def _all(self) -> list[str]:
        reader = self._scope.reader
        outside, reader.instead = reader.instead, self._instead
        lines = self._blocks()
        reader.instead = outside
        return lines

    def _shadows(self) -> dict[str, str]:
        """What to write for names that are members here and something else around the class."""
        shadowing = [
            item.bound for item in self._own if item.functions or _is_declared(item.nodes[-1])
        ]
        shadowing += [i.bound for i in self._own if i.values and isinstance(i.values[0], _VALUES)]
        shadowing += [s.name for item in self._own for f in item.functions for s in _set_on_self(f)]
        named = {n.id for n in ast.walk(self._node) if isinstance(n, ast.Name)} | _INFERRED
        named |= {
            word
            for n in ast.walk(self._node)
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and len(n.value) < 200
            for word in re.findall(r"\w+", n.value)
        }
        names = [name for name in dict.fromkeys(shadowing) if name in named]
        found = {name: self._scope.instead_of(name) for name in names}
        return {name: other for name, other in found.items() if other is not None}

    def _blocks(self) -> list[str]:
        # `b = a` stays below what it names.
        first = [i for i in self._items if self._stands_first(i)]
        blocks = [self._item(item, self._within) for item in first]
        blocks += self._attributes()
        blocks += [self._item(i, self._within) for i in self._items if not self._stands_first(i)]
        return spaced(blocks)

    @staticmethod
    def _stands_first(item: Item) -> bool:
        return _is_variable(item) and not _is_second_name(item)

    def _item(self, item: Item, within: Within) -> list[str]:
        if isinstance(item, Branch):
            return branch_lines(self._scope, item, within, self._item)
        if isinstance(item, Imported) or not self._is_shown(item):
            return []
        if self._enum and item.is_variable and not isinstance(item.nodes[-1], ast.AnnAssign):
            return [f"{within.indent}{item.bound} = {self._member_value(item)}"]
        return definition_lines(self._scope, item, within)

    def _member_value(self, item: Definition) -> str:
        """The value of a member of an enumeration; `...` where no literal says it."""
        value = item.values[0]
        if self._makes_values:
            return "..."
        number = self._constants.get(item.bound)
        if value is None:
            return "..."
        literal = self._scope.reader.literal(value)
        if self._is_mixed and not isinstance(value, ast.Constant):
            return "..." if number is None else str(number)
        if literal is None and number is not None:
            return str(number)
        if literal is not None or last_part(callee_name(value)) in ("auto", "member", "nonmember"):
            return literal or self._scope.reader.value(value)
        return "..."

    def _is_shown(self, item: Definition) -> bool:
        name = item.bound
        if self._scope.module.is_internal(*item.nodes) or name in _IMPLEMENTING:
            return False
        if is_public(name) or name in self._named:
            return True
        if _is_variable(item):
            return self._private_fields or self._is_transformed
        # Without a member that implements an abstract one, the class were abstract.
        abstract = not name.startswith("__") and declares(
            self._scope, self._node, name, abstract=True
        )
        return self._whole or abstract or _is_abstract(item)

    # --- attributes that methods set ---

    def _attributes(self) -> list[list[str]]:
        """`self.x = ...` in methods, each name once: an annotated one, if there is one."""
        known = {item.bound for item in self._own} | {n for n in dir(object) if n != "__slots__"}
        found: dict[str, list[_Setting]] = {}
        methods = [node for item in self._own for node in item.functions]
        methods.sort(key=lambda node: node.name not in ("__init__", "__new__"))
        for method in methods:
            for setting in _set_on_self(method):
                if setting.name not in known:
                    found.setdefault(setting.name, []).append(setting)
        return [self._attribute(name, settings) for name, settings in found.items()]

    def _attribute(self, name: str, settings: "list[_Setting]") -> list[str]:
        is_shown = is_public(name) or name in self._named
        declared = [s for s in settings if isinstance(s.node, ast.AnnAssign)]
        first = (declared or settings)[0]
        if not is_shown or any(self._scope.module.is_internal(s.node) for s in settings[:1]):
            return []
        annotation = getattr(declared[0].node, "annotation", None) if declared else None
        if annotation is not None and last_part(dotted_name(annotation)) == "Final":
            made = self._inferred(declared[:1])
            kind = listed(self._scope, first.node.lineno, f"{self._within.name}.{name}", made)
            made = f"{self._scope.reader.annotation(annotation)}[{kind}]"
        elif annotation is not None:
            made = self._scope.reader.annotation(annotation)
        elif is_inherited(self._scope, self._node, name):
            return []
        else:
            made = self._inferred(settings)
            qualified = f"{self._within.name}.{name}"
            made = listed(self._scope, first.node.lineno, qualified, made)
        return [f"{self._within.indent}{name}: {made}", *docstring(first.doc, self._within.indent)]

    def _inferred(self, settings: "list[_Setting]") -> str | None:
        """The type of all that is assigned to an attribute."""
        inference = Inference(self._scope)
        kinds = [
            None if s.value is None else inference.of(s.value, place_of(s.method, self._within))
            for s in settings
        ]
        known = [kind for kind in kinds if kind is not None]
        if len(known) < len(kinds) and "None" in [m for kind in known for m in members(kind)]:
            return f"{self._scope.incomplete()} | None"
        whole = [kind for kind in known if not is_incomplete(kind)]
        if len(known) == len(kinds) and whole and len(whole) < len(known):
            heads = {kind.partition("[")[0] for kind in known if is_incomplete(kind)}
            if heads <= {kind.partition("[")[0] for kind in whole}:
                return union(whole)  # `self.x = []` before, a list of something later
        return union(kinds)


@dataclass(frozen=True)
class _Setting:
    """A statement of a method that sets an attribute, and the string below it."""

    name: str
    node: ast.stmt
    value: ast.expr | None
    doc: str | None
    method: Function


def is_public(name: str) -> bool:
    """Whether a name has no leading underscore, or is one that Python defines."""
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _is_variable(item: Item) -> bool:
    return isinstance(item, Definition) and item.is_variable


def _is_declared(node: ast.stmt) -> bool:
    """Whether it is a variable with an annotation, and no alias of a type."""
    is_alias = last_part(dotted_name(getattr(node, "annotation", node))) == "TypeAlias"
    return isinstance(node, ast.AnnAssign) and not is_alias


def _is_second_name(item: Item) -> bool:
    node = item.nodes[-1] if isinstance(item, Definition) else None
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)


def _is_abstract(item: Definition) -> bool:
    return any("abstract" in ast.dump(d) for n in item.functions for d in n.decorator_list)


def _set_on_self(method: Function) -> Iterator[_Setting]:
    """The attributes that a method sets on its first parameter."""
    positional = [*method.args.posonlyargs, *method.args.args]
    if not positional or "staticmethod" in map(dotted_name, method.decorator_list):
        return
    for statement, below in [pair for body in _bodies(method) for pair in with_next(body)]:
        found: list[tuple[str, ast.expr | None]] = []
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            found = [p for t in targets_of(statement) for p in pairs(t, statement.value)]
        elif isinstance(statement, (ast.For, ast.AsyncFor)):
            found = list(pairs(statement.target, None))
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            held = [i.optional_vars for i in statement.items if i.optional_vars is not None]
            found = [pair for target in held for pair in pairs(target, None)]
        for dotted, value in found:
            owner, _, name = dotted.rpartition(".")
            if owner == positional[0].arg:
                yield _Setting(name, statement, value, text_of(below), method)


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in a function, except those of functions inside it."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        body: list[ast.stmt] = getattr(node, name, [])
        yield body
        for child in body:
            if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                yield from _bodies(child)
