"""A module's own functions, seen as soon as they are defined.

What a program's `__main__` defines is called before its module has been executed to the end, and
what holds a function by then (a route, a command) holds it for good. So the source is compiled with
a call after each `def` and each `class` outside of functions, and with a decorator below those that
a function has. Nothing else about it changes: lines, names and docstrings are as they were.
"""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from types import CodeType

_WATCH: Final = "<watch of definitions>"
"""Stands in the compiled source for the watch, which is a constant of it."""

_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")


class Watch(Protocol):
    """What is called while a module defines its functions and classes."""

    def tell(self, name: str) -> object:
        """Called when a function or a class has been bound to its name."""

    def wrap(self, function: Any) -> Any:
        """Called with a function that has decorators, before them; they get what is returned."""


def watched_code(code: CodeType, source: bytes | None, watch: Watch) -> CodeType:
    """A module's code that calls a watch; as it is without source."""
    if source is None:
        return code
    name = code.co_filename
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler has warned of it when it was loaded
        try:
            tree: Any = compile(source, name, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
            if not _follow_definitions(tree):
                return code
            watched: CodeType = compile(tree, name, "exec", dont_inherit=True)
        except (RecursionError, MemoryError):  # nested so deeply that an AST is too much
            return code
    constant: Any = watch
    consts = [constant if const == _WATCH else const for const in watched.co_consts]
    return watched.replace(co_consts=tuple(consts))


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
                if statement.decorator_list and not isinstance(statement, ast.ClassDef):
                    statement.decorator_list.append(_at(statement.decorator_list[-1], "wrap"))
                told.append(_call_after(statement))
                found = True
            else:
                found = _follow_definitions(statement) or found
        setattr(node, name, told)
    return found


def _at(place: Any, method: str, *given: str) -> ast.expr:
    """A method of the watch, or a call of it, on the line of something else."""
    text = f"{_WATCH!r}.{method}" + (f"({', '.join(map(repr, given))})" if given else "")
    made = ast.parse(text, mode="eval").body
    for node in ast.walk(made):
        if isinstance(node, ast.expr):
            node.lineno = node.end_lineno = place.lineno
            node.col_offset = node.end_col_offset = place.col_offset
    return made


def _call_after(statement: Any) -> ast.Expr:
    """The call, on the line where the definition began: no other line is seen to run."""
    call = ast.Expr(_at(statement, "tell", statement.name))
    return ast.copy_location(call, call.value)
