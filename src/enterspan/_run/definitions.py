"""A program's own functions, seen as soon as they are defined.

What a program's `__main__` defines is called before its module has been executed to the end. So its
source is compiled with a call after each `def` and each `class` outside of functions. Nothing else
about it changes: lines, names and docstrings are as they were.
"""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

_TELLER: Final = "<told of definitions>"
"""Stands in the compiled source for the constant whose `tell` is called."""

_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")


class _Teller:
    """The constant that is called."""

    __slots__ = ("tell",)

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell


def told_code(code: CodeType, source: bytes | None, tell: Callable[[str], None]) -> CodeType:
    """A program's code with `tell` told each name it defines; as it is without source."""
    if source is None:
        return code
    name = code.co_filename
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler has warned of it when it was loaded
        try:
            tree: Any = compile(source, name, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            if not _follow_definitions(tree):
                return code
            told: CodeType = compile(tree, name, "exec", dont_inherit=True)
        except (RecursionError, MemoryError):  # nested so deeply that an AST is too much
            return code
    teller: Any = _Teller(tell)
    consts = [teller if const == _TELLER else const for const in told.co_consts]
    return told.replace(co_consts=tuple(consts))


def _follow_definitions(node: Any) -> bool:
    """Put a call after each definition in a module's blocks, but in no function or class.

    Returns whether there is one.
    """
    found = False
    for name in _BLOCKS:
        statements = getattr(node, name, None)
        if not isinstance(statements, list):
            continue
        told: list[Any] = []
        for statement in statements:
            told.append(statement)
            if isinstance(statement, _DEFINITIONS):
                told.append(_call_after(statement))
                found = True
            else:
                found = _follow_definitions(statement) or found
        setattr(node, name, told)
    return found


def _call_after(statement: Any) -> ast.Expr:
    """The call, on the line where the definition began: no other line is seen to run."""
    call = ast.parse(f"{_TELLER!r}.tell({statement.name!r})").body[0]
    for node in ast.walk(call):
        if isinstance(node, (ast.stmt, ast.expr)):
            node.lineno = node.end_lineno = statement.lineno
            node.col_offset = node.end_col_offset = statement.col_offset
    return call  # type: ignore[return-value]
