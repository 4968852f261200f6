"""Expressions as source text, the same on every Python version.

`ast.unparse` writes the structure. Names, strings and numbers are inserted as finished text,
because `ast.unparse` changes quotes and drops the underscores of `65_536`.
"""

import ast
import copy
from typing import Final

LITERAL_LENGTH: Final = 60
"""Longer default values are shown as `...`."""


class Reader:
    """Renders the expressions of a module; `used` collects their names, dotted where they are."""

    def __init__(self, text: str) -> None:
        self.used: set[str] = set()
        self._lines = text.splitlines(keepends=True)

    def annotation(self, node: ast.expr) -> str:
        """Render a type; strings in it are parsed as types."""
        return self._render(node, types=True)

    def value(self, node: ast.expr) -> str:
        """Render any other expression."""
        return self._render(node, types=False)

    def literal(self, node: ast.expr) -> str | None:
        """Render a literal; None for any other expression, and for a long literal."""
        if not is_literal(node):
            return None
        text = self.value(node)
        return text if len(text) <= LITERAL_LENGTH and "\n" not in text else None

    def branch(self, test: ast.expr, body: list[str], orelse: list[str], indent: str) -> list[str]:
        """Render an `if` statement with rendered bodies; no lines where both are empty."""
        if not body and not orelse:
            return []
        lines = [f"{indent}if {self.value(test)}:", *(body or [f"{indent}    pass"])]
        return [*lines, f"{indent}else:", *orelse] if orelse else lines

    def _render(self, node: ast.expr, *, types: bool) -> str:
        return ast.unparse(_Texts(self.used, self._lines, types).visit(copy.deepcopy(node)))


class _Texts(ast.NodeTransformer):
    """Replaces strings and numbers with names: `ast.unparse` writes a name as it is."""

    def __init__(self, used: set[str], lines: list[str], types: bool) -> None:
        self._used = used
        self._lines = lines
        self._types = types

    def visit_Name(self, node: ast.Name) -> ast.expr:
        self._used.add(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        dotted = dotted_name(node)
        if dotted is None:
            return self.generic_visit(node)
        self._used.add(dotted)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        self._used.update(child.id for child in ast.walk(node) if isinstance(child, ast.Name))
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if isinstance(value, str):
            return self._string(value)
        if type(value) in (int, float, complex):
            return ast.Name(self._source(node) or repr(value))
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        head = (dotted_name(node.value) or "").rpartition(".")[2]
        values = _Texts(self._used, self._lines, False)
        node.value = self.visit(node.value)
        if head == "Annotated" and isinstance(node.slice, ast.Tuple):
            first, *rest = node.slice.elts
            node.slice.elts = [self.visit(first), *map(values.visit, rest)]
        else:
            node.slice = (values if head == "Literal" else self).visit(node.slice)
        return node

    def _string(self, text: str) -> ast.AST:
        if self._types:
            try:
                parsed = ast.parse(text.strip(), mode="eval").body
            except SyntaxError:
                return ast.Name(quoted(text))
            # The positions of these nodes are not positions in the file: no lines.
            return _Texts(self._used, [], True).visit(parsed)  # type: ignore[no-any-return]
        return ast.Name(quoted(text))

    def _source(self, node: ast.Constant) -> str | None:
        """A number as it is written in the file."""
        if node.end_lineno != node.lineno or node.lineno > len(self._lines):
            return None
        line = self._lines[node.lineno - 1].encode()
        return line[node.col_offset : node.end_col_offset].decode()


def dotted_name(node: ast.expr) -> str | None:
    """`a.b.c` as text; None for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


def is_literal(node: ast.expr) -> bool:
    """Whether an expression consists of constants only."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, (ast.USub, ast.UAdd)) and isinstance(node.operand, ast.Constant)
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return all(map(is_literal, node.elts))
    if isinstance(node, ast.Dict):
        return all(key is not None and is_literal(key) for key in node.keys) and all(
            map(is_literal, node.values)
        )
    return isinstance(node, ast.Constant)


_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """A string literal in double quotes, on one line."""
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x20 or code == 0x7F or 0xD800 <= code <= 0xDFFF:
        hexadecimal = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
        return _ESCAPES.get(character, hexadecimal)
    return _ESCAPES.get(character, character)


def docstring_lines(text: str | None, indent: str) -> list[str]:
    """A docstring in triple quotes, indented; no lines without one."""
    if not text:
        return []
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    first, *rest = escaped.split("\n")
    if not rest:
        return [f'{indent}"""{first}"""']
    lines = [f'{indent}"""{first}', *[f"{indent}{line}".rstrip() for line in rest]]
    return [*lines, f'{indent}"""']


def spaced(blocks: list[list[str]]) -> list[str]:
    """Join blocks of lines, with an empty line around each that has more than one line."""
    blocks = [block for block in blocks if block]
    lines: list[str] = []
    for at, block in enumerate(blocks):
        if at and (len(block) > 1 or len(blocks[at - 1]) > 1):
            lines.append("")
        lines += block
    return lines
