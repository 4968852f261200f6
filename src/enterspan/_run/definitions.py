"""Reports a module's own functions as soon as they are defined.

The functions of `__main__` are called before the module has been executed completely, and
references that exist by then (a route, a command) are permanent. So the source is compiled with a
call after each `def` and each `class` outside functions, and with an innermost decorator on
decorated functions. Lines, names and docstrings don't change.
"""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from types import CodeType

_WATCH: Final = "<watch of definitions>"
"""Placeholder for the watch, which is a constant in the compiled code."""

_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")


class Watch(Protocol):
    """Called while a module defines its functions and classes."""

    def tell(self, name: str) -> object:
        """Called when a function or a class has been bound to its name."""

    def wrap(self, function: Any) -> Any:
        """Called with a decorated function before its decorators, which get the result."""


def watched_code(code: CodeType, source: bytes | None, watch: Watch) -> CodeType:
    """A module's code with calls of a watch; unchanged without source."""
    if source is None:
        return code
    name = code.co_filename
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler has already warned when it was loaded
        try:
            tree: Any = compile(source, name, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            if not _follow_definitions(tree):
                return code
            watched: CodeType = compile(tree, name, "exec", dont_inherit=True)
        except (RecursionError, MemoryError):  # nested too deeply for an AST
            return code
    constant: Any = watch
    consts = [constant if const == _WATCH else const for const in watched.co_consts]
    return watched.replace(co_consts=tuple(consts))


def _follow_definitions(node: Any) -> bool:
    """Insert a call after each definition in a module's blocks, outside functions and classes.

    Returns whether there is a definition.
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
                if statement.decorator_list and not isinstance(statement, ast.ClassDef):
                    statement.decorator_list.append(_at(statement.decorator_list[-1], "wrap"))
                told.append(_call_after(statement))
                found = True
            else:
                found = _follow_definitions(statement) or found
        setattr(node, name, told)
    return found


def _at(place: Any, method: str, *given: str) -> ast.expr:
    """An expression for a method of the watch, or a call of it, with the line of another node."""
    text = f"{_WATCH!r}.{method}" + (f"({', '.join(map(repr, given))})" if given else "")
    made = ast.parse(text, mode="eval").body
    for node in ast.walk(made):
        if isinstance(node, ast.expr):
            node.lineno = node.end_lineno = place.lineno
            node.col_offset = node.end_col_offset = place.col_offset
    return made


def _call_after(statement: Any) -> ast.Expr:
    """The call, on the line of the definition, so that no other line seems to run."""
    call = ast.Expr(_at(statement, "tell", statement.name))
    return ast.copy_location(call, call.value)
