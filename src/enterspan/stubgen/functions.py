"""Functions in a stub: the signature as it is written and the docstring, without a body."""

import ast
import copy
import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from enterspan.stubgen.expressions import docstring, dotted_name, last_part, wrapped
from enterspan.stubgen.inference import Inference
from enterspan.stubgen.inherited import (
    arguments_of,
    breaks,
    is_inherited,
    is_overridden,
    may_be_inherited,
    overridden,
    overrides_others,
)
from enterspan.stubgen.kinds import is_incomplete, members, union
from enterspan.stubgen.package import (
    FUNCTIONS,
    Definition,
    Function,
    callee_name,
    flat,
)
from enterspan.stubgen.place import Within, place_of
from enterspan.stubgen.scope import IMPLICIT, MAKES_OVERLOADS, STANDS_FOR, Scope

_NONE: Final = frozenset({"__init__", "__init_subclass__", "__set_name__", "__post_init__"})
"""Methods that return None, with or without an annotation."""
_SPECIAL: Final = {
    **dict.fromkeys(("__str__", "__repr__", "__format__"), "str"),
    **dict.fromkeys(("__len__", "__hash__", "__index__", "__int__", "__sizeof__"), "int"),
    **dict.fromkeys(("__bool__", "__contains__", "__instancecheck__", "__subclasscheck__"), "bool"),
    **dict.fromkeys(("__delattr__", "__delitem__", "__setattr__", "__setitem__"), "None"),
    "__bytes__": "bytes",
    "__float__": "float",
}
"""The result types of special methods, in any class."""
_CLASS_NAMES: Final = frozenset({"cls", "mcs", "metacls"})
"""The names that stubtest accepts for the first parameter of a class method."""
_EXITS: Final = frozenset({"__exit__", "__aexit__"})
"""Methods whose return type `bool` means that they may swallow exceptions."""
_IGNORED: Final = frozenset(
    {"overload-cannot-match", "overload-overlap", "type-arg", "type-var", "valid-type"}
)
"""mypy's error codes for a signature."""
_DECORATING: Final = frozenset({"*", "misc", "untyped-decorator", "prop-decorator", "arg-type"})
"""mypy's error codes for a decorator."""
_DEFAULT: Final = frozenset({"*", "arg-type", "assignment"})
"""mypy's error codes for a default value."""
_SIGNATURE: Final = ("assignment", "misc", "override")
"""What a comment without codes usually ignores in a signature."""
_UNUSED: Final = "unused-ignore"
_OVERRIDING: Final = frozenset({"*", "misc", "mutable-override", "override"})
"""mypy's error codes for a signature that differs from a base class's."""
_OPERATORS: Final = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow"),
    *("lshift", "rshift", "and", "xor", "or"),
)
_PAIRED: Final = frozenset(f"__{form}{name}__" for form in "ir" for name in _OPERATORS)
"""In-place and reflected operators: checkers compare them with `__add__` and the like."""


def function_lines(scope: Scope, nodes: list[Function], within: Within) -> list[str]:
    """All statements that bind one name: overloads, or the parts of a property."""
    doc = ast.get_docstring(nodes[-1])
    if len(nodes) == 1:
        nodes = _with_overloads(_as_it_runs(scope, nodes[0], within), scope)
    overloads = [node for node in nodes if "overload" in map(last_part, scope.origins(node))]
    if overloads:
        overloads = _as_abstract(overloads, nodes[-1])
    lines: list[str] = []
    for node in overloads or nodes:
        text = ast.get_docstring(node) or (doc if overloads and not lines else None)
        made = signature_lines(scope, node, within, text)
        if overloads and node is overloads[-1] and _is_excused(scope, nodes, within):
            made = _excused(made, f"def {node.name}")
        lines += made
    return lines


def _is_excused(scope: Scope, nodes: list[Function], within: Within) -> bool:
    """Whether overloads may differ from a base class's method."""
    lines = [line for node in nodes for line in _head_lines(node)]
    codes = scope.module.ignored(*lines) & {"*", "override"}
    return bool(overriding_codes(scope, within, nodes[0].name, codes, "override"))


def _excused(lines: list[str], head: str) -> list[str]:
    """The last overload: pyright reports there what mypy reports at the first one."""
    excuse = "  # type: ignore[override, unused-ignore]"
    is_head = [head in line.partition("(")[0] and "# type: ignore" not in line for line in lines]
    return [f"{a}{excuse}" if is_it else a for a, is_it in zip(lines, is_head, strict=True)]


def _as_it_runs(scope: Scope, node: Function, within: Within) -> Function:
    """A function below a decorator without annotations, which may return anything."""
    qualified = within.qualified(node.name)
    for decorator in node.decorator_list:
        added = scope.added_by(decorator, node, qualified)
        if added is None or scope.keeps_type(decorator) or scope.is_undecorated(qualified, node):
            continue
        what = f"the decorator {callee_name(decorator)!r} of {qualified}() has no annotation"
        unknown = ast.Name(scope.unknown(decorator.lineno, what))
        made = copy.copy(node)
        made.args = copy.deepcopy(node.args)
        made.returns = unknown
        for parameter in added:
            argument = ast.arg(parameter.name, unknown)
            if parameter.kind is parameter.VAR_KEYWORD:
                made.args.kwarg = argument
            else:
                made.args.kwonlyargs.append(argument)
                made.args.kw_defaults.append(_default(parameter))
        return made
    return node


def _default(parameter: inspect.Parameter) -> ast.expr | None:
    if parameter.default is parameter.empty:
        return None
    return ast.Constant(None if parameter.default is None else ...)


def _as_abstract(overloads: list[Function], node: Function) -> list[Function]:
    """Make overloads abstract if the implementation is, which a stub does not contain."""
    abstract = [d for d in node.decorator_list if last_part(dotted_name(d)) == "abstractmethod"]
    if not abstract or node in overloads:
        return overloads
    made = copy.deepcopy(overloads)
    for function in made:
        given = map(last_part, map(dotted_name, function.decorator_list))
        function.decorator_list += [] if "abstractmethod" in given else abstract
    return made


def decorator_lines(scope: Scope, node: Function | ast.ClassDef, within: Within) -> list[str]:
    """The decorators that type checkers need, one line each."""
    lines: list[str] = []
    for decorator in scope.kept(node, within.qualified(node.name)):
        inherited = within.node is not None and is_inherited(scope, within.node, node.name)
        kept = _IGNORED | _DECORATING | (_OVERRIDING if inherited else frozenset())
        usual = (_DECORATING | (frozenset({"override"}) if inherited else frozenset())) - {"*"}
        codes = scope.module.ignored(*_lines_of(decorator)) & kept
        standard = STANDS_FOR.get(scope.origin_of(dotted_name(decorator) or ""), "")
        module, _, call = standard.partition(".")
        if call:
            scope.borrow(module, call.partition("(")[0])
        if scope.is_untyped(decorator):
            codes |= {"untyped-decorator", _UNUSED}
        text = call or scope.reader.value(decorator)
        first = callee_name(decorator).partition(".")[0]
        other = scope.reader.instead.get(first)
        if (
            other is not None
            and first not in scope.hidden
            and not _is_bound(scope, within, first, node)
        ):
            text = other + text.removeprefix(first)
            scope.reader.used.add(other)
        lines.append(f"{within.indent}@{text}  {ignore_comment(codes, usual)}".rstrip())
    return lines


def _lines_of(node: ast.expr) -> range:
    start: int = getattr(node, "lineno", 0)
    return range(start, (getattr(node, "end_lineno", None) or start) + 1)


def _is_bound(scope: Scope, within: Within, name: str, node: ast.stmt) -> bool:
    """Whether the class has bound a name before a statement."""
    items = flat(scope.module.members(within.node)) if within.node is not None else ()
    own = [item for item in items if isinstance(item, Definition) and item.bound == name]
    return any(item.nodes[0].lineno < getattr(node, "lineno", 0) for item in own)


def signature_lines(scope: Scope, node: Function, within: Within, doc: str | None) -> list[str]:
    """One statement: its decorators, its signature and its docstring."""
    # Without a body, `async def` is a coroutine function: an async generator is a `def`.
    is_coroutine = isinstance(node, ast.AsyncFunctionDef) and not _has_yield(node)
    head = f"{'async def' if is_coroutine else 'def'} {node.name}{scope.type_parameters(node)}("
    parameters = _parameters(scope, node, within)
    tail = f") -> {_returns(scope, node, within)}:{'' if doc else ' ...'}"
    ignore = _ignored(scope, node, within)
    if ignore:  # it holds for one line
        lines = [f"{within.indent}{head}{', '.join(parameters)}{tail}  {ignore}"]
    else:
        lines = wrapped(head, parameters, tail, within.indent)
    decorators = decorator_lines(scope, node, within)
    return decorators + lines + docstring(doc, within.indent + "    ")


def _head_lines(node: Function) -> range:
    """The lines of the decorators and the signature of a function."""
    start = min([node.lineno, *[getattr(d, "lineno", node.lineno) for d in node.decorator_list]])
    end = node.body[0].lineno if node.body else node.lineno
    return range(start, max(end, node.lineno + 1))


def _ignored(scope: Scope, node: Function, within: Within) -> str:
    """The `# type: ignore` comment of a signature, for errors that its stub has too."""
    elsewhere = {
        line for d in scope.kept(node, within.qualified(node.name)) for line in _lines_of(d)
    }
    elsewhere |= {line for line in _loose_defaults(scope, node) if line > node.lineno}
    codes = scope.module.ignored(*{*_head_lines(node)} - elsewhere)
    if codes == {"*"} and _is_unchecked(node):
        codes = set()  # the missing annotations are ignored
    if not codes:
        breaks_base = _breaks_unchecked(scope, node, within)
        return ignore_comment({"override", _UNUSED} if breaks_base else set(), _SIGNATURE)
    differing = codes & _OVERRIDING
    overriding = overriding_codes(scope, within, node.name, differing, "override")
    if differing and not overriding and within.node is not None and node.name in _PAIRED:
        overriding = {*differing, _UNUSED}
    return ignore_comment(codes & _IGNORED | overriding, _SIGNATURE)


def overriding_codes(
    scope: Scope, within: Within, name: str, codes: set[str], usual: str
) -> set[str]:
    """Those of the codes on the line of a member that are for what it overrides."""
    if not codes or within.node is None:
        return codes if within.varies else set()
    if within.varies or is_inherited(scope, within.node, name):
        return codes
    # Only some checkers may report it.
    is_open = may_be_inherited(scope, within.node, name)
    return {*codes, usual, _UNUSED} if is_open else set()


def _is_unchecked(node: Function) -> bool:
    """Whether a function has no annotation at all."""
    every = [*arguments_of(node), *filter(None, (node.args.vararg, node.args.kwarg))]
    return node.returns is None and not any(argument.annotation for argument in every)


def _loose_defaults(scope: Scope, node: Function) -> Iterator[int]:
    """The lines of default values that are marked as not matching their types."""
    positional = [*node.args.posonlyargs, *node.args.args]
    given = [*positional[len(positional) - len(node.args.defaults) :], *node.args.kwonlyargs]
    defaults = [*node.args.defaults, *node.args.kw_defaults]
    for argument, default in zip(given, defaults, strict=True):
        line = getattr(argument, "lineno", 0)
        is_checked = argument.annotation is not None and line >= node.lineno
        if default is not None and is_checked and scope.module.ignored(line) & _DEFAULT:
            yield line


def _breaks_unchecked(scope: Scope, node: Function, within: Within) -> bool:
    """Whether an unannotated method is incompatible with a base: checkers skip it in the source."""
    if not _is_unchecked(node) or within.node is None or node.name in (*_NONE, "__new__"):
        return False
    if any(breaks(node, base) for base in overridden(scope, within.node, node.name)):
        return True
    takes_all = node.args.vararg is not None and node.args.kwarg is not None
    is_special = node.name.startswith("__")
    return not takes_all and not is_special and overrides_others(scope, within.node, node.name)


def ignore_comment(codes: set[str], usual: Iterable[str]) -> str:
    """A `# type: ignore` comment for these error codes; the usual ones instead of `*`.

    mypy rejects a comment that ignores nothing, unless it says that it may.
    """
    if "*" in codes:
        codes = {*(codes - {"*"}), *usual, _UNUSED}
    # The class may have arguments in the stub, and a hidden builtin type its full name.
    if codes & {"type-arg", "valid-type"}:
        codes = {*codes, _UNUSED}
    return f"# type: ignore[{', '.join(sorted(codes))}]" if codes else ""


def _parameters(scope: Scope, node: Function, within: Within) -> list[str]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    is_static = "builtins.staticmethod" in scope.origins(node) and node.name not in IMPLICIT
    is_class = "builtins.classmethod" in scope.origins(node)
    owner = positional[:1] if within.name and not is_static else []
    loose = {*_loose_defaults(scope, node)}

    def parameter(argument: ast.arg, default: ast.expr | None = None) -> str:
        if argument.annotation is not None:
            kind = scope.reader.whole(argument.annotation)
            if isinstance(default, ast.Constant) and default.value is None:
                kind = _optional(kind, argument.annotation)
        elif argument in owner:
            is_odd = is_class and argument.arg not in _CLASS_NAMES
            return "cls" if is_odd else argument.arg
        else:
            of = within.qualified(node.name)
            what = f"parameter {argument.arg!r} of {of}() has no annotation"
            kind = scope.unknown(argument.lineno, what)
        text = f"{argument.arg}: {kind}"
        if default is None:
            return text
        is_loose = getattr(argument, "lineno", 0) in loose and not _is_of(kind, default)
        return f"{text} = {'...' if is_loose else scope.default(default)}"

    required = len(positional) - len(arguments.defaults)
    parts = [*map(parameter, positional[:required])]
    parts += map(parameter, positional[required:], arguments.defaults)
    if arguments.posonlyargs:
        parts.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg is not None:
        parts.append("*" + parameter(arguments.vararg))
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += map(parameter, arguments.kwonlyargs, arguments.kw_defaults)
    if arguments.kwarg is not None:
        parts.append("**" + parameter(arguments.kwarg))
    return parts


def _optional(kind: str, annotation: ast.expr) -> str:
    """Add None to a type that does not include it."""
    plain = ("str", "int", "float", "bool", "bytes", "list", "dict", "set", "tuple", "type")
    head = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return f"{kind} | None" if dotted_name(head) in plain else kind


def _is_of(kind: str, default: ast.expr) -> bool:
    """Whether the text of a type shows that a default value has it."""
    if not isinstance(default, ast.Constant):
        return False
    return type(default.value).__name__ == kind or (
        default.value is None and "None" in members(kind)
    )


def _returns(scope: Scope, node: Function, within: Within) -> str:
    if node.returns is not None:
        return scope.reader.whole(node.returns)
    if node.name in _NONE:
        return "None"
    if within.name and node.name in _SPECIAL:
        return scope.reader.renamed(Inference(scope).builtin(_SPECIAL[node.name]))
    overrides = within.node is not None and is_inherited(scope, within.node, node.name)
    made = None if overrides or _is_stand_in(node) else _returned(scope, node, within)
    if made is None:
        what = "has no return annotation (-> None where it returns nothing)"
        return scope.unknown(node.lineno, f"{within.qualified(node.name)}() {what}")
    return scope.reader.renamed(made)


def _is_stand_in(node: Function) -> bool:
    """Whether subclasses should define it: it is abstract, or does nothing."""
    if any("abstract" in ast.dump(decorator) for decorator in node.decorator_list):
        return True
    docs_and_dots = (ast.Pass, ast.Raise)
    return all(
        isinstance(s, docs_and_dots)
        or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        for s in node.body
    )


def _returned(scope: Scope, node: Function, within: Within) -> str | None:
    """The return type of a function without a return annotation, if certain."""
    if _has_yield(node):
        return None
    returns = [part for part in _inside(node) if isinstance(part, ast.Return)]
    values = [part.value for part in returns if part.value is not None]
    place = place_of(node, within)
    kinds = [
        scope.borrow("typing_extensions", "Self")
        if _is_self(scope, value, node, within)
        else Inference(scope).of(value, place)
        for value in values
    ]
    if node.name in _EXITS and all(
        isinstance(v, ast.Constant) and v.value is False for v in values
    ):
        kinds = [f"{scope.borrow('typing', 'Literal')}[False]" for _ in values]
    if len(values) < len(returns) or not _leaves(node.body):
        kinds.append("None")
    made = union(kinds)
    return made if made and not is_incomplete(made) else None


def _is_self(scope: Scope, value: ast.expr, node: Function, within: Within) -> bool:
    """Whether a method returns the object that it is called on."""
    if within.node is None or node.decorator_list or node.name in IMPLICIT:
        return False
    if type in scope.ancestors(within.node):
        return False  # checkers accept no `Self` in a metaclass
    name = dotted_name(value)
    stored = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == name]
    first = node.args.args[:1]
    is_first = not node.args.posonlyargs and [(a.arg, a.annotation) for a in first] == [
        (name, None)
    ]
    if not is_first or not all(isinstance(n.ctx, ast.Load) for n in stored):
        return False
    # Another class's method may have another type.
    inherits = is_inherited(scope, within.node, node.name)
    return not inherits and not is_overridden(scope, within.node, node.name)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, without nested functions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            yield child
            yield from _inside(child)


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether the end of a body is unreachable."""
    match body[-1] if body else None:
        case ast.Return() | ast.Raise() | ast.Continue():
            return True
        case ast.If(body=then, orelse=orelse):
            return _leaves(then) and _leaves(orelse)
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _leaves(inner)
        case ast.While(test=ast.Constant(value=True)):
            return True
        case ast.Try(body=inner, handlers=handlers, orelse=orelse, finalbody=final):
            ways = [[*inner, *orelse], *[handler.body for handler in handlers]]
            return _leaves(final) or all(map(_leaves, ways))
        case ast.Match(cases=cases):
            last = cases[-1].pattern
            is_any = isinstance(last, ast.MatchAs) and last.pattern is None
            return is_any and all(_leaves(case.body) for case in cases)
        case _:
            return False


def _has_yield(node: ast.AST) -> bool:
    """Whether a function is a generator; functions inside it don't count."""
    inner = (*FUNCTIONS, ast.Lambda, ast.ClassDef)
    return any(
        isinstance(child, (ast.Yield, ast.YieldFrom))
        or (not isinstance(child, inner) and _has_yield(child))
        for child in ast.iter_child_nodes(node)
    )


# --- overloads for each number of arguments -------------------------------------------------------


def _with_overloads(node: Function, scope: Scope) -> list[Function]:
    """A function that `by_arity` decorates: an overload for each arity, then the general forms."""
    origins = scope.origins(node)
    if MAKES_OVERLOADS not in origins:
        return [node]
    marker = node.decorator_list[origins.index(MAKES_OVERLOADS)]
    assert isinstance(marker, ast.Call)
    most: int = ast.literal_eval(marker.args[0])
    fixed = [_fixed(node, count) for count in range(most + 1)]
    made = [*fixed, _variadic(node, most + 1, scope), copy.deepcopy(node)]
    others = [d for d in node.decorator_list if d is not marker]
    for function in made:
        function.body = []
        function.decorator_list = [ast.Name("overload"), *others]
    scope.borrow("typing", "overload")
    scope.borrow("typing", "TypeVar")
    for name in [f"_A{number}" for number in range(1, most + 2)]:
        scope.declared[name] = f'{name} = TypeVar("{name}")', "TypeVar"
    return made


def _variadic(node: Function, least: int, scope: Scope) -> Function:
    """The form for more positional arguments, with a TypeVarTuple.

    pyright infers a lambda's parameters from it, and not from a ParamSpec. ty takes any argument
    for one, so that it stands for many arguments only.
    """
    name = "_As"
    scope.borrow("typing_extensions", "TypeVarTuple")
    scope.declared[name] = f'{name} = TypeVarTuple("{name}")', "TypeVarTuple"
    unpacked = f"{scope.borrow('typing_extensions', 'Unpack')}[{name}]"
    made = _fixed(node, least, [ast.Name(unpacked)])
    scope.reader.used.add(name)
    made.args.vararg = ast.arg("args", ast.Name(unpacked))
    return made


def _fixed(node: Function, count: int, more: Sequence[ast.expr] = ()) -> Function:
    """The form for `count` positional arguments, each with a type variable of its own.

    `Callable[Concatenate[X, P], T]` becomes `Callable[[X, _A1, _A2], T]`.
    """
    made = copy.deepcopy(node)
    variables = [ast.Name(f"_A{number}") for number in range(1, count + 1)]
    for part in ast.walk(made.args):
        match part:
            case ast.Tuple(elts=[ast.Subscript(slice=ast.Tuple(elts=given)), *_]):
                part.elts[0] = ast.List([*given[:-1], *variables, *more])
            case _:
                pass
    made.args.posonlyargs += [ast.arg(v.id.lower()[1:], v) for v in variables]
    made.args.vararg = made.args.kwarg = None
    return made
