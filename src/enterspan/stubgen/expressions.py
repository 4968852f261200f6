"""Expressions as source text, the same on every Python version.

`ast.unparse` writes the structure. Names, strings and numbers are inserted as finished text,
because `ast.unparse` changes quotes and drops the underscores of `65_536`.
"""

import ast
import copy
from typing import Any, Final

WIDTH: Final = 100
LITERAL_LENGTH: Final = 60
"""Longer default values are shown as `...`."""
_CONTAINERS: Final = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Load)
_LITERALS: Final = (ast.Constant, ast.UnaryOp, ast.USub, ast.UAdd, *_CONTAINERS)


class _Texts(ast.NodeTransformer):
    """Replaces strings and numbers with names: `ast.unparse` writes a name as it is."""

    def __init__(self, text: str, used: set[str] | None = None) -> None:
        self.used: set[str] = set() if used is None else used
        self._lines = text.split("\n")
        self._types = False
        self.instead: dict[str, str] = {}
        """Names that mean something else where the text is written, and what to write for them."""

    def _visited(self, node: ast.AST, *, types: bool) -> Any:
        outside, self._types = self._types, types
        made = self.visit(node)
        self._types = outside
        return made

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if self._types and node.id in self.instead:
            node = ast.Name(self.instead[node.id])
        self.used.add(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        dotted = dotted_name(node)
        if dotted is None:
            return self.generic_visit(node)
        first, _, rest = dotted.partition(".")
        if self._types and first in self.instead:
            node = ast.Name(f"{self.instead[first]}.{rest}")  # type: ignore[assignment]
            dotted = node.id  # type: ignore[attr-defined]
        self.used.add(dotted)
        return node

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
        node.value = self.visit(node.value)
        if head == "Annotated" and isinstance(node.slice, ast.Tuple):
            first, *rest = node.slice.elts
            node.slice.elts = [self.visit(first), *[self._visited(v, types=False) for v in rest]]
        else:
            node.slice = self._visited(node.slice, types=self._types and head != "Literal")
        return node

    def _string(self, text: str) -> Any:
        if self._types:
            try:
                parsed = ast.parse(text.strip(), mode="eval").body
            except SyntaxError:
                return ast.Name(quoted(text))
            inner = _Texts(text.strip(), self.used)
            inner.instead = self.instead
            return inner._visited(parsed, types=True)
        return ast.Name(quoted(text))


class Reader(_Texts):
    """Renders the expressions of a module; `used` collects their names, dotted where they are."""

    def annotation(self, node: ast.AST) -> str:
        """Render a type; strings in it are parsed as types."""
        return ast.unparse(self._visited(copy.deepcopy(node), types=True))

    def renamed(self, text: str) -> str:
        """A type that is text already."""
        if not self.instead:
            return text
        inner = _Texts(text, self.used)
        inner.instead = self.instead
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
"""What can't stand in a source file as it is, such as a NUL or half of a surrogate pair."""


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
