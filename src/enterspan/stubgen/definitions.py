"""Definitions in a stub: functions, variables and classes.

A class has its bases, its public members, and the attributes that methods set. A private member is
left out unless type checkers need it: a field that `__init__` takes, a member of a protocol, an
abstract method, a class that a public signature names.
"""

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from enterspan.stubgen.enumerations import enum_base, ignored, makes_values, numbers
from enterspan.stubgen.expressions import docstring, dotted_name, last_part, spaced
from enterspan.stubgen.functions import decorator_lines, function_lines, ignore_comment
from enterspan.stubgen.inference import Inference
from enterspan.stubgen.inherited import (
    abstract_members,
    declares,
    is_inherited,
    is_transformed,
    is_typed_dict,
    leaves_abstract,
    may_implement,
)
from enterspan.stubgen.kinds import is_incomplete, members, union
from enterspan.stubgen.package import (
    FUNCTIONS,
    Branch,
    Definition,
    Function,
    Imported,
    Item,
    callee_name,
    flat,
    pairs,
    targets_of,
    text_of,
    with_next,
)
from enterspan.stubgen.place import Within, place_of
from enterspan.stubgen.scope import INFERRED, STANDS_FOR, Scope
from enterspan.stubgen.translation import without_variables
from enterspan.stubgen.variables import listed, overriding_comment, variable_lines

_PLAIN_DECORATORS: Final = frozenset(
    {"final", "runtime_checkable", "type_check_only", "deprecated", "unique", "total_ordering"}
)
"""Class decorators that don't make an `__init__` from the fields."""
_FIELDS: Final = frozenset({"__dataclass_fields__", "__attrs_attrs__"})
"""What a class has whose `__init__` was made from its fields."""
_WHOLE: Final = frozenset({"Protocol", "NamedTuple"})
"""Bases of classes whose private members are part of their interface."""
_ALL_MARKED: Final = frozenset({"s", "attrs", "attributes"})
"""Decorators of attrs that take no annotated name for a field without `auto_attribs=True`."""
_OF_ANY_OBJECT: Final = frozenset({"__annotations__", "__dict__", "__module__"})
"""Attributes of objects that have a type for checkers."""
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
    """An `if` statement around the result of `lines_of`; no lines if that is empty."""
    inner = replace(within, indent=within.indent + "    ", varies=True)
    body = [line for i in item.body for line in lines_of(i, inner)]
    is_elif = len(item.orelse) == 1 and isinstance(item.orelse[0], Branch)
    orelse = [line for i in item.orelse for line in lines_of(i, within if is_elif else inner)]
    if not body and not orelse:
        return []
    scope.borrow_module("sys")  # the condition may come from another module
    head = f"{within.indent}if {scope.reader.value(item.test)}:"
    lines = [head, *(body or [f"{inner.indent}pass"])]
    if is_elif and orelse:
        return [*lines, f"{within.indent}el{orelse[0].lstrip()}", *orelse[1:]]
    return [*lines, f"{within.indent}else:", *orelse] if orelse else lines


def _class_lines(scope: Scope, node: ast.ClassDef, within: Within) -> list[str]:
    if not _has_constants(scope, node):
        return _one_class(scope, node, within)
    fields, rest = copy.copy(node), copy.copy(node)
    fields.name = f"_{node.name}Fields"
    while scope.module.find(fields.name):
        fields.name += "_"
    fields.decorator_list = []
    text = node.body[:1] if ast.get_docstring(node) else []
    fields.body = [s for s in node.body[len(text) :] if isinstance(s, (ast.AnnAssign, ast.Expr))]
    rest.body = [s for s in node.body if s in text or s not in fields.body]
    given = [base.slice for base in node.bases if isinstance(base, ast.Subscript)]
    parameters = [p.name for p in getattr(node, "type_params", [])] or map(ast.unparse, given)
    base = f"{fields.name}[{', '.join(parameters)}]".replace("[]", "")
    rest.bases = [ast.Name(base)]
    scope.project.ancestors[rest] = (*scope.ancestors(node),)
    return [*_one_class(scope, fields, within), "", *_one_class(scope, rest, within)]


def _has_constants(scope: Scope, node: ast.ClassDef) -> bool:
    """Whether it is a NamedTuple with variables that are no fields.

    Checkers take every variable in its body for one, so the fields stand in a base class.
    """
    items = [i for i in flat(scope.module.members(node)) if isinstance(i, Definition)]
    bare = [i.bound for i in items if i.is_variable and not i.is_declared]
    is_named_tuple = "NamedTuple" in [last_part(dotted_name(base)) for base in node.bases]
    return is_named_tuple and any(is_public(n) and n not in _IMPLEMENTING for n in bare)


def _one_class(scope: Scope, node: ast.ClassDef, within: Within) -> list[str]:
    inner = within.indent + "    "
    bases = [_base(scope, base) for base in node.bases if dotted_name(base) != "object"]
    bases += [f"{k.arg}={scope.reader.value(k.value)}" for k in node.keywords if k.arg]
    head = f"{within.indent}class {node.name}{scope.type_parameters(node)}"
    plain = {last_part(base.partition("[")[0]) for base in bases}
    has_metaclass = any(k.arg == "metaclass" for k in node.keywords)
    # mypy requires it in a stub, unless an abstract member stands below it.
    is_said = has_metaclass or "Protocol" in plain or abstract_members(scope, node)
    if not is_said and leaves_abstract(scope, node):
        bases.append(f"metaclass={scope.borrow('abc', 'ABCMeta')}")
    head += f"({', '.join(bases)}):" if bases else ":"
    lines_of_head = range(node.lineno, max(node.body[0].lineno, node.lineno + 1))
    codes = (
        scope.module.ignored(*lines_of_head) & {"*", "misc", "type-arg"} if node.bases else set()
    )
    doc = docstring(ast.get_docstring(node), inner)
    rendered = _Members(scope, node, within.qualified(node.name), inner)
    members = rendered.render()
    if rendered.is_base_of_enumerations():  # mypy suspects that its members are written wrongly
        codes |= {"misc", "unused-ignore"}
    if not doc and not members:
        head += " ..."
    head += f"  {ignore_comment(codes, ('misc', 'type-arg'))}" if codes else ""
    blank = [""] if doc and members else []
    return [*decorator_lines(scope, node, within), head, *doc, *blank, *members]


def _base(scope: Scope, node: ast.expr) -> str:
    """A base class, with its arguments if it is generic; `type` makes a metaclass."""
    name = dotted_name(node)
    text = scope.reader.value(node)
    return text + scope.missing_arguments(name) if name and name != "type" else text


class _Members:
    """Renders the members of one class."""

    def __init__(self, scope: Scope, node: ast.ClassDef, qualified: str, indent: str) -> None:
        self._scope = scope
        self._node = node
        generic = [b.value if isinstance(b, ast.Subscript) else b for b in node.bases]
        names = [dotted_name(base) or "" for base in node.bases]
        self._whole = any(last_part(dotted_name(base)) in _WHOLE for base in generic)
        self._whole |= is_typed_dict(scope, node)
        decorators = [scope.origin_of(callee_name(d)) for d in scope.kept(node, qualified)]
        makes_init = not _PLAIN_DECORATORS.issuperset(map(last_part, decorators))
        fields = makes_init or bool(node.keywords) or any(name != "object" for name in names)
        self._private_fields = self._whole or makes_init
        self._enum = enum_base(scope, node)
        self._makes_values = self._enum and makes_values(scope, node)
        self._is_mixed = self._enum and is_inherited(scope, node, "__add__")
        """Whether its members have a mixed-in type, and not the assigned values."""
        self._items = scope.module.members(node)
        self._own = [item for item in self._items if isinstance(item, Definition)]
        self._constants = numbers(scope, node, self._own) if self._enum else {}
        """The values of the members of an enumeration that are integers."""
        self._methods = {item.bound for item in self._own if item.functions}
        self._ignored = ignored(self._own) if self._enum else set[str]()
        self._named: set[str] = set()
        """Private members that public ones refer to."""
        # The class itself is imported only where the answer matters.
        is_bare = any(item.is_variable and not item.is_declared for item in self._own)
        is_record = (
            is_bare
            and not self._enum
            and ((makes_init and _has_fields(scope, qualified, decorators)) or self._is_transformed)
        )
        self._within = Within(qualified, indent, fields, node, is_record)
        self._instead = self._shadows()

    @cached_property
    def _is_transformed(self) -> bool:
        return is_transformed(self._scope, self._node)

    def render(self) -> list[str]:
        """All members, repeated until all referenced private ones are included."""
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

    def is_base_of_enumerations(self) -> bool:
        """Whether it is an enumeration without members."""
        own = [i for i in flat(self._items) if isinstance(i, Definition) and i.is_variable]
        return self._enum and not any(self._is_shown(i) and self._is_member(i) for i in own)

    def _all(self) -> list[str]:
        reader = self._scope.reader
        outside, reader.instead = reader.instead, self._instead
        lines = self._blocks()
        reader.instead = outside
        return lines

    def _shadows(self) -> dict[str, str]:
        """The spelling of names that are members here and have another meaning outside."""
        shadowing = [item.bound for item in self._own if item.hides_type]
        shadowing += [s.name for item in self._own for f in item.functions for s in _set_on_self(f)]
        named = {n.id for n in ast.walk(self._node) if isinstance(n, ast.Name)} | INFERRED
        named |= {
            word
            for n in ast.walk(self._node)
            if isinstance(n, ast.Constant) and isinstance(n.value, str) and len(n.value) < 200
            for word in re.findall(r"\w+", n.value)
        }
        hidden = self._scope.hidden
        names = [n for n in dict.fromkeys(shadowing) if n in named and n not in hidden]
        found = {name: self._scope.instead_of(name) for name in names}
        return hidden | {name: other for name, other in found.items() if other is not None}

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
        if self._enum and item.is_variable and self._is_member(item):
            return [f"{within.indent}{item.bound} = {self._member_value(item)}"]
        if self._enum and item.bound == "__new__" and item.functions:
            item = self._lookup(item.functions[-1])
        return definition_lines(self._scope, item, within)

    def _lookup(self, node: Function) -> Definition:
        """The `__new__` of a finished enumeration, which looks a member up."""
        made = copy.deepcopy(node)
        value = ast.arg("value", ast.Name("object"))
        made.args = ast.arguments([], [*made.args.args[:1], value], None, [], [], None, [])
        return Definition("__new__", [made])

    def _is_member(self, item: Definition) -> bool:
        """Whether a variable of an enumeration is one of its members."""
        value = item.values[0]
        is_method = isinstance(value, ast.Name) and value.id in self._methods
        is_descriptor = isinstance(value, ast.Lambda) or is_method
        is_special = item.bound.startswith("__") and item.bound.endswith("__")
        is_declared = isinstance(item.nodes[-1], ast.AnnAssign)
        return not (is_descriptor or is_special or is_declared)

    def _member_value(self, item: Definition) -> str:
        """The value of a member of an enumeration; `...` if it is not literal."""
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
        if self._scope.module.is_internal(*item.nodes) or name in _IMPLEMENTING or item.is_deleted:
            return False
        if self._enum and (name == "_value_" or name in self._ignored):
            return name == "_value_"
        if self._enum and item.is_variable and not name.endswith("_") and self._is_member(item):
            return True  # private members, too: checkers reject an enumeration without any
        if is_public(name) or name in self._named:
            return True
        if _is_variable(item):
            return self._private_fields or self._is_transformed
        # Without a member that implements an abstract one, the class would be abstract.
        implements = not name.startswith("__") and (
            declares(self._scope, self._node, name, abstract=True)
            or any(may_implement(self._scope, self._node, f) for f in item.functions)
        )
        return self._whole or implements or _is_abstract(item)

    # --- attributes that methods set ---

    def _attributes(self) -> list[list[str]]:
        """`self.x = ...` in methods, each name once: an annotated one, if there is one."""
        known = {item.bound for item in self._own} | {*dir(object), *_OF_ANY_OBJECT}
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
            written = self._scope.reader.whole(annotation)
            place = place_of(declared[0].method, self._within)
            made = without_variables(self._scope, written, place)
            if made != written:
                listed(self._scope, first.node.lineno, f"{self._within.name}.{name}", made)
        elif is_inherited(self._scope, self._node, name):
            return []
        else:
            made = self._inferred(settings)
            qualified = f"{self._within.name}.{name}"
            made = listed(self._scope, first.node.lineno, qualified, made)
        line = f"{self._within.indent}{name}: {made}{self._no_parameter()}"
        line += overriding_comment(self._scope, self._within, name, first.node)
        return [line, *docstring(first.doc, self._within.indent)]

    def _no_parameter(self) -> str:
        """A default that excludes an annotated name from a generated `__init__`."""
        is_written = any(item.bound == "__init__" for item in self._own)
        for decorator in [] if is_written else self._node.decorator_list:
            origin = self._scope.origin_of(callee_name(decorator))
            origin = STANDS_FOR.get(origin, origin)
            if origin.startswith("dataclasses.dataclass"):
                return f" = {self._scope.borrow('dataclasses', 'field')}(init=False)"
            package, _, name = origin.partition(".")
            given = getattr(decorator, "keywords", [])
            if package in ("attr", "attrs") and (
                name not in _ALL_MARKED or any(k.arg == "auto_attribs" for k in given)
            ):
                return f" = {self._scope.borrow('attrs', 'field')}(init=False)"
        return ""

    def _inferred(self, settings: "list[_Setting]") -> str | None:
        """The union of the types assigned to an attribute."""
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
    """Whether a name has no leading underscore, or is special to Python."""
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _is_variable(item: Item) -> bool:
    return isinstance(item, Definition) and item.is_variable


def _has_fields(scope: Scope, qualified: str, decorators: list[str]) -> bool:
    """Whether a decorator makes an `__init__` of the annotated variables of a class."""
    for origin in decorators:
        package = STANDS_FOR.get(origin, origin).partition(".")[0]
        if package in ("dataclasses", "attr", "attrs"):
            return True
    value = scope.value(qualified)
    return isinstance(value, type) and not _FIELDS.isdisjoint(vars(value))


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
