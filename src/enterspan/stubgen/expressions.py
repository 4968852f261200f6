"""Expressions as text: the same text on every Python, which `ast.unparse` does not promise.

A `Reader` renders the expressions of one module, and notes each name that it has come across.
"""

from __future__ import annotations

import ast
from typing import Final

LITERAL_LENGTH: Final = 60
"""A default longer than this says nothing that `...` does not say."""

_BINDING: Final[dict[type[ast.operator], str]] = {
    ast.BitOr: "|",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.BitAnd: "&",
}
_COMPARING: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_SIGNS: Final[dict[type[ast.unaryop], str]] = {
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Not: "not ",
    ast.Invert: "~",
}
_LITERALS: Final = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set)


class Reader:
    """Renders the expressions of a module; `used` are the names in them, with their attributes."""

    def __init__(self, text: str) -> None:
        self.used: set[str] = set()
        self._lines = text.splitlines(keepends=True)

    def annotation(self, node: ast.expr) -> str:
        """A type: texts in it are types that could not be written plainly."""
        return self._render(node, types=True)

    def value(self, node: ast.expr) -> str:
        """Any other expression."""
        return self._render(node, types=False)

    def literal(self, node: ast.expr) -> str | None:
        """A literal value as text; None for what is no literal, or a long one."""
        if not is_literal(node):
            return None
        text = self.value(node)
        return text if len(text) <= LITERAL_LENGTH and "\n" not in text else None

    # --- one method for each kind of node that a signature has ---

    def _render(self, node: ast.expr, *, types: bool) -> str:
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is not None:
            text: str = method(node, types)
            return text
        for child in ast.walk(node):
            if isinstance(child, ast.Name):
                self.used.add(child.id)
        return ast.unparse(node)  # a lambda, a comprehension: they are rare

    def _name(self, node: ast.Name, _types: bool) -> str:
        self.used.add(node.id)
        return node.id

    def _attribute(self, node: ast.Attribute, types: bool) -> str:
        dotted = dotted_name(node)
        if dotted is not None:
            self.used.add(dotted)
            return dotted
        return f"{self._render(node.value, types=types)}.{node.attr}"

    def _constant(self, node: ast.Constant, types: bool) -> str:
        value = node.value
        if isinstance(value, str):
            if types:
                return self._forward(value)
            return quoted(value)
        if value is ...:
            return "..."
        if isinstance(value, (int, float, complex)) and not isinstance(value, bool):
            return self._source(node) or repr(value)
        return repr(value)

    def _forward(self, text: str) -> str:
        try:
            parsed = ast.parse(text.strip(), mode="eval").body
        except SyntaxError:
            return quoted(text)
        return _TextReader(self).annotation(parsed)

    def _source(self, node: ast.Constant) -> str | None:
        """A number as its author wrote it: `65_536` is easier to read than `65536`."""
        if node.end_lineno != node.lineno or node.lineno > len(self._lines):
            return None
        line = self._lines[node.lineno - 1].encode()
        return line[node.col_offset : node.end_col_offset].decode()

    def _subscript(self, node: ast.Subscript, types: bool) -> str:
        of = self._render(node.value, types=types)
        head = of.rpartition(".")[2]
        if head == "Literal":
            types = False
        if head == "Annotated" and isinstance(node.slice, ast.Tuple):
            first, *rest = node.slice.elts
            parts = [self._render(first, types=types), *[self.value(part) for part in rest]]
            return f"{of}[{', '.join(parts)}]"
        if isinstance(node.slice, ast.Tuple) and node.slice.elts:
            inner = ", ".join([self._render(part, types=types) for part in node.slice.elts])
            if len(node.slice.elts) == 1:
                inner += ","
            return f"{of}[{inner}]"
        return f"{of}[{self._render(node.slice, types=types)}]"

    def _binop(self, node: ast.BinOp, types: bool) -> str:
        sign = _BINDING.get(type(node.op))
        if sign is None:
            return f"({ast.unparse(node)})"
        left = self._render(node.left, types=types)
        right = self._render(node.right, types=types)
        if isinstance(node.right, ast.BinOp):
            right = f"({right})"
        if isinstance(node.left, ast.BinOp) and type(node.left.op) is not type(node.op):
            left = f"({left})"
        return f"{left} {sign} {right}"

    def _unaryop(self, node: ast.UnaryOp, types: bool) -> str:
        return f"{_SIGNS[type(node.op)]}{self._render(node.operand, types=types)}"

    def _boolop(self, node: ast.BoolOp, types: bool) -> str:
        word = " and " if isinstance(node.op, ast.And) else " or "
        parts = [self._render(part, types=types) for part in node.values]
        return word.join(
            f"({text})" if isinstance(part, ast.BoolOp) else text
            for part, text in zip(node.values, parts, strict=True)
        )

    def _compare(self, node: ast.Compare, types: bool) -> str:
        parts = [self._render(node.left, types=types)]
        for sign, right in zip(node.ops, node.comparators, strict=True):
            parts += [_COMPARING[type(sign)], self._render(right, types=types)]
        return " ".join(parts)

    def _tuple(self, node: ast.Tuple, types: bool) -> str:
        inner = ", ".join([self._render(part, types=types) for part in node.elts])
        return f"({inner},)" if len(node.elts) == 1 else f"({inner})"

    def _list(self, node: ast.List, types: bool) -> str:
        return f"[{', '.join([self._render(part, types=types) for part in node.elts])}]"

    def _set(self, node: ast.Set, types: bool) -> str:
        return f"{{{', '.join([self._render(part, types=types) for part in node.elts])}}}"

    def _dict(self, node: ast.Dict, types: bool) -> str:
        pairs: list[str] = []
        for key, value in zip(node.keys, node.values, strict=True):
            text = self._render(value, types=types)
            pairs.append(f"**{text}" if key is None else f"{self.value(key)}: {text}")
        return f"{{{', '.join(pairs)}}}"

    def _starred(self, node: ast.Starred, types: bool) -> str:
        return f"*{self._render(node.value, types=types)}"

    def _call(self, node: ast.Call, _types: bool) -> str:
        arguments = [self.value(part) for part in node.args]
        for keyword in node.keywords:
            text = self.value(keyword.value)
            arguments.append(f"**{text}" if keyword.arg is None else f"{keyword.arg}={text}")
        return f"{self.value(node.func)}({', '.join(arguments)})"


class _TextReader(Reader):
    """Reads what stood in a text: the places of its nodes are none of the file's."""

    def __init__(self, outer: Reader) -> None:
        super().__init__("")
        self.used = outer.used


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
    """Whether an expression is written out in full: no name, no call."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, (ast.USub, ast.UAdd)) and isinstance(node.operand, ast.Constant)
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return all(is_literal(part) for part in node.elts)
    if isinstance(node, ast.Dict):
        keys = [key for key in node.keys if key is not None]
        return len(keys) == len(node.keys) and all(map(is_literal, [*keys, *node.values]))
    return isinstance(node, _LITERALS)


def quoted(text: str) -> str:
    """A text as a literal in double quotes, on one line, the same on every Python."""
    made: list[str] = []
    for character in text:
        code = ord(character)
        if character in '\\"':
            made.append("\\" + character)
        elif character in "\n\r\t":
            made.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character])
        elif code < 0x20 or code == 0x7F or 0xD800 <= code <= 0xDFFF:
            made.append(f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
        else:
            made.append(character)
    return f'"{"".join(made)}"'


def docstring_lines(text: str, indent: str) -> list[str]:
    """A docstring in triple quotes, indented; what would end it early is escaped."""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if escaped.endswith('"'):
        escaped = escaped[:-1] + '\\"'
    first, *rest = escaped.split("\n")
    if not rest:
        return [f'{indent}"""{first}"""']
    lines = [f'{indent}"""{first}', *[f"{indent}{line}".rstrip() for line in rest]]
    return [*lines, f'{indent}"""']


def spaced(blocks: list[list[str]]) -> list[str]:
    """Blocks of definitions: an empty line around classes and whatever has more than one line."""
    lines: list[str] = []
    for at, block in enumerate(blocks):
        if at and (len(block) > 1 or len(blocks[at - 1]) > 1):
            lines.append("")
        lines += block
    return lines
