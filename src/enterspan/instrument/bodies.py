"""A function's body, exchanged in place: the function object stays, what it runs is the wrapper.

Whoever holds the function (another module, a registry, a closure, a partial, a bound method) calls
the wrapper from then on, and nobody can tell: its identity, attributes, defaults, descriptors and
pickles are untouched, because they are its own. The wrapper's text is that of `traced`. It lies in
one constant of the code object, where `traced` has a closure: the closure is the function's own,
and can't be changed.
"""

from __future__ import annotations

import ast
import re
import sys
from types import CodeType, CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from enterspan._forms.enter import settle
from enterspan._forms.traced import Options, Recorder, _Kit, wrapper_of
from enterspan._span.scope import finish
from enterspan.instrument.frames import (
    drive_on_unseen,
    drive_unseen,
    unwrapped,
    wrapper_path,
)

if TYPE_CHECKING:
    from enterspan._span.span import Span
    from enterspan._span.switchboard import Switchboard

_KIT: Final = "<what the wrapper knows>"
"""Stands in the compiled template for the constant that differs from function to function."""

_KEPT_FLAGS: Final = 0x100  # CO_ITERABLE_COROUTINE: types.coroutine sets it on a finished function

_templates: dict[tuple[str, str, tuple[str, ...]], CodeType] = {}
_TEMPLATES_MOST: Final = 2_000
"""How many templates are kept; functions of like signatures share one."""


_KNOWN: Final = re.compile(r"@(\w+)")
_RAISE: Final = re.compile(r"^( +)raise$", re.MULTILINE)
_CALL: Final = re.compile(r"^( +)(return .*@fn\(.*)$", re.MULTILINE)
_UNSEEN: Final = """\
\\1@outside(@error)
\\1raise"""
_GUARDED: Final = """\
\\1try:
\\1    \\2
\\1except @Error as @error:
\\1    @outside(@error)
\\1    raise"""
"""The frame of a wrapper stays out of tracebacks: whoever reads one sees the program's own frames.

Before Python 3.11 an exception that is raised on keeps the traceback with which it was caught.
"""

_MARK: Final = " (traced)"
"""Follows the name of a wrapper's code, or a profile would add up neither it nor the body.

cProfile tells functions apart by file, line and name, of which the first two must be the body's.
"""


class BodyError(Exception):
    """A function's body can't be exchanged; the text says why."""


def settle_own(board: Switchboard, span: Span, result: Any, ends: bool) -> Any:
    """End the span of a function with its coroutine or future; anything else is a result.

    A generator or an awaitable object that a function returns need not be its own: who gave it to
    the function, or holds it too, must find the same object.
    """
    if type(result) is CoroutineType or hasattr(type(result), "add_done_callback"):
        return settle(board, span, result, ends)
    finish(span)
    return result


class Knowledge(_Kit):
    """What a wrapper's text knows where it is a function's own body."""

    __slots__ = ()

    settle = staticmethod(settle_own)
    drive = staticmethod(drive_unseen)
    drive_on = staticmethod(drive_on_unseen)

    def __reduce__(self) -> Any:
        """Pickle, where a function goes to another process by value: nobody traces it there."""
        return _elsewhere, (self.fn, self.name)


class _Nobody:
    """A switchboard at which nobody ever listens."""

    off: Final = True


def _elsewhere(function: FunctionType, name: str) -> Knowledge:
    board: Any = _Nobody()
    recorder = Recorder(Options(name), ())
    return Knowledge(function, board, name, recorder.start, recorder)


def copy_of(function: FunctionType, code: CodeType) -> FunctionType:
    """A function that is as another one in all but its identity, and runs the given code."""
    made = FunctionType(
        code,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    made.__doc__ = function.__doc__
    return made


def traced_body(function: FunctionType, board: Switchboard, options: Options) -> CodeType:
    """The code of a wrapper around `function`, for another function of the same closure to run.

    Raises BodyError where there can be none.
    """
    text, names, kit, writable = wrapper_of(function, board, options, Knowledge)
    code = function.__code__
    if not writable or not all(name.isidentifier() for name in code.co_freevars):
        raise BodyError("its parameters can't be written in Python")
    template = _template(text, names, code.co_freevars)
    if template.co_freevars != code.co_freevars:
        raise BodyError("its closure can't be kept")
    consts = tuple([kit if const == _KIT else const for const in template.co_consts])
    changes: Any = {
        "co_consts": consts,
        "co_name": unwrapped(code).co_name + _MARK,
        "co_filename": wrapper_path(function, unwrapped(code)),
        "co_firstlineno": code.co_firstlineno,
        "co_flags": template.co_flags | (code.co_flags & _KEPT_FLAGS),
    }
    if sys.version_info >= (3, 11):
        changes["co_qualname"] = code.co_qualname
    return template.replace(**changes)


def _template(text: str, names: tuple[str, ...], free: tuple[str, ...]) -> CodeType:
    """Compile a wrapper's text; all of it lies on one line, which will be that of the `def`."""
    prefix = "_"
    while any(name.startswith(prefix) for name in (*names, *free)):
        prefix += "_x"
    key = text, prefix, free
    template = _templates.get(key)
    if template is None:
        tree = ast.parse(_source(text, prefix, free))
        for node in ast.walk(tree):
            if isinstance(node, (ast.stmt, ast.expr, ast.excepthandler, ast.arg, ast.keyword)):
                node.lineno = node.end_lineno = 1
                node.col_offset = node.end_col_offset = -1  # none at all
        module = compile(tree, "<traced by enterspan>", "exec")  # names and punctuation only
        template = _code_in(_code_in(module))
        if len(_templates) < _TEMPLATES_MOST:
            _templates[key] = template
    return template


def _source(text: str, prefix: str, free: tuple[str, ...]) -> str:
    text = _RAISE.sub(_UNSEEN, text)
    text = _CALL.sub(_GUARDED, text)
    known = {word for word in _KNOWN.findall(text) if hasattr(_Kit, word)}
    body = _KNOWN.sub(
        lambda at: f"{_KIT!r}.{at[1]}" if at[1] in known else prefix + at[1],
        text,
    )
    head, rest = body.split("\n", 1)
    # What a function refers to, if only in dead code, is in its closure.
    kept = f"        if 0: ({', '.join(free)})\n" if free else ""
    return f"def make({', '.join(free)}):\n{head}\n{kept}{rest}    return wrapper\n"


def _code_in(code: CodeType) -> CodeType:
    return next(const for const in code.co_consts if type(const) is CodeType)
