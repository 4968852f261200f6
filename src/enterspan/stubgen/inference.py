"""Infers the types of expressions, as a type checker would.

Literals, containers, arithmetic, comparisons, conditional expressions, calls of classes and of
functions with a return annotation, and annotated names in scope. A type is text, as written in the
stub; None if unknown.
"""

import ast
import builtins
import copy
import weakref
from collections.abc import Iterable, Sequence
from typing import Any, Final

from enterspan.stubgen.enumerations import is_member
from enterspan.stubgen.expressions import dotted_name, last_part
from enterspan.stubgen.inherited import is_typed_dict
from enterspan.stubgen.kinds import (
    MOST,
    SIMPLE,
    element_of,
    item_of,
    members,
    union,
    without_none,
)
from enterspan.stubgen.library import ARITY, BUILTIN_CALLS, LIBRARY_CALLS, TEXT_METHODS
from enterspan.stubgen.package import Definition, Function, Imported, callee_name
from enterspan.stubgen.place import Place
from enterspan.stubgen.scope import MISSING, Ancestor, Found, Scope
from enterspan.stubgen.translation import Translation, without_variables

_MODULE: Final = Place()
_NUMBERS: Final = ("bool", "int", "float", "complex")
_NO_PLAIN_CALLS: Final = frozenset(
    {"type", "super", "property", "zip", "map", "filter", "reversed", "staticmethod", "classmethod"}
)
"""Classes for which a call does not determine the whole type."""
_DEPTH: Final = 12
"""The maximum number of definitions to follow."""
_STEPS: Final = 1_000
"""The maximum number of expressions for one: a name that is bound often, by itself, has many."""


class Inference:
    """Infers types for the stub of one module."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._steps = 0

    def union(self, nodes: Iterable[ast.expr | None], place: Place) -> str | None:
        """The union of the types of several values; None if one of them is unknown."""
        return union([self.of(node, place) if node is not None else None for node in nodes])

    def of(self, node: ast.expr, place: Place) -> str | None:
        """The type of an expression."""
        self._steps = self._steps + 1 if place.seen else 0
        if len(place.seen) > _DEPTH or node in place.seen or self._steps > _STEPS:
            return None
        place = Place(place.owner, place.node, place.function, place.first, (*place.seen, node))
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        return method(node, place) if method is not None else None

    # --- literals ---

    def _constant(self, node: ast.Constant, _place: Place) -> str | None:
        if node.value is None:
            return "None"
        return self.builtin(type(node.value).__name__) if isinstance(node.value, SIMPLE) else None

    def _joinedstr(self, _node: ast.JoinedStr, _place: Place) -> str | None:
        return self.builtin("str")

    def _templatestr(self, _node: ast.expr, _place: Place) -> str | None:
        return self._scope.named("string.templatelib", "Template")

    def _list(self, node: ast.List, place: Place) -> str | None:
        return self._container("list", [self._elements(node.elts, place)])

    def _set(self, node: ast.Set, place: Place) -> str | None:
        return self._container("set", [self._elements(node.elts, place)])

    def _tuple(self, node: ast.Tuple, place: Place) -> str | None:
        if any(isinstance(part, ast.Starred) for part in node.elts):
            element = self._elements(node.elts, place)
            return f"{self.builtin('tuple')}[{element}, ...]" if element else None
        parts = [self.of(part, place) or self._scope.incomplete() for part in node.elts]
        return self._container("tuple", parts or ["()"])

    def _dict(self, node: ast.Dict, place: Place) -> str | None:
        if None in node.keys:  # `{**others}`
            return None
        keys = [key for key in node.keys if key is not None]
        return self._container(
            "dict", [self._elements(keys, place), self._elements(node.values, place)]
        )

    def _listcomp(self, node: ast.ListComp, place: Place) -> str | None:
        return self._container("list", [self.of(node.elt, place)])

    def _setcomp(self, node: ast.SetComp, place: Place) -> str | None:
        return self._container("set", [self.of(node.elt, place)])

    def _dictcomp(self, node: ast.DictComp, place: Place) -> str | None:
        return self._container("dict", [self.of(node.key, place), self.of(node.value, place)])

    def _container(self, name: str, parts: Sequence[str | None]) -> str | None:
        given = [part or self._scope.incomplete() for part in parts]
        return f"{self.builtin(name)}[{', '.join(given)}]"

    def _elements(self, nodes: list[ast.expr], place: Place) -> str | None:
        found: list[str] = []
        for node in nodes:
            one = (
                element_of(self.of(node.value, place))
                if isinstance(node, ast.Starred)
                else self.of(node, place)
            )
            if one is None:
                return None
            found.append(one)
        kinds = list(dict.fromkeys(found))
        return "object" if len(kinds) > MOST else union([*kinds]) if kinds else None

    def builtin(self, name: str) -> str:
        """A builtin, or `builtins.name` if the module shadows it."""
        if self._scope.module.find(name):
            self._scope.borrow_module("builtins")
            self._scope.reader.used.add("builtins")
            return f"builtins.{name}"
        return name

    # --- operators ---

    def _compare(self, node: ast.Compare, place: Place) -> str | None:
        certain = (ast.In, ast.NotIn, ast.Is, ast.IsNot)
        sides = [self.of(side, place) for side in (node.left, *node.comparators)]
        known = any(side in (*_NUMBERS, "str", "bytes", "None") for side in sides)
        known |= any((side or "").startswith("tuple[") for side in sides)
        return self.builtin("bool") if known or isinstance(node.ops[0], certain) else None

    def _boolop(self, node: ast.BoolOp, place: Place) -> str | None:
        nodes = [value for value in node.values if not _is_empty(value)] or node.values
        found = [self.of(value, place) for value in nodes]
        if isinstance(node.op, ast.Or):
            last = found[-1:] if nodes[-1] is node.values[-1] else [without_none(found[-1])]
            found = [without_none(kind) for kind in found[:-1]] + last
        return union([kind for kind in found if kind != ""])

    def _ifexp(self, node: ast.IfExp, place: Place) -> str | None:
        is_none: dict[str, str] = {}
        is_other: dict[str, str] = {}
        flipped = False
        for name, holds_for_none in _narrowed(node.test):
            kind = self.of(ast.parse(name, mode="eval").body, place)
            if kind is not None and "None" in members(kind):
                is_none[name], is_other[name] = "None", without_none(kind) or "None"
            flipped = not holds_for_none
        then, other = (is_other, is_none) if flipped else (is_none, is_other)
        body, orelse = self._with(node.body, place, then), self._with(node.orelse, place, other)
        if body and _is_empty(node.orelse):
            return body
        if orelse and _is_empty(node.body):
            return orelse
        return union([body, orelse])

    def _with(self, node: ast.expr, place: Place, known: dict[str, str]) -> str | None:
        """The type of an expression with other types for some names."""
        if not known:
            return self.of(node, place)

        class Known(ast.NodeTransformer):
            def visit(self, node: ast.AST) -> Any:
                kind = known.get(dotted_name(node) or "")
                return self.generic_visit(node) if kind is None else Typed(kind)

        return self.of(Known().visit(copy.deepcopy(node)), place)

    def _unaryop(self, node: ast.UnaryOp, place: Place) -> str | None:
        if isinstance(node.op, ast.Not):
            return self.builtin("bool")
        kind = self.of(node.operand, place)
        return "int" if kind == "bool" else kind if kind in _NUMBERS else None

    def _binop(self, node: ast.BinOp, place: Place) -> str | None:
        left, right = self.of(node.left, place), self.of(node.right, place)
        if left in ("str", "bytes") and isinstance(node.op, ast.Mod):
            return left
        if left is None or right is None:
            return None
        if left in _NUMBERS and right in _NUMBERS:
            return self._arithmetic(node, left, right)
        if (
            left == right
            and isinstance(node.op, ast.Add)
            and (left in ("str", "bytes") or left.startswith("list["))
        ):
            return left
        texts = {left, right} & {"str", "bytes"}
        if isinstance(node.op, ast.Mult) and texts and {left, right} & {"int", "bool"}:
            return texts.pop()
        sets = left.startswith(("set[", "frozenset[")) and isinstance(
            node.op, (ast.BitOr, ast.BitAnd, ast.Sub)
        )
        if sets and left == right:
            return left
        if last_part(left) in ("Path", "PurePath") and isinstance(node.op, ast.Div):
            return left
        return None

    def _arithmetic(self, node: ast.BinOp, left: str, right: str) -> str | None:
        highest = max(_NUMBERS.index(left), _NUMBERS.index(right))
        if isinstance(node.op, (ast.BitOr, ast.BitAnd, ast.BitXor)):
            return _NUMBERS[highest] if highest < 2 else None
        if isinstance(node.op, ast.Pow) and highest < 2:
            is_whole = isinstance(node.right, ast.Constant)
            return "int" if is_whole else None
        if isinstance(node.op, ast.Div):
            return _NUMBERS[max(highest, 2)]
        return _NUMBERS[max(highest, 1)]

    def _namedexpr(self, node: ast.NamedExpr, place: Place) -> str | None:
        return self.of(node.value, place)

    def _subscript(self, node: ast.Subscript, place: Place) -> str | None:
        kind = self.of(node.value, place)
        if kind in ("str", "bytes"):
            return "int" if kind == "bytes" and not isinstance(node.slice, ast.Slice) else kind
        if isinstance(node.slice, ast.Slice):
            return kind if kind and kind.startswith("list[") else None
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            found = self._scope.find(f"{kind}.{node.slice.value}") if kind else None
            if found is not None and found[2] is not None and is_typed_dict(self._scope, found[2]):
                return self._of_definition(found, place)
        return item_of(kind, node.slice)

    def _await(self, node: ast.Await, place: Place) -> str | None:
        call = node.value
        if not isinstance(call, ast.Call):
            return None
        found = self._function_of(call, place)
        return self._returned(*found, is_awaited=True) if found else None

    # --- names ---

    def _typed(self, node: "Typed", _place: Place) -> str | None:
        return node.kind

    def _name(self, node: ast.Name, place: Place) -> str | None:
        if place.function is not None:
            known, kind = self._local(node.id, place)
            if known:
                return kind
        found = self._scope.find(node.id)
        return self._of_definition(found, place) if found else None

    def _local(self, name: str, place: Place) -> tuple[bool, str | None]:
        """Whether a function binds a name, and the type of its value."""
        assert place.function is not None
        arguments = place.function.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for argument in given:
            if argument.arg == name:
                return True, self._parameter(place.function, argument, place)
        rest = ((arguments.vararg, "tuple[{}, ...]"), (arguments.kwarg, "dict[str, {}]"))
        for others, head in rest:
            if others is not None and others.arg == name:
                kind = self._annotation(others.annotation, place)
                if kind and kind.endswith((".args", ".kwargs")):
                    kind = "object"
                return True, None if kind is None else head.format(kind)
        bound = [node for node in ast.walk(place.function) if isinstance(node, ast.Name)]
        stored = [node for node in bound if node.id == name and isinstance(node.ctx, ast.Store)]
        if not stored:
            return False, None
        kinds: list[str | None] = []
        for part in ast.walk(place.function):
            if isinstance(part, ast.AnnAssign) and dotted_name(part.target) == name:
                return True, self._annotation(part.annotation)
            if isinstance(part, ast.Assign):
                kinds += [
                    self.of(part.value, place) for t in part.targets if dotted_name(t) == name
                ]
        return True, union(kinds) if len(kinds) == len(stored) else None

    def _parameter(self, function: Function, argument: ast.arg, place: Place) -> str | None:
        stored = any(
            isinstance(n, ast.Name) and n.id == argument.arg and isinstance(n.ctx, ast.Store)
            for n in ast.walk(function)
        )
        kind = self._annotation(argument.annotation, place)
        if stored and kind and "None" in members(kind):
            return without_none(kind)  # `if x is None: x = ...`
        return kind

    def _annotation(self, node: ast.expr | None, place: Place = _MODULE) -> str | None:
        if node is None:
            return None
        if isinstance(node, ast.Subscript) and last_part(dotted_name(node.value)) in (
            "Final",
            "ClassVar",
        ):
            node = node.slice
        made = self.translated(node, self._scope, is_local=True)
        if made is not None and place.function is not None:
            return without_variables(self._scope, made, place)
        return made

    def _attribute(self, node: ast.Attribute, place: Place) -> str | None:
        dotted = dotted_name(node)
        if dotted is None:
            return self._member(self.of(node.value, place), node.attr, place)
        first, _, rest = dotted.partition(".")
        if first == place.first and place.node is not None and "." not in rest:
            return self._own_attribute(rest, place)
        if place.function is None or not self._local(first, place)[0]:
            found = self._scope.find(dotted)
            if is_member(self._scope, node):
                self._scope.reader.used.add(dotted.rpartition(".")[0])
                return dotted.rpartition(".")[0]
            if found is not None:
                return self._through_class(found, place)
            value = self._scope.imported_value(dotted)
            return self.builtin(type(value).__name__) if type(value) in SIMPLE else None
        return self._member(self.of(node.value, place), node.attr, place)

    def _through_class(self, found: Found, place: Place) -> str | None:
        """The type of a member of a class: a property is not called there."""
        scope, item, owner = found
        kind = self._of_definition(found, place)
        is_in_class = place.node is not None and place.function is None
        if owner is None or is_in_class:  # a property stays one in another class
            return kind
        origins = scope.origins(item.functions[0]) if item.functions else []
        if "builtins.property" in origins:
            return self.builtin("property")
        if "functools.cached_property" in origins and kind:
            return f"{self._scope.named('functools', 'cached_property')}[{kind}]"
        return kind

    def _own_attribute(self, name: str, place: Place) -> str | None:
        """The type of `self.x`, from annotations, the class or a property."""
        assert place.node is not None
        declared = self._declared(place.node)
        for target in (name, f"{place.first}.{name}"):
            if target in declared:
                return self._annotation(declared[target])
        found = self._scope.find(f"{place.owner}.{name}") if place.owner else None
        if found is not None:
            return self._of_definition(found, place)
        for function in place.node.body:
            if (
                isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
                and function.name == "__init__"
            ):
                inner = Place(place.owner, place.node, function, place.first, place.seen)
                values = self._assigned(function).get(f"{place.first}.{name}")
                return self.union(values, inner) if values else None
        return None

    def _declared(self, node: ast.ClassDef) -> dict[str, ast.expr]:
        """The annotations in a class and its methods, by dotted name."""
        known = self._scope.project.declared
        if node not in known:
            found = [part for part in ast.walk(node) if isinstance(part, ast.AnnAssign)]
            named = [(dotted_name(part.target) or "", part.annotation) for part in reversed(found)]
            known[node] = dict(named)
        return known[node]

    def _assigned(self, node: Function) -> dict[str, list[ast.expr]]:
        """The values that a function assigns, by dotted name."""
        known = self._scope.project.assigned
        if node not in known:
            known[node] = {}
            for part in ast.walk(node):
                for target in part.targets if isinstance(part, ast.Assign) else ():
                    known[node].setdefault(dotted_name(target) or "", []).append(part.value)  # type: ignore[attr-defined]
        return known[node]

    def _member(self, kind: str | None, name: str, place: Place) -> str | None:
        """The type of an annotated attribute or a property of an instance of this package."""
        found = (
            self._scope.find(f"{kind}.{name}")
            if kind and kind.replace(".", "").isidentifier()
            else None
        )
        if found is None and kind is not None:
            owner = self._scope.find(kind) if kind.replace(".", "").isidentifier() else None
            node = owner[1].nodes[-1] if owner else None
            if owner and isinstance(node, ast.ClassDef):
                return self._set_by(name, [(owner[0], node), *owner[0].ancestors(node)], place)
        return self._of_definition(found, place) if found else None

    def _set_by(self, name: str, owners: "Iterable[Ancestor]", place: Place) -> str | None:
        """The type of an attribute that the `__init__` of one of several classes sets."""
        for owner in owners:
            if isinstance(owner, type):
                continue
            scope, node = owner
            inner = Place(node.name, node, None, "self", place.seen)
            other = Inference(scope)
            other._steps = self._steps
            kind = other._own_attribute(name, inner)
            self._steps = other._steps
            if kind is not None:
                made = Translation(self._scope, scope, node, is_local=False).of(kind)
                return ast.unparse(made) if made is not None else None
        return None

    def _of_definition(self, found: Found, place: Place) -> str | None:
        scope, item, owner = found
        node = item.nodes[-1]
        if node in place.seen:
            return None
        if isinstance(node, ast.AnnAssign):
            if last_part(dotted_name(node.annotation)) in ("Final", "ClassVar", "TypeAlias"):
                values = [node.value] if node.value is not None else []
            else:
                annotation = node.annotation
                if isinstance(annotation, ast.Subscript) and last_part(
                    dotted_name(annotation.value)
                ) in ("Final", "ClassVar"):
                    annotation = annotation.slice
                return self.translated(annotation, scope)
        elif item.functions:
            is_property = [callee_name(d) for d in item.functions[0].decorator_list]
            known = any(last_part(name) in ("property", "cached_property") for name in is_property)
            return self._returned(scope, item.functions[0], owner) if known else None
        elif item.is_variable and item.values:
            values = [v for v in item.values if v is not None]
            if len(values) != len(item.values):
                return None
        else:
            return None
        if scope is not self._scope and not all(
            isinstance(v, (ast.Constant, ast.JoinedStr)) for v in values
        ):
            return None
        inner = Place("", None, None, "", (*place.seen, node))
        return self.union(values, inner) if values else None

    # --- calls ---

    def _call(self, node: ast.Call, place: Place) -> str | None:
        callee = node.func
        if isinstance(callee, ast.Subscript):  # `dict[str, int]()`
            name = dotted_name(callee.value)
            return self._scope.reader.annotation(callee) if name else None
        name = dotted_name(callee)
        if name is not None and (
            place.function is None or not self._local(name.partition(".")[0], place)[0]
        ):
            known, kind = self._named_call(name, node, place)
            if known:
                return kind
        if isinstance(callee, ast.Attribute):
            receiver = self.of(callee.value, place)
            if receiver in ("str", "bytes") and callee.attr in TEXT_METHODS:
                return TEXT_METHODS[callee.attr].replace("Self", receiver)
        found = self._function_of(node, place)
        return self._returned(*found) if found else None

    def _named_call(self, name: str, node: ast.Call, place: Place) -> tuple[bool, str | None]:
        """Whether a name is resolved, and the type of a call of it."""
        found = self._scope.find(name)
        if found is not None:
            scope, item, owner = found
            inner = item.nodes[-1]
            if isinstance(inner, ast.ClassDef):
                return True, self._instance(name, scope, inner)
            return (
                (True, self._returned(scope, item.functions[-1], owner))
                if item.functions
                else (False, None)
            )
        if not self._scope.module.find(name.partition(".")[0]):
            return self._builtin_call(name, node, place)
        origin = self._scope.origin_of(name)
        if origin in LIBRARY_CALLS:
            return True, self._library(LIBRARY_CALLS[origin])
        if origin == "functools.partial" and node.args:
            made = self.of(ast.Call(node.args[0], [], []), place) or self._scope.incomplete()
            self._scope.reader.used.add(name)
            return True, f"{name}[{made}]"
        if origin == "re.compile" and node.args:
            of = self.of(node.args[0], place)
            return True, f"{self._scope.named('re', 'Pattern')}[{of}]" if of in (
                "str",
                "bytes",
            ) else None
        value = self._scope.imported_value(name)
        if value is MISSING and place.first != name.partition(".")[0]:
            value = self._scope.value(name) if self._is_foreign(name) else MISSING
        return (
            (True, self._instance_of(value, name, origin))
            if isinstance(value, type)
            else (False, None)
        )

    def _is_foreign(self, name: str) -> bool:
        return any(
            isinstance(item, Imported) for item in self._scope.module.find(name.partition(".")[0])
        )

    def _library(self, kind: str) -> str:
        """A type of the standard library, as it is written here."""
        module, _, name = kind.rpartition(".")
        return self._scope.named(module, name) if module else kind

    def _builtin_call(self, name: str, node: ast.Call, place: Place) -> tuple[bool, str | None]:
        if name in BUILTIN_CALLS:
            return True, BUILTIN_CALLS[name]
        one = self.of(node.args[0], place) if len(node.args) == 1 else None
        if name in ("list", "set", "frozenset", "tuple", "sorted") and len(node.args) <= 1:
            head = "list" if name == "sorted" else name
            element = element_of(one) or self._scope.incomplete()
            return True, f"{head}[{element}, ...]" if head == "tuple" else f"{head}[{element}]"
        if name in ("dict", "frozendict"):
            if node.args:
                return True, name + one[4:] if one and one.startswith("dict[") else None
            values = self._elements([k.value for k in node.keywords], place)
            if any(k.arg is None for k in node.keywords):
                return True, None
            key = "str" if node.keywords else self._scope.incomplete()
            return True, f"{name}[{key}, {values or self._scope.incomplete()}]"
        if name in ("abs", "round", "sum", "max", "min"):
            return True, one if name == "abs" and one in _NUMBERS else None
        value = getattr(builtins, name, None)
        plain = isinstance(value, type) and not hasattr(value, "__class_getitem__")
        return (True, name) if plain and name not in _NO_PLAIN_CALLS else (False, None)

    def _instance_of(self, value: type, name: str, origin: str) -> str | None:
        """An instance of a class of another package."""
        if issubclass(value, type):
            return None
        if value is weakref.finalize:  # the first parameter is a ParamSpec
            return f"{name}[..., {self._scope.incomplete()}]"
        count = ARITY.get(origin, ARITY.get(f"{value.__module__}.{value.__qualname__}"))
        if count is None and hasattr(value, "__class_getitem__"):
            parameters = getattr(value, "__parameters__", None)
            if parameters is None:
                return None
            count = len(parameters)
        self._scope.reader.used.add(name)
        given = ", ".join([self._scope.incomplete()] * (count or 0))
        return f"{name}[{given}]" if given else name

    def _instance(self, name: str, scope: Scope, node: ast.ClassDef) -> str | None:
        """An instance of a class of this package."""
        given = ""
        if _is_generic(node) or any(
            not isinstance(a, type) and _is_generic(a[1]) for a in scope.ancestors(node)
        ):
            count = scope.arity(node)
            if not count:
                parameters = getattr(self._scope.value(name), "__parameters__", None)
                if parameters is None:
                    return None
                count = len(parameters)
            given = ", ".join([self._scope.incomplete()] * count)
        self._scope.reader.used.add(name)
        return f"{name}[{given}]" if given else name

    def _function_of(self, node: ast.Call, place: Place) -> "Found | None":
        """The function or method of this package that is called."""
        name = dotted_name(node.func)
        local = (
            place.function is not None and name and self._local(name.partition(".")[0], place)[0]
        )
        if name and place.first and name.startswith(f"{place.first}.") and name.count(".") == 1:
            name, local = f"{place.owner}.{name.partition('.')[2]}", False
        found = self._scope.find(name) if name and not local else None
        if found is None and isinstance(node.func, ast.Attribute):
            kind = self.of(node.func.value, place)
            is_plain = kind and kind.replace(".", "").isidentifier()
            found = self._scope.find(f"{kind}.{node.func.attr}") if is_plain else None
        return found if found and found[1].functions else None

    def _returned(
        self,
        scope: Scope,
        item: Any,
        owner: ast.ClassDef | None = None,
        *,
        is_awaited: bool = False,
    ) -> str | None:
        """The type of a call of a function of this package, from its annotation."""
        functions = item.functions if isinstance(item, Definition) else [item]
        node = functions[-1]
        if len(functions) > 1 and "property" not in map(callee_name, functions[0].decorator_list):
            return None
        if isinstance(node, ast.AsyncFunctionDef) != is_awaited:
            return None
        names = {last_part(callee_name(d)) for d in node.decorator_list if not scope.keeps_type(d)}
        allowed = {
            "property",
            "cached_property",
            "staticmethod",
            "classmethod",
            "wraps",
            "abstractmethod",
        }
        if names - allowed:
            return None
        if node.returns is None:
            return None
        return self.translated(node.returns, scope, owner)

    # --- types that are written in another module ---

    def translated(
        self,
        node: ast.expr,
        scope: Scope,
        owner: ast.ClassDef | None = None,
        *,
        is_local: bool = False,
    ) -> str | None:
        """An annotation of another module with the names of this one; None if impossible.

        Type variables are only kept if the annotation is local.
        """
        text = scope.reader.annotation(node)
        made = Translation(self._scope, scope, owner, is_local).of(text)
        if made is None:
            return None
        new = ast.unparse(made)
        return text if new == ast.unparse(ast.parse(text, mode="eval")) else new


class Typed(ast.expr):
    """Replaces an expression of a known type."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind


def _narrowed(test: ast.expr) -> list[tuple[str, bool]]:
    """The names that a test compares with None, and whether it holds for None."""
    name = dotted_name(test)
    if name is not None:
        return [(name, False)]
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return [(name, not is_none) for name, is_none in _narrowed(test.operand)]
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        name, other = dotted_name(test.left), test.comparators[0]
        is_none = isinstance(other, ast.Constant) and other.value is None
        if name and is_none and isinstance(test.ops[0], (ast.Is, ast.IsNot)):
            return [(name, isinstance(test.ops[0], ast.Is))]
    return []


def _is_generic(node: ast.ClassDef) -> bool:
    parameters = getattr(node, "type_params", [])
    return bool(parameters) or any(isinstance(base, ast.Subscript) for base in node.bases)


def _is_empty(node: ast.expr) -> bool:
    """Whether it is an empty container, which has the type of the other values."""
    if isinstance(node, ast.Dict):
        return not node.keys
    return isinstance(node, (ast.List, ast.Tuple)) and not node.elts
