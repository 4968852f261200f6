"""Expressions as source text, the same on every Python version.

`ast.unparse` writes the structure. Names, strings and numbers are inserted as finished text,
because `ast.unparse` changes quotes and drops the underscores of `65_536`.
"""

import ast
import copy
from collections.abc import Callable
from typing import Any, Final, TypeAlias

WIDTH: Final = 100
LITERAL_LENGTH: Final = 60
"""Longer default values are shown as `...`."""
_CONTAINERS: Final = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Load)
_LITERALS: Final = (ast.Constant, ast.UnaryOp, ast.USub, ast.UAdd, *_CONTAINERS)


Arguments: TypeAlias = Callable[[str], str]


class _Texts(ast.NodeTransformer):
    """Replaces strings and numbers with names: `ast.unparse` writes a name as it is."""

    def __init__(self, text: str, used: set[str] | None = None) -> None:
        self.used: set[str] = set() if used is None else used
        self._lines = text.split("\n")
        self._types = False
        """Whether strings are types."""
        self._renames = False
        """Whether names have the meaning that they have in the target."""
        self._completes = False
        """Whether generic classes get arguments where they have none."""
        self.instead: dict[str, str] = {}
        """Names with another meaning in the target, and their replacements."""
        self.arguments_of: Arguments = lambda _name: ""
        """The arguments of a generic class that is written without them."""

    def _visited(self, node: ast.AST, *, types: bool, renames: bool | None = None) -> Any:
        outside = self._types, self._renames
        self._types, self._renames = types, types if renames is None else renames
        made = self.visit(node)
        self._types, self._renames = outside
        return made

    def _inside(self, text: str) -> "_Texts":
        """One for a text in this text."""
        inner = _Texts(text, self.used)
        inner.instead, inner.arguments_of = self.instead, self.arguments_of
        inner._completes = self._completes
        return inner

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._named(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        dotted = dotted_name(node)
        return self.generic_visit(node) if dotted is None else self._named(dotted)

    def _named(self, dotted: str, *, is_head: bool = False) -> ast.expr:
        first, dot, rest = dotted.partition(".")
        is_whole = self._types and self._completes and not is_head
        arguments = self.arguments_of(dotted) if is_whole else ""
        if self._renames:
            dotted = self.instead.get(first, first) + dot + rest
        self.used.add(dotted)
        return ast.Name(dotted + arguments)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        self.used.update(child.id for child in ast.walk(node) if isinstance(child, ast.Name))
        return node

    def visit_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, str):
            return self._string(node.value)
        if type(node.value) not in (int, float, complex):
            return node
        line = self._lines[node.lineno - 1].encode()
        return ast.Name(line[node.col_offset : node.end_col_offset].decode())

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        head = last_part(dotted_name(node.value))
        dotted = dotted_name(node.value)
        node.value = self._named(dotted, is_head=True) if dotted else self.visit(node.value)
        if head == "Annotated" and isinstance(node.slice, ast.Tuple):
            first, *rest = node.slice.elts
            values = [self._visited(v, types=False, renames=self._renames) for v in rest]
            node.slice.elts = [self.visit(first), *values]
        else:
            types = self._types and head != "Literal"
            node.slice = self._visited(node.slice, types=types, renames=self._renames)
        return node

    def _string(self, text: str) -> Any:
        if self._types:
            try:
                parsed = ast.parse(text.strip(), mode="eval").body
            except SyntaxError:
                return ast.Name(quoted(text))
            return self._inside(text.strip())._visited(parsed, types=True)
        return ast.Name(quoted(text))


class Reader(_Texts):
    """Renders the expressions of a module; `used` collects their names, dotted where they are."""

    def annotation(self, node: ast.AST) -> str:
        """Render a type; strings in it are parsed as types."""
        return ast.unparse(self._visited(copy.deepcopy(node), types=True))

    def whole(self, node: ast.AST) -> str:
        """Render a type with all of its arguments: `list` is `list[Any]`."""
        self._completes = True
        text = self.annotation(node)
        self._completes = False
        return text

    def renamed(self, text: str) -> str:
        """A type that is text already, with all of its arguments."""
        inner = self._inside(text)
        inner._completes = True
        return ast.unparse(inner._visited(ast.parse(text, mode="eval"), types=True))

    def value(self, node: ast.expr) -> str:
        """Render any other expression."""
        return ast.unparse(self._visited(copy.deepcopy(node), types=False))

    def literal(self, node: ast.expr) -> str | None:
        """Render an expression of constants; None for any other expression, and for a long one."""
        if not all(isinstance(part, _LITERALS) for part in ast.walk(node)):
            return None
        text = self.value(node)
        return text if len(text) <= LITERAL_LENGTH and "\n" not in text else None


def dotted_name(node: ast.AST) -> str | None:
    """`a.b.c` as text; None for any other expression."""
    if isinstance(node, ast.Attribute):
        owner = dotted_name(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def last_part(dotted: str | None) -> str:
    """`c` of `a.b.c`."""
    return (dotted or "").rpartition(".")[2]


_ESCAPES: Final = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)},
    **{code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)},
    **str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}),
}


_CONTROL: Final = {code: text for code, text in _ESCAPES.items() if chr(code) not in '\n\t\\"'}
"""Characters that can't be in a source file, such as NUL or lone surrogates."""


def quoted(text: str) -> str:
    """A string literal in double quotes, on one line."""
    return f'"{text.translate(_ESCAPES)}"'


def docstring(text: str | None, indent: str) -> list[str]:
    """A docstring in triple quotes, indented; no lines without one."""
    if not text:
        return []
    escaped = text.replace("\\", "\\\\").translate(_CONTROL).replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    end = '\n"""' if "\n" in text else '"""'
    first, *rest = f'{indent}"""{escaped}{end}'.split("\n")
    return [first, *[f"{indent}{line}".rstrip() for line in rest]]


def wrapped(head: str, parts: list[str], tail: str, indent: str = "") -> list[str]:
    """One line, or a line for each part where that is too long."""
    line = f"{indent}{head}{', '.join(parts)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    return [indent + head, *[f"{indent}    {part}," for part in parts], indent + tail]


def spaced(blocks: list[list[str]]) -> list[str]:
    """Join blocks of lines, with an empty line around each that has more than one line."""
    lines: list[str] = []
    before = 0
    for block in filter(None, blocks):
        if before and max(before, len(block)) > 1:
            lines.append("")
        lines += block
        before = len(block)
    return lines
